#include "postgres.h"

#include "json.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "path.h"
#include "utils/json.h"

/* Raise the error that the path is wrong at an offset */
void
PathError(const char *text, const char *owner, int offset, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("path \"%s\" of %s is wrong at character %d",
					text, owner, pg_mbstrlen_with_len(text, offset) + 1),
			 detail ? errdetail("%s", detail) : 0,
			 errhint("A path is $ followed by .name, .\"quoted name\", "
					 "[\"quoted name\"], [*], [0] or [last], like $.groups[*].name.")));
}

/* Skip blanks */
static const char *
SkipBlanks(const char *p)
{
	while (*p != '\0' && JsonByteIs(*p, JSON_BYTE_SPACE))
		p++;
	return p;
}

/* True for a byte of a name without quotes */
static bool
NameByte(char c)
{
	return JsonByteIs(c, JSON_BYTE_DIGIT | JSON_BYTE_HIGH) || c == '_' ||
		(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Read a quoted name; NULL if it is not one, else what follows */
static const char *
ReadQuoted(const char *p, PathStep *step)
{
	StringInfoData name;
	const char *fault;
	const char *finish;
	bool		escaped;

	if (*p != '"')
		return NULL;
	finish = JsonStringEnd(p + 1, p + strlen(p), &escaped, &fault);
	if (finish == NULL)
		return NULL;
	initStringInfo(&name);
	if (!JsonUnescape(p + 1, finish - p - 1, &name))
		return NULL;

	step->kind = PATH_MEMBER;
	step->name = name.data;
	step->length = name.len;
	return finish + 1;
}

/* Read what stands in brackets */
static const char *
ReadSubscript(const char *p, PathStep *step)
{
	if (*p == '*')
	{
		step->kind = PATH_EACH;
		p++;
	}
	else if (*p == '"')
		p = ReadQuoted(p, step);
	else if (strncmp(p, "last", 4) == 0)
	{
		step->kind = PATH_LAST;
		p += 4;
	}
	else if (JsonByteIs(*p, JSON_BYTE_DIGIT))
	{
		step->kind = PATH_INDEX;
		step->index = 0;
		for (int i = 0; i < 8 && JsonByteIs(*p, JSON_BYTE_DIGIT); i++)
			step->index = step->index * 10 + (*p++ - '0');
	}
	else
		return NULL;

	if (p == NULL)
		return NULL;
	p = SkipBlanks(p);
	return *p == ']' ? p + 1 : NULL;
}

/* Read what follows a dot */
static const char *
ReadAccessor(const char *p, PathStep *step)
{
	if (*p == '*')
	{
		step->kind = PATH_MEMBERS;
		return p[1] == '*' ? NULL : p + 1;
	}
	if (*p == '"')
		return ReadQuoted(p, step);
	if (!NameByte(*p) || JsonByteIs(*p, JSON_BYTE_DIGIT))
		return NULL;

	step->kind = PATH_MEMBER;
	step->name = p;
	while (NameByte(*p))
		p++;
	step->length = p - step->name;
	step->name = pnstrdup(step->name, step->length);

	/* A method is no member */
	return *SkipBlanks(p) == '(' ? NULL : p;
}

/* Read one step; NULL if it cannot be followed, else what comes after it */
static const char *
ReadStep(const char *p, PathStep *step)
{
	if (*p == '[')
		return ReadSubscript(SkipBlanks(p + 1), step);
	if (*p == '.')
		return ReadAccessor(SkipBlanks(p + 1), step);
	return NULL;
}

/* Find what comes outside quotes; the text's end if it does not */
static const char *
FindUnquoted(const char *p, const char *wanted)
{
	bool		quoted = false;

	for (; *p != '\0'; p++)
	{
		if (quoted && *p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && strncmp(p, wanted, strlen(wanted)) == 0)
			break;
	}
	return p;
}

/* True if the text has a $ outside quotes */
static bool
MentionsRoot(const char *p)
{
	return *FindUnquoted(p, "$") != '\0';
}

/*
 * Move steps into the rest. Only accessors and filters that look at what the
 * steps found can follow them; anything else is an expression over the whole.
 */
void
PathCut(Path *path, int first)
{
	if (first < path->count)
		path->rest = path->steps[first].offset;
	path->count = first;
	if (strchr(".[?", path->text[path->rest]) == NULL ||
		MentionsRoot(path->text + path->rest))
		path->count = 0;
}

/* Read a path */
Path *
PathParse(const char *text, const char *owner)
{
	Path	   *path = palloc0(sizeof(Path));
	const char *p = SkipBlanks(text);

	path->text = pstrdup(text);
	path->steps = palloc0(PATH_MAX_STEPS * sizeof(PathStep));
	path->rest = -1;

	/* An expression that begins otherwise is for jsonpath to judge */
	if (*p != '$')
	{
		if (!MentionsRoot(text))
			PathError(text, owner, p - text, NULL);
		path->rest = p - text;
		return path;
	}

	/* Variables there are none */
	if (NameByte(p[1]))
		PathError(text, owner, p + 1 - text, NULL);

	p = SkipBlanks(p + 1);
	while (*p != '\0')
	{
		PathStep   *step = &path->steps[path->count];
		const char *next;

		if (path->count == PATH_MAX_STEPS)
			PathError(text, owner, p - text, "There are too many steps.");
		step->offset = p - text;
		next = ReadStep(p, step);
		if (next == NULL)
		{
			path->rest = p - text;
			PathCut(path, path->count);
			break;
		}
		path->count++;
		p = SkipBlanks(next);
	}
	return path;
}

/* Read paths that stand in for one another */
List *
PathParseAlternatives(const char *text, const char *owner)
{
	List	   *paths = NIL;
	const char *start = text;

	for (;;)
	{
		const char *finish = FindUnquoted(start, "??");
		bool		last = *finish == '\0';
		const char *next = finish + 2;

		if (last && paths == NIL)
			return list_make1(PathParse(text, owner));

		start = SkipBlanks(start);
		while (finish > start && JsonByteIs(finish[-1], JSON_BYTE_SPACE))
			finish--;
		if (finish <= start)
			PathError(text, owner, start - text, "A path is missing beside ??.");
		paths = lappend(paths, PathParse(pnstrdup(start, finish - start), owner));
		if (last)
			return paths;
		start = next;
	}
}

/* Collect the names of members in an expression */
List *
PathNames(const char *text)
{
	List	   *names = NIL;
	const char *p = FindUnquoted(text, ".");

	while (*p != '\0')
	{
		PathStep	step;
		const char *next = SkipBlanks(p + 1);

		/* A point may be one of a number, too */
		next = ReadAccessor(next, &step);
		if (next != NULL && step.kind == PATH_MEMBER)
			names = lappend(names, pnstrdup(step.name, step.length));
		p = FindUnquoted(next ? next : p + 1, ".");
	}
	return names;
}

/* True if two rows of steps are the same */
bool
PathStepsEqual(const PathStep *a, const PathStep *b, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (a[i].kind != b[i].kind)
			return false;
		if (a[i].kind == PATH_MEMBER ?
			a[i].length != b[i].length || memcmp(a[i].name, b[i].name, a[i].length) != 0 :
			a[i].index != b[i].index)
			return false;
	}
	return true;
}

/* True if a name needs no quotes */
static bool
NameIsPlain(const char *name, size_t length)
{
	if (length == 0 || JsonByteIs(name[0], JSON_BYTE_DIGIT))
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (!NameByte(name[i]))
			return false;
	}
	return true;
}

/* Write the first steps of a path */
char *
PathText(const Path *path, int count)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '$');
	for (int i = 0; i < count; i++)
	{
		const PathStep *step = &path->steps[i];

		if (step->kind == PATH_EACH)
			appendStringInfoString(&text, "[*]");
		else if (step->kind == PATH_LAST)
			appendStringInfoString(&text, "[last]");
		else if (step->kind == PATH_INDEX)
			appendStringInfo(&text, "[%d]", step->index);
		else if (step->kind == PATH_MEMBERS)
			appendStringInfoString(&text, ".*");
		else if (NameIsPlain(step->name, step->length))
			appendStringInfo(&text, ".%s", step->name);
		else
		{
			appendStringInfoChar(&text, '.');
			escape_json(&text, step->name);
		}
	}
	return text.data;
}
