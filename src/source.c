/*
 * Reading a stream of an HR system: pages, retries, pace.
 *
 * A page is one request and, where it fails in a way that may pass, the same
 * request again. Records go out as they come, so a page that breaks in its
 * middle and is asked for again hands some records over twice; the landing
 * keeps the last of each.
 *
 * Cursor pages follow each other: the next one is asked for as soon as its
 * cursor is read, while the rest of the present one still comes. At most
 * limits.connections requests are under way, and never more than the allowed
 * number start within a minute.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "document.h"
#include "guc.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "source.h"
#include "talk.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define PAGES_MOST 1000000
#define RETRY_FIRST 500			/* milliseconds */
#define RETRY_MOST 30000
#define RETRY_AFTER_MOST (15 * 60 * 1000)
#define IDLE_EVERY 1000
#define CONNECTIONS_MOST 16
#define PER_MINUTE_MOST 100000

/* One page and what it needs */
typedef struct SourcePage
{
	char	   *cursor;			/* NULL for the first */
	int			attempts;
	TimestampTz due;			/* not before */
	HttpTransfer *transfer;		/* NULL while it waits */
	RecordSplitter *splitter;
	SplitterState state;
	bool		followed;		/* the next page is known */
} SourcePage;

typedef struct Source
{
	const SourceOptions *options;
	const HttpApi *http;
	HttpClient *client;
	Jsonb	   *paging;
	List	   *captures;
	List	   *pages;			/* of SourcePage *, not finished */
	int			connections;
	int			per_minute;
	TimestampTz *starts;		/* ring of the last per_minute starts */
	int			start_next;
	List	   *seen;			/* hashes of cursors */
	TimestampTz idled;
} Source;

static bool failed_by_us = false;

/* Fail a fetch with words of our own */
void
FetchFail(int sqlerrcode, const char *message, const char *hint)
{
	failed_by_us = true;
	ereport(ERROR,
			(errcode(sqlerrcode),
			 errmsg("%s", message),
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

/* True if FetchFail raised the error that is handled */
bool
FetchFailedByUs(void)
{
	return failed_by_us;
}

/* Append a text percent-encoded */
static void
AppendEncoded(StringInfo buf, const char *text)
{
	for (const unsigned char *c = (const unsigned char *) text; *c; c++)
	{
		if ((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
			strchr("-._~,", *c) != NULL)
			appendStringInfoChar(buf, *c);
		else
			appendStringInfo(buf, "%%%02X", *c);
	}
}

/* Append one query parameter */
static void
AppendParameter(StringInfo url, const char *name, const char *value)
{
	appendStringInfoChar(url, strchr(url->data, '?') ? '&' : '?');
	AppendEncoded(url, name);
	appendStringInfoChar(url, '=');
	AppendEncoded(url, value);
}

/* Append the parameters of an object */
static void
AppendParameters(StringInfo url, Jsonb *query)
{
	ListCell   *lc;

	foreach(lc, DocumentKeys(query))
		AppendParameter(url, lfirst(lc), DocumentText(query, lfirst(lc)));
}

/* Address of a page */
static char *
MakeUrl(Source *source, SourcePage *page)
{
	const SourceOptions *options = source->options;
	Jsonb	   *incremental = DocumentMember(options->stream, "incremental");
	StringInfoData url;

	initStringInfo(&url);
	appendStringInfo(&url, "%s%s", options->connection->base_url, DocumentText(options->stream, "path"));
	AppendParameters(&url, DocumentMember(options->stream, "query"));
	if (options->since != NULL)
	{
		AppendParameter(&url, DocumentText(incremental, "parameter"), options->since);
		AppendParameters(&url, DocumentMember(incremental, "query"));
	}
	if (page->cursor != NULL)
		AppendParameter(&url, DocumentText(source->paging, "parameter"), page->cursor);
	return url.data;
}

/* Milliseconds until another request may start, 0 for now */
static int64
PaceWait(Source *source, TimestampTz now)
{
	TimestampTz oldest = source->starts[source->start_next];

	if (oldest == 0 || now - oldest >= 60 * USECS_PER_SEC)
		return 0;
	return (oldest + 60 * USECS_PER_SEC - now) / 1000 + 1;
}

/* Ask for a page */
static void
StartPage(Source *source, SourcePage *page, TimestampTz now)
{
	HttpRequest request = {0};
	SplitterOptions splitter = {0};
	char	   *url = MakeUrl(source, page);

	splitter.records = DocumentText(source->options->stream, "records");
	splitter.captures = source->captures;
	splitter.max_record_bytes = (int64) stakesync_max_record_size * 1024;
	splitter.max_depth = 512;
	splitter.callback = source->options->record;
	splitter.arg = source->options->arg;
	page->splitter = SplitterCreate(&splitter);
	page->state = SPLITTER_MORE;

	request.method = "GET";
	request.url = url;
	request.headers = source->options->connection->headers;
	page->transfer = source->http->start(source->client, &request);
	pfree(url);
	page->attempts++;
	source->options->count->requests++;
	if (page->attempts > 1)
		source->options->count->retries++;
	source->starts[source->start_next] = now;
	source->start_next = (source->start_next + 1) % source->per_minute;
}

/* Let go of a page's request */
static void
StopPage(Source *source, SourcePage *page)
{
	if (page->transfer != NULL)
		source->http->finish(page->transfer);
	if (page->splitter != NULL)
		SplitterFree(page->splitter);
	page->transfer = NULL;
	page->splitter = NULL;
}

/* Add a page to be asked for */
static void
AddPage(Source *source, const char *cursor)
{
	SourcePage *page;
	int64		hash = cursor ? (int64) hash_bytes_extended((const unsigned char *) cursor, strlen(cursor), 0) : 0;
	ListCell   *lc;

	/* A cursor that comes back would turn for ever */
	foreach(lc, source->seen)
		if (cursor != NULL && *(int64 *) lfirst(lc) == hash)
			FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
					  "the HR system's pages turn in a circle: a cursor came twice",
					  "Fetch again; if it stays, tell the provider.");
	if (list_length(source->seen) >= PAGES_MOST)
		FetchFail(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the HR system's pages do not end",
				  "Check settings.base_url and the provider's definition.");
	page = palloc0(sizeof(SourcePage));
	page->cursor = cursor ? pstrdup(cursor) : NULL;
	source->pages = lappend(source->pages, page);
	source->seen = lappend(source->seen, memcpy(palloc(sizeof(int64)), &hash, sizeof(int64)));
}

/* Look for the next page's cursor in what a page told so far */
static void
FollowPage(Source *source, SourcePage *page)
{
	bool		found;
	const char *next;

	if (source->paging == NULL || page->followed)
		return;
	next = SplitterCaptured(page->splitter, 0, &found);
	if (!found)
		return;
	page->followed = true;
	if (next != NULL && next[0] != '\0')
		AddPage(source, next);
}

/* Milliseconds to wait before trying again */
static int64
BackOff(SourcePage *page, const AnswerFault *fault)
{
	int64		wait = Min((int64) RETRY_FIRST << Min(page->attempts - 1, 10), RETRY_MOST);

	if (fault->wait >= 0)
		return fault->wait;
	return wait / 2 + (int64) (pg_prng_double(&pg_global_prng_state) * wait / 2);
}

/* Try a page again later, or fail the fetch */
static void
RetryPage(Source *source, SourcePage *page, AnswerFault *fault)
{
	int64		wait = BackOff(page, fault);

	StopPage(source, page);
	if (!fault->again || page->attempts > stakesync_max_retries || wait > RETRY_AFTER_MOST)
	{
		if (fault->again && page->attempts > 1)
			FetchFail(fault->sqlerrcode,
					  psprintf("%s, after %d tries", fault->message, page->attempts), fault->hint);
		FetchFail(fault->sqlerrcode, fault->message, fault->hint);
	}
	page->due = GetCurrentTimestamp() + wait * 1000;
}

/* The words for a body that is not what it ought to be */
static void
JudgeBody(Source *source, SourcePage *page, AnswerFault *fault)
{
	const char *message = SplitterMessage(page->splitter);
	const char *type = source->http->header(page->transfer, "content-type");

	AnswerIsNoJson(type, psprintf("the HR system's answer cannot be read: %s", message ? message : "it is empty"), fault);
	switch (page->state)
	{
		case SPLITTER_CUT_OFF:
			fault->sqlerrcode = ERRCODE_CONNECTION_FAILURE;
			fault->again = true;
			fault->hint = "Fetch again.";
			break;
		case SPLITTER_TOO_LARGE:
			fault->sqlerrcode = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
			fault->hint = "Raise stakesync.max_record_size if records of this system may be that large.";
			break;
		case SPLITTER_TOO_DEEP:
			fault->sqlerrcode = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
			break;
		default:
			break;
	}
}

/* A page's transfer is over: done, again later, or the end of the fetch */
static bool
EndPage(Source *source, SourcePage *page)
{
	AnswerFault fault = {0};
	HttpOutcome outcome = source->http->outcome(page->transfer);
	int			status = source->http->status(page->transfer);

	if (!AnswerIsGood(outcome, status, source->http->message(page->transfer),
					  source->http->header(page->transfer, "retry-after"), &fault))
	{
		RetryPage(source, page, &fault);
		return false;
	}
	page->state = SplitterFinish(page->splitter);
	if (page->state != SPLITTER_DONE)
	{
		JudgeBody(source, page, &fault);
		RetryPage(source, page, &fault);
		return false;
	}
	FollowPage(source, page);

	/* Silence is no end: people would be taken for gone */
	if (source->paging != NULL && !page->followed)
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
				  psprintf("the HR system's answer does not say whether another page follows: there is no %s in it",
						   DocumentText(source->paging, "next")),
				  "Fetch again; if it stays, tell the provider.");
	source->options->count->pages++;
	source->options->count->bytes += source->http->wire_bytes(page->transfer);
	StopPage(source, page);
	return true;
}

/* Take what came of a page; true if the page is done */
static bool
ReadPage(Source *source, SourcePage *page)
{
	const char *data;
	size_t		length;

	while ((length = source->http->read(page->transfer, &data)) > 0)
	{
		/* The body of a refusal is not for us */
		if (source->http->status(page->transfer) / 100 != 2)
			continue;
		page->state = SplitterFeed(page->splitter, data, length);
		if (page->state > SPLITTER_DONE)
		{
			AnswerFault fault = {0};

			JudgeBody(source, page, &fault);
			RetryPage(source, page, &fault);
			return false;
		}
		FollowPage(source, page);
	}
	if (source->http->outcome(page->transfer) == HTTP_RUNNING)
		return false;
	return EndPage(source, page);
}

/* Start the pages that are due; returns milliseconds until another may be */
static int64
StartDue(Source *source)
{
	TimestampTz now = GetCurrentTimestamp();
	int			running = 0;
	int64		wait = IDLE_EVERY;
	ListCell   *lc;

	foreach(lc, source->pages)
		running += ((SourcePage *) lfirst(lc))->transfer != NULL;
	foreach(lc, source->pages)
	{
		SourcePage *page = lfirst(lc);
		int64		pause;

		if (page->transfer != NULL || running >= source->connections)
			continue;
		pause = page->due > now ? (page->due - now) / 1000 + 1 : PaceWait(source, now);
		if (pause > 0)
		{
			wait = Min(wait, pause);
			continue;
		}
		StartPage(source, page, now);
		running++;
	}
	return wait;
}

/* Let the caller show progress, and read changed settings */
static void
Idle(Source *source)
{
	TimestampTz now = GetCurrentTimestamp();

	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (now - source->idled < IDLE_EVERY * 1000)
		return;
	source->idled = now;
	source->options->idle(source->options->arg);
}

/* Read pages until none is left */
static void
ReadPages(Source *source)
{
	while (source->pages != NIL)
	{
		int64		wait = StartDue(source);
		List	   *pages = list_copy(source->pages);
		ListCell   *lc;

		source->http->wait(source->client, wait);
		foreach(lc, pages)
		{
			SourcePage *page = lfirst(lc);

			if (page->transfer != NULL && ReadPage(source, page))
				source->pages = list_delete_ptr(source->pages, page);
		}
		list_free(pages);
		Idle(source);
	}
}

/* A limit as something that can be worked with */
static int
Clamp(int64 limit, int most)
{
	return (int) Max(1, Min(limit, most));
}

/* Read all pages of a stream */
void
SourceRead(const SourceOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "stakesync source",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Source		source = {0};
	HttpOptions http;
	Jsonb	   *limits = DocumentMember(options->connection->provider->definition, "limits");

	source.options = options;
	source.http = TalkHttp();
	source.paging = DocumentMember(options->stream, "pages");
	if (source.paging != NULL)
		source.captures = list_make1(DocumentText(source.paging, "next"));
	source.connections = Clamp(DocumentInt(limits, "connections", 1), CONNECTIONS_MOST);
	source.per_minute = Clamp(DocumentInt(options->connection->settings, "requests_per_minute",
										  DocumentInt(limits, "per_minute", 600)), PER_MINUTE_MOST);
	source.starts = palloc0(sizeof(TimestampTz) * source.per_minute);
	TalkOptions(&http);
	http.max_connections = source.connections;
	source.idled = GetCurrentTimestamp();
	source.client = source.http->open(&http);

	PG_TRY();
	{
		AddPage(&source, NULL);
		ReadPages(&source);
	}
	PG_FINALLY();
	{
		source.http->close(source.client);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
