/*
 * Reading streams of an HR system: pages, retries, pace.
 */
#ifndef STAKESYNC_SOURCE_H
#define STAKESYNC_SOURCE_H

#include "postgres.h"

#include "exchange.h"
#include "pager.h"
#include "session.h"

typedef struct Source Source;

/* What was asked and came; a worker's progress reads it */
typedef struct SourceCount
{
	int64		requests;
	int64		retries;
	int64		pages;			/* of people */
	int64		records;
	int64		bytes;
	int64		expected;		/* announced total, -1 if none */
} SourceCount;

/* Takes one record as the source wrote it, not terminated */
typedef void (*SourceRecord) (const PageRun *run, const char *record, size_t length,
							  const char *key, void *arg);

typedef struct SourceOptions
{
	Session    *session;
	Jsonb	   *limits;			/* of the definition, or NULL */
	int64		lately;			/* requests of the last minute */
	TimestampTz lately_at;		/* when the last one of those was over */
	const char *since;			/* incremental: time as the stream writes it,
								 * else NULL */
	SourceRecord record;
	void		(*idle) (void *arg);	/* called between waits, no
										 * transaction open */
	void		(*renewed) (void *arg); /* the session has a new token */
	void	   *arg;
	SourceCount *count;
} SourceOptions;

extern Source *SourceOpen(const SourceOptions *options);

/* Between readings: send a request of the definition and take its whole answer; false if it is not good */
extern bool SourceAsk(Source *source, Jsonb *spec, Exchange *exchange, AnswerFault *fault);

/* Wait so many seconds, showing progress */
extern void SourcePause(Source *source, int seconds);

/*
 * Read all pages of streams (SourceStream *). Raises what cannot be mended
 * (see FetchFail).
 */
extern void SourceRead(Source *source, List *streams);

/* Read a stream once for each person; next_id gives NULL at the end, else what is freed here */
extern void SourceReadEach(Source *source, SourceStream *stream, const char *(*next_id) (void *arg), void *arg);

extern void SourceClose(Source *source);

/*
 * Fail a fetch with words of our own: they hold no value and may be shown and
 * stored.
 */
extern void FetchFail(int sqlerrcode, const char *message, const char *hint) pg_attribute_noreturn();
extern bool FetchFailedByUs(void);

#endif							/* STAKESYNC_SOURCE_H */
