-- Looking at a connection: what a check, a look at one person and the gaps say
\getenv sim STAKESYNC_SIM_URL
\if :{?sim}
\else
\echo STAKESYNC_SIM_URL is not set
\quit
\endif
\! perl test/perl/hris-simulator --call "$STAKESYNC_SIM_URL" POST /control/reset "{}" >/dev/null
SET client_min_messages = warning;

CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
	row record;
BEGIN
	EXECUTE statement INTO row;
	RETURN row;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', sqlstate || ': ' || message, nullif(hint, ''));
END $$;

\pset format unaligned
\pset tuples_only
\pset null -
SELECT pg_temp.try('SELECT stakesync_check()');
SELECT pg_temp.try('SELECT stakesync_peek(''x'')');
SELECT jsonb_build_object('base_url', :'sim', 'requests_per_minute', 100000) AS settings \gset
SELECT state FROM stakesync_connect('merge', '{"api_key": "merge-test-key", "account_token": "merge-test-account"}', settings => :'settings', accept_terms => true);
SET search_path = public, stakesync;

-- Before the first fetch
SELECT * FROM stakesync_check();
SELECT count(*) FROM data_gap;
SELECT pg_temp.try('SELECT stakesync_check(''nobody'')');
SELECT pg_temp.try(format('SELECT stakesync_peek(%s)', arguments)) FROM (VALUES ('NULL'), (''''''), (''' ''')) a(arguments);

-- After it
SELECT state, records FROM stakesync_fetch();
SELECT item, ok, regexp_replace(detail, '\d{4}-\d\d-\d\d \d\d:\d\d', 'TIME'), hint FROM stakesync_check();
SELECT connection, field, people, reason, advice FROM data_gap ORDER BY reason, field;

-- A mapping of every kind: alternatives, jsonpath, what is refused, a column of one's own
ALTER TABLE employee ADD COLUMN shirt text, ADD COLUMN hired integer, ADD COLUMN badge uuid;
INSERT INTO mapping (connection, field, path, transform) VALUES
	('merge', 'shirt', '$.custom_fields.nothing ?? $.custom_fields.shirt_size', NULL),
	('merge', 'hired', '$.start_date', NULL), ('merge', 'badge', '$.display_full_name', NULL);
UPDATE mapping SET path = '$.groups[*] ? (@.type == "DEPARTMENT").name', transform = 'first' WHERE field = 'team';
UPDATE mapping SET path = '$.bank_info.iban ?? $.ssn', transform = NULL WHERE field = 'job_title';
DELETE FROM mapping WHERE field IN ('zip_code', 'birthdate');
SELECT remote_id FROM employee WHERE employee_number = '000004' \gset
SELECT pg_temp.try(format('SELECT stakesync_peek(%L)', :'remote_id'));
UPDATE mapping SET path = '$.[' WHERE field = 'badge';
SELECT * FROM stakesync_check() LIMIT 3;
DELETE FROM mapping WHERE field = 'badge';
SELECT p -> 'problems', p -> 'fields' -> 'hired' FROM stakesync_peek(:'remote_id') p;
DELETE FROM mapping WHERE field = 'hired';
SELECT p -> 'fields' ->> 'team' = p -> 'fields' ->> 'group_name' AS of_the_department, p -> 'fields' -> 'job_title' AS title,
	p -> 'absent' AS absent, p -> 'values' ? '$.custom_fields.shirt_size' AS shirt, p -> 'values' ? '$.ssn' AS ssn
FROM stakesync_peek(:'remote_id') p;
SELECT o ->> 'path', o ->> 'type', o ->> 'refused' FROM stakesync_peek(:'remote_id') p, jsonb_array_elements(p -> 'others') o
WHERE o ->> 'path' ~ '^[$][.](ssn|ethnicity|gender|home_location|date_of_birth)' ORDER BY 1;
SELECT jsonb_object_keys(p -> 'values') FROM stakesync_peek(:'remote_id') p;
SELECT state FROM stakesync_fetch();
SELECT field, people, reason, advice FROM data_gap WHERE field IN ('job_title', 'zip_code', 'birthdate', 'shirt') ORDER BY field;

-- Clause by clause, whatever the operator
SELECT count(stakesync_sync_if(field, operator, any_of)) FROM (VALUES
	('employment_status', '<>', '{INACTIVE}'::text[]), ('country', '=', '{FR,CH}'), ('groups', 'contains', '{e}'),
	('start_date', '<=', '{today}'), ('termination_date', 'is empty', '{}'), ('email', 'is not empty', '{}')) c(field, operator, any_of);
SELECT c ->> 'condition', jsonb_typeof(c -> 'holds'), c -> 'value' IS NOT NULL FROM stakesync_peek(:'remote_id') p, jsonb_array_elements(p -> 'scope' -> 'clauses') c;
SELECT bool_and((p -> 'scope' -> 'in')::boolean = stakesync_in_scope(k.config, e)) FROM _config k, employee e, stakesync_peek(:'remote_id') p WHERE e.remote_id = :'remote_id';

-- A definition of one's own: no way to ask for one person, a field that it does not know
INSERT INTO provider (provider, name, definition)
SELECT 'own', 'Own', jsonb_set(definition, '{streams,0}', (definition -> 'streams' -> 0) - 'one' - 'permission') || '{"gaps": {"city": "Ask the porter."}, "recommended_identifiers": ["work_email"],
	"mapping": [{"field": "work_email", "path": "$.work_email"}, {"field": "name", "path": "$.display_full_name"}, {"field": "country", "path": "$.nothing"}]}'
FROM stakesync_provider WHERE provider = 'merge';
SELECT state FROM stakesync_connect('own', '{"api_key": "merge-test-key", "account_token": "merge-test-account"}', settings => :'settings', accept_terms => true);
SELECT pg_temp.try('SELECT stakesync_check()');
SELECT state FROM stakesync_fetch('own');
SELECT item, ok, regexp_replace(detail, '\d{4}-\d\d-\d\d \d\d:\d\d', 'TIME'), hint FROM stakesync_check('own');
SELECT field, people, reason, advice FROM data_gap WHERE connection = 'own' ORDER BY reason, field;
SELECT pg_temp.try(format('SELECT stakesync_peek(%L, ''own'')', :'remote_id'));

-- Who looked at whom; erasing a connection erases its gaps
SELECT connection, count(*), count(DISTINCT remote_id) FROM _peek GROUP BY connection;
SELECT state FROM stakesync_disconnect('own', erase => true);
SELECT count(*) FROM _gap WHERE connection = 'own';
\! perl test/perl/hris-simulator --call "$STAKESYNC_SIM_URL" POST /control/reset "{}" >/dev/null
RESET search_path;
SELECT stakesync_drop_company('stakesync', 'stakesync');
