/*
 * Attempts: what may fail without failing the statement.
 */
#ifndef STAKESYNC_ATTEMPT_H
#define STAKESYNC_ATTEMPT_H

#include "postgres.h"

/*
 * Do work in a subtransaction. NULL, or the error that it raised and that was
 * undone. Without keep what it did is undone in any case, locks included.
 */
extern ErrorData *Attempt(void (*work) (void *arg), void *arg, bool keep);

/* True if an error is not the fault of a row or value */
extern bool AttemptErrorIsGeneral(int sqlerrcode);

#endif							/* STAKESYNC_ATTEMPT_H */
