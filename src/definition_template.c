/*
 * Templates of a definition: which variables have a value where.
 */
#include "postgres.h"

#include "closest.h"
#include "definition_inside.h"
#include "document.h"
#include "names.h"
#include "request.h"

/* Variables that have no value in some requests of a stream */
#define VARIABLES_SOMETIMES (VARIABLE_SINCE | VARIABLE_CURSOR)

/* Variables that are neither credentials nor settings, and where they have a value */
static const struct
{
	const char *name;
	int			variable;
	const char *filled;			/* where it has a value */
}			variables[] =

{
	{"company", VARIABLE_COMPANY, "everywhere but in a host"},
	{"connection", VARIABLE_CONNECTION, "everywhere but in a host"},
	{"today", VARIABLE_TODAY, "everywhere but in a host"},
	{"token", VARIABLE_TOKEN, "in headers, where the method has a login of type \"token\""},
	{"since", VARIABLE_SINCE, "in the first stream where that has \"incremental\", but not in a path"},
	{"cursor", VARIABLE_CURSOR, "where pages are of type \"cursor\", but not in a path"},
	{"offset", VARIABLE_OFFSET, "where pages are of type \"offset\""},
	{"limit", VARIABLE_LIMIT, "where pages have a size"},
	{"page", VARIABLE_PAGE, "where pages are of type \"page\""},
	{"fields", VARIABLE_FIELDS, "in a stream that has \"fields\""},
	{"id", VARIABLE_ID, "in \"one\", and in a child stream that has \"each\": true"},
	{"code", VARIABLE_CODE, "in the request \"complete\" of a link"},
	{"state", VARIABLE_STATE, "in a link"},
	{"redirect_uri", VARIABLE_REDIRECT_URI, "in a link"},
};

/* The variable of a name; 0 for none */
int
DefinitionVariableOf(const char *name, const char **filled)
{
	for (int i = 0; i < lengthof(variables); i++)
	{
		if (strcmp(variables[i].name, name) == 0)
		{
			*filled = variables[i].filled;
			return variables[i].variable;
		}
	}
	return 0;
}

/* The credential or setting of a name; NULL for none */
const Given *
DefinitionGiven(const View *view, const char *name)
{
	ListCell   *lc;

	foreach(lc, view->given)
		if (strcmp(((Given *) lfirst(lc))->name, name) == 0)
		return lfirst(lc);
	return NULL;
}

/* Raise that a template names a variable that there is not */
static void
RefuseUnknown(const View *view, const char *place, const char *name, int filled)
{
	List	   *names = NIL;
	List	   *braced = NIL;
	const char *closest;
	ListCell   *lc;

	foreach(lc, view->given)
		names = lappend(names, ((Given *) lfirst(lc))->name);
	for (int i = 0; i < lengthof(variables); i++)
		if (variables[i].variable & filled)
			names = lappend(names, (char *) variables[i].name);
	foreach(lc, names)
		braced = lappend(braced, psprintf("{%s}", (char *) lfirst(lc)));
	closest = ClosestWord(name, names);
	REFUSE(errmsg("%s names {%s}, which there is not", place, name),
		   closest ? errhint("Did you mean {%s}? Here there are %s.", closest, NamesJoin(braced, ", ")) :
		   errhint("Here there are %s. Braces that mean themselves have a blank behind them.", NamesJoin(braced, ", ")));
}

/* Check one variable of a template; returns which it is */
static int
CheckVariable(const View *view, const char *place, const char *name, TemplatePart part, int filled)
{
	const Given *given = DefinitionGiven(view, name);
	const char *where = NULL;
	int			variable = DefinitionVariableOf(name, &where);
	ListCell   *lc;

	if (given != NULL && part == PART_HOST && given->secret)
		REFUSE(errmsg("%s names {%s} in its host, which is shown and logged", place, name),
			   errhint("Give that credential \"secret\": false."));
	if (given != NULL)
		return 0;
	if (variable != 0 && ((variable & filled) == 0 || part == PART_HOST ||
						  ((variable & VARIABLES_SOMETIMES) && part == PART_ADDRESS) ||
						  ((variable & VARIABLE_TOKEN) && part != PART_HEADER)))
		REFUSE(errmsg("%s names {%s}, which has no value there", place, name),
			   errhint("It has one %s.", where));
	if (variable != 0)
		return variable;
	foreach(lc, view->elsewhere)
	{
		if (strcmp(lfirst(lc), name) != 0)
			continue;
		if (part >= PART_HEADER)
			return 0;
		REFUSE(errmsg("%s names {%s}, which method \"%s\" does not ask for", place, name, view->name),
			   errhint("Put it into methods.%s.credentials, or give the methods their own.", view->name));
	}
	RefuseUnknown(view, place, name, filled);
	return 0;
}

/* Check what a template names; returns its variables */
int
DefinitionCheckTemplate(const View *view, const char *place, const char *template, TemplatePart part, int filled)
{
	int			named = 0;
	size_t		length;

	if (part == PART_HEADER && view->token)
		filled |= VARIABLE_TOKEN;
	for (const char *at = template; *at; at += Max(length, 1))
	{
		length = RequestVariableLength(at);
		if (length > 0)
			named |= CheckVariable(view, place, pnstrdup(at + 1, length - 2), part, filled);
	}
	return named;
}

/* Check an address: its host, which variables fill in part only, and the rest */
int
DefinitionCheckAddress(const View *view, const char *place, const char *address, int filled)
{
	const char *host = strstr(address, "://") + 3;
	char	   *name = pnstrdup(host, strcspn(host, "/?"));
	bool		whole = false;
	bool		dots = false;
	size_t		length;

	DefinitionCheckTemplate(view, place, name, PART_HOST, 0);
	for (const char *at = name; *at; at += Max(length, 1))
	{
		length = RequestVariableLength(at);
		if (length > 0)
			whole = whole || DefinitionGiven(view, pnstrdup(at + 1, length - 2))->host;
		else
			dots = dots || *at == '.';
	}
	if (strchr(name, '{') != NULL && !whole && !dots)
		REFUSE(errmsg("%s has a host of variables alone", place),
			   errhint("A variable is one part between dots; a credential or setting that is a whole host has \"host\": true."));
	return DefinitionCheckTemplate(view, place, host + strlen(name), PART_ADDRESS, filled);
}

/* Check the templates of an object, as of a query; each is a text or several */
int
DefinitionCheckTemplates(const View *view, const char *place, Jsonb *object, TemplatePart part, int filled)
{
	int			named = 0;
	ListCell   *lc;

	foreach(lc, DocumentKeys(object))
	{
		char	   *at = DefinitionPlace(place, lfirst(lc));
		char	   *template = DocumentText(object, lfirst(lc));
		ListCell   *each;

		if (template != NULL)
			named |= DefinitionCheckTemplate(view, at, template, part, filled);
		foreach(each, DocumentTexts(DocumentMember(object, lfirst(lc))))
			named |= DefinitionCheckTemplate(view, DefinitionPlaceAt(at, foreach_current_index(each)), lfirst(each), part, filled);
	}
	return named;
}

/* Check the templates of a body, which is nested as deep as definition.c lets it */
static int
CheckBody(const View *view, const char *place, JsonbContainer *body, TemplatePart part, int filled)
{
	JsonbIterator *it = JsonbIteratorInit(body);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *at = NULL;
	int			element = 0;
	int			named = 0;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			at = DefinitionPlace(place, pnstrdup(value.val.string.val, value.val.string.len));
		if (token != WJB_VALUE && token != WJB_ELEM)
			continue;
		if (token == WJB_ELEM)
			at = DefinitionPlaceAt(place, element++);
		if (value.type == jbvBinary)
			named |= CheckBody(view, at, value.val.binary.data, part, filled);
		else if (value.type == jbvString)
			named |= DefinitionCheckTemplate(view, at, pnstrdup(value.val.string.val, value.val.string.len), part, filled);
	}
	return named;
}

/* Check a request; returns the variables that it names */
int
DefinitionCheckRequest(const View *view, const char *place, Jsonb *request, int filled)
{
	char	   *method = DocumentText(request, "method");
	char	   *path = DocumentText(request, "path");
	char	   *url = DocumentText(request, "url");
	Jsonb	   *body = DocumentMember(request, "body");
	Jsonb	   *form = DocumentMember(request, "form");
	int			named = 0;

	if (path != NULL && url != NULL)
		REFUSE(errmsg("%s has both path and url", place),
			   errhint("A path is below the base_url, a url is a whole address."));
	if (path == NULL && url == NULL)
		REFUSE(errmsg("%s is missing", DefinitionPlace(place, "path")),
			   errhint("It takes what comes behind the base_url, such as /v1/people."));
	if (body != NULL && form != NULL)
		REFUSE(errmsg("%s has both body and form", place),
			   errhint("A body is sent as JSON, a form as a web page sends it."));
	if ((body != NULL || form != NULL) && method != NULL && strcmp(method, "GET") == 0)
		REFUSE(errmsg("%s is GET and has a %s", place, body ? "body" : "form"),
			   errhint("Leave out method, which then is POST; parameters of GET are its query."));

	if (url != NULL)
		named |= DefinitionCheckAddress(view, DefinitionPlace(place, "url"), url, filled);
	else
		named |= DefinitionCheckTemplate(view, DefinitionPlace(place, "path"), path, PART_ADDRESS, filled);
	named |= DefinitionCheckTemplates(view, DefinitionPlace(place, "query"), DocumentMember(request, "query"), PART_PARAMETER, filled);
	named |= DefinitionCheckTemplates(view, DefinitionPlace(place, "headers"), DocumentMember(request, "headers"), PART_HEADER, filled);
	named |= DefinitionCheckTemplates(view, DefinitionPlace(place, "form"), form, PART_PARAMETER, filled);

	/* Only members of an object can be left out */
	if (body != NULL)
		named |= CheckBody(view, DefinitionPlace(place, "body"), &body->root,
						   JB_ROOT_IS_OBJECT(body) ? PART_PARAMETER : PART_ADDRESS, filled);
	return named;
}
