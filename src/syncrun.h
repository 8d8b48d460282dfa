/*
 * Rows of sync_run: finding, locking, telling.
 */
#ifndef STAKESYNC_SYNCRUN_H
#define STAKESYNC_SYNCRUN_H

#include "postgres.h"

#include "company.h"
#include "fmgr.h"

typedef struct SyncRun
{
	int64		sync_id;
	char	   *connection;		/* NULL for an import */
	char	   *kind;
	char	   *state;
	char	   *holds;			/* what the guards say, or NULL */
} SyncRun;

/*
 * Lock a run and, before it, its connection: whoever plans, applies, reverts
 * or merges a fetch takes the connection first, so none waits in a circle.
 */
extern SyncRun *SyncRunLock(Company *company, int64 sync_id);

/* Write dates and the like in one form, whatever the session's settings */
extern void SyncRunFixFormats(Company *company);

/* The run as stakesync_sync_row, in the memory of the call's outside */
extern Datum SyncRunRow(CompanyContext *context, int64 sync_id);

/* Tell listeners that a run ended */
extern void SyncRunNotify(int64 sync_id);

/* Arguments of the functions that take a run and a company */
extern int64 SyncRunArgument(FunctionCallInfo fcinfo, int number, const char *example);
extern Company *SyncRunCompany(FunctionCallInfo fcinfo, int number);

#endif							/* STAKESYNC_SYNCRUN_H */
