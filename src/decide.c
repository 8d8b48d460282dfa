#include "postgres.h"

#include "catalog/pg_type.h"
#include "decide.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

/* True if the employee has left */
static bool
IsInactive(const Person *person)
{
	const Rules *rules = person->rules;

	return !ColumnIsNull(&rules->employee.employment_status, &rules->employee_row) &&
		ColumnEqualsText(&rules->employee.employment_status, &rules->employee_row, "INACTIVE");
}

/* The identifier as the source has it, usable or not; or NULL */
static char *
ReadIdentifier(const Person *person)
{
	return ColumnText(&person->rules->employee.identifier, &person->rules->employee_row);
}

/* Note that a person has no usable identifier */
static void
AddMissingIdentifier(Person *person)
{
	const Rules *rules = person->rules;
	char	   *identifier = ReadIdentifier(person);
	char	   *message;

	if (rules->identifier == NULL)
		message = pstrdup("the connection has no identifier yet: SELECT stakesync_configure(identifier => ...)");
	else if (identifier == NULL)
		message = psprintf("%s is empty", rules->identifier);
	else
		message = psprintf("%s is \"%s\", which identifies nobody", rules->identifier, identifier);
	ProblemAdd(person, "identifier", "missing_identifier", message);
}

/* Join the elements of a text[]; NULL if there are none */
static char *
JoinTexts(ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	StringInfoData joined;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	if (count == 0)
		return NULL;
	initStringInfo(&joined);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			appendStringInfo(&joined, "%s%s", joined.len > 0 ? ", " : "", TextDatumGetCString(values[i]));
	}
	return joined.data;
}

/* Find out who else claims the identifier; NULL if that does not matter */
static char *
FindRivals(const Person *person, const Claims *claims)
{
	char	   *rivals = JoinTexts(claims->rivals);

	if (rivals != NULL && IsInactive(person))
		return psprintf("identifier \"%s\" also claimed by active record %s: correct it at the source",
						ReadIdentifier(person), rivals);
	if (rivals != NULL)
		return psprintf("identifier \"%s\" also claimed by %s: correct it at the source, or exclude one by a condition",
						ReadIdentifier(person), rivals);

	/* All have left: the one that is linked goes on, none is taken up */
	if (!claims->matched_by_link && IsInactive(person))
		return psprintf("identifier \"%s\" also claimed by other records, none of them active",
						ReadIdentifier(person));
	return NULL;
}

/* Find a claim that keeps both sides from being written; NULL if there is none */
static char *
FindConflict(const Person *person, const Claims *claims)
{
	char	   *conflict = claims->rivals ? FindRivals(person, claims) : NULL;
	const Rules *rules = person->rules;

	if (conflict != NULL || claims->matched_by_link)
		return conflict;
	if (claims->holder != NULL && person->registered)
		return psprintf("stakeholder %s is linked to record %s (recycled identifier?)",
						ColumnText(&rules->register_id, &rules->stakeholder_row), claims->holder);
	if (claims->namesakes > 1 && !person->registered)
		return psprintf(INT64_FORMAT " stakeholders have this name: give one of them the identifier",
						claims->namesakes);
	return NULL;
}

/* Look at the differences; true if any applies */
static bool
FindChanges(Person *person, Decision *decision)
{
	int			count = person->rules->feed_count;

	decision->differences = palloc((count + 1) * sizeof(Difference));
	DifferencesFind(person, decision->differences);
	decision->considered = true;
	decision->changes = false;
	for (int i = 0; i < count; i++)
	{
		if (decision->differences[i].state == FIELD_APPLIES)
			decision->changes = true;
	}
	return decision->changes;
}

/* Decide on a person whom a condition leaves out */
static void
DecideOutOfScope(Person *person, const Condition *failing, Decision *decision)
{
	decision->action = "excluded";
	decision->reason = ConditionReason(failing, &person->rules->employee_row);
	if (!person->linked || !person->rules->follow_leavers)
		return;

	person->follows_only = true;
	if (FindChanges(person, decision))
	{
		decision->action = "update";
		decision->reason = "out of scope: follows status and termination date only";
	}
}

/* Decide on a person who is in scope, claimed by nobody else */
static void
DecideWrite(Person *person, const Claims *claims, Decision *decision)
{
	bool		changes = FindChanges(person, decision);

	if (claims->rivals != NULL && !IsInactive(person))
		decision->reason = "identifier also claimed by records that have left or are out of scope";
	if (person->registered)
		decision->action = changes ? "update" : "unchanged";
	else
	{
		decision->action = "create";
		if (claims->duplicate)
			ProblemAdd(person, NULL, "possible_duplicate",
					   "an unlinked stakeholder has the same email, or birthdate and part of the name");
	}
}

/* Decide on one person */
void
Decide(Person *person, const Claims *claims, Decision *decision)
{
	const Rules *rules = person->rules;
	const Row  *row = &rules->employee_row;
	bool		identified = !ColumnIsNull(&rules->employee.identifier_key, row);
	const Condition *failing;
	char	   *conflict;

	if (!ColumnIsNull(&rules->employee.missing_since, row))
	{
		decision->action = "missing";
		decision->reason = "not in the last complete fetch";
		return;
	}
	if (claims->deleted)
	{
		decision->action = "excluded";
		decision->reason = "deleted here";
		return;
	}
	if ((failing = ConditionsFailing(rules->conditions, row)) != NULL)
	{
		DecideOutOfScope(person, failing, decision);
		return;
	}

	if (!claims->matched_by_link && (person->shrunk || !identified))
	{
		decision->action = "invalid";
		if (person->shrunk)
			ProblemAdd(person, NULL, "not_fetched", "was out of scope when last fetched: fetch again");
		else
			AddMissingIdentifier(person);
		return;
	}
	if ((conflict = FindConflict(person, claims)) != NULL)
	{
		decision->action = "conflict";
		decision->reason = conflict;
		return;
	}

	if (!identified)
		AddMissingIdentifier(person);
	DecideWrite(person, claims, decision);
}
