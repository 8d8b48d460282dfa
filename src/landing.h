/*
 * Landing: what a fetch has read, before it becomes the picture.
 */
#ifndef STAKESYNC_LANDING_H
#define STAKESYNC_LANDING_H

#include "postgres.h"

#include "mapping.h"
#include "utils/uuid.h"

typedef struct Landing Landing;

/* Keys that go with a record */
typedef struct LandingKeys
{
	char	   *identifier;
	char	   *email;
	char	   *name;
} LandingKeys;

extern Landing *LandingOpen(List *rules);

/* Land a record that is as before */
extern void LandingPutSame(Landing *landing, const char *remote_id);

/* Land a record that is new or changed */
extern void LandingPut(Landing *landing, const MappedRecord *record,
					   const LandingKeys *keys, const pg_uuid_t *hash);

/* Forget all that landed */
extern void LandingClear(Landing *landing);

/* Records landed, twice ones counted twice */
extern int64 LandingCount(const Landing *landing);

/*
 * Give SPI the landing as the relation "landing"; leaves the last of each
 * record. Returns the number of distinct records.
 */
extern int64 LandingExpose(Landing *landing);

/*
 * While SPI has it: take the values of a rule out that the relation of that
 * name has as "value"; they become a problem of their people
 */
extern void LandingRefuse(Landing *landing, int rule, const char *relation, const char *message);

/* Take it back from SPI */
extern void LandingHide(Landing *landing);

/* Name of the column that holds a rule's value */
#define LandingColumn(i) psprintf("v%d", (i) + 1)

#endif							/* STAKESYNC_LANDING_H */
