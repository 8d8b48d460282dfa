/*
 * Record splitter.
 *
 * A state machine that takes the bytes of a JSON document in pieces of any
 * size. Outside the records, in the envelope, it checks the grammar byte by
 * byte and keeps a stack of containers; each frame knows its place in a small
 * trie of the paths asked for (records and captures), so that what lies on no
 * path is passed over in flat memory. What the path of the records names must
 * come, once in each object or array that it is in. Inside a record it only follows strings
 * and brackets, fast: the mapping checks a record's grammar when it reads it.
 *
 * A record that lies whole in one piece is handed over from there; otherwise
 * it is gathered in a buffer. That buffer and one token (a captured scalar or
 * a name that matters) are all that grows, each up to max_record_bytes.
 */
#include "postgres.h"

#include <ctype.h>

#include "json.h"
#include "lib/stringinfo.h"
#include "path.h"
#include "splitter.h"
#include "utils/memutils.h"

/* A place that some path goes through */
typedef struct SplitNode
{
	char	   *label;			/* its path */

	/* Places below */
	int			count;
	struct SplitNode **children;
	const PathStep **steps;		/* how to get to each */
	struct SplitNode *each;		/* towards the records: all of them */
	struct SplitNode *way;		/* towards the records: one of the children */

	/* What is wanted here */
	char		container;		/* on the way to the records: '{' or '[' */
	bool		once;			/* on the way to the records, comes once */
	bool		repeated;		/* below [*] or .* */
	bool		record;
	bool		seen;			/* since what it is in began */
	int			capture;		/* position in captures, or -1 */
} SplitNode;

/* A container of the envelope that is open */
typedef struct SplitFrame
{
	SplitNode  *node;			/* NULL where no path goes */
	bool		object;
	int			index;			/* of the next element */
} SplitFrame;

typedef struct Capture
{
	bool		found;
	bool		null;
	StringInfoData text;
} Capture;

/* What is to come in the envelope, or what is being read */
typedef enum SplitPlace
{
	AT_VALUE,
	AT_FIRST_ELEMENT,			/* or ] */
	AT_FIRST_NAME,				/* or } */
	AT_NAME,
	AT_COLON,
	AT_NEXT,					/* comma or the container's end */
	AT_END,						/* nothing but white space */
	IN_STRING,
	IN_NUMBER,
	IN_WORD,
	IN_RECORD
} SplitPlace;

/* How far a number has come */
typedef enum NumberPlace
{
	NUMBER_MINUS,
	NUMBER_ZERO,
	NUMBER_WHOLE,
	NUMBER_POINT,
	NUMBER_FRACTION,
	NUMBER_E,
	NUMBER_SIGN,
	NUMBER_EXPONENT
} NumberPlace;

struct RecordSplitter
{
	/* What was asked for */
	SplitterOptions options;
	MemoryContext context;		/* all that the splitter keeps */
	SplitNode  *root;
	SplitNode  *target;			/* comes once and holds records, or is one */
	bool		keyed;			/* the path of the records has .* */
	int			capture_count;
	Capture    *captures;

	/* Where it is */
	SplitterState state;
	char	   *message;
	SplitPlace	place;
	const char *data;			/* the present piece */
	int64		offset;			/* of its first byte in the document */
	int			mark;			/* bytes of a byte order mark that came */
	bool		begun;			/* something but white space came */

	/* Envelope */
	SplitFrame *frames;
	int			depth;
	int			size;
	SplitNode  *node;			/* of the value that comes or is read */

	/* Token being read */
	bool		keep;			/* its text matters */
	bool		is_name;
	bool		escaped;
	StringInfoData token;
	int			escape;			/* string: 1 after a backslash, then 2 to 5
								 * for the digits of \u that are left plus one */
	int			follow;			/* string: bytes of this character to come */
	unsigned char low;			/* range of the next one */
	unsigned char high;
	NumberPlace number;
	const char *word;			/* rest of true, false or null */
	JsonKind	kind;			/* of a scalar value */

	/* Record being read */
	int64		records;
	int			nesting;
	uint8	   *brackets;		/* a bit for each open one: set for { */
	bool		in_string;
	bool		after_backslash;
	const char *start;			/* in the present piece */
	StringInfoData record;
	StringInfoData name;		/* of a member of the envelope */
	StringInfoData key;			/* name of the member that .* led through last */
};

static void Fail(RecordSplitter *splitter, SplitterState state, const char *p,
				 const char *format,...) pg_attribute_printf(4, 5);

/* End with an error, at a byte unless p is NULL; bytes count from 1 */
static void
Fail(RecordSplitter *splitter, SplitterState state, const char *p, const char *format,...)
{
	MemoryContext old = MemoryContextSwitchTo(splitter->context);
	StringInfoData message;

	initStringInfo(&message);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&message, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}
	if (p != NULL)
		appendStringInfo(&message, " at byte " INT64_FORMAT,
						 splitter->offset + (p - splitter->data) + 1);

	splitter->state = state;
	splitter->message = message.data;
	MemoryContextSwitchTo(old);
}

/* End because a byte cannot stand there */
static void
FailJson(RecordSplitter *splitter, const char *p)
{
	Fail(splitter, SPLITTER_NOT_JSON, p, "not JSON");
}

/* Make a node for the first steps of a path */
static SplitNode *
CreateNode(const Path *path, int count)
{
	SplitNode  *node = palloc0(sizeof(SplitNode));

	node->label = PathText(path, count);
	node->capture = -1;
	return node;
}

/* Find or make the node below by a path's step */
static SplitNode *
AddChild(SplitNode *node, const Path *path, int step)
{
	int			last = node->count;

	for (int i = 0; i < node->count; i++)
	{
		if (PathStepsEqual(node->steps[i], &path->steps[step], 1))
			return node->children[i];
	}

	if (node->count == 0)
	{
		node->children = palloc(sizeof(SplitNode *));
		node->steps = palloc(sizeof(PathStep *));
	}
	else
	{
		node->children = repalloc(node->children, (last + 1) * sizeof(SplitNode *));
		node->steps = repalloc(node->steps, (last + 1) * sizeof(PathStep *));
	}
	node->children[last] = CreateNode(path, step + 1);
	node->steps[last] = &path->steps[step];
	node->count++;
	return node->children[last];
}

/* Read a path of the envelope */
static Path *
ParseEnvelopePath(const char *text, const char *owner)
{
	Path	   *path = PathParse(text, owner);

	if (path->rest >= 0)
		PathError(text, owner, path->rest,
				  "Only steps that can be followed while the answer comes in are possible here.");
	for (int i = 0; i < path->count; i++)
	{
		if (path->steps[i].kind == PATH_LAST)
			PathError(text, owner, path->steps[i].offset,
					  "What is last is known only at the end.");
	}
	return path;
}

/* True for a step to several values */
static bool
StepIsEach(const PathStep *step)
{
	return step->kind == PATH_EACH || step->kind == PATH_MEMBERS;
}

/* Put the path of the records into the trie */
static void
AddRecords(RecordSplitter *splitter, const char *text)
{
	Path	   *path = ParseEnvelopePath(text, "the records");
	SplitNode  *node = splitter->root;

	node->once = true;
	for (int i = 0; i < path->count; i++)
	{
		const PathStep *step = &path->steps[i];
		bool		object = step->kind == PATH_MEMBER || step->kind == PATH_MEMBERS;
		bool		repeated = node->repeated || StepIsEach(step);

		node->container = object ? '{' : '[';
		if (!node->repeated)
			splitter->target = node;
		if (step->kind == PATH_MEMBERS)
			splitter->keyed = true;
		if (StepIsEach(step))
			node = node->each = CreateNode(path, i + 1);
		else
		{
			node = node->way = AddChild(node, path, i);
			node->once = true;
		}
		node->repeated = repeated;
	}
	node->record = true;
	if (!node->repeated)
		splitter->target = node;
}

/* Put the path of a capture into the trie */
static void
AddCapture(RecordSplitter *splitter, const char *text, int number)
{
	Path	   *path = ParseEnvelopePath(text, "the envelope");
	SplitNode  *node = splitter->root;

	for (int i = 0; i < path->count; i++)
	{
		if (StepIsEach(&path->steps[i]))
			PathError(text, "the envelope", path->steps[i].offset,
					  "One value is wanted, not several.");
		if (node->each != NULL || node->record)
			PathError(text, "the envelope", path->steps[i].offset,
					  "This lies inside the records.");
		node = AddChild(node, path, i);
	}
	if (node->capture >= 0 || node->container != 0 || node->record)
		PathError(text, "the envelope", 0, "This place is taken by another path.");
	node->capture = number;
}

/* Create a splitter; without records it only captures */
RecordSplitter *
SplitterCreate(const SplitterOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "stakesync splitter",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RecordSplitter *splitter = palloc0(sizeof(RecordSplitter));
	Path		nowhere = {0};
	ListCell   *lc;

	splitter->options = *options;
	splitter->options.max_record_bytes = Min(options->max_record_bytes, MaxAllocSize / 2);
	splitter->context = context;
	splitter->state = SPLITTER_MORE;
	splitter->place = AT_VALUE;
	splitter->root = CreateNode(&nowhere, 0);
	splitter->node = splitter->root;
	splitter->size = 16;
	splitter->frames = palloc(splitter->size * sizeof(SplitFrame));
	splitter->brackets = palloc0(options->max_depth / 8 + 1);
	initStringInfo(&splitter->token);
	initStringInfo(&splitter->record);
	initStringInfo(&splitter->name);
	initStringInfo(&splitter->key);

	if (options->records != NULL)
		AddRecords(splitter, options->records);

	splitter->captures = palloc0((list_length(options->captures) + 1) * sizeof(Capture));
	foreach(lc, options->captures)
	{
		initStringInfo(&splitter->captures[splitter->capture_count].text);
		AddCapture(splitter, lfirst(lc), splitter->capture_count++);
	}

	MemoryContextSwitchTo(old);
	return splitter;
}

/* Kind of the value that begins with a byte, in words */
static const char *
KindInWords(char c)
{
	switch (c)
	{
		case '{':
			return "an object";
		case '[':
			return "an array";
		case '"':
			return "a string";
		case 't':
		case 'f':
			return "a boolean";
		case 'n':
			return "null";
		default:
			return "a number";
	}
}

/* Check that the value that begins at p is what its place wants */
static bool
CheckShape(RecordSplitter *splitter, const char *p)
{
	SplitNode  *node = splitter->node;
	char		wanted;

	if (node == NULL)
		return true;

	wanted = node->record ? '{' : node->container;
	if (wanted != 0 && *p != wanted)
		Fail(splitter, SPLITTER_OTHER_SHAPE, p, "expected %s at %s, found %s",
			 KindInWords(wanted), node->label, KindInWords(*p));
	else if (node->once && node->seen)
		Fail(splitter, SPLITTER_OTHER_SHAPE, p, "%s comes a second time", node->label);
	else if (node->capture >= 0 && (*p == '{' || *p == '['))
		Fail(splitter, SPLITTER_OTHER_SHAPE, p, "expected a single value at %s, found %s",
			 node->label, KindInWords(*p));
	node->seen = true;
	return splitter->state == SPLITTER_MORE;
}

/* Open a container of the envelope */
static void
PushFrame(RecordSplitter *splitter, const char *p)
{
	SplitFrame *frame;

	if (splitter->depth >= splitter->options.max_depth)
	{
		Fail(splitter, SPLITTER_TOO_DEEP, p, "nested deeper than %d levels",
			 splitter->options.max_depth);
		return;
	}
	if (splitter->depth == splitter->size)
	{
		splitter->size *= 2;
		splitter->frames = repalloc(splitter->frames, splitter->size * sizeof(SplitFrame));
	}
	frame = &splitter->frames[splitter->depth++];
	frame->node = splitter->node;
	frame->object = *p == '{';
	frame->index = 0;
	if (frame->node != NULL && frame->node->way != NULL)
		frame->node->way->seen = false;
	splitter->place = frame->object ? AT_FIRST_NAME : AT_FIRST_ELEMENT;
}

/* A value of the envelope has ended */
static void
EndValue(RecordSplitter *splitter)
{
	if (splitter->depth > 0)
		splitter->place = AT_NEXT;
	else
	{
		splitter->place = AT_END;
		splitter->state = SPLITTER_DONE;
	}
}

/* Begin to read a token */
static void
BeginToken(RecordSplitter *splitter, SplitPlace place, JsonKind kind, bool keep)
{
	splitter->place = place;
	splitter->kind = kind;
	splitter->keep = keep;
	splitter->is_name = false;
	splitter->escaped = false;
	splitter->escape = 0;
	splitter->follow = 0;
	resetStringInfo(&splitter->token);
}

/* Begin a scalar of the envelope; returns what is to be read next */
static const char *
BeginScalar(RecordSplitter *splitter, const char *p)
{
	bool		keep = splitter->node != NULL && splitter->node->capture >= 0;

	switch (*p)
	{
		case '"':
			BeginToken(splitter, IN_STRING, JSON_KIND_STRING, keep);
			return p + 1;
		case 't':
		case 'f':
			BeginToken(splitter, IN_WORD, JSON_KIND_BOOLEAN, keep);
			splitter->word = *p == 't' ? "true" : "false";
			return p;
		case 'n':
			BeginToken(splitter, IN_WORD, JSON_KIND_NULL, keep);
			splitter->word = "null";
			return p;
		case '-':
			BeginToken(splitter, IN_NUMBER, JSON_KIND_NUMBER, keep);
			splitter->number = NUMBER_MINUS;
			break;
		default:
			BeginToken(splitter, IN_NUMBER, JSON_KIND_NUMBER, keep);
			splitter->number = *p == '0' ? NUMBER_ZERO : NUMBER_WHOLE;
	}
	if (keep)
		appendStringInfoChar(&splitter->token, *p);
	return p + 1;
}

/* Begin a value; returns what is to be read next */
static const char *
BeginValue(RecordSplitter *splitter, const char *p)
{
	if (*p == '\0' ||
		(!JsonByteIs(*p, JSON_BYTE_DIGIT) && strchr("{[\"tfn-", *p) == NULL))
	{
		FailJson(splitter, p);
		return p;
	}
	if (!CheckShape(splitter, p))
		return p;

	if (*p != '{' && *p != '[')
		return BeginScalar(splitter, p);
	if (splitter->node == NULL || !splitter->node->record)
	{
		PushFrame(splitter, p);
		return p + 1;
	}

	/* The record's first bracket is read with the rest of it */
	splitter->place = IN_RECORD;
	splitter->nesting = 0;
	splitter->in_string = false;
	splitter->after_backslash = false;
	splitter->start = p;
	resetStringInfo(&splitter->record);
	return p;
}

/* Add text to the token; false if it gets too long */
static bool
KeepToken(RecordSplitter *splitter, const char *text, size_t length)
{
	size_t		room = splitter->options.max_record_bytes - splitter->token.len;

	if (!splitter->keep || length == 0)
		return true;
	if (length > room)
	{
		Fail(splitter, SPLITTER_TOO_LARGE, text + room,
			 "more than " INT64_FORMAT " bytes in one value",
			 splitter->options.max_record_bytes);
		return false;
	}
	appendBinaryStringInfo(&splitter->token, text, length);
	return true;
}

/* Take the token's text without escapes; false if no text can hold it */
static bool
TokenText(RecordSplitter *splitter, StringInfo text)
{
	resetStringInfo(text);
	if (splitter->escaped)
		return JsonUnescape(splitter->token.data, splitter->token.len, text);
	appendBinaryStringInfo(text, splitter->token.data, splitter->token.len);
	return true;
}

/* A scalar has ended before p */
static void
EndScalar(RecordSplitter *splitter, const char *p)
{
	if (splitter->keep)
	{
		Capture    *capture = &splitter->captures[splitter->node->capture];

		if (!TokenText(splitter, &capture->text))
		{
			Fail(splitter, SPLITTER_OTHER_SHAPE, p,
				 "%s holds a character that no text can hold", splitter->node->label);
			return;
		}
		capture->found = true;
		capture->null = splitter->kind == JSON_KIND_NULL;
	}
	EndValue(splitter);
}

/* Find the node of the member whose name was read */
static SplitNode *
FindMember(RecordSplitter *splitter, SplitNode *node)
{
	for (int i = 0; i < node->count; i++)
	{
		const PathStep *step = node->steps[i];

		if (step->kind == PATH_MEMBER && step->length == splitter->name.len &&
			memcmp(step->name, splitter->name.data, step->length) == 0)
			return node->children[i];
	}
	if (node->each != NULL)
	{
		resetStringInfo(&splitter->key);
		appendBinaryStringInfo(&splitter->key, splitter->name.data, splitter->name.len);
	}
	return node->each;
}

/* A member's name has ended before p */
static void
EndName(RecordSplitter *splitter, const char *p)
{
	SplitNode  *node = splitter->frames[splitter->depth - 1].node;

	splitter->place = AT_COLON;
	splitter->node = NULL;
	if (!splitter->keep)
		return;
	if (TokenText(splitter, &splitter->name))
		splitter->node = FindMember(splitter, node);
	else if (node->each != NULL)
		Fail(splitter, SPLITTER_OTHER_SHAPE, p,
			 "a name in %s holds a character that no text can hold", node->label);
}

/* Take one byte of an escape */
static bool
TakeEscape(RecordSplitter *splitter, char c)
{
	if (splitter->escape == 1)
	{
		splitter->escape = c == 'u' ? 5 : 0;
		return c != '\0' && strchr("\"\\/bfnrtu", c) != NULL;
	}
	splitter->escape = splitter->escape == 2 ? 0 : splitter->escape - 1;
	return isxdigit((unsigned char) c) != 0;
}

/* Take one byte of a character beyond ASCII, by table 3-7 of Unicode */
static bool
TakeHighByte(RecordSplitter *splitter, unsigned char c)
{
	if (splitter->follow > 0)
	{
		bool		good = c >= splitter->low && c <= splitter->high;

		splitter->low = 0x80;
		splitter->high = 0xBF;
		splitter->follow--;
		return good;
	}

	splitter->low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
	splitter->high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
	splitter->follow = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
	return c >= 0xC2 && c <= 0xF4;
}

/* Take bytes of a string; returns what is to be read next */
static const char *
TakeString(RecordSplitter *splitter, const char *p, const char *end)
{
	const char *start = p;
	bool		good = true;

	for (; p < end; p++)
	{
		if (splitter->escape > 0)
			good = TakeEscape(splitter, *p);
		else if (splitter->follow > 0 || JsonByteIs(*p, JSON_BYTE_HIGH))
			good = TakeHighByte(splitter, *p);
		else if (*p == '\\')
		{
			splitter->escape = 1;
			splitter->escaped = true;
		}
		else if (*p == '"')
			break;
		else
			good = !JsonByteIs(*p, JSON_BYTE_CONTROL);

		if (!good)
			break;
	}

	if (!KeepToken(splitter, start, p - start) || p == end)
		return p;
	if (!good)
		FailJson(splitter, p);
	else if (splitter->is_name)
		EndName(splitter, p);
	else
		EndScalar(splitter, p);
	return p + 1;
}

/* Move a number on by one byte; false if the byte is no part of it */
static bool
StepNumber(NumberPlace *place, char c)
{
	bool		digit = JsonByteIs(c, JSON_BYTE_DIGIT);

	switch (*place)
	{
		case NUMBER_MINUS:
			*place = c == '0' ? NUMBER_ZERO : NUMBER_WHOLE;
			return digit;
		case NUMBER_WHOLE:
			if (digit)
				return true;
			/* FALLTHROUGH */
		case NUMBER_ZERO:
			if (c == '.')
				*place = NUMBER_POINT;
			else
				*place = NUMBER_E;
			return c == '.' || c == 'e' || c == 'E';
		case NUMBER_POINT:
			*place = NUMBER_FRACTION;
			return digit;
		case NUMBER_FRACTION:
			if (digit)
				return true;
			*place = NUMBER_E;
			return c == 'e' || c == 'E';
		case NUMBER_E:
			*place = digit ? NUMBER_EXPONENT : NUMBER_SIGN;
			return digit || c == '+' || c == '-';
		case NUMBER_SIGN:
			*place = NUMBER_EXPONENT;
			return digit;
		case NUMBER_EXPONENT:
			return digit;
	}
	return false;
}

/* True if a number may end there */
static bool
NumberIsWhole(NumberPlace place)
{
	return place == NUMBER_ZERO || place == NUMBER_WHOLE ||
		place == NUMBER_FRACTION || place == NUMBER_EXPONENT;
}

/* Take bytes of a number; the byte that ends it is left */
static const char *
TakeNumber(RecordSplitter *splitter, const char *p, const char *end)
{
	const char *start = p;
	NumberPlace place = splitter->number;

	while (p < end && StepNumber(&place, *p))
	{
		splitter->number = place;
		p++;
	}
	if (!KeepToken(splitter, start, p - start) || p == end)
		return p;
	if (NumberIsWhole(splitter->number))
		EndScalar(splitter, p);
	else
		FailJson(splitter, p);
	return p;
}

/* Take bytes of true, false or null */
static const char *
TakeWord(RecordSplitter *splitter, const char *p, const char *end)
{
	const char *start = p;

	while (p < end && *splitter->word != '\0')
	{
		if (*p != *splitter->word)
		{
			FailJson(splitter, p);
			return p;
		}
		splitter->word++;
		p++;
	}
	if (KeepToken(splitter, start, p - start) && *splitter->word == '\0')
		EndScalar(splitter, p);
	return p;
}

/* Hand over the record, which ends before p */
static void
EndRecord(RecordSplitter *splitter, const char *p)
{
	const SplitterOptions *options = &splitter->options;
	const char *record = splitter->start;
	size_t		length = p - splitter->start;
	const char *key = splitter->keyed ? splitter->key.data : NULL;

	if (splitter->record.len > 0)
	{
		appendBinaryStringInfo(&splitter->record, record, length);
		record = splitter->record.data;
		length = splitter->record.len;
	}
	EndValue(splitter);
	splitter->records++;
	options->callback(record, length, key, options->arg);
}

/* Take a bracket of a record; true if it is the last one */
static bool
TakeBracket(RecordSplitter *splitter, const char *p)
{
	bool		object = *p == '{' || *p == '}';
	int			level = splitter->nesting;

	if (*p == '{' || *p == '[')
	{
		if (splitter->depth + level >= splitter->options.max_depth)
		{
			Fail(splitter, SPLITTER_TOO_DEEP, p, "nested deeper than %d levels",
				 splitter->options.max_depth);
			return false;
		}
		if (object)
			splitter->brackets[level / 8] |= 1 << (level % 8);
		else
			splitter->brackets[level / 8] &= ~(1 << (level % 8));
		splitter->nesting++;
		return false;
	}

	/* It must close what was opened last */
	level--;
	if (((splitter->brackets[level / 8] >> (level % 8)) & 1) != object)
	{
		FailJson(splitter, p);
		return false;
	}
	splitter->nesting--;
	return level == 0;
}

/* Take bytes of a string inside a record */
static const char *
TakeRecordString(RecordSplitter *splitter, const char *p, const char *end)
{
	while (p < end)
	{
		if (!splitter->after_backslash)
			p = JsonPlainEnd(p, end);
		if (p == end)
			break;
		if (JsonByteIs(*p, JSON_BYTE_CONTROL))
		{
			FailJson(splitter, p);
			break;
		}

		if (splitter->after_backslash)
			splitter->after_backslash = false;
		else if (*p == '\\')
			splitter->after_backslash = true;
		else
		{
			splitter->in_string = false;
			return p + 1;
		}
		p++;
	}
	return p;
}

/* Take bytes of a record; returns what is to be read next */
static const char *
TakeRecord(RecordSplitter *splitter, const char *p, const char *end)
{
	size_t		room = splitter->options.max_record_bytes - splitter->record.len;
	const char *limit = end - splitter->start > room ? splitter->start + room : end;

	while (p < limit && splitter->state == SPLITTER_MORE)
	{
		if (splitter->in_string)
		{
			p = TakeRecordString(splitter, p, limit);
			continue;
		}
		while (p < limit &&
			   !JsonByteIs(*p, JSON_BYTE_BRACKET | JSON_BYTE_QUOTE | JSON_BYTE_STRANGE))
			p++;
		if (p == limit)
			break;

		if (*p == '"')
			splitter->in_string = true;
		else if (JsonByteIs(*p, JSON_BYTE_STRANGE))
			FailJson(splitter, p);
		else if (TakeBracket(splitter, p))
		{
			EndRecord(splitter, p + 1);
			return p + 1;
		}
		p++;
	}

	if (splitter->state != SPLITTER_MORE)
		return p;

	/* The piece is over, the record is not */
	if (limit < end)
		Fail(splitter, SPLITTER_TOO_LARGE, limit,
			 "more than " INT64_FORMAT " bytes in one record",
			 splitter->options.max_record_bytes);
	else
		appendBinaryStringInfo(&splitter->record, splitter->start, end - splitter->start);
	return p;
}

/* Begin a member's name */
static const char *
BeginName(RecordSplitter *splitter, const char *p)
{
	SplitFrame *frame = &splitter->frames[splitter->depth - 1];

	if (*p != '"')
	{
		FailJson(splitter, p);
		return p;
	}
	BeginToken(splitter, IN_STRING, JSON_KIND_STRING, frame->node != NULL);
	splitter->is_name = true;
	return p + 1;
}

/* Begin an element of the innermost array */
static const char *
BeginElement(RecordSplitter *splitter, const char *p)
{
	SplitFrame *frame = &splitter->frames[splitter->depth - 1];
	SplitNode  *node = frame->node;

	splitter->node = NULL;
	if (node != NULL)
	{
		splitter->node = node->each;
		for (int i = 0; i < node->count; i++)
		{
			if (node->steps[i]->kind == PATH_INDEX && node->steps[i]->index == frame->index)
				splitter->node = node->children[i];
		}
		if (frame->index < PG_INT32_MAX)
			frame->index++;
	}
	return BeginValue(splitter, p);
}

/* Kind of value that a place on the way to the records wants, in words */
static const char *
WantedInWords(const SplitNode *node)
{
	return KindInWords(node->record ? '{' : node->container);
}

/* Close the innermost container */
static const char *
PopFrame(RecordSplitter *splitter, const char *p)
{
	SplitNode  *node = splitter->frames[splitter->depth - 1].node;

	/* What comes but once is missed at the end of the document */
	if (node != NULL && node->repeated && node->way != NULL && !node->way->seen)
	{
		Fail(splitter, SPLITTER_OTHER_SHAPE, p, "expected %s at %s, found nothing",
			 WantedInWords(node->way), node->way->label);
		return p;
	}
	splitter->depth--;
	EndValue(splitter);
	return p + 1;
}

/* Take a comma or the end of the innermost container */
static const char *
TakeNext(RecordSplitter *splitter, const char *p)
{
	bool		object = splitter->frames[splitter->depth - 1].object;

	if (*p == (object ? '}' : ']'))
		return PopFrame(splitter, p);
	if (*p != ',')
	{
		FailJson(splitter, p);
		return p;
	}
	splitter->place = object ? AT_NAME : AT_VALUE;
	return p + 1;
}

/* Take a byte between tokens; returns what is to be read next */
static const char *
TakeBetween(RecordSplitter *splitter, const char *p)
{
	switch (splitter->place)
	{
		case AT_VALUE:

			/*
			 * A value behind a comma in an array, behind a colon, or the
			 * first
			 */
			if (splitter->depth > 0 && !splitter->frames[splitter->depth - 1].object)
				return BeginElement(splitter, p);
			return BeginValue(splitter, p);
		case AT_FIRST_ELEMENT:
			return *p == ']' ? PopFrame(splitter, p) : BeginElement(splitter, p);
		case AT_FIRST_NAME:
			return *p == '}' ? PopFrame(splitter, p) : BeginName(splitter, p);
		case AT_NAME:
			return BeginName(splitter, p);
		case AT_COLON:
			if (*p != ':')
				break;
			splitter->place = AT_VALUE;
			return p + 1;
		case AT_NEXT:
			return TakeNext(splitter, p);
		default:
			break;
	}
	FailJson(splitter, p);
	return p;
}

/* Skip a byte order mark; false if the byte is none of it */
static bool
TakeMark(RecordSplitter *splitter, const char *p)
{
	if (splitter->mark == 3 || splitter->begun)
		return false;
	if (*p == "\xEF\xBB\xBF"[splitter->mark])
	{
		splitter->mark++;
		return true;
	}
	if (splitter->mark > 0)
		FailJson(splitter, p);
	else
		splitter->mark = 3;
	return false;
}

/* Take bytes until the state changes or the piece ends; returns what is next */
static const char *
TakeBytes(RecordSplitter *splitter, const char *p, const char *end)
{
	if (splitter->mark < 3 && TakeMark(splitter, p))
		return p + 1;
	if (splitter->state > SPLITTER_DONE)
		return p;

	switch (splitter->place)
	{
		case IN_STRING:
			return TakeString(splitter, p, end);
		case IN_NUMBER:
			return TakeNumber(splitter, p, end);
		case IN_WORD:
			return TakeWord(splitter, p, end);
		case IN_RECORD:
			return TakeRecord(splitter, p, end);
		default:
			if (JsonByteIs(*p, JSON_BYTE_SPACE))
				return p + 1;
			splitter->begun = true;
			return TakeBetween(splitter, p);
	}
}

/* Take bytes */
SplitterState
SplitterFeed(RecordSplitter *splitter, const char *data, size_t length)
{
	const char *p = data;
	const char *end = data + length;

	splitter->data = data;
	splitter->start = data;
	while (p < end && splitter->state <= SPLITTER_DONE)
		p = TakeBytes(splitter, p, end);
	splitter->offset += length;
	splitter->data = NULL;
	return splitter->state;
}

/* Judge the end of the stream */
SplitterState
SplitterFinish(RecordSplitter *splitter)
{
	SplitNode  *target = splitter->target;

	splitter->data = "";

	/* Only the end of the stream ends a number that is the document */
	if (splitter->state == SPLITTER_MORE && splitter->depth == 0 &&
		splitter->place == IN_NUMBER && NumberIsWhole(splitter->number))
		EndScalar(splitter, splitter->data);

	if (splitter->state == SPLITTER_MORE && splitter->begun)
		Fail(splitter, SPLITTER_CUT_OFF, splitter->data, "the document is cut off");
	else if (splitter->state == SPLITTER_MORE)
		Fail(splitter, SPLITTER_CUT_OFF, NULL, "the answer is empty");
	else if (splitter->state == SPLITTER_DONE && target != NULL && !target->seen)
		Fail(splitter, SPLITTER_OTHER_SHAPE, NULL, "expected %s at %s, found nothing",
			 WantedInWords(target), target->label);
	return splitter->state;
}

/* What is wrong */
const char *
SplitterMessage(const RecordSplitter *splitter)
{
	return splitter->message;
}

/* Number of records handed over so far */
int64
SplitterRecords(const RecordSplitter *splitter)
{
	return splitter->records;
}

/* The nth captured scalar */
const char *
SplitterCaptured(const RecordSplitter *splitter, int n, bool *found)
{
	const Capture *capture;

	if (n < 0 || n >= splitter->capture_count)
		elog(ERROR, "no capture %d", n);
	capture = &splitter->captures[n];
	*found = capture->found;
	return capture->found && !capture->null ? capture->text.data : NULL;
}

/* Free the splitter and all it keeps */
void
SplitterFree(RecordSplitter *splitter)
{
	MemoryContextDelete(splitter->context);
}
