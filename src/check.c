/*
 * Checking a connection: what of it works, and what is missing because of what.
 *
 * Nothing of what comes is stored. The login is tried first and alone: where the HR system
 * refuses it, it is not asked once more for every stream, since some lock out
 * who is refused too often.
 */
#include "postgres.h"

#include "attempt.h"
#include "connection.h"
#include "document.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "guc.h"
#include "mapping.h"
#include "miscadmin.h"
#include "names.h"
#include "reading.h"
#include "sql.h"
#include "talk.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

/* People of whom none has left: below that it may well be so */
#define LEAVERS_FROM 20

typedef enum Verdict
{
	CHECK_BAD,
	CHECK_GOOD,
	CHECK_UNKNOWN
} Verdict;

/* A stream of the definition, and what came of asking it */
typedef struct CheckStream
{
	SourceStream *stream;
	const char *permission;		/* in words, or NULL */
	List	   *fields;			/* mapped ones that need it, char * */
	bool		wanted;
	bool		asked;
	bool		good;
	TalkAnswer	answer;
} CheckStream;

typedef struct Check
{
	Company    *company;
	char	   *name;
	ReturnSetInfo *set;
	Connection *connection;
	List	   *streams;		/* of CheckStream * */
	int			remaining;		/* requests that are left; -1 if not told */
	bool		slow;			/* the HR system asked for fewer */
} Check;

/* Give one row; its texts may be NULL */
static void
PutRow(Check *check, const char *item, Verdict verdict, const char *detail, const char *hint)
{
	Datum		values[4] = {CStringGetTextDatum(item), BoolGetDatum(verdict == CHECK_GOOD)};
	bool		nulls[4] = {false, verdict == CHECK_UNKNOWN, detail == NULL, hint == NULL};

	values[2] = detail ? CStringGetTextDatum(detail) : (Datum) 0;
	values[3] = hint ? CStringGetTextDatum(hint) : (Datum) 0;
	tuplestore_putvalues(check->set->setResult, check->set->setDesc, values, nulls);
}

/* True for an error that says something of the connection, and not of the server */
static bool
IsOfConnection(const ErrorData *edata)
{
	int			category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);

	return category != ERRCODE_OPERATOR_INTERVENTION && category != ERRCODE_INSUFFICIENT_RESOURCES &&
		category != ERRCODE_INTERNAL_ERROR;
}

/* Do a step that may fail; false with the error if it does */
static bool
Try(Check *check, void (*step) (void *check), ErrorData **error)
{
	*error = Attempt(step, check, true);
	if (*error != NULL && !IsOfConnection(*error))
		ReThrowError(*error);
	return *error == NULL;
}

/* Open the connection with its credentials */
static void
OpenConnection(void *arg)
{
	Check	   *check = arg;

	check->connection = ConnectionOpen(check->company, check->name);
}

/* True if an error is of the key file or of what it opens */
static bool
IsOfKey(const ErrorData *edata)
{
	int			category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);

	return category == ERRCODE_CONFIG_FILE_ERROR || category == ERRCODE_TO_CATEGORY(ERRCODE_UNDEFINED_FILE) ||
		edata->sqlerrcode == ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION ||
		edata->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE;
}

/* Rows of a connection that could not be opened */
static void
PutUnopened(Check *check, const ErrorData *error)
{
	bool		key = IsOfKey(error);

	PutRow(check, "key file", key ? CHECK_BAD : CHECK_UNKNOWN, key ? error->message : "there is nothing to open with it",
		   key ? error->hint : NULL);
	PutRow(check, "login", key ? CHECK_UNKNOWN : CHECK_BAD, key ? "not tried: the credentials cannot be read" : error->message,
		   key ? NULL : error->hint);
}

/* The row of the key file, once it has opened the credentials */
static void
PutKeyFile(Check *check)
{
	if (stakesync_key_file != NULL && stakesync_key_file[0] != '\0')
		PutRow(check, "key file", CHECK_GOOD, "opens the credentials; nobody else may read it", NULL);
	else
		PutRow(check, "key file", CHECK_GOOD, "opens the credentials; it lies in the data directory, and so in every base backup",
			   "stakesync.key_file can name a file elsewhere.");
}

/* True if an answer says nothing of what is allowed: try again later */
static bool
IsPassing(const TalkAnswer *answer)
{
	return answer->status == 0 || answer->status == 408 || answer->status == 429 || answer->status >= 500;
}

/* Note what an answer says of the allowance */
static void
NoteAllowance(Check *check, const TalkAnswer *answer)
{
	if (answer->noted != NULL && answer->noted[strspn(answer->noted, "0123456789")] == '\0' && strlen(answer->noted) < 10)
		check->remaining = (int) strtol(answer->noted, NULL, 10);
	if (answer->status == 429)
		check->slow = true;
}

/* Try the login; true if the streams may be asked */
static bool
TryLogin(Check *check)
{
	Jsonb	   *spec = DocumentMember(check->connection->provider->definition, "check");
	TalkRequest request = {.request = spec,.expect = DocumentText(spec, "expect")};
	TalkAnswer	answer;
	bool		good = TalkOnce(check->connection->session, &request, &answer);

	NoteAllowance(check, &answer);
	if (good)
		PutRow(check, "login", CHECK_GOOD, psprintf("%s accepts the credentials", check->connection->provider->name), NULL);
	else
		PutRow(check, "login", CHECK_BAD, answer.fault.message, answer.fault.hint);

	/* one address may be closed where others are open */
	return good || answer.status == 403;
}

/* Mapped fields that need a child stream */
static List *
FieldsOf(Jsonb *stream, List *rules, bool ignore_case)
{
	List	   *fields = NIL;
	ListCell   *lc;

	foreach(lc, rules)
	{
		MappingRule *rule = lfirst(lc);

		if (ReadingBegins(stream, MappingRoots(list_make1(rule)), ignore_case))
			fields = lappend(fields, unconstify(char *, rule->field));
	}
	return fields;
}

/* Read what the definition says of its streams */
static void
ReadStreams(void *arg)
{
	Check	   *check = arg;
	Jsonb	   *definition = check->connection->provider->definition;
	List	   *specs = DocumentElements(DocumentMember(definition, "streams"));
	bool		ignore_case = DocumentBool(definition, "ignore_case", false);
	List	   *rules = ReadingRules(check->company, check->name, NULL);
	List	   *roots = MappingRoots(rules);
	ListCell   *lc;

	/* a mapping that cannot be compiled cannot be fetched with */
	(void) ReadingMapping(check->company, check->connection, rules);
	foreach(lc, specs)
	{
		CheckStream *stream = palloc0(sizeof(CheckStream));

		stream->stream = SourceStreamRead(lfirst(lc), foreach_current_index(lc), NULL);
		stream->permission = DocumentText(lfirst(lc), "permission");
		stream->wanted = foreach_current_index(lc) == 0 || ReadingWants(lfirst(lc), roots, ignore_case);
		stream->fields = FieldsOf(lfirst(lc), rules, ignore_case);
		check->streams = lappend(check->streams, stream);
	}
}

/* Somebody of the last picture, of whom a stream can be asked that takes one person; or NULL */
static char *
FindSomebody(Check *check)
{
	if (SqlRunFor(check->company, "SELECT remote_id FROM @company@.employee WHERE connection = $1 AND missing_since IS NULL",
				  1, "t", check->name) == 0)
		return NULL;
	return SqlText(0, 1);
}

/* True if a stream is asked for each person */
static bool
IsEach(const CheckStream *stream)
{
	return DocumentBool(stream->stream->spec, "each", false);
}

/* Records are not looked at */
static void
IgnoreRecord(const char *record, size_t length, const char *key, void *arg)
{
}

/* Ask each stream for as little as it can give */
static void
AskStreams(Check *check)
{
	int			count = list_length(check->streams);
	TalkRequest *requests = palloc0(sizeof(TalkRequest) * count);
	TalkAnswer *answers = palloc0(sizeof(TalkAnswer) * count);
	char	   *somebody = FindSomebody(check);
	int			asked = 0;
	ListCell   *lc;

	foreach(lc, check->streams)
	{
		CheckStream *stream = lfirst(lc);

		stream->asked = somebody != NULL || !IsEach(stream);
		if (!stream->asked)
			continue;
		requests[asked].request = stream->stream->spec;
		requests[asked].variables = ReadingVariables(stream->stream, 1, somebody, 1);
		requests[asked++].whole = true;
	}
	TalkAll(check->connection->session, requests, asked, answers);
	asked = 0;
	foreach(lc, check->streams)
	{
		CheckStream *stream = lfirst(lc);

		if (!stream->asked)
			continue;
		stream->answer = answers[asked++];
		stream->good = stream->answer.good &&
			ReadingCut(stream->stream, DocumentText(stream->stream->spec, "records"), stream->answer.body,
					   IgnoreRecord, NULL, &stream->answer.fault);

		/* more came than is read here: it is allowed */
		if (stream->answer.status == 200 && stream->answer.fault.sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			stream->good = true;
		NoteAllowance(check, &stream->answer);
	}
}

/* What is missing because a stream is refused */
static char *
SayWhatIsMissing(const CheckStream *stream)
{
	if (stream->fields == NIL)
		return psprintf("%s. Without it nobody can be fetched", stream->answer.fault.message);
	if (stream->stream->optional)
		return psprintf("%s. Missing from the register: %s", stream->answer.fault.message, NamesJoin(stream->fields, ", "));
	return psprintf("%s. Without it nobody can be fetched, for %s need it", stream->answer.fault.message,
					NamesJoin(stream->fields, ", "));
}

/* The row of a stream */
static void
PutStream(Check *check, const CheckStream *stream)
{
	const char *item = psprintf("stream %s", stream->stream->name);
	const char *provider = check->connection->provider->name;

	if (!stream->asked)
		PutRow(check, item, CHECK_UNKNOWN, "it is asked for each person, and nobody was fetched yet", "SELECT * FROM stakesync_fetch();");
	else if (stream->good)
		PutRow(check, item, CHECK_GOOD, stream->wanted ? "answers" : "answers; nothing that is mapped needs it", NULL);
	else if (IsPassing(&stream->answer))
		PutRow(check, item, CHECK_UNKNOWN, stream->answer.fault.message, stream->answer.fault.hint);
	else if (!stream->wanted)
		PutRow(check, item, CHECK_GOOD, "refused; nothing that is mapped needs it", NULL);
	else if (stream->permission != NULL && (stream->answer.status == 403 || stream->stream->optional))
		PutRow(check, item, CHECK_BAD, SayWhatIsMissing(stream),
			   psprintf("Grant in %s: %s.", provider, stream->permission));
	else
		PutRow(check, item, CHECK_BAD, SayWhatIsMissing(stream), stream->answer.fault.hint);
}

/* Rows of streams that were not asked */
static void
PutUnasked(Check *check)
{
	ListCell   *lc;

	foreach(lc, check->streams)
		PutRow(check, psprintf("stream %s", ((CheckStream *) lfirst(lc))->stream->name), CHECK_UNKNOWN,
			   "not asked: the login failed", NULL);
}

/* True if a stream that is wanted needs the same permission */
static bool
IsNeeded(const Check *check, const char *permission)
{
	ListCell   *lc;

	foreach(lc, check->streams)
	{
		const CheckStream *stream = lfirst(lc);

		if (stream->wanted && stream->permission != NULL && strcmp(stream->permission, permission) == 0)
			return true;
	}
	return false;
}

/* Permissions that the credentials have and nothing mapped needs */
static void
PutUnused(Check *check, bool asked)
{
	List	   *unused = NIL;
	ListCell   *lc;

	foreach(lc, check->streams)
	{
		const CheckStream *stream = lfirst(lc);

		if (!stream->wanted && stream->good && stream->permission != NULL && !IsNeeded(check, stream->permission))
			unused = lappend(unused, psprintf("%s (%s)", stream->permission, stream->stream->name));
	}
	if (!asked)
		PutRow(check, "unused permissions", CHECK_UNKNOWN, "not asked: the login failed", NULL);
	else if (unused == NIL)
		PutRow(check, "unused permissions", CHECK_GOOD, "none that can be seen", NULL);
	else
		PutRow(check, "unused permissions", CHECK_BAD, NamesJoin(unused, ", "),
			   psprintf("Take them away in %s, or map what they show.", check->connection->provider->name));
}

/* A row where there is no picture yet to tell from */
static void
PutNotFetched(Check *check, const char *item)
{
	PutRow(check, item, CHECK_UNKNOWN, "nothing fetched yet", "SELECT * FROM stakesync_fetch();");
}

/* Whether people who have left can be seen */
static void
PutLeavers(Check *check, const char *permission)
{
	int64		people;
	int64		left;

	if (SqlRun(check->company, "SELECT FROM @company@.mapping WHERE connection = $1 AND field = 'employment_status'", "t",
			   check->name) == 0)
	{
		PutRow(check, "leavers", CHECK_UNKNOWN, "employment_status is not mapped", NULL);
		return;
	}
	SqlRun(check->company, "SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE employment_status = 'INACTIVE') "
		   "FROM @company@.employee WHERE connection = $1 AND missing_since IS NULL", "t", check->name);
	people = SqlInt(0, 1);
	left = SqlInt(0, 2);
	if (left > 0)
		PutRow(check, "leavers", CHECK_GOOD, psprintf(INT64_FORMAT " of " INT64_FORMAT " people have left", left, people), NULL);
	else if (people > LEAVERS_FROM)
		PutRow(check, "leavers", CHECK_BAD, psprintf("none of " INT64_FORMAT " people has left: leavers seem to be hidden, and who leaves will be missing instead of terminated", people),
			   permission ? psprintf("The permission that shows people is: %s. See the guide in stakesync_provider too.", permission) :
			   "See the guide in stakesync_provider.");
	else
		PutRow(check, "leavers", CHECK_UNKNOWN, psprintf("none of " INT64_FORMAT " people has left", people), NULL);
}

/* Mapped fields that nobody has because the HR system does not show them */
static void
PutFields(Check *check)
{
	char	   *hidden;
	char	   *waiting;

	SqlRun(check->company, "SELECT (SELECT pg_catalog.string_agg(g.field, ', ' ORDER BY g.field) FROM @company@.data_gap g "
		   "WHERE g.connection = $1 AND g.reason = 'permission'), "
		   "(SELECT pg_catalog.string_agg(m.field, ', ' ORDER BY m.field) FROM @company@.mapping m JOIN @company@.connection c USING (connection) "
		   "WHERE m.connection = $1 AND m.field <> ALL (c.fetched_fields))", "t", check->name);
	hidden = SqlText(0, 1);
	waiting = SqlText(0, 2);
	if (hidden != NULL)
		PutRow(check, "fields", CHECK_BAD, psprintf("mapped, but shown for nobody: %s", hidden),
			   psprintf("SELECT field, advice FROM %s.data_gap WHERE reason = 'permission';", check->company->quoted));
	else if (waiting != NULL)
		PutRow(check, "fields", CHECK_UNKNOWN, psprintf("not fetched since they were mapped: %s", waiting),
			   "SELECT * FROM stakesync_fetch();");
	else
		PutRow(check, "fields", CHECK_GOOD, "every mapped field came", NULL);
}

/* Whether the identifier that was chosen tells people apart */
static void
PutIdentifier(Check *check)
{
	char	   *identifier;

	SqlRun(check->company,
		   "SELECT c.identifier, f.people > 0 AND f.filled = f.people AND f.distinct_values = f.filled, "
		   "nullif(pg_catalog.concat_ws('; ', "
		   "CASE WHEN f.filled < f.people THEN pg_catalog.format('missing for %s of %s', f.people - f.filled, f.people) END, "
		   "CASE WHEN f.distinct_values < f.filled THEN pg_catalog.format('%s people share one', f.shared) END), ''), "
		   "pg_catalog.format('filled and distinct for all %s in scope', f.people), f.people "
		   "FROM @company@.connection c CROSS JOIN LATERAL ("
		   "SELECT coalesce(pg_catalog.sum(k.people), 0)::bigint AS people, "
		   "coalesce(pg_catalog.sum(k.people) FILTER (WHERE k.key IS NOT NULL), 0)::bigint AS filled, "
		   "pg_catalog.count(k.key) AS distinct_values, "
		   "pg_catalog.sum(k.people) FILTER (WHERE k.key IS NOT NULL AND k.people > 1) AS shared FROM ("
		   "SELECT e.identifier_key AS key, pg_catalog.count(*) AS people "
		   "FROM @company@.employee e JOIN @company@._config g ON g.connection = e.connection "
		   "WHERE e.connection = c.connection AND e.missing_since IS NULL AND @extension@.stakesync_in_scope(g.config, e) "
		   "GROUP BY e.identifier_key) k) f WHERE c.connection = $1", "t", check->name);
	identifier = SqlText(0, 1);
	if (identifier == NULL)
		PutRow(check, "identifier", CHECK_BAD, "none is chosen", "See how well each would do: SELECT * FROM stakesync_configure();");
	else if (SqlInt(0, 5) == 0)
		PutRow(check, "identifier", CHECK_UNKNOWN, psprintf("%s: nobody is in scope", identifier), NULL);
	else if (SqlBool(0, 2))
		PutRow(check, "identifier", CHECK_GOOD, psprintf("%s: %s", identifier, SqlText(0, 4)), NULL);
	else
		PutRow(check, "identifier", CHECK_BAD, psprintf("%s: %s", identifier, SqlText(0, 3)),
			   "Who lacks one or shares it is not synced: correct it at the source, or compare the others with stakesync_configure().");
}

/* How many requests are allowed */
static void
PutLimit(Check *check)
{
	int64		published = DocumentInt(DocumentMember(check->connection->provider->definition, "limits"), "per_minute", 600);
	int64		chosen = DocumentInt(check->connection->settings, "requests_per_minute", 0);
	char	   *words = psprintf(INT64_FORMAT " requests a minute are published", published);

	if (chosen > 0)
		words = psprintf("%s, " INT64_FORMAT " are set", words, chosen);
	if (check->slow || check->remaining == 0)
		PutRow(check, "limit", CHECK_BAD, psprintf("the allowance is used up; %s", words),
			   "Wait a while; if others use the same account, set requests_per_minute lower with stakesync_configure().");
	else if (check->remaining > 0)
		PutRow(check, "limit", CHECK_GOOD, psprintf("%d requests are left now; %s", check->remaining, words), NULL);
	else
		PutRow(check, "limit", CHECK_UNKNOWN, words, NULL);
}

/* How the last fetch ended */
static void
PutLastFetch(Check *check)
{
	char	   *state;
	char	   *words;
	char	   *message;
	char	   *complete;

	if (SqlRun(check->company,
			   "SELECT f.state, f.mode, f.records::text, f.message, f.hint, pg_catalog.to_char(f.started_at AT TIME ZONE y.timezone, 'YYYY-MM-DD HH24:MI'), "
			   "coalesce(pg_catalog.to_char(c.last_complete_fetch AT TIME ZONE y.timezone, 'YYYY-MM-DD HH24:MI'), 'none') "
			   "FROM @company@.fetch_run f JOIN @company@.connection c USING (connection) CROSS JOIN @company@._company y "
			   "WHERE f.connection = $1 ORDER BY f.fetch_id DESC LIMIT 1", "t", check->name) == 0)
	{
		PutNotFetched(check, "last fetch");
		return;
	}
	state = SqlText(0, 1);
	message = SqlText(0, 4);
	complete = SqlText(0, 7);
	words = psprintf("%s, %s, %s people at %s", state, SqlText(0, 2), SqlText(0, 3), SqlText(0, 6));
	if (strcmp(state, "done") == 0)
		PutRow(check, "last fetch", CHECK_GOOD, words, NULL);
	else if (strcmp(state, "queued") == 0 || strcmp(state, "running") == 0)
		PutRow(check, "last fetch", CHECK_UNKNOWN, words, NULL);
	else
		PutRow(check, "last fetch", CHECK_BAD,
			   psprintf("%s%s%s; the last complete one: %s", words, message ? ": " : "", message ? message : "", complete),
			   SqlText(0, 5));
}

/* Rows of what the last complete picture tells */
static void
PutPicture(Check *check)
{
	const CheckStream *people = check->streams != NIL ? linitial(check->streams) : NULL;

	if (SqlRun(check->company, "SELECT FROM @company@.connection WHERE connection = $1 AND last_complete_fetch IS NOT NULL", "t",
			   check->name) == 0)
	{
		PutNotFetched(check, "leavers");
		PutNotFetched(check, "fields");
		PutNotFetched(check, "identifier");
		return;
	}
	PutLeavers(check, people ? people->permission : NULL);
	PutFields(check);
	PutIdentifier(check);
}

/* Rows of what the HR system says */
static void
PutSystem(Check *check)
{
	ErrorData  *error;
	bool		asked;
	ListCell   *lc;

	if (!Try(check, OpenConnection, &error))
	{
		PutUnopened(check, error);
		return;
	}
	PutKeyFile(check);
	asked = TryLogin(check);
	if (!Try(check, ReadStreams, &error))
	{
		PutRow(check, "mapping", CHECK_BAD, error->message, error->hint);
		check->streams = NIL;
		return;
	}
	if (asked)
		AskStreams(check);
	else
		PutUnasked(check);
	foreach(lc, asked ? check->streams : NIL)
		PutStream(check, lfirst(lc));
	PutUnused(check, asked);
}

/* All rows */
static void
CheckAll(Check *check)
{
	PutSystem(check);
	PutPicture(check);
	if (check->connection != NULL)
		PutLimit(check);
	PutLastFetch(check);
}

PG_FUNCTION_INFO_V1(stakesync_check);

/* Check a connection */
Datum
stakesync_check(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Check		check = {.company = CompanyResolve(PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1))),.remaining = -1};
	CompanyContext *context;

	PreventCommandDuringRecovery("stakesync_check()");
	InitMaterializedSRF(fcinfo, 0);
	check.set = (ReturnSetInfo *) fcinfo->resultinfo;
	CompanyCheck(check.company, "employee", ACL_SELECT);
	context = CompanyEnter(check.company, "connection", ACL_SELECT, false, "stakesync_check()");
	check.name = ConnectionResolve(check.company, name);
	CheckAll(&check);
	CompanyLeave(context);
	return (Datum) 0;
}
