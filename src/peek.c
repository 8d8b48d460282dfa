/*
 * Peeking: one person's record, live, and what becomes of it.
 *
 * The record is read as a fetch reads it, its child rows are joined as there,
 * and the same mapping is applied. Values are shown of what the mapping reads
 * alone; of all else there are paths and types.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "connection.h"
#include "document.h"
#include "exchange.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "join.h"
#include "lib/stringinfo.h"
#include "mapping.h"
#include "miscadmin.h"
#include "outline.h"
#include "reading.h"
#include "scrub.h"
#include "sql.h"
#include "talk.h"
#include "transform.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

/* A path that the mapping reads, and so whose values are shown */
typedef struct ReadPath
{
	int			count;
	PathStep   *steps;
	List	   *names;			/* of what jsonpath does behind them, or NIL */
} ReadPath;

/* A stream as it is asked of one person */
typedef struct PeekStream
{
	SourceStream *stream;
	Jsonb	   *request;
	const char *records;		/* where they are in the answer */
	bool		whole;			/* asked for all people's rows */
	const char *why;			/* it brings nothing; or NULL */
} PeekStream;

typedef struct Peek
{
	Company    *company;
	Connection *connection;
	const char *given;			/* as the caller names the person */
	char	   *remote_id;
	bool		pay;			/* may be shown */
	List	   *rules;			/* of MappingRule * */
	Mapping    *mapping;
	bool		ignore_case;
	List	   *streams;		/* of PeekStream *, that of the people first */
	List	   *read;			/* of ReadPath * */
	MappedRecord mapped;
} Peek;

/* Records as they are cut out */
typedef struct PeekRecord
{
	char	   *text;
	size_t		length;
} PeekRecord;

/* Fields that need a privilege of their own */
static bool
IsPay(const char *field)
{
	return strcmp(field, "pay_rate") == 0 || strcmp(field, "pay_period") == 0 || strcmp(field, "pay_currency") == 0;
}

/* True if the caller may see what people earn */
static bool
MayReadPay(const Company *company)
{
	Oid			relid = CompanyRelation(company, "stakeholder");
	AttrNumber	attnum = get_attnum(relid, "pay_rate");

	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		(attnum != InvalidAttrNumber && pg_attribute_aclcheck(relid, attnum, GetUserId(), ACL_SELECT) == ACLCHECK_OK);
}

/* True if a field may be shown */
static bool
IsShown(const Peek *peek, const char *field)
{
	return peek->pay || !IsPay(field);
}

/* The remote_id that is meant: itself, or by the identifier; else it is taken as it is */
static char *
FindRemoteId(Company *company, const char *connection, const char *given)
{
	if (SqlRun(company, "SELECT e.remote_id FROM @company@.employee e WHERE e.connection = $1 AND e.remote_id = $2", "tt",
			   connection, given) == 1)
		return SqlText(0, 1);
	SqlRun(company, "SELECT e.remote_id FROM @company@.employee e "
		   "WHERE e.connection = $1 AND e.identifier_key = @extension@.stakesync_canonical_identifier($2) LIMIT 2", "tt",
		   connection, given);
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("several records of connection \"%s\" have the identifier \"%s\"", connection, given),
				 errhint("Name one by its remote_id: SELECT remote_id FROM %s.employee WHERE identifier_key = %s.stakesync_canonical_identifier(%s);",
						 company->quoted, company->extension, quote_literal_cstr(given))));
	return SPI_processed == 1 ? SqlText(0, 1) : pstrdup(given);
}

/* Describe how a stream is asked of one person; a child without a way to is asked for all its rows */
static PeekStream *
DescribeStream(Jsonb *spec, int position)
{
	PeekStream *asked = palloc0(sizeof(PeekStream));
	Jsonb	   *one = DocumentMember(spec, "one");
	Jsonb	   *join = DocumentMember(spec, "join");

	asked->stream = SourceStreamRead(spec, position, NULL);
	asked->request = one ? one : spec;
	asked->records = DocumentText(one, "records");
	if (asked->records == NULL)
		asked->records = DocumentText(spec, "records");
	asked->whole = one == NULL && !DocumentBool(spec, "each", false);
	if (asked->whole && !DocumentBool(join, "one", false))
		asked->why = "the provider's definition cannot ask it for one person";
	return asked;
}

/* Describe all that is to be asked */
static void
DescribeStreams(Peek *peek)
{
	Connection *connection = peek->connection;
	List	   *specs = DocumentElements(DocumentMember(connection->provider->definition, "streams"));
	List	   *roots = MappingRoots(peek->rules);
	ListCell   *lc;

	if (DocumentMember(linitial(specs), "one") == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the definition of %s does not say how to ask for one person", connection->provider->name),
				 errhint("Add \"one\" to its first stream, see doc/providers.md. What the last fetch brought is in %s.employee.",
						 peek->company->quoted)));
	foreach(lc, specs)
		if (foreach_current_index(lc) == 0 || ReadingWants(lfirst(lc), roots, peek->ignore_case))
		peek->streams = lappend(peek->streams, DescribeStream(lfirst(lc), foreach_current_index(lc)));
}

/* Ask all at once; answers stand where the streams do, those not asked for are empty */
static TalkAnswer *
AskStreams(Peek *peek)
{
	int			count = list_length(peek->streams);
	TalkRequest *requests = palloc0(sizeof(TalkRequest) * count);
	TalkAnswer *came = palloc0(sizeof(TalkAnswer) * count);
	TalkAnswer *answers = palloc0(sizeof(TalkAnswer) * count);
	int			asked = 0;
	ListCell   *lc;

	foreach(lc, peek->streams)
	{
		PeekStream *stream = lfirst(lc);

		if (stream->why != NULL)
			continue;
		requests[asked].request = stream->request;
		requests[asked].variables = ReadingVariables(stream->stream, stream->stream->size, peek->remote_id, PG_INT32_MAX);
		requests[asked++].whole = true;
	}
	TalkAll(peek->connection->session, requests, asked, came);
	asked = 0;
	foreach(lc, peek->streams)
		if (((PeekStream *) lfirst(lc))->why == NULL)
		answers[foreach_current_index(lc)] = came[asked++];
	return answers;
}

/* Take one record of an answer */
static void
TakeRecord(const char *record, size_t length, const char *key, void *arg)
{
	List	  **records = arg;
	PeekRecord *taken = palloc(sizeof(PeekRecord));

	taken->text = pnstrdup(record, length);
	taken->length = length;
	*records = lappend(*records, taken);
}

/* The records of an answer; false with the fault */
static bool
TakeRecords(const PeekStream *asked, TalkAnswer *answer, List **records)
{
	return answer->good &&
		ReadingCut(asked->stream, asked->records, answer->body, TakeRecord, records, &answer->fault);
}

/* Raise that nobody is found, in the words of the caller alone */
static void
RefuseStranger(const Peek *peek)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s shows nobody as \"%s\"", peek->connection->provider->name, peek->given),
			 errhint("Give the remote_id or the identifier of a person in %s.employee, or an id as %s has it.",
					 peek->company->quoted, peek->connection->provider->name)));
}

/* Raise why a stream cannot be read */
static void
RefuseAnswer(const TalkAnswer *answer)
{
	ereport(ERROR,
			(errcode(answer->fault.sqlerrcode),
			 errmsg("%s", answer->fault.message),
			 answer->fault.hint ? errhint("%s", answer->fault.hint) : 0));
}

/* Raise why a record cannot be read */
static void
RefuseRecord(const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("the record cannot be read: %s", fault),
			 errhint("If it stays so, tell the provider.")));
}

/* The person's own record: of several the one with the id */
static PeekRecord *
TakePerson(Peek *peek, TalkAnswer *answer)
{
	bool		keyed = DocumentText(ReadingPeople(peek->connection), "id")[0] == '@';
	List	   *records = NIL;
	ListCell   *lc;

	if (!TakeRecords(linitial(peek->streams), answer, &records))
	{
		if (answer->status == 404)
			RefuseStranger(peek);
		RefuseAnswer(answer);
	}
	foreach(lc, records)
	{
		PeekRecord *record = lfirst(lc);
		const char *fault = MappingFault(peek->mapping, record->text, record->length);
		char	   *id = keyed ? peek->remote_id : MappingReadId(peek->mapping, record->text, record->length);

		if (fault != NULL || id == NULL)
			RefuseRecord(fault ? fault : "it has no id where the provider's definition says");
		if (strcmp(id, peek->remote_id) == 0)
			return record;
	}
	RefuseStranger(peek);
	return NULL;
}

/* True if an answer holds all rows of a stream, and not a page of them */
static bool
IsWhole(const SourceStream *stream, const char *body, int rows)
{
	char	   *next = DocumentText(DocumentMember(stream->spec, "pages"), "next");
	const char *error;

	switch (stream->kind)
	{
		case PAGES_NONE:
			return true;
		case PAGES_CURSOR:
		case PAGES_URL:
			return ExchangeFind(body, strlen(body), next, &error) == NULL;
		case PAGES_LINK:
			return false;
		case PAGES_OFFSET:
		case PAGES_NUMBER:
			return rows < stream->size;
	}
	return false;
}

/* Put the rows of a child stream; one that is refused brings nothing */
static void
TakeRows(Peek *peek, RecordJoin *join, PeekStream *asked, TalkAnswer *answer)
{
	List	   *records = NIL;
	PageRun    *run;
	ListCell   *lc;

	/* Of a person for whom there are none */
	if (!asked->whole && asked->stream->optional && answer->status == 404)
		return;
	if (!TakeRecords(asked, answer, &records))
	{
		if (answer->status != 403 && answer->status != 404)
			RefuseAnswer(answer);
		asked->why = answer->fault.message;
	}
	else if (asked->whole && !IsWhole(asked->stream, answer->body, list_length(records)))
		asked->why = "it has too many rows to look among them for one person's";
	run = PageRunCreate(asked->stream, 0, DocumentBool(asked->stream->spec, "each", false) ? peek->remote_id : NULL);
	foreach(lc, asked->why ? NIL : records)
		JoinRow(join, run, ((PeekRecord *) lfirst(lc))->text, ((PeekRecord *) lfirst(lc))->length);
	PageRunFree(run);
}

/* The person's record with the rows of the children in it */
static void
JoinRecord(Peek *peek, TalkAnswer *answers, StringInfo record)
{
	PeekRecord *person = TakePerson(peek, &answers[0]);
	List	   *children = NIL;
	RecordJoin *join;
	StringInfoData id;
	ListCell   *lc;

	for_each_from(lc, peek->streams, 1)
		children = lappend(children, ((PeekStream *) lfirst(lc))->stream);
	if (children == NIL)
	{
		appendBinaryStringInfo(record, person->text, person->length);
		return;
	}
	join = JoinOpen(children, 1, peek->ignore_case);
	JoinPerson(join, peek->remote_id, person->text, person->length);
	for_each_from(lc, peek->streams, 1)
	{
		PeekStream *child = lfirst(lc);

		if (child->why == NULL)
			TakeRows(peek, join, child, &answers[foreach_current_index(lc)]);
		if (child->why != NULL)
			child->stream->refused = 403;
	}
	JoinMatch(join);
	initStringInfo(&id);
	(void) JoinNext(join, &id, record);
	JoinClear(join);
}

/* Note a path that the mapping reads */
static void
AddReadPath(Peek *peek, const PathStep *steps, int count, const PathStep *more, int more_count, List *names)
{
	ReadPath   *path = palloc(sizeof(ReadPath));

	path->count = count + more_count;
	path->steps = palloc(sizeof(PathStep) * (path->count + 1));
	memcpy(path->steps, steps, sizeof(PathStep) * count);
	memcpy(path->steps + count, more, sizeof(PathStep) * more_count);
	path->names = names;
	peek->read = lappend(peek->read, path);
}

/* Note what a transform reads beside the path itself */
static void
AddTransformPaths(Peek *peek, const Path *path, const Transform *transform)
{
	static const PathStep value = {PATH_MEMBER, "value", 5};
	int			count = path->count;

	if (transform->kind == TRANSFORM_VALUE)
		AddReadPath(peek, path->steps, count, &value, 1, NIL);

	/* choices look at other members of the elements */
	if (transform->kind == TRANSFORM_PICK || transform->kind == TRANSFORM_CURRENT)
		while (count > 0 && path->steps[count - 1].kind == PATH_MEMBER)
			count--;
	for (int i = 0; i < transform->count; i++)
		if (transform->arguments[i].count > 0)
			AddReadPath(peek, path->steps, count, transform->arguments[i].steps, transform->arguments[i].count, NIL);
}

/* True if a path looks at members of every name: which of them it chose only the field tells */
static bool
LooksAtAll(const Path *path)
{
	for (int i = 0; i < path->count; i++)
		if (path->steps[i].kind == PATH_MEMBERS)
			return true;
	return false;
}

/* Note all paths that the mapping reads for fields that may be shown */
static void
FindReadPaths(Peek *peek)
{
	ListCell   *lc;

	foreach(lc, peek->rules)
	{
		const MappingRule *rule = lfirst(lc);
		List	   *transforms = TransformParse(rule->transform, rule->field);
		ListCell   *alternative;

		if (!IsShown(peek, rule->field))
			continue;
		foreach(alternative, PathParseAlternatives(rule->path, psprintf("field \"%s\"", rule->field)))
		{
			const Path *path = lfirst(alternative);
			ListCell   *transform;

			if (LooksAtAll(path))
				continue;
			AddReadPath(peek, path->steps, path->count, NULL, 0, path->rest < 0 ? NIL : PathNames(path->text + path->rest));
			foreach(transform, transforms)
				AddTransformPaths(peek, path, lfirst(transform));
		}
	}
}

/* True if two members have one name */
static bool
SameMember(const PathStep *a, const PathStep *b, bool ignore_case)
{
	if (a->length != b->length)
		return false;
	return ignore_case ? pg_strncasecmp(a->name, b->name, a->length) == 0 : memcmp(a->name, b->name, a->length) == 0;
}

/* True if a list of names has that of a member */
static bool
IsNamed(const PathStep *step, List *names, bool ignore_case)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		const PathStep name = {PATH_MEMBER, lfirst(lc), strlen(lfirst(lc))};

		if (SameMember(step, &name, ignore_case))
			return true;
	}
	return false;
}

/* True if what is left of a path of the record is what is left of one that is read */
static bool
Matches(const PathStep *steps, int count, const ReadPath *path, int at, bool ignore_case)
{
	const PathStep *wanted = &path->steps[at];

	if (at == path->count)
	{
		/* the elements of a list; or what jsonpath may have looked at */
		for (int i = 0; i < count; i++)
			if (steps[i].kind == PATH_MEMBER && !IsNamed(&steps[i], path->names, ignore_case))
				return false;
		return path->names == NIL || (count > 0 && steps[count - 1].kind == PATH_MEMBER);
	}
	if (wanted->kind == PATH_MEMBER || wanted->kind == PATH_MEMBERS)
		return count > 0 && steps[0].kind == PATH_MEMBER &&
			(wanted->kind == PATH_MEMBERS || SameMember(&steps[0], wanted, ignore_case)) &&
			Matches(steps + 1, count - 1, path, at + 1, ignore_case);

	/* what is no array counts as an array of one */
	return (count > 0 && steps[0].kind == PATH_EACH && Matches(steps + 1, count - 1, path, at + 1, ignore_case)) ||
		Matches(steps, count, path, at + 1, ignore_case);
}

/* True if the mapping reads a path of the record */
static bool
IsRead(const PathStep *steps, int count, void *arg)
{
	const Peek *peek = arg;
	ListCell   *lc;

	foreach(lc, peek->read)
		if (Matches(steps, count, lfirst(lc), 0, peek->ignore_case))
		return true;
	return false;
}

/* Append a separator where a list under construction has items already */
static void
AppendComma(StringInfo buf)
{
	if (buf->len > 0 && strchr("[{", buf->data[buf->len - 1]) == NULL)
		appendStringInfoChar(buf, ',');
}

/* Append values of what is read, and paths and types of all else */
static void
AppendOutline(Peek *peek, StringInfo buf, const char *record, size_t length)
{
	OutlineOptions options = {.refused = ScrubRefuses,.wanted = IsRead,.arg = peek};
	List	   *paths = OutlineRead(record, length, &options);
	StringInfoData others;
	ListCell   *lc;

	initStringInfo(&others);
	appendStringInfoString(&others, ",\"others\":[");
	appendStringInfoString(buf, ",\"values\":{");
	foreach(lc, paths)
	{
		const OutlinePath *path = lfirst(lc);

		if (path->values != NULL)
		{
			AppendComma(buf);
			escape_json(buf, path->text);
			appendStringInfo(buf, path->many ? ":[%s]" : ":%s", path->values);
			continue;
		}
		AppendComma(&others);
		appendStringInfoChar(&others, '{');
		DocumentAppend(&others, "path", path->text);
		if (path->refused)
			appendStringInfoString(&others, ",\"refused\":true}");
		else
		{
			DocumentAppend(&others, "type", OutlineTypes(path));
			appendStringInfoChar(&others, '}');
		}
	}
	appendStringInfo(buf, "}%s]", others.data);
}

/* A text[] of fields */
static Datum
MakeArray(List *texts)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(texts) + 1));
	ListCell   *lc;

	foreach(lc, texts)
		values[foreach_current_index(lc)] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(values, list_length(texts), TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * What the mapping makes of the record, as the employee that it would be: what
 * is not known stays as it is. Appends the fields and the conditions.
 */
static void
AppendEmployee(Peek *peek, StringInfo buf)
{
	List	   *shown = NIL;
	List	   *unknown = NIL;
	StringInfoData known;
	ListCell   *lc;

	initStringInfo(&known);
	appendStringInfoChar(&known, '{');
	DocumentAppend(&known, "connection", peek->connection->name);
	DocumentAppend(&known, "remote_id", peek->remote_id);
	foreach(lc, peek->rules)
	{
		const MappingRule *rule = lfirst(lc);
		const MappedValue *value = &peek->mapped.values[foreach_current_index(lc)];

		if (IsShown(peek, rule->field))
			shown = lappend(shown, unconstify(char *, rule->field));
		if (value->state == MAPPED_VALUE || value->state == MAPPED_NULL)
			DocumentAppend(&known, rule->field, value->state == MAPPED_VALUE ? value->text : NULL);
		else
			unknown = lappend(unknown, unconstify(char *, rule->field));
	}
	appendStringInfoChar(&known, '}');

	SqlRun(peek->company,
		   "WITH person AS MATERIALIZED ("
		   "SELECT p.e, pg_catalog.to_jsonb(p.e) AS fields, k.config FROM @company@._config k CROSS JOIN LATERAL ("
		   "SELECT pg_catalog.jsonb_populate_record(coalesce((SELECT o FROM @company@.employee o "
		   "WHERE o.connection = $1 AND o.remote_id = $2), NULL::@company@.employee), $3) AS e OFFSET 0) p "
		   "WHERE k.connection = $1) "
		   "SELECT coalesce((SELECT pg_catalog.jsonb_object_agg(f.field, "
		   "CASE WHEN f.field <> ALL ($5) THEN p.fields -> f.field END) FROM pg_catalog.unnest($4) f(field)), '{}'), "
		   "pg_catalog.jsonb_build_object('in', @extension@.stakesync_in_scope(p.config, p.e), 'clauses', coalesce(("
		   "SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
		   "'condition', @extension@.stakesync_condition_text(d.field, d.operator, d.any_of), "
		   "'holds', @extension@.stakesync_in_scope(p.config || pg_catalog.jsonb_build_object('conditions', "
		   "pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('field', d.field, 'operator', d.operator, 'any_of', d.any_of))), p.e)) "
		   "|| CASE WHEN d.field = ANY ($6) THEN '{}' ELSE pg_catalog.jsonb_build_object('value', p.fields -> "
		   "CASE d.field WHEN 'identifier' THEN c.identifier WHEN 'email' THEN coalesce(c.email, 'work_email') ELSE d.field END) END "
		   "ORDER BY d.condition_id) FROM @company@.condition d JOIN @company@.connection c USING (connection) "
		   "WHERE d.connection = $1), '[]')) FROM person p", "ttjaaa",
		   peek->connection->name, peek->remote_id, known.data, MakeArray(shown), MakeArray(unknown),
		   peek->pay ? MakeArray(NIL) : MakeArray(list_make3("pay_rate", "pay_period", "pay_currency")));
	appendStringInfo(buf, ",\"fields\":%s,\"scope\":%s", SqlText(0, 1), SqlText(0, 2));
}

/* The same; a value that does not fit its column is in no error's words */
static void
AppendEmployeeSafely(Peek *peek, StringInfo buf)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		AppendEmployee(peek, buf);
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) != ERRCODE_DATA_EXCEPTION &&
			ERRCODE_TO_CATEGORY(edata->sqlerrcode) != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(edata->sqlerrcode),
				 errmsg("a value of the record does not fit the column that it is mapped to"),
				 errhint("Compare paths and transforms of %s.mapping with the types of %s.employee.",
						 peek->company->quoted, peek->company->quoted),
				 errhidestmt(true), errhidecontext(true)));
	}
	PG_END_TRY();
}

/* Append the fields that the record does not have, and the problems of others */
static void
AppendProblems(const Peek *peek, StringInfo buf)
{
	StringInfoData problems;
	ListCell   *lc;

	initStringInfo(&problems);
	appendStringInfoString(&problems, ",\"problems\":[");
	appendStringInfoString(buf, ",\"absent\":[");
	foreach(lc, peek->rules)
	{
		const MappingRule *rule = lfirst(lc);
		const MappedValue *value = &peek->mapped.values[foreach_current_index(lc)];

		if (!IsShown(peek, rule->field))
			continue;
		if (value->state == MAPPED_ABSENT)
		{
			AppendComma(buf);
			escape_json(buf, rule->field);
		}
		if (value->state != MAPPED_PROBLEM)
			continue;
		AppendComma(&problems);
		appendStringInfoChar(&problems, '{');
		DocumentAppend(&problems, "field", rule->field);
		DocumentAppend(&problems, "code", value->code);
		DocumentAppend(&problems, "message", value->message);
		appendStringInfoChar(&problems, '}');
	}
	appendStringInfo(buf, "]%s]", problems.data);
}

/* The path of a request with the person's id in it */
static char *
NameRequest(const Peek *peek, Jsonb *request)
{
	char	   *path = DocumentText(request, "path");
	char	   *at;

	if (path == NULL)
		path = DocumentText(request, "url");
	at = strstr(path, "{id}");
	return at ? psprintf("%.*s%s%s", (int) (at - path), path, peek->remote_id, at + strlen("{id}")) : path;
}

/* Append what was asked, and which streams have brought nothing */
static void
AppendAsked(const Peek *peek, StringInfo buf)
{
	StringInfoData without;
	ListCell   *lc;

	initStringInfo(&without);
	appendStringInfoString(buf, ",\"asked\":[");
	foreach(lc, peek->streams)
	{
		const PeekStream *stream = lfirst(lc);

		if (stream->why != NULL)
		{
			AppendComma(&without);
			appendStringInfoChar(&without, '{');
			DocumentAppend(&without, "stream", stream->stream->name);
			DocumentAppend(&without, "why", stream->why);
			appendStringInfoChar(&without, '}');
		}
		if (stream->why != NULL && stream->whole && !DocumentBool(DocumentMember(stream->stream->spec, "join"), "one", false))
			continue;
		AppendComma(buf);
		escape_json(buf, NameRequest(peek, stream->request));
	}
	appendStringInfoChar(buf, ']');
	if (without.len > 0)
		appendStringInfo(buf, ",\"without\":[%s]", without.data);
}

/* All that there is to say, as JSON */
static char *
Describe(Peek *peek)
{
	TalkAnswer *answers = AskStreams(peek);
	StringInfoData record;
	StringInfoData result;

	initStringInfo(&record);
	JoinRecord(peek, answers, &record);
	MappingApply(peek->mapping, record.data, record.len, &peek->mapped);
	if (peek->mapped.error != NULL)
		RefuseRecord(peek->mapped.error);
	ReadingCompleteName(peek->rules, &peek->mapped);
	FindReadPaths(peek);

	initStringInfo(&result);
	appendStringInfoChar(&result, '{');
	DocumentAppend(&result, "remote_id", peek->remote_id);
	DocumentAppend(&result, "provider", peek->connection->provider->provider);
	AppendAsked(peek, &result);
	if (peek->mapped.deleted)
		appendStringInfoString(&result, ",\"deleted\":true");
	if (peek->mapped.has_changes_on)
		DocumentAppend(&result, "changes_on",
					   DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(peek->mapped.changes_on))));
	AppendEmployeeSafely(peek, &result);
	AppendProblems(peek, &result);
	AppendOutline(peek, &result, record.data, record.len);
	appendStringInfoChar(&result, '}');
	return result.data;
}

/* Note who looked at whom */
static void
Record(Company *company, const char *connection, const char *remote_id)
{
	CompanyContext *context = CompanyEnter(company, "connection", ACL_SELECT, true, "stakesync_peek()");

	SqlRun(company, "INSERT INTO @company@._peek (by, connection, remote_id) VALUES ($1, $2, $3)", "ttt",
		   CompanyCaller(), connection, remote_id);
	CompanyLeave(context);
}

PG_FUNCTION_INFO_V1(stakesync_peek);

/* Look at one person at the HR system */
Datum
stakesync_peek(PG_FUNCTION_ARGS)
{
	char	   *given = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *name = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	Peek		peek = {.company = CompanyResolve(PG_ARGISNULL(2) ? NULL : NameStr(*PG_GETARG_NAME(2)))};
	MemoryContext outer = CurrentMemoryContext;
	CompanyContext *context;
	char	   *result;

	if (given == NULL || given[strspn(given, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("say whom to look at"),
				 errhint("Give a remote_id or an identifier: SELECT stakesync_peek('...').")));
	PreventCommandDuringRecovery("stakesync_peek()");
	PreventCommandIfReadOnly("stakesync_peek()");
	peek.given = given;
	peek.pay = MayReadPay(peek.company);
	CompanyCheck(peek.company, "employee", ACL_SELECT);
	context = CompanyEnter(peek.company, "connection", ACL_SELECT, false, "stakesync_peek()");
	name = ConnectionResolve(peek.company, name);
	peek.remote_id = FindRemoteId(peek.company, name, given);
	peek.connection = ConnectionOpen(peek.company, name);
	peek.ignore_case = DocumentBool(peek.connection->provider->definition, "ignore_case", false);
	peek.rules = ReadingRules(peek.company, name, NULL);
	peek.mapping = ReadingMapping(peek.company, peek.connection, peek.rules);
	DescribeStreams(&peek);

	result = MemoryContextStrdup(outer, Describe(&peek));
	name = MemoryContextStrdup(outer, name);
	peek.remote_id = MemoryContextStrdup(outer, peek.remote_id);
	CompanyLeave(context);

	Record(peek.company, name, peek.remote_id);
	return JsonbPGetDatum(DocumentRead(result));
}
