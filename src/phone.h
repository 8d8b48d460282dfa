/*
 * Phone numbers by libphonenumber, behind a C face. Lives in its own library
 * (stakesync_phone), loaded when the first phone number is met.
 */
#ifndef STAKESYNC_PHONE_H
#define STAKESYNC_PHONE_H

#ifdef __cplusplus
extern "C"
{
#endif

/* E.164 is at most a plus and 15 digits */
#define PHONE_BUFFER_SIZE 32

typedef enum PhoneResult
{
	PHONE_OK,
	PHONE_NO_COUNTRY_CODE,		/* needs a country code or a region */
	PHONE_INVALID,				/* not a number of that country */
	PHONE_NOT_A_NUMBER,			/* no phone number in it */
	PHONE_FAILED				/* out of memory or the like */
} PhoneResult;

/*
 * Write text as E.164 into buffer. region is an ISO country or NULL. Never
 * throws.
 */
typedef PhoneResult (*PhoneFormat) (const char *text, const char *region,
									char *buffer);

extern PhoneResult stakesync_phone_format(const char *text, const char *region,
										  char *buffer);

#ifdef __cplusplus
}
#endif

#endif							/* STAKESYNC_PHONE_H */
