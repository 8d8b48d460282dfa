#include "postgres.h"

#include "access/xact.h"
#include "connection.h"
#include "document.h"
#include "exchange.h"
#include "fmgr.h"
#include "guc.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "talk.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* The answer to a check is small, one person's record may be larger */
#define TALK_BODY_LIMIT (16 * 1024 * 1024)

/* The HTTP library, loaded when first asked for */
const HttpApi *
TalkHttp(void)
{
	static const HttpApi *http = NULL;

	if (http == NULL)
	{
		const HttpApi *(*get) (void) = (const HttpApi *(*) (void))
		load_external_function("$libdir/stakesync_http", "stakesync_http_api", true, NULL);

		if (get()->version != HTTP_API_VERSION)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the libraries of stakesync are of different versions"),
					 errhint("Install one version of stakesync and start a new session.")));
		http = get();
	}
	return http;
}

/* Options of the HTTP client as the settings say */
void
TalkOptions(HttpOptions *options)
{
	memset(options, 0, sizeof(HttpOptions));
	options->allowed_hosts = stakesync_allowed_hosts;
	options->proxy = stakesync_proxy;
	options->ca_file = stakesync_ca_file;
	options->connect_timeout = stakesync_connect_timeout;
	options->first_byte_timeout = stakesync_first_byte_timeout;
	options->idle_timeout = stakesync_idle_timeout;
	options->max_expansion = 200;
	options->user_agent = "stakesync/" STAKESYNC_VERSION;
}

/* Refuse to wait where the caller's transaction wrote already */
static void
CheckNothingWritten(void)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("this transaction has written already and cannot wait for the network"),
				 errhint("COMMIT first, then call again.")));
}

/* Wait for the answer of a talking worker */
static char *
AwaitAnswer(Courier *courier)
{
	char	   *text = NULL;

	PG_TRY();
	{
		char		kind = CourierReceive(courier, &text);

		if (kind == COURIER_ERROR)
			CourierRaise(text);
		if (kind != COURIER_ANSWER)
			ereport(ERROR,
					(errcode(ERRCODE_CONNECTION_FAILURE),
					 errmsg("the background worker ended before the answer came"),
					 errhint("Look into the server's log, then call again.")));
	}
	PG_CATCH();
	{
		CourierEnd(courier);
		PG_RE_THROW();
	}
	PG_END_TRY();
	CourierEnd(courier);
	return text;
}

/* A request for the worker as JSON */
static void
WriteRequest(StringInfo buf, const TalkRequest *request)
{
	appendStringInfoChar(buf, '{');
	DocumentAppend(buf, "expect", request->expect);
	DocumentAppend(buf, "find", request->find);
	appendStringInfo(buf, ",\"whole\":%s,\"without_login\":%s", request->whole ? "true" : "false",
					 request->without_login ? "true" : "false");
	DocumentAppendMember(buf, "request", request->request);
	DocumentAppendMember(buf, "variables", request->variables);
	DocumentAppendMember(buf, "keeps", request->keeps);
	appendStringInfoChar(buf, '}');
}

/* The task for the worker as JSON */
static char *
WriteTask(const Session *session, const TalkRequest *requests, int count)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"session\":%s,\"requests\":[", SessionWrite(session));
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoChar(&buf, ',');
		WriteRequest(&buf, &requests[i]);
	}
	appendStringInfoString(&buf, "]}");
	return buf.data;
}

/* Read one answer of the worker */
static void
ReadAnswer(Jsonb *told, TalkAnswer *answer)
{
	memset(answer, 0, sizeof(TalkAnswer));
	answer->good = DocumentBool(told, "good", false);
	answer->status = (int) DocumentInt(told, "status", 0);
	answer->found = DocumentText(told, "found");
	answer->body = DocumentText(told, "body");
	answer->noted = DocumentText(told, "noted");
	answer->fault.sqlerrcode = (int) DocumentInt(told, "sqlerrcode", ERRCODE_INTERNAL_ERROR);
	answer->fault.message = DocumentText(told, "message");
	answer->fault.hint = DocumentText(told, "hint");
}

/* Do the requests, one after the other */
void
TalkAll(Session *session, const TalkRequest *requests, int count, TalkAnswer *answers)
{
	char	   *task;
	Courier    *courier;
	Jsonb	   *told;
	Session    *after;
	ListCell   *lc;

	CheckNothingWritten();
	task = WriteTask(session, requests, count);
	courier = CourierStart(COURIER_TALK, task, "request");
	explicit_bzero(task, strlen(task));

	told = DocumentRead(AwaitAnswer(courier));
	after = SessionRead(DocumentMember(told, "session"));
	session->credentials = after->credentials;
	session->token = after->token;
	session->expires = after->expires;
	session->renewed = session->renewed || after->renewed;
	foreach(lc, DocumentElements(DocumentMember(told, "answers")))
		ReadAnswer(lfirst(lc), &answers[foreach_current_index(lc)]);
}

/* One of them */
bool
TalkOnce(Session *session, const TalkRequest *request, TalkAnswer *answer)
{
	TalkAll(session, request, 1, answer);
	return answer->good;
}

/* What the worker works with */
typedef struct TalkWork
{
	Session    *session;
	const HttpApi *http;
	HttpClient *client;
	bool		fresh;			/* the token was asked for just now */
	bool		refused;		/* the login was refused, why is told again */
	AnswerFault why;
} TalkWork;

/* The variables of a request */
static List *
ReadVariables(Jsonb *document)
{
	List	   *variables = NIL;
	ListCell   *lc;

	foreach(lc, DocumentKeys(document))
	{
		char	   *name = lfirst(lc);
		Jsonb	   *list = DocumentMember(document, name);
		char	   *text = DocumentText(document, name);
		int64		number = DocumentInt(document, name, -1);

		if (list != NULL)
			variables = RequestVariableList(variables, name, DocumentTexts(list));
		else if (number >= 0)
			variables = RequestVariableNumber(variables, name, number);
		else
			variables = RequestVariableText(variables, name, text);
	}
	return variables;
}

/* Ask for a token where one is needed */
static bool
LogIn(TalkWork *work, AnswerFault *fault)
{
	if (!SessionNeedsToken(work->session) || SessionHasToken(work->session))
		return true;

	/* asking again with the same would only lock the account */
	if (work->refused)
	{
		*fault = work->why;
		return false;
	}
	work->fresh = true;
	if (!SessionLogin(work->session, work->http, work->client, fault))
	{
		work->refused = true;
		work->why = *fault;
		return false;
	}
	if (OidIsValid(work->session->schema))
		ConnectionKeepNow(work->session);
	return true;
}

/* Send a request; once more with a new token where the old one is refused */
static bool
Ask(TalkWork *work, Jsonb *asked, Exchange *exchange, AnswerFault *fault)
{
	bool		plain = DocumentBool(asked, "without_login", false);
	bool		login = !plain && SessionNeedsToken(work->session);
	Jsonb	   *spec = DocumentMember(asked, "request");
	List	   *variables = ReadVariables(DocumentMember(asked, "variables"));
	Request		request;

	if (login && !LogIn(work, fault))
		return false;
	if (plain)
		SessionRequestPlain(work->session, spec, variables, &request);
	else
		SessionRequest(work->session, spec, NULL, variables, &request);
	SessionSign(work->session, &request);
	ExchangeRun(work->http, work->client, &request, TALK_BODY_LIMIT,
				DocumentText(work->session->retry, "remaining_header"), exchange);
	if (login && (exchange->status == 401 || exchange->status == 403) && !work->fresh)
	{
		work->session->token = NULL;
		return Ask(work, asked, exchange, fault);
	}
	return ExchangeIsGood(exchange, fault);
}

/* Judge the body, and take of it what is wanted */
static bool
TakeBody(TalkWork *work, Jsonb *asked, const Exchange *exchange, StringInfo answer, AnswerFault *fault)
{
	char	   *expect = DocumentText(asked, "expect");
	char	   *find = DocumentText(asked, "find");
	Jsonb	   *keeps = DocumentMember(asked, "keeps");
	const char *error = NULL;
	char	   *value = expect ? ExchangeFind(exchange->body.data, exchange->body.len, expect, &error) : NULL;

	if (expect != NULL && value == NULL)
	{
		AnswerIsNoJson(exchange->content_type, error ? error : psprintf("the HR system's answer holds no %s", expect), fault);
		return false;
	}
	if (keeps != NULL && !SessionKeep(work->session, keeps, exchange->body.data, exchange->body.len))
	{
		AnswerIsNoJson(exchange->content_type, "the HR system's answer holds no credentials", fault);
		return false;
	}
	if (find != NULL)
		DocumentAppend(answer, "found", ExchangeFind(exchange->body.data, exchange->body.len, find, &error));
	if (DocumentBool(asked, "whole", false))
		DocumentAppend(answer, "body", exchange->body.data);
	return true;
}

/* Do one request and append its answer */
static void
AnswerRequest(TalkWork *work, Jsonb *asked, StringInfo answer)
{
	Exchange	exchange = {0};
	AnswerFault fault = {0};
	bool		good;

	appendStringInfoChar(answer, '{');
	good = Ask(work, asked, &exchange, &fault) && TakeBody(work, asked, &exchange, answer, &fault);
	DocumentAppendInt(answer, "status", exchange.status);
	DocumentAppend(answer, "noted", exchange.noted);
	if (!good)
	{
		DocumentAppendInt(answer, "sqlerrcode", fault.sqlerrcode);
		DocumentAppend(answer, "message", fault.message);
		DocumentAppend(answer, "hint", fault.hint);
	}
	appendStringInfo(answer, ",\"good\":%s}", good ? "true" : "false");
}

/* The worker's side: do the exchanges and send the answers */
void
TalkInWorker(CourierTask *task)
{
	Jsonb	   *asked = DocumentRead(task->task);
	TalkWork	work = {0};
	HttpOptions options;
	StringInfoData answer;
	ListCell   *lc;

	TalkOptions(&options);
	options.total_timeout = 60000;
	work.session = SessionRead(DocumentMember(asked, "session"));
	work.http = TalkHttp();
	work.client = work.http->open(&options);

	/*
	 * a login that a stored connection needs is stored, whatever becomes of
	 * the caller
	 */
	if (OidIsValid(work.session->schema) && SessionNeedsToken(work.session))
		BackgroundWorkerInitializeConnectionByOid(task->database, InvalidOid, 0);

	initStringInfo(&answer);
	appendStringInfoString(&answer, "{\"answers\":[");
	foreach(lc, DocumentElements(DocumentMember(asked, "requests")))
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfoChar(&answer, ',');
		AnswerRequest(&work, lfirst(lc), &answer);
	}
	appendStringInfo(&answer, "],\"session\":%s}", SessionWrite(work.session));
	work.http->close(work.client);
	CourierSend(task, COURIER_ANSWER, answer.data);
}
