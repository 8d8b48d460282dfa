/*
 * Compiling a mapping: reading rules, and putting all that they look at into
 * one shape.
 */
#include "postgres.h"

#include "mapping_inside.h"
#include "sensitive.h"

const PathStep each_step = {PATH_EACH};
const PathStep id_step = {PATH_MEMBER, "id", 2};
const PathStep value_step = {PATH_MEMBER, "value", 5};

/* Steps of a path and of what a transform looks at behind them */
typedef struct StepList
{
	int			count;
	PathStep	steps[PATH_MAX_STEPS * 2 + 3];
} StepList;

/* Set the first steps, of which there are no more than a path has */
static void
SetSteps(StepList *list, const PathStep *steps, int count)
{
	Assert(count <= PATH_MAX_STEPS);
	memcpy(list->steps, steps, count * sizeof(PathStep));
	list->count = count;
}

/* Add a member that a transform names */
static void
AddMember(StepList *list, const TransformArgument *member)
{
	memcpy(list->steps + list->count, member->steps, member->count * sizeof(PathStep));
	list->count += member->count;
}

/* What MappingRefuser was told last: a refuser takes no argument */
static NameRefuser refuser = NULL;
static uint32 let_in = 0;

/* True for a name that is refused and not let in */
static bool
RefusesStill(const char *name, size_t length)
{
	uint32		categories = SensitiveNameCategories(name, length);

	return refuser(name, length) && (categories == 0 || (categories & ~let_in) != 0);
}

/* Who refuses names in rules that let in categories of refused data */
NameRefuser
MappingRefuser(const Mapping *mapping, uint32 allowed)
{
	if (mapping->options.refused == NULL || allowed == 0)
		return mapping->options.refused;
	refuser = mapping->options.refused;
	let_in = allowed;
	return RefusesStill;
}

/* Put steps into a shape */
static void
AddSteps(const Mapping *mapping, JsonShape *shape, const StepList *list)
{
	WalkAddSteps(shape, list->steps, list->count, MappingRefuser(mapping, mapping->allowed));
}

/* Note the categories that a name tells of; what is the first name that does */
static void
JudgeName(const MappingRule *rule, const char *name, size_t length, uint32 *categories,
		  const char **what)
{
	uint32		found = SensitiveNameCategories(name, length) & ~rule->allowed;

	if (found != 0 && *categories == 0 && what != NULL)
		*what = pnstrdup(name, length);
	*categories |= found;
}

/* Judge the names of steps */
static void
JudgeSteps(const MappingRule *rule, const PathStep *steps, int count, uint32 *categories,
		   const char **what)
{
	for (int i = 0; i < count; i++)
		if (steps[i].kind == PATH_MEMBER)
			JudgeName(rule, steps[i].name, steps[i].length, categories, what);
}

/* Categories of refused data that a rule tells of */
uint32
MappingRefused(const MappingRule *rule, const char **what)
{
	uint32		categories = 0;
	ListCell   *lc;

	JudgeName(rule, rule->field, strlen(rule->field), &categories, what);
	foreach(lc, PathParseAlternatives(rule->path, psprintf("field \"%s\"", rule->field)))
	{
		const Path *path = lfirst(lc);
		ListCell   *name;

		JudgeSteps(rule, path->steps, path->count, &categories, what);
		foreach(name, path->rest >= 0 ? PathNames(path->text + path->rest) : NIL)
			JudgeName(rule, lfirst(name), strlen(lfirst(name)), &categories, what);
	}
	foreach(lc, TransformParse(rule->transform, rule->field))
	{
		const Transform *transform = lfirst(lc);

		for (int i = 0; i < transform->count; i++)
			JudgeSteps(rule, transform->arguments[i].steps, transform->arguments[i].count, &categories, what);
	}
	return categories;
}

/* Raise if a rule tells of refused data */
void
MappingCheckRefused(const MappingRule *rule)
{
	const char *what = NULL;
	uint32		categories = MappingRefused(rule, &what);

	if (categories == 0)
		return;
	SensitiveRefuseField(rule->field, psprintf("\"%s\"", what), categories);
}

/* Put steps and what follows them for a rule into a shape */
static void
AddTarget(const Mapping *mapping, JsonShape *shape, const CompiledRule *rule,
		  const PathStep *steps, int count)
{
	StepList	list;

	SetSteps(&list, steps, count);
	if (rule->expand)
		list.steps[list.count++] = each_step;
	AddSteps(mapping, shape, &list);

	for (int i = 0; rule->derived != NULL && i < rule->derived->count; i++)
	{
		SetSteps(&list, steps, count);
		AddMember(&list, &rule->derived->arguments[i]);
		AddSteps(mapping, shape, &list);
	}

	if (!rule->unwrap)
		return;
	SetSteps(&list, steps, count);
	list.steps[list.count++] = value_step;
	if (rule->expand)
		list.steps[list.count++] = each_step;
	AddSteps(mapping, shape, &list);
}

/* Put the members that a choice looks at into the shape */
static void
AddChooser(const Mapping *mapping, const CompiledPath *path, const Transform *choose)
{
	StepList	list;

	for (int i = 0; i < choose->count; i++)
	{
		SetSteps(&list, path->path->steps, path->elements);
		AddMember(&list, &choose->arguments[i]);
		AddSteps(mapping, mapping->shape, &list);
	}
	if (choose->kind == TRANSFORM_CURRENT)
	{
		SetSteps(&list, path->path->steps, path->elements);
		list.steps[list.count++] = id_step;
		AddSteps(mapping, mapping->shape, &list);
	}
}

/* Find the steps that lead to the elements which a rule chooses from */
static int
FindElements(const Path *path, const char *owner)
{
	int			last = path->count - 1;

	while (last >= 0 && path->steps[last].kind == PATH_MEMBER)
		last--;
	if (path->rest >= 0 || last < 0 || last == path->count - 1 ||
		path->steps[last].kind != PATH_EACH)
		PathError(path->text, owner, path->rest >= 0 ? path->rest : strlen(path->text),
				  "The transforms pick and current take a path that ends like [*].name.");
	return last + 1;
}

/* True if what was asked of current is asked once more */
static bool
SameChoice(const Choice *choice, const CompiledRule *rule, const CompiledPath *path)
{
	const Transform *a = choice->rule->choose;
	const Transform *b = rule->choose;

	if (a->count != b->count || choice->path->elements != path->elements ||
		!PathStepsEqual(choice->path->path->steps, path->path->steps, path->elements))
		return false;
	for (int i = 0; i < a->count; i++)
	{
		if (!TransformSameMember(&a->arguments[i], &b->arguments[i]))
			return false;
	}
	return true;
}

/* Note that a rule asks current, maybe as another one does */
static int
AddChoice(Mapping *mapping, const CompiledRule *rule, const CompiledPath *path)
{
	int			count = mapping->choice_count;

	for (int i = 0; i < count; i++)
	{
		if (SameChoice(&mapping->choices[i], rule, path))
			return i;
	}
	if (mapping->choices == NULL)
		mapping->choices = palloc(sizeof(Choice));
	else
		mapping->choices = repalloc(mapping->choices, (count + 1) * sizeof(Choice));
	memset(&mapping->choices[count], 0, sizeof(Choice));
	mapping->choices[count].rule = rule;
	mapping->choices[count].path = path;
	mapping->choice_count++;
	return count;
}

/* Take a rule's transforms to heart */
static void
CompileTransforms(CompiledRule *rule)
{
	bool		texts = false;
	ListCell   *lc;

	rule->expand = rule->type == VALUE_TEXT_ARRAY;
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
		else if (transform->kind == TRANSFORM_EMPLOYED || transform->kind == TRANSFORM_WORDS)
			rule->derived = transform;
		else if (transform->kind <= TRANSFORM_CURRENT)
			rule->choose = transform;
		texts |= transform->kind > TRANSFORM_VALUE;
	}
}

/* Compile one of a rule's paths */
static void
CompilePath(Mapping *mapping, const CompiledRule *rule, CompiledPath *compiled, Path *path,
			const char *owner)
{
	compiled->path = path;
	compiled->choice = -1;
	compiled->allowed = rule->rule->allowed;
	WalkCheck(path, owner);
	if (rule->choose != NULL)
	{
		compiled->elements = FindElements(path, owner);
		AddChooser(mapping, compiled, rule->choose);
		if (rule->choose->kind == TRANSFORM_CURRENT)
			compiled->choice = AddChoice(mapping, rule, compiled);
	}
	if (path->rest < 0)
	{
		AddTarget(mapping, mapping->shape, rule, path->steps, path->count);
		return;
	}

	WalkAddSteps(mapping->shape, path->steps, path->count, MappingRefuser(mapping, mapping->allowed));
	compiled->jsonpath = MappingCompileRest(path, mapping->options.ignore_case, owner);
	compiled->rest_shape = JsonShapeCreate(mapping->options.ignore_case);
	AddTarget(mapping, compiled->rest_shape, rule, &each_step, 1);
	mapping->needs_transaction = true;
}

/* True for what may hold a value of a refused shape */
static bool
IsJudged(ValueType type)
{
	return type == VALUE_TEXT || type == VALUE_TEXT_ARRAY || type == VALUE_NUMERIC ||
		type == VALUE_INTEGER;
}

/* Compile a rule */
static void
CompileRule(Mapping *mapping, CompiledRule *rule)
{
	char	   *owner = psprintf("field \"%s\"", rule->rule->field);
	List	   *paths;
	ListCell   *lc;

	rule->type = rule->rule->type;
	rule->transforms = TransformParse(rule->rule->transform, rule->rule->field);
	CompileTransforms(rule);
	rule->refused = mapping->options.sensitive && MappingRefused(rule->rule, NULL) != 0;
	rule->judged = mapping->options.sensitive && IsJudged(rule->type);
	rule->identifier = SensitiveIsIdentifier(rule->rule->field);
	mapping->allowed = mapping->options.sensitive ? rule->rule->allowed : 0;

	paths = PathParseAlternatives(rule->rule->path, owner);
	rule->paths = palloc0(list_length(paths) * sizeof(CompiledPath));
	foreach(lc, paths)
		CompilePath(mapping, rule, &rule->paths[rule->count++], lfirst(lc), owner);
}

/* Compile the path of something that the record itself says */
static Path *
CompileRecordPath(const Mapping *mapping, const char *text, const char *owner)
{
	Path	   *path;

	if (text == NULL)
		return NULL;
	path = WalkParse(text, owner);
	WalkAddSteps(mapping->shape, path->steps, path->count, mapping->options.refused);
	return path;
}

/* Compile rules */
Mapping *
MappingCompile(List *rules, const MappingOptions *options)
{
	Mapping    *mapping = palloc0(sizeof(Mapping));
	ListCell   *lc;

	mapping->options = *options;
	mapping->shape = JsonShapeCreate(options->ignore_case);
	mapping->id_shape = JsonShapeCreate(options->ignore_case);
	mapping->tree = JsonTreeCreate();
	mapping->rules = palloc0((list_length(rules) + 1) * sizeof(CompiledRule));
	mapping->country = -1;

	mapping->id_path = CompileRecordPath(mapping, options->id_path, "the record's id");
	if (mapping->id_path != NULL)
		WalkAddSteps(mapping->id_shape, mapping->id_path->steps, mapping->id_path->count,
					 options->refused);
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

/* Add a name that is not there yet */
static List *
AddRoot(List *roots, const char *name)
{
	ListCell   *lc;

	foreach(lc, roots)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return roots;
	}
	return lappend(roots, pstrdup(name));
}

/* Add the members of the record itself that transforms look at */
static List *
AddTransformRoots(List *roots, List *transforms)
{
	ListCell   *lc;

	foreach(lc, transforms)
	{
		const Transform *transform = lfirst(lc);

		for (int i = 0; i < transform->count; i++)
		{
			if (transform->arguments[i].count > 0)
				roots = AddRoot(roots, transform->arguments[i].steps[0].name);
		}
		if (transform->kind == TRANSFORM_CURRENT)
			roots = AddRoot(roots, id_step.name);
		else if (transform->kind == TRANSFORM_VALUE)
			roots = AddRoot(roots, value_step.name);
	}
	return roots;
}

/* Add the members that a path begins with */
static List *
AddPathRoots(List *roots, const Path *path, List *transforms)
{
	int			first = 0;
	int			place = path->count;
	ListCell   *lc;

	while (first < path->count && path->steps[first].kind != PATH_MEMBER)
		first++;
	if (first < path->count)
		roots = AddRoot(roots, path->steps[first].name);

	/* An expression may look at any member that it names */
	else if (path->rest >= 0)
	{
		foreach(lc, PathNames(path->text))
			roots = AddRoot(roots, lfirst(lc));
	}

	/* Transforms look from the path's end, or from the elements */
	if (transforms != NIL && ((Transform *) linitial(transforms))->kind <= TRANSFORM_CURRENT)
	{
		while (place > 0 && path->steps[place - 1].kind == PATH_MEMBER)
			place--;
	}
	return first >= place ? AddTransformRoots(roots, transforms) : roots;
}

/* Name the first members that rules look at */
List *
MappingRoots(List *rules)
{
	List	   *roots = NIL;
	ListCell   *lc;

	foreach(lc, rules)
	{
		const MappingRule *rule = lfirst(lc);
		List	   *transforms = TransformParse(rule->transform, rule->field);
		char	   *owner = psprintf("field \"%s\"", rule->field);
		ListCell   *one;

		foreach(one, PathParseAlternatives(rule->path, owner))
		{
			WalkCheck(lfirst(one), owner);
			roots = AddPathRoots(roots, lfirst(one), transforms);
		}
	}
	return roots;
}
