#include "postgres.h"

#include "access/xact.h"
#include "connection.h"
#include "document.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "secret.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* How long a worker waits for the lock of a connection's credentials */
#define KEEP_LOCK_TIMEOUT "10s"

/* Names of a company's connections */
static char *
ListConnections(const Company *company)
{
	SqlRun(company, "SELECT coalesce(pg_catalog.string_agg(connection, ', ' ORDER BY connection), 'none') FROM @company@.connection", NULL);
	return SqlText(0, 1);
}

/* The connection a call means: named, or the only one */
char *
ConnectionResolve(Company *company, const char *name)
{
	if (name != NULL)
	{
		if (SqlRun(company, "SELECT connection FROM @company@.connection WHERE connection = $1", "t", name) == 1)
			return SqlText(0, 1);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("company \"%s\" has no connection \"%s\"", company->name, name),
				 errhint("Its connections: %s.", ListConnections(company))));
	}
	if (SqlRun(company, "SELECT connection FROM @company@.connection ORDER BY connection", NULL) == 1)
		return SqlText(0, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("company \"%s\" has no connection yet", company->name),
				 errhint("Make one: SELECT * FROM stakesync_connect('merge').")));
	ereport(ERROR,
			(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
			 errmsg("company \"%s\" has several connections, say which", company->name),
			 errhint("Name it with connection => '...': %s.", ListConnections(company))));
	return NULL;
}

/* What binds sealed credentials: company, connection and hosts */
static char *
BindTo(const Company *company, const char *connection, const char *hosts)
{
	return psprintf("%s\n%s\n%s", company->name, connection, hosts);
}

/* A session at a provider, of whose definition the method was taken */
Session *
ConnectionSession(Company *company, const char *name, const Provider *provider, Jsonb *method,
				  Jsonb *settings, Jsonb *credentials)
{
	Session    *session = palloc0(sizeof(Session));
	Jsonb	   *definition = provider->definition;

	session->settings = ProviderSettings(provider, settings);
	session->credentials = credentials;
	session->base_url = ProviderBaseUrl(provider, session->settings, credentials);
	session->own_url = ProviderOwnUrl(provider, session->settings, credentials);
	session->login_url = ProviderLoginUrl(provider, method, session->settings, credentials, session->base_url);
	session->hosts = ProviderHosts(provider, method, session->settings, credentials, session->base_url, session->login_url);
	session->company = company ? pstrdup(company->name) : pstrdup("stakesync");
	session->connection = pstrdup(name);
	session->headers = DocumentMember(definition, "headers");
	session->login_headers = DocumentMember(method, "headers");
	session->login = DocumentMember(method, "login");
	session->retry = DocumentMember(definition, "retry");
	return session;
}

/* The day in the company's time zone */
static char *
TodayOf(Company *company)
{
	SqlRun(company, "SELECT (pg_catalog.now() AT TIME ZONE timezone)::date::text FROM @company@._company", NULL);
	return SqlText(0, 1);
}

/* Open a sealed text; NULL for null */
static char *
Unseal(Datum sealed, bool isnull, const char *bound)
{
	return isnull ? NULL : SecretOpen(DatumGetByteaPCopy(sealed), bound, NULL);
}

/* Refuse credentials that were given for other hosts than they would go to now */
static void
CheckHosts(const Connection *connection, const char *hosts)
{
	if (strcmp(connection->session->hosts, hosts) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the credentials of connection \"%s\" were given for %s and would now go to %s",
						connection->name, hosts, connection->session->hosts),
				 errhint("Type them again: SELECT * FROM stakesync_connect(%s, credentials => ..., connection => %s).",
						 quote_literal_cstr(connection->provider->provider), quote_literal_cstr(connection->name))));
}

/* Raise that a connection has no credentials */
static void
RefuseWithout(const char *name, const char *provider, const char *state)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("connection \"%s\" is %s: it has no credentials", name, state),
			 errhint("Connect it: SELECT * FROM stakesync_connect(%s, credentials => ..., connection => %s).",
					 quote_literal_cstr(provider), quote_literal_cstr(name))));
}

/* Read a connection and open its credentials */
Connection *
ConnectionOpen(Company *company, const char *name)
{
	Connection *connection = palloc0(sizeof(Connection));
	char	   *provider;
	Jsonb	   *settings;
	char	   *hosts;
	char	   *bound;
	char	   *plain;
	char	   *token;
	Jsonb	   *credentials;
	bool		isnull;
	Datum		sealed;
	TimestampTz expires;
	TimestampTz given;

	if (SqlRun(company, "SELECT c.connection_id, c.provider, c.settings, c.state, s.method, s.sealed::bytea, s.hosts, s.token::bytea, s.token_expires, s.sealed_at "
			   "FROM @company@.connection c LEFT JOIN @company@._credential s USING (connection) "
			   "WHERE c.connection = $1", "t", name) != 1)
		elog(ERROR, "connection vanished");
	connection->name = pstrdup(name);
	connection->id = SqlInt(0, 1);
	provider = SqlText(0, 2);
	settings = DocumentRead(SqlText(0, 3));
	connection->state = SqlText(0, 4);
	connection->method = SqlText(0, 5);
	hosts = SqlText(0, 7);
	sealed = SqlDatum(0, 6, &isnull);
	if (isnull)
		RefuseWithout(name, provider, connection->state);
	bound = BindTo(company, name, hosts);
	plain = Unseal(sealed, isnull, bound);
	sealed = SqlDatum(0, 8, &isnull);
	token = Unseal(sealed, isnull, psprintf("%s\ntoken", bound));
	sealed = SqlDatum(0, 9, &isnull);
	expires = isnull ? 0 : DatumGetTimestampTz(sealed);
	given = DatumGetTimestampTz(SqlDatum(0, 10, &isnull));

	credentials = DocumentRead(plain);
	SecretWipe(plain, strlen(plain));
	connection->provider = ProviderFind(company, provider);
	connection->login = ProviderMethod(connection->provider, &connection->method, NULL);
	connection->session = ConnectionSession(company, name, connection->provider, connection->login, settings, credentials);
	connection->session->today = TodayOf(company);
	connection->session->schema = company->schema;
	connection->session->given = given;
	connection->session->token = token;
	connection->session->expires = expires;
	connection->settings = connection->session->settings;
	CheckHosts(connection, hosts);
	return connection;
}

/* Seal a text */
static Datum
Seal(const char *plain, const char *bound)
{
	return plain ? PointerGetDatum(SecretSeal(plain, strlen(plain), bound)) : (Datum) 0;
}

/* Store what a session knows: credentials, and the token where there is one */
void
ConnectionKeep(Company *company, const char *name, const char *method, Session *session)
{
	char	   *bound = BindTo(company, name, session->hosts);
	char	   *plain = JsonbToCString(NULL, &session->credentials->root, VARSIZE(session->credentials));
	Datum		sealed = Seal(plain, bound);

	SecretWipe(plain, strlen(plain));
	SqlRun(company,
		   "INSERT INTO @company@._credential (connection, method, sealed, hosts, token, token_expires) VALUES ($1, $2, $3, $4, $5, $6) "
		   "ON CONFLICT (connection) DO UPDATE SET method = excluded.method, sealed = excluded.sealed, "
		   "hosts = excluded.hosts, sealed_at = pg_catalog.now(), token = excluded.token, token_expires = excluded.token_expires",
		   "ttytyz", name, method, sealed, session->hosts, Seal(session->token, psprintf("%s\ntoken", bound)),
		   session->token ? session->expires : (int64) 0);
	session->renewed = false;
}

/* Store what a login gave a stored connection, unless it was connected anew or disconnected since */
void
ConnectionKeepRenewed(Company *company, Session *session)
{
	char	   *bound = BindTo(company, session->connection, session->hosts);
	char	   *plain = JsonbToCString(NULL, &session->credentials->root, VARSIZE(session->credentials));
	Datum		sealed = Seal(plain, bound);

	SecretWipe(plain, strlen(plain));
	SqlRun(company,
		   "UPDATE @company@._credential SET sealed = $2, token = $3, token_expires = $4 "
		   "WHERE connection = $1 AND hosts = $5 AND sealed_at = $6",
		   "tyyztz", session->connection, sealed, Seal(session->token, psprintf("%s\ntoken", bound)),
		   session->token ? session->expires : (int64) 0, session->hosts, session->given);
	session->renewed = false;
}

/* Store what the login of a stored connection gave, at once */
void
ConnectionKeepNow(Session *session)
{
	CompanyContext *context = CompanyBegin(session->schema, KEEP_LOCK_TIMEOUT);

	ConnectionKeepRenewed(context->company, session);
	CompanyCommit(context);
}
