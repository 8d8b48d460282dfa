#include "postgres.h"

#include "closest.h"
#include "mb/pg_wchar.h"
#include "utils/varlena.h"

/* Mistyped letters that a suggestion forgives */
#define CLOSE_ENOUGH 2

/* A word as column names are written */
static char *
PlainWord(const char *word)
{
	char	   *plain = pnstrdup(word, pg_mbcliplen(word, strlen(word), NAMEDATALEN - 1));

	for (char *p = plain; *p != '\0'; p++)
		*p = *p == ' ' || *p == '-' ? '_' : pg_ascii_tolower(*p);
	return plain;
}

/* Find the word that takes the fewest changes */
static const char *
FindByDistance(const char *word, List *words)
{
	int			length = strlen(word);
	int			allowed = Min(CLOSE_ENOUGH, (length + 1) / 3);
	const char *closest = NULL;
	ListCell   *lc;

	foreach(lc, words)
	{
		char	   *other = PlainWord(lfirst(lc));
		int			distance;

		if (allowed < 0)
			break;
		distance = varstr_levenshtein_less_equal(word, length, other, strlen(other),
												 1, 1, 1, allowed, true);
		if (distance <= allowed)
		{
			closest = lfirst(lc);
			allowed = distance - 1;
		}
	}
	return closest;
}

/* True if a name has another one as some of its words */
static bool
HasWords(const char *name, const char *words)
{
	size_t		length = strlen(words);

	if (length == 0)
		return false;
	for (const char *p = strstr(name, words); p != NULL; p = strstr(p + 1, words))
	{
		if ((p == name || p[-1] == '_') && (p[length] == '\0' || p[length] == '_'))
			return true;
	}
	return false;
}

/* Find a word that has the given one as some of its words, or the other way round */
static const char *
FindByWords(const char *word, List *words)
{
	ListCell   *lc;

	if (*word == '\0')
		return NULL;
	foreach(lc, words)
	{
		if (HasWords(lfirst(lc), word))
			return lfirst(lc);
	}
	foreach(lc, words)
	{
		if (HasWords(word, lfirst(lc)))
			return lfirst(lc);
	}
	return NULL;
}

/* The word closest to a mistyped one */
const char *
ClosestWord(const char *word, List *words)
{
	char	   *plain = PlainWord(word);
	const char *closest = FindByDistance(plain, words);

	return closest ? closest : FindByWords(plain, words);
}
