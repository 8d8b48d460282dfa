/*
 * Secrets: sealed and opened with the key file.
 */
#ifndef STAKESYNC_SECRET_H
#define STAKESYNC_SECRET_H

#include "postgres.h"

/*
 * Seal a secret. It opens only with the same bound_to: what it is for, made by
 * the caller (company, connection, hosts). Makes the key file in the data
 * directory if there is none. Palloc'd.
 */
extern bytea *SecretSeal(const char *plain, size_t len, const char *bound_to);

/*
 * Open a sealed secret, or raise an error. Palloc'd and terminated; wipe it
 * after use. len may be NULL.
 */
extern char *SecretOpen(bytea *sealed, const char *bound_to, size_t *len);

/* Overwrite a secret; freeing it is left to the caller */
extern void SecretWipe(char *plain, size_t len);

#endif							/* STAKESYNC_SECRET_H */
