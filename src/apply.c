/*
 * Applying a plan to the register, in set statements:
 *
 *	lock		the connection, the run, the stakeholders to update. Those that
 *				others hold are stale, so nobody waits for another in a circle.
 *	verify		the present preview must still say of each person what was
 *				planned, else the change is stale.
 *	write		updates in one statement (people may swap identifiers), then
 *				creates in one; the writer isolates what the register refuses.
 *	link		the new people, and the ones recognised.
 *	managers	once everybody exists.
 *	settle		what HR said when last applied.
 *	count
 *
 * Changes of a sync that was partly applied may be tried again, with the same
 * verification.
 */
#include "postgres.h"

#include "apply.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "plan.h"
#include "sql.h"
#include "syncrun.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Changes that make a sync a big one */
#define APPLY_BIG 1000

/* The changes at work and where they come from */
typedef struct Apply
{
	Company    *company;
	SyncRun    *run;
	Writer		writer;
	Datum		change_ids;		/* bigint[] */
	Datum		remote_ids;		/* text[] */
} Apply;

const char *const apply_failed =
"UPDATE @company@.change SET state = 'failed', reason = $2 WHERE change_id = ANY ($1)";

/* People whose new identifier is the old one of another */
const char *const apply_pairs =
"SELECT a.change_id, b.change_id FROM @company@.change a "
"JOIN @company@.stakeholder s ON s.identifier_key = @extension@.stakesync_canonical_identifier(a.after ->> 'identifier') "
"JOIN @company@.change b ON b.stakeholder_id = s.stakeholder_id AND b.change_id <> a.change_id "
"WHERE a.change_id = ANY ($1) AND b.change_id = ANY ($1) AND a.after ? 'identifier' AND b.after ? 'identifier'";

/* Changes with a manager, and who that is in the register now */
#define MANAGERS \
"SELECT c.change_id, c.stakeholder_id, c.after ->> 'manager' IS NULL AS clears, " \
"coalesce(l.stakeholder_id, k.stakeholder_id) AS manager_id FROM @company@.change c " \
"JOIN @company@.employee e ON e.connection = c.connection AND e.remote_id = c.remote_id " \
"LEFT JOIN @company@.link l ON l.connection = e.connection AND l.remote_id = e.manager " \
"AND l.until IS NULL AND l.how <> 'not' " \
"LEFT JOIN @company@.employee m ON m.connection = e.connection AND m.remote_id = e.manager " \
"LEFT JOIN @company@.stakeholder k ON l.stakeholder_id IS NULL AND k.identifier_key = m.identifier_key " \
"WHERE c.change_id = ANY ($1) AND c.after ? 'manager' " \
"AND (c.state = 'applied' OR c.state = 'planned' AND c.action = 'update')"

/*
 * Run a statement on the changes at work ($1), acting for the caller ($2), of
 * a connection ($3)
 */
static uint64
RunOnChanges(Apply *apply, const char *template)
{
	char	   *statement = SqlExpand(apply->company, template);
	char	   *connection = apply->run->connection;
	Oid			types[] = {INT8ARRAYOID, TEXTOID, TEXTOID};
	Datum		values[3];
	int			result;

	values[0] = apply->change_ids;
	values[1] = CStringGetTextDatum(CompanyCaller());
	values[2] = connection ? CStringGetTextDatum(connection) : (Datum) 0;
	result = SPI_execute_with_args(statement, 3, types, values, connection ? NULL : "  n", false, 0);
	if (result < 0)
		elog(ERROR, "could not apply changes: %s", SPI_result_code_string(result));
	pfree(statement);
	return SPI_processed;
}

/* Raise unless the run is one to apply */
static void
CheckApplicable(SyncRun *run)
{
	if (strcmp(run->kind, "revert") != 0 &&
		(strcmp(run->state, "planned") == 0 || strcmp(run->state, "held") == 0 ||
		 strcmp(run->state, "partly applied") == 0))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("sync " INT64_FORMAT " cannot be applied: it is %s", run->sync_id, run->state),
			 errhint("Plan anew: SELECT * FROM stakesync_apply(stakesync_plan());")));
}

/* Take the changes to apply; what was stale or failed gets another chance */
static void
TakeChanges(Apply *apply, Datum people)
{
	SqlRun(apply->company,
		   "WITH taken AS ("
		   "UPDATE @company@.change SET state = 'planned', "
		   "reason = CASE WHEN state = 'planned' THEN reason END "
		   "WHERE sync_id = $1 AND state IN ('planned', 'stale', 'failed') "
		   "AND ($2 IS NULL OR remote_id = ANY ($2)) RETURNING change_id, remote_id) "
		   "SELECT coalesce(array_agg(change_id), '{}'), coalesce(array_agg(remote_id), '{}') FROM taken",
		   "ia", apply->run->sync_id, people);
	apply->change_ids = SqlArray(1, INT8ARRAYOID);
	apply->remote_ids = SqlArray(2, TEXTARRAYOID);
}

/* Number of changes at work */
static int
CountChanges(Apply *apply)
{
	ArrayType  *changes = DatumGetArrayTypeP(apply->change_ids);

	return ArrayGetNItems(ARR_NDIM(changes), ARR_DIMS(changes));
}

/* Lock the stakeholders that changes are to write; those that others hold are stale */
void
ApplyLockStakeholders(Writer *writer, Datum change_ids)
{
	char	   *statement = SqlExpand(writer->company,
									  "WITH w AS MATERIALIZED ("
									  "SELECT change_id, stakeholder_id, action = 'delete' OR after ? 'identifier' AS whole "
									  "FROM @company@.change "
									  "WHERE change_id = ANY ($1) AND action IN ('update', 'delete')"
									  "), part AS MATERIALIZED ("
									  "SELECT s.stakeholder_id FROM @company@.stakeholder s "
									  "JOIN w ON w.stakeholder_id = s.stakeholder_id "
									  "WHERE NOT w.whole ORDER BY s.stakeholder_id FOR NO KEY UPDATE OF s SKIP LOCKED"
									  "), whole AS MATERIALIZED ("
									  "SELECT s.stakeholder_id FROM @company@.stakeholder s "
									  "JOIN w ON w.stakeholder_id = s.stakeholder_id "
									  "WHERE w.whole ORDER BY s.stakeholder_id FOR UPDATE OF s SKIP LOCKED) "
									  "UPDATE @company@.change c SET state = 'stale', reason = 'locked by another transaction' FROM w "
									  "WHERE c.change_id = w.change_id "
									  "AND NOT EXISTS (SELECT FROM part x WHERE x.stakeholder_id = w.stakeholder_id) "
									  "AND NOT EXISTS (SELECT FROM whole x WHERE x.stakeholder_id = w.stakeholder_id) "
									  "AND EXISTS (SELECT FROM @company@.stakeholder x WHERE x.stakeholder_id = w.stakeholder_id)");

	WriterExecute(writer, statement, change_ids);
}

/* Find changes that the present preview would not plan any more */
static void
VerifyChanges(Apply *apply)
{
	char	   *statement = SqlExpand(apply->company,
									  "WITH p AS MATERIALIZED ("
									  "SELECT p.remote_id, p.stakeholder_id, p.match, d.before, d.after, "
									  "CASE p.action WHEN 'unchanged' THEN 'link' ELSE p.action END AS action "
									  "FROM @company@.preview p CROSS JOIN LATERAL ("
									  "SELECT jsonb_object_agg(f.key, f.value -> 'old') AS before, "
									  "jsonb_object_agg(f.key, f.value -> 'new') AS after FROM jsonb_each(p.changes) f) d "
									  "WHERE p.connection = $2 AND p.remote_id = ANY ($3)) "
									  "UPDATE @company@.change c SET state = 'stale', reason = 'changed since it was planned' "
									  "WHERE c.change_id = ANY ($1) AND c.state = 'planned' AND NOT EXISTS ("
									  "SELECT FROM p WHERE p.remote_id = c.remote_id AND p.action = c.action "
									  "AND p.stakeholder_id IS NOT DISTINCT FROM c.stakeholder_id "
									  "AND p.match IS NOT DISTINCT FROM c.match "
									  "AND p.after IS NOT DISTINCT FROM c.after "
									  "AND (c.action <> 'update' OR p.before = c.before))");
	Oid			types[] = {INT8ARRAYOID, TEXTOID, TEXTARRAYOID};
	Datum		values[] = {apply->change_ids, CStringGetTextDatum(apply->run->connection), apply->remote_ids};

	SPI_execute_with_args(statement, 3, types, values, NULL, false, 0);
}

/* The changes of an action that are still to write */
static Datum
ListPlanned(Apply *apply, const char *action)
{
	RunOnChanges(apply,
				 psprintf("SELECT coalesce(array_agg(change_id), '{}') FROM @company@.change "
						  "WHERE change_id = ANY ($1) AND state = 'planned' AND action = '%s'", action));
	return SqlArray(1, INT8ARRAYOID);
}

/* Find the columns of the register that changes name: identifier, literal, type, default */
static uint64
ListColumns(Company *company, Datum change_ids)
{
	char	   *statement = SqlExpand(company,
									  "SELECT quote_ident(a.attname), quote_literal(a.attname), format_type(a.atttypid, -1), "
									  "pg_get_expr(d.adbin, d.adrelid) "
									  "FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
									  "WHERE a.attrelid = $2 AND a.attnum > 0 AND NOT a.attisdropped AND a.attname IN ("
									  "SELECT k FROM @company@.change c, jsonb_object_keys(c.after) k "
									  "WHERE c.change_id = ANY ($1)) ORDER BY a.attnum");
	Oid			types[] = {INT8ARRAYOID, OIDOID};
	Datum		values[] = {change_ids, ObjectIdGetDatum(CompanyRelation(company, "stakeholder"))};

	SPI_execute_with_args(statement, 2, types, values, NULL, false, 0);
	return SPI_processed;
}

/* Statement for a writer that updates the register from the changes' after */
char *
ApplyUpdateStatement(Company *company, Datum change_ids, bool real_json)
{
	uint64		columns = ListColumns(company, change_ids);
	StringInfoData buf;

	if (columns == 0)
		return NULL;
	initStringInfo(&buf);
	appendStringInfo(&buf,
					 "WITH b AS MATERIALIZED ("
					 "SELECT change_id, stakeholder_id, after FROM %s.change "
					 "WHERE change_id = ANY ($1) AND after - 'manager' <> '{}'), "
					 "w AS (UPDATE %s.stakeholder s SET ",
					 company->quoted, company->quoted);
	for (uint64 i = 0; i < columns; i++)
	{
		char	   *column = SqlText(i, 1);
		char	   *key = SqlText(i, 2);

		appendStringInfo(&buf, "%s%s = CASE WHEN b.after ? %s THEN ", i > 0 ? ", " : "", column, key);
		if (real_json)
			appendStringInfo(&buf, "r.%s", column);
		else
			appendStringInfo(&buf, "(b.after ->> %s)::%s", key, SqlText(i, 3));
		appendStringInfo(&buf, " ELSE s.%s END", column);
	}
	appendStringInfo(&buf,
					 " FROM b JOIN %s.stakeholder o ON o.stakeholder_id = b.stakeholder_id",
					 company->quoted);
	if (real_json)
		appendStringInfo(&buf, " CROSS JOIN LATERAL jsonb_populate_record(NULL::%s.stakeholder, b.after) r",
						 company->quoted);
	appendStringInfo(&buf,
					 " WHERE s.stakeholder_id = b.stakeholder_id "
					 "RETURNING b.change_id, b.after, to_jsonb(o) AS old, to_jsonb(s) AS new) "
					 "UPDATE %s.change c SET state = 'applied', at = now(), by = $2, "
					 "before = d.before || CASE WHEN c.before ? 'manager' THEN jsonb_build_object('manager', c.before -> 'manager') ELSE '{}' END, "
					 "after = d.after || CASE WHEN c.after ? 'manager' THEN jsonb_build_object('manager', c.after -> 'manager') ELSE '{}' END "
					 "FROM w CROSS JOIN LATERAL ("
					 "SELECT jsonb_object_agg(k, w.old -> k) AS before, jsonb_object_agg(k, w.new -> k) AS after "
					 "FROM jsonb_object_keys(w.after) k WHERE k <> 'manager') d "
					 "WHERE c.change_id = w.change_id",
					 company->quoted);
	return buf.data;
}

/* Statement for the writer that creates people from the changes' after */
static char *
MakeCreateStatement(Company *company, Datum change_ids)
{
	uint64		columns = ListColumns(company, change_ids);
	char	   *table = psprintf("%s.stakeholder", company->quoted);
	StringInfoData names;
	StringInfoData values;

	initStringInfo(&names);
	initStringInfo(&values);
	for (uint64 i = 0; i < columns; i++)
	{
		char	   *key = SqlText(i, 2);
		char	   *type = SqlText(i, 3);
		char	   *initial = SqlText(i, 4);

		appendStringInfo(&names, ", %s", SqlText(i, 1));
		if (initial == NULL)
			appendStringInfo(&values, ", (b.after ->> %s)::%s", key, type);
		else
			appendStringInfo(&values, ", CASE WHEN b.after ? %s THEN (b.after ->> %s)::%s ELSE %s END",
							 key, key, type, initial);
	}
	return psprintf("WITH b AS MATERIALIZED ("
					"SELECT c.change_id, c.after, nextval((SELECT pg_get_serial_sequence(%s, 'stakeholder_id'))) AS stakeholder_id "
					"FROM (SELECT change_id, after FROM %s.change WHERE change_id = ANY ($1) "
					"ORDER BY identifier, change_id) c), "
					"w AS (INSERT INTO %s (stakeholder_id%s) SELECT b.stakeholder_id%s FROM b RETURNING stakeholder_id) "
					"UPDATE %s.change c SET state = 'applied', at = now(), by = $2, stakeholder_id = b.stakeholder_id "
					"FROM b JOIN w ON w.stakeholder_id = b.stakeholder_id WHERE c.change_id = b.change_id",
					quote_literal_cstr(table), company->quoted, table, names.data, values.data, company->quoted);
}

/* Write fields of people who are in the register */
static void
WriteUpdates(Apply *apply)
{
	Datum		change_ids = ListPlanned(apply, "update");

	apply->writer.write = ApplyUpdateStatement(apply->company, change_ids, false);
	apply->writer.failed = SqlExpand(apply->company, apply_failed);
	apply->writer.pairs = SqlExpand(apply->company, apply_pairs);
	if (apply->writer.write)
		WriterRun(&apply->writer, change_ids);
	apply->writer.pairs = NULL;
}

/* Write people who are not in the register */
static void
WriteCreates(Apply *apply)
{
	Datum		change_ids = ListPlanned(apply, "create");

	apply->writer.write = MakeCreateStatement(apply->company, change_ids);
	WriterRun(&apply->writer, change_ids);
}

/* Remember who was created, and who was recognised */
static void
WriteLinks(Apply *apply)
{
	RunOnChanges(apply,
				 "UPDATE @company@.change SET state = 'applied', at = now(), by = $2 "
				 "WHERE change_id = ANY ($1) AND state = 'planned' AND action = 'link'");
	RunOnChanges(apply,
				 "INSERT INTO @company@.link (connection, remote_id, stakeholder_id, how, by) "
				 "SELECT connection, remote_id, stakeholder_id, coalesce(match, 'create'), $2 "
				 "FROM @company@.change WHERE change_id = ANY ($1) AND state = 'applied' "
				 "AND match IS DISTINCT FROM 'link'");
}

/*
 * After a big sync the planner must not go by what the tables were before:
 * nobody knows when autovacuum comes by
 */
static void
RefreshStatistics(Apply *apply)
{
	if (CountChanges(apply) < APPLY_BIG)
		return;
	SqlRun(apply->company, "ANALYZE (SKIP_LOCKED) @company@.stakeholder, @company@.link", NULL);
}

/*
 * Leave managers out who are not in the register, or whom another transaction
 * holds. A change of nothing else is stale.
 */
static void
DropUnknownManagers(Apply *apply)
{
	char	   *statement;
	Oid			types[] = {INT8ARRAYOID, INT8ARRAYOID};
	Datum		values[2];

	RunOnChanges(apply,
				 "SELECT coalesce(array_agg(stakeholder_id), '{}') FROM ("
				 "SELECT s.stakeholder_id FROM @company@.stakeholder s WHERE s.stakeholder_id IN ("
				 "SELECT b.manager_id FROM (" MANAGERS ") b) FOR KEY SHARE SKIP LOCKED) s");
	values[0] = apply->change_ids;
	values[1] = SqlArray(1, INT8ARRAYOID);
	statement = SqlExpand(apply->company,
						  "WITH b AS MATERIALIZED (" MANAGERS ") "
						  "UPDATE @company@.change c SET before = c.before - 'manager', after = c.after - 'manager', "
						  "state = CASE WHEN c.state = 'applied' THEN 'applied' ELSE 'stale' END, "
						  "reason = 'the manager is not in the register, or locked' "
						  "FROM b LEFT JOIN unnest($2) AS there(manager_id) ON there.manager_id = b.manager_id "
						  "WHERE c.change_id = b.change_id AND NOT b.clears AND there.manager_id IS NULL");
	SPI_execute_with_args(statement, 2, types, values, NULL, false, 0);
}

/* Write managers, once everybody exists */
static void
WriteManagers(Apply *apply)
{
	Datum		change_ids;

	DropUnknownManagers(apply);
	RunOnChanges(apply, "SELECT coalesce(array_agg(b.change_id), '{}') FROM (" MANAGERS ") b");
	change_ids = SqlArray(1, INT8ARRAYOID);
	apply->writer.write = SqlExpand(apply->company,
									"WITH b AS MATERIALIZED (" MANAGERS "), "
									"w AS (UPDATE @company@.stakeholder s "
									"SET manager_id = CASE WHEN NOT b.clears THEN b.manager_id END "
									"FROM b JOIN @company@.stakeholder o ON o.stakeholder_id = b.stakeholder_id "
									"WHERE s.stakeholder_id = b.stakeholder_id "
									"RETURNING b.change_id, o.manager_id AS old, s.manager_id AS new) "
									"UPDATE @company@.change c SET state = 'applied', at = now(), by = $2, "
									"before = CASE c.action WHEN 'update' "
									"THEN c.before - 'manager' || jsonb_build_object('manager_id', w.old) END, "
									"after = c.after - 'manager' || jsonb_build_object('manager_id', w.new) "
									"FROM w WHERE c.change_id = w.change_id");
	apply->writer.failed = SqlExpand(apply->company,
									 "UPDATE @company@.change SET before = before - 'manager', after = after - 'manager', "
									 "state = CASE WHEN state = 'applied' THEN 'applied' ELSE 'failed' END, "
									 "reason = 'the manager was not written: ' || $2 WHERE change_id = ANY ($1)");
	WriterRun(&apply->writer, change_ids);
}

/* Go on with the changes that were written; a trigger may have skipped others */
static void
KeepWritten(Apply *apply)
{
	RunOnChanges(apply,
				 "UPDATE @company@.change SET state = 'failed', reason = 'a trigger of the register left it out' "
				 "WHERE change_id = ANY ($1) AND state = 'planned'");
	RunOnChanges(apply,
				 "SELECT coalesce(array_agg(change_id), '{}') FROM @company@.change "
				 "WHERE change_id = ANY ($1) AND state = 'applied'");
	apply->change_ids = SqlArray(1, INT8ARRAYOID);
}

/*
 * Bring what HR said when last applied up to date: of the people written, and
 * of others where it may have settled meanwhile. What was written is said and
 * settled, even where a trigger made another value of it.
 */
static void
SettleSaid(Apply *apply)
{
	RunOnChanges(apply,
				 "WITH t AS MATERIALIZED ("
				 "SELECT c.connection, c.remote_id, c.match IS DISTINCT FROM 'link' AS fresh, "
				 "ARRAY(SELECT CASE k WHEN 'manager_id' THEN 'manager' ELSE k END "
				 "FROM jsonb_object_keys(c.after) k) AS keys "
				 "FROM @company@.change c WHERE c.change_id = ANY ($1)"
				 "), ids AS ("
				 "SELECT remote_id, connection FROM t UNION SELECT remote_id, connection FROM @company@._applied "
				 "WHERE connection = $3"
				 "), v AS MATERIALIZED ("
				 "SELECT v.connection, v.remote_id, v.match, coalesce(t.fresh, false) AS fresh, coalesce(t.keys, '{}') AS keys, "
				 "(v.employee).manager IS NOT NULL AND v.manager_id IS NULL "
				 "AND v.config -> 'fields' @> '[{\"field\": \"manager\"}]' AS alone, "
				 "CASE WHEN v.match <> 'link' THEN NULL "
				 "WHEN t.fresh THEN @extension@.stakesync_unsettled(v.config, v.employee, v.stakeholder, '{}', '{}', false, v.manager_id) "
				 "ELSE @extension@.stakesync_unsettled(v.config, v.employee, v.stakeholder, "
				 "coalesce(v.said, '{}') - coalesce(t.keys, '{}'), "
				 "ARRAY(SELECT f FROM unnest(v.never) f WHERE f <> ALL (coalesce(t.keys, '{}'))), true, v.manager_id) END AS rest "
				 "FROM @company@._case v JOIN ids i ON i.remote_id = v.remote_id AND i.connection = v.connection "
				 "LEFT JOIN t ON t.remote_id = v.remote_id AND t.connection = v.connection"
				 "), u AS MATERIALIZED ("
				 "SELECT v.connection, v.remote_id, coalesce(v.rest -> 'said', '{}') AS said, ARRAY("
				 "SELECT f FROM (SELECT jsonb_array_elements_text(v.rest -> 'never') UNION SELECT 'manager' WHERE v.fresh AND v.alone) n(f) "
				 "WHERE NOT v.fresh OR f <> ALL (v.keys) ORDER BY f) AS never FROM v WHERE v.match = 'link'"
				 "), gone AS ("
				 "DELETE FROM @company@._applied a USING u "
				 "WHERE a.remote_id = u.remote_id AND a.connection = u.connection AND u.said = '{}' AND u.never = '{}') "
				 "INSERT INTO @company@._applied AS a (connection, remote_id, said, never) "
				 "SELECT u.connection, u.remote_id, u.said, u.never FROM u WHERE u.said <> '{}' OR u.never <> '{}' "
				 "ON CONFLICT (remote_id, connection) DO UPDATE SET said = excluded.said, never = excluded.never "
				 "WHERE (a.said, a.never) IS DISTINCT FROM (excluded.said, excluded.never)");
}

/* Keep of the created people all that the register holds */
static void
RecordCreated(Apply *apply)
{
	RunOnChanges(apply,
				 "UPDATE @company@.change c SET after = jsonb_strip_nulls(to_jsonb(s) "
				 "- '{stakeholder_id,identifier_key,email_key,name_key,created_at,updated_at}'::text[]) "
				 "FROM @company@.stakeholder s WHERE c.change_id = ANY ($1) AND c.action = 'create' "
				 "AND s.stakeholder_id = c.stakeholder_id");
}

/* Write down what became of the run */
static void
CountResult(Apply *apply)
{
	SqlRun(apply->company,
		   "UPDATE @company@.sync_run r SET applied_at = now(), applied_by = $2, "
		   "created = n.created, updated = n.updated, stale = n.stale, failed = n.failed, "
		   "state = CASE WHEN n.stale + n.failed + n.planned = 0 THEN 'applied' ELSE 'partly applied' END, "
		   "message = nullif(concat_ws('; ', CASE WHEN n.stale > 0 THEN n.stale || ' stale' END, "
		   "CASE WHEN n.failed > 0 THEN n.failed || ' failed' END, "
		   "CASE WHEN n.planned > 0 THEN n.planned || ' still planned' END, 'forced: ' || r.holds), ''), "
		   "hint = CASE WHEN n.stale + n.failed + n.planned > 0 "
		   "THEN format('SELECT identifier, state, reason FROM %s.change WHERE sync_id = %s AND state <> ''applied'';', $3, $1) END "
		   "FROM (SELECT count(*) FILTER (WHERE state = 'applied' AND action = 'create') AS created, "
		   "count(*) FILTER (WHERE state = 'applied' AND action = 'update') AS updated, "
		   "count(*) FILTER (WHERE state = 'stale') AS stale, "
		   "count(*) FILTER (WHERE state = 'failed') AS failed, "
		   "count(*) FILTER (WHERE state = 'planned') AS planned "
		   "FROM @company@.change WHERE sync_id = $1) n WHERE r.sync_id = $1",
		   "itt", apply->run->sync_id, CompanyCaller(), apply->company->quoted);
}

/* Apply a plan */
void
ApplyPlan(Company *company, int64 sync_id, Datum identifiers, bool force)
{
	Apply		apply = {0};

	apply.company = company;
	apply.run = SyncRunLock(company, sync_id);
	apply.writer.company = company;
	apply.writer.sync_id = sync_id;
	CheckApplicable(apply.run);
	if (apply.run->holds && !force && strcmp(apply.run->state, "partly applied") != 0)
	{
		SqlRun(company, "UPDATE @company@.sync_run SET state = 'held' WHERE sync_id = $1", "i", sync_id);
		return;
	}

	SyncRunFixFormats(company);
	TakeChanges(&apply, PlanFindPeople(company, apply.run->connection, identifiers));
	SqlExpectMany(CountChanges(&apply));
	ApplyLockStakeholders(&apply.writer, apply.change_ids);
	VerifyChanges(&apply);
	WriteUpdates(&apply);
	WriteCreates(&apply);
	WriteLinks(&apply);
	RefreshStatistics(&apply);
	WriteManagers(&apply);
	KeepWritten(&apply);
	SettleSaid(&apply);
	RecordCreated(&apply);
	CountResult(&apply);
	SyncRunNotify(sync_id);
}

PG_FUNCTION_INFO_V1(stakesync_apply);

/* Apply a plan, as a person asks for it */
Datum
stakesync_apply(PG_FUNCTION_ARGS)
{
	int64		sync_id = SyncRunArgument(fcinfo, 0, "SELECT * FROM stakesync_apply(stakesync_plan());");
	Datum		identifiers = PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1);
	bool		force = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	CompanyContext *context = CompanyEnter(SyncRunCompany(fcinfo, 3), "sync_run", ACL_UPDATE,
										   true, "stakesync_apply()");
	Datum		row;

	ApplyPlan(context->company, sync_id, identifiers, force);

	/* From the first sync that was wholly applied, further creates are judged */
	SqlRun(context->company,
		   "UPDATE @company@.connection c SET first_applied_at = now() FROM @company@.sync_run r "
		   "WHERE r.sync_id = $1 AND r.state = 'applied' AND c.connection = r.connection "
		   "AND c.first_applied_at IS NULL",
		   "i", sync_id);
	row = SyncRunRow(context, sync_id);
	CompanyLeave(context);
	PG_RETURN_DATUM(row);
}
