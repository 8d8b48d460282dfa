#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "member.h"
#include "rules.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Configurations remembered by one call site: a preview meets all connections */
#define RULES_REMEMBERED 8

typedef struct RulesCache
{
	int			count;
	int			last;			/* where the last call found its own */
	int			next;			/* to be forgotten */
	Rules	   *rules[RULES_REMEMBERED];
} RulesCache;

/* The row types of a call */
typedef struct RowTypes
{
	Oid			employee;
	int32		employee_typmod;
	Oid			stakeholder;
	int32		stakeholder_typmod;
} RowTypes;

/* Read the type of an argument that is a row, from the call or from the row */
static void
ReadRowType(FunctionCallInfo fcinfo, int arg, Oid *type, int32 *typmod)
{
	*typmod = -1;
	if (!PG_ARGISNULL(arg))
	{
		HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(arg);

		*type = HeapTupleHeaderGetTypeId(header);
		*typmod = HeapTupleHeaderGetTypMod(header);
		return;
	}
	*type = get_fn_expr_argtype(fcinfo->flinfo, arg);
	if (OidIsValid(*type))
		*type = getBaseType(*type);
	if (!OidIsValid(*type) || *type == RECORDOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the row type of the stakeholder is not known"),
				 errhint("Cast it: NULL::stakesync.stakeholder, with the company's schema.")));
}

/* Check whether rules were compiled from these arguments */
static bool
RulesFit(const Rules *rules, const Jsonb *config, const RowTypes *types)
{
	return rules->employee_type == types->employee &&
		rules->employee_typmod == types->employee_typmod &&
		rules->stakeholder_type == types->stakeholder &&
		rules->stakeholder_typmod == types->stakeholder_typmod &&
		VARSIZE(rules->config) == VARSIZE(config) &&
		memcmp(rules->config, config, VARSIZE(config)) == 0;
}

/* Copy the descriptor of a row type into CurrentMemoryContext */
static TupleDesc
CopyRowType(Oid type, int32 typmod)
{
	TupleDesc	shared = lookup_rowtype_tupdesc(type, typmod);
	TupleDesc	desc = CreateTupleDescCopy(shared);

	ReleaseTupleDesc(shared);
	return desc;
}

/* Find what the configuration says of a field, or NULL */
static JsonbContainer *
FindEntry(JsonbContainer **entries, const char *field)
{
	for (int i = 0; entries[i] != NULL; i++)
	{
		char	   *name = MemberText(entries[i], "field");

		if (name != NULL && strcmp(name, field) == 0)
			return entries[i];
	}
	return NULL;
}

/* Add a field that HR feeds, unless the register lacks it or it is never fed */
static void
AddFeed(Rules *rules, JsonbContainer *entry, FeedSource source, const char *name,
		const char *from, const char *to)
{
	Feed	   *feed = &rules->feeds[rules->feed_count];
	char	   *mode = MemberText(entry, "mode");
	char	   *on_null = MemberText(entry, "on_null");

	if (mode != NULL && strcmp(mode, "never") == 0)
		return;
	if (!ColumnFind(&feed->from, rules->employee_desc, from) ||
		!ColumnFind(&feed->to, rules->stakeholder_desc, to))
		return;

	feed->name = pstrdup(name);
	feed->column = pstrdup(from);
	feed->source = source;
	feed->mode = mode && strcmp(mode, "create only") == 0 ? FEED_CREATE_ONLY :
		mode && strcmp(mode, "if empty") == 0 ? FEED_IF_EMPTY : FEED_ALWAYS;
	feed->keep = on_null && strcmp(on_null, "keep") == 0;
	feed->review = MemberBool(entry, "review", false);
	feed->pay = strcmp(name, "pay_rate") == 0 || strcmp(name, "pay_period") == 0 ||
		strcmp(name, "pay_currency") == 0;
	feed->follows = strcmp(name, "employment_status") == 0 ||
		strcmp(name, "termination_date") == 0;
	rules->feed_count++;
}

/* List the fields that HR feeds, in the order of output */
static void
BindFeeds(Rules *rules, JsonbContainer *config, const char *email)
{
	JsonbContainer **entries = ContainerElements(MemberContainer(config, "fields"));
	TupleDesc	desc = rules->stakeholder_desc;

	rules->feeds = palloc0((desc->natts + 3) * sizeof(Feed));
	if (rules->identifier != NULL && MemberBool(config, "writes_identifier", true))
		AddFeed(rules, FindEntry(entries, "identifier"), FEED_IDENTIFIER, "identifier",
				rules->identifier, "identifier");
	AddFeed(rules, FindEntry(entries, "name"), FEED_NAME, "name", "name", "name");
	AddFeed(rules, FindEntry(entries, "email"), FEED_COLUMN, "email", email ? email : "work_email", "email");

	for (int i = 0; i < desc->natts; i++)
	{
		const char *column = NameStr(TupleDescAttr(desc, i)->attname);
		bool		manager = strcmp(column, "manager_id") == 0;
		const char *field = manager ? "manager" : column;
		JsonbContainer *entry;

		if (TupleDescAttr(desc, i)->attisdropped || strcmp(column, "identifier") == 0 ||
			strcmp(column, "name") == 0 || strcmp(column, "email") == 0)
			continue;
		entry = FindEntry(entries, field);
		if (entry != NULL)
			AddFeed(rules, entry, manager ? FEED_MANAGER : FEED_COLUMN, field, field, column);
	}
}

/* Read the day that conditions take for today */
static DateADT
ReadToday(JsonbContainer *config)
{
	char	   *today = MemberText(config, "today");

	if (today == NULL)
		elog(ERROR, "the configuration does not say what day it is");
	return DatumGetDateADT(DirectFunctionCall1(date_in, CStringGetDatum(today)));
}

/* Find the columns of the register that decide */
static void
BindRegister(Rules *rules)
{
	if (!ColumnFind(&rules->register_id, rules->stakeholder_desc, "stakeholder_id") ||
		!ColumnFind(&rules->register_identifier, rules->stakeholder_desc, "identifier") ||
		!ColumnFind(&rules->register_name, rules->stakeholder_desc, "name"))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("a stakeholder has no column stakeholder_id, identifier or name"),
				 errhint("Pass rows of a company's table stakeholder.")));
}

/* Compile a configuration into CurrentMemoryContext */
static Rules *
CompileRules(const Jsonb *config, const RowTypes *types)
{
	Rules	   *rules = palloc0(sizeof(Rules));
	JsonbContainer *root;
	JsonbContainer *settings;
	char	   *hand_edits;
	char	   *email;

	rules->context = CurrentMemoryContext;
	rules->config = palloc(VARSIZE(config));
	memcpy(rules->config, config, VARSIZE(config));
	root = &rules->config->root;
	settings = MemberContainer(root, "settings");
	hand_edits = MemberText(settings, "hand_edits");
	email = MemberText(root, "email");

	rules->identifier = MemberText(root, "identifier");
	rules->overwrite = hand_edits && strcmp(hand_edits, "overwrite") == 0;
	rules->follow_leavers = MemberBool(settings, "follow_leavers", true);

	rules->employee_type = types->employee;
	rules->employee_typmod = types->employee_typmod;
	rules->employee_desc = CopyRowType(types->employee, types->employee_typmod);
	EmployeeBind(&rules->employee, rules->employee_desc, rules->identifier, email);
	rules->conditions = ConditionsCompile(MemberContainer(root, "conditions"), &rules->employee,
										  rules->employee_desc, ReadToday(root));
	RowInit(&rules->employee_row, rules->employee_desc);
	RowInit(&rules->manager_row, rules->employee_desc);

	rules->stakeholder_type = types->stakeholder;
	rules->stakeholder_typmod = types->stakeholder_typmod;
	if (OidIsValid(types->stakeholder))
	{
		rules->stakeholder_desc = CopyRowType(types->stakeholder, types->stakeholder_typmod);
		BindRegister(rules);
		BindFeeds(rules, root, email);
		RowInit(&rules->stakeholder_row, rules->stakeholder_desc);
	}
	return rules;
}

/* Compile rules and remember them in place of the oldest */
static Rules *
RememberRules(RulesCache *cache, MemoryContext parent, const Jsonb *config, const RowTypes *types)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "stakesync rules",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Rules	   *rules = CompileRules(config, types);

	/* Kept only now that nothing can fail any more */
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, parent);
	if (cache->count < RULES_REMEMBERED)
		cache->last = cache->count++;
	else
	{
		cache->last = cache->next;
		cache->next = (cache->next + 1) % RULES_REMEMBERED;
		MemoryContextDelete(cache->rules[cache->last]->context);
	}
	cache->rules[cache->last] = rules;
	return rules;
}

/* Find the rules for a call, or compile them */
Rules *
RulesFind(FunctionCallInfo fcinfo, int config_arg, int employee_arg, int stakeholder_arg)
{
	RulesCache *cache = fcinfo->flinfo->fn_extra;
	Jsonb	   *config = PG_GETARG_JSONB_P(config_arg);
	RowTypes	types = {0};

	ReadRowType(fcinfo, employee_arg, &types.employee, &types.employee_typmod);
	if (stakeholder_arg >= 0)
		ReadRowType(fcinfo, stakeholder_arg, &types.stakeholder, &types.stakeholder_typmod);

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RulesCache));
		fcinfo->flinfo->fn_extra = cache;
	}
	if (cache->count > 0 && RulesFit(cache->rules[cache->last], config, &types))
		return cache->rules[cache->last];
	for (int i = 0; i < cache->count; i++)
	{
		if (RulesFit(cache->rules[i], config, &types))
		{
			cache->last = i;
			return cache->rules[i];
		}
	}
	return RememberRules(cache, fcinfo->flinfo->fn_mcxt, config, &types);
}
