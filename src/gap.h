/*
 * Gaps: for how many people the HR system lacks each mapped field.
 */
#ifndef STAKESYNC_GAP_H
#define STAKESYNC_GAP_H

#include "postgres.h"

#include "company.h"

/* Count anew, in the transaction that changes the picture; data_gap shows it */
extern void GapCount(Company *company, const char *connection);

#endif							/* STAKESYNC_GAP_H */
