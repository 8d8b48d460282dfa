/*
 * Mapping: from one source record to field values.
 *
 * MappingCompile puts the paths of all rules, and the members that transforms
 * look at, into one shape (json.h), so that MappingApply reads a record once:
 * the reader checks the record and notes where the mapped places are, then
 * each rule walks its path over those notes (walk.h) and only the texts found
 * are unescaped and copied.
 */
#include "postgres.h"

#include "canonical.h"
#include "fmgr.h"
#include "mapping_inside.h"
#include "phone.h"
#include "sensitive.h"

/* Bytes of a record's own id */
#define MAX_ID_LENGTH 1000

/* True for a text that means null */
bool
MappingTextIsNull(const Mapping *mapping, const TextItem *item)
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

/* Add a text */
bool
MappingAddText(TextItems *texts, const TextItem *item, MappedValue *result)
{
	if (texts->count == TRANSFORM_MAX_TEXTS)
		return TransformProblem(result, "too_long", "there are more than 1,000 values");
	TextItemsAdd(texts, item);
	return true;
}

/* Take the text of a node */
bool
MappingTakeText(MappingRun *run, int number, TextItem *item, MappedValue *result)
{
	const JsonNode *node = &run->tree->nodes[number];

	if (node->kind == JSON_KIND_OBJECT || node->kind == JSON_KIND_ARRAY)
		return TransformProblem(result, "not_a_text", node->kind == JSON_KIND_OBJECT ?
								"this is an object; let the path name a member of it" :
								"this is an array; add [*] to the path, and the transform "
								"first or join");
	if (!WalkText(run->tree, number, item))
		return TransformProblem(result, "bad_text",
								"the text holds a character that cannot be stored");
	return true;
}

/* Take the texts of nodes; result tells what came of it */
static void
TakeTexts(MappingRun *run, const CompiledRule *rule, const FoundNodes *found,
		  TextItems *texts, MappedValue *result)
{
	for (int i = 0; i < found->count; i++)
	{
		TextItem	item = {NULL};

		if (!MappingTakeText(run, found->nodes[i], &item, result))
			return;
		if (MappingTextIsNull(run->mapping, &item))
			continue;
		if (!MappingAddText(texts, &item, result))
			return;

		if (rule->first_only)
			break;
	}
	if (texts->count == 0)
		result->state = MAPPED_NULL;
}

/* Find the nodes that one of a rule's paths leads to; result tells what came of it */
static void
FindNodes(MappingRun *run, const CompiledRule *rule, const CompiledPath *path,
		  FoundNodes *found, MappedValue *result)
{
	if (path->jsonpath != (Datum) 0)
	{
		if (!MappingFindRest(run, path, found, &result->state))
		{
			TransformProblem(result, "path_failed",
							 "the path cannot be followed in this record; correct the path");
			return;
		}
	}
	else if (rule->choose != NULL)
		result->state = MappingChoose(run, rule, path, found);
	else
		result->state = Walk(run->tree, 0, path->path->steps, path->path->count, found);

	if (rule->unwrap && result->state == MAPPED_VALUE)
		result->state = WalkFrom(run->tree, found, &value_step);
	if (rule->expand && result->state == MAPPED_VALUE)
		result->state = WalkFrom(run->tree, found, &each_step);
}

/* Take the texts that one of a rule's paths leads to; result tells what came of it */
static void
TakePath(MappingRun *run, const CompiledRule *rule, const CompiledPath *path,
		 TextItems *texts, MappedValue *result)
{
	FoundNodes	found = {NULL};

	texts->count = 0;
	memset(result, 0, sizeof(MappedValue));
	FindNodes(run, rule, path, &found, result);
	if (result->state != MAPPED_VALUE)
		return;
	if (rule->derived != NULL)
		MappingDerive(run, rule->derived, &found, texts, result);
	else
		TakeTexts(run, rule, &found, texts, result);
}

/* True if a path that leads there gives way to another one */
static bool
GivesWay(const MappedValue *result)
{
	if (result->state == MAPPED_PROBLEM)
		return strcmp(result->code, "not_a_text") == 0 ||
			strcmp(result->code, "path_failed") == 0;
	return result->state != MAPPED_VALUE;
}

/*
 * Take the texts of the first path that has any. Where none has, a null counts
 * before an object or a path that failed, and these before what is absent.
 */
static void
TakePaths(MappingRun *run, const CompiledRule *rule, TextItems *texts, MappedValue *result)
{
	TakePath(run, rule, &rule->paths[0], texts, result);
	for (int i = 1; i < rule->count && GivesWay(result); i++)
	{
		MappedValue before = *result;

		TakePath(run, rule, &rule->paths[i], texts, result);
		if (GivesWay(result) && before.state != MAPPED_ABSENT && result->state != MAPPED_NULL)
			*result = before;
	}
}

/* True unless a text has a shape that is refused; then result holds the problem */
static bool
TextsArePermitted(const CompiledRule *rule, const TextItems *texts, MappedValue *result)
{
	for (int i = 0; i < texts->count; i++)
	{
		const TextItem *item = &texts->items[i];
		uint32		categories;

		if (item->length < SENSITIVE_LEAST_LENGTH)
			continue;
		categories = SensitiveValueCategories(item->text, item->length, rule->identifier) &
			~rule->rule->allowed;
		if (categories != 0)
			return TransformProblem(result, "refused",
									psprintf("the value looks like %s, which is refused; remove it at the source",
											 SensitiveFirst(categories)));
	}
	return true;
}

/* Fill the value of a rule */
static void
ApplyRule(MappingRun *run, const CompiledRule *rule, MappedValue *result)
{
	TextItems	texts = {NULL};
	ListCell   *lc;

	if (rule->refused)
		return;
	if (rule->constant != NULL)
	{
		TextItem	item = {rule->constant, strlen(rule->constant)};

		TextItemsAdd(&texts, &item);
	}
	else
	{
		TakePaths(run, rule, &texts, result);
		if (result->state != MAPPED_VALUE)
			return;
	}

	foreach(lc, rule->transforms)
	{
		if (!TransformApply(lfirst(lc), &texts, result))
			return;
	}
	if (!rule->judged || TextsArePermitted(rule, &texts, result))
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
		!WalkText(tree, found.nodes[0], &item) || item.length == 0)
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
	else if (record->id != NULL && run->mapping->options.sensitive)
	{
		uint32		categories = SensitiveValueCategories(record->id, strlen(record->id), true) &
		~run->mapping->options.id_allowed;

		if (categories != 0)
			record->error = psprintf("its id looks like %s, which is refused", SensitiveFirst(categories));
	}
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
