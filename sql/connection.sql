-- connections

CREATE TYPE @extschema@.stakesync_connect_row AS (
	connection text,
	state text,
	next_step text
);
COMMENT ON TYPE @extschema@.stakesync_connect_row IS 'A connection, its state and what to do next';

CREATE FUNCTION @extschema@.stakesync_connect(provider text, credentials jsonb DEFAULT NULL, connection text DEFAULT NULL,
	settings jsonb DEFAULT NULL, method text DEFAULT NULL, accept_terms boolean DEFAULT NULL, company name DEFAULT NULL)
	RETURNS @extschema@.stakesync_connect_row
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_connect(text, jsonb, text, jsonb, text, boolean, name) IS 'Connects an HR system: checks the credentials with a real call and stores them encrypted. With the provider alone: says what is needed';

CREATE FUNCTION @extschema@.stakesync_complete_link(token text, connection text DEFAULT NULL, company name DEFAULT NULL)
	RETURNS @extschema@.stakesync_connect_row
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_complete_link(text, text, name) IS 'Finishes a login at a provider''s website: takes Merge''s public token, or an authorization code';

CREATE FUNCTION @extschema@.stakesync_disconnect(connection text DEFAULT NULL, erase boolean DEFAULT false, company name DEFAULT NULL)
	RETURNS @extschema@.stakesync_connect_row
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_disconnect(text, boolean, name) IS 'Revokes at the provider where it can, deletes credentials and employees; links, mapping, conditions and settings stay unless erase';

CREATE TYPE @extschema@.stakesync_configure_row AS (
	field text,
	employees bigint,
	filled bigint,
	distinct_values bigint,
	would_match bigint,
	chosen boolean,
	note text
);
COMMENT ON TYPE @extschema@.stakesync_configure_row IS 'A field that can identify people, and how well';

CREATE FUNCTION @extschema@.stakesync_configure(identifier text DEFAULT NULL, email text DEFAULT NULL, import text[] DEFAULT NULL,
	settings jsonb DEFAULT NULL, precedence integer DEFAULT NULL, connection text DEFAULT NULL, company name DEFAULT NULL)
	RETURNS SETOF @extschema@.stakesync_configure_row
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_configure(text, text, text[], jsonb, integer, text, name) IS 'Chooses identifier, email and optional fields; without arguments changes nothing and lists the candidate identifiers';
