#include "postgres.h"

#include "fmgr.h"
#include "guc.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

/* Initialize the library */
void
_PG_init(void)
{
	DefineSettings();
}
