/*
 * Writing many rows of the register at once, and all but the bad ones.
 *
 * All changes of a kind are written by one statement in one subtransaction.
 * Where that raises (a check, a constraint, a trigger of the user's), it is
 * undone and each half is tried alone, down to the row that is at fault: that
 * one is marked as failed, the others go at set speed.
 *
 * Changes that are only possible together (two people who swap identifiers)
 * are one unit and never parted. Units are looked for only once something
 * failed.
 *
 * What an error says is not repeated: a constraint's detail, or a message that
 * a trigger makes up, can hold values. Told are SQLSTATE and those names of
 * constraint, table, column and type that the catalog knows.
 */
#include "postgres.h"

#include "attempt.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "sql.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "writer.h"

/* An array of the changes in a range of the writer's rows */
static Datum
MakeArray(Writer *writer, int low, int high)
{
	Datum	   *elements = palloc(sizeof(Datum) * (high - low));

	for (int i = low; i < high; i++)
		elements[i - low] = Int64GetDatum(writer->rows[i].change_id);
	return PointerGetDatum(construct_array(elements, high - low, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Run a statement on changes with a text */
static uint64
Execute(const char *statement, Datum change_ids, const char *second)
{
	Oid			types[] = {INT8ARRAYOID, TEXTOID};
	Datum		values[] = {change_ids, CStringGetTextDatum(second)};
	int			result = SPI_execute_with_args(statement, 2, types, values, NULL, false, 0);

	if (result < 0)
		elog(ERROR, "could not write changes: %s", SPI_result_code_string(result));
	return SPI_processed;
}

/* Run a statement on changes, acting for the caller */
uint64
WriterExecute(Writer *writer, const char *statement, Datum change_ids)
{
	return Execute(statement, change_ids, CompanyCaller());
}

/* Rows to write */
typedef struct WriterRange
{
	Writer	   *writer;
	Datum		change_ids;
} WriterRange;

/* Write a range */
static void
WriteRange(void *arg)
{
	WriterRange *range = arg;

	(void) WriterExecute(range->writer, range->writer->write, range->change_ids);
}

/* Try to write a range in a subtransaction; NULL, or why not */
static ErrorData *
TryRange(Writer *writer, int low, int high)
{
	WriterRange range = {writer, MakeArray(writer, low, high)};
	ErrorData  *error;

	CHECK_FOR_INTERRUPTS();
	error = Attempt(WriteRange, &range, true);
	if (error != NULL && AttemptErrorIsGeneral(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

/* In words, what a SQLSTATE means for a row */
static const char *
ExplainState(int sqlerrcode)
{
	switch (sqlerrcode)
	{
		case ERRCODE_NOT_NULL_VIOLATION:
			return "a value that must be there is missing";
		case ERRCODE_FOREIGN_KEY_VIOLATION:
			return "a reference forbids it";
		case ERRCODE_UNIQUE_VIOLATION:
			return "somebody else has this value";
		case ERRCODE_CHECK_VIOLATION:
			return "a check does not hold";
		case ERRCODE_EXCLUSION_VIOLATION:
			return "an exclusion constraint forbids it";
		case ERRCODE_RAISE_EXCEPTION:
			return "raised by a trigger or check";
	}
	if (ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_DATA_EXCEPTION)
		return "a value does not fit its column";
	return "raised while writing";
}

/* Why a change failed, without any value */
static char *
DescribeError(Writer *writer, ErrorData *error)
{
	static const char *labels[] = {"constraint", "table", "column", "type"};
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SQLSTATE %s: %s", unpack_sql_state(error->sqlerrcode),
					 ExplainState(error->sqlerrcode));

	/* A trigger may raise with any text in place of a name */
	SqlRun(writer->company,
		   "SELECT (SELECT min(n) FROM (SELECT conname::text FROM pg_constraint WHERE conname = $1 "
		   "UNION ALL SELECT relname::text FROM pg_class WHERE relname = $1) c(n)), "
		   "(SELECT min(relname::text) FROM pg_class WHERE relname = $2), "
		   "(SELECT min(attname::text) FROM pg_attribute WHERE attname = $3), "
		   "(SELECT min(typname::text) FROM pg_type WHERE typname = $4)",
		   "tttt", error->constraint_name, error->table_name, error->column_name, error->datatype_name);
	for (int i = 0; i < lengthof(labels); i++)
	{
		char	   *name = SqlText(0, i + 1);

		if (name != NULL)
			appendStringInfo(&buf, ", %s \"%s\"", labels[i], name);
	}
	return buf.data;
}

/* Note that a unit cannot be written */
static void
FailRange(Writer *writer, int low, int high, ErrorData *error)
{
	char	   *reason = DescribeError(writer, error);

	writer->failures += high - low;
	if (writer->failures > WRITER_MAX_FAILED)
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("more than %d people of sync " INT64_FORMAT " cannot be written, nothing was changed",
						WRITER_MAX_FAILED, writer->sync_id),
				 errdetail("The last one: %s.", reason),
				 errhint("Look at the checks and triggers of %s.stakeholder, correct what refuses the rows, then apply the same sync again.",
						 writer->company->quoted)));
	Execute(writer->failed, MakeArray(writer, low, high), reason);
	FreeErrorData(error);
}

/* Where a range of several units can be parted, or 0 */
static int
FindMiddle(Writer *writer, int low, int high)
{
	int			middle = low + (high - low) / 2;
	int			up = middle;

	while (up < high && up > low && writer->rows[up].unit == writer->rows[up - 1].unit)
		up++;
	while (middle > low && writer->rows[middle].unit == writer->rows[middle - 1].unit)
		middle--;
	if (middle > low)
		return middle;
	return up > low && up < high ? up : 0;
}

/* Write each half of a range that failed as a whole */
static void
WriteHalves(Writer *writer, int low, int high, ErrorData *error)
{
	int			middle = FindMiddle(writer, low, high);
	ErrorData  *half_error;

	check_stack_depth();
	if (middle == 0)
	{
		FailRange(writer, low, high, error);
		return;
	}
	FreeErrorData(error);
	half_error = TryRange(writer, low, middle);
	if (half_error)
		WriteHalves(writer, low, middle, half_error);
	half_error = TryRange(writer, middle, high);
	if (half_error)
		WriteHalves(writer, middle, high, half_error);
}

/* Order rows by change */
static int
CompareChanges(const void *a, const void *b)
{
	int64		left = ((const WriterRow *) a)->change_id;
	int64		right = ((const WriterRow *) b)->change_id;

	return left < right ? -1 : left > right;
}

/* Order rows by unit, and by change inside one */
static int
CompareUnits(const void *a, const void *b)
{
	int			left = ((const WriterRow *) a)->unit;
	int			right = ((const WriterRow *) b)->unit;

	return left == right ? CompareChanges(a, b) : left - right;
}

/* First row of a unit; rows in between point there directly afterwards */
static int
FindUnit(WriterRow *rows, int row)
{
	while (rows[row].unit != row)
		row = rows[row].unit = rows[rows[row].unit].unit;
	return row;
}

/* The place of a change among rows ordered by change */
static int
FindRow(Writer *writer, int64 change_id)
{
	WriterRow	key = {change_id, 0};
	WriterRow  *row = bsearch(&key, writer->rows, writer->count, sizeof(WriterRow), CompareChanges);

	if (row == NULL)
		elog(ERROR, "change " INT64_FORMAT " is not being written", change_id);
	return row - writer->rows;
}

/* Join changes that go together into units, and order the rows by them */
static void
JoinUnits(Writer *writer)
{
	uint64		pairs;

	if (writer->pairs == NULL)
		return;
	pairs = Execute(writer->pairs, MakeArray(writer, 0, writer->count), "");
	for (uint64 i = 0; i < pairs; i++)
	{
		int			a = FindUnit(writer->rows, FindRow(writer, SqlInt(i, 1)));
		int			b = FindUnit(writer->rows, FindRow(writer, SqlInt(i, 2)));

		writer->rows[Max(a, b)].unit = Min(a, b);
	}
	for (int i = 0; i < writer->count; i++)
		writer->rows[i].unit = FindUnit(writer->rows, i);
	qsort(writer->rows, writer->count, sizeof(WriterRow), CompareUnits);
}

/* Take the changes to write, each its own unit at first */
static void
LoadRows(Writer *writer, Datum change_ids)
{
	Datum	   *elements;

	deconstruct_array(DatumGetArrayTypeP(change_ids), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &elements, NULL, &writer->count);
	writer->rows = palloc_extended(sizeof(WriterRow) * Max(writer->count, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < writer->count; i++)
		writer->rows[i].change_id = DatumGetInt64(elements[i]);
	qsort(writer->rows, writer->count, sizeof(WriterRow), CompareChanges);
	for (int i = 0; i < writer->count; i++)
		writer->rows[i].unit = i;
	pfree(elements);
}

/* Write changes, isolating the bad ones */
void
WriterRun(Writer *writer, Datum change_ids)
{
	ErrorData  *error;

	LoadRows(writer, change_ids);
	if (writer->count == 0)
		return;
	error = TryRange(writer, 0, writer->count);
	if (error == NULL)
		return;
	JoinUnits(writer);
	WriteHalves(writer, 0, writer->count, error);
}
