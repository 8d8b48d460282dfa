#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "field.h"
#include "field_choice.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* A node without the changes of type around it */
static Node *
Bare(Node *node)
{
	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/* Add a constant as text; false if it is none */
static bool
AddConstant(List **choices, Node *node)
{
	Const	   *constant = (Const *) Bare(node);
	Oid			output;
	bool		varlena;

	if (!IsA(constant, Const) || constant->constisnull)
		return false;
	getTypeOutputInfo(constant->consttype, &output, &varlena);
	*choices = lappend(*choices, OidOutputFunctionCall(output, constant->constvalue));
	return true;
}

/* Read the elements of an array that is a constant */
static List *
ReadArrayConstant(Const *constant)
{
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int16		length;
	bool		by_value;
	char		align;
	Oid			output;
	bool		varlena;
	List	   *choices = NIL;

	if (constant->constisnull || !OidIsValid(get_element_type(constant->consttype)))
		return NIL;
	array = DatumGetArrayTypeP(constant->constvalue);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	getTypeOutputInfo(ARR_ELEMTYPE(array), &output, &varlena);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			choices = lappend(choices, OidOutputFunctionCall(output, values[i]));
	return choices;
}

/* Read the values of a check that says: column = ANY (values) */
static List *
ReadCheck(Node *check, AttrNumber column)
{
	ScalarArrayOpExpr *any = (ScalarArrayOpExpr *) check;
	Var		   *var;
	Node	   *values;
	List	   *choices = NIL;
	ListCell   *lc;

	if (!IsA(check, ScalarArrayOpExpr) || !any->useOr || strcmp(get_opname(any->opno), "=") != 0)
		return NIL;
	var = (Var *) Bare(linitial(any->args));
	values = Bare(lsecond(any->args));
	if (!IsA(var, Var) || var->varattno != column)
		return NIL;
	if (IsA(values, Const))
		return ReadArrayConstant((Const *) values);
	if (!IsA(values, ArrayExpr))
		return NIL;
	foreach(lc, ((ArrayExpr *) values)->elements)
		if (!AddConstant(&choices, lfirst(lc)))
		return NIL;
	return choices;
}

/* Find the values that a check admits to a column */
static List *
FieldChoices(Oid relid, const char *column)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TupleConstr *constraints = RelationGetDescr(rel)->constr;
	AttrNumber	number = get_attnum(relid, column);
	List	   *choices = NIL;

	for (int i = 0; constraints != NULL && i < constraints->num_check && choices == NIL; i++)
		choices = ReadCheck(stringToNode(constraints->check[i].ccbin), number);
	table_close(rel, NoLock);
	return choices;
}

/* The kind of value of a column that ships with no field */
static ValueType
TypeOfColumn(Oid type)
{
	switch (type)
	{
		case DATEOID:
			return VALUE_DATE;
		case NUMERICOID:
		case FLOAT8OID:
		case FLOAT4OID:
			return VALUE_NUMERIC;
		case INT8OID:
		case INT4OID:
		case INT2OID:
			return VALUE_INTEGER;
		case BOOLOID:
			return VALUE_BOOLEAN;
		case TEXTARRAYOID:
			return VALUE_TEXT_ARRAY;
		default:
			return VALUE_TEXT;
	}
}

/* Split a comma list */
static List *
SplitChoices(const char *choices)
{
	List	   *list = NIL;

	while (choices != NULL && *choices)
	{
		size_t		length = strcspn(choices, ",");

		list = lappend(list, pnstrdup(choices, length));
		choices += length + (choices[length] == ',');
		while (*choices == ' ')
			choices++;
	}
	return list;
}

/* Find a rule's type and choices */
bool
FieldRuleType(Oid employee, Oid stakeholder, MappingRule *rule)
{
	const FieldInfo *field = FieldFind(rule->field);
	AttrNumber	there = get_attnum(employee, rule->field);
	AttrNumber	here = get_attnum(stakeholder, rule->field);

	if (there == InvalidAttrNumber && here == InvalidAttrNumber && field == NULL)
		return false;
	if (field != NULL)
	{
		rule->type = field->type;
		rule->choices = SplitChoices(field->choices);
		return true;
	}
	rule->type = TypeOfColumn(getBaseType(there != InvalidAttrNumber ? get_atttype(employee, there) :
										  get_atttype(stakeholder, here)));
	if (rule->type == VALUE_TEXT && here != InvalidAttrNumber)
		rule->choices = FieldChoices(stakeholder, rule->field);
	if (rule->choices != NIL)
		rule->type = VALUE_CHOICE;
	return true;
}
