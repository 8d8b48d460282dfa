/*
 * Paths into JSON: the part of jsonpath that can be followed while the text
 * streams by.
 */
#ifndef STAKESYNC_PATH_H
#define STAKESYNC_PATH_H

#include "postgres.h"

#include "json.h"
#include "nodes/pg_list.h"

/* Steps of one path */
#define PATH_MAX_STEPS 32

typedef enum PathStepKind
{
	PATH_MEMBER,				/* .name ."quoted name" ["quoted name"] */
	PATH_EACH,					/* [*] */
	PATH_INDEX,					/* [n], from 0 */
	PATH_LAST,					/* [last] */
	PATH_MEMBERS				/* .* */
} PathStepKind;

typedef struct PathStep
{
	PathStepKind kind;
	const char *name;			/* PATH_MEMBER: unescaped */
	size_t		length;
	int			index;			/* PATH_INDEX */
	int			offset;			/* where in the path's text the step begins */
} PathStep;

typedef struct Path
{
	const char *text;
	int			count;
	PathStep   *steps;

	/*
	 * What cannot be followed: offset of the first character after the steps;
	 * -1 if they are the whole path
	 */
	int			rest;
} Path;

/*
 * Read a path. owner ('field "city"') is for the message. Errors only where
 * it cannot be a jsonpath either.
 */
extern Path *PathParse(const char *text, const char *owner);

/* Read paths joined with ??: a List of Path *, at least one */
extern List *PathParseAlternatives(const char *text, const char *owner);

/* Move the steps from the one at position first on into the rest */
extern void PathCut(Path *path, int first);

/* Raise the error that the path is wrong at an offset */
pg_noreturn extern void PathError(const char *text, const char *owner, int offset,
								  const char *detail);

/* The first steps of a path as text */
extern char *PathText(const Path *path, int count);

/* True if the first steps of two paths are the same */
extern bool PathStepsEqual(const PathStep *a, const PathStep *b, int count);

/* Names of all members that an expression of jsonpath mentions, as a List of char * */
extern List *PathNames(const char *text);

#endif							/* STAKESYNC_PATH_H */
