-- the preview

CREATE TYPE @extschema@.stakesync_preview_row AS (
	connection text,
	remote_id text,
	stakeholder_id bigint,
	identifier text,
	name text,
	action text,
	match text,
	changes jsonb,
	problems jsonb,
	reason text,
	as_of timestamptz
);
COMMENT ON TYPE @extschema@.stakesync_preview_row IS 'A person of the preview, as in a company''s preview';

CREATE FUNCTION @extschema@.stakesync_preview(connection text DEFAULT NULL, company name DEFAULT NULL)
	RETURNS SETOF @extschema@.stakesync_preview_row
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_preview(text, name) IS 'Who would be created or updated, and who cannot be: all but the excluded, and the unchanged without review or problem';
