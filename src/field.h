/*
 * The fields that ship: default, optional, source.
 */
#ifndef STAKESYNC_FIELD_H
#define STAKESYNC_FIELD_H

#include "postgres.h"

#include "mapping.h"

typedef enum FieldKind
{
	FIELD_DEFAULT,				/* a column of stakeholder, mapped from the
								 * start */
	FIELD_OPTIONAL,				/* a column of stakeholder, mapped when
								 * imported */
	FIELD_SOURCE				/* of the employee only */
} FieldKind;

typedef struct FieldInfo
{
	const char *name;
	FieldKind	kind;
	ValueType	type;
	const char *choices;		/* comma list, or NULL */
	const char *label;
	bool		on_card;
	const char *import;			/* optional: the word in import that brings it */
} FieldInfo;

extern const FieldInfo *FieldAt(int i);
extern int	FieldCount(void);

/* The shipped field of that name, or NULL */
extern const FieldInfo *FieldFind(const char *name);

/* Columns that are bookkeeping and can be no field */
extern bool FieldNameReserved(const char *name);

/* The name closest to a mistyped one, or NULL if none is near */
extern const char *FieldClosest(const char *name);

#endif							/* STAKESYNC_FIELD_H */
