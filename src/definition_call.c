/*
 * Adding a definition of one's own.
 */
#include "postgres.h"

#include "company.h"
#include "definition.h"
#include "document.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "sql.h"
#include "utils/builtins.h"

/* Refuse the name of a provider that ships */
static void
CheckName(Company *company, const char *provider)
{
	if (SqlRun(company, "SELECT FROM @extension@.stakesync_provider WHERE provider OPERATOR(pg_catalog.=) $1 "
			   "AND via OPERATOR(pg_catalog.=) 'direct'", "t", provider) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_RESERVED_NAME),
			 errmsg("provider \"%s\" ships with stakesync: shipped names cannot be replaced", provider),
			 errhint("Choose another name in the definition's member provider, such as my_%s.", provider)));
}

PG_FUNCTION_INFO_V1(stakesync_add_provider);

/* Add or replace a company's own definition */
Datum
stakesync_add_provider(PG_FUNCTION_ARGS)
{
	Company    *company;
	CompanyContext *context;
	Jsonb	   *definition;
	char	   *provider;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("give the provider's definition"),
				 errhint("Begin with one that ships: SELECT jsonb_pretty(definition) FROM stakesync_provider;")));
	definition = PG_GETARG_JSONB_P(0);
	company = CompanyResolve(PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1)));
	PreventCommandDuringRecovery("stakesync_add_provider()");
	PreventCommandIfReadOnly("stakesync_add_provider()");

	DefinitionCheck(definition);
	provider = DocumentText(definition, "provider");
	context = CompanyEnter(company, "provider", ACL_INSERT, true, "stakesync_add_provider()");
	CheckName(company, provider);
	SqlRun(company,
		   "INSERT INTO @company@.provider (provider, name, definition) VALUES ($1, $2, $3) "
		   "ON CONFLICT (provider) DO UPDATE SET name = excluded.name, definition = excluded.definition, "
		   "added_at = pg_catalog.now()",
		   "ttj", provider, DocumentText(definition, "name"),
		   JsonbToCString(NULL, &definition->root, VARSIZE(definition)));
	CompanyLeave(context);
	PG_RETURN_TEXT_P(cstring_to_text(provider));
}
