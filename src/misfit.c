#include "postgres.h"

#include "attempt.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "field.h"
#include "landing.h"
#include "miscadmin.h"
#include "misfit.h"
#include "sql.h"
#include "store.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* True if whatever the mapping makes of a value fits the column */
static bool
TypeFits(const char *field, Oid type, int32 typmod)
{
	if (FieldFind(field) != NULL)
		return true;
	switch (type)
	{
		case TEXTOID:
		case DATEOID:
		case BOOLOID:
		case INT8OID:
		case TEXTARRAYOID:
			return true;
		case NUMERICOID:
			return typmod < 0;
		default:
			return false;
	}
}

/* A query that tells whether values fit */
typedef struct FitQuery
{
	SPIPlanPtr	plan;
	Datum		value;
	bool		fits;
} FitQuery;

/* Ask it */
static void
AskFit(void *arg)
{
	FitQuery   *query = arg;

	if (SPI_execute_plan(query->plan, &query->value, NULL, true, 0) < 0)
		elog(ERROR, "could not try values");
	query->fits = SqlBool(0, 1);
	SPI_freetuptable(SPI_tuptable);
}

/* True if a query that tells whether values fit says so; what it raises is forgotten, as it may hold one */
static bool
TryValues(SPIPlanPtr plan, Datum value)
{
	FitQuery	query = {plan, value, false};
	ErrorData  *error;

	CHECK_FOR_INTERRUPTS();
	error = Attempt(AskFit, &query, true);
	if (error == NULL)
		return query.fits;
	if (AttemptErrorIsGeneral(error->sqlerrcode))
		ReThrowError(error);
	FreeErrorData(error);
	return false;
}

/*
 * What tells whether values fit, with them in place of %s. A cast cuts a text
 * that is too long without a word.
 */
static char *
MakeTest(Oid type, int32 typmod, const char *value, bool all)
{
	Oid			base = getBaseType(type);
	char	   *name = format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
	char	   *test;

	if (base == VARCHAROID || base == BPCHAROID)
		test = psprintf("%s::%s::pg_catalog.text = pg_catalog.rtrim(%s)", value, name, value);
	else
		test = psprintf("(%s::%s IS NULL) = (%s IS NULL)", value, name, value);
	return all ? psprintf("coalesce(pg_catalog.bool_and(%s), true)", test) : test;
}

/* Prepare a query */
static SPIPlanPtr
Prepare(const char *query, int nargs)
{
	Oid			types[] = {TEXTOID};
	SPIPlanPtr	plan = SPI_prepare(query, nargs, types);

	if (plan == NULL)
		elog(ERROR, "could not prepare a query: %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* Describe a store of texts */
static TupleDesc
DescribeTexts(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);

	TupleDescInitEntry(desc, 1, "value", TEXTOID, -1, 0);
	return desc;
}

/* Find the values of a rule that do not fit */
static Store *
FindMisfits(int rule, Oid type, int32 typmod)
{
	char	   *column = LandingColumn(rule);
	SPIPlanPtr	one = Prepare(psprintf("SELECT %s", MakeTest(type, typmod, "$1", false)), 1);
	SPITupleTable *table;
	uint64		rows;
	Store	   *misfits = StoreOpen("misfit", DescribeTexts());
	MemoryContext context = CurrentMemoryContext;

	if (SPI_execute(psprintf("SELECT DISTINCT %s FROM landing WHERE %s IS NOT NULL", column, column), true, 0) < 0)
		elog(ERROR, "could not read the landing");
	MemoryContextSwitchTo(context);
	table = SPI_tuptable;
	rows = SPI_processed;
	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(table->vals[row], table->tupdesc, 1, &isnull);

		if (!TryValues(one, value))
			StorePut(misfits, &value, &isnull);
	}
	SPI_freeplan(one);
	return misfits;
}

/* Take values that do not fit their columns out of the landing */
void
MisfitRemove(Company *company, Fetch *fetch)
{
	Oid			relid = CompanyRelation(company, "employee");
	ListCell   *lc;

	foreach(lc, fetch->rules)
	{
		const char *field = ((MappingRule *) lfirst(lc))->field;
		int			rule = foreach_current_index(lc);
		Oid			type;
		int32		typmod;
		Oid			collation;
		SPIPlanPtr	plan;
		Store	   *misfits;

		get_atttypetypmodcoll(relid, get_attnum(relid, field), &type, &typmod, &collation);
		if (TypeFits(field, type, typmod))
			continue;
		plan = Prepare(psprintf("SELECT %s FROM landing", MakeTest(type, typmod, LandingColumn(rule), true)), 0);
		if (!TryValues(plan, (Datum) 0))
		{
			misfits = FindMisfits(rule, type, typmod);
			StoreExpose(misfits);
			LandingRefuse(fetch->landing, rule, "misfit",
						  psprintf("this is no value of type %s", format_type_with_typemod(type, typmod)));
			StoreHide(misfits);
			StoreClear(misfits);
		}
		SPI_freeplan(plan);
	}
}
