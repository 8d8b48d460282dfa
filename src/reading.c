#include "postgres.h"

#include "document.h"
#include "employee.h"
#include "exchange.h"
#include "field_choice.h"
#include "guc.h"
#include "json.h"
#include "lib/stringinfo.h"
#include "reading.h"
#include "scrub.h"
#include "sensitive.h"
#include "sensitive_exception.h"
#include "sql.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

/* Read the mapping as rules */
List *
ReadingRules(Company *company, const char *connection, const char *origin)
{
	List	   *rules = NIL;
	Oid			relid = CompanyRelation(company, "employee");
	uint64		rows = SqlRun(company, "SELECT m.field, m.path, m.transform, " EXCEPTION_CATEGORIES("m.field", "m.connection") " FROM @company@.mapping m "
							  "WHERE connection = $1 AND origin = coalesce($2, origin) ORDER BY field", "tt", connection, origin);

	for (uint64 i = 0; i < rows; i++)
	{
		MappingRule *rule = palloc0(sizeof(MappingRule));

		rule->field = SqlText(i, 1);
		rule->path = SqlText(i, 2);
		rule->transform = SqlText(i, 3);
		rule->allowed = ExceptionSet(SqlText(i, 4));
		if (get_attnum(relid, rule->field) != InvalidAttrNumber &&
			FieldRuleType(relid, CompanyRelation(company, "stakeholder"), rule))
			rules = lappend(rules, rule);
	}
	return rules;
}

/* The stream that brings the people */
Jsonb *
ReadingPeople(const Connection *connection)
{
	return linitial(DocumentElements(DocumentMember(connection->provider->definition, "streams")));
}

/* Compile rules for records of the people */
Mapping *
ReadingMapping(Company *company, const Connection *connection, List *rules)
{
	Jsonb	   *definition = connection->provider->definition;
	Jsonb	   *people = ReadingPeople(connection);
	MappingOptions options = {0};
	char	   *id = DocumentText(people, "id");
	bool		isnull;

	SqlRun(company, "SELECT (pg_catalog.now() AT TIME ZONE timezone)::date FROM @company@._company", NULL);
	options.id_path = id[0] == '@' ? "$.id" : id;
	options.deleted_path = DocumentText(people, "deleted");
	options.null_tokens = DocumentTexts(DocumentMember(definition, "null_tokens"));
	options.today = DatumGetDateADT(SqlDatum(0, 1, &isnull));
	options.phone_region = DocumentBool(connection->settings, "phone_region", false);
	options.refused = ScrubRefuses;
	options.sensitive = true;
	options.id_allowed = ExceptionAllowed(company, "remote_id", connection->name);
	options.ignore_case = DocumentBool(definition, "ignore_case", false);
	return MappingCompile(rules, &options);
}

/* True if a mapped path begins where the rows of a child stream go */
bool
ReadingBegins(Jsonb *stream, List *roots, bool ignore_case)
{
	char	   *as = DocumentText(DocumentMember(stream, "join"), "as");
	ListCell   *lc;

	foreach(lc, as ? roots : NIL)
		if (strcmp(lfirst(lc), as) == 0 || (ignore_case && pg_strcasecmp(lfirst(lc), as) == 0))
		return true;
	return false;
}

/* True if a child stream is wanted */
bool
ReadingWants(Jsonb *stream, List *roots, bool ignore_case)
{
	return DocumentBool(stream, "always", false) || ReadingBegins(stream, roots, ignore_case);
}

/* What came of a field, or NULL where no rule fills it */
static MappedValue *
ValueOf(List *rules, MappedRecord *record, const char *field)
{
	ListCell   *lc;

	foreach(lc, rules)
		if (strcmp(((MappingRule *) lfirst(lc))->field, field) == 0)
		return &record->values[foreach_current_index(lc)];
	return NULL;
}

/* Text of a value, or NULL */
static char *
TextOf(MappedValue *value)
{
	return value && value->state == MAPPED_VALUE ? value->text : NULL;
}

/* A person without a full name goes by first and last name */
void
ReadingCompleteName(List *rules, MappedRecord *record)
{
	MappedValue *name = ValueOf(rules, record, "name");
	char	   *joined;

	if (name == NULL || (name->state != MAPPED_NULL && name->state != MAPPED_ABSENT))
		return;
	joined = NameJoin(TextOf(ValueOf(rules, record, "first_name")), TextOf(ValueOf(rules, record, "last_name")));
	if (joined == NULL)
		return;
	name->state = MAPPED_VALUE;
	name->text = joined;
}

/* The variables of a stream's first page */
Jsonb *
ReadingVariables(const SourceStream *stream, int size, const char *id, int fields)
{
	List	   *names = DocumentTexts(DocumentMember(DocumentMember(stream->spec, "fields"), "base"));
	StringInfoData variables;
	ListCell   *lc;

	initStringInfo(&variables);
	appendStringInfoChar(&variables, '{');
	if (id != NULL)
		DocumentAppend(&variables, "id", id);
	if (stream->kind != PAGES_NONE)
		DocumentAppendInt(&variables, "limit", size);
	if (stream->kind == PAGES_OFFSET)
		DocumentAppendInt(&variables, "offset", 0);
	if (stream->kind == PAGES_NUMBER)
		DocumentAppendInt(&variables, "page", DocumentInt(DocumentMember(stream->spec, "pages"), "first", 1));
	if (names != NIL)
		appendStringInfo(&variables, "%s\"fields\":[", variables.len > 1 ? "," : "");
	foreach(lc, names)
	{
		if (foreach_current_index(lc) == fields)
			break;
		if (foreach_current_index(lc) > 0)
			appendStringInfoChar(&variables, ',');
		escape_json(&variables, lfirst(lc));
	}
	appendStringInfoString(&variables, names != NIL ? "]}" : "}");
	return DocumentRead(variables.data);
}

/* True unless an answer with a good status says that it is a refusal */
static bool
SaysSuccess(Jsonb *success, const char *body, AnswerFault *fault)
{
	const char *error;
	char	   *text = success ? ExchangeFind(body, strlen(body), DocumentText(success, "path"), &error) : NULL;

	if (text == NULL || strcmp(text, DocumentText(success, "equals")) == 0)
		return true;
	fault->sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
	fault->message = psprintf("the HR system refused, in an answer with a good status: %s is not %s",
							  DocumentText(success, "path"), DocumentText(success, "equals"));
	fault->hint = pstrdup("Look there what is missing, and at the guide in stakesync_provider.");
	return false;
}

/* Cut the records out of a whole answer */
bool
ReadingCut(const SourceStream *stream, const char *path, const char *body,
		   RecordCallback callback, void *arg, AnswerFault *fault)
{
	SplitterOptions options = {
		.records = path,
		.max_record_bytes = (int64) stakesync_max_record_size * 1024,
		.max_depth = JSON_MAX_DEPTH,
		.callback = callback,
		.arg = arg,
	};
	RecordSplitter *splitter;
	SplitterState state;
	const char *message;

	/* a refusal may come without records */
	if (!SaysSuccess(DocumentMember(stream->spec, "success"), body, fault))
		return false;
	splitter = SplitterCreate(&options);
	(void) SplitterFeed(splitter, body, strlen(body));
	state = SplitterFinish(splitter);
	message = SplitterMessage(splitter);
	if (state != SPLITTER_DONE)
		AnswerIsNoJson(body[strspn(body, " \t\r\n")] == '<' ? "text/html" : NULL,
					   psprintf("the HR system's answer cannot be read: %s", message ? message : "it is empty"), fault);
	SplitterFree(splitter);
	return state == SPLITTER_DONE;
}
