#include "postgres.h"

#include "document.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "provider.h"
#include "sql.h"
#include "utils/builtins.h"

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
	{"requests_per_minute", SETTING_NUMBER, "a whole number from 1 to 100000", 100000},
	{"full_every", SETTING_NUMBER, "hours, from 1 to 8760", 8760},
	{"phone_region", SETTING_BOOLEAN, "true or false"},
	{"hand_edits", SETTING_HAND_EDITS, "\"keep\" or \"overwrite\""},
	{"follow_leavers", SETTING_BOOLEAN, "true or false"},
	{"guards", SETTING_OBJECT, "an object of percentages: {\"terminate\": 5}"},
};

/* Guards that a setting may change */
static const char *const guards_known[] = {"terminate", "clear", "identifier", "identity", "create"};

/* A member that every definition has; of each kind the code relies on */
typedef struct NeededMember
{
	const char *place;			/* "check", NULL for the definition itself */
	const char *key;
	bool		container;		/* object or array, else a text */
} NeededMember;

static const NeededMember members_needed[] = {
	{NULL, "name", false},
	{NULL, "methods", true},
	{NULL, "check", true},
	{NULL, "streams", true},
	{NULL, "mapping", true},
	{"check", "path", false},
	{"disconnect", "method", false},
	{"disconnect", "path", false},
};

/* Members of each stream, and of what a stream may have */
static const NeededMember stream_needed[] = {
	{NULL, "path", false},
	{NULL, "records", false},
	{NULL, "id", false},
	{"pages", "parameter", false},
	{"pages", "next", false},
	{"incremental", "parameter", false},
};

/* Raise that a definition lacks what nothing works without */
static void
RefuseDefinition(const char *provider, const char *place)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the definition of provider \"%s\" has no usable %s", provider, place),
			 errhint("Compare it with a definition that ships: SELECT definition FROM stakesync_provider;")));
}

/* Raise on a needed member that is not there; a place that is absent needs none */
static void
CheckMembers(const char *provider, Jsonb *document, const NeededMember *needed, int count)
{
	for (int i = 0; i < count; i++)
	{
		Jsonb	   *place = needed[i].place ? DocumentMember(document, needed[i].place) : document;

		if (place != NULL && (needed[i].container ? DocumentMember(place, needed[i].key) == NULL :
							  DocumentText(place, needed[i].key) == NULL))
			RefuseDefinition(provider, needed[i].key);
	}
}

/* Raise on texts of an object that are none, as headers and query have */
static void
CheckTexts(const char *provider, const char *place, Jsonb *object)
{
	ListCell   *lc;

	foreach(lc, DocumentKeys(object))
		if (DocumentText(object, lfirst(lc)) == NULL)
			RefuseDefinition(provider, place);
}

/* Raise on a login method that cannot be asked for or sent */
static void
CheckMethod(const char *provider, Jsonb *method)
{
	ListCell   *lc;

	if (method == NULL)
		RefuseDefinition(provider, "methods");
	CheckTexts(provider, "headers", DocumentMember(method, "headers"));
	foreach(lc, DocumentElements(DocumentMember(method, "credentials")))
		if (DocumentText(lfirst(lc), "key") == NULL || DocumentText(lfirst(lc), "label") == NULL)
			RefuseDefinition(provider, "credentials");
}

/* Raise on an address that is neither a text nor a choice of texts */
static void
CheckAddress(const char *provider, Jsonb *definition)
{
	Jsonb	   *choice = DocumentMember(definition, "base_url");
	char	   *initial = DocumentText(choice, "default");

	if (choice == NULL ? DocumentText(definition, "base_url") == NULL :
		DocumentText(choice, "setting") == NULL || initial == NULL ||
		DocumentText(DocumentMember(choice, "choices"), initial) == NULL)
		RefuseDefinition(provider, "base_url");
	CheckTexts(provider, "base_url", DocumentMember(choice, "choices"));
}

/*
 * Raise on a definition of a shape that the code cannot follow: those of a
 * company are rows of a table that its owner writes
 */
static void
CheckDefinition(const Provider *provider)
{
	Jsonb	   *definition = provider->definition;
	Jsonb	   *methods = DocumentMember(definition, "methods");
	List	   *streams = DocumentElements(DocumentMember(definition, "streams"));
	ListCell   *lc;

	CheckMembers(provider->provider, definition, members_needed, lengthof(members_needed));
	CheckAddress(provider->provider, definition);
	CheckTexts(provider->provider, "headers", DocumentMember(definition, "headers"));
	if (DocumentKeys(methods) == NIL)
		RefuseDefinition(provider->provider, "methods");
	foreach(lc, DocumentKeys(methods))
		CheckMethod(provider->provider, DocumentMember(methods, lfirst(lc)));
	if (streams == NIL)
		RefuseDefinition(provider->provider, "streams");
	foreach(lc, streams)
	{
		CheckMembers(provider->provider, lfirst(lc), stream_needed, lengthof(stream_needed));
		CheckTexts(provider->provider, "query", DocumentMember(lfirst(lc), "query"));
		CheckTexts(provider->provider, "query", DocumentMember(DocumentMember(lfirst(lc), "incremental"), "query"));
	}
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
	SqlRun(company, "SELECT pg_catalog.string_agg(provider, ', ' ORDER BY provider) FROM @extension@.stakesync_provider", NULL);
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
		   "SELECT provider, name, terms, definition FROM @extension@.stakesync_provider WHERE provider OPERATOR(pg_catalog.=) $1", "t", name);
	if (SPI_processed == 0 && company != NULL)
		SqlRun(company, "SELECT provider, name, coalesce(definition ->> 'terms', ''), coalesce(definition, '{}') "
			   "FROM @company@.provider WHERE provider = $1", "t", name);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no provider \"%s\"", name),
				 errhint("Providers are: %s.", ListProviders(company ? company : &none))));
	return ReadProvider();
}

/* The login method of that name, or the first one for NULL */
Jsonb *
ProviderMethod(const Provider *provider, const char **method)
{
	Jsonb	   *methods = DocumentMember(provider->definition, "methods");
	List	   *names = DocumentKeys(methods);
	Jsonb	   *found;
	StringInfoData words;
	ListCell   *lc;

	if (*method == NULL)
		*method = linitial(names);
	found = DocumentMember(methods, *method);
	if (found != NULL)
		return found;
	initStringInfo(&words);
	foreach(lc, names)
		appendStringInfo(&words, "%s%s", foreach_current_index(lc) > 0 ? ", " : "", (char *) lfirst(lc));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("provider \"%s\" has no login method \"%s\"", provider->provider, *method),
			 errhint("Login methods are: %s.", words.data)));
	return NULL;
}

/* Credentials asked for, as a readable list */
char *
ProviderAsks(Jsonb *method)
{
	StringInfoData words;
	ListCell   *lc;

	initStringInfo(&words);
	foreach(lc, DocumentElements(DocumentMember(method, "credentials")))
		appendStringInfo(&words, "%s%s (%s)", foreach_current_index(lc) > 0 ? ", " : "",
						 DocumentText(lfirst(lc), "key"), DocumentText(lfirst(lc), "label"));
	return words.data;
}

/* The address that a choice setting picks */
static char *
ChooseBaseUrl(const Provider *provider, Jsonb *choice, Jsonb *settings)
{
	char	   *setting = DocumentText(choice, "setting");
	char	   *value = DocumentText(settings, setting);
	Jsonb	   *choices = DocumentMember(choice, "choices");
	char	   *url;
	StringInfoData words;
	ListCell   *lc;

	if (value == NULL)
		value = DocumentText(choice, "default");
	url = DocumentText(choices, value);
	if (url != NULL)
		return url;
	initStringInfo(&words);
	foreach(lc, DocumentKeys(choices))
		appendStringInfo(&words, "%s%s", foreach_current_index(lc) > 0 ? ", " : "", (char *) lfirst(lc));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("provider \"%s\" has no %s \"%s\"", provider->provider, setting, value),
			 errhint("settings.%s takes: %s.", setting, words.data)));
	return NULL;
}

/* Address under which all paths lie, without a slash at its end */
char *
ProviderBaseUrl(const Provider *provider, Jsonb *settings, Jsonb *credentials)
{
	char	   *url = DocumentText(settings, "base_url");

	if (url == NULL)
	{
		Jsonb	   *choice = DocumentMember(provider->definition, "base_url");

		url = choice ? ChooseBaseUrl(provider, choice, settings) :
			DocumentFill(DocumentText(provider->definition, "base_url"), credentials, settings);
	}
	(void) ProviderHost(url);
	url = pstrdup(url);
	while (strlen(url) > 0 && url[strlen(url) - 1] == '/')
		url[strlen(url) - 1] = '\0';
	return url;
}

/* Append filled headers of one object */
static List *
AppendHeaders(List *headers, Jsonb *object, Jsonb *settings, Jsonb *credentials)
{
	ListCell   *lc;

	foreach(lc, DocumentKeys(object))
	{
		char	   *name = lfirst(lc);

		headers = lappend(headers, psprintf("%s: %s", name,
											DocumentFill(DocumentText(object, name), credentials, settings)));
	}
	return headers;
}

/* Headers of each request, secrets filled in */
List *
ProviderHeaders(const Provider *provider, Jsonb *method, Jsonb *settings, Jsonb *credentials)
{
	List	   *headers = AppendHeaders(NIL, DocumentMember(provider->definition, "headers"), settings, credentials);

	return AppendHeaders(headers, DocumentMember(method, "headers"), settings, credentials);
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

/* Raise on a setting that is not known or not of its kind */
void
ProviderCheckSettings(const Provider *provider, Jsonb *settings)
{
	char	   *choice = DocumentText(DocumentMember(provider->definition, "base_url"), "setting");
	StringInfoData words;
	ListCell   *lc;

	if (!JB_ROOT_IS_OBJECT(settings))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("settings must be a JSON object")));
	initStringInfo(&words);
	for (int i = 0; i < lengthof(settings_known); i++)
		appendStringInfo(&words, "%s%s", i > 0 ? ", " : "", settings_known[i].name);
	if (choice != NULL)
		appendStringInfo(&words, ", %s", choice);

	foreach(lc, DocumentKeys(settings))
	{
		char	   *name = lfirst(lc);
		int			i;

		if (choice != NULL && strcmp(name, choice) == 0)
		{
			(void) ChooseBaseUrl(provider, DocumentMember(provider->definition, "base_url"), settings);
			continue;
		}
		for (i = 0; i < lengthof(settings_known); i++)
			if (strcmp(settings_known[i].name, name) == 0)
				break;
		if (i == lengthof(settings_known))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is no setting \"%s\"", name),
					 errhint("Settings of %s are: %s.", provider->name, words.data)));
		if (!SettingFits(settings_known[i].kind, settings_known[i].most, settings, name))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("setting \"%s\" takes %s", name, settings_known[i].accepts)));
	}
}
