#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/dbcommands.h"
#include "company.h"
#include "company_sql.h"
#include "compat.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "sql.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* The table that makes a schema a company */
#define COMPANY_MARK "_company"

/* The company made by itself */
#define COMPANY_DEFAULT "stakesync"

/* A call that is writing records, and the transaction level it is in */
typedef struct InsideCall
{
	int			level;
	struct InsideCall *outer;
} InsideCall;

static InsideCall *inside = NULL;
static bool callbacks_registered = false;

/* True while this backend writes a company's records for stakesync itself */
bool
CompanyInside(void)
{
	return inside != NULL;
}

/* Forget the calls that a transaction's end cut off */
static void
ForgetAtEnd(XactEvent event, void *arg)
{
	/* the memory goes with the transaction */
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		inside = NULL;
}

/* Forget the calls that a subtransaction's abort cut off */
static void
ForgetAtSubAbort(SubXactEvent event, SubTransactionId self, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		while (inside != NULL && inside->level >= GetCurrentTransactionNestLevel())
			inside = inside->outer;
}

/* Write a company's records for stakesync itself from here on */
void
CompanyBeginInside(void)
{
	InsideCall *call;

	if (!callbacks_registered)
	{
		RegisterXactCallback(ForgetAtEnd, NULL);
		RegisterSubXactCallback(ForgetAtSubAbort, NULL);
		callbacks_registered = true;
	}
	call = MemoryContextAlloc(TopTransactionContext, sizeof(InsideCall));
	call->level = GetCurrentTransactionNestLevel();
	call->outer = inside;
	inside = call;
}

/* Stop writing records for stakesync itself */
void
CompanyEndInside(void)
{
	InsideCall *call = inside;

	if (call == NULL)
		return;
	inside = call->outer;
	pfree(call);
}

/* True if the schema is a company; one of temporary tables never is */
bool
CompanyIsSchema(Oid schema)
{
	return !isAnyTempNamespace(schema) &&
		OidIsValid(get_relname_relid(COMPANY_MARK, schema)) &&
		OidIsValid(get_relname_relid("stakeholder", schema));
}

/* Oid of one of the company's relations; raises if it is not there */
Oid
CompanyRelation(const Company *company, const char *relation)
{
	Oid			relid = get_relname_relid(relation, company->schema);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("company \"%s\" has no \"%s\"", company->name, relation),
				 errhint("Put it back: SELECT %s.stakesync_upgrade_company(%s).",
						 company->extension, quote_literal_cstr(company->name))));
	return relid;
}

/* Owner of a relation */
static Oid
ReadOwner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Schema of the extension */
Oid
ExtensionSchemaOid(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key[1];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			schema = InvalidOid;

	ScanKeyInit(&key[0], Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("stakesync"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (!OidIsValid(schema))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"stakesync\" does not exist in this database"),
				 errhint("CREATE EXTENSION stakesync;")));
	return schema;
}

/* The same as an identifier */
const char *
ExtensionSchema(void)
{
	return quote_identifier(get_namespace_name(ExtensionSchemaOid()));
}

/* The company of a schema; raises if the schema is none */
Company *
CompanyBySchema(Oid schema)
{
	Company    *company = palloc0(sizeof(Company));

	company->schema = schema;
	company->name = get_namespace_name(schema);
	if (company->name == NULL || !CompanyIsSchema(schema))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema \"%s\" is not a company", company->name ? company->name : "?"),
				 errhint("Companies are made by stakesync_create_company() and listed in stakesync_company.")));
	company->quoted = quote_identifier(company->name);
	company->extension = ExtensionSchema();
	company->owner = ReadOwner(get_relname_relid(COMPANY_MARK, schema));
	return company;
}

/* The first company in the search_path, or InvalidOid */
static Oid
FindInSearchPath(void)
{
	List	   *path = fetch_search_path(false);
	Oid			found = InvalidOid;
	ListCell   *lc;

	foreach(lc, path)
	{
		if (CompanyIsSchema(lfirst_oid(lc)))
		{
			found = lfirst_oid(lc);
			break;
		}
	}
	list_free(path);
	return found;
}

/*
 * True if the caller may use a schema because somebody let him in. What is open
 * to everybody does not count: else anybody could be in everybody's way.
 */
static bool
IsGranted(Oid schema)
{
	return pg_namespace_aclcheck(schema, GetUserId(), ACL_USAGE) == ACLCHECK_OK &&
		pg_namespace_aclcheck(schema, ACL_ID_PUBLIC, ACL_USAGE) != ACLCHECK_OK;
}

/* Schemas that are companies and that the caller may use, or owns */
static List *
ListCompanies(bool own)
{
	Relation	rel = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key[1];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *schemas = NIL;

	ScanKeyInit(&key[0], Anum_pg_class_relname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(COMPANY_MARK));
	scan = systable_beginscan(rel, ClassNameNspIndexId, true, NULL, 1, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relkind != RELKIND_RELATION || !CompanyIsSchema(form->relnamespace))
			continue;
		if (is_member_of_role_nosuper(GetUserId(), form->relowner) ||
			(!own && IsGranted(form->relnamespace)))
			schemas = lappend_oid(schemas, form->relnamespace);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return schemas;
}

/* The company named; raises if there is none of that name */
static Company *
FindByName(const char *name)
{
	Oid			schema = get_namespace_oid(name, true);

	if (!OidIsValid(schema) || !CompanyIsSchema(schema))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("there is no company \"%s\"", name),
				 errhint("Make it: SELECT stakesync_create_company(%s). The view stakesync_company lists those you may see.",
						 quote_literal_cstr(name))));
	return CompanyBySchema(schema);
}

/* The company a call means, or NULL where there is none yet */
Company *
CompanyResolveOrNull(const char *name)
{
	Oid			schema;
	List	   *schemas;

	if (name != NULL)
		return FindByName(name);

	schema = FindInSearchPath();
	if (OidIsValid(schema))
		return CompanyBySchema(schema);

	schemas = ListCompanies(false);
	if (schemas == NIL)
		return NULL;
	if (list_length(schemas) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("there are %d companies, say which", list_length(schemas)),
				 errhint("Name it with company => '...', or put its schema into search_path.")));
	return CompanyBySchema(linitial_oid(schemas));
}

/* The company a call means: named, or by search_path, or the only one */
Company *
CompanyResolve(const char *name)
{
	Company    *company = CompanyResolveOrNull(name);

	if (company == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("there is no company yet"),
				 errhint("The first connection makes one: SELECT * FROM stakesync_connect('merge'). Or: SELECT stakesync_create_company('acme').")));
	return company;
}

/* Check the caller's privilege on a relation of the company */
void
CompanyCheck(const Company *company, const char *relation, AclMode privilege)
{
	AclResult	result = pg_namespace_aclcheck(company->schema, GetUserId(), ACL_USAGE);
	Oid			relid;

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_SCHEMA, company->name);
	relid = CompanyRelation(company, relation);
	result = pg_class_aclcheck(relid, GetUserId(), privilege);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, get_relkind_objtype(get_rel_relkind(relid)), relation);
}

/* Append a constraint's name to a list */
static void
AppendConstraint(StringInfo names, Form_pg_constraint form)
{
	appendStringInfo(names, "%s%s", names->len > 0 ? ", " : "",
					 quote_qualified_identifier(get_namespace_name(form->connamespace),
												NameStr(form->conname)));
}

/*
 * Constraints on a company's tables, or from elsewhere to them, that may be
 * deferred now and would wait for the end of the transaction, where they could
 * not act as the owner any more; and those that start out deferred. SET
 * CONSTRAINTS finds a name only where the caller has USAGE on its schema.
 */
static void
ListDeferrable(const Company *company, StringInfo deferrable, StringInfo deferred)
{
	Relation	rel = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	initStringInfo(deferrable);
	initStringInfo(deferred);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		if (!form->condeferrable || !OidIsValid(form->conrelid) ||
			(get_rel_namespace(form->conrelid) != company->schema &&
			 !(OidIsValid(form->confrelid) && get_rel_namespace(form->confrelid) == company->schema)) ||
			pg_namespace_aclcheck(form->connamespace, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
			continue;
		AppendConstraint(deferrable, form);
		if (form->condeferred)
			AppendConstraint(deferred, form);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Set constraints immediate or deferred */
static void
SetConstraints(const char *names, const char *when)
{
	char	   *statement = psprintf("SET CONSTRAINTS %s %s", names, when);

	SPI_execute(statement, false, 0);
	pfree(statement);
}

/* Refuse a company that an older library made */
static void
CheckLayout(const Company *company)
{
	int64		layout;

	SqlRun(company, "SELECT layout FROM @company@._company", NULL);
	layout = SPI_processed == 1 ? SqlInt(0, 1) : 0;
	if (layout > COMPANY_LAYOUT)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("company \"%s\" was made by a newer version of stakesync", company->name),
				 errhint("ALTER EXTENSION stakesync UPDATE;")));
	if (layout < COMPANY_LAYOUT)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("company \"%s\" was made by an older version of stakesync", company->name),
				 errhint("Its owner brings it up to date: SELECT stakesync_upgrade_company(%s).",
						 quote_literal_cstr(company->name))));
}

/*
 * Refuse a schema in which others than the company's owner could put objects
 * that calls then run as the owner
 */
static void
CheckSchema(Oid schema, Oid owner)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	const char *name = get_namespace_name(schema);
	Oid			schema_owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", schema);
	schema_owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	if (schema_owner != owner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("schema \"%s\" belongs to \"%s\", the company in it to \"%s\"", name,
						GetUserNameFromId(schema_owner, false), GetUserNameFromId(owner, false)),
				 errhint("One role has to own both: ALTER SCHEMA %s OWNER TO %s;",
						 quote_identifier(name), quote_identifier(GetUserNameFromId(owner, false)))));
	if (pg_namespace_aclcheck(schema, ACL_ID_PUBLIC, ACL_CREATE) == ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("anybody may create objects in schema \"%s\"", name),
				 errhint("REVOKE CREATE ON SCHEMA %s FROM PUBLIC;", quote_identifier(name))));
}

/* Act as the company's owner from here on */
static CompanyContext *
SwitchToOwner(Company *company, bool writes)
{
	CompanyContext *context = palloc0(sizeof(CompanyContext));
	StringInfoData deferrable;
	StringInfoData deferred;

	CheckSchema(company->schema, company->owner);
	context->company = company;
	context->outer = CurrentMemoryContext;
	context->writes = writes;
	SPI_connect();
	if (writes)
	{
		ListDeferrable(company, &deferrable, &deferred);
		if (deferrable.len > 0)
			SetConstraints(deferrable.data, "IMMEDIATE");
		if (deferred.len > 0)
			context->deferred = deferred.data;
	}
	GetUserIdAndSecContext(&context->caller, &context->security);
	SetUserIdAndSecContext(company->owner, context->security | SECURITY_RESTRICTED_OPERATION);
	context->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);

	/*
	 * the preview is wide and short: compiling it takes longer than running
	 * it
	 */
	(void) set_config_option("jit", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (writes)
		CompanyBeginInside();
	return context;
}

/* Check the caller, then act as the company's owner until CompanyLeave */
CompanyContext *
CompanyEnter(Company *company, const char *relation, AclMode privilege,
			 bool writes, const char *call)
{
	CompanyContext *context;

	if (writes)
	{
		PreventCommandDuringRecovery(call);
		PreventCommandIfReadOnly(call);
	}
	CompanyCheck(company, relation, privilege);
	context = SwitchToOwner(company, writes);
	if (writes)
		CheckLayout(company);
	return context;
}

/* Act as the caller again */
void
CompanyLeave(CompanyContext *context)
{
	/* what a trigger of the owner's set goes too */
	AtEOXact_GUC(false, context->guc_level);
	SetUserIdAndSecContext(context->caller, context->security);
	if (context->writes)
		CompanyEndInside();
	if (context->deferred)
		SetConstraints(context->deferred, "DEFERRED");
	SPI_finish();
}

/* In a worker: begin a transaction as the owner of the company of a schema */
CompanyContext *
CompanyBegin(Oid schema, const char *lock_timeout)
{
	MemoryContext outside = CurrentMemoryContext;
	CompanyContext *context;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	context = SwitchToOwner(CompanyBySchema(schema), true);
	context->outer = outside;

	/*
	 * who waits for us may hold what we wait for, and nobody else would end
	 * that
	 */
	(void) set_config_option("lock_timeout", lock_timeout, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return context;
}

/* Commit it; nothing stays open */
void
CompanyCommit(CompanyContext *context)
{
	MemoryContext outside = context->outer;

	CompanyLeave(context);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(outside);
	pgstat_report_stat(true);
}

/* Name of the caller behind a call */
const char *
CompanyCaller(void)
{
	return GetUserNameFromId(GetOuterUserId(), false);
}

/* Refuse what cannot be the name of a company */
static void
CheckName(const char *name)
{
	if (strncmp(name, "pg_", 3) == 0 || strcmp(name, "information_schema") == 0 || name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("\"%s\" cannot be the name of a company", name),
				 errhint("Choose another name.")));
	if (get_namespace_oid(name, true) == ExtensionSchemaOid())
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("a company cannot be the extension's own schema \"%s\"", name),
				 errhint("Choose another name: SELECT stakesync_create_company('acme').")));
}

/* Refuse a schema that holds tables or views */
static void
CheckEmpty(Oid schema, const char *name)
{
	Relation	rel = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;
	ScanKeyData key[1];
	char	   *found = NULL;

	ScanKeyInit(&key[0], Anum_pg_class_relnamespace, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(schema));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = pstrdup(NameStr(((Form_pg_class) GETSTRUCT(tuple))->relname));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (found != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_SCHEMA),
				 errmsg("schema \"%s\" is not empty: it holds \"%s\"", name, found),
				 errhint("A company takes a schema of its own. Choose another name: SELECT stakesync_create_company('acme').")));
}

/* Make the schema, or take an empty one that a DBA made for the caller */
static void
MakeSchema(const char *name)
{
	Oid			schema = get_namespace_oid(name, true);

	if (OidIsValid(schema))
	{
		if (CompanyIsSchema(schema))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_SCHEMA),
					 errmsg("there is a company \"%s\" already", name),
					 errhint("Name it with company => %s, or make another: SELECT stakesync_create_company('acme').",
							 quote_literal_cstr(name))));
		if (!pg_namespace_ownercheck(schema, GetUserId()))
			aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_SCHEMA, name);
		CheckSchema(schema, GetUserId());
		CheckEmpty(schema, name);
		return;
	}
	if (pg_database_aclcheck(MyDatabaseId, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to make the schema of company \"%s\" in database \"%s\"",
						name, get_database_name(MyDatabaseId)),
				 errhint("A database administrator must type: CREATE SCHEMA %s AUTHORIZATION %s;",
						 quote_identifier(name),
						 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	SPI_execute(psprintf("CREATE SCHEMA %s", quote_identifier(name)), false, 0);
	CommandCounterIncrement();
}

/* Make a company owned by the caller */
Company *
CompanyCreate(const char *name, const char *timezone)
{
	MemoryContext outer = CurrentMemoryContext;
	Company    *company;
	Company		draft = {0};
	int			level;

	PreventCommandDuringRecovery("stakesync_create_company()");
	PreventCommandIfReadOnly("stakesync_create_company()");
	if (name == NULL)
		name = COMPANY_DEFAULT;
	CheckName(name);

	SPI_connect();
	level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("client_min_messages", "warning", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	MakeSchema(name);

	draft.name = name;
	draft.quoted = quote_identifier(name);
	draft.extension = ExtensionSchema();
	CompanyBeginInside();
	SqlScript(&draft, company_tables_sql);
	SqlScript(&draft, company_views_sql);
	SqlScript(&draft, "REVOKE ALL ON ALL TABLES IN SCHEMA @company@ FROM PUBLIC;"
			  "REVOKE ALL ON ALL SEQUENCES IN SCHEMA @company@ FROM PUBLIC;"
			  "REVOKE ALL ON SCHEMA @company@ FROM PUBLIC");
	SqlRun(&draft, "INSERT INTO @company@._company (layout, timezone) "
		   "SELECT $1::integer, z.name FROM (VALUES (coalesce($2, pg_catalog.current_setting('TimeZone')))) z(name)",
		   "it", (int64) COMPANY_LAYOUT, timezone);
	SqlRun(&draft, "SELECT pg_catalog.now() AT TIME ZONE timezone FROM @company@._company", NULL);
	SqlRun(&draft, "ANALYZE @company@._company", NULL);
	CompanyEndInside();
	AtEOXact_GUC(true, level);
	SPI_finish();

	MemoryContextSwitchTo(outer);
	company = CompanyBySchema(get_namespace_oid(name, false));
	return company;
}

PG_FUNCTION_INFO_V1(stakesync_create_company);

/* Make a company */
Datum
stakesync_create_company(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a company needs a name"),
				 errhint("SELECT stakesync_create_company('acme');")));
	(void) CompanyCreate(pstrdup(NameStr(*PG_GETARG_NAME(0))),
						 PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* Bring one company up to this library's layout */
static void
UpgradeOne(Oid schema)
{
	Company    *company = CompanyBySchema(schema);
	CompanyContext *context;

	if (!pg_class_ownercheck(CompanyRelation(company, COMPANY_MARK), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_SCHEMA, company->name);
	context = SwitchToOwner(company, true);
	SqlRun(company, "SELECT layout FROM @company@._company", NULL);
	if (SPI_processed == 1 && SqlInt(0, 1) > COMPANY_LAYOUT)
		CheckLayout(company);
	SqlScript(company, company_views_sql);

	/* While the extension was gone nobody kept the keys */
	SqlRun(company,
		   "UPDATE @company@.stakeholder s SET identifier_key = k.identifier, email_key = k.email, name_key = k.name "
		   "FROM @company@.stakeholder o CROSS JOIN LATERAL (SELECT "
		   "@extension@.stakesync_canonical_identifier(o.identifier) AS identifier, "
		   "@extension@.stakesync_canonical(o.email) AS email, @extension@.stakesync_name_key(o.name) AS name) k "
		   "WHERE o.stakeholder_id = s.stakeholder_id "
		   "AND (o.identifier_key, o.email_key, o.name_key) IS DISTINCT FROM (k.identifier, k.email, k.name)", NULL);
	SqlRun(company, "UPDATE @company@._company SET layout = $1::integer WHERE layout < $1", "i",
		   (int64) COMPANY_LAYOUT);
	CompanyLeave(context);
}

PG_FUNCTION_INFO_V1(stakesync_upgrade_company);

/* Bring a company, or all that one owns, up to this library's layout */
Datum
stakesync_upgrade_company(PG_FUNCTION_ARGS)
{
	List	   *schemas;
	ListCell   *lc;

	PreventCommandDuringRecovery("stakesync_upgrade_company()");
	PreventCommandIfReadOnly("stakesync_upgrade_company()");
	if (PG_ARGISNULL(0))
		schemas = ListCompanies(true);
	else
		schemas = list_make1_oid(FindByName(NameStr(*PG_GETARG_NAME(0)))->schema);
	foreach(lc, schemas)
		UpgradeOne(lfirst_oid(lc));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(stakesync_drop_company);

/* Drop a company with all that is in its schema */
Datum
stakesync_drop_company(PG_FUNCTION_ARGS)
{
	const char *name = NameStr(*PG_GETARG_NAME(0));
	const char *confirm = NameStr(*PG_GETARG_NAME(1));
	Company    *company = FindByName(name);

	if (strcmp(name, confirm) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("company \"%s\" was not dropped: confirm says \"%s\"", name, confirm),
				 errhint("Type its name twice: SELECT stakesync_drop_company(%s, %s). The whole register goes.",
						 quote_literal_cstr(name), quote_literal_cstr(name))));
	if (!pg_namespace_ownercheck(company->schema, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_SCHEMA, name);
	SPI_connect();
	SPI_execute(psprintf("DROP SCHEMA %s CASCADE", company->quoted), false, 0);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(stakesync_check_install);

/* Refuse databases and schemas in which the extension cannot be safe */
Datum
stakesync_check_install(PG_FUNCTION_ARGS)
{
	Oid			schema = PG_GETARG_OID(0);

	if (GetDatabaseEncoding() != PG_UTF8)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("stakesync needs a database in UTF8, this one is in %s", GetDatabaseEncodingName()),
				 errhint("CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0;")));
	if (pg_namespace_aclcheck(schema, ACL_ID_PUBLIC, ACL_CREATE) == ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("anybody may create objects in schema \"%s\"", get_namespace_name(schema)),
				 errhint("REVOKE CREATE ON SCHEMA %s FROM PUBLIC; or CREATE EXTENSION stakesync SCHEMA another.",
						 quote_identifier(get_namespace_name(schema)))));
	PG_RETURN_VOID();
}

/* Make the company that is there by itself */
Company *
CompanyMakeDefault(void)
{
	Company    *company = CompanyCreate(NULL, NULL);

	ereport(NOTICE,
			(errmsg("made company \"%s\": its tables and views are in the schema of that name", company->name)));
	return company;
}
