/*
 * Scheduling syncs through pg_cron.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "connection.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* What is scheduled */
typedef struct Job
{
	char	   *name;
	char	   *command;
} Job;

/* The job of a connection, after checking that the caller may sync it */
static Job *
MakeJob(Company *company, const char *connection, const char *call)
{
	MemoryContext outer = CurrentMemoryContext;
	CompanyContext *context = CompanyEnter(company, "sync_run", ACL_INSERT, false, call);
	Job		   *job = MemoryContextAlloc(outer, sizeof(Job));

	connection = ConnectionResolve(company, connection);
	MemoryContextSwitchTo(outer);
	job->name = psprintf("stakesync %s %s", company->name, connection);
	job->command = psprintf("CALL %s.stakesync_sync(%s, %s)", company->extension,
							quote_literal_cstr(connection), quote_literal_cstr(company->name));
	CompanyLeave(context);
	return job;
}

/* Refuse where pg_cron is not in this database, saying what to type */
static void
CheckCron(const Job *job, const char *schedule)
{
	const char *home = GetConfigOption("cron.database_name", true, false);
	const char *here = get_database_name(MyDatabaseId);

	if (OidIsValid(get_extension_oid("pg_cron", true)))
		return;
	if (home != NULL && strcmp(home, here) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_cron lives in database \"%s\"", home),
				 errhint("Type there: SELECT cron.schedule_in_database(%s, %s, %s, %s);",
						 quote_literal_cstr(job->name), quote_literal_cstr(schedule ? schedule : "0 5 * * *"),
						 quote_literal_cstr(job->command), quote_literal_cstr(here))));
	if (home != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_cron is loaded, but not an extension of this database"),
				 errhint("A superuser types: CREATE EXTENSION pg_cron;")));
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("scheduling needs pg_cron, which is not installed here"),
			 errhint("Install it (Debian: postgresql-%d-cron), set shared_preload_libraries = 'pg_cron' and cron.database_name = %s, restart, CREATE EXTENSION pg_cron. Or let cron or a systemd timer run: psql -c %s",
					 PG_VERSION_NUM / 10000, quote_literal_cstr(here), quote_literal_cstr(job->command))));
}

/* Run one of pg_cron's functions as the caller */
static int64
CallCron(const Company *company, const char *statement, const char *a, const char *b, const char *c)
{
	int64		result;

	SPI_connect();
	SqlRun(company, statement, "ttt", a, b, c);
	result = SPI_processed > 0 ? SqlInt(0, 1) : 0;
	SPI_finish();
	return result;
}

PG_FUNCTION_INFO_V1(stakesync_schedule);

/* Sync by pg_cron */
Datum
stakesync_schedule(PG_FUNCTION_ARGS)
{
	char	   *connection = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	Company    *company = CompanyResolve(PG_ARGISNULL(2) ? NULL : NameStr(*PG_GETARG_NAME(2)));
	char	   *schedule;
	Job		   *job;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say when to sync"),
				 errhint("SELECT stakesync_schedule('0 5 * * *');")));
	schedule = text_to_cstring(PG_GETARG_TEXT_PP(0));
	job = MakeJob(company, connection, "stakesync_schedule()");
	CheckCron(job, schedule);
	PG_RETURN_INT64(CallCron(company, "SELECT cron.schedule($1, $2, $3)", job->name, schedule, job->command));
}

PG_FUNCTION_INFO_V1(stakesync_unschedule);

/* Sync no more by itself */
Datum
stakesync_unschedule(PG_FUNCTION_ARGS)
{
	char	   *connection = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Company    *company = CompanyResolve(PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1)));
	Job		   *job = MakeJob(company, connection, "stakesync_unschedule()");

	CheckCron(job, NULL);
	PG_RETURN_BOOL(CallCron(company,
							"SELECT pg_catalog.count(cron.unschedule(jobname)) FROM cron.job "
							"WHERE jobname OPERATOR(pg_catalog.=) $1 AND username OPERATOR(pg_catalog.=) coalesce($2, CURRENT_USER) AND $3 IS NULL",
							job->name, NULL, NULL) > 0);
}
