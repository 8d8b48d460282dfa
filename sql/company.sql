-- companies

CREATE FUNCTION @extschema@.stakesync_create_company(company name, timezone text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_create_company(name, text) IS 'Makes a company: a schema with register, employees, connections. timezone decides when a day ends; default: the session''s';

CREATE FUNCTION @extschema@.stakesync_upgrade_company(company name DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_upgrade_company(name) IS 'Brings a company, or all that one owns, up to the installed version; puts views and triggers back';

CREATE FUNCTION @extschema@.stakesync_drop_company(company name, confirm name) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.stakesync_drop_company(name, name) IS 'Drops a company and its register; confirm is its name once more';

CREATE VIEW @extschema@.stakesync_company AS
SELECT n.nspname AS company, pg_catalog.pg_get_userbyid(c.relowner) AS owner
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = '_company' AND c.relkind = 'r' AND c.relpersistence <> 't'
	AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
	AND EXISTS (SELECT FROM pg_catalog.pg_class s WHERE s.relnamespace = n.oid AND s.relname = 'stakeholder');
COMMENT ON VIEW @extschema@.stakesync_company IS 'The companies one may see';
GRANT SELECT ON @extschema@.stakesync_company TO PUBLIC;

-- triggers of a company's tables

CREATE FUNCTION @extschema@.stakesync_register_keys() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.stakesync_register_keys() IS 'Private: fills the canonical keys of a stakeholder';

CREATE FUNCTION @extschema@.stakesync_register_record() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.stakesync_register_record() IS 'Private: records what a hand changes in the register';

CREATE FUNCTION @extschema@.stakesync_refuse_dml() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.stakesync_refuse_dml() IS 'Private: refuses writing by hand to what stakesync records';
