/*
 * One request and its whole answer, in a worker.
 */
#ifndef STAKESYNC_EXCHANGE_H
#define STAKESYNC_EXCHANGE_H

#include "postgres.h"

#include "answer.h"
#include "lib/stringinfo.h"
#include "request.h"

typedef struct Exchange
{
	HttpOutcome outcome;
	int			status;
	char	   *message;		/* why there is no answer, or NULL */
	char	   *content_type;
	char	   *retry_after;
	char	   *noted;			/* the header asked for, or NULL */
	StringInfoData body;
} Exchange;

/* Ask and wait for the whole answer; note is a header to keep, or NULL */
extern void ExchangeRun(const HttpApi *http, HttpClient *client, const Request *request,
						size_t most, const char *note, Exchange *exchange);

/* True if the answer is good; else why not */
extern bool ExchangeIsGood(const Exchange *exchange, AnswerFault *fault);

/*
 * The scalar at a path of a JSON text; NULL where there is none. Not JSON at
 * all is told by error. A path beyond the streamed subset needs a transaction.
 */
extern char *ExchangeFind(const char *body, size_t length, const char *path, const char **error);

#endif							/* STAKESYNC_EXCHANGE_H */
