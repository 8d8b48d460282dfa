#include "postgres.h"

#include <limits.h>

#include "guc.h"
#include "utils/guc.h"

char	   *stakesync_key_file;
char	   *stakesync_allowed_hosts;
char	   *stakesync_ca_file;
char	   *stakesync_proxy;
int			stakesync_max_fetches;
int			stakesync_connect_timeout;
int			stakesync_first_byte_timeout;
int			stakesync_idle_timeout;
int			stakesync_max_retries;
int			stakesync_max_record_size;

/* Define a text setting that the worker obeys */
static void
DefineText(const char *name, const char *description, char **variable)
{
	DefineCustomStringVariable(name, description, NULL, variable, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

/* Define a whole-number setting that the worker obeys */
static void
DefineNumber(const char *name, const char *description, int *variable,
			 int initial, int least, int most, int flags)
{
	DefineCustomIntVariable(name, description, NULL, variable, initial, least, most,
							PGC_SIGHUP, flags, NULL, NULL, NULL);
}

/*
 * Define the settings. All are read from postgresql.conf only: the worker
 * does not see what a session sets.
 */
void
DefineSettings(void)
{
	DefineText("stakesync.key_file",
			   "File with the keys that seal credentials; empty for stakesync.key in the data directory.",
			   &stakesync_key_file);
	DefineText("stakesync.allowed_hosts",
			   "Hosts that may have a private address or speak plain http, separated by commas.",
			   &stakesync_allowed_hosts);
	DefineText("stakesync.ca_file",
			   "File with certificates of authorities to trust; empty for the system's.",
			   &stakesync_ca_file);
	DefineText("stakesync.proxy",
			   "Address of an HTTP proxy; empty for none.",
			   &stakesync_proxy);
	DefineNumber("stakesync.max_fetches",
				 "Number of fetches that run at a time in one database.",
				 &stakesync_max_fetches, 4, 1, 64, 0);
	DefineNumber("stakesync.connect_timeout",
				 "Time to wait for a connection to an HR system.",
				 &stakesync_connect_timeout, 15000, 100, INT_MAX, GUC_UNIT_MS);
	DefineNumber("stakesync.first_byte_timeout",
				 "Time to wait for the first byte of an answer.",
				 &stakesync_first_byte_timeout, 120000, 100, INT_MAX, GUC_UNIT_MS);
	DefineNumber("stakesync.idle_timeout",
				 "Time to wait for the next byte of an answer.",
				 &stakesync_idle_timeout, 60000, 100, INT_MAX, GUC_UNIT_MS);
	DefineNumber("stakesync.max_retries",
				 "Number of times a failed request is sent again.",
				 &stakesync_max_retries, 5, 0, 100, 0);
	DefineNumber("stakesync.max_record_size",
				 "Largest record that is read.",
				 &stakesync_max_record_size, 65536, 64, 1024 * 1024, GUC_UNIT_KB);
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved("stakesync");
#endif
}
