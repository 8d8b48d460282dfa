#include "postgres.h"

#include "catalog/pg_type.h"
#include "connection.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#define PREVIEW_COLUMNS 11

PG_FUNCTION_INFO_V1(stakesync_preview);

/* The rows of the preview that somebody should look at */
Datum
stakesync_preview(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Company    *company = CompanyResolve(PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1)));
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	CompanyContext *context;
	Portal		portal;
	Oid			types[1] = {TEXTOID};
	Datum		arguments[1];
	char		nulls[1] = {' '};

	InitMaterializedSRF(fcinfo, 0);
	context = CompanyEnter(company, "preview", ACL_SELECT, false, "stakesync_preview()");
	if (name != NULL)
		name = ConnectionResolve(company, name);
	nulls[0] = name ? ' ' : 'n';
	arguments[0] = name ? CStringGetTextDatum(name) : (Datum) 0;
	/* the casts: the owner may have put another view there */
	portal = SPI_cursor_open_with_args(NULL,
									   SqlExpand(company,
												 "SELECT connection::text, remote_id::text, stakeholder_id::bigint, identifier::text, name::text, action::text, match::text, "
												 "changes::jsonb, problems::jsonb, reason::text, as_of::timestamptz "
												 "FROM @company@.preview WHERE connection = coalesce($1, connection) AND action <> 'excluded' "
												 "AND (action <> 'unchanged' OR problems IS NOT NULL OR reason IS NOT NULL) "
												 "ORDER BY connection, action, identifier, remote_id"),
									   1, types, arguments, nulls, true, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, 1000);
		if (SPI_processed == 0)
			break;
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			Datum		values[PREVIEW_COLUMNS];
			bool		isnull[PREVIEW_COLUMNS];

			for (int i = 0; i < PREVIEW_COLUMNS; i++)
				values[i] = SqlDatum(row, i + 1, &isnull[i]);
			tuplestore_putvalues(set->setResult, set->setDesc, values, isnull);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	CompanyLeave(context);
	return (Datum) 0;
}
