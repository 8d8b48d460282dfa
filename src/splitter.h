/*
 * Record splitter: cuts records out of a JSON byte stream.
 */
#ifndef STAKESYNC_SPLITTER_H
#define STAKESYNC_SPLITTER_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct RecordSplitter RecordSplitter;

/*
 * Takes one record as the source wrote it, not terminated. Called from
 * SplitterFeed, so it may raise errors. key is the name of the member that the
 * last .* in the path of the records led through, else NULL.
 */
typedef void (*RecordCallback) (const char *record, size_t length,
								const char *key, void *arg);

typedef struct SplitterOptions
{
	const char *records;		/* "$.results[*]", "$", "$.data.*",
								 * "$.data[*].fields" ...; NULL where only
								 * captures are wanted */
	List	   *captures;		/* of char *: paths of scalars in the
								 * envelope, "$.next", "$.paging.total" */
	int64		max_record_bytes;
	int			max_depth;
	RecordCallback callback;
	void	   *arg;
} SplitterOptions;

typedef enum SplitterState
{
	SPLITTER_MORE,				/* wants more bytes */
	SPLITTER_DONE,				/* the document is complete */
	SPLITTER_NOT_JSON,			/* a byte that no JSON text has there */
	SPLITTER_CUT_OFF,			/* the stream ended inside the document */
	SPLITTER_OTHER_SHAPE,		/* JSON, but no records where they ought to be */
	SPLITTER_TOO_LARGE,			/* a record beyond max_record_bytes */
	SPLITTER_TOO_DEEP			/* nested beyond max_depth */
} SplitterState;

extern RecordSplitter *SplitterCreate(const SplitterOptions *options);

/* Take bytes; a state from SPLITTER_NOT_JSON on is final */
extern SplitterState SplitterFeed(RecordSplitter *splitter, const char *data, size_t length);

/* No more bytes will come: SPLITTER_DONE or what is wrong */
extern SplitterState SplitterFinish(RecordSplitter *splitter);

/*
 * What is wrong, with the byte's position (from 1), never with a value; NULL
 * if nothing
 */
extern const char *SplitterMessage(const RecordSplitter *splitter);

/* Number of records handed over so far */
extern int64 SplitterRecords(const RecordSplitter *splitter);

/*
 * The nth captured scalar: its text (strings unescaped), NULL if it was null;
 * found is false if it did not come (yet).
 */
extern const char *SplitterCaptured(const RecordSplitter *splitter, int n, bool *found);

extern void SplitterFree(RecordSplitter *splitter);

#endif							/* STAKESYNC_SPLITTER_H */
