/*
 * Exceptions to what is refused: one category in one field, for a time.
 */
#ifndef STAKESYNC_SENSITIVE_EXCEPTION_H
#define STAKESYNC_SENSITIVE_EXCEPTION_H

#include "postgres.h"

#include "company.h"
#include "mapping.h"

/* SQL: an exception x holds now for a connection */
#define EXCEPTION_HOLDS(connection) \
	"x.revoked_at IS NULL AND x.until > pg_catalog.now() AND (x.connection IS NULL OR x.connection = " connection ")"

/* SQL: the categories let into a field from a connection, as ExceptionSet reads them */
#define EXCEPTION_CATEGORIES(field, connection) \
	"(SELECT pg_catalog.string_agg(x.category, ',') FROM @company@.sensitive_exception x " \
	"WHERE x.field = " field " AND " EXCEPTION_HOLDS(connection) ")"

/* The set of categories in a comma list, which may be NULL */
extern uint32 ExceptionSet(const char *categories);

/*
 * The categories let into a field: from a connection, or from any for NULL.
 * SPI must be connected.
 */
extern uint32 ExceptionAllowed(Company *company, const char *field, const char *connection);

/* Refuse a custom field by its name or label, unless an exception lets it in */
extern void ExceptionCheckField(Company *company, const char *field, const char *label);

/*
 * Refuse a mapping that leads to refused data, unless an exception lets it in;
 * sets what the rule is allowed
 */
extern void ExceptionCheckMapping(Company *company, MappingRule *rule, const char *connection);

/*
 * For a trigger of a company's register: the categories let into a column;
 * by_hand: by exceptions for all connections
 */
extern uint32 ExceptionAllowedInRegister(Oid schema, const char *column, bool by_hand);

#endif							/* STAKESYNC_SENSITIVE_EXCEPTION_H */
