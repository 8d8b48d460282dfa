/*
 * Undoing a sync: fields that still carry its values go back to what they
 * were, people that it created go only where asked for, links that it made
 * end, and what HR had said before is remembered again. So the preview shows
 * afterwards what it showed before the sync; and the connection is paused, so
 * that the night does not do it all again.
 *
 * An undoing is a run of its own, with changes of its own. What cannot be
 * undone is listed there with the reason.
 */
#include "postgres.h"

#include "apply.h"
#include "connection.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "sql.h"
#include "syncrun.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"

/* A sync and its undoing */
typedef struct Revert
{
	Company    *company;
	SyncRun    *run;
	int64		sync_id;		/* of the undoing */
	bool		remove_created;
	Writer		writer;
} Revert;

/* Columns that no record of changes has */
#define BOOKKEEPING "'{stakeholder_id,identifier_key,email_key,name_key,created_at,updated_at}'::text[]"

/* Raise unless the run left something to undo */
static void
CheckRevertible(Revert *revert)
{
	SyncRun    *run = revert->run;

	if (strcmp(run->kind, "revert") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("sync " INT64_FORMAT " is itself a revert", run->sync_id),
				 errhint("To do the sync again, plan it anew: SELECT stakesync_plan();")));
	if (strcmp(run->state, "applied") == 0 || strcmp(run->state, "partly applied") == 0)
		return;
	if (strcmp(run->state, "reverted") == 0)
	{
		SqlRunFor(revert->company,
				  "SELECT FROM @company@.change WHERE sync_id = $1 AND state = 'applied' "
				  "AND (action = 'update' OR action = 'create' AND $2)",
				  1, "ib", run->sync_id, revert->remove_created);
		if (SPI_processed > 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("sync " INT64_FORMAT " cannot be reverted: it is %s", run->sync_id, run->state),
			 errhint("SELECT sync_id, state FROM %s.sync_run WHERE state IN ('applied', 'partly applied'); lists what can.",
					 revert->company->quoted)));
}

/* Begin a run of its own for the undoing */
static void
BeginRevert(Revert *revert)
{
	SqlRun(revert->company,
		   "INSERT INTO @company@.sync_run (connection, kind, state, planned_by, reverts) "
		   "VALUES ($1, 'revert', 'planned', $2, $3) RETURNING sync_id",
		   "tti", revert->run->connection, CompanyCaller(), revert->run->sync_id);
	revert->sync_id = SqlInt(0, 1);
	revert->writer.company = revert->company;
	revert->writer.sync_id = revert->sync_id;
	revert->writer.failed = SqlExpand(revert->company, apply_failed);
}

/* Plan to put back the fields that still carry the sync's values */
static void
PlanUpdates(Revert *revert)
{
	SqlRun(revert->company,
		   "WITH u AS MATERIALIZED ("
		   "SELECT c.*, to_jsonb(s) AS now FROM @company@.change c "
		   "LEFT JOIN @company@.stakeholder s ON s.stakeholder_id = c.stakeholder_id "
		   "WHERE c.sync_id = $1 AND c.state = 'applied' AND c.action = 'update') "
		   "INSERT INTO @company@.change (sync_id, stakeholder_id, remote_id, action, before, after, state, "
		   "reason, connection, identifier, match) "
		   "SELECT $2, u.stakeholder_id, u.remote_id, 'update', f.before, f.after, "
		   "CASE WHEN f.after IS NULL THEN 'stale' ELSE 'planned' END, "
		   "CASE WHEN u.now IS NULL THEN 'not in the register any more' "
		   "WHEN f.kept IS NOT NULL THEN 'changed since, left as it is: ' || f.kept END, "
		   "u.connection, u.identifier, u.match "
		   "FROM u CROSS JOIN LATERAL ("
		   "SELECT jsonb_object_agg(k.k, u.after -> k.k) FILTER (WHERE k.same) AS before, "
		   "jsonb_object_agg(k.k, u.before -> k.k) FILTER (WHERE k.same) AS after, "
		   "string_agg(k.k, ', ' ORDER BY k.k) FILTER (WHERE NOT k.same) AS kept "
		   "FROM (SELECT o.k, u.now IS NOT NULL AND u.now -> o.k IS NOT DISTINCT FROM u.after -> o.k AS same "
		   "FROM jsonb_object_keys(u.after) AS o(k)) k) f",
		   "ii", revert->run->sync_id, revert->sync_id);
}

/* Plan to remove the created people whom nobody and nothing has touched since */
static void
PlanRemovals(Revert *revert)
{
	SqlRun(revert->company,
		   "WITH RECURSIVE c AS MATERIALIZED ("
		   "SELECT c.*, CASE WHEN s.stakeholder_id IS NULL THEN 'not in the register any more' "
		   "WHEN jsonb_strip_nulls(to_jsonb(s) - " BOOKKEEPING ") <> c.after "
		   "OR EXISTS (SELECT FROM @company@.change x WHERE x.stakeholder_id = c.stakeholder_id "
		   "AND x.change_id > c.change_id AND x.state = 'applied' AND x.action <> 'link') "
		   "THEN 'changed since, stays' "
		   "WHEN EXISTS (SELECT FROM @company@.link l WHERE l.stakeholder_id = c.stakeholder_id "
		   "AND l.until IS NULL AND l.how <> 'not' AND (l.connection, l.remote_id) IS DISTINCT FROM (c.connection, c.remote_id)) "
		   "THEN 'linked to another record, stays' END AS stays "
		   "FROM @company@.change c LEFT JOIN @company@.stakeholder s ON s.stakeholder_id = c.stakeholder_id "
		   "WHERE c.sync_id = $1 AND c.state = 'applied' AND c.action = 'create'"
		   "), needed AS ("
		   "SELECT s.manager_id FROM @company@.stakeholder s WHERE s.manager_id IS NOT NULL "
		   "AND NOT EXISTS (SELECT FROM c WHERE c.stakeholder_id = s.stakeholder_id AND c.stays IS NULL) "
		   "UNION SELECT s.manager_id FROM needed n JOIN @company@.stakeholder s ON s.stakeholder_id = n.manager_id "
		   "WHERE s.manager_id IS NOT NULL) "
		   "INSERT INTO @company@.change (sync_id, stakeholder_id, remote_id, action, before, state, "
		   "reason, connection, identifier, match) "
		   "SELECT $2, c.stakeholder_id, c.remote_id, 'delete', c.after, "
		   "CASE WHEN coalesce(c.stays, n.reason) IS NULL THEN 'planned' ELSE 'stale' END, "
		   "coalesce(c.stays, n.reason), c.connection, c.identifier, c.match "
		   "FROM c LEFT JOIN (SELECT DISTINCT manager_id, 'manages somebody who stays' AS reason FROM needed) n "
		   "ON n.manager_id = c.stakeholder_id",
		   "ii", revert->run->sync_id, revert->sync_id);
}

/* The changes of an action that are to be written, their stakeholders locked */
static Datum
TakePlanned(Revert *revert, const char *action)
{
	const char *list = "SELECT coalesce(array_agg(change_id), '{}') FROM @company@.change "
	"WHERE sync_id = $1 AND action = $2 AND state = 'planned'";
	Datum		change_ids;

	SqlRun(revert->company, list, "it", revert->sync_id, action);
	change_ids = SqlArray(1, INT8ARRAYOID);
	ApplyLockStakeholders(&revert->writer, change_ids);

	/* What was edited between planning and locking is not ours any more */
	SqlRun(revert->company,
		   "UPDATE @company@.change c SET state = 'stale', reason = 'changed since, left as it is' "
		   "FROM @company@.stakeholder s WHERE c.sync_id = $1 AND c.action = $2 AND c.state = 'planned' "
		   "AND s.stakeholder_id = c.stakeholder_id AND NOT to_jsonb(s) @> c.before",
		   "it", revert->sync_id, action);
	SqlRun(revert->company, list, "it", revert->sync_id, action);
	return SqlArray(1, INT8ARRAYOID);
}

/* Put fields back */
static void
WriteUpdates(Revert *revert)
{
	Datum		change_ids;

	PlanUpdates(revert);
	change_ids = TakePlanned(revert, "update");
	revert->writer.write = ApplyUpdateStatement(revert->company, change_ids, true);
	revert->writer.pairs = SqlExpand(revert->company, apply_pairs);
	if (revert->writer.write)
		WriterRun(&revert->writer, change_ids);
}

/* Remove created people, all in one statement as they manage each other */
static void
WriteRemovals(Revert *revert)
{
	Datum		change_ids;

	PlanRemovals(revert);
	change_ids = TakePlanned(revert, "delete");
	revert->writer.pairs = NULL;
	revert->writer.write = SqlExpand(revert->company,
									 "WITH w AS (DELETE FROM @company@.stakeholder s USING @company@.change c "
									 "WHERE c.change_id = ANY ($1) AND s.stakeholder_id = c.stakeholder_id "
									 "RETURNING c.change_id) "
									 "UPDATE @company@.change c SET state = 'applied', at = now(), by = $2 "
									 "FROM w WHERE c.change_id = w.change_id");
	WriterRun(&revert->writer, change_ids);
	SqlRun(revert->company,
		   "UPDATE @company@.change c SET reason = c.reason || '; the manager was removed' "
		   "FROM @company@.stakeholder s WHERE c.sync_id = $1 AND c.action = 'delete' AND c.state = 'failed' "
		   "AND s.stakeholder_id = c.stakeholder_id AND c.before ? 'manager_id' AND s.manager_id IS NULL",
		   "i", revert->sync_id);
}

/* End the links that the sync made, with what goes by them */
static void
EndLinks(Revert *revert)
{
	SqlRun(revert->company,
		   "WITH made AS ("
		   "UPDATE @company@.link l SET until = now() FROM @company@.change c "
		   "WHERE c.sync_id = $1 AND c.state = 'applied' AND c.match IS DISTINCT FROM 'link' "
		   "AND l.connection = c.connection AND l.remote_id = c.remote_id AND l.stakeholder_id = c.stakeholder_id "
		   "AND l.until IS NULL AND l.how <> 'not' RETURNING l.connection, l.remote_id) "
		   "DELETE FROM @company@._applied a USING made WHERE a.connection = made.connection AND a.remote_id = made.remote_id",
		   "i", revert->run->sync_id);
}

/* Remember for the fields put back that HR had said the value they now have */
static void
RestoreSaid(Revert *revert)
{
	SqlRun(revert->company,
		   "INSERT INTO @company@._applied AS a (connection, remote_id, said) "
		   "SELECT c.connection, c.remote_id, d.said FROM @company@.change c "
		   "JOIN @company@.link l ON l.connection = c.connection AND l.remote_id = c.remote_id "
		   "AND l.until IS NULL AND l.how <> 'not' "
		   "CROSS JOIN LATERAL ("
		   "SELECT jsonb_object_agg(CASE k.key WHEN 'manager_id' THEN 'manager' ELSE k.key END, "
		   "CASE WHEN k.key = 'manager_id' THEN coalesce(("
		   "SELECT to_jsonb(min(m.remote_id)) FROM @company@.link m WHERE m.connection = c.connection "
		   "AND m.stakeholder_id::text = k.value #>> '{}' AND m.until IS NULL AND m.how <> 'not'), 'null') "
		   "ELSE k.value END) AS said FROM jsonb_each(c.after) k) d "
		   "WHERE c.sync_id = $1 AND c.action = 'update' AND c.state = 'applied' AND c.match = 'link' "
		   "ON CONFLICT (remote_id, connection) DO UPDATE SET said = a.said || excluded.said, "
		   "never = ARRAY(SELECT f FROM unnest(a.never) f WHERE NOT excluded.said ? f)",
		   "i", revert->sync_id);
}

/* Mark what was undone */
static void
MarkReverted(Revert *revert)
{
	SqlRun(revert->company,
		   "UPDATE @company@.change SET state = 'reverted' "
		   "WHERE sync_id = $1 AND state = 'applied' AND action = 'link'",
		   "i", revert->run->sync_id);
	SqlRun(revert->company,
		   "UPDATE @company@.change c SET state = 'reverted' FROM @company@.change r "
		   "WHERE c.sync_id = $1 AND c.state = 'applied' AND r.sync_id = $2 AND r.state = 'applied' "
		   "AND r.stakeholder_id = c.stakeholder_id AND r.remote_id IS NOT DISTINCT FROM c.remote_id",
		   "ii", revert->run->sync_id, revert->sync_id);
	SqlRun(revert->company,
		   "UPDATE @company@.change SET state = 'failed', reason = 'a trigger of the register left it out' "
		   "WHERE sync_id = $1 AND state = 'planned'",
		   "i", revert->sync_id);
	SqlRun(revert->company,
		   "UPDATE @company@.sync_run SET state = 'reverted', hint = NULL, message = 'reverted by sync ' || $2 WHERE sync_id = $1",
		   "ii", revert->run->sync_id, revert->sync_id);
}

/* Pause the connection; without a sync that stands it is as new to the guards */
static void
PauseConnection(Revert *revert)
{
	SqlRun(revert->company,
		   "UPDATE @company@.connection c SET "
		   "state = CASE WHEN state IN ('connected', 'failing') THEN 'paused' ELSE state END, "
		   "first_applied_at = CASE WHEN EXISTS (SELECT FROM @company@.sync_run r "
		   "WHERE r.connection = c.connection AND r.kind = 'sync' AND r.state = 'applied') THEN first_applied_at END "
		   "WHERE connection = $1",
		   "t", revert->run->connection);
}

/* Write down what became of the undoing */
static void
CountResult(Revert *revert)
{
	char	   *resume = revert->run->connection == NULL ? NULL :
	psprintf("The connection is paused, to go on: SELECT stakesync_resume(%s);",
			 quote_literal_cstr(revert->run->connection));

	SqlRun(revert->company,
		   "UPDATE @company@.sync_run r SET applied_at = now(), applied_by = $2, "
		   "updated = n.updated, kept = n.kept, stale = n.stale, failed = n.failed, "
		   "state = CASE WHEN n.stale + n.failed = 0 THEN 'applied' ELSE 'partly applied' END, "
		   "message = nullif(concat_ws('; ', CASE WHEN n.removed > 0 THEN n.removed || ' removed' END, "
		   "CASE WHEN n.staying > 0 THEN n.staying || ' created by the sync stay' END, "
		   "CASE WHEN n.kept > 0 THEN 'fields changed since and left as they are: ' || n.kept || ' people' END, "
		   "CASE WHEN n.stale + n.failed > 0 THEN n.stale + n.failed || ' not undone, change says why' END), ''), "
		   "hint = $3 "
		   "FROM (SELECT count(*) FILTER (WHERE state = 'applied' AND action = 'update') AS updated, "
		   "count(*) FILTER (WHERE state = 'applied' AND action = 'delete') AS removed, "
		   "count(*) FILTER (WHERE reason LIKE 'changed since, left%' AND action = 'update') AS kept, "
		   "count(*) FILTER (WHERE state = 'stale') AS stale, count(*) FILTER (WHERE state = 'failed') AS failed, "
		   "(SELECT count(*) FROM @company@.change o WHERE o.sync_id = $4 AND o.action = 'create' AND o.state = 'applied') AS staying "
		   "FROM @company@.change WHERE sync_id = $1) n WHERE r.sync_id = $1",
		   "itti", revert->sync_id, CompanyCaller(), resume, revert->run->sync_id);
}

/* Undo a sync; returns the number of the undoing */
static int64
RevertSync(Company *company, int64 sync_id, bool remove_created)
{
	Revert		revert = {0};

	revert.company = company;
	revert.remove_created = remove_created;
	revert.run = SyncRunLock(company, sync_id);
	CheckRevertible(&revert);
	SyncRunFixFormats(company);
	SqlRun(company, "SELECT count(*) FROM @company@.change WHERE sync_id = $1", "i", sync_id);
	SqlExpectMany(SqlInt(0, 1));
	BeginRevert(&revert);
	WriteUpdates(&revert);
	if (remove_created)
		WriteRemovals(&revert);
	EndLinks(&revert);
	RestoreSaid(&revert);
	MarkReverted(&revert);
	PauseConnection(&revert);
	CountResult(&revert);
	SyncRunNotify(revert.sync_id);
	return revert.sync_id;
}

PG_FUNCTION_INFO_V1(stakesync_revert);

/* Undo a sync */
Datum
stakesync_revert(PG_FUNCTION_ARGS)
{
	int64		sync_id = SyncRunArgument(fcinfo, 0, "SELECT * FROM stakesync_revert(7);");
	bool		remove_created = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	CompanyContext *context = CompanyEnter(SyncRunCompany(fcinfo, 2), "sync_run", ACL_UPDATE,
										   true, "stakesync_revert()");
	Datum		row = SyncRunRow(context, RevertSync(context->company, sync_id, remove_created));

	CompanyLeave(context);
	PG_RETURN_DATUM(row);
}

PG_FUNCTION_INFO_V1(stakesync_resume);

/* Let a paused connection go on */
Datum
stakesync_resume(PG_FUNCTION_ARGS)
{
	char	   *named = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	CompanyContext *context = CompanyEnter(SyncRunCompany(fcinfo, 1), "connection", ACL_UPDATE,
										   true, "stakesync_resume()");
	char	   *connection = ConnectionResolve(context->company, named);

	SqlRun(context->company,
		   "SELECT state FROM @company@.connection WHERE connection = $1 FOR NO KEY UPDATE", "t", connection);
	if (strcmp(SqlText(0, 1), "paused") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connection \"%s\" is not paused, it is %s", connection, SqlText(0, 1)),
				 errhint("There is nothing to resume: CALL stakesync_sync(%s) runs.", quote_literal_cstr(connection))));
	SqlRun(context->company, "UPDATE @company@.connection SET state = 'connected' WHERE connection = $1",
		   "t", connection);
	CompanyLeave(context);
	PG_RETURN_VOID();
}
