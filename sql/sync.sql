-- plan, apply, revert

CREATE TYPE @extschema@.stakesync_sync_row AS (
	sync_id bigint,
	connection text,
	kind text,
	state text,
	planned_at timestamptz,
	planned_by text,
	applied_at timestamptz,
	applied_by text,
	created bigint,
	updated bigint,
	unchanged bigint,
	excluded bigint,
	conflicts bigint,
	invalid bigint,
	missing bigint,
	kept bigint,
	stale bigint,
	failed bigint,
	message text,
	hint text
);
COMMENT ON TYPE @extschema@.stakesync_sync_row IS 'A sync and what became of it, as in a company''s sync_run';

CREATE FUNCTION @extschema@.stakesync_plan(connection text DEFAULT NULL, identifiers text[] DEFAULT NULL, company name DEFAULT NULL)
	RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_plan(text, text[], name)
	IS 'Freezes the preview under a number, of all people or of those with these identifiers; discards the connection''s older plan';

CREATE FUNCTION @extschema@.stakesync_apply(sync_id bigint, identifiers text[] DEFAULT NULL, force boolean DEFAULT false,
	company name DEFAULT NULL)
	RETURNS @extschema@.stakesync_sync_row
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_apply(bigint, text[], boolean, name)
	IS 'Applies exactly that plan to the register; what changed since is stale and left; force releases a plan that the guards hold';

CREATE FUNCTION @extschema@.stakesync_discard(sync_id bigint, company name DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_discard(bigint, name) IS 'Discards a plan';

CREATE FUNCTION @extschema@.stakesync_revert(sync_id bigint, remove_created boolean DEFAULT false, company name DEFAULT NULL)
	RETURNS @extschema@.stakesync_sync_row
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_revert(bigint, boolean, name)
	IS 'Undoes a sync where the register still carries its values, and pauses the connection; the people it created stay unless told to remove them';

CREATE FUNCTION @extschema@.stakesync_resume(connection text DEFAULT NULL, company name DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_resume(text, name) IS 'Lets a connection go on that a revert paused';
