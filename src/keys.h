/*
 * Canonical keys of employees, and who shares them.
 */
#ifndef STAKESYNC_KEYS_H
#define STAKESYNC_KEYS_H

#include "postgres.h"

#include "company.h"

/* Source fields that can identify people; NULL ends the list */
extern const char *const KeysCandidates[];

/* True if a field can be the identifier */
extern bool KeysIsCandidate(const char *field);

/* Make identifier_key and email_key again from the configured fields */
extern void KeysRebuild(Company *company, const char *connection);

/* Note which keys several present records claim */
extern void KeysFindClaims(Company *company, const char *connection);

/* Note whose line of managers leads back to himself */
extern void KeysFindCycles(Company *company, const char *connection);

#endif							/* STAKESYNC_KEYS_H */
