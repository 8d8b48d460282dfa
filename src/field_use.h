/*
 * Who uses a column of a company's table, as far as the database knows.
 */
#ifndef STAKESYNC_FIELD_USE_H
#define STAKESYNC_FIELD_USE_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/pg_list.h"

typedef struct FieldUse
{
	AttrNumber	column;
	const char *what;			/* "view public.report" */
	const char *drop;			/* the statement that ends it; NULL where the
								 * name alone is mentioned */
} FieldUse;

/*
 * Uses of all columns of a table, as a List of FieldUse *: what depends on
 * them, then functions that mention their names. What belongs to the company
 * itself is left out. SPI must be connected, and search_path be pg_catalog.
 */
extern List *FieldUsesFind(Oid relid);

#endif							/* STAKESYNC_FIELD_USE_H */
