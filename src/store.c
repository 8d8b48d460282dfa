/*
 * A tuple store that outlives transactions and that SQL can read by name.
 *
 * It is in memory up to work_mem and in a temporary file beyond: nobody else
 * can see it, nothing of it goes into the WAL, and PostgreSQL removes the file
 * however the process ends. SQL reads it by name, as a trigger reads its
 * transition tables.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "store.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/resowner.h"

/* Begin an empty tuple store that belongs to no transaction */
static Tuplestorestate *
Begin(const Store *store)
{
	MemoryContext old = MemoryContextSwitchTo(store->context);
	ResourceOwner owner = CurrentResourceOwner;
	Tuplestorestate *tuples;

	CurrentResourceOwner = NULL;
	tuples = tuplestore_begin_heap(false, true, work_mem);
	CurrentResourceOwner = owner;
	tuplestore_set_eflags(tuples, EXEC_FLAG_REWIND);
	MemoryContextSwitchTo(old);
	return tuples;
}

/* Open an empty store */
Store *
StoreOpen(const char *name, TupleDesc desc)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "stakesync store",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Store	   *store = palloc0(sizeof(Store));

	store->context = context;
	store->scratch = AllocSetContextCreate(context, "stakesync store row", ALLOCSET_DEFAULT_SIZES);
	store->name = pstrdup(name);
	store->desc = CreateTupleDescCopy(desc);
	store->slot = MakeSingleTupleTableSlot(store->desc, &TTSOpsMinimalTuple);
	store->tuples = Begin(store);
	MemoryContextSwitchTo(old);
	return store;
}

/* Put a row in */
void
StorePut(Store *store, Datum *values, bool *nulls)
{
	tuplestore_putvalues(store->tuples, store->desc, values, nulls);
	store->count++;
	MemoryContextReset(store->scratch);
}

/* Read again from the start */
void
StoreRewind(Store *store)
{
	tuplestore_rescan(store->tuples);
}

/* The next row */
TupleTableSlot *
StoreNext(Store *store)
{
	/* the slot owns the row until the next one is read */
	MemoryContext old = MemoryContextSwitchTo(store->context);
	bool		found = tuplestore_gettupleslot(store->tuples, true, false, store->slot);

	MemoryContextSwitchTo(old);
	return found ? store->slot : NULL;
}

/* Empty the store */
void
StoreClear(Store *store)
{
	ExecClearTuple(store->slot);
	tuplestore_end(store->tuples);
	store->tuples = Begin(store);
	store->count = 0;
}

/* Give the store to SPI */
void
StoreExpose(Store *store)
{
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));

	enr->md.name = (char *) store->name;
	enr->md.reliddesc = InvalidOid;
	enr->md.tupdesc = store->desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = store->count;
	enr->reldata = store->tuples;
	if (SPI_register_relation(enr) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register a store");
}

/* Take it back */
void
StoreHide(Store *store)
{
	SPI_unregister_relation(store->name);
}

/* Replace the rows by those of a query */
void
StoreFill(Store *store, const char *query)
{
	Tuplestorestate *tuples = Begin(store);
	DestReceiver *dest = CreateDestReceiver(DestTuplestore);
	SPIExecuteOptions options = {0};

	SetTuplestoreDestReceiverParams(dest, tuples, store->context, false, NULL, NULL);
	options.read_only = true;
	options.dest = dest;
	if (SPI_execute_extended(query, &options) < 0)
		elog(ERROR, "could not fill a store");
	ExecClearTuple(store->slot);
	tuplestore_end(store->tuples);
	store->tuples = tuples;
	store->count = SPI_processed;
}
