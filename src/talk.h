/*
 * One HTTP exchange, done by a worker for a caller who waits.
 */
#ifndef STAKESYNC_TALK_H
#define STAKESYNC_TALK_H

#include "postgres.h"

#include "answer.h"
#include "courier.h"
#include "nodes/pg_list.h"

typedef struct Talk
{
	const char *method;
	const char *url;
	List	   *headers;		/* of char * */
	const char *body;			/* or NULL */
	const char *expect;			/* path of a value the answer must hold; or
								 * NULL */
} Talk;

/* True if the answer was good and held what was expected; else why not */
extern bool TalkOnce(const Talk *talk, AnswerFault *fault);

/* The worker's side */
extern void TalkInWorker(CourierTask *task);

/* The HTTP library, loaded when first asked for, and its options */
extern const HttpApi *TalkHttp(void);
extern void TalkOptions(HttpOptions *options);

#endif							/* STAKESYNC_TALK_H */
