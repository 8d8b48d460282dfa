/*
 * Settings.
 */
#ifndef STAKESYNC_GUC_H
#define STAKESYNC_GUC_H

#include "postgres.h"

extern char *stakesync_key_file;
extern char *stakesync_allowed_hosts;
extern char *stakesync_ca_file;
extern char *stakesync_proxy;
extern int	stakesync_max_fetches;
extern int	stakesync_connect_timeout;
extern int	stakesync_first_byte_timeout;
extern int	stakesync_idle_timeout;
extern int	stakesync_max_retries;
extern int	stakesync_max_record_size;

extern void DefineSettings(void);

#endif							/* STAKESYNC_GUC_H */
