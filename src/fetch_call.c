/*
 * Fetching, in the caller: hand the task to a worker, show what it says,
 * return its row.
 */
#include "postgres.h"

#include <signal.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "attempt.h"
#include "connection.h"
#include "document.h"
#include "executor/spi.h"
#include "fetch.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/snapmgr.h"

/* The task of a fetch as JSON; reads the catalog */
char *
FetchTask(Oid schema, const char *connection, const char *mode, bool accept_fewer)
{
	StringInfoData task;

	initStringInfo(&task);
	appendStringInfoChar(&task, '{');
	DocumentAppendInt(&task, "schema", schema);
	DocumentAppend(&task, "connection", connection);
	DocumentAppend(&task, "mode", mode);
	DocumentAppend(&task, "by", CompanyCaller());
	appendStringInfo(&task, ",\"accept_fewer\":%s}", accept_fewer ? "true" : "false");
	return task.data;
}

/* Take messages until the fetch is over, or has started where none waits */
static char *
AwaitEnd(Courier *courier, bool wait)
{
	for (;;)
	{
		char	   *text = NULL;

		switch (CourierReceive(courier, &text))
		{
			case COURIER_STARTED:
				if (!wait)
					return psprintf("{\"fetch_id\":%s}", text);
				break;
			case COURIER_NOTICE:
				ereport(NOTICE, (errmsg("%s", text)));
				break;
			case COURIER_DONE:
				return text;
			case COURIER_ERROR:
				CourierRaise(text);
				break;
			default:
				ereport(ERROR,
						(errcode(ERRCODE_CONNECTION_FAILURE),
						 errmsg("the background worker ended before the fetch did"),
						 errhint("The last complete picture is as it was. Look into the server's log, then fetch again.")));
		}
	}
}

/* Fetch, and wait unless told otherwise; the row as JSON */
char *
FetchAndWait(const char *task, const char *connection, bool wait)
{
	MemoryContext context = CurrentMemoryContext;
	Courier    *courier = CourierStart(COURIER_FETCH, task, connection);
	char	   *row;

	PG_TRY();
	{
		row = AwaitEnd(courier, wait);
	}
	PG_CATCH();
	{
		/* Who no longer waits no longer wants it */
		CourierCancel(courier);
		CourierEnd(courier);
		PG_RE_THROW();
	}
	PG_END_TRY();
	CourierEnd(courier);
	MemoryContextSwitchTo(context);
	return row;
}

/* Refuse an unknown mode */
static void
CheckMode(const char *mode)
{
	if (strcmp(mode, "auto") != 0 && strcmp(mode, "full") != 0 && strcmp(mode, "incremental") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no mode \"%s\"", mode),
				 errhint("Modes are auto, full, incremental.")));
}

/* A row of a fetch from JSON */
static Datum
RowFromJson(const Company *company, const char *json)
{
	MemoryContext outer = CurrentMemoryContext;
	bool		isnull;
	Datum		row;

	SPI_connect();
	SqlRun(company, "SELECT r FROM pg_catalog.jsonb_populate_record(NULL::@extension@.stakesync_fetch_row, $1) r", "j", json);
	row = SqlDatum(0, 1, &isnull);
	MemoryContextSwitchTo(outer);
	row = datumCopy(row, false, -1);
	SPI_finish();
	return row;
}

/* A connection to find */
typedef struct Resolving
{
	Company    *company;
	const char *name;
	MemoryContext context;
	char	   *resolved;
} Resolving;

/* Find it */
static void
Resolve(void *arg)
{
	Resolving  *resolving = arg;
	CompanyContext *context = CompanyEnter(resolving->company, "fetch_run", ACL_INSERT, false, "stakesync_fetch()");

	resolving->resolved = MemoryContextStrdup(resolving->context, ConnectionResolve(resolving->company, resolving->name));
	CompanyLeave(context);
}

/*
 * The connection a call means, without keeping a lock: who waits for a fetch
 * must not stand in the way of the worker, nor of somebody for whom the worker
 * would wait in turn. A subtransaction's end lets go of the locks it took.
 */
static char *
ResolveUnlocked(Company *company, const char *name)
{
	Resolving	resolving = {company, name, CurrentMemoryContext, NULL};
	ErrorData  *error = Attempt(Resolve, &resolving, false);

	if (error != NULL)
		ReThrowError(error);
	return resolving.resolved;
}

PG_FUNCTION_INFO_V1(stakesync_fetch);

/* Fetch the people of an HR system */
Datum
stakesync_fetch(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *mode = PG_ARGISNULL(1) ? "auto" : text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool		wait = PG_ARGISNULL(2) || PG_GETARG_BOOL(2);
	bool		accept_fewer = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	Company    *company = CompanyResolve(PG_ARGISNULL(4) ? NULL : NameStr(*PG_GETARG_NAME(4)));
	MemoryContext outer = CurrentMemoryContext;
	CompanyContext *context;
	char	   *row;
	char	   *told;

	CheckMode(mode);
	PreventCommandDuringRecovery("stakesync_fetch()");
	PreventCommandIfReadOnly("stakesync_fetch()");
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("this transaction has written already and cannot wait for a fetch"),
				 errhint("COMMIT first, then fetch.")));
	name = ResolveUnlocked(company, name);
	row = FetchAndWait(FetchTask(company->schema, name, accept_fewer ? "full" : mode, accept_fewer), name, wait);

	/* Without waiting the worker has only told its number */
	if (!wait)
	{
		context = CompanyEnter(company, "fetch_run", ACL_INSERT, false, "stakesync_fetch()");
		PushActiveSnapshot(GetLatestSnapshot());
		told = FetchRow(company, DocumentInt(DocumentRead(row), "fetch_id", 0));

		/* in REPEATABLE READ its row cannot be seen yet */
		if (strcmp(told, "{}") != 0)
			row = MemoryContextStrdup(outer, told);
		PopActiveSnapshot();
		CompanyLeave(context);
	}
	return RowFromJson(company, row);
}

PG_FUNCTION_INFO_V1(stakesync_cancel);

/* Cancel a running fetch */
Datum
stakesync_cancel(PG_FUNCTION_ARGS)
{
	int64		fetch_id;
	Company    *company = CompanyResolve(PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1)));
	CompanyContext *context;
	int			pid = 0;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say which fetch to cancel"),
				 errhint("SELECT stakesync_cancel(fetch_id) FROM fetch_run WHERE state IN ('queued', 'running');")));
	fetch_id = PG_GETARG_INT64(0);
	context = CompanyEnter(company, "fetch_run", ACL_INSERT, false, "stakesync_cancel()");
	if (SqlRun(company, "SELECT f.pid, c.connection_id, f.state IN ('queued', 'running') "
			   "FROM @company@._fetch f LEFT JOIN @company@.connection c USING (connection) WHERE f.fetch_id = $1", "i", fetch_id) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no fetch " INT64_FORMAT, fetch_id),
				 errhint("See the view fetch_run.")));

	/*
	 * what the tables say is their owner's to write: the lock tells whom to
	 * signal
	 */
	if (SqlBool(0, 3))
		pid = FetchWorkerPid(company, SqlInt(0, 2));
	if (pid != SqlInt(0, 1))
		pid = 0;
	CompanyLeave(context);
	PG_RETURN_BOOL(pid != 0 && kill(pid, SIGINT) == 0);
}
