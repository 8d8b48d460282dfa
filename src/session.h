/*
 * Session: who we are at an HR system, and what every request to it carries.
 */
#ifndef STAKESYNC_SESSION_H
#define STAKESYNC_SESSION_H

#include "postgres.h"

#include "answer.h"
#include "http.h"
#include "request.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef struct Session
{
	/* Where */
	char	   *base_url;
	char	   *own_url;		/* base_url without settings.base_url, or NULL */
	char	   *login_url;		/* base of the login's requests */
	char	   *hosts;			/* all that requests may go to */

	/* Who */
	Jsonb	   *credentials;
	Jsonb	   *settings;		/* with the definition's defaults */
	char	   *company;
	char	   *connection;
	char	   *today;
	Oid			schema;			/* of the company where the connection is
								 * stored, else invalid */
	TimestampTz given;			/* when the stored credentials were given */

	/* How: of the definition */
	Jsonb	   *headers;
	Jsonb	   *login_headers;
	Jsonb	   *login;			/* NULL for none */
	Jsonb	   *retry;

	/* What the login gave */
	char	   *token;
	TimestampTz expires;
	bool		renewed;		/* token or credentials are to be stored */
} Session;

/* Between processes */
extern char *SessionWrite(const Session *session);
extern Session *SessionRead(Jsonb *document);

/* Variables of every request, with those of the caller behind them */
extern void SessionScope(const Session *session, List *variables, RequestScope *scope);

/* Build a request of the definition; its token is put in by SessionSign */
extern void SessionRequest(const Session *session, Jsonb *spec, Jsonb *more, List *variables, Request *request);

/* The same without what the login method adds */
extern void SessionRequestPlain(const Session *session, Jsonb *spec, List *variables, Request *request);

/* Put the token in */
extern void SessionSign(const Session *session, Request *request);

/* True if requests need a token that has to be asked for */
extern bool SessionNeedsToken(const Session *session);

/* True if a token is there and lasts a while */
extern bool SessionHasToken(const Session *session);

/* In a worker: ask for a token; false if it was refused */
extern bool SessionLogin(Session *session, const HttpApi *http, HttpClient *client, AnswerFault *fault);

/* Take what an answer gives as credentials: {credential: path} */
extern bool SessionKeep(Session *session, Jsonb *keeps, const char *body, size_t length);

#endif							/* STAKESYNC_SESSION_H */
