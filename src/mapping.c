/*
 * Mapping: from one source record to field values.
 *
 * MappingCompile puts the paths of all rules, and the members that transforms
 * look at, into one shape (json.h), so that MappingApply reads a record once:
 * the reader checks the record and notes where the mapped places are, then
 * each rule walks its path over those notes and only the texts found are
 * unescaped and copied.
 *
 * Paths are lax as in jsonpath in one direction only: [*], [0] and [last] take
 * what is no array as an array of one. A member of an array is looked for in
 * its elements only where [*] says so. To that end a path goes into the shape
 * twice at each array step, with it and without.
 *
 * What no path can follow in a stream (filters, methods) is left to
 * PostgreSQL's jsonpath, on the part of the record that the followed steps
 * lead to, without its refused members; its result is read again as JSON text
 * with a shape of its own, and from there all is the same.
 *
 * Absent, null and value are three things. A member that is missing is
 * absent, also where the object it belongs to is; a member of null is null,
 * and so is what is looked for in an empty array.
 */
#include "postgres.h"

#include "canonical.h"
#include "fmgr.h"
#include "json.h"
#include "lib/stringinfo.h"
#include "mapping.h"
#include "path.h"
#include "phone.h"
#include "transform.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/jsonpath.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Array steps of one path, each of which doubles its places in the shape */
#define MAX_ARRAY_STEPS 6

/* Bytes of a record's own id */
#define MAX_ID_LENGTH 1000

typedef struct CompiledRule
{
	const MappingRule *rule;
	ValueType	type;			/* the rule's, or of its transform phone */
	Path	   *path;
	List	   *transforms;
	bool		unwrap;			/* transform value */
	bool		expand;			/* an array means its elements */
	bool		first_only;		/* texts behind the first do not matter */
	const char *constant;		/* text of transform const, or NULL */

	/* Choosing an element of an array: pick or current */
	const Transform *choose;
	int			elements;		/* steps that lead to the elements */
	int			choice;			/* position in the choices of current, or -1 */

	/* The rest of the path, if it cannot be followed */
	Datum		jsonpath;
	JsonShape  *rest_shape;
} CompiledRule;

/* What current chose, once for all rules that ask the same */
typedef struct Choice
{
	const CompiledRule *rule;	/* the first of them */
	bool		made;
	MappedState state;
	int			node;
} Choice;

struct Mapping
{
	/* Settings */
	MappingOptions options;
	int			count;
	CompiledRule *rules;
	Path	   *id_path;
	Path	   *deleted_path;
	int			country;		/* rule that fills the country, or -1 */
	bool		needs_transaction;

	/* Reader */
	JsonShape  *shape;
	JsonShape  *id_shape;
	JsonTree   *tree;
	int			choice_count;
	Choice	   *choices;
};

/* Nodes that a path found */
typedef struct FoundNodes
{
	int		   *nodes;
	int			count;
	int			size;
} FoundNodes;

/* One record being mapped */
typedef struct MappingRun
{
	Mapping    *mapping;
	JsonTree   *tree;
	MappedRecord *record;
} MappingRun;

static const PathStep each_step = {PATH_EACH};
static const PathStep value_step = {PATH_MEMBER, "value", 5};

static MappedState Walk(JsonTree *tree, int node, const PathStep *steps, int count,
						FoundNodes *found);

/* Put steps into a shape */
static void
AddSteps(const Mapping *mapping, JsonShape *shape, const PathStep *steps, int count)
{
	const MappingOptions *options = &mapping->options;

	if (count == 0)
		return;
	if (steps->kind != PATH_MEMBER)
	{
		AddSteps(mapping, JsonShapeElementAdd(shape), steps + 1, count - 1);
		AddSteps(mapping, shape, steps + 1, count - 1);
	}
	/* What is refused is as if it were not there */
	else if (options->refused == NULL || !options->refused(steps->name, steps->length))
		AddSteps(mapping, JsonShapeMemberAdd(shape, steps->name, steps->length),
				 steps + 1, count - 1);
}

/* Put steps and what follows them for a rule into a shape */
static void
AddTarget(const Mapping *mapping, JsonShape *shape, const CompiledRule *rule,
		  const PathStep *steps, int count)
{
	PathStep	all[PATH_MAX_STEPS + 3];
	int			more = count;

	if (count > 0)
		memcpy(all, steps, count * sizeof(PathStep));
	if (rule->expand)
		all[more++] = each_step;
	AddSteps(mapping, shape, all, more);

	more = count;
	if (!rule->unwrap)
		return;
	all[more++] = value_step;
	if (rule->expand)
		all[more++] = each_step;
	AddSteps(mapping, shape, all, more);
}

/* Put a member of the elements that a rule chooses from into the shape */
static void
AddElementMember(const Mapping *mapping, const CompiledRule *rule, const char *name)
{
	PathStep	all[PATH_MAX_STEPS + 1];

	memcpy(all, rule->path->steps, rule->elements * sizeof(PathStep));
	all[rule->elements].kind = PATH_MEMBER;
	all[rule->elements].name = name;
	all[rule->elements].length = strlen(name);
	AddSteps(mapping, mapping->shape, all, rule->elements + 1);
}

/* Check a path's steps for what the shape can hold */
static void
CheckSteps(Path *path, const char *owner)
{
	int			arrays = 0;

	for (int i = 0; i < path->count; i++)
	{
		if (path->steps[i].kind == PATH_MEMBERS)
			PathCut(path, i);
		else if (path->steps[i].kind != PATH_MEMBER && ++arrays > MAX_ARRAY_STEPS)
			PathError(path->text, owner, path->steps[i].offset,
					  "There are too many steps into arrays.");
	}
}

/* Compile what follows the steps with PostgreSQL's jsonpath */
static Datum
CompileRest(const Path *path, const char *owner)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *text;
	Datum		jsonpath = (Datum) 0;

	if (path->count > 0)
		text = psprintf("$%s", path->text + path->rest);
	else
		text = pstrdup(path->text);

	PG_TRY();
	{
		jsonpath = DirectFunctionCall1(jsonpath_in, CStringGetDatum(text));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		PathError(path->text, owner, path->rest, error->message);
	}
	PG_END_TRY();

	return jsonpath;
}

/* Find the steps that lead to the elements which a rule chooses from */
static void
FindElements(CompiledRule *rule, const char *owner)
{
	const Path *path = rule->path;
	int			last = path->count - 1;

	while (last >= 0 && path->steps[last].kind == PATH_MEMBER)
		last--;
	if (path->rest >= 0 || last < 0 || last == path->count - 1 ||
		path->steps[last].kind != PATH_EACH)
		PathError(path->text, owner, path->rest >= 0 ? path->rest : strlen(path->text),
				  "The transforms pick and current take a path that ends like [*].name.");
	rule->elements = last + 1;
}

/* True if two rules ask current the same */
static bool
SameChoice(const CompiledRule *a, const CompiledRule *b)
{
	if (a->elements != b->elements ||
		strcmp(a->choose->arguments[0].text, b->choose->arguments[0].text) != 0)
		return false;
	return strcmp(PathText(a->path, a->elements), PathText(b->path, b->elements)) == 0;
}

/* Note that a rule asks current, maybe as another one does */
static void
AddChoice(Mapping *mapping, CompiledRule *rule)
{
	for (int i = 0; i < mapping->choice_count; i++)
	{
		if (SameChoice(mapping->choices[i].rule, rule))
		{
			rule->choice = i;
			return;
		}
	}
	rule->choice = mapping->choice_count++;
	mapping->choices[rule->choice].rule = rule;
}

/* Take a rule's transforms to heart */
static void
CompileTransforms(Mapping *mapping, CompiledRule *rule, const char *owner)
{
	bool		texts = false;
	ListCell   *lc;

	rule->expand = rule->type == VALUE_TEXT_ARRAY;
	rule->choice = -1;
	foreach(lc, rule->transforms)
	{
		const Transform *transform = lfirst(lc);

		if (transform->kind == TRANSFORM_VALUE)
			rule->unwrap = true;
		else if (transform->kind == TRANSFORM_FIRST || transform->kind == TRANSFORM_JOIN)
		{
			rule->expand = true;
			rule->first_only = transform->kind == TRANSFORM_FIRST && !texts;
		}
		else if (transform->kind == TRANSFORM_CONST)
			rule->constant = transform->arguments[0].text;
		else if (transform->kind == TRANSFORM_PHONE)
			rule->type = VALUE_PHONE;
		else if (transform->kind <= TRANSFORM_CURRENT)
		{
			rule->choose = transform;
			FindElements(rule, owner);
			AddElementMember(mapping, rule, transform->arguments[0].text);
			if (transform->count > 2)
				AddElementMember(mapping, rule, transform->arguments[2].text);
		}
		if (transform->kind == TRANSFORM_CURRENT)
		{
			AddElementMember(mapping, rule, "id");
			AddChoice(mapping, rule);
		}
		texts |= transform->kind > TRANSFORM_VALUE;
	}
}

/* Compile a rule */
static void
CompileRule(Mapping *mapping, CompiledRule *rule)
{
	char	   *owner = psprintf("field \"%s\"", rule->rule->field);
	const Path *path;

	rule->type = rule->rule->type;
	rule->transforms = TransformParse(rule->rule->transform, rule->rule->field);
	rule->path = PathParse(rule->rule->path, owner);
	CheckSteps(rule->path, owner);
	CompileTransforms(mapping, rule, owner);

	path = rule->path;
	if (path->rest < 0)
	{
		AddTarget(mapping, mapping->shape, rule, path->steps, path->count);
		return;
	}
	AddSteps(mapping, mapping->shape, path->steps, path->count);
	rule->jsonpath = CompileRest(path, owner);
	rule->rest_shape = JsonShapeCreate();
	AddTarget(mapping, rule->rest_shape, rule, &each_step, 1);
	mapping->needs_transaction = true;
}

/* Compile the path of something that the record itself says */
static Path *
CompileRecordPath(const Mapping *mapping, const char *text, const char *owner)
{
	Path	   *path;

	if (text == NULL)
		return NULL;
	path = PathParse(text, owner);
	CheckSteps(path, owner);
	if (path->rest >= 0)
		PathError(text, owner, path->rest,
				  "Only steps that can be followed while the record is read are possible here.");
	AddSteps(mapping, mapping->shape, path->steps, path->count);
	return path;
}

/* Compile rules */
Mapping *
MappingCompile(List *rules, const MappingOptions *options)
{
	Mapping    *mapping = palloc0(sizeof(Mapping));
	ListCell   *lc;

	mapping->options = *options;
	mapping->shape = JsonShapeCreate();
	mapping->id_shape = JsonShapeCreate();
	mapping->tree = JsonTreeCreate();
	mapping->rules = palloc0((list_length(rules) + 1) * sizeof(CompiledRule));
	mapping->choices = palloc0((list_length(rules) + 1) * sizeof(Choice));
	mapping->country = -1;

	mapping->id_path = CompileRecordPath(mapping, options->id_path, "the record's id");
	if (mapping->id_path != NULL)
		AddSteps(mapping, mapping->id_shape, mapping->id_path->steps, mapping->id_path->count);
	mapping->deleted_path = CompileRecordPath(mapping, options->deleted_path,
											  "the record's deletion mark");

	foreach(lc, rules)
	{
		CompiledRule *rule = &mapping->rules[mapping->count];

		rule->rule = lfirst(lc);
		CompileRule(mapping, rule);
		if (rule->type == VALUE_COUNTRY && strcmp(rule->rule->field, "country") == 0)
			mapping->country = mapping->count;
		mapping->count++;
	}
	return mapping;
}

/* True if some path is left to jsonpath */
bool
MappingNeedsTransaction(const Mapping *mapping)
{
	return mapping->needs_transaction;
}

/* Note a node */
static void
AddFound(FoundNodes *found, int node)
{
	if (found->count == found->size)
	{
		found->size = Max(found->size * 2, 8);
		if (found->nodes == NULL)
			found->nodes = palloc(found->size * sizeof(int));
		else
			found->nodes = repalloc(found->nodes, found->size * sizeof(int));
	}
	found->nodes[found->count++] = node;
}

/* Node of an object's member, or -1 */
static int
MemberNode(const JsonTree *tree, int node, const char *name, size_t length)
{
	const JsonNode *object = &tree->nodes[node];
	int			member;

	if (object->kind != JSON_KIND_OBJECT)
		return -1;
	member = JsonShapeFind(object->shape, name, length);
	if (member < 0 || tree->nodes[object->first + member].kind == JSON_KIND_ABSENT)
		return -1;
	return object->first + member;
}

/*
 * Walk on from each element of an array. A value in any of them is a value;
 * else what all say that are not null themselves.
 */
static MappedState
WalkEach(JsonTree *tree, int node, const PathStep *steps, int count, FoundNodes *found)
{
	bool		any_value = false;
	bool		any_null = false;
	bool		any_absent = false;

	for (int element = tree->nodes[node].first; element >= 0;
		 element = tree->nodes[element].next)
	{
		MappedState state;

		if (tree->nodes[element].kind == JSON_KIND_NULL)
			continue;
		state = Walk(tree, element, steps, count, found);
		any_value |= state == MAPPED_VALUE;
		any_null |= state == MAPPED_NULL;
		any_absent |= state == MAPPED_ABSENT;
	}
	if (any_value)
		return MAPPED_VALUE;
	return any_absent && !any_null ? MAPPED_ABSENT : MAPPED_NULL;
}

/* Node of one element of an array, or -1 */
static int
ElementNode(const JsonTree *tree, int node, const PathStep *step)
{
	int			element = tree->nodes[node].first;

	for (int i = 0; element >= 0; i++)
	{
		int			next = tree->nodes[element].next;

		if (step->kind == PATH_LAST ? next < 0 : i == step->index)
			return element;
		element = next;
	}
	return -1;
}

/* Follow steps from a node and note what they lead to, nulls excepted */
static MappedState
Walk(JsonTree *tree, int node, const PathStep *steps, int count, FoundNodes *found)
{
	for (; count > 0; steps++, count--)
	{
		JsonKind	kind = tree->nodes[node].kind;

		if (kind == JSON_KIND_NULL)
			return MAPPED_NULL;
		if (steps->kind == PATH_MEMBER)
		{
			node = MemberNode(tree, node, steps->name, steps->length);
			if (node < 0)
				return MAPPED_ABSENT;
		}
		else if (kind == JSON_KIND_ARRAY)
		{
			if (steps->kind == PATH_EACH)
				return WalkEach(tree, node, steps + 1, count - 1, found);
			node = ElementNode(tree, node, steps);
			if (node < 0)
				return MAPPED_NULL;
		}
		/* What is no array is an array of one */
		else if (steps->kind == PATH_INDEX && steps->index > 0)
			return MAPPED_NULL;
	}

	if (tree->nodes[node].kind == JSON_KIND_NULL)
		return MAPPED_NULL;
	AddFound(found, node);
	return MAPPED_VALUE;
}

/* Follow steps from each of some nodes, which the result replaces */
static MappedState
WalkFrom(JsonTree *tree, FoundNodes *found, const PathStep *step)
{
	FoundNodes	next = {NULL};
	bool		any_null = false;
	bool		any_absent = false;

	for (int i = 0; i < found->count; i++)
	{
		int			node = found->nodes[i];
		MappedState state;

		/* A bare value needs no unwrapping */
		if (step->kind == PATH_MEMBER && tree->nodes[node].kind != JSON_KIND_OBJECT)
		{
			AddFound(&next, node);
			continue;
		}
		state = Walk(tree, node, step, 1, &next);
		any_null |= state == MAPPED_NULL;
		any_absent |= state == MAPPED_ABSENT;
	}
	*found = next;
	if (next.count > 0)
		return MAPPED_VALUE;
	return any_absent && !any_null ? MAPPED_ABSENT : MAPPED_NULL;
}

/* True for a byte of what trimming may take away */
static inline bool
MayBeTrimmed(unsigned char c)
{
	return c <= ' ' || c >= 0x7F;
}

/* Text of a scalar, trimmed; false if it has none or holds what no text can */
static bool
NodeText(const JsonTree *tree, int number, TextItem *item)
{
	const JsonNode *node = &tree->nodes[number];
	size_t		start;

	item->text = node->start;
	item->length = node->length;
	if (node->kind != JSON_KIND_STRING)
		return node->kind == JSON_KIND_NUMBER || node->kind == JSON_KIND_BOOLEAN;

	if (node->escaped)
	{
		StringInfoData plain;

		initStringInfo(&plain);
		if (!JsonUnescape(node->start, node->length, &plain))
			return false;
		item->text = plain.data;
		item->length = plain.len;
	}

	/* Most texts begin and end with something visible */
	if (item->length > 0 &&
		(MayBeTrimmed(item->text[0]) || MayBeTrimmed(item->text[item->length - 1])))
	{
		CanonicalTrim(item->text, item->length, &start, &item->length);
		item->text += start;
	}
	return true;
}

/* True for a text that means null */
static bool
TextIsNull(const Mapping *mapping, const TextItem *item)
{
	ListCell   *lc;

	if (item->length == 0)
		return true;
	foreach(lc, mapping->options.null_tokens)
	{
		const char *token = lfirst(lc);

		if (strncmp(token, item->text, item->length) == 0 && token[item->length] == '\0')
			return true;
	}
	return false;
}

/* Text of an element's member for comparing; NULL if there is none */
static const char *
MemberText(const JsonTree *tree, int element, const char *name, size_t *length)
{
	int			node = MemberNode(tree, element, name, strlen(name));
	TextItem	item;

	*length = 0;
	if (node < 0 || !NodeText(tree, node, &item))
		return NULL;
	*length = item.length;
	return item.text;
}

/* Order two texts by their bytes, none before any */
static int
CompareBytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int			order;

	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	order = memcmp(a, b, Min(a_length, b_length));
	if (order != 0)
		return order;
	return a_length < b_length ? -1 : a_length > b_length;
}

/* Order two elements by the text of a member, then by all their bytes */
static int
CompareElements(const JsonTree *tree, int a, int b, const char *name)
{
	const JsonNode *left = &tree->nodes[a];
	const JsonNode *right = &tree->nodes[b];
	size_t		a_length;
	size_t		b_length;
	const char *a_text = MemberText(tree, a, name, &a_length);
	const char *b_text = MemberText(tree, b, name, &b_length);
	int			order = CompareBytes(a_text, a_length, b_text, b_length);

	if (order != 0)
		return order;
	return CompareBytes(left->start, left->length, right->start, right->length);
}

/* An element's date; false if it has none that can be read */
static bool
ElementDate(const JsonTree *tree, int element, const char *name, DateADT *date)
{
	size_t		length;
	const char *text = MemberText(tree, element, name, &length);

	return text != NULL && TransformReadDate(text, length, date) == DATE_READ;
}

/* Note that the record changes by itself on a day */
static void
NoteChange(MappedRecord *record, DateADT date)
{
	if (!record->has_changes_on || date < record->changes_on)
		record->changes_on = date;
	record->has_changes_on = true;
}

/* Keep the objects among elements; absent if there are others only */
static MappedState
FindObjects(MappingRun *run, const CompiledRule *rule, FoundNodes *found)
{
	int			kept = 0;
	MappedState state = Walk(run->tree, 0, rule->path->steps, rule->elements, found);

	if (state != MAPPED_VALUE)
		return state;
	for (int i = 0; i < found->count; i++)
	{
		if (run->tree->nodes[found->nodes[i]].kind == JSON_KIND_OBJECT)
			found->nodes[kept++] = found->nodes[i];
	}
	found->count = kept;
	return kept > 0 ? MAPPED_VALUE : MAPPED_ABSENT;
}

/*
 * Choose the element in force today: the latest that is not in the future,
 * those without a date being earlier than all; else the first to come.
 */
static int
ChooseCurrent(MappingRun *run, const CompiledRule *rule, const FoundNodes *found)
{
	const char *name = rule->choose->arguments[0].text;
	DateADT		today = run->mapping->options.today;
	int			best = -1;
	int64		best_rank = 0;

	for (int i = 0; i < found->count; i++)
	{
		int			element = found->nodes[i];
		DateADT		date = 0;
		int64		rank = PG_INT32_MIN;

		/* Past days rank by nearness above all future ones, days of none between */
		if (ElementDate(run->tree, element, name, &date))
		{
			rank = date;
			if (date > today)
			{
				rank = PG_INT64_MIN / 2 - (int64) date;
				NoteChange(run->record, date);
			}
		}
		if (best < 0 || rank > best_rank ||
			(rank == best_rank && CompareElements(run->tree, element, best, "id") > 0))
		{
			best = element;
			best_rank = rank;
		}
	}
	return best;
}

/* Position of a code in a comma list, or the number of its entries */
static int
PositionInList(const char *list, const char *code)
{
	size_t		length = code ? strlen(code) : 0;
	int			position = 0;

	for (;; position++)
	{
		const char *comma = strchr(list, ',');
		size_t		width = comma ? comma - list : strlen(list);
		size_t		blanks = strspn(list, " ");

		if (code != NULL && width >= blanks + length &&
			pg_strncasecmp(list + blanks, code, length) == 0 &&
			strspn(list + blanks + length, " ") + blanks + length >= width)
			return position;
		if (comma == NULL)
			return position + 1;
		list = comma + 1;
	}
}

/* Where an element stands in the list of pick; those without a value last */
static int
RankElement(MappingRun *run, const CompiledRule *rule, int element)
{
	const Transform *pick = rule->choose;
	size_t		length;
	const char *text = MemberText(run->tree, element, pick->arguments[0].text, &length);
	char	   *code = text ? TransformCode(text, length) : NULL;
	FoundNodes	value = {NULL};
	MappedState state;

	state = Walk(run->tree, element, rule->path->steps + rule->elements,
				 rule->path->count - rule->elements, &value);
	return PositionInList(pick->arguments[1].text, code) +
		(state == MAPPED_VALUE ? 0 : strlen(pick->arguments[1].text) + 1);
}

/* Choose the element that comes first by its key, then by name */
static int
ChoosePick(MappingRun *run, const CompiledRule *rule, const FoundNodes *found)
{
	const Transform *pick = rule->choose;
	const char *name = pick->arguments[pick->count > 2 ? 2 : 0].text;
	int			best = -1;
	int			best_rank = 0;

	for (int i = 0; i < found->count; i++)
	{
		int			element = found->nodes[i];
		int			rank = RankElement(run, rule, element);

		if (best < 0 || rank < best_rank ||
			(rank == best_rank && CompareElements(run->tree, element, best, name) < 0))
		{
			best = element;
			best_rank = rank;
		}
	}
	return best;
}

/* Find the values in the element that a rule chooses */
static MappedState
FindChosen(MappingRun *run, const CompiledRule *rule, FoundNodes *found)
{
	Choice		own = {NULL};
	Choice	   *choice = rule->choice >= 0 ? &run->mapping->choices[rule->choice] : &own;

	if (!choice->made)
	{
		FoundNodes	objects = {NULL};

		choice->made = true;
		choice->state = FindObjects(run, rule, &objects);
		if (choice->state == MAPPED_VALUE && rule->choice >= 0)
			choice->node = ChooseCurrent(run, rule, &objects);
		else if (choice->state == MAPPED_VALUE)
			choice->node = ChoosePick(run, rule, &objects);
	}
	if (choice->state != MAPPED_VALUE)
		return choice->state;
	return Walk(run->tree, choice->node, rule->path->steps + rule->elements,
				rule->path->count - rule->elements, found);
}

/* Ask jsonpath; NULL if it failed on this record */
static char *
QueryRest(const CompiledRule *rule, char *text)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *volatile answer = NULL;

	PG_TRY();
	{
		Datum		jsonb = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
		Datum		variables = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		Datum		array = DirectFunctionCall4(jsonb_path_query_array, jsonb, rule->jsonpath,
												variables, BoolGetDatum(false));
		Jsonb	   *result = DatumGetJsonbP(array);

		answer = JsonbToCString(NULL, &result->root, VARSIZE(result));
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		/* What the data is to blame for; nothing but memory was held */
		if (ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION &&
			ERRCODE_TO_CATEGORY(code) != ERRCODE_PROGRAM_LIMIT_EXCEEDED &&
			code != ERRCODE_UNDEFINED_OBJECT)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();

	return answer;
}

/* Copy a node's text without refused members */
static char *
PermittedText(MappingRun *run, int node)
{
	const JsonNode *found = &run->tree->nodes[node];
	StringInfoData text;

	/* A string's span is without its quotes */
	if (found->kind == JSON_KIND_STRING)
		return psprintf("\"%.*s\"", (int) found->length, found->start);
	if (run->mapping->options.refused == NULL)
		return pnstrdup(found->start, found->length);

	initStringInfo(&text);
	JsonCopyPermitted(found->start, found->length, run->mapping->options.refused, &text);
	return text.data;
}

/* Find what the rest of a path leads to; false if jsonpath failed */
static bool
FindByJsonpath(MappingRun *run, const CompiledRule *rule, FoundNodes *found,
			   MappedState *state)
{
	FoundNodes	places = {NULL};

	*state = Walk(run->tree, 0, rule->path->steps, rule->path->count, &places);
	if (*state == MAPPED_VALUE)
		*state = MAPPED_ABSENT;
	for (int i = 0; i < places.count; i++)
	{
		char	   *answer = QueryRest(rule, PermittedText(run, places.nodes[i]));
		MappedState now = MAPPED_ABSENT;
		int			root;

		if (answer == NULL)
			return false;

		/* An empty answer says nothing */
		root = JsonTreeRead(run->tree, rule->rest_shape, answer, strlen(answer));
		if (root < 0)
			return false;
		if (run->tree->nodes[root].first >= 0)
			now = Walk(run->tree, root, &each_step, 1, found);
		if (now == MAPPED_VALUE || *state == MAPPED_ABSENT)
			*state = now;
	}
	return true;
}

/* Take the texts of nodes; false if one has none */
static bool
TakeTexts(MappingRun *run, const CompiledRule *rule, const FoundNodes *found,
		  TextItems *texts, MappedValue *result)
{
	for (int i = 0; i < found->count; i++)
	{
		const JsonNode *node = &run->tree->nodes[found->nodes[i]];
		TextItem	item;

		if (node->kind == JSON_KIND_OBJECT || node->kind == JSON_KIND_ARRAY)
			return TransformProblem(result, "not_a_text", node->kind == JSON_KIND_OBJECT ?
									"this is an object; let the path name a member of it" :
									"this is an array; add [*] to the path, and the transform "
									"first or join");
		if (!NodeText(run->tree, found->nodes[i], &item))
			return TransformProblem(result, "bad_text",
									"the text holds a character that cannot be stored");
		if (TextIsNull(run->mapping, &item))
			continue;
		if (texts->count == TRANSFORM_MAX_TEXTS)
			return TransformProblem(result, "too_long", "there are more than 1,000 values");
		TextItemsAdd(texts, item.text, item.length);

		if (rule->first_only)
			break;
	}
	return true;
}

/* Find a rule's nodes; false if result holds a problem */
static bool
FindNodes(MappingRun *run, const CompiledRule *rule, FoundNodes *found, MappedValue *result)
{
	if (rule->jsonpath != (Datum) 0)
	{
		if (!FindByJsonpath(run, rule, found, &result->state))
			return TransformProblem(result, "path_failed",
									"the path cannot be followed in this record; correct the path");
	}
	else if (rule->choose != NULL)
		result->state = FindChosen(run, rule, found);
	else
		result->state = Walk(run->tree, 0, rule->path->steps, rule->path->count, found);

	if (rule->unwrap && result->state == MAPPED_VALUE)
		result->state = WalkFrom(run->tree, found, &value_step);
	if (rule->expand && result->state == MAPPED_VALUE)
		result->state = WalkFrom(run->tree, found, &each_step);
	return true;
}

/* Fill the value of a rule */
static void
ApplyRule(MappingRun *run, const CompiledRule *rule, MappedValue *result)
{
	FoundNodes	found = {NULL};
	TextItems	texts = {NULL};
	ListCell   *lc;

	if (rule->constant != NULL)
		TextItemsAdd(&texts, rule->constant, strlen(rule->constant));
	else if (!FindNodes(run, rule, &found, result) || result->state != MAPPED_VALUE ||
			 !TakeTexts(run, rule, &found, &texts, result))
		return;

	foreach(lc, rule->transforms)
	{
		if (!TransformApply(lfirst(lc), &texts, result))
			return;
	}
	TransformConvert(rule->type, rule->rule->choices, &texts, result);
}

/* Find the phone library's function, loading it the first time */
static PhoneFormat
LoadPhoneFormat(void)
{
	static PhoneFormat format = NULL;

	if (format == NULL)
		format = (PhoneFormat) load_external_function("$libdir/stakesync_phone",
													  "stakesync_phone_format", true, NULL);
	return format;
}

/* Write a phone number as E.164 */
static void
ConvertPhone(MappedValue *value, const char *region)
{
	char		buffer[PHONE_BUFFER_SIZE];

	switch (LoadPhoneFormat() (value->text, region, buffer))
	{
		case PHONE_OK:
			value->text = pstrdup(buffer);
			break;
		case PHONE_NOT_A_NUMBER:
			/* What stands for nothing, like n/a, is none */
			if (value->text[strcspn(value->text, "0123456789")] == '\0' &&
				CanonicalIdentifier(value->text, strlen(value->text)) == NULL)
			{
				value->state = MAPPED_NULL;
				value->text = NULL;
				break;
			}
			TransformProblem(value, "invalid_phone",
							 "this is no phone number; correct it at the source");
			break;
		case PHONE_NO_COUNTRY_CODE:
			TransformProblem(value, "no_country_code",
							 "the number has no country code; store it with one, "
							 "or set phone_region");
			break;
		default:
			TransformProblem(value, "invalid_phone",
							 "this is no phone number of any country; correct it at the source");
	}
}

/* Write the phone numbers of a record, once its country is known */
static void
ConvertPhones(MappingRun *run)
{
	const Mapping *mapping = run->mapping;
	const char *region = NULL;

	if (mapping->options.phone_region && mapping->country >= 0 &&
		run->record->values[mapping->country].state == MAPPED_VALUE)
		region = run->record->values[mapping->country].text;

	for (int i = 0; i < mapping->count; i++)
	{
		MappedValue *value = &run->record->values[i];

		if (mapping->rules[i].type == VALUE_PHONE && value->state == MAPPED_VALUE)
			ConvertPhone(value, region);
	}
}

/* Text of what the record says of itself; NULL if nothing */
static char *
RecordText(JsonTree *tree, const Path *path)
{
	FoundNodes	found = {NULL};
	TextItem	item;

	if (path == NULL ||
		Walk(tree, 0, path->steps, path->count, &found) != MAPPED_VALUE ||
		!NodeText(tree, found.nodes[0], &item) || item.length == 0)
		return NULL;
	return pnstrdup(item.text, item.length);
}

/* Read a record; its error is NULL if it could be */
static const char *
ReadRecord(JsonTree *tree, const JsonShape *shape, const char *record, size_t length)
{
	JsonTreeReset(tree);
	if (JsonTreeRead(tree, shape, record, length) < 0)
		return psprintf("the record is faulty: %s at byte %zu of it",
						tree->error, tree->error_offset + 1);
	if (tree->nodes[0].kind != JSON_KIND_OBJECT)
		return "the record is no object";
	return NULL;
}

/* Read what the record says of itself */
static void
ReadSelf(MappingRun *run)
{
	MappedRecord *record = run->record;
	char	   *deleted = RecordText(run->tree, run->mapping->deleted_path);

	record->id = RecordText(run->tree, run->mapping->id_path);
	if (record->id != NULL && strlen(record->id) > MAX_ID_LENGTH)
		record->error = "the record's id is longer than 1,000 bytes";
	record->deleted = deleted != NULL &&
		(pg_strcasecmp(deleted, "true") == 0 || strcmp(deleted, "1") == 0);
}

/* Read one record */
void
MappingApply(Mapping *mapping, const char *record, size_t length, MappedRecord *result)
{
	MappingRun	run = {mapping, mapping->tree, result};

	memset(result, 0, sizeof(MappedRecord));
	result->values = palloc0((mapping->count + 1) * sizeof(MappedValue));
	result->error = ReadRecord(mapping->tree, mapping->shape, record, length);
	if (result->error != NULL)
		return;

	for (int i = 0; i < mapping->choice_count; i++)
		mapping->choices[i].made = false;
	ReadSelf(&run);
	for (int i = 0; i < mapping->count; i++)
		ApplyRule(&run, &mapping->rules[i], &result->values[i]);
	ConvertPhones(&run);
}

/* Why a record cannot be read at all */
const char *
MappingFault(Mapping *mapping, const char *record, size_t length)
{
	return ReadRecord(mapping->tree, mapping->shape, record, length);
}

/* Read the record's id alone */
char *
MappingReadId(Mapping *mapping, const char *record, size_t length)
{
	if (ReadRecord(mapping->tree, mapping->id_shape, record, length) != NULL)
		return NULL;
	return RecordText(mapping->tree, mapping->id_path);
}
