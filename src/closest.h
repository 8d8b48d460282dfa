/*
 * Suggestions for mistyped words.
 */
#ifndef STAKESYNC_CLOSEST_H
#define STAKESYNC_CLOSEST_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* The one of some words (char *) that is closest to a mistyped one; NULL if none is near */
extern const char *ClosestWord(const char *word, List *words);

#endif							/* STAKESYNC_CLOSEST_H */
