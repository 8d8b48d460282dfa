#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "field.h"
#include "field_use.h"
#include "sql.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Relations, indexes and constraints that come with a company */
#define OWN_RELATIONS \
	"'{preview,preview_change,preview_summary,history,field,fetch_run,stakeholder_card,leaver,hris_field,data_gap," \
	"stakeholder_manager_id,stakeholder_email_key,stakeholder_birthdate,stakeholder_name_key}'"
#define OWN_CONSTRAINTS \
	"'{stakeholder_pkey,stakeholder_identifier_key,stakeholder_manager_id_fkey,stakeholder_kind_check,employee_pkey}'"

/*
 * What depends on a column of the table $1, by the kind of object. A check of
 * that column alone, its default and its sequence go with it and are no use.
 */
static const char *const depending =
"SELECT DISTINCT d.refobjsubid::integer, u.what, u.ends FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid CROSS JOIN LATERAL ("
/* views, materialized views, rules */
"SELECT CASE c.relkind WHEN 'm' THEN 'materialized view ' || n WHEN 'v' THEN 'view ' || n ELSE format('rule %I on %s', r.rulename, n) END, "
"CASE c.relkind WHEN 'm' THEN format('DROP MATERIALIZED VIEW %s', n) WHEN 'v' THEN format('DROP VIEW %s', n) ELSE format('DROP RULE %I ON %s', r.rulename, n) END "
"FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class CROSS JOIN LATERAL (SELECT c.oid::regclass::text) q(n) "
"WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid "
"AND NOT (c.relnamespace = t.relnamespace AND (c.relname = ANY (" OWN_RELATIONS ") OR c.relname ^@ '_')) "
"UNION ALL "
/* indexes of their own; statistics */
"SELECT format('index %s', c.oid::regclass), format('DROP INDEX %s', c.oid::regclass) "
"FROM pg_class c WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND d.objsubid = 0 AND c.relkind IN ('i', 'I') AND c.relname <> ALL (" OWN_RELATIONS ") "
"UNION ALL "
"SELECT format('statistics %I.%I', m.nspname, x.stxname), format('DROP STATISTICS %I.%I', m.nspname, x.stxname) "
"FROM pg_statistic_ext x JOIN pg_namespace m ON m.oid = x.stxnamespace WHERE d.classid = 'pg_statistic_ext'::regclass AND x.oid = d.objid "
"UNION ALL "
/* functions with an SQL body */
"SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || p.oid::regprocedure, format('DROP ROUTINE %s', p.oid::regprocedure) "
"FROM pg_proc p WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid "
"UNION ALL "
/* policies, triggers, publications */
"SELECT format('policy %I on %s', p.polname, p.polrelid::regclass), format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass) "
"FROM pg_policy p WHERE d.classid = 'pg_policy'::regclass AND p.oid = d.objid "
"UNION ALL "
"SELECT format('trigger %I on %s', g.tgname, g.tgrelid::regclass), format('DROP TRIGGER %I ON %s', g.tgname, g.tgrelid::regclass) "
"FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND NOT g.tgisinternal "
"UNION ALL "
"SELECT format('publication %I', b.pubname), format('ALTER PUBLICATION %I DROP TABLE %s', b.pubname, r.prrelid::regclass) "
"FROM pg_publication_rel r JOIN pg_publication b ON b.oid = r.prpubid WHERE d.classid = 'pg_publication_rel'::regclass AND r.oid = d.objid "
"UNION ALL "
/* constraints that more than this column takes part in */
"SELECT format('constraint %I on %s', k.conname, k.conrelid::regclass), format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname) "
"FROM pg_constraint k WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.contype <> 'n' "
"AND NOT (k.contype = 'c' AND k.conrelid = t.oid AND k.conkey = ARRAY[d.refobjsubid::smallint]) "
"AND NOT (k.connamespace = t.relnamespace AND k.conname = ANY (" OWN_CONSTRAINTS ")) "
"UNION ALL "
/* generated columns */
"SELECT format('column %I of %s', a.attname, a.attrelid::regclass), format('ALTER TABLE %s DROP COLUMN %I', a.attrelid::regclass, a.attname) "
"FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum "
"WHERE d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid AND NOT (f.adrelid = t.oid AND f.adnum = d.refobjsubid)"
") u(what, ends) "
"WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid AND d.refobjsubid > 0 "
"ORDER BY 1, 2";

/* Bodies of which the database knows no more than the text */
static const char *const bodies =
"SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || p.oid::regprocedure, p.prosrc "
"FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang "
"WHERE l.lanname NOT IN ('internal', 'c') AND p.prosqlbody IS NULL "
"AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) "
"AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e') "
"ORDER BY 1";

/* True for a byte of a name in a function's body */
static bool
IsWord(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_' || IS_HIGHBIT_SET(c);
}

/* Check whether a body has a word, in whatever case */
static bool
HasWord(const char *body, const char *word)
{
	size_t		length = strlen(word);
	const char *at = body;

	while (*at != '\0')
	{
		size_t		here = 0;

		while (IsWord((unsigned char) at[here]))
			here++;
		if (here == length && pg_strncasecmp(at, word, length) == 0)
			return true;
		at += here > 0 ? here : 1;
	}
	return false;
}

/* Add a use */
static List *
AddUse(List *uses, AttrNumber column, const char *what, const char *drop)
{
	FieldUse   *use = palloc(sizeof(FieldUse));

	use->column = column;
	use->what = what;
	use->drop = drop;
	return lappend(uses, use);
}

/*
 * Add the columns that a body mentions. Names that ship are everyday words: of
 * them it must mention the register too.
 */
static List *
AddMentions(List *uses, TupleDesc desc, const char *function, const char *body)
{
	bool		of_register = HasWord(body, "stakeholder") || HasWord(body, "employee");

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		const char *name = NameStr(attribute->attname);

		if (!attribute->attisdropped &&
			(of_register || (FieldFind(name) == NULL && !FieldNameReserved(name))) && HasWord(body, name))
			uses = AddUse(uses, attribute->attnum, function, NULL);
	}
	return uses;
}

/* Find who uses the columns of a table */
List *
FieldUsesFind(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};
	MemoryContext context = CurrentMemoryContext;
	List	   *uses = NIL;

	if (SPI_execute_with_args(depending, 1, types, values, NULL, true, 0) < 0)
		elog(ERROR, "could not read who uses the columns");
	MemoryContextSwitchTo(context);
	for (uint64 row = 0; row < SPI_processed; row++)
		uses = AddUse(uses, (AttrNumber) SqlInt(row, 1), SqlText(row, 2), SqlText(row, 3));

	if (SPI_execute(bodies, true, 0) < 0)
		elog(ERROR, "could not read the functions");
	MemoryContextSwitchTo(context);
	for (uint64 row = 0; row < SPI_processed; row++)
		uses = AddMentions(uses, RelationGetDescr(rel), SqlText(row, 1), SqlText(row, 2));
	table_close(rel, NoLock);
	return uses;
}
