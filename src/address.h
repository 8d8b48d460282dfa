/*
 * Which addresses the HTTP client may connect to. Part of stakesync_http.
 */
#ifndef STAKESYNC_ADDRESS_H
#define STAKESYNC_ADDRESS_H

#include "postgres.h"

#include <sys/socket.h>

/* True if a socket address must not be connected to unless its host is allowed */
extern bool AddressIsForbidden(const struct sockaddr *address);

/* True if a host is written as an address, and a forbidden one */
extern bool AddressIsForbiddenLiteral(const char *host);

/* True if allowed_hosts (host or host:port, by commas) names the place */
extern bool AddressIsAllowedHost(const char *allowed_hosts, const char *host, const char *port);

#endif							/* STAKESYNC_ADDRESS_H */
