-- Connecting an HR system: what is asked, refused, stored, and never shown
\getenv sim STAKESYNC_SIM_URL
\if :{?sim}
\else
\echo STAKESYNC_SIM_URL is not set
\quit
\endif
\set key 'merge-test-key'
\set account 'merge-test-account'
\set reset '\\! perl test/perl/hris-simulator --call "$STAKESYNC_SIM_URL" POST /control/reset "{}" >/dev/null'
:reset

CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
	row record;
BEGIN
	EXECUTE statement INTO row;
	RETURN row;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', sqlstate || ': ' || message, left(nullif(detail, ''), 30) || '...', nullif(hint, ''));
END $$;

-- The usual call, with some arguments replaced
CREATE FUNCTION pg_temp.call(credentials jsonb DEFAULT '{"api_key": "hush", "account_token": "hush"}', more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT * FROM stakesync_connect(''merge'', %L, accept_terms => true%s)', credentials, ', ' || nullif(more, ''))
$$;

-- What ships, and what is asked
\pset format unaligned
\pset tuples_only
SELECT provider, name, via, credentials, recommended_identifiers, docs_url FROM stakesync_provider WHERE provider = 'merge';
SELECT via, string_agg(provider, ' ' ORDER BY provider) FROM stakesync_provider GROUP BY via ORDER BY via;
SELECT count(*) FROM stakesync_provider WHERE length(terms) < 100 OR length(guide) < 100;
SELECT connection, state, next_step FROM stakesync_connect('merge');
SELECT count(*) FROM stakesync_company;

-- What the caller wrote wrongly is an error, before anything is asked of the network
SELECT pg_temp.try(format('SELECT stakesync_connect(%s)', arguments)) FROM (VALUES
	('NULL'), ('''werkday'''), ('''Merge'''), ('''''')) a(arguments);
SELECT pg_temp.try(pg_temp.call(credentials)) FROM (VALUES
	('{}'::jsonb), ('{"api_key": "hush"}'), ('{"api_key": null, "account_token": "hush"}'), ('{"api_key": " \t", "account_token": "hush"}'),
	('{"api_key": "hush", "account_token": ""}'), ('{"api_key": "hush", "account_token": "hush", "password": "hush"}'),
	('{"api_key": "hush", "account_token": {"token": "hush"}}'), ('{"API_KEY": "hush", "account_token": "hush"}'),
	('"hush"'), ('["hush"]'), ('null')) c(credentials);
SELECT pg_temp.try(pg_temp.call(jsonb_build_object('api_key', 'hush' || strange, 'account_token', 'hush')))
FROM (VALUES (E'\n'), (E'\r\nX-Header: 1'), (E'\x01'), (E'\x7f')) s(strange);
SELECT pg_temp.try(pg_temp.call(more => more)) FROM (VALUES
	('method => ''oauth'''), ('connection => '''''), ('connection => repeat(''x'', 201)'), ('company => ''nowhere''')) m(more);
SELECT pg_temp.try('SELECT stakesync_connect(''merge'', ''{"api_key": "hush", "account_token": "hush"}'')');
SELECT pg_temp.try('SELECT stakesync_connect(''merge'', ''{"api_key": "hush", "account_token": "hush"}'', accept_terms => false)');
SELECT pg_temp.try(pg_temp.call(more => format('settings => %L', settings))) FROM (VALUES
	('[]'), ('{"colour": "blue"}'), ('{"region": "moon"}'), ('{"base_url": ""}'), ('{"base_url": "example.com"}'), ('{"base_url": "ftp://example.com"}'),
	('{"base_url": "https://"}'), ('{"base_url": "https:///path"}'), ('{"base_url": "https://user:hush@example.com"}'),
	('{"base_url": "https://example.com/?key=hush"}'), ('{"base_url": "https://example.com/#hush"}'), ('{"base_url": "https://exa mple.com"}'),
	('{"base_url": "https://example.com\nX: 1"}'), ('{"base_url": "https://{company}.example.com"}'), ('{"base_url": 1}')) s(settings);
SELECT count(*) FROM stakesync_company;

-- What provider or network answer is a row
SELECT pg_temp.try(pg_temp.call(more => format('settings => ''{"base_url": "%s"}''', base_url))) FROM (VALUES
	(:'sim'), ('http://127.0.0.1:1'), ('http://127.0.0.2:1'), ('https://127.0.0.2:1'),
	('https://10.255.255.1'), ('https://[::1]:1'), ('https://169.254.169.254'), ('http://192.0.2.1')) u(base_url);
SELECT pg_temp.try(pg_temp.call(jsonb_build_object('api_key', :'key', 'account_token', 'hush'), format('settings => ''{"base_url": "%s"}''', :'sim')));
SELECT pg_temp.try(pg_temp.call(jsonb_build_object('api_key', :'key', 'account_token', :'account'), format('settings => ''{"base_url": "%s/no/such/place"}''', :'sim')));
SELECT count(*) FROM stakesync_company;

-- Where it cannot be
BEGIN READ ONLY;
SELECT pg_temp.try(pg_temp.call());
SELECT state FROM stakesync_connect('merge');
ROLLBACK;
BEGIN;
CREATE TEMP TABLE written ();
SELECT pg_temp.try(pg_temp.call());
ROLLBACK;

-- Connecting for the first time makes the company; a rollback undoes both
SELECT jsonb_build_object('api_key', :'key', 'account_token', :'account') AS credentials,
	jsonb_build_object('base_url', :'sim' || '/', 'requests_per_minute', 100000) AS settings \gset
BEGIN;
SELECT * FROM stakesync_connect('merge', :'credentials', settings => :'settings', accept_terms => true);
SELECT company FROM stakesync_company;
SELECT pg_temp.try('SELECT stakesync_fetch()');
ROLLBACK;
SELECT count(*) FROM stakesync_company;
SELECT * FROM stakesync_connect('merge', :'credentials', settings => :'settings', accept_terms => true);
SELECT company, owner = current_user AS mine FROM stakesync_company;
SET search_path = public, stakesync;

-- What is stored
SELECT connection, provider, state, precedence, identifier, email, import, replace(settings::text, :'sim', 'SIM') AS settings,
	terms_accepted_at > now() - interval '1 hour' AS now, terms_accepted_by = current_user AS by_me,
	terms_hash = md5((SELECT terms FROM stakesync_provider WHERE provider = 'merge')) AS this_text, last_complete_fetch
FROM connection;
SELECT connection, method, length(sealed) > 100 AS sealed, hosts = replace(:'sim', 'http://', '') AS this_host FROM _credential;
SELECT field, path, transform, mode, on_null, review, origin FROM mapping ORDER BY field;

-- In no table as it is, catalogs and statistics included
CREATE FUNCTION pg_temp.found(secret text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	what regclass;
	form text;
	hits bigint;
BEGIN
	FOR what IN SELECT c.oid FROM pg_class c WHERE c.relkind = 'r'
	LOOP
		FOREACH form IN ARRAY ARRAY[secret, encode(convert_to(secret, 'UTF8'), 'hex')]
		LOOP
			EXECUTE format('SELECT count(*) FROM %s t WHERE position($1 in t::text) > 0', what) INTO hits USING form;
			IF hits > 0 THEN
				RETURN NEXT what || ': ' || form;
			END IF;
		END LOOP;
	END LOOP;
END $$;
SET client_min_messages = warning;
SELECT stakesync_create_company('bait', 'UTC');
INSERT INTO bait.connection (connection, provider, state) VALUES (:'key', 'merge', 'failing');
SELECT pg_temp.found(:'key');
SELECT stakesync_drop_company('bait', 'bait');
SELECT pg_temp.found(:'key') UNION ALL SELECT pg_temp.found(:'account');
SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND position(:'key' in query) + position(:'account' in query) > 0;

-- Sealed for this company, connection and host: elsewhere it does not open
UPDATE connection SET settings = settings || jsonb_build_object('base_url', replace(:'sim', '127.0.0.1', 'localhost'));
SELECT state, regexp_replace(message, ':\d+', ':PORT', 'g') AS message, hint, sqlstate FROM stakesync_fetch();
UPDATE connection SET settings = settings || jsonb_build_object('base_url', :'sim');
INSERT INTO connection (connection, provider, state, settings) SELECT 'copy', provider, 'connected', settings FROM connection;
INSERT INTO _credential SELECT 'copy', method, sealed, hosts FROM _credential;
SELECT state, message, sqlstate FROM stakesync_fetch('copy');
DELETE FROM connection WHERE connection = 'copy';
UPDATE _credential SET sealed = set_byte(sealed, 60, get_byte(sealed, 60) # 1);
SELECT state, message, sqlstate FROM stakesync_fetch();

-- Connecting again replaces the credentials once the new ones work; the rest stays
SELECT connection_id, settings, terms_accepted_at FROM connection \gset old_
SELECT state FROM connection;
SELECT state FROM stakesync_connect('merge', '{"api_key": "hush", "account_token": "hush"}', settings => '{"full_every": 1}');
SELECT state, settings = :'old_settings' AS same FROM connection;
UPDATE mapping SET mode = 'if empty' WHERE field = 'city';
DELETE FROM mapping WHERE field = 'team';
SELECT count(*) FROM stakesync_configure(identifier => 'employee_number', settings => '{"full_every": 2}');
SELECT state FROM stakesync_connect('merge', :'credentials');
SELECT state, identifier, settings - 'base_url' AS settings, connection_id = :old_connection_id AS same, terms_accepted_at = :'old_terms_accepted_at' AS as_accepted FROM connection;
SELECT field, mode FROM mapping WHERE field IN ('city', 'team');
SELECT state, records, complete, message FROM stakesync_fetch();
UPDATE connection SET terms_hash = md5('other terms');
SELECT pg_temp.try(format('SELECT stakesync_connect(''merge'', %L)', :'credentials'));
SELECT state FROM stakesync_connect('merge', :'credentials', accept_terms => true);

-- A system of the catalogue is reached through Merge
SELECT connection, state, left(next_step, 50) AS begins FROM stakesync_connect('workday');

-- Named connections, and companies named
SELECT connection, state FROM stakesync_connect('merge', :'credentials', 'Büro "Süd"', :'settings', 'key', true);
INSERT INTO provider (provider, name, definition) SELECT 'own', 'Own', definition || '{"provider": "own", "name": "Own"}' FROM stakesync_provider WHERE provider = 'merge';
SELECT pg_temp.try('SELECT stakesync_connect(''own'', ''{"api_key": "hush", "account_token": "hush"}'', connection => ''merge'', accept_terms => true)');
SELECT connection, state FROM stakesync_connect('own', :'credentials', settings => :'settings', accept_terms => true);
SELECT pg_temp.try(format('SELECT stakesync_connect(''own'', %L, company => ''nowhere'')', '{"api_key": "hush", "account_token": "hush"}'));
SELECT stakesync_create_company('acme', 'UTC');
SELECT connection, state FROM stakesync_connect('merge', :'credentials', settings => :'settings', accept_terms => true, company => 'acme');
SELECT connection, provider, state FROM connection ORDER BY connection_id;
SELECT connection, provider, state FROM acme.connection;
SELECT pg_temp.try('SELECT stakesync_fetch()');
SELECT stakesync_drop_company('acme', 'acme');

-- Disconnecting revokes at the provider: credentials and employees go, the rest stays for reconnecting
SELECT * FROM stakesync_disconnect('own');
:reset
SELECT * FROM stakesync_disconnect('Büro "Süd"');
SELECT pg_temp.try('SELECT stakesync_disconnect(''nobody'')');
SELECT stakesync_sync_if('employment_status', '=', '{ACTIVE}', 'merge') IS NOT NULL AS made;
SELECT state, created > 400 AS many FROM stakesync_apply(stakesync_plan('merge'));
:reset
SELECT * FROM stakesync_disconnect('merge');
SELECT connection, state, identifier, last_complete_fetch FROM connection ORDER BY connection_id;
SELECT (SELECT count(*) FROM _credential) AS credentials, (SELECT count(*) FROM employee) AS employees, (SELECT count(*) > 400 FROM link) AS links,
	(SELECT count(*) FROM condition) AS conditions, (SELECT count(*) > 15 FROM mapping) AS mapping, (SELECT count(*) > 400 FROM stakeholder) AS register;
SELECT pg_temp.try(format('SELECT stakesync_%s', call)) FROM (VALUES ('plan(''merge'')'), ('plan()')) c(call);
SELECT state, message, hint FROM stakesync_fetch('merge');
SELECT * FROM stakesync_disconnect('merge');

-- Reconnecting goes on where it stopped
:reset
SELECT connection, state FROM stakesync_connect('merge', :'credentials');
SELECT state, records FROM stakesync_fetch('merge');
SELECT action, people FROM preview_summary WHERE connection = 'merge' AND action IN ('create', 'update', 'missing');

-- With erase everything of the connection goes, but nobody leaves the register
SELECT connection, state FROM stakesync_disconnect('merge', erase => true);
SELECT connection, state FROM connection ORDER BY connection_id;
SELECT (SELECT count(*) FROM _credential) AS credentials, (SELECT count(*) FROM employee) AS employees, (SELECT count(*) FROM link) AS links,
	(SELECT count(*) FROM _applied) AS applied, (SELECT count(*) FROM condition) AS conditions, (SELECT count(*) FROM mapping WHERE connection = 'merge') AS mapping,
	(SELECT count(*) > 400 FROM stakeholder) AS register, (SELECT count(*) FROM sync_run) AS syncs;
:reset

RESET search_path;
SELECT stakesync_drop_company('stakesync', 'stakesync');
