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
	-- one that is reached directly comes before one of the catalogue
	INSERT INTO @extschema@.stakesync_provider AS p
	SELECT definition ->> 'provider', definition ->> 'name', 'direct',
		(SELECT pg_catalog.jsonb_object_agg(m.key, m.value -> 'credentials') FROM pg_catalog.jsonb_each(definition -> 'methods') m),
		definition -> 'recommended_identifiers', definition ->> 'terms', definition ->> 'guide', definition ->> 'docs_url',
		definition - 'integrations', definition ->> 'verified_against'
	ON CONFLICT (provider) DO UPDATE SET name = excluded.name, via = excluded.via, credentials = excluded.credentials,
		recommended_identifiers = excluded.recommended_identifiers, terms = excluded.terms, guide = excluded.guide,
		docs_url = excluded.docs_url, definition = excluded.definition, verified_against = excluded.verified_against;

	-- the systems that are reached through it
	INSERT INTO @extschema@.stakesync_provider
	SELECT i.key, i.value, 'merge', pg_catalog.jsonb_build_object('link', definition -> 'methods' -> 'link' -> 'credentials'),
		definition -> 'recommended_identifiers', definition ->> 'terms',
		pg_catalog.format('%s is reached through %s, with an account there. %s', i.value, definition ->> 'name', definition ->> 'guide'),
		definition ->> 'docs_url', pg_catalog.jsonb_build_object('integration', i.key), 'the catalogue of Merge'
	FROM pg_catalog.jsonb_each_text(definition -> 'integrations') i
	ON CONFLICT (provider) DO NOTHING;
	END;
COMMENT ON FUNCTION @extschema@.stakesync_ship_provider(jsonb) IS 'Private: stores a provider that ships';
REVOKE ALL ON FUNCTION @extschema@.stakesync_ship_provider(jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.stakesync_add_provider(definition jsonb, company name DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.stakesync_add_provider(jsonb, name) IS 'Checks a definition of an HR system and stores it as one of the company''s own, or replaces it; returns its name';
