/*
 * What makes stakesync_phone a library that PostgreSQL loads
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;
