/*
 * Join: people and the rows of their child streams become one record each.
 */
#ifndef STAKESYNC_JOIN_H
#define STAKESYNC_JOIN_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "pager.h"

typedef struct RecordJoin RecordJoin;

/*
 * Open a join. children: List of SourceStream *, those whose key lies in the
 * rows of another behind that one; batches: in how many parts a person comes.
 * Lives in the current memory context.
 */
extern RecordJoin *JoinOpen(List *children, int batches, bool ignore_case);

/* Put a person, a further part of one, or the row of a child stream that a run is at */
extern void JoinPerson(RecordJoin *join, const char *id, const char *record, size_t length);
extern void JoinPart(RecordJoin *join, int batch, const char *id, const char *record, size_t length);
extern void JoinRow(RecordJoin *join, const PageRun *run, const char *record, size_t length);

/* Forget all */
extern void JoinClear(RecordJoin *join);

/* The ids of the people one after the other, from the start after JoinRewind; NULL at the end */
extern void JoinRewind(RecordJoin *join);
extern const char *JoinNextId(void *join);

/* In a transaction: find whose each row is, and whether they are as many as announced */
extern void JoinMatch(RecordJoin *join);

/* Without one: the next whole record; false at the end */
extern bool JoinNext(RecordJoin *join, StringInfo id, StringInfo record);

#endif							/* STAKESYNC_JOIN_H */
