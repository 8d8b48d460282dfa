#include "postgres.h"

#include "access/htup_details.h"
#include "connection.h"
#include "document.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "secret.h"
#include "sql.h"
#include "talk.h"
#include "utils/builtins.h"
#include "utils/json.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* What stakesync_connect was called with */
typedef struct ConnectCall
{
	char	   *provider;
	Jsonb	   *credentials;
	char	   *connection;
	Jsonb	   *settings;
	const char *method;
	bool		accept_terms;
	char	   *company;
} ConnectCall;

/* Names of a company's connections */
static char *
ListConnections(const Company *company)
{
	SqlRun(company, "SELECT coalesce(pg_catalog.string_agg(connection, ', ' ORDER BY connection), 'none') FROM @company@.connection", NULL);
	return SqlText(0, 1);
}

/* The connection a call means: named, or the only one */
char *
ConnectionResolve(Company *company, const char *name)
{
	if (name != NULL)
	{
		if (SqlRun(company, "SELECT connection FROM @company@.connection WHERE connection = $1", "t", name) == 1)
			return SqlText(0, 1);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("company \"%s\" has no connection \"%s\"", company->name, name),
				 errhint("Its connections: %s.", ListConnections(company))));
	}
	if (SqlRun(company, "SELECT connection FROM @company@.connection ORDER BY connection", NULL) == 1)
		return SqlText(0, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("company \"%s\" has no connection yet", company->name),
				 errhint("Make one: SELECT * FROM stakesync_connect('merge').")));
	ereport(ERROR,
			(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
			 errmsg("company \"%s\" has several connections, say which", company->name),
			 errhint("Name it with connection => '...': %s.", ListConnections(company))));
	return NULL;
}

/* What binds sealed credentials: company, connection and hosts */
static char *
BindTo(const Company *company, const char *connection, const char *hosts)
{
	return psprintf("%s\n%s\n%s", company->name, connection, hosts);
}

/* Read a connection and open its credentials */
Connection *
ConnectionOpen(Company *company, const char *name)
{
	Connection *connection = palloc0(sizeof(Connection));
	char	   *provider;
	const char *method;
	char	   *plain;
	size_t		length;
	bool		isnull;
	Datum		stored;
	bytea	   *sealed;
	Jsonb	   *credentials;

	if (SqlRun(company, "SELECT c.connection_id, c.provider, c.settings, c.state, s.method, s.sealed::bytea "
			   "FROM @company@.connection c LEFT JOIN @company@._credential s USING (connection) "
			   "WHERE c.connection = $1", "t", name) != 1)
		elog(ERROR, "connection vanished");
	connection->name = pstrdup(name);
	connection->id = SqlInt(0, 1);
	provider = SqlText(0, 2);
	connection->settings = DocumentRead(SqlText(0, 3));
	connection->state = SqlText(0, 4);
	method = SqlText(0, 5);
	stored = SqlDatum(0, 6, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connection \"%s\" is %s: it has no credentials", name, connection->state),
				 errhint("Connect it: SELECT * FROM stakesync_connect(%s, credentials => ..., connection => %s).",
						 quote_literal_cstr(provider), quote_literal_cstr(name))));

	sealed = DatumGetByteaPCopy(stored);
	connection->provider = ProviderFind(company, provider);
	connection->base_url = ProviderBaseUrl(connection->provider, connection->settings, NULL);
	plain = SecretOpen(sealed, BindTo(company, name, ProviderHost(connection->base_url)), &length);
	credentials = DocumentRead(plain);
	connection->headers = ProviderHeaders(connection->provider,
										  ProviderMethod(connection->provider, &method),
										  connection->settings, credentials);
	SecretWipe(plain, length);
	explicit_bzero(credentials, VARSIZE(credentials));
	return connection;
}

/* A row of connection, state and next step */
static Datum
MakeRow(FunctionCallInfo fcinfo, const char *connection, const char *state, const char *next_step)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {connection == NULL, state == NULL, next_step == NULL};
	const char *texts[3] = {connection, state, next_step};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int i = 0; i < 3; i++)
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* Settings of an existing connection with new ones laid over them */
static Jsonb *
MergeSettings(Company *company, const char *connection, Jsonb *settings)
{
	char	   *given = settings ? JsonbToCString(NULL, &settings->root, VARSIZE(settings)) : "{}";

	if (company == NULL)
	{
		Company		none = {.quoted = "", .extension = ""};

		SqlRun(&none, "SELECT pg_catalog.jsonb_strip_nulls($1)", "j", given);
	}
	else
		SqlRun(company, "SELECT pg_catalog.jsonb_strip_nulls(coalesce((SELECT settings FROM @company@.connection WHERE connection = $1), '{}') || $2)",
			   "tj", connection, given);
	return DocumentRead(SqlText(0, 1));
}

/* Hash of the terms, so that it is known later which text was accepted */
static char *
HashTerms(const char *terms)
{
	return TextDatumGetCString(DirectFunctionCall1(md5_text, CStringGetTextDatum(terms)));
}

/* Refuse unless the terms are accepted, now or by this text before */
static void
CheckTerms(const ConnectCall *call, const Provider *provider, Company *company)
{
	if (call->accept_terms)
		return;
	if (company != NULL &&
		SqlRun(company, "SELECT FROM @company@.connection WHERE connection = $1 AND terms_hash = $2", "tt",
			   call->connection, HashTerms(provider->terms)) == 1)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the terms of %s are not accepted", provider->name),
			 errdetail("%s", provider->terms),
			 errhint("If you agree, add accept_terms => true."),
			 errhidestmt(true)));
}

/* Refuse a name that another provider's connection has */
static void
CheckName(const ConnectCall *call, Company *company)
{
	char	   *other;

	if (call->connection[0] == '\0' || strlen(call->connection) > 200)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of a connection has 1 to 200 characters")));
	if (company == NULL ||
		SqlRun(company, "SELECT provider FROM @company@.connection WHERE connection = $1", "t", call->connection) == 0)
		return;
	other = SqlText(0, 1);
	if (strcmp(other, call->provider) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("connection \"%s\" is one of provider \"%s\"", call->connection, other),
				 errhint("Choose another name with connection => '...'.")));
}

/* The mapping that comes with a provider, for a new connection: all but what import must ask for */
static void
StoreMapping(Company *company, const ConnectCall *call, const Provider *provider)
{
	SqlRun(company,
		   "INSERT INTO @company@.mapping (connection, field, path, transform, origin) "
		   "SELECT $1, m ->> 'field', m ->> 'path', m ->> 'transform', 'provider' "
		   "FROM pg_catalog.jsonb_array_elements($2 -> 'mapping') m "
		   "WHERE m ->> 'field' NOT IN ('manager', 'mobile_phone', 'pay_rate', 'pay_period', 'pay_currency') "
		   "AND NOT EXISTS (SELECT FROM @company@.mapping o WHERE o.connection = $1)", "tj", call->connection,
		   JsonbToCString(NULL, &provider->definition->root, VARSIZE(provider->definition)));
}

/* Store a connection whose credentials work */
static void
StoreConnection(Company *company, const ConnectCall *call, const Provider *provider,
				Jsonb *settings, const char *base_url)
{
	char	   *plain = JsonbToCString(NULL, &call->credentials->root, VARSIZE(call->credentials));
	char	   *host = ProviderHost(base_url);
	bytea	   *sealed = SecretSeal(plain, strlen(plain), BindTo(company, call->connection, host));

	explicit_bzero(plain, strlen(plain));
	SqlRun(company,
		   "INSERT INTO @company@.connection AS c (connection, provider, state, settings, terms_accepted_at, terms_accepted_by, terms_hash) "
		   "VALUES ($1, $2, 'connected', $3, pg_catalog.now(), $4, $5) "
		   "ON CONFLICT (connection) DO UPDATE SET state = 'connected', settings = excluded.settings, "
		   "terms_accepted_at = CASE WHEN $6 THEN excluded.terms_accepted_at ELSE c.terms_accepted_at END, "
		   "terms_accepted_by = CASE WHEN $6 THEN excluded.terms_accepted_by ELSE c.terms_accepted_by END, "
		   "terms_hash = excluded.terms_hash",
		   "ttjttb", call->connection, call->provider,
		   JsonbToCString(NULL, &settings->root, VARSIZE(settings)),
		   CompanyCaller(), HashTerms(provider->terms), call->accept_terms);
	SqlRun(company,
		   "INSERT INTO @company@._credential (connection, method, sealed, hosts) VALUES ($1, $2, $3, $4) "
		   "ON CONFLICT (connection) DO UPDATE SET method = excluded.method, sealed = excluded.sealed, "
		   "hosts = excluded.hosts, sealed_at = pg_catalog.now()",
		   "ttyt", call->connection, call->method, PointerGetDatum(sealed), host);
	StoreMapping(company, call, provider);

	/* few rows, but the preview's plan hangs on knowing that */
	SqlRun(company, "ANALYZE @company@.connection", NULL);
	SqlRun(company, "ANALYZE @company@.mapping", NULL);
}

/* Read the arguments of stakesync_connect */
static void
ReadCall(FunctionCallInfo fcinfo, ConnectCall *call)
{
	memset(call, 0, sizeof(ConnectCall));
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say which provider to connect"),
				 errhint("SELECT provider, name FROM stakesync_provider;")));
	call->provider = text_to_cstring(PG_GETARG_TEXT_PP(0));
	call->credentials = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	call->connection = PG_ARGISNULL(2) ? call->provider : text_to_cstring(PG_GETARG_TEXT_PP(2));
	call->settings = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);
	call->method = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4));
	call->accept_terms = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);
	call->company = PG_ARGISNULL(6) ? NULL : NameStr(*PG_GETARG_NAME(6));
}

/* What to type, where only the provider was named */
static char *
SayWhatIsNeeded(const ConnectCall *call, const Provider *provider, Jsonb *method)
{
	StringInfoData words;
	ListCell   *lc;

	initStringInfo(&words);
	appendStringInfo(&words, "%s asks for %s. %s Then: SELECT * FROM stakesync_connect(%s, jsonb_build_object(",
					 provider->name, ProviderAsks(method),
					 DocumentText(provider->definition, "guide"), quote_literal_cstr(call->provider));
	foreach(lc, DocumentElements(DocumentMember(method, "credentials")))
		appendStringInfo(&words, "%s'%s', '...'", foreach_current_index(lc) > 0 ? ", " : "",
						 DocumentText(lfirst(lc), "key"));
	appendStringInfoString(&words, "), accept_terms => true);");
	return words.data;
}

/* Call the HR system with the credentials; true if it accepts them */
static bool
TryCredentials(const Provider *provider, Jsonb *method, const ConnectCall *call,
			   Jsonb *settings, const char *base_url, AnswerFault *fault)
{
	Jsonb	   *check = DocumentMember(provider->definition, "check");
	Talk		talk = {0};

	talk.method = "GET";
	talk.url = psprintf("%s%s", base_url, DocumentText(check, "path"));
	talk.headers = ProviderHeaders(provider, method, settings, call->credentials);
	talk.expect = DocumentText(check, "expect");
	return TalkOnce(&talk, fault);
}

/* Check what can be known without the network; company may be NULL */
static Provider *
PrepareConnect(ConnectCall *call, Company *company, Jsonb **method, Jsonb **settings, char **base_url)
{
	Provider   *provider = ProviderFind(company, call->provider);
	const char *name = call->method;

	/* outlives the definition, which is read twice */
	*method = ProviderMethod(provider, &name);
	call->method = MemoryContextStrdup(TopTransactionContext, name);
	if (call->credentials == NULL)
		return provider;
	CheckName(call, company);
	ProviderCheckCredentials(provider, *method, call->credentials);
	if (call->settings != NULL)
		ProviderCheckSettings(provider, call->settings);
	*settings = MergeSettings(company, call->connection, call->settings);
	*base_url = ProviderBaseUrl(provider, *settings, call->credentials);
	CheckTerms(call, provider, company);
	return provider;
}

/* The company to connect in, made if there is none */
static Company *
FindOrCreateCompany(Company *company)
{
	if (company != NULL)
		return company;
	company = CompanyCreate(NULL, NULL);
	ereport(NOTICE,
			(errmsg("made company \"%s\": its tables and views are in the schema of that name", company->name)));
	return company;
}

/*
 * Keep the statement, which holds credentials, out of the log of any error:
 * called from a procedural language it is in the context too
 */
static void
HideStatement(void *arg)
{
	errhidestmt(true);
	errhidecontext(true);
}

/* Connect an HR system */
static Datum
Connect(FunctionCallInfo fcinfo)
{
	ConnectCall call;
	Company    *company;
	CompanyContext *context = NULL;
	Provider   *provider;
	Jsonb	   *method;
	Jsonb	   *settings = NULL;
	char	   *base_url = NULL;
	AnswerFault fault = {0};
	MemoryContext outer = CurrentMemoryContext;
	Datum		result;

	ReadCall(fcinfo, &call);
	company = CompanyResolveOrNull(call.company);
	if (call.credentials != NULL)
	{
		PreventCommandDuringRecovery("stakesync_connect()");
		PreventCommandIfReadOnly("stakesync_connect()");
	}

	/* What the caller wrote, read as the company's owner */
	if (company != NULL)
		context = CompanyEnter(company, "connection", ACL_INSERT, false, "stakesync_connect()");
	else
		SPI_connect();
	provider = PrepareConnect(&call, company, &method, &settings, &base_url);
	if (call.credentials == NULL)
	{
		char	   *needed = SayWhatIsNeeded(&call, provider, method);

		MemoryContextSwitchTo(outer);
		result = MakeRow(fcinfo, call.connection, NULL, needed);
		company ? CompanyLeave(context) : (void) SPI_finish();
		return result;
	}

	/* What the HR system says: a row */
	if (!TryCredentials(provider, method, &call, settings, base_url, &fault))
	{
		MemoryContextSwitchTo(outer);
		result = MakeRow(fcinfo, call.connection, "failing",
						 psprintf("%s. %s Nothing was stored.", fault.message, fault.hint));
		company ? CompanyLeave(context) : (void) SPI_finish();
		return result;
	}
	if (company != NULL)
		CompanyLeave(context);
	else
	{
		/* the definition read is SPI's: read it again in the new company */
		SPI_finish();
		company = FindOrCreateCompany(NULL);
	}

	context = CompanyEnter(company, "connection", ACL_INSERT, true, "stakesync_connect()");
	provider = PrepareConnect(&call, company, &method, &settings, &base_url);
	StoreConnection(company, &call, provider, settings, base_url);
	CompanyLeave(context);
	return MakeRow(fcinfo, call.connection, "connected", "SELECT * FROM stakesync_fetch();");
}

PG_FUNCTION_INFO_V1(stakesync_connect);

/* Connect an HR system */
Datum
stakesync_connect(PG_FUNCTION_ARGS)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = HideStatement};
	Datum		result;

	error_context_stack = &callback;
	result = Connect(fcinfo);
	error_context_stack = callback.previous;
	return result;
}

/* Revoke the account at the provider; says what came of it */
static char *
RevokeThere(Connection *connection)
{
	Jsonb	   *disconnect = DocumentMember(connection->provider->definition, "disconnect");
	Talk		talk = {0};
	AnswerFault fault = {0};

	if (disconnect == NULL)
		return pstrdup("The key was not revoked: do that at the provider.");
	talk.method = DocumentText(disconnect, "method");
	talk.url = psprintf("%s%s", connection->base_url, DocumentText(disconnect, "path"));
	talk.headers = connection->headers;
	if (TalkOnce(&talk, &fault))
		return pstrdup("The account at the provider was deleted.");
	return psprintf("The account at the provider was not deleted: %s.", fault.message);
}

/* Keep what HR said when last applied, which employee tells no more */
static void
KeepApplied(Company *company, const char *name)
{
	SqlRun(company,
		   "INSERT INTO @company@._applied AS a (connection, remote_id, said) "
		   "SELECT e.connection, e.remote_id, "
		   "(SELECT pg_catalog.jsonb_object_agg(f.key, f.value) FROM pg_catalog.jsonb_each(pg_catalog.to_jsonb(e)) f "
		   "JOIN @company@.mapping m ON m.connection = e.connection AND m.field = f.key) "
		   "|| pg_catalog.jsonb_build_object('name', e.name, 'identifier', pg_catalog.to_jsonb(e) -> c.identifier, "
		   "'email', pg_catalog.to_jsonb(e) -> coalesce(c.email, 'work_email')) "
		   "FROM @company@.employee e JOIN @company@.connection c USING (connection) "
		   "JOIN @company@.link l ON l.remote_id = e.remote_id AND l.connection = e.connection AND l.until IS NULL AND l.how <> 'not' "
		   "WHERE e.connection = $1 "
		   "ON CONFLICT (remote_id, connection) DO UPDATE SET said = (excluded.said - a.never) || a.said", "t", name);
}

/* Delete what a disconnect deletes */
static void
EraseConnection(Company *company, const char *name, bool erase)
{
	if (!erase)
		KeepApplied(company, name);
	SqlRun(company, "DELETE FROM @company@._credential WHERE connection = $1", "t", name);
	SqlRun(company, "DELETE FROM @company@.employee WHERE connection = $1", "t", name);
	SqlRun(company, "DELETE FROM @company@._claim WHERE connection = $1", "t", name);
	SqlRun(company, "DELETE FROM @company@._cycle WHERE connection = $1", "t", name);
	if (!erase)
	{
		SqlRun(company, "UPDATE @company@.connection SET state = 'disconnected', last_complete_fetch = NULL, "
			   "fetched_fields = NULL, fetched_under = NULL, fetched_since = NULL WHERE connection = $1", "t", name);
		return;
	}
	SqlRun(company, "DELETE FROM @company@._applied WHERE connection = $1", "t", name);
	SqlRun(company, "DELETE FROM @company@.link WHERE connection = $1", "t", name);
	SqlRun(company, "DELETE FROM @company@.connection WHERE connection = $1", "t", name);
}

PG_FUNCTION_INFO_V1(stakesync_disconnect);

/* Disconnect an HR system */
Datum
stakesync_disconnect(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		erase = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	Company    *company = CompanyResolve(PG_ARGISNULL(2) ? NULL : NameStr(*PG_GETARG_NAME(2)));
	MemoryContext outer = CurrentMemoryContext;
	CompanyContext *context;
	char	   *said = "";
	Datum		result;

	PreventCommandDuringRecovery("stakesync_disconnect()");
	PreventCommandIfReadOnly("stakesync_disconnect()");
	context = CompanyEnter(company, "connection", ACL_DELETE, false, "stakesync_disconnect()");
	name = ConnectionResolve(company, name);
	if (SqlRun(company, "SELECT FROM @company@._credential WHERE connection = $1", "t", name) == 1)
		said = RevokeThere(ConnectionOpen(company, name));
	name = MemoryContextStrdup(outer, name);
	said = MemoryContextStrdup(outer, said);
	CompanyLeave(context);

	context = CompanyEnter(company, "connection", ACL_DELETE, true, "stakesync_disconnect()");
	EraseConnection(company, name, erase);
	CompanyLeave(context);
	result = MakeRow(fcinfo, name, erase ? "erased" : "disconnected", said);
	return result;
}
