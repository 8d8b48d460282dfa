/*
 * Landing: what a fetch has read, before it becomes the picture.
 *
 * It is a store of the worker that lives across transactions: a page is landed
 * without any transaction open. The merge reads it by name.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "landing.h"
#include "lib/stringinfo.h"
#include "sql.h"
#include "store.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/json.h"

/* Columns before the values */
enum
{
	LANDING_REMOTE_ID,
	LANDING_SEQ,
	LANDING_SAME,
	LANDING_DELETED,
	LANDING_HASH,
	LANDING_CHANGES_ON,
	LANDING_UNKNOWN,
	LANDING_PROBLEMS,
	LANDING_IDENTIFIER_KEY,
	LANDING_EMAIL_KEY,
	LANDING_NAME_KEY,
	LANDING_VALUES
};

struct Landing
{
	List	   *rules;
	int			columns;
	Store	   *store;
	int64		seq;
	int64		counted;		/* seq at which all were found distinct */
	Datum	   *values;
	bool	   *nulls;
};

/* Describe the landing's columns */
static TupleDesc
DescribeLanding(int columns)
{
	TupleDesc	desc = CreateTemplateTupleDesc(columns);

	TupleDescInitEntry(desc, LANDING_REMOTE_ID + 1, "remote_id", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, LANDING_SEQ + 1, "seq", INT8OID, -1, 0);
	TupleDescInitEntry(desc, LANDING_SAME + 1, "same", BOOLOID, -1, 0);
	TupleDescInitEntry(desc, LANDING_DELETED + 1, "deleted", BOOLOID, -1, 0);
	TupleDescInitEntry(desc, LANDING_HASH + 1, "record_hash", UUIDOID, -1, 0);
	TupleDescInitEntry(desc, LANDING_CHANGES_ON + 1, "changes_on", DATEOID, -1, 0);
	TupleDescInitEntry(desc, LANDING_UNKNOWN + 1, "unknown", TEXTARRAYOID, -1, 0);
	TupleDescInitEntry(desc, LANDING_PROBLEMS + 1, "problems", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, LANDING_IDENTIFIER_KEY + 1, "identifier_key", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, LANDING_EMAIL_KEY + 1, "email_key", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, LANDING_NAME_KEY + 1, "name_key", TEXTOID, -1, 0);
	for (int i = LANDING_VALUES; i < columns; i++)
		TupleDescInitEntry(desc, i + 1, LandingColumn(i - LANDING_VALUES), TEXTOID, -1, 0);
	return desc;
}

/* Open a landing for records mapped by rules */
Landing *
LandingOpen(List *rules)
{
	Landing    *landing = palloc0(sizeof(Landing));

	landing->rules = rules;
	landing->columns = LANDING_VALUES + list_length(rules);
	landing->values = palloc0(sizeof(Datum) * landing->columns);
	landing->nulls = palloc0(sizeof(bool) * landing->columns);
	landing->store = StoreOpen("landing", DescribeLanding(landing->columns));
	return landing;
}

/* Forget all that landed */
void
LandingClear(Landing *landing)
{
	StoreClear(landing->store);
	landing->counted = 0;
}

/* Records landed */
int64
LandingCount(const Landing *landing)
{
	return landing->store->count;
}

/* Set a text column, null for NULL */
static void
SetText(Landing *landing, int column, const char *text)
{
	landing->nulls[column] = text == NULL;
	landing->values[column] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* Start a row with nothing but its id */
static void
BeginRow(Landing *landing, const char *remote_id, bool same)
{
	memset(landing->nulls, true, sizeof(bool) * landing->columns);
	SetText(landing, LANDING_REMOTE_ID, remote_id);
	landing->values[LANDING_SEQ] = Int64GetDatum(++landing->seq);
	landing->values[LANDING_SAME] = BoolGetDatum(same);
	landing->values[LANDING_DELETED] = BoolGetDatum(false);
	landing->nulls[LANDING_SEQ] = landing->nulls[LANDING_SAME] = landing->nulls[LANDING_DELETED] = false;
}

/* Store the row */
static void
EndRow(Landing *landing)
{
	StorePut(landing->store, landing->values, landing->nulls);
}

/* Land a record that is as before */
void
LandingPutSame(Landing *landing, const char *remote_id)
{
	MemoryContext old = MemoryContextSwitchTo(landing->store->scratch);

	BeginRow(landing, remote_id, true);
	EndRow(landing);
	MemoryContextSwitchTo(old);
}

/* Append a problem to an array under construction */
static void
AppendProblem(StringInfo problems, const char *field, const MappedValue *value)
{
	appendStringInfoString(problems, problems->len == 0 ? "[{\"field\":" : ",{\"field\":");
	escape_json(problems, field);
	appendStringInfoString(problems, ",\"code\":");
	escape_json(problems, value->code);
	appendStringInfoString(problems, ",\"message\":");
	escape_json(problems, value->message ? value->message : value->code);
	appendStringInfoChar(problems, '}');
}

/* Set values, the fields that are unknown, and the problems */
static void
SetValues(Landing *landing, const MappedRecord *record)
{
	Datum	   *unknown = palloc(sizeof(Datum) * (list_length(landing->rules) + 1));
	int			count = 0;
	StringInfoData problems;
	ListCell   *lc;

	initStringInfo(&problems);
	foreach(lc, landing->rules)
	{
		const MappingRule *rule = lfirst(lc);
		int			i = foreach_current_index(lc);
		const MappedValue *value = &record->values[i];

		if (value->state == MAPPED_VALUE)
			SetText(landing, LANDING_VALUES + i, value->text);
		if (value->state == MAPPED_PROBLEM)
			AppendProblem(&problems, rule->field, value);
		if (value->state == MAPPED_PROBLEM || value->state == MAPPED_ABSENT)
			unknown[count++] = CStringGetTextDatum(rule->field);
	}
	if (problems.len > 0)
	{
		appendStringInfoChar(&problems, ']');
		SetText(landing, LANDING_PROBLEMS, problems.data);
	}
	landing->nulls[LANDING_UNKNOWN] = false;
	landing->values[LANDING_UNKNOWN] =
		PointerGetDatum(construct_array(unknown, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Land a record that is new or changed */
void
LandingPut(Landing *landing, const MappedRecord *record,
		   const LandingKeys *keys, const pg_uuid_t *hash)
{
	MemoryContext old = MemoryContextSwitchTo(landing->store->scratch);

	BeginRow(landing, record->id, false);
	landing->values[LANDING_DELETED] = BoolGetDatum(record->deleted);
	landing->values[LANDING_HASH] = UUIDPGetDatum(hash);
	landing->nulls[LANDING_HASH] = false;
	landing->values[LANDING_CHANGES_ON] = DateADTGetDatum(record->changes_on);
	landing->nulls[LANDING_CHANGES_ON] = !record->has_changes_on;
	SetText(landing, LANDING_IDENTIFIER_KEY, keys->identifier);
	SetText(landing, LANDING_EMAIL_KEY, keys->email);
	SetText(landing, LANDING_NAME_KEY, keys->name);
	SetValues(landing, record);
	EndRow(landing);
	MemoryContextSwitchTo(old);
}

/* Give SPI the landing; returns the number of distinct records */
int64
LandingExpose(Landing *landing)
{
	Store	   *store = landing->store;

	StoreExpose(store);
	if (landing->counted == landing->seq)
		return store->count;
	landing->counted = landing->seq;
	if (SPI_execute("SELECT pg_catalog.count(DISTINCT remote_id) FROM landing", true, 0) < 0)
		elog(ERROR, "could not count the landing");
	if (SqlInt(0, 1) == store->count)
		return store->count;
	StoreFill(store, "SELECT DISTINCT ON (remote_id) * FROM landing ORDER BY remote_id, seq DESC");
	StoreHide(store);
	StoreExpose(store);
	return store->count;
}

/* Take values of a rule out, as problems of their people */
void
LandingRefuse(Landing *landing, int rule, const char *relation, const char *message)
{
	const char *field = ((MappingRule *) list_nth(landing->rules, rule))->field;
	MappedValue value = {.code = "bad_value",.message = unconstify(char *, message)};
	StringInfoData problem;
	StringInfoData query;

	initStringInfo(&problem);
	AppendProblem(&problem, field, &value);
	appendStringInfoChar(&problem, ']');
	initStringInfo(&query);
	appendStringInfo(&query,
					 "SELECT l.remote_id, l.seq, l.same, l.deleted, l.record_hash, l.changes_on, "
					 "CASE WHEN w.value IS NULL THEN l.unknown ELSE l.unknown || %s::pg_catalog.text END, "
					 "CASE WHEN w.value IS NULL THEN l.problems ELSE (coalesce(l.problems::pg_catalog.jsonb, '[]') || %s::pg_catalog.jsonb)::pg_catalog.text END, "
					 "l.identifier_key, l.email_key, l.name_key",
					 quote_literal_cstr(field), quote_literal_cstr(problem.data));
	for (int i = 0; i < list_length(landing->rules); i++)
	{
		if (i == rule)
			appendStringInfo(&query, ", CASE WHEN w.value IS NULL THEN l.%s END", LandingColumn(i));
		else
			appendStringInfo(&query, ", l.%s", LandingColumn(i));
	}
	appendStringInfo(&query, " FROM landing l LEFT JOIN %s w ON w.value = l.%s", relation, LandingColumn(rule));
	StoreFill(landing->store, query.data);
	StoreHide(landing->store);
	StoreExpose(landing->store);
}

/* Take it back from SPI */
void
LandingHide(Landing *landing)
{
	StoreHide(landing->store);
}
