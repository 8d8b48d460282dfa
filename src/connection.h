/*
 * Connections: a company's accounts at HR systems.
 */
#ifndef STAKESYNC_CONNECTION_H
#define STAKESYNC_CONNECTION_H

#include "postgres.h"

#include "company.h"
#include "provider.h"
#include "utils/jsonb.h"

/* What is needed to talk to a connection's HR system */
typedef struct Connection
{
	char	   *name;
	int64		id;
	char	   *state;
	Provider   *provider;
	Jsonb	   *settings;
	char	   *base_url;
	List	   *headers;		/* secrets filled in (char *) */
} Connection;

/*
 * The connection a call means: named, or the only one. In an entered context;
 * palloc'd in the current memory context.
 */
extern char *ConnectionResolve(Company *company, const char *name);

/* Read a connection and open its credentials; raises where it has none */
extern Connection *ConnectionOpen(Company *company, const char *name);

#endif							/* STAKESYNC_CONNECTION_H */
