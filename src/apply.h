/*
 * Applying a plan to the register.
 */
#ifndef STAKESYNC_APPLY_H
#define STAKESYNC_APPLY_H

#include "postgres.h"

#include "company.h"
#include "writer.h"

/*
 * Apply a plan, to the people with these identifiers (a text[], or 0 for all).
 * A plan that the guards hold is only marked so unless forced; read the row's
 * state. Assumes an entered context.
 */
extern void ApplyPlan(Company *company, int64 sync_id, Datum identifiers, bool force);

/*
 * Statement for a writer that updates the register from the changes' after.
 * Values there are texts as the preview has them, or real JSON as to_jsonb
 * makes it.
 */
extern char *ApplyUpdateStatement(Company *company, Datum change_ids, bool real_json);

/* Lock the stakeholders that changes are to write; those that others hold are stale */
extern void ApplyLockStakeholders(Writer *writer, Datum change_ids);

/* What such a writer does with changes that fail, and which go together */
extern const char *const apply_failed;
extern const char *const apply_pairs;

#endif							/* STAKESYNC_APPLY_H */
