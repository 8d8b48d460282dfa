#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "attempt.h"
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
	char	   *integration;	/* name of a system that is reached through
								 * another provider, or NULL */
	char	   *session;		/* as the talk left it */
} ConnectCall;

/* What it comes to */
typedef struct ConnectPlan
{
	Provider   *provider;
	Jsonb	   *login;			/* the method */
	Jsonb	   *settings;
	Session    *session;
} ConnectPlan;

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
		Company		none = {.quoted = "",.extension = ""};

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

/* Where the login method is another one than before: what the provider mapped gives way to what the method maps */
static void
ChangeMapping(Company *company, const ConnectCall *call, const char *definition)
{
	if (SqlRun(company, "SELECT FROM @company@._credential WHERE connection = $1 AND method <> $2", "tt",
			   call->connection, call->method) != 1)
		return;
	SqlRun(company,
		   "DELETE FROM @company@.mapping o WHERE o.connection = $1 AND o.origin = 'provider' "
		   "AND NOT EXISTS (SELECT FROM pg_catalog.jsonb_array_elements($2 -> 'mapping') m WHERE m ->> 'field' = o.field)",
		   "tj", call->connection, definition);
	SqlRun(company,
		   "INSERT INTO @company@.mapping AS o (connection, field, path, transform, origin) "
		   "SELECT $1, m ->> 'field', m ->> 'path', m ->> 'transform', 'provider' "
		   "FROM pg_catalog.jsonb_array_elements($2 -> 'mapping') m "
		   "WHERE m ->> 'field' NOT IN ('manager', 'mobile_phone', 'pay_rate', 'pay_period', 'pay_currency') "
		   "OR EXISTS (SELECT FROM @company@.mapping i WHERE i.connection = $1 AND i.field = m ->> 'field') "
		   "ON CONFLICT (connection, field) DO UPDATE SET path = excluded.path, transform = excluded.transform "
		   "WHERE o.origin = 'provider' AND (o.path, o.transform) IS DISTINCT FROM (excluded.path, excluded.transform)",
		   "tj", call->connection, definition);
}

/* The mapping that comes with a provider, for a new connection: all but what import must ask for */
static void
StoreMapping(Company *company, const ConnectCall *call, const Provider *provider)
{
	char	   *definition = JsonbToCString(NULL, &provider->definition->root, VARSIZE(provider->definition));

	ChangeMapping(company, call, definition);
	SqlRun(company,
		   "INSERT INTO @company@.mapping (connection, field, path, transform, origin) "
		   "SELECT $1, m ->> 'field', m ->> 'path', m ->> 'transform', 'provider' "
		   "FROM pg_catalog.jsonb_array_elements($2 -> 'mapping') m "
		   "WHERE m ->> 'field' NOT IN ('manager', 'mobile_phone', 'pay_rate', 'pay_period', 'pay_currency') "
		   "AND NOT EXISTS (SELECT FROM @company@.mapping o WHERE o.connection = $1)", "tj", call->connection, definition);
}

/* Store a connection: one whose credentials work, or one that waits for a login at the provider's website */
static void
StoreConnection(Company *company, const ConnectCall *call, ConnectPlan *plan, const char *state)
{
	SqlRun(company,
		   "INSERT INTO @company@.connection AS c (connection, provider, state, settings, terms_accepted_at, terms_accepted_by, terms_hash) "
		   "VALUES ($1, $2, $7, $3, pg_catalog.now(), $4, $5) "
		   "ON CONFLICT (connection) DO UPDATE SET state = excluded.state, settings = excluded.settings, "
		   "terms_accepted_at = CASE WHEN $6 THEN excluded.terms_accepted_at ELSE c.terms_accepted_at END, "
		   "terms_accepted_by = CASE WHEN $6 THEN excluded.terms_accepted_by ELSE c.terms_accepted_by END, "
		   "terms_hash = excluded.terms_hash, fetched_since = NULL",
		   "ttjttbt", call->connection, call->provider,
		   JsonbToCString(NULL, &plan->settings->root, VARSIZE(plan->settings)),
		   CompanyCaller(), HashTerms(plan->provider->terms), call->accept_terms, state);
	StoreMapping(company, call, plan->provider);
	ConnectionKeep(company, call->connection, call->method, plan->session);

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

/* What to type for one login method */
static void
SayMethod(StringInfo words, const ConnectCall *call, const char *method, Jsonb *login, bool others)
{
	bool		first = true;
	ListCell   *lc;

	appendStringInfo(words, "SELECT * FROM stakesync_connect(%s, jsonb_build_object(",
					 quote_literal_cstr(call->integration ? call->integration : call->provider));
	foreach(lc, DocumentElements(DocumentMember(login, "credentials")))
	{
		if (DocumentBool(lfirst(lc), "optional", false))
			continue;
		appendStringInfo(words, "%s'%s', '...'", first ? "" : ", ", DocumentText(lfirst(lc), "key"));
		first = false;
	}
	appendStringInfoChar(words, ')');
	if (others)
		appendStringInfo(words, ", method => %s", quote_literal_cstr(method));
	appendStringInfoString(words, ", accept_terms => true);");
}

/* What is needed, where only the provider was named */
static char *
SayWhatIsNeeded(const ConnectCall *call, Provider *provider)
{
	List	   *methods = ProviderMethods(provider);
	Jsonb	   *all = DocumentMember(provider->definition, "methods");
	StringInfoData words;
	int			shown = 0;
	ListCell   *lc;

	initStringInfo(&words);
	if (call->integration)
		appendStringInfo(&words, "%s is reached through %s. ", call->integration, provider->name);
	foreach(lc, methods)
	{
		const char *method = lfirst(lc);
		Jsonb	   *login = DocumentMember(all, method);

		if (call->method != NULL && strcmp(call->method, method) != 0)
			continue;
		appendStringInfo(&words, "%s%s asks for %s. ", shown > 0 ? " Or: " : "", provider->name, ProviderAsks(login));
		if (shown++ == 0)
			appendStringInfo(&words, "%s Then: ", DocumentText(provider->definition, "guide"));
		SayMethod(&words, call, method, login, foreach_current_index(lc) > 0);
	}
	return words.data;
}

/* Call the HR system with the credentials; true if it accepts them */
static bool
TryCredentials(ConnectPlan *plan, AnswerFault *fault)
{
	Jsonb	   *check = DocumentMember(plan->provider->definition, "check");
	TalkRequest request = {.request = check,.expect = DocumentText(check, "expect")};
	TalkAnswer	answer;

	if (TalkOnce(plan->session, &request, &answer))
		return true;
	*fault = answer.fault;
	return false;
}

/* Credentials of a connection that is linked anew: what the link once gave stays, for the hosts it was given for */
static void
KeepLinked(Company *company, const ConnectCall *call, ConnectPlan *plan)
{
	Connection *before;

	if (company == NULL || DocumentMember(plan->login, "link") == NULL ||
		SqlRun(company, "SELECT FROM @company@._credential s JOIN @company@.connection c USING (connection) "
			   "WHERE connection = $1 AND s.method = $2 AND s.hosts = $3", "ttt",
			   call->connection, call->method, plan->session->hosts) != 1)
		return;
	before = ConnectionOpen(company, call->connection);
	plan->session->credentials = DocumentLay(before->session->credentials, plan->session->credentials);
}

/* Check what can be known without the network; company may be NULL */
static void
PrepareConnect(ConnectCall *call, Company *company, ConnectPlan *plan)
{
	const char *name = call->method;

	memset(plan, 0, sizeof(ConnectPlan));
	plan->provider = ProviderFind(company, call->provider);
	if (call->credentials == NULL)
	{
		if (name != NULL)
			(void) ProviderMethod(plan->provider, &name, NULL);
		return;
	}

	/* outlives the definition, which is read twice */
	plan->login = ProviderMethod(plan->provider, &name, call->credentials);
	call->method = MemoryContextStrdup(TopTransactionContext, name);
	CheckName(call, company);
	ProviderCheckCredentials(plan->provider, plan->login, call->credentials);
	if (call->settings != NULL)
		ProviderCheckSettings(plan->provider, call->settings);
	plan->settings = MergeSettings(company, call->connection, call->settings);
	plan->session = ConnectionSession(company, call->connection, plan->provider, plan->login, plan->settings, call->credentials);
	CheckTerms(call, plan->provider, company);
	KeepLinked(company, call, plan);
}

/* A system that the catalogue says is reached through another provider */
static void
FindThrough(ConnectCall *call, Company *company)
{
	Company		none = {.quoted = "",.extension = ExtensionSchema()};
	StringInfoData settings;

	/* a definition of the company's own comes first */
	if (company != NULL && SqlRun(company, "SELECT FROM @company@.provider WHERE provider = $1", "t", call->provider) == 1)
		return;
	if (SqlRun(company ? company : &none, "SELECT definition ->> 'integration' FROM @extension@.stakesync_provider "
			   "WHERE provider OPERATOR(pg_catalog.=) $1 AND via OPERATOR(pg_catalog.=) 'merge'", "t", call->provider) != 1)
		return;
	call->integration = MemoryContextStrdup(TopTransactionContext, call->provider);
	call->provider = "merge";

	/* who has no account token yet wants to hear of the link */
	if (call->method == NULL && call->credentials == NULL)
		call->method = "link";
	initStringInfo(&settings);
	appendStringInfoChar(&settings, '{');
	DocumentAppend(&settings, "integration", SqlText(0, 1));
	appendStringInfoChar(&settings, '}');
	call->settings = DocumentLay(DocumentRead(settings.data), call->settings);
	call->settings = (Jsonb *) memcpy(MemoryContextAlloc(TopTransactionContext, VARSIZE(call->settings)),
									  call->settings, VARSIZE(call->settings));
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

/* What the talk before gave the session: a token, credentials */
static void
TakeBack(ConnectPlan *plan, char *written)
{
	Session    *before = SessionRead(DocumentRead(written));

	plan->session->credentials = before->credentials;
	plan->session->token = before->token;
	plan->session->expires = before->expires;
	explicit_bzero(written, strlen(written));
}

/* The address at which people log in; NULL with the fault where the provider gives none */
static char *
AskForAddress(ConnectPlan *plan, AnswerFault *fault)
{
	Jsonb	   *link = DocumentMember(plan->login, "link");
	Jsonb	   *ask = DocumentMember(link, "ask");
	TalkRequest request = {.request = ask,.without_login = true,.expect = DocumentText(link, "address")};
	TalkAnswer	answer;
	RequestScope scope;
	char	   *address;

	if (ask != NULL)
	{
		request.find = request.expect;
		if (TalkOnce(plan->session, &request, &answer))
			return answer.found;
		*fault = answer.fault;
		return NULL;
	}
	SessionScope(plan->session, RequestVariableText(NIL, "state", plan->session->connection), &scope);
	address = RequestFillAddress(DocumentText(link, "address"), &scope);
	if (address == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the login at %s needs a setting that is not given", plan->provider->name),
				 errhint("Its address is made as %s.", DocumentText(link, "address"))));
	return address;
}

/* What to do after a login at the website */
static char *
SayHowToComplete(const ConnectCall *call, const char *address)
{
	return psprintf("Open %s and log in. Then: SELECT * FROM stakesync_complete_link('...', connection => %s); with the token or code that the login gave.",
					address, quote_literal_cstr(call->connection));
}

/* Connect an HR system */
static Datum
Connect(FunctionCallInfo fcinfo)
{
	ConnectCall call;
	ConnectPlan plan;
	Company    *company;
	CompanyContext *context = NULL;
	AnswerFault fault = {0};
	MemoryContext outer = CurrentMemoryContext;
	char	   *address = NULL;
	bool		good;
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
	FindThrough(&call, company);
	PrepareConnect(&call, company, &plan);
	if (call.credentials == NULL)
	{
		char	   *needed = SayWhatIsNeeded(&call, plan.provider);

		MemoryContextSwitchTo(outer);
		result = MakeRow(fcinfo, call.connection, NULL, needed);
		company ? CompanyLeave(context) : (void) SPI_finish();
		return result;
	}

	/* What the HR system says: a row */
	if (DocumentMember(plan.login, "link") != NULL)
		good = (address = AskForAddress(&plan, &fault)) != NULL;
	else
		good = TryCredentials(&plan, &fault);
	if (!good)
	{
		MemoryContextSwitchTo(outer);
		result = MakeRow(fcinfo, call.connection, "failing",
						 psprintf("%s. %s Nothing was stored.", fault.message, fault.hint));
		company ? CompanyLeave(context) : (void) SPI_finish();
		return result;
	}
	if (address != NULL)
		address = MemoryContextStrdup(outer, address);
	call.session = MemoryContextStrdup(outer, SessionWrite(plan.session));
	if (company != NULL)
		CompanyLeave(context);
	else
	{
		/* the definition read is SPI's: read it again in the new company */
		SPI_finish();
		company = CompanyMakeDefault();
	}

	context = CompanyEnter(company, "connection", ACL_INSERT, true, "stakesync_connect()");
	PrepareConnect(&call, company, &plan);
	TakeBack(&plan, call.session);
	StoreConnection(company, &call, &plan, address ? "awaiting_link" : "connected");
	CompanyLeave(context);
	if (address != NULL)
		return MakeRow(fcinfo, call.connection, "awaiting_link", SayHowToComplete(&call, address));
	return MakeRow(fcinfo, call.connection, "connected", "SELECT * FROM stakesync_fetch();");
}

/* Do a call whose arguments are secrets */
static Datum
DoHidden(PGFunction call, FunctionCallInfo fcinfo)
{
	ErrorContextCallback callback = {.previous = error_context_stack,.callback = HideStatement};
	Datum		result;

	error_context_stack = &callback;
	result = call(fcinfo);
	error_context_stack = callback.previous;
	return result;
}

PG_FUNCTION_INFO_V1(stakesync_connect);

/* Connect an HR system */
Datum
stakesync_connect(PG_FUNCTION_ARGS)
{
	return DoHidden(Connect, fcinfo);
}

/* A connection to open */
typedef struct Opening
{
	Company    *company;
	const char *name;
	Connection *connection;
} Opening;

/* Open it */
static void
Open(void *arg)
{
	Opening    *opening = arg;

	opening->connection = ConnectionOpen(opening->company, opening->name);
}

/* Open a connection; NULL with the words where key, provider or hosts are not what they were */
static Connection *
TryOpen(Company *company, const char *name, char **why)
{
	Opening		opening = {company, name, NULL};
	ErrorData  *error = Attempt(Open, &opening, true);

	if (error == NULL)
		return opening.connection;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	*why = error->message;
	return NULL;
}

/* Revoke the account at the provider; says what came of it */
static char *
RevokeThere(Company *company, const char *name)
{
	char	   *why = NULL;
	Connection *connection = TryOpen(company, name, &why);
	Jsonb	   *disconnect;
	TalkRequest request = {NULL};
	TalkAnswer	answer;

	/* who cannot be reached any more can be forgotten all the same */
	if (connection == NULL)
		return psprintf("The key was not revoked (%s): do that at the provider.", why);
	disconnect = DocumentMember(connection->provider->definition, "disconnect");
	request.request = disconnect;
	if (disconnect == NULL)
		return pstrdup("The key was not revoked: do that at the provider.");
	if (TalkOnce(connection->session, &request, &answer))
		return pstrdup("The account at the provider was deleted.");
	return psprintf("The account at the provider was not deleted: %s.", answer.fault.message);
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
	SqlRun(company, "DELETE FROM @company@._gap WHERE connection = $1", "t", name);
	if (!erase)
	{
		SqlRun(company, "UPDATE @company@.connection SET state = 'disconnected', last_complete_fetch = NULL, "
			   "fetched_fields = NULL, fetched_under = NULL, fetched_since = NULL WHERE connection = $1", "t", name);
		return;
	}
	SqlRun(company, "DELETE FROM @company@._applied WHERE connection = $1", "t", name);
	SqlRun(company, "DELETE FROM @company@._peek WHERE connection = $1", "t", name);
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
		said = RevokeThere(company, name);
	name = MemoryContextStrdup(outer, name);
	said = MemoryContextStrdup(outer, said);
	CompanyLeave(context);

	context = CompanyEnter(company, "connection", ACL_DELETE, true, "stakesync_disconnect()");
	EraseConnection(company, name, erase);
	CompanyLeave(context);
	result = MakeRow(fcinfo, name, erase ? "erased" : "disconnected", said);
	return result;
}

/* Do one request; false with the fault where it is not good */
static bool
TryIt(Connection *connection, const TalkRequest *request, AnswerFault *fault)
{
	TalkAnswer	answer;

	if (TalkOnce(connection->session, request, &answer))
		return true;
	*fault = answer.fault;
	return false;
}

/* The code that a login gave: as it is, percent-encoded, or in the address that the website led to */
static char *
ReadCode(const char *token)
{
	const char *at = strstr(token, "code=");
	StringInfoData code;

	if (at != NULL && (at == token || at[-1] == '?' || at[-1] == '&'))
		token = pnstrdup(at + 5, strcspn(at + 5, "&#"));
	initStringInfo(&code);
	for (const char *c = token; *c; c++)
	{
		unsigned int byte;

		if (*c == '%' && isxdigit((unsigned char) c[1]) && isxdigit((unsigned char) c[2]) &&
			sscanf(c + 1, "%2x", &byte) == 1 && byte >= 0x20)
		{
			appendStringInfoChar(&code, (char) byte);
			c += 2;
		}
		else
			appendStringInfoChar(&code, *c);
	}
	return code.data;
}

/* Finish a login at the provider's website: exchange the token for credentials and try them */
static bool
CompleteLink(Connection *connection, const char *token, AnswerFault *fault)
{
	Jsonb	   *link = DocumentMember(connection->login, "link");
	Jsonb	   *check = DocumentMember(connection->provider->definition, "check");
	StringInfoData variables;
	TalkRequest request = {.request = DocumentMember(link, "complete"),.without_login = true,
	.keeps = DocumentMember(link, "keeps")};
	TalkRequest trial = {.request = check,.expect = DocumentText(check, "expect")};

	/* what the former account gave is not tried again */
	connection->session->token = NULL;

	/* The provider told the credentials itself, in the body of a webhook */
	if (token[strspn(token, " \t\r\n")] == '{' && DocumentMember(link, "webhook") != NULL)
	{
		if (SessionKeep(connection->session, DocumentMember(link, "webhook"), token, strlen(token)))
			return TryIt(connection, &trial, fault);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("this webhook holds no credentials of %s", connection->provider->name),
				 errhidestmt(true)));
	}
	initStringInfo(&variables);
	appendStringInfoChar(&variables, '{');
	DocumentAppend(&variables, "code", ReadCode(token));
	appendStringInfoChar(&variables, '}');
	request.variables = DocumentRead(variables.data);

	return TryIt(connection, &request, fault) && TryIt(connection, &trial, fault);
}

/* Refuse a connection whose login does not go by a website */
static void
CheckLinked(const Connection *connection)
{
	if (DocumentMember(connection->login, "link") == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connection \"%s\" does not wait for a login at a website", connection->name),
				 errhint("Its login method is \"%s\"; connect with another one first.", connection->method)));
}

/* Complete a link */
static Datum
Complete(FunctionCallInfo fcinfo)
{
	char	   *token = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *name = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	Company    *company = CompanyResolve(PG_ARGISNULL(2) ? NULL : NameStr(*PG_GETARG_NAME(2)));
	MemoryContext outer = CurrentMemoryContext;
	CompanyContext *context;
	Connection *connection;
	AnswerFault fault = {0};
	char	   *failed = NULL;
	char	   *state;
	char	   *session;

	if (token == NULL || token[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("give the token or code that the login gave")));
	PreventCommandDuringRecovery("stakesync_complete_link()");
	PreventCommandIfReadOnly("stakesync_complete_link()");
	context = CompanyEnter(company, "connection", ACL_INSERT, false, "stakesync_complete_link()");
	name = ConnectionResolve(company, name);
	connection = ConnectionOpen(company, name);
	CheckLinked(connection);
	if (!CompleteLink(connection, token, &fault))
		failed = MemoryContextStrdup(outer, psprintf("%s. %s", fault.message, fault.hint));
	session = MemoryContextStrdup(outer, SessionWrite(connection->session));
	state = MemoryContextStrdup(outer, connection->state);
	name = MemoryContextStrdup(outer, name);
	CompanyLeave(context);
	if (failed != NULL)
	{
		explicit_bzero(session, strlen(session));
		return MakeRow(fcinfo, name, state, failed);
	}

	context = CompanyEnter(company, "connection", ACL_INSERT, true, "stakesync_complete_link()");
	connection = ConnectionOpen(company, name);
	connection->session = SessionRead(DocumentRead(session));
	ConnectionKeep(company, name, connection->method, connection->session);
	SqlRun(company, "UPDATE @company@.connection SET state = 'connected', fetched_since = NULL WHERE connection = $1", "t", name);
	explicit_bzero(session, strlen(session));
	CompanyLeave(context);
	return MakeRow(fcinfo, name, "connected", "SELECT * FROM stakesync_fetch();");
}

PG_FUNCTION_INFO_V1(stakesync_complete_link);

/* Complete a link */
Datum
stakesync_complete_link(PG_FUNCTION_ARGS)
{
	return DoHidden(Complete, fcinfo);
}
