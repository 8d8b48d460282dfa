/*
 * Rows that come as arguments: their columns and values.
 */
#ifndef STAKESYNC_ROW_H
#define STAKESYNC_ROW_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/numeric.h"

/* How the values of a column compare */
typedef enum ColumnClass
{
	COLUMN_TEXT,				/* also varchar and char */
	COLUMN_DATE,
	COLUMN_NUMBER,				/* numeric and the integers */
	COLUMN_BOOLEAN,
	COLUMN_TEXTS,				/* text[] */
	COLUMN_OTHER				/* by their output text */
} ColumnClass;

typedef struct Column
{
	int			index;			/* in a row's values, -1 for no such column */
	Oid			type;			/* never a domain */
	ColumnClass class;
	FmgrInfo	output;
} Column;

typedef struct Row
{
	Datum	   *values;
	bool	   *nulls;
} Row;

/* Find a column; false, and index -1, if there is none of that name */
extern bool ColumnFind(Column *column, TupleDesc desc, const char *name);

/* Room for the values of rows of a type */
extern void RowInit(Row *row, TupleDesc desc);
extern void RowRead(Row *row, TupleDesc desc, HeapTupleHeader header);

/* A value as text that does not depend on settings; NULL where null */
extern char *ColumnText(const Column *column, const Row *row);

/* A value of a number's column */
extern Numeric ColumnNumber(const Column *column, const Row *row);

/* Equal as values of a field; two nulls are equal */
extern bool ColumnsEqual(const Column *a, const Row *a_row, const Column *b, const Row *b_row);

/* As ColumnsEqual, with a value that was kept as text; NULL for null */
extern bool ColumnEqualsText(const Column *column, const Row *row, const char *text);

/* Read text as a number, or return NULL */
extern Numeric NumberFromText(const char *text);

/* True if a text[] holds a word; NULL holds none */
extern bool TextsHold(ArrayType *array, const char *word);

static inline bool
ColumnIsNull(const Column *column, const Row *row)
{
	return column->index < 0 || row->nulls[column->index];
}

#endif							/* STAKESYNC_ROW_H */
