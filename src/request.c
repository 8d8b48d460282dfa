#include "postgres.h"

#include "document.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "names.h"
#include "request.h"
#include "source.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

/* What a login gives and headers wait for */
static const char *const token_variable = "{token}";

/* How a filled template is written */
typedef enum FillHow
{
	FILL_PLAIN,
	FILL_PATH					/* variables are percent-encoded */
} FillHow;

/* Add a variable */
static List *
AddVariable(List *variables, const char *name, const char *text, int64 number, List *list)
{
	RequestVariable *variable = palloc(sizeof(RequestVariable));

	variable->name = name;
	variable->text = text ? pstrdup(text) : NULL;
	variable->number = number;
	variable->list = list;
	return lappend(variables, variable);
}

/* Add a text; NULL has no value and is not added */
List *
RequestVariableText(List *variables, const char *name, const char *text)
{
	return text ? AddVariable(variables, name, text, 0, NIL) : variables;
}

/* Add a number */
List *
RequestVariableNumber(List *variables, const char *name, int64 number)
{
	return AddVariable(variables, name, NULL, number, NIL);
}

/* Add a list of texts */
List *
RequestVariableList(List *variables, const char *name, List *list)
{
	return list != NIL ? AddVariable(variables, name, NULL, 0, list) : variables;
}

/* The variable of that name, or NULL */
static RequestVariable *
FindVariable(const RequestScope *scope, const char *name)
{
	ListCell   *lc;

	foreach(lc, scope->variables)
		if (strcmp(((RequestVariable *) lfirst(lc))->name, name) == 0)
		return lfirst(lc);
	return NULL;
}

/* The text of a name, or NULL where it has no value */
static char *
ValueOf(const RequestScope *scope, const char *name)
{
	RequestVariable *variable = FindVariable(scope, name);
	char	   *text;

	if (variable != NULL)
		return variable->text ? variable->text : variable->list != NIL ? NamesJoin(variable->list, ",") :
			psprintf(INT64_FORMAT, variable->number);
	text = DocumentText(scope->credentials, name);
	return text ? text : DocumentText(scope->settings, name);
}

/* Length of the variable that a template has at this place */
size_t
RequestVariableLength(const char *at)
{
	size_t		length = *at == '{' ? strspn(at + 1, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;

	if (length == 0 || at[length + 1] != '}' || (at[1] >= '0' && at[1] <= '9'))
		return 0;
	return length + 2;
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

/* Fill a template; NULL where it names a variable that has no value */
static char *
Fill(const char *template, const RequestScope *scope, FillHow how)
{
	StringInfoData buf;
	size_t		length;

	initStringInfo(&buf);
	for (const char *at = template; *at; at += Max(length, 1))
	{
		char	   *value;

		length = RequestVariableLength(at);
		if (length == 0)
		{
			appendStringInfoChar(&buf, *at);
			continue;
		}
		value = ValueOf(scope, pnstrdup(at + 1, length - 2));
		if (value == NULL && strncmp(at, token_variable, length) == 0)
			value = (char *) token_variable;
		if (value == NULL)
			return NULL;

		/* dots alone would lead up in the path */
		if (how == FILL_PATH && (strcmp(value, ".") == 0 || strcmp(value, "..") == 0))
			return NULL;
		if (how == FILL_PATH)
			AppendEncoded(&buf, value);
		else
			appendStringInfoString(&buf, value);
	}
	return buf.data;
}

/* A template filled */
char *
RequestFill(const char *template, const RequestScope *scope)
{
	return Fill(template, scope, FILL_PLAIN);
}

/* A template of an address filled, its variables percent-encoded */
char *
RequestFillAddress(const char *template, const RequestScope *scope)
{
	return Fill(template, scope, FILL_PATH);
}

/* True if a template anywhere in a document names a variable */
bool
RequestNames(Jsonb *spec, const char *variable)
{
	return strstr(JsonbToCString(NULL, &spec->root, VARSIZE(spec)), psprintf("{%s}", variable)) != NULL;
}

/* A list of filled headers */
List *
RequestHeaders(List *headers, Jsonb *templates, const RequestScope *scope)
{
	ListCell   *lc;

	foreach(lc, DocumentKeys(templates))
	{
		char	   *name = lfirst(lc);
		char	   *value = RequestFill(DocumentText(templates, name), scope);

		if (value != NULL)
			headers = lappend(headers, psprintf("%s: %s", name, value));
	}
	return headers;
}

/* Append a parameter of a query or form */
static void
AppendParameter(StringInfo buf, const char *between, const char *name, const char *value)
{
	appendStringInfoString(buf, between);
	AppendEncoded(buf, name);
	appendStringInfoChar(buf, '=');
	AppendEncoded(buf, value);
}

/* Fill the template of a parameter; a template that is a list alone gives each of it */
static List *
FillParameter(const char *template, const RequestScope *scope, bool repeat)
{
	size_t		length = RequestVariableLength(template);
	char	   *value;

	if (repeat && length > 0 && template[length] == '\0')
	{
		RequestVariable *variable = FindVariable(scope, pnstrdup(template + 1, length - 2));

		if (variable != NULL && variable->list != NIL)
			return list_copy(variable->list);
	}
	value = RequestFill(template, scope);
	return value ? list_make1(value) : NIL;
}

/* Append the parameters of an object; first is what stands before the first one */
static void
AppendParameters(StringInfo buf, const char *first, Jsonb *object, const RequestScope *scope)
{
	int			start = buf->len;
	ListCell   *lc;

	foreach(lc, DocumentKeys(object))
	{
		char	   *name = lfirst(lc);
		Jsonb	   *templates = DocumentMember(object, name);
		List	   *values = NIL;
		ListCell   *value;

		if (templates == NULL)
			values = FillParameter(DocumentText(object, name), scope, false);
		foreach(value, DocumentTexts(templates))
			values = list_concat(values, FillParameter(lfirst(value), scope, true));
		foreach(value, values)
			AppendParameter(buf, buf->len == start ? first : "&", name, lfirst(value));
	}
}

/* Append a text of a body; false where it names a variable that has no value */
static bool
AppendBodyText(StringInfo buf, const char *template, const RequestScope *scope)
{
	size_t		length = RequestVariableLength(template);
	RequestVariable *variable = NULL;
	char	   *value;
	ListCell   *lc;

	if (length > 0 && template[length] == '\0')
		variable = FindVariable(scope, pnstrdup(template + 1, length - 2));
	if (variable == NULL || variable->text != NULL)
	{
		value = RequestFill(template, scope);
		if (value != NULL)
			escape_json(buf, value);
		return value != NULL;
	}
	if (variable->list == NIL)
	{
		appendStringInfo(buf, INT64_FORMAT, variable->number);
		return true;
	}
	appendStringInfoChar(buf, '[');
	foreach(lc, variable->list)
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfoChar(buf, ',');
		escape_json(buf, lfirst(lc));
	}
	appendStringInfoChar(buf, ']');
	return true;
}

static bool AppendBody(StringInfo buf, JsonbContainer *container, const RequestScope *scope, bool top);

/* Append a value of a body; false where it names a variable that has no value */
static bool
AppendBodyValue(StringInfo buf, JsonbValue *value, const RequestScope *scope)
{
	switch (value->type)
	{
		case jbvNull:
			appendStringInfoString(buf, "null");
			return true;
		case jbvBool:
			appendStringInfoString(buf, value->val.boolean ? "true" : "false");
			return true;
		case jbvNumeric:
			appendStringInfoString(buf, DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))));
			return true;
		case jbvString:
			return AppendBodyText(buf, pnstrdup(value->val.string.val, value->val.string.len), scope);
		case jbvBinary:
			return AppendBody(buf, value->val.binary.data, scope, false);
		default:
			elog(ERROR, "unexpected kind of value in a body");
	}
}

/*
 * Append an object or array of a body; false where it names a variable that
 * has no value. At the top such a member is left out instead.
 */
static bool
AppendBody(StringInfo buf, JsonbContainer *container, const RequestScope *scope, bool top)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue	value;
	bool		first = true;
	int			start = buf->len;

	check_stack_depth();
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_OBJECT || token == WJB_BEGIN_ARRAY)
			appendStringInfoChar(buf, token == WJB_BEGIN_OBJECT ? '{' : '[');
		else if (token == WJB_END_OBJECT || token == WJB_END_ARRAY)
			appendStringInfoChar(buf, token == WJB_END_OBJECT ? '}' : ']');
		else if (token == WJB_KEY)
		{
			start = buf->len;
			if (!first)
				appendStringInfoChar(buf, ',');
			escape_json(buf, pnstrdup(value.val.string.val, value.val.string.len));
			appendStringInfoChar(buf, ':');
		}
		else
		{
			if (token == WJB_ELEM && !first)
				appendStringInfoChar(buf, ',');
			if (AppendBodyValue(buf, &value, scope))
			{
				first = false;
				continue;
			}
			if (!top || token == WJB_ELEM)
				return false;
			buf->len = start;
			buf->data[start] = '\0';
		}
	}
	return true;
}

/* True if a header of that name is in the list */
static bool
HasHeader(List *headers, const char *name)
{
	ListCell   *lc;

	foreach(lc, headers)
		if (pg_strncasecmp(lfirst(lc), name, strlen(name)) == 0 && ((char *) lfirst(lc))[strlen(name)] == ':')
		return true;
	return false;
}

/* Raise that a definition's address names something that is not given */
static void
RefuseTemplate(const char *template)
{
	FetchFail(ERRCODE_INVALID_PARAMETER_VALUE,
			  psprintf("the provider's definition asks in \"%s\" for something that is not given", template),
			  "Give it in credentials or settings of stakesync_connect().");
}

/* Build a request */
void
RequestBuild(Jsonb *spec, Jsonb *more, const char *base_url, const RequestScope *scope,
			 List *headers, Request *request)
{
	char	   *whole = DocumentText(spec, "url");
	char	   *template = whole ? whole : DocumentText(spec, "path");
	char	   *filled = Fill(template, scope, FILL_PATH);
	Jsonb	   *body = DocumentMember(spec, "body");
	Jsonb	   *form = DocumentMember(spec, "form");
	StringInfoData url;
	StringInfoData text;

	if (filled == NULL)
		RefuseTemplate(template);
	initStringInfo(&url);
	appendStringInfo(&url, "%s%s", whole ? "" : base_url, filled);
	AppendParameters(&url, strchr(url.data, '?') ? "&" : "?",
					 DocumentLay(DocumentMember(spec, "query"), DocumentMember(more, "query")), scope);

	initStringInfo(&text);
	if (body != NULL)
		(void) AppendBody(&text, &DocumentLay(body, DocumentMember(more, "body"))->root, scope, true);
	else if (form != NULL)
		AppendParameters(&text, "", form, scope);

	request->method = DocumentText(spec, "method");
	if (request->method == NULL)
		request->method = body != NULL || form != NULL ? "POST" : "GET";
	request->url = url.data;
	request->body = body != NULL || form != NULL ? text.data : NULL;
	request->headers = RequestHeaders(list_copy(headers), DocumentMember(spec, "headers"), scope);
	if (request->body != NULL && !HasHeader(request->headers, "Content-Type"))
		request->headers = lappend(request->headers, body != NULL ? "Content-Type: application/json" :
								   "Content-Type: application/x-www-form-urlencoded");
}

/* Length of an address up to its path */
size_t
RequestOriginLength(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return host - url + strcspn(host, "/?#");
}

/* The address that follows from a link in an answer; NULL for one elsewhere */
char *
RequestFollow(const char *url, const char *link)
{
	size_t		origin = RequestOriginLength(url);
	size_t		length;

	if (strstr(link, "://") != NULL && strcspn(link, "/?#") > strcspn(link, ":"))
		return RequestOriginLength(link) == origin && pg_strncasecmp(url, link, origin) == 0 ? pstrdup(link) : NULL;
	if (link[0] == '/' && link[1] == '/')
		return NULL;
	if (link[0] == '/')
		return psprintf("%.*s%s", (int) origin, url, link);
	if (link[0] == '?')
		return psprintf("%.*s%s", (int) strcspn(url, "?"), url, link);

	/* beside the page */
	length = strcspn(url, "?#");
	while (length > origin && url[length - 1] != '/')
		length--;
	return psprintf("%.*s%s%s", (int) length, url, length == origin ? "/" : "", link);
}

/* Put the token into headers that wait for it */
List *
RequestSetToken(List *headers, const char *token)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, headers)
	{
		char	   *at = strstr(lfirst(lc), token_variable);

		if (at == NULL)
			result = lappend(result, lfirst(lc));
		else if (token != NULL)
			result = lappend(result, psprintf("%.*s%s%s", (int) (at - (char *) lfirst(lc)), (char *) lfirst(lc),
											  token, at + strlen(token_variable)));
	}
	return result;
}

/* As the HTTP client wants it */
void
RequestSend(const Request *request, HttpRequest *http)
{
	http->method = request->method;
	http->url = request->url;
	http->headers = request->headers;
	http->body = request->body;
	http->body_length = request->body ? strlen(request->body) : 0;
}
