-- Custom fields, mappings, and who uses a field
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
CREATE TEMP VIEW columns AS
SELECT a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) AS type, col_description(a.attrelid, a.attnum) AS label, a.attrelid::regclass::text AS of
FROM pg_attribute a WHERE a.attrelid IN ('acme.stakeholder'::regclass, 'acme.employee'::regclass) AND a.attnum > 0 AND NOT a.attisdropped;

-- What the overview says of a register without any connection
INSERT INTO stakeholder (identifier, name, city) VALUES ('1', 'Ann', 'Bern'), ('2', 'Bob', NULL);
INSERT INTO stakeholder (kind, name, manager_id) VALUES ('legal entity', 'Acme AG', 1);
SELECT field, label, type, kind, visible, mapped_from, filled, filled_by_hr, filled_by_hand, total, used_by FROM field;

-- Any type, with label and choices
SELECT stakesync_add_field('t_shirt_size', choices => '{S,M,"Extra large",S}');
SELECT stakesync_add_field('joined_club', 'date', 'Joined the club');
SELECT stakesync_add_field('lucky', 'numeric(6,2)', choices => '{7,13.5}');
SELECT stakesync_add_field('hobbies', 'text[]', choices => '{chess,go}');
SELECT stakesync_add_field('größe', 'double precision', label => $$O'Neill; DROP TABLE "x"$$);
CREATE TYPE public.mood AS ENUM ('sad', 'happy');
CREATE DOMAIN public.plate AS text CHECK (value ~ '^[A-Z]{2} ');
SELECT stakesync_add_field('mood', 'public.mood', choices => '{happy}');
SELECT stakesync_add_field('plate', 'public.plate', company => 'acme');
SELECT stakesync_add_field('job_title');
ALTER TABLE stakeholder ADD COLUMN added_by_hand inet;
SELECT attname, type, label FROM pg_temp.columns WHERE of = 'stakeholder' AND attnum > 28 ORDER BY attnum;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'stakeholder'::regclass AND conname LIKE '%choices' ORDER BY conname;
SELECT field, label, type, kind, visible, mapped_from FROM field WHERE kind = 'custom';
UPDATE stakeholder SET t_shirt_size = 'Extra large', hobbies = '{go}', mood = 'happy', "größe" = 1.5 WHERE name = 'Ann';
SELECT pg_temp.try('UPDATE stakeholder SET t_shirt_size = ''XXL''');
SELECT pg_temp.try('UPDATE stakeholder SET hobbies = ''{chess,tennis}''');
SELECT field, filled, filled_by_hr, filled_by_hand, total FROM field WHERE filled > 0;

-- Names that are none, reserved, or taken
SELECT pg_temp.try(format('SELECT stakesync_add_field(%L)', name))
FROM (VALUES ('T-Shirt Size'), ('1st_choice'), ('x'), (''), ('a b'), ('a,b'), ('"'), ('_x'), ('email'), ('manager'), ('pay_rate'), ('identifier'),
	('stakeholder_id'), ('manager_id'), ('remote_id'), ('problems'), ('identifier_key'), ('ctid'), ('xmin'), ('t_shirt_size'), (repeat('a', 64)), (NULL)) n(name);

-- Types that are none, no type of values, or not to be had
SELECT pg_temp.try(format('SELECT stakesync_add_field(''f1'', %L)', type))
FROM (VALUES ('txt'), ('interger'), ('serial'), ('mood'), ('record'), ('trigger'), ('anyelement'), ('acme.stakeholder'), ('public.stakesync_preview_row'),
	('int; DROP TABLE acme.link'), ('text) , ADD COLUMN x (int'), ('text COLLATE "C"'), ('numeric(1001)')) t(type);
SELECT pg_temp.try('SELECT stakesync_add_field(''f1'', choices => ''{}'')');
SELECT pg_temp.try('SELECT stakesync_add_field(''f1'', choices => ''{a,NULL}'')');
SELECT pg_temp.try('SELECT stakesync_add_field(''f1'', choices => ''{a," "}'')');
SELECT pg_temp.try('SELECT stakesync_add_field(''f1'', ''json'', choices => ''{1}'')');
SELECT pg_temp.try('SELECT stakesync_add_field(''f1'', ''integer'', choices => ''{1,two}'')');
SELECT pg_temp.try('SELECT stakesync_add_field(''employee_number'', ''integer'')');
SELECT pg_temp.try('SELECT stakesync_configure(identifier => ''t_shirt_size'')');

-- A mapping: fields, paths, transforms, words
SELECT pg_temp.try('SELECT stakesync_map(''t_shirt_size'', ''$.tshirt'')');
INSERT INTO connection (connection, provider, state, identifier, last_complete_fetch, fetched_fields) VALUES
	('hr', 'merge', 'connected', 'employee_number', now(), '{employee_number,work_email,name,city,job_title}');
INSERT INTO mapping (connection, field, path, origin) VALUES ('hr', 'employee_number', '$.employee_number', 'provider'),
	('hr', 'work_email', '$.work_email', 'provider'), ('hr', 'name', '$.display_full_name', 'provider'), ('hr', 'city', '$.home_location.city', 'provider'),
	('hr', 'job_title', '$.job_title', 'provider');
SELECT pg_temp.try(format('SELECT stakesync_map(%L, ''$.a'')', field))
FROM (VALUES ('t_shirt_sise'), ('identifier'), ('email'), ('remote_id'), ('manager_id'), ('created_at'), ('nothing_like_it'), ('pay_rate'), (NULL)) f(field);
SELECT pg_temp.try(format('SELECT stakesync_map(''t_shirt_size'', %L, %L)', path, transform))
FROM (VALUES ('a.b', NULL), ('$.a[', NULL), ('$', 'upercase'), ('$.a', 'map(x)'), ('$.a', 'nothing'), ('', NULL), (NULL, NULL)) p(path, transform);
SELECT pg_temp.try('SELECT stakesync_map(''city'', ''$.a'', mode => ''sometimes'')');
SELECT pg_temp.try('SELECT stakesync_map(''city'', ''$.a'', on_null => ''ignore'')');
SELECT pg_temp.try('SELECT stakesync_map(''city'', ''$.a'', connection => ''other'')');
SELECT count(*) FROM mapping;

-- What is left out stays as it is; a transform goes with its path
SET client_min_messages = notice;
SELECT stakesync_map('city', '$.home_location.citi');
SELECT stakesync_map('city', '$.work_location.city', 'upper', mode => 'if empty', on_null => 'keep', review => true);
SET client_min_messages = warning;
SELECT path, transform, mode, on_null, review, origin FROM mapping WHERE field = 'city';
SELECT stakesync_map('city', '$.work_location.city', review => false);
SELECT path, transform, mode, on_null, review, origin FROM mapping WHERE field = 'city';
SELECT stakesync_map('city', '$.home_location.city', mode => 'always');
SELECT path, transform, mode, on_null, review, origin FROM mapping WHERE field = 'city';
SELECT stakesync_map('t_shirt_size', '$.custom_fields.size');
SELECT stakesync_map('lucky', '$.custom_fields.lucky');
SELECT stakesync_map('mood', '$.custom_fields.mood');
SELECT attname, type FROM pg_temp.columns WHERE of = 'employee' AND attname IN ('t_shirt_size', 'lucky', 'mood', 'job_title') ORDER BY attnum;
SELECT field, mapped_from FROM field WHERE mapped_from IS NOT NULL;

-- Pay travels together
SELECT stakesync_map('pay_period', '$.pay_period'), stakesync_map('pay_currency', '$.currency');
SELECT stakesync_map('pay_rate', '$.rate');
SELECT stakesync_unmap('pay_currency');
SELECT field FROM mapping ORDER BY field;

-- What HR said, what a hand wrote; a custom field of a source field's name takes it over
INSERT INTO employee (connection, remote_id, employee_number, name, city, job_title, t_shirt_size, lucky, mood, identifier_key, unknown, problems) VALUES
	('hr', 'r1', '1', 'Ann', 'Bern', 'Cook', 'Extra large', 7, 'happy', '1', NULL, NULL),
	('hr', 'r2', '2', 'Bob', 'Chur', 'Smith', 'M', 13.5, NULL, '2', '{t_shirt_size}', '[{"field": "t_shirt_size", "code": "unknown_value"}]');
UPDATE connection SET fetched_fields = (SELECT array_agg(field ORDER BY field) FROM mapping);
SELECT identifier, action, changes FROM preview ORDER BY identifier;
SELECT state, updated FROM stakesync_apply(stakesync_plan());
UPDATE stakeholder SET city = 'Basel' WHERE name = 'Bob';
INSERT INTO _applied (connection, remote_id, said, never) VALUES ('hr', 'r1', '{"lucky": 13.5, "t_shirt_size": "S"}', '{mood}') ON CONFLICT (remote_id, connection)
	DO UPDATE SET said = excluded.said, never = excluded.never;
SELECT field, filled, filled_by_hr, filled_by_hand FROM field WHERE filled > 0;

-- Who uses a field
CREATE VIEW public.by_size AS SELECT t_shirt_size, count(*) FROM stakeholder GROUP BY 1;
CREATE MATERIALIZED VIEW acme.sizes AS SELECT DISTINCT t_shirt_size FROM stakeholder;
CREATE INDEX by_size ON stakeholder (lower(t_shirt_size)) WHERE city IS NOT NULL;
CREATE STATISTICS public.size_city ON t_shirt_size, city FROM stakeholder;
CREATE FUNCTION public.sizes() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT t_shirt_size FROM acme.stakeholder; END;
CREATE FUNCTION public.old_sizes(integer) RETURNS SETOF text LANGUAGE sql AS 'SELECT T_Shirt_Size FROM acme.stakeholder';
CREATE FUNCTION public.no_sizes() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'a name, t_shirt_sizes, my_t_shirt_size'; END$$;
CREATE POLICY small ON stakeholder USING (t_shirt_size = 'S');
CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER changed_size BEFORE UPDATE ON stakeholder FOR EACH ROW WHEN (old.t_shirt_size <> new.t_shirt_size) EXECUTE FUNCTION public.nothing();
ALTER TABLE stakeholder ADD COLUMN shown text GENERATED ALWAYS AS (t_shirt_size || '!') STORED;
ALTER TABLE stakeholder ADD CONSTRAINT has_city CHECK (t_shirt_size IS NULL OR name IS NOT NULL);
SET client_min_messages = error;
CREATE PUBLICATION fields_test FOR TABLE acme.stakeholder (stakeholder_id, t_shirt_size);
SET client_min_messages = warning;
SELECT stakesync_sync_if('t_shirt_size', 'is not empty') > 0 AS made;
SELECT field, unnest(used_by) AS used_by FROM field ORDER BY field, used_by;

-- Another name: all of that follows
SELECT stakesync_plan() > 0 AS planned;
SET client_min_messages = notice;
SELECT stakesync_rename_field('t_shirt_size', 'shirt');
SET client_min_messages = warning;
SELECT label, mapped_from, filled, filled_by_hr, filled_by_hand FROM field WHERE field = 'shirt';
SELECT count(*) > 5 AS same_uses FROM (SELECT unnest(used_by) FROM field WHERE field = 'shirt') u;
SELECT * FROM public.by_size ORDER BY 1;
SELECT conname FROM pg_constraint WHERE conrelid = 'stakeholder'::regclass AND conname LIKE '%shirt%';
SELECT field, operator FROM condition;
SELECT said, never FROM _applied;
SELECT remote_id, unknown, problems FROM employee WHERE unknown IS NOT NULL;
SELECT fetched_fields FROM connection;
SELECT DISTINCT field FROM history WHERE field LIKE '%shirt%';
SELECT state, message FROM sync_run ORDER BY sync_id;
SELECT pg_temp.try(format('SELECT stakesync_rename_field(%L, %L)', old, new))
FROM (VALUES ('shirt', 'email'), ('shirt', 'mood'), ('shirt', 'job_title'), ('shirt', 'Shirt'), ('shirt', 'lucky'), ('shirt', 'shirt'), ('shird', 'size'), ('email', 'mail'),
	('stakeholder_id', 'id'), ('shirt', NULL)) n(old, new);

-- A field that took a source field over goes its own way, the source field stays
SELECT stakesync_rename_field('job_title', 'role_here');
SELECT field, path, origin FROM mapping WHERE field IN ('job_title', 'role_here') ORDER BY field;
SELECT remote_id, job_title, role_here FROM employee ORDER BY remote_id;
SELECT filled, filled_by_hr FROM field WHERE field = 'role_here';

-- Dropping is refused by name
SELECT pg_temp.try(format('SELECT stakesync_drop_field(%L)', field))
FROM (VALUES ('shirt'), ('role_here'), ('city'), ('mobile_phone'), ('identifier_key'), ('shird'), ('job_title'), (NULL)) f(field);
SELECT pg_temp.try(format('SELECT stakesync_unmap(%L)', field))
FROM (VALUES ('shirt'), ('employee_number'), ('work_email'), ('mobile_phone'), ('luky'), (NULL)) f(field);
DROP PUBLICATION fields_test;
DROP MATERIALIZED VIEW acme.sizes;
DROP VIEW public.by_size;
DROP INDEX acme.by_size;
DROP STATISTICS public.size_city;
DROP FUNCTION public.sizes(), public.old_sizes(integer);
DROP POLICY small ON stakeholder;
DROP TRIGGER changed_size ON stakeholder;
ALTER TABLE stakeholder DROP COLUMN shown, DROP CONSTRAINT has_city;
SELECT stakesync_drop_condition(condition_id) FROM condition;
CREATE VIEW public.of_employees AS SELECT lucky FROM employee;
SET client_min_messages = notice;
SELECT stakesync_unmap('shirt');
SELECT stakesync_unmap('lucky');
SET client_min_messages = warning;
SELECT attname FROM pg_temp.columns WHERE of = 'employee' AND attname IN ('shirt', 'lucky') ORDER BY attname;
SELECT count(lucky) FROM employee;
SELECT said, never FROM _applied;
SELECT pg_temp.try('SELECT stakesync_drop_field(''shirt'')');
SELECT pg_temp.try('SELECT stakesync_drop_field(''lucky'')');
UPDATE stakeholder SET shirt = NULL, lucky = NULL;
DROP VIEW public.of_employees;
SELECT stakesync_drop_field('shirt'), stakesync_drop_field('lucky');
SELECT stakesync_drop_field('added_by_hand');
SELECT field FROM field WHERE kind = 'custom';
SELECT attname FROM pg_temp.columns WHERE attname IN ('shirt', 'lucky', 'added_by_hand');
SELECT action, count(*) FROM preview GROUP BY action ORDER BY action;

-- Readers see the overview, and change nothing
CREATE ROLE fields_reader;
CREATE ROLE fields_other;
GRANT USAGE ON SCHEMA acme TO fields_reader;
GRANT SELECT ON acme.field TO fields_reader;
SET ROLE fields_reader;
SELECT count(*), sum(filled) > 0 AS filled FROM acme.field;
SELECT pg_temp.try(call) FROM (VALUES ('SELECT stakesync_add_field(''f1'')'), ('SELECT stakesync_rename_field(''plate'', ''f1'')'), ('SELECT stakesync_drop_field(''plate'')'),
	('SELECT stakesync_map(''plate'', ''$.a'')'), ('SELECT stakesync_unmap(''city'')')) c(call);
RESET ROLE;
SET ROLE fields_other;
SELECT pg_temp.try('SELECT stakesync_add_field(''f1'', company => ''acme'')');
RESET ROLE;
BEGIN READ ONLY;
SELECT count(*) > 0 AS readable FROM field;
SELECT pg_temp.try('SELECT stakesync_add_field(''f1'')');
ROLLBACK;

-- What is undone is undone
BEGIN;
SELECT stakesync_add_field('f1'), stakesync_map('f1', '$.a');
ROLLBACK;
SELECT count(*) FROM pg_temp.columns WHERE attname = 'f1';

-- The first field makes the first company
DROP OWNED BY fields_reader;
DROP ROLE fields_reader, fields_other;
SELECT stakesync_drop_company('acme', 'acme');
SET client_min_messages = notice;
SET search_path = public;
SELECT stakesync_add_field('t_shirt_size');
SELECT stakesync_add_field('club', company => 'stakesync');
SET client_min_messages = warning;
SELECT field FROM stakesync.field WHERE kind = 'custom';
SELECT stakesync_drop_company('stakesync', 'stakesync');
DROP TYPE public.mood;
DROP DOMAIN public.plate;
DROP FUNCTION public.no_sizes(), public.nothing();
