/*
 * Differences between an employee and his stakeholder, and what becomes of
 * each: three values decide a field.
 */
#ifndef STAKESYNC_DIFFERENCE_H
#define STAKESYNC_DIFFERENCE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "rules.h"

typedef enum FieldState
{
	FIELD_SAME,
	FIELD_UNKNOWN,				/* HR did not say */
	FIELD_APPLIES,
	FIELD_KEPT,
	FIELD_PINNED,
	FIELD_REVIEW,
	FIELD_PROBLEM
} FieldState;

typedef struct Difference
{
	FieldState	state;
	const char *note;
} Difference;

/* What is wrong with a field */
typedef struct Problem
{
	const char *field;
	const char *code;
	const char *message;
} Problem;

/* One person: the rows are in rules' rows */
typedef struct Person
{
	Rules	   *rules;
	bool		registered;		/* there is a stakeholder */
	bool		linked;			/* and a sync linked him before */
	bool		follows_only;	/* out of scope */
	bool		shrunk;

	/* Beside the rows */
	Jsonb	   *problems;
	Jsonb	   *said;
	Jsonb	   *pins;
	ArrayType  *never;
	ArrayType  *unknown;

	/* The employee's manager */
	bool		has_manager;	/* there is a record of him */
	bool		has_manager_id;
	int64		manager_id;
	bool		manager_claimed;
	const char *manager_cycle;
	const char *old_manager;
	bool		has_said_manager_id;
	int64		said_manager_id;

	/* Problems found, of Problem */
	List	   *found;
} Person;

/* What becomes of each field of the rules */
extern void DifferencesFind(Person *person, Difference *differences);

/* A field's value at HR and in the register, as shown; NULL where null */
extern char *FeedText(const Person *person, const Feed *feed);
extern char *RegisterText(const Person *person, const Feed *feed);

/* True if the register holds what HR said when last applied, the person being linked */
extern bool RegisterIsOfHr(const Person *person, const Feed *feed);

/* What remains of said and never once equal fields are settled, or NULL */
extern Jsonb *UnsettledFind(Person *person);

extern void ProblemAdd(Person *person, const char *field, const char *code, const char *message);

#endif							/* STAKESYNC_DIFFERENCE_H */
