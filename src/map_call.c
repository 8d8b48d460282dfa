/*
 * Mapping: which path of a record fills which field.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "closest.h"
#include "company.h"
#include "connection.h"
#include "document.h"
#include "executor/spi.h"
#include "field.h"
#include "field_choice.h"
#include "field_use.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mapping.h"
#include "scrub.h"
#include "sensitive_exception.h"
#include "sensitive_exception.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* A mapping as it was asked for; NULL for what stays as it is */
typedef struct Wish
{
	Company    *company;
	char	   *connection;
	char	   *field;
	char	   *path;
	char	   *transform;
	char	   *mode;
	char	   *on_null;
	bool		has_review;
	bool		review;
} Wish;

static const char *const modes[] = {"always", "create only", "if empty", "never", NULL};
static const char *const null_words[] = {"clear", "keep", NULL};
static const char *const pay_fields[] = {"pay_rate", "pay_period", "pay_currency", NULL};

/* Check whether a word is one of some */
static bool
IsOneOf(const char *word, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

/* Raise unless a parameter is one of its words, or left out */
static void
CheckWord(const char *parameter, const char *word, const char *const *words)
{
	StringInfoData readable;

	if (word == NULL || IsOneOf(word, words))
		return;
	initStringInfo(&readable);
	for (int i = 0; words[i] != NULL; i++)
		appendStringInfo(&readable, "%s%s", i > 0 ? ", " : "", words[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is never \"%s\"", parameter, word),
			 errhint("It is one of: %s.", readable.data)));
}

/* Names of all fields that can be mapped */
static List *
ListFields(Company *company)
{
	List	   *names = NIL;
	uint64		rows;

	for (int i = 0; i < FieldCount(); i++)
		if (!FieldNameReserved(FieldAt(i)->name))
			names = lappend(names, (char *) FieldAt(i)->name);
	rows = SqlRun(company, "SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = $1::oid AND attnum > 0 "
				  "AND NOT attisdropped ORDER BY attnum", "i", (int64) CompanyRelation(company, "stakeholder"));
	for (uint64 row = 0; row < rows; row++)
		if (!FieldNameReserved(SqlText(row, 1)))
			names = lappend(names, SqlText(row, 1));
	return names;
}

/* Refuse what is no field, or filled otherwise */
static void
CheckField(Company *company, const char *field)
{
	const char *closest;
	ListCell   *lc;
	List	   *names;

	if (strcmp(field, "identifier") == 0 || strcmp(field, "email") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is filled by the field that was chosen for it", field),
				 errhint("Choose it: SELECT * FROM stakesync_configure(%s => '%s'); or map that field.", field,
						 *field == 'i' ? "employee_number" : "work_email")));
	if (FieldNameReserved(field))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("\"%s\" is kept by stakesync and cannot be mapped", field),
				 strcmp(field, "manager_id") == 0 ? errhint("Map manager.") : 0));
	names = ListFields(company);
	foreach(lc, names)
		if (strcmp(lfirst(lc), field) == 0)
		return;
	closest = ClosestWord(field, names);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("no field \"%s\"", field),
			 closest ? errhint("Did you mean %s? A new one: SELECT stakesync_add_field(%s);", closest, quote_literal_cstr(field)) :
			 errhint("Add it first: SELECT stakesync_add_field(%s);", quote_literal_cstr(field))));
}

/* The definition of a connection's provider */
static Jsonb *
ReadDefinition(Company *company, const char *connection)
{
	SqlRun(company, "SELECT p.definition::text FROM @company@.connection c JOIN ("
		   "SELECT provider, definition FROM @extension@.stakesync_provider UNION ALL "
		   "SELECT provider, definition FROM @company@.provider) p USING (provider) WHERE c.connection = $1", "t", connection);
	return SPI_processed > 0 ? DocumentRead(SqlText(0, 1)) : DocumentRead("{}");
}

/* The day in the company's time zone */
static DateADT
ReadToday(Company *company)
{
	bool		isnull;

	SqlRun(company, "SELECT (pg_catalog.now() AT TIME ZONE timezone)::date FROM @company@._company", NULL);
	return DatumGetDateADT(SqlDatum(0, 1, &isnull));
}

/* Compile the wish as a fetch would: raises with the place of what is wrong */
static void
CheckRule(Wish *wish)
{
	Jsonb	   *definition = ReadDefinition(wish->company, wish->connection);
	MappingOptions options = {0};
	MappingRule rule = {0};

	rule.field = wish->field;
	rule.path = wish->path;
	rule.transform = wish->transform;
	(void) FieldRuleType(CompanyRelation(wish->company, "employee"), CompanyRelation(wish->company, "stakeholder"), &rule);
	options.today = ReadToday(wish->company);
	options.refused = ScrubRefuses;
	options.sensitive = true;
	options.ignore_case = DocumentBool(definition, "ignore_case", false);
	(void) MappingCompile(list_make1(&rule), &options);
	ExceptionCheckMapping(wish->company, &rule, wish->connection);
	ExceptionCheckMapping(wish->company, &rule, wish->connection);
}

/* Pay rate, period and currency travel together */
static void
CheckPay(Wish *wish)
{
	if (strcmp(wish->field, "pay_rate") != 0)
		return;
	if (SqlRun(wish->company, "SELECT FROM @company@.mapping WHERE connection = $1 AND field IN ('pay_period', 'pay_currency')",
			   "t", wish->connection) < 2)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pay rate, period and currency travel together"),
				 errhint("Import all three: SELECT * FROM stakesync_configure(import => '{pay_rate}'); or map pay_period and pay_currency first.")));
}

/* Take what stays as it is from the mapping that is there */
static void
KeepRest(Wish *wish)
{
	if (SqlRun(wish->company, "SELECT path, transform FROM @company@.mapping WHERE connection = $1 AND field = $2", "tt",
			   wish->connection, wish->field) == 0)
		return;
	if (wish->transform == NULL && strcmp(SqlText(0, 1), wish->path) == 0)
		wish->transform = SqlText(0, 2);
}

/* Give employees a column for a custom field */
static void
AddColumn(Company *company, const char *field)
{
	Oid			stakeholder = CompanyRelation(company, "stakeholder");
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (get_attnum(CompanyRelation(company, "employee"), field) != InvalidAttrNumber)
		return;
	get_atttypetypmodcoll(stakeholder, get_attnum(stakeholder, field), &type, &typmod, &collation);
	if (SPI_execute(psprintf("ALTER TABLE %s.employee ADD COLUMN %s %s", company->quoted, quote_identifier(field),
							 format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY)),
					false, 0) < 0)
		elog(ERROR, "could not add the column");
}

/* Store the mapping */
static void
StoreWish(Wish *wish)
{
	AddColumn(wish->company, wish->field);
	SqlRun(wish->company,
		   "INSERT INTO @company@.mapping AS m (connection, field, path, transform, mode, on_null, review, origin) "
		   "VALUES ($1, $2, $3, nullif($4, ''), coalesce($5, 'always'), coalesce($6, 'clear'), coalesce($7 = 'true', false), 'user') "
		   "ON CONFLICT (connection, field) DO UPDATE SET path = excluded.path, transform = excluded.transform, "
		   "mode = coalesce($5, m.mode), on_null = coalesce($6, m.on_null), review = coalesce($7 = 'true', m.review), origin = 'user'",
		   "ttttttt", wish->connection, wish->field, wish->path, wish->transform, wish->mode, wish->on_null,
		   wish->has_review ? wish->review ? "true" : "false" : NULL);
}

/* Add the paths of a definition's mapping */
static List *
AddPaths(List *paths, Jsonb *mapping)
{
	ListCell   *lc;

	foreach(lc, DocumentElements(mapping))
	{
		char	   *path = DocumentText(lfirst(lc), "path");

		if (path != NULL)
			paths = lappend(paths, path);
	}
	return paths;
}

/* Warn of a path that looks like a mistyped one */
static void
WarnOfPath(Wish *wish)
{
	Jsonb	   *definition = ReadDefinition(wish->company, wish->connection);
	List	   *paths = AddPaths(NIL, DocumentMember(definition, "mapping"));
	const char *closest;
	ListCell   *lc;

	if (SqlRun(wish->company, "SELECT method FROM @company@._credential WHERE connection = $1", "t", wish->connection) == 1)
		paths = AddPaths(paths, DocumentMember(DocumentMember(DocumentMember(definition, "methods"), SqlText(0, 1)), "mapping"));
	foreach(lc, paths)
		if (strcmp(lfirst(lc), wish->path) == 0)
		return;
	closest = ClosestWord(wish->path, paths);
	if (closest != NULL && strncmp(closest, wish->path, strlen(closest)) != 0)
		ereport(WARNING,
				(errmsg("path \"%s\" is not known of this provider", wish->path),
				 errhint("Did you mean %s? If no record has the path, the field stays empty.", closest)));
}

/* Say when a changed mapping takes effect */
static void
NoticeWhen(const char *connection)
{
	ereport(NOTICE,
			(errmsg("takes effect at the next fetch of connection \"%s\", which is a full one", connection),
			 errhint("SELECT * FROM stakesync_fetch(%s);", quote_literal_cstr(connection))));
}

/* An argument that may be left out */
static char *
OptionalText(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* A required argument */
static char *
RequiredText(FunctionCallInfo fcinfo, int arg, const char *what, const char *hint)
{
	char	   *given = OptionalText(fcinfo, arg);

	if (given == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a mapping needs a %s", what),
				 errhint("%s", hint)));
	return given;
}

PG_FUNCTION_INFO_V1(stakesync_map);

/* Map a path to a field */
Datum
stakesync_map(PG_FUNCTION_ARGS)
{
	const char *hint = "SELECT stakesync_map('t_shirt_size', '$.customTshirt');";
	Wish		wish = {0};
	CompanyContext *context;

	wish.field = RequiredText(fcinfo, 0, "field", hint);
	wish.path = RequiredText(fcinfo, 1, "path", hint);
	wish.transform = OptionalText(fcinfo, 2);
	wish.mode = OptionalText(fcinfo, 3);
	wish.on_null = OptionalText(fcinfo, 4);
	wish.has_review = !PG_ARGISNULL(5);
	wish.review = wish.has_review && PG_GETARG_BOOL(5);
	wish.company = CompanyResolve(PG_ARGISNULL(7) ? NULL : NameStr(*PG_GETARG_NAME(7)));

	context = CompanyEnter(wish.company, "mapping", ACL_INSERT, true, "stakesync_map()");
	wish.connection = ConnectionResolve(wish.company, OptionalText(fcinfo, 6));
	CheckField(wish.company, wish.field);
	CheckWord("mode", wish.mode, modes);
	CheckWord("on_null", wish.on_null, null_words);
	KeepRest(&wish);
	CheckRule(&wish);
	CheckPay(&wish);
	WarnOfPath(&wish);
	StoreWish(&wish);
	NoticeWhen(wish.connection);
	CompanyLeave(context);
	PG_RETURN_VOID();
}

/* Refuse to take away what decides who people are or who is in scope */
static void
CheckUnmap(Company *company, const char *connection, const char *field)
{
	uint64		rows;

	if (SqlRun(company, "SELECT CASE $2 WHEN identifier THEN 'identifier' ELSE 'email' END FROM @company@.connection "
			   "WHERE connection = $1 AND $2 IN (identifier, coalesce(email, 'work_email'))", "tt", connection, field) > 0)
	{
		char	   *what = SqlText(0, 1);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("\"%s\" gives the %s of connection \"%s\"", field, what, connection),
				 errhint("Choose another field first: SELECT * FROM stakesync_configure(%s => '...');", what)));
	}
	rows = SqlRun(company, "SELECT condition_id FROM @company@.condition WHERE connection = $1 AND field = $2 ORDER BY condition_id",
				  "tt", connection, field);
	if (rows > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("condition %s of connection \"%s\" reads \"%s\"", SqlText(0, 1), connection, field),
				 errhint("Drop it first: SELECT stakesync_drop_condition(%s);", SqlText(0, 1))));
}

/* Take the column of a custom field from the employees, unless somebody uses it */
static void
DropColumn(Company *company, const char *field)
{
	Oid			relid = CompanyRelation(company, "employee");
	AttrNumber	number = get_attnum(relid, field);
	ListCell   *lc;

	if (FieldFind(field) != NULL || number == InvalidAttrNumber ||
		SqlRun(company, "SELECT FROM @company@.mapping WHERE field = $1 UNION ALL SELECT FROM @company@.condition WHERE field = $1",
			   "t", field) > 0)
		return;
	foreach(lc, FieldUsesFind(relid))
	{
		FieldUse   *use = lfirst(lc);

		if (use->column != number || use->drop == NULL)
			continue;
		ereport(NOTICE,
				(errmsg("column \"%s\" of %s.employee stays, empty: it is used by %s", field, company->quoted, use->what)));
		return;
	}
	if (SPI_execute(psprintf("ALTER TABLE %s.employee DROP COLUMN %s", company->quoted, quote_identifier(field)), false, 0) < 0)
		elog(ERROR, "could not drop the column");
}

/* Forget what HR says of a field, and what it said */
static void
ForgetField(Company *company, const char *connection, const char *field)
{
	const char *column = quote_identifier(field);

	SqlRun(company, "DELETE FROM @company@.mapping WHERE connection = $1 AND field = $2", "tt", connection, field);
	SqlRun(company, "UPDATE @company@.connection SET fetched_fields = pg_catalog.array_remove(fetched_fields, $2), "
		   "import = pg_catalog.array_remove(import, $2) WHERE connection = $1", "tt", connection, field);
	SqlRun(company, "UPDATE @company@._applied SET said = said - $2, never = pg_catalog.array_remove(never, $2) "
		   "WHERE connection = $1 AND (said ? $2 OR $2 = ANY (never))", "tt", connection, field);
	if (get_attnum(CompanyRelation(company, "employee"), field) != InvalidAttrNumber)
		SqlRun(company, psprintf("UPDATE @company@.employee SET %s = NULL, unknown = nullif(pg_catalog.array_remove(unknown, $2), '{}'), "
								 "problems = (SELECT pg_catalog.jsonb_agg(p) FROM pg_catalog.jsonb_array_elements(problems) p WHERE (p ->> 'field' = $2) IS NOT TRUE) "
								 "WHERE connection = $1 AND (%s IS NOT NULL OR $2 = ANY (unknown) "
								 "OR problems @> pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('field', $2)))", column, column),
			   "tt", connection, field);
	DropColumn(company, field);
}

/* Say what becomes of the values that HR brought */
static void
NoticeValues(Company *company, const char *connection, const char *field)
{
	const char *column = strcmp(field, "manager") == 0 ? "manager_id" : field;

	if (get_attnum(CompanyRelation(company, "stakeholder"), column) == InvalidAttrNumber)
		return;
	SqlRun(company, psprintf("SELECT pg_catalog.to_char(pg_catalog.count(*), 'FM999,999,999,990') FROM @company@.stakeholder s "
							 "WHERE s.%s IS NOT NULL AND EXISTS (SELECT FROM @company@.link l WHERE l.stakeholder_id = s.stakeholder_id "
							 "AND l.connection = $1 AND l.until IS NULL AND l.how <> 'not')", quote_identifier(column)), "t", connection);
	ereport(NOTICE,
			(errmsg("\"%s\" is not filled from connection \"%s\" any more", field, connection),
			 strcmp(SqlText(0, 1), "1") == 0 ?
			 errdetail("The register keeps the value of one stakeholder; from now on it is as if filled by hand.") :
			 errdetail("The register keeps the values of %s stakeholders; from now on they are as if filled by hand.",
					   SqlText(0, 1))));
}

/* Unmap one field; false if it was not mapped */
static bool
Unmap(Company *company, const char *connection, const char *field)
{
	if (SqlRun(company, "SELECT FROM @company@.mapping WHERE connection = $1 AND field = $2", "tt", connection, field) == 0)
		return false;
	CheckUnmap(company, connection, field);
	ForgetField(company, connection, field);
	NoticeValues(company, connection, field);
	return true;
}

/* Raise that a field is not mapped */
static void
RefuseUnmapped(Company *company, const char *connection, const char *field)
{
	List	   *names = NIL;
	const char *closest;
	uint64		rows = SqlRun(company, "SELECT field FROM @company@.mapping WHERE connection = $1 ORDER BY field", "t", connection);

	for (uint64 row = 0; row < rows; row++)
		names = lappend(names, SqlText(row, 1));
	closest = ClosestWord(field, names);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("field \"%s\" is not mapped in connection \"%s\"", field, connection),
			 closest ? errhint("Did you mean %s?", closest) :
			 errhint("SELECT field, path FROM %s.mapping; lists what is.", company->quoted)));
}

PG_FUNCTION_INFO_V1(stakesync_unmap);

/* Stop filling a field from a connection */
Datum
stakesync_unmap(PG_FUNCTION_ARGS)
{
	char	   *field = RequiredText(fcinfo, 0, "field", "SELECT stakesync_unmap('t_shirt_size');");
	Company    *company = CompanyResolve(PG_ARGISNULL(2) ? NULL : NameStr(*PG_GETARG_NAME(2)));
	CompanyContext *context = CompanyEnter(company, "mapping", ACL_DELETE, true, "stakesync_unmap()");
	char	   *connection = ConnectionResolve(company, OptionalText(fcinfo, 1));

	if (!Unmap(company, connection, field))
		RefuseUnmapped(company, connection, field);

	/* Pay rate, period and currency travel together */
	for (int i = 0; IsOneOf(field, pay_fields) && pay_fields[i] != NULL; i++)
		(void) Unmap(company, connection, pay_fields[i]);
	CompanyLeave(context);
	PG_RETURN_VOID();
}
