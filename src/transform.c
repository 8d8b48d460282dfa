#include "postgres.h"

#include <unicode/ucasemap.h>

#include "canonical.h"
#include "common/int.h"
#include "iso.h"
#include "json.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "transform.h"
#include "utils/datetime.h"

/* Digits and exponent of a number */
#define MAX_DIGITS 1000
#define MAX_EXPONENT 1000

typedef struct TransformInfo
{
	const char *name;
	TransformKind kind;
	int			min_arguments;
	int			max_arguments;
	bool		pairs;			/* arguments are text=value */
	int			members;		/* a bit for each argument that names a member */
} TransformInfo;

static const TransformInfo transform_infos[] = {
	{"pick", TRANSFORM_PICK, 2, 3, false, 1 << 0 | 1 << 2},
	{"current", TRANSFORM_CURRENT, 1, 2, false, 1 << 0 | 1 << 1},
	{"employed", TRANSFORM_EMPLOYED, 2, 3, false, 1 << 0 | 1 << 1 | 1 << 2},
	{"words", TRANSFORM_WORDS, 2, 4, false, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3},
	{"value", TRANSFORM_VALUE, 0, 0, false},
	{"first", TRANSFORM_FIRST, 0, 0, false},
	{"join", TRANSFORM_JOIN, 0, 1, false},
	{"lower", TRANSFORM_LOWER, 0, 0, false},
	{"upper", TRANSFORM_UPPER, 0, 0, false},
	{"trim", TRANSFORM_TRIM, 0, 0, false},
	{"date", TRANSFORM_DATE, 0, 0, false},
	{"country", TRANSFORM_COUNTRY, 0, 0, false},
	{"currency", TRANSFORM_CURRENCY, 0, 0, false},
	{"phone", TRANSFORM_PHONE, 0, 0, false},
	{"map", TRANSFORM_MAP, 1, 1000, true},
	{"const", TRANSFORM_CONST, 1, 1, false},
};

/* What ends a text without quotes */
static const char text_signs[] = ",()|=\"";

/* Text of transforms that is being read */
typedef struct TransformReader
{
	const char *text;
	const char *p;
	const char *field;
} TransformReader;

pg_noreturn static void FailAt(TransformReader *reader, const char *p, const char *detail);

/* Raise the error that the transform is wrong at a place */
static void
FailAt(TransformReader *reader, const char *p, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("transform \"%s\" of field \"%s\" is wrong at character %d",
					reader->text, reader->field,
					pg_mbstrlen_with_len(reader->text, p - reader->text) + 1),
			 errdetail("%s", detail),
			 errhint("Transforms are first, join(\", \"), lower, upper, trim, value, date, "
					 "country, currency, phone, map(\"on leave\"=LEAVE, *=ACTIVE), const(\"text\"), "
					 "pick(type, \"DEPARTMENT,TEAM\", name), current(effective_date) and "
					 "employed(start_date, end_date); join several with |.")));
}

/* Skip blanks */
static void
SkipBlanks(TransformReader *reader)
{
	while (JsonByteIs(*reader->p, JSON_BYTE_SPACE))
		reader->p++;
}

/* Take a character if it comes next */
static bool
TakeChar(TransformReader *reader, char c)
{
	SkipBlanks(reader);
	if (*reader->p != c)
		return false;
	reader->p++;
	SkipBlanks(reader);
	return true;
}

/* Read a text in quotes */
static char *
ReadQuoted(TransformReader *reader)
{
	StringInfoData text;
	const char *start = reader->p + 1;
	const char *fault;
	const char *finish;
	bool		escaped;

	finish = JsonStringEnd(start, start + strlen(start), &escaped, &fault);
	if (finish == NULL)
		FailAt(reader, fault, "The quoted text does not end, or has an escape that is none.");
	initStringInfo(&text);
	if (!JsonUnescape(start, finish - start, &text))
		FailAt(reader, start, "The quoted text has an escape that is no character.");
	reader->p = finish + 1;
	SkipBlanks(reader);
	return text.data;
}

/* Read a text, in quotes or up to the next sign that ends it */
static char *
ReadText(TransformReader *reader, const char *signs)
{
	const char *start;
	const char *finish;

	SkipBlanks(reader);
	if (*reader->p == '"')
		return ReadQuoted(reader);

	start = reader->p;
	finish = start + strcspn(start, signs);
	reader->p = finish;
	while (finish > start && JsonByteIs(finish[-1], JSON_BYTE_SPACE))
		finish--;
	if (finish == start)
		FailAt(reader, start, "A text is missing.");
	return pnstrdup(start, finish - start);
}

/* Read names of members, joined with points */
static void
ReadMember(TransformReader *reader, TransformArgument *argument)
{
	argument->steps = palloc0(PATH_MAX_STEPS * sizeof(PathStep));
	do
	{
		PathStep   *step = &argument->steps[argument->count];
		const char *start = reader->p;

		if (argument->count++ == PATH_MAX_STEPS)
			FailAt(reader, start, "There are too many steps.");
		step->kind = PATH_MEMBER;
		step->name = ReadText(reader, ".,()|=\"");
		step->length = strlen(step->name);
		if (*start != '"' && strpbrk(step->name, "$@[]*?") != NULL)
			FailAt(reader, start, "A member is named like hire_date or "
				   "attributes.hire_date.value, an odd name in quotes.");
	} while (TakeChar(reader, '.'));
}

/* Read one argument */
static void
ReadArgument(TransformReader *reader, const TransformInfo *info, Transform *transform)
{
	TransformArgument *argument;
	int			number;

	if (transform->count == info->max_arguments)
		FailAt(reader, reader->p, "There are too many arguments.");
	if (transform->count == 0)
		transform->arguments = palloc(sizeof(TransformArgument));
	else
		transform->arguments = repalloc(transform->arguments,
										(transform->count + 1) * sizeof(TransformArgument));

	number = transform->count++;
	argument = &transform->arguments[number];
	memset(argument, 0, sizeof(TransformArgument));
	if (number < 4 && (info->members & (1 << number)) != 0)
	{
		ReadMember(reader, argument);
		return;
	}
	argument->text = ReadText(reader, text_signs);
	if (info->pairs)
	{
		if (!TakeChar(reader, '='))
			FailAt(reader, reader->p, "A pair is source=target.");
		argument->value = ReadText(reader, text_signs);
		if (strcmp(argument->text, "*") != 0)
			argument->folded = CanonicalFold(argument->text, strlen(argument->text));
	}
}

/* Find what a name means */
static const TransformInfo *
FindInfo(TransformReader *reader, const char *start)
{
	size_t		length = reader->p - start;

	for (int i = 0; i < lengthof(transform_infos); i++)
	{
		const TransformInfo *info = &transform_infos[i];

		if (strlen(info->name) == length && strncmp(info->name, start, length) == 0)
			return info;
	}
	FailAt(reader, start, "There is no such transform.");
}

/* Read one transform */
static Transform *
ReadTransform(TransformReader *reader)
{
	Transform  *transform = palloc0(sizeof(Transform));
	const TransformInfo *info;
	const char *start;

	SkipBlanks(reader);
	start = reader->p;
	while ((*reader->p >= 'a' && *reader->p <= 'z') || *reader->p == '_')
		reader->p++;
	info = FindInfo(reader, start);
	transform->kind = info->kind;

	if (TakeChar(reader, '(') && !TakeChar(reader, ')'))
	{
		do
			ReadArgument(reader, info, transform);
		while (TakeChar(reader, ','));
		if (!TakeChar(reader, ')'))
			FailAt(reader, reader->p, "A closing parenthesis is missing.");
	}
	if (transform->count < info->min_arguments)
		FailAt(reader, reader->p, "An argument is missing.");
	return transform;
}

/* Check that a transform may come after another */
static void
CheckOrder(TransformReader *reader, const char *start, const Transform *transform,
		   const Transform *before)
{
	if ((transform->kind <= TRANSFORM_WORDS || transform->kind == TRANSFORM_CONST) &&
		before != NULL)
		FailAt(reader, start, "This transform comes first.");
	if (transform->kind == TRANSFORM_VALUE && before != NULL &&
		before->kind > TRANSFORM_CURRENT)
		FailAt(reader, start, "This transform comes before those that change texts.");
	if (before != NULL && before->kind == TRANSFORM_PHONE)
		FailAt(reader, start, "Nothing comes behind phone.");
}

/* Read transforms */
List *
TransformParse(const char *text, const char *field)
{
	TransformReader reader = {text, text, field};
	List	   *transforms = NIL;

	if (text == NULL)
		return NIL;
	do
	{
		const char *start = reader.p;
		Transform  *transform = ReadTransform(&reader);

		CheckOrder(&reader, start, transform, transforms ? llast(transforms) : NULL);
		transforms = lappend(transforms, transform);
	} while (TakeChar(&reader, '|'));

	if (*reader.p != '\0')
		FailAt(&reader, reader.p, "Transforms are joined with |.");
	return transforms;
}

/* True if two arguments name the same member */
bool
TransformSameMember(const TransformArgument *a, const TransformArgument *b)
{
	return a->count == b->count && PathStepsEqual(a->steps, b->steps, a->count);
}

/* Add a text */
void
TextItemsAdd(TextItems *texts, const TextItem *item)
{
	if (texts->count == texts->size)
	{
		texts->size = Max(texts->size * 2, 4);
		if (texts->items == NULL)
			texts->items = palloc(texts->size * sizeof(TextItem));
		else
			texts->items = repalloc(texts->items, texts->size * sizeof(TextItem));
	}
	texts->items[texts->count++] = *item;
}

/* Note a problem */
bool
TransformProblem(MappedValue *result, const char *code, const char *message)
{
	result->state = MAPPED_PROBLEM;
	result->text = NULL;
	result->code = code;
	result->message = pstrdup(message);
	return false;
}

/* Set a value */
static void
SetValue(MappedValue *result, const char *text, size_t length)
{
	result->state = MAPPED_VALUE;
	result->text = pnstrdup(text, length);
}

/* True if all bytes are ASCII */
static bool
TextIsAscii(const TextItem *item)
{
	for (size_t i = 0; i < item->length; i++)
	{
		if (IS_HIGHBIT_SET(item->text[i]))
			return false;
	}
	return true;
}

/* Change the case of a text beyond ASCII, without a locale */
static void
ChangeUnicodeCase(TextItem *item, bool upper)
{
	UErrorCode	status = U_ZERO_ERROR;
	UCaseMap   *map = ucasemap_open("", 0, &status);
	int32_t		size = item->length * 3 + 1;
	char	   *changed = palloc(size);
	int32_t		length;

	if (upper)
		length = ucasemap_utf8ToUpper(map, changed, size, item->text, item->length, &status);
	else
		length = ucasemap_utf8ToLower(map, changed, size, item->text, item->length, &status);
	ucasemap_close(map);
	if (U_FAILURE(status))
		elog(ERROR, "could not change the case of a text: %s", u_errorName(status));
	item->text = changed;
	item->length = length;
}

/* Change the case of a text */
static void
ChangeCase(TextItem *item, bool upper)
{
	char	   *changed;

	if (!TextIsAscii(item))
	{
		ChangeUnicodeCase(item, upper);
		return;
	}
	changed = pnstrdup(item->text, item->length);
	for (char *p = changed; *p != '\0'; p++)
		*p = upper ? pg_ascii_toupper(*p) : pg_ascii_tolower(*p);
	item->text = changed;
}

/* True if a text is among the first ones */
static bool
TextIsThere(const TextItems *texts, int count, const TextItem *item)
{
	for (int i = 0; i < count; i++)
	{
		if (texts->items[i].length == item->length &&
			memcmp(texts->items[i].text, item->text, item->length) == 0)
			return true;
	}
	return false;
}

/* Join distinct texts */
static void
JoinTexts(TextItems *texts, const char *separator)
{
	StringInfoData joined;

	initStringInfo(&joined);
	for (int i = 0; i < texts->count; i++)
	{
		const TextItem *item = &texts->items[i];

		if (TextIsThere(texts, i, item))
			continue;
		if (joined.len > 0)
			appendStringInfoString(&joined, separator);
		appendBinaryStringInfo(&joined, item->text, item->length);
	}
	texts->items[0].text = joined.data;
	texts->items[0].length = joined.len;
	texts->items[0].settled = false;
	texts->count = 1;
}

/* Replace a text by what the map says */
static void
MapText(const Transform *transform, TextItem *item)
{
	char	   *folded = CanonicalFold(item->text, item->length);
	const char *other = NULL;

	for (int i = 0; i < transform->count; i++)
	{
		const TransformArgument *argument = &transform->arguments[i];

		if (argument->folded == NULL)
			other = argument->value;
		else if (strcmp(argument->folded, folded) == 0)
		{
			item->text = argument->value;
			item->length = strlen(argument->value);
			return;
		}
	}
	if (other != NULL)
	{
		item->text = other;
		item->length = strlen(other);
	}
}

/* Make a text the text of a value of a type; a null becomes the empty text */
static bool
ConvertText(ValueType type, TextItem *item, MappedValue *result)
{
	TextItems	one = {item, 1, 1};

	TransformConvert(type, NIL, &one, result);
	if (result->state == MAPPED_PROBLEM)
		return false;
	item->text = result->state == MAPPED_VALUE ? result->text : "";
	item->length = strlen(item->text);
	return true;
}

/* Do to one text what a transform says */
static bool
TransformText(const Transform *transform, TextItem *item, MappedValue *result)
{
	size_t		start;

	switch (transform->kind)
	{
		case TRANSFORM_LOWER:
			ChangeCase(item, false);
			break;
		case TRANSFORM_UPPER:
			ChangeCase(item, true);
			break;
		case TRANSFORM_TRIM:
			CanonicalTrim(item->text, item->length, &start, &item->length);
			item->text += start;
			break;
		case TRANSFORM_DATE:
			return ConvertText(VALUE_DATE, item, result);
		case TRANSFORM_COUNTRY:
			return ConvertText(VALUE_COUNTRY, item, result);
		case TRANSFORM_CURRENCY:
			return ConvertText(VALUE_CURRENCY, item, result);
		case TRANSFORM_MAP:
			if (!item->settled)
				MapText(transform, item);
			break;
		default:
			break;
	}
	return true;
}

/* Do what a transform says */
bool
TransformApply(const Transform *transform, TextItems *texts, MappedValue *result)
{
	int			kept = 0;

	if (texts->count == 0)
		return true;
	if (transform->kind == TRANSFORM_FIRST)
		texts->count = 1;
	else if (transform->kind == TRANSFORM_JOIN)
		JoinTexts(texts, transform->count > 0 ? transform->arguments[0].text : ", ");

	for (int i = 0; i < texts->count; i++)
	{
		if (!TransformText(transform, &texts->items[i], result))
			return false;

		/* What became empty is null */
		if (texts->items[i].length > 0)
			texts->items[kept++] = texts->items[i];
	}
	texts->count = kept;
	return true;
}

/* Read a decimal number of fixed width; -1 if it is not one */
static int
ReadDigits(const char *text, int width)
{
	int			value = 0;

	for (int i = 0; i < width; i++)
	{
		if (!JsonByteIs(text[i], JSON_BYTE_DIGIT))
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* True if what follows a day is nothing or a time of it */
static bool
TimeFollows(const char *text, size_t length)
{
	if (length == 0)
		return true;
	if (length < 6 || (text[0] != 'T' && text[0] != 't' && text[0] != ' ') ||
		ReadDigits(text + 1, 2) < 0 || ReadDigits(text + 1, 2) > 24 ||
		text[3] != ':' || ReadDigits(text + 4, 2) < 0 || ReadDigits(text + 4, 2) > 59)
		return false;

	/* Seconds and zone do not matter for the day */
	for (size_t i = 6; i < length; i++)
	{
		if (text[i] == '\0' ||
			(!JsonByteIs(text[i], JSON_BYTE_DIGIT) && strchr(":.,+-Zz ", text[i]) == NULL))
			return false;
	}
	return true;
}

/* Read the civil day of a date or date-time, as written */
DateReading
TransformReadDate(const char *text, size_t length, DateADT *date)
{
	int			year;
	int			month;
	int			day;

	if (length < 10 || text[4] != '-' || text[7] != '-' ||
		!TimeFollows(text + 10, length - 10))
		return DATE_BAD;
	year = ReadDigits(text, 4);
	month = ReadDigits(text + 5, 2);
	day = ReadDigits(text + 8, 2);
	if (year < 0 || month < 0 || day < 0)
		return DATE_BAD;

	/* Days that systems write for none */
	if ((year == 0 && month == 0 && day == 0) || (year == 1 && month == 1 && day == 1) ||
		(year == 9999 && month == 12 && day == 31))
		return DATE_NOTHING;

	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		return DATE_BAD;
	*date = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return DATE_READ;
}

/* Make a date */
static void
ConvertDate(const TextItem *item, MappedValue *result)
{
	DateADT		date;

	switch (TransformReadDate(item->text, item->length, &date))
	{
		case DATE_READ:
			SetValue(result, item->text, 10);
			break;
		case DATE_NOTHING:
			result->state = MAPPED_NULL;
			break;
		case DATE_BAD:
			TransformProblem(result, "bad_date",
							 "this is no date like 2024-12-31; correct it at the source");
			break;
	}
}

/* Skip digits */
static const char *
SkipDigits(const char *p, const char *end)
{
	while (p < end && JsonByteIs(*p, JSON_BYTE_DIGIT))
		p++;
	return p;
}

/* Skip a sign */
static const char *
SkipSign(const char *p, const char *end)
{
	return p < end && (*p == '+' || *p == '-') ? p + 1 : p;
}

/* True for what numeric_in takes, within limits */
static bool
TextIsNumeric(const TextItem *item)
{
	const char *end = item->text + item->length;
	const char *start = SkipSign(item->text, end);
	const char *p = SkipDigits(start, end);
	int			digits = p - start;

	if (p < end && *p == '.')
	{
		start = p + 1;
		p = SkipDigits(start, end);
		digits += p - start;
	}
	if (digits == 0 || digits > MAX_DIGITS)
		return false;

	if (p < end && (*p == 'e' || *p == 'E'))
	{
		int			exponent = 0;

		start = SkipSign(p + 1, end);
		p = SkipDigits(start, end);
		if (p == start)
			return false;
		for (; start < p && exponent <= MAX_EXPONENT; start++)
			exponent = exponent * 10 + (*start - '0');
		if (exponent > MAX_EXPONENT)
			return false;
	}
	return p == end;
}

/* True for a whole number of eight bytes */
static bool
TextIsInteger(const TextItem *item)
{
	const char *end = item->text + item->length;
	const char *p = SkipSign(item->text, end);
	bool		negative = *item->text == '-';
	int64		value = 0;

	if (p == end || SkipDigits(p, end) != end)
		return false;
	for (; p < end; p++)
	{
		int64		digit = *p - '0';

		if (pg_mul_s64_overflow(value, 10, &value) ||
			(negative ? pg_sub_s64_overflow(value, digit, &value)
			 : pg_add_s64_overflow(value, digit, &value)))
			return false;
	}
	return true;
}

/* Make a number */
static void
ConvertNumber(ValueType type, const TextItem *item, MappedValue *result)
{
	bool		good = type == VALUE_INTEGER ? TextIsInteger(item) : TextIsNumeric(item);

	if (!good)
	{
		TransformProblem(result, "bad_number", type == VALUE_INTEGER ?
						 "this is no whole number; correct it at the source" :
						 "this is no number like 1234.50; correct it at the source");
		return;
	}

	/* A plus says nothing */
	if (*item->text == '+')
		SetValue(result, item->text + 1, item->length - 1);
	else
		SetValue(result, item->text, item->length);
}

/* Make a boolean */
static void
ConvertBoolean(const TextItem *item, MappedValue *result)
{
	static const char *const words[] = {"true", "yes", "1", "false", "no", "0"};

	for (int i = 0; i < lengthof(words); i++)
	{
		if (strlen(words[i]) == item->length &&
			pg_strncasecmp(words[i], item->text, item->length) == 0)
		{
			const char *text = i < 3 ? "true" : "false";

			SetValue(result, text, strlen(text));
			return;
		}
	}
	TransformProblem(result, "bad_boolean",
					 "this is neither true nor false; name the texts with the transform map");
}

/* Make a country or currency */
static void
ConvertIso(ValueType type, const TextItem *item, MappedValue *result)
{
	char	   *text = pnstrdup(item->text, item->length);
	const char *found = type == VALUE_COUNTRY ? IsoCountry(text) : IsoCurrency(text);

	pfree(text);
	if (found != NULL)
		SetValue(result, found, strlen(found));
	else if (type == VALUE_COUNTRY)
		TransformProblem(result, "unknown_value",
						 "this is no country of ISO 3166; correct it at the source or name it "
						 "with the transform map");
	else
		TransformProblem(result, "unknown_value",
						 "this is no currency of ISO 4217; correct it at the source or name it "
						 "with the transform map");
}

/* Compare form of a code */
char *
TransformCode(const char *text, size_t length)
{
	char	   *code = pnstrdup(text, length);

	for (char *p = code; *p != '\0'; p++)
	{
		if (*p == ' ' || *p == '-')
			*p = '_';
		else
			*p = pg_ascii_toupper(*p);
	}
	return code;
}

/* Find the choice that a text means, as it is written or as a code; NULL for none */
static char *
FindChoice(List *choices, const TextItem *item)
{
	char	   *code = TransformCode(item->text, item->length);
	ListCell   *lc;

	foreach(lc, choices)
	{
		char	   *choice = lfirst(lc);

		if (strcmp(code, choice) == 0 ||
			(strlen(choice) == item->length && memcmp(choice, item->text, item->length) == 0))
			return choice;
	}
	foreach(lc, choices)
	{
		char	   *choice = lfirst(lc);

		if (strcmp(code, TransformCode(choice, strlen(choice))) == 0)
			return choice;
	}
	return NULL;
}

/* Make one of the field's choices */
static void
ConvertChoice(List *choices, const TextItem *item, MappedValue *result)
{
	char	   *choice = FindChoice(choices, item);
	StringInfoData message;
	ListCell   *lc;

	if (choice != NULL)
	{
		result->state = MAPPED_VALUE;
		result->text = pstrdup(choice);
		return;
	}

	initStringInfo(&message);
	appendStringInfoString(&message, "this is none of");
	foreach(lc, choices)
		appendStringInfo(&message, "%s %s", lc == list_head(choices) ? "" : ",",
						 (char *) lfirst(lc));
	appendStringInfoString(&message, "; name it with the transform map");
	TransformProblem(result, "unknown_value", message.data);
}

/* Order texts by their bytes */
static int
CompareTexts(const void *a, const void *b)
{
	const TextItem *left = a;
	const TextItem *right = b;
	int			order = memcmp(left->text, right->text, Min(left->length, right->length));

	if (order != 0)
		return order;
	return left->length < right->length ? -1 : left->length > right->length;
}

/* True if an array's element is written without quotes */
static bool
ElementIsPlain(const TextItem *item)
{
	if (item->length == 4 && pg_strncasecmp(item->text, "null", 4) == 0)
		return false;
	for (size_t i = 0; i < item->length; i++)
	{
		if (strchr("\"\\{}, \t\n\r\v\f", item->text[i]) != NULL)
			return false;
	}
	return true;
}

/* Write an element as array_out does */
static void
AppendElement(StringInfo literal, const TextItem *item)
{
	if (ElementIsPlain(item))
	{
		appendBinaryStringInfo(literal, item->text, item->length);
		return;
	}
	appendStringInfoChar(literal, '"');
	for (size_t i = 0; i < item->length; i++)
	{
		if (item->text[i] == '"' || item->text[i] == '\\')
			appendStringInfoChar(literal, '\\');
		appendStringInfoChar(literal, item->text[i]);
	}
	appendStringInfoChar(literal, '"');
}

/* Make a text[] literal */
static void
ConvertArray(TextItems *texts, MappedValue *result)
{
	StringInfoData literal;

	qsort(texts->items, texts->count, sizeof(TextItem), CompareTexts);
	initStringInfo(&literal);
	appendStringInfoChar(&literal, '{');
	for (int i = 0; i < texts->count; i++)
	{
		if (i > 0 && CompareTexts(&texts->items[i - 1], &texts->items[i]) == 0)
			continue;
		if (i > 0)
			appendStringInfoChar(&literal, ',');
		AppendElement(&literal, &texts->items[i]);
	}
	appendStringInfoChar(&literal, '}');
	result->state = MAPPED_VALUE;
	result->text = literal.data;
}

/* Make a value of one text */
static void
ConvertOne(ValueType type, List *choices, const TextItem *item, MappedValue *result)
{
	switch (type)
	{
		case VALUE_TEXT:
		case VALUE_TEXT_ARRAY:
		case VALUE_PHONE:
			SetValue(result, item->text, item->length);
			break;
		case VALUE_DATE:
			ConvertDate(item, result);
			break;
		case VALUE_NUMERIC:
		case VALUE_INTEGER:
			ConvertNumber(type, item, result);
			break;
		case VALUE_BOOLEAN:
			ConvertBoolean(item, result);
			break;
		case VALUE_COUNTRY:
		case VALUE_CURRENCY:
			ConvertIso(type, item, result);
			break;
		case VALUE_CHOICE:
			ConvertChoice(choices, item, result);
			break;
	}
}

/* Check the length of all texts */
static bool
CheckLengths(const TextItems *texts, MappedValue *result)
{
	for (int i = 0; i < texts->count; i++)
	{
		if (texts->items[i].length > TRANSFORM_MAX_LENGTH)
			return TransformProblem(result, "too_long", "the text is longer than 10,000 bytes");
	}
	return true;
}

/* Make a value of all texts */
void
TransformConvert(ValueType type, List *choices, TextItems *texts, MappedValue *result)
{
	if (texts->count == 0)
	{
		result->state = MAPPED_NULL;
		return;
	}
	if (!CheckLengths(texts, result))
		return;
	if (type == VALUE_TEXT_ARRAY)
	{
		ConvertArray(texts, result);
		return;
	}

	/* A single value is wanted, though it may come several times */
	for (int i = 1; i < texts->count; i++)
	{
		if (CompareTexts(&texts->items[0], &texts->items[i]) != 0)
		{
			TransformProblem(result, "several_values",
							 "the path finds several values; add the transform first, join "
							 "or pick");
			return;
		}
	}
	ConvertOne(type, choices, &texts->items[0], result);
}
