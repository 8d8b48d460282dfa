/*
 * Fetching, in the worker.
 *
 * The path of a fetch: take the connection's lock, write its row, wait for a
 * slot, read pages, merge. Nobody but the worker touches the network, and it
 * has no transaction open while it waits: what it must know is read before,
 * a batch of records is compared with the picture in a short transaction of
 * its own, progress is another, and the merge is the last one. So a fetch
 * holds back no vacuum and no DROP DATABASE, and a fetch that ends early has
 * changed nothing.
 *
 * An unchanged record costs one hash: its bytes are hashed together with the
 * configuration, and where the employee has the same hash and no day was
 * reached on which he changes by himself, nothing else is done.
 */
#include "postgres.h"

#include "access/xact.h"
#include "canonical.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "commands/extension.h"
#include "discover.h"
#include "document.h"
#include "exchange.h"
#include "executor/spi.h"
#include "fetch.h"
#include "guc.h"
#include "keys.h"
#include "lib/stringinfo.h"
#include "mapping.h"
#include "miscadmin.h"
#include "path.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "reading.h"
#include "sensitive_exception.h"
#include "sql.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"
#include "catalog/pg_extension.h"

/* Records compared with the picture at a time */
#define BATCH_RECORDS 200
#define BATCH_BYTES (1024 * 1024)

/* Seconds by which an incremental fetch reaches back before the last one */
#define OVERLAP_SECONDS 300

/* How long a lock is waited for */
#define FETCH_LOCK_TIMEOUT "30s"

/* Seconds between questions whether an HR system is ready, and in all */
#define READY_EVERY 10
#define READY_MOST 1800

/* Hours after which auto means full */
#define FULL_EVERY 24

/* One record that waits to be compared */
typedef struct WaitingRecord
{
	char	   *id;
	char	   *bytes;
	size_t		length;
	pg_uuid_t	hash;
	bool		same;
} WaitingRecord;

/* The batch under way */
static WaitingRecord batch[BATCH_RECORDS];
static int	batch_count = 0;
static size_t batch_bytes = 0;
static MemoryContext batch_context = NULL;
static MemoryContext record_context = NULL;
static MemoryContext id_context = NULL;
static TimestampTz progress_at = 0;
static CompanyContext *entered = NULL;

/* The lock of a connection: who holds it fetches */
static void
SetLockTag(LOCKTAG *tag, const Company *company, int64 connection_id)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, CompanyRelation(company, "connection"),
					   (uint32) connection_id, 0);
}

/* Process id of who holds the lock of a connection, or 0 */
int
FetchWorkerPid(const Company *company, int64 connection_id)
{
	LockData   *locks = GetLockStatusData();
	LOCKTAG		tag;

	SetLockTag(&tag, company, connection_id);
	for (int i = 0; i < locks->nelements; i++)
		if (memcmp(&locks->locks[i].locktag, &tag, sizeof(LOCKTAG)) == 0 &&
			(locks->locks[i].holdMask & LOCKBIT_ON(ExclusiveLock)) != 0)
			return locks->locks[i].pid;
	return 0;
}

/* Begin a transaction as the company's owner */
static Company *
Begin(Fetch *fetch)
{
	entered = CompanyBegin(fetch->schema, FETCH_LOCK_TIMEOUT);
	return entered->company;
}

/* End it; nothing stays open */
static void
Commit(void)
{
	CompanyCommit(entered);
}

/* Show in pg_stat_activity what the worker does */
static void
ShowActivity(Fetch *fetch, const char *phase)
{
	fetch->phase = phase;
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("stakesync: fetch of %s, %s", fetch->connection_name, phase));
}

/* Fingerprint of what a fetch depends on */
char *
FetchFingerprint(Company *company, const char *connection)
{
	SqlRun(company,
		   "SELECT pg_catalog.md5(pg_catalog.concat_ws(E'\\n', $2, c.identifier, c.email, c.settings - 'guards' - 'hand_edits' - 'follow_leavers' - 'requests_per_minute', "
		   "(SELECT pg_catalog.string_agg(pg_catalog.concat_ws(E'\\t', m.field, m.path, m.transform), E'\\n' ORDER BY m.field) "
		   "FROM @company@.mapping m WHERE m.connection = c.connection), "
		   "(SELECT pg_catalog.string_agg(pg_catalog.concat_ws(E'\\t', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), "
		   "(SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), E'\\t' ORDER BY k.conname) FROM pg_catalog.pg_constraint k "
		   "WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum])), E'\\n' ORDER BY a.attname) "
		   "FROM pg_catalog.pg_attribute a JOIN @company@.mapping m ON m.field = a.attname AND m.connection = c.connection "
		   "WHERE a.attrelid = $3::oid AND NOT a.attisdropped), "
		   "(SELECT pg_catalog.string_agg(pg_catalog.concat_ws(E'\\t', x.category, x.field), E'\\n' ORDER BY x.category, x.field) "
		   "FROM @company@.sensitive_exception x WHERE " EXCEPTION_HOLDS("c.connection") "), "
		   "(SELECT pg_catalog.concat_ws(E'\\t', s.method, s.hosts) FROM @company@._credential s WHERE s.connection = c.connection), "
		   "(SELECT pg_catalog.md5(p.definition::text) FROM @extension@.stakesync_provider p WHERE p.provider = c.provider), "
		   "(SELECT pg_catalog.md5(p.definition::text) FROM @company@.provider p WHERE p.provider = c.provider))) "
		   "FROM @company@.connection c WHERE c.connection = $1", "tti", connection, STAKESYNC_VERSION,
		   (int64) CompanyRelation(company, "stakeholder"));
	return SqlText(0, 1);
}

/* Decide between a full and an incremental fetch */
static void
DecideMode(Company *company, Fetch *fetch)
{
	Jsonb	   *incremental = DocumentMember(ReadingPeople(fetch->connection), "incremental");
	bool		can = incremental != NULL;
	char	   *format = DocumentText(incremental, "format");
	bool		due;

	SqlRun(company,
		   "SELECT c.last_complete_fetch IS NULL OR c.fetched_since IS NULL OR c.fetched_under IS DISTINCT FROM $2 "
		   "OR c.last_complete_fetch < pg_catalog.now() - pg_catalog.make_interval(hours => $3::integer) "
		   "OR EXISTS (SELECT FROM @company@.employee e WHERE e.connection = c.connection AND e.missing_since IS NULL "
		   "AND e.changes_on <= (SELECT (pg_catalog.now() AT TIME ZONE timezone)::date FROM @company@._company)), "
		   "pg_catalog.to_char((c.fetched_since - pg_catalog.make_interval(secs => $4)) AT TIME ZONE 'UTC', $5) "
		   "FROM @company@.connection c WHERE c.connection = $1",
		   "ttiit", fetch->connection_name, fetch->fingerprint,
		   DocumentInt(fetch->connection->settings, "full_every", FULL_EVERY),
		   DocumentInt(incremental, "overlap", OVERLAP_SECONDS),
		   format && strcmp(format, "date") == 0 ? "YYYY-MM-DD" :
		   format && strcmp(format, "local") == 0 ? "YYYY-MM-DD\"T\"HH24:MI:SS" : "YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"");
	due = SqlBool(0, 1);
	if (strcmp(fetch->mode, "incremental") == 0 && (due || !can))
		FetchFail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				  can ? "an incremental fetch needs a complete one under the same configuration before it" :
				  "this provider has no incremental fetch",
				  "SELECT * FROM stakesync_fetch(mode => 'full');");
	if (strcmp(fetch->mode, "auto") == 0)
		fetch->mode = due || !can ? "full" : "incremental";
	if (strcmp(fetch->mode, "incremental") == 0)
		fetch->since = SqlText(0, 2);
}

/* Read which streams are to be read */
static void
ReadStreams(Fetch *fetch)
{
	Jsonb	   *definition = fetch->connection->provider->definition;
	List	   *streams = DocumentElements(DocumentMember(definition, "streams"));
	List	   *roots = MappingRoots(fetch->rules);
	bool		ignore_case = DocumentBool(definition, "ignore_case", false);

	/*
	 * from the last one: who is wanted wants the one before it whose rows
	 * hold its key
	 */
	fetch->people = SourceStreamRead(linitial(streams), 0, fetch->since);
	for (int i = list_length(streams) - 1; i > 0; i--)
	{
		Jsonb	   *stream = list_nth(streams, i);
		char	   *parent = DocumentText(DocumentMember(stream, "join"), "parent");
		Path	   *path = parent ? PathParse(parent, "join.parent") : NULL;

		if (!ReadingWants(stream, roots, ignore_case))
			continue;
		fetch->children = lcons(SourceStreamRead(stream, i, NULL), fetch->children);
		if (path != NULL && path->count > 0 && path->steps[0].kind == PATH_MEMBER)
			roots = lappend(roots, pnstrdup(path->steps[0].name, path->steps[0].length));
	}
}

/* Read all that the fetch needs to know, copied to live as long as it */
static void
ReadConfiguration(Company *company, Fetch *fetch, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		isnull;
	Datum		at;

	fetch->connection = ConnectionOpen(company, fetch->connection_name);
	fetch->fingerprint = FetchFingerprint(company, fetch->connection_name);
	fetch->seed = hash_bytes_extended((unsigned char *) fetch->fingerprint, strlen(fetch->fingerprint), 0);

	/*
	 * of the last minute count the requests of fetches, and two of
	 * connecting: a login and the check
	 */
	SqlRun(company, "SELECT identifier, coalesce(email, 'work_email'), "
		   "EXISTS (SELECT FROM @company@.employee e WHERE e.connection = c.connection), "
		   "l.requests, l.at, last_complete_fetch IS NULL "
		   "FROM @company@.connection c CROSS JOIN LATERAL ("
		   "SELECT coalesce(pg_catalog.sum(u.requests), 0)::bigint AS requests, pg_catalog.max(u.at) AS at FROM ("
		   "SELECT f.requests, f.finished_at AS at FROM @company@._fetch f WHERE f.connection = c.connection "
		   "UNION ALL SELECT 2, s.sealed_at FROM @company@._credential s WHERE s.connection = c.connection) u "
		   "WHERE u.at > pg_catalog.clock_timestamp() - interval '1 minute') l "
		   "WHERE connection = $1", "t", fetch->connection_name);
	fetch->identifier = SqlText(0, 1);
	fetch->email = SqlText(0, 2);
	fetch->lookup = SqlBool(0, 3);
	fetch->lately = SqlInt(0, 4);
	at = SqlDatum(0, 5, &isnull);
	fetch->lately_at = isnull ? 0 : DatumGetTimestampTz(at);
	fetch->first = SqlBool(0, 6);
	DecideMode(company, fetch);

	fetch->rules = ReadingRules(company, fetch->connection_name, NULL);
	fetch->own_rules = ReadingRules(company, fetch->connection_name, "user");
	ReadStreams(fetch);
	fetch->mapping = ReadingMapping(company, fetch->connection, fetch->rules);
	fetch->landing = LandingOpen(fetch->rules);
	MemoryContextSwitchTo(old);
}

/* The text of a rule's value, or NULL */
static MappedValue *
ValueOf(Fetch *fetch, MappedRecord *record, const char *field)
{
	ListCell   *lc;

	foreach(lc, fetch->rules)
		if (field && strcmp(((MappingRule *) lfirst(lc))->field, field) == 0)
		return &record->values[foreach_current_index(lc)];
	return NULL;
}

/* Text of a value, or NULL */
static char *
TextOf(MappedValue *value)
{
	return value && value->state == MAPPED_VALUE ? value->text : NULL;
}

/* Map a record that is new or changed, and land it */
static void
LandRecord(Fetch *fetch, WaitingRecord *waiting)
{
	MappedRecord record = {0};
	LandingKeys keys = {0};
	char	   *identifier;
	char	   *email;
	char	   *name;

	MappingApply(fetch->mapping, waiting->bytes, waiting->length, &record);
	if (record.error != NULL)
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
				  psprintf("a record cannot be read: %s", record.error),
				  "Fetch again; if it stays, tell the provider.");
	record.id = waiting->id;
	ReadingCompleteName(fetch->rules, &record);
	identifier = fetch->identifier && strcmp(fetch->identifier, "remote_id") == 0 ? record.id :
		TextOf(ValueOf(fetch, &record, fetch->identifier));
	email = TextOf(ValueOf(fetch, &record, fetch->email));
	name = TextOf(ValueOf(fetch, &record, "name"));
	keys.identifier = identifier ? CanonicalIdentifier(identifier, strlen(identifier)) : NULL;
	keys.email = email ? CanonicalKey(email, strlen(email)) : NULL;
	keys.name = name ? CanonicalNameKey(name, strlen(name)) : NULL;
	LandingPut(fetch->landing, &record, &keys, &waiting->hash);
}

/* Mark the records of the batch that are as they were */
static void
CompareBatch(Fetch *fetch)
{
	Datum	   *ids = palloc(sizeof(Datum) * batch_count);
	uint64		rows;

	for (int i = 0; i < batch_count; i++)
		ids[i] = CStringGetTextDatum(batch[i].id);
	rows = SqlRun(entered->company,
				  "SELECT e.remote_id, e.record_hash::uuid FROM @company@.employee e "
				  "WHERE e.remote_id = ANY ($1) AND e.connection = $2 AND NOT e.shrunk AND e.record_hash IS NOT NULL "
				  "AND (e.changes_on > (SELECT (pg_catalog.now() AT TIME ZONE timezone)::date FROM @company@._company)) IS NOT FALSE",
				  "at", PointerGetDatum(construct_array(ids, batch_count, TEXTOID, -1, false, TYPALIGN_INT)),
				  fetch->connection_name);
	for (uint64 row = 0; row < rows; row++)
	{
		char	   *id = SqlText(row, 1);
		bool		isnull;
		pg_uuid_t  *hash = DatumGetUUIDP(SqlDatum(row, 2, &isnull));

		for (int i = 0; i < batch_count; i++)
			if (strcmp(batch[i].id, id) == 0 && memcmp(&batch[i].hash, hash, sizeof(pg_uuid_t)) == 0)
				batch[i].same = true;
	}
}

/* Compare, map and land the records that wait */
static void
FlushBatch(Fetch *fetch)
{
	bool		transaction = batch_count > 0 && (fetch->lookup || MappingNeedsTransaction(fetch->mapping));

	if (transaction)
		Begin(fetch);
	if (transaction && fetch->lookup)
		CompareBatch(fetch);
	for (int i = 0; i < batch_count; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(record_context);

		if (batch[i].same)
			LandingPutSame(fetch->landing, batch[i].id);
		else
			LandRecord(fetch, &batch[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(record_context);
	}
	if (transaction)
		Commit();
	batch_count = 0;
	batch_bytes = 0;
	MemoryContextReset(batch_context);
}

/* Fail because a record has no id, or cannot be read so far as that */
static void
FailWithoutId(Fetch *fetch, const char *bytes, size_t length)
{
	const char *fault = MappingFault(fetch->mapping, bytes, length);

	if (fault != NULL)
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, psprintf("a record cannot be read: %s", fault),
				  "Fetch again; if it stays, tell the provider.");
	FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, "a record has no id where the provider's definition says",
			  "Check that settings.base_url is the address of this provider's API.");
}

/* The id of a person's record */
static char *
ReadId(Fetch *fetch, const char *bytes, size_t length, const char *key)
{
	char	   *id = DocumentText(fetch->people->spec, "id")[0] == '@' ? key ? pstrdup(key) : NULL :
	MappingReadId(fetch->mapping, bytes, length);

	if (id == NULL)
		FailWithoutId(fetch, bytes, length);
	return id;
}

/* Take one person's whole record */
static void
TakePerson(Fetch *fetch, const char *id, const char *bytes, size_t length)
{
	MemoryContext old = MemoryContextSwitchTo(batch_context);
	WaitingRecord *waiting = &batch[batch_count];
	uint64		halves[2];

	waiting->id = pstrdup(id);
	waiting->bytes = palloc(length + 1);
	memcpy(waiting->bytes, bytes, length);
	waiting->bytes[length] = '\0';
	waiting->length = length;
	waiting->same = false;
	halves[0] = hash_bytes_extended((const unsigned char *) bytes, length, fetch->seed);
	halves[1] = hash_bytes_extended((const unsigned char *) bytes, length, ~fetch->seed);
	memcpy(&waiting->hash, halves, sizeof(pg_uuid_t));
	MemoryContextSwitchTo(old);

	batch_bytes += length;
	if (++batch_count == BATCH_RECORDS || batch_bytes > BATCH_BYTES)
		FlushBatch(fetch);
}

/* Take one record from a stream */
static void
TakeRecord(const PageRun *run, const char *bytes, size_t length, const char *key, void *arg)
{
	Fetch	   *fetch = arg;
	MemoryContext old = MemoryContextSwitchTo(id_context);

	if (run->stream != fetch->people)
		JoinRow(fetch->join, run, bytes, length);
	else
	{
		char	   *id = ReadId(fetch, bytes, length, key);

		if (run->batch > 0)
			JoinPart(fetch->join, run->batch, id, bytes, length);
		else
		{
			fetch->count.records++;
			if (fetch->join != NULL)
				JoinPerson(fetch->join, id, bytes, length);
			else
				TakePerson(fetch, id, bytes, length);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(id_context);
}

/* Write how far the fetch is, in a transaction of its own */
static void
WriteProgress(Fetch *fetch, const char *state)
{
	Company    *company = Begin(fetch);

	SqlRun(company,
		   "UPDATE @company@._fetch SET state = $2, phase = $3, requests = $4, retries = $5, pages = $6, records = $7, "
		   "bytes = $8, expected = CASE WHEN $9 >= 0 THEN $9 END, mode = $10 WHERE fetch_id = $1",
		   "ittiiiiiit", fetch->fetch_id, state, fetch->phase, fetch->count.requests, fetch->count.retries,
		   fetch->count.pages, fetch->count.records, fetch->count.bytes, fetch->count.expected, fetch->mode);
	Commit();
	progress_at = GetCurrentTimestamp();
}

/* Between waits: land what waits, show progress */
static void
ShowProgress(void *arg)
{
	Fetch	   *fetch = arg;
	double		seconds = (GetCurrentTimestamp() - fetch->started) / 1000000.0;

	FlushBatch(fetch);
	WriteProgress(fetch, "running");
	CourierSend(fetch->task, COURIER_NOTICE,
				psprintf(INT64_FORMAT " people in " INT64_FORMAT " pages so far, %.0f people/s",
						 fetch->count.records, fetch->count.pages,
						 seconds > 0 ? fetch->count.records / seconds : 0));
}

/* Wait a moment, serving interrupts */
static void
WaitMoment(long milliseconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Wait for one of the slots that a database has for fetches */
static void
TakeSlot(Fetch *fetch)
{
	Oid			extension;

	StartTransactionCommand();
	extension = get_extension_oid("stakesync", false);
	CommitTransactionCommand();
	for (;;)
	{
		for (int slot = 1; slot <= stakesync_max_fetches; slot++)
		{
			LOCKTAG		tag;

			SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, slot);
			if (LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL)
				return;
		}
		WaitMoment(100);
	}
}

/* Take the connection's lock and write the fetch's row */
static void
StartFetch(Fetch *fetch)
{
	Company    *company = Begin(fetch);
	LOCKTAG		tag;

	if (SqlRun(company, "SELECT connection_id FROM @company@.connection WHERE connection = $1", "t",
			   fetch->connection_name) != 1)
		FetchFail(ERRCODE_UNDEFINED_OBJECT, "the connection is gone", NULL);
	fetch->connection_id = SqlInt(0, 1);
	SetLockTag(&tag, company, fetch->connection_id);
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		FetchFail(ERRCODE_OBJECT_IN_USE,
				  psprintf("connection \"%s\" is being fetched already", fetch->connection_name),
				  "Wait for it, or cancel it: see fetch_run and stakesync_cancel().");
	SqlRun(company,
		   "UPDATE @company@._fetch SET state = 'interrupted', finished_at = pg_catalog.clock_timestamp(), sqlstate = '57P02', "
		   "message = 'the fetch was interrupted', hint = 'Fetch again: SELECT stakesync_fetch().' "
		   "WHERE connection = $1 AND state IN ('queued', 'running')", "t", fetch->connection_name);
	SqlRun(company,
		   "INSERT INTO @company@._fetch (connection, mode, state, phase, by, pid) "
		   "VALUES ($1, $2, 'queued', 'waiting', $3, $4::integer) RETURNING fetch_id",
		   "ttti", fetch->connection_name, fetch->mode, fetch->by, (int64) MyProcPid);
	fetch->fetch_id = SqlInt(0, 1);
	Commit();
	CourierSend(fetch->task, COURIER_STARTED, psprintf(INT64_FORMAT, fetch->fetch_id));
}

/* True while the HR system itself is still gathering what we are to read */
static bool
IsBusy(Jsonb *ready, Source *source)
{
	Exchange	exchange;
	AnswerFault fault = {0};
	MemoryContext context = CurrentMemoryContext;
	const char *error;
	bool		busy;

	/* what may pass is no answer yet, what is refused will never be one */
	if (!SourceAsk(source, ready, &exchange, &fault))
	{
		pfree(exchange.body.data);
		return fault.again;
	}

	/* a jsonpath may need a transaction */
	StartTransactionCommand();
	busy = ExchangeFind(exchange.body.data, exchange.body.len, DocumentText(ready, "busy"), &error) != NULL;
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	pfree(exchange.body.data);
	return busy;
}

/* Before the first picture: wait until the HR system is ready, where its definition says how to ask */
static void
AwaitReady(Fetch *fetch, Source *source)
{
	Jsonb	   *ready = DocumentMember(fetch->connection->provider->definition, "ready");
	int			every = (int) Max(DocumentInt(ready, "every", READY_EVERY), 1);
	TimestampTz until = GetCurrentTimestamp() + DocumentInt(ready, "most", READY_MOST) * USECS_PER_SEC;

	if (ready == NULL || !fetch->first)
		return;
	fetch->phase = "waiting for the HR system";
	while (IsBusy(ready, source))
	{
		if (GetCurrentTimestamp() > until)
			FetchFail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					  psprintf("%s is still gathering the people itself", fetch->connection->provider->name),
					  "Fetch again later.");
		SourcePause(source, every);
	}
	fetch->phase = "reading";
}

/* Store a token, and credentials that the login gave: the old ones may be worth nothing */
static void
StoreRenewed(Fetch *fetch)
{
	Company    *company;

	if (!fetch->connection->session->renewed)
		return;
	company = Begin(fetch);
	ConnectionKeepRenewed(company, fetch->connection->session);
	Commit();
}

/* A token is there; before anything else can fail */
static void
TakeRenewed(void *arg)
{
	StoreRenewed(arg);
}

/* Open the join of people with what comes apart from them */
static void
OpenJoin(Fetch *fetch)
{
	MemoryContext context = CurrentMemoryContext;

	(void) Begin(fetch);
	MemoryContextSwitchTo(context);
	fetch->join = JoinOpen(fetch->children, list_length(fetch->people->batches),
						   DocumentBool(fetch->connection->provider->definition, "ignore_case", false));
	Commit();
}

/* Join people and rows, and take the whole records */
static void
TakeJoined(Fetch *fetch)
{
	StringInfoData id;
	StringInfoData record;

	ShowActivity(fetch, "joining");
	(void) Begin(fetch);
	SqlExpectMany(fetch->count.records);
	JoinMatch(fetch->join);
	Commit();

	initStringInfo(&id);
	initStringInfo(&record);
	while (JoinNext(fetch->join, &id, &record))
	{
		TakePerson(fetch, id.data, record.data, record.len);
		CHECK_FOR_INTERRUPTS();
	}
	pfree(id.data);
	pfree(record.data);
	JoinClear(fetch->join);
}

/* True if what came is what was announced */
static bool
Agrees(Fetch *fetch)
{
	int64		distinct;
	ListCell   *lc;

	foreach(lc, fetch->children)
		if (((SourceStream *) lfirst(lc))->disagrees)
		return false;
	if (fetch->people->disagrees)
		return false;
	if (fetch->count.expected < 0)
		return true;
	(void) Begin(fetch);
	distinct = LandingExpose(fetch->landing);
	LandingHide(fetch->landing);
	Commit();
	return distinct == fetch->count.expected;
}

/* Read all pages of all streams into the landing, once */
static void
ReadStreamsOnce(Fetch *fetch, Source *source)
{
	List	   *together = list_make1(fetch->people);
	ListCell   *lc;

	foreach(lc, fetch->children)
		if (!DocumentBool(((SourceStream *) lfirst(lc))->spec, "each", false))
		together = lappend(together, lfirst(lc));
	SourceRead(source, together);
	foreach(lc, fetch->children)
	{
		SourceStream *stream = lfirst(lc);

		if (!DocumentBool(stream->spec, "each", false))
			continue;
		JoinRewind(fetch->join);
		SourceReadEach(source, stream, JoinNextId, fetch->join);
	}
	if (fetch->join != NULL)
		TakeJoined(fetch);
	FlushBatch(fetch);
}

/* Forget what came, to read it again */
static void
ForgetRead(Fetch *fetch)
{
	ListCell   *lc;

	LandingClear(fetch->landing);
	fetch->people->disagrees = false;
	foreach(lc, fetch->children)
		((SourceStream *) lfirst(lc))->disagrees = false;
	fetch->count.records = 0;
	fetch->count.pages = 0;
	fetch->count.expected = -1;
}

/* Refuse rows of children that are fewer than announced: what is missing would be taken for gone */
static void
CheckChildren(Fetch *fetch)
{
	ListCell   *lc;

	foreach(lc, fetch->children)
	{
		SourceStream *stream = lfirst(lc);

		if (stream->disagrees && !stream->refused)
			FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
					  psprintf(INT64_FORMAT " rows of %s were announced and " INT64_FORMAT " came",
							   stream->announced, stream->name, stream->received),
					  "The data moved while it was read; fetch again.");
	}
}

/* Read all that there is; once more where the data moved while it was read */
static void
ReadSource(Fetch *fetch)
{
	Jsonb	   *definition = fetch->connection->provider->definition;
	SourceOptions options = {0};
	Source	   *source;

	options.session = fetch->connection->session;
	options.limits = DocumentMember(definition, "limits");
	options.lately = fetch->lately;
	options.lately_at = fetch->lately_at;
	options.since = fetch->since;
	options.record = TakeRecord;
	options.idle = ShowProgress;
	options.renewed = TakeRenewed;
	options.arg = fetch;
	options.count = &fetch->count;
	source = SourceOpen(&options);
	PG_TRY();
	{
		AwaitReady(fetch, source);
		fetch->people->batches = DiscoverBatches(definition, fetch->people, MappingRoots(fetch->own_rules), source);
		if (fetch->children != NIL || list_length(fetch->people->batches) > 1)
			OpenJoin(fetch);
		ReadStreamsOnce(fetch, source);
		if (!Agrees(fetch))
		{
			CourierSend(fetch->task, COURIER_NOTICE, "the data moved while it was read: reading it again");
			ForgetRead(fetch);
			ReadStreamsOnce(fetch, source);
			CheckChildren(fetch);
		}
	}
	PG_FINALLY();
	{
		SourceClose(source);
	}
	PG_END_TRY();
}

/* Write the row's end in a transaction of its own */
static void
FinishRow(Company *company, Fetch *fetch, const char *state, const char *sqlstate,
		  const char *message, const char *hint)
{
	SqlRun(company,
		   "UPDATE @company@._fetch SET state = $2, sqlstate = $3, message = $4, hint = $5, complete = $6, "
		   "phase = NULL, finished_at = pg_catalog.clock_timestamp(), requests = $7, retries = $8, pages = $9, records = $10, "
		   "bytes = $11, mode = $12 WHERE fetch_id = $1",
		   "ittttbiiiiit", fetch->fetch_id, state, sqlstate, message, hint, fetch->complete,
		   fetch->count.requests, fetch->count.retries, fetch->count.pages, fetch->count.records,
		   fetch->count.bytes, fetch->mode);
}

/* What came, in words */
static char *
Summarize(Fetch *fetch)
{
	if (strcmp(fetch->mode, "incremental") == 0)
		return psprintf(INT64_FORMAT " records in " INT64_FORMAT " pages: " INT64_FORMAT " added, " INT64_FORMAT " changed",
						fetch->count.records, fetch->count.pages, fetch->added, fetch->changed);
	return psprintf(INT64_FORMAT " people in " INT64_FORMAT " pages; " INT64_FORMAT " of them have left",
					fetch->added + fetch->changed + fetch->unchanged, fetch->count.pages, fetch->left);
}

/* Merge and finish the row, all in one transaction */
static void
MergeAndFinish(Fetch *fetch)
{
	Company    *company;
	char	   *message;

	ShowActivity(fetch, "merging");
	WriteProgress(fetch, "running");
	company = Begin(fetch);
	MergeLanding(company, fetch);
	message = MemoryContextStrdup(TopMemoryContext, Summarize(fetch));
	FinishRow(company, fetch, "done", NULL, message, NULL);
	SqlRun(company,
		   "UPDATE @company@._fetch SET added = $2, changed = $3, unchanged = $4, missing = $5 WHERE fetch_id = $1",
		   "iiiii", fetch->fetch_id, fetch->added, fetch->changed, fetch->unchanged, fetch->missing);
	SqlRun(company, "SELECT pg_catalog.pg_notify('stakesync', $1)", "t",
		   psprintf("fetch " INT64_FORMAT, fetch->fetch_id));
	Commit();
	CourierSend(fetch->task, COURIER_NOTICE, message);
}

/*
 * True for an error whose words may be shown: one of our own, or one raised
 * before the first byte of the source came
 */
static bool
MayShow(const Fetch *fetch)
{
	return FetchFailedByUs() || !fetch->reading;
}

/* Write how a fetch failed; the words of others may hold values and stay out */
static void
WriteFailure(Fetch *fetch, ErrorData *edata)
{
	bool		cancelled = edata->sqlerrcode == ERRCODE_QUERY_CANCELED;
	const char *message = cancelled ? "the fetch was cancelled" :
	MayShow(fetch) ? edata->message :
	edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ? "could not get a lock on the company's tables in " FETCH_LOCK_TIMEOUT :
	psprintf("the fetch failed inside the database (SQLSTATE %s)", unpack_sql_state(edata->sqlerrcode));
	const char *hint = cancelled ? NULL : MayShow(fetch) && edata->hint ? edata->hint :
	"Look into the server's log, then fetch again.";
	Company    *company = Begin(fetch);

	FinishRow(company, fetch, cancelled ? "cancelled" : "failed",
			  unpack_sql_state(edata->sqlerrcode), message, hint);
	if (edata->sqlerrcode == ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION)
		SqlRun(company, "UPDATE @company@.connection SET state = 'failing' WHERE connection = (SELECT c.connection FROM @company@.connection c "
			   "WHERE c.connection = $1 AND c.state = 'connected' FOR NO KEY UPDATE SKIP LOCKED)", "t", fetch->connection_name);
	SqlRun(company, "SELECT pg_catalog.pg_notify('stakesync', $1)", "t",
		   psprintf("fetch " INT64_FORMAT, fetch->fetch_id));
	Commit();
	ereport(LOG,
			(errmsg("stakesync: fetch " INT64_FORMAT " of connection \"%s\" failed: %s",
					fetch->fetch_id, fetch->connection_name, message),
			 errhidestmt(true), errhidecontext(true)));
}

/* The row of a fetch as JSON */
char *
FetchRow(Company *company, int64 fetch_id)
{
	SqlRun(company, "SELECT pg_catalog.to_jsonb(f)::text FROM @company@.fetch_run f WHERE fetch_id = $1", "i", fetch_id);
	return SPI_processed == 1 ? SqlText(0, 1) : "{}";
}

/* Tell the one who waits how it ended */
static void
TellRow(Fetch *fetch)
{
	Company    *company;

	if (!CourierIsHeard(fetch->task))
		return;
	company = Begin(fetch);
	CourierSend(fetch->task, COURIER_DONE, FetchRow(company, fetch->fetch_id));
	Commit();
}

/* Read the task */
static void
ReadTask(Fetch *fetch, CourierTask *task)
{
	Jsonb	   *asked = DocumentRead(task->task);

	fetch->task = task;
	fetch->schema = (Oid) DocumentInt(asked, "schema", 0);
	fetch->connection_name = DocumentText(asked, "connection");
	fetch->mode = DocumentText(asked, "mode");
	fetch->by = DocumentText(asked, "by");
	fetch->accept_fewer = DocumentBool(asked, "accept_fewer", false);
	fetch->count.expected = -1;
	fetch->started = GetCurrentTimestamp();
}

/* The fetch itself; what goes wrong is raised */
static void
RunFetch(Fetch *fetch, MemoryContext context)
{
	Company    *company;

	ShowActivity(fetch, "waiting for a slot");
	TakeSlot(fetch);
	ShowActivity(fetch, "reading the configuration");
	fetch->started = GetCurrentTimestamp();
	company = Begin(fetch);
	ReadConfiguration(company, fetch, context);
	Commit();
	fetch->reading = true;
	ShowActivity(fetch, "reading");
	WriteProgress(fetch, "running");
	ReadSource(fetch);
	MergeAndFinish(fetch);
}

/* Undo what an error left open */
static ErrorData *
CatchError(MemoryContext context)
{
	ErrorData  *edata;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	MemoryContextSwitchTo(context);
	entered = NULL;

	/* a second cancel does not stop telling of the first */
	QueryCancelPending = false;
	RESUME_INTERRUPTS();
	return edata;
}

/* Write how a fetch failed, unless its company or the extension is gone */
static void
TryWriteFailure(Fetch *fetch, ErrorData *edata, MemoryContext context)
{
	PG_TRY();
	{
		WriteFailure(fetch, edata);
	}
	PG_CATCH();
	{
		(void) CatchError(context);
		ereport(LOG,
				(errmsg("stakesync: fetch of connection \"%s\" ended without a company to tell",
						fetch->connection_name)));
		proc_exit(0);
	}
	PG_END_TRY();
}

/* Let go of the session's locks, which outlive transactions */
static void
ReleaseLocks(int code, Datum arg)
{
	LockReleaseSession(DEFAULT_LOCKMETHOD);
}

/* The worker's side of a fetch */
void
FetchInWorker(CourierTask *task)
{
	MemoryContext context = CurrentMemoryContext;
	Fetch	   *fetch = palloc0(sizeof(Fetch));
	volatile bool started = false;

	ReadTask(fetch, task);
	batch_context = AllocSetContextCreate(context, "stakesync batch", ALLOCSET_DEFAULT_SIZES);
	record_context = AllocSetContextCreate(context, "stakesync record", ALLOCSET_DEFAULT_SIZES);
	id_context = AllocSetContextCreate(context, "stakesync id", ALLOCSET_DEFAULT_SIZES);
	/* before the connection is made, so that it runs after the last abort */
	before_shmem_exit(ReleaseLocks, (Datum) 0);
	BackgroundWorkerInitializeConnectionByOid(task->database, InvalidOid, 0);
	PG_TRY();
	{
		StartFetch(fetch);
		started = true;
		RunFetch(fetch, context);
	}
	PG_CATCH();
	{
		ErrorData  *edata = CatchError(context);

		if (started)
			TryWriteFailure(fetch, edata, context);
		else
			CourierSendError(task, edata->sqlerrcode, edata->message, edata->hint);
	}
	PG_END_TRY();
	/* the next fetch may start as soon as its caller hears of the end */
	LockReleaseSession(DEFAULT_LOCKMETHOD);
	if (started)
		TellRow(fetch);
}
