/*
 * Fetching: the whole of it, from lock to merge.
 */
#ifndef STAKESYNC_FETCH_H
#define STAKESYNC_FETCH_H

#include "postgres.h"

#include "company.h"
#include "connection.h"
#include "courier.h"
#include "join.h"
#include "landing.h"
#include "source.h"
#include "storage/lock.h"
#include "utils/timestamp.h"

/* A fetch as the worker knows it */
typedef struct Fetch
{
	CourierTask *task;

	/* Asked for */
	Oid			schema;
	char	   *connection_name;
	char	   *mode;			/* auto, then full or incremental */
	bool		accept_fewer;
	char	   *by;

	/* Found out */
	int64		fetch_id;
	int64		connection_id;
	Connection *connection;
	char	   *fingerprint;	/* of the configuration */
	uint64		seed;			/* of the hashes, from it */
	List	   *rules;			/* of MappingRule * */
	List	   *own_rules;		/* those that a user made */
	char	   *identifier;		/* source field, or NULL */
	char	   *email;
	char	   *since;
	bool		lookup;			/* there are employees to compare with */
	int64		lately;			/* requests of the last minute */
	TimestampTz lately_at;		/* when the last one of those was over */
	bool		first;			/* there is no complete picture yet */
	TimestampTz started;

	/* Under way */
	Mapping    *mapping;
	Landing    *landing;
	SourceStream *people;
	List	   *children;		/* SourceStream * that the mapping wants */
	RecordJoin *join;			/* NULL where people come whole */
	SourceCount count;
	const char *phase;
	bool		reading;		/* bytes of the source may be about */

	/* What became of it */
	bool		complete;
	int64		added;
	int64		changed;
	int64		unchanged;
	int64		missing;
	int64		base;
	int64		left;			/* people who have left */
} Fetch;

/* The worker's side */
extern void FetchInWorker(CourierTask *task);

/* Process id of who holds it, or 0 */
extern int	FetchWorkerPid(const Company *company, int64 connection_id);

/* The landing becomes the picture; the caller's transaction */
extern void MergeLanding(Company *company, Fetch *fetch);

/* Fingerprint of what a fetch depends on */
extern char *FetchFingerprint(Company *company, const char *connection);

/* The row of a fetch as JSON */
extern char *FetchRow(Company *company, int64 fetch_id);

/*
 * In the caller: the task of a fetch, and running it. FetchAndWait needs no
 * transaction; it returns the row as JSON, or its number alone without wait.
 */
extern char *FetchTask(Oid schema, const char *connection, const char *mode, bool accept_fewer);
extern char *FetchAndWait(const char *task, const char *connection, bool wait);

#endif							/* STAKESYNC_FETCH_H */
