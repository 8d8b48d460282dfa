/*
 * Pace: how many requests may start within a time.
 */
#ifndef STAKESYNC_PACE_H
#define STAKESYNC_PACE_H

#include "postgres.h"

#include "utils/timestamp.h"

typedef struct Pace Pace;

/* No more than requests within seconds */
extern Pace *PaceCreate(int requests, int seconds);

/* Milliseconds until another may start, 0 for now */
extern int64 PaceWait(const Pace *pace, TimestampTz now);

/* One starts */
extern void PaceTake(Pace *pace, TimestampTz now);

#endif							/* STAKESYNC_PACE_H */
