/*
 * Merge: the landing becomes the picture, in one transaction or not at all.
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "executor/spi.h"
#include "fetch.h"
#include "gap.h"
#include "keys.h"
#include "lib/stringinfo.h"
#include "mapping.h"
#include "misfit.h"
#include "parser/parse_type.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Percent of the people of the last picture that a full fetch must bring */
#define MERGE_LEAST_PERCENT 80

/* Rows written beyond which autovacuum would be late with statistics */
#define MERGE_ANALYZE_FROM 100

/* A number as people write it */
static char *
Grouped(int64 number)
{
	char	   *digits = psprintf(INT64_FORMAT, number);
	StringInfoData buf;
	int			length = strlen(digits);

	initStringInfo(&buf);
	for (int i = 0; i < length; i++)
	{
		if (i > 0 && (length - i) % 3 == 0)
			appendStringInfoChar(&buf, ',');
		appendStringInfoChar(&buf, digits[i]);
	}
	return buf.data;
}

/* Refuse what was fetched under another configuration */
static void
CheckConfiguration(Company *company, Fetch *fetch)
{
	if (SqlRun(company, "SELECT connection_id FROM @company@.connection WHERE connection = $1 FOR UPDATE", "t",
			   fetch->connection_name) != 1 || SqlInt(0, 1) != fetch->connection_id)
		FetchFail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the connection was removed while it was fetched",
				  "Connect it again: SELECT * FROM stakesync_connect(...).");
	if (strcmp(FetchFingerprint(company, fetch->connection_name), fetch->fingerprint) != 0)
		FetchFail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "configuration changed, fetch again",
				  "SELECT * FROM stakesync_fetch();");
}

/* Refuse what is not what was announced */
static void
CheckAnnounced(const Fetch *fetch, int64 received)
{
	if (fetch->count.expected >= 0 && fetch->count.expected != received)
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
				  psprintf("%s people were announced and %s came", Grouped(fetch->count.expected), Grouped(received)),
				  "The data moved while it was read; fetch again.");
}

/*
 * Refuse a full fetch that cannot be the whole picture. Who counts is alive at
 * the source: a record that is flagged as deleted has not come, and a stranger
 * does not make up for one of the last picture.
 */
static void
CheckCompleteness(Company *company, Fetch *fetch)
{
	int64		alive;
	int64		came;

	SqlRun(company,
		   "SELECT pg_catalog.count(*), pg_catalog.count(e.remote_id) FROM landing l "
		   "LEFT JOIN @company@.employee e ON e.remote_id = l.remote_id AND e.connection = $1 AND e.missing_since IS NULL "
		   "WHERE NOT l.deleted", "t", fetch->connection_name);
	alive = SqlInt(0, 1);
	came = SqlInt(0, 2);
	if (alive == 0)
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, "the HR system answered, but with nobody",
				  "Check the account's permissions; nothing was changed.");
	if (!fetch->accept_fewer && came * 100 < fetch->base * MERGE_LEAST_PERCENT)
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
				  psprintf("%s of %s people came", Grouped(came), Grouped(fetch->base)),
				  "If this is right: SELECT * FROM stakesync_fetch(accept_fewer => true);");
}

/* The value of a rule in the landing, as its column's type */
static char *
NewValue(const Company *company, int i, const char *field)
{
	Oid			relid = CompanyRelation(company, "employee");
	AttrNumber	attnum = get_attnum(relid, field);
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	return psprintf("l.%s::%s", LandingColumn(i), format_type_with_typemod(type, typmod));
}

/*
 * Remember what HR had said of linked people where it says something else
 * now: the value that was applied, or that none was. What was remembered
 * before wins, it is what was applied last.
 */
static void
RememberSaid(Company *company, Fetch *fetch)
{
	StringInfoData values;
	ListCell   *lc;

	initStringInfo(&values);
	foreach(lc, fetch->rules)
	{
		const MappingRule *rule = lfirst(lc);
		const char *column = quote_identifier(rule->field);
		const char *fresh = NewValue(company, foreach_current_index(lc), rule->field);
		const char *keys[3] = {rule->field, NULL, NULL};

		if (fetch->identifier && strcmp(rule->field, fetch->identifier) == 0)
			keys[1] = "identifier";
		if (strcmp(rule->field, fetch->email) == 0)
			keys[2] = "email";
		for (int i = 0; i < 3; i++)
			if (keys[i])
				appendStringInfo(&values, "%s(%s, %s, pg_catalog.to_jsonb(e.%s), pg_catalog.to_jsonb(%s))",
								 values.len > 0 ? ", " : "", quote_literal_cstr(keys[i]),
								 quote_literal_cstr(rule->field), column, fresh);
	}
	SqlRun(company,
		   psprintf("INSERT INTO @company@._applied AS a (connection, remote_id, said, never) "
					"SELECT e.connection, e.remote_id, coalesce(d.said, '{}'), coalesce(d.never, '{}') "
					"FROM landing l "
					"JOIN @company@.employee e ON e.remote_id = l.remote_id AND e.connection = $1 "
					"JOIN @company@.link k ON k.remote_id = e.remote_id AND k.connection = e.connection AND k.until IS NULL AND k.how <> 'not' "
					"CROSS JOIN @company@.connection c "
					"CROSS JOIN LATERAL ("
					"SELECT pg_catalog.jsonb_object_agg(f.key, f.was) FILTER (WHERE NOT f.first) AS said, "
					"pg_catalog.array_agg(f.key) FILTER (WHERE f.first) AS never "
					"FROM (SELECT v.key, v.was, v.was IS NULL AND (v.field = ANY (e.unknown) OR v.field <> ALL (c.fetched_fields)) IS TRUE AS first "
					"FROM (VALUES %s) v(key, field, was, now) "
					"WHERE v.field <> ALL (l.unknown) AND v.was IS DISTINCT FROM v.now) f) d "
					"WHERE c.connection = $1 AND NOT l.same AND NOT l.deleted AND (d.said IS NOT NULL OR d.never IS NOT NULL) "
					"ON CONFLICT (remote_id, connection) DO UPDATE SET "
					"said = (excluded.said - a.never) || a.said, "
					"never = ARRAY(SELECT DISTINCT n FROM pg_catalog.unnest(a.never || excluded.never) n "
					"WHERE NOT a.said ? n ORDER BY n)",
					values.data), "t", fetch->connection_name);
}

/* Columns that go with the values, from the landing */
static const char *const kept_columns =
"problems, changes_on, record_hash, unknown, identifier_key, email_key, name_key";

/* Write people who changed; counts those of whom a value did */
static void
UpdateChanged(Company *company, Fetch *fetch)
{
	StringInfoData set;
	StringInfoData was;
	StringInfoData now;
	ListCell   *lc;

	initStringInfo(&set);
	initStringInfo(&was);
	initStringInfo(&now);
	foreach(lc, fetch->rules)
	{
		const MappingRule *rule = lfirst(lc);
		const char *column = quote_identifier(rule->field);
		char	   *fresh = psprintf("CASE WHEN %s = ANY (l.unknown) THEN e.%s ELSE %s END",
									 quote_literal_cstr(rule->field), column,
									 NewValue(company, foreach_current_index(lc), rule->field));

		appendStringInfo(&set, "%s = %s, ", column, fresh);
		appendStringInfo(&was, "%se.%s", was.len > 0 ? ", " : "", column);
		appendStringInfo(&now, "%s%s", now.len > 0 ? ", " : "", fresh);
	}
	SqlRun(company,
		   psprintf("WITH written AS ("
					"UPDATE @company@.employee e SET %s"
					"problems = l.problems::jsonb, changes_on = l.changes_on, record_hash = l.record_hash, "
					"unknown = nullif(l.unknown, '{}'), shrunk = false, missing_since = NULL, "
					"identifier_key = CASE WHEN $2 = ANY (l.unknown) THEN e.identifier_key ELSE l.identifier_key END, "
					"email_key = CASE WHEN $3 = ANY (l.unknown) THEN e.email_key ELSE l.email_key END, "
					"name_key = CASE WHEN 'name' = ANY (l.unknown) THEN e.name_key ELSE l.name_key END, "
					"changed_at = CASE WHEN ROW(%s) IS DISTINCT FROM ROW(%s) OR e.problems IS DISTINCT FROM l.problems::jsonb "
					"THEN pg_catalog.now() ELSE e.changed_at END "
					"FROM landing l WHERE e.remote_id = l.remote_id AND e.connection = $1 AND NOT l.same AND NOT l.deleted "
					"RETURNING e.changed_at) "
					"SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE changed_at = pg_catalog.now()) FROM written",
					set.data, was.data, now.data),
		   "ttt", fetch->connection_name, fetch->identifier ? fetch->identifier : "", fetch->email);
	fetch->changed = SqlInt(0, 2);
}

/* Write people who are new */
static void
InsertNew(Company *company, Fetch *fetch)
{
	StringInfoData columns;
	StringInfoData values;
	ListCell   *lc;

	initStringInfo(&columns);
	initStringInfo(&values);
	foreach(lc, fetch->rules)
	{
		const MappingRule *rule = lfirst(lc);

		appendStringInfo(&columns, "%s, ", quote_identifier(rule->field));
		appendStringInfo(&values, "%s, ", NewValue(company, foreach_current_index(lc), rule->field));
	}
	fetch->added = SqlRun(company,
						  psprintf("INSERT INTO @company@.employee (connection, remote_id, %s%s) "
								   "SELECT $1, l.remote_id, %sl.problems::jsonb, l.changes_on, l.record_hash, "
								   "nullif(l.unknown, '{}'), l.identifier_key, l.email_key, l.name_key "
								   "FROM landing l WHERE NOT l.same AND NOT l.deleted AND NOT EXISTS ("
								   "SELECT FROM @company@.employee e WHERE e.remote_id = l.remote_id AND e.connection = $1)",
								   columns.data, kept_columns, values.data),
						  "t", fetch->connection_name);
}

/* Mark who is absent from a complete picture, or said to be deleted */
static void
MarkMissing(Company *company, Fetch *fetch, bool full)
{
	SqlRun(company,
		   "UPDATE @company@.employee e SET missing_since = NULL FROM landing l "
		   "WHERE e.remote_id = l.remote_id AND e.connection = $1 AND l.same AND e.missing_since IS NOT NULL",
		   "t", fetch->connection_name);
	if (full)
		fetch->missing = SqlRun(company,
								"UPDATE @company@.employee e SET missing_since = pg_catalog.now() "
								"WHERE e.connection = $1 AND e.missing_since IS NULL "
								"AND NOT EXISTS (SELECT FROM landing l WHERE l.remote_id = e.remote_id AND NOT l.deleted)",
								"t", fetch->connection_name);
	else
		fetch->missing = SqlRun(company,
								"UPDATE @company@.employee e SET missing_since = pg_catalog.now() FROM landing l "
								"WHERE e.remote_id = l.remote_id AND e.connection = $1 AND l.deleted AND e.missing_since IS NULL",
								"t", fetch->connection_name);
}

/* Note on the connection what its picture is made of */
static void
StampConnection(Company *company, Fetch *fetch, bool full)
{
	StringInfoData fields;
	ListCell   *lc;

	initStringInfo(&fields);
	foreach(lc, fetch->rules)
		appendStringInfo(&fields, "%s%s", foreach_current_index(lc) > 0 ? "," : "",
						 ((MappingRule *) lfirst(lc))->field);
	SqlRun(company,
		   "UPDATE @company@.connection SET "
		   "last_complete_fetch = CASE WHEN $2 THEN pg_catalog.now() ELSE last_complete_fetch END, "
		   "fetched_fields = pg_catalog.string_to_array($3, ','), fetched_under = $4, fetched_since = $5, "
		   "state = CASE state WHEN 'failing' THEN 'connected' ELSE state END WHERE connection = $1",
		   "tbttz", fetch->connection_name, full, fields.data, fetch->fingerprint, fetch->started);
}

/* True if a manager may have changed */
static bool
HasManagers(const Fetch *fetch)
{
	ListCell   *lc;

	foreach(lc, fetch->rules)
		if (strcmp(((MappingRule *) lfirst(lc))->field, "manager") == 0)
		return true;
	return false;
}

/* The landing becomes the picture */
void
MergeLanding(Company *company, Fetch *fetch)
{
	bool		full = strcmp(fetch->mode, "full") == 0;
	int64		received;

	SqlExpectMany(LandingCount(fetch->landing));
	CheckConfiguration(company, fetch);
	SqlRun(company, "SELECT pg_catalog.count(*) FROM @company@.employee WHERE connection = $1 AND missing_since IS NULL",
		   "t", fetch->connection_name);
	fetch->base = SqlInt(0, 1);
	received = LandingExpose(fetch->landing);
	MisfitRemove(company, fetch);
	if (received > 0 || !full)
		CheckAnnounced(fetch, received);
	if (full)
		CheckCompleteness(company, fetch);
	if (fetch->lookup)
	{
		RememberSaid(company, fetch);
		UpdateChanged(company, fetch);
	}
	InsertNew(company, fetch);
	if (fetch->added + fetch->changed > MERGE_ANALYZE_FROM + fetch->base / 10)
		SqlRun(company, "ANALYZE @company@.employee", NULL);
	if (fetch->lookup)
		MarkMissing(company, fetch, full);
	SqlRun(company, "SELECT pg_catalog.count(*) FROM landing WHERE deleted", NULL);
	fetch->unchanged = received - SqlInt(0, 1) - fetch->added - fetch->changed;
	fetch->complete = full;
	if (fetch->added + fetch->changed + fetch->missing > 0)
	{
		KeysFindClaims(company, fetch->connection_name);
		if (HasManagers(fetch))
			KeysFindCycles(company, fetch->connection_name);
	}
	StampConnection(company, fetch, full);
	if (full || fetch->added + fetch->changed + fetch->missing > 0)
		GapCount(company, fetch->connection_name);
	SqlRun(company, "SELECT pg_catalog.count(*) FROM @company@.employee "
		   "WHERE connection = $1 AND missing_since IS NULL AND employment_status = 'INACTIVE'", "t",
		   fetch->connection_name);
	fetch->left = SqlInt(0, 1);
	LandingHide(fetch->landing);
}
