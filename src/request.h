/*
 * Requests: from what a definition says to what goes over the wire.
 */
#ifndef STAKESYNC_REQUEST_H
#define STAKESYNC_REQUEST_H

#include "postgres.h"

#include "http.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A variable of a template, beside credentials and settings */
typedef struct RequestVariable
{
	const char *name;
	char	   *text;			/* NULL: a number or a list */
	int64		number;
	List	   *list;			/* of char * */
} RequestVariable;

/* Where templates find what they name */
typedef struct RequestScope
{
	List	   *variables;		/* of RequestVariable *; they come first */
	Jsonb	   *credentials;
	Jsonb	   *settings;
} RequestScope;

/* A request ready to be sent */
typedef struct Request
{
	char	   *method;
	char	   *url;
	List	   *headers;		/* of char * */
	char	   *body;			/* or NULL */
} Request;

/* Add a variable to a list of them */
extern List *RequestVariableText(List *variables, const char *name, const char *text);
extern List *RequestVariableNumber(List *variables, const char *name, int64 number);
extern List *RequestVariableList(List *variables, const char *name, List *list);

/* A template filled; NULL where it names a variable that has no value */
extern char *RequestFill(const char *template, const RequestScope *scope);

/* The same for an address: what is filled in is percent-encoded */
extern char *RequestFillAddress(const char *template, const RequestScope *scope);

/* Length of the variable that a template has at this place, with its braces; 0 for none */
extern size_t RequestVariableLength(const char *at);

/* True if a document names a variable */
extern bool RequestNames(Jsonb *spec, const char *variable);

/* A list of filled headers, to which others may be added; left out where a variable has no value */
extern List *RequestHeaders(List *headers, Jsonb *templates, const RequestScope *scope);

/*
 * Build a request below base_url. Members of more, if given, are laid over the
 * query, form or body: what an incremental fetch adds.
 */
extern void RequestBuild(Jsonb *spec, Jsonb *more, const char *base_url, const RequestScope *scope,
						 List *headers, Request *request);

/* Length of an address up to its path */
extern size_t RequestOriginLength(const char *url);

/* The address that follows from a link in an answer; NULL for one elsewhere */
extern char *RequestFollow(const char *url, const char *link);

/* Put the token into headers that wait for it; those that cannot have one are left out */
extern List *RequestSetToken(List *headers, const char *token);

/* As the HTTP client wants it */
extern void RequestSend(const Request *request, HttpRequest *http);

#endif							/* STAKESYNC_REQUEST_H */
