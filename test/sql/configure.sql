-- Choosing identifier, email, optional fields and settings

SET client_min_messages = warning;
SELECT stakesync_create_company('acme', 'UTC');
SET search_path = public, acme;
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', sqlstate || ': ' || message, nullif(hint, ''));
END $$;

-- Everything that a company stores, to compare it before and after
CREATE FUNCTION pg_temp.all_rows() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	name name;
BEGIN
	FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'acme'::regnamespace AND relkind = 'r' ORDER BY relname
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L || t.ctid || t FROM acme.%I t', name, name);
	END LOOP;
END $$;

-- Without a connection
SELECT pg_temp.try('SELECT stakesync_configure()');
SELECT pg_temp.try('SELECT stakesync_configure(connection => ''hr'')');

-- Before the first fetch
INSERT INTO connection (connection, provider, state) VALUES ('hr', 'merge', 'connected');
SELECT * FROM stakesync_configure();
SELECT pg_temp.try('SELECT stakesync_plan()');

-- Candidates: blanks, dashes and doubles identify nobody; leavers outside the scope; who is in the register already
INSERT INTO employee (connection, remote_id, employee_number, work_email, personal_email, name, employment_status, missing_since) VALUES
	('hr', 'r1', '001', 'ann@acme.example', 'ann@home.example', 'Ann', 'ACTIVE', NULL),
	('hr', 'r2', '002', 'BOB@acme.example', 'shared@home.example', 'Bob', 'ACTIVE', NULL),
	('hr', 'r3', ' 002', 'bob@acme.example', 'Shared@home.example', 'Bert', 'ACTIVE', NULL),
	('hr', 'r4', 'N/A', NULL, 'shared@home.example', 'Cy', 'LEAVE', NULL),
	('hr', 'r5', '-', '   ', NULL, 'Di', 'INACTIVE', NULL),
	('hr', 'r6', '006', 'ed@acme.example', NULL, 'Ed', 'ACTIVE', now());
ALTER TABLE employee ADD COLUMN badge text DEFAULT 'B7';
UPDATE connection SET last_complete_fetch = now();
INSERT INTO stakeholder (identifier, name) VALUES ('001', 'Ann'), ('Bob@ACME.example', 'Bob'), ('r1', 'R'), ('r5', 'S');
SELECT * FROM stakesync_configure();
SELECT stakesync_sync_if('employment_status', '<>', '{INACTIVE}');
SELECT field, employees, filled, distinct_values, would_match, note FROM stakesync_configure();

-- Asking changes nothing, and works where nothing can be written
SELECT pg_temp.all_rows() AS row INTO TEMP before;
BEGIN READ ONLY;
SELECT count(*) FROM stakesync_configure();
SELECT pg_temp.try('SELECT stakesync_configure(identifier => ''employee_number'')');
ROLLBACK;
SELECT pg_temp.all_rows() EXCEPT TABLE before;

-- What cannot identify, and what is no email
SELECT pg_temp.try(format('SELECT stakesync_configure(identifier => %L)', field))
FROM (VALUES ('badge'), ('job_title'), ('birthdate'), ('nobody'), ('Employee_Number'), (''), ('ctid'), ('connection'), ('x; DROP TABLE acme.link')) f(field);
SELECT pg_temp.try(format('SELECT stakesync_configure(email => %L)', field)) FROM (VALUES ('name'), ('nobody'), ('employee_number')) f(field);

-- Optional fields and what they bring
SELECT pg_temp.try(format('SELECT stakesync_configure(import => %L)', words))
FROM (VALUES ('{salary}'), ('{manager,Mobile_Phone}'), ('{pay_period}'), ('{""}'), ('{city}')) w(words);
SELECT pg_temp.all_rows() EXCEPT TABLE before;
SELECT count(*) FROM stakesync_configure(import => '{pay_rate,manager,manager,NULL}');
SELECT import FROM connection;
SELECT field, path, left(transform, 40) AS transform, origin FROM mapping ORDER BY field;
UPDATE employee SET manager = 'r1', mobile_phone = '+41791234567', pay_rate = 100, pay_period = 'YEAR', pay_currency = 'CHF' WHERE remote_id = 'r2';
SELECT count(*) FROM stakesync_configure(import => '{mobile_phone}');
SELECT import FROM connection;
SELECT field, origin FROM mapping ORDER BY field;
SELECT manager, mobile_phone, pay_rate, pay_period, pay_currency FROM employee WHERE remote_id = 'r2';

-- A mapping of the user's own is his, and so is what it brought
UPDATE mapping SET path = '$.work_phone', origin = 'user' WHERE field = 'mobile_phone';
SELECT count(*) FROM stakesync_configure(import => '{}');
SELECT import FROM connection;
SELECT field, path, origin FROM mapping;
SELECT mobile_phone FROM employee WHERE remote_id = 'r2';
DELETE FROM mapping;

-- Settings: known, of their kind, within their limits; null goes back to the default
SELECT pg_temp.try(format('SELECT stakesync_configure(settings => %L)', settings))
FROM (VALUES ('[]'), ('"x"'), ('{"colour": "blue"}'), ('{"base_url": 7}'), ('{"base_url": "example.com"}'), ('{"base_url": "ftp://example.com"}'),
	('{"base_url": "https://user:hush@example.com"}'), ('{"base_url": "https://example.com?key=hush"}'),
	('{"requests_per_minute": 0}'), ('{"requests_per_minute": 100001}'), ('{"requests_per_minute": 1.5}'), ('{"requests_per_minute": "60"}'),
	('{"full_every": 8761}'), ('{"full_every": -1}'), ('{"phone_region": "CH"}'), ('{"hand_edits": "ask"}'), ('{"follow_leavers": 1}'),
	('{"region": "moon"}'), ('{"region": 7}'), ('{"guards": 5}'), ('{"guards": {"terminate": 101}}'), ('{"guards": {"terminate": "5"}}'), ('{"guards": {"everything": 5}}')) s(settings);
SELECT settings FROM connection;
SELECT count(*) FROM stakesync_configure(settings => '{"requests_per_minute": 100000, "full_every": 8760, "guards": {"terminate": 0, "clear": 100}}');
SELECT count(*) FROM stakesync_configure(settings => '{"hand_edits": "overwrite", "phone_region": true, "guards": null}');
SELECT settings FROM connection;
SELECT count(*) FROM stakesync_configure(settings => '{"hand_edits": null, "phone_region": null, "requests_per_minute": null, "full_every": null}');
SELECT settings FROM connection;

-- What if: inside a transaction that is rolled back
SELECT count(*) FROM stakesync_configure(precedence => 7);
SELECT pg_temp.all_rows() AS row INTO TEMP configured;
BEGIN;
SELECT field, chosen FROM stakesync_configure(identifier => 'work_email', email => 'personal_email');
SELECT remote_id, identifier, action, match, reason FROM stakesync_preview() ORDER BY remote_id;
SELECT stakesync_sync_if('name', 'starts with', '{B}') IS NOT NULL;
SELECT remote_id, identifier, action, match, reason FROM preview ORDER BY remote_id;
ROLLBACK;
SELECT pg_temp.all_rows() EXCEPT TABLE configured;
TABLE configured EXCEPT SELECT pg_temp.all_rows();

-- Choosing: those who lack or share the identifier are told, and not written
SELECT field, chosen, note FROM stakesync_configure(identifier => 'employee_number');
SELECT identifier, email, precedence, configured_at IS NOT NULL AS configured FROM connection;
SELECT remote_id, identifier_key, email_key FROM employee ORDER BY remote_id;
SELECT remote_id, identifier, action, match, reason FROM preview ORDER BY remote_id;
SELECT state, created, conflicts, invalid FROM stakesync_apply(stakesync_plan());

-- Choosing again: what is left out stays, the keys follow
SELECT field, chosen FROM stakesync_configure(identifier => 'remote_id', email => 'personal_email');
SELECT remote_id, identifier_key, email_key FROM employee ORDER BY remote_id;
SELECT field, chosen FROM stakesync_configure(precedence => -1);
SELECT identifier, email, precedence FROM connection;

-- Several connections: say which
INSERT INTO connection (connection, provider, state) VALUES ('second', 'merge', 'connected');
SELECT pg_temp.try(format('SELECT stakesync_configure(%s)', arguments))
FROM (VALUES (''), ('precedence => 1'), ('connection => ''third'''), ('connection => ''second''')) a(arguments);

-- Only who may write connections
CREATE ROLE regress_stakesync_reader;
GRANT USAGE ON SCHEMA acme TO regress_stakesync_reader;
SET ROLE regress_stakesync_reader;
SELECT pg_temp.try('SELECT stakesync_configure(connection => ''second'')');
RESET ROLE;
GRANT SELECT ON connection TO regress_stakesync_reader;
SET ROLE regress_stakesync_reader;
SELECT pg_temp.try(format('SELECT stakesync_configure(%s, connection => ''second'')', arguments))
FROM (VALUES ('NULL'), ('identifier => ''remote_id'''), ('precedence => 1')) a(arguments);
RESET ROLE;

RESET search_path;
SELECT stakesync_drop_company('acme', 'acme');
DROP ROLE regress_stakesync_reader;
