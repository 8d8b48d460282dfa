#include "postgres.h"

#include "common/hashfn.h"
#include "json.h"
#include "json_piece.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/json.h"
#include "walk.h"

struct JsonPicker
{
	Path	   *path;
	JsonShape  *shape;
	JsonTree   *tree;
};

/* A member of an object that is being merged */
typedef struct PieceMember
{
	const char *name;			/* with its quotes, as written */
	size_t		length;
	const char *plain;			/* unescaped */
	size_t		plain_length;
	const char *value;
	size_t		value_length;
	bool		taken;			/* written already */
} PieceMember;

typedef struct PieceObject
{
	PieceMember *members;
	int			count;
	int			size;

	/* Hash table of positions plus one, at most half full */
	int		   *table;
	uint32		mask;
} PieceObject;

static void MergeValues(const char *a, const char *a_end, const char *b, const char *b_end,
						StringInfo out);

/* Compile a path */
JsonPicker *
JsonPickerCreate(const char *path, bool ignore_case)
{
	JsonPicker *picker = palloc(sizeof(JsonPicker));

	picker->path = WalkParse(path, "a record");
	picker->shape = JsonShapeCreate(ignore_case);
	picker->tree = JsonTreeCreate();
	WalkAddSteps(picker->shape, picker->path->steps, picker->path->count, NULL);
	return picker;
}

/* Find the first node that the path leads to, or -1 */
static int
PickNode(JsonPicker *picker, const char *record, size_t length, bool nulls)
{
	FoundNodes	found = {NULL};
	int			node = -1;

	found.nulls = nulls;
	JsonTreeReset(picker->tree);
	if (JsonTreeRead(picker->tree, picker->shape, record, length) < 0)
		return -1;
	Walk(picker->tree, 0, picker->path->steps, picker->path->count, &found);
	if (found.count > 0)
		node = found.nodes[0];
	WalkFree(&found);
	return node;
}

/* Pick a text */
char *
JsonPickText(JsonPicker *picker, const char *record, size_t length)
{
	int			node = PickNode(picker, record, length, false);
	TextItem	item;

	if (node < 0 || !WalkText(picker->tree, node, &item) || item.length == 0)
		return NULL;
	return pnstrdup(item.text, item.length);
}

/* Pick a value as it is written */
bool
JsonPickRaw(JsonPicker *picker, const char *record, size_t length,
			const char **start, size_t *raw_length)
{
	int			number = PickNode(picker, record, length, true);
	const JsonNode *node;
	int			quote;

	if (number < 0)
		return false;
	node = &picker->tree->nodes[number];
	quote = node->kind == JSON_KIND_STRING ? 1 : 0;
	*start = node->start - quote;
	*raw_length = node->length + 2 * quote;
	return true;
}

/* Skip white space */
static const char *
SkipBlanks(const char *p)
{
	while (JsonByteIs(*p, JSON_BYTE_SPACE))
		p++;
	return p;
}

/* Place in the hash table where a name is or may go */
static int *
FindPlace(const PieceObject *object, const char *name, size_t length)
{
	uint32		place = hash_bytes((const unsigned char *) name, (int) length);

	for (;; place++)
	{
		int		   *found = &object->table[place & object->mask];
		const PieceMember *member;

		if (*found == 0)
			return found;
		member = &object->members[*found - 1];
		if (member->plain_length == length && memcmp(member->plain, name, length) == 0)
			return found;
	}
}

/* Make room for another member */
static void
GrowObject(PieceObject *object)
{
	object->size *= 2;
	object->members = repalloc(object->members, object->size * sizeof(PieceMember));
	pfree(object->table);
	object->table = palloc0(object->size * 2 * sizeof(int));
	object->mask = object->size * 2 - 1;
	for (int i = 0; i < object->count; i++)
		*FindPlace(object, object->members[i].plain, object->members[i].plain_length) = i + 1;
}

/* Add a member; of several with the same name the last one's value counts */
static void
AddMember(PieceObject *object, const PieceMember *member)
{
	int		   *place;

	if (object->count == object->size)
		GrowObject(object);
	place = FindPlace(object, member->plain, member->plain_length);
	if (*place == 0)
	{
		object->members[object->count++] = *member;
		*place = object->count;
	}
	else
	{
		object->members[*place - 1].value = member->value;
		object->members[*place - 1].value_length = member->value_length;
	}
}

/* Read a member's name; returns its value */
static const char *
ReadName(const char *p, const char *end, PieceMember *member)
{
	const char *fault;
	const char *finish;
	bool		escaped;
	StringInfoData plain;

	finish = JsonStringEnd(p + 1, end, &escaped, &fault);
	member->name = p;
	member->length = finish + 1 - p;
	member->plain = p + 1;
	member->plain_length = finish - p - 1;
	if (escaped)
	{
		/* A name that no text can hold is compared as it is written */
		initStringInfo(&plain);
		if (JsonUnescape(p + 1, finish - p - 1, &plain))
		{
			member->plain = plain.data;
			member->plain_length = plain.len;
		}
	}
	return SkipBlanks(SkipBlanks(finish + 1) + 1);
}

/* Read the members of a valid object */
static void
ReadObject(PieceObject *object, const char *p, const char *end)
{
	memset(object, 0, sizeof(PieceObject));
	object->size = 16;
	object->members = palloc(object->size * sizeof(PieceMember));
	object->table = palloc0(object->size * 2 * sizeof(int));
	object->mask = object->size * 2 - 1;

	p = SkipBlanks(p + 1);
	while (*p != '}')
	{
		PieceMember member = {NULL};
		const char *finish;

		member.value = ReadName(p, end, &member);
		finish = JsonValueEnd(member.value, end);
		p = SkipBlanks(finish);
		while (JsonByteIs(finish[-1], JSON_BYTE_SPACE))
			finish--;
		member.value_length = finish - member.value;
		AddMember(object, &member);
		if (*p == ',')
			p = SkipBlanks(p + 1);
	}
}

/* Free what was read of an object */
static void
FreeObject(PieceObject *object)
{
	for (int i = 0; i < object->count; i++)
	{
		if (object->members[i].plain != object->members[i].name + 1)
			pfree((void *) object->members[i].plain);
	}
	pfree(object->members);
	pfree(object->table);
}

/* Append a member's name and colon, behind a comma if it is not the first */
static void
AppendName(StringInfo out, const PieceMember *member, bool *first)
{
	if (!*first)
		appendStringInfoChar(out, ',');
	*first = false;
	appendBinaryStringInfo(out, member->name, member->length);
	appendStringInfoChar(out, ':');
}

/* Append two valid objects made one */
static void
MergeMembers(const char *a, const char *a_end, const char *b, const char *b_end, StringInfo out)
{
	PieceObject left;
	PieceObject right;
	bool		first = true;

	ReadObject(&left, a, a_end);
	ReadObject(&right, b, b_end);
	appendStringInfoChar(out, '{');
	for (int i = 0; i < left.count; i++)
	{
		const PieceMember *member = &left.members[i];
		int			found = *FindPlace(&right, member->plain, member->plain_length);
		PieceMember *other = found > 0 ? &right.members[found - 1] : NULL;

		AppendName(out, member, &first);
		if (other == NULL)
		{
			appendBinaryStringInfo(out, member->value, member->value_length);
			continue;
		}
		other->taken = true;
		MergeValues(member->value, member->value + member->value_length,
					other->value, other->value + other->value_length, out);
	}
	for (int i = 0; i < right.count; i++)
	{
		const PieceMember *member = &right.members[i];

		if (member->taken)
			continue;
		AppendName(out, member, &first);
		appendBinaryStringInfo(out, member->value, member->value_length);
	}
	appendStringInfoChar(out, '}');
	FreeObject(&left);
	FreeObject(&right);
}

/* Append two valid values made one; the first byte tells their kinds */
static void
MergeValues(const char *a, const char *a_end, const char *b, const char *b_end, StringInfo out)
{
	check_stack_depth();
	if (*a == '{' && *b == '{')
		MergeMembers(a, a_end, b, b_end, out);
	else if (*b == 'n')
		appendBinaryStringInfo(out, a, a_end - a);
	else
		appendBinaryStringInfo(out, b, b_end - b);
}

/* True for JSON that is not nested too deep */
static bool
TextIsValid(JsonTree *tree, const char *text, size_t length)
{
	JsonTreeReset(tree);
	return JsonTreeRead(tree, NULL, text, length) >= 0;
}

/* Append two objects made one */
void
JsonMergeObjects(const char *a, size_t a_length, const char *b, size_t b_length, StringInfo out)
{
	JsonTree   *tree = JsonTreeCreate();

	if (!TextIsValid(tree, a, a_length))
		appendBinaryStringInfo(out, a, a_length);
	else if (!TextIsValid(tree, b, b_length))
		appendBinaryStringInfo(out, b, b_length);
	else
		MergeValues(SkipBlanks(a), a + a_length, SkipBlanks(b), b + b_length, out);
	JsonTreeFree(tree);
}

/* Take blanks from the end of a text */
static void
TrimBlanks(StringInfo text)
{
	while (text->len > 0 && JsonByteIs(text->data[text->len - 1], JSON_BYTE_SPACE))
		text->data[--text->len] = '\0';
}

/* Add a member to the end of an object */
void
JsonAppendMember(StringInfo record, const char *name, const char *value, size_t length)
{
	TrimBlanks(record);
	if (record->len == 0)
		appendStringInfoChar(record, '{');
	else if (record->data[record->len - 1] == '}')
		record->data[--record->len] = '\0';
	else
		elog(ERROR, "a member can be added to an object alone");

	TrimBlanks(record);
	if (record->data[record->len - 1] != '{')
		appendStringInfoChar(record, ',');
	escape_json(record, name);
	appendStringInfoChar(record, ':');
	appendBinaryStringInfo(record, value, length);
	appendStringInfoChar(record, '}');
}
