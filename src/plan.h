/*
 * Plans: a preview frozen under a number.
 */
#ifndef STAKESYNC_PLAN_H
#define STAKESYNC_PLAN_H

#include "postgres.h"

#include "company.h"

/*
 * Freeze a connection's preview, of the people with these identifiers (a
 * text[], or 0 for all); the older plan goes. Assumes an entered context.
 */
extern int64 PlanMake(Company *company, const char *connection, Datum identifiers);

/*
 * Records of the people with these identifiers, as text[]; raises for an
 * identifier that nobody has. 0 for 0.
 */
extern Datum PlanFindPeople(Company *company, const char *connection, Datum identifiers);

#endif							/* STAKESYNC_PLAN_H */
