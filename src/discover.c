#include "postgres.h"

#include "discover.h"
#include "document.h"
#include "json_piece.h"
#include "names.h"
#include "scrub.h"
#include "utils/memutils.h"

/* Names in one request */
#define BATCH_DEFAULT 400

/* Names in all */
#define NAMES_MOST 20000

/* Fields as they come */
typedef struct Discovery
{
	MemoryContext context;
	JsonPicker *name;
	List	   *names;			/* of char * */
	List	   *except;			/* of char *, not asked for */
} Discovery;

/* True if a name, or the last part of one with dots or slashes, is of refused data */
static bool
IsRefused(const char *name)
{
	const char *last = name + strlen(name);

	while (last > name && strchr("./", last[-1]) == NULL)
		last--;
	return ScrubRefuses(name, strlen(name)) || ScrubRefuses(last, strlen(last));
}

/* Add a name, unless it is there or of refused data */
static void
AddName(Discovery *discovery, char *name)
{
	if (name[0] != '\0' && !IsRefused(name) && list_length(discovery->names) < NAMES_MOST &&
		!NamesHave(discovery->names, name))
		discovery->names = lappend(discovery->names, name);
}

/* Take one field of the answer */
static void
TakeField(const PageRun *run, const char *record, size_t length, const char *key, void *arg)
{
	Discovery  *discovery = arg;
	MemoryContext old = MemoryContextSwitchTo(discovery->context);
	char	   *name = JsonPickText(discovery->name, record, length);

	if (name != NULL && !NamesHave(discovery->except, name))
		AddName(discovery, name);
	MemoryContextSwitchTo(old);
}

/* True if a member of the person comes from a child stream: the people's own stream knows no such field */
static bool
IsOfChild(Jsonb *definition, const char *name)
{
	List	   *streams = DocumentElements(DocumentMember(definition, "streams"));
	ListCell   *lc;

	for_each_from(lc, streams, 1)
		if (strcmp(DocumentText(DocumentMember(lfirst(lc), "join"), "as"), name) == 0)
		return true;
	return false;
}

/* Ask for what is mapped, where not all is asked for */
static void
AddRoots(Discovery *discovery, Jsonb *definition, List *roots)
{
	ListCell   *lc;

	foreach(lc, roots)
		if (!IsOfChild(definition, lfirst(lc)))
		AddName(discovery, lfirst(lc));
}

/* Cut a list of names into batches */
static List *
CutBatches(List *names, int size)
{
	List	   *batches = NIL;
	List	   *batch = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		batch = lappend(batch, lfirst(lc));
		if (list_length(batch) == size)
		{
			batches = lappend(batches, batch);
			batch = NIL;
		}
	}
	return batch != NIL ? lappend(batches, batch) : batches;
}

/* The names of fields to ask for, in batches */
List *
DiscoverBatches(Jsonb *definition, const SourceStream *people, List *roots, Source *source)
{
	Jsonb	   *fields = DocumentMember(people->spec, "fields");
	Jsonb	   *discover = DocumentMember(definition, "discover");
	Discovery	discovery = {.context = CurrentMemoryContext};
	SourceStream *stream;

	if (fields == NULL)
		return NIL;
	discovery.names = DocumentTexts(DocumentMember(fields, "base"));
	if (discover == NULL || !DocumentBool(fields, "discovered", true))
		AddRoots(&discovery, definition, roots);
	else
	{
		discovery.name = JsonPickerCreate(DocumentText(discover, "name"), false);
		discovery.except = DocumentTexts(DocumentMember(fields, "except"));
		stream = SourceStreamRead(discover, -1, NULL);
		stream->name = "the list of fields";
		stream->optional = true;
		stream->record = TakeField;
		stream->record_arg = &discovery;
		SourceRead(source, list_make1(stream));
	}
	return CutBatches(discovery.names, (int) Max(DocumentInt(fields, "batch", BATCH_DEFAULT), 1));
}
