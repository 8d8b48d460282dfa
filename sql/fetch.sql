-- fetching

CREATE TYPE @extschema@.stakesync_fetch_row AS (
	fetch_id bigint,
	connection text,
	mode text,
	state text,
	complete boolean,
	phase text,
	started_at timestamptz,
	finished_at timestamptz,
	requests bigint,
	retries bigint,
	pages bigint,
	records bigint,
	bytes bigint,
	expected bigint,
	added bigint,
	changed bigint,
	unchanged bigint,
	missing bigint,
	message text,
	hint text,
	sqlstate text,
	rate numeric,
	seconds_left bigint
);
COMMENT ON TYPE @extschema@.stakesync_fetch_row IS 'A fetch and how it went, as in a company''s fetch_run';

CREATE FUNCTION @extschema@.stakesync_fetch(connection text DEFAULT NULL, mode text DEFAULT 'auto', wait boolean DEFAULT true,
	accept_fewer boolean DEFAULT false, company name DEFAULT NULL)
	RETURNS @extschema@.stakesync_fetch_row
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_fetch(text, text, boolean, boolean, name) IS 'Reads the people of an HR system into employee, all or nothing. mode: auto, full, incremental';

CREATE FUNCTION @extschema@.stakesync_cancel(fetch_id bigint, company name DEFAULT NULL) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_cancel(bigint, name) IS 'Cancels a running fetch; false if it was over already';
