/*
 * Custom fields: a field is a column of the register.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "closest.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "company.h"
#include "compat.h"
#include "executor/spi.h"
#include "fetch.h"
#include "field.h"
#include "field_use.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "sensitive_exception.h"
#include "sql.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#endif

/* Types that a mistyped one may mean */
static const char *const common_types[] = {
	"text", "varchar", "char", "integer", "bigint", "smallint", "numeric", "decimal", "real",
	"double precision", "boolean", "date", "timestamp", "timestamptz", "time", "timetz", "interval",
	"uuid", "jsonb", "json", "inet", "cidr", "money", "bytea", "xml", "point", "daterange", "numrange",
};

/* Run a statement that was made of identifiers and literals */
static void
Run(const char *statement)
{
	if (SPI_execute(statement, false, 0) < 0)
		elog(ERROR, "could not run statement");
}

/* Raise unless the caller may change the register's columns */
static void
CheckOwner(const Company *company)
{
	if (!pg_class_ownercheck(CompanyRelation(company, "stakeholder"), GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to change the fields of company \"%s\"", company->name),
				 errhint("Fields are its owner's to change: a member of role \"%s\" may.",
						 GetUserNameFromId(company->owner, false))));
}

/* True for a name that needs no quotes but for its letters */
static bool
NameIsPlain(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
	{
		bool		letter = (*p >= 'a' && *p <= 'z') || IS_HIGHBIT_SET(*p);

		if (!letter && (p == name || !((*p >= '0' && *p <= '9') || *p == '_')))
			return false;
	}
	return *name != '\0';
}

/* The nearest name that is plain; NULL if nothing is left */
static char *
PlainName(const char *name)
{
	StringInfoData plain;

	initStringInfo(&plain);
	for (const char *p = name; *p != '\0'; p++)
	{
		char		c = pg_ascii_tolower((unsigned char) *p);

		if ((c >= 'a' && c <= 'z') || IS_HIGHBIT_SET(c) || (plain.len > 0 && c >= '0' && c <= '9'))
			appendStringInfoChar(&plain, c);
		else if (plain.len > 0 && plain.data[plain.len - 1] != '_')
			appendStringInfoChar(&plain, '_');
	}
	while (plain.len > 0 && plain.data[plain.len - 1] == '_')
		plain.data[--plain.len] = '\0';
	return plain.len > 1 ? plain.data : NULL;
}

/* Refuse what is not written like a field's name */
static void
CheckSpelling(const char *name)
{
	char	   *plain = PlainName(name);

	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of a field has at most %d bytes", NAMEDATALEN - 1),
				 errhint("Keep the name short, and say more in its label.")));
	if (!NameIsPlain(name) || pg_mbstrlen(name) < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" cannot be the name of a field", name),
				 plain && NameIsPlain(plain) && strcmp(plain, name) != 0 ?
				 errhint("Write it in small letters, digits and underscores: %s. How it is shown is its label.", plain) :
				 errhint("It takes two small letters or more, digits and underscores. How it is shown is its label.")));
}

/* Refuse a name that is taken */
static void
CheckNew(Company *company, const char *name)
{
	const FieldInfo *info = FieldFind(name);

	CheckSpelling(name);
	if (info != NULL && info->kind != FIELD_SOURCE)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("\"%s\" is %s field already", name, info->kind == FIELD_DEFAULT ? "a default" : "an optional"),
				 info->kind == FIELD_DEFAULT ? errhint("Every stakeholder has it. Choose another name.") :
				 errhint("Import it: SELECT * FROM stakesync_configure(import => '{%s}');", info->import)));
	if (FieldNameReserved(name) || SystemAttributeByName(name) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("\"%s\" is a reserved name", name),
				 errhint("Columns of that name are kept by %s itself. Choose another name.",
						 SystemAttributeByName(name) ? "PostgreSQL" : "stakesync")));
	if (get_attnum(CompanyRelation(company, "stakeholder"), name) != InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("there is a field \"%s\" already", name),
				 errhint("SELECT * FROM %s.field WHERE field = %s;", company->quoted, quote_literal_cstr(name))));
}

/* Names of the company's custom fields */
static List *
ListCustom(Company *company)
{
	List	   *names = NIL;
	uint64		rows = SqlRun(company, "SELECT attname::text FROM pg_catalog.pg_attribute "
							  "WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum", "i",
							  (int64) CompanyRelation(company, "stakeholder"));

	for (uint64 row = 0; row < rows; row++)
	{
		char	   *name = SqlText(row, 1);
		const FieldInfo *info = FieldFind(name);

		if ((info == NULL || info->kind == FIELD_SOURCE) && !FieldNameReserved(name))
			names = lappend(names, name);
	}
	return names;
}

/* Raise unless the company has a custom field of that name */
static void
CheckCustom(Company *company, const char *name, const char *what)
{
	const FieldInfo *info = FieldFind(name);
	List	   *names = ListCustom(company);
	const char *closest;
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
		return;
	if (info != NULL && info->kind != FIELD_SOURCE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" is %s field and cannot be %s", name,
						info->kind == FIELD_DEFAULT ? "a default" : "an optional", what),
				 strcmp(name, "identifier") == 0 || strcmp(name, "email") == 0 ? errhint("Only custom fields can.") :
				 errhint("Only custom fields can. To keep HR from filling it: SELECT stakesync_unmap(%s);",
						 quote_literal_cstr(name))));
	if (FieldNameReserved(name))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("\"%s\" is kept by stakesync and cannot be %s", name, what)));
	closest = ClosestWord(name, names);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("no custom field \"%s\"", name),
			 closest ? errhint("Did you mean %s?", closest) :
			 errhint("SELECT field FROM %s.field WHERE kind = 'custom'; lists them.", company->quoted)));
}

/* Raise that there is no such type, with the nearest one there is */
static void
RefuseType(Company *company, const char *type)
{
	List	   *names = NIL;
	const char *closest;
	char	   *elsewhere = NULL;

	/* One that is not in pg_catalog is named with its schema */
	if (SqlRun(company, "SELECT pg_catalog.format_type(t.oid, NULL) FROM pg_catalog.pg_type t "
			   "WHERE t.typname = pg_catalog.lower($1) AND t.typtype <> 'p' ORDER BY t.oid LIMIT 1", "t", type) == 1)
		elsewhere = SqlText(0, 1);
	for (int i = 0; i < lengthof(common_types); i++)
		names = lappend(names, (char *) common_types[i]);
	closest = elsewhere ? elsewhere : strstr(type, "serial") ? "bigint" : ClosestWord(type, names);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("no type \"%s\"", type),
			 closest ? errhint("Did you mean %s?", closest) :
			 errhint("text, date, numeric, boolean, text[] or any other type of PostgreSQL; your own with their schema: public.mood.")));
}

/* Resolve a type that is written as in SQL; returns it as SQL */
static char *
ResolveType(Company *company, const char *text, Oid *type)
{
	int32		typmod;
#if PG_VERSION_NUM >= 160000
	ErrorSaveContext soft = {T_ErrorSaveContext};

	if (!parseTypeString(text, type, &typmod, (Node *) &soft))
		*type = InvalidOid;
#else
	parseTypeString(text, type, &typmod, true);
#endif
	if (!OidIsValid(*type))
		RefuseType(company, text);
	if (get_typtype(*type) == TYPTYPE_PSEUDO)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("type %s holds no values of its own", format_type_be(*type)),
				 errhint("Choose a type such as text, date, numeric or jsonb.")));
	if (getExtensionOfObject(TypeRelationId, *type) == get_extension_oid("stakesync", false) ||
		(OidIsValid(get_typ_typrelid(*type)) && get_rel_namespace(get_typ_typrelid(*type)) == company->schema))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("type %s is stakesync's own", format_type_be(*type)),
				 errhint("Choose a type such as text, date, numeric or jsonb.")));
	return format_type_extended(*type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

/* The name of a field's check of its choices */
static char *
ChoicesName(const char *field)
{
	return makeObjectName("stakeholder", field, "choices");
}

/* Read choices, trimmed, each once */
static List *
ReadChoices(ArrayType *array, const char *field)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	List	   *choices = NIL;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *choice = nulls[i] ? "" : TextDatumGetCString(values[i]);
		bool		known = false;
		ListCell   *lc;

		if (strspn(choice, " \t\r\n") == strlen(choice))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a choice of field \"%s\" is blank", field),
					 errhint("Null is always allowed and no choice.")));
		foreach(lc, choices)
			known = known || strcmp(lfirst(lc), choice) == 0;
		if (!known)
			choices = lappend(choices, choice);
	}
	if (choices == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" would have no choices", field),
				 errhint("Leave choices out where any value will do.")));
	return choices;
}

/* The check that only choices are taken, as SQL */
static char *
MakeCheck(const char *field, Oid type, ArrayType *array)
{
	Oid			element = get_element_type(getBaseType(type));
	Oid			of = getBaseType(OidIsValid(element) ? element : getBaseType(type));
	char	   *of_sql = format_type_be_qualified(of);
	List	   *choices = ReadChoices(array, field);
	StringInfoData check;
	ListCell   *lc;

	if (!OidIsValid(lookup_type_cache(of, TYPECACHE_EQ_OPR)->eq_opr))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("values of type %s cannot be compared, so there can be no choices of them", format_type_be(of)),
				 errhint("Leave choices out, or take another type.")));
	initStringInfo(&check);
	appendStringInfo(&check, ", ADD CONSTRAINT %s CHECK (%s %s", quote_identifier(ChoicesName(field)),
					 quote_identifier(field), OidIsValid(element) ? "<@ ARRAY[" : "= ANY (ARRAY[");
	foreach(lc, choices)
		appendStringInfo(&check, "%s%s::%s", lc == list_head(choices) ? "" : ", ",
						 quote_literal_cstr(lfirst(lc)), of_sql);
	appendStringInfoString(&check, OidIsValid(element) ? "])" : "]))");
	return check.data;
}

/* The label that a field has unless told: its name in words */
static char *
DefaultLabel(const char *field)
{
	char	   *label = pstrdup(field);

	for (char *p = label; *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	label[0] = pg_toupper((unsigned char) label[0]);
	return label;
}

/* Refuse another type where a source field is taken into the register */
static void
CheckSourceType(Company *company, const char *field, Oid type, const char *text)
{
	Oid			relid = CompanyRelation(company, "employee");
	AttrNumber	number = get_attnum(relid, field);

	if (number != InvalidAttrNumber && get_atttype(relid, number) != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("\"%s\" is a source field of type %s, not %s", field,
						format_type_be(get_atttype(relid, number)), text),
				 errhint("Choose another name, or: SELECT stakesync_add_field(%s, %s);", quote_literal_cstr(field),
						 quote_literal_cstr(format_type_be(get_atttype(relid, number))))));
}

/* Add a column to the register */
static void
AddField(Company *company, const char *field, const char *type_text, const char *label, ArrayType *choices)
{
	Oid			type;
	char	   *type_sql;

	CheckNew(company, field);
	ExceptionCheckField(company, field, label);
	type_sql = ResolveType(company, type_text, &type);
	CheckSourceType(company, field, type, type_text);
	Run(psprintf("ALTER TABLE %s.stakeholder ADD COLUMN %s %s%s", company->quoted, quote_identifier(field),
				 type_sql, choices ? MakeCheck(field, type, choices) : ""));
	Run(psprintf("COMMENT ON COLUMN %s.stakeholder.%s IS %s", company->quoted, quote_identifier(field),
				 quote_literal_cstr(label ? label : DefaultLabel(field))));
}

/* An argument as text, raising where a required one is null */
static char *
RequiredText(FunctionCallInfo fcinfo, int arg, const char *hint)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("which field is not said"),
				 errhint("%s", hint)));
	return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

PG_FUNCTION_INFO_V1(stakesync_add_field);

/* Add a custom field */
Datum
stakesync_add_field(PG_FUNCTION_ARGS)
{
	char	   *field = RequiredText(fcinfo, 0, "SELECT stakesync_add_field('t_shirt_size', choices => '{S,M,L}');");
	char	   *type = PG_ARGISNULL(1) ? "text" : text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *label = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	ArrayType  *choices = PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3);
	Company    *company = CompanyResolveOrNull(PG_ARGISNULL(4) ? NULL : NameStr(*PG_GETARG_NAME(4)));
	CompanyContext *context;

	if (company == NULL)
		company = CompanyMakeDefault();
	CheckOwner(company);
	context = CompanyEnter(company, "stakeholder", ACL_SELECT, true, "stakesync_add_field()");
	AddField(company, field, type, label, choices);
	CompanyLeave(context);
	PG_RETURN_VOID();
}

/* Discard what was planned and not applied, for the reason given */
static void
DiscardPlans(Company *company, const char *why)
{
	SqlRun(company,
		   "WITH old AS (UPDATE @company@.sync_run SET state = 'discarded', message = $1, hint = NULL "
		   "WHERE kind = 'sync' AND state IN ('planned', 'held') RETURNING sync_id) "
		   "DELETE FROM @company@.change c USING old WHERE c.sync_id = old.sync_id AND c.state = 'planned'", "t", why);
}

/* Give a member of an object another name */
#define RENAMED(object) \
	"CASE WHEN " object " ? $1 THEN " object " - $1 || pg_catalog.jsonb_build_object($2, " object " -> $1) ELSE " object " END"

/* Let what is remembered of a field go by its new name */
static void
RenameMemory(Company *company, const char *field, const char *new_name)
{
	SqlRun(company, "UPDATE @company@.connection SET fetched_fields = pg_catalog.array_replace(fetched_fields, $1, $2) "
		   "WHERE $1 = ANY (fetched_fields)", "tt", field, new_name);
	SqlRun(company, "UPDATE @company@._applied SET said = " RENAMED("said") ", never = pg_catalog.array_replace(never, $1, $2) "
		   "WHERE said ? $1 OR $1 = ANY (never)", "tt", field, new_name);
	SqlRun(company, "UPDATE @company@.change SET before = " RENAMED("before") ", after = " RENAMED("after")
		   " WHERE before ? $1 OR after ? $1", "tt", field, new_name);
}

/* Rename the employees' column with all that goes by it */
static void
RenameEmployees(Company *company, const char *field, const char *new_name)
{
	if (get_attnum(CompanyRelation(company, "employee"), field) != InvalidAttrNumber)
		Run(psprintf("ALTER TABLE %s.employee RENAME COLUMN %s TO %s", company->quoted, quote_identifier(field),
					 quote_identifier(new_name)));
	SqlRun(company, "UPDATE @company@.mapping SET field = $2 WHERE field = $1", "tt", field, new_name);
	SqlRun(company, "UPDATE @company@.condition SET field = $2 WHERE field = $1", "tt", field, new_name);
	SqlRun(company, "UPDATE @company@.sensitive_exception SET field = $2 WHERE field = $1", "tt", field, new_name);
	SqlRun(company,
		   "UPDATE @company@.employee SET unknown = pg_catalog.array_replace(unknown, $1, $2), "
		   "problems = (SELECT pg_catalog.jsonb_agg(CASE WHEN p ->> 'field' = $1 THEN p || pg_catalog.jsonb_build_object('field', $2) ELSE p END) "
		   "FROM pg_catalog.jsonb_array_elements(problems) p) "
		   "WHERE $1 = ANY (unknown) OR problems @> pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('field', $1))",
		   "tt", field, new_name);
	RenameMemory(company, field, new_name);
}

/* Copy a source field that stays one: the register's field goes its own way */
static void
CopyEmployees(Company *company, const char *field, const char *new_name)
{
	Oid			relid = CompanyRelation(company, "employee");
	char	   *type = format_type_be_qualified(get_atttype(relid, get_attnum(relid, field)));

	Run(psprintf("ALTER TABLE %s.employee ADD COLUMN %s %s", company->quoted, quote_identifier(new_name), type));
	Run(psprintf("UPDATE %s.employee SET %s = %s, unknown = CASE WHEN %s = ANY (unknown) THEN unknown || %s ELSE unknown END",
				 company->quoted, quote_identifier(new_name), quote_identifier(field), quote_literal_cstr(field),
				 psprintf("%s::text", quote_literal_cstr(new_name))));
	SqlRun(company,
		   "INSERT INTO @company@.mapping (connection, field, path, transform, mode, on_null, review, origin) "
		   "SELECT connection, $2, path, transform, mode, on_null, review, 'user' FROM @company@.mapping WHERE field = $1",
		   "tt", field, new_name);
	RenameMemory(company, field, new_name);
	SqlRun(company, "UPDATE @company@.connection SET fetched_fields = fetched_fields || $1 WHERE $2 = ANY (fetched_fields)", "tt",
		   field, new_name);
}

/* Tell of functions that go on naming a field as before */
static void
NoticeMentions(Company *company, const char *field)
{
	Oid			relid = CompanyRelation(company, "stakeholder");
	AttrNumber	number = get_attnum(relid, field);
	ListCell   *lc;

	foreach(lc, FieldUsesFind(relid))
	{
		FieldUse   *use = lfirst(lc);

		if (use->column == number && use->drop == NULL)
			ereport(NOTICE,
					(errmsg("%s mentions \"%s\" and may have to be changed", use->what, field)));
	}
}

/* Rename a field in the register and wherever it is known */
static void
RenameField(Company *company, const char *field, const char *new_name)
{
	Oid			relid = CompanyRelation(company, "stakeholder");
	AttrNumber	number = get_attnum(relid, field);
	char	   *label = GetComment(relid, RelationRelationId, number);

	Run(psprintf("ALTER TABLE %s.stakeholder RENAME COLUMN %s TO %s", company->quoted, quote_identifier(field),
				 quote_identifier(new_name)));
	if (label != NULL && strcmp(label, DefaultLabel(field)) == 0)
		Run(psprintf("COMMENT ON COLUMN %s.stakeholder.%s IS %s", company->quoted, quote_identifier(new_name),
					 quote_literal_cstr(DefaultLabel(new_name))));
	if (SqlRun(company, "SELECT FROM pg_catalog.pg_constraint WHERE conrelid = $1::oid AND conname = $2", "it", (int64) relid,
			   ChoicesName(field)) > 0)
		Run(psprintf("ALTER TABLE %s.stakeholder RENAME CONSTRAINT %s TO %s", company->quoted,
					 quote_identifier(ChoicesName(field)), quote_identifier(ChoicesName(new_name))));
	DiscardPlans(company, psprintf("field \"%s\" was renamed", field));
	if (FieldFind(field) == NULL)
		RenameEmployees(company, field, new_name);
	else
		CopyEmployees(company, field, new_name);
}

/* Fingerprints of the connections' configurations, of which those hold that were fetched under it */
static List *
ListCurrent(Company *company)
{
	List	   *current = NIL;
	List	   *names = NIL;
	List	   *under = NIL;
	ListCell   *name;
	ListCell   *print;
	uint64		rows = SqlRun(company, "SELECT connection, fetched_under FROM @company@.connection WHERE fetched_under IS NOT NULL", NULL);

	for (uint64 row = 0; row < rows; row++)
	{
		names = lappend(names, SqlText(row, 1));
		under = lappend(under, SqlText(row, 2));
	}
	forboth(name, names, print, under)
		if (strcmp(FetchFingerprint(company, lfirst(name)), lfirst(print)) == 0)
		current = lappend(current, lfirst(name));
	return current;
}

PG_FUNCTION_INFO_V1(stakesync_rename_field);

/* Rename a custom field */
Datum
stakesync_rename_field(PG_FUNCTION_ARGS)
{
	const char *hint = "SELECT stakesync_rename_field('t_shirt_size', 'shirt');";
	char	   *field = RequiredText(fcinfo, 0, hint);
	char	   *new_name = RequiredText(fcinfo, 1, hint);
	Company    *company = CompanyResolve(PG_ARGISNULL(2) ? NULL : NameStr(*PG_GETARG_NAME(2)));
	CompanyContext *context;
	List	   *current;
	ListCell   *lc;

	CheckOwner(company);
	context = CompanyEnter(company, "stakeholder", ACL_SELECT, true, "stakesync_rename_field()");
	CheckCustom(company, field, "renamed");
	CheckNew(company, new_name);
	ExceptionCheckField(company, new_name, NULL);
	if (FieldFind(new_name) != NULL ||
		get_attnum(CompanyRelation(company, "employee"), new_name) != InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("employees have a field \"%s\" of their own", new_name),
				 errhint("Choose another name.")));
	NoticeMentions(company, field);
	current = ListCurrent(company);
	RenameField(company, field, new_name);

	/* Another name alone makes no full fetch necessary */
	foreach(lc, current)
		SqlRun(company, "UPDATE @company@.connection SET fetched_under = $2 WHERE connection = $1", "tt", lfirst(lc),
			   FetchFingerprint(company, lfirst(lc)));
	CompanyLeave(context);
	PG_RETURN_VOID();
}

/* Reasons not to drop a field, and what ends each */
typedef struct Reasons
{
	StringInfoData what;
	StringInfoData statements;
} Reasons;

/* Add a reason */
static void
AddReason(Reasons *reasons, const char *what, const char *statement)
{
	appendStringInfo(&reasons->what, "%s%s", reasons->what.len > 0 ? ", " : "", what);
	appendStringInfo(&reasons->statements, "%s%s;", reasons->statements.len > 0 ? " " : "", statement);
}

/* Add the conditions and mappings of a field; one of the source's keeps them */
static void
AddConfiguration(Company *company, Reasons *reasons, const char *field)
{
	uint64		rows;

	if (FieldFind(field) != NULL)
		return;
	rows = SqlRun(company, "SELECT condition_id, connection FROM @company@.condition WHERE field = $1 ORDER BY condition_id", "t", field);
	for (uint64 row = 0; row < rows; row++)
		AddReason(reasons, psprintf("used by condition %s of connection %s", SqlText(row, 1), SqlText(row, 2)),
				  psprintf("SELECT %s.stakesync_drop_condition(%s, company => %s)", company->extension, SqlText(row, 1),
						   quote_literal_cstr(company->name)));
	rows = SqlRun(company, "SELECT connection, path FROM @company@.mapping WHERE field = $1 ORDER BY connection", "t", field);
	for (uint64 row = 0; row < rows; row++)
		AddReason(reasons, psprintf("mapped from %s in connection %s", SqlText(row, 2), SqlText(row, 1)),
				  psprintf("SELECT %s.stakesync_unmap(%s, connection => %s, company => %s)", company->extension,
						   quote_literal_cstr(field), quote_literal_cstr(SqlText(row, 1)), quote_literal_cstr(company->name)));
}

/* A number of stakeholders in words */
static char *
Stakeholders(int64 count, const char *grouped)
{
	return count == 1 ? "one stakeholder" : psprintf("%s stakeholders", grouped);
}

/* Add the values that would be lost; of a source field HR has its own */
static void
AddFilled(Company *company, Reasons *reasons, const char *field)
{
	const char *column = quote_identifier(field);
	char	   *what;
	int64		filled;
	int64		by_hand;

	SqlRun(company, "SELECT filled, filled_by_hand, pg_catalog.to_char(filled, 'FM999,999,999,999'), "
		   "pg_catalog.to_char(filled_by_hand, 'FM999,999,999,999') FROM @company@.field WHERE field = $1", "t", field);
	filled = SqlInt(0, 1);
	by_hand = SqlInt(0, 2);
	if (by_hand == 0 && (filled == 0 || FieldFind(field) != NULL))
		return;
	if (by_hand == 0)
		what = psprintf("filled for %s", Stakeholders(filled, SqlText(0, 3)));
	else
		what = psprintf("filled by hand for %s", Stakeholders(by_hand, SqlText(0, 4)));
	AddReason(reasons, what, psprintf("UPDATE %s.stakeholder SET %s = NULL WHERE %s IS NOT NULL", company->quoted, column, column));
}

/* Add what depends on a column; tell of what mentions it */
static void
AddUses(Reasons *reasons, Oid relid, const char *field)
{
	AttrNumber	number = get_attnum(relid, field);
	ListCell   *lc;

	if (number == InvalidAttrNumber)
		return;
	foreach(lc, FieldUsesFind(relid))
	{
		FieldUse   *use = lfirst(lc);

		if (use->column != number)
			continue;
		if (use->drop != NULL)
			AddReason(reasons, psprintf("used by %s", use->what), use->drop);
		else
			ereport(NOTICE, (errmsg("%s mentions \"%s\"", use->what, field)));
	}
}

/* Raise while anybody would miss the field */
static void
CheckUnused(Company *company, const char *field)
{
	Reasons		reasons;

	initStringInfo(&reasons.what);
	initStringInfo(&reasons.statements);
	AddConfiguration(company, &reasons, field);
	AddFilled(company, &reasons, field);
	AddUses(&reasons, CompanyRelation(company, "stakeholder"), field);
	if (FieldFind(field) == NULL)
		AddUses(&reasons, CompanyRelation(company, "employee"), field);
	if (reasons.what.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("field \"%s\" cannot be dropped: it is %s", field, reasons.what.data),
				 errhint("First: %s", reasons.statements.data)));
}

/* Drop a field and what is remembered of it */
static void
DropField(Company *company, const char *field)
{
	Run(psprintf("ALTER TABLE %s.stakeholder DROP COLUMN %s", company->quoted, quote_identifier(field)));
	if (FieldFind(field) == NULL)
		Run(psprintf("ALTER TABLE %s.employee DROP COLUMN IF EXISTS %s", company->quoted, quote_identifier(field)));
	SqlRun(company, "UPDATE @company@._applied SET said = said - $1, never = pg_catalog.array_remove(never, $1) "
		   "WHERE said ? $1 OR $1 = ANY (never)", "t", field);
	SqlRun(company, "UPDATE @company@.connection SET fetched_fields = pg_catalog.array_remove(fetched_fields, $1) "
		   "WHERE $1 = ANY (fetched_fields)", "t", field);
	DiscardPlans(company, psprintf("field \"%s\" was dropped", field));
}

PG_FUNCTION_INFO_V1(stakesync_drop_field);

/* Drop a custom field that nobody uses */
Datum
stakesync_drop_field(PG_FUNCTION_ARGS)
{
	char	   *field = RequiredText(fcinfo, 0, "SELECT stakesync_drop_field('t_shirt_size');");
	Company    *company = CompanyResolve(PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1)));
	CompanyContext *context;

	CheckOwner(company);
	context = CompanyEnter(company, "stakeholder", ACL_SELECT, true, "stakesync_drop_field()");
	CheckCustom(company, field, "dropped");
	CheckUnused(company, field);
	DropField(company, field);
	CompanyLeave(context);
	PG_RETURN_VOID();
}
