#include "postgres.h"

#include <signal.h>

#include "courier.h"
#include "document.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/elog.h"
#include "utils/memutils.h"

/* Bytes of messages that may wait to be read */
#define COURIER_QUEUE_SIZE 65536

/* Start of the shared memory; the task's text and the queue follow */
typedef struct CourierHeader
{
	Oid			database;
	char		kind;
	Size		length;
	Size		queue;			/* offset */
} CourierHeader;

struct Courier
{
	dsm_segment *segment;
	shm_mq_handle *queue;
	BackgroundWorkerHandle *worker;
};

/* Lay out the shared memory for a task */
static dsm_segment *
MakeSegment(char kind, const char *task)
{
	Size		length = strlen(task) + 1;
	Size		offset = MAXALIGN(sizeof(CourierHeader) + length);
	dsm_segment *segment = dsm_create(offset + COURIER_QUEUE_SIZE, 0);
	CourierHeader *header = dsm_segment_address(segment);

	header->database = MyDatabaseId;
	header->kind = kind;
	header->length = length;
	header->queue = offset;
	memcpy(header + 1, task, length);
	shm_mq_set_receiver(shm_mq_create((char *) header + offset, COURIER_QUEUE_SIZE), MyProc);
	return segment;
}

/* Register a worker for the segment */
static BackgroundWorkerHandle *
StartWorker(char kind, const char *name, dsm_segment *segment)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;

	snprintf(worker.bgw_name, BGW_MAXLEN, "stakesync %s", name);
	snprintf(worker.bgw_type, BGW_MAXLEN, "stakesync %s", kind == COURIER_FETCH ? "fetch" : "request");
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "stakesync");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "StakesyncWorkerMain");
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no free background worker"),
				 errhint("Try again later, or raise max_worker_processes.")));
	return handle;
}

/* Start a worker on a task */
Courier *
CourierStart(char kind, const char *task, const char *name)
{
	Courier    *courier = MemoryContextAllocZero(TopMemoryContext, sizeof(Courier));
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	CourierHeader *header;

	PG_TRY();
	{
		courier->segment = MakeSegment(kind, task);
		dsm_pin_mapping(courier->segment);
		courier->worker = StartWorker(kind, name, courier->segment);
		header = dsm_segment_address(courier->segment);
		courier->queue = shm_mq_attach((shm_mq *) ((char *) header + header->queue),
									   courier->segment, courier->worker);
	}
	PG_CATCH();
	{
		CourierEnd(courier);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return courier;
}

/* Wait for a message */
char
CourierReceive(Courier *courier, char **text)
{
	for (;;)
	{
		Size		length;
		void	   *data;
		shm_mq_result result;

		CHECK_FOR_INTERRUPTS();
		result = shm_mq_receive(courier->queue, &length, &data, true);
		if (result == SHM_MQ_SUCCESS && length > 0)
		{
			*text = pnstrdup((char *) data + 1, length - 1);
			return *(char *) data;
		}
		if (result == SHM_MQ_DETACHED)
			return COURIER_GONE;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* Ask the worker to cancel */
void
CourierCancel(Courier *courier)
{
	pid_t		pid;

	if (GetBackgroundWorkerPid(courier->worker, &pid) == BGWH_STARTED)
		kill(pid, SIGINT);
	else
		TerminateBackgroundWorker(courier->worker);
}

/* Forget the worker; a talking one is ended */
void
CourierEnd(Courier *courier)
{
	if (courier->segment != NULL)
	{
		CourierHeader *header = dsm_segment_address(courier->segment);

		if (header->kind == COURIER_TALK)
		{
			if (courier->worker != NULL)
				TerminateBackgroundWorker(courier->worker);
			/* holds credentials where no worker came to wipe them */
			explicit_bzero(header + 1, header->length);
		}
		if (courier->queue != NULL)
			shm_mq_detach(courier->queue);
		dsm_detach(courier->segment);
	}
	if (courier->worker != NULL)
		pfree(courier->worker);
	pfree(courier);
}

/* Raise the error that a worker told of */
void
CourierRaise(const char *text)
{
	Jsonb	   *told = DocumentRead(text);
	char	   *hint = DocumentText(told, "hint");

	ereport(ERROR,
			(errcode((int) DocumentInt(told, "sqlerrcode", ERRCODE_INTERNAL_ERROR)),
			 errmsg("%s", DocumentText(told, "message")),
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

/* In the worker: take the task */
CourierTask *
CourierAttach(uint32 handle)
{
	CourierTask *task = palloc0(sizeof(CourierTask));
	CourierHeader *header;
	shm_mq	   *queue;

	task->segment = dsm_attach(handle);
	if (task->segment == NULL)
		return NULL;
	dsm_pin_mapping(task->segment);
	header = dsm_segment_address(task->segment);
	task->kind = header->kind;
	task->database = header->database;
	task->length = header->length;
	task->task = palloc(header->length);
	memcpy(task->task, header + 1, header->length);
	explicit_bzero(header + 1, header->length);

	queue = (shm_mq *) ((char *) header + header->queue);
	shm_mq_set_sender(queue, MyProc);
	task->queue = shm_mq_attach(queue, task->segment, NULL);
	return task;
}

/* Send a message; waits where the queue is full */
void
CourierSend(CourierTask *task, char kind, const char *text)
{
	StringInfoData message;

	if (task->queue == NULL)
		return;
	initStringInfo(&message);
	appendStringInfoChar(&message, kind);
	appendStringInfoString(&message, text);
	if (shm_mq_send(task->queue, message.len, message.data, false, true) == SHM_MQ_DETACHED)
		task->queue = NULL;
	pfree(message.data);
}

/* Tell the caller why it could not start */
void
CourierSendError(CourierTask *task, int sqlerrcode, const char *message, const char *hint)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	DocumentAppendInt(&text, "sqlerrcode", sqlerrcode);
	DocumentAppend(&text, "message", message);
	DocumentAppend(&text, "hint", hint);
	appendStringInfoChar(&text, '}');
	CourierSend(task, COURIER_ERROR, text.data);
	pfree(text.data);
}

/* True while somebody listens */
bool
CourierIsHeard(CourierTask *task)
{
	return task->queue != NULL;
}
