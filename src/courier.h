/*
 * Between a caller and a background worker: a task goes out, messages come
 * back, through shared memory only.
 */
#ifndef STAKESYNC_COURIER_H
#define STAKESYNC_COURIER_H

#include "postgres.h"

#include "storage/dsm.h"
#include "storage/shm_mq.h"

/* What a worker is started for */
#define COURIER_TALK	'T'		/* one HTTP exchange, no database */
#define COURIER_FETCH	'F'		/* a fetch */

/* Messages of a worker */
#define COURIER_ANSWER	'A'		/* talk: the answer; it is over */
#define COURIER_STARTED 'S'		/* fetch: its number */
#define COURIER_NOTICE	'N'		/* fetch: words for the one who waits */
#define COURIER_DONE	'D'		/* fetch: its row as JSON; it is over */
#define COURIER_ERROR	'E'		/* could not start; it is over */
#define COURIER_GONE	0		/* the worker ended without a last word */

typedef struct Courier Courier;

/* In the caller. Raises if no worker can be had. */
extern Courier *CourierStart(char kind, const char *task, const char *name);

/* Wait for a message; its text is palloc'd. Serves interrupts. */
extern char CourierReceive(Courier *courier, char **text);

/* Ask the worker to cancel, or end it */
extern void CourierCancel(Courier *courier);
extern void CourierEnd(Courier *courier);

/* Raise the error that a COURIER_ERROR message tells of */
extern void CourierRaise(const char *text) pg_attribute_noreturn();

/* In the worker */
typedef struct CourierTask
{
	char		kind;
	Oid			database;
	char	   *task;
	size_t		length;
	dsm_segment *segment;
	shm_mq_handle *queue;		/* NULL once nobody listens */
} CourierTask;

extern CourierTask *CourierAttach(uint32 handle);
extern void CourierSend(CourierTask *task, char kind, const char *text);
extern void CourierSendError(CourierTask *task, int sqlerrcode, const char *message, const char *hint);
extern bool CourierIsHeard(CourierTask *task);

#endif							/* STAKESYNC_COURIER_H */
