/*
 * Reading JSON text.
 *
 * A record is read in one pass that checks its whole grammar but keeps only
 * what a shape names. A shape is a trie: an object is looked up by member
 * name, an array has one shape for all its elements. For each place of the
 * trie that the record has, a node notes kind and span; nothing is copied or
 * unescaped here. Nodes of one object's members lie side by side in the order
 * of its shape, so a second member of the same name simply takes the place of
 * the first, and a member that never came stays JSON_KIND_ABSENT. Values that
 * no shape names are checked and passed over.
 *
 * Text comes from the network: depth and number of nodes are limited, nothing
 * is read beyond the end, and no error is raised while the tree is half done.
 */
#include "postgres.h"

#include <ctype.h>

#include "json.h"
#include "mb/pg_wchar.h"
#include "port/pg_bitutils.h"
#include "utils/json.h"

static const char not_json[] = "not JSON";

const uint8 json_bytes[256] = {
	0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x11, 0x11, 0x18, 0x18, 0x11, 0x18, 0x18,
	0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18,
	0x01, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x48, 0x04, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x04, 0x00, 0x08,
	0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
	0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
	0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
	0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
	0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
	0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
	0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
	0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88
};

static bool ReadValue(JsonTree *tree, const JsonShape *shape, int slot);

/* Create a shape that keeps nothing below */
JsonShape *
JsonShapeCreate(bool ignore_case)
{
	JsonShape  *shape = palloc0(sizeof(JsonShape));

	shape->case_bits = ignore_case ? 0x20 : 0;
	return shape;
}

/* The bit of names of a length */
static inline uint64
LengthBit(size_t length)
{
	return UINT64CONST(1) << (length & 63);
}

/* Spread names over the hash table of a shape; case bits make letters equal */
static inline uint32
HashName(const JsonShape *shape, const char *name, size_t length)
{
	uint8		bits = shape->case_bits;

	if (length == 0)
		return 0;
	return (uint32) length * 7 + ((unsigned char) name[0] | bits) * 31 +
		((unsigned char) name[length - 1] | bits) * 17 +
		((unsigned char) name[length / 2] | bits);
}

/* True if two names of one length are the same without ASCII case */
static bool
SameFolded(const char *a, const char *b, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (pg_ascii_tolower((unsigned char) a[i]) != pg_ascii_tolower((unsigned char) b[i]))
			return false;
	}
	return true;
}

/* Build the hash table anew, at most half full */
static void
RehashShape(JsonShape *shape)
{
	uint32		size = pg_nextpower2_32(Max(shape->count * 2, 8));

	shape->table = palloc0(size * sizeof(uint16));
	shape->mask = size - 1;
	for (int i = 0; i < shape->count; i++)
	{
		uint32		place = HashName(shape, shape->members[i].name,
									 shape->members[i].length);

		while (shape->table[place & shape->mask] != 0)
			place++;
		shape->table[place & shape->mask] = i + 1;
	}
}

/* Find a member's position */
int
JsonShapeFind(const JsonShape *shape, const char *name, size_t length)
{
	uint32		place;

	if (shape == NULL || (shape->lengths & LengthBit(length)) == 0)
		return -1;
	for (place = HashName(shape, name, length);; place++)
	{
		int			found = shape->table[place & shape->mask] - 1;

		if (found < 0)
			return -1;
		if (shape->members[found].length == length &&
			(memcmp(shape->members[found].name, name, length) == 0 ||
			 (shape->case_bits != 0 && SameFolded(shape->members[found].name, name, length))))
			return found;
	}
}

/* Find or make a member */
JsonShape *
JsonShapeMemberAdd(JsonShape *shape, const char *name, size_t length)
{
	int			found = JsonShapeFind(shape, name, length);
	JsonShapeMember *member;

	if (found >= 0)
		return shape->members[found].shape;

	if (shape->count >= PG_UINT16_MAX)
		elog(ERROR, "too many members in a mapping");
	if (shape->count == 0)
		shape->members = palloc(sizeof(JsonShapeMember));
	else
		shape->members = repalloc(shape->members,
								  (shape->count + 1) * sizeof(JsonShapeMember));
	member = &shape->members[shape->count++];
	member->name = pnstrdup(name, length);
	member->length = length;
	member->shape = JsonShapeCreate(shape->case_bits != 0);
	shape->lengths |= LengthBit(length);
	RehashShape(shape);
	return member->shape;
}

/* Find or make the shape of elements */
JsonShape *
JsonShapeElementAdd(JsonShape *shape)
{
	if (shape->element == NULL)
		shape->element = JsonShapeCreate(shape->case_bits != 0);
	return shape->element;
}

/* Create an empty tree */
JsonTree *
JsonTreeCreate(void)
{
	JsonTree   *tree = palloc0(sizeof(JsonTree));

	tree->size = 256;
	tree->nodes = palloc(tree->size * sizeof(JsonNode));
	return tree;
}

/* Forget all nodes */
void
JsonTreeReset(JsonTree *tree)
{
	tree->count = 0;
}

/* Free a tree */
void
JsonTreeFree(JsonTree *tree)
{
	pfree(tree->nodes);
	pfree(tree);
}

/* Note what is wrong at the reader's place; always false */
static bool
Refuse(JsonTree *tree, const char *error)
{
	tree->error = error;
	tree->error_offset = tree->p - tree->text;
	return false;
}

/* Make nodes that are absent so far; -1 if the record has too many */
static int
AddNodes(JsonTree *tree, int count)
{
	int			first = tree->count;

	if (count > JSON_MAX_NODES - first)
	{
		Refuse(tree, "more values than a mapping can hold");
		return -1;
	}
	while (first + count > tree->size)
	{
		tree->size *= 2;
		tree->nodes = repalloc(tree->nodes, tree->size * sizeof(JsonNode));
	}
	for (int i = first; i < first + count; i++)
		tree->nodes[i].kind = JSON_KIND_ABSENT;
	tree->count += count;
	return first;
}

/* Fill a node whose value ends at the reader's place */
static inline void
KeepScalar(JsonTree *tree, int slot, JsonKind kind, const char *start, size_t length)
{
	JsonNode   *node;

	if (slot < 0)
		return;
	node = &tree->nodes[slot];
	node->kind = kind;
	node->escaped = false;
	node->start = start;
	node->length = (uint32) length;
	node->shape = NULL;
	node->first = -1;
}

/* Skip white space; false at the end of the text */
static inline bool
SkipSpace(JsonTree *tree)
{
	while (tree->p < tree->end && JsonByteIs(*tree->p, JSON_BYTE_SPACE))
		tree->p++;
	return tree->p < tree->end || Refuse(tree, "ends too early");
}

/* True for the four hexadecimal digits of an escape */
static bool
FourHexDigits(const char *p, const char *end)
{
	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++)
	{
		if (!isxdigit((unsigned char) p[i]))
			return false;
	}
	return true;
}

/* Find the quote that ends a string */
const char *
JsonStringEnd(const char *p, const char *end, bool *escaped, const char **fault)
{
	*escaped = false;
	for (;;)
	{
		p = JsonPlainEnd(p, end);
		*fault = p;
		if (p < end && *p == '"')
			return p;
		if (p + 1 >= end || *p != '\\')
			return NULL;

		/* Check an escape */
		*escaped = true;
		if (p[1] == 'u')
		{
			if (!FourHexDigits(p + 2, end))
				return NULL;
			p += 6;
		}
		else if (p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL)
			p += 2;
		else
			return NULL;
	}
}

/* Read a string; its text lies between *start and *finish */
static inline bool
ReadString(JsonTree *tree, const char **start, const char **finish, bool *escaped)
{
	const char *fault;

	*start = tree->p + 1;
	*finish = JsonStringEnd(*start, tree->end, escaped, &fault);
	if (*finish == NULL)
	{
		tree->p = fault;
		return Refuse(tree, fault >= tree->end ? "ends too early" : not_json);
	}
	tree->p = *finish + 1;
	return true;
}

/* Skip digits; false if there is none */
static inline bool
SkipDigits(JsonTree *tree)
{
	const char *start = tree->p;

	while (tree->p < tree->end && JsonByteIs(*tree->p, JSON_BYTE_DIGIT))
		tree->p++;
	return tree->p > start || Refuse(tree, not_json);
}

/* Read a number */
static bool
ReadNumber(JsonTree *tree, int slot)
{
	const char *start = tree->p;

	if (*tree->p == '-')
		tree->p++;

	/* No zeros in front */
	if (tree->p < tree->end && *tree->p == '0')
		tree->p++;
	else if (!SkipDigits(tree))
		return false;

	if (tree->p < tree->end && *tree->p == '.')
	{
		tree->p++;
		if (!SkipDigits(tree))
			return false;
	}
	if (tree->p < tree->end && (*tree->p == 'e' || *tree->p == 'E'))
	{
		tree->p++;
		if (tree->p < tree->end && (*tree->p == '+' || *tree->p == '-'))
			tree->p++;
		if (!SkipDigits(tree))
			return false;
	}

	KeepScalar(tree, slot, JSON_KIND_NUMBER, start, tree->p - start);
	return true;
}

/* Read true, false or null */
static bool
ReadWord(JsonTree *tree, const char *word, size_t length, JsonKind kind, int slot)
{
	const char *start = tree->p;

	if (tree->end - start < length || memcmp(start, word, length) != 0)
		return Refuse(tree, not_json);
	tree->p += length;
	KeepScalar(tree, slot, kind, start, length);
	return true;
}

/* Find a member's shape, its name being possibly escaped */
static int
FindMember(const JsonShape *shape, const char *name, size_t length, bool escaped)
{
	StringInfoData plain;
	int			found = -1;

	if (likely(!escaped))
		return JsonShapeFind(shape, name, length);

	initStringInfo(&plain);
	if (JsonUnescape(name, length, &plain))
		found = JsonShapeFind(shape, plain.data, plain.len);
	pfree(plain.data);
	return found;
}

/* Read a member of an object whose members' nodes begin at first */
static bool
ReadMember(JsonTree *tree, const JsonShape *shape, int first)
{
	const char *name;
	const char *finish;
	bool		escaped;
	int			found;

	if (*tree->p != '"')
		return Refuse(tree, not_json);
	if (!ReadString(tree, &name, &finish, &escaped) || !SkipSpace(tree))
		return false;
	if (*tree->p != ':')
		return Refuse(tree, not_json);
	tree->p++;
	if (!SkipSpace(tree))
		return false;

	if (shape == NULL)
		return ReadValue(tree, NULL, -1);
	found = FindMember(shape, name, finish - name, escaped);
	if (found < 0)
		return ReadValue(tree, NULL, -1);
	return ReadValue(tree, shape->members[found].shape, first + found);
}

/* Go on to the next item of a container; false at its end or on error */
static inline bool
NextItem(JsonTree *tree, char closing)
{
	if (!SkipSpace(tree))
		return false;
	if (*tree->p == closing)
		return false;
	if (*tree->p != ',')
		return Refuse(tree, not_json);
	tree->p++;
	return SkipSpace(tree);
}

/* Read an object; a shape without members keeps no more than its span */
static bool
ReadObject(JsonTree *tree, const JsonShape *shape, int slot)
{
	const char *start = tree->p;
	int			first = -1;

	if (shape != NULL && shape->count > 0)
	{
		first = AddNodes(tree, shape->count);
		if (first < 0)
			return false;
	}
	else
		shape = NULL;

	tree->p++;
	if (!SkipSpace(tree))
		return false;
	if (*tree->p != '}')
	{
		do
		{
			if (!ReadMember(tree, shape, first))
				return false;
		} while (NextItem(tree, '}'));
		if (tree->error != NULL)
			return false;
	}
	tree->p++;

	KeepScalar(tree, slot, JSON_KIND_OBJECT, start, tree->p - start);
	if (slot >= 0)
	{
		tree->nodes[slot].shape = shape;
		tree->nodes[slot].first = first;
	}
	return true;
}

/* Read an array's element, chaining its node to the one before */
static bool
ReadElement(JsonTree *tree, const JsonShape *shape, int *first, int *last)
{
	int			slot = -1;

	if (shape != NULL)
	{
		slot = AddNodes(tree, 1);
		if (slot < 0)
			return false;
		tree->nodes[slot].next = -1;
		if (*last >= 0)
			tree->nodes[*last].next = slot;
		else
			*first = slot;
		*last = slot;
	}
	return ReadValue(tree, shape, slot);
}

/* Read an array */
static bool
ReadArray(JsonTree *tree, const JsonShape *shape, int slot)
{
	const char *start = tree->p;
	const JsonShape *element = shape ? shape->element : NULL;
	int			first = -1;
	int			last = -1;

	tree->p++;
	if (!SkipSpace(tree))
		return false;
	if (*tree->p != ']')
	{
		do
		{
			if (!ReadElement(tree, element, &first, &last))
				return false;
		} while (NextItem(tree, ']'));
		if (tree->error != NULL)
			return false;
	}
	tree->p++;

	KeepScalar(tree, slot, JSON_KIND_ARRAY, start, tree->p - start);
	if (slot >= 0)
	{
		tree->nodes[slot].shape = element;
		tree->nodes[slot].first = first;
	}
	return true;
}

/* Read a string value */
static inline bool
ReadStringValue(JsonTree *tree, int slot)
{
	const char *start;
	const char *finish;
	bool		escaped;

	if (!ReadString(tree, &start, &finish, &escaped))
		return false;
	KeepScalar(tree, slot, JSON_KIND_STRING, start, finish - start);
	if (slot >= 0)
		tree->nodes[slot].escaped = escaped;
	return true;
}

/* Read any value; the reader stands at its first byte */
static bool
ReadValue(JsonTree *tree, const JsonShape *shape, int slot)
{
	bool		good;

	switch (*tree->p)
	{
		case '"':
			return ReadStringValue(tree, slot);
		case 'n':
			return ReadWord(tree, "null", 4, JSON_KIND_NULL, slot);
		case 't':
			return ReadWord(tree, "true", 4, JSON_KIND_BOOLEAN, slot);
		case 'f':
			return ReadWord(tree, "false", 5, JSON_KIND_BOOLEAN, slot);
		case '{':
		case '[':
			if (tree->depth >= JSON_MAX_DEPTH)
				return Refuse(tree, "nested too deep");
			tree->depth++;
			if (*tree->p == '{')
				good = ReadObject(tree, shape, slot);
			else
				good = ReadArray(tree, shape, slot);
			tree->depth--;
			return good;
		default:
			return ReadNumber(tree, slot);
	}
}

/* Check that the text is UTF-8 */
static bool
CheckEncoding(JsonTree *tree)
{
	size_t		length = tree->end - tree->text;
	int			valid = pg_encoding_verifymbstr(PG_UTF8, tree->text, (int) length);

	if (valid == length)
		return true;
	tree->p = tree->text + valid;
	return Refuse(tree, *tree->p == '\0' ? not_json : "not UTF-8");
}

/* Read a whole text */
int
JsonTreeRead(JsonTree *tree, const JsonShape *shape, const char *text, size_t length)
{
	int			root;

	tree->text = text;
	tree->p = text;
	tree->end = text + length;
	tree->depth = 0;
	tree->error = NULL;

	root = AddNodes(tree, 1);
	if (root < 0 || !CheckEncoding(tree) || !SkipSpace(tree))
		return -1;
	tree->nodes[root].next = -1;
	if (!ReadValue(tree, shape, root))
		return -1;

	/* Nothing but white space may follow */
	while (tree->p < tree->end && JsonByteIs(*tree->p, JSON_BYTE_SPACE))
		tree->p++;
	if (tree->p < tree->end)
	{
		Refuse(tree, not_json);
		return -1;
	}
	return root;
}

/* Value of four hexadecimal digits */
static uint32
HexValue(const char *p)
{
	uint32		value = 0;

	for (int i = 0; i < 4; i++)
	{
		char		c = p[i];

		value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

/*
 * Append the character of a \u escape, which may take two of them. Returns
 * what follows, or NULL if it is no character.
 */
static const char *
UnescapeUnicode(const char *p, const char *end, StringInfo out)
{
	unsigned char bytes[8];
	uint32		code = HexValue(p + 2);

	p += 6;
	if (code >= 0xD800 && code <= 0xDBFF)
	{
		uint32		low;

		if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
			return NULL;
		low = HexValue(p + 2);
		if (low < 0xDC00 || low > 0xDFFF)
			return NULL;
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
		p += 6;
	}
	else if (code == 0 || (code >= 0xDC00 && code <= 0xDFFF))
		return NULL;

	unicode_to_utf8(code, bytes);
	appendBinaryStringInfo(out, (char *) bytes, pg_utf_mblen(bytes));
	return p;
}

/* Byte that a one-letter escape stands for */
static char
EscapedByte(char letter)
{
	switch (letter)
	{
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		default:
			return letter;
	}
}

/* Append a string's text without its escapes; the string is well formed */
bool
JsonUnescape(const char *text, size_t length, StringInfo out)
{
	const char *p = text;
	const char *end = text + length;

	while (p < end)
	{
		const char *plain = memchr(p, '\\', end - p);

		if (plain == NULL)
			plain = end;
		appendBinaryStringInfo(out, p, plain - p);
		p = plain;
		if (p == end)
			break;

		if (p[1] != 'u')
		{
			appendStringInfoChar(out, EscapedByte(p[1]));
			p += 2;
			continue;
		}
		p = UnescapeUnicode(p, end, out);
		if (p == NULL)
			return false;
	}
	return true;
}

/* Find the end of a valid value, which begins at p */
const char *
JsonValueEnd(const char *p, const char *end)
{
	const char *fault;
	bool		escaped;
	int			depth = 0;

	do
	{
		if (*p == '"')
			p = JsonStringEnd(p + 1, end, &escaped, &fault);
		else if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
	} while (p < end && (depth > 0 || (*p != ',' && !JsonByteIs(*p, JSON_BYTE_BRACKET))));
	return p;
}

/* True if a member of that name, as written, is refused */
static bool
MemberRefused(const char *name, size_t length, bool escaped,
			  bool (*refused) (const char *name, size_t length))
{
	StringInfoData plain;
	bool		answer;

	if (refused == NULL)
		return false;
	if (!escaped)
		return refused(name, length);
	initStringInfo(&plain);
	/* What cannot be read is not let through */
	answer = !JsonUnescape(name, length, &plain) || refused(plain.data, plain.len);
	pfree(plain.data);
	return answer;
}

/* Append a member's name, as written, in lower case */
static void
AppendFolded(const char *name, size_t length, bool escaped, StringInfo out)
{
	StringInfoData plain;

	/* What cannot be read is nobody's name */
	initStringInfo(&plain);
	if (!escaped || !JsonUnescape(name, length, &plain))
	{
		resetStringInfo(&plain);
		appendBinaryStringInfo(&plain, name, length);
		escaped = false;
	}
	for (int i = 0; i < plain.len; i++)
		plain.data[i] = pg_ascii_tolower((unsigned char) plain.data[i]);

	if (escaped)
		escape_json(out, plain.data);
	else
		appendStringInfo(out, "\"%s\"", plain.data);
	pfree(plain.data);
}

/* Skip white space before the end of a text */
static const char *
SkipBlanks(const char *p, const char *end)
{
	while (p < end && JsonByteIs(*p, JSON_BYTE_SPACE))
		p++;
	return p;
}

/*
 * Copy a member's name and colon, given the quotes of the name and its value;
 * returns the value, or what follows it if the member is refused.
 */
static const char *
CopyName(const char *name, const char *finish, bool escaped, const char *value,
		 const char *end, bool (*refused) (const char *name, size_t length), bool fold,
		 StringInfo out)
{
	if (MemberRefused(name + 1, finish - name - 1, escaped, refused))
	{
		/* Take back the comma set for it */
		if (out->len > 0 && out->data[out->len - 1] == ',')
			out->data[--out->len] = '\0';
		return JsonValueEnd(value, end);
	}
	if (fold)
		AppendFolded(name + 1, finish - name - 1, escaped, out);
	else
		appendBinaryStringInfo(out, name, finish + 1 - name);
	appendStringInfoChar(out, ':');
	return value;
}

/*
 * Copy a valid value without refused members. A member's name is a string
 * with a colon behind it; a refused one goes with its value and one comma.
 */
void
JsonCopyPermitted(const char *text, size_t length,
				  bool (*refused) (const char *name, size_t length), bool fold,
				  StringInfo out)
{
	const char *p = text;
	const char *end = text + length;

	while (p < end)
	{
		const char *fault;
		const char *finish;
		const char *next;
		bool		escaped;

		/* Commas are set anew, between items that stay */
		if (*p == ',' || JsonByteIs(*p, JSON_BYTE_SPACE))
		{
			p++;
			continue;
		}
		if (*p != '}' && *p != ']' && out->len > 0 &&
			strchr("{[:", out->data[out->len - 1]) == NULL)
			appendStringInfoChar(out, ',');
		if (*p != '"')
		{
			finish = JsonByteIs(*p, JSON_BYTE_BRACKET) ? p + 1 : JsonValueEnd(p, end);
			appendBinaryStringInfo(out, p, finish - p);
			p = finish;
			continue;
		}

		finish = JsonStringEnd(p + 1, end, &escaped, &fault);
		next = SkipBlanks(finish + 1, end);
		if (next < end && *next == ':')
		{
			p = CopyName(p, finish, escaped, SkipBlanks(next + 1, end), end, refused, fold, out);
			continue;
		}
		appendBinaryStringInfo(out, p, finish + 1 - p);
		p = finish + 1;
	}
}
