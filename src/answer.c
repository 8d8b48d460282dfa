#include "postgres.h"

#include <ctype.h>
#include <time.h>

#include "answer.h"
#include "datatype/timestamp.h"
#include "utils/datetime.h"

/* Seconds beyond which a Retry-After is read as a point in time */
#define EPOCH_FROM 1000000000

/* Months as HTTP dates write them */
static const char *const month_names = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Seconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT", -1 if it is none */
static int64
ReadHttpDate(const char *text)
{
	int			day;
	int			year;
	int			hour;
	int			minute;
	int			second;
	char		name[4];
	const char *month;

	if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d", &day, name, &year, &hour, &minute, &second) != 6)
		return -1;
	month = strstr(month_names, name);
	if (month == NULL || strlen(name) != 3)
		return -1;
	return (int64) (date2j(year, (month - month_names) / 3 + 1, day) - UNIX_EPOCH_JDATE) * SECS_PER_DAY +
		hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second;
}

/* Milliseconds that a header asks for: seconds, a date or an epoch */
int64
AnswerReadWait(const char *text)
{
	int64		seconds;
	int64		now = (int64) time(NULL);

	if (text == NULL)
		return -1;
	while (*text == ' ')
		text++;
	if (isdigit((unsigned char) *text))
	{
		double		number = strtod(text, NULL);

		if (number >= EPOCH_FROM)
			number -= now;
		return number < 0 ? 0 : (int64) (Min(number, 1e9) * 1000);
	}
	seconds = ReadHttpDate(text);
	if (seconds < 0)
		return -1;
	return Max(seconds - now, 0) * 1000;
}

/* Fill a fault */
static bool
Fault(AnswerFault *fault, int sqlerrcode, bool again, char *message, const char *hint)
{
	fault->sqlerrcode = sqlerrcode;
	fault->message = message;
	fault->hint = pstrdup(hint);
	fault->again = again;
	return false;
}

/* What a status other than success means */
static bool
JudgeStatus(int status, AnswerFault *fault)
{
	char	   *message = psprintf("the HR system answered with HTTP status %d", status);

	switch (status)
	{
		case 401:
			return Fault(fault, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, false,
						 pstrdup("the HR system does not accept the credentials (HTTP status 401)"),
						 "Check key and account, then type them again: SELECT * FROM stakesync_connect(...).");
		case 403:
			return Fault(fault, ERRCODE_INSUFFICIENT_PRIVILEGE, false,
						 pstrdup("the credentials lack a permission (HTTP status 403)"),
						 "Grant the read permissions that the guide in stakesync_provider names.");
		case 404:
			return Fault(fault, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, false, message,
						 "There is no such address there; check settings.base_url.");
		case 429:
			return Fault(fault, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, true,
						 pstrdup("the HR system asks for fewer requests (HTTP status 429)"),
						 "Wait a while and fetch again, or set settings.requests_per_minute lower.");
		case 408:
			return Fault(fault, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, true, message,
						 "The HR system was too slow for itself; fetch again later.");
	}
	if (status >= 500)
		return Fault(fault, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, true, message,
					 "The HR system has a fault; fetch again later.");
	if (status >= 300 && status < 400)
		return Fault(fault, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, false,
					 psprintf("the HR system redirects elsewhere (HTTP status %d)", status),
					 "Redirects are not followed with credentials; set settings.base_url to the final address.");
	return Fault(fault, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, false, message,
				 "Check settings.base_url and the provider's definition.");
}

/* True if the answer is good; else why not */
bool
AnswerIsGood(HttpOutcome outcome, int status, const char *message,
			 const char *retry_after, AnswerFault *fault)
{
	char	   *words = pstrdup(message && message[0] ? message : "the request failed");

	fault->wait = AnswerReadWait(retry_after);
	switch (outcome)
	{
		case HTTP_ANSWERED:
			return (status >= 200 && status < 300) || JudgeStatus(status, fault);
		case HTTP_BAD_URL:
			return Fault(fault, ERRCODE_INVALID_PARAMETER_VALUE, false, words,
						 "Give settings.base_url as https://host, without user or password.");
		case HTTP_FORBIDDEN_ADDRESS:
			return Fault(fault, ERRCODE_INSUFFICIENT_PRIVILEGE, false, words,
						 "Private addresses and plain http need the host in stakesync.allowed_hosts, which a superuser sets.");
		case HTTP_UNKNOWN_HOST:
			return Fault(fault, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, true, words,
						 "Check the host's name in settings.base_url, and the server's name resolution.");
		case HTTP_UNREACHABLE:
			return Fault(fault, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, true, words,
						 "Check host and port in settings.base_url, firewall and stakesync.proxy.");
		case HTTP_TLS_FAILED:
			return Fault(fault, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, false, words,
						 "An authority of your own is set by stakesync.ca_file; verification cannot be switched off.");
		case HTTP_TIMED_OUT:
			return Fault(fault, ERRCODE_CONNECTION_FAILURE, true, words,
						 "Fetch again later; limits are stakesync.connect_timeout, first_byte_timeout and idle_timeout.");
		case HTTP_BROKEN:
			return Fault(fault, ERRCODE_CONNECTION_FAILURE, true, words, "Fetch again.");
		case HTTP_TOO_LARGE:
			return Fault(fault, ERRCODE_PROGRAM_LIMIT_EXCEEDED, false, words,
						 "The answer is larger than any HR system's ought to be; check settings.base_url.");
		default:
			return Fault(fault, ERRCODE_CONNECTION_FAILURE, true, words, "Fetch again.");
	}
}

/* The fault of an answer whose body is not what it ought to be */
void
AnswerIsNoJson(const char *content_type, const char *what, AnswerFault *fault)
{
	bool		html = content_type != NULL && pg_strncasecmp(content_type, "text/html", 9) == 0;

	fault->wait = -1;
	Fault(fault, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, false,
		  html ? pstrdup("the HR system answered with an HTML page instead of JSON") : pstrdup(what),
		  "Check that settings.base_url is the address of the API, not of its website.");
}
