/*
 * Writing many rows of the register at once, and all but the bad ones.
 */
#ifndef STAKESYNC_WRITER_H
#define STAKESYNC_WRITER_H

#include "postgres.h"

#include "company.h"

/* Failed rows that end a sync */
#define WRITER_MAX_FAILED 100

/* One change to write, and the changes that only make sense together with it */
typedef struct WriterRow
{
	int64		change_id;
	int			unit;
} WriterRow;

typedef struct Writer
{
	Company    *company;
	int64		sync_id;

	/*
	 * Statements on the changes $1 (bigint[]), acting for $2 (name of a
	 * role). write does it; failed notes that a change cannot be done,
	 * because of $2; pairs finds changes that go together, or is NULL.
	 */
	const char *write;
	const char *failed;
	const char *pairs;

	/* Progress */
	int			failures;		/* of all runs of this writer */
	WriterRow  *rows;
	int			count;
} Writer;

/* Write changes in one statement, or as many as needed to isolate bad ones */
extern void WriterRun(Writer *writer, Datum change_ids);

/* Run a statement on changes ($1), acting for the caller ($2) */
extern uint64 WriterExecute(Writer *writer, const char *statement, Datum change_ids);

#endif							/* STAKESYNC_WRITER_H */
