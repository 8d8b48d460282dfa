/*
 * Reading streams of an HR system: pages, retries, pace.
 *
 * A page is one request and, where it fails in a way that may pass, the same
 * request again. Records go out as they come, so a page that breaks in its
 * middle and is asked for again hands some records over twice; who takes them
 * keeps the last of each.
 *
 * All lines of pages share one HTTP client: at most limits.connections
 * requests are under way, never more than the allowed number start within a
 * minute or a burst, and where the system asks for a pause all of them pause.
 * A token is asked for before it is needed, and once more when it is refused
 * after it had worked.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "document.h"
#include "guc.h"
#include "miscadmin.h"
#include "pace.h"
#include "postmaster/interrupt.h"
#include "source.h"
#include "talk.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define RETRY_FIRST 500			/* milliseconds */
#define RETRY_MOST 30000
#define RETRY_AFTER_MOST (15 * 60 * 1000)
#define IDLE_EVERY 1000
#define CONNECTIONS_MOST 16
#define PER_MINUTE_MOST 100000
#define ASK_BODY_LIMIT (4 * 1024 * 1024)

/* Tokens that one page may be refused with; the others go on working beside it */
#define REFUSALS_MOST 3

/* One page and its request */
typedef struct SourcePage
{
	Source	   *source;
	ListPage   *page;
	int			attempts;
	TimestampTz due;			/* not before */
	int			login;			/* with which token it was sent */
	int			refusals;		/* of tokens */
	char	   *url;
	HttpTransfer *transfer;		/* NULL while it waits */
	RecordSplitter *splitter;
	SplitterState state;
} SourcePage;

struct Source
{
	MemoryContext context;
	MemoryContext scratch;		/* reset per request */
	SourceOptions options;
	const HttpApi *http;
	HttpClient *client;
	int			connections;
	Pace	   *minute;
	Pace	   *burst;			/* or NULL */
	TimestampTz held;			/* the system asked for a pause until then */
	int			logins;
	bool		worked;			/* the present token was accepted */
	List	   *runs;			/* of PageRun *, not over */
	List	   *pages;			/* of SourcePage *, not done */
	TimestampTz idled;

	/* Of each person */
	SourceStream *each;
	const char *(*next_id) (void *arg);
	void	   *next_arg;
};

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

/* Milliseconds until another request may start, 0 for now */
static int64
WaitForPace(const Source *source, TimestampTz now)
{
	int64		wait = PaceWait(source->minute, now);

	if (source->burst != NULL)
		wait = Max(wait, PaceWait(source->burst, now));
	if (source->held > now)
		wait = Max(wait, (source->held - now) / 1000 + 1);
	return wait;
}

/* A request starts */
static void
TakePace(Source *source, TimestampTz now)
{
	PaceTake(source->minute, now);
	if (source->burst != NULL)
		PaceTake(source->burst, now);
	source->options.count->requests++;
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
	source->options.idle(source->options.arg);
}

/* Milliseconds to wait before trying again */
static int64
BackOff(int attempts, const AnswerFault *fault)
{
	int64		wait = Min((int64) RETRY_FIRST << Min(attempts - 1, 10), RETRY_MOST);

	if (fault->wait >= 0)
		return fault->wait;
	return wait / 2 + (int64) (pg_prng_double(&pg_global_prng_state) * wait / 2);
}

/* Fail with a fault, saying how often it was tried */
static void
FailWith(const AnswerFault *fault, int attempts)
{
	if (fault->again && attempts > 1)
		FetchFail(fault->sqlerrcode, psprintf("%s, after %d tries", fault->message, attempts), fault->hint);
	FetchFail(fault->sqlerrcode, fault->message, fault->hint);
}

/* True if it is worth another try */
static bool
MayTryAgain(const AnswerFault *fault, int attempts, int64 wait)
{
	return fault->again && attempts <= stakesync_max_retries && wait <= RETRY_AFTER_MOST;
}

/* Wait until a request may start */
static void
AwaitTurn(Source *source)
{
	int64		wait;

	while ((wait = WaitForPace(source, GetCurrentTimestamp())) > 0)
	{
		source->http->wait(source->client, Min(wait, IDLE_EVERY));
		Idle(source);
	}
}

/* The same, and count it */
static void
AwaitPace(Source *source)
{
	AwaitTurn(source);
	TakePace(source, GetCurrentTimestamp());
}

/* Ask for a token; what fails in a way that may pass is tried again */
static void
LogIn(Source *source)
{
	AnswerFault fault = {0};

	for (int attempts = 1;; attempts++)
	{
		int64		wait;

		AwaitPace(source);
		source->logins++;
		source->worked = false;
		if (SessionLogin(source->options.session, source->http, source->client, &fault))
			break;
		wait = BackOff(attempts, &fault);
		if (!MayTryAgain(&fault, attempts, wait))
			FailWith(&fault, attempts);
		source->options.count->retries++;
		source->held = Max(source->held, GetCurrentTimestamp() + wait * 1000);
	}
	source->options.renewed(source->options.arg);
}

/* Ask for a token where one is needed; true if it was */
static bool
LogInIfNeeded(Source *source)
{
	if (!SessionNeedsToken(source->options.session) || SessionHasToken(source->options.session))
		return false;
	LogIn(source);
	return true;
}

/* Send a request of the definition, and take its whole answer */
bool
SourceAsk(Source *source, Jsonb *spec, Exchange *exchange, AnswerFault *fault)
{
	Request		request;

	bool		fresh;

	do
	{
		fresh = LogInIfNeeded(source);
		AwaitPace(source);
		SessionRequest(source->options.session, spec, NULL, NIL, &request);
		SessionSign(source->options.session, &request);
		ExchangeRun(source->http, source->client, &request, ASK_BODY_LIMIT, NULL, exchange);

		/* a token of before may have ended early */
		if (exchange->status == 401 && !fresh)
			source->options.session->token = NULL;
	}
	while (exchange->status == 401 && !fresh && SessionNeedsToken(source->options.session));
	return ExchangeIsGood(exchange, fault);
}

/* Wait so many seconds, showing progress */
void
SourcePause(Source *source, int seconds)
{
	TimestampTz until = GetCurrentTimestamp() + seconds * USECS_PER_SEC;

	for (TimestampTz now = GetCurrentTimestamp(); now < until; now = GetCurrentTimestamp())
	{
		source->http->wait(source->client, Min((until - now) / 1000 + 1, IDLE_EVERY));
		Idle(source);
	}
}

/* Take a record of the splitter */
static void
TakeRecord(const char *record, size_t length, const char *key, void *arg)
{
	SourcePage *sent = arg;
	Source	   *source = sent->source;
	ListPage   *page = sent->page;

	page->run->place = page->place + page->got++;
	page->hash = hash_combine64(page->hash, hash_bytes_extended((const unsigned char *) record, length, 0));
	if (page->run->stream->record != NULL)
		page->run->stream->record(page->run, record, length, key, page->run->stream->record_arg);
	else
		source->options.record(page->run, record, length, key, source->options.arg);
}

/* Make the splitter that cuts a page's records */
static void
MakeSplitter(SourcePage *sent)
{
	const SourceStream *stream = sent->page->run->stream;
	SplitterOptions options = {0};

	options.records = stream->records;
	options.captures = stream->captures;
	options.max_record_bytes = (int64) stakesync_max_record_size * 1024;
	options.max_depth = 512;
	options.callback = TakeRecord;
	options.arg = sent;
	sent->splitter = SplitterCreate(&options);
	sent->state = SPLITTER_MORE;
	sent->page->got = 0;
	sent->page->hash = 0;
	sent->page->ended = false;
}

/* The address that an answer led to, where it may be asked for */
static char *
FollowAddress(Source *source, const char *from, const char *next)
{
	const Session *session = source->options.session;
	size_t		own = session->own_url ? strlen(session->own_url) : 0;
	char	   *url;

	/* The system names itself, and we reach it by another address */
	if (own > 0 && strcmp(session->own_url, session->base_url) != 0 && strncmp(next, session->own_url, own) == 0)
		next = psprintf("%s%s", session->base_url, next + own);
	url = RequestFollow(from, next);
	if (url == NULL)
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, "the HR system's next page is at another host",
				  "Credentials go to no other host; set settings.base_url to the address that the system gives of itself.");
	return url;
}

/* Build the request of a page */
static void
MakeRequest(Source *source, SourcePage *sent, Request *request)
{
	ListPage   *page = sent->page;
	SourceStream *stream = page->run->stream;
	Jsonb	   *more = stream->incremental ? DocumentMember(stream->spec, "incremental") : NULL;

	SessionRequest(source->options.session, stream->spec, more, PageVariables(page, source->options.since), request);
	if (page->next != NULL && stream->kind != PAGES_CURSOR)
		request->url = FollowAddress(source, request->url, page->next);
	SessionSign(source->options.session, request);
}

/* Ask for a page */
static void
StartPage(Source *source, SourcePage *sent, TimestampTz now)
{
	MemoryContext old;
	Request		request;
	HttpRequest http = {0};

	MakeSplitter(sent);
	old = MemoryContextSwitchTo(source->scratch);
	MakeRequest(source, sent, &request);
	RequestSend(&request, &http);
	sent->transfer = source->http->start(source->client, &http);
	MemoryContextSwitchTo(old);
	MemoryContextReset(source->scratch);
	sent->login = source->logins;
	sent->attempts++;
	if (sent->attempts > 1)
		source->options.count->retries++;
	TakePace(source, now);
}

/* Let go of a page's request */
static void
StopPage(Source *source, SourcePage *sent)
{
	if (sent->transfer != NULL)
		source->http->finish(sent->transfer);
	if (sent->splitter != NULL)
		SplitterFree(sent->splitter);
	sent->transfer = NULL;
	sent->splitter = NULL;
}

/* True if a list of a definition names a status */
static bool
ListsStatus(Jsonb *retry, const char *member, int status)
{
	char	   *name = psprintf("%d", status);
	ListCell   *lc;

	foreach(lc, DocumentTexts(DocumentMember(retry, member)))
		if (strcmp(lfirst(lc), name) == 0)
		return true;
	return false;
}

/* Say which permission a stream needs */
static void
NamePermission(const SourceStream *stream, AnswerFault *fault)
{
	char	   *permission = DocumentText(stream->spec, "permission");

	if (permission != NULL)
		fault->hint = psprintf("Reading %s needs: %s. The guide in stakesync_provider says where.", stream->name, permission);
}

/* Change a fault as the definition says */
static void
Amend(Source *source, SourcePage *sent, int status, AnswerFault *fault)
{
	Jsonb	   *retry = source->options.session->retry;
	int64		wait = DocumentInt(DocumentMember(retry, "wait"), psprintf("%d", status), -1);

	if (ListsStatus(retry, "never", status))
		fault->again = false;
	if (fault->wait < 0 && wait >= 0)
		fault->wait = wait * 1000;
	if (status == 403)
		NamePermission(sent->page->run->stream, fault);

	/* less needs no pause */
	if (ListsStatus(retry, "smaller_pages", status) && PageShrink(sent->page))
	{
		fault->again = true;
		fault->wait = Max(fault->wait, 0);
	}
}

/* Try a page again later, or fail the fetch */
static void
RetryPage(Source *source, SourcePage *sent, AnswerFault *fault)
{
	int64		wait = BackOff(sent->attempts, fault);

	StopPage(source, sent);
	if (!MayTryAgain(fault, sent->attempts, wait))
		FailWith(fault, sent->attempts);
	sent->due = GetCurrentTimestamp() + wait * 1000;

	/* A pause that was asked for is for all */
	if (fault->wait >= 0)
		source->held = Max(source->held, sent->due);
}

/* The words for a body that is not what it ought to be */
static void
JudgeBody(Source *source, SourcePage *sent, AnswerFault *fault)
{
	const char *message = SplitterMessage(sent->splitter);
	const char *type = source->http->header(sent->transfer, "content-type");

	AnswerIsNoJson(type, psprintf("the HR system's answer cannot be read: %s", message ? message : "it is empty"), fault);
	switch (sent->state)
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

/* True unless an answer with a good status says that it is a refusal */
static bool
SaysSuccess(const SourcePage *sent, AnswerFault *fault)
{
	const SourceStream *stream = sent->page->run->stream;
	Jsonb	   *success = DocumentMember(stream->spec, "success");
	bool		found;
	const char *text;

	if (stream->success_at < 0)
		return true;
	text = SplitterCaptured(sent->splitter, stream->success_at, &found);
	if (!found || (text != NULL && strcmp(text, DocumentText(success, "equals")) == 0))
		return true;
	fault->sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
	fault->message = psprintf("the HR system refused, in an answer with a good status: %s is not %s",
							  DocumentText(success, "path"), DocumentText(success, "equals"));
	fault->hint = "Fetch again later.";
	fault->again = true;
	fault->wait = -1;
	return false;
}

/* True if a refusal is one that the stream may live without */
static bool
MayBeRefused(SourcePage *sent, int status)
{
	SourceStream *stream = sent->page->run->stream;

	if (!stream->optional || (status != 403 && status != 404))
		return false;

	/* One person without rows is no refusal of the stream */
	if (sent->page->run->id == NULL || status == 403)
		stream->refused = status;
	return true;
}

/* True if an answer refuses the token; of one from before this fetch that never worked since, some systems say 403 */
static bool
RefusesToken(const Source *source, const SourcePage *sent, int status)
{
	if (status == 403)
		return sent->login != source->logins || (source->logins == 0 && !source->worked);
	return status == 401;
}

/* True if the token was refused, and another one is at hand */
static bool
RenewToken(Source *source, SourcePage *sent, int status)
{
	Session    *session = source->options.session;

	if (!SessionNeedsToken(session) || !RefusesToken(source, sent, status) || ++sent->refusals > REFUSALS_MOST)
		return false;

	/* pages that were under way with it are refused too: it is given up once */
	if (sent->login == source->logins && session->token != NULL)
	{
		/*
		 * A token of before this fetch gets its chance; so does one that had
		 * worked
		 */
		if (!source->worked && source->logins > 0)
			return false;
		session->token = NULL;
		source->worked = false;
	}
	StopPage(source, sent);
	sent->attempts--;
	return true;
}

/* Wait where the system says that its allowance is used up */
static void
HeedAllowance(Source *source, SourcePage *sent)
{
	Jsonb	   *retry = source->options.session->retry;
	char	   *remaining = DocumentText(retry, "remaining_header");
	char	   *reset = DocumentText(retry, "reset_header");
	const char *left = remaining ? source->http->header(sent->transfer, remaining) : NULL;
	int64		wait;

	if (left == NULL || reset == NULL || strcmp(left, "0") != 0)
		return;
	wait = AnswerReadWait(source->http->header(sent->transfer, reset));
	if (wait > 0 && wait <= RETRY_AFTER_MOST)
		source->held = Max(source->held, GetCurrentTimestamp() + wait * 1000);
}

/* The wait that an answer asks for, in whichever header */
static const char *
WaitHeader(const Source *source, SourcePage *sent)
{
	const char *after = source->http->header(sent->transfer, "retry-after");
	char	   *reset = DocumentText(source->options.session->retry, "reset_header");
	int			status = source->http->status(sent->transfer);

	/* many systems say in every answer when the allowance is full again */
	if (after != NULL || reset == NULL || (status != 429 && status != 503))
		return after;
	return source->http->header(sent->transfer, reset);
}

/* Count a page that is done */
static void
CountPage(Source *source, SourcePage *sent)
{
	SourceCount *count = source->options.count;
	PageRun    *run = sent->page->run;

	count->bytes += source->http->wire_bytes(sent->transfer);
	if (run->stream->position != 0 || run->batch != 0)
		return;
	count->pages++;
	if (run->stream->total_at >= 0 && run->total >= 0)
		count->expected = run->total;
}

/* A page's transfer is over: done, again later, or the end of the fetch */
static bool
EndPage(Source *source, SourcePage *sent)
{
	AnswerFault fault = {0};
	HttpOutcome outcome = source->http->outcome(sent->transfer);
	int			status = source->http->status(sent->transfer);
	bool		good = AnswerIsGood(outcome, status, source->http->message(sent->transfer), WaitHeader(source, sent), &fault);

	if (!good && outcome == HTTP_ANSWERED)
	{
		if (RenewToken(source, sent, status))
			return false;
		if (MayBeRefused(sent, status))
		{
			sent->page->run->open--;
			sent->page->run->total = -1;
			sent->page->run->offset = -1;
			sent->page->run->known = true;
			StopPage(source, sent);
			return true;
		}
		Amend(source, sent, status, &fault);
	}
	if (good)
	{
		source->worked = true;
		sent->state = SplitterFinish(sent->splitter);
		good = SaysSuccess(sent, &fault);
		if (good && sent->state != SPLITTER_DONE)
		{
			JudgeBody(source, sent, &fault);
			good = false;
		}
	}
	if (!good)
	{
		RetryPage(source, sent, &fault);
		return false;
	}
	HeedAllowance(source, sent);
	PageDone(sent->page, sent->splitter, source->http->header(sent->transfer, "link"));
	CountPage(source, sent);
	StopPage(source, sent);
	return true;
}

/* Take what came of a page; true if the page is done */
static bool
ReadPage(Source *source, SourcePage *sent)
{
	const char *data;
	size_t		length;

	while ((length = source->http->read(sent->transfer, &data)) > 0)
	{
		/* The body of a refusal is not for us */
		if (source->http->status(sent->transfer) / 100 != 2)
			continue;
		sent->state = SplitterFeed(sent->splitter, data, length);
		if (sent->state > SPLITTER_DONE)
		{
			AnswerFault fault = {0};

			if (SaysSuccess(sent, &fault))
				JudgeBody(source, sent, &fault);
			RetryPage(source, sent, &fault);
			return false;
		}
		PageFollow(sent->page, sent->splitter);
	}
	if (source->http->outcome(sent->transfer) == HTTP_RUNNING)
		return false;
	return EndPage(source, sent);
}

/* The next person's line of pages; NULL if none is left */
static PageRun *
NextOfEach(Source *source)
{
	const char *id = source->each && !source->each->refused ? source->next_id(source->next_arg) : NULL;
	PageRun    *run;

	if (id == NULL)
	{
		source->each = NULL;
		return NULL;
	}
	run = PageRunCreate(source->each, 0, id);
	pfree((char *) id);
	source->runs = lappend(source->runs, run);
	return run;
}

/* A page that may be asked for now; NULL if none */
static ListPage *
NextPage(Source *source)
{
	PageRun    *run;
	ListCell   *lc;

	foreach(lc, source->runs)
	{
		ListPage   *page;

		run = lfirst(lc);
		page = run->stream->refused ? NULL : PageRunNext(run);
		if (page != NULL)
			return page;
	}
	run = NextOfEach(source);
	return run ? PageRunNext(run) : NULL;
}

/* Make pages under way, as many as may be */
static void
AddPages(Source *source)
{
	ListPage   *page;

	while (list_length(source->pages) < source->connections && (page = NextPage(source)) != NULL)
	{
		SourcePage *sent = palloc0(sizeof(SourcePage));

		sent->source = source;
		sent->page = page;
		source->pages = lappend(source->pages, sent);
	}
}

/* Start the pages that are due; returns milliseconds until another may be */
static int64
StartDue(Source *source)
{
	int64		wait = IDLE_EVERY;
	ListCell   *lc;

	AddPages(source);
	foreach(lc, source->pages)
	{
		SourcePage *sent = lfirst(lc);
		TimestampTz now = GetCurrentTimestamp();
		int64		pause;

		if (sent->transfer != NULL)
			continue;
		pause = sent->due > now ? (sent->due - now) / 1000 + 1 : WaitForPace(source, now);

		if (pause > 0)
		{
			wait = Min(wait, pause);
			continue;
		}

		/* a login takes a turn of its own */
		if (LogInIfNeeded(source))
			AwaitTurn(source);
		StartPage(source, sent, GetCurrentTimestamp());
	}
	return wait;
}

/* Forget a page that is done, and its line if it was the last one */
static void
ForgetPage(Source *source, SourcePage *sent)
{
	PageRun    *run = sent->page->run;

	source->pages = list_delete_ptr(source->pages, sent);
	if (sent->page->next != NULL)
		pfree(sent->page->next);
	pfree(sent->page);
	pfree(sent);
	if (run->open == 0 && (run->stream->refused || PageRunOver(run)))
	{
		source->runs = list_delete_ptr(source->runs, run);
		PageRunFree(run);
	}
}

/* Read pages until none is left */
static void
ReadPages(Source *source)
{
	MemoryContext old = MemoryContextSwitchTo(source->context);

	while (source->runs != NIL || source->each != NULL)
	{
		int64		wait = StartDue(source);
		List	   *pages;
		ListCell   *lc;

		if (source->pages == NIL)
			break;
		pages = list_copy(source->pages);
		source->http->wait(source->client, wait);
		foreach(lc, pages)
		{
			SourcePage *sent = lfirst(lc);
			bool		done;

			if (sent->transfer == NULL)
				continue;
			MemoryContextSwitchTo(source->scratch);
			done = ReadPage(source, sent);
			MemoryContextSwitchTo(source->context);
			MemoryContextReset(source->scratch);
			if (done)
				ForgetPage(source, sent);
		}
		list_free(pages);
		Idle(source);
	}
	MemoryContextSwitchTo(old);
}

/* Read all pages of streams */
void
SourceRead(Source *source, List *streams)
{
	MemoryContext old = MemoryContextSwitchTo(source->context);
	ListCell   *lc;

	foreach(lc, streams)
	{
		SourceStream *stream = lfirst(lc);

		for (int batch = 0; batch < Max(list_length(stream->batches), 1); batch++)
			source->runs = lappend(source->runs, PageRunCreate(stream, batch, NULL));
	}
	MemoryContextSwitchTo(old);
	ReadPages(source);
}

/* Read a stream once for each person */
void
SourceReadEach(Source *source, SourceStream *stream, const char *(*next_id) (void *arg), void *arg)
{
	source->each = stream;
	source->next_id = next_id;
	source->next_arg = arg;
	ReadPages(source);
}

/* A limit as something that can be worked with */
static int
Clamp(int64 limit, int most)
{
	return (int) Max(1, Min(limit, most));
}

/* Open a source */
Source *
SourceOpen(const SourceOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "stakesync source",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Source	   *source = palloc0(sizeof(Source));
	Jsonb	   *burst = DocumentMember(options->limits, "burst");
	int			per_minute = Clamp(DocumentInt(options->session->settings, "requests_per_minute",
											   DocumentInt(options->limits, "per_minute", 600)), PER_MINUTE_MOST);
	HttpOptions http;

	source->context = context;
	source->scratch = AllocSetContextCreate(context, "stakesync request", ALLOCSET_DEFAULT_SIZES);
	source->options = *options;
	source->http = TalkHttp();
	source->connections = Clamp(DocumentInt(options->limits, "connections", 1), CONNECTIONS_MOST);
	source->minute = PaceCreate(per_minute, 60);
	if (burst != NULL)
		source->burst = PaceCreate(Clamp(DocumentInt(burst, "requests", 1), PER_MINUTE_MOST),
								   Clamp(DocumentInt(burst, "seconds", 1), 3600));

	/* What the last minute saw counts, as if all of it had been at its end */
	for (int64 i = 0; i < Min(options->lately, PER_MINUTE_MOST); i++)
	{
		PaceTake(source->minute, options->lately_at);
		if (source->burst != NULL)
			PaceTake(source->burst, options->lately_at);
	}
	TalkOptions(&http);
	http.max_connections = source->connections;
	source->idled = GetCurrentTimestamp();
	source->client = source->http->open(&http);
	MemoryContextSwitchTo(old);
	return source;
}

/* Close a source, whatever is under way */
void
SourceClose(Source *source)
{
	source->http->close(source->client);
	MemoryContextDelete(source->context);
}
