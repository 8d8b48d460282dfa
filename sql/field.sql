-- fields and mappings

CREATE FUNCTION @extschema@.stakesync_add_field(field text, type text DEFAULT 'text', label text DEFAULT NULL, choices text[] DEFAULT NULL,
	company name DEFAULT NULL)
	RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_add_field(text, text, text, text[], name)
	IS 'Adds a custom field: a column of the register, of any type, with a label and maybe the only values it takes';

CREATE FUNCTION @extschema@.stakesync_rename_field(field text, new_name text, company name DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_rename_field(text, text, name)
	IS 'Renames a custom field; views, mapping, conditions and history follow';

CREATE FUNCTION @extschema@.stakesync_drop_field(field text, company name DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_drop_field(text, name)
	IS 'Drops a custom field; refused while it is mapped, filled by hand or used, naming by what';

CREATE FUNCTION @extschema@.stakesync_map(field text, path text, transform text DEFAULT NULL, mode text DEFAULT NULL,
	on_null text DEFAULT NULL, review boolean DEFAULT NULL, connection text DEFAULT NULL, company name DEFAULT NULL)
	RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_map(text, text, text, text, text, boolean, text, name)
	IS 'Fills a field from a path of the source''s records, from the next fetch on; what is left out stays as it is';

CREATE FUNCTION @extschema@.stakesync_unmap(field text, connection text DEFAULT NULL, company name DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_unmap(text, text, name)
	IS 'Stops filling a field from a connection; the register keeps its values';

-- called by the view field

CREATE TYPE @extschema@.stakesync_field_info_row AS (
	field text,
	label text,
	type text,
	kind text,
	visible boolean,
	used_by text[]
);
COMMENT ON TYPE @extschema@.stakesync_field_info_row IS 'A field of a register, and what in the database uses it';

CREATE FUNCTION @extschema@.stakesync_field_info(register record) RETURNS SETOF @extschema@.stakesync_field_info_row
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 30 COST 10000;
COMMENT ON FUNCTION @extschema@.stakesync_field_info(record)
	IS 'The fields of a register, given by the type of its rows, and what in the database uses them; called by the view field';

CREATE FUNCTION @extschema@.stakesync_count_fields_step(state internal, stakeholder record, employee record, config jsonb,
	said jsonb, never text[], manager_id bigint)
	RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stakesync_count_fields_step(internal, record, record, jsonb, jsonb, text[], bigint) IS 'A step of stakesync_count_fields';

CREATE FUNCTION @extschema@.stakesync_count_fields_end(state internal) RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stakesync_count_fields_end(internal) IS 'The end of stakesync_count_fields';

CREATE AGGREGATE @extschema@.stakesync_count_fields(stakeholder record, employee record, config jsonb, said jsonb, never text[],
	manager_id bigint) (
	SFUNC = @extschema@.stakesync_count_fields_step,
	STYPE = internal,
	SSPACE = 1048576,
	FINALFUNC = @extschema@.stakesync_count_fields_end,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.stakesync_count_fields(record, record, jsonb, jsonb, text[], bigint)
	IS 'How full each field of a register is, and with what HR last said; called by the view field';
