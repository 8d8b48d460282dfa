/*
 * Mapping: from one source record to field values.
 */
#ifndef STAKESYNC_MAPPING_H
#define STAKESYNC_MAPPING_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/date.h"

/* What a field holds; decides how a value is checked and written */
typedef enum ValueType
{
	VALUE_TEXT,					/* trimmed, NFC not changed, blank is null */
	VALUE_DATE,					/* YYYY-MM-DD */
	VALUE_NUMERIC,				/* as numeric_in takes it, exponent allowed,
								 * never rounded */
	VALUE_INTEGER,				/* int8 */
	VALUE_BOOLEAN,				/* true or false */
	VALUE_TEXT_ARRAY,			/* text[] literal, sorted, distinct */
	VALUE_COUNTRY,				/* ISO 3166-1 alpha-2 */
	VALUE_CURRENCY,				/* ISO 4217 */
	VALUE_PHONE,				/* E.164 */
	VALUE_CHOICE				/* one of the field's choices */
} ValueType;

/* One field to fill */
typedef struct MappingRule
{
	const char *field;
	const char *path;			/* "$.home_location.city", several with ?? */
	const char *transform;		/* NULL for none */
	ValueType	type;
	List	   *choices;		/* of char *, for VALUE_CHOICE */
	uint32		allowed;		/* categories of refused data let in, see
								 * sensitive.h */
} MappingRule;

typedef struct MappingOptions
{
	const char *id_path;		/* the record's own id, "$.id" */
	const char *deleted_path;	/* true where the source says deleted; or NULL */
	List	   *null_tokens;	/* of char *: texts that mean null,
								 * "0000-00-00" */
	DateADT		today;			/* in the company's time zone */
	bool		phone_region;	/* take the person's country as region */
	bool		ignore_case;	/* names of members, as far as they are ASCII */

	/*
	 * True for a member name that must not be read at any depth; or NULL. The
	 * names in paths are asked for when they are compiled.
	 */
	bool		(*refused) (const char *name, size_t length);

	/*
	 * Judge rules and values as sensitive.h does: what a rule would read in
	 * spite of that is absent, and a value of a refused shape a problem.
	 */
	bool		sensitive;
	uint32		id_allowed;		/* categories let into the record's own id */
} MappingOptions;

typedef enum MappedState
{
	MAPPED_ABSENT,				/* no such key in the record */
	MAPPED_NULL,
	MAPPED_VALUE,
	MAPPED_PROBLEM				/* a value that could not be taken */
} MappedState;

typedef struct MappedValue
{
	MappedState state;
	char	   *text;			/* canonical text of the type */
	const char *code;			/* "unknown_value", "no_country_code", ... */
	char	   *message;		/* in words, never with the value */
} MappedValue;

typedef struct MappedRecord
{
	char	   *id;				/* NULL if absent, null or blank */
	bool		deleted;
	MappedValue *values;		/* one per rule, in the rules' order */
	bool		has_changes_on;
	DateADT		changes_on;		/* next day on which a value changes by itself */
	const char *error;			/* not a record at all: why; else NULL */
} MappedRecord;

typedef struct Mapping Mapping;

/*
 * Compile rules (List of MappingRule *); errors name field and place. Lives
 * in CurrentMemoryContext.
 */
extern Mapping *MappingCompile(List *rules, const MappingOptions *options);

/*
 * Categories of refused data that a rule's field and paths tell of and that
 * are not allowed; what (unless NULL) is the name that does
 */
extern uint32 MappingRefused(const MappingRule *rule, const char **what);

/* Raise if there are any */
extern void MappingCheckRefused(const MappingRule *rule);

/*
 * Names of the first members that rules (List of MappingRule *) look at, as
 * their paths write them: a List of distinct char *
 */
extern List *MappingRoots(List *rules);

/* True if MappingApply needs an open transaction (a path that is not streamed) */
extern bool MappingNeedsTransaction(const Mapping *mapping);

/* Read one record; results live in CurrentMemoryContext */
extern void MappingApply(Mapping *mapping, const char *record, size_t length,
						 MappedRecord *result);

/* The record's id alone, without mapping; NULL if it has none */
extern char *MappingReadId(Mapping *mapping, const char *record, size_t length);

/* Why a record cannot be read at all; NULL if it can */
extern const char *MappingFault(Mapping *mapping, const char *record, size_t length);

#endif							/* STAKESYNC_MAPPING_H */
