/*
 * Lists of names (char *).
 */
#ifndef STAKESYNC_NAMES_H
#define STAKESYNC_NAMES_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* True if a list has a name */
extern bool NamesHave(List *names, const char *name);

/* All of a list as one text */
extern char *NamesJoin(List *names, const char *separator);

#endif							/* STAKESYNC_NAMES_H */
