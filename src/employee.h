/*
 * The columns of an employee that decide, whatever they hold.
 */
#ifndef STAKESYNC_EMPLOYEE_H
#define STAKESYNC_EMPLOYEE_H

#include "postgres.h"

#include "row.h"

typedef struct EmployeeColumns
{
	/* Who he is */
	Column		remote_id;
	Column		identifier;		/* the connection's choice, -1 before it chose */
	Column		identifier_key;
	Column		email;
	Column		name;
	Column		first_name;
	Column		last_name;

	/* What decides beside his fields */
	Column		manager;
	Column		employment_status;
	Column		problems;
	Column		unknown;
	Column		shrunk;
	Column		missing_since;
	Column		changes_on;
} EmployeeColumns;

/* Find the columns; identifier and email are the connection's, or NULL */
extern void EmployeeBind(EmployeeColumns *columns, TupleDesc desc,
						 const char *identifier, const char *email);

/* The name: as the source has it, else made of its parts; or NULL */
extern char *EmployeeName(const EmployeeColumns *columns, const Row *row);

/* A name made of its parts, either of which may be NULL */
extern char *NameJoin(char *first, char *last);

#endif							/* STAKESYNC_EMPLOYEE_H */
