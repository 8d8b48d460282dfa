/*
 * What no path can follow while a record is read (filters, methods) is left to
 * PostgreSQL's jsonpath, on the part of the record that the followed steps
 * lead to, without its refused members. Its result is read again as JSON text
 * with a shape of its own, and from there all is the same.
 *
 * Where case does not matter, jsonpath gets both the names in the path and
 * those in the record in lower case.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mapping_inside.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/jsonpath.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Write the names in an expression in lower case; other quoted texts stay */
static void
FoldNames(char *text)
{
	bool		quoted = false;
	bool		name = false;

	for (char *p = text; *p != '\0'; p++)
	{
		if (*p == '"')
		{
			quoted = !quoted;
			continue;
		}
		if (!quoted && !JsonByteIs(*p, JSON_BYTE_SPACE))
			name = *p == '.';
		if (quoted && *p == '\\' && p[1] != '\0')
			p++;
		else if (!quoted || name)
			*p = pg_ascii_tolower((unsigned char) *p);
	}
}

/* Compile the rest of a path */
Datum
MappingCompileRest(const Path *path, bool ignore_case, const char *owner)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *text;
	Datum		jsonpath = (Datum) 0;

	if (path->count > 0)
		text = psprintf("$%s", path->text + path->rest);
	else
		text = pstrdup(path->text);
	if (ignore_case)
		FoldNames(text);

	PG_TRY();
	{
		jsonpath = DirectFunctionCall1(jsonpath_in, CStringGetDatum(text));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		PathError(path->text, owner, path->rest, error->message);
	}
	PG_END_TRY();

	return jsonpath;
}

/* Ask jsonpath; NULL if it failed on this record */
static char *
QueryRest(const CompiledPath *path, char *text)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *volatile answer = NULL;

	PG_TRY();
	{
		Datum		jsonb = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
		Datum		variables = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		Datum		array = DirectFunctionCall4(jsonb_path_query_array, jsonb, path->jsonpath,
												variables, BoolGetDatum(false));
		Jsonb	   *result = DatumGetJsonbP(array);

		answer = JsonbToCString(NULL, &result->root, VARSIZE(result));
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		/* What the data is to blame for; nothing but memory was held */
		if (ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION &&
			ERRCODE_TO_CATEGORY(code) != ERRCODE_PROGRAM_LIMIT_EXCEEDED &&
			code != ERRCODE_UNDEFINED_OBJECT)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();

	return answer;
}

/* Copy a node's text without the members that are refused to a path */
static char *
PermittedText(MappingRun *run, const CompiledPath *path, int node)
{
	const MappingOptions *options = &run->mapping->options;
	const JsonNode *found = &run->tree->nodes[node];
	StringInfoData text;

	/* A string's span is without its quotes */
	if (found->kind == JSON_KIND_STRING)
		return psprintf("\"%.*s\"", (int) found->length, found->start);
	if (options->refused == NULL && !options->ignore_case)
		return pnstrdup(found->start, found->length);

	initStringInfo(&text);
	JsonCopyPermitted(found->start, found->length, MappingRefuser(run->mapping, path->allowed),
					  options->ignore_case, &text);
	return text.data;
}

/* Find what the rest of a path leads to */
bool
MappingFindRest(MappingRun *run, const CompiledPath *path, FoundNodes *found,
				MappedState *state)
{
	FoundNodes	places = {NULL};

	*state = Walk(run->tree, 0, path->path->steps, path->path->count, &places);
	if (*state == MAPPED_VALUE)
		*state = MAPPED_ABSENT;
	for (int i = 0; i < places.count; i++)
	{
		char	   *answer = QueryRest(path, PermittedText(run, path, places.nodes[i]));
		MappedState now = MAPPED_ABSENT;
		int			root;

		if (answer == NULL)
			return false;

		/* An empty answer says nothing */
		root = JsonTreeRead(run->tree, path->rest_shape, answer, strlen(answer));
		if (root < 0)
			return false;
		if (run->tree->nodes[root].first >= 0)
			now = Walk(run->tree, root, &each_step, 1, found);
		if (now == MAPPED_VALUE || *state == MAPPED_ABSENT)
			*state = now;
	}
	return true;
}
