-- Plan, apply, revert, and what the register records

SET client_min_messages = warning;
SELECT stakesync_create_company('acme', 'UTC');
SET search_path = public, acme;

-- The picture of a fetch, and what a later fetch says of one person
INSERT INTO connection (connection, provider, state, identifier, import, last_complete_fetch)
	VALUES ('hr', 'merge', 'connected', 'employee_number', '{manager}', now());
INSERT INTO mapping (connection, field, path)
	SELECT 'hr', f, '$.' || f FROM unnest('{employee_number,work_email,first_name,last_name,name,city,country,birthdate,employment_status,termination_date,personal_email,manager}'::text[]) f;

CREATE FUNCTION keys() RETURNS void LANGUAGE sql AS $$
	UPDATE acme.employee SET identifier_key = stakesync_canonical_identifier(employee_number),
		email_key = stakesync_canonical(work_email), name_key = stakesync_name_key(coalesce(name, first_name || ' ' || last_name))
$$;
CREATE FUNCTION says(who text, field text, value text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO acme._applied AS a (connection, remote_id, said) '
		'SELECT connection, remote_id, jsonb_build_object(%L, %I) || CASE %L WHEN ''employee_number'' THEN jsonb_build_object(''identifier'', %I) ELSE ''{}'' END '
		'FROM acme.employee WHERE remote_id = $1 AND EXISTS (SELECT FROM acme.link l WHERE l.remote_id = $1 AND until IS NULL) '
		'ON CONFLICT (remote_id, connection) DO UPDATE SET said = (excluded.said - a.never) || a.said', field, field, field, field) USING who;
	EXECUTE format('UPDATE acme.employee SET %I = $2::%s WHERE remote_id = $1', field,
		(SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'acme.employee'::regclass AND attname = field)) USING who, value;
	PERFORM keys();
END $$;
CREATE FUNCTION register(OUT id bigint, OUT identifier text, OUT name text, OUT city text, OUT status text, OUT manager text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT s.stakeholder_id, s.identifier, s.name, s.city, s.employment_status, m.identifier
	FROM acme.stakeholder s LEFT JOIN acme.stakeholder m ON m.stakeholder_id = s.manager_id ORDER BY s.stakeholder_id
$$;

-- Too early
SELECT stakesync_plan();
UPDATE connection SET identifier = NULL;
SELECT stakesync_plan();
UPDATE connection SET identifier = 'employee_number', last_complete_fetch = NULL;
SELECT stakesync_plan();
UPDATE connection SET last_complete_fetch = now(), state = 'disconnected';
SELECT stakesync_plan();
UPDATE connection SET state = 'awaiting_link';
SELECT stakesync_plan();
UPDATE connection SET state = 'connected';
SELECT * FROM stakesync_apply(NULL);
SELECT * FROM stakesync_apply(99);
SELECT stakesync_plan('nobody');
SELECT stakesync_plan(company => 'nobody');
SELECT stakesync_plan(identifiers => '{007}');
TABLE change;

-- A first sync: managers in any order, one person recognised by his identifier
INSERT INTO employee (connection, remote_id, employee_number, work_email, first_name, last_name, city, country, birthdate, employment_status, manager) VALUES
	('hr', 'r1', '001', 'ada@acme.example', 'Ada', 'Lovelace', 'London', 'GB', '1985-12-10', 'ACTIVE', 'r3'),
	('hr', 'r2', '002', 'bob@acme.example', 'Bob', 'Noyce', 'Bern', 'CH', NULL, 'ACTIVE', 'r3'),
	('hr', 'r3', '003', 'cy@acme.example', 'Cy', 'Young', 'Cleveland', 'US', NULL, 'ACTIVE', NULL),
	('hr', 'r4', '004', 'di@acme.example', 'Di', 'Prince', NULL, NULL, NULL, 'ACTIVE', 'r9'),
	('hr', 'r5', NULL, 'ed@acme.example', 'Ed', 'Null', 'Oslo', 'NO', NULL, 'ACTIVE', NULL);
SELECT keys();
INSERT INTO stakeholder (identifier, name, city, personal_email) VALUES ('  003 ', 'Cy Young', 'Boston', 'cy@home.example');
SELECT identifier, identifier_key, email_key, name_key FROM stakeholder;
SELECT action, count(*) FROM preview GROUP BY action ORDER BY action;

SELECT stakesync_plan() AS sync_id \gset
SELECT state, created, updated, unchanged, excluded, conflicts, invalid, missing, kept, planned_by = current_user AS by_me FROM sync_run;
SELECT stakeholder_id, remote_id, identifier, match, action, before, after, state FROM change WHERE sync_id = :sync_id ORDER BY identifier;
SELECT sync_id = :sync_id AS same, connection, kind, state, created, updated, stale, failed, message, hint FROM stakesync_apply(:sync_id);
SELECT * FROM register();
SELECT stakeholder_id, remote_id, action, before, after, state, reason, by = current_user AS by_me FROM change WHERE sync_id = :sync_id ORDER BY identifier;
SELECT remote_id, stakeholder_id, how FROM link ORDER BY remote_id;
SELECT action, remote_id, changes, reason FROM preview WHERE action <> 'unchanged' ORDER BY remote_id;
SELECT remote_id, said, never FROM _applied ORDER BY remote_id;
SELECT first_applied_at IS NOT NULL AS judged_from_now_on FROM connection;
SELECT * FROM stakesync_apply(:sync_id);
SELECT stakesync_discard(:sync_id);

-- Again without a change
SELECT state, created, updated, unchanged FROM stakesync_apply(stakesync_plan());

-- Changes at the source, an edit by hand, a swap of identifiers
SELECT says('r1', 'city', 'Paris'), says('r2', 'employee_number', '004'), says('r4', 'employee_number', '002'), says('r2', 'manager', NULL);
UPDATE stakeholder SET city = 'Genf' WHERE identifier = '002';
SELECT identifier, action, changes FROM preview WHERE action NOT IN ('unchanged', 'invalid') ORDER BY remote_id;
SELECT stakesync_plan() AS sync_id \gset
SELECT state, updated, kept FROM stakesync_apply(:sync_id);
SELECT * FROM register();
SELECT remote_id, before, after FROM change WHERE sync_id = :sync_id ORDER BY remote_id;
SELECT identifier, action, changes FROM preview WHERE action NOT IN ('unchanged', 'invalid');

-- Undo it: the preview shows what it showed before
SELECT state, updated, message, hint FROM stakesync_revert(:sync_id);
SELECT * FROM register();
SELECT identifier, action, changes FROM preview WHERE action NOT IN ('unchanged', 'invalid') ORDER BY remote_id;
SELECT state, message FROM sync_run WHERE sync_id = :sync_id;
SELECT state FROM connection;
SELECT * FROM stakesync_revert(:sync_id);
SELECT stakesync_resume();
SELECT stakesync_resume();
SELECT state, updated FROM stakesync_apply(stakesync_plan());
SELECT * FROM register();

-- A stale plan: somebody edits, and the source says something else
SELECT says('r1', 'city', 'Rome'), says('r2', 'city', 'Basel'), says('r3', 'country', 'CA'), says('r4', 'city', 'Ulm');
UPDATE stakeholder SET city = 'Bern' WHERE identifier = '004';
SELECT identifier, changes FROM preview WHERE action = 'update' ORDER BY identifier;
SELECT stakesync_plan() AS sync_id \gset
UPDATE stakeholder SET city = 'Milan' WHERE identifier = '001';
SELECT says('r3', 'country', 'MX');
SELECT state, updated, stale, message, hint FROM stakesync_apply(:sync_id);
SELECT identifier, state, reason FROM change WHERE sync_id = :sync_id ORDER BY identifier;
SELECT identifier, field, old_value, new_value, state FROM preview_change WHERE state <> 'problem' ORDER BY identifier, field;

-- Some people first, the others later, by the same number
SELECT says('r4', 'country', 'DE');
SELECT stakesync_plan() AS sync_id \gset
SELECT * FROM stakesync_apply(:sync_id, identifiers => '{nobody}');
SELECT state, updated, stale, message FROM stakesync_apply(:sync_id, identifiers => '{" 002"}');
SELECT state, updated, stale, message FROM stakesync_apply(:sync_id);
SELECT stakesync_plan(identifiers => '{003}') AS sync_id \gset
SELECT unchanged, updated FROM sync_run WHERE sync_id = :sync_id;
SELECT stakesync_discard(:sync_id);
SELECT state FROM sync_run WHERE sync_id = :sync_id;
SELECT * FROM stakesync_apply(:sync_id);

-- A newer plan takes the place of an older one
SELECT says('r4', 'country', 'AT');
SELECT stakesync_plan() AS older \gset
SELECT stakesync_plan() AS newer \gset
SELECT sync_id = :newer AS newer, state FROM sync_run WHERE sync_id IN (:older, :newer) ORDER BY sync_id;
SELECT count(*) FROM change WHERE sync_id = :older;
SELECT state FROM stakesync_apply(:newer);

-- What checks, constraints and triggers of the user refuse fails alone, told without a value
ALTER TABLE stakeholder ADD CONSTRAINT no_atlantis CHECK (city <> 'Atlantis');
CREATE FUNCTION acme.grumble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.city = 'Mu' THEN RAISE EXCEPTION 'no secret city %', new.city USING CONSTRAINT = new.city, HINT = new.city; END IF;
	IF new.city = 'Lemuria' THEN RETURN NULL; END IF;
	RETURN new;
END $$;
CREATE TRIGGER grumble BEFORE INSERT OR UPDATE ON stakeholder FOR EACH ROW EXECUTE FUNCTION acme.grumble();
INSERT INTO employee (connection, remote_id, employee_number, name, city, employment_status, manager)
	SELECT 'hr', 'n' || n, 'n' || n, 'New ' || n, CASE n WHEN 3 THEN 'Atlantis' WHEN 7 THEN 'Mu' WHEN 9 THEN 'Lemuria' ELSE 'Town' END, 'ACTIVE', CASE n WHEN 4 THEN 'n3' ELSE 'r3' END
	FROM generate_series(1, 12) n;
SELECT keys();
SELECT says('r1', 'employee_number', '003'), says('r3', 'employee_number', '001'), says('r2', 'country', 'LI'), says('r4', 'city', 'Atlantis');
SELECT stakesync_plan() AS sync_id \gset
SELECT state, created, updated, failed, stale, message FROM stakesync_apply(:sync_id, force => true);
SELECT identifier, action, state, reason FROM change WHERE sync_id = :sync_id AND (state <> 'applied' OR reason IS NOT NULL) ORDER BY identifier;
SELECT * FROM register() WHERE id < 6;
ALTER TABLE stakeholder DROP CONSTRAINT no_atlantis;
SELECT state, created, updated, failed FROM stakesync_apply(:sync_id);
DROP TRIGGER grumble ON stakeholder;
SELECT state, created, updated, failed FROM stakesync_apply(:sync_id);
SELECT identifier, manager FROM register() WHERE identifier IN ('n3', 'n4', 'n5') ORDER BY identifier;
SELECT identifier, action, changes FROM preview WHERE action NOT IN ('unchanged', 'invalid');
SELECT state, updated FROM stakesync_apply(stakesync_plan());
SELECT identifier, manager FROM register() WHERE identifier IN ('n3', 'n4', 'n5') ORDER BY identifier;

-- More than a hundred that fail end the sync; nothing is written
ALTER TABLE stakeholder ADD CONSTRAINT no_hamlet CHECK (city <> 'Hamlet');
INSERT INTO employee (connection, remote_id, employee_number, name, city, employment_status)
	SELECT 'hr', 'm' || n, 'm' || n, 'Many ' || n, 'Hamlet', 'ACTIVE' FROM generate_series(1, 150) n;
SELECT keys();
SELECT stakesync_plan() AS sync_id \gset
SELECT * FROM stakesync_apply(:sync_id, force => true);
SELECT state, created FROM sync_run WHERE sync_id = :sync_id;
SELECT count(*) FROM stakeholder WHERE city = 'Hamlet';
ALTER TABLE stakeholder DROP CONSTRAINT no_hamlet;

-- A held plan, released by force; then undone with its people
CREATE TABLE register_before AS SELECT to_jsonb(s) - 'updated_at' AS s FROM stakeholder s;
SELECT stakesync_plan() AS sync_id \gset
SELECT state, message, hint = format('To apply it all the same: SELECT * FROM stakesync_apply(%s, force => true);', :sync_id) AS hinted FROM sync_run WHERE sync_id = :sync_id;
SELECT state, created, message FROM stakesync_apply(:sync_id);
SELECT count(*) FROM change WHERE sync_id = :sync_id AND state = 'planned';
SELECT state, created, message FROM stakesync_apply(:sync_id, force => true);
UPDATE stakeholder SET city = 'Town' WHERE identifier = 'm1';
CREATE TABLE grant_of_shares (stakeholder_id bigint REFERENCES stakeholder);
INSERT INTO grant_of_shares SELECT stakeholder_id FROM stakeholder WHERE identifier = 'm2';
UPDATE stakeholder SET manager_id = (SELECT stakeholder_id FROM stakeholder WHERE identifier = 'm3') WHERE identifier = '002';
SELECT state, message FROM stakesync_revert(:sync_id);
SELECT stakesync_resume();
SELECT state, stale, failed, message FROM stakesync_revert(:sync_id, remove_created => true);
SELECT identifier, state, reason FROM change WHERE reason LIKE '%stays' OR action = 'delete' AND state <> 'applied' ORDER BY identifier;
DROP TABLE grant_of_shares;
UPDATE stakeholder SET manager_id = NULL WHERE identifier = '002';
DELETE FROM stakeholder WHERE identifier LIKE 'm%';
SELECT to_jsonb(s) - 'updated_at' FROM stakeholder s EXCEPT TABLE register_before;
SELECT action, count(*) FROM preview WHERE remote_id LIKE 'm%' GROUP BY action;

-- A deferred check of the user's is judged at once, and a trigger's own edits are recorded
UPDATE stakeholder SET city = 'Town' WHERE identifier LIKE 'n%';
CREATE FUNCTION acme.judge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.city = 'Later' AND new.identifier = 'n1' THEN RAISE EXCEPTION USING ERRCODE = 'UX001'; END IF;
	UPDATE acme.stakeholder SET team = 'moved' WHERE identifier = 'n12' AND new.identifier = 'n2' AND team IS NULL;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER judge AFTER UPDATE ON stakeholder INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION acme.judge();
SELECT count(says('n' || n, 'city', 'Later')) FROM generate_series(1, 3) n;
SELECT stakesync_plan(identifiers => '{n1,n2,n3}') AS sync_id \gset
SELECT state, updated, failed FROM stakesync_apply(:sync_id, force => true);
SELECT c.identifier, s.city, c.state, c.reason FROM change c JOIN stakeholder s USING (stakeholder_id) WHERE sync_id = :sync_id ORDER BY 1;
SELECT s.identifier, before, after FROM change c JOIN stakeholder s USING (stakeholder_id) WHERE sync_id IS NULL AND after ? 'team';
DROP TRIGGER judge ON stakeholder;

-- Hand edits are recorded, and records are not for hands
SELECT action, before, after, state, by = current_user AS by_me FROM change
	WHERE sync_id IS NULL AND stakeholder_id < 6 AND NOT coalesce(before, after) ? 'manager_id' ORDER BY change_id;
INSERT INTO stakeholder (name, pay_rate, birthdate) VALUES ('Hand Made', 10.50, '2000-02-29');
UPDATE stakeholder SET updated_at = updated_at, name = name WHERE name = 'Hand Made';
UPDATE stakeholder SET pay_rate = NULL, email = ' Hand@Made.example ' WHERE name = 'Hand Made';
SELECT email_key, name_key FROM stakeholder WHERE name = 'Hand Made';
DELETE FROM stakeholder WHERE name = 'Hand Made';
SELECT action, before, after FROM change WHERE sync_id IS NULL ORDER BY change_id DESC LIMIT 3;
INSERT INTO sync_run (kind, state) VALUES ('sync', 'applied');
UPDATE change SET before = NULL;
TRUNCATE _fetch;
SELECT stakesync_register_keys();

-- With INSERT on the register alone
CREATE ROLE acme_clerk;
GRANT USAGE ON SCHEMA acme TO acme_clerk;
GRANT INSERT (name) ON acme.stakeholder TO acme_clerk;
SET ROLE acme_clerk;
INSERT INTO acme.stakeholder (name) VALUES ('By Clerk');
SELECT stakesync_plan();
SELECT * FROM stakesync_apply(1);
RESET ROLE;
SELECT action, after, by FROM change ORDER BY change_id DESC LIMIT 1;

-- A fixed column that is gone
BEGIN;
ALTER TABLE stakeholder RENAME email_key TO elsewhere;
UPDATE stakeholder SET name = name WHERE identifier = '001';
ROLLBACK;

BEGIN READ ONLY;
SELECT stakesync_plan();
ROLLBACK;

DROP TABLE register_before;

-- The first sync undone: the register, the links, and what HR said are as they were
SELECT stakesync_create_company('beta', 'UTC');
SET search_path = public, beta;
INSERT INTO connection (connection, provider, state, identifier, import, last_complete_fetch)
	VALUES ('hr', 'merge', 'connected', 'employee_number', '{manager}', now());
INSERT INTO mapping SELECT * FROM acme.mapping;
INSERT INTO employee (connection, remote_id, employee_number, name, city, birthdate, employment_status, manager, identifier_key, name_key) VALUES
	('hr', 'r1', '001', 'Ada Lovelace', 'London', '1985-12-10', 'ACTIVE', 'r3', '001', 'ada lovelace'),
	('hr', 'r2', '002', 'Bob Noyce', 'Bern', NULL, 'ACTIVE', 'r1', '002', 'bob noyce'),
	('hr', 'r3', '003', 'Cy Young', 'Cleveland', NULL, 'ACTIVE', 'r2', '003', 'cy young');
INSERT INTO stakeholder (identifier, name, city) VALUES ('001', 'Ada L.', 'Paris');
INSERT INTO stakeholder (name, birthdate) VALUES ('Young, Cy', '1900-01-01');
CREATE TABLE before AS SELECT (SELECT jsonb_agg(to_jsonb(s) - 'updated_at' ORDER BY stakeholder_id) FROM stakeholder s) AS register,
	(SELECT jsonb_agg(to_jsonb(p) - 'as_of' ORDER BY remote_id) FROM preview p) AS preview,
	(SELECT jsonb_agg(a) FROM _applied a) AS said, (SELECT to_jsonb(c) - 'state' FROM connection c) AS connection;
SELECT identifier, action, match, changes FROM preview ORDER BY remote_id;
SELECT state, created, updated FROM stakesync_apply(stakesync_plan());
SELECT identifier, name, city, manager_id FROM stakeholder ORDER BY stakeholder_id;
SELECT action, count(*) FROM preview GROUP BY action;
SELECT state, updated, message FROM stakesync_revert(1, remove_created => true);
SELECT b.register IS NOT DISTINCT FROM (SELECT jsonb_agg(to_jsonb(s) - 'updated_at' ORDER BY stakeholder_id) FROM stakeholder s) AS register,
	b.preview IS NOT DISTINCT FROM (SELECT jsonb_agg(to_jsonb(p) - 'as_of' ORDER BY remote_id) FROM preview p) AS preview,
	b.said IS NOT DISTINCT FROM (SELECT jsonb_agg(a) FROM _applied a) AS said,
	b.connection = (SELECT to_jsonb(c) - 'state' FROM connection c) AS connection FROM before b;
SELECT action, state, count(*) FROM change WHERE sync_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2;
SELECT stakesync_revert(2);

RESET search_path;
DROP FUNCTION keys, says, register;
SELECT stakesync_drop_company('beta', 'beta');
SELECT stakesync_drop_company('acme', 'acme');
DROP ROLE acme_clerk;
