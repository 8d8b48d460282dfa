/*
 * Outline: the paths of a record, with the types of what is there.
 */
#ifndef STAKESYNC_OUTLINE_H
#define STAKESYNC_OUTLINE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "path.h"

/* A path of the record that leads to scalars, nulls or empty containers */
typedef struct OutlinePath
{
	char	   *text;			/* "$.groups[*].name" */
	uint32		kinds;			/* a bit for each JsonKind seen */
	bool		refused;		/* a member that is never read: no kinds */
	bool		wanted;
	bool		many;			/* leads through arrays */
	char	   *values;			/* wanted: JSON values, separated by commas */
} OutlinePath;

typedef struct OutlineOptions
{
	/* True for a member name that must not be read at any depth */
	bool		(*refused) (const char *name, size_t length);

	/* True for a path whose values are wanted: members and [*] only */
	bool		(*wanted) (const PathStep *steps, int count, void *arg);
	void	   *arg;
} OutlineOptions;

/* The paths of a record that is known to be good, a List of OutlinePath * */
extern List *OutlineRead(const char *record, size_t length, const OutlineOptions *options);

/* The types seen in words */
extern char *OutlineTypes(const OutlinePath *path);

#endif							/* STAKESYNC_OUTLINE_H */
