#include "postgres.h"

#include "commands/async.h"
#include "executor/spi.h"
#include "sql.h"
#include "syncrun.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/* Read a run; raises if there is none */
static SyncRun *
ReadRun(Company *company, const char *statement, int64 sync_id)
{
	SyncRun    *run = palloc0(sizeof(SyncRun));

	if (SqlRun(company, statement, "i", sync_id) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("company \"%s\" has no sync " INT64_FORMAT, company->name, sync_id),
				 errhint("SELECT sync_id, state, planned_at FROM %s.sync_run; lists them.", company->quoted)));
	run->sync_id = sync_id;
	run->connection = SqlText(0, 1);
	run->kind = SqlText(0, 2);
	run->state = SqlText(0, 3);
	run->holds = SqlText(0, 4);
	return run;
}

/* Lock a run and, before it, its connection */
SyncRun *
SyncRunLock(Company *company, int64 sync_id)
{
	SyncRun    *run = ReadRun(company,
							  "SELECT connection, kind, state, holds FROM @company@.sync_run WHERE sync_id = $1",
							  sync_id);

	if (run->connection != NULL)
		SqlRun(company, "SELECT FROM @company@.connection WHERE connection = $1 FOR NO KEY UPDATE",
			   "t", run->connection);
	return ReadRun(company,
				   "SELECT connection, kind, state, holds FROM @company@.sync_run WHERE sync_id = $1 FOR NO KEY UPDATE",
				   sync_id);
}

/* Set a setting until the company is left */
static void
SetSetting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Write dates and the like in one form, whatever the session's settings */
void
SyncRunFixFormats(Company *company)
{
	SetSetting("datestyle", "ISO, YMD");
	SetSetting("intervalstyle", "postgres");
	SetSetting("extra_float_digits", "1");
	SetSetting("bytea_output", "hex");
	if (SqlRun(company, "SELECT timezone FROM @company@._company", NULL) == 1)
		SetSetting("timezone", SqlText(0, 1));
}

/* The run as stakesync_sync_row */
Datum
SyncRunRow(CompanyContext *context, int64 sync_id)
{
	MemoryContext old;
	Datum		row;
	bool		isnull;

	if (SqlRun(context->company,
			   "SELECT ROW(sync_id, connection, kind, state, planned_at, planned_by, applied_at, applied_by, "
			   "created, updated, unchanged, excluded, conflicts, invalid, missing, kept, stale, failed, "
			   "message, hint)::@extension@.stakesync_sync_row FROM @company@.sync_run WHERE sync_id = $1",
			   "i", sync_id) != 1)
		elog(ERROR, "sync " INT64_FORMAT " is gone", sync_id);
	row = SqlDatum(0, 1, &isnull);
	old = MemoryContextSwitchTo(context->outer);
	row = datumCopy(row, false, -1);
	MemoryContextSwitchTo(old);
	return row;
}

/* Tell listeners that a run ended */
void
SyncRunNotify(int64 sync_id)
{
	char		payload[32];

	snprintf(payload, sizeof(payload), "sync " INT64_FORMAT, sync_id);
	Async_Notify("stakesync", payload);
}

/* The argument that names a run */
int64
SyncRunArgument(FunctionCallInfo fcinfo, int number, const char *example)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("sync_id is null, say which sync"),
				 errhint("%s", example)));
	return PG_GETARG_INT64(number);
}

/* The company that an argument of type name means */
Company *
SyncRunCompany(FunctionCallInfo fcinfo, int number)
{
	return CompanyResolve(PG_ARGISNULL(number) ? NULL : NameStr(*PG_GETARG_NAME(number)));
}
