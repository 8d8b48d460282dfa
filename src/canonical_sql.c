/*
 * Canonical forms as SQL functions
 */
#include "postgres.h"

#include "canonical.h"
#include "fmgr.h"
#include "utils/builtins.h"

typedef char *(*CanonicalForm) (const char *text, size_t length);

/* Return a canonical form of the only argument, or null if it has none */
static Datum
ReturnForm(FunctionCallInfo fcinfo, CanonicalForm form)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	char	   *key = form(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input));

	PG_FREE_IF_COPY(input, 0);
	if (key == NULL)
		PG_RETURN_NULL();

	PG_RETURN_TEXT_P(cstring_to_text(key));
}

PG_FUNCTION_INFO_V1(stakesync_canonical);

/* stakesync_canonical(text) */
Datum
stakesync_canonical(PG_FUNCTION_ARGS)
{
	return ReturnForm(fcinfo, CanonicalKey);
}

PG_FUNCTION_INFO_V1(stakesync_name_key);

/* stakesync_name_key(text) */
Datum
stakesync_name_key(PG_FUNCTION_ARGS)
{
	return ReturnForm(fcinfo, CanonicalNameKey);
}

PG_FUNCTION_INFO_V1(stakesync_canonical_identifier);

/* stakesync_canonical_identifier(text) */
Datum
stakesync_canonical_identifier(PG_FUNCTION_ARGS)
{
	return ReturnForm(fcinfo, CanonicalIdentifier);
}
