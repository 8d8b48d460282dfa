/*
 * Syncing without a person: fetch, plan, apply what the guards pass.
 *
 * The procedure commits on its way, and has no transaction at all while it
 * waits for the fetch. A failed fetch and a held plan are committed first and
 * raised as an error then, so that a scheduler shows them as failed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "apply.h"
#include "connection.h"
#include "document.h"
#include "executor/spi.h"
#include "fetch.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "plan.h"
#include "sql.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

/*
 * Commit, and have no transaction until BeginTransaction. Where a procedural
 * language calls, only SPI's own commit keeps the frames of that; it begins an
 * empty transaction at once, which has no snapshot and holds nothing back.
 */
static void
EndTransaction(void)
{
	if (SPI_inside_nonatomic_context())
	{
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		SPI_commit();
		SPI_finish();
		return;
	}
	HoldPinnedPortals();
	ForgetPortalSnapshots();
	CommitTransactionCommand();
}

/* Have a transaction again */
static void
BeginTransaction(void)
{
	if (!IsTransactionState())
		StartTransactionCommand();
	EnsurePortalSnapshotExists();
}

/* Refuse where the caller's transaction could not be ended */
static void
CheckNotAtomic(FunctionCallInfo fcinfo)
{
	CallContext *call = (CallContext *) fcinfo->context;

	if (call == NULL || !IsA(call, CallContext) || call->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("stakesync_sync commits on its way and cannot run inside a transaction"),
				 errhint("CALL it alone, outside BEGIN and COMMIT and not from a function.")));
}

/* Fetch with no transaction open; the row as JSON */
static char *
FetchOutside(Company *company, const char *connection)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *task = FetchTask(company->schema, connection, "auto", false);
	char	   *row;

	EndTransaction();
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		row = FetchAndWait(task, connection, true);
	}
	PG_CATCH();
	{
		/* the error is handled as in any transaction */
		if (!IsTransactionState())
			StartTransactionCommand();
		PG_RE_THROW();
	}
	PG_END_TRY();
	BeginTransaction();
	MemoryContextSwitchTo(context);
	return row;
}

/* Raise what the fetch ended with, unless it is done */
static void
CheckFetch(const char *row)
{
	Jsonb	   *fetch = DocumentRead(row);
	char	   *state = DocumentText(fetch, "state");
	char	   *sqlstate = DocumentText(fetch, "sqlstate");
	char	   *hint = DocumentText(fetch, "hint");

	if (state && strcmp(state, "done") == 0)
		return;
	ereport(ERROR,
			(errcode(sqlstate && strlen(sqlstate) == 5 ?
					 MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2], sqlstate[3], sqlstate[4]) :
					 ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("fetch %s: %s", state ? state : "failed", DocumentText(fetch, "message")),
			 hint ? errhint("%s", hint) : 0));
}

/* Hold a plan of a connection that no person ever applied */
static void
HoldFirst(Company *company, int64 sync_id, const char *connection)
{
	SqlRun(company,
		   "UPDATE @company@.sync_run r SET holds = h.words, message = h.words, hint = $3 "
		   "FROM @company@.connection c, @company@.sync_run o "
		   "CROSS JOIN LATERAL pg_catalog.concat_ws('; ', 'the first sync of a connection is for a person to apply', o.holds) h(words) "
		   "WHERE r.sync_id = $1 AND o.sync_id = $1 AND c.connection = $2 AND c.first_applied_at IS NULL",
		   "itt", sync_id, connection,
		   psprintf("Look at the preview, then: SELECT * FROM stakesync_apply(" INT64_FORMAT ", force => true);", sync_id));
}

/* Plan and apply; the words of what holds it, or NULL */
static char *
PlanAndApply(Company *company, const char *connection, int64 *sync_id)
{
	MemoryContext outer = CurrentMemoryContext;
	CompanyContext *context = CompanyEnter(company, "sync_run", ACL_INSERT, true, "stakesync_sync()");
	char	   *held = NULL;

	*sync_id = PlanMake(company, connection, (Datum) 0);
	HoldFirst(company, *sync_id, connection);
	ApplyPlan(company, *sync_id, (Datum) 0, false);
	SqlRun(company, "SELECT state, coalesce(holds, message) FROM @company@.sync_run WHERE sync_id = $1", "i", *sync_id);
	if (strcmp(SqlText(0, 1), "held") == 0)
		held = MemoryContextStrdup(outer, SqlText(0, 2));
	else
	{
		SqlRun(company, "SELECT created, updated, stale, failed FROM @company@.sync_run WHERE sync_id = $1", "i", *sync_id);
		ereport(NOTICE,
				(errmsg("sync " INT64_FORMAT ": " INT64_FORMAT " created, " INT64_FORMAT " updated, " INT64_FORMAT " stale, " INT64_FORMAT " failed",
						*sync_id, SqlInt(0, 1), SqlInt(0, 2), SqlInt(0, 3), SqlInt(0, 4))));
	}
	CompanyLeave(context);
	return held;
}

/* The connection a call means; false if it is paused */
static bool
PrepareSync(Company *company, char **connection)
{
	MemoryContext outer = CurrentMemoryContext;
	CompanyContext *context;
	bool		paused;

	/* all that it does: fetch, apply, and plan */
	CompanyCheck(company, "fetch_run", ACL_INSERT);
	CompanyCheck(company, "sync_run", ACL_UPDATE);
	context = CompanyEnter(company, "sync_run", ACL_INSERT, false, "stakesync_sync()");

	*connection = MemoryContextStrdup(outer, ConnectionResolve(company, *connection));
	SqlRun(company, "SELECT state = 'paused' FROM @company@.connection WHERE connection = $1", "t", *connection);
	paused = SqlBool(0, 1);
	CompanyLeave(context);
	return !paused;
}

PG_FUNCTION_INFO_V1(stakesync_sync);

/* Fetch, plan, apply what the guards pass */
Datum
stakesync_sync(PG_FUNCTION_ARGS)
{
	char	   *connection = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Company    *company;
	int64		sync_id;
	char	   *held;

	CheckNotAtomic(fcinfo);
	PreventCommandDuringRecovery("stakesync_sync()");
	PreventCommandIfReadOnly("stakesync_sync()");
	company = CompanyResolve(PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1)));
	if (!PrepareSync(company, &connection))
	{
		ereport(NOTICE,
				(errmsg("connection \"%s\" is paused, nothing was done", connection),
				 errhint("SELECT stakesync_resume(%s);", quote_literal_cstr(connection))));
		PG_RETURN_VOID();
	}
	CheckFetch(FetchOutside(company, connection));
	held = PlanAndApply(company, connection, &sync_id);
	if (held != NULL)
	{
		MemoryContext context = CurrentMemoryContext;

		EndTransaction();
		MemoryContextSwitchTo(context);
		BeginTransaction();
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("sync " INT64_FORMAT " is held: %s", sync_id, held),
				 errhint("Look at the preview, then: SELECT * FROM stakesync_apply(" INT64_FORMAT ", force => true);", sync_id)));
	}
	PG_RETURN_VOID();
}
