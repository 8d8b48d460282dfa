/*
 * Reading JSON text: pieces of the grammar, and a reader that keeps only the
 * places it was told of.
 */
#ifndef STAKESYNC_JSON_H
#define STAKESYNC_JSON_H

#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "lib/stringinfo.h"
#include "port/pg_bitutils.h"

#if PG_VERSION_NUM < 180000 && !defined(pg_noreturn)
#define pg_noreturn pg_attribute_noreturn()
#endif

/* Containers inside each other in one record */
#define JSON_MAX_DEPTH 512

/* Nodes kept of one record */
#define JSON_MAX_NODES 200000

/* What a byte is, outside strings and inside */
#define JSON_BYTE_SPACE		0x01
#define JSON_BYTE_DIGIT		0x02
#define JSON_BYTE_BRACKET	0x04	/* { } [ ] */
#define JSON_BYTE_STRANGE	0x08	/* nowhere outside a string */
#define JSON_BYTE_CONTROL	0x10
#define JSON_BYTE_QUOTE		0x20	/* " */
#define JSON_BYTE_BACKSLASH 0x40
#define JSON_BYTE_HIGH		0x80	/* part of a character beyond ASCII */

extern const uint8 json_bytes[256];

#define JsonByteIs(c, classes) ((json_bytes[(unsigned char) (c)] & (classes)) != 0)

typedef enum JsonKind
{
	JSON_KIND_ABSENT,
	JSON_KIND_NULL,
	JSON_KIND_BOOLEAN,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_OBJECT,
	JSON_KIND_ARRAY
} JsonKind;

/* What to keep of a value: a trie of member names and array elements */
typedef struct JsonShape JsonShape;

typedef struct JsonShapeMember
{
	const char *name;
	size_t		length;
	JsonShape  *shape;
} JsonShapeMember;

struct JsonShape
{
	int			count;
	JsonShapeMember *members;
	JsonShape  *element;		/* of each array element, or NULL */
	uint8		case_bits;		/* 0x20 where ASCII case is ignored, else 0 */
	uint64		lengths;		/* a bit for each length of a name, modulo 64 */

	/* Hash table of positions in members plus one */
	uint32		mask;
	uint16	   *table;
};

/* A value that was kept */
typedef struct JsonNode
{
	JsonKind	kind;
	bool		escaped;		/* a string with backslashes */
	uint32		length;
	const char *start;			/* as written; a string without its quotes */
	const JsonShape *shape;
	int			first;			/* object: node of the shape's first member;
								 * array: first element or -1 */
	int			next;			/* next element of the same array or -1 */
} JsonNode;

typedef struct JsonTree
{
	JsonNode   *nodes;
	int			count;
	int			size;

	/* Where the reader is */
	const char *text;
	const char *p;
	const char *end;
	int			depth;

	/* What is wrong */
	const char *error;			/* static text or NULL */
	size_t		error_offset;
} JsonTree;

/* A shape that keeps nothing below so far; its names may be without ASCII case */
extern JsonShape *JsonShapeCreate(bool ignore_case);

/* The member's shape, made if it is not there */
extern JsonShape *JsonShapeMemberAdd(JsonShape *shape, const char *name, size_t length);

/* The elements' shape, made if it is not there */
extern JsonShape *JsonShapeElementAdd(JsonShape *shape);

/* Position of a member, or -1 */
extern int	JsonShapeFind(const JsonShape *shape, const char *name, size_t length);

extern JsonTree *JsonTreeCreate(void);

/* Forget all nodes */
extern void JsonTreeReset(JsonTree *tree);

extern void JsonTreeFree(JsonTree *tree);

/*
 * Check text as JSON and keep what the shape names. Returns the node of the
 * whole value, or -1 with error and error_offset set. Nodes point into text.
 */
extern int	JsonTreeRead(JsonTree *tree, const JsonShape *shape, const char *text,
						 size_t length);

/*
 * Append a string's text without its escapes. False if it holds U+0000 or half
 * a surrogate pair, which no text can.
 */
extern bool JsonUnescape(const char *text, size_t length, StringInfo out);

/*
 * Find the quote that ends a string, given what follows the opening one.
 * NULL if the string is not well formed; then *fault is the place.
 */
extern const char *JsonStringEnd(const char *p, const char *end, bool *escaped,
								 const char **fault);

/* The end of a valid value that begins at p; blanks behind a scalar may belong to it */
extern const char *JsonValueEnd(const char *p, const char *end);

/*
 * Copy a valid value without the members that are refused by name (NULL: none
 * is). fold: names in lower case, as far as they are ASCII.
 */
extern void JsonCopyPermitted(const char *text, size_t length,
							  bool (*refused) (const char *name, size_t length),
							  bool fold, StringInfo out);

/* Skip to the next byte that is special inside a string */
static inline const char *
JsonPlainEnd(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i control = _mm_set1_epi8(0x1F);

	while (end - p >= 16)
	{
		__m128i		bytes = _mm_loadu_si128((const __m128i *) p);
		__m128i		special = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
										   _mm_cmpeq_epi8(bytes, backslash));
		int			found;

		special = _mm_or_si128(special,
							   _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
		found = _mm_movemask_epi8(special);
		if (found != 0)
			return p + pg_rightmost_one_pos32((uint32) found);
		p += 16;
	}
#endif

	while (p < end && !JsonByteIs(*p, JSON_BYTE_QUOTE | JSON_BYTE_BACKSLASH | JSON_BYTE_CONTROL))
		p++;
	return p;
}

#endif							/* STAKESYNC_JSON_H */
