/*
 * HTTP client on libcurl's multi interface, driven by the process latch.
 *
 * libcurl never waits here. It tells through two callbacks which sockets it
 * wants watched and when it wants to be called again; HttpWait() is the only
 * place that sleeps, on a WaitEventSet of the latch, postmaster death and
 * those sockets. So cancel, shutdown and barriers are served at once, whatever
 * a transfer is doing, name resolution included. There need not be a
 * transaction.
 *
 * Errors. libcurl's frames must not be jumped over: callbacks neither raise
 * nor palloc, they note a fault in the transfer and return short. Only code
 * outside of libcurl raises (interrupts above all), and it leaves the client
 * in a state that HttpClose() can free. All memory is malloc'd for that reason,
 * and bounded by the caps.
 *
 * Threads. libcurl resolves names in a thread of its own. It must not run the
 * server's signal handlers, so all signals are blocked around calls that may
 * start one; a new thread inherits that mask.
 *
 * Memory. A body collects in a buffer that the caller takes by HttpRead(), the
 * next bytes then collect in another one. A transfer with more than 1 MB
 * unread is paused. That is done after libcurl has returned where possible:
 * once paused from inside, libcurl goes on decompressing what it has read into
 * memory of its own, where the caps do not reach. Only beyond 8 MB, which
 * takes a strange peer, the callback itself pauses.
 *
 * Queue. No more transfers to a host run at a time than there may be
 * connections, in the order in which they were started. libcurl would queue
 * them itself, but in no order: transfers that nobody reads yet, paused, could
 * then keep the one that the caller is waiting for from ever starting.
 *
 * Time. Timeouts other than the one for connecting run on the client's clock,
 * which stands still while the caller is busy elsewhere, and are judged only
 * after the sockets have been served. A peer whose answer lies waiting in the
 * kernel is never taken for slow.
 *
 * Addresses. Rules for addresses are applied to the one really connected to,
 * when libcurl opens the socket, so that no name and no second look-up leads
 * past them. Behind a proxy only an address written in the URL can be judged.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "fmgr.h"
#include "http.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

PG_MODULE_MAGIC;

/* Defaults of options */
#define HTTP_DEFAULT_HEADER_BYTES	(64 * 1024)
#define HTTP_DEFAULT_BODY_BYTES		(INT64CONST(4) * 1024 * 1024 * 1024)
#define HTTP_DEFAULT_CONNECTIONS	4

/* Unread bytes at which a transfer is paused, softly and hard */
#define HTTP_PAUSE_BYTES			(1024 * 1024)
#define HTTP_PAUSE_HARD_BYTES		(8 * 1024 * 1024)

/* What libcurl reads at once, and decompressed bytes that are never a bomb */
#define HTTP_READ_BYTES				(16 * 1024)
#define HTTP_EXPANSION_FREE_BYTES	(1024 * 1024)

/* Smallest size of a body buffer */
#define HTTP_BUFFER_BYTES			(64 * 1024)

/* Sizes of texts in a transfer */
#define HTTP_PLACE_SIZE				300
#define HTTP_MESSAGE_SIZE			512

/* Sockets of a client beside its connections, as the resolver's */
#define HTTP_SPARE_SOCKETS			2

/* Set an option unless an earlier one failed; none may be lost silently */
#define SetOption(code, easy, option, value) \
	((code) = (code) == CURLE_OK ? curl_easy_setopt(easy, option, value) : (code))

/* Timeouts that run on the client's clock */
typedef enum HttpLimit
{
	HTTP_LIMIT_NONE,
	HTTP_LIMIT_FIRST_BYTE,
	HTTP_LIMIT_IDLE,
	HTTP_LIMIT_TOTAL
} HttpLimit;

typedef struct HttpBuffer
{
	char	   *data;
	size_t		length;
	size_t		size;
} HttpBuffer;

typedef struct HttpHeader
{
	struct HttpHeader *next;
	char	   *value;
	char		name[FLEXIBLE_ARRAY_MEMBER];
} HttpHeader;

/* A socket that libcurl wants watched */
typedef struct HttpSocket
{
	curl_socket_t fd;
	uint32		events;			/* WL_SOCKET_* */
} HttpSocket;

struct HttpClient
{
	/* Info */
	HttpOptions options;		/* texts are our own copies */
	CURLM	   *multi;
	dlist_head	transfers;
	int			reserved_fds;

	/* What libcurl wants to wait for */
	HttpSocket *sockets;
	int			socket_count;
	int			socket_size;
	bool		sockets_changed;
	bool		timer_set;
	int64		timer_at;		/* monotonic */

	/* What we wait for */
	WaitEventSet *wait_set;
	WaitEvent  *events;
	int			event_size;

	/* Clock that runs only in HttpWait */
	bool		waiting;
	int64		wait_began;		/* monotonic */
	int64		waited;

	bool		news;			/* since the last HttpWait */
};

struct HttpTransfer
{
	dlist_node	node;
	HttpClient *client;

	/* Info */
	char		place[HTTP_PLACE_SIZE]; /* host:port, for messages */
	bool		host_allowed;	/* by allowed_hosts */

	/* Held for libcurl */
	CURL	   *easy;
	CURLU	   *url;
	struct curl_slist *request_headers;
	bool		running;		/* easy is in the client's multi */

	/* Where it is */
	HttpOutcome outcome;
	HttpOutcome fault;			/* noted by a callback */
	char		message[HTTP_MESSAGE_SIZE];
	bool		forbidden;		/* some address was refused */
	bool		paused;

	/* Times on the client's clock */
	int64		started;
	int64		sent;			/* -1 before */
	int64		last_byte;		/* -1 before */

	/* Answer */
	int			status;
	bool		headers_done;
	int64		header_bytes;
	int64		body_bytes;		/* decompressed */
	int64		wire_bytes;
	HttpHeader *headers;
	HttpHeader *last_header;
	HttpBuffer	incoming;
	HttpBuffer	taken;			/* what HttpRead handed out */
};

/* Block all signals, so that a thread libcurl starts inherits that */
static void
BlockSignals(sigset_t *saved)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

/* Undo BlockSignals */
static void
RestoreSignals(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* Milliseconds on a clock that cannot jump */
static int64
MonotonicTime(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MILLISEC(now);
}

/* Milliseconds that the client has spent waiting */
static int64
WaitedTime(const HttpClient *client)
{
	if (!client->waiting)
		return client->waited;
	return client->waited + MonotonicTime() - client->wait_began;
}

/* Raise the error for malloc that failed; never from a callback */
static void
RaiseOutOfMemory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory"),
			 errdetail("The HTTP client could not get memory.")));
}

/* Write the message of a transfer */
static void
			SetMessage(HttpTransfer *transfer, const char *format,...) pg_attribute_printf(2, 3);

static void
SetMessage(HttpTransfer *transfer, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(transfer->message, HTTP_MESSAGE_SIZE, format, args);
	va_end(args);
}

/* Note in a callback why the transfer has to end; the first reason stays */
static bool
NoteFault(HttpTransfer *transfer, HttpOutcome fault)
{
	if (transfer->fault != HTTP_RUNNING)
		return false;
	transfer->fault = fault;
	return true;
}

/* Write milliseconds as a person would say them */
static const char *
FormatDuration(int milliseconds, char *buffer, size_t size)
{
	if (milliseconds % 1000 == 0)
		snprintf(buffer, size, "%d s", milliseconds / 1000);
	else
		snprintf(buffer, size, "%d ms", milliseconds);
	return buffer;
}

/* True if requests go through a proxy */
static bool
HasProxy(const HttpClient *client)
{
	return client->options.proxy != NULL && client->options.proxy[0] != '\0';
}

/* Make room for more bytes in a buffer; false if there is no memory */
static bool
ReserveBuffer(HttpBuffer *buffer, size_t more)
{
	size_t		needed = buffer->length + more;
	size_t		size = Max(buffer->size, HTTP_BUFFER_BYTES);
	char	   *data;

	if (needed <= buffer->size)
		return true;

	while (size < needed)
		size *= 2;
	data = realloc(buffer->data, size);
	if (data == NULL)
		return false;
	buffer->data = data;
	buffer->size = size;
	return true;
}

/* Forget the headers that came so far */
static void
FreeHeaders(HttpTransfer *transfer)
{
	while (transfer->headers != NULL)
	{
		HttpHeader *header = transfer->headers;

		transfer->headers = header->next;
		free(header->value);
		free(header);
	}
	transfer->last_header = NULL;
}

/* Find a header by its name */
static HttpHeader *
FindHeader(const HttpTransfer *transfer, const char *name, size_t length)
{
	for (HttpHeader *header = transfer->headers; header != NULL; header = header->next)
	{
		if (strlen(header->name) == length &&
			pg_strncasecmp(header->name, name, length) == 0)
			return header;
	}

	return NULL;
}

/* Add text to the value of a header; false if there is no memory */
static bool
AppendHeaderValue(HttpHeader *header, const char *separator,
				  const char *text, size_t length)
{
	size_t		old_length = header->value == NULL ? 0 : strlen(header->value);
	size_t		separator_length = header->value == NULL ? 0 : strlen(separator);
	char	   *value;

	value = realloc(header->value, old_length + separator_length + length + 1);
	if (value == NULL)
		return false;
	memcpy(value + old_length, separator, separator_length);
	memcpy(value + old_length + separator_length, text, length);
	value[old_length + separator_length + length] = '\0';
	header->value = value;
	return true;
}

/* Store one header, joined to one of the same name; false without memory */
static bool
StoreHeader(HttpTransfer *transfer, const char *name, size_t name_length,
			const char *value, size_t length)
{
	HttpHeader *header = FindHeader(transfer, name, name_length);

	if (header == NULL)
	{
		header = calloc(1, offsetof(HttpHeader, name) + name_length + 1);
		if (header == NULL)
			return false;
		memcpy(header->name, name, name_length);
		header->next = transfer->headers;
		transfer->headers = header;
	}

	transfer->last_header = header;
	return AppendHeaderValue(header, ", ", value, length);
}

/* Take one header line without its end; false if there is no memory */
static bool
ParseHeaderLine(HttpTransfer *transfer, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	const char *value = line;
	bool		folded = length > 0 && (line[0] == ' ' || line[0] == '\t');

	if (!folded)
	{
		if (colon == NULL || colon == line)
			return true;
		value = colon + 1;
		length -= value - line;
	}

	while (length > 0 && (*value == ' ' || *value == '\t'))
	{
		value++;
		length--;
	}
	while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
		length--;

	/* A folded line goes on with the value before */
	if (folded)
		return transfer->last_header == NULL ||
			AppendHeaderValue(transfer->last_header, " ", value, length);

	return StoreHeader(transfer, line, colon - line, value, length);
}

/* Take the empty line after the headers */
static void
EndHeaders(HttpTransfer *transfer)
{
	long		status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);

	/* After an interim answer comes another one */
	if (status >= 100 && status < 200)
		return;

	transfer->status = (int) status;
	transfer->headers_done = true;
	transfer->client->news = true;
}

/* Header callback: take one line; trailers are only counted */
static size_t
TakeHeader(char *line, size_t size, size_t count, void *arg)
{
	HttpTransfer *transfer = arg;
	int64		cap = transfer->client->options.max_header_bytes;
	size_t		whole = size * count;
	size_t		length = whole;

	transfer->last_byte = WaitedTime(transfer->client);
	transfer->header_bytes += whole;
	if (transfer->header_bytes > cap)
	{
		if (NoteFault(transfer, HTTP_TOO_LARGE))
			SetMessage(transfer, "headers from %s are larger than " INT64_FORMAT " bytes",
					   transfer->place, cap);
		return 0;
	}

	if (transfer->headers_done)
		return whole;

	while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		length--;

	if (length == 0)
		EndHeaders(transfer);
	else if (length > 5 && memcmp(line, "HTTP/", 5) == 0)
		FreeHeaders(transfer);
	else if (!ParseHeaderLine(transfer, line, length))
	{
		if (NoteFault(transfer, HTTP_FAILED))
			SetMessage(transfer, "out of memory for the headers from %s", transfer->place);
		return 0;
	}

	return whole;
}

/* Read the bytes that came over the wire so far */
static int64
MeasureWireBytes(const HttpTransfer *transfer)
{
	curl_off_t	body = 0;

	if (transfer->easy != NULL)
		curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &body);
	return (int64) body + transfer->header_bytes;
}

/* True if the body has grown far beyond what came over the wire */
static bool
IsBomb(const HttpTransfer *transfer)
{
	int64		expansion = transfer->client->options.max_expansion;

	if (expansion <= 0 || transfer->body_bytes <= HTTP_EXPANSION_FREE_BYTES)
		return false;

	/* libcurl may count a read only after it has handed its bytes on */
	return transfer->body_bytes / expansion > MeasureWireBytes(transfer) + HTTP_READ_BYTES;
}

/* Write callback: take decoded bytes of the body */
static size_t
TakeBody(char *data, size_t size, size_t count, void *arg)
{
	HttpTransfer *transfer = arg;
	HttpBuffer *buffer = &transfer->incoming;
	int64		cap = transfer->client->options.max_body_bytes;
	size_t		length = size * count;

	if (buffer->length > HTTP_PAUSE_HARD_BYTES)
	{
		transfer->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}

	transfer->last_byte = WaitedTime(transfer->client);
	transfer->body_bytes += length;

	if (transfer->body_bytes > cap)
	{
		if (NoteFault(transfer, HTTP_TOO_LARGE))
			SetMessage(transfer, "answer of %s is larger than " INT64_FORMAT " bytes",
					   transfer->place, cap);
		return 0;
	}

	if (IsBomb(transfer))
	{
		if (NoteFault(transfer, HTTP_TOO_LARGE))
			SetMessage(transfer, "answer of %s expands to more than %d times its compressed size",
					   transfer->place, transfer->client->options.max_expansion);
		return 0;
	}

	if (!ReserveBuffer(buffer, length))
	{
		if (NoteFault(transfer, HTTP_FAILED))
			SetMessage(transfer, "out of memory for the answer of %s", transfer->place);
		return 0;
	}

	memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	transfer->client->news = true;
	return length;
}

/* Open-socket callback: judge the address that is about to be connected to */
static curl_socket_t
OpenSocket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	HttpTransfer *transfer = arg;
	curl_socket_t fd;

	if (!transfer->host_allowed && !HasProxy(transfer->client) &&
		AddressIsForbidden(&address->addr))
	{
		transfer->forbidden = true;
		return CURL_SOCKET_BAD;
	}

	fd = socket(address->family, address->socktype, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* Socket callback: remember what libcurl wants watched */
static int
WatchSocket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	HttpClient *client = arg;
	uint32		events = 0;
	int			i;

	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= WL_SOCKET_READABLE;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= WL_SOCKET_WRITEABLE;

	client->sockets_changed = true;
	for (i = 0; i < client->socket_count; i++)
		if (client->sockets[i].fd == fd)
			break;

	/* Forget it, the last one takes its place */
	if (events == 0)
	{
		if (i < client->socket_count)
			client->sockets[i] = client->sockets[--client->socket_count];
		return 0;
	}

	if (i == client->socket_size)
	{
		int			size = Max(8, client->socket_size * 2);
		HttpSocket *sockets = realloc(client->sockets, size * sizeof(HttpSocket));

		if (sockets == NULL)
			return -1;
		client->sockets = sockets;
		client->socket_size = size;
	}

	client->sockets[i].fd = fd;
	client->sockets[i].events = events;
	if (i == client->socket_count)
		client->socket_count++;
	return 0;
}

/* Timer callback: remember when libcurl wants to be called again */
static int
SetTimer(CURLM *multi, long timeout, void *arg)
{
	HttpClient *client = arg;

	client->timer_set = timeout >= 0;
	if (client->timer_set)
		client->timer_at = MonotonicTime() + timeout;
	return 0;
}

/* End a transfer; its message must be set unless it was answered */
static void
EndTransfer(HttpTransfer *transfer, HttpOutcome outcome)
{
	HttpClient *client = transfer->client;

	transfer->wire_bytes = MeasureWireBytes(transfer);
	transfer->outcome = outcome;
	if (transfer->running)
	{
		transfer->running = false;
		(void) curl_multi_remove_handle(client->multi, transfer->easy);
	}
	client->news = true;
}

/* End all transfers that run, as libcurl cannot go on */
static void
EndAllTransfers(HttpClient *client, CURLMcode code)
{
	dlist_iter	iter;

	dlist_foreach(iter, &client->transfers)
	{
		HttpTransfer *transfer = dlist_container(HttpTransfer, node, iter.cur);

		if (!transfer->running)
			continue;
		SetMessage(transfer, "libcurl cannot go on (multi error %d)", (int) code);
		EndTransfer(transfer, HTTP_FAILED);
	}
}

/* Write why no connection came about */
static void
ExplainConnect(HttpTransfer *transfer)
{
	const char *place = HasProxy(transfer->client) ? "the proxy" : transfer->place;
	long		error = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error);
	if (error != 0)
		SetMessage(transfer, "could not connect to %s: %s", place, strerror((int) error));
	else
		SetMessage(transfer, "could not connect to %s", place);
}

/* Write where libcurl's own timeout, the one for connecting, hit */
static void
ExplainConnectTimeout(HttpTransfer *transfer)
{
	curl_off_t	resolved = 0;
	char		duration[32];

	FormatDuration(transfer->client->options.connect_timeout, duration, sizeof(duration));
	curl_easy_getinfo(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);

	if (resolved == 0)
		SetMessage(transfer, "host name of %s did not resolve within %s",
				   transfer->place, duration);
	else
		SetMessage(transfer, "no connection to %s within %s", transfer->place, duration);
}

/* Write what is wrong with the peer's certificate, by OpenSSL's numbers */
static void
ExplainCertificate(HttpTransfer *transfer)
{
	const char *place = transfer->place;
	long		result = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_SSL_VERIFYRESULT, &result);
	switch (result)
	{
		case 0:
		case 1:
			SetMessage(transfer, "certificate of %s is for another host", place);
			break;
		case 9:
			SetMessage(transfer, "certificate of %s is not valid yet", place);
			break;
		case 10:
			SetMessage(transfer, "certificate of %s has expired", place);
			break;
		case 18:
		case 19:
			SetMessage(transfer, "certificate of %s is self-signed", place);
			break;
		case 20:
		case 21:
			SetMessage(transfer, "certificate of %s is by an unknown authority", place);
			break;
		default:
			SetMessage(transfer, "certificate of %s is not valid (verify result %ld)",
					   place, result);
			break;
	}
}

/* Write why a connection ended early; through a proxy it may be its refusal */
static HttpOutcome
ExplainBroken(HttpTransfer *transfer)
{
	long		proxy_status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	if (transfer->sent < 0 && proxy_status / 100 > 2)
	{
		SetMessage(transfer, "the proxy refused a tunnel to %s with status %ld",
				   transfer->place, proxy_status);
		return HTTP_UNREACHABLE;
	}

	if (!transfer->headers_done)
		SetMessage(transfer, "connection to %s was closed before the answer",
				   transfer->place);
	else
		SetMessage(transfer, "answer of %s was cut off after " INT64_FORMAT " bytes",
				   transfer->place, transfer->body_bytes);
	return HTTP_BROKEN;
}

/* Tell what a TLS fault of libcurl means */
static HttpOutcome
ExplainTls(HttpTransfer *transfer, CURLcode code)
{
	switch (code)
	{
		case CURLE_PEER_FAILED_VERIFICATION:
			ExplainCertificate(transfer);
			break;
		case CURLE_SSL_CACERT_BADFILE:
			SetMessage(transfer, "could not read the file of trusted certificates");
			break;
		default:
			SetMessage(transfer, "TLS handshake with %s failed", transfer->place);
			break;
	}

	return HTTP_TLS_FAILED;
}

/* Tell what another fault of libcurl means */
static HttpOutcome
ExplainOther(HttpTransfer *transfer, CURLcode code)
{
	switch (code)
	{
		case CURLE_FILESIZE_EXCEEDED:
			SetMessage(transfer, "answer of %s is larger than " INT64_FORMAT " bytes",
					   transfer->place, transfer->client->options.max_body_bytes);
			return HTTP_TOO_LARGE;

		case CURLE_BAD_CONTENT_ENCODING:
			SetMessage(transfer, "compressed answer of %s is damaged", transfer->place);
			return HTTP_BROKEN;

		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_WEIRD_SERVER_REPLY:
			SetMessage(transfer, "answer of %s is not HTTP", transfer->place);
			return HTTP_FAILED;

#if LIBCURL_VERSION_NUM >= 0x080600
		case CURLE_TOO_LARGE:
#endif
		case CURLE_OUT_OF_MEMORY:
			/* So libcurl calls a line beyond its own cap, too */
			if (transfer->sent >= 0 && !transfer->headers_done)
			{
				SetMessage(transfer, "a header from %s is too large", transfer->place);
				return HTTP_TOO_LARGE;
			}
			/* And decompressed bytes that it must hold while paused */
			if (transfer->paused)
			{
				SetMessage(transfer, "compressed answer of %s expands too far", transfer->place);
				return HTTP_TOO_LARGE;
			}
			SetMessage(transfer, "out of memory for the answer of %s", transfer->place);
			return HTTP_FAILED;

		default:
			SetMessage(transfer, "request to %s failed (libcurl error %d)",
					   transfer->place, (int) code);
			return HTTP_FAILED;
	}
}

/* Tell what a fault of libcurl means */
static HttpOutcome
ExplainFailure(HttpTransfer *transfer, CURLcode code)
{
	if (transfer->fault != HTTP_RUNNING)
		return transfer->fault;
	if (transfer->forbidden && transfer->sent < 0)
	{
		SetMessage(transfer, "address of %s is private and not allowed", transfer->place);
		return HTTP_FORBIDDEN_ADDRESS;
	}

	switch (code)
	{
		case CURLE_COULDNT_RESOLVE_PROXY:
			SetMessage(transfer, "host name of the proxy did not resolve");
			return HTTP_UNKNOWN_HOST;

		case CURLE_COULDNT_RESOLVE_HOST:
			SetMessage(transfer, "host name of %s did not resolve", transfer->place);
			return HTTP_UNKNOWN_HOST;

		case CURLE_COULDNT_CONNECT:
			ExplainConnect(transfer);
			return HTTP_UNREACHABLE;

		case CURLE_OPERATION_TIMEDOUT:
			ExplainConnectTimeout(transfer);
			return HTTP_TIMED_OUT;

		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_USE_SSL_FAILED:
			return ExplainTls(transfer, code);

		case CURLE_PARTIAL_FILE:
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_HTTP2:
		case CURLE_HTTP2_STREAM:
			return ExplainBroken(transfer);

		default:
			return ExplainOther(transfer, code);
	}
}

/* Note on the client's clock what libcurl did since the last look */
static void
NoteProgress(HttpTransfer *transfer)
{
	int64		now = WaitedTime(transfer->client);
	int64		wire_bytes;
	curl_off_t	sent = 0;

	if (transfer->sent < 0)
	{
		curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
		if (sent > 0)
			transfer->sent = now;
	}

	/* Compressed bytes may come long before they make a decoded one */
	wire_bytes = MeasureWireBytes(transfer);
	if (wire_bytes != transfer->wire_bytes)
		transfer->last_byte = now;
	transfer->wire_bytes = wire_bytes;
}

/* End the transfers that libcurl is done with */
static void
CollectEnded(HttpClient *client)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(client->multi, &left)) != NULL)
	{
		CURLcode	code = message->data.result;
		HttpTransfer *transfer = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &transfer);

		NoteProgress(transfer);
		if (code == CURLE_OK && transfer->fault == HTTP_RUNNING)
			EndTransfer(transfer, HTTP_ANSWERED);
		else
			EndTransfer(transfer, ExplainFailure(transfer, code));
	}
}

/* Find the timeout of a transfer that comes next; -1 if none */
static int64
FindNextLimit(const HttpTransfer *transfer, HttpLimit *limit)
{
	const HttpOptions *options = &transfer->client->options;
	int64		at = -1;

	*limit = HTTP_LIMIT_NONE;

	if (transfer->last_byte < 0)
	{
		if (transfer->sent >= 0 && options->first_byte_timeout > 0)
		{
			*limit = HTTP_LIMIT_FIRST_BYTE;
			at = transfer->sent + options->first_byte_timeout;
		}
	}
	else if (!transfer->paused && options->idle_timeout > 0)
	{
		*limit = HTTP_LIMIT_IDLE;
		at = transfer->last_byte + options->idle_timeout;
	}

	if (options->total_timeout > 0 &&
		(at < 0 || transfer->started + options->total_timeout < at))
	{
		*limit = HTTP_LIMIT_TOTAL;
		at = transfer->started + options->total_timeout;
	}

	return at;
}

/* End a transfer by one of its timeouts */
static void
TimeOutTransfer(HttpTransfer *transfer, HttpLimit limit)
{
	const HttpOptions *options = &transfer->client->options;
	char		duration[32];

	switch (limit)
	{
		case HTTP_LIMIT_FIRST_BYTE:
			FormatDuration(options->first_byte_timeout, duration, sizeof(duration));
			SetMessage(transfer, "no answer from %s within %s", transfer->place, duration);
			break;
		case HTTP_LIMIT_IDLE:
			FormatDuration(options->idle_timeout, duration, sizeof(duration));
			SetMessage(transfer, "no byte from %s for %s", transfer->place, duration);
			break;
		default:
			FormatDuration(options->total_timeout, duration, sizeof(duration));
			SetMessage(transfer, "answer of %s was not complete within %s",
					   transfer->place, duration);
			break;
	}

	EndTransfer(transfer, HTTP_TIMED_OUT);
}

/* Judge timeouts, and pause transfers of which too much is unread */
static void
ReviewTransfers(HttpClient *client)
{
	dlist_iter	iter;

	dlist_foreach(iter, &client->transfers)
	{
		HttpTransfer *transfer = dlist_container(HttpTransfer, node, iter.cur);
		HttpLimit	limit;
		int64		at;

		if (!transfer->running)
			continue;

		NoteProgress(transfer);
		at = FindNextLimit(transfer, &limit);
		if (at >= 0 && at <= WaitedTime(client))
		{
			TimeOutTransfer(transfer, limit);
			continue;
		}

		if (!transfer->paused && transfer->incoming.length > HTTP_PAUSE_BYTES)
		{
			transfer->paused = true;
			(void) curl_easy_pause(transfer->easy, CURLPAUSE_RECV);
		}
	}
}

/* Let libcurl act on a socket, or on time with CURL_SOCKET_TIMEOUT */
static void
ActOnSocket(HttpClient *client, curl_socket_t fd, int events)
{
	CURLMcode	code;
	sigset_t	saved;
	int			running;

	BlockSignals(&saved);
	code = curl_multi_socket_action(client->multi, fd, events, &running);
	RestoreSignals(&saved);

	if (code != CURLM_OK)
		EndAllTransfers(client, code);
}

/* Let libcurl act if its timer is due */
static void
RunTimer(HttpClient *client)
{
	if (!client->timer_set || MonotonicTime() < client->timer_at)
		return;

	/* libcurl sets it anew if it wants to be called again */
	client->timer_set = false;
	ActOnSocket(client, CURL_SOCKET_TIMEOUT, 0);
}

/* Hand a transfer to libcurl */
static void
LaunchTransfer(HttpTransfer *transfer)
{
	HttpClient *client = transfer->client;
	CURLMcode	code;
	sigset_t	saved;

	BlockSignals(&saved);
	code = curl_multi_add_handle(client->multi, transfer->easy);
	RestoreSignals(&saved);

	if (code != CURLM_OK)
	{
		SetMessage(transfer, "could not start a request (multi error %d)", (int) code);
		EndTransfer(transfer, HTTP_FAILED);
		return;
	}

	transfer->started = WaitedTime(client);
	transfer->running = true;
}

/* Count the transfers that run to the same place */
static int
CountRunning(const HttpTransfer *transfer)
{
	int			count = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &transfer->client->transfers)
	{
		HttpTransfer *other = dlist_container(HttpTransfer, node, iter.cur);

		if (other->running && strcmp(other->place, transfer->place) == 0)
			count++;
	}

	return count;
}

/* Launch what waits for its turn and has it now; true if there was any */
static bool
LaunchQueued(HttpClient *client)
{
	bool		launched = false;
	dlist_iter	iter;

	dlist_foreach(iter, &client->transfers)
	{
		HttpTransfer *transfer = dlist_container(HttpTransfer, node, iter.cur);

		if (transfer->outcome != HTTP_RUNNING || transfer->running ||
			CountRunning(transfer) >= client->options.max_connections)
			continue;
		LaunchTransfer(transfer);
		launched = true;
	}

	return launched;
}

/* Do all that can be done without looking at a socket */
static void
Advance(HttpClient *client)
{
	do
	{
		RunTimer(client);
		CollectEnded(client);
	} while (LaunchQueued(client));
}

/* Make the set of events anew after libcurl's sockets changed */
static void
RebuildWaitSet(HttpClient *client)
{
	int			size = client->socket_count + 2;

	if (client->wait_set != NULL)
		FreeWaitEventSet(client->wait_set);
	client->wait_set = NULL;

	if (size > client->event_size)
	{
		WaitEvent  *events = realloc(client->events, size * sizeof(WaitEvent));

		if (events == NULL)
			RaiseOutOfMemory();
		client->events = events;
		client->event_size = size;
	}

	/* Anything from here on may raise; the set is made again then */
#if PG_VERSION_NUM >= 170000
	client->wait_set = CreateWaitEventSet(NULL, size);
#else
	client->wait_set = CreateWaitEventSet(TopMemoryContext, size);
#endif
	AddWaitEventToSet(client->wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(client->wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < client->socket_count; i++)
		AddWaitEventToSet(client->wait_set, client->sockets[i].events,
						  client->sockets[i].fd, NULL, NULL);
	client->sockets_changed = false;
}

/* Compute how long to sleep: for caller, libcurl's timer and our timeouts */
static long
FindSleepTime(HttpClient *client, int64 deadline)
{
	int64		now = MonotonicTime();
	int64		waited = WaitedTime(client);
	int64		left = INT_MAX;
	dlist_iter	iter;

	if (deadline >= 0)
		left = Min(left, deadline - now);
	if (client->timer_set)
		left = Min(left, client->timer_at - now);

	dlist_foreach(iter, &client->transfers)
	{
		HttpTransfer *transfer = dlist_container(HttpTransfer, node, iter.cur);
		HttpLimit	limit;
		int64		at;

		if (!transfer->running)
			continue;
		at = FindNextLimit(transfer, &limit);
		if (at >= 0)
			left = Min(left, at - waited);
	}

	return (long) Max(left, 0);
}

/* Sleep until something happens, and act on it; true if the latch was set */
static bool
SleepAndAct(HttpClient *client, long timeout)
{
	bool		latch_set = false;
	int			count;

	if (client->sockets_changed)
		RebuildWaitSet(client);
	count = WaitEventSetWait(client->wait_set, timeout, client->events,
							 client->event_size, PG_WAIT_EXTENSION);

	for (int i = 0; i < count; i++)
	{
		WaitEvent  *event = &client->events[i];
		int			action = 0;

		if (event->events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			latch_set = true;
			continue;
		}

		if (event->events & WL_SOCKET_READABLE)
			action |= CURL_CSELECT_IN;
		if (event->events & WL_SOCKET_WRITEABLE)
			action |= CURL_CSELECT_OUT;
		if (action != 0)
			ActOnSocket(client, event->fd, action);
	}

	Advance(client);

	if (latch_set)
		CHECK_FOR_INTERRUPTS();
	return latch_set;
}

/* Wait for news, the timeout or the latch */
static bool
HttpWait(HttpClient *client, long timeout)
{
	int64		began = MonotonicTime();
	int64		deadline = timeout < 0 ? -1 : began + timeout;
	bool		latch_set = false;
	bool		news;

	/* An error from here on leaves the clock running until the next call */
	CHECK_FOR_INTERRUPTS();
	client->wait_began = began;
	client->waiting = true;

	/* A transfer may have been finished by the caller */
	(void) LaunchQueued(client);

	while (!client->news && !latch_set)
	{
		latch_set = SleepAndAct(client, FindSleepTime(client, deadline));

		/* Sockets may have been passed over in favour of the latch */
		if (!latch_set)
			ReviewTransfers(client);
		if (deadline >= 0 && MonotonicTime() >= deadline)
			break;
	}

	client->waited = WaitedTime(client);
	client->waiting = false;

	news = client->news;
	client->news = false;
	return news;
}

/* Hand out the bytes that came, and let more come */
static size_t
HttpRead(HttpTransfer *transfer, const char **data)
{
	HttpBuffer	taken = transfer->incoming;
	CURLcode	code;
	sigset_t	saved;

	transfer->incoming = transfer->taken;
	transfer->incoming.length = 0;
	transfer->taken = taken;
	*data = taken.data;

	if (transfer->paused && transfer->running)
	{
		/* The write callback may be called in here, and pause again */
		transfer->paused = false;
		transfer->last_byte = WaitedTime(transfer->client);
		BlockSignals(&saved);
		code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
		RestoreSignals(&saved);
		if (code != CURLE_OK)
			EndTransfer(transfer, ExplainFailure(transfer, code));
	}

	return taken.length;
}

/* Write host and port for messages, with nothing in it but plain ASCII */
static void
SetPlace(HttpTransfer *transfer, const char *host, const char *port)
{
	snprintf(transfer->place, HTTP_PLACE_SIZE, "%s:%s", host, port);
	for (char *c = transfer->place; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			*c = '?';
}

/* Judge scheme and host of a URL; its outcome if it must not be asked */
static HttpOutcome
JudgeUrl(HttpTransfer *transfer, const char *scheme, char *host, const char *port)
{
	HttpClient *client = transfer->client;
	size_t		length = strlen(host);

	SetPlace(transfer, host, port);

	/* Without brackets from here on */
	if (length > 1 && host[0] == '[' && host[length - 1] == ']')
	{
		host[length - 1] = '\0';
		host++;
	}

	transfer->host_allowed = AddressIsAllowedHost(client->options.allowed_hosts, host, port);
	if (transfer->host_allowed)
		return HTTP_RUNNING;

	if (strcmp(scheme, "https") != 0)
	{
		SetMessage(transfer, "plain http to %s is not allowed", transfer->place);
		return HTTP_FORBIDDEN_ADDRESS;
	}
	if (AddressIsForbiddenLiteral(host))
	{
		SetMessage(transfer, "address of %s is private and not allowed", transfer->place);
		return HTTP_FORBIDDEN_ADDRESS;
	}

	return HTTP_RUNNING;
}

/* Parse and judge the URL; its outcome if it must not be asked */
static HttpOutcome
ParseUrl(HttpTransfer *transfer, const char *url)
{
	HttpOutcome outcome = HTTP_BAD_URL;
	char	   *scheme = NULL;
	char	   *host = NULL;
	char	   *port = NULL;

	SetMessage(transfer, "not an absolute http or https address without credentials");

	transfer->url = curl_url();
	if (transfer->url == NULL)
	{
		SetMessage(transfer, "out of memory for a request");
		return HTTP_FAILED;
	}

	if (curl_url_set(transfer->url, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
		curl_url_get(transfer->url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(transfer->url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(transfer->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
		host[0] != '\0')
		outcome = JudgeUrl(transfer, scheme, host, port);

	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return outcome;
}

/* Set where the request goes, and how */
static CURLcode
SetConnection(HttpTransfer *transfer)
{
	HttpOptions *options = &transfer->client->options;
	CURL	   *easy = transfer->easy;
	long		connect_timeout = options->connect_timeout;
	CURLcode	code = CURLE_OK;

	/* Zero would be libcurl's own default */
	if (connect_timeout <= 0)
		connect_timeout = INT_MAX;

	SetOption(code, easy, CURLOPT_CURLU, transfer->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	SetOption(code, easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SetOption(code, easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	SetOption(code, easy, CURLOPT_FOLLOWLOCATION, 0L);
	SetOption(code, easy, CURLOPT_OPENSOCKETFUNCTION, OpenSocket);
	SetOption(code, easy, CURLOPT_OPENSOCKETDATA, transfer);
	SetOption(code, easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout);
	SetOption(code, easy, CURLOPT_NOSIGNAL, 1L);
	SetOption(code, easy, CURLOPT_TCP_NODELAY, 1L);
	SetOption(code, easy, CURLOPT_TCP_KEEPALIVE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	SetOption(code, easy, CURLOPT_QUICK_EXIT, 1L);
#endif

	/* An empty text, unlike NULL, keeps the environment from being read */
	SetOption(code, easy, CURLOPT_PROXY, HasProxy(transfer->client) ? options->proxy : "");
	SetOption(code, easy, CURLOPT_NOPROXY, "");
	SetOption(code, easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SetOption(code, easy, CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
	SetOption(code, easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);

	return code;
}

/* Set how the peer is verified */
static CURLcode
SetVerification(HttpTransfer *transfer)
{
	const char *ca_file = transfer->client->options.ca_file;
	CURL	   *easy = transfer->easy;
	CURLcode	code = CURLE_OK;

	SetOption(code, easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SetOption(code, easy, CURLOPT_SSL_VERIFYHOST, 2L);
	SetOption(code, easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);

	/* A file of one's own replaces what the system trusts */
	if (ca_file != NULL && ca_file[0] != '\0')
	{
		SetOption(code, easy, CURLOPT_CAINFO, ca_file);
		SetOption(code, easy, CURLOPT_CAPATH, NULL);
	}

	return code;
}

/* Set how the answer is taken */
static CURLcode
SetAnswer(HttpTransfer *transfer)
{
	HttpOptions *options = &transfer->client->options;
	CURL	   *easy = transfer->easy;
	CURLcode	code = CURLE_OK;

	SetOption(code, easy, CURLOPT_PRIVATE, transfer);
	SetOption(code, easy, CURLOPT_HEADERFUNCTION, TakeHeader);
	SetOption(code, easy, CURLOPT_HEADERDATA, transfer);
	SetOption(code, easy, CURLOPT_WRITEFUNCTION, TakeBody);
	SetOption(code, easy, CURLOPT_WRITEDATA, transfer);
	SetOption(code, easy, CURLOPT_BUFFERSIZE, (long) HTTP_READ_BYTES);
	SetOption(code, easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) options->max_body_bytes);
	SetOption(code, easy, CURLOPT_ACCEPT_ENCODING, "");

	/* A libcurl without HTTP/2 refuses this, and is welcome */
	if (code == CURLE_OK)
		(void) curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);

	return code;
}

/* Add a header to the request; false if there is no memory */
static bool
AddRequestHeader(HttpTransfer *transfer, const char *header)
{
	struct curl_slist *list = curl_slist_append(transfer->request_headers, header);

	if (list == NULL)
		return false;
	transfer->request_headers = list;
	return true;
}

/* Set method, headers and body */
static CURLcode
SetRequest(HttpTransfer *transfer, const HttpRequest *request)
{
	CURL	   *easy = transfer->easy;
	CURLcode	code = CURLE_OK;
	ListCell   *cell;

	SetOption(code, easy, CURLOPT_USERAGENT, transfer->client->options.user_agent);

	/* The size first: the body may have zero bytes in it */
	if (request->body != NULL || strcmp(request->method, "POST") == 0)
	{
		SetOption(code, easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_length);
		SetOption(code, easy, CURLOPT_COPYPOSTFIELDS, request->body == NULL ? "" : request->body);
	}
	else if (strcmp(request->method, "HEAD") == 0)
		SetOption(code, easy, CURLOPT_NOBODY, 1L);
	SetOption(code, easy, CURLOPT_CUSTOMREQUEST, request->method);

	foreach(cell, request->headers)
	{
		if (!AddRequestHeader(transfer, lfirst(cell)))
			return CURLE_OUT_OF_MEMORY;
	}

	/* Do not ask a server whether it wants the body, it costs a second */
	if (!AddRequestHeader(transfer, "Expect:"))
		return CURLE_OUT_OF_MEMORY;
	SetOption(code, easy, CURLOPT_HTTPHEADER, transfer->request_headers);

	return code;
}

/* True if method and headers cannot smuggle in a second request */
static bool
IsSafeRequest(const HttpRequest *request)
{
	ListCell   *cell;

	if (request->method[0] == '\0')
		return false;
	for (const char *c = request->method; *c != '\0'; c++)
		if (!isalpha((unsigned char) *c))
			return false;

	foreach(cell, request->headers)
	{
		const char *header = lfirst(cell);

		if (strpbrk(header, "\r\n") != NULL)
			return false;
	}

	return true;
}

/* Make a transfer ready to be launched; its outcome if that failed */
static HttpOutcome
PrepareTransfer(HttpTransfer *transfer, const HttpRequest *request)
{
	HttpOutcome outcome;
	CURLcode	code;

	outcome = ParseUrl(transfer, request->url);
	if (outcome != HTTP_RUNNING)
		return outcome;

	if (!IsSafeRequest(request))
	{
		SetMessage(transfer, "method or header of the request is not valid");
		return HTTP_FAILED;
	}

	transfer->easy = curl_easy_init();
	code = transfer->easy == NULL ? CURLE_OUT_OF_MEMORY : SetConnection(transfer);
	if (code == CURLE_OK)
		code = SetVerification(transfer);
	if (code == CURLE_OK)
		code = SetAnswer(transfer);
	if (code == CURLE_OK)
		code = SetRequest(transfer, request);
	if (code != CURLE_OK)
	{
		SetMessage(transfer, "could not prepare a request (libcurl error %d)", (int) code);
		return HTTP_FAILED;
	}

	transfer->message[0] = '\0';
	return HTTP_RUNNING;
}

/* Start a request; sent at once where a connection is open and free */
static HttpTransfer *
HttpStart(HttpClient *client, const HttpRequest *request)
{
	HttpTransfer *transfer = calloc(1, sizeof(HttpTransfer));
	HttpOutcome outcome;

	if (transfer == NULL)
		RaiseOutOfMemory();

	transfer->client = client;
	transfer->outcome = HTTP_RUNNING;
	transfer->fault = HTTP_RUNNING;
	transfer->sent = -1;
	transfer->last_byte = -1;
	dlist_push_tail(&client->transfers, &transfer->node);

	outcome = PrepareTransfer(transfer, request);
	if (outcome != HTTP_RUNNING)
		EndTransfer(transfer, outcome);
	else if (LaunchQueued(client))
		Advance(client);

	return transfer;
}

/* Forget a transfer, running or not */
static void
HttpFinish(HttpTransfer *transfer)
{
	if (transfer->running)
		(void) curl_multi_remove_handle(transfer->client->multi, transfer->easy);
	if (transfer->easy != NULL)
		curl_easy_cleanup(transfer->easy);
	curl_url_cleanup(transfer->url);
	curl_slist_free_all(transfer->request_headers);

	FreeHeaders(transfer);
	free(transfer->incoming.data);
	free(transfer->taken.data);
	dlist_delete(&transfer->node);
	free(transfer);
}

/* Where the transfer is */
static HttpOutcome
HttpGetOutcome(HttpTransfer *transfer)
{
	return transfer->outcome;
}

/* Status of the answer, 0 before its headers */
static int
HttpGetStatus(HttpTransfer *transfer)
{
	return transfer->status;
}

/* Value of a header of the answer, or NULL */
static const char *
HttpGetHeader(HttpTransfer *transfer, const char *name)
{
	HttpHeader *header = FindHeader(transfer, name, strlen(name));

	return header == NULL ? NULL : header->value;
}

/* Why the transfer failed */
static const char *
HttpGetMessage(HttpTransfer *transfer)
{
	return transfer->message;
}

/* Bytes of the answer that came over the wire */
static int64
HttpGetWireBytes(HttpTransfer *transfer)
{
	return transfer->running ? MeasureWireBytes(transfer) : transfer->wire_bytes;
}

/* Close a client with all its transfers; works after an error at any place */
static void
HttpClose(HttpClient *client)
{
	while (!dlist_is_empty(&client->transfers))
		HttpFinish(dlist_head_element(HttpTransfer, node, &client->transfers));

	/* May still call back for idle connections */
	if (client->multi != NULL)
		(void) curl_multi_cleanup(client->multi);
	if (client->wait_set != NULL)
		FreeWaitEventSet(client->wait_set);
	while (client->reserved_fds-- > 0)
		ReleaseExternalFD();

	free(client->sockets);
	free(client->events);
	free(unconstify(char *, client->options.allowed_hosts));
	free(unconstify(char *, client->options.proxy));
	free(unconstify(char *, client->options.ca_file));
	free(unconstify(char *, client->options.user_agent));
	free(client);
}

/* Copy a text of the options; false if there is no memory */
static bool
CopyText(const char **target, const char *text)
{
	*target = text == NULL ? NULL : strdup(text);
	return text == NULL || *target != NULL;
}

/* Copy options, with defaults for what is left out; false without memory */
static bool
CopyOptions(HttpOptions *target, const HttpOptions *options)
{
	*target = *options;
	if (target->max_header_bytes <= 0)
		target->max_header_bytes = HTTP_DEFAULT_HEADER_BYTES;
	if (target->max_body_bytes <= 0)
		target->max_body_bytes = HTTP_DEFAULT_BODY_BYTES;
	if (target->max_connections <= 0)
		target->max_connections = HTTP_DEFAULT_CONNECTIONS;

	/* All of them, so that none is left pointing to the caller's text */
	return CopyText(&target->allowed_hosts, options->allowed_hosts) &
		CopyText(&target->proxy, options->proxy) &
		CopyText(&target->ca_file, options->ca_file) &
		CopyText(&target->user_agent,
				 options->user_agent == NULL ? "stakesync" : options->user_agent);
}

/* Make libcurl ready, once in a process */
static void
PrepareLibcurl(void)
{
	static bool ready = false;

	if (ready)
		return;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not initialize libcurl")));
	if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS))
		ereport(WARNING,
				(errmsg("libcurl resolves host names without a thread"),
				 errdetail("Cancel and shutdown have to wait while a name is resolved.")));
	ready = true;
}

/* Take file descriptors out of the server's count; false if too few are left */
static bool
ReserveDescriptors(HttpClient *client)
{
	int			wanted = client->options.max_connections + HTTP_SPARE_SOCKETS;

	while (client->reserved_fds < wanted)
	{
		if (!AcquireExternalFD())
			return false;
		client->reserved_fds++;
	}

	return true;
}

/* Make the multi handle of a client; false if there is no memory */
static bool
CreateMulti(HttpClient *client)
{
	long		connections = client->options.max_connections;
	CURLM	   *multi = curl_multi_init();

	client->multi = multi;
	return multi != NULL &&
		curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, WatchSocket) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, SetTimer) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections) == CURLM_OK;
}

/* Open a client */
static HttpClient *
HttpOpen(const HttpOptions *options)
{
	HttpClient *client;

	PrepareLibcurl();

	client = calloc(1, sizeof(HttpClient));
	if (client == NULL)
		RaiseOutOfMemory();
	dlist_init(&client->transfers);
	client->sockets_changed = true;

	if (!CopyOptions(&client->options, options) || !CreateMulti(client))
	{
		HttpClose(client);
		RaiseOutOfMemory();
	}

	if (!ReserveDescriptors(client))
	{
		HttpClose(client);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too few file descriptors for an HTTP client"),
				 errhint("Raise max_files_per_process.")));
	}

	return client;
}

static const HttpApi Api = {
	.version = HTTP_API_VERSION,
	.open = HttpOpen,
	.close = HttpClose,
	.start = HttpStart,
	.wait = HttpWait,
	.read = HttpRead,
	.outcome = HttpGetOutcome,
	.status = HttpGetStatus,
	.header = HttpGetHeader,
	.message = HttpGetMessage,
	.wire_bytes = HttpGetWireBytes,
	.finish = HttpFinish
};

/* Hand out the functions of this library */
const HttpApi *
stakesync_http_api(void)
{
	return &Api;
}
