#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "courier.h"
#include "fetch.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "talk.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

PGDLLEXPORT void StakesyncWorkerMain(Datum arg);

/* Do one HTTP exchange; what goes wrong here goes back to the caller */
static void
AnswerCaller(CourierTask *task)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		TalkInWorker(task);
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		CourierSendError(task, edata->sqlerrcode, edata->message, edata->hint);
	}
	PG_END_TRY();
}

/* Entry of every background worker */
void
StakesyncWorkerMain(Datum arg)
{
	CourierTask *task;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "stakesync worker",
												ALLOCSET_DEFAULT_SIZES));
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "stakesync worker");
	task = CourierAttach(DatumGetUInt32(arg));

	/* The caller is gone before it began */
	if (task == NULL)
		proc_exit(0);

	/*
	 * A merge of many people is costly enough to be compiled, which takes
	 * more memory than all the rest, and time that one run never earns back
	 */
	SetConfigOption("jit", "off", PGC_USERSET, PGC_S_OVERRIDE);
	if (task->kind == COURIER_TALK)
		AnswerCaller(task);
	else
		FetchInWorker(task);
	proc_exit(0);
}
