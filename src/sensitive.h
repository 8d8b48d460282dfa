/*
 * Refused data: what a name or a value tells of the categories that no
 * register may keep. No database is asked.
 */
#ifndef STAKESYNC_SENSITIVE_H
#define STAKESYNC_SENSITIVE_H

#include "postgres.h"

typedef enum SensitiveCategory
{
	SENSITIVE_ETHNIC_ORIGIN,
	SENSITIVE_POLITICAL,
	SENSITIVE_RELIGION,
	SENSITIVE_TRADE_UNION,
	SENSITIVE_HEALTH,
	SENSITIVE_BIOMETRIC,
	SENSITIVE_SEX_LIFE,
	SENSITIVE_CRIMINAL_RECORD,
	SENSITIVE_BANKING,
	SENSITIVE_CREDIT_RATING,
	SENSITIVE_IDENTITY_DOCUMENT,
	SENSITIVE_US_SSN,
	SENSITIVE_COUNT
}			SensitiveCategory;

/* One term of the lists, or a rule for values, as users read it */
typedef struct SensitiveTerm
{
	const char *category;		/* NULL for neutral words */
	const char *language;		/* ISO 639-1; NULL for several */
	const char *term;
	const char *kind;
	const char *note;			/* or NULL */
} SensitiveTerm;

/* Bytes of the shortest value that can be refused */
#define SENSITIVE_LEAST_LENGTH 9

/* Name of a category; the number of a name, or -1 */
extern const char *SensitiveCategoryName(int category);
extern int	SensitiveCategoryFind(const char *name);

/* Name of the first category of a set, a bit for each; NULL for none */
extern const char *SensitiveFirst(uint32 categories);

/* The categories that a name tells of */
extern uint32 SensitiveNameCategories(const char *name, size_t length);

/*
 * The categories that a value tells of by its shape. In what identifies
 * people, digits without separators are a number like any other.
 */
extern uint32 SensitiveValueCategories(const char *text, size_t length, bool identifier);

/* The same as the name of one category, or NULL */
extern const char *SensitiveValue(const char *text, size_t length);

/* True for a field that holds numbers by which people or things are known */
extern bool SensitiveIsIdentifier(const char *field);

/* Refuse a name that tells of categories; what it is goes into the message */
extern void SensitiveRefuseField(const char *field, const char *what, uint32 categories);

/* Hand over all terms, then the rules for values */
extern void SensitiveListTerms(void (*take) (const SensitiveTerm *term, void *arg), void *arg);

#endif							/* STAKESYNC_SENSITIVE_H */
