/*
 * HTTP client on libcurl's multi interface, driven by the process latch.
 *
 * Lives in its own library (stakesync_http) so that only the worker loads
 * libcurl. Callers get the functions through stakesync_http_api().
 */
#ifndef STAKESYNC_HTTP_H
#define STAKESYNC_HTTP_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Bumped when the functions below change */
#define HTTP_API_VERSION 1

typedef struct HttpClient HttpClient;
typedef struct HttpTransfer HttpTransfer;

/* What became of a transfer */
typedef enum HttpOutcome
{
	HTTP_RUNNING,				/* not at its end yet */
	HTTP_ANSWERED,				/* an answer came whole, whatever its status */
	HTTP_BAD_URL,				/* not an absolute http or https address */
	HTTP_FORBIDDEN_ADDRESS,		/* private address, or plain http, not allowed */
	HTTP_UNKNOWN_HOST,			/* name did not resolve */
	HTTP_UNREACHABLE,			/* refused, no route */
	HTTP_TLS_FAILED,			/* certificate, host name or handshake */
	HTTP_TIMED_OUT,				/* connect, first byte, idle or whole */
	HTTP_BROKEN,				/* reset or cut off before its end */
	HTTP_TOO_LARGE,				/* header or body beyond its cap */
	HTTP_FAILED					/* anything else */
} HttpOutcome;

typedef struct HttpOptions
{
	/* Addresses */
	const char *allowed_hosts;	/* comma list of host or host:port that may be
								 * private or plain http */
	const char *proxy;			/* NULL or empty for none; never from the
								 * environment */
	const char *ca_file;		/* NULL or empty for the system's */

	/*
	 * Timeouts in milliseconds, 0 for none. All but the first count only the
	 * time spent in wait, so that a busy caller is not held against the peer.
	 */
	int			connect_timeout;	/* name, connection and TLS handshake */
	int			first_byte_timeout; /* from request sent to first header */
	int			idle_timeout;	/* no byte, from the first one on */
	int			total_timeout;	/* the whole, without time in the queue */

	/* Caps, 0 for the default */
	int64		max_header_bytes;	/* default 64 kB */
	int64		max_body_bytes; /* after decompression; default 4 GB */
	int			max_expansion;	/* decompressed bytes per byte on the wire,
								 * judged past 1 MB; 0 for none */
	int			max_connections;	/* to one host at a time; default 4. More
									 * requests queue in the order of start */
	const char *user_agent;		/* NULL for "stakesync" */
} HttpOptions;

typedef struct HttpRequest
{
	const char *method;			/* "GET", "POST", ... */
	const char *url;
	List	   *headers;		/* of char *, each "Name: value" */
	const char *body;			/* NULL for none */
	size_t		body_length;
} HttpRequest;

typedef struct HttpApi
{
	int			version;

	/*
	 * Open a client; everything of it is freed by close, its transfers too,
	 * or at process exit
	 */
	HttpClient *(*open) (const HttpOptions *options);
	void		(*close) (HttpClient *client);

	/* Start a request; never blocks, faults show as the outcome */
	HttpTransfer *(*start) (HttpClient *client, const HttpRequest *request);

	/*
	 * Wait until some transfer has news (bytes, headers, end), the timeout
	 * (milliseconds, -1 for none) is over or the latch was set. Serves
	 * interrupts, so it may raise: close the client then. Returns false if
	 * there was no news. Without transfers it only sleeps.
	 */
	bool		(*wait) (HttpClient *client, long timeout);

	/*
	 * Decoded bytes that came since the last call for this transfer; valid
	 * until the next one. There may be some left after the end: read until 0.
	 * A transfer with more than 1 MB unread stands still.
	 */
	size_t		(*read) (HttpTransfer *transfer, const char **data);

	/* Where the transfer is */
	HttpOutcome (*outcome) (HttpTransfer *transfer);
	int			(*status) (HttpTransfer *transfer); /* 0 before the headers */

	/* A header of the last answer, repeated ones joined by ", "; or NULL */
	const char *(*header) (HttpTransfer *transfer, const char *name);
	const char *(*message) (HttpTransfer *transfer);	/* why it failed; no
														 * value of body or
														 * header */
	int64		(*wire_bytes) (HttpTransfer *transfer);

	/* Forget a transfer, running or not */
	void		(*finish) (HttpTransfer *transfer);
} HttpApi;

extern PGDLLEXPORT const HttpApi *stakesync_http_api(void);

#endif							/* STAKESYNC_HTTP_H */
