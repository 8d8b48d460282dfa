#include "postgres.h"

#include "member.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* Find a member of an object */
bool
MemberFind(JsonbContainer *object, const char *name, JsonbValue *value)
{
	if (object == NULL || !JsonContainerIsObject(object))
		return false;
	return getKeyJsonValueFromContainer(object, name, strlen(name), value) != NULL;
}

/* Write a scalar as text */
char *
ScalarText(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

/* Read a member as text */
char *
MemberText(JsonbContainer *object, const char *name)
{
	JsonbValue	value;

	return MemberFind(object, name, &value) ? ScalarText(&value) : NULL;
}

/* Read a member that is a boolean */
bool
MemberBool(JsonbContainer *object, const char *name, bool by_default)
{
	JsonbValue	value;

	if (!MemberFind(object, name, &value) || value.type != jbvBool)
		return by_default;
	return value.val.boolean;
}

/* Find a member that is an object or array */
JsonbContainer *
MemberContainer(JsonbContainer *object, const char *name)
{
	JsonbValue	value;

	if (!MemberFind(object, name, &value) || value.type != jbvBinary)
		return NULL;
	return value.val.binary.data;
}

/* List the elements of an array that are objects or arrays */
JsonbContainer **
ContainerElements(JsonbContainer *array)
{
	int			size = array && JsonContainerIsArray(array) ? JsonContainerSize(array) : 0;
	JsonbContainer **elements = palloc0((size + 1) * sizeof(JsonbContainer *));
	int			count = 0;

	for (int i = 0; i < size; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(array, i);

		if (value->type == jbvBinary)
			elements[count++] = value->val.binary.data;
	}
	return elements;
}

/* List the elements of an array that are scalars */
char **
TextElements(JsonbContainer *array, int *count)
{
	int			size = array && JsonContainerIsArray(array) ? JsonContainerSize(array) : 0;
	char	  **elements = palloc0((size + 1) * sizeof(char *));

	*count = 0;
	for (int i = 0; i < size; i++)
	{
		char	   *text = ScalarText(getIthJsonbValueFromContainer(array, i));

		if (text != NULL)
			elements[(*count)++] = text;
	}
	return elements;
}
