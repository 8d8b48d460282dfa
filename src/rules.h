/*
 * A connection's configuration, compiled for the row types of its company.
 */
#ifndef STAKESYNC_RULES_H
#define STAKESYNC_RULES_H

#include "postgres.h"

#include "condition.h"
#include "employee.h"
#include "fmgr.h"
#include "utils/date.h"
#include "utils/jsonb.h"

/* Where HR's value of a field comes from */
typedef enum FeedSource
{
	FEED_COLUMN,
	FEED_IDENTIFIER,
	FEED_NAME,
	FEED_MANAGER
} FeedSource;

typedef enum FeedMode
{
	FEED_ALWAYS,
	FEED_CREATE_ONLY,
	FEED_IF_EMPTY
} FeedMode;

/* A field of the register that HR feeds */
typedef struct Feed
{
	const char *name;
	const char *column;			/* of the employee; problems may go by it */
	FeedSource	source;
	Column		from;
	Column		to;
	FeedMode	mode;
	bool		keep;			/* a null does not clear */
	bool		review;
	bool		pay;			/* one of three that travel together */
	bool		follows;		/* even out of scope */
} Feed;

typedef struct Rules
{
	MemoryContext context;

	/* What they were compiled from */
	Jsonb	   *config;
	Oid			employee_type;
	int32		employee_typmod;
	Oid			stakeholder_type;	/* InvalidOid: conditions alone */
	int32		stakeholder_typmod;
	TupleDesc	employee_desc;
	TupleDesc	stakeholder_desc;

	/* Configuration */
	const char *identifier;		/* the source field, NULL before it was chosen */
	bool		overwrite;		/* hand edits */
	bool		follow_leavers;
	EmployeeColumns employee;
	Conditions *conditions;

	/* The register, fields in the order of output */
	Column		register_id;
	Column		register_identifier;
	Column		register_name;
	Feed	   *feeds;
	int			feed_count;

	/* Room for the rows of one call */
	Row			employee_row;
	Row			stakeholder_row;
	Row			manager_row;

	/* Of the function that asked, kept here for it */
	TupleDesc	result;
} Rules;

/*
 * The rules for a call, compiled or remembered in its fn_extra. The arguments
 * are those of the config, the employee, and the stakeholder or -1.
 */
extern Rules *RulesFind(FunctionCallInfo fcinfo, int config_arg, int employee_arg,
						int stakeholder_arg);

#endif							/* STAKESYNC_RULES_H */
