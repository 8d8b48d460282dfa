-- deciding functions: what the views of a company call

CREATE TYPE @extschema@.stakesync_decision AS (
	identifier text,
	name text,
	action text,
	changes jsonb,
	problems jsonb,
	reason text,
	fields jsonb
);
COMMENT ON TYPE @extschema@.stakesync_decision IS 'What a sync would do to one person';

CREATE FUNCTION @extschema@.stakesync_decide(config jsonb, employee record, stakeholder record, match text, namesakes bigint,
	rivals text[], holder text, deleted boolean, duplicate boolean, said jsonb, never text[], pins jsonb,
	manager record, manager_id bigint, manager_claimed boolean, manager_cycle text, old_manager text,
	detailed boolean DEFAULT false, said_manager_id bigint DEFAULT NULL)
	RETURNS @extschema@.stakesync_decision
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.stakesync_decide(jsonb, record, record, text, bigint, text[], text, boolean, boolean, jsonb, text[], jsonb, record, bigint, boolean, text, text, boolean, bigint)
	IS 'What a sync would do to one person; called by the preview';

CREATE FUNCTION @extschema@.stakesync_in_scope(config jsonb, employee record) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.stakesync_in_scope(jsonb, record) IS 'Whether all conditions of a connection hold for an employee';

CREATE FUNCTION @extschema@.stakesync_unsettled(config jsonb, employee record, stakeholder record, said jsonb, never text[],
	linked boolean, manager_id bigint)
	RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.stakesync_unsettled(jsonb, record, record, jsonb, text[], boolean, bigint)
	IS 'What remains to be remembered of what HR said once equal fields are settled; null if nothing does';

CREATE FUNCTION @extschema@.stakesync_condition_text(field text, operator text, any_of text[]) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stakesync_condition_text(text, text, text[]) IS 'A condition in words';

-- conditions

CREATE FUNCTION @extschema@.stakesync_sync_if(field text, operator text, any_of text[] DEFAULT '{}', connection text DEFAULT NULL,
	company name DEFAULT NULL)
	RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_sync_if(text, text, text[], text, name)
	IS 'Makes a condition: only people who meet all conditions are synced. Any of the values suffices';

CREATE FUNCTION @extschema@.stakesync_drop_condition(condition_id bigint, company name DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_drop_condition(bigint, name) IS 'Drops a condition';
