/*
 * Connections: a company's accounts at HR systems.
 */
#ifndef STAKESYNC_CONNECTION_H
#define STAKESYNC_CONNECTION_H

#include "postgres.h"

#include "company.h"
#include "provider.h"
#include "session.h"
#include "utils/jsonb.h"

/* What is needed to talk to a connection's HR system */
typedef struct Connection
{
	char	   *name;
	int64		id;
	char	   *state;
	Provider   *provider;		/* with what the method has of its own */
	const char *method;
	Jsonb	   *login;			/* the method */
	Jsonb	   *settings;		/* with the definition's defaults */
	Session    *session;
} Connection;

/*
 * The connection a call means: named, or the only one. In an entered context;
 * palloc'd in the current memory context.
 */
extern char *ConnectionResolve(Company *company, const char *name);

/* Read a connection and open its credentials; raises where it has none */
extern Connection *ConnectionOpen(Company *company, const char *name);

/* A session at a provider, of whose definition the method was taken; company may be NULL */
extern Session *ConnectionSession(Company *company, const char *name, const Provider *provider, Jsonb *method,
								  Jsonb *settings, Jsonb *credentials);

/* Store what a session knows: credentials, and the token where there is one */
extern void ConnectionKeep(Company *company, const char *name, const char *method, Session *session);

/*
 * The same for a connection that is stored, unless somebody connected or
 * disconnected it since it was read
 */
extern void ConnectionKeepRenewed(Company *company, Session *session);

/*
 * In a worker without a transaction: store what the login of a stored
 * connection gave, at once. What was stored before may be worth nothing now.
 */
extern void ConnectionKeepNow(Session *session);

#endif							/* STAKESYNC_CONNECTION_H */
