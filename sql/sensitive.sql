-- refused data

CREATE TYPE @extschema@.stakesync_sensitive_term_row AS (
	category text,
	language text,
	term text,
	kind text,
	note text
);
COMMENT ON TYPE @extschema@.stakesync_sensitive_term_row IS 'A term or rule by which refused data is known';

CREATE FUNCTION @extschema@.stakesync_list_sensitive_terms() RETURNS SETOF @extschema@.stakesync_sensitive_term_row
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1500;
COMMENT ON FUNCTION @extschema@.stakesync_list_sensitive_terms() IS 'What stakesync_sensitive_term shows';

CREATE VIEW @extschema@.stakesync_sensitive_term AS
SELECT t.category, t.language, t.term, t.kind, t.note FROM @extschema@.stakesync_list_sensitive_terms() t;
COMMENT ON VIEW @extschema@.stakesync_sensitive_term IS 'The words and rules by which data of the refused categories is known';
COMMENT ON COLUMN @extschema@.stakesync_sensitive_term.category IS 'The refused category; of what is innocent, the one that it would be taken for; null for neutral words';
COMMENT ON COLUMN @extschema@.stakesync_sensitive_term.language IS 'ISO 639-1; null for several';
COMMENT ON COLUMN @extschema@.stakesync_sensitive_term.kind IS 'word and phrase: refused wherever they stand; part: inside longer words too; alone: only beside neutral words; innocent: never; neutral; value rule';
GRANT SELECT ON @extschema@.stakesync_sensitive_term TO PUBLIC;

CREATE FUNCTION @extschema@.stakesync_sensitive_name(name text) RETURNS text[]
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stakesync_sensitive_name(text) IS 'The refused categories that a name of a field or member tells of; null for none';

CREATE FUNCTION @extschema@.stakesync_sensitive_value(value text, field text DEFAULT NULL) RETURNS text[]
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stakesync_sensitive_value(text, text) IS 'The refused categories that a value tells of by its shape, in a field of that name; null for none';

CREATE FUNCTION @extschema@.stakesync_allow_sensitive(category text, field text, reason text, until timestamptz,
	connection text DEFAULT NULL, company name DEFAULT NULL)
	RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_allow_sensitive(text, text, text, timestamptz, text, name)
	IS 'Lets a refused category into one field, for a year at most; recorded';

CREATE FUNCTION @extschema@.stakesync_revoke_sensitive(category text, field text, connection text DEFAULT NULL, company name DEFAULT NULL)
	RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_revoke_sensitive(text, text, text, name)
	IS 'Revokes an exception and erases what it let in; returns how many values that were';
