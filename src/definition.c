/*
 * The language of definitions: members and what each takes.
 *
 * A table describes each object of the language, and doc/provider.schema.json
 * says the same; a change of one is a change of the other, and of
 * doc/providers.md. What members mean together (variables that have a value,
 * children that are joined) is judged behind that, by DefinitionCheckUse,
 * which may rely on every member being there and right.
 */
#include "postgres.h"

#include "closest.h"
#include "definition.h"
#include "definition_inside.h"
#include "miscadmin.h"
#include "names.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

/* Bytes of a definition */
#define DEFINITION_MOST (1024 * 1024)

/* An object whose members follow from its type */
typedef struct RuleType
{
	const char *type;
	const Rule *members;
} RuleType;

static void CheckValue(const char *place, const JsonbValue *value, const Rule *rule);
static void CheckMembers(const char *place, const JsonbValue *object, const Rule *members);

/* Check what stands behind a parameter: a template or several */
static void
CheckParameter(const char *place, const JsonbValue *value, const Rule *rule)
{
	static const Rule each = {NULL, RULE_TEMPLATE, false, "a text"};
	static const Rule several = {NULL, RULE_LIST, false, "a text or an array of texts", NULL, &each, NULL, 1, 1000};

	if (value->type != jbvString)
		CheckValue(place, value, &several);
}

/* A member of an object; NULL if it is not there */
static JsonbValue *
FindMember(const JsonbValue *object, const char *name)
{
	return getKeyJsonValueFromContainer(object->val.binary.data, name, strlen(name), NULL);
}

/* True for a value that is an object */
static bool
ValueIsObject(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

/* Check an object whose members follow from its type */
static void
CheckByType(const char *place, const JsonbValue *value, const RuleType *types, int count)
{
	List	   *words = NIL;
	JsonbValue *type;
	const char *at = DefinitionPlace(place, "type");

	for (int i = 0; i < count; i++)
		words = lappend(words, (char *) types[i].type);
	if (!ValueIsObject(value))
		RuleRefuse(place, value, psprintf("an object with a type: %s", NamesJoin(words, ", ")));
	type = FindMember(value, "type");
	if (type == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is missing", at),
				 errhint("It takes %s.", NamesJoin(words, ", "))));
	if (type->type != jbvString)
		RuleRefuse(at, type, NamesJoin(words, ", "));
	for (int i = 0; i < count; i++)
	{
		if (strcmp(types[i].type, RuleText(type)) == 0)
		{
			CheckMembers(place, value, types[i].members);
			return;
		}
	}
	RuleRefuseWord(at, RuleText(type), words);
}

/* What several objects have */
static const Rule any_text = {NULL, RULE_TEXT, false, "a text"};
static const Rule any_template = {NULL, RULE_TEMPLATE, false, "a text"};
static const Rule any_line = {NULL, RULE_TEMPLATE, false, "a text", RuleCheckLine};
static const Rule any_steps = {NULL, RULE_TEXT, false, "a path, such as $.access_token", RuleCheckSteps};
static const Rule any_parameter = {NULL, RULE_ANY, false, "a text or an array of texts", CheckParameter};
static const Rule any_status = {NULL, RULE_NUMBER, false, "a status from 400 to 599", NULL, NULL, NULL, 400, 599};

#define TAKES_ADDRESS "an address such as https://{company_domain}.example.com"
#define TAKES_TEXTS "an object of names and texts"
#define TAKES_PATH "a path, such as $.id"

/* Members of every request */
#define REQUEST_MEMBERS \
	{"method", RULE_TEXT, false, "GET, POST, PUT, PATCH, DELETE", RuleCheckVerb}, \
	{"path", RULE_TEXT, false, "what comes behind the base_url, such as /v1/people", RuleCheckRequestPath}, \
	{"url", RULE_TEXT, false, "a whole address, such as https://login.example.com/token", RuleCheckAddress}, \
	{"query", RULE_MAP, false, "an object of parameters and texts", NULL, &any_parameter, RuleCheckAnyName, 0, 100}, \
	{"headers", RULE_MAP, false, TAKES_TEXTS, NULL, &any_line, RuleCheckHeaderName, 0, 100}, \
	{"body", RULE_ANY, false, "an object or an array", RuleCheckBody}, \
	{"form", RULE_MAP, false, TAKES_TEXTS, NULL, &any_template, RuleCheckAnyName, 0, 100}

/* Pages: by their type */
#define PAGES_TYPE {"type", RULE_TEXT, true, "cursor, url, link, offset, page"}
#define PAGES_SIZE(needed) {"size", RULE_NUMBER, needed, "how many records a page has, from 1 to 10000", NULL, NULL, NULL, 1, 10000}

static const Rule cursor_members[] = {
	PAGES_TYPE,
	{"next", RULE_TEXT, true, "the path of the next cursor in the answer, such as $.next", RuleCheckLongPath},
	{"may_be_absent", RULE_BOOLEAN},
	PAGES_SIZE(false),
	{NULL}
};

static const Rule url_members[] = {
	PAGES_TYPE,
	{"next", RULE_TEXT, true, "the path of the next address in the answer, such as $.links.next", RuleCheckLongPath},
	{"may_be_absent", RULE_BOOLEAN},
	PAGES_SIZE(false),
	{NULL}
};

static const Rule link_members[] = {
	PAGES_TYPE,
	PAGES_SIZE(false),
	{NULL}
};

static const Rule offset_members[] = {
	PAGES_TYPE,
	PAGES_SIZE(true),
	{NULL}
};

static const Rule page_members[] = {
	PAGES_TYPE,
	PAGES_SIZE(true),
	{"first", RULE_NUMBER, false, "the number of the first page, from 0 to 1000", NULL, NULL, NULL, 0, 1000},
	{"last", RULE_TEXT, false, "the path of the number of pages in the answer", RuleCheckLongPath},
	{NULL}
};

/* Check how an answer is cut into pages */
static void
CheckPages(const char *place, const JsonbValue *value, const Rule *rule)
{
	static const RuleType types[] = {
		{"cursor", cursor_members},
		{"url", url_members},
		{"link", link_members},
		{"offset", offset_members},
		{"page", page_members},
	};

	CheckByType(place, value, types, lengthof(types));
}

/* Streams */
static const Rule success_members[] = {
	{"path", RULE_TEXT, true, "the path of the mark in the answer, such as $.success", RuleCheckLongPath},
	{"equals", RULE_TEMPLATE, true, "the text that the mark has where all is well, such as \"true\""},
	{NULL}
};

static const Rule incremental_members[] = {
	{"format", RULE_TEXT, false, "datetime, local, date", RuleCheckFormat},
	{"overlap", RULE_NUMBER, false, "a whole number of seconds, from 0 to 604800", NULL, NULL, NULL, 0, 604800},
	{"query", RULE_MAP, false, "an object of parameters and texts", NULL, &any_parameter, RuleCheckAnyName, 0, 100},
	{NULL}
};

static const Rule fields_members[] = {
	{"base", RULE_LIST, false, "an array of names", NULL, &any_text, NULL, 0, 10000},
	{"except", RULE_LIST, false, "an array of names", NULL, &any_text, NULL, 0, 10000},
	{"discovered", RULE_BOOLEAN},
	{"batch", RULE_NUMBER, false, "how many names go into one request, from 1 to 10000", NULL, NULL, NULL, 1, 10000},
	{NULL}
};

static const Rule pivot_members[] = {
	{"name", RULE_TEXT, true, "the path of the name in the row", RuleCheckSteps},
	{"value", RULE_TEXT, true, "the path of the value in the row", RuleCheckSteps},
	{NULL}
};

static const Rule join_members[] = {
	{"as", RULE_TEXT, true, "the member of the person that gets the rows, in letters, digits and underscores", RuleCheckMemberName},
	{"child", RULE_TEXT, false, "the path of the person's id in the row, such as $.person_id", RuleCheckSteps},
	{"parent", RULE_TEXT, false, "the path in the person that child is equal to", RuleCheckSteps},
	{"one", RULE_BOOLEAN},
	{"pivot", RULE_OBJECT, false, "an object of name and value", NULL, pivot_members},
	{NULL}
};

static const Rule one_members[] = {
	REQUEST_MEMBERS,
	{"records", RULE_TEXT, false, "the path of the records in the answer, such as $.results[*] or $", RuleCheckLongPath},
	{NULL}
};

static const Rule stream_members[] = {
	{"name", RULE_TEXT, true, "a text: its name"},
	REQUEST_MEMBERS,
	{"records", RULE_TEXT, true, "the path of the records in the answer, such as $.results[*] or $[*]", RuleCheckLongPath},
	{"id", RULE_TEXT, false, "the path of what tells a record from the others, such as $.id, or @key", RuleCheckId},
	{"deleted", RULE_TEXT, false, "the path of the mark that a record was deleted", RuleCheckSteps},
	{"success", RULE_OBJECT, false, "an object of path and equals", NULL, success_members},
	{"pages", RULE_ANY, false, "an object", CheckPages},
	{"total", RULE_TEXT, false, "the path of the announced number of records in the answer", RuleCheckLongPath},
	{"incremental", RULE_OBJECT, false, "an object, such as {\"format\": \"datetime\"}", NULL, incremental_members},
	{"fields", RULE_OBJECT, false, "an object of base, except, discovered and batch", NULL, fields_members},
	{"one", RULE_OBJECT, false, "a request", NULL, one_members},
	{"permission", RULE_TEXT, false, "a text: which permission shows this stream"},
	{"optional", RULE_BOOLEAN},
	{"each", RULE_BOOLEAN},
	{"always", RULE_BOOLEAN},
	{"join", RULE_OBJECT, false, "an object of as, child and parent", NULL, join_members},
	{NULL}
};

static const Rule each_stream = {NULL, RULE_OBJECT, false, "a stream", NULL, stream_members};

static const Rule discover_members[] = {
	REQUEST_MEMBERS,
	{"records", RULE_TEXT, true, "the path of the fields in the answer, such as $.fields[*]", RuleCheckLongPath},
	{"name", RULE_TEXT, true, "the path of a field's name in its record", RuleCheckSteps},
	{"label", RULE_TEXT, false, TAKES_PATH, RuleCheckSteps},
	{"type", RULE_TEXT, false, TAKES_PATH, RuleCheckSteps},
	{"at", RULE_TEXT, false, TAKES_PATH, RuleCheckSteps},
	{"pages", RULE_ANY, false, "an object", CheckPages},
	{NULL}
};

static const Rule check_members[] = {
	REQUEST_MEMBERS,
	{"expect", RULE_TEXT, false, "the path of what a good answer has, such as $.id", RuleCheckSteps},
	{NULL}
};

static const Rule request_members[] = {
	REQUEST_MEMBERS,
	{NULL}
};

/* What every method may have of its own */
static const Rule burst_members[] = {
	{"requests", RULE_NUMBER, true, "a number from 1 to 100000", NULL, NULL, NULL, 1, 100000},
	{"seconds", RULE_NUMBER, true, "a whole number of seconds, from 1 to 3600", NULL, NULL, NULL, 1, 3600},
	{NULL}
};

static const Rule limits_members[] = {
	{"per_minute", RULE_NUMBER, false, "a whole number of requests, from 1 to 100000", NULL, NULL, NULL, 1, 100000},
	{"burst", RULE_OBJECT, false, "an object of requests and seconds", NULL, burst_members},
	{"connections", RULE_NUMBER, false, "a whole number of requests at a time, from 1 to 16", NULL, NULL, NULL, 1, 16},
	{NULL}
};

static const Rule mapping_members[] = {
	{"field", RULE_TEXT, true, "a source, default or optional field, such as work_email", RuleCheckField},
	{"path", RULE_TEXT, true, "a path in the record, such as $.email", RuleCheckLongPath},
	{"transform", RULE_TEXT, false, "transforms, such as lower", RuleCheckTransform},
	{NULL}
};

static const Rule each_mapping = {NULL, RULE_OBJECT, false, "an object of field and path", NULL, mapping_members};

static const Rule each_choice = {NULL, RULE_TEXT, false, TAKES_ADDRESS, RuleCheckChoice};

static const Rule base_members[] = {
	{"setting", RULE_TEXT, true, "the name of a setting, such as region", RuleCheckVariable},
	{"default", RULE_TEXT, true, "one of the choices"},
	{"choices", RULE_MAP, true, "an object of values and addresses", NULL, &each_choice, RuleCheckAnyName, 1, 100},
	{NULL}
};

/* Check the address: a template, or chosen by a setting */
static void
CheckBaseUrl(const char *place, const JsonbValue *value, const Rule *rule)
{
	static const Rule text = {NULL, RULE_TEXT, false, TAKES_ADDRESS, RuleCheckBase};
	static const Rule choice = {NULL, RULE_OBJECT, false, "an address, or an object of setting, default and choices", NULL, base_members};

	CheckValue(place, value, value->type == jbvString ? &text : &choice);
}

static const Rule each_wait = {NULL, RULE_NUMBER, false, "a whole number of seconds, from 1 to 3600", NULL, NULL, NULL, 1, 3600};

static const Rule retry_members[] = {
	{"never", RULE_LIST, false, "an array of statuses", NULL, &any_status, NULL, 0, 200},
	{"wait", RULE_MAP, false, "an object of statuses and seconds, such as {\"503\": 60}", NULL, &each_wait, RuleCheckStatusName, 0, 200},
	{"reset_header", RULE_TEXT, false, "the name of a header, such as X-RateLimit-Reset", RuleCheckHeader},
	{"remaining_header", RULE_TEXT, false, "the name of a header, such as X-RateLimit-Remaining", RuleCheckHeader},
	{"smaller_pages", RULE_LIST, false, "an array of statuses", NULL, &any_status, NULL, 0, 200},
	{NULL}
};

static const Rule ready_members[] = {
	REQUEST_MEMBERS,
	{"busy", RULE_TEXT, true, "a path of PostgreSQL's jsonpath that finds something as long as the HR system is busy", RuleCheckLongPath},
	{"every", RULE_NUMBER, false, "a whole number of seconds between two questions, from 1 to 3600", NULL, NULL, NULL, 1, 3600},
	{"most", RULE_NUMBER, false, "a whole number of seconds after which it is given up, from 1 to 86400", NULL, NULL, NULL, 1, 86400},
	{NULL}
};

#define STREAMS_MEMBER(needed) \
	{"streams", RULE_LIST, needed, "an array of streams, up to 32", NULL, &each_stream, NULL, 1, 32}
#define DISCOVER_MEMBER \
	{"discover", RULE_OBJECT, false, "a request with records and name", NULL, discover_members}
#define MAPPING_MEMBER(needed) \
	{"mapping", RULE_LIST, needed, "an array of objects of field and path", NULL, &each_mapping, NULL, 1, 100}
#define BASE_MEMBER(needed) \
	{"base_url", RULE_ANY, needed, TAKES_ADDRESS ", or an object of setting, default and choices", CheckBaseUrl}
#define HEADERS_MEMBER \
	{"headers", RULE_MAP, false, TAKES_TEXTS, NULL, &any_line, RuleCheckHeaderName, 0, 100}
#define CHECK_MEMBER(needed) \
	{"check", RULE_OBJECT, needed, "a request, such as {\"path\": \"/me\", \"expect\": \"$.id\"}", NULL, check_members}
#define READY_MEMBER \
	{"ready", RULE_OBJECT, false, "a request with busy", NULL, ready_members}
#define DISCONNECT_MEMBER \
	{"disconnect", RULE_OBJECT, false, "a request", NULL, request_members}
#define RETRY_MEMBER \
	{"retry", RULE_OBJECT, false, "an object of never, wait, reset_header, remaining_header and smaller_pages", NULL, retry_members}
#define NULLS_MEMBER \
	{"null_tokens", RULE_LIST, false, "an array of texts", NULL, &any_text, NULL, 0, 100}
#define GAPS_MEMBER \
	{"gaps", RULE_MAP, false, "an object of fields and advice", NULL, &any_text, RuleCheckFieldName, 0, 100}
#define LIMITS_MEMBER \
	{"limits", RULE_OBJECT, false, "an object of per_minute, burst and connections", NULL, limits_members}

/* Login methods */
static const Rule credential_members[] = {
	{"key", RULE_TEXT, true, "a name of lower case letters, digits and underscores", RuleCheckVariable},
	{"label", RULE_TEXT, true, "a text: what the HR system calls it"},
	{"secret", RULE_BOOLEAN},
	{"where", RULE_TEXT, false, "a text: where to find it"},
	{"optional", RULE_BOOLEAN},
	{"host", RULE_BOOLEAN},
	{NULL}
};

static const Rule each_credential = {NULL, RULE_OBJECT, false, "an object of key and label", NULL, credential_members};

static const Rule basic_members[] = {
	{"type", RULE_TEXT, true, "basic, token"},
	{"user", RULE_TEMPLATE, true, "a text, such as {api_key}", RuleCheckLine},
	{"password", RULE_TEMPLATE, true, "a text, such as {password}", RuleCheckLine},
	{NULL}
};

static const Rule token_members[] = {
	{"type", RULE_TEXT, true, "basic, token"},
	{"base_url", RULE_TEXT, false, TAKES_ADDRESS, RuleCheckBase},
	REQUEST_MEMBERS,
	{"token", RULE_TEXT, true, "the path of the token in the answer, such as $.access_token", RuleCheckSteps},
	{"expires_in", RULE_TEXT, false, "the path of the seconds that the token lasts, such as $.expires_in", RuleCheckSteps},
	{"lifetime", RULE_NUMBER, false, "how many seconds a token lasts, from 1 to 31536000", NULL, NULL, NULL, 1, 31536000},
	{"keeps", RULE_MAP, false, "an object of credentials and paths", NULL, &any_steps, RuleCheckVariableName, 0, 32},
	{NULL}
};

/* Check how one logs in */
static void
CheckLogin(const char *place, const JsonbValue *value, const Rule *rule)
{
	static const RuleType types[] = {
		{"basic", basic_members},
		{"token", token_members},
	};

	CheckByType(place, value, types, lengthof(types));
}

static const Rule website_members[] = {
	{"ask", RULE_OBJECT, false, "a request", NULL, request_members},
	{"address", RULE_TEXT, true, "the path of the address in the answer to ask, or without ask an address", RuleCheckStart},
	{"complete", RULE_OBJECT, true, "a request that names {code}", NULL, request_members},
	{"keeps", RULE_MAP, true, "an object of credentials and paths", NULL, &any_steps, RuleCheckVariableName, 1, 32},
	{"webhook", RULE_MAP, false, "an object of credentials and paths", NULL, &any_steps, RuleCheckVariableName, 1, 32},
	{NULL}
};

static const Rule method_members[] = {
	{"credentials", RULE_LIST, true, "an array of objects of key and label", NULL, &each_credential, NULL, 0, 32},
	{"login", RULE_ANY, false, "an object with a type: basic, token", CheckLogin},
	{"link", RULE_OBJECT, false, "an object of address, complete and keeps", NULL, website_members},
	BASE_MEMBER(false),
	HEADERS_MEMBER,
	CHECK_MEMBER(false),
	READY_MEMBER,
	DISCONNECT_MEMBER,
	LIMITS_MEMBER,
	RETRY_MEMBER,
	NULLS_MEMBER,
	STREAMS_MEMBER(false),
	DISCOVER_MEMBER,
	MAPPING_MEMBER(false),
	GAPS_MEMBER,
	{NULL}
};

static const Rule each_method = {NULL, RULE_OBJECT, false, "a login method", NULL, method_members};

/* The definition itself */
static const Rule setting_members[] = {
	{"label", RULE_TEXT, true, "a text: what it is"},
	{"default", RULE_TEXT, false, "a text"},
	{"choices", RULE_LIST, false, "an array of texts", NULL, &any_text, NULL, 1, 100},
	{"host", RULE_BOOLEAN},
	{NULL}
};

static const Rule each_setting = {NULL, RULE_OBJECT, false, "a setting, such as {\"label\": \"Region\"}", NULL, setting_members};
static const Rule each_identifier = {NULL, RULE_TEXT, false, "employee_number, work_email, personal_email, remote_id", RuleCheckIdentifier};

static const Rule definition_members[] = {
	{"provider", RULE_TEXT, true, "a name of lower case letters, digits and underscores, a letter first, up to 63", RuleCheckProvider},
	{"name", RULE_TEXT, true, "a text: the name of the HR system"},
	{"docs_url", RULE_TEXT, false, "a text: the address of its documentation"},
	{"verified_against", RULE_TEXT, false, "a text: what its facts were checked with"},
	{"terms", RULE_TEXT, true, "a text: what is read, through whom it passes, what is kept"},
	{"guide", RULE_TEXT, true, "a text: how to get the credentials, and with which permissions"},
	{"recommended_identifiers", RULE_LIST, true, "an array of fields that identify people, best first", NULL, &each_identifier, NULL, 1, 4},
	{"methods", RULE_MAP, true, "an object of names and login methods", NULL, &each_method, RuleCheckMethodName, 1, 16},
	{"method", RULE_TEXT, false, "the name of a login method"},
	{"settings", RULE_MAP, false, "an object of names and settings", NULL, &each_setting, RuleCheckVariableName, 0, 32},
	BASE_MEMBER(true),
	HEADERS_MEMBER,
	CHECK_MEMBER(true),
	READY_MEMBER,
	DISCONNECT_MEMBER,
	LIMITS_MEMBER,
	RETRY_MEMBER,
	NULLS_MEMBER,
	{"ignore_case", RULE_BOOLEAN},
	STREAMS_MEMBER(true),
	DISCOVER_MEMBER,
	MAPPING_MEMBER(true),
	GAPS_MEMBER,
	{"integrations", RULE_MAP, false, TAKES_TEXTS, NULL, &any_text, RuleCheckAnyName, 0, 1000},
	{NULL}
};

/* True if a text has more than blanks */
static bool
TextIsFull(const JsonbValue *value)
{
	for (int i = 0; i < value->val.string.len; i++)
		if (strchr(" \t\r\n", value->val.string.val[i]) == NULL)
			return true;
	return false;
}

/* True if a number is whole and in its range */
static bool
NumberFits(const JsonbValue *value, const Rule *rule)
{
	Datum		number = NumericGetDatum(value->val.numeric);
	Datum		least = NumericGetDatum(int64_to_numeric(rule->least));
	Datum		most = NumericGetDatum(int64_to_numeric(rule->most));

	return DatumGetBool(DirectFunctionCall2(numeric_ge, number, least)) &&
		DatumGetBool(DirectFunctionCall2(numeric_le, number, most)) &&
		DatumGetBool(DirectFunctionCall2(numeric_eq, number, DirectFunctionCall1(numeric_floor, number)));
}

/* Names of an object's rules */
static List *
NamesOf(const Rule *members)
{
	List	   *names = NIL;

	for (; members->name != NULL; members++)
		names = lappend(names, (char *) members->name);
	return names;
}

/* Raise that an object has a member which there is not */
static void
RefuseMember(const char *place, const char *name, const Rule *members)
{
	List	   *names = NamesOf(members);
	const char *closest = ClosestWord(name, names);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no member %s", DefinitionPlace(place, name)),
			 closest ? errhint("Did you mean \"%s\"? There are %s.", closest, NamesJoin(names, ", ")) :
			 errhint("There are %s.", NamesJoin(names, ", "))));
}

/* Check the members of an object: none that is unknown, all that are needed, each of its kind */
static void
CheckMembers(const char *place, const JsonbValue *object, const Rule *members)
{
	JsonbIterator *it = JsonbIteratorInit(object->val.binary.data);
	JsonbIteratorToken token;
	JsonbValue	name;
	const Rule *rule;

	while ((token = JsonbIteratorNext(&it, &name, true)) != WJB_DONE)
	{
		char	   *text;

		if (token != WJB_KEY)
			continue;
		text = RuleText(&name);
		for (rule = members; rule->name != NULL; rule++)
			if (strcmp(rule->name, text) == 0)
				break;
		if (rule->name == NULL)
			RefuseMember(place, text, members);
	}
	for (rule = members; rule->name != NULL; rule++)
		if (rule->needed && FindMember(object, rule->name) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s is missing", DefinitionPlace(place, rule->name)),
					 errhint("It takes %s.", rule->takes)));
	for (rule = members; rule->name != NULL; rule++)
	{
		JsonbValue *value = FindMember(object, rule->name);

		if (value != NULL)
			CheckValue(DefinitionPlace(place, rule->name), value, rule);
	}
}

/* Check that a list or map has not too few or too many */
static void
CheckCount(const char *place, int64 count, const Rule *rule)
{
	const char *what = rule->kind == RULE_LIST ? "elements" : "members";

	if (count >= rule->least && count <= rule->most)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s cannot have " INT64_FORMAT " %s", place, count, what),
			 errhint("It takes %s: " INT64_FORMAT " to " INT64_FORMAT " of them.", rule->takes, rule->least, rule->most)));
}

/* Check each of a map */
static void
CheckMap(const char *place, const JsonbValue *map, const Rule *rule)
{
	JsonbIterator *it = JsonbIteratorInit(map->val.binary.data);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;

	CheckCount(place, JsonContainerSize(map->val.binary.data), rule);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			name = RuleText(&value);
			rule->check_name(place, name);
		}
		else if (token == WJB_VALUE)
			CheckValue(DefinitionPlace(place, name), &value, rule->inside);
	}
}

/* Check each of a list */
static void
CheckList(const char *place, const JsonbValue *list, const Rule *rule)
{
	CheckCount(place, JsonContainerSize(list->val.binary.data), rule);
	for (uint32 i = 0; i < JsonContainerSize(list->val.binary.data); i++)
		CheckValue(DefinitionPlaceAt(place, i), getIthJsonbValueFromContainer(list->val.binary.data, i), rule->inside);
}

/* True if a value is of a rule's kind */
static bool
KindFits(const JsonbValue *value, const Rule *rule)
{
	switch (rule->kind)
	{
		case RULE_TEXT:
			return value->type == jbvString && TextIsFull(value);
		case RULE_TEMPLATE:
			return value->type == jbvString;
		case RULE_NUMBER:
			return value->type == jbvNumeric && NumberFits(value, rule);
		case RULE_BOOLEAN:
			return value->type == jbvBool;
		case RULE_OBJECT:
		case RULE_MAP:
			return ValueIsObject(value);
		case RULE_LIST:
			return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);
		case RULE_ANY:
			return true;
	}
	return false;
}

/* Check a value by its rule */
static void
CheckValue(const char *place, const JsonbValue *value, const Rule *rule)
{
	CHECK_FOR_INTERRUPTS();
	if (!KindFits(value, rule))
		RuleRefuse(place, value, rule->kind == RULE_BOOLEAN ? "true or false" : rule->takes);
	switch (rule->kind)
	{
		case RULE_OBJECT:
			CheckMembers(place, value, rule->inside);
			break;
		case RULE_MAP:
			CheckMap(place, value, rule);
			break;
		case RULE_LIST:
			CheckList(place, value, rule);
			break;
		default:
			break;
	}
	if (rule->check != NULL)
		rule->check(place, value, rule);
}

/* Raise that a definition is none at all */
static void
RefuseRoot(Jsonb *definition)
{
	if (VARSIZE(definition) > DEFINITION_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a definition cannot have %d bytes", (int) VARSIZE(definition)),
				 errhint("It takes up to %d.", DEFINITION_MOST)));
	if (!JB_ROOT_IS_OBJECT(definition))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a definition is a JSON object"),
				 errhint("Begin with one that ships: SELECT jsonb_pretty(definition) FROM stakesync_provider;")));
}

/* Raise where a definition is not of the language */
void
DefinitionCheck(Jsonb *definition)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "stakesync definition",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	JsonbValue	root = {.type = jbvBinary};

	RefuseRoot(definition);
	root.val.binary.data = &definition->root;
	root.val.binary.len = VARSIZE(definition) - VARHDRSZ;
	CheckMembers("", &root, definition_members);
	DefinitionCheckUse(definition);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
