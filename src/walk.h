/*
 * Walking paths over what was kept of a record.
 *
 * Paths are lax as in jsonpath in one direction only: [*], [0] and [last] take
 * what is no array as an array of one. A member of an array is looked for in
 * its elements only where [*] says so. To that end a path goes into the shape
 * twice at each array step, with it and without.
 *
 * Absent, null and value are three things. A member that is missing is
 * absent, also where the object it belongs to is; a member of null is null,
 * and so is what is looked for in an empty array.
 */
#ifndef STAKESYNC_WALK_H
#define STAKESYNC_WALK_H

#include "postgres.h"

#include "json.h"
#include "mapping.h"
#include "path.h"
#include "transform.h"

/* Nodes that a path found; begins with zeros, is not copied */
typedef struct FoundNodes
{
	int		   *nodes;
	int			count;
	int			size;
	bool		nulls;			/* those of null, too */
	int			few[4];			/* where nodes are at first */
} FoundNodes;

/* Check that a shape can hold a path; .* and what follows it become its rest */
extern void WalkCheck(Path *path, const char *owner);

/* Read a path that can be followed to its end */
extern Path *WalkParse(const char *text, const char *owner);

/* Put steps into a shape, unless they lead through a member that is refused */
extern void WalkAddSteps(JsonShape *shape, const PathStep *steps, int count,
						 bool (*refused) (const char *name, size_t length));

/* Follow steps from a node and note what they lead to */
extern MappedState Walk(JsonTree *tree, int node, const PathStep *steps, int count,
						FoundNodes *found);

/*
 * Follow a step from each of some nodes, which the result replaces. A bare
 * value stands for a member of itself.
 */
extern MappedState WalkFrom(JsonTree *tree, FoundNodes *found, const PathStep *step);

/* Free what many nodes took */
extern void WalkFree(FoundNodes *found);

/* Follow members alone: the node they lead to, or a null on the way; else -1 */
extern int	WalkMembers(const JsonTree *tree, int node, const PathStep *steps, int count);

/* Text of a scalar, trimmed; false if it has none or holds what no text can */
extern bool WalkText(const JsonTree *tree, int node, TextItem *item);

#endif							/* STAKESYNC_WALK_H */
