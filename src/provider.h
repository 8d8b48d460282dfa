/*
 * Providers: what is known of an HR system, read from its definition.
 */
#ifndef STAKESYNC_PROVIDER_H
#define STAKESYNC_PROVIDER_H

#include "postgres.h"

#include "company.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef struct Provider
{
	const char *provider;
	const char *name;
	const char *terms;
	Jsonb	   *definition;
} Provider;

/* The provider of that name; raises if there is none. company may be NULL. */
extern Provider *ProviderFind(Company *company, const char *name);

/* The login method of that name, or the first one for NULL */
extern Jsonb *ProviderMethod(const Provider *provider, const char **method);

/* Credentials asked for, as a readable list: "api_key (API key), ..." */
extern char *ProviderAsks(Jsonb *method);

/* Address under which all paths lie, without a slash at its end */
extern char *ProviderBaseUrl(const Provider *provider, Jsonb *settings, Jsonb *credentials);

/* Headers of each request, secrets filled in (char *) */
extern List *ProviderHeaders(const Provider *provider, Jsonb *method, Jsonb *settings, Jsonb *credentials);

/* host:port of an address; raises where it is no absolute http(s) address */
extern char *ProviderHost(const char *url);

/* Raise if credentials lack a key, have a strange one, or cannot be a header */
extern void ProviderCheckCredentials(const Provider *provider, Jsonb *method, Jsonb *credentials);

/* Raise on a setting that is not known or not of its kind */
extern void ProviderCheckSettings(const Provider *provider, Jsonb *settings);

#endif							/* STAKESYNC_PROVIDER_H */
