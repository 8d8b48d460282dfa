/*
 * What the view "field" shows: the columns of the register as fields, and how
 * full they are.
 *
 * The counts are an aggregate over the register joined with what HR says of
 * each linked person, so that one pass over the tables gives all of them. A
 * stakeholder whom several connections know comes several times: a value is
 * HR's where any of them last said it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "difference.h"
#include "executor/spi.h"
#include "field.h"
#include "field_use.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "member.h"
#include "miscadmin.h"
#include "rules.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

/* Arguments of the aggregate's step */
enum
{
	ARG_STATE,
	ARG_STAKEHOLDER,
	ARG_EMPLOYEE,
	ARG_CONFIG,
	ARG_SAID,
	ARG_NEVER,
	ARG_MANAGER_ID
};

/* Columns of stakesync_field_info */
enum
{
	INFO_FIELD,
	INFO_LABEL,
	INFO_TYPE,
	INFO_KIND,
	INFO_VISIBLE,
	INFO_USED_BY,
	INFO_COLUMNS
};

/* A stakeholder who was met with a link, and which of his values are known to be HR's */
typedef struct Seen
{
	int64		stakeholder_id;
	bool		of_hr[FLEXIBLE_ARRAY_MEMBER];	/* by column */
} Seen;

typedef struct Counts
{
	TupleDesc	desc;			/* of stakeholders */
	Column		id;
	Row			row;
	HTAB	   *seen;
	int64		total;
	int64	   *filled;			/* by column */
	int64	   *of_hr;
} Counts;

/* The name of a column as a field */
static const char *
FieldOfColumn(const char *column)
{
	return strcmp(column, "manager_id") == 0 ? "manager" : column;
}

/* Start counting */
static Counts *
BeginCounts(HeapTupleHeader header, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Counts	   *counts = palloc0(sizeof(Counts));
	TupleDesc	shared = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HASHCTL		control = {0};

	counts->desc = CreateTupleDescCopy(shared);
	ReleaseTupleDesc(shared);
	if (!ColumnFind(&counts->id, counts->desc, "stakeholder_id") || counts->id.type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("a stakeholder has no column stakeholder_id"),
				 errhint("Pass rows of a company's table stakeholder.")));
	RowInit(&counts->row, counts->desc);
	counts->filled = palloc0(counts->desc->natts * sizeof(int64));
	counts->of_hr = palloc0(counts->desc->natts * sizeof(int64));
	control.keysize = sizeof(int64);
	control.entrysize = offsetof(Seen, of_hr) + counts->desc->natts;
	control.hcxt = context;
	counts->seen = hash_create("stakesync fields", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	MemoryContextSwitchTo(old);
	return counts;
}

/* Count the filled columns of the row */
static void
CountFilled(Counts *counts)
{
	counts->total++;
	for (int i = 0; i < counts->desc->natts; i++)
		if (!counts->row.nulls[i])
			counts->filled[i]++;
}

/* The entry of a linked stakeholder; counts him when he is met first */
static Seen *
FindSeen(Counts *counts)
{
	int64		id = DatumGetInt64(counts->row.values[counts->id.index]);
	bool		found;
	Seen	   *seen = hash_search(counts->seen, &id, HASH_ENTER, &found);

	if (!found)
	{
		memset(seen->of_hr, 0, counts->desc->natts);
		CountFilled(counts);
	}
	return seen;
}

/* Read what one connection says of a linked stakeholder */
static void
ReadPerson(FunctionCallInfo fcinfo, Counts *counts, Person *person)
{
	Rules	   *rules = RulesFind(fcinfo, ARG_CONFIG, ARG_EMPLOYEE, ARG_STAKEHOLDER);

	person->rules = rules;
	person->registered = true;
	person->linked = true;
	RowRead(&rules->employee_row, rules->employee_desc, PG_GETARG_HEAPTUPLEHEADER(ARG_EMPLOYEE));
	RowRead(&rules->stakeholder_row, rules->stakeholder_desc, PG_GETARG_HEAPTUPLEHEADER(ARG_STAKEHOLDER));
	person->said = PG_ARGISNULL(ARG_SAID) ? NULL : PG_GETARG_JSONB_P(ARG_SAID);
	person->never = PG_ARGISNULL(ARG_NEVER) ? NULL : PG_GETARG_ARRAYTYPE_P(ARG_NEVER);
	person->has_manager_id = !PG_ARGISNULL(ARG_MANAGER_ID);
	person->manager_id = person->has_manager_id ? PG_GETARG_INT64(ARG_MANAGER_ID) : 0;
}

/* Count the values of the row that are HR's, each once */
static void
CountOfHr(Counts *counts, Seen *seen, const Person *person)
{
	for (int i = 0; i < person->rules->feed_count; i++)
	{
		const Feed *feed = &person->rules->feeds[i];
		int			column = feed->to.index;

		if (counts->row.nulls[column] || seen->of_hr[column] || !RegisterIsOfHr(person, feed))
			continue;
		seen->of_hr[column] = true;
		counts->of_hr[column]++;
	}
}

PG_FUNCTION_INFO_V1(stakesync_count_fields_step);

/* Count one stakeholder, and what one connection says of him */
Datum
stakesync_count_fields_step(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Counts	   *counts = PG_ARGISNULL(ARG_STATE) ? NULL : (Counts *) PG_GETARG_POINTER(ARG_STATE);
	HeapTupleHeader header;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "stakesync_count_fields_step called outside an aggregate");
	if (PG_ARGISNULL(ARG_STAKEHOLDER))
		PG_RETURN_POINTER(counts);
	header = PG_GETARG_HEAPTUPLEHEADER(ARG_STAKEHOLDER);
	if (counts == NULL)
		counts = BeginCounts(header, context);
	RowRead(&counts->row, counts->desc, header);

	/* Who has no link comes once */
	if (PG_ARGISNULL(ARG_CONFIG))
		CountFilled(counts);
	else
	{
		Seen	   *seen = FindSeen(counts);
		Person		person = {0};

		if (!PG_ARGISNULL(ARG_EMPLOYEE))
		{
			ReadPerson(fcinfo, counts, &person);
			CountOfHr(counts, seen, &person);
		}
	}
	PG_RETURN_POINTER(counts);
}

PG_FUNCTION_INFO_V1(stakesync_count_fields_end);

/* Write the counts: {"total": 3, "filled": {"city": 2}, "of_hr": {"city": 1}} */
Datum
stakesync_count_fields_end(PG_FUNCTION_ARGS)
{
	Counts	   *counts = PG_ARGISNULL(0) ? NULL : (Counts *) PG_GETARG_POINTER(0);
	StringInfoData filled;
	StringInfoData of_hr;

	if (counts == NULL)
		PG_RETURN_NULL();
	initStringInfo(&filled);
	initStringInfo(&of_hr);
	for (int i = 0; i < counts->desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(counts->desc, i);
		const char *field = FieldOfColumn(NameStr(attribute->attname));

		if (attribute->attisdropped)
			continue;
		appendStringInfoString(&filled, filled.len > 0 ? ", " : "");
		escape_json(&filled, field);
		appendStringInfo(&filled, ": " INT64_FORMAT, counts->filled[i]);
		appendStringInfoString(&of_hr, of_hr.len > 0 ? ", " : "");
		escape_json(&of_hr, field);
		appendStringInfo(&of_hr, ": " INT64_FORMAT, counts->of_hr[i]);
	}
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in,
										CStringGetDatum(psprintf("{\"total\": " INT64_FORMAT ", \"filled\": {%s}, \"of_hr\": {%s}}",
																 counts->total, filled.data, of_hr.data))));
}

/* True for a column of the register that is a field */
static bool
IsField(Form_pg_attribute attribute)
{
	const char *column = NameStr(attribute->attname);

	return !attribute->attisdropped &&
		(strcmp(column, "manager_id") == 0 || !FieldNameReserved(column));
}

/* What ships of a field of the register; NULL for a custom one */
static const FieldInfo *
ShippedInfo(const char *field)
{
	const FieldInfo *info = FieldFind(field);

	return info != NULL && info->kind != FIELD_SOURCE ? info : NULL;
}

/* The uses of a column as text[] */
static Datum
ListUses(List *uses, AttrNumber column)
{
	Datum	   *texts = palloc((list_length(uses) + 1) * sizeof(Datum));
	int			count = 0;
	ListCell   *lc;

	foreach(lc, uses)
	{
		FieldUse   *use = lfirst(lc);

		if (use->column == column)
			texts[count++] = CStringGetTextDatum(use->drop ? use->what : psprintf("%s (mentions)", use->what));
	}
	return PointerGetDatum(construct_array(texts, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Write the row of a field */
static void
PutField(ReturnSetInfo *set, Oid relid, Form_pg_attribute attribute, const char *kind, List *uses)
{
	const char *field = FieldOfColumn(NameStr(attribute->attname));
	const FieldInfo *info = ShippedInfo(field);
	char	   *label = GetComment(relid, RelationRelationId, attribute->attnum);
	Datum		values[INFO_COLUMNS];
	bool		nulls[INFO_COLUMNS] = {0};

	values[INFO_FIELD] = CStringGetTextDatum(field);
	nulls[INFO_LABEL] = label == NULL;
	values[INFO_LABEL] = label ? CStringGetTextDatum(label) : (Datum) 0;
	values[INFO_TYPE] = CStringGetTextDatum(format_type_with_typemod(attribute->atttypid, attribute->atttypmod));
	values[INFO_KIND] = CStringGetTextDatum(kind);
	values[INFO_VISIBLE] = BoolGetDatum(info == NULL || info->on_card);
	values[INFO_USED_BY] = ListUses(uses, attribute->attnum);
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

/* Write the fields of a kind, in the order of the register's columns */
static void
PutKind(ReturnSetInfo *set, Relation rel, const char *kind, List *uses)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		const FieldInfo *info = ShippedInfo(FieldOfColumn(NameStr(attribute->attname)));
		const char *is = info == NULL ? "custom" : info->kind == FIELD_DEFAULT ? "default" : "optional";

		if (IsField(attribute) && strcmp(is, kind) == 0)
			PutField(set, RelationGetRelid(rel), attribute, kind, uses);
	}
}

PG_FUNCTION_INFO_V1(stakesync_field_info);

/* List the fields of a register, given by the type of its rows, and who uses them */
Datum
stakesync_field_info(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid			relid = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;
	Relation	rel;
	List	   *uses;
	int			level;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the register is not known"),
				 errhint("Pass a row of a company's table stakeholder, or null of its type.")));
	InitMaterializedSRF(fcinfo, 0);
	rel = table_open(relid, AccessShareLock);
	SPI_connect();
	level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	uses = FieldUsesFind(relid);
	PutKind(set, rel, "default", uses);
	PutKind(set, rel, "optional", uses);
	PutKind(set, rel, "custom", uses);
	AtEOXact_GUC(false, level);
	SPI_finish();
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}
