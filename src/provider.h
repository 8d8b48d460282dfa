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

/*
 * Take the login method of that name, or for NULL the one that the credentials
 * fit. What the method has of its own replaces that of the definition.
 */
extern Jsonb *ProviderMethod(Provider *provider, const char **method, Jsonb *credentials);

/* Names of the login methods, the default one first */
extern List *ProviderMethods(const Provider *provider);

/* Credentials asked for, as a readable list: "api_key (API key), ..." */
extern char *ProviderAsks(Jsonb *method);

/* Settings with the definition's defaults behind them */
extern Jsonb *ProviderSettings(const Provider *provider, Jsonb *settings);

/*
 * Addresses under which paths lie, without a slash at their end: all of them,
 * as the system itself says (NULL where something for it is not given), and
 * those of the login
 */
extern char *ProviderBaseUrl(const Provider *provider, Jsonb *settings, Jsonb *credentials);
extern char *ProviderOwnUrl(const Provider *provider, Jsonb *settings, Jsonb *credentials);
extern char *ProviderLoginUrl(const Provider *provider, Jsonb *method, Jsonb *settings, Jsonb *credentials,
							  const char *base_url);

/* All hosts that requests of a login method may go to, as one text */
extern char *ProviderHosts(const Provider *provider, Jsonb *method, Jsonb *settings, Jsonb *credentials,
						   const char *base_url, const char *login_url);

/* host:port of an address; raises where it is no absolute http(s) address */
extern char *ProviderHost(const char *url);

/* Raise if credentials lack a key, have a strange one, or cannot be a header */
extern void ProviderCheckCredentials(const Provider *provider, Jsonb *method, Jsonb *credentials);

/* Raise on a setting that is not known or not of its kind */
extern void ProviderCheckSettings(const Provider *provider, Jsonb *settings);

#endif							/* STAKESYNC_PROVIDER_H */
