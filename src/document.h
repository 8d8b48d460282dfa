/*
 * Reading JSON documents of ours: definitions, settings, requests.
 */
#ifndef STAKESYNC_DOCUMENT_H
#define STAKESYNC_DOCUMENT_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A document from its text */
extern Jsonb *DocumentRead(const char *text);

/* A member as text; NULL if absent or null. document may be NULL. */
extern char *DocumentText(Jsonb *document, const char *key);
extern int64 DocumentInt(Jsonb *document, const char *key, int64 otherwise);
extern bool DocumentBool(Jsonb *document, const char *key, bool otherwise);

/* A member that is an object or array; NULL if it is neither */
extern Jsonb *DocumentMember(Jsonb *document, const char *key);

/* The keys of an object (char *), the elements of an array (Jsonb * or texts) */
extern List *DocumentKeys(Jsonb *document);
extern List *DocumentElements(Jsonb *document);
extern List *DocumentTexts(Jsonb *document);

/* Append "key": "value" (or null) to an object under construction */
extern void DocumentAppend(StringInfo buf, const char *key, const char *value);
extern void DocumentAppendInt(StringInfo buf, const char *key, int64 value);

extern void DocumentAppendMember(StringInfo buf, const char *key, Jsonb *document);

/* An object with the members of another laid over it; either may be NULL */
extern Jsonb *DocumentLay(Jsonb *object, Jsonb *more);

#endif							/* STAKESYNC_DOCUMENT_H */
