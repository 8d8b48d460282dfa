-- HR systems that ship

CREATE TABLE @extschema@.stakesync_provider (
	provider text PRIMARY KEY,
	name text NOT NULL,
	via text NOT NULL CHECK (via IN ('direct', 'merge')),
	credentials jsonb NOT NULL,
	recommended_identifiers jsonb NOT NULL,
	terms text NOT NULL,
	guide text NOT NULL,
	docs_url text,
	definition jsonb NOT NULL,
	verified_against text
);
COMMENT ON TABLE @extschema@.stakesync_provider IS 'The HR systems that ship with stakesync, and what each needs to be connected';
COMMENT ON COLUMN @extschema@.stakesync_provider.credentials IS 'Per login method: key, label, secret, where to find it';
COMMENT ON COLUMN @extschema@.stakesync_provider.recommended_identifiers IS 'Fields that identify people well, best first';
COMMENT ON COLUMN @extschema@.stakesync_provider.terms IS 'What accept_terms => true accepts';
COMMENT ON COLUMN @extschema@.stakesync_provider.guide IS 'How to get the credentials';
GRANT SELECT ON @extschema@.stakesync_provider TO PUBLIC;

CREATE FUNCTION @extschema@.stakesync_ship_provider(definition jsonb) RETURNS void
	BEGIN ATOMIC
	INSERT INTO @extschema@.stakesync_provider
	SELECT definition ->> 'provider', definition ->> 'name', coalesce(definition ->> 'via', 'direct'),
		(SELECT pg_catalog.jsonb_object_agg(m.key, m.value -> 'credentials') FROM pg_catalog.jsonb_each(definition -> 'methods') m),
		definition -> 'recommended_identifiers', definition ->> 'terms', definition ->> 'guide', definition ->> 'docs_url',
		definition, definition ->> 'verified_against';
	END;
COMMENT ON FUNCTION @extschema@.stakesync_ship_provider(jsonb) IS 'Private: stores a provider that ships';
REVOKE ALL ON FUNCTION @extschema@.stakesync_ship_provider(jsonb) FROM PUBLIC;
