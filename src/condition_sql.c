/*
 * Conditions as SQL functions
 */
#include "postgres.h"

#include "access/table.h"
#include "canonical.h"
#include "catalog/pg_type.h"
#include "company.h"
#include "condition.h"
#include "connection.h"
#include "executor/spi.h"
#include "field.h"
#include "fmgr.h"
#include "iso.h"
#include "lib/stringinfo.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/varlena.h"

/* A value is suggested only where so many people share it */
#define SUGGEST_SHARED 3

/* Values that are looked at for a suggestion, the most frequent ones */
#define SUGGEST_VALUES 5000

/* Longer values are no mistyped ones */
#define SUGGEST_LENGTH 200

/* A condition as it was asked for */
typedef struct Wish
{
	Company    *company;
	char	   *connection;
	char	   *field;
	const char *operator;
	char	  **values;
	int			count;
} Wish;

/* Conditions of a configuration replaced by $2; the employees it is tried on */
#define TRIED_CONFIG \
	"(SELECT pg_catalog.jsonb_set(k.config, '{conditions}', $2) FROM @company@._config k WHERE k.connection = $1)"
#define PRESENT \
	"FROM @company@.employee e WHERE e.connection = $1 AND e.missing_since IS NULL"

/* Read the elements of a text[], nulls as NULL */
static char **
ReadTexts(ArrayType *array, int *count)
{
	Datum	   *values;
	bool	   *nulls;
	char	  **texts;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, count);
	texts = palloc0((*count + 1) * sizeof(char *));
	for (int i = 0; i < *count; i++)
		texts[i] = nulls[i] ? NULL : TextDatumGetCString(values[i]);
	return texts;
}

/* Trim values and drop those that come twice; refuse blank ones */
static void
CleanValues(Wish *wish, char **texts, int count)
{
	wish->values = palloc0((count + 1) * sizeof(char *));
	for (int i = 0; i < count; i++)
	{
		size_t		start = 0;
		size_t		length = 0;
		char	   *value;
		bool		known = false;

		if (texts[i] != NULL)
			CanonicalTrim(texts[i], strlen(texts[i]), &start, &length);
		if (length == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a value of the condition on %s is blank", wish->field),
					 errhint("For people without a value: SELECT stakesync_sync_if('%s', 'is empty').",
							 wish->field)));
		value = pnstrdup(texts[i] + start, length);
		for (int j = 0; j < wish->count; j++)
			known = known || strcmp(wish->values[j], value) == 0;
		if (!known)
			wish->values[wish->count++] = value;
	}
}

/* Refuse a field that employees do not have */
static void
CheckField(const char *field, TupleDesc desc)
{
	Column		column;
	const char *closest;

	if (FieldFind(field) != NULL || (ColumnFind(&column, desc, field) && !FieldNameReserved(field)))
		return;
	closest = FieldClosest(field);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("no field \"%s\"", field),
			 closest ? errhint("Did you mean %s?", closest) :
			 errhint("A condition reads a field of the register or a source field such as job_title or groups.")));
}

/* Refuse a value that no employee can have, by a list of choices */
static void
CheckChoice(const char *field, const char *choices, const char *value)
{
	size_t		length = strlen(value);
	StringInfoData readable;

	for (const char *p = choices; p != NULL; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
	{
		if (strcspn(p, ",") == length && pg_strncasecmp(p, value, length) == 0)
			return;
	}

	initStringInfo(&readable);
	for (const char *p = choices; *p != '\0'; p++)
		appendStringInfoString(&readable, *p == ',' ? ", " : (char[]) {*p, '\0'});
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is never \"%s\"", field, value),
			 errhint("Its values: %s.", readable.data)));
}

/* Refuse a value that is no code, given what code it might mean */
static void
CheckCode(const char *field, const char *letters, const char *value, const char *meant)
{
	if (meant != NULL && pg_strcasecmp(meant, value) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s takes %s, not \"%s\"", field, letters, value),
			 meant ? errhint("Did you mean %s?", meant) : 0));
}

/* Refuse values that the field never has */
static void
CheckValues(const Wish *wish)
{
	const FieldInfo *info = FieldFind(wish->field);

	if (info == NULL || (strcmp(wish->operator, "=") != 0 && strcmp(wish->operator, "<>") != 0))
		return;
	for (int i = 0; i < wish->count; i++)
	{
		if (info->type == VALUE_COUNTRY)
			CheckCode(wish->field, "two letters (ISO 3166-1)", wish->values[i], IsoCountry(wish->values[i]));
		else if (info->type == VALUE_CURRENCY)
			CheckCode(wish->field, "three letters (ISO 4217)", wish->values[i], IsoCurrency(wish->values[i]));
		else if (info->choices != NULL)
			CheckChoice(wish->field, info->choices, wish->values[i]);
	}
}

/* Refuse a condition that cannot be meant */
static void
CheckWish(Wish *wish, char **texts, int count)
{
	Relation	rel = table_open(CompanyRelation(wish->company, "employee"), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);

	CheckField(wish->field, desc);
	CleanValues(wish, texts, count);
	CheckValues(wish);
	ConditionCheck(wish->field, wish->operator, wish->values, wish->count, desc);
	table_close(rel, NoLock);
}

/* Make a text[] of the values of a wish */
static Datum
MakeArray(const Wish *wish)
{
	Datum	   *values = palloc((wish->count + 1) * sizeof(Datum));

	for (int i = 0; i < wish->count; i++)
		values[i] = CStringGetTextDatum(wish->values[i]);
	return PointerGetDatum(construct_array(values, wish->count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Store a condition, unless it is there; returns its id */
static int64
StoreWish(const Wish *wish)
{
	Datum		any_of = MakeArray(wish);

	if (SqlRun(wish->company, "SELECT condition_id FROM @company@.condition "
			   "WHERE connection = $1 AND field = $2 AND operator = $3 AND any_of @> $4 AND any_of <@ $4 "
			   "ORDER BY condition_id", "ttta",
			   wish->connection, wish->field, wish->operator, any_of) == 0)
		SqlRun(wish->company, "INSERT INTO @company@.condition (connection, field, operator, any_of) "
			   "VALUES ($1, $2, $3, $4) RETURNING condition_id", "ttta",
			   wish->connection, wish->field, wish->operator, any_of);
	return SqlInt(0, 1);
}

/* Count the people present who meet conditions given as jsonb */
static int64
CountMeeting(const Wish *wish, const char *conditions)
{
	SqlRun(wish->company, "SELECT pg_catalog.count(*) " PRESENT
		   " AND @extension@.stakesync_in_scope(" TRIED_CONFIG ", e)", "tj",
		   wish->connection, conditions);
	return SqlInt(0, 1);
}

/* The text of the field's values, as a text[] for each employee */
static const char *
ValuesExpression(const Wish *wish)
{
	bool		chosen = strcmp(wish->field, "identifier") == 0 || strcmp(wish->field, "email") == 0;
	const FieldInfo *info = FieldFind(wish->field);

	if (chosen)
	{
		SqlRun(wish->company, "SELECT CASE $2 WHEN 'identifier' THEN identifier ELSE coalesce(email, 'work_email') END "
			   "FROM @company@.connection WHERE connection = $1", "tt", wish->connection, wish->field);
		return SqlText(0, 1) ? psprintf("ARRAY[e.%s::text]", quote_identifier(SqlText(0, 1))) : NULL;
	}
	if (info != NULL && info->type == VALUE_TEXT_ARRAY)
		return psprintf("e.%s", quote_identifier(wish->field));
	return psprintf("ARRAY[e.%s::text]", quote_identifier(wish->field));
}

/* Say which of the field's values is nearest to one that nobody has */
static char *
SuggestValue(const Wish *wish, const char *value)
{
	const char *expression = ValuesExpression(wish);
	char	   *folded = CanonicalFold(value, strlen(value));
	int			allowed = Max(2, (int) strlen(folded) / 3);
	char	   *suggestion = NULL;
	uint64		rows;

	if (expression == NULL || strlen(folded) > SUGGEST_LENGTH)
		return NULL;
	rows = SqlRun(wish->company,
				  psprintf("SELECT v.value, pg_catalog.count(*), pg_catalog.to_char(pg_catalog.count(*), 'FM999,999,999,999') "
						   "FROM @company@.employee e CROSS JOIN LATERAL pg_catalog.unnest(%s) AS v(value) "
						   "WHERE e.connection = $1 AND e.missing_since IS NULL "
						   "GROUP BY v.value HAVING pg_catalog.count(*) >= $2 AND pg_catalog.length(v.value) <= $3 "
						   "ORDER BY 2 DESC, 1 LIMIT $4", expression), "tiii",
				  wish->connection, (int64) SUGGEST_SHARED, (int64) SUGGEST_LENGTH / 4, (int64) SUGGEST_VALUES);

	for (uint64 row = 0; row < rows && allowed >= 0; row++)
	{
		char	   *other = SqlText(row, 1);
		char	   *other_folded = CanonicalFold(other, strlen(other));
		int			distance = varstr_levenshtein_less_equal(folded, strlen(folded), other_folded,
															 strlen(other_folded), 1, 1, 1, allowed, true);

		if (distance > allowed)
			continue;
		suggestion = psprintf("Nearest: \"%s\" (%s).", other, SqlText(row, 3));
		allowed = distance - 1;
	}
	return suggestion;
}

/* Warn of values that nobody has; true if there were some */
static bool
WarnOfAbsentValues(const Wish *wish)
{
	bool		equals = strcmp(wish->operator, "=") == 0;
	bool		warned = false;

	for (int i = 0; i < wish->count; i++)
	{
		char	   *value = wish->values[i];
		char	   *suggestion;

		SqlRun(wish->company, "SELECT pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object("
			   "'field', $1, 'operator', $2, 'any_of', ARRAY[$3]))", "ttt",
			   wish->field, wish->operator, value);
		if (CountMeeting(wish, SqlText(0, 1)) > 0)
			continue;

		/* The suggestion is HR's: for the one who asks, not for the log */
		suggestion = equals ? SuggestValue(wish, value) : NULL;
		ereport(WARNING_CLIENT_ONLY,
				(equals ? errmsg("no employee has %s \"%s\"", wish->field, value) :
				 errmsg("no employee meets: %s", ConditionText(wish->field, wish->operator, &value, 1)),
				 suggestion ? errhint("%s", suggestion) : 0));
		warned = true;
	}
	return warned;
}

/* Warn of two conditions on a field where one with several values was meant */
static void
WarnOfOpposites(const Wish *wish)
{
	int64		count;
	char	   *conditions;

	SqlRun(wish->company, "SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
		   "'field', field, 'operator', operator, 'any_of', any_of)) FROM @company@.condition "
		   "WHERE connection = $1 AND field = $2 AND operator = '='", "tt", wish->connection, wish->field);
	count = SqlInt(0, 1);
	conditions = SqlText(0, 2);
	if (count < 2 || CountMeeting(wish, conditions) > 0)
		return;
	ereport(WARNING,
			(errmsg("no employee meets %s conditions on %s; for several values use one",
					count == 2 ? "both" : "all", wish->field),
			 errhint("SELECT stakesync_sync_if('%s', '=', '{...,...}'), and stakesync_drop_condition() for the others.",
					 wish->field)));
}

/* Say how many people are in scope; nothing before the first fetch */
static void
NoticeScope(const Company *company, const char *connection)
{
	SqlRun(company, "SELECT pg_catalog.to_char(n.held, 'FM999,999,999,990'), pg_catalog.to_char(n.people, 'FM999,999,999,990') "
		   "FROM (SELECT pg_catalog.count(*) AS people, pg_catalog.count(*) FILTER (WHERE @extension@.stakesync_in_scope("
		   "(SELECT k.config FROM @company@._config k WHERE k.connection = $1), e)) AS held " PRESENT ") n "
		   "WHERE n.people > 0", "t", connection);
	if (SPI_processed > 0)
		ereport(NOTICE,
				(errmsg("in scope now: %s of %s", SqlText(0, 1), SqlText(0, 2))));
}

/* True if the connection has people to try a condition on */
static bool
HasPeople(const Wish *wish)
{
	return SqlRunFor(wish->company, "SELECT 1 " PRESENT, 1, "t", wish->connection) > 0;
}

/* Warn of what is probably not meant */
static void
WarnOfMistakes(const Wish *wish)
{
	const char *positive[] = {"=", "contains", "starts with", "ends with", "matches"};
	bool		warned = false;

	if (!HasPeople(wish))
		return;
	for (int i = 0; i < lengthof(positive); i++)
	{
		if (strcmp(wish->operator, positive[i]) == 0)
			warned = WarnOfAbsentValues(wish);
	}
	if (!warned && strcmp(wish->operator, "=") == 0)
		WarnOfOpposites(wish);
}

PG_FUNCTION_INFO_V1(stakesync_sync_if);

/* Make a condition */
Datum
stakesync_sync_if(PG_FUNCTION_ARGS)
{
	Wish		wish = {0};
	CompanyContext *context;
	char	  **texts = NULL;
	int			count = 0;
	int64		condition_id;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a condition needs a field and an operator"),
				 errhint("SELECT stakesync_sync_if('employment_status', '=', '{ACTIVE,PENDING,LEAVE}').")));
	wish.field = text_to_cstring(PG_GETARG_TEXT_PP(0));
	wish.operator = ConditionOperatorName(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (!PG_ARGISNULL(2))
		texts = ReadTexts(PG_GETARG_ARRAYTYPE_P(2), &count);

	wish.company = CompanyResolve(PG_ARGISNULL(4) ? NULL : NameStr(*PG_GETARG_NAME(4)));
	context = CompanyEnter(wish.company, "condition", ACL_INSERT, true, "stakesync_sync_if()");
	wish.connection = ConnectionResolve(wish.company,
										PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)));
	CheckWish(&wish, texts, count);
	condition_id = StoreWish(&wish);
	WarnOfMistakes(&wish);
	NoticeScope(wish.company, wish.connection);
	CompanyLeave(context);
	PG_RETURN_INT64(condition_id);
}

/* List a company's conditions in words */
static char *
ListConditions(const Company *company)
{
	SqlRun(company, "SELECT pg_catalog.string_agg(condition_id || ' (' || "
		   "@extension@.stakesync_condition_text(field, operator, any_of) || ')', ', ' ORDER BY condition_id) "
		   "FROM @company@.condition", NULL);
	return SqlText(0, 1);
}

/* True if the fields of all conditions are there: one that went may leave others */
static bool
FieldsExist(Company *company, const char *connection)
{
	return SqlRun(company, "SELECT FROM @company@.condition d "
				  "WHERE d.connection = $1 AND d.field <> ALL ('{identifier,email,name}') "
				  "AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a "
				  "WHERE a.attrelid = $2::oid AND a.attname = d.field AND NOT a.attisdropped)", "ti",
				  connection, (int64) CompanyRelation(company, "employee")) == 0;
}

PG_FUNCTION_INFO_V1(stakesync_drop_condition);

/* Drop a condition */
Datum
stakesync_drop_condition(PG_FUNCTION_ARGS)
{
	Company    *company;
	CompanyContext *context;
	char	   *connection;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("which condition is not said"),
				 errhint("Their ids are in the table condition of the company.")));
	company = CompanyResolve(PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1)));
	context = CompanyEnter(company, "condition", ACL_DELETE, true, "stakesync_drop_condition()");
	if (SqlRun(company, "DELETE FROM @company@.condition WHERE condition_id = $1 RETURNING connection",
			   "i", PG_GETARG_INT64(0)) == 0)
	{
		char	   *existing = ListConditions(company);

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("company \"%s\" has no condition " INT64_FORMAT, company->name, PG_GETARG_INT64(0)),
				 existing ? errhint("Its conditions: %s.", existing) : errhint("It has no conditions.")));
	}
	connection = SqlText(0, 1);
	if (FieldsExist(company, connection))
		NoticeScope(company, connection);
	CompanyLeave(context);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(stakesync_condition_text);

/* Put a condition into words */
Datum
stakesync_condition_text(PG_FUNCTION_ARGS)
{
	char	   *field = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *operator = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			count;
	char	  **values = ReadTexts(PG_GETARG_ARRAYTYPE_P(2), &count);

	for (int i = 0; i < count; i++)
	{
		if (values[i] == NULL)
			values[i] = pstrdup("null");
	}
	PG_RETURN_TEXT_P(cstring_to_text(ConditionText(field, operator, values, count)));
}
