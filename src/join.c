/*
 * Join: people and the rows of their child streams become one record each.
 *
 * Streams come in any order and at the same time, so people and rows go into
 * two stores first. One query then says which rows are whose, in the order of
 * the people, and people and rows are read side by side: memory stays flat
 * however many there are, PostgreSQL does the joining, and no transaction is
 * open while the records are built and compared.
 *
 * A key may lie in the rows of another child (the department of the job of the
 * person): such a child is joined a level later, to the records that the level
 * before made.
 *
 * A row that came twice, because a page was read again or the data moved
 * between pages, counts once: the last of those with one id, or the same
 * bytes where the stream has no id. Rows stay in the order of the source, in
 * whichever order its pages came: what is joined is the same each time.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "document.h"
#include "executor/spi.h"
#include "guc.h"
#include "join.h"
#include "json_piece.h"
#include "miscadmin.h"
#include "path.h"
#include "source.h"
#include "store.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Columns of the people */
enum
{
	PEOPLE_SEQ,
	PEOPLE_ID,
	PEOPLE_KEYS,
	PEOPLE_RECORD,
	PEOPLE_COLUMNS
};

/* Columns of the rows, then of what the query makes of them */
enum
{
	ROWS_N,
	ROWS_SEQ,
	ROWS_KEY,
	ROWS_ROW,
	ROWS_PLACE,
	ROWS_RECORD,
	ROWS_COLUMNS
};

/* Names of a pivot beyond which no more are noted */
#define NAMES_MOST 1000

/* A name of a pivot, and whether the person at hand has a value of it */
typedef struct PivotName
{
	char	   *name;
	bool		has;
} PivotName;

/* A child stream, or a further part of the people */
typedef struct JoinChild
{
	SourceStream *stream;		/* NULL for a part */
	const char *as;
	bool		one;
	JsonPicker *parent;			/* key in the person; NULL for the id */
	JsonPicker *child;			/* key in the row; NULL for the person asked
								 * for */
	JsonPicker *id;				/* of the row, or NULL */
	JsonPicker *name;			/* pivot */
	JsonPicker *value;
	List	   *names;			/* of PivotName *, those that came */
	int64		strays;			/* rows without a key */
} JoinChild;

struct RecordJoin
{
	int			count;			/* children and parts */
	int			first_part;
	JoinChild  *children;
	Store	   *people;
	Store	   *rows;
	int64		seq;
	bool		row_waits;		/* rows stands at one that is not used yet */
	MemoryContext scratch;		/* reset per record */
	struct RecordJoin *next;	/* the level after, or NULL */
};

/* Whose each row is, in the order of the people; key is the person's seq */
static const char *const match_query =
"SELECT r.n, p.seq, NULL::text, r.row, r.place, r.record "
"FROM join_people p CROSS JOIN LATERAL pg_catalog.unnest(p.keys) WITH ORDINALITY k(key, n) "
"JOIN (SELECT DISTINCT ON (n, key, row) n, seq, key, row, place, record FROM join_rows ORDER BY n, key, row, seq DESC) r "
"ON r.n OPERATOR(pg_catalog.=) k.n AND r.key OPERATOR(pg_catalog.=) k.key "
"ORDER BY p.seq, r.n, r.place, r.seq";

/* How many rows each child has */
static const char *const count_query =
"SELECT n, pg_catalog.count(DISTINCT row) FROM join_rows GROUP BY n";

/* A picker for a path of a document; NULL where it names none */
static JsonPicker *
MakePicker(Jsonb *document, const char *member, bool ignore_case)
{
	char	   *path = DocumentText(document, member);

	return path ? JsonPickerCreate(path, ignore_case) : NULL;
}

/* Read what a child stream says of its join */
static void
ReadChild(JoinChild *child, SourceStream *stream, bool ignore_case)
{
	Jsonb	   *join = DocumentMember(stream->spec, "join");
	Jsonb	   *pivot = DocumentMember(join, "pivot");
	char	   *id = DocumentText(stream->spec, "id");

	child->stream = stream;
	child->as = DocumentText(join, "as");
	child->one = DocumentBool(join, "one", false);
	child->child = MakePicker(join, "child", ignore_case);

	/* one request a person: the key is the person's id */
	if (!DocumentBool(stream->spec, "each", false))
		child->parent = MakePicker(join, "parent", ignore_case);

	/* the name of a row in its object is not in the row */
	if (id != NULL && id[0] != '@')
		child->id = MakePicker(stream->spec, "id", ignore_case);
	child->name = MakePicker(pivot, "name", ignore_case);
	child->value = MakePicker(pivot, "value", ignore_case);
}

/* Describe the store of people */
static TupleDesc
DescribePeople(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(PEOPLE_COLUMNS);

	TupleDescInitEntry(desc, PEOPLE_SEQ + 1, "seq", INT8OID, -1, 0);
	TupleDescInitEntry(desc, PEOPLE_ID + 1, "id", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, PEOPLE_KEYS + 1, "keys", TEXTARRAYOID, -1, 0);
	TupleDescInitEntry(desc, PEOPLE_RECORD + 1, "record", BYTEAOID, -1, 0);
	return desc;
}

/* Describe the store of rows */
static TupleDesc
DescribeRows(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(ROWS_COLUMNS);

	TupleDescInitEntry(desc, ROWS_N + 1, "n", INT8OID, -1, 0);
	TupleDescInitEntry(desc, ROWS_SEQ + 1, "seq", INT8OID, -1, 0);
	TupleDescInitEntry(desc, ROWS_KEY + 1, "key", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, ROWS_ROW + 1, "row", INT8OID, -1, 0);
	TupleDescInitEntry(desc, ROWS_PLACE + 1, "place", INT8OID, -1, 0);
	TupleDescInitEntry(desc, ROWS_RECORD + 1, "record", BYTEAOID, -1, 0);
	return desc;
}

/* True if the key of a child lies in the rows of another one */
static bool
LiesWithin(const SourceStream *stream, List *others)
{
	char	   *parent = DocumentText(DocumentMember(stream->spec, "join"), "parent");
	Path	   *path = parent ? PathParse(parent, "join.parent") : NULL;
	ListCell   *lc;

	if (path == NULL || path->count == 0 || path->steps[0].kind != PATH_MEMBER)
		return false;
	foreach(lc, others)
	{
		const SourceStream *other = lfirst(lc);
		char	   *as = DocumentText(DocumentMember(other->spec, "join"), "as");

		if (other != stream && strlen(as) == path->steps[0].length &&
			strncmp(as, path->steps[0].name, path->steps[0].length) == 0)
			return true;
	}
	return false;
}

/* Open one level */
static RecordJoin *
OpenLevel(List *children, int batches, bool ignore_case)
{
	RecordJoin *join = palloc0(sizeof(RecordJoin));
	ListCell   *lc;

	join->first_part = list_length(children);
	join->count = join->first_part + Max(batches - 1, 0);
	join->children = palloc0(sizeof(JoinChild) * join->count);
	foreach(lc, children)
		ReadChild(&join->children[foreach_current_index(lc)], lfirst(lc), ignore_case);
	join->people = StoreOpen("join_people", DescribePeople());
	join->rows = StoreOpen("join_rows", DescribeRows());
	join->scratch = AllocSetContextCreate(CurrentMemoryContext, "stakesync join", ALLOCSET_DEFAULT_SIZES);
	return join;
}

/* Open a join */
RecordJoin *
JoinOpen(List *children, int batches, bool ignore_case)
{
	List	   *now = NIL;
	List	   *later = NIL;
	RecordJoin *join;
	ListCell   *lc;

	foreach(lc, children)
	{
		if (LiesWithin(lfirst(lc), children))
			later = lappend(later, lfirst(lc));
		else
			now = lappend(now, lfirst(lc));
	}

	/* keys that wait for one another are never found */
	if (now == NIL && batches <= 1)
		return OpenLevel(children, batches, ignore_case);
	join = OpenLevel(now, batches, ignore_case);
	if (later != NIL)
		join->next = JoinOpen(later, 1, ignore_case);
	return join;
}

/* Bytes as a value */
static Datum
MakeBytes(const char *bytes, size_t length)
{
	return PointerGetDatum(cstring_to_text_with_len(bytes, length));
}

/* The key by which a person has rows of a child */
static char *
KeyOf(const JoinChild *child, const char *id, const char *record, size_t length)
{
	return child->parent ? JsonPickText(child->parent, record, length) : pstrdup(id);
}

/* Put a person */
void
JoinPerson(RecordJoin *join, const char *id, const char *record, size_t length)
{
	MemoryContext old = MemoryContextSwitchTo(join->people->scratch);
	Datum	   *keys = palloc(sizeof(Datum) * join->count);
	bool	   *missing = palloc(sizeof(bool) * join->count);
	int			lower = 1;
	Datum		values[PEOPLE_COLUMNS];
	bool		nulls[PEOPLE_COLUMNS] = {false};

	for (int i = 0; i < join->count; i++)
	{
		char	   *key = KeyOf(&join->children[i], id, record, length);

		missing[i] = key == NULL;
		keys[i] = key ? CStringGetTextDatum(key) : (Datum) 0;
	}
	values[PEOPLE_SEQ] = Int64GetDatum(++join->seq);
	values[PEOPLE_ID] = CStringGetTextDatum(id);
	values[PEOPLE_KEYS] = PointerGetDatum(construct_md_array(keys, missing, 1, &join->count, &lower,
															 TEXTOID, -1, false, TYPALIGN_INT));
	values[PEOPLE_RECORD] = MakeBytes(record, length);
	StorePut(join->people, values, nulls);
	MemoryContextSwitchTo(old);
}

/* Put a row with its key; without one it is nobody's */
static void
PutRow(RecordJoin *join, int n, const char *key, uint64 row, int64 place, const char *record, size_t length)
{
	Datum		values[ROWS_COLUMNS];
	bool		nulls[ROWS_COLUMNS] = {false};

	if (key == NULL)
	{
		join->children[n].strays++;
		return;
	}
	values[ROWS_N] = Int64GetDatum(n + 1);
	values[ROWS_SEQ] = Int64GetDatum(++join->seq);
	values[ROWS_KEY] = CStringGetTextDatum(key);
	values[ROWS_ROW] = Int64GetDatum((int64) row);
	values[ROWS_PLACE] = Int64GetDatum(place);
	values[ROWS_RECORD] = MakeBytes(record, length);
	StorePut(join->rows, values, nulls);
}

/* Put a further part of a person */
void
JoinPart(RecordJoin *join, int batch, const char *id, const char *record, size_t length)
{
	MemoryContext old = MemoryContextSwitchTo(join->rows->scratch);

	PutRow(join, join->first_part + batch - 1, id, 0, 0, record, length);
	MemoryContextSwitchTo(old);
}

/* A name of a pivot; NULL for one that did not come */
static PivotName *
FindName(const JoinChild *child, const char *name)
{
	ListCell   *lc;

	foreach(lc, child->names)
		if (strcmp(((PivotName *) lfirst(lc))->name, name) == 0)
		return lfirst(lc);
	return NULL;
}

/* Note a name of a pivot: it can be read, so who has no value of it has none */
static void
NoteName(RecordJoin *join, JoinChild *child, const char *record, size_t length)
{
	char	   *name = JsonPickText(child->name, record, length);
	MemoryContext old;
	PivotName  *noted;

	if (name == NULL || FindName(child, name) != NULL || list_length(child->names) >= NAMES_MOST)
		return;
	old = MemoryContextSwitchTo(GetMemoryChunkContext(join));
	noted = palloc0(sizeof(PivotName));
	noted->name = pstrdup(name);
	child->names = lappend(child->names, noted);
	MemoryContextSwitchTo(old);
}

/* Order names, whatever order they came in */
static int
CompareNames(const ListCell *a, const ListCell *b)
{
	return strcmp(((PivotName *) lfirst(a))->name, ((PivotName *) lfirst(b))->name);
}

/* Put a row of a child stream */
void
JoinRow(RecordJoin *join, const PageRun *run, const char *record, size_t length)
{
	MemoryContext old = MemoryContextSwitchTo(join->rows->scratch);

	for (int i = 0; i < join->first_part; i++)
	{
		JoinChild  *child = &join->children[i];
		char	   *id;

		if (child->stream != run->stream)
			continue;
		if (child->name != NULL)
			NoteName(join, child, record, length);
		id = child->id ? JsonPickText(child->id, record, length) : NULL;
		PutRow(join, i, run->id ? run->id : child->child ? JsonPickText(child->child, record, length) : NULL,
			   id ? hash_bytes_extended((unsigned char *) id, strlen(id), 0) :
			   hash_bytes_extended((const unsigned char *) record, length, 1), run->place, record, length);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(join->rows->scratch);
	if (join->next != NULL)
		JoinRow(join->next, run, record, length);
}

/* Forget all */
void
JoinClear(RecordJoin *join)
{
	StoreClear(join->people);
	StoreClear(join->rows);
	for (int i = 0; i < join->first_part; i++)
	{
		join->children[i].strays = 0;
		join->children[i].names = NIL;
	}
	join->row_waits = false;
	if (join->next != NULL)
		JoinClear(join->next);
}

/* Read people from the start */
void
JoinRewind(RecordJoin *join)
{
	StoreRewind(join->people);
}

/* A column of a store's row */
static Datum
Column		(TupleTableSlot *slot, int column)
{
	bool		isnull;

	return slot_getattr(slot, column + 1, &isnull);
}

/* The id of the next person */
const char *
JoinNextId(void *join)
{
	TupleTableSlot *slot = StoreNext(((RecordJoin *) join)->people);

	return slot ? TextDatumGetCString(Column (slot, PEOPLE_ID)) : NULL;
}

/* Append a row to what a child gives a person */
static void
AppendRow(JoinChild *child, StringInfo value, const char *record, size_t length)
{
	char	   *name;
	PivotName  *noted;
	const char *raw;
	size_t		raw_length;

	if (child->name == NULL)
	{
		if (child->one)
			resetStringInfo(value);
		else if (value->len > 0)
			appendStringInfoChar(value, ',');
		appendBinaryStringInfo(value, record, length);
		return;
	}
	name = JsonPickText(child->name, record, length);
	if (name == NULL || !JsonPickRaw(child->value, record, length, &raw, &raw_length))
		return;
	if (value->len == 0)
		appendStringInfoString(value, "{}");
	JsonAppendMember(value, name, raw, raw_length);
	noted = FindName(child, name);
	if (noted != NULL)
		noted->has = true;
}

/* Finish the object of a pivot: null for the names of which others have a value */
static void
FillPivot(JoinChild *child, StringInfo value)
{
	ListCell   *lc;

	if (value->len == 0)
		appendStringInfoString(value, "{}");
	foreach(lc, child->names)
	{
		PivotName  *name = lfirst(lc);

		if (!name->has)
			JsonAppendMember(value, name->name, "null", 4);
		name->has = false;
	}
}

/* Add what a child gave to the person's record */
static void
AddChild(JoinChild *child, StringInfo record, StringInfo value)
{
	if (child->stream->refused)
		return;
	if (child->name != NULL)
		FillPivot(child, value);
	if (child->name == NULL && !child->one)
	{
		StringInfoData array;

		initStringInfo(&array);
		appendStringInfoChar(&array, '[');
		appendBinaryStringInfo(&array, value->data, value->len);
		appendStringInfoChar(&array, ']');
		JsonAppendMember(record, child->as, array.data, array.len);
	}
	else if (value->len > 0)
		JsonAppendMember(record, child->as, value->data, value->len);
	else
		JsonAppendMember(record, child->as, "null", 4);
}

/* Merge a further part into the record */
static void
MergePart(StringInfo record, const char *part, size_t length)
{
	StringInfoData merged;

	initStringInfo(&merged);
	JsonMergeObjects(record->data, record->len, part, length, &merged);
	resetStringInfo(record);
	appendBinaryStringInfo(record, merged.data, merged.len);
}

/* Refuse a person with more rows than a record may have bytes */
static void
CheckSize(const StringInfo record, const StringInfo value)
{
	if ((int64) record->len + value->len > (int64) stakesync_max_record_size * 1024)
		FetchFail(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "a person and the rows that belong to him are larger than stakesync.max_record_size",
				  "Raise it if people of this system may be that large.");
}

/* Take the waiting rows of one child and person into value, or into the record */
static void
TakeRows(RecordJoin *join, int n, int64 seq, StringInfo record, StringInfo value)
{
	resetStringInfo(value);
	while (join->row_waits)
	{
		TupleTableSlot *slot = join->rows->slot;
		text	   *row;

		if (DatumGetInt64(Column (slot, ROWS_SEQ)) != seq || DatumGetInt64(Column (slot, ROWS_N)) != n + 1)
			break;
		row = DatumGetTextPP(Column (slot, ROWS_RECORD));
		if (n >= join->first_part)
			MergePart(record, VARDATA_ANY(row), VARSIZE_ANY_EXHDR(row));
		else
			AppendRow(&join->children[n], value, VARDATA_ANY(row), VARSIZE_ANY_EXHDR(row));
		CheckSize(record, value);
		join->row_waits = StoreNext(join->rows) != NULL;
	}
}

/* The next record of a level */
static bool
NextOfLevel(RecordJoin *join, StringInfo id, StringInfo record)
{
	TupleTableSlot *slot = StoreNext(join->people);
	MemoryContext old;
	StringInfoData value;
	int64		seq;
	text	   *person;

	if (slot == NULL)
		return false;
	MemoryContextReset(join->scratch);
	old = MemoryContextSwitchTo(join->scratch);
	seq = DatumGetInt64(Column (slot, PEOPLE_SEQ));
	resetStringInfo(id);
	appendStringInfoString(id, TextDatumGetCString(Column (slot, PEOPLE_ID)));
	person = DatumGetTextPP(Column (slot, PEOPLE_RECORD));
	resetStringInfo(record);
	appendBinaryStringInfo(record, VARDATA_ANY(person), VARSIZE_ANY_EXHDR(person));

	initStringInfo(&value);
	for (int n = 0; n < join->count; n++)
	{
		TakeRows(join, n, seq, record, &value);
		if (n < join->first_part)
			AddChild(&join->children[n], record, &value);
	}
	MemoryContextSwitchTo(old);
	return true;
}

/* True if the rows of a child can be counted: they have ids, and one line of pages announced how many they are */
static bool
IsCounted(const JoinChild *child)
{
	return child->id != NULL && child->stream->announced >= 0 && !DocumentBool(child->stream->spec, "each", false);
}

/*
 * Compare the rows of children with what was announced: one that came twice
 * does not make up for one that never did
 */
static void
CountRows(RecordJoin *join)
{
	bool		any = false;

	for (int i = 0; i < join->first_part; i++)
		any |= IsCounted(&join->children[i]);
	if (!any || SPI_execute(count_query, true, 0) != SPI_OK_SELECT)
		return;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int64		n = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)) - 1;
		int64		rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));

		if (n >= join->first_part || !IsCounted(&join->children[n]))
			continue;
		join->children[n].stream->received = rows + join->children[n].strays;
		join->children[n].stream->disagrees |= join->children[n].stream->received < join->children[n].stream->announced;
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Find whose each row of a level is */
static void
MatchLevel(RecordJoin *join)
{
	StoreExpose(join->people);
	StoreExpose(join->rows);
	CountRows(join);
	for (int i = 0; i < join->first_part; i++)
		list_sort(join->children[i].names, CompareNames);
	StoreFill(join->rows, match_query);
	StoreHide(join->rows);
	StoreHide(join->people);
	StoreRewind(join->people);
	StoreRewind(join->rows);
	join->row_waits = StoreNext(join->rows) != NULL;
}

/* Find whose each row is: the records of one level are the people of the next */
void
JoinMatch(RecordJoin *join)
{
	StringInfoData id;
	StringInfoData record;

	MatchLevel(join);
	if (join->next == NULL)
		return;
	initStringInfo(&id);
	initStringInfo(&record);
	while (NextOfLevel(join, &id, &record))
	{
		JoinPerson(join->next, id.data, record.data, record.len);
		CHECK_FOR_INTERRUPTS();
	}
	pfree(id.data);
	pfree(record.data);
	JoinMatch(join->next);
}

/* The next whole record */
bool
JoinNext(RecordJoin *join, StringInfo id, StringInfo record)
{
	return join->next ? JoinNext(join->next, id, record) : NextOfLevel(join, id, record);
}
