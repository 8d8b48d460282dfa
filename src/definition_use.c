/*
 * What the members of a definition mean together: what streams and logins
 * name, what children are joined by, which paths can be followed.
 *
 * The definition has passed the tables of definition.c, so what is needed is
 * there and of its kind. Each login method is judged with what it sees: its
 * own streams, mapping and so on before those of the definition.
 */
#include "postgres.h"

#include "closest.h"
#include "definition_inside.h"
#include "document.h"
#include "field.h"
#include "mapping.h"
#include "miscadmin.h"
#include "names.h"
#include "path.h"
#include "splitter.h"

/* Settings of every connection, which no definition can have */
static const char *const settings_taken[] = {
	"base_url", "auth_url", "requests_per_minute", "full_every", "phone_region", "hand_edits",
	"follow_leavers", "guards"
};

/* Types of pages whose place a request has to name */
static const struct
{
	const char *type;
	int			variable;
	const char *example;
}			pages_filled[] =

{
	{"cursor", VARIABLE_CURSOR, "\"query\": {\"cursor\": \"{cursor}\"}"},
	{"offset", VARIABLE_OFFSET, "\"query\": {\"offset\": \"{offset}\", \"limit\": \"{limit}\"}"},
	{"page", VARIABLE_PAGE, "\"query\": {\"page\": \"{page}\", \"limit\": \"{limit}\"}"},
};

/* True for a name that settings of every connection have */
static bool
SettingTaken(const char *name)
{
	for (int i = 0; i < lengthof(settings_taken); i++)
		if (strcmp(settings_taken[i], name) == 0)
			return true;
	return false;
}

/* Raise an error of the code that uses a path again, with the place before it */
static void
RaiseAt(const char *place, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (error->sqlerrcode != ERRCODE_INVALID_PARAMETER_VALUE)
		PG_RE_THROW();
	FlushErrorState();
	REFUSE(errmsg("%s: %s", place, error->message),
		   error->detail ? errdetail("%s", error->detail) : 0,
		   error->hint ? errhint("%s", error->hint) : 0);
}

/* Check that records and values of an answer can be taken while it comes in, as a fetch does */
static void
CheckStreamed(const char *place, const char *records, List *captures)
{
	MemoryContext context = CurrentMemoryContext;
	SplitterOptions options = {
		.records = records,
		.captures = captures,
		.max_record_bytes = 1024,
		.max_depth = 64
	};

	PG_TRY();
	{
		SplitterFree(SplitterCreate(&options));
	}
	PG_CATCH();
	{
		RaiseAt(place, context);
	}
	PG_END_TRY();
}

/* A place in an answer that is taken beside its records */
typedef struct Captured
{
	const char *place;
	char	   *path;
} Captured;

/* Note a path in an answer, if it is there */
static List *
AddCaptured(List *captured, const char *place, const char *member, Jsonb *object, const char *key)
{
	Captured   *more = palloc(sizeof(Captured));

	more->path = DocumentText(object, key);
	more->place = DefinitionPlace(member ? DefinitionPlace(place, member) : place, key);
	return more->path ? lappend(captured, more) : captured;
}

/* Check the paths in an answer: each of them, then all together */
static void
CheckAnswer(const char *place, Jsonb *object)
{
	char	   *records = DocumentText(object, "records");
	Jsonb	   *pages = DocumentMember(object, "pages");
	List	   *captured = NIL;
	List	   *paths = NIL;
	ListCell   *lc;

	CheckStreamed(DefinitionPlace(place, "records"), records, NIL);
	captured = AddCaptured(captured, place, "pages", pages, "next");
	captured = AddCaptured(captured, place, "pages", pages, "last");
	captured = AddCaptured(captured, place, NULL, object, "total");
	captured = AddCaptured(captured, place, "success", DocumentMember(object, "success"), "path");
	foreach(lc, captured)
	{
		Captured   *one = lfirst(lc);

		CheckStreamed(one->place, records, list_make1(one->path));
		paths = lappend(paths, one->path);
		if (list_length(paths) > 1)
			CheckStreamed(one->place, records, paths);
	}
}

/* Position among those of the type of pages; -1 for none */
static int
PagesType(Jsonb *pages)
{
	char	   *type = DocumentText(pages, "type");

	for (int i = 0; i < lengthof(pages_filled); i++)
		if (type != NULL && strcmp(pages_filled[i].type, type) == 0)
			return i;
	return -1;
}

/* Variables that pages fill */
static int
PagesFill(Jsonb *pages)
{
	int			type = PagesType(pages);

	return (type >= 0 ? pages_filled[type].variable : 0) |
		(DocumentText(pages, "size") != NULL ? VARIABLE_LIMIT : 0);
}

/* Check that a request names what its pages fill */
static void
CheckPagesNamed(const char *place, Jsonb *pages, int named)
{
	int			type = PagesType(pages);

	if (type >= 0 && (pages_filled[type].variable & named) == 0)
		REFUSE(errmsg("%s is of type \"%s\", but the request names no {%s}", DefinitionPlace(place, "pages"),
					  pages_filled[type].type, pages_filled[type].type),
			   errhint("Say where it goes, such as %s.", pages_filled[type].example));
}

/* Name of a path's first member; NULL if it has none */
static char *
FirstMember(const char *text)
{
	Path	   *path = text && text[0] == '$' ? PathParse(text, "a path") : NULL;

	if (path == NULL || path->count == 0 || path->steps[0].kind != PATH_MEMBER)
		return NULL;
	return pnstrdup(path->steps[0].name, path->steps[0].length);
}

/* True if a path begins with a member */
static bool
BeginsWith(const char *path, const char *member)
{
	char	   *first = FirstMember(path);

	return first != NULL && pg_strcasecmp(first, member) == 0;
}

/* Check a stream's records: what tells them apart */
static void
CheckId(const char *place, Jsonb *stream, bool first)
{
	char	   *id = DocumentText(stream, "id");
	const char *at = DefinitionPlace(place, "id");
	Path	   *records;

	if (id == NULL && first)
		REFUSE(errmsg("%s is missing", at),
			   errhint("It takes the path of what tells a person from the others, such as $.id, or @key."));
	if (id == NULL || strcmp(id, "@key") != 0)
		return;
	records = PathParse(DocumentText(stream, "records"), DefinitionPlace(place, "records"));
	if (records->count == 0 || records->steps[records->count - 1].kind != PATH_MEMBERS)
		REFUSE(errmsg("%s is @key, but records are no members of an object", at),
			   errhint("Then records end with .*, such as $.employees.*"));
}

/* Members that only the first stream has, or only its children */
static void
CheckPosition(const char *place, Jsonb *stream, bool first)
{
	static const char *const of_first[] = {"incremental"};
	static const char *const of_children[] = {"join", "each", "optional", "always"};

	for (int i = 0; i < lengthof(of_first) && !first; i++)
		if (DocumentMember(stream, of_first[i]) != NULL)
			REFUSE(errmsg("%s is not possible in a child", DefinitionPlace(place, of_first[i])),
				   errhint("Only the first stream has it."));
	for (int i = 0; i < lengthof(of_children) && first; i++)
		if (DocumentMember(stream, of_children[i]) != NULL || DocumentText(stream, of_children[i]) != NULL)
			REFUSE(errmsg("%s is not possible in the first stream", DefinitionPlace(place, of_children[i])),
				   errhint("The first stream brings the people; the others are its children and have a join."));
	if (!first && DocumentMember(stream, "join") == NULL)
		REFUSE(errmsg("%s is missing", DefinitionPlace(place, "join")),
			   errhint("A stream behind the first one is a child of it: {\"as\": \"jobs\", \"child\": \"$.person_id\"}."));
}

/* Check how a child is joined to the people */
static void
CheckJoin(const char *place, Jsonb *child, Jsonb *first, List **taken)
{
	Jsonb	   *join = DocumentMember(child, "join");
	const char *at = DefinitionPlace(place, "join");
	char	   *as = DocumentText(join, "as");
	ListCell   *lc;

	if (DocumentText(join, "child") == NULL && !DocumentBool(child, "each", false))
		REFUSE(errmsg("%s is missing", DefinitionPlace(at, "child")),
			   errhint("It takes the path of the person's id in the row, such as $.person_id."));
	if (DocumentBool(join, "one", false) && DocumentMember(join, "pivot") != NULL)
		REFUSE(errmsg("%s has both one and pivot", at),
			   errhint("one takes a row as it is, pivot makes one object of many rows."));
	foreach(lc, *taken)
		if (pg_strcasecmp(lfirst(lc), as) == 0)
		REFUSE(errmsg("%s cannot be \"%s\" once more", DefinitionPlace(at, "as"), as),
			   errhint("Each child has a member of its own."));
	if (BeginsWith(DocumentText(first, "id"), as) || BeginsWith(DocumentText(first, "deleted"), as) ||
		BeginsWith(DocumentText(join, "parent"), as))
		REFUSE(errmsg("%s cannot be \"%s\": it hides a member of the person that is needed", DefinitionPlace(at, "as"), as),
			   errhint("Choose another name."));
	*taken = lappend(*taken, as);
}

/* Check that a parent which lies in the rows of another child is there before */
static void
CheckParents(const char *place, List *streams)
{
	ListCell   *lc;

	foreach(lc, streams)
	{
		char	   *parent = DocumentText(DocumentMember(lfirst(lc), "join"), "parent");

		for (int i = foreach_current_index(lc) + 1; i < list_length(streams); i++)
		{
			char	   *as = DocumentText(DocumentMember(list_nth(streams, i), "join"), "as");

			if (BeginsWith(parent, as))
				REFUSE(errmsg("%s.join.parent leads into \"%s\", which is joined only behind it",
							  DefinitionPlaceAt(place, foreach_current_index(lc)), as),
					   errhint("Put the stream \"%s\" before it.", DocumentText(list_nth(streams, i), "name")));
		}
	}
}

/* Check that there are fields to be asked for */
static void
CheckFields(const char *place, Jsonb *fields, bool discover)
{
	const char *at = DefinitionPlace(place, "fields");

	if (DocumentBool(fields, "discovered", false) && !discover)
		REFUSE(errmsg("%s is true, but there is no discover", DefinitionPlace(at, "discovered")),
			   errhint("discover is the request that lists the fields there are."));

	/* with discovered false it is what the mapping begins with */
	if (DocumentTexts(DocumentMember(fields, "base")) == NIL && !discover && DocumentBool(fields, "discovered", true))
		REFUSE(errmsg("%s brings no field", at),
			   errhint("Give base, an array of names, or discover, the request that lists them, or \"discovered\": false for what is mapped."));
}

/* Check the templates of a stream; returns what its request names */
static int
CheckStreamRequest(const View *view, const char *place, Jsonb *stream)
{
	Jsonb	   *incremental = DocumentMember(stream, "incremental");
	Jsonb	   *one = DocumentMember(stream, "one");
	bool		each = DocumentBool(stream, "each", false);
	int			filled = VARIABLES_ALWAYS | (DocumentMember(stream, "fields") ? VARIABLE_FIELDS : 0);
	const char *at = DefinitionPlace(place, "one");
	int			named;

	if (one != NULL && (DefinitionCheckRequest(view, at, one, filled | VARIABLE_ID) & VARIABLE_ID) == 0)
		REFUSE(errmsg("%s names no {id}", at),
			   errhint("It asks for one person: {\"path\": \"/people/{id}\"}."));
	if (DocumentText(one, "records") != NULL)
		CheckStreamed(DefinitionPlace(at, "records"), DocumentText(one, "records"), NIL);

	filled |= PagesFill(DocumentMember(stream, "pages"));
	filled |= (each ? VARIABLE_ID : 0) | (incremental ? VARIABLE_SINCE : 0);
	named = DefinitionCheckRequest(view, place, stream, filled);
	at = DefinitionPlace(place, "incremental");
	named |= DefinitionCheckTemplates(view, DefinitionPlace(at, "query"), DocumentMember(incremental, "query"), PART_PARAMETER, filled);
	if (each && (named & VARIABLE_ID) == 0)
		REFUSE(errmsg("%s is true, but the request names no {id}", DefinitionPlace(place, "each")),
			   errhint("One request a person names the person: {\"path\": \"/people/{id}/jobs\"}."));
	if (incremental != NULL && (named & VARIABLE_SINCE) == 0)
		REFUSE(errmsg("%s is there, but the request names no {since}", at),
			   errhint("Say where the time goes, such as \"query\": {\"updated_after\": \"{since}\"}."));
	if ((filled & VARIABLE_FIELDS) && (named & VARIABLE_FIELDS) == 0)
		REFUSE(errmsg("%s is there, but the request names no {fields}", DefinitionPlace(place, "fields")),
			   errhint("Say where they go, such as \"query\": {\"fields\": \"{fields}\"}."));
	CheckPagesNamed(place, DocumentMember(stream, "pages"), named);
	return named;
}

/* A member that methods may have of their own, as this one sees it */
static Jsonb *
FindOwn(const View *view, const char *member, const char **place)
{
	Jsonb	   *own = DocumentMember(view->method, member);

	*place = own ? DefinitionPlace(DefinitionPlace("methods", view->name), member) : member;
	return own ? own : DocumentMember(view->definition, member);
}

/* Check the streams; returns the variables that they name */
static int
CheckStreams(const View *view)
{
	const char *place;
	const char *unused;
	bool		discover = FindOwn(view, "discover", &unused) != NULL;
	List	   *streams = DocumentElements(FindOwn(view, "streams", &place));
	List	   *names = NIL;
	List	   *taken = NIL;
	int			named = 0;
	ListCell   *lc;

	foreach(lc, streams)
	{
		Jsonb	   *stream = lfirst(lc);
		bool		first = foreach_current_index(lc) == 0;
		const char *at = DefinitionPlaceAt(place, foreach_current_index(lc));
		char	   *name = DocumentText(stream, "name");
		ListCell   *other;

		CHECK_FOR_INTERRUPTS();
		foreach(other, names)
			if (strcmp(lfirst(other), name) == 0)
			REFUSE(errmsg("%s cannot be \"%s\" once more", DefinitionPlace(at, "name"), name),
				   errhint("Each stream has a name of its own."));
		names = lappend(names, name);
		CheckPosition(at, stream, first);
		CheckId(at, stream, first);
		CheckAnswer(at, stream);
		if (!first)
			CheckJoin(at, stream, linitial(streams), &taken);
		if (DocumentMember(stream, "fields") != NULL)
			CheckFields(at, DocumentMember(stream, "fields"), discover);
		named |= CheckStreamRequest(view, at, stream);
	}
	CheckParents(place, streams);
	return named;
}

/* Check the request that lists fields */
static void
CheckDiscover(const View *view)
{
	const char *place;
	Jsonb	   *discover = FindOwn(view, "discover", &place);
	Jsonb	   *pages = DocumentMember(discover, "pages");

	if (discover == NULL)
		return;
	CheckAnswer(place, discover);
	CheckPagesNamed(place, pages, DefinitionCheckRequest(view, place, discover, VARIABLES_ALWAYS | PagesFill(pages)));
}

/* Compile a rule of the mapping as a fetch does */
static void
CheckCompiles(const char *place, const char *field, ValueType type, const char *path, const char *transform)
{
	MemoryContext context = CurrentMemoryContext;
	MappingOptions options = {0};
	MappingRule rule = {
		.field = field,
		.path = path,
		.transform = transform,
		.type = type
	};

	PG_TRY();
	{
		(void) MappingCompile(list_make1(&rule), &options);
		MappingCheckRefused(&rule);
	}
	PG_CATCH();
	{
		RaiseAt(place, context);
	}
	PG_END_TRY();
}

/* Check the mapping; returns the fields that it fills */
static List *
CheckMapping(const View *view)
{
	const char *place;
	List	   *rules = DocumentElements(FindOwn(view, "mapping", &place));
	List	   *fields = NIL;
	ListCell   *lc;

	foreach(lc, rules)
	{
		const char *at = DefinitionPlaceAt(place, foreach_current_index(lc));
		char	   *field = DocumentText(lfirst(lc), "field");
		char	   *path = DocumentText(lfirst(lc), "path");
		char	   *transform = DocumentText(lfirst(lc), "transform");
		ValueType	type = FieldFind(field)->type;
		ListCell   *other;

		CHECK_FOR_INTERRUPTS();
		foreach(other, fields)
			if (strcmp(lfirst(other), field) == 0)
			REFUSE(errmsg("%s cannot be \"%s\" once more", DefinitionPlace(at, "field"), field),
				   errhint("A field is mapped once; alternatives are written a ?? b in its path."));
		fields = lappend(fields, field);
		CheckCompiles(DefinitionPlace(at, "path"), field, type, path, NULL);
		if (transform != NULL)
			CheckCompiles(DefinitionPlace(at, "transform"), field, type, path, transform);
	}
	return fields;
}

/* Check that what is recommended is filled */
static void
CheckRecommended(const View *view, List *fields)
{
	List	   *recommended = DocumentTexts(DocumentMember(view->definition, "recommended_identifiers"));
	ListCell   *lc;

	foreach(lc, recommended)
	{
		bool		filled = strcmp(lfirst(lc), "remote_id") == 0;
		ListCell   *other;

		foreach(other, fields)
			filled = filled || strcmp(lfirst(other), lfirst(lc)) == 0;
		if (!filled)
			REFUSE(errmsg("%s is \"%s\", which no mapping fills",
						  DefinitionPlaceAt("recommended_identifiers", foreach_current_index(lc)), (char *) lfirst(lc)),
				   errhint("Map it, or recommend another."));
	}
}

/* Check the address that all paths are below */
static void
CheckBaseUrl(const View *view)
{
	bool		own = DocumentText(view->method, "base_url") != NULL || DocumentMember(view->method, "base_url") != NULL;
	const char *place = own ? DefinitionPlace(DefinitionPlace("methods", view->name), "base_url") : "base_url";
	Jsonb	   *holder = own ? view->method : view->definition;
	char	   *address = DocumentText(holder, "base_url");
	Jsonb	   *choice = DocumentMember(holder, "base_url");

	if (address != NULL)
		(void) DefinitionCheckAddress(view, place, address, VARIABLES_ALWAYS);
	else if (DocumentText(DocumentMember(choice, "choices"), DocumentText(choice, "default")) == NULL)
		REFUSE(errmsg("%s cannot be \"%s\"", DefinitionPlace(place, "default"), DocumentText(choice, "default")),
			   errhint("It takes %s.", NamesJoin(DocumentKeys(DocumentMember(choice, "choices")), ", ")));
}

/* Check how one logs in */
static void
CheckLogin(const View *view)
{
	const char *place = DefinitionPlace(DefinitionPlace("methods", view->name), "login");
	Jsonb	   *login = DocumentMember(view->method, "login");
	char	   *base_url = DocumentText(login, "base_url");
	View		before = *view;

	if (login == NULL)
		return;

	/* there is no token before there is one */
	before.token = false;
	if (view->token)
	{
		if (base_url != NULL)
			(void) DefinitionCheckAddress(&before, DefinitionPlace(place, "base_url"), base_url, VARIABLES_ALWAYS);
		(void) DefinitionCheckRequest(&before, place, login, VARIABLES_ALWAYS);
		return;
	}
	(void) DefinitionCheckTemplate(&before, DefinitionPlace(place, "user"), DocumentText(login, "user"), PART_HEADER, VARIABLES_ALWAYS);
	(void) DefinitionCheckTemplate(&before, DefinitionPlace(place, "password"), DocumentText(login, "password"), PART_HEADER, VARIABLES_ALWAYS);
}

/* Check how one logs in on a website */
static void
CheckLink(const View *view)
{
	const char *place = DefinitionPlace(DefinitionPlace("methods", view->name), "link");
	Jsonb	   *link = DocumentMember(view->method, "link");
	Jsonb	   *ask = DocumentMember(link, "ask");
	char	   *address = DocumentText(link, "address");
	const char *at = DefinitionPlace(place, "address");
	int			filled = VARIABLES_ALWAYS | VARIABLE_STATE | VARIABLE_REDIRECT_URI;
	View		before = *view;

	if (link == NULL)
		return;
	before.token = false;
	if ((ask != NULL) != (address[0] == '$'))
		REFUSE(errmsg("%s cannot be \"%s\" %s ask", at, address, ask ? "with" : "without"),
			   errhint("With ask it takes the path of an address in the answer, without ask an address such as https://login.example.com/authorize?state={state}."));
	if (ask != NULL)
		(void) DefinitionCheckRequest(&before, DefinitionPlace(place, "ask"), ask, filled);
	else
		(void) DefinitionCheckAddress(&before, at, address, filled);
	at = DefinitionPlace(place, "complete");
	if ((DefinitionCheckRequest(&before, at, DocumentMember(link, "complete"), filled | VARIABLE_CODE) & VARIABLE_CODE) == 0)
		REFUSE(errmsg("%s names no {code}", at),
			   errhint("Say where what the website gave goes, such as \"form\": {\"code\": \"{code}\"}."));
}

/* Add a name that templates can use; it must be free */
static void
AddGiven(View *view, const char *place, char *name, bool secret, bool host)
{
	Given	   *given = palloc(sizeof(Given));
	const char *filled;
	int			variable = DefinitionVariableOf(name, &filled);

	if (DefinitionGiven(view, name) != NULL)
		REFUSE(errmsg("%s cannot be \"%s\" once more", place, name),
			   errhint("Each credential and setting has a name of its own."));

	/*
	 * without a token the name is free; what a website is sent back to may be
	 * given
	 */
	if (variable != 0 && variable != VARIABLE_REDIRECT_URI && (variable != VARIABLE_TOKEN || view->token))
		REFUSE(errmsg("%s cannot be \"%s\", which means something else in templates", place, name),
			   errhint("Choose another name, such as my_%s.", name));
	given->name = name;
	given->secret = secret;
	given->host = host;
	view->given = lappend(view->given, given);
}

/* Add what an answer gives and is kept as a credential, if it is not asked for */
static void
AddKept(View *view, const char *place, Jsonb *keeps)
{
	ListCell   *lc;

	foreach(lc, DocumentKeys(keeps))
		if (DefinitionGiven(view, lfirst(lc)) == NULL)
		AddGiven(view, DefinitionPlace(place, lfirst(lc)), lfirst(lc), true, false);
}

/* Add the settings of the definition */
static void
AddSettings(View *view)
{
	Jsonb	   *settings = DocumentMember(view->definition, "settings");
	Jsonb	   *base = DocumentMember(view->method, "base_url");
	char	   *chosen;
	ListCell   *lc;

	foreach(lc, DocumentKeys(settings))
	{
		Jsonb	   *setting = DocumentMember(settings, lfirst(lc));
		char	   *initial = DocumentText(setting, "default");
		List	   *choices = DocumentTexts(DocumentMember(setting, "choices"));
		const char *place = DefinitionPlace("settings", lfirst(lc));
		bool		found = false;
		ListCell   *choice;

		if (SettingTaken(lfirst(lc)))
			REFUSE(errmsg("%s is a setting of every connection", place),
				   errhint("Choose another name."));
		foreach(choice, choices)
			found = found || (initial && strcmp(lfirst(choice), initial) == 0);
		if (initial != NULL && choices != NIL && !found)
			REFUSE(errmsg("%s cannot be \"%s\"", DefinitionPlace(place, "default"), initial),
				   errhint("It takes one of the choices: %s.", NamesJoin(choices, ", ")));
		AddGiven(view, place, lfirst(lc), false, DocumentBool(setting, "host", false));
	}

	/* the one that chooses the address */
	chosen = DocumentText(base ? base : DocumentMember(view->definition, "base_url"), "setting");
	if (chosen != NULL && SettingTaken(chosen))
		REFUSE(errmsg("base_url.setting cannot be \"%s\", a setting of every connection", chosen),
			   errhint("Choose another name, such as region."));
	if (chosen != NULL)
		AddGiven(view, "base_url.setting", chosen, false, false);
}

/* Add the credentials of the method, and what the others ask for */
static void
AddCredentials(View *view)
{
	Jsonb	   *methods = DocumentMember(view->definition, "methods");
	const char *place = DefinitionPlace("methods", view->name);
	List	   *credentials = DocumentElements(DocumentMember(view->method, "credentials"));
	ListCell   *lc;

	foreach(lc, credentials)
	{
		Jsonb	   *credential = lfirst(lc);
		const char *at = DefinitionPlaceAt(DefinitionPlace(place, "credentials"), foreach_current_index(lc));

		AddGiven(view, DefinitionPlace(at, "key"), DocumentText(credential, "key"),
				 DocumentBool(credential, "secret", true), DocumentBool(credential, "host", false));
	}
	AddKept(view, DefinitionPlace(DefinitionPlace(place, "login"), "keeps"),
			DocumentMember(DocumentMember(view->method, "login"), "keeps"));
	AddKept(view, DefinitionPlace(DefinitionPlace(place, "link"), "keeps"),
			DocumentMember(DocumentMember(view->method, "link"), "keeps"));
	AddKept(view, DefinitionPlace(DefinitionPlace(place, "link"), "webhook"),
			DocumentMember(DocumentMember(view->method, "link"), "webhook"));
	foreach(lc, DocumentKeys(methods))
	{
		ListCell   *credential;

		foreach(credential, DocumentElements(DocumentMember(DocumentMember(methods, lfirst(lc)), "credentials")))
			view->elsewhere = lappend(view->elsewhere, DocumentText(lfirst(credential), "key"));
	}
}

/* Check that pages can be made smaller where an answer asks for that */
static void
CheckSmaller(const char *place, Jsonb *retry, int named)
{
	if (DocumentMember(retry, "smaller_pages") != NULL && (named & VARIABLE_LIMIT) == 0)
		REFUSE(errmsg("%s is there, but no stream names {limit}", DefinitionPlace(place, "smaller_pages")),
			   errhint("Say where the size of a page goes, such as \"query\": {\"limit\": \"{limit}\"}."));
}

/* Check the definition as one login method sees it; returns the variables that streams name */
static int
CheckMethod(Jsonb *definition, const char *name)
{
	View		view = {.definition = definition,.name = name};
	const char *place;
	char	   *type;
	Jsonb	   *check;
	Jsonb	   *disconnect;
	Jsonb	   *ready;

	view.method = DocumentMember(DocumentMember(definition, "methods"), name);
	type = DocumentText(DocumentMember(view.method, "login"), "type");
	view.token = type != NULL && strcmp(type, "token") == 0;
	AddCredentials(&view);
	AddSettings(&view);

	CheckBaseUrl(&view);
	CheckLogin(&view);
	CheckLink(&view);
	(void) DefinitionCheckTemplates(&view, "headers", DocumentMember(definition, "headers"), PART_HEADER, VARIABLES_ALWAYS);
	(void) DefinitionCheckTemplates(&view, DefinitionPlace(DefinitionPlace("methods", name), "headers"),
									DocumentMember(view.method, "headers"), PART_HEADER, VARIABLES_ALWAYS);
	check = FindOwn(&view, "check", &place);
	(void) DefinitionCheckRequest(&view, place, check, VARIABLES_ALWAYS);
	disconnect = FindOwn(&view, "disconnect", &place);
	if (disconnect != NULL)
		(void) DefinitionCheckRequest(&view, place, disconnect, VARIABLES_ALWAYS);
	ready = FindOwn(&view, "ready", &place);
	if (ready != NULL)
	{
		(void) DefinitionCheckRequest(&view, place, ready, VARIABLES_ALWAYS);
		CheckCompiles(DefinitionPlace(place, "busy"), "busy", VALUE_TEXT, DocumentText(ready, "busy"), NULL);
	}
	CheckDiscover(&view);
	CheckRecommended(&view, CheckMapping(&view));
	return CheckStreams(&view);
}

/* Check which method is meant where none is named */
static void
CheckDefaultMethod(Jsonb *definition, List *methods)
{
	char	   *method = DocumentText(definition, "method");
	const char *closest;
	ListCell   *lc;

	if (method == NULL && list_length(methods) > 1)
		REFUSE(errmsg("method is missing"),
			   errhint("Where there are several login methods it names the usual one: %s.", NamesJoin(methods, ", ")));
	foreach(lc, methods)
		if (method == NULL || strcmp(lfirst(lc), method) == 0)
		return;
	closest = ClosestWord(method, methods);
	REFUSE(errmsg("method cannot be \"%s\"", method),
		   closest ? errhint("Did you mean \"%s\"? It takes %s.", closest, NamesJoin(methods, ", ")) :
		   errhint("It takes %s.", NamesJoin(methods, ", ")));
}

/* What the members of a definition mean together */
void
DefinitionCheckUse(Jsonb *definition)
{
	Jsonb	   *methods = DocumentMember(definition, "methods");
	int			named = 0;
	ListCell   *lc;

	CheckDefaultMethod(definition, DocumentKeys(methods));
	foreach(lc, DocumentKeys(methods))
	{
		Jsonb	   *retry = DocumentMember(DocumentMember(methods, lfirst(lc)), "retry");
		int			its = CheckMethod(definition, lfirst(lc));

		CheckSmaller(DefinitionPlace(DefinitionPlace("methods", lfirst(lc)), "retry"), retry, its);
		named |= its;
	}
	CheckSmaller("retry", DocumentMember(definition, "retry"), named);
}
