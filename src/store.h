/*
 * A tuple store that outlives transactions and that SQL can read by name.
 */
#ifndef STAKESYNC_STORE_H
#define STAKESYNC_STORE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "utils/tuplestore.h"

typedef struct Store
{
	MemoryContext context;
	MemoryContext scratch;		/* of one row; reset by StorePut */
	const char *name;
	TupleDesc	desc;
	Tuplestorestate *tuples;
	TupleTableSlot *slot;
	int64		count;
} Store;

/* Open an empty one in the current memory context */
extern Store *StoreOpen(const char *name, TupleDesc desc);

/* Put a row in; Datums may live in scratch */
extern void StorePut(Store *store, Datum *values, bool *nulls);

/* Read again from the start */
extern void StoreRewind(Store *store);

/* The next row, valid until the one after; NULL at the end */
extern TupleTableSlot *StoreNext(Store *store);

/* Empty it */
extern void StoreClear(Store *store);

/* In a transaction: give it to SPI, and take it back */
extern void StoreExpose(Store *store);
extern void StoreHide(Store *store);

/* In a transaction: replace the rows by those of a query, which may read the store itself */
extern void StoreFill(Store *store, const char *query);

#endif							/* STAKESYNC_STORE_H */
