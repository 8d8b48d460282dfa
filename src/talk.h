/*
 * HTTP exchanges, done by a worker for a caller who waits.
 */
#ifndef STAKESYNC_TALK_H
#define STAKESYNC_TALK_H

#include "postgres.h"

#include "answer.h"
#include "courier.h"
#include "nodes/pg_list.h"
#include "session.h"

/* One request of a definition, and what is wanted of its answer */
typedef struct TalkRequest
{
	Jsonb	   *request;
	Jsonb	   *variables;		/* {name: text, number or array}, or NULL */
	bool		without_login;	/* asks for no token first */
	const char *expect;			/* path of a value the answer must hold; or
								 * NULL */
	const char *find;			/* path of a scalar to bring; or NULL */
	Jsonb	   *keeps;			/* {credential: path} to take, or NULL */
	bool		whole;			/* bring the whole body */
} TalkRequest;

typedef struct TalkAnswer
{
	bool		good;
	AnswerFault fault;			/* why not */
	int			status;
	char	   *found;			/* the scalar, or NULL */
	char	   *body;			/* or NULL */
	char	   *noted;			/* the header retry.remaining_header, or NULL */
} TalkAnswer;

/*
 * Do the requests, one after the other. The session's token and credentials
 * may be new afterwards (renewed). Where the login is refused, all are.
 */
extern void TalkAll(Session *session, const TalkRequest *requests, int count, TalkAnswer *answers);

/* One of them; true if it was good */
extern bool TalkOnce(Session *session, const TalkRequest *request, TalkAnswer *answer);

/* The worker's side */
extern void TalkInWorker(CourierTask *task);

/* The HTTP library and its options, for every worker */
extern const HttpApi *TalkHttp(void);
extern void TalkOptions(HttpOptions *options);

#endif							/* STAKESYNC_TALK_H */
