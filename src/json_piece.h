/*
 * Pieces of JSON objects as text: looking one up, putting objects together.
 * Values stay as the source wrote them.
 */
#ifndef STAKESYNC_JSON_PIECE_H
#define STAKESYNC_JSON_PIECE_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct JsonPicker JsonPicker;

/*
 * Compile a path, which must be one that can be followed to its end. Lives in
 * CurrentMemoryContext and grows there; what is picked does not.
 */
extern JsonPicker *JsonPickerCreate(const char *path, bool ignore_case);

/*
 * Text of the first value that is not null, unescaped and trimmed as in a
 * mapping; NULL if there is none, it is a container or empty, or the record
 * cannot be read
 */
extern char *JsonPickText(JsonPicker *picker, const char *record, size_t length);

/*
 * The first value, null included, as it stands in the record, strings with
 * their quotes; false if there is none, or the record cannot be read
 */
extern bool JsonPickRaw(JsonPicker *picker, const char *record, size_t length,
						const char **start, size_t *raw_length);

/*
 * Append two objects made one, all the way down. A member of both is one
 * object if both values are; else b's value wins, unless it is null. Members
 * come in the order of a, then of b. What is no JSON is passed on, a before b,
 * so that whoever reads the result learns what is wrong.
 */
extern void JsonMergeObjects(const char *a, size_t a_length, const char *b, size_t b_length,
							 StringInfo out);

/*
 * Add a member to the end of an object; an empty text becomes one. value is
 * JSON. A member of that name that is there already counts no more.
 */
extern void JsonAppendMember(StringInfo record, const char *name, const char *value,
							 size_t length);

#endif							/* STAKESYNC_JSON_PIECE_H */
