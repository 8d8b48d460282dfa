/*
 * What the preview says of one person.
 */
#ifndef STAKESYNC_DECIDE_H
#define STAKESYNC_DECIDE_H

#include "postgres.h"

#include "difference.h"

/* Columns of stakesync_decision */
enum
{
	DECISION_IDENTIFIER,
	DECISION_NAME,
	DECISION_ACTION,
	DECISION_CHANGES,
	DECISION_PROBLEMS,
	DECISION_REASON,
	DECISION_FIELDS,
	DECISION_COLUMNS
};

/* Who else claims the identifier or the stakeholder, beside the person */
typedef struct Claims
{
	bool		matched_by_link;
	int64		namesakes;
	ArrayType  *rivals;			/* active ones; NULL if nobody else claims */
	const char *holder;			/* record that the stakeholder is linked to */
	bool		deleted;
	bool		duplicate;
} Claims;

typedef struct Decision
{
	const char *action;
	const char *reason;
	bool		considered;		/* differences were looked at */
	bool		changes;		/* and some apply */
	Difference *differences;	/* of each feed of the rules */
} Decision;

/* Decide on one person */
extern void Decide(Person *person, const Claims *claims, Decision *decision);

#endif							/* STAKESYNC_DECIDE_H */
