-- looking at a connection

CREATE TYPE @extschema@.stakesync_check_row AS (
	item text,
	ok boolean,
	detail text,
	hint text
);
COMMENT ON TYPE @extschema@.stakesync_check_row IS 'One thing that was checked: ok is null where it cannot be known';

CREATE FUNCTION @extschema@.stakesync_check(connection text DEFAULT NULL, company name DEFAULT NULL)
	RETURNS SETOF @extschema@.stakesync_check_row
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_check(text, name) IS 'Asks the HR system what the credentials may see: login, streams and permissions, leavers, identifier, limits. Changes nothing';

CREATE FUNCTION @extschema@.stakesync_peek(remote_id_or_identifier text, connection text DEFAULT NULL, company name DEFAULT NULL)
	RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_peek(text, text, name) IS 'Asks the HR system for one person: what is mapped, what becomes of it, and which conditions hold. Stores nothing, but notes who looked';
