#include "postgres.h"

#include "connection.h"
#include "executor/spi.h"
#include "plan.h"
#include "sql.h"
#include "syncrun.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"

/* Raise unless a connection can be planned for; locks it */
static void
CheckConnection(Company *company, const char *connection)
{
	char	   *state;
	bool		configured;
	bool		fetched;

	if (SqlRun(company,
			   "SELECT state, identifier IS NOT NULL, last_complete_fetch IS NOT NULL "
			   "FROM @company@.connection WHERE connection = $1 FOR NO KEY UPDATE",
			   "t", connection) != 1)
		elog(ERROR, "connection \"%s\" is gone", connection);
	state = SqlText(0, 1);
	configured = SqlBool(0, 2);
	fetched = SqlBool(0, 3);

	if (strcmp(state, "disconnected") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connection \"%s\" is disconnected", connection),
				 errhint("Connect it again: SELECT * FROM stakesync_connect(...).")));
	if (strcmp(state, "awaiting_link") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connection \"%s\" still waits for its login", connection),
				 errhint("Finish it: SELECT stakesync_complete_link('...', connection => %s).",
						 quote_literal_cstr(connection))));
	if (!fetched)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nothing was fetched yet over connection \"%s\"", connection),
				 errhint("SELECT * FROM stakesync_fetch(%s);", quote_literal_cstr(connection))));
	if (!configured)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connection \"%s\" has no identifier yet", connection),
				 errhint("SELECT * FROM stakesync_configure(); shows which field can identify people, "
						 "SELECT * FROM stakesync_configure(identifier => 'employee_number'); chooses it.")));
}

/* Discard what was planned before and not applied */
static void
DiscardOlder(Company *company, const char *connection)
{
	SqlRun(company,
		   "WITH old AS ("
		   "UPDATE @company@.sync_run SET state = 'discarded', message = 'a newer plan took its place', hint = NULL "
		   "WHERE connection = $1 AND kind = 'sync' AND state IN ('planned', 'held') RETURNING sync_id) "
		   "DELETE FROM @company@.change c USING old WHERE c.sync_id = old.sync_id AND c.state = 'planned'",
		   "t", connection);
}

/* Records of the people with these identifiers */
Datum
PlanFindPeople(Company *company, const char *connection, Datum identifiers)
{
	Datum		people;

	if (identifiers == (Datum) 0)
		return (Datum) 0;
	SqlRun(company,
		   "WITH g AS ("
		   "SELECT given, @extension@.stakesync_canonical_identifier(given) AS key FROM unnest($2) given"
		   "), found AS ("
		   "SELECT g.given, e.remote_id FROM g "
		   "JOIN @company@.employee e ON e.connection = $1 AND e.identifier_key = g.key "
		   "UNION SELECT g.given, l.remote_id FROM g "
		   "JOIN @company@.stakeholder s ON s.identifier_key = g.key "
		   "JOIN @company@.link l ON l.stakeholder_id = s.stakeholder_id AND l.connection = $1 "
		   "AND l.until IS NULL AND l.how <> 'not') "
		   "SELECT coalesce(array_agg(DISTINCT found.remote_id) FILTER (WHERE found.given IS NOT NULL), '{}'), "
		   "count(*) FILTER (WHERE found.given IS NULL), "
		   "min(coalesce(g.given, 'null')) FILTER (WHERE found.given IS NULL) "
		   "FROM g LEFT JOIN found ON found.given = g.given",
		   "ta", connection, identifiers);
	people = SqlArray(1, TEXTARRAYOID);
	if (SqlInt(0, 2) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("nobody in connection \"%s\" has identifier \"%s\"", connection, SqlText(0, 3)),
				 errhint("SELECT identifier, name FROM %s.preview; lists them.", company->quoted)));
	return people;
}

/* Freeze the preview of one connection, all of it or of some people */
static void
FreezePreview(Company *company, int64 sync_id, const char *connection, Datum people)
{
	SqlRun(company,
		   "WITH p AS MATERIALIZED ("
		   "SELECT * FROM @company@.preview WHERE connection = $2 AND ($3 IS NULL OR remote_id = ANY ($3))"
		   "), planned AS ("
		   "INSERT INTO @company@.change (sync_id, stakeholder_id, remote_id, action, before, after, state, "
		   "reason, connection, identifier, match) "
		   "SELECT $1, p.stakeholder_id, p.remote_id, CASE p.action WHEN 'unchanged' THEN 'link' ELSE p.action END, "
		   "CASE p.action WHEN 'update' THEN d.before END, d.after, 'planned', "
		   "p.reason, p.connection, p.identifier, p.match "
		   "FROM p CROSS JOIN LATERAL ("
		   "SELECT jsonb_object_agg(f.key, f.value -> 'old') AS before, jsonb_object_agg(f.key, f.value -> 'new') AS after "
		   "FROM jsonb_each(p.changes) f) d "
		   "WHERE p.action IN ('create', 'update') OR p.action = 'unchanged' AND p.match <> 'link') "
		   "UPDATE @company@.sync_run r SET created = n.created, updated = n.updated, unchanged = n.unchanged, "
		   "excluded = n.excluded, conflicts = n.conflicts, invalid = n.invalid, missing = n.missing "
		   "FROM (SELECT count(*) FILTER (WHERE action = 'create') AS created, "
		   "count(*) FILTER (WHERE action = 'update') AS updated, "
		   "count(*) FILTER (WHERE action = 'unchanged') AS unchanged, "
		   "count(*) FILTER (WHERE action = 'excluded') AS excluded, "
		   "count(*) FILTER (WHERE action = 'conflict') AS conflicts, "
		   "count(*) FILTER (WHERE action = 'invalid') AS invalid, "
		   "count(*) FILTER (WHERE action = 'missing') AS missing FROM p) n "
		   "WHERE r.sync_id = $1",
		   "ita", sync_id, connection, people);
}

/* Count the people with a field that the register keeps against the source */
static void
CountKept(Company *company, int64 sync_id, const char *connection, Datum people)
{
	SqlRun(company,
		   "UPDATE @company@.sync_run SET kept = ("
		   "SELECT count(DISTINCT remote_id) FROM @company@.preview_change "
		   "WHERE connection = $2 AND state = 'kept' AND ($3 IS NULL OR remote_id = ANY ($3))) "
		   "WHERE sync_id = $1",
		   "ita", sync_id, connection, people);
}

/* Write down what the guards say of the connection's whole preview */
static void
JudgePlan(Company *company, int64 sync_id, const char *connection)
{
	char	   *hint = psprintf("To apply it all the same: SELECT * FROM stakesync_apply(" INT64_FORMAT ", force => true);",
								sync_id);

	SqlRun(company,
		   "UPDATE @company@.sync_run r SET holds = g.holds, message = g.holds, hint = $3 "
		   "FROM (SELECT string_agg(message, '; ' ORDER BY guard, field) AS holds "
		   "FROM @company@._guard WHERE connection = $2 AND holds) g "
		   "WHERE r.sync_id = $1 AND g.holds IS NOT NULL",
		   "itt", sync_id, connection, hint);
}

/* Freeze a connection's preview */
int64
PlanMake(Company *company, const char *connection, Datum identifiers)
{
	Datum		people;
	int64		sync_id;

	CheckConnection(company, connection);
	people = PlanFindPeople(company, connection, identifiers);
	SyncRunFixFormats(company);
	DiscardOlder(company, connection);

	SqlRun(company,
		   "INSERT INTO @company@.sync_run (connection, kind, state, planned_by) "
		   "VALUES ($1, 'sync', 'planned', $2) RETURNING sync_id",
		   "tt", connection, CompanyCaller());
	sync_id = SqlInt(0, 1);
	FreezePreview(company, sync_id, connection, people);
	CountKept(company, sync_id, connection, people);
	JudgePlan(company, sync_id, connection);
	return sync_id;
}

PG_FUNCTION_INFO_V1(stakesync_plan);

/* Freeze the preview */
Datum
stakesync_plan(PG_FUNCTION_ARGS)
{
	char	   *named = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		identifiers = PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1);
	CompanyContext *context = CompanyEnter(SyncRunCompany(fcinfo, 2), "sync_run", ACL_INSERT,
										   true, "stakesync_plan()");
	int64		sync_id = PlanMake(context->company, ConnectionResolve(context->company, named), identifiers);

	CompanyLeave(context);
	PG_RETURN_INT64(sync_id);
}

PG_FUNCTION_INFO_V1(stakesync_discard);

/* Discard a plan */
Datum
stakesync_discard(PG_FUNCTION_ARGS)
{
	int64		sync_id = SyncRunArgument(fcinfo, 0, "SELECT stakesync_discard(7);");
	CompanyContext *context = CompanyEnter(SyncRunCompany(fcinfo, 1), "sync_run", ACL_UPDATE,
										   true, "stakesync_discard()");
	SyncRun    *run = SyncRunLock(context->company, sync_id);

	if (strcmp(run->state, "planned") != 0 && strcmp(run->state, "held") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("sync " INT64_FORMAT " cannot be discarded: it is %s", sync_id, run->state),
				 strstr(run->state, "applied") ?
				 errhint("To undo it: SELECT * FROM stakesync_revert(" INT64_FORMAT ");", sync_id) : 0));
	SqlRun(context->company,
		   "UPDATE @company@.sync_run SET state = 'discarded', message = NULL, hint = NULL WHERE sync_id = $1",
		   "i", sync_id);
	SqlRun(context->company, "DELETE FROM @company@.change WHERE sync_id = $1 AND state = 'planned'",
		   "i", sync_id);
	CompanyLeave(context);
	PG_RETURN_VOID();
}
