#include "postgres.h"

#include "scrub.h"
#include "sensitive.h"

/* Names of members that are keys to something, without case and punctuation */
static const char *const secret_names[] = {"calendarfeedtoken"};

/* True if a member's name, without case and punctuation, is a refused one */
static bool
SameName(const char *refused, const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = pg_ascii_tolower((unsigned char) name[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			continue;
		if (*refused++ != c)
			return false;
	}
	return *refused == '\0';
}

/* True for the name of a member that is never read */
bool
ScrubRefuses(const char *name, size_t length)
{
	for (int i = 0; i < lengthof(secret_names); i++)
		if (SameName(secret_names[i], name, length))
			return true;
	return SensitiveNameCategories(name, length) != 0;
}
