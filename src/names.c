#include "postgres.h"

#include "lib/stringinfo.h"
#include "names.h"

/* True if a list has a name */
bool
NamesHave(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
		return true;
	return false;
}

/* All of a list as one text */
char *
NamesJoin(List *names, const char *separator)
{
	StringInfoData words;
	ListCell   *lc;

	initStringInfo(&words);
	foreach(lc, names)
		appendStringInfo(&words, "%s%s", foreach_current_index(lc) > 0 ? separator : "", (char *) lfirst(lc));
	return words.data;
}
