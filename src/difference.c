/*
 * Three values decide a field: what HR said when last applied (A), what HR says
 * now (H), and what the register holds (R). Nothing is to be done where H and R
 * are equal, which is nearly always; so that is looked at first, in place.
 *
 * A is kept only where it is not plain: said has the fields where HR has
 * changed its mind since, never those of which HR has not been applied yet.
 * For all other fields of a linked person A is H, and a difference then means
 * that somebody edited the register. Without a link nothing was ever applied.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "difference.h"
#include "member.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define PAY_TOGETHER "pay rate, period and currency travel together"

/* Note a problem */
void
ProblemAdd(Person *person, const char *field, const char *code, const char *message)
{
	Problem    *problem = palloc(sizeof(Problem));

	problem->field = field;
	problem->code = code;
	problem->message = message;
	person->found = lappend(person->found, problem);
}

/* Read HR's value as it is compared; NULL where null */
static char *
ReadFeed(const Person *person, const Feed *feed)
{
	const Rules *rules = person->rules;

	if (feed->source == FEED_NAME)
		return EmployeeName(&rules->employee, &rules->employee_row);
	if (feed->source == FEED_IDENTIFIER &&
		ColumnIsNull(&rules->employee.identifier_key, &rules->employee_row))
		return NULL;
	return ColumnText(&feed->from, &rules->employee_row);
}

/* True if HR has no value; an identifier that stands for nothing is none */
static bool
FeedIsNull(const Person *person, const Feed *feed)
{
	const Rules *rules = person->rules;

	if (feed->source == FEED_IDENTIFIER &&
		ColumnIsNull(&rules->employee.identifier_key, &rules->employee_row))
		return true;
	if (feed->source == FEED_NAME && ColumnIsNull(&feed->from, &rules->employee_row))
		return EmployeeName(&rules->employee, &rules->employee_row) == NULL;
	return ColumnIsNull(&feed->from, &rules->employee_row);
}

/* Name a manager by his identifier, else by his place in the register */
static char *
NameManager(const Person *person)
{
	const Rules *rules = person->rules;

	if (person->has_manager && !ColumnIsNull(&rules->employee.identifier, &rules->manager_row))
		return ColumnText(&rules->employee.identifier, &rules->manager_row);
	if (person->has_manager_id)
		return psprintf("#" INT64_FORMAT, person->manager_id);
	return NULL;
}

/* Read HR's value as it is shown */
char *
FeedText(const Person *person, const Feed *feed)
{
	if (feed->source == FEED_MANAGER && !FeedIsNull(person, feed))
		return NameManager(person);
	return ReadFeed(person, feed);
}

/* Read the register's value as it is shown */
char *
RegisterText(const Person *person, const Feed *feed)
{
	char	   *text;

	if (!person->registered)
		return NULL;
	text = ColumnText(&feed->to, &person->rules->stakeholder_row);
	if (feed->source == FEED_MANAGER && text != NULL)
		return person->old_manager ? pstrdup(person->old_manager) : psprintf("#%s", text);
	return text;
}

/* True if the register's manager is the one of that id */
static bool
ManagerIs(const Person *person, const Feed *feed, int64 manager_id)
{
	const Row  *row = &person->rules->stakeholder_row;

	return !ColumnIsNull(&feed->to, row) && DatumGetInt64(row->values[feed->to.index]) == manager_id;
}

/* True if HR and register agree */
static bool
FeedEquals(const Person *person, const Feed *feed)
{
	const Rules *rules = person->rules;
	const Row  *register_row = &rules->stakeholder_row;

	if (feed->source == FEED_COLUMN)
		return ColumnsEqual(&feed->from, &rules->employee_row, &feed->to, register_row);
	if (FeedIsNull(person, feed))
		return ColumnIsNull(&feed->to, register_row);
	if (feed->source == FEED_MANAGER)
		return person->has_manager_id && ManagerIs(person, feed, person->manager_id);
	if (!ColumnIsNull(&feed->from, &rules->employee_row))
		return ColumnsEqual(&feed->from, &rules->employee_row, &feed->to, register_row);
	return ColumnEqualsText(&feed->to, register_row, ReadFeed(person, feed));
}

/* True if HR says what it said once */
static bool
FeedEqualsText(const Person *person, const Feed *feed, const char *text)
{
	const Row  *row = &person->rules->employee_row;
	bool		null = FeedIsNull(person, feed);

	if (null || text == NULL)
		return null && text == NULL;
	if (!ColumnIsNull(&feed->from, row))
		return ColumnEqualsText(&feed->from, row, text);
	return strcmp(ReadFeed(person, feed), text) == 0;
}

/* True if a field goes by that name here or at the source */
static bool
FeedIs(const Feed *feed, const char *name)
{
	if (strcmp(name, feed->name) == 0 || strcmp(name, feed->column) == 0)
		return true;
	return feed->source == FEED_NAME &&
		(strcmp(name, "first_name") == 0 || strcmp(name, "last_name") == 0);
}

/* True if HR did not say what the field's value is */
static bool
FeedIsUnknown(const Person *person, const Feed *feed)
{
	if (person->unknown == NULL && !person->shrunk)
		return false;
	if (TextsHold(person->unknown, feed->name) || TextsHold(person->unknown, feed->column))
		return true;
	if (feed->source == FEED_NAME &&
		(TextsHold(person->unknown, "first_name") || TextsHold(person->unknown, "last_name")))
		return true;

	/* Of a shrunk person only what conditions read is left */
	return person->shrunk && FeedIsNull(person, feed) &&
		!ConditionsRead(person->rules->conditions, feed->name) &&
		!ConditionsRead(person->rules->conditions, feed->column);
}

/* The message of the field's problem, or NULL if it has none */
static char *
FindProblem(const Person *person, const Feed *feed)
{
	JsonbContainer **problems;

	if (person->problems == NULL)
		return NULL;
	problems = ContainerElements(&person->problems->root);
	for (int i = 0; problems[i] != NULL; i++)
	{
		char	   *field = MemberText(problems[i], "field");
		char	   *message;

		if (field == NULL || !FeedIs(feed, field))
			continue;
		message = MemberText(problems[i], "message");
		return message ? message : pstrdup("");
	}
	return NULL;
}

/* What HR said when last applied */
typedef enum Applied
{
	APPLIED_NOTHING,
	APPLIED_SAME,				/* as it says now */
	APPLIED_OTHER				/* something else, given as text */
} Applied;

/* Write what was kept as JSON like ColumnText writes a value */
static char *
SaidText(const JsonbValue *value)
{
	char	  **texts;
	Datum	   *elements;
	ArrayType  *array;
	Oid			output;
	bool		varlena;
	int			count;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		return ScalarText(value);

	texts = TextElements(value->val.binary.data, &count);
	elements = palloc((count + 1) * sizeof(Datum));
	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(texts[i]);
	array = construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT);
	getTypeOutputInfo(TEXTARRAYOID, &output, &varlena);
	return OidOutputFunctionCall(output, PointerGetDatum(array));
}

/* Read a part of the name as it was when last applied; counts what was kept */
static char *
ReadAppliedPart(const Person *person, const char *key, const Column *column, int *kept)
{
	JsonbValue	value;

	if (TextsHold(person->never, key))
	{
		(*kept)++;
		return NULL;
	}
	if (person->said != NULL && MemberFind(&person->said->root, key, &value))
	{
		(*kept)++;
		return ScalarText(&value);
	}
	return ColumnText(column, &person->rules->employee_row);
}

/* Read the name as it was when last applied: it may have changed by its parts */
static Applied
ReadAppliedName(const Person *person, const Feed *feed, char **said)
{
	const EmployeeColumns *columns = &person->rules->employee;
	int			kept = 0;
	char	   *name = ReadAppliedPart(person, "name", &columns->name, &kept);
	char	   *first = ReadAppliedPart(person, "first_name", &columns->first_name, &kept);
	char	   *last = ReadAppliedPart(person, "last_name", &columns->last_name, &kept);

	if (kept == 0)
		return APPLIED_SAME;
	*said = name ? name : NameJoin(first, last);
	if (*said == NULL && (TextsHold(person->never, "first_name") || TextsHold(person->never, "last_name")))
		return APPLIED_NOTHING;
	return FeedEqualsText(person, feed, *said) ? APPLIED_SAME : APPLIED_OTHER;
}

/* Read what HR said when last applied */
static Applied
ReadApplied(const Person *person, const Feed *feed, char **said)
{
	JsonbValue	value;

	if (!person->linked || TextsHold(person->never, feed->name))
		return APPLIED_NOTHING;
	if (feed->source == FEED_NAME)
		return ReadAppliedName(person, feed, said);
	if (person->said == NULL || !MemberFind(&person->said->root, feed->name, &value))
		return APPLIED_SAME;
	*said = SaidText(&value);
	return FeedEqualsText(person, feed, *said) ? APPLIED_SAME : APPLIED_OTHER;
}

/* True if the register still holds what HR said when last applied */
static bool
RegisterHolds(const Person *person, const Feed *feed, const char *said)
{
	const Row  *row = &person->rules->stakeholder_row;

	if (feed->source != FEED_MANAGER || said == NULL)
		return ColumnEqualsText(&feed->to, row, said);

	/* Who that manager was is not always known any more */
	return !person->has_said_manager_id || ManagerIs(person, feed, person->said_manager_id);
}

/* Judge a difference by the three values */
static Difference
JudgeValues(const Person *person, const Feed *feed)
{
	bool		null = FeedIsNull(person, feed);
	bool		overwrite = person->rules->overwrite && !null;
	char	   *said = NULL;
	Difference	applies = {FIELD_APPLIES, NULL};

	switch (ReadApplied(person, feed, &said))
	{
		case APPLIED_NOTHING:
			return null ? (Difference) {FIELD_KEPT, "HR never had a value"} : applies;
		case APPLIED_SAME:
			return overwrite ? applies : (Difference) {FIELD_KEPT, "changed here"};
		case APPLIED_OTHER:
			break;
	}

	if (RegisterHolds(person, feed, said))
		return null && feed->keep ? (Difference) {FIELD_KEPT, "the source has no value any more"} : applies;
	if (null)
		return (Difference) {FIELD_KEPT, "changed here, and the source has no value any more"};
	return overwrite ? applies : (Difference) {FIELD_REVIEW, "changed here and at the source"};
}

/* Judge a difference by the three values, then by mode, pin and review */
static Difference
Judge(const Person *person, const Feed *feed)
{
	Difference	difference = JudgeValues(person, feed);
	JsonbValue	pin;

	if (difference.state != FIELD_APPLIES)
		return difference;

	if (feed->mode == FEED_CREATE_ONLY)
		return (Difference) {FIELD_KEPT, "filled on creation only"};
	if (feed->mode == FEED_IF_EMPTY && !ColumnIsNull(&feed->to, &person->rules->stakeholder_row))
		return (Difference) {FIELD_KEPT, "filled only where empty"};
	if (person->pins != NULL && MemberFind(&person->pins->root, feed->name, &pin))
		return (Difference) {FIELD_PINNED, ScalarText(&pin)};
	if (feed->review)
		return (Difference) {FIELD_REVIEW, "changes of this field are reviewed"};
	return difference;
}

/* Find out why a manager cannot be written now; false if he can */
static bool
RefuseManager(Person *person, const char **message)
{
	const Rules *rules = person->rules;
	const EmployeeColumns *columns = &rules->employee;
	const char *code = NULL;

	if (ColumnsEqual(&columns->manager, &rules->employee_row, &columns->remote_id, &rules->employee_row))
	{
		code = "manager_self";
		*message = "is his own manager";
	}
	else if (person->manager_cycle != NULL)
	{
		code = "manager_cycle";
		*message = psprintf("the line of managers leads back to himself: %s", person->manager_cycle);
	}
	else if (person->has_manager_id)
		return false;
	else if (!person->has_manager || !ColumnIsNull(&columns->missing_since, &rules->manager_row))
	{
		code = "unknown_manager";
		*message = psprintf("record %s is not in the last complete fetch",
							ColumnText(&columns->manager, &rules->employee_row));
	}
	else if (person->manager_claimed || ColumnIsNull(&columns->identifier_key, &rules->manager_row) ||
			 DatumGetBool(rules->manager_row.values[columns->shrunk.index]) ||
			 ConditionsFailing(rules->conditions, &rules->manager_row) != NULL)
	{
		code = "manager_not_in_register";
		*message = "takes effect when the manager comes into the register";
	}
	else
		return false;

	ProblemAdd(person, "manager", code, *message);
	return true;
}

/* Find what becomes of one field */
static Difference
FindDifference(Person *person, const Feed *feed)
{
	Difference	same = {FIELD_SAME, NULL};
	bool		equal = person->registered ? FeedEquals(person, feed) : FeedIsNull(person, feed);
	const char *message;

	if ((person->registered || feed->pay) && FeedIsUnknown(person, feed))
		return (Difference) {FIELD_UNKNOWN, NULL};
	if ((message = FindProblem(person, feed)) != NULL)
		return (Difference) {FIELD_PROBLEM, message};

	if (feed->source == FEED_MANAGER && !FeedIsNull(person, feed) && RefuseManager(person, &message))
		return (Difference) {FIELD_PROBLEM, message};

	/* The old one stays; that it is missing was noted already */
	if (feed->source == FEED_IDENTIFIER && person->registered && FeedIsNull(person, feed))
		return (Difference) {equal ? FIELD_SAME : FIELD_PROBLEM, "the source has no usable identifier"};

	if (equal)
		return same;
	return person->registered ? Judge(person, feed) : (Difference) {FIELD_APPLIES, NULL};
}

/* Let the three fields of pay travel together or not at all */
static void
JoinPay(const Rules *rules, Difference *differences)
{
	FieldState	joint = FIELD_APPLIES;
	const char *note = NULL;

	for (int i = 0; i < rules->feed_count; i++)
	{
		FieldState	state = differences[i].state;

		if (!rules->feeds[i].pay || state == FIELD_SAME || state == FIELD_APPLIES)
			continue;

		/* What HR did not say, or not so that it can be read, stops all */
		if (state == FIELD_UNKNOWN || state == FIELD_PROBLEM)
		{
			joint = FIELD_PROBLEM;
			note = PAY_TOGETHER;
		}
		else if (joint == FIELD_APPLIES || (joint == FIELD_KEPT && state != FIELD_KEPT))
		{
			joint = state;
			note = differences[i].note;
		}
	}
	if (joint == FIELD_APPLIES)
		return;

	for (int i = 0; i < rules->feed_count; i++)
	{
		FieldState	state = differences[i].state;

		if (rules->feeds[i].pay && state != FIELD_SAME && state != FIELD_UNKNOWN && state != FIELD_PROBLEM)
			differences[i] = (Difference) {joint, note};
	}
}

/* Find what becomes of each field */
void
DifferencesFind(Person *person, Difference *differences)
{
	const Rules *rules = person->rules;
	bool		pay = false;

	for (int i = 0; i < rules->feed_count; i++)
	{
		const Feed *feed = &rules->feeds[i];

		if (person->follows_only && !feed->follows)
			differences[i] = (Difference) {FIELD_SAME, NULL};
		else
			differences[i] = FindDifference(person, feed);
		if (feed->pay && differences[i].state == FIELD_APPLIES)
			pay = true;
	}
	if (pay)
		JoinPay(rules, differences);
}

/* True if it is known what HR says of a field, as far as it can be compared */
static bool
FeedIsReadable(const Person *person, const Feed *feed)
{
	if (FeedIsUnknown(person, feed) || FindProblem(person, feed) != NULL)
		return false;
	if (feed->source == FEED_MANAGER && !FeedIsNull(person, feed))
		return person->has_manager_id;
	return feed->source != FEED_IDENTIFIER || !FeedIsNull(person, feed);
}

/* Push a key or a text; NULL for null */
static void
PushText(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvNull};

	if (text != NULL)
	{
		value.type = jbvString;
		value.val.string.val = unconstify(char *, text);
		value.val.string.len = strlen(text);
	}
	(void) pushJsonbValue(state, token, &value);
}

/* Find a field that HR feeds, or NULL */
static const Feed *
FindFeed(const Rules *rules, const char *name)
{
	for (int i = 0; i < rules->feed_count; i++)
	{
		if (strcmp(rules->feeds[i].name, name) == 0)
			return &rules->feeds[i];
	}
	return NULL;
}

/* True if what was kept of a field that HR does not feed at present can wait */
static bool
MayWait(const Person *person, const char *name)
{
	const Rules *rules = person->rules;
	const Feed *of_name = FindFeed(rules, "name");
	Column		column;

	/* The parts of the name wait as long as the name does */
	if (strcmp(name, "first_name") == 0 || strcmp(name, "last_name") == 0)
		return of_name != NULL && (!FeedIsReadable(person, of_name) || !FeedEquals(person, of_name));
	return strcmp(name, "manager") == 0 || ColumnFind(&column, rules->stakeholder_desc, name);
}

/* True if what HR said of a field once is settled */
static bool
IsSettled(const Person *person, const char *name, const JsonbValue *said)
{
	const Feed *feed = FindFeed(person->rules, name);

	if (feed == NULL)
		return !MayWait(person, name);
	if (!FeedIsReadable(person, feed))
		return false;
	return FeedEquals(person, feed) || FeedEqualsText(person, feed, SaidText(said));
}

/* Push what remains of said; true if anything does */
static bool
PushSaid(const Person *person, JsonbParseState **state)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;
	bool		remains = false;

	if (!person->linked || person->said == NULL || !JB_ROOT_IS_OBJECT(person->said))
		return false;

	iterator = JsonbIteratorInit(&person->said->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (IsSettled(person, ScalarText(&key), &value))
			continue;
		(void) pushJsonbValue(state, WJB_KEY, &key);
		(void) pushJsonbValue(state, WJB_VALUE, &value);
		remains = true;
	}
	return remains;
}

/* Push what remains of never, or what a new link makes of it; true if anything */
static bool
PushNever(const Person *person, JsonbParseState **state)
{
	const Rules *rules = person->rules;
	Datum	   *values;
	bool	   *nulls;
	int			count = 0;
	bool		remains = false;

	for (int i = 0; i < rules->feed_count; i++)
	{
		const Feed *feed = &rules->feeds[i];

		if (person->linked && !TextsHold(person->never, feed->name))
			continue;
		if (FeedIsReadable(person, feed) && FeedEquals(person, feed))
			continue;
		PushText(state, WJB_ELEM, feed->name);
		remains = true;
	}

	/* Fields that HR does not feed at present */
	if (person->linked && person->never != NULL)
		deconstruct_array(person->never, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *name = nulls[i] ? NULL : TextDatumGetCString(values[i]);

		if (name == NULL || FindFeed(rules, name) != NULL || !MayWait(person, name))
			continue;
		PushText(state, WJB_ELEM, name);
		remains = true;
	}
	return remains;
}

/* Find what remains of said and never once equal fields are settled */
Jsonb *
UnsettledFind(Person *person)
{
	JsonbParseState *state = NULL;
	JsonbValue *result;
	bool		remains;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	PushText(&state, WJB_KEY, "said");
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	remains = PushSaid(person, &state);
	(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	PushText(&state, WJB_KEY, "never");
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	remains |= PushNever(person, &state);
	(void) pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return remains ? JsonbValueToJsonb(result) : NULL;
}

/* True if the register holds what HR said when last applied */
bool
RegisterIsOfHr(const Person *person, const Feed *feed)
{
	char	   *said = NULL;

	switch (ReadApplied(person, feed, &said))
	{
		case APPLIED_NOTHING:
			return false;
		case APPLIED_SAME:
			return FeedEquals(person, feed);
		case APPLIED_OTHER:
			break;
	}
	return RegisterHolds(person, feed, said);
}
