#include "postgres.h"

#include "exchange.h"
#include "json.h"
#include "json_piece.h"
#include "mapping.h"
#include "path.h"

/* Copy a text that belongs to the transfer */
static char *
Copy(const char *text)
{
	return text ? pstrdup(text) : NULL;
}

/* Collect the whole answer */
static HttpOutcome
ReadWhole(const HttpApi *http, HttpClient *client, HttpTransfer *transfer, size_t most, StringInfo body)
{
	for (;;)
	{
		const char *data;
		size_t		length = http->read(transfer, &data);

		if (body->len + length > most)
			return HTTP_TOO_LARGE;
		appendBinaryStringInfo(body, data, length);
		if (length == 0 && http->outcome(transfer) != HTTP_RUNNING)
			return http->outcome(transfer);
		if (length == 0)
			http->wait(client, 1000);
	}
}

/* Ask and wait for the whole answer */
void
ExchangeRun(const HttpApi *http, HttpClient *client, const Request *request,
			size_t most, const char *note, Exchange *exchange)
{
	HttpRequest sent = {0};
	HttpTransfer *transfer;

	RequestSend(request, &sent);
	transfer = http->start(client, &sent);
	initStringInfo(&exchange->body);
	exchange->outcome = ReadWhole(http, client, transfer, most, &exchange->body);
	exchange->status = http->status(transfer);
	exchange->message = exchange->outcome == HTTP_ANSWERED ? NULL : Copy(http->message(transfer));
	exchange->content_type = Copy(http->header(transfer, "content-type"));
	exchange->retry_after = Copy(http->header(transfer, "retry-after"));
	exchange->noted = note ? Copy(http->header(transfer, note)) : NULL;
	http->finish(transfer);
}

/* True if the answer is good; else why not */
bool
ExchangeIsGood(const Exchange *exchange, AnswerFault *fault)
{
	return AnswerIsGood(exchange->outcome, exchange->status, exchange->message, exchange->retry_after, fault);
}

/* The scalar that a jsonpath finds in an object */
static char *
FindByMapping(const char *body, size_t length, const char *path)
{
	MappingRule rule = {.field = "answer",.path = path,.type = VALUE_TEXT};
	MappingOptions options = {.id_path = "$.id"};
	MappedRecord record = {0};

	MappingApply(MappingCompile(list_make1(&rule), &options), body, length, &record);
	return record.error == NULL && record.values[0].state == MAPPED_VALUE ? record.values[0].text : NULL;
}

/* The scalar at a path of a JSON text */
char *
ExchangeFind(const char *body, size_t length, const char *path, const char **error)
{
	*error = NULL;
	if (length == 0)
		*error = "the HR system answered with nothing";
	else if (JsonTreeRead(JsonTreeCreate(), JsonShapeCreate(false), body, length) < 0)
		*error = "the HR system answered with something that is not JSON";
	if (*error != NULL)
		return NULL;
	if (PathParse(path, "answer")->rest >= 0)
		return FindByMapping(body, length, path);
	return JsonPickText(JsonPickerCreate(path, false), body, length);
}
