/*
 * Canonical forms of text: what compares as equal. Uses ICU.
 */
#ifndef STAKESYNC_CANONICAL_H
#define STAKESYNC_CANONICAL_H

#include "postgres.h"

/*
 * Canonical key of an identifier, email or name: NFC, trimmed, invisible
 * characters out, white space runs one blank, full case folding without
 * locale. NULL if nothing is left. Palloc'd.
 */
extern char *CanonicalKey(const char *text, size_t length);

/* As CanonicalKey, but NULL too for what stands for nothing: - 0 n/a none null */
extern char *CanonicalIdentifier(const char *text, size_t length);

/* Words of a name, canonical, sorted, one blank between; NULL if none */
extern char *CanonicalNameKey(const char *text, size_t length);

/* Equal as values of a field: same after NFC and trimming; case counts */
extern bool CanonicalEqual(const char *a, size_t a_length, const char *b, size_t b_length);

/* Case folding for comparisons in conditions: NFC, full folding. Palloc'd. */
extern char *CanonicalFold(const char *text, size_t length);

/* First position and length of trimmed text (Unicode white space, invisible) */
extern void CanonicalTrim(const char *text, size_t length, size_t *start, size_t *trimmed);

#endif							/* STAKESYNC_CANONICAL_H */
