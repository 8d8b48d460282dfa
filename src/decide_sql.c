/*
 * Decisions as SQL functions. They run once per person and preview, so what can
 * be done once per query is remembered in rules, and JSON is made only for what
 * there is to say.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "decide.h"
#include "fmgr.h"
#include "funcapi.h"
#include "member.h"
#include "utils/builtins.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Arguments of stakesync_decide */
enum
{
	ARG_CONFIG,
	ARG_EMPLOYEE,
	ARG_STAKEHOLDER,
	ARG_MATCH,
	ARG_NAMESAKES,
	ARG_RIVALS,
	ARG_HOLDER,
	ARG_DELETED,
	ARG_DUPLICATE,
	ARG_SAID,
	ARG_NEVER,
	ARG_PINS,
	ARG_MANAGER,
	ARG_MANAGER_ID,
	ARG_MANAGER_CLAIMED,
	ARG_MANAGER_CYCLE,
	ARG_OLD_MANAGER,
	ARG_DETAILED,
	ARG_SAID_MANAGER_ID
};

/* Read arguments that may be null */
static char *
ReadTextArgument(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

static bool
ReadBoolArgument(FunctionCallInfo fcinfo, int arg)
{
	return !PG_ARGISNULL(arg) && PG_GETARG_BOOL(arg);
}

static Jsonb *
ReadJsonbArgument(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : PG_GETARG_JSONB_P(arg);
}

static ArrayType *
ReadArrayArgument(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : PG_GETARG_ARRAYTYPE_P(arg);
}

/* Read the rows of a person, and what the employee's says beside its fields */
static void
ReadRows(Person *person, FunctionCallInfo fcinfo, int employee_arg, int stakeholder_arg)
{
	Rules	   *rules = person->rules;
	Row		   *row = &rules->employee_row;

	RowRead(row, rules->employee_desc, PG_GETARG_HEAPTUPLEHEADER(employee_arg));
	if (!PG_ARGISNULL(stakeholder_arg))
	{
		RowRead(&rules->stakeholder_row, rules->stakeholder_desc,
				PG_GETARG_HEAPTUPLEHEADER(stakeholder_arg));
		person->registered = true;
	}
	if (!ColumnIsNull(&rules->employee.problems, row))
		person->problems = DatumGetJsonbP(row->values[rules->employee.problems.index]);
	if (!ColumnIsNull(&rules->employee.unknown, row))
		person->unknown = DatumGetArrayTypeP(row->values[rules->employee.unknown.index]);
	person->shrunk = !ColumnIsNull(&rules->employee.shrunk, row) &&
		DatumGetBool(row->values[rules->employee.shrunk.index]);
}

/* Read what is known of the employee's manager */
static void
ReadManager(Person *person, FunctionCallInfo fcinfo)
{
	Rules	   *rules = person->rules;

	if (!PG_ARGISNULL(ARG_MANAGER))
	{
		HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(ARG_MANAGER);

		if (HeapTupleHeaderGetTypeId(header) != rules->employee_type)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the manager is no row of the employee's type")));
		RowRead(&rules->manager_row, rules->employee_desc, header);
		person->has_manager = true;
	}
	person->has_manager_id = !PG_ARGISNULL(ARG_MANAGER_ID);
	person->manager_id = person->has_manager_id ? PG_GETARG_INT64(ARG_MANAGER_ID) : 0;
	person->manager_claimed = ReadBoolArgument(fcinfo, ARG_MANAGER_CLAIMED);
	person->manager_cycle = ReadTextArgument(fcinfo, ARG_MANAGER_CYCLE);
	person->old_manager = ReadTextArgument(fcinfo, ARG_OLD_MANAGER);
	person->has_said_manager_id = !PG_ARGISNULL(ARG_SAID_MANAGER_ID);
	person->said_manager_id = person->has_said_manager_id ? PG_GETARG_INT64(ARG_SAID_MANAGER_ID) : 0;
}

/* Read who else claims the identifier or the stakeholder */
static void
ReadClaims(Claims *claims, FunctionCallInfo fcinfo)
{
	if (!PG_ARGISNULL(ARG_MATCH))
	{
		text	   *match = PG_GETARG_TEXT_PP(ARG_MATCH);

		claims->matched_by_link = VARSIZE_ANY_EXHDR(match) == 4 &&
			memcmp(VARDATA_ANY(match), "link", 4) == 0;
	}
	claims->namesakes = PG_ARGISNULL(ARG_NAMESAKES) ? 0 : PG_GETARG_INT64(ARG_NAMESAKES);
	claims->rivals = ReadArrayArgument(fcinfo, ARG_RIVALS);
	claims->holder = ReadTextArgument(fcinfo, ARG_HOLDER);
	claims->deleted = ReadBoolArgument(fcinfo, ARG_DELETED);
	claims->duplicate = ReadBoolArgument(fcinfo, ARG_DUPLICATE);
}

/* Push a member of an object; a null text is null */
static void
PushMember(JsonbParseState **state, const char *name, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, name);
	value.val.string.len = strlen(name);
	(void) pushJsonbValue(state, WJB_KEY, &value);
	if (text == NULL)
		value.type = jbvNull;
	else
	{
		value.val.string.val = unconstify(char *, text);
		value.val.string.len = strlen(text);
	}
	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

/* Write the fields that apply, old and new */
static Datum
WriteChanges(const Person *person, const Decision *decision)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < person->rules->feed_count; i++)
	{
		const Feed *feed = &person->rules->feeds[i];
		JsonbValue	key = {.type = jbvString};

		if (decision->differences[i].state != FIELD_APPLIES)
			continue;
		key.val.string.val = unconstify(char *, feed->name);
		key.val.string.len = strlen(feed->name);
		(void) pushJsonbValue(&state, WJB_KEY, &key);
		(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		PushMember(&state, "old", RegisterText(person, feed));
		PushMember(&state, "new", FeedText(person, feed));
		(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* Write problems: those of the mapping, then those found here */
static Datum
WriteProblems(const Person *person)
{
	JsonbParseState *state = NULL;
	JsonbContainer **mapped;
	ListCell   *lc;

	/* Mostly there is nothing to add */
	if (person->found == NIL)
		return JsonbPGetDatum(person->problems);

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	mapped = ContainerElements(person->problems ? &person->problems->root : NULL);
	for (int i = 0; mapped[i] != NULL; i++)
	{
		JsonbValue	value = {.type = jbvBinary};

		value.val.binary.data = mapped[i];
		value.val.binary.len = 0;
		(void) pushJsonbValue(&state, WJB_ELEM, &value);
	}
	foreach(lc, person->found)
	{
		const Problem *problem = lfirst(lc);

		(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		PushMember(&state, "field", problem->field);
		PushMember(&state, "code", problem->code);
		PushMember(&state, "message", problem->message);
		(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}

/* Push one field as preview_change shows it */
static void
PushField(JsonbParseState **state, const char *field, const char *old_value,
		  const char *new_value, const char *field_state, const char *note)
{
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	PushMember(state, "field", field);
	PushMember(state, "old_value", old_value);
	PushMember(state, "new_value", new_value);
	PushMember(state, "state", field_state);
	PushMember(state, "note", note);
	(void) pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* Write the fields that differ, whatever becomes of them */
static Datum
WriteFields(const Person *person, const Decision *decision)
{
	static const char *const names[] = {NULL, NULL, "applies", "kept", "pinned", "review", "problem"};
	const Rules *rules = person->rules;
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < rules->feed_count; i++)
	{
		const Difference *difference = &decision->differences[i];
		const Feed *feed = &rules->feeds[i];

		if (names[difference->state] != NULL)
			PushField(&state, feed->name, RegisterText(person, feed), FeedText(person, feed),
					  names[difference->state], difference->note);
	}
	if (!person->follows_only && !ColumnIsNull(&rules->employee.changes_on, &rules->employee_row))
		PushField(&state, "changes_on", NULL, ColumnText(&rules->employee.changes_on, &rules->employee_row),
				  "scheduled", "a change dated then is known");
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}

/* A text for the result; false where it is NULL */
static bool
SetText(Datum *value, const char *text)
{
	if (text == NULL)
		return false;
	*value = CStringGetTextDatum(text);
	return true;
}

/* Show who a person is: as the source has it, else as the register has it */
static void
WriteIdentity(const Person *person, const Decision *decision, Datum *values, bool *nulls)
{
	const Rules *rules = person->rules;
	bool		of_register = person->registered && strcmp(decision->action, "missing") == 0;
	char	   *identifier = NULL;
	char	   *name = NULL;

	if (!of_register)
	{
		identifier = ColumnText(&rules->employee.identifier, &rules->employee_row);
		name = EmployeeName(&rules->employee, &rules->employee_row);
	}
	if (person->registered && identifier == NULL)
		identifier = ColumnText(&rules->register_identifier, &rules->stakeholder_row);
	if (person->registered && name == NULL)
		name = ColumnText(&rules->register_name, &rules->stakeholder_row);
	nulls[DECISION_IDENTIFIER] = !SetText(&values[DECISION_IDENTIFIER], identifier);
	nulls[DECISION_NAME] = !SetText(&values[DECISION_NAME], name);
}

/* Make the row of a decision */
static Datum
WriteDecision(const Person *person, const Decision *decision, bool detailed)
{
	TupleDesc	desc = person->rules->result;
	Datum	   *values = palloc0(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));

	memset(nulls, true, desc->natts * sizeof(bool));
	WriteIdentity(person, decision, values, nulls);
	nulls[DECISION_ACTION] = !SetText(&values[DECISION_ACTION], decision->action);
	nulls[DECISION_REASON] = !SetText(&values[DECISION_REASON], decision->reason);
	if (decision->changes)
	{
		values[DECISION_CHANGES] = WriteChanges(person, decision);
		nulls[DECISION_CHANGES] = false;
	}
	if (person->problems != NULL || person->found != NIL)
	{
		values[DECISION_PROBLEMS] = WriteProblems(person);
		nulls[DECISION_PROBLEMS] = false;
	}
	if (detailed && decision->considered)
	{
		values[DECISION_FIELDS] = WriteFields(person, decision);
		nulls[DECISION_FIELDS] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* Find the row type of decisions, once per query */
static void
BindResult(Rules *rules, FunctionCallInfo fcinfo)
{
	MemoryContext old;
	TupleDesc	desc;

	if (rules->result != NULL)
		return;
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts < DECISION_COLUMNS)
		elog(ERROR, "stakesync_decide does not return stakesync_decision");
	old = MemoryContextSwitchTo(rules->context);
	rules->result = BlessTupleDesc(CreateTupleDescCopy(desc));
	MemoryContextSwitchTo(old);
}

PG_FUNCTION_INFO_V1(stakesync_decide);

/* Decide what a sync would do to one person */
Datum
stakesync_decide(PG_FUNCTION_ARGS)
{
	Person		person = {0};
	Claims		claims = {0};
	Decision	decision = {0};

	if (PG_ARGISNULL(ARG_CONFIG) || PG_ARGISNULL(ARG_EMPLOYEE))
		PG_RETURN_NULL();

	person.rules = RulesFind(fcinfo, ARG_CONFIG, ARG_EMPLOYEE, ARG_STAKEHOLDER);
	BindResult(person.rules, fcinfo);
	ReadRows(&person, fcinfo, ARG_EMPLOYEE, ARG_STAKEHOLDER);
	ReadManager(&person, fcinfo);
	ReadClaims(&claims, fcinfo);
	person.linked = person.registered && claims.matched_by_link;
	person.said = ReadJsonbArgument(fcinfo, ARG_SAID);
	person.never = ReadArrayArgument(fcinfo, ARG_NEVER);
	person.pins = ReadJsonbArgument(fcinfo, ARG_PINS);

	Decide(&person, &claims, &decision);
	PG_RETURN_DATUM(WriteDecision(&person, &decision, ReadBoolArgument(fcinfo, ARG_DETAILED)));
}

PG_FUNCTION_INFO_V1(stakesync_in_scope);

/* Check whether all conditions hold for an employee */
Datum
stakesync_in_scope(PG_FUNCTION_ARGS)
{
	Rules	   *rules = RulesFind(fcinfo, 0, 1, -1);

	RowRead(&rules->employee_row, rules->employee_desc, PG_GETARG_HEAPTUPLEHEADER(1));
	PG_RETURN_BOOL(ConditionsFailing(rules->conditions, &rules->employee_row) == NULL);
}

PG_FUNCTION_INFO_V1(stakesync_unsettled);

/* Find what remains of said and never once equal fields are settled */
Datum
stakesync_unsettled(PG_FUNCTION_ARGS)
{
	Person		person = {0};
	Jsonb	   *unsettled;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();

	person.rules = RulesFind(fcinfo, 0, 1, 2);
	ReadRows(&person, fcinfo, 1, 2);
	person.said = ReadJsonbArgument(fcinfo, 3);
	person.never = ReadArrayArgument(fcinfo, 4);
	person.linked = ReadBoolArgument(fcinfo, 5);
	person.has_manager_id = !PG_ARGISNULL(6);
	person.manager_id = person.has_manager_id ? PG_GETARG_INT64(6) : 0;

	unsettled = UnsettledFind(&person);
	if (unsettled == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(unsettled);
}
