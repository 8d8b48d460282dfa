#include "postgres.h"

#include "common/hashfn.h"
#include "json.h"
#include "lib/stringinfo.h"
#include "outline.h"
#include "utils/hsearch.h"
#include "utils/json.h"

/* Longer numbers are shown as text */
#define NUMBER_MOST 40

/* A path that is there already, by the hash of its text */
typedef struct PathEntry
{
	uint64		hash;
	OutlinePath *path;
	StringInfoData values;
} PathEntry;

typedef struct OutlineRun
{
	const OutlineOptions *options;
	const char *p;
	const char *end;
	int			count;
	PathStep	steps[JSON_MAX_DEPTH + 1];
	List	   *paths;
	HTAB	   *entries;
} OutlineRun;

static void ReadValue(OutlineRun *run);

/* Skip blanks and commas */
static void
SkipBetween(OutlineRun *run)
{
	while (run->p < run->end && (*run->p == ',' || JsonByteIs(*run->p, JSON_BYTE_SPACE)))
		run->p++;
}

/* True if the path so far leads through an array */
static bool
LeadsThroughArray(const OutlineRun *run)
{
	for (int i = 0; i < run->count; i++)
		if (run->steps[i].kind == PATH_EACH)
			return true;
	return false;
}

/* The entry of the path so far, made if it is not there */
static PathEntry *
FindEntry(OutlineRun *run)
{
	Path		here = {.count = run->count,.steps = run->steps,.rest = -1};
	char	   *text = PathText(&here, run->count);
	uint64		hash = hash_bytes_extended((unsigned char *) text, strlen(text), 0);
	bool		found;
	PathEntry  *entry = hash_search(run->entries, &hash, HASH_ENTER, &found);

	if (found)
	{
		pfree(text);
		return entry;
	}
	entry->path = palloc0(sizeof(OutlinePath));
	entry->path->text = text;
	entry->path->many = LeadsThroughArray(run);
	entry->path->wanted = run->options->wanted(run->steps, run->count, run->options->arg);
	initStringInfo(&entry->values);
	run->paths = lappend(run->paths, entry->path);
	return entry;
}

/* Append a number; one that no number of PostgreSQL's may hold as text */
static void
AppendNumber(StringInfo values, const char *start, size_t length)
{
	if (length <= NUMBER_MOST && memchr(start, 'e', length) == NULL && memchr(start, 'E', length) == NULL)
		appendBinaryStringInfo(values, start, length);
	else
		escape_json(values, pnstrdup(start, length));
}

/* Append a string; null for one that no text can hold */
static void
AppendString(StringInfo values, const char *start, size_t length)
{
	StringInfoData text;

	initStringInfo(&text);
	if (JsonUnescape(start, length, &text))
		escape_json(values, text.data);
	else
		appendStringInfoString(values, "null");
	pfree(text.data);
}

/* Note a value where the path has led */
static void
NoteValue(OutlineRun *run, JsonKind kind, const char *start, size_t length)
{
	PathEntry  *entry = FindEntry(run);

	entry->path->kinds |= 1 << kind;
	if (!entry->path->wanted || kind == JSON_KIND_OBJECT || kind == JSON_KIND_ARRAY)
		return;

	/* of members of one name the last counts */
	if (!entry->path->many)
		resetStringInfo(&entry->values);
	if (entry->values.len > 0)
		appendStringInfoChar(&entry->values, ',');
	if (kind == JSON_KIND_STRING)
		AppendString(&entry->values, start, length);
	else if (kind == JSON_KIND_NUMBER)
		AppendNumber(&entry->values, start, length);
	else
		appendBinaryStringInfo(&entry->values, start, length);
	entry->path->values = entry->values.data;
}

/* Read the name of a member as the next step */
static void
ReadName(OutlineRun *run)
{
	PathStep   *step = &run->steps[run->count++];
	const char *fault;
	bool		escaped;
	const char *finish = JsonStringEnd(run->p + 1, run->end, &escaped, &fault);
	StringInfoData name;

	initStringInfo(&name);
	if (!JsonUnescape(run->p + 1, finish - run->p - 1, &name))
		resetStringInfo(&name);
	step->kind = PATH_MEMBER;
	step->name = name.data;
	step->length = name.len;
	run->p = finish + 1;
	while (*run->p != ':')
		run->p++;
	run->p++;
}

/* Read an object; one without members is a value itself */
static void
ReadObject(OutlineRun *run)
{
	bool		empty = true;

	for (run->p++, SkipBetween(run); *run->p != '}'; SkipBetween(run))
	{
		empty = false;
		ReadName(run);
		SkipBetween(run);
		if (run->options->refused(run->steps[run->count - 1].name, run->steps[run->count - 1].length))
		{
			PathEntry  *entry = FindEntry(run);

			entry->path->refused = true;
			run->p = JsonValueEnd(run->p, run->end);
		}
		else
			ReadValue(run);
		run->count--;
	}
	run->p++;
	if (empty)
		NoteValue(run, JSON_KIND_OBJECT, NULL, 0);
}

/* Read an array; one without elements is a value itself */
static void
ReadArray(OutlineRun *run)
{
	bool		empty = true;

	for (run->p++, SkipBetween(run); *run->p != ']'; SkipBetween(run))
	{
		empty = false;
		run->steps[run->count].kind = PATH_EACH;
		run->count++;
		ReadValue(run);
		run->count--;
	}
	run->p++;
	if (empty)
		NoteValue(run, JSON_KIND_ARRAY, NULL, 0);
}

/* Read a value: its depth was checked when the record was mapped */
static void
ReadValue(OutlineRun *run)
{
	const char *start = run->p;
	const char *finish;

	if (run->count >= JSON_MAX_DEPTH)
		elog(ERROR, "a record is nested too deep");
	if (*start == '{')
	{
		ReadObject(run);
		return;
	}
	if (*start == '[')
	{
		ReadArray(run);
		return;
	}
	finish = run->p = JsonValueEnd(start, run->end);
	while (finish > start && JsonByteIs(finish[-1], JSON_BYTE_SPACE))
		finish--;
	if (*start == '"')
		NoteValue(run, JSON_KIND_STRING, start + 1, finish - start - 2);
	else if (*start == 'n')
		NoteValue(run, JSON_KIND_NULL, start, finish - start);
	else
		NoteValue(run, *start == 't' || *start == 'f' ? JSON_KIND_BOOLEAN : JSON_KIND_NUMBER, start, finish - start);
}

/* The paths of a record */
List *
OutlineRead(const char *record, size_t length, const OutlineOptions *options)
{
	HASHCTL		control = {.keysize = sizeof(uint64),.entrysize = sizeof(PathEntry),.hcxt = CurrentMemoryContext};
	OutlineRun *run = palloc0(sizeof(OutlineRun));

	run->options = options;
	run->p = record;
	run->end = record + length;
	run->entries = hash_create("stakesync outline", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	SkipBetween(run);
	ReadValue(run);
	return run->paths;
}

/* The types seen in words; null only where nothing else was */
char *
OutlineTypes(const OutlinePath *path)
{
	static const char *const names[] = {
		[JSON_KIND_BOOLEAN] = "boolean",
		[JSON_KIND_NUMBER] = "number",
		[JSON_KIND_STRING] = "string",
		[JSON_KIND_OBJECT] = "object",
		[JSON_KIND_ARRAY] = "array",
	};
	StringInfoData words;

	initStringInfo(&words);
	for (int kind = JSON_KIND_BOOLEAN; kind <= JSON_KIND_ARRAY; kind++)
		if (path->kinds & (1 << kind))
			appendStringInfo(&words, "%s%s", words.len > 0 ? ", " : "", names[kind]);
	return words.len > 0 ? words.data : pstrdup("null");
}
