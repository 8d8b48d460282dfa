/*
 * Reading a stream of an HR system: pages, retries, pace.
 */
#ifndef STAKESYNC_SOURCE_H
#define STAKESYNC_SOURCE_H

#include "postgres.h"

#include "connection.h"
#include "splitter.h"

/* What was asked and came; a worker's progress reads it */
typedef struct SourceCount
{
	int64		requests;
	int64		retries;
	int64		pages;
	int64		records;
	int64		bytes;
	int64		expected;		/* announced total, -1 if none */
} SourceCount;

typedef struct SourceOptions
{
	Connection *connection;
	Jsonb	   *stream;			/* of the definition */
	const char *since;			/* incremental: ISO time, else NULL */
	RecordCallback record;
	void		(*idle) (void *arg);	/* called between waits, no transaction
										 * open */
	void	   *arg;
	SourceCount *count;
} SourceOptions;

/* Read all pages; raises what cannot be mended (see FetchFail) */
extern void SourceRead(const SourceOptions *options);

/*
 * Fail a fetch with words of our own: they hold no value and may be shown and
 * stored.
 */
extern void FetchFail(int sqlerrcode, const char *message, const char *hint) pg_attribute_noreturn();
extern bool FetchFailedByUs(void);

#endif							/* STAKESYNC_SOURCE_H */
