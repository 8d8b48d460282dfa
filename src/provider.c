#include "postgres.h"

#include "definition.h"
#include "document.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "names.h"
#include "provider.h"
#include "request.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* What a setting may hold */
typedef enum SettingKind
{
	SETTING_URL,
	SETTING_TEXT,
	SETTING_NUMBER,
	SETTING_BOOLEAN,
	SETTING_OBJECT,
	SETTING_HAND_EDITS
} SettingKind;

/* Settings of every connection */
static const struct
{
	const char *name;
	SettingKind kind;
	const char *accepts;
	int64		most;			/* of a number */
}			settings_known[] =

{
	{"base_url", SETTING_URL, "an address such as https://api.example.com"},
	{"auth_url", SETTING_URL, "an address such as https://login.example.com"},
	{"requests_per_minute", SETTING_NUMBER, "a whole number from 1 to 100000", 100000},
	{"full_every", SETTING_NUMBER, "hours, from 1 to 8760", 8760},
	{"phone_region", SETTING_BOOLEAN, "true or false"},
	{"hand_edits", SETTING_HAND_EDITS, "\"keep\" or \"overwrite\""},
	{"follow_leavers", SETTING_BOOLEAN, "true or false"},
	{"guards", SETTING_OBJECT, "an object of percentages: {\"terminate\": 5}"},
};

/* Guards that a setting may change */
static const char *const guards_known[] = {"terminate", "clear", "identifier", "identity", "create"};

/* Say whose definition is wrong */
static void
NameProvider(void *arg)
{
	errcontext("definition of provider \"%s\"", (const char *) arg);
}

/* Check a definition: those of a company are rows of a table that its owner writes */
static void
CheckDefinition(const Provider *provider)
{
	ErrorContextCallback callback = {error_context_stack, NameProvider, (void *) provider->provider};

	error_context_stack = &callback;
	DefinitionCheck(provider->definition);
	error_context_stack = callback.previous;
}

/* Read a provider of the last result */
static Provider *
ReadProvider(void)
{
	Provider   *provider = palloc0(sizeof(Provider));

	provider->provider = SqlText(0, 1);
	provider->name = SqlText(0, 2);
	provider->terms = SqlText(0, 3);
	provider->definition = DocumentRead(SqlText(0, 4));
	CheckDefinition(provider);
	return provider;
}

/* Names of the providers one may connect */
static char *
ListProviders(const Company *company)
{
	SqlRun(company, "SELECT pg_catalog.string_agg(provider, ', ' ORDER BY provider) FROM @extension@.stakesync_provider WHERE via OPERATOR(pg_catalog.=) 'direct'", NULL);
	return SqlText(0, 1);
}

/* The provider of that name; SPI must be connected */
Provider *
ProviderFind(Company *company, const char *name)
{
	Company		none = {0};

	if (company == NULL)
	{
		none.quoted = "";
		none.extension = ExtensionSchema();
	}
	SqlRun(company ? company : &none,
		   "SELECT provider, name, terms, definition FROM @extension@.stakesync_provider "
		   "WHERE provider OPERATOR(pg_catalog.=) $1 AND via OPERATOR(pg_catalog.=) 'direct'", "t", name);
	if (SPI_processed == 0 && company != NULL)
		SqlRun(company, "SELECT provider, name, coalesce(definition ->> 'terms', ''), coalesce(definition, '{}') "
			   "FROM @company@.provider WHERE provider = $1", "t", name);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no provider \"%s\"", name),
				 errhint("Providers are: %s. More are reached through Merge: SELECT provider FROM stakesync_provider WHERE via = 'merge'.",
						 ListProviders(company ? company : &none))));
	return ReadProvider();
}

/* True if credentials have all that a method asks for and nothing else */
static bool
MethodFits(Jsonb *method, Jsonb *credentials)
{
	List	   *asked = NIL;
	ListCell   *lc;

	foreach(lc, DocumentElements(DocumentMember(method, "credentials")))
	{
		char	   *key = DocumentText(lfirst(lc), "key");

		if (DocumentText(credentials, key) == NULL && !DocumentBool(lfirst(lc), "optional", false))
			return false;
		asked = lappend(asked, key);
	}
	foreach(lc, DocumentKeys(credentials))
		if (!NamesHave(asked, lfirst(lc)))
		return false;
	return true;
}

/* The name of the login method for credentials: the default one unless only another fits */
static const char *
ChooseMethod(const Provider *provider, Jsonb *methods, Jsonb *credentials)
{
	const char *initial = DocumentText(provider->definition, "method");
	ListCell   *lc;

	if (initial == NULL)
		initial = linitial(DocumentKeys(methods));
	if (credentials == NULL || MethodFits(DocumentMember(methods, initial), credentials))
		return initial;
	foreach(lc, DocumentKeys(methods))
		if (MethodFits(DocumentMember(methods, lfirst(lc)), credentials))
		return lfirst(lc);
	return initial;
}

/* Members that a method may have of its own */
static const char *const method_members[] = {
	"base_url", "check", "disconnect", "discover", "gaps", "limits", "mapping", "null_tokens", "ready", "retry", "streams"
};

/* Take the login method of that name, or the one that fits for NULL; what it has of its own replaces the rest */
Jsonb *
ProviderMethod(Provider *provider, const char **method, Jsonb *credentials)
{
	Jsonb	   *methods = DocumentMember(provider->definition, "methods");
	Jsonb	   *found;

	if (*method == NULL)
		*method = ChooseMethod(provider, methods, credentials);
	found = DocumentMember(methods, *method);
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("provider \"%s\" has no login method \"%s\"", provider->provider, *method),
				 errhint("Login methods are: %s.", NamesJoin(DocumentKeys(methods), ", "))));
	for (int i = 0; i < lengthof(method_members); i++)
	{
		JsonbValue *own = getKeyJsonValueFromContainer(&found->root, method_members[i], strlen(method_members[i]), NULL);
		StringInfoData member;

		if (own == NULL)
			continue;
		initStringInfo(&member);
		appendStringInfo(&member, "{\"%s\":", method_members[i]);
		if (own->type == jbvBinary)
			(void) JsonbToCString(&member, own->val.binary.data, own->val.binary.len);
		else
			escape_json(&member, DocumentText(found, method_members[i]));
		appendStringInfoChar(&member, '}');
		provider->definition = DocumentLay(provider->definition, DocumentRead(member.data));
	}
	return found;
}

/* Names of the login methods, the default one first */
List *
ProviderMethods(const Provider *provider)
{
	List	   *names = DocumentKeys(DocumentMember(provider->definition, "methods"));
	char	   *initial = DocumentText(provider->definition, "method");
	ListCell   *lc;

	foreach(lc, names)
		if (initial != NULL && strcmp(lfirst(lc), initial) == 0)
		return lcons(initial, list_delete_cell(names, lc));
	return names;
}

/* Credentials asked for, as a readable list */
char *
ProviderAsks(Jsonb *method)
{
	StringInfoData words;
	ListCell   *lc;

	initStringInfo(&words);
	foreach(lc, DocumentElements(DocumentMember(method, "credentials")))
		appendStringInfo(&words, "%s%s (%s%s)", foreach_current_index(lc) > 0 ? ", " : "",
						 DocumentText(lfirst(lc), "key"), DocumentText(lfirst(lc), "label"),
						 DocumentBool(lfirst(lc), "optional", false) ? ", optional" : "");
	return words.data;
}

/* Settings with the definition's defaults behind them */
Jsonb *
ProviderSettings(const Provider *provider, Jsonb *settings)
{
	Jsonb	   *declared = DocumentMember(provider->definition, "settings");
	StringInfoData defaults;
	ListCell   *lc;

	initStringInfo(&defaults);
	appendStringInfoChar(&defaults, '{');
	foreach(lc, DocumentKeys(declared))
	{
		char	   *initial = DocumentText(DocumentMember(declared, lfirst(lc)), "default");

		if (initial != NULL)
			DocumentAppend(&defaults, lfirst(lc), initial);
	}
	appendStringInfoChar(&defaults, '}');
	return DocumentLay(DocumentRead(defaults.data), settings);
}

/* The address that a choice setting picks */
static char *
ChooseBaseUrl(const Provider *provider, Jsonb *choice, Jsonb *settings)
{
	char	   *setting = DocumentText(choice, "setting");
	char	   *value = DocumentText(settings, setting);
	Jsonb	   *choices = DocumentMember(choice, "choices");
	char	   *url;

	if (value == NULL)
		value = DocumentText(choice, "default");
	url = DocumentText(choices, value);
	if (url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("provider \"%s\" has no %s \"%s\"", provider->provider, setting, value),
				 errhint("settings.%s takes: %s.", setting, NamesJoin(DocumentKeys(choices), ", "))));
	return url;
}

/* True if a credential or setting may be a host name with dots */
static bool
MayBeHost(const Provider *provider, const char *name)
{
	Jsonb	   *methods = DocumentMember(provider->definition, "methods");
	ListCell   *lc;

	if (DocumentBool(DocumentMember(DocumentMember(provider->definition, "settings"), name), "host", false))
		return true;
	foreach(lc, DocumentKeys(methods))
	{
		ListCell   *asked;

		foreach(asked, DocumentElements(DocumentMember(DocumentMember(methods, lfirst(lc)), "credentials")))
			if (strcmp(DocumentText(lfirst(asked), "key"), name) == 0 && DocumentBool(lfirst(asked), "host", false))
			return true;
	}
	return false;
}

/* Raise unless a value can be part of a host's name: it decides where credentials go */
static void
CheckHostValue(const Provider *provider, const char *name, const char *value)
{
	bool		host = MayBeHost(provider, name);
	size_t		length = strspn(value, host ? "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:" :
								"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

	if (length > 0 && length <= (host ? 255 : 63) && value[length] == '\0' && value[0] != '-' && value[0] != '.')
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" of %s is not %s", name, provider->name, host ? "the name of a host" : "the first label of a host's name"),
			 errhint(host ? "Give it as host.example.com, without https:// and without a path." :
					 "Give it as acme, where you log in at acme.example.com."),
			 errhidestmt(true)));
}

/* Fill the template of an address; NULL where something is not given */
static char *
FillAddress(const Provider *provider, const char *template, Jsonb *settings, Jsonb *credentials)
{
	const char *host = strstr(template, "://");
	RequestScope scope = {NIL, credentials, settings};
	size_t		length;

	host = host ? host + 3 : template;
	length = strcspn(host, "/");
	for (const char *at = host; (at = strchr(at, '{')) != NULL && at < host + length; at++)
	{
		char	   *name = pnstrdup(at + 1, strcspn(at + 1, "}"));
		char	   *value = DocumentText(credentials, name);

		if (value == NULL)
			value = DocumentText(settings, name);
		if (value != NULL)
			CheckHostValue(provider, name, value);
	}
	return RequestFill(template, &scope);
}

/* Take the slashes from the end of an address */
static char *
TrimAddress(const char *url)
{
	char	   *trimmed = pstrdup(url);

	while (strlen(trimmed) > 0 && trimmed[strlen(trimmed) - 1] == '/')
		trimmed[strlen(trimmed) - 1] = '\0';
	return trimmed;
}

/* Address under which the system itself says that all paths lie; NULL where something for it is not given */
char *
ProviderOwnUrl(const Provider *provider, Jsonb *settings, Jsonb *credentials)
{
	Jsonb	   *choice = DocumentMember(provider->definition, "base_url");
	char	   *url = choice ? ChooseBaseUrl(provider, choice, settings) : DocumentText(provider->definition, "base_url");

	url = FillAddress(provider, url, settings, credentials);
	return url ? TrimAddress(url) : NULL;
}

/* Address under which all paths lie, without a slash at its end */
char *
ProviderBaseUrl(const Provider *provider, Jsonb *settings, Jsonb *credentials)
{
	char	   *url = DocumentText(settings, "base_url");

	if (url == NULL)
		url = ProviderOwnUrl(provider, settings, credentials);
	if (url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the address of %s needs something that is not given", provider->name),
				 errhint("It is made as %s.", DocumentText(provider->definition, "base_url"))));
	(void) ProviderHost(url);
	return TrimAddress(url);
}

/* Address under which the login's path lies */
char *
ProviderLoginUrl(const Provider *provider, Jsonb *method, Jsonb *settings, Jsonb *credentials, const char *base_url)
{
	char	   *url = DocumentText(settings, "auth_url");
	char	   *template = DocumentText(DocumentMember(method, "login"), "base_url");

	if (url == NULL && template != NULL)
		url = FillAddress(provider, template, settings, credentials);
	if (url == NULL)
		return pstrdup(base_url);
	(void) ProviderHost(url);
	return TrimAddress(url);
}

/* Add the hosts of all whole addresses in a document */
static List *
AddHosts(List *hosts, const Provider *provider, Jsonb *document, Jsonb *settings, Jsonb *credentials)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;
	bool		url = false;

	if (document == NULL)
		return hosts;
	it = JsonbIteratorInit(&document->root);
	while ((token = JsonbIteratorNext(&it, &value, false)) != WJB_DONE)
	{
		if (token == WJB_VALUE && url && value.type == jbvString)
		{
			char	   *template = pnstrdup(value.val.string.val, value.val.string.len);
			char	   *host = strstr(template, "://");

			/* a parameter may be called url too */
			if (host != NULL)
			{
				host[3 + strcspn(host + 3, "/?#")] = '\0';
				host = FillAddress(provider, template, settings, credentials);
			}
			if (host != NULL)
				hosts = lappend(hosts, ProviderHost(host));
		}
		url = token == WJB_KEY && value.val.string.len == 3 && strncmp(value.val.string.val, "url", 3) == 0;
	}
	return hosts;
}

/* Order of texts */
static int
CompareTexts(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* All hosts that requests of a login method may go to, as one text */
char *
ProviderHosts(const Provider *provider, Jsonb *method, Jsonb *settings, Jsonb *credentials,
			  const char *base_url, const char *login_url)
{
	static const char *const members[] = {"streams", "check", "discover", "disconnect", "ready"};
	List	   *hosts = list_make2(ProviderHost(base_url), ProviderHost(login_url));
	List	   *distinct = NIL;
	ListCell   *lc;

	for (int i = 0; i < lengthof(members); i++)
		hosts = AddHosts(hosts, provider, DocumentMember(provider->definition, members[i]), settings, credentials);
	hosts = AddHosts(hosts, provider, DocumentMember(method, "login"), settings, credentials);
	hosts = AddHosts(hosts, provider, DocumentMember(method, "link"), settings, credentials);
	list_sort(hosts, CompareTexts);
	foreach(lc, hosts)
		if (distinct == NIL || strcmp(llast(distinct), lfirst(lc)) != 0)
		distinct = lappend(distinct, lfirst(lc));
	return NamesJoin(distinct, ", ");
}

/* Raise that an address is none; it is not shown where it may hold a password */
static void
RefuseUrl(const char *url)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 strpbrk(url, "@?#") ? errmsg("base_url is not an address of the web") :
			 errmsg("base_url \"%s\" is not an address of the web", url),
			 errhint("Give it as https://host or https://host/path, without user, password or query.")));
}

/* host:port of an address */
char *
ProviderHost(const char *url)
{
	bool		https = pg_strncasecmp(url, "https://", 8) == 0;
	const char *host;
	size_t		length;
	size_t		name;
	char	   *result;

	if (!https && pg_strncasecmp(url, "http://", 7) != 0)
		RefuseUrl(url);
	host = url + (https ? 8 : 7);
	length = strcspn(host, "/");
	if (length == 0 || strcspn(url, " @?#\\\"<>\t\r\n{}") != strlen(url))
		RefuseUrl(url);
	result = pnstrdup(host, length);
	for (char *c = result; *c; c++)
		*c = pg_ascii_tolower((unsigned char) *c);
	name = result[0] == '[' ? strcspn(result, "]") : 0;
	if (strchr(result + name, ':') != NULL)
		return result;
	return psprintf("%s:%d", result, https ? 443 : 80);
}

/* Raise if credentials lack a key, have a strange one, or cannot be a header */
void
ProviderCheckCredentials(const Provider *provider, Jsonb *method, Jsonb *credentials)
{
	List	   *asked = DocumentElements(DocumentMember(method, "credentials"));
	ListCell   *lc;

	if (!JB_ROOT_IS_OBJECT(credentials))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("credentials must be a JSON object"),
				 errhint("Give %s.", ProviderAsks(method)),
				 errhidestmt(true)));
	foreach(lc, asked)
	{
		char	   *key = DocumentText(lfirst(lc), "key");
		char	   *value = DocumentText(credentials, key);

		if (value == NULL && DocumentBool(lfirst(lc), "optional", false))
			continue;
		if (value == NULL || value[strspn(value, " \t")] == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("credentials lack \"%s\" (%s)", key, DocumentText(lfirst(lc), "label")),
					 errhint("%s asks for %s.", provider->name, ProviderAsks(method)),
					 errhidestmt(true)));
		for (char *c = value; *c; c++)
			if ((unsigned char) *c < 0x20 || *c == 0x7f)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("credentials: \"%s\" holds a line break or another control character", key),
						 errhint("Copy it again, without what stands around it."),
						 errhidestmt(true)));
	}
	foreach(lc, DocumentKeys(credentials))
	{
		ListCell   *known;
		bool		found = false;

		foreach(known, asked)
			found = found || strcmp(DocumentText(lfirst(known), "key"), lfirst(lc)) == 0;
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("credentials: %s does not ask for \"%s\"", provider->name, (char *) lfirst(lc)),
					 errhint("It asks for %s.", ProviderAsks(method)),
					 errhidestmt(true)));
	}
}

/* True if a setting's value is of its kind */
static bool
SettingFits(SettingKind kind, int64 most, Jsonb *settings, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&settings->root, name, strlen(name), NULL);
	char	   *text = DocumentText(settings, name);
	ListCell   *lc;

	/* null goes back to the default */
	if (value->type == jbvNull)
		return true;
	switch (kind)
	{
		case SETTING_URL:
		case SETTING_TEXT:
			return value->type == jbvString;
		case SETTING_BOOLEAN:
			return value->type == jbvBool;
		case SETTING_NUMBER:
			return value->type == jbvNumeric && strlen(text) < 7 && strspn(text, "0123456789") == strlen(text) &&
				strcmp(text, "0") != 0 && DocumentInt(settings, name, 0) <= most;
		case SETTING_HAND_EDITS:
			return value->type == jbvString && (strcmp(text, "keep") == 0 || strcmp(text, "overwrite") == 0);
		case SETTING_OBJECT:
			if (value->type != jbvBinary)
				return false;
			foreach(lc, DocumentKeys(DocumentMember(settings, name)))
			{
				bool		known = false;

				for (int i = 0; i < lengthof(guards_known); i++)
					known = known || strcmp(guards_known[i], lfirst(lc)) == 0;
				if (!known || DocumentInt(DocumentMember(settings, name), lfirst(lc), -1) < 0 ||
					DocumentInt(DocumentMember(settings, name), lfirst(lc), -1) > 100)
					return false;
			}
			return true;
	}
	return false;
}

/* Raise unless a setting of the definition holds what it may */
static void
CheckDeclared(Jsonb *declared, const char *name, Jsonb *settings)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&settings->root, name, strlen(name), NULL);
	List	   *choices = DocumentTexts(DocumentMember(declared, "choices"));

	if (value->type == jbvNull)
		return;
	if (value->type != jbvString || (choices != NIL && !NamesHave(choices, DocumentText(settings, name))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("setting \"%s\" takes %s", name, choices == NIL ? "a text" : NamesJoin(choices, ", "))));
}

/* Raise on a setting that is not known or not of its kind */
void
ProviderCheckSettings(const Provider *provider, Jsonb *settings)
{
	char	   *choice = DocumentText(DocumentMember(provider->definition, "base_url"), "setting");
	Jsonb	   *declared = DocumentMember(provider->definition, "settings");
	List	   *names = NIL;
	ListCell   *lc;

	if (!JB_ROOT_IS_OBJECT(settings))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("settings must be a JSON object")));
	for (int i = 0; i < lengthof(settings_known); i++)
		names = lappend(names, (char *) settings_known[i].name);
	if (choice != NULL)
		names = lappend(names, choice);
	names = list_concat(names, DocumentKeys(declared));

	foreach(lc, DocumentKeys(settings))
	{
		char	   *name = lfirst(lc);
		int			i;

		if (!NamesHave(names, name))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is no setting \"%s\"", name),
					 errhint("Settings of %s are: %s.", provider->name, NamesJoin(names, ", "))));
		if (choice != NULL && strcmp(name, choice) == 0)
		{
			(void) ChooseBaseUrl(provider, DocumentMember(provider->definition, "base_url"), settings);
			continue;
		}
		if (DocumentMember(declared, name) != NULL)
		{
			CheckDeclared(DocumentMember(declared, name), name, settings);
			continue;
		}
		for (i = 0; i < lengthof(settings_known); i++)
			if (strcmp(settings_known[i].name, name) == 0)
				break;
		if (!SettingFits(settings_known[i].kind, settings_known[i].most, settings, name))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("setting \"%s\" takes %s", name, settings_known[i].accepts)));
	}
}
