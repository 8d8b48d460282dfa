/*
 * Discovery: which fields an HR system has, where requests must name them.
 */
#ifndef STAKESYNC_DISCOVER_H
#define STAKESYNC_DISCOVER_H

#include "postgres.h"

#include "source.h"

/*
 * The names of fields to ask for, in batches (List of List of char *); NIL
 * where the stream's requests name none. roots: members with which paths
 * that users mapped begin.
 */
extern List *DiscoverBatches(Jsonb *definition, const SourceStream *people, List *roots, Source *source);

#endif							/* STAKESYNC_DISCOVER_H */
