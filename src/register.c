/*
 * Triggers of the register: keys that are kept by stakesync, and the record of
 * what hands change.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "canonical.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "company.h"
#include "executor/spi.h"
#include "field.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "sensitive.h"
#include "sensitive_exception.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* Columns that the row trigger reads or keeps */
typedef enum KeptColumn
{
	COLUMN_IDENTIFIER,
	COLUMN_IDENTIFIER_KEY,
	COLUMN_EMAIL,
	COLUMN_EMAIL_KEY,
	COLUMN_NAME,
	COLUMN_NAME_KEY,
	COLUMN_UPDATED_AT,
	COLUMN_COUNT
} KeptColumn;

static const struct
{
	const char *name;
	Oid			type;
}			kept_columns[COLUMN_COUNT] = {
	{"identifier", TEXTOID},
	{"identifier_key", TEXTOID},
	{"email", TEXTOID},
	{"email_key", TEXTOID},
	{"name", TEXTOID},
	{"name_key", TEXTOID},
	{"updated_at", TIMESTAMPTZOID},
};

/* A row on its way into the register */
typedef struct RegisterRow
{
	TupleDesc	desc;
	const int  *numbers;		/* of the kept columns */
	HeapTuple	old;			/* NULL for an insert */
	HeapTuple	new;
	int			count;			/* of values to replace */
	int			replaced[COLUMN_COUNT];
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT];
} RegisterRow;

/* A column whose values are judged by their shape */
typedef struct JudgedColumn
{
	int			number;
	bool		plain;			/* of text, varchar or char */
	bool		identifier;
	Oid			output;			/* else */
} JudgedColumn;

/* What is looked up once a statement */
typedef struct RegisterColumns
{
	int			kept[COLUMN_COUNT];
	int			judged_count;
	JudgedColumn *judged;
} RegisterColumns;

typedef char *(*CanonicalForm) (const char *text, size_t length);

/* Find the attribute numbers of the kept columns */
static void
FindKeptColumns(Relation rel, int *numbers)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < COLUMN_COUNT; i++)
	{
		int			number = SPI_fnumber(desc, kept_columns[i].name);

		if (number <= 0 || TupleDescAttr(desc, number - 1)->atttypid != kept_columns[i].type)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the register needs a column \"%s\" of type %s",
							kept_columns[i].name, format_type_be(kept_columns[i].type)),
					 errhint("Fixed columns of %s.%s cannot be renamed, retyped or dropped: put it back with ALTER TABLE.",
							 quote_identifier(get_namespace_name(RelationGetNamespace(rel))),
							 quote_identifier(RelationGetRelationName(rel)))));
		numbers[i] = number;
	}
}

/* True for a type whose values can hold what is refused */
static bool
TypeIsJudged(Oid type)
{
	char		category;
	bool		preferred;
	Oid			element = get_element_type(type);

	if (type == INT8OID || type == NUMERICOID || type == JSONOID || type == JSONBOID || type == XMLOID)
		return true;
	get_type_category_preferred(OidIsValid(element) ? getBaseType(element) : type, &category, &preferred);
	return category == TYPCATEGORY_STRING;
}

/* Find the columns whose values are judged */
static void
FindJudgedColumns(Relation rel, RegisterColumns *columns)
{
	TupleDesc	desc = RelationGetDescr(rel);

	columns->judged = palloc0(sizeof(JudgedColumn) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		JudgedColumn *column = &columns->judged[columns->judged_count];
		Oid			type;
		bool		varlena;

		if (att->attisdropped || att->attgenerated != '\0' || FieldNameReserved(NameStr(att->attname)) ||
			strcmp(NameStr(att->attname), "pay_rate") == 0)
			continue;
		type = getBaseType(att->atttypid);
		if (!TypeIsJudged(type))
			continue;
		column->number = i + 1;
		column->plain = type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
		column->identifier = SensitiveIsIdentifier(NameStr(att->attname));
		getTypeOutputInfo(type, &column->output, &varlena);
		columns->judged_count++;
	}
}

/* The columns that matter, looked up once a statement */
static const RegisterColumns *
GetColumns(FunctionCallInfo fcinfo, Relation rel)
{
	if (fcinfo->flinfo->fn_extra == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		RegisterColumns *columns;

		columns = palloc0(sizeof(RegisterColumns));
		FindKeptColumns(rel, columns->kept);
		FindJudgedColumns(rel, columns);
		fcinfo->flinfo->fn_extra = columns;
		MemoryContextSwitchTo(old);
	}
	return fcinfo->flinfo->fn_extra;
}

/* True if an attribute is the same in both tuples */
static bool
SameAttribute(TupleDesc desc, int number, HeapTuple a, HeapTuple b)
{
	Form_pg_attribute att = TupleDescAttr(desc, number - 1);
	bool		a_null;
	bool		b_null;
	Datum		a_value = heap_getattr(a, number, desc, &a_null);
	Datum		b_value = heap_getattr(b, number, desc, &b_null);

	if (a_null || b_null)
		return a_null && b_null;
	return datum_image_eq(a_value, b_value, att->attbyval, att->attlen);
}

/* Put another value into the row */
static void
ReplaceValue(RegisterRow *row, KeptColumn column, Datum value, bool isnull)
{
	row->replaced[row->count] = row->numbers[column];
	row->values[row->count] = value;
	row->nulls[row->count] = isnull;
	row->count++;
}

/* True if neither a source column nor its key was touched */
static bool
KeyIsFresh(RegisterRow *row, KeptColumn source, KeptColumn key)
{
	return row->old != NULL &&
		SameAttribute(row->desc, row->numbers[source], row->old, row->new) &&
		SameAttribute(row->desc, row->numbers[key], row->old, row->new);
}

/* Recompute a key from its source column */
static void
FillKey(RegisterRow *row, KeptColumn source, KeptColumn key, CanonicalForm form)
{
	bool		isnull;
	Datum		value;
	char	   *canonical = NULL;

	if (KeyIsFresh(row, source, key))
		return;
	value = heap_getattr(row->new, row->numbers[source], row->desc, &isnull);
	if (!isnull)
	{
		text	   *input = DatumGetTextPP(value);

		canonical = form(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input));
	}
	ReplaceValue(row, key, canonical ? CStringGetTextDatum(canonical) : (Datum) 0,
				 canonical == NULL);
}

/* Trim the identifier; one of nothing but blanks is none */
static void
TrimIdentifier(RegisterRow *row)
{
	bool		isnull;
	Datum		value;
	text	   *input;
	size_t		start;
	size_t		length;

	if (KeyIsFresh(row, COLUMN_IDENTIFIER, COLUMN_IDENTIFIER_KEY))
		return;
	value = heap_getattr(row->new, row->numbers[COLUMN_IDENTIFIER], row->desc, &isnull);
	if (isnull)
		return;
	input = DatumGetTextPP(value);
	CanonicalTrim(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), &start, &length);
	if (length == VARSIZE_ANY_EXHDR(input))
		return;
	ReplaceValue(row, COLUMN_IDENTIFIER,
				 PointerGetDatum(cstring_to_text_with_len(VARDATA_ANY(input) + start, length)),
				 length == 0);
}

/* The categories that a column's value tells of; 0 where it is not new */
static uint32
JudgeColumn(RegisterRow *row, const JudgedColumn *column)
{
	bool		isnull;
	Datum		value = heap_getattr(row->new, column->number, row->desc, &isnull);
	uint32		categories;
	char	   *text;

	if (isnull || (row->old != NULL && SameAttribute(row->desc, column->number, row->old, row->new)))
		return 0;
	if (column->plain)
	{
		struct varlena *plain = PG_DETOAST_DATUM_PACKED(value);

		return SensitiveValueCategories(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain), column->identifier);
	}
	text = OidOutputFunctionCall(column->output, value);
	categories = SensitiveValueCategories(text, strlen(text), column->identifier);
	pfree(text);
	return categories;
}

/* True if an update changes anything but what stakesync keeps itself */
static bool
RowChanged(RegisterRow *row)
{
	for (int number = 1; number <= row->desc->natts; number++)
	{
		Form_pg_attribute att = TupleDescAttr(row->desc, number - 1);

		if (att->attisdropped || att->attgenerated != '\0' ||
			number == row->numbers[COLUMN_IDENTIFIER_KEY] ||
			number == row->numbers[COLUMN_EMAIL_KEY] ||
			number == row->numbers[COLUMN_NAME_KEY] ||
			number == row->numbers[COLUMN_UPDATED_AT])
			continue;
		if (!SameAttribute(row->desc, number, row->old, row->new))
			return true;
	}
	return false;
}

/* Raise unless called as a trigger of the kind meant */
static TriggerData *
GetTriggerData(FunctionCallInfo fcinfo, bool for_row)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		(TRIGGER_FIRED_FOR_ROW(trigger->tg_event) != 0) != for_row)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be a trigger of a company's tables"),
				 errhint("Put the company's triggers back: SELECT stakesync_upgrade_company().")));
	return trigger;
}

static void RefuseValue(Relation rel, int number, uint32 categories);

PG_FUNCTION_INFO_V1(stakesync_register_keys);

/* Keep the canonical keys and updated_at of a row of the register */
Datum
stakesync_register_keys(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = GetTriggerData(fcinfo, true);
	bool		update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	RegisterRow row = {0};
	const RegisterColumns *columns;

	row.desc = RelationGetDescr(trigger->tg_relation);
	columns = GetColumns(fcinfo, trigger->tg_relation);
	row.numbers = columns->kept;
	row.old = update ? trigger->tg_trigtuple : NULL;
	row.new = update ? trigger->tg_newtuple : trigger->tg_trigtuple;

	for (int i = 0; i < columns->judged_count; i++)
	{
		uint32		categories = JudgeColumn(&row, &columns->judged[i]);

		if (categories != 0)
			RefuseValue(trigger->tg_relation, columns->judged[i].number, categories);
	}
	TrimIdentifier(&row);
	FillKey(&row, COLUMN_IDENTIFIER, COLUMN_IDENTIFIER_KEY, CanonicalIdentifier);
	FillKey(&row, COLUMN_EMAIL, COLUMN_EMAIL_KEY, CanonicalKey);
	FillKey(&row, COLUMN_NAME, COLUMN_NAME_KEY, CanonicalNameKey);
	if (update && RowChanged(&row))
		ReplaceValue(&row, COLUMN_UPDATED_AT,
					 TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()), false);

	if (row.count == 0)
		return PointerGetDatum(row.new);
	return PointerGetDatum(heap_modify_tuple_by_cols(row.new, row.desc, row.count, row.replaced,
													 row.values, row.nulls));
}

/* Columns that a record of hand edits leaves out */
#define BOOKKEEPING "'{stakeholder_id,identifier_key,email_key,name_key,created_at,updated_at}'::pg_catalog.text[]"

/* What a statement did to the register, by the rows before and after it */
static const char *record_insert =
"INSERT INTO %s.change (stakeholder_id, action, after, state, at, by) "
"SELECT n.stakeholder_id, 'create', jsonb_strip_nulls(to_jsonb(n) - " BOOKKEEPING "), 'applied', now(), $1 "
"FROM new_rows n";

static const char *record_delete =
"INSERT INTO %s.change (stakeholder_id, action, before, state, at, by) "
"SELECT o.stakeholder_id, 'delete', jsonb_strip_nulls(to_jsonb(o) - " BOOKKEEPING "), 'applied', now(), $1 "
"FROM old_rows o";

/* OFFSET 0: each row becomes JSON once, not once for each of its fields */
static const char *record_update =
"INSERT INTO %s.change (stakeholder_id, action, before, after, state, at, by) "
"SELECT coalesce(b.n_id, b.o_id), "
"CASE WHEN b.n_id IS NULL THEN 'delete' WHEN b.o_id IS NULL THEN 'create' ELSE 'update' END, "
"d.before, d.after, 'applied', now(), $1 "
"FROM (SELECT n.stakeholder_id AS n_id, o.stakeholder_id AS o_id, "
"to_jsonb(n) - " BOOKKEEPING " AS new, to_jsonb(o) - " BOOKKEEPING " AS old "
"FROM new_rows n FULL JOIN old_rows o ON o.stakeholder_id = n.stakeholder_id OFFSET 0) b "
"CROSS JOIN LATERAL (SELECT jsonb_object_agg(k, b.old -> k) FILTER (WHERE b.o_id IS NOT NULL) AS before, "
"jsonb_object_agg(k, b.new -> k) FILTER (WHERE b.n_id IS NOT NULL) AS after "
"FROM jsonb_object_keys(coalesce(b.new, b.old)) k WHERE b.new -> k IS DISTINCT FROM b.old -> k) d "
"WHERE b.new IS DISTINCT FROM b.old";

/*
 * Refuse to act as the owner of a table that is no register: anybody who may
 * put a trigger on a table could write code that would then run as its owner
 */
static void
CheckRegister(Relation rel)
{
	Oid			namespace = RelationGetNamespace(rel);
	Company    *company = CompanyIsSchema(namespace) ? CompanyBySchema(namespace) : NULL;

	if (company == NULL || company->owner != rel->rd_rel->relowner ||
		strcmp(RelationGetRelationName(rel), "stakeholder") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("\"%s\" is no register of a company", RelationGetRelationName(rel)),
				 errhint("Drop the trigger.")));
}

/* Write down what a statement of a hand did, as the register's owner */
static void
RecordStatement(TriggerData *trigger, const char *by)
{
	Oid			namespace = RelationGetNamespace(trigger->tg_relation);
	const char *template = record_update;
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(by)};
	char	   *statement;

	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		template = record_insert;
	else if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		template = record_delete;
	statement = psprintf(template, quote_identifier(get_namespace_name(namespace)));

	SPI_connect();
	SPI_register_trigger_data(trigger);
	SPI_execute_with_args(statement, 1, types, values, NULL, false, 0);
	SPI_finish();
}

/*
 * True if the statement is stakesync's own. What a trigger of the user's does
 * to other rows meanwhile is not, and is recorded like a hand's.
 */
static bool
StatementIsOurs(void)
{
	return CompanyInside() && DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0)) == 1;
}

/* Refuse a value of refused data, unless an exception lets it into its column */
static void
RefuseValue(Relation rel, int number, uint32 categories)
{
	const char *column = NameStr(TupleDescAttr(RelationGetDescr(rel), number - 1)->attname);
	const char *category;

	CheckRegister(rel);
	category = SensitiveFirst(categories & ~ExceptionAllowedInRegister(RelationGetNamespace(rel), column, !StatementIsOurs()));
	if (category == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a value for column \"%s\" looks like %s, which is refused", column, category),
			 errhint("Leave it out. Where it must be kept: SELECT stakesync_allow_sensitive('%s', '%s', 'why', current_date + 90);",
					 category, column),
			 errtablecol(rel, number),
			 errhidestmt(true), errhidecontext(true)));
}

PG_FUNCTION_INFO_V1(stakesync_register_record);

/* Record what hands do to the register */
Datum
stakesync_register_record(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = GetTriggerData(fcinfo, false);
	Oid			caller;
	int			security;
	int			level;
	const char *by;

	if (StatementIsOurs())
		PG_RETURN_POINTER(NULL);

	CheckRegister(trigger->tg_relation);
	by = GetUserNameFromId(GetOuterUserId(), false);
	GetUserIdAndSecContext(&caller, &security);
	SetUserIdAndSecContext(trigger->tg_relation->rd_rel->relowner,
						   security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	CompanyBeginInside();
	RecordStatement(trigger, by);
	CompanyEndInside();
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(caller, security);
	PG_RETURN_POINTER(NULL);
}

/* What to call instead of writing to a table of stakesync's own */
static const char *
HintInstead(const char *table)
{
	if (strcmp(table, "_fetch") == 0)
		return "Fetch: SELECT * FROM stakesync_fetch().";
	if (strcmp(table, "sensitive_exception") == 0)
		return "Call stakesync_allow_sensitive() or stakesync_revoke_sensitive().";
	if (strcmp(table, "change") == 0)
		return "Edit the register itself, its changes are recorded here. Undo a sync: SELECT * FROM stakesync_revert(sync_id).";
	return "Call stakesync_plan(), stakesync_apply(), stakesync_discard() or stakesync_revert().";
}

PG_FUNCTION_INFO_V1(stakesync_refuse_dml);

/* Refuse writing to what only stakesync writes */
Datum
stakesync_refuse_dml(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = GetTriggerData(fcinfo, false);
	const char *table = RelationGetRelationName(trigger->tg_relation);

	if (!CompanyInside())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s is written by stakesync only", strcmp(table, "_fetch") == 0 ? "fetch_run" : table),
				 errhint("%s", HintInstead(table))));
	PG_RETURN_POINTER(NULL);
}
