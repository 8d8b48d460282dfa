/*
 * Exceptions to what is refused: allowing one category in one field for a
 * time, and erasing what an exception let in when it is revoked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "closest.h"
#include "connection.h"
#include "executor/spi.h"
#include "field.h"
#include "fmgr.h"
#include "keys.h"
#include "lib/stringinfo.h"
#include "mapping.h"
#include "miscadmin.h"
#include "sensitive.h"
#include "sensitive_exception.h"
#include "sql.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* Days that an exception lasts at most */
#define MOST_DAYS 366

/* What is being revoked */
typedef struct Erasure
{
	Company    *company;
	const char *category;
	const char *field;
	Datum		connections;	/* text[], 0 for all */
	bool		whole;			/* all values, not only those of a refused
								 * shape */
	int64		erased;
} Erasure;

/* The set of categories in a comma list */
uint32
ExceptionSet(const char *categories)
{
	uint32		set = 0;

	while (categories != NULL && *categories != '\0')
	{
		size_t		length = strcspn(categories, ",");
		int			category = SensitiveCategoryFind(pnstrdup(categories, length));

		if (category >= 0)
			set |= 1U << category;
		categories += length + (categories[length] == ',');
	}
	return set;
}

/* The categories let into a field */
uint32
ExceptionAllowed(Company *company, const char *field, const char *connection)
{
	SqlRun(company, "SELECT pg_catalog.string_agg(x.category, ',') FROM @company@.sensitive_exception x "
		   "WHERE x.field = $1 AND " EXCEPTION_HOLDS("coalesce($2, x.connection)"), "tt", field, connection);
	return ExceptionSet(SqlText(0, 1));
}

/* Refuse a custom field by its name or label, unless an exception lets it in */
void
ExceptionCheckField(Company *company, const char *field, const char *label)
{
	uint32		allowed = ExceptionAllowed(company, field, NULL);

	SensitiveRefuseField(field, "its name", SensitiveNameCategories(field, strlen(field)) & ~allowed);
	if (label != NULL)
		SensitiveRefuseField(field, "its label", SensitiveNameCategories(label, strlen(label)) & ~allowed);
}

/* Note that exceptions let in a field by its name or path, so all of its values */
static void
NoteWhole(Company *company, const char *field, uint32 categories)
{
	for (int i = 0; i < SENSITIVE_COUNT; i++)
		if (categories & (1U << i))
			SqlRun(company, "UPDATE @company@.sensitive_exception SET whole = true "
				   "WHERE field = $1 AND category = $2 AND revoked_at IS NULL AND NOT whole", "tt",
				   field, SensitiveCategoryName(i));
}

/* Refuse a mapping that leads to refused data, unless an exception lets it in */
void
ExceptionCheckMapping(Company *company, MappingRule *rule, const char *connection)
{
	uint32		categories;

	rule->allowed = 0;
	categories = MappingRefused(rule, NULL);
	if (categories == 0)
		return;
	rule->allowed = ExceptionAllowed(company, rule->field, connection);
	MappingCheckRefused(rule);
	NoteWhole(company, rule->field, categories);
}

/* For a trigger of a company's register: the categories let into a column */
uint32
ExceptionAllowedInRegister(Oid schema, const char *column, bool by_hand)
{
	Company    *company = CompanyBySchema(schema);
	Oid			caller;
	int			security;
	int			level;
	uint32		allowed;

	GetUserIdAndSecContext(&caller, &security);
	SetUserIdAndSecContext(company->owner, security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	SqlRun(company, "SELECT pg_catalog.string_agg(x.category, ',') FROM @company@.sensitive_exception x "
		   "WHERE x.field = $1 AND x.revoked_at IS NULL AND x.until > pg_catalog.now() AND (x.connection IS NULL OR NOT $2)",
		   "tb", column, by_hand);
	allowed = ExceptionSet(SqlText(0, 1));
	SPI_finish();
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(caller, security);
	return allowed;
}

/* Text of an argument, or NULL */
static char *
TextArgument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* Refuse what is no category */
static void
CheckCategory(const char *category)
{
	List	   *names = NIL;
	const char *closest;

	if (category != NULL && SensitiveCategoryFind(category) >= 0)
		return;
	for (int i = 0; i < SENSITIVE_COUNT; i++)
		names = lappend(names, (char *) SensitiveCategoryName(i));
	closest = category ? ClosestWord(category, names) : NULL;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 category ? errmsg("no category \"%s\"", category) : errmsg("say which category"),
			 closest ? errhint("Did you mean \"%s\"?", closest) :
			 errhint("SELECT DISTINCT category FROM %s.stakesync_sensitive_term;", ExtensionSchema())));
}

/* Refuse a call that does not say which field */
static void
CheckFieldGiven(const char *field)
{
	if (field == NULL || field[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say which field"),
				 errhint("The view field of the company lists them.")));
}

/* Refuse an exception without reason */
static void
CheckReason(const char *reason)
{
	if (reason == NULL || reason[strspn(reason, " \t\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an exception needs a reason"),
				 errhint("Say why such data must be kept; it is recorded.")));
	if (SensitiveValue(reason, strlen(reason)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the reason itself holds refused data"),
				 errhint("Say why, not what."),
				 errhidestmt(true)));
}

/* Refuse an end that is past or too far */
static void
CheckUntil(TimestampTz until)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (until <= now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an exception cannot end in the past"),
				 errhint("until => current_date + 90, at most a year ahead.")));
	if (until - now > (int64) MOST_DAYS * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an exception lasts a year at most"),
				 errhint("until => current_date + 365; renew it then, if it still has a reason.")));
}

/* True if a table of the company has a column */
static bool
HasColumn(const Company *company, const char *table, const char *column)
{
	return get_attnum(CompanyRelation(company, table), column) > 0;
}

/* Say that the field is not there yet */
static void
NoticeField(const Company *company, const char *field)
{
	const char *closest = FieldClosest(field);

	if (HasColumn(company, "stakeholder", field) || HasColumn(company, "employee", field))
		return;
	ereport(NOTICE,
			(errmsg("there is no field \"%s\" yet", field),
			 closest ? errhint("stakesync_add_field() will take it. Or did you mean \"%s\"?", closest) :
			 errhint("stakesync_add_field() will take it.")));
}

/* Categories that the name and the mappings of a field tell of */
static uint32
FieldCategories(Company *company, const char *field)
{
	uint32		categories = SensitiveNameCategories(field, strlen(field));
	uint64		rows = SqlRun(company, "SELECT path, transform FROM @company@.mapping WHERE field = $1", "t", field);

	for (uint64 i = 0; i < rows; i++)
	{
		MappingRule rule = {.field = field,.path = SqlText(i, 1),.transform = SqlText(i, 2)};

		categories |= MappingRefused(&rule, NULL);
	}
	SqlRun(company, "SELECT pg_catalog.col_description($1::oid, a.attnum) FROM pg_catalog.pg_attribute a "
		   "WHERE a.attrelid = $1::oid AND a.attname = $2 AND NOT a.attisdropped", "it",
		   (int64) CompanyRelation(company, "stakeholder"), field);
	if (SPI_processed == 1 && SqlText(0, 1) != NULL)
		categories |= SensitiveNameCategories(SqlText(0, 1), strlen(SqlText(0, 1)));
	return categories;
}

PG_FUNCTION_INFO_V1(stakesync_allow_sensitive);

/* Let a category into one field for a time */
Datum
stakesync_allow_sensitive(PG_FUNCTION_ARGS)
{
	char	   *category = TextArgument(fcinfo, 0);
	char	   *field = TextArgument(fcinfo, 1);
	char	   *reason = TextArgument(fcinfo, 2);
	char	   *connection = TextArgument(fcinfo, 4);
	Company    *company;
	CompanyContext *context;

	CheckCategory(category);
	CheckFieldGiven(field);
	CheckReason(reason);
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say until when the exception holds"),
				 errhint("until => current_date + 90, at most a year ahead.")));
	CheckUntil(PG_GETARG_TIMESTAMPTZ(3));
	company = CompanyResolve(PG_ARGISNULL(5) ? NULL : NameStr(*PG_GETARG_NAME(5)));
	context = CompanyEnter(company, "sensitive_exception", ACL_INSERT, true, "stakesync_allow_sensitive()");
	if (connection != NULL)
		connection = ConnectionResolve(company, connection);
	NoticeField(company, field);

	/* one exception takes another's place; what that let in stays */
	SqlRun(company, "UPDATE @company@.sensitive_exception SET revoked_at = pg_catalog.now(), revoked_by = $4 "
		   "WHERE category = $1 AND field = $2 AND connection IS NOT DISTINCT FROM $3 AND revoked_at IS NULL", "tttt",
		   category, field, connection, CompanyCaller());
	SqlRun(company, "INSERT INTO @company@.sensitive_exception (category, field, connection, reason, until, allowed_at, allowed_by, whole) "
		   "SELECT $1, $2, $3, $4, $5, pg_catalog.now(), $6, $7 OR coalesce(pg_catalog.bool_or(o.whole), false) "
		   "FROM @company@.sensitive_exception o WHERE o.category = $1 AND o.field = $2 AND o.revoked_at = pg_catalog.now()",
		   "ttttztb", category, field, connection, reason, (int64) PG_GETARG_TIMESTAMPTZ(3), CompanyCaller(),
		   (FieldCategories(company, field) & (1U << SensitiveCategoryFind(category))) != 0);
	CompanyLeave(context);
	PG_RETURN_VOID();
}

/* SQL: a value is one that the exception let in */
static char *
HitBy(const Erasure *erasure, const char *value)
{
	if (erasure->whole)
		return psprintf("%s IS NOT NULL", value);
	return psprintf("$1 = ANY (@extension@.stakesync_sensitive_value(%s::text, $2))", value);
}

/* Run a statement of an erasure: $1 category, $2 field, $3 connections */
static void
Erase(Erasure *erasure, const char *statement)
{
	erasure->erased += SqlRun(erasure->company, statement, "tta", erasure->category, erasure->field,
							  erasure->connections);
}

/* Erase from the picture, and from what was applied of it */
static void
EraseEmployees(Erasure *erasure)
{
	const char *column = quote_identifier(erasure->field);

	Erase(erasure, psprintf("UPDATE @company@._applied a SET said = a.said - $2 WHERE a.said ? $2 "
							"AND ($3 IS NULL OR a.connection = ANY ($3)) AND %s", HitBy(erasure, "(a.said ->> $2)")));
	if (HasColumn(erasure->company, "employee", erasure->field))
		Erase(erasure, psprintf("UPDATE @company@.employee e SET %s = NULL, record_hash = NULL WHERE e.%s IS NOT NULL "
								"AND ($3 IS NULL OR e.connection = ANY ($3)) AND %s", column, column,
								HitBy(erasure, psprintf("e.%s", column))));
}

/* Erase from the register, and note in its history that it was done */
static void
EraseRegister(Erasure *erasure)
{
	const char *column = quote_identifier(erasure->field);

	if (!HasColumn(erasure->company, "stakeholder", erasure->field))
		return;
	erasure->erased += SqlRun(erasure->company,
							  psprintf("WITH erased AS (UPDATE @company@.stakeholder s SET %s = NULL WHERE s.%s IS NOT NULL "
									   "AND ($3 IS NULL OR EXISTS (SELECT FROM @company@.link l WHERE l.stakeholder_id = s.stakeholder_id "
									   "AND l.connection = ANY ($3) AND l.how <> 'not')) AND %s RETURNING s.stakeholder_id) "
									   "INSERT INTO @company@.change (stakeholder_id, action, before, after, state, reason, at, by) "
									   "SELECT stakeholder_id, 'update', pg_catalog.jsonb_build_object($2, NULL), pg_catalog.jsonb_build_object($2, NULL), "
									   "'applied', 'erased: an exception for ' || $1 || ' was revoked', pg_catalog.now(), $4 FROM erased",
									   column, column, HitBy(erasure, psprintf("s.%s", column))), "ttat",
							  erasure->category, erasure->field, erasure->connections, CompanyCaller());
}

/* Erase from the history */
static void
EraseHistory(Erasure *erasure)
{
	static const char *const sides[] = {"before", "after"};

	for (int i = 0; i < lengthof(sides); i++)
		Erase(erasure, psprintf("UPDATE @company@.change c SET %s = pg_catalog.jsonb_set(c.%s, ARRAY[$2], 'null') "
								"WHERE c.%s ->> $2 IS NOT NULL AND ($3 IS NULL OR c.connection = ANY ($3)) AND %s",
								sides[i], sides[i], sides[i], HitBy(erasure, psprintf("(c.%s ->> $2)", sides[i]))));
	if (strcmp(erasure->field, "identifier") == 0)
		Erase(erasure, psprintf("UPDATE @company@.change c SET identifier = NULL WHERE c.identifier IS NOT NULL "
								"AND ($3 IS NULL OR c.connection = ANY ($3)) AND %s", HitBy(erasure, "c.identifier")));
}

/* Make keys again that were made of what is erased */
static void
RebuildKeys(Erasure *erasure)
{
	uint64		rows = SqlRun(erasure->company, "SELECT connection FROM @company@.connection c "
							  "WHERE coalesce(c.identifier, '') = $1 OR coalesce(c.email, 'work_email') = $1 OR $1 = 'name'", "t",
							  erasure->field);
	List	   *names = NIL;
	ListCell   *lc;

	for (uint64 i = 0; i < rows; i++)
		names = lappend(names, SqlText(i, 1));
	if (strcmp(erasure->field, "name") == 0)
		SqlRun(erasure->company, "UPDATE @company@.employee SET name_key = NULL WHERE name IS NULL AND name_key IS NOT NULL", NULL);
	foreach(lc, names)
	{
		KeysRebuild(erasure->company, lfirst(lc));
		KeysFindClaims(erasure->company, lfirst(lc));
	}
}

/* Mark exceptions as revoked, and read how far they went */
static void
EndExceptions(Erasure *erasure, const char *connection)
{
	uint64		rows = SqlRun(erasure->company,
							  "UPDATE @company@.sensitive_exception SET revoked_at = pg_catalog.now(), revoked_by = $4 "
							  "WHERE category = $1 AND field = $2 AND ($3 IS NULL OR connection = $3) AND revoked_at IS NULL "
							  "RETURNING connection, whole", "tttt",
							  erasure->category, erasure->field, connection, CompanyCaller());
	Datum	   *connections = palloc(sizeof(Datum) * (rows + 1));
	bool		all = false;

	if (rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("field \"%s\" has no exception for %s to revoke", erasure->field, erasure->category),
				 errhint("SELECT * FROM %s.sensitive_exception WHERE revoked_at IS NULL;", erasure->company->quoted)));
	for (uint64 i = 0; i < rows; i++)
	{
		char	   *name = SqlText(i, 1);

		all = all || name == NULL;
		connections[i] = name ? CStringGetTextDatum(name) : (Datum) 0;
		erasure->whole = erasure->whole || SqlBool(i, 2);
	}
	if (!all)
		erasure->connections = PointerGetDatum(construct_array(connections, rows, TEXTOID, -1, false, TYPALIGN_INT));
	if ((FieldCategories(erasure->company, erasure->field) & (1U << SensitiveCategoryFind(erasure->category))) != 0)
		erasure->whole = true;
}

PG_FUNCTION_INFO_V1(stakesync_revoke_sensitive);

/* Revoke an exception and erase what it let in */
Datum
stakesync_revoke_sensitive(PG_FUNCTION_ARGS)
{
	char	   *connection = TextArgument(fcinfo, 2);
	Erasure		erasure = {0};
	CompanyContext *context;

	erasure.category = TextArgument(fcinfo, 0);
	erasure.field = TextArgument(fcinfo, 1);
	CheckCategory(erasure.category);
	CheckFieldGiven(erasure.field);
	erasure.company = CompanyResolve(PG_ARGISNULL(3) ? NULL : NameStr(*PG_GETARG_NAME(3)));
	context = CompanyEnter(erasure.company, "sensitive_exception", ACL_UPDATE, true, "stakesync_revoke_sensitive()");
	EndExceptions(&erasure, connection);
	EraseEmployees(&erasure);
	EraseHistory(&erasure);
	EraseRegister(&erasure);
	RebuildKeys(&erasure);
	ereport(NOTICE,
			(errmsg(INT64_FORMAT " values of field \"%s\" were erased", erasure.erased, erasure.field)));
	CompanyLeave(context);
	PG_RETURN_INT64(erasure.erased);
}
