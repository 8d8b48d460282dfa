#include "postgres.h"

#include <ctype.h>

#include "canonical.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "condition.h"
#include "lib/stringinfo.h"
#include "member.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* How many values an operator takes */
typedef enum Arity
{
	NO_VALUE,
	ONE_VALUE,
	ANY_VALUES
} Arity;

typedef enum Comparison
{
	COMPARE_EQUAL,
	COMPARE_LESS,
	COMPARE_LESS_OR_EQUAL,
	COMPARE_GREATER,
	COMPARE_GREATER_OR_EQUAL,
	COMPARE_CONTAINS,
	COMPARE_STARTS,
	COMPARE_ENDS,
	COMPARE_MATCHES,
	COMPARE_EMPTY
} Comparison;

typedef struct Operator
{
	const char *name;
	Comparison	comparison;
	bool		negative;
	Arity		arity;
	const char *several;		/* how it reads before several values */
} Operator;

static const Operator operators[] = {
	{"=", COMPARE_EQUAL, false, ANY_VALUES, "is one of"},
	{"<>", COMPARE_EQUAL, true, ANY_VALUES, "is none of"},
	{"<", COMPARE_LESS, false, ONE_VALUE, NULL},
	{"<=", COMPARE_LESS_OR_EQUAL, false, ONE_VALUE, NULL},
	{">", COMPARE_GREATER, false, ONE_VALUE, NULL},
	{">=", COMPARE_GREATER_OR_EQUAL, false, ONE_VALUE, NULL},
	{"contains", COMPARE_CONTAINS, false, ANY_VALUES, "contains any of"},
	{"does not contain", COMPARE_CONTAINS, true, ANY_VALUES, "contains none of"},
	{"starts with", COMPARE_STARTS, false, ANY_VALUES, "starts with any of"},
	{"ends with", COMPARE_ENDS, false, ANY_VALUES, "ends with any of"},
	{"matches", COMPARE_MATCHES, false, ANY_VALUES, "matches any of"},
	{"does not match", COMPARE_MATCHES, true, ANY_VALUES, "matches none of"},
	{"is empty", COMPARE_EMPTY, false, NO_VALUE, NULL},
	{"is not empty", COMPARE_EMPTY, true, NO_VALUE, NULL},
};

/* One value that a condition compares with */
typedef struct Operand
{
	const char *given;
	text	   *pattern;
	char	   *folded;
	size_t		folded_length;

	/* By the class of the column */
	DateADT		date;
	Numeric		number;
	bool		boolean;
} Operand;

struct Condition
{
	const char *field;
	const Operator *operator;
	int			count;
	Operand    *operands;

	/* What it reads */
	const EmployeeColumns *columns;
	Column		column;
	bool		of_name;		/* the name, whose parts stand in for it */
	bool		typed;			/* compared by the column's class, not as text */
};

/* Find an operator by its name */
static const Operator *
FindOperator(const char *name)
{
	StringInfoData names;

	for (int i = 0; i < lengthof(operators); i++)
	{
		if (pg_strcasecmp(name, operators[i].name) == 0)
			return &operators[i];
	}

	initStringInfo(&names);
	for (int i = 0; i < lengthof(operators); i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", operators[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("no operator \"%s\"", name),
			 errhint("Operators are: %s.", names.data)));
	return NULL;
}

/* An operator's name as it is stored */
const char *
ConditionOperatorName(const char *name)
{
	return FindOperator(name)->name;
}

/* Read exactly so many digits, or -1 */
static int
ReadDigits(const char *text, int count)
{
	int			value = 0;

	for (int i = 0; i < count; i++)
	{
		if (!isdigit((unsigned char) text[i]))
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* Read a day as YYYY-MM-DD */
static bool
ReadIsoDate(const char *text, DateADT *date)
{
	int			year;
	int			month;
	int			day;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return false;
	year = ReadDigits(text, 4);
	month = ReadDigits(text + 5, 2);
	day = ReadDigits(text + 8, 2);
	if (year < 1 || month < 1 || month > MONTHS_PER_YEAR || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		return false;
	*date = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return true;
}

/* Read a day as YYYY-MM-DD, today, today+30 or today-7 */
static bool
ReadDate(const char *text, DateADT today, DateADT *date)
{
	const char *p = text + strlen("today");
	int			sign;
	int			days = 0;

	if (pg_strncasecmp(text, "today", strlen("today")) != 0)
		return ReadIsoDate(text, date);

	*date = today;
	p += strspn(p, " ");
	if (*p == '\0')
		return true;
	if (*p != '+' && *p != '-')
		return false;
	sign = *p++ == '-' ? -1 : 1;
	p += strspn(p, " ");
	if (*p == '\0' || strspn(p, "0123456789") != strlen(p) || strlen(p) > 6)
		return false;
	for (; *p != '\0'; p++)
		days = days * 10 + (*p - '0');
	*date = today + sign * days;
	return true;
}

/* Refuse a value that does not fit the column's type */
static void
RefuseValue(const char *field, const char *takes, const char *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s takes %s, not \"%s\"", field, takes, value)));
}

/* Make one value ready for a condition */
static void
ReadOperand(Operand *operand, const Condition *condition, const char *value, DateADT today)
{
	memset(operand, 0, sizeof(Operand));
	operand->given = value;
	operand->folded = CanonicalFold(value, strlen(value));
	operand->folded_length = strlen(operand->folded);

	if (condition->operator->comparison == COMPARE_MATCHES)
	{
		/* Raises what is wrong with a regular expression */
		operand->pattern = cstring_to_text(value);
		(void) RE_compile_and_execute(operand->pattern, "", 0, REG_ADVANCED | REG_ICASE,
									  DEFAULT_COLLATION_OID, 0, NULL);
	}
	if (!condition->typed)
		return;

	switch (condition->column.class)
	{
		case COLUMN_DATE:
			if (!ReadDate(value, today, &operand->date))
				RefuseValue(condition->field, "a date as YYYY-MM-DD, today, today+30 or today-7", value);
			break;
		case COLUMN_NUMBER:
			operand->number = NumberFromText(value);
			if (operand->number == NULL)
				RefuseValue(condition->field, "a number", value);
			break;
		case COLUMN_BOOLEAN:
			if (!parse_bool(value, &operand->boolean))
				RefuseValue(condition->field, "true or false", value);
			break;
		default:
			break;
	}
}

/* Check how many values a condition was given */
static void
CheckArity(const char *field, const Operator *operator, int count)
{
	const char *wrong = NULL;
	const char *hint = NULL;

	if (operator->arity == NO_VALUE && count > 0)
	{
		wrong = "takes no value";
		hint = psprintf("SELECT stakesync_sync_if('%s', '%s').", field, operator->name);
	}
	else if (operator->arity != NO_VALUE && count == 0)
	{
		wrong = "takes a value";
		hint = psprintf("SELECT stakesync_sync_if('%s', '%s', '{...}'). For people without any: 'is empty'.",
						field, operator->name);
	}
	else if (operator->arity == ONE_VALUE && count > 1)
	{
		wrong = "takes one value";
		hint = "Make one condition for each bound.";
	}
	if (wrong != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("operator \"%s\" %s", operator->name, wrong),
				 errhint("%s", hint)));
}

/* Find what a condition reads */
static void
BindField(Condition *condition, const EmployeeColumns *columns, TupleDesc desc)
{
	const char *field = condition->field;

	condition->columns = columns;
	condition->of_name = strcmp(field, "name") == 0;
	if (strcmp(field, "identifier") == 0)
		condition->column = columns->identifier;
	else if (strcmp(field, "email") == 0)
		condition->column = columns->email;
	else if (!ColumnFind(&condition->column, desc, field))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("a condition reads \"%s\", which employees do not have", field),
				 errhint("Drop it: SELECT stakesync_drop_condition(condition_id).")));
}

/* Check one condition and make it ready */
static void
CompileCondition(Condition *condition, const char *field, const char *operator,
				 char **values, int count, const EmployeeColumns *columns,
				 TupleDesc desc, DateADT today)
{
	condition->field = pstrdup(field);
	condition->operator = FindOperator(operator);
	CheckArity(field, condition->operator, count);
	BindField(condition, columns, desc);
	condition->typed = condition->operator->comparison <= COMPARE_GREATER_OR_EQUAL &&
		condition->column.index >= 0 && !condition->of_name;

	condition->count = count;
	condition->operands = palloc(Max(count, 1) * sizeof(Operand));
	for (int i = 0; i < count; i++)
		ReadOperand(&condition->operands[i], condition, pstrdup(values[i]), today);
}

/* Check one condition, whatever today and the connection's choices are */
void
ConditionCheck(const char *field, const char *operator, char **values, int count, TupleDesc desc)
{
	EmployeeColumns columns;
	Condition	condition;

	EmployeeBind(&columns, desc, NULL, NULL);
	CompileCondition(&condition, field, operator, values, count, &columns, desc, 0);
}

/* Make the conditions of a configuration ready */
Conditions *
ConditionsCompile(JsonbContainer *array, const EmployeeColumns *columns, TupleDesc desc, DateADT today)
{
	Conditions *conditions = palloc0(sizeof(Conditions));
	JsonbContainer **elements = ContainerElements(array);

	while (elements[conditions->count] != NULL)
		conditions->count++;
	conditions->list = palloc0(Max(conditions->count, 1) * sizeof(Condition));

	for (int i = 0; i < conditions->count; i++)
	{
		char	   *field = MemberText(elements[i], "field");
		char	   *operator = MemberText(elements[i], "operator");
		int			count;
		char	  **values = TextElements(MemberContainer(elements[i], "any_of"), &count);

		if (field == NULL || operator == NULL)
			elog(ERROR, "a condition lacks field or operator");
		CompileCondition(&conditions->list[i], field, operator, values, count, columns, desc, today);
	}
	return conditions;
}

/* Compare as an operator says, given how the value orders to the operand */
static bool
Satisfies(Comparison comparison, int order)
{
	switch (comparison)
	{
		case COMPARE_EQUAL:
			return order == 0;
		case COMPARE_LESS:
			return order < 0;
		case COMPARE_LESS_OR_EQUAL:
			return order <= 0;
		case COMPARE_GREATER:
			return order > 0;
		default:
			return order >= 0;
	}
}

/* Order two folded texts byte by byte */
static int
OrderTexts(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int			order = memcmp(a, b, Min(a_length, b_length));

	if (order != 0)
		return order;
	return (a_length > b_length) - (a_length < b_length);
}

/* Compare folded text with an operand's */
static bool
FoldedSatisfies(Comparison comparison, const char *text, size_t length, const Operand *operand)
{
	size_t		part = operand->folded_length;

	switch (comparison)
	{
		case COMPARE_CONTAINS:
			return strstr(text, operand->folded) != NULL;
		case COMPARE_STARTS:
			return length >= part && memcmp(text, operand->folded, part) == 0;
		case COMPARE_ENDS:
			return length >= part && memcmp(text + length - part, operand->folded, part) == 0;
		default:
			return Satisfies(comparison, OrderTexts(text, length, operand->folded, part));
	}
}

/* Check text against any of a condition's values */
static bool
TextMatches(const Condition *condition, const char *text, size_t length)
{
	Comparison	comparison = condition->operator->comparison;
	size_t		start;
	char	   *folded;

	if (comparison == COMPARE_MATCHES)
	{
		for (int i = 0; i < condition->count; i++)
		{
			if (RE_compile_and_execute(condition->operands[i].pattern,
									   unconstify(char *, text), (int) length,
									   REG_ADVANCED | REG_ICASE, DEFAULT_COLLATION_OID, 0, NULL))
				return true;
		}
		return false;
	}

	CanonicalTrim(text, length, &start, &length);
	folded = CanonicalFold(text + start, length);
	length = strlen(folded);
	for (int i = 0; i < condition->count; i++)
	{
		if (FoldedSatisfies(comparison, folded, length, &condition->operands[i]))
			return true;
	}
	return false;
}

/* Check a date, number or boolean against any of a condition's values */
static bool
TypedMatches(const Condition *condition, const Row *row)
{
	Datum		value = row->values[condition->column.index];

	for (int i = 0; i < condition->count; i++)
	{
		Operand    *operand = &condition->operands[i];
		int			order;

		if (condition->column.class == COLUMN_DATE)
		{
			DateADT		date = DatumGetDateADT(value);

			order = (date > operand->date) - (date < operand->date);
		}
		else if (condition->column.class == COLUMN_BOOLEAN)
			order = (int) DatumGetBool(value) - (int) operand->boolean;
		else
			order = DatumGetInt32(DirectFunctionCall2(numeric_cmp,
													  NumericGetDatum(ColumnNumber(&condition->column, row)),
													  NumericGetDatum(operand->number)));
		if (Satisfies(condition->operator->comparison, order))
			return true;
	}
	return false;
}

/* Check any element of a text[] against any of a condition's values */
static bool
ElementMatches(const Condition *condition, ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		text	   *element;

		if (nulls[i])
			continue;
		element = DatumGetTextPP(values[i]);
		if (TextMatches(condition, VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element)))
			return true;
	}
	return false;
}

/* True if the value is null, blank, or an array of nothing */
static bool
IsEmpty(const Condition *condition, const Row *row)
{
	Datum		value;
	Datum	   *values;
	bool	   *nulls;
	int			count = 1;
	size_t		start;
	size_t		length;

	if (condition->of_name)
		return EmployeeName(condition->columns, row) == NULL;
	if (ColumnIsNull(&condition->column, row))
		return true;

	value = row->values[condition->column.index];
	if (condition->column.class == COLUMN_TEXTS)
		deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
						  &values, &nulls, &count);
	else if (condition->column.class == COLUMN_TEXT)
	{
		values = &value;
		nulls = &row->nulls[condition->column.index];
	}
	else
		return false;

	for (int i = 0; i < count; i++)
	{
		text	   *element;

		if (nulls[i])
			continue;
		element = DatumGetTextPP(values[i]);
		CanonicalTrim(VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element), &start, &length);
		if (length > 0)
			return false;
	}
	return true;
}

/* The value that a condition reads, as text; NULL where null */
static char *
ReadText(const Condition *condition, const Row *row)
{
	if (condition->of_name)
		return EmployeeName(condition->columns, row);
	return ColumnText(&condition->column, row);
}

/* Check a value that is not null against any of a condition's values */
static bool
ValueMatches(const Condition *condition, const Row *row)
{
	const Column *column = &condition->column;
	char	   *value;

	if (condition->typed && (column->class == COLUMN_DATE || column->class == COLUMN_NUMBER ||
							 column->class == COLUMN_BOOLEAN))
		return TypedMatches(condition, row);
	if (column->index >= 0 && column->class == COLUMN_TEXTS)
		return ElementMatches(condition, DatumGetArrayTypeP(row->values[column->index]));
	if (column->class == COLUMN_TEXT && !condition->of_name)
	{
		text	   *packed = DatumGetTextPP(row->values[column->index]);

		return TextMatches(condition, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
	}
	value = ReadText(condition, row);
	return TextMatches(condition, value, strlen(value));
}

/* Check whether a condition holds */
static bool
Holds(const Condition *condition, const Row *row)
{
	bool		negative = condition->operator->negative;

	if (condition->operator->comparison == COMPARE_EMPTY)
		return IsEmpty(condition, row) != negative;
	if (condition->of_name ? IsEmpty(condition, row) : ColumnIsNull(&condition->column, row))
		return negative;
	return ValueMatches(condition, row) != negative;
}

/* Find the first condition that does not hold */
const Condition *
ConditionsFailing(const Conditions *conditions, const Row *employee)
{
	for (int i = 0; i < conditions->count; i++)
	{
		if (!Holds(&conditions->list[i], employee))
			return &conditions->list[i];
	}
	return NULL;
}

/* Check whether a condition reads the field */
bool
ConditionsRead(const Conditions *conditions, const char *field)
{
	for (int i = 0; i < conditions->count; i++)
	{
		if (strcmp(conditions->list[i].field, field) == 0)
			return true;
	}
	return false;
}

/* Say which condition failed and on what; pay is not for everybody's eyes */
char *
ConditionReason(const Condition *condition, const Row *employee)
{
	char	  **values = palloc(Max(condition->count, 1) * sizeof(char *));
	char	   *clause;
	char	   *value;

	for (int i = 0; i < condition->count; i++)
		values[i] = unconstify(char *, condition->operands[i].given);
	clause = ConditionText(condition->field, condition->operator->name, values, condition->count);

	if (IsEmpty(condition, employee))
		return condition->operator->comparison == COMPARE_EMPTY ? clause : psprintf("%s: is empty", clause);
	if (strncmp(condition->field, "pay_", 4) == 0)
		return clause;
	value = ReadText(condition, employee);
	return psprintf("%s: is %s", clause, value);
}

/* Put a condition into words */
char *
ConditionText(const char *field, const char *operator, char **values, int count)
{
	StringInfoData words;
	const char *verb = operator;

	for (int i = 0; i < lengthof(operators); i++)
	{
		if (pg_strcasecmp(operator, operators[i].name) == 0)
			verb = count > 1 && operators[i].several ? operators[i].several : operators[i].name;
	}

	initStringInfo(&words);
	appendStringInfo(&words, "%s %s", field, verb);
	for (int i = 0; i < count; i++)
		appendStringInfo(&words, "%s%s", i > 0 ? ", " : " ", values[i]);
	return words.data;
}
