/*
 * The lists of refused data, and judging by them, in SQL.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "sensitive.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* The names of a set of categories as text[]; null for none */
static Datum
ReturnCategories(FunctionCallInfo fcinfo, uint32 categories)
{
	Datum		names[SENSITIVE_COUNT];
	int			count = 0;

	for (int i = 0; i < SENSITIVE_COUNT; i++)
		if (categories & (1U << i))
			names[count++] = CStringGetTextDatum(SensitiveCategoryName(i));
	if (count == 0)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

PG_FUNCTION_INFO_V1(stakesync_sensitive_name);

/* The categories that a name tells of */
Datum
stakesync_sensitive_name(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);

	return ReturnCategories(fcinfo, SensitiveNameCategories(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)));
}

PG_FUNCTION_INFO_V1(stakesync_sensitive_value);

/* The categories that a value tells of by its shape */
Datum
stakesync_sensitive_value(PG_FUNCTION_ARGS)
{
	text	   *value;
	bool		identifier;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	value = PG_GETARG_TEXT_PP(0);
	identifier = !PG_ARGISNULL(1) && SensitiveIsIdentifier(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	return ReturnCategories(fcinfo, SensitiveValueCategories(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), identifier));
}

/* Add a term as a row */
static void
AddTerm(const SensitiveTerm *term, void *arg)
{
	ReturnSetInfo *set = arg;
	const char *texts[] = {term->category, term->language, term->term, term->kind, term->note};
	Datum		values[lengthof(texts)];
	bool		nulls[lengthof(texts)];

	for (int i = 0; i < lengthof(texts); i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(stakesync_list_sensitive_terms);

/* All terms and rules */
Datum
stakesync_list_sensitive_terms(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	SensitiveListTerms(AddTerm, fcinfo->resultinfo);
	return (Datum) 0;
}
