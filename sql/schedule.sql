-- syncing by itself

CREATE PROCEDURE @extschema@.stakesync_sync(connection text DEFAULT NULL, company name DEFAULT NULL)
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.stakesync_sync(text, name) IS 'Fetches, plans, applies what the guards pass, committing in between; a failed fetch or held plan is an error';

CREATE FUNCTION @extschema@.stakesync_schedule(schedule text, connection text DEFAULT NULL, company name DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_schedule(text, text, name) IS 'Runs stakesync_sync by pg_cron; returns the job''s number';

CREATE FUNCTION @extschema@.stakesync_unschedule(connection text DEFAULT NULL, company name DEFAULT NULL) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_unschedule(text, name) IS 'Removes the schedule of a connection; false if it had none';
