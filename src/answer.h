/*
 * What an HTTP answer means: whether to go on, try again or give up, and the
 * words for it. No value of the answer is in them.
 */
#ifndef STAKESYNC_ANSWER_H
#define STAKESYNC_ANSWER_H

#include "postgres.h"

#include "http.h"

typedef struct AnswerFault
{
	int			sqlerrcode;
	char	   *message;
	char	   *hint;
	bool		again;			/* worth another try */
	int64		wait;			/* milliseconds asked for, -1 if none */
} AnswerFault;

/* True if the answer is good; else why not */
extern bool AnswerIsGood(HttpOutcome outcome, int status, const char *message,
						 const char *retry_after, AnswerFault *fault);

/* Milliseconds that a header asks for: seconds, a date or an epoch; -1 for none */
extern int64 AnswerReadWait(const char *text);

/* The fault of an answer whose body is not what it ought to be */
extern void AnswerIsNoJson(const char *content_type, const char *what, AnswerFault *fault);

#endif							/* STAKESYNC_ANSWER_H */
