/*
 * Pages: which one of a stream comes next.
 *
 * A cursor or an address leads from page to page, and the next one may be
 * asked for as soon as it is read. Offsets and numbers can be asked for ahead
 * once the first page has announced a total; without one they follow one
 * another until an empty page. Servers give fewer rows than they are asked
 * for, so the step is what came, and rows that a page in the middle left out
 * are asked for again.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "document.h"
#include "pager.h"
#include "source.h"
#include "utils/memutils.h"

/* Pages of one run, beyond which they do not end */
#define PAGES_MOST 1000000

/* Names of the kinds, as definitions write them */
static const char *const kind_names[] = {NULL, "cursor", "url", "link", "offset", "page"};

/* Add a path to the scalars to read of an answer; its place, or -1 for none */
static int
AddCapture(SourceStream *stream, const char *path)
{
	if (path == NULL)
		return -1;
	stream->captures = lappend(stream->captures, pstrdup(path));
	return list_length(stream->captures) - 1;
}

/* Read what the definition says of a stream */
SourceStream *
SourceStreamRead(Jsonb *spec, int position, const char *since)
{
	SourceStream *stream = palloc0(sizeof(SourceStream));
	Jsonb	   *pages = DocumentMember(spec, "pages");
	char	   *type = DocumentText(pages, "type");

	stream->spec = spec;
	stream->name = DocumentText(spec, "name");
	stream->records = DocumentText(spec, "records");
	stream->position = position;
	stream->incremental = since != NULL && position == 0;
	stream->announced = -1;
	stream->optional = DocumentBool(spec, "optional", false);
	for (int kind = PAGES_CURSOR; type != NULL && kind <= PAGES_NUMBER; kind++)
		if (strcmp(kind_names[kind], type) == 0)
			stream->kind = kind;
	stream->size = (int) Max(1, Min(DocumentInt(pages, "size", 100), 10000));
	stream->next_at = stream->kind == PAGES_CURSOR || stream->kind == PAGES_URL ?
		AddCapture(stream, DocumentText(pages, "next")) : -1;
	stream->total_at = AddCapture(stream, DocumentText(spec, "total"));
	stream->last_at = AddCapture(stream, DocumentText(pages, "last"));
	stream->success_at = AddCapture(stream, DocumentText(DocumentMember(spec, "success"), "path"));
	return stream;
}

/* Begin a line of pages */
PageRun *
PageRunCreate(SourceStream *stream, int batch, const char *id)
{
	PageRun    *run = palloc0(sizeof(PageRun));

	run->context = CurrentMemoryContext;
	run->stream = stream;
	run->batch = batch;
	run->id = id ? pstrdup(id) : NULL;
	run->size = stream->size;
	run->total = -1;
	return run;
}

/* Forget a line of pages */
void
PageRunFree(PageRun *run)
{
	if (run->seen != NULL)
		hash_destroy(run->seen);
	if (run->id != NULL)
		pfree(run->id);
	pfree(run);
}

/* True if pages are counted and not led to */
static bool
IsCounted(const PageRun *run)
{
	return run->stream->kind == PAGES_OFFSET || run->stream->kind == PAGES_NUMBER;
}

/* Make a page of the run */
static ListPage *
MakePage(PageRun *run, int64 offset, int size)
{
	ListPage   *page = MemoryContextAllocZero(run->context, sizeof(ListPage));

	if (++run->pages > PAGES_MOST)
		FetchFail(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the HR system's pages do not end",
				  "Check settings.base_url and the provider's definition.");
	page->run = run;
	page->offset = offset;
	page->place = IsCounted(run) ? offset : run->pages << 32;
	page->want = page->size = size;
	run->open++;
	return page;
}

/* The next page that may be asked for now */
ListPage *
PageRunNext(PageRun *run)
{
	ListPage   *page;

	if (!run->begun)
	{
		run->begun = true;
		page = MakePage(run, 0, run->size);
		run->offset = run->size;
		return page;
	}
	if (run->next != NULL)
	{
		page = MakePage(run, 0, run->size);
		page->next = run->next;
		run->next = NULL;
		return page;
	}
	if (!IsCounted(run) || !run->known)
		return NULL;
	if (run->holes != NIL)
	{
		page = linitial(run->holes);
		run->holes = list_delete_first(run->holes);
		run->open++;
		return page;
	}
	if (run->total >= 0 ? run->offset >= run->total : run->open > 0 || run->offset < 0)
		return NULL;
	page = MakePage(run, run->offset, run->size);
	page->number = run->offset / run->size;
	run->offset += run->size;
	return page;
}

/* True if nothing is left to ask for */
bool
PageRunOver(const PageRun *run)
{
	if (!run->begun || run->open > 0 || run->next != NULL)
		return false;
	if (!IsCounted(run))
		return true;
	return run->holes == NIL && (run->total >= 0 ? run->offset >= run->total : run->offset < 0);
}

/* Variables of a page */
List *
PageVariables(const ListPage *page, const char *since)
{
	const PageRun *run = page->run;
	const SourceStream *stream = run->stream;
	List	   *variables = NIL;

	variables = RequestVariableText(variables, "since", stream->incremental ? since : NULL);
	variables = RequestVariableText(variables, "cursor", stream->kind == PAGES_CURSOR ? page->next : NULL);
	variables = RequestVariableText(variables, "id", run->id);
	if (stream->kind != PAGES_NONE)
		variables = RequestVariableNumber(variables, "limit", page->size);
	if (stream->kind == PAGES_OFFSET)
		variables = RequestVariableNumber(variables, "offset", page->offset);
	if (stream->kind == PAGES_NUMBER)
		variables = RequestVariableNumber(variables, "page", page->number +
										  DocumentInt(DocumentMember(stream->spec, "pages"), "first", 1));
	if (stream->batches != NIL)
		variables = RequestVariableList(variables, "fields", list_nth(stream->batches, run->batch));
	return variables;
}

/* Lead the run on to a cursor or an address */
static void
LeadOn(PageRun *run, const char *next)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) next, strlen(next), 0);
	bool		found;

	if (run->seen == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(uint64),.entrysize = sizeof(uint64),.hcxt = run->context};

		run->seen = hash_create("stakesync pages", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}

	/* A cursor that comes back would turn for ever */
	(void) hash_search(run->seen, &hash, HASH_ENTER, &found);
	if (found)
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
				  run->stream->kind == PAGES_CURSOR ? "the HR system's pages turn in a circle: a cursor came twice" :
				  "the HR system's pages turn in a circle: an address came twice",
				  "Fetch again; if it stays, tell the provider.");
	run->next = MemoryContextStrdup(run->context, next);
}

/* A number that an answer has told; -1 for none */
static int64
CapturedNumber(const RecordSplitter *splitter, int place)
{
	bool		found;
	const char *text = place >= 0 ? SplitterCaptured(splitter, place, &found) : NULL;
	char	   *end;
	double		number = text ? strtod(text, &end) : -1;

	if (text == NULL || end == text || number < 0 || number > 1e12)
		return -1;
	return (int64) number;
}

/* Take the total that was announced */
static void
TakeTotal(PageRun *run, const RecordSplitter *splitter)
{
	int64		total = CapturedNumber(splitter, run->stream->total_at);

	if (total >= 0)
		run->total = total;
}

/* Take what an answer has told so far */
void
PageFollow(ListPage *page, const RecordSplitter *splitter)
{
	PageRun    *run = page->run;
	bool		found;
	const char *next;

	if (page->followed || run->stream->next_at < 0)
		return;
	next = SplitterCaptured(splitter, run->stream->next_at, &found);
	if (!found)
		return;

	/* an answer that is not good may say so too, and is asked for again */
	page->ended = next == NULL || next[0] == '\0';
	if (page->ended)
		return;
	page->followed = true;
	LeadOn(run, next);
}

/* The address of rel=next in a Link header, or NULL */
static char *
NextOfLink(const char *link)
{
	for (const char *at = link; at != NULL && (at = strchr(at, '<')) != NULL; at++)
	{
		const char *end = strchr(at, '>');
		const char *rest = end;
		const char *stop;
		char	   *parameters;

		if (end == NULL)
			return NULL;
		stop = strchr(rest, '<');
		parameters = stop ? pnstrdup(rest, stop - rest) : pstrdup(rest);
		if (strstr(parameters, "rel=\"next\"") != NULL || strstr(parameters, "rel=next") != NULL)
			return pnstrdup(at + 1, end - at - 1);
	}
	return NULL;
}

/* Silence is no end: people would be taken for gone */
static void
CheckFollowed(const ListPage *page)
{
	Jsonb	   *pages = DocumentMember(page->run->stream->spec, "pages");

	if (page->run->stream->next_at >= 0 && !page->followed && !page->ended && !DocumentBool(pages, "may_be_absent", false))
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
				  psprintf("the HR system's answer does not say whether another page follows: there is no %s in it",
						   DocumentText(pages, "next")),
				  "Fetch again; if it stays, tell the provider.");
}

/* Rows by which a page leads on: numbers count pages, however many rows came on them */
static int64
StepOf(const ListPage *page)
{
	return page->run->stream->kind == PAGES_NUMBER ? page->run->size : page->got;
}

/* The first of counted pages is done: it tells how to go on */
static void
LearnPages(ListPage *page, const RecordSplitter *splitter)
{
	PageRun    *run = page->run;
	int64		last = CapturedNumber(splitter, run->stream->last_at);

	run->known = true;
	if (run->total < 0 && last >= 0)
		run->total = last * run->size;

	/* a server that gives fewer than it was asked for will do so again */
	else if (page->got > 0 && page->got < run->size && run->total > page->got)
		run->size = (int) page->got;
	if (page->got > 0)
		run->offset = StepOf(page);
	else
		run->offset = run->total >= 0 ? run->total : -1;
}

/* Another of counted pages is done */
static void
CountPage(ListPage *page)
{
	PageRun    *run = page->run;

	if (page->got > 0 && page->hash == run->last_hash)
		FetchFail(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
				  "the HR system's pages turn in a circle: the same records came twice",
				  "Check the provider's definition: the system may not know the parameter that counts pages.");
	if (run->total < 0)
	{
		run->offset = page->got > 0 ? page->offset + StepOf(page) : -1;
		return;
	}

	/* Rows that a page in the middle left out */
	if (run->stream->kind == PAGES_OFFSET && page->got > 0 && page->got < page->want &&
		page->offset + page->got < run->total)
	{
		ListPage   *hole = MakePage(run, page->offset + page->got, (int) (page->want - page->got));
		MemoryContext old = MemoryContextSwitchTo(run->context);

		run->open--;
		run->holes = lappend(run->holes, hole);
		MemoryContextSwitchTo(old);
	}
}

/* The page is done */
void
PageDone(ListPage *page, const RecordSplitter *splitter, const char *link)
{
	PageRun    *run = page->run;
	char	   *next;

	run->open--;
	run->received += page->got;
	PageFollow(page, splitter);
	CheckFollowed(page);
	TakeTotal(run, splitter);
	if (run->stream->kind == PAGES_LINK && (next = NextOfLink(link)) != NULL)
		LeadOn(run, next);
	if (IsCounted(run) && !run->known)
		LearnPages(page, splitter);
	else if (IsCounted(run))
		CountPage(page);
	run->last_hash = page->hash;
	if (PageRunOver(run) && run->stream->total_at >= 0 && run->total >= 0)
	{
		run->stream->announced = run->total;
		run->stream->received = run->received;
		run->stream->disagrees |= run->received < run->total;
	}
}

/* Rows that a page is to bring from now on */
bool
PageShrink(ListPage *page)
{
	PageRun    *run = page->run;

	if (page->size <= 1 || (run->stream->kind == PAGES_NUMBER && run->known))
		return false;
	page->size = Max(page->size / 2, 1);
	if (!run->known || run->stream->kind != PAGES_OFFSET)
		run->size = page->size;
	return true;
}
