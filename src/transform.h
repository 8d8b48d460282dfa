/*
 * Transforms: what a mapping does to the texts that a path found, and how
 * texts become values of a type.
 */
#ifndef STAKESYNC_TRANSFORM_H
#define STAKESYNC_TRANSFORM_H

#include "postgres.h"

#include "mapping.h"
#include "nodes/pg_list.h"
#include "path.h"

/* Bytes of one text */
#define TRANSFORM_MAX_LENGTH 10000

/* Texts of one field */
#define TRANSFORM_MAX_TEXTS 1000

typedef enum TransformKind
{
	/* Choose an element of the array; first of all */
	TRANSFORM_PICK,
	TRANSFORM_CURRENT,

	/* Say of an object whether the person is employed; first of all, too */
	TRANSFORM_EMPLOYED,
	TRANSFORM_WORDS,

	/* Take the member "value" of an object */
	TRANSFORM_VALUE,

	/* Change the texts */
	TRANSFORM_FIRST,
	TRANSFORM_JOIN,
	TRANSFORM_LOWER,
	TRANSFORM_UPPER,
	TRANSFORM_TRIM,
	TRANSFORM_DATE,
	TRANSFORM_COUNTRY,
	TRANSFORM_CURRENCY,
	TRANSFORM_PHONE,
	TRANSFORM_MAP,
	TRANSFORM_CONST
} TransformKind;

typedef struct TransformArgument
{
	char	   *text;			/* NULL if it names a member */
	char	   *value;			/* of text=value, else NULL */
	char	   *folded;			/* map: text to compare with */

	/* Members that lead from an object to the one that is named */
	int			count;
	PathStep   *steps;
} TransformArgument;

typedef struct Transform
{
	TransformKind kind;
	int			count;
	TransformArgument *arguments;
} Transform;

typedef struct TextItem
{
	const char *text;			/* not terminated */
	size_t		length;
	bool		settled;		/* concluded here: map leaves it alone */
} TextItem;

typedef struct TextItems
{
	TextItem   *items;
	int			count;
	int			size;
} TextItems;

typedef enum DateReading
{
	DATE_READ,
	DATE_NOTHING,				/* a date that stands for none */
	DATE_BAD
} DateReading;

/* Read transforms as a List of Transform *; NIL for NULL */
extern List *TransformParse(const char *text, const char *field);

/* True if two arguments name the same member */
extern bool TransformSameMember(const TransformArgument *a, const TransformArgument *b);

/* Add a text */
extern void TextItemsAdd(TextItems *texts, const TextItem *item);

/* Do what a transform says; false if result holds a problem */
extern bool TransformApply(const Transform *transform, TextItems *texts,
						   MappedValue *result);

/* Make a value of all texts; phones are left as text */
extern void TransformConvert(ValueType type, List *choices, TextItems *texts,
							 MappedValue *result);

/* Read the civil day of a date or date-time */
extern DateReading TransformReadDate(const char *text, size_t length, DateADT *date);

/* Compare form of a code: capitals, underscores for blanks and hyphens */
extern char *TransformCode(const char *text, size_t length);

/* Note a problem; always false */
extern bool TransformProblem(MappedValue *result, const char *code, const char *message);

#endif							/* STAKESYNC_TRANSFORM_H */
