#include "postgres.h"

#include "document.h"
#include "exchange.h"
#include "lib/stringinfo.h"
#include "provider.h"
#include "session.h"
#include "source.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

/* The answer of a login is small */
#define LOGIN_BODY_LIMIT (256 * 1024)

/* Seconds that a token lasts where nothing says how long */
#define LOGIN_LIFETIME 600

/* Seconds before its end at which a token counts as over */
#define LOGIN_MARGIN 30

/* A session as JSON */
char *
SessionWrite(const Session *session)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	DocumentAppend(&buf, "base_url", session->base_url);
	DocumentAppend(&buf, "own_url", session->own_url);
	DocumentAppend(&buf, "login_url", session->login_url);
	DocumentAppend(&buf, "hosts", session->hosts);
	DocumentAppend(&buf, "company", session->company);
	DocumentAppend(&buf, "connection", session->connection);
	DocumentAppend(&buf, "today", session->today);
	DocumentAppend(&buf, "token", session->token);
	DocumentAppendInt(&buf, "expires", session->expires);
	DocumentAppendInt(&buf, "schema", session->schema);
	DocumentAppendInt(&buf, "given", session->given);
	DocumentAppend(&buf, "renewed", session->renewed ? "yes" : NULL);
	DocumentAppendMember(&buf, "credentials", session->credentials);
	DocumentAppendMember(&buf, "settings", session->settings);
	DocumentAppendMember(&buf, "headers", session->headers);
	DocumentAppendMember(&buf, "login_headers", session->login_headers);
	DocumentAppendMember(&buf, "login", session->login);
	DocumentAppendMember(&buf, "retry", session->retry);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* A session from JSON */
Session *
SessionRead(Jsonb *document)
{
	Session    *session = palloc0(sizeof(Session));

	session->base_url = DocumentText(document, "base_url");
	session->own_url = DocumentText(document, "own_url");
	session->login_url = DocumentText(document, "login_url");
	session->hosts = DocumentText(document, "hosts");
	session->company = DocumentText(document, "company");
	session->connection = DocumentText(document, "connection");
	session->today = DocumentText(document, "today");
	session->token = DocumentText(document, "token");
	session->expires = DocumentInt(document, "expires", 0);
	session->schema = (Oid) DocumentInt(document, "schema", InvalidOid);
	session->given = DocumentInt(document, "given", 0);
	session->renewed = DocumentText(document, "renewed") != NULL;
	session->credentials = DocumentMember(document, "credentials");
	session->settings = DocumentMember(document, "settings");
	session->headers = DocumentMember(document, "headers");
	session->login_headers = DocumentMember(document, "login_headers");
	session->login = DocumentMember(document, "login");
	session->retry = DocumentMember(document, "retry");
	return session;
}

/* Variables of every request */
void
SessionScope(const Session *session, List *variables, RequestScope *scope)
{
	List	   *all = list_copy(variables);

	all = RequestVariableText(all, "company", session->company);
	all = RequestVariableText(all, "connection", session->connection);
	all = RequestVariableText(all, "today", session->today);
	scope->variables = all;
	scope->credentials = session->credentials;
	scope->settings = session->settings;
}

/* True if the login is of a type */
static bool
LoginIs(const Session *session, const char *type)
{
	char	   *is = DocumentText(session->login, "type");

	return is != NULL && strcmp(is, type) == 0;
}

/* The header of a Basic login, or NULL where something is not given */
static char *
MakeBasic(Jsonb *login, const RequestScope *scope)
{
	char	   *user = RequestFill(DocumentText(login, "user"), scope);
	char	   *password = RequestFill(DocumentText(login, "password"), scope);
	char	   *plain;
	char	   *encoded;

	if (user == NULL || password == NULL)
		return NULL;
	plain = psprintf("%s:%s", user, password);
	encoded = TextDatumGetCString(DirectFunctionCall2(binary_encode,
													  PointerGetDatum(cstring_to_text(plain)), CStringGetTextDatum("base64")));

	/* encode() breaks lines */
	for (char *from = encoded, *to = encoded;; from++)
	{
		if (*from != '\n')
			*to++ = *from;
		if (*from == '\0')
			break;
	}
	return psprintf("Authorization: Basic %s", encoded);
}

/* Headers of every request, the token still missing */
static List *
MakeHeaders(const Session *session, const RequestScope *scope)
{
	List	   *headers = RequestHeaders(NIL, session->headers, scope);
	char	   *basic = LoginIs(session, "basic") ? MakeBasic(session->login, scope) : NULL;

	headers = RequestHeaders(headers, session->login_headers, scope);
	if (basic != NULL)
		headers = lappend(headers, basic);
	if (LoginIs(session, "token") && (session->login_headers == NULL || !RequestNames(session->login_headers, "token")))
		headers = lappend(headers, pstrdup("Authorization: Bearer {token}"));
	return headers;
}

/*
 * Refuse a request to another host than the credentials were given for,
 * wherever the definition or what the provider made us keep would lead it
 */
static void
CheckHost(const Session *session, const Request *request)
{
	char	   *host = ProviderHost(pnstrdup(request->url, RequestOriginLength(request->url)));
	size_t		length = strlen(host);

	for (const char *at = session->hosts; at != NULL && *at;)
	{
		size_t		one = strcspn(at, ",");

		if (one == length && strncmp(at, host, length) == 0)
			return;
		at += one;
		at += strspn(at, ", ");
	}
	FetchFail(ERRCODE_INVALID_PARAMETER_VALUE,
			  psprintf("a request would go to %s, and the credentials were given for %s", host, session->hosts),
			  "Look into the provider's definition.");
}

/* Build a request of the definition */
void
SessionRequest(const Session *session, Jsonb *spec, Jsonb *more, List *variables, Request *request)
{
	RequestScope scope;

	SessionScope(session, variables, &scope);
	RequestBuild(spec, more, session->base_url, &scope, MakeHeaders(session, &scope), request);
	CheckHost(session, request);
}

/* Build a request without what the login method adds */
void
SessionRequestPlain(const Session *session, Jsonb *spec, List *variables, Request *request)
{
	RequestScope scope;

	SessionScope(session, variables, &scope);
	RequestBuild(spec, NULL, session->base_url, &scope, RequestHeaders(NIL, session->headers, &scope), request);
	CheckHost(session, request);
}

/* Put the token in */
void
SessionSign(const Session *session, Request *request)
{
	request->headers = RequestSetToken(request->headers, session->token);
}

/* True if requests need a token that has to be asked for */
bool
SessionNeedsToken(const Session *session)
{
	return LoginIs(session, "token");
}

/* True if a token is there and lasts a while */
bool
SessionHasToken(const Session *session)
{
	return session->token != NULL && session->expires > GetCurrentTimestamp() + LOGIN_MARGIN * USECS_PER_SEC;
}

/* Take what an answer gives as credentials; false where it gives none of them */
bool
SessionKeep(Session *session, Jsonb *keeps, const char *body, size_t length)
{
	StringInfoData kept;
	const char *error;
	ListCell   *lc;

	initStringInfo(&kept);
	appendStringInfoChar(&kept, '{');
	foreach(lc, DocumentKeys(keeps))
	{
		char	   *value = ExchangeFind(body, length, DocumentText(keeps, lfirst(lc)), &error);

		if (value != NULL)
			DocumentAppend(&kept, lfirst(lc), value);
	}
	appendStringInfoChar(&kept, '}');
	if (kept.len == 2)
		return false;
	session->credentials = DocumentLay(session->credentials, DocumentRead(kept.data));
	session->renewed = true;
	return true;
}

/* Read token and expiry of a login's answer; false if there is no token */
static bool
TakeToken(Session *session, const Exchange *exchange, AnswerFault *fault)
{
	Jsonb	   *login = session->login;
	char	   *path = DocumentText(login, "expires_in");
	int64		lifetime = DocumentInt(login, "lifetime", LOGIN_LIFETIME);
	const char *error;
	char	   *seconds;

	session->token = ExchangeFind(exchange->body.data, exchange->body.len, DocumentText(login, "token"), &error);
	if (session->token == NULL)
	{
		AnswerIsNoJson(exchange->content_type,
					   error ? error : psprintf("the HR system's answer to the login holds no %s", DocumentText(login, "token")), fault);
		fault->sqlerrcode = ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
		return false;
	}
	seconds = path ? ExchangeFind(exchange->body.data, exchange->body.len, path, &error) : NULL;
	if (seconds != NULL && strtod(seconds, NULL) > 0)
		lifetime = (int64) Min(strtod(seconds, NULL), 1e9);

	/* One that lasts less than the margin is used all the same */
	session->expires = GetCurrentTimestamp() + Max(lifetime, LOGIN_MARGIN + 5) * USECS_PER_SEC;
	session->renewed = true;
	if (DocumentMember(login, "keeps") != NULL)
		(void) SessionKeep(session, DocumentMember(login, "keeps"), exchange->body.data, exchange->body.len);
	return true;
}

/* Ask for a token */
bool
SessionLogin(Session *session, const HttpApi *http, HttpClient *client, AnswerFault *fault)
{
	RequestScope scope;
	Request		request;
	Exchange	exchange;
	bool		good;

	session->token = NULL;
	SessionScope(session, NIL, &scope);
	RequestBuild(session->login, NULL, session->login_url, &scope, list_make1(pstrdup("Accept: application/json")), &request);
	CheckHost(session, &request);
	ExchangeRun(http, client, &request, LOGIN_BODY_LIMIT, NULL, &exchange);
	good = ExchangeIsGood(&exchange, fault);
	if (good)
		good = TakeToken(session, &exchange, fault);
	else if (exchange.outcome == HTTP_ANSWERED && (exchange.status == 400 || exchange.status == 401 || exchange.status == 403))
	{
		fault->sqlerrcode = ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
		fault->message = psprintf("the HR system does not accept the credentials (HTTP status %d at login)", exchange.status);
		fault->hint = pstrdup("Check them, then type them again: SELECT * FROM stakesync_connect(...).");
		fault->again = false;
	}
	explicit_bzero(exchange.body.data, exchange.body.len);
	return good;
}
