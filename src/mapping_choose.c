/*
 * Transforms that look at whole objects: pick and current choose an element of
 * an array, employed says what an object's dates mean today.
 */
#include "postgres.h"

#include "mapping_inside.h"

/* Text of an element's member for comparing; NULL if there is none */
static const char *
MemberText(const JsonTree *tree, int element, const PathStep *steps, int count, size_t *length)
{
	int			node = WalkMembers(tree, element, steps, count);
	TextItem	item;

	*length = 0;
	if (node < 0 || !WalkText(tree, node, &item))
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
CompareElements(const JsonTree *tree, int a, int b, const PathStep *steps, int count)
{
	const JsonNode *left = &tree->nodes[a];
	const JsonNode *right = &tree->nodes[b];
	size_t		a_length;
	size_t		b_length;
	const char *a_text = MemberText(tree, a, steps, count, &a_length);
	const char *b_text = MemberText(tree, b, steps, count, &b_length);
	int			order = CompareBytes(a_text, a_length, b_text, b_length);

	if (order != 0)
		return order;
	return CompareBytes(left->start, left->length, right->start, right->length);
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
FindObjects(MappingRun *run, const CompiledPath *path, FoundNodes *found)
{
	int			kept = 0;
	MappedState state = Walk(run->tree, 0, path->path->steps, path->elements, found);

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

/* An element's date; false if it has none that can be read */
static bool
ElementDate(MappingRun *run, int element, const TransformArgument *member, DateADT *date)
{
	TextItem	item;

	item.text = MemberText(run->tree, element, member->steps, member->count, &item.length);
	return item.text != NULL && !MappingTextIsNull(run->mapping, &item) &&
		TransformReadDate(item.text, item.length, date) == DATE_READ;
}

/*
 * Choose the element in force today: of those that have not ended, the latest
 * that is not in the future, those without a date being earlier than all;
 * else the first to come. -1 if all have ended.
 */
static int
ChooseCurrent(MappingRun *run, const Transform *current, const FoundNodes *found)
{
	const TransformArgument *ending = current->count > 1 ? &current->arguments[1] : NULL;
	DateADT		today = run->mapping->options.today;
	DateADT		end = 0;
	int			best = -1;
	int64		best_rank = 0;

	for (int i = 0; i < found->count; i++)
	{
		int			element = found->nodes[i];
		DateADT		date = 0;
		int64		rank = PG_INT32_MIN;

		if (ending != NULL && ElementDate(run, element, ending, &end) && end < today)
			continue;

		/*
		 * Past days rank by nearness above all future ones, days of none
		 * between
		 */
		if (ElementDate(run, element, &current->arguments[0], &date))
		{
			rank = date;
			if (date > today)
			{
				rank = PG_INT64_MIN / 2 - (int64) date;
				NoteChange(run->record, date);
			}
		}
		if (best < 0 || rank > best_rank ||
			(rank == best_rank && CompareElements(run->tree, element, best, &id_step, 1) > 0))
		{
			best = element;
			best_rank = rank;
		}
	}

	/* Another takes over once it has ended */
	if (best >= 0 && ending != NULL && ElementDate(run, best, ending, &end))
		NoteChange(run->record, end + 1);
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
RankElement(MappingRun *run, const Transform *pick, const CompiledPath *path, int element)
{
	const TransformArgument *key = &pick->arguments[0];
	const char *list = pick->arguments[1].text;
	size_t		length;
	const char *text = MemberText(run->tree, element, key->steps, key->count, &length);
	char	   *code = text ? TransformCode(text, length) : NULL;
	FoundNodes	value = {NULL};
	MappedState state;

	state = Walk(run->tree, element, path->path->steps + path->elements,
				 path->path->count - path->elements, &value);
	return PositionInList(list, code) + (state == MAPPED_VALUE ? 0 : strlen(list) + 1);
}

/* Choose the element that comes first by its key, then by name */
static int
ChoosePick(MappingRun *run, const Transform *pick, const CompiledPath *path,
		   const FoundNodes *found)
{
	const TransformArgument *name = &pick->arguments[pick->count > 2 ? 2 : 0];
	int			best = -1;
	int			best_rank = 0;

	for (int i = 0; i < found->count; i++)
	{
		int			element = found->nodes[i];
		int			rank = RankElement(run, pick, path, element);

		if (best < 0 || rank < best_rank ||
			(rank == best_rank &&
			 CompareElements(run->tree, element, best, name->steps, name->count) < 0))
		{
			best = element;
			best_rank = rank;
		}
	}
	return best;
}

/* Choose an element */
static void
MakeChoice(MappingRun *run, const CompiledRule *rule, const CompiledPath *path, Choice *choice)
{
	FoundNodes	objects = {NULL};

	choice->made = true;
	choice->state = FindObjects(run, path, &objects);
	if (choice->state != MAPPED_VALUE)
		return;
	if (rule->choose->kind == TRANSFORM_CURRENT)
		choice->node = ChooseCurrent(run, rule->choose, &objects);
	else
		choice->node = ChoosePick(run, rule->choose, path, &objects);

	/* As if there were no elements */
	if (choice->node < 0)
		choice->state = MAPPED_NULL;
}

/* Find the values in the element that a rule chooses */
MappedState
MappingChoose(MappingRun *run, const CompiledRule *rule, const CompiledPath *path,
			  FoundNodes *found)
{
	Choice		own = {NULL};
	Choice	   *choice = path->choice >= 0 ? &run->mapping->choices[path->choice] : &own;

	if (!choice->made)
		MakeChoice(run, rule, path, choice);
	if (choice->state != MAPPED_VALUE)
		return choice->state;
	return Walk(run->tree, choice->node, path->path->steps + path->elements,
				path->path->count - path->elements, found);
}

/* Take the text of an object's member; a problem is in result */
static MappedState
MemberValue(MappingRun *run, int object, const TransformArgument *member, TextItem *item,
			MappedValue *result)
{
	int			node = WalkMembers(run->tree, object, member->steps, member->count);

	if (node < 0)
		return MAPPED_ABSENT;
	if (run->tree->nodes[node].kind == JSON_KIND_NULL)
		return MAPPED_NULL;
	if (!MappingTakeText(run, node, item, result))
		return MAPPED_PROBLEM;
	return MappingTextIsNull(run->mapping, item) ? MAPPED_NULL : MAPPED_VALUE;
}

/* Take the date in an object's member; a problem is in result */
static MappedState
MemberDate(MappingRun *run, int object, const TransformArgument *member, DateADT *date,
		   MappedValue *result)
{
	TextItem	item;
	MappedState state = MemberValue(run, object, member, &item, result);

	if (state != MAPPED_VALUE)
		return state;
	switch (TransformReadDate(item.text, item.length, date))
	{
		case DATE_READ:
			return MAPPED_VALUE;
		case DATE_NOTHING:
			return MAPPED_NULL;
		case DATE_BAD:
			break;
	}
	TransformProblem(result, "bad_date",
					 "the first or last day is no date like 2024-12-31; correct it at the source");
	return MAPPED_PROBLEM;
}

/* Take a word that says it all */
static MappedState
Settle(TextItem *item, const char *word)
{
	item->text = word;
	item->length = strlen(word);
	item->settled = true;
	return MAPPED_VALUE;
}

/* Say whether a person is employed; never null */
static MappedState
EmployedText(MappingRun *run, const Transform *employed, int object, TextItem *item,
			 MappedValue *result)
{
	const TransformArgument *members = employed->arguments;
	DateADT		today = run->mapping->options.today;
	DateADT		date = 0;
	MappedState told = MemberDate(run, object, &members[0], &date, result);
	MappedState ends;

	if (told == MAPPED_PROBLEM)
		return told;
	if (told == MAPPED_VALUE && date > today)
	{
		NoteChange(run->record, date);
		return Settle(item, "PENDING");
	}

	if (employed->count > 2)
	{
		told = MemberValue(run, object, &members[2], item, result);
		if (told == MAPPED_VALUE || told == MAPPED_PROBLEM)
			return told;
	}

	ends = MemberDate(run, object, &members[1], &date, result);
	if (ends == MAPPED_PROBLEM)
		return ends;
	if (ends == MAPPED_VALUE && date < today)
		return Settle(item, "INACTIVE");
	if (ends == MAPPED_VALUE)
		NoteChange(run->record, date + 1);

	/* What did not come makes nobody active */
	if (told == MAPPED_ABSENT && (employed->count > 2 || ends == MAPPED_ABSENT))
		return MAPPED_ABSENT;
	return Settle(item, "ACTIVE");
}

/* Join texts of members; one that did not come may be any, so that nothing is told */
static MappedState
WordsText(MappingRun *run, const Transform *words, int object, TextItem *item, MappedValue *result)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < words->count; i++)
	{
		TextItem	word = {NULL};
		MappedState state = MemberValue(run, object, &words->arguments[i], &word, result);

		if (state == MAPPED_ABSENT || state == MAPPED_PROBLEM)
			return state;
		if (state == MAPPED_VALUE)
			appendStringInfo(&text, "%s%.*s", text.len > 0 ? " " : "", (int) word.length, word.text);
	}
	item->text = text.data;
	item->length = text.len;
	return text.len > 0 ? MAPPED_VALUE : MAPPED_NULL;
}

/* Derive a text from members of each object */
void
MappingDerive(MappingRun *run, const Transform *derived, const FoundNodes *found,
			  TextItems *texts, MappedValue *result)
{
	result->state = MAPPED_ABSENT;
	for (int i = 0; i < found->count; i++)
	{
		TextItem	item = {NULL};
		MappedState state;

		if (run->tree->nodes[found->nodes[i]].kind != JSON_KIND_OBJECT)
			continue;
		state = derived->kind == TRANSFORM_WORDS ? WordsText(run, derived, found->nodes[i], &item, result) :
			EmployedText(run, derived, found->nodes[i], &item, result);
		if (state == MAPPED_PROBLEM ||
			(state == MAPPED_VALUE && !MappingAddText(texts, &item, result)))
			return;
		if (state == MAPPED_VALUE || state == MAPPED_NULL)
			result->state = state;
	}
}
