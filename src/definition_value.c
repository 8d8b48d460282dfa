/*
 * Values of a definition: what a name, an address or a path in it can be.
 */
#include "postgres.h"

#include "closest.h"
#include "definition_inside.h"
#include "field.h"
#include "keys.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "names.h"
#include "path.h"
#include "request.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

/* Bytes of a path and of transforms, containers in a body */
#define PATH_MOST 2000
#define TRANSFORM_MOST 20000
#define BODY_DEPTH_MOST 64

/* Bytes that a message shows of a value or name */
#define SHOWN_MOST 60

/* Bytes of a name in the language */
#define NAME_MOST 63

/* True for a byte of a plain name */
static bool
ByteIsPlain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* A place's member */
char *
DefinitionPlace(const char *place, const char *member)
{
	int			length = strlen(member);
	bool		plain = length > 0 && length <= SHOWN_MOST && (member[0] < '0' || member[0] > '9');
	StringInfoData text;

	for (int i = 0; i < length && plain; i++)
		plain = ByteIsPlain(member[i]) || member[i] == '-';
	initStringInfo(&text);
	appendStringInfoString(&text, place);
	if (plain)
		appendStringInfo(&text, "%s%s", *place ? "." : "", member);
	else
	{
		appendStringInfoChar(&text, '[');
		escape_json(&text, pnstrdup(member, pg_mbcliplen(member, length, SHOWN_MOST)));
		appendStringInfoChar(&text, ']');
	}
	return text.data;
}

/* A place's element */
char *
DefinitionPlaceAt(const char *place, int element)
{
	return psprintf("%s[%d]", place, element);
}

/* A text of a definition; jsonb holds no zero byte */
char *
RuleText(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* A value as a message shows it */
static char *
ShowValue(const JsonbValue *value)
{
	StringInfoData shown;
	char	   *text;
	int			length;

	initStringInfo(&shown);
	switch (value->type)
	{
		case jbvString:
			length = pg_mbcliplen(value->val.string.val, value->val.string.len, SHOWN_MOST);
			escape_json(&shown, pnstrdup(value->val.string.val, length));
			if (length < value->val.string.len)
				appendStringInfoString(&shown, "...");
			return shown.data;
		case jbvNumeric:
			text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
			break;
		case jbvBool:
			return value->val.boolean ? "true" : "false";
		case jbvBinary:
			text = JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
			break;
		default:
			return "null";
	}
	length = pg_mbcliplen(text, strlen(text), SHOWN_MOST);
	appendStringInfo(&shown, "%.*s%s", length, text, text[length] != '\0' ? "..." : "");
	return shown.data;
}

/* Raise that a place cannot have its value */
void
RuleRefuse(const char *place, const JsonbValue *value, const char *takes)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s cannot be %s", place, ShowValue(value)),
			 errhint("It takes %s.", takes)));
}

/* Raise that a place has a word which is none of some */
void
RuleRefuseWord(const char *place, const char *word, List *words)
{
	const char *closest = ClosestWord(word, words);
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = (char *) word;
	value.val.string.len = strlen(word);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s cannot be %s", place, ShowValue(&value)),
			 closest ? errhint("Did you mean \"%s\"? It takes %s.", closest, NamesJoin(words, ", ")) :
			 errhint("It takes %s.", NamesJoin(words, ", "))));
}

/* Raise that an object has a member of a name that cannot be */
static void
RefuseName(const char *place, const char *name, const char *takes)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is not a possible name", DefinitionPlace(place, name)),
			 errhint("It takes %s.", takes)));
}

/* Check a text that is one of some words */
static void
CheckWord(const char *place, const JsonbValue *value, const char *const *words, int count)
{
	char	   *word = RuleText(value);
	List	   *all = NIL;

	for (int i = 0; i < count; i++)
	{
		if (strcmp(words[i], word) == 0)
			return;
		all = lappend(all, (char *) words[i]);
	}
	RuleRefuseWord(place, word, all);
}

/* True for a name of the language */
static bool
NameIsPlain(const char *name)
{
	size_t		length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return length > 0 && name[length] == '\0' && length <= NAME_MOST && (name[0] < '0' || name[0] > '9');
}

/* Check the name of a variable: a credential or setting */
void
RuleCheckVariableName(const char *place, const char *name)
{
	if (!NameIsPlain(name))
		RefuseName(place, name, "names of lower case letters, digits and underscores, not a digit first, up to 63");
}

/* Check the name of a login method */
void
RuleCheckMethodName(const char *place, const char *name)
{
	if (!NameIsPlain(name) || name[0] == '_')
		RefuseName(place, name, "names of lower case letters, digits and underscores, a letter first, up to 63");
}

/* Check a name that need only be there */
void
RuleCheckAnyName(const char *place, const char *name)
{
	if (name[strspn(name, " \t\r\n")] == '\0')
		RefuseName(place, name, "a name that is not blank");
}

/* Check the name of a field */
void
RuleCheckFieldName(const char *place, const char *name)
{
	const char *closest;

	if (FieldFind(name) != NULL)
		return;
	closest = FieldClosest(name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s names a field that there is not", DefinitionPlace(place, name)),
			 closest ? errhint("Did you mean \"%s\"?", closest) :
			 errhint("It takes source, default and optional fields, such as work_email.")));
}

/* True if a header can be called so */
static bool
HeaderIsName(const char *name)
{
	size_t		length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~");

	return length > 0 && name[length] == '\0';
}

/* Check the name of a header; some are not the definition's to set */
void
RuleCheckHeaderName(const char *place, const char *name)
{
	static const char *const kept[] = {"Host", "Content-Length", "Transfer-Encoding", "Connection"};

	if (!HeaderIsName(name))
		RefuseName(place, name, "the name of a header, such as X-Api-Key");
	for (int i = 0; i < lengthof(kept); i++)
		if (pg_strcasecmp(kept[i], name) == 0)
			RefuseName(place, name, "any header but Host, Content-Length, Transfer-Encoding and Connection, which follow from the request");
}

/* Check the name of a status */
void
RuleCheckStatusName(const char *place, const char *name)
{
	if (strlen(name) != 3 || (name[0] != '4' && name[0] != '5') || strspn(name, "0123456789") != 3)
		RefuseName(place, name, "statuses from 400 to 599, such as \"503\"");
}

/* Check the provider's name */
void
RuleCheckProvider(const char *place, const JsonbValue *value, const Rule *rule)
{
	char	   *name = RuleText(value);

	if (!NameIsPlain(name) || name[0] == '_')
		RuleRefuse(place, value, rule->takes);
}

/* Check the name of a credential or setting that stands as a value */
void
RuleCheckVariable(const char *place, const JsonbValue *value, const Rule *rule)
{
	if (!NameIsPlain(RuleText(value)))
		RuleRefuse(place, value, rule->takes);
}

/* Check a field that identifies people */
void
RuleCheckIdentifier(const char *place, const JsonbValue *value, const Rule *rule)
{
	int			count = 0;

	while (KeysCandidates[count] != NULL)
		count++;
	CheckWord(place, value, KeysCandidates, count);
}

/* Check a field that is mapped */
void
RuleCheckField(const char *place, const JsonbValue *value, const Rule *rule)
{
	char	   *name = RuleText(value);
	const char *closest;

	if (strcmp(name, "identifier") == 0 || strcmp(name, "email") == 0)
		RuleRefuse(place, value, "source fields such as employee_number or work_email; which of them is the register's is chosen by stakesync_configure()");
	if (strcmp(name, "remote_id") == 0)
		RuleRefuse(place, value, "any other field; remote_id is what the first stream's id says");
	if (FieldFind(name) != NULL)
		return;
	closest = FieldClosest(name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s cannot be %s", place, ShowValue(value)),
			 closest ? errhint("Did you mean \"%s\"?", closest) :
			 errhint("It takes source, default and optional fields, such as work_email.")));
}

/* Check the word for how a request is sent */
void
RuleCheckVerb(const char *place, const JsonbValue *value, const Rule *rule)
{
	static const char *const verbs[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

	CheckWord(place, value, verbs, lengthof(verbs));
}

/* Check the format of a time */
void
RuleCheckFormat(const char *place, const JsonbValue *value, const Rule *rule)
{
	static const char *const formats[] = {"datetime", "local", "date"};

	CheckWord(place, value, formats, lengthof(formats));
}

/* Check the name of a header that stands as a value */
void
RuleCheckHeader(const char *place, const JsonbValue *value, const Rule *rule)
{
	if (!HeaderIsName(RuleText(value)))
		RuleRefuse(place, value, rule->takes);
}

/* Check a template of one line, as a header is */
void
RuleCheckLine(const char *place, const JsonbValue *value, const Rule *rule)
{
	for (char *c = RuleText(value); *c; c++)
		if ((unsigned char) *c < 0x20 || *c == 0x7f)
			RuleRefuse(place, value, "a text without line breaks and other control characters");
}

/* Check what an address has from a place on */
static void
CheckAddressText(const char *place, const JsonbValue *value, const char *text, const char *takes)
{
	size_t		length;

	for (const char *c = text; *c; c += Max(length, 1))
	{
		length = RequestVariableLength(c);
		if (length > 0)
			continue;
		if (*c == '{' || *c == '}')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s cannot be %s: a brace belongs to no variable", place, ShowValue(value)),
					 errhint("A variable is a name of lower case letters, digits and underscores in braces, like {company_domain}.")));
		if (*c <= ' ' || *c >= 0x7f || strchr("#\\\"<>", *c) != NULL)
			RuleRefuse(place, value, takes);
	}
}

/* Check the path of a request */
void
RuleCheckRequestPath(const char *place, const JsonbValue *value, const Rule *rule)
{
	char	   *text = RuleText(value);

	if (text[0] != '/' || text[1] == '/')
		RuleRefuse(place, value, rule->takes);
	CheckAddressText(place, value, text, rule->takes);
}

/* True if a host is this machine */
static bool
HostIsLocal(const char *host, size_t length)
{
	static const char *const locals[] = {"localhost", "127.0.0.1", "[::1]"};

	for (int i = 0; i < lengthof(locals); i++)
	{
		size_t		local = strlen(locals[i]);

		if (length >= local && pg_strncasecmp(host, locals[i], local) == 0 &&
			(length == local || (host[local] == ':' && strspn(host + local + 1, "0123456789") == length - local - 1)))
			return true;
	}
	return false;
}

/* Check a whole address */
void
RuleCheckAddress(const char *place, const JsonbValue *value, const Rule *rule)
{
	char	   *text = RuleText(value);
	bool		https = strncmp(text, "https://", 8) == 0;
	const char *host = text + (https ? 8 : 7);
	size_t		length;

	if (!https && strncmp(text, "http://", 7) != 0)
		RuleRefuse(place, value, rule->takes);
	length = strcspn(host, "/?");
	if (!https && !HostIsLocal(host, length))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s cannot be %s: it is not encrypted", place, ShowValue(value)),
				 errhint("Give it as https://; http:// is taken of localhost and 127.0.0.1 alone.")));
	if (memchr(host, '@', length) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s holds a user or password", place),
				 errhint("Ask for them as credentials, and log in with type \"basic\".")));
	if (length == 0)
		RuleRefuse(place, value, rule->takes);
	CheckAddressText(place, value, text, rule->takes);
}

/* Check an address that requests are below */
void
RuleCheckBase(const char *place, const JsonbValue *value, const Rule *rule)
{
	RuleCheckAddress(place, value, rule);
	if (memchr(value->val.string.val, '?', value->val.string.len) != NULL)
		RuleRefuse(place, value, "an address without a query; parameters of a request are its query");
}

/* Check an address without variables */
void
RuleCheckChoice(const char *place, const JsonbValue *value, const Rule *rule)
{
	RuleCheckBase(place, value, rule);
	if (memchr(value->val.string.val, '{', value->val.string.len) != NULL)
		RuleRefuse(place, value, "an address without variables");
}

/* Refuse what is too long to be a path */
static void
CheckPathLength(const char *place, const JsonbValue *value)
{
	if (value->val.string.len > PATH_MOST)
		RuleRefuse(place, value, psprintf("a path of up to %d bytes", PATH_MOST));
}

/* Check a path in a record or answer that is followed step by step */
void
RuleCheckSteps(const char *place, const JsonbValue *value, const Rule *rule)
{
	char	   *text = RuleText(value);
	Path	   *path;

	CheckPathLength(place, value);
	path = PathParse(text, place);
	for (int i = 0; i < path->count && path->rest < 0; i++)
		if (path->steps[i].kind == PATH_MEMBERS)
			path->rest = path->steps[i].offset;
	if (path->rest >= 0)
		PathError(text, place, path->rest, "Only .name, [*], [0] and [last] are possible here.");
}

/* Check a path that is judged where it is used */
void
RuleCheckLongPath(const char *place, const JsonbValue *value, const Rule *rule)
{
	CheckPathLength(place, value);
}

/* Check the length of a transform, which is judged with its path */
void
RuleCheckTransform(const char *place, const JsonbValue *value, const Rule *rule)
{
	if (value->val.string.len > TRANSFORM_MOST)
		RuleRefuse(place, value, psprintf("transforms of up to %d bytes", TRANSFORM_MOST));
}

/* Check where a website login begins: a path in an answer, or an address */
void
RuleCheckStart(const char *place, const JsonbValue *value, const Rule *rule)
{
	if (value->val.string.val[0] == '$')
		RuleCheckSteps(place, value, rule);
	else
		RuleCheckAddress(place, value, rule);
}

/* Check what tells a record from the others */
void
RuleCheckId(const char *place, const JsonbValue *value, const Rule *rule)
{
	char	   *text = RuleText(value);

	if (strcmp(text, "@key") == 0)
		return;
	if (text[0] == '@')
		RuleRefuse(place, value, rule->takes);
	RuleCheckSteps(place, value, rule);
}

/* Check the name of a member that gets a child's rows */
void
RuleCheckMemberName(const char *place, const JsonbValue *value, const Rule *rule)
{
	char	   *text = RuleText(value);

	for (char *c = text; *c; c++)
		if (!ByteIsPlain(*c))
			RuleRefuse(place, value, rule->takes);
	if ((text[0] >= '0' && text[0] <= '9') || strlen(text) > NAME_MOST)
		RuleRefuse(place, value, rule->takes);
}

/* Check a body: an object or array that is not nested without end */
void
RuleCheckBody(const char *place, const JsonbValue *value, const Rule *rule)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	inside;
	int			depth = 0;

	if (value->type != jbvBinary)
		RuleRefuse(place, value, rule->takes);
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &inside, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_OBJECT || token == WJB_BEGIN_ARRAY)
			depth++;
		else if (token == WJB_END_OBJECT || token == WJB_END_ARRAY)
			depth--;
		if (depth > BODY_DEPTH_MOST)
			RuleRefuse(place, value, psprintf("objects and arrays that are nested up to %d deep", BODY_DEPTH_MOST));
	}
}
