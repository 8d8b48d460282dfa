-- Companies: making, naming, finding, upgrading and dropping them

SET client_min_messages = warning;
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
\pset format unaligned
\pset tuples_only

-- Before there is one
SELECT count(*) FROM stakesync_company;
SELECT pg_temp.try(format('SELECT %s', call)) FROM (VALUES ('stakesync_plan()'), ('stakesync_fetch()'), ('stakesync_preview()'),
	('stakesync_plan(company => ''acme'')'), ('stakesync_upgrade_company(''acme'')'), ('stakesync_drop_company(''acme'', ''acme'')')) c(call);
SELECT stakesync_upgrade_company();

-- Names that cannot be
SELECT pg_temp.try(format('SELECT stakesync_create_company(%L)', name))
FROM (VALUES (NULL), (''), ('pg_acme'), ('pg_catalog'), ('information_schema'), ('public')) n(name);
SELECT pg_temp.try('SELECT stakesync_create_company(''acme'', timezone => ''Mars/Olympus'')');
SELECT count(*) FROM stakesync_company;

-- Names that can
SELECT stakesync_create_company(name)
FROM (VALUES ('acme'), ('ACME'), ('Acme & Co'), ('O''Brien "& Söhne"'), ('@extension@ %s \n'), ('select'), (repeat('y', 63))) n(name);
SELECT company, owner = current_user AS mine FROM stakesync_company ORDER BY company COLLATE "C";
SELECT pg_temp.try('SELECT stakesync_create_company(''acme'')');

-- All of them work
DO $$
DECLARE
	company name;
	people bigint;
BEGIN
	FOR company IN SELECT c.company FROM stakesync_company c
	LOOP
		EXECUTE format('INSERT INTO %I.connection (connection, provider, state) VALUES (''hr'', ''merge'', ''connected'')', company);
		EXECUTE format('INSERT INTO %I.stakeholder (identifier, name) VALUES ('' 007 '', ''Ann'')', company);
		PERFORM stakesync_configure(identifier => 'employee_number', company => company);
		PERFORM stakesync_configure(settings => '{"hand_edits": "overwrite"}', company => company);
		PERFORM stakesync_sync_if('city', '=', '{Bern}', company => company);
		PERFORM stakesync_preview(company => company);
		PERFORM stakesync_upgrade_company(company);
		EXECUTE format('SELECT (SELECT count(*) FROM %1$I.preview_summary) + (SELECT count(*) FROM %1$I.fetch_run) + '
			'(SELECT count(*) FROM %1$I.change) + (SELECT count(*) FROM %1$I.stakeholder WHERE identifier_key = ''007'')', company) INTO people;
		ASSERT people = 7 + 0 + 1 + 1, format('%s: %s', company, people);
		IF company <> 'acme' THEN
			PERFORM stakesync_drop_company(company, company);
		END IF;
	END LOOP;
END $$;
SELECT company FROM stakesync_company;

-- What a company consists of: ordinary relations of its owner, for nobody else
SELECT relname, relkind FROM pg_class
WHERE relnamespace = 'acme'::regnamespace AND relkind NOT IN ('i', 'S') ORDER BY relkind, relname COLLATE "C";
SELECT count(*) FROM pg_class WHERE relnamespace = 'acme'::regnamespace AND (relowner <> current_user::regrole OR relpersistence <> 'p');
SELECT count(*) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
WHERE d.deptype = 'e' AND c.relnamespace = 'acme'::regnamespace;
SELECT c.relname, a.grantee, a.privilege_type FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
WHERE c.relnamespace = 'acme'::regnamespace AND a.grantee <> c.relowner;
SELECT a.grantee, a.privilege_type FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a
WHERE n.nspname = 'acme' AND a.grantee <> n.nspowner;

-- Only triggers and views hang on the extension, never a column, default, check or index
SELECT DISTINCT d.classid::regclass AS what
FROM pg_depend d
JOIN pg_depend member ON member.classid = d.refclassid AND member.objid = d.refobjid AND member.deptype = 'e'
JOIN pg_extension x ON x.oid = member.refobjid AND x.extname = 'stakesync'
WHERE d.deptype = 'n' AND pg_describe_object(d.classid, d.objid, 0) LIKE '%acme.%' ORDER BY 1;

-- Everything has a comment: the extension's objects, the relations, the fields
SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'stakesync'
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND obj_description(d.objid, d.classid::regclass::name) IS NULL;
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'acme'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT attname FROM pg_attribute
WHERE attrelid = 'acme.stakeholder'::regclass AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL;

-- Public names are no reserved words
SELECT p.proname FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'stakesync' CROSS JOIN LATERAL unnest(p.proargnames) n(name)
JOIN pg_get_keywords() k ON k.word = n.name AND k.catcode = 'R';
SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_get_keywords() k ON k.word IN (a.attname, c.relname) AND k.catcode = 'R'
WHERE c.relnamespace = 'acme'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0;

-- When a day ends: the session's time zone, unless told
SET timezone = 'Pacific/Auckland';
SELECT stakesync_create_company('auckland'), stakesync_create_company('berlin', 'Europe/Berlin');
RESET timezone;
SELECT timezone FROM auckland._company UNION ALL SELECT timezone FROM berlin._company;
INSERT INTO berlin.connection (connection, provider, state) VALUES ('hr', 'merge', 'connected');
SELECT config ->> 'today' = to_char(now() AT TIME ZONE 'Europe/Berlin', 'YYYY-MM-DD') FROM berlin._config;

-- Which company is meant: the one named, the first in search_path, the only one
\set call 'format(''SELECT stakesync_resume(%s)'', arguments)'
SELECT pg_temp.try(:call) FROM (VALUES (''), ('company => ''berlin'''), ('company => ''Berlin''')) a(arguments);
SET search_path = public, berlin, acme;
SELECT pg_temp.try(:call) FROM (VALUES (''), ('company => ''acme''')) a(arguments);
SET search_path = acme, berlin, public;
SELECT pg_temp.try(:call) FROM (VALUES (''), ('company => ''auckland''')) a(arguments);
SET search_path = "$user", no_such_schema, public, auckland;
SELECT pg_temp.try(:call) FROM (VALUES ('')) a(arguments);
RESET search_path;
SELECT stakesync_drop_company('auckland', 'auckland');
CREATE ROLE regress_stakesync_clerk;
SET ROLE regress_stakesync_clerk;
SELECT pg_temp.try(:call) FROM (VALUES (''), ('company => ''acme''')) a(arguments);
SELECT count(*) FROM stakesync_company;
RESET ROLE;
GRANT USAGE ON SCHEMA berlin TO regress_stakesync_clerk;
SET ROLE regress_stakesync_clerk;
SELECT company, owner = 'regress_stakesync_clerk' AS mine FROM stakesync_company;
SELECT pg_temp.try(:call) FROM (VALUES ('')) a(arguments);
RESET ROLE;
GRANT UPDATE ON berlin.connection TO regress_stakesync_clerk;
SET ROLE regress_stakesync_clerk;
SELECT pg_temp.try(:call) FROM (VALUES ('')) a(arguments);
RESET ROLE;

-- A table of the same name as the company's mark does not make a company
CREATE SCHEMA fake;
CREATE TABLE fake._company (one boolean);
SELECT company FROM stakesync_company ORDER BY company;
SELECT pg_temp.try('SELECT stakesync_plan(company => ''fake'')');
DROP SCHEMA fake CASCADE;
CREATE TEMP TABLE _company (one boolean);
CREATE TEMP TABLE stakeholder (one boolean);
SELECT company FROM stakesync_company ORDER BY company;
SET search_path = pg_temp, berlin, public;
SELECT pg_temp.try(:call) FROM (VALUES ('')) a(arguments);
RESET search_path;
DROP TABLE _company, stakeholder;

-- Whose it is: one role owns schema and company, and may make schemas or is given an empty one
SET ROLE regress_stakesync_clerk;
SELECT pg_temp.try('SELECT stakesync_create_company(''Clerk''''s'')');
RESET ROLE;
CREATE SCHEMA "Clerk's" AUTHORIZATION regress_stakesync_clerk;
SELECT pg_temp.try('SELECT stakesync_create_company(''Clerk''''s'')');
SET ROLE regress_stakesync_clerk;
CREATE VIEW "Clerk's".preview AS SELECT 1;
SELECT pg_temp.try('SELECT stakesync_create_company(''Clerk''''s'')');
DROP VIEW "Clerk's".preview;
GRANT CREATE ON SCHEMA "Clerk's" TO PUBLIC;
SELECT pg_temp.try('SELECT stakesync_create_company(''Clerk''''s'')');
REVOKE CREATE ON SCHEMA "Clerk's" FROM PUBLIC;
SELECT stakesync_create_company('Clerk''s');
SELECT company, owner FROM stakesync_company ORDER BY company;
SELECT pg_temp.try(format('SELECT %s(''acme''%s)', f, more))
FROM (VALUES ('stakesync_upgrade_company', ''), ('stakesync_drop_company', ', ''acme'''), ('stakesync_create_company', '')) c(f, more);
RESET ROLE;
ALTER SCHEMA "Clerk's" OWNER TO CURRENT_USER;
SELECT pg_temp.try(format('SELECT %s(%s)', f, arguments))
FROM (VALUES ('stakesync_plan', 'company => ''Clerk''''s'''), ('stakesync_upgrade_company', '''Clerk''''s''')) c(f, arguments);
ALTER SCHEMA "Clerk's" OWNER TO regress_stakesync_clerk;
GRANT CREATE ON SCHEMA "Clerk's" TO PUBLIC;
SELECT pg_temp.try('SELECT stakesync_plan(company => ''Clerk''''s'')');
SELECT stakesync_drop_company('Clerk''s', 'Clerk''s');

-- Default privileges give nothing away
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO PUBLIC;
SELECT stakesync_create_company('generous');
SELECT count(*) FROM pg_class WHERE relnamespace = 'generous'::regnamespace AND relacl::text ~ '[{,]=';
SELECT count(*) FROM pg_namespace WHERE nspname = 'generous' AND nspacl::text ~ '[{,]=';
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON SCHEMAS FROM PUBLIC;
SELECT stakesync_drop_company('generous', 'generous');

-- Layouts: an older company can be read, every writing call says what to type
UPDATE berlin._company SET layout = 0;
SELECT count(*) FROM berlin.preview_summary;
SELECT count(*) FROM stakesync_configure(company => 'berlin');
SELECT pg_temp.try(format('SELECT stakesync_%s(company => ''berlin'')', f)) FROM (VALUES ('plan'), ('resume')) c(f);
SELECT stakesync_upgrade_company('berlin');
SELECT layout FROM berlin._company;
UPDATE berlin._company SET layout = 1000;
SELECT pg_temp.try('SELECT stakesync_plan(company => ''berlin'')');
SELECT pg_temp.try('SELECT stakesync_upgrade_company(''berlin'')');
UPDATE berlin._company SET layout = 1;

-- What is missing is put back: views, triggers, keys that nobody kept meanwhile
DROP VIEW berlin.preview CASCADE;
SELECT pg_temp.try('SELECT stakesync_preview(company => ''berlin'')');
DROP TRIGGER zzz_stakesync_keys ON berlin.stakeholder;
DROP TRIGGER zzz_stakesync_insert ON berlin.stakeholder;
INSERT INTO berlin.stakeholder (identifier, name, email) VALUES (' 0042 ', 'Zoë  van Dyck', 'ZOE@x.example'), (NULL, NULL, NULL);
SELECT stakesync_upgrade_company();
SELECT identifier, identifier_key, email_key, name_key FROM berlin.stakeholder ORDER BY stakeholder_id;
SELECT count(*) FROM berlin.change;
INSERT INTO berlin.stakeholder (name) VALUES ('By Hand');
SELECT action, after FROM berlin.change;
SELECT count(*) FROM berlin.preview_summary;

-- Dropping needs the name twice
SELECT pg_temp.try(format('SELECT stakesync_drop_company(%L, %L)', name, confirm))
FROM (VALUES ('berlin', 'Berlin'), ('berlin', ''), ('public', 'public'), ('pg_catalog', 'pg_catalog')) n(name, confirm);
SELECT stakesync_drop_company('berlin', NULL) IS NULL;
SELECT company FROM stakesync_company ORDER BY company;
BEGIN;
SELECT stakesync_drop_company('berlin', 'berlin');
ROLLBACK;
SELECT company FROM stakesync_company ORDER BY company;
SELECT stakesync_drop_company(company, company) FROM (SELECT company FROM stakesync_company) c;

-- Not where nothing can be written; a rollback leaves nothing
BEGIN READ ONLY;
SELECT pg_temp.try(format('SELECT stakesync_%s', call)) FROM (VALUES ('create_company(''acme'')'), ('upgrade_company()')) c(call);
ROLLBACK;
BEGIN;
SELECT stakesync_create_company('acme');
ROLLBACK;
SELECT count(*) FROM pg_namespace WHERE nspname = 'acme';
DROP ROLE regress_stakesync_clerk;
