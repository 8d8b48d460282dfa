/*
 * Values that do not fit the type of their column become problems of one
 * person, not a failure of the fetch.
 */
#ifndef STAKESYNC_MISFIT_H
#define STAKESYNC_MISFIT_H

#include "postgres.h"

#include "company.h"
#include "fetch.h"

/* Take values out of the landing, which SPI has, that the employees' columns would refuse */
extern void MisfitRemove(Company *company, Fetch *fetch);

#endif							/* STAKESYNC_MISFIT_H */
