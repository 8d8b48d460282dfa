#include "postgres.h"

#include "document.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/numeric.h"

/* A document from its text */
Jsonb *
DocumentRead(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* Text of a scalar; NULL for null and for containers */
static char *
ScalarText(JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

/* A member of an object, or NULL */
static JsonbValue *
FindMember(Jsonb *document, const char *key)
{
	if (document == NULL || !JB_ROOT_IS_OBJECT(document))
		return NULL;
	return getKeyJsonValueFromContainer(&document->root, key, strlen(key), NULL);
}

/* A member as text; NULL if absent or null */
char *
DocumentText(Jsonb *document, const char *key)
{
	JsonbValue *value = FindMember(document, key);

	return value ? ScalarText(value) : NULL;
}

/* A member as a whole number */
int64
DocumentInt(Jsonb *document, const char *key, int64 otherwise)
{
	JsonbValue *value = FindMember(document, key);

	if (value == NULL || value->type != jbvNumeric)
		return otherwise;
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
}

/* A member as a boolean */
bool
DocumentBool(Jsonb *document, const char *key, bool otherwise)
{
	JsonbValue *value = FindMember(document, key);

	if (value == NULL || value->type != jbvBool)
		return otherwise;
	return value->val.boolean;
}

/* A member that is an object or array; NULL if it is neither */
Jsonb *
DocumentMember(Jsonb *document, const char *key)
{
	JsonbValue *value = FindMember(document, key);

	if (value == NULL || value->type != jbvBinary)
		return NULL;
	return JsonbValueToJsonb(value);
}

/* The keys of an object */
List *
DocumentKeys(Jsonb *document)
{
	List	   *keys = NIL;
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (document == NULL || !JB_ROOT_IS_OBJECT(document))
		return NIL;
	it = JsonbIteratorInit(&document->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		if (token == WJB_KEY)
			keys = lappend(keys, pnstrdup(value.val.string.val, value.val.string.len));
	return keys;
}

/* The elements of an array that are objects or arrays */
List *
DocumentElements(Jsonb *document)
{
	List	   *elements = NIL;

	if (document == NULL || !JB_ROOT_IS_ARRAY(document))
		return NIL;
	for (uint32 i = 0; i < JB_ROOT_COUNT(document); i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(&document->root, i);

		if (value->type == jbvBinary)
			elements = lappend(elements, JsonbValueToJsonb(value));
	}
	return elements;
}

/* The elements of an array that are scalars, as text */
List *
DocumentTexts(Jsonb *document)
{
	List	   *texts = NIL;

	if (document == NULL || !JB_ROOT_IS_ARRAY(document))
		return NIL;
	for (uint32 i = 0; i < JB_ROOT_COUNT(document); i++)
	{
		char	   *text = ScalarText(getIthJsonbValueFromContainer(&document->root, i));

		if (text != NULL)
			texts = lappend(texts, text);
	}
	return texts;
}

/* Append a separator where an object has members already, then the key */
static void
AppendKey(StringInfo buf, const char *key)
{
	if (buf->len > 0 && buf->data[buf->len - 1] != '{')
		appendStringInfoChar(buf, ',');
	escape_json(buf, key);
	appendStringInfoChar(buf, ':');
}

/* Append a text member to an object under construction */
void
DocumentAppend(StringInfo buf, const char *key, const char *value)
{
	AppendKey(buf, key);
	if (value == NULL)
		appendStringInfoString(buf, "null");
	else
		escape_json(buf, value);
}

/* Append a whole number to an object under construction */
void
DocumentAppendInt(StringInfo buf, const char *key, int64 value)
{
	AppendKey(buf, key);
	appendStringInfo(buf, INT64_FORMAT, value);
}

/* An object with the members of another laid over it; either may be NULL */
Jsonb *
DocumentLay(Jsonb *object, Jsonb *more)
{
	if (object == NULL || more == NULL)
		return object ? object : more;
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(object), JsonbPGetDatum(more)));
}

/* Append a member that is a document; nothing for NULL */
void
DocumentAppendMember(StringInfo buf, const char *key, Jsonb *document)
{
	if (document == NULL)
		return;
	AppendKey(buf, key);
	(void) JsonbToCString(buf, &document->root, VARSIZE(document));
}
