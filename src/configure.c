/*
 * Configuring a connection: identifier, email, optional fields, settings.
 */
#include "postgres.h"

#include "connection.h"
#include "document.h"
#include "executor/spi.h"
#include "field.h"
#include "fmgr.h"
#include "funcapi.h"
#include "keys.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "sql.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
#include "catalog/pg_type.h"

/* Words that import takes and the fields each brings */
static const struct
{
	const char *word;
	const char *fields;
}			imports[] =

{
	{"manager", "{manager}"},
	{"mobile_phone", "{mobile_phone}"},
	{"pay_rate", "{pay_rate,pay_period,pay_currency}"},
};

/* The fields that those bring */
static const char *const imported[] = {"manager", "mobile_phone", "pay_rate", "pay_period", "pay_currency"};

/* Refuse what cannot identify people */
static void
CheckIdentifier(Company *company, const char *identifier)
{
	if (KeysIsCandidate(identifier))
		return;
	if (get_attnum(CompanyRelation(company, "employee"), identifier) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" cannot be the identifier", identifier),
				 errhint("Choose one of employee_number, work_email, personal_email, remote_id; custom fields cannot identify people.")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("no field \"%s\"", identifier),
			 errhint("The identifier is one of employee_number, work_email, personal_email, remote_id.")));
}

/* Refuse what holds no email */
static void
CheckEmail(const char *email)
{
	if (strcmp(email, "work_email") != 0 && strcmp(email, "personal_email") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" is no email", email),
				 errhint("Choose work_email or personal_email.")));
}

/* Fields behind an import word; raises on an unknown one */
static const char *
ImportFields(const char *word)
{
	for (int i = 0; i < lengthof(imports); i++)
		if (strcmp(imports[i].word, word) == 0)
			return imports[i].fields;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" cannot be imported", word),
			 errhint("import takes manager, mobile_phone and pay_rate (with period and currency); default fields come by themselves.")));
	return NULL;
}

/* Map the optional fields of import, unmap the others */
static void
SetImport(Company *company, const char *connection, ArrayType *import)
{
	Datum	   *words;
	bool	   *nulls;
	int			count;
	StringInfoData fields;

	initStringInfo(&fields);
	deconstruct_array(import, TEXTOID, -1, false, TYPALIGN_INT, &words, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			appendStringInfo(&fields, "%s%s", fields.len > 0 ? " || " : "",
							 psprintf("'%s'::text[]", ImportFields(TextDatumGetCString(words[i]))));
	if (fields.len == 0)
		appendStringInfoString(&fields, "'{}'::text[]");

	SqlRun(company, "UPDATE @company@.connection SET import = ARRAY(SELECT DISTINCT i FROM pg_catalog.unnest($2) i WHERE i IS NOT NULL ORDER BY i) WHERE connection = $1",
		   "ta", connection, PointerGetDatum(import));
	SqlRun(company, psprintf("DELETE FROM @company@.mapping WHERE connection = $1 AND origin = 'provider' "
							 "AND field = ANY ('{manager,mobile_phone,pay_rate,pay_period,pay_currency}') AND field <> ALL (%s)", fields.data),
		   "t", connection);
	SqlRun(company, psprintf("INSERT INTO @company@.mapping (connection, field, path, transform, origin) "
							 "SELECT $1, m ->> 'field', m ->> 'path', m ->> 'transform', 'provider' "
							 "FROM @company@.connection c LEFT JOIN @company@._credential s USING (connection) "
							 "JOIN (SELECT provider, definition FROM @extension@.stakesync_provider UNION ALL SELECT provider, definition FROM @company@.provider) p USING (provider) "
							 "CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(coalesce(p.definition #> ARRAY['methods', s.method, 'mapping'], p.definition -> 'mapping')) m "
							 "WHERE c.connection = $1 AND m ->> 'field' = ANY (%s) ON CONFLICT DO NOTHING", fields.data),
		   "t", connection);
	/* what is no longer imported is not kept */
	for (int i = 0; i < lengthof(imported); i++)
		SqlRun(company, psprintf("UPDATE @company@.employee e SET %s = NULL WHERE connection = $1 AND %s IS NOT NULL "
								 "AND NOT EXISTS (SELECT FROM @company@.mapping m WHERE m.connection = e.connection AND m.field = '%s')",
								 imported[i], imported[i], imported[i]), "t", connection);
}

/*
 * Choose the field that gives the register's identifier or email. What HR
 * said of linked people before stays what was applied.
 */
static void
ChooseSource(Company *company, const char *connection, const char *what, const char *field)
{
	char	   *before;

	SqlRun(company, psprintf("SELECT coalesce(%s, CASE WHEN '%s' = 'email' THEN 'work_email' END) FROM @company@.connection WHERE connection = $1", what, what),
		   "t", connection);
	before = SqlText(0, 1);
	if (before != NULL && strcmp(before, field) != 0)
		SqlRun(company,
			   psprintf("INSERT INTO @company@._applied AS a (connection, remote_id, said) "
						"SELECT e.connection, e.remote_id, pg_catalog.jsonb_build_object('%s', e.%s) FROM @company@.employee e "
						"JOIN @company@.link l ON l.remote_id = e.remote_id AND l.connection = e.connection AND l.until IS NULL AND l.how <> 'not' "
						"WHERE e.connection = $1 AND e.%s IS DISTINCT FROM e.%s "
						"ON CONFLICT (remote_id, connection) DO UPDATE SET said = (excluded.said - a.never) || a.said",
						what, quote_identifier(before), quote_identifier(before), quote_identifier(field)), "t", connection);
	SqlRun(company, psprintf("UPDATE @company@.connection SET %s = $2, configured_at = coalesce(configured_at, pg_catalog.now()) WHERE connection = $1", what),
		   "tt", connection, field);
}

/* Lay new settings over the old; null goes back to the default */
static void
ChangeSettings(Company *company, const char *connection, Jsonb *settings)
{
	char	   *given = JsonbToCString(NULL, &settings->root, VARSIZE(settings));

	SqlRun(company, "SELECT provider FROM @company@.connection WHERE connection = $1", "t", connection);
	ProviderCheckSettings(ProviderFind(company, SqlText(0, 1)), settings);
	if (DocumentText(settings, "base_url") != NULL)
		(void) ProviderHost(DocumentText(settings, "base_url"));
	SqlRun(company, "UPDATE @company@.connection SET settings = pg_catalog.jsonb_strip_nulls(settings || $2) WHERE connection = $1",
		   "tj", connection, given);
}

/* Write what the call says */
static void
Configure(FunctionCallInfo fcinfo, Company *company, const char *connection)
{
	bool		rebuild = false;

	if (!PG_ARGISNULL(0))
	{
		char	   *identifier = text_to_cstring(PG_GETARG_TEXT_PP(0));

		CheckIdentifier(company, identifier);
		ChooseSource(company, connection, "identifier", identifier);
		rebuild = true;
	}
	if (!PG_ARGISNULL(1))
	{
		char	   *email = text_to_cstring(PG_GETARG_TEXT_PP(1));

		CheckEmail(email);
		ChooseSource(company, connection, "email", email);
		rebuild = true;
	}
	if (!PG_ARGISNULL(2))
		SetImport(company, connection, PG_GETARG_ARRAYTYPE_P(2));
	if (!PG_ARGISNULL(3))
		ChangeSettings(company, connection, PG_GETARG_JSONB_P(3));
	if (!PG_ARGISNULL(4))
		SqlRun(company, "UPDATE @company@.connection SET precedence = $2::integer WHERE connection = $1", "ti",
			   connection, (int64) PG_GETARG_INT32(4));
	if (rebuild)
		KeysRebuild(company, connection);
}

/* The quality of one candidate, in scope and over all */
static char *
CandidateQuery(const char *field)
{
	return psprintf("WITH person AS ("
					"SELECT e.remote_id, @extension@.stakesync_canonical_identifier(e.%s) AS key, "
					"@extension@.stakesync_in_scope(k.config, e) AS scope "
					"FROM @company@.employee e JOIN @company@._config k USING (connection) "
					"WHERE e.connection = $1 AND e.missing_since IS NULL), "
					"figures AS ("
					"SELECT count(*) FILTER (WHERE scope) AS employees, count(key) FILTER (WHERE scope) AS filled, "
					"count(DISTINCT key) FILTER (WHERE scope) AS distinct_values, "
					"count(*) AS all_employees, count(key) AS all_filled, count(DISTINCT key) AS all_distinct FROM person) "
					"SELECT '%s', f.employees, f.filled, f.distinct_values, "
					"(SELECT count(*) FROM @company@.stakeholder s WHERE s.identifier_key IN (SELECT key FROM person WHERE scope)), "
					"coalesce(c.identifier = '%s', false), "
					"nullif(concat_ws('; ', "
					"CASE WHEN f.employees = 0 AND f.all_employees = 0 THEN 'nothing fetched yet' END, "
					"CASE WHEN f.filled < f.employees THEN format('missing for %%s of %%s', f.employees - f.filled, f.employees) END, "
					"CASE WHEN f.distinct_values < f.filled THEN format('%%s people share one', f.filled - f.distinct_values + "
					"(SELECT count(*) FROM (SELECT FROM person WHERE scope AND key IS NOT NULL GROUP BY key HAVING count(*) > 1) x)) END, "
					"CASE WHEN f.all_employees > f.employees THEN format('over all: filled %%s of %%s, %%s distinct', f.all_filled, f.all_employees, f.all_distinct) END, "
					"CASE WHEN p.recommended ? '%s' THEN 'recommended' END), '') "
					"FROM figures f, @company@.connection c "
					"LEFT JOIN (SELECT provider, recommended_identifiers AS recommended FROM @extension@.stakesync_provider "
					"UNION ALL SELECT provider, definition -> 'recommended_identifiers' FROM @company@.provider) p USING (provider) "
					"WHERE c.connection = $1",
					quote_identifier(field), field, field, field);
}

/* List the candidates into the result */
static void
ListCandidates(FunctionCallInfo fcinfo, CompanyContext *context, const char *connection)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;

	for (int i = 0; KeysCandidates[i]; i++)
	{
		Datum		values[7];
		bool		nulls[7];

		SqlRun(context->company, CandidateQuery(KeysCandidates[i]), "t", connection);
		for (int column = 0; column < 7; column++)
			values[column] = SqlDatum(0, column + 1, &nulls[column]);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(stakesync_configure);

/* Configure a connection, and list the fields that can identify people */
Datum
stakesync_configure(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	Company    *company = CompanyResolve(PG_ARGISNULL(6) ? NULL : NameStr(*PG_GETARG_NAME(6)));
	bool		writes = false;
	CompanyContext *context;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < 5; i++)
		writes = writes || !PG_ARGISNULL(i);
	context = CompanyEnter(company, "connection", writes ? ACL_UPDATE : ACL_SELECT, writes, "stakesync_configure()");
	name = ConnectionResolve(company, name);
	if (writes)
		Configure(fcinfo, company, name);
	ListCandidates(fcinfo, context, name);
	CompanyLeave(context);
	return (Datum) 0;
}
