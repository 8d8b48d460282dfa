#include "postgres.h"

#include "access/xact.h"
#include "document.h"
#include "fmgr.h"
#include "guc.h"
#include "lib/stringinfo.h"
#include "mapping.h"
#include "miscadmin.h"
#include "talk.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* The answer to a check is small */
#define TALK_BODY_LIMIT (1024 * 1024)

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

/* Append a list of texts as a JSON array member */
static void
AppendTexts(StringInfo buf, const char *key, List *texts)
{
	ListCell   *lc;

	appendStringInfoChar(buf, ',');
	escape_json(buf, key);
	appendStringInfoString(buf, ":[");
	foreach(lc, texts)
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfoChar(buf, ',');
		escape_json(buf, lfirst(lc));
	}
	appendStringInfoChar(buf, ']');
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

/* True if the answer was good and held what was expected; else why not */
bool
TalkOnce(const Talk *talk, AnswerFault *fault)
{
	StringInfoData task;
	Courier    *courier;
	Jsonb	   *answer;
	char	   *shape;

	CheckNothingWritten();
	initStringInfo(&task);
	appendStringInfoChar(&task, '{');
	DocumentAppend(&task, "method", talk->method);
	DocumentAppend(&task, "url", talk->url);
	DocumentAppend(&task, "body", talk->body);
	DocumentAppend(&task, "expect", talk->expect);
	AppendTexts(&task, "headers", talk->headers);
	appendStringInfoChar(&task, '}');
	courier = CourierStart(COURIER_TALK, task.data, "request");
	explicit_bzero(task.data, task.len);

	answer = DocumentRead(AwaitAnswer(courier));
	if (!AnswerIsGood((HttpOutcome) DocumentInt(answer, "outcome", HTTP_FAILED),
					  (int) DocumentInt(answer, "status", 0),
					  DocumentText(answer, "message"), NULL, fault))
		return false;
	shape = DocumentText(answer, "shape");
	if (shape == NULL)
		return true;
	AnswerIsNoJson(DocumentText(answer, "content_type"), shape, fault);
	return false;
}

/* Why a body does not hold the value expected; NULL if it does */
static const char *
JudgeBody(const char *expect, StringInfo body)
{
	MappingRule rule = {.field = "expect", .path = expect, .type = VALUE_TEXT};
	MappingOptions options = {.id_path = expect};
	MappedRecord record = {0};

	if (body->len == 0)
		return "the HR system answered with nothing";
	MappingApply(MappingCompile(list_make1(&rule), &options), body->data, body->len, &record);
	if (record.error != NULL)
		return "the HR system answered with something that is not JSON";
	if (record.values[0].state != MAPPED_VALUE)
		return psprintf("the HR system's answer holds no %s", expect);
	return NULL;
}

/* Collect the whole answer */
static HttpOutcome
ReadWhole(const HttpApi *http, HttpClient *client, HttpTransfer *transfer, StringInfo body)
{
	for (;;)
	{
		const char *data;
		size_t		length = http->read(transfer, &data);

		if (body->len + length > TALK_BODY_LIMIT)
			return HTTP_TOO_LARGE;
		appendBinaryStringInfo(body, data, length);
		if (length == 0 && http->outcome(transfer) != HTTP_RUNNING)
			return http->outcome(transfer);
		if (length == 0)
			http->wait(client, 1000);
	}
}

/* The worker's side: do the exchange and send the answer */
void
TalkInWorker(CourierTask *task)
{
	const HttpApi *http = TalkHttp();
	Jsonb	   *asked = DocumentRead(task->task);
	HttpOptions options;
	HttpRequest request = {0};
	HttpClient *client;
	HttpTransfer *transfer;
	HttpOutcome outcome;
	StringInfoData body;
	StringInfoData answer;
	char	   *expect = DocumentText(asked, "expect");
	int			status;

	TalkOptions(&options);
	options.total_timeout = 60000;
	request.method = DocumentText(asked, "method");
	request.url = DocumentText(asked, "url");
	request.headers = DocumentTexts(DocumentMember(asked, "headers"));
	request.body = DocumentText(asked, "body");
	request.body_length = request.body ? strlen(request.body) : 0;

	client = http->open(&options);
	transfer = http->start(client, &request);
	initStringInfo(&body);
	outcome = ReadWhole(http, client, transfer, &body);
	status = http->status(transfer);

	initStringInfo(&answer);
	appendStringInfoChar(&answer, '{');
	DocumentAppendInt(&answer, "outcome", outcome);
	DocumentAppendInt(&answer, "status", status);
	DocumentAppend(&answer, "message", outcome == HTTP_ANSWERED ? NULL : http->message(transfer));
	DocumentAppend(&answer, "content_type", http->header(transfer, "content-type"));
	DocumentAppend(&answer, "shape", expect && outcome == HTTP_ANSWERED && status / 100 == 2 ?
				   JudgeBody(expect, &body) : NULL);
	appendStringInfoChar(&answer, '}');
	http->finish(transfer);
	http->close(client);
	CourierSend(task, COURIER_ANSWER, answer.data);
}
