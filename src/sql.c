#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#define SQL_MAX_ARGUMENTS 32

/* Rows that may be looked up one by one where there is no index */
#define SQL_MANY_ROWS 1000

/* The statement with the schemas filled in */
char *
SqlExpand(const Company *company, const char *template)
{
	StringInfoData buf;
	const char *at;

	initStringInfo(&buf);
	while ((at = strchr(template, '@')) != NULL)
	{
		appendBinaryStringInfo(&buf, template, at - template);
		if (strncmp(at, "@company@", 9) == 0)
		{
			appendStringInfoString(&buf, company->quoted);
			template = at + 9;
		}
		else if (strncmp(at, "@extension@", 11) == 0)
		{
			appendStringInfoString(&buf, company->extension);
			template = at + 11;
		}
		else
		{
			appendStringInfoChar(&buf, '@');
			template = at + 1;
		}
	}
	appendStringInfoString(&buf, template);
	return buf.data;
}

/* Turn one argument of a letter's type into a datum */
static Datum
ReadArgument(char letter, va_list *args, Oid *type, char *null)
{
	*null = ' ';
	switch (letter)
	{
		case 't':
		case 'j':
			{
				char	   *text = va_arg(*args, char *);

				*type = letter == 't' ? TEXTOID : JSONBOID;
				if (text == NULL)
				{
					*null = 'n';
					return (Datum) 0;
				}
				if (letter == 't')
					return CStringGetTextDatum(text);
				return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
			}
		case 'i':
			*type = INT8OID;
			return Int64GetDatum(va_arg(*args, int64));
		case 'b':
			*type = BOOLOID;
			return BoolGetDatum(va_arg(*args, int) != 0);
		case 'd':
			*type = DATEOID;
			return Int32GetDatum(va_arg(*args, int));
		case 'a':
		case 'y':
			{
				Datum		value = va_arg(*args, Datum);

				*type = letter == 'a' ? TEXTARRAYOID : BYTEAOID;
				if (value == (Datum) 0)
					*null = 'n';
				return value;
			}
		case 'z':
			{
				int64		at = va_arg(*args, int64);

				*type = TIMESTAMPTZOID;
				if (at == 0)
					*null = 'n';
				return TimestampTzGetDatum(at);
			}
	}
	elog(ERROR, "unknown argument type \"%c\"", letter);
	return (Datum) 0;
}

/* Run a statement with arguments */
static uint64
Run(const Company *company, const char *template, long limit, const char *types, va_list *args)
{
	Oid			argtypes[SQL_MAX_ARGUMENTS];
	Datum		values[SQL_MAX_ARGUMENTS];
	char		nulls[SQL_MAX_ARGUMENTS];
	int			nargs = types ? strlen(types) : 0;
	char	   *statement = SqlExpand(company, template);
	MemoryContext context = CurrentMemoryContext;
	int			result;

	if (nargs > SQL_MAX_ARGUMENTS)
		elog(ERROR, "too many arguments");
	for (int i = 0; i < nargs; i++)
		values[i] = ReadArgument(types[i], args, &argtypes[i], &nulls[i]);

	result = SPI_execute_with_args(statement, nargs, argtypes, values, nulls, false, limit);
	/* SPI leaves us in its own context */
	MemoryContextSwitchTo(context);
	if (result < 0)
		elog(ERROR, "could not run statement: %s", SPI_result_code_string(result));
	pfree(statement);
	return SPI_processed;
}

/* Run a statement; returns the number of rows it returned or touched */
uint64
SqlRun(const Company *company, const char *template, const char *types,...)
{
	va_list		args;
	uint64		rows;

	va_start(args, types);
	rows = Run(company, template, 0, types, &args);
	va_end(args);
	return rows;
}

/* As SqlRun, reading no more than limit rows */
uint64
SqlRunFor(const Company *company, const char *template, long limit, const char *types,...)
{
	va_list		args;
	uint64		rows;

	va_start(args, types);
	rows = Run(company, template, limit, types, &args);
	va_end(args);
	return rows;
}

/* A value of the last result as its type's text */
char *
SqlText(uint64 row, int column)
{
	if (SPI_tuptable == NULL || row >= SPI_tuptable->numvals)
		elog(ERROR, "no row " UINT64_FORMAT " in the result", row);
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* A value of the last result */
Datum
SqlDatum(uint64 row, int column, bool *isnull)
{
	if (SPI_tuptable == NULL || row >= SPI_tuptable->numvals)
		elog(ERROR, "no row " UINT64_FORMAT " in the result", row);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

/* An array of the last result's first row, copied; raises on another type */
Datum
SqlArray(int column, Oid type)
{
	bool		isnull;
	Datum		value = SqlDatum(0, column, &isnull);

	if (isnull || SPI_gettypeid(SPI_tuptable->tupdesc, column) != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a column of the company's tables is not of the type it was made with")));
	return datumCopy(value, false, -1);
}

/* An int8 of the last result, 0 where null */
int64
SqlInt(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SqlDatum(row, column, &isnull);

	if (isnull)
		return 0;
	/* the columns of a company are its owner's to retype */
	switch (SPI_gettypeid(SPI_tuptable->tupdesc, column))
	{
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return DatumGetInt64(value);
	}
	elog(ERROR, "column %d of the result is no whole number", column);
	return 0;
}

/* A boolean of the last result, false where null */
bool
SqlBool(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SqlDatum(row, column, &isnull);

	if (SPI_gettypeid(SPI_tuptable->tupdesc, column) != BOOLOID)
		elog(ERROR, "column %d of the result is no boolean", column);
	return !isnull && DatumGetBool(value);
}

/* Join by hashing where many rows are expected */
void
SqlExpectMany(int64 rows)
{
	if (rows > SQL_MANY_ROWS)
		(void) set_config_option("enable_nestloop", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/* Run a script of several statements */
void
SqlScript(const Company *company, const char *script)
{
	char	   *statements = SqlExpand(company, script);
	MemoryContext context = CurrentMemoryContext;
	int			result = SPI_execute(statements, false, 0);

	MemoryContextSwitchTo(context);
	if (result < 0)
		elog(ERROR, "could not run script: %s", SPI_result_code_string(result));
	pfree(statements);
}
