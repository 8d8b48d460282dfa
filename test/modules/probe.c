/*
 * Functions that let tests look inside stakesync.so, which is loaded first.
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type.h"
#include "field.h"
#include "fmgr.h"
#include "funcapi.h"
#include "json_piece.h"
#include "mapping.h"
#include "miscadmin.h"
#include "splitter.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(probe_split);
PG_FUNCTION_INFO_V1(probe_map);
PG_FUNCTION_INFO_V1(probe_roots);
PG_FUNCTION_INFO_V1(probe_pick);
PG_FUNCTION_INFO_V1(probe_merge);
PG_FUNCTION_INFO_V1(probe_append);
PG_FUNCTION_INFO_V1(probe_speed);
PG_FUNCTION_INFO_V1(probe_fields);
PG_FUNCTION_INFO_V1(probe_closest);

/* Columns of an array of rules */
#define RULE_COLUMNS 5

/* Names refused in this call */
static List *refused_names = NIL;

static const char *const split_states[] = {
	"more", "done", "not json", "cut off", "other shape", "too large", "too deep"
};

static const char *const mapped_states[] = {"absent", "null", "value", "problem"};

static const char *const type_names[] = {
	"text", "date", "numeric", "integer", "boolean", "text[]", "country", "currency", "phone",
	"choice"
};

static const char *const field_kinds[] = {"default", "optional", "source"};

/* Elements of a text array as C strings, nulls as NULL */
static List *
ArrayTexts(ArrayType *array)
{
	Datum	   *datums;
	bool	   *nulls;
	int			count;
	List	   *texts = NIL;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &datums, &nulls, &count);
	for (int i = 0; i < count; i++)
		texts = lappend(texts, nulls[i] ? NULL : TextDatumGetCString(datums[i]));
	return texts;
}

/* An argument as a list of texts */
static List *
TextsArgument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NIL : ArrayTexts(PG_GETARG_ARRAYTYPE_P(i));
}

/* An argument as a C string, or NULL */
static char *
TextArgument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* Add a row of texts; NULL is null */
static void
AddRow(ReturnSetInfo *rsinfo, const char *const *texts)
{
	int			columns = rsinfo->setDesc->natts;
	Datum	   *values = palloc0(columns * sizeof(Datum));
	bool	   *nulls = palloc0(columns * sizeof(bool));

	for (int i = 0; i < columns; i++)
	{
		nulls[i] = texts[i] == NULL;
		if (!nulls[i])
			values[i] = CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Make a record a row */
static void
TakeRecord(const char *record, size_t length, const char *key, void *arg)
{
	const char *row[3] = {"record", key, pnstrdup(record, length)};

	AddRow(arg, row);
}

/* Rows of what was captured, and of the end */
static void
AddEnd(ReturnSetInfo *rsinfo, RecordSplitter *splitter, SplitterState state, List *captures)
{
	const char *row[3];

	for (int i = 0; i < list_length(captures); i++)
	{
		bool		found;

		row[2] = SplitterCaptured(splitter, i, &found);
		row[0] = found ? "capture" : "no capture";
		row[1] = list_nth(captures, i);
		AddRow(rsinfo, row);
	}
	row[0] = split_states[state];
	row[1] = psprintf(INT64_FORMAT " records", SplitterRecords(splitter));
	row[2] = SplitterMessage(splitter);
	AddRow(rsinfo, row);
}

/* Split a document that comes in pieces of some size */
Datum
probe_split(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *document = PG_GETARG_BYTEA_PP(0);
	char	   *data = VARDATA_ANY(document);
	size_t		length = VARSIZE_ANY_EXHDR(document);
	size_t		piece = PG_GETARG_INT32(3);
	SplitterOptions options = {0};
	RecordSplitter *splitter;
	SplitterState state = SPLITTER_MORE;

	InitMaterializedSRF(fcinfo, 0);
	options.records = TextArgument(fcinfo, 1);
	options.captures = TextsArgument(fcinfo, 2);
	options.max_record_bytes = PG_GETARG_INT32(4);
	options.max_depth = PG_GETARG_INT32(5);
	options.callback = TakeRecord;
	options.arg = rsinfo;

	splitter = SplitterCreate(&options);
	for (size_t done = 0; done < length && state <= SPLITTER_DONE; done += piece)
	{
		/* A copy shows reads beyond the piece to valgrind */
		size_t		now = Min(piece, length - done);
		char	   *copy = palloc(now);

		memcpy(copy, data + done, now);
		state = SplitterFeed(splitter, copy, now);
		pfree(copy);
	}
	if (state <= SPLITTER_DONE)
		state = SplitterFinish(splitter);
	AddEnd(rsinfo, splitter, state, options.captures);
	SplitterFree(splitter);
	return (Datum) 0;
}

/* Read a value type by its name */
static ValueType
ReadType(const char *name)
{
	for (int i = 0; name != NULL && i < lengthof(type_names); i++)
	{
		if (strcmp(type_names[i], name) == 0)
			return (ValueType) i;
	}
	if (name != NULL)
		elog(ERROR, "no type %s", name);
	return VALUE_TEXT;
}

/* Split a comma list */
static List *
SplitList(const char *text)
{
	List	   *items = NIL;

	while (text != NULL && *text != '\0')
	{
		size_t		length = strcspn(text, ",");

		items = lappend(items, pnstrdup(text, length));
		text += length + (text[length] == ',');
	}
	return items;
}

/* Read rules from an array of field, path, transform, type, choices */
static List *
ReadRules(ArrayType *array)
{
	List	   *texts = ArrayTexts(array);
	List	   *rules = NIL;

	for (int i = 0; i + RULE_COLUMNS <= list_length(texts); i += RULE_COLUMNS)
	{
		MappingRule *rule = palloc0(sizeof(MappingRule));

		rule->field = list_nth(texts, i);
		rule->path = list_nth(texts, i + 1);
		rule->transform = list_nth(texts, i + 2);
		rule->type = ReadType(list_nth(texts, i + 3));
		rule->choices = SplitList(list_nth(texts, i + 4));
		rules = lappend(rules, rule);
	}
	return rules;
}

/* True for a name that this call refuses */
static bool
NameIsRefused(const char *name, size_t length)
{
	ListCell   *lc;

	foreach(lc, refused_names)
	{
		const char *refused = lfirst(lc);

		if (strlen(refused) == length && memcmp(refused, name, length) == 0)
			return true;
	}
	return false;
}

/* Rows of what a record says of itself */
static void
AddRecord(ReturnSetInfo *rsinfo, Mapping *mapping, const MappedRecord *record)
{
	const char *row[5] = {"(record)", record->error ? "faulty" : "good", NULL, NULL, NULL};
	Datum		date;

	row[2] = record->id;
	row[3] = record->deleted ? "deleted" : NULL;
	row[4] = record->error;
	date = DirectFunctionCall1(date_out, DateADTGetDatum(record->changes_on));
	if (record->error == NULL && record->has_changes_on)
		row[4] = psprintf("changes on %s", DatumGetCString(date));
	AddRow(rsinfo, row);
	if (MappingNeedsTransaction(mapping))
	{
		const char *note[5] = {"(record)", "needs a transaction", NULL, NULL, NULL};

		AddRow(rsinfo, note);
	}
}

/* Map a record */
Datum
probe_map(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *text = PG_GETARG_BYTEA_PP(0);
	List	   *rules = ReadRules(PG_GETARG_ARRAYTYPE_P(1));
	size_t		length = VARSIZE_ANY_EXHDR(text);
	MappingOptions options = {0};
	Mapping    *mapping;
	MappedRecord record;
	char	   *copy;
	char	   *id;

	InitMaterializedSRF(fcinfo, 0);
	options.id_path = TextArgument(fcinfo, 2);
	options.deleted_path = TextArgument(fcinfo, 3);
	options.null_tokens = TextsArgument(fcinfo, 4);
	options.today = PG_GETARG_DATEADT(5);
	options.phone_region = PG_GETARG_BOOL(6);
	refused_names = TextsArgument(fcinfo, 7);
	options.refused = refused_names ? NameIsRefused : NULL;
	options.ignore_case = PG_GETARG_BOOL(8);

	mapping = MappingCompile(rules, &options);
	copy = palloc(length + (length == 0));
	memcpy(copy, VARDATA_ANY(text), length);
	MappingApply(mapping, copy, length, &record);
	for (int i = 0; i < list_length(rules) && record.error == NULL; i++)
	{
		const MappedValue *value = &record.values[i];
		const char *row[5] = {((MappingRule *) list_nth(rules, i))->field,
			mapped_states[value->state],
			value->state == MAPPED_VALUE ? value->text : NULL,
			value->state == MAPPED_PROBLEM ? value->code : NULL,
		value->state == MAPPED_PROBLEM ? value->message : NULL};

		AddRow(rsinfo, row);
	}

	/* Both ways to the id must agree */
	id = MappingReadId(mapping, copy, length);
	if (record.error == NULL &&
		((id == NULL) != (record.id == NULL) || (id != NULL && strcmp(id, record.id) != 0)))
		elog(ERROR, "MappingReadId differs");
	AddRecord(rsinfo, mapping, &record);
	refused_names = NIL;
	return (Datum) 0;
}

/* First members that rules look at */
Datum
probe_roots(PG_FUNCTION_ARGS)
{
	List	   *roots = MappingRoots(ReadRules(PG_GETARG_ARRAYTYPE_P(0)));
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, roots)
		appendStringInfo(&text, "%s%s", lc == list_head(roots) ? "" : " ", (char *) lfirst(lc));
	PG_RETURN_TEXT_P(cstring_to_text(text.data));
}

/* Copy a text, to show reads beyond it to valgrind */
static char *
CopyText(text * original, size_t *length)
{
	char	   *copy;

	*length = VARSIZE_ANY_EXHDR(original);
	copy = palloc(*length + (*length == 0));
	memcpy(copy, VARDATA_ANY(original), *length);
	return copy;
}

/* Pick a text and a value, again and again as a long fetch does */
Datum
probe_pick(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	JsonPicker *picker = JsonPickerCreate(TextArgument(fcinfo, 1), PG_GETARG_BOOL(2));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "probe record",
												  ALLOCSET_DEFAULT_SIZES);
	size_t		length;
	char	   *record = CopyText(PG_GETARG_TEXT_PP(0), &length);
	const char *row[2];
	const char *start;
	size_t		raw;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < 3; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		MemoryContextReset(context);
		row[0] = JsonPickText(picker, record, length);
		row[1] = JsonPickRaw(picker, record, length, &start, &raw) ? pnstrdup(start, raw) : NULL;
		MemoryContextSwitchTo(old);
	}
	AddRow(rsinfo, row);
	return (Datum) 0;
}

/* Merge two objects */
Datum
probe_merge(PG_FUNCTION_ARGS)
{
	size_t		a_length;
	size_t		b_length;
	char	   *a = CopyText(PG_GETARG_TEXT_PP(0), &a_length);
	char	   *b = CopyText(PG_GETARG_TEXT_PP(1), &b_length);
	StringInfoData merged;

	initStringInfo(&merged);
	JsonMergeObjects(a, a_length, b, b_length, &merged);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(merged.data, merged.len));
}

/* Add a member to an object */
Datum
probe_append(PG_FUNCTION_ARGS)
{
	char	   *value = TextArgument(fcinfo, 2);
	StringInfoData record;

	initStringInfo(&record);
	appendStringInfoString(&record, TextArgument(fcinfo, 0));
	JsonAppendMember(&record, TextArgument(fcinfo, 1), value, strlen(value));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(record.data, record.len));
}

/* One run of probe_speed */
typedef struct SpeedRun
{
	Mapping    *mapping;
	MemoryContext context;
	int64		bytes;
	int64		faults;
}			SpeedRun;

/* Count a record, mapping it if there is a mapping */
static void
CountRecord(const char *text, size_t length, const char *key, void *arg)
{
	SpeedRun   *run = arg;
	MemoryContext old;
	MappedRecord record;

	CHECK_FOR_INTERRUPTS();
	run->bytes += length;
	if (run->mapping == NULL)
		return;
	old = MemoryContextSwitchTo(run->context);
	MappingApply(run->mapping, text, length, &record);
	run->faults += record.error != NULL;
	MemoryContextSwitchTo(old);
	MemoryContextReset(run->context);
}

/* Seconds of processor time */
static double
CpuSeconds(void)
{
	return (double) clock() / CLOCKS_PER_SEC;
}

/* Split a page again and again; megabytes per second */
static double
MeasureRun(SpeedRun * run, const char *records, const char *data, size_t length, int times)
{
	SplitterOptions options = {0};
	double		start = CpuSeconds();

	options.records = records;
	options.max_record_bytes = 16 * 1024 * 1024;
	options.max_depth = 512;
	options.callback = CountRecord;
	options.arg = run;
	for (int i = 0; i < times; i++)
	{
		RecordSplitter *splitter = SplitterCreate(&options);

		/* As they come from the network */
		for (size_t done = 0; done < length; done += 16384)
			SplitterFeed(splitter, data + done, Min(16384, length - done));
		if (SplitterFinish(splitter) != SPLITTER_DONE)
			elog(ERROR, "%s", SplitterMessage(splitter));
		SplitterFree(splitter);
	}
	return (double) length * times / 1e6 / Max(CpuSeconds() - start, 1e-6);
}

/* Megabytes per second of splitting alone, then with mapping */
Datum
probe_speed(PG_FUNCTION_ARGS)
{
	text	   *page = PG_GETARG_TEXT_PP(0);
	char	   *records = TextArgument(fcinfo, 1);
	int			times = PG_GETARG_INT32(3);
	MappingOptions options = {0};
	SpeedRun	run = {NULL};
	double		splitting;
	double		both;

	options.id_path = "$.id";
	splitting = MeasureRun(&run, records, VARDATA_ANY(page), VARSIZE_ANY_EXHDR(page), times);

	run.context = AllocSetContextCreate(CurrentMemoryContext, "probe record",
										ALLOCSET_DEFAULT_SIZES);
	run.mapping = MappingCompile(ReadRules(PG_GETARG_ARRAYTYPE_P(2)), &options);
	both = MeasureRun(&run, records, VARDATA_ANY(page), VARSIZE_ANY_EXHDR(page), times);

	PG_RETURN_TEXT_P(cstring_to_text(psprintf("splitter %.0f MB/s, with mapping %.0f MB/s, "
											  INT64_FORMAT " faults",
											  splitting, both, run.faults)));
}

/* The shipped fields */
Datum
probe_fields(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < FieldCount(); i++)
	{
		const FieldInfo *field = FieldAt(i);
		const char *row[7] = {field->name, field_kinds[field->kind], type_names[field->type],
		field->choices, field->label, field->on_card ? "card" : NULL, field->import};

		AddRow(rsinfo, row);
	}
	return (Datum) 0;
}

/* The shipped field closest to a name */
Datum
probe_closest(PG_FUNCTION_ARGS)
{
	const char *closest = FieldClosest(TextArgument(fcinfo, 0));

	if (closest == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(closest));
}
