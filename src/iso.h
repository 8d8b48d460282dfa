/*
 * Countries and currencies by their ISO codes. Uses ICU's tables.
 */
#ifndef STAKESYNC_ISO_H
#define STAKESYNC_ISO_H

#include "postgres.h"

/* ISO 3166-1 alpha-2 of a code (alpha-2, alpha-3) or a country's name; or NULL */
extern const char *IsoCountry(const char *text);

/* ISO 4217 code in capitals, or NULL; XXX and XTS are no currency */
extern const char *IsoCurrency(const char *text);

#endif							/* STAKESYNC_ISO_H */
