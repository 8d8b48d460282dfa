#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "canonical.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "row.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Decide how values of a type compare */
static ColumnClass
ClassifyType(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return COLUMN_TEXT;
		case DATEOID:
			return COLUMN_DATE;
		case NUMERICOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return COLUMN_NUMBER;
		case BOOLOID:
			return COLUMN_BOOLEAN;
		case TEXTARRAYOID:
			return COLUMN_TEXTS;
		default:
			return COLUMN_OTHER;
	}
}

/* Find a column of a row type by its name */
bool
ColumnFind(Column *column, TupleDesc desc, const char *name)
{
	column->index = -1;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		Oid			output;
		bool		varlena;

		if (attribute->attisdropped || strcmp(NameStr(attribute->attname), name) != 0)
			continue;

		column->index = i;
		column->type = getBaseType(attribute->atttypid);
		column->class = ClassifyType(column->type);
		getTypeOutputInfo(column->type, &output, &varlena);
		fmgr_info(output, &column->output);
		return true;
	}
	return false;
}

/* Make room for the values of rows of a type */
void
RowInit(Row *row, TupleDesc desc)
{
	row->values = palloc0(desc->natts * sizeof(Datum));
	row->nulls = palloc0(desc->natts * sizeof(bool));
}

/* Take a row apart */
void
RowRead(Row *row, TupleDesc desc, HeapTupleHeader header)
{
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, desc, row->values, row->nulls);
}

/* Write a date or time as ISO 8601 has it, times in UTC */
static char *
WriteTime(Oid type, Datum value)
{
	char	   *text = palloc(MAXDATELEN + 1);
	int			utc = 0;

	return JsonEncodeDateTime(text, value, type, type == TIMESTAMPTZOID ? &utc : NULL);
}

/* Write a value as text that does not depend on settings */
char *
ColumnText(const Column *column, const Row *row)
{
	Datum		value;

	if (ColumnIsNull(column, row))
		return NULL;

	value = row->values[column->index];
	switch (column->type)
	{
		case TEXTOID:
		case VARCHAROID:
			return TextDatumGetCString(value);
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return WriteTime(column->type, value);
		case BOOLOID:
			return pstrdup(DatumGetBool(value) ? "true" : "false");
		default:
			return OutputFunctionCall(unconstify(FmgrInfo *, &column->output), value);
	}
}

/* Read a value of a number's column */
Numeric
ColumnNumber(const Column *column, const Row *row)
{
	Datum		value = row->values[column->index];

	switch (column->type)
	{
		case INT2OID:
			return int64_to_numeric(DatumGetInt16(value));
		case INT4OID:
			return int64_to_numeric(DatumGetInt32(value));
		case INT8OID:
			return int64_to_numeric(DatumGetInt64(value));
		default:
			return DatumGetNumeric(value);
	}
}

/* Read text as a number; NULL if it is none, or one out of reach */
Numeric
NumberFromText(const char *text)
{
	size_t		length = strlen(text);
	size_t		digits = 0;
	size_t		whole = 0;
	size_t		i = 0;

	if (text[i] == '-' || text[i] == '+')
		i++;
	for (; isdigit((unsigned char) text[i]); i++)
		whole++;
	if (text[i] == '.')
	{
		for (i++; isdigit((unsigned char) text[i]); i++)
			digits++;
	}
	if (i != length || whole + digits == 0 || whole > 1000 || digits > 1000)
		return NULL;
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* Compare two texts; most are the same byte by byte */
static inline bool
TextsEqual(const char *a, size_t a_length, const char *b, size_t b_length)
{
	if (a_length == b_length && memcmp(a, b, a_length) == 0)
		return true;
	return CanonicalEqual(a, a_length, b, b_length);
}

/* Compare two values of text columns */
static bool
TextDatumsEqual(Datum a, Datum b)
{
	text	   *a_text = DatumGetTextPP(a);
	text	   *b_text = DatumGetTextPP(b);

	return TextsEqual(VARDATA_ANY(a_text), VARSIZE_ANY_EXHDR(a_text),
					  VARDATA_ANY(b_text), VARSIZE_ANY_EXHDR(b_text));
}

/* Compare two text[], element by element */
static bool
ArraysEqual(Datum a, Datum b)
{
	Datum	   *a_values;
	Datum	   *b_values;
	bool	   *a_nulls;
	bool	   *b_nulls;
	int			a_count;
	int			b_count;

	deconstruct_array(DatumGetArrayTypeP(a), TEXTOID, -1, false, TYPALIGN_INT,
					  &a_values, &a_nulls, &a_count);
	deconstruct_array(DatumGetArrayTypeP(b), TEXTOID, -1, false, TYPALIGN_INT,
					  &b_values, &b_nulls, &b_count);
	if (a_count != b_count)
		return false;
	for (int i = 0; i < a_count; i++)
	{
		if (a_nulls[i] != b_nulls[i])
			return false;
		if (!a_nulls[i] && !TextDatumsEqual(a_values[i], b_values[i]))
			return false;
	}
	return true;
}

/* Compare two values of whatever types by their text */
static bool
OutputsEqual(const Column *a, const Row *a_row, const Column *b, const Row *b_row)
{
	char	   *a_text = ColumnText(a, a_row);
	char	   *b_text = ColumnText(b, b_row);

	return TextsEqual(a_text, strlen(a_text), b_text, strlen(b_text));
}

/* Compare values of two columns */
bool
ColumnsEqual(const Column *a, const Row *a_row, const Column *b, const Row *b_row)
{
	bool		a_null = ColumnIsNull(a, a_row);
	bool		b_null = ColumnIsNull(b, b_row);
	Datum		a_value;
	Datum		b_value;

	if (a_null || b_null)
		return a_null && b_null;
	if (a->class != b->class)
		return OutputsEqual(a, a_row, b, b_row);

	a_value = a_row->values[a->index];
	b_value = b_row->values[b->index];
	switch (a->class)
	{
		case COLUMN_TEXT:
			return TextDatumsEqual(a_value, b_value);
		case COLUMN_DATE:
			return DatumGetInt32(a_value) == DatumGetInt32(b_value);
		case COLUMN_BOOLEAN:
			return DatumGetBool(a_value) == DatumGetBool(b_value);
		case COLUMN_NUMBER:
			return DatumGetBool(DirectFunctionCall2(numeric_eq,
													NumericGetDatum(ColumnNumber(a, a_row)),
													NumericGetDatum(ColumnNumber(b, b_row))));
		case COLUMN_TEXTS:
			return ArraysEqual(a_value, b_value);
		case COLUMN_OTHER:
			break;
	}
	return OutputsEqual(a, a_row, b, b_row);
}

/* Compare a value with one that was kept as text */
bool
ColumnEqualsText(const Column *column, const Row *row, const char *text)
{
	char	   *own = ColumnText(column, row);

	if (own == NULL || text == NULL)
		return own == NULL && text == NULL;
	if (TextsEqual(own, strlen(own), text, strlen(text)))
		return true;
	if (column->class == COLUMN_NUMBER)
	{
		Numeric		number = NumberFromText(text);

		return number != NULL &&
			DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(number),
											 NumericGetDatum(ColumnNumber(column, row))));
	}

	/* The same moment may be written in another zone */
	if (column->type == TIMESTAMPTZOID && isdigit((unsigned char) *text))
		return DatumGetBool(DirectFunctionCall2(timestamp_eq, row->values[column->index],
												DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
																	ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
	return false;
}

/* Check whether a text[] holds a word */
bool
TextsHold(ArrayType *array, const char *word)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	size_t		length = strlen(word);

	if (array == NULL)
		return false;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i] && VARSIZE_ANY_EXHDR(DatumGetPointer(values[i])) == length &&
			memcmp(VARDATA_ANY(DatumGetPointer(values[i])), word, length) == 0)
			return true;
	}
	return false;
}
