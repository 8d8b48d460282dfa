/*
 * Members of a source record that are never read.
 */
#ifndef STAKESYNC_SCRUB_H
#define STAKESYNC_SCRUB_H

#include "postgres.h"

/* True for the name of a member with refused data */
extern bool ScrubRefuses(const char *name, size_t length);

#endif							/* STAKESYNC_SCRUB_H */
