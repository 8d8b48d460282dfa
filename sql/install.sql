-- stakesync: keeps a register of stakeholders in step with HR systems

CREATE FUNCTION @extschema@.stakesync_check_install(regnamespace) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.stakesync_check_install(regnamespace) IS 'Private: refuses databases and schemas in which the extension cannot be safe';

SELECT @extschema@.stakesync_check_install('@extschema@');

-- canonical forms

CREATE FUNCTION @extschema@.stakesync_canonical(text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stakesync_canonical(text) IS 'Text as it is compared: NFC, trimmed, without invisible characters, case folded';

CREATE FUNCTION @extschema@.stakesync_canonical_identifier(text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stakesync_canonical_identifier(text) IS 'An identifier as it is compared; null for what identifies nobody: blank, -, 0, n/a';

CREATE FUNCTION @extschema@.stakesync_name_key(text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stakesync_name_key(text) IS 'The words of a name in canonical form, sorted';
