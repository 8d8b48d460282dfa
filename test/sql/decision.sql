-- What the preview says of one person

SET client_min_messages = warning;
SELECT stakesync_create_company('crew');
RESET client_min_messages;
SET search_path = crew, public;

ALTER TABLE employee ADD COLUMN shoe integer, ADD COLUMN langs text[], ADD COLUMN badge timestamptz;
ALTER TABLE stakeholder ADD COLUMN shoe numeric, ADD COLUMN langs text[], ADD COLUMN badge timestamptz;

-- A configuration that feeds the fields named
CREATE FUNCTION config(fields text[], more jsonb DEFAULT '{}', mode jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{"connection": "hr", "identifier": "employee_number", "email": null, "settings": {}, "today": "2026-11-22", "writes_identifier": true}'
		|| jsonb_build_object('conditions', '[]'::jsonb, 'fields',
			(SELECT coalesce(jsonb_agg('{"mode": "always", "on_null": "clear", "review": false}' || mode || jsonb_build_object('field', f)), '[]') FROM unnest(fields) f))
		|| more
$$;

-- One decision, by what matters to it
CREATE FUNCTION decide(config jsonb, employee jsonb, stakeholder jsonb DEFAULT NULL, match text DEFAULT NULL, said jsonb DEFAULT NULL, never text[] DEFAULT NULL,
	rivals text[] DEFAULT NULL, holder text DEFAULT NULL, namesakes bigint DEFAULT NULL, deleted boolean DEFAULT false, duplicate boolean DEFAULT false,
	pins jsonb DEFAULT NULL, manager jsonb DEFAULT NULL, manager_id bigint DEFAULT NULL, claimed boolean DEFAULT false, cycle text DEFAULT NULL,
	old_manager text DEFAULT NULL, said_manager_id bigint DEFAULT NULL)
	RETURNS public.stakesync_decision LANGUAGE sql AS $$
	SELECT public.stakesync_decide(config,
		jsonb_populate_record(NULL::crew.employee, '{"remote_id": "E1", "employee_number": "007", "identifier_key": "007", "shrunk": false}' || employee),
		CASE WHEN stakeholder IS NOT NULL THEN jsonb_populate_record(NULL::crew.stakeholder,
			'{"stakeholder_id": 1, "identifier": "007"}' || stakeholder) END,
		match, namesakes, rivals, holder, deleted, duplicate, said, never, pins,
		CASE WHEN manager IS NOT NULL THEN jsonb_populate_record(NULL::crew.employee,
			'{"remote_id": "M1", "employee_number": "001", "identifier_key": "001", "shrunk": false}' || manager) END,
		manager_id, claimed, cycle, old_manager, true, said_manager_id)
$$;

-- What becomes of its fields
CREATE FUNCTION fields(decision public.stakesync_decision) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s: %s -> %s %s%s', f->>'field', coalesce(f->>'old_value', 'null'), coalesce(f->>'new_value', 'null'),
		f->>'state', ' (' || (f->>'note') || ')'), '; ') FROM jsonb_array_elements(decision.fields) f
$$;

-- A create: all that HR has, in the order of the register
SELECT action, identifier, name, changes, problems FROM decide(config('{manager,shoe,langs,birthdate,city,work_email,country,pay_rate}'),
	'{"first_name": "Ann", "last_name": "Ames", "work_email": "ann@firm.com", "city": "Bern", "birthdate": "1980-02-29", "shoe": 41, "langs": ["de", "fr"], "pay_rate": 10.50}');
SELECT fields(d) FROM decide(config('{city,country}', mode => '{"mode": "never"}'), '{"name": "Ann Ames", "city": "Bern"}') d;
SELECT fields(d) FROM decide(config('{city}', '{"email": "personal_email", "writes_identifier": false}', '{"mode": "create only", "review": true}'),
	'{"last_name": "Ames", "work_email": "ann@firm.com", "personal_email": "a@home.net", "city": "Bern", "changes_on": "2027-01-01"}') d;
SELECT action, problems FROM decide(config('{}'), '{}', duplicate => true);

-- What HR fills in is equal to what the register holds
SELECT d.action, d.changes FROM (VALUES
	(1, '{"city": "Jose\u0301"}'::jsonb, '{"city": "Jos\u00e9"}'::jsonb),
	(2, '{"city": "Bern"}', '{"city": " Bern "}'),
	(3, '{"city": "Bern"}', '{"city": "bern"}'),
	(4, '{"shoe": 41}', '{"shoe": 41.00}'),
	(5, '{"pay_rate": 10.5}', '{"pay_rate": 10.50}'),
	(6, '{"birthdate": "1980-02-29"}', '{"birthdate": "1980-02-29"}'),
	(7, '{"langs": ["Jose\u0301"]}', '{"langs": ["Jos\u00e9"]}'),
	(8, '{"langs": ["de"]}', '{"langs": ["de", "fr"]}'),
	(9, '{"badge": "2026-01-01T00:00:00Z"}', '{"badge": "2026-01-01T01:00:00+01:00"}'),
	(10, '{"first_name": "Ann", "last_name": "Ames"}', '{"name": "Ann Ames"}'),
	(11, '{"badge": "2026-01-01T00:00:00Z"}', '{}')) v(n, employee, stakeholder)
	CROSS JOIN LATERAL decide(config('{city,shoe,pay_rate,birthdate,langs,badge}'), v.employee, v.stakeholder, 'link', never => '{city,badge,shoe,langs}') d
	ORDER BY n;

-- Three values decide: HR's, the register's, and what HR said when last applied
CREATE FUNCTION three(h text, r text, a text, more jsonb DEFAULT '{}', mode jsonb DEFAULT '{}', pins jsonb DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(fields(d), d.action) FROM crew.decide(config('{city}', more, mode), jsonb_build_object('city', h), jsonb_build_object('city', r), 'link',
		CASE WHEN a NOT IN ('none', 'same') THEN jsonb_build_object('city', nullif(a, 'null')) END,
		CASE WHEN a = 'none' THEN '{city}'::text[] END, pins => pins) d
$$;
SELECT h AS hr, r AS register, a AS applied, three(h, r, a) FROM (VALUES
	(1, 'Bern', 'Bern', 'none'), (2, 'Bern', NULL, 'none'), (3, NULL, 'Bern', 'none'), (4, 'Bern', 'Basel', 'none'), (5, NULL, NULL, 'none'),
	(6, 'Bern', 'Basel', 'same'), (7, 'Bern', NULL, 'same'), (8, NULL, 'Basel', 'same'), (9, 'Bern', 'Basel', 'Bern'),
	(10, 'Bern', 'Basel', 'Basel'), (11, NULL, 'Basel', 'Basel'), (12, 'Bern', NULL, 'null'),
	(13, 'Bern', 'Chur', 'Basel'), (14, NULL, 'Chur', 'Basel'), (15, 'Bern', 'Bern', 'Basel'), (16, 'Bern', NULL, 'Basel')) v(n, h, r, a) ORDER BY n;
SELECT three('Bern', 'Basel', 'same', '{"settings": {"hand_edits": "overwrite"}}') AS kept_overwritten,
	three('Bern', 'Chur', 'Basel', '{"settings": {"hand_edits": "overwrite"}}') AS review_overwritten,
	three(NULL, 'Chur', 'same', '{"settings": {"hand_edits": "overwrite"}}') AS never_cleared;
SELECT three(NULL, 'Basel', 'Basel', mode => '{"on_null": "keep"}') AS on_null_keep,
	three('Bern', 'Basel', 'Basel', mode => '{"mode": "create only"}') AS create_only,
	three('Bern', 'Basel', 'Basel', mode => '{"mode": "if empty"}') AS if_empty,
	three('Bern', NULL, 'null', mode => '{"mode": "if empty"}') AS if_empty_and_is;
SELECT three('Bern', 'Basel', 'Basel', pins => '{"city": "moved by hand"}') AS pinned,
	three('Bern', 'Basel', 'Basel', mode => '{"review": true}') AS review,
	three('Bern', 'Basel', 'Basel', mode => '{"mode": "never"}') AS never;
-- What was said is kept as JSON; a name may have changed by its parts
SELECT d.changes, fields(d) FROM (VALUES
	(1, '{"first_name": "Ann", "last_name": "Berg"}'::jsonb, '{"name": "Ann Ames"}'::jsonb, '{"last_name": "Ames"}'::jsonb, '{}'::text[]),
	(2, '{"first_name": "Ann", "last_name": "Berg"}', '{"name": "Ann B. Ames"}', '{"last_name": "Ames"}', '{}'),
	(3, '{"first_name": "Ann", "last_name": "Berg"}', '{"name": "Ann B. Ames"}', NULL, '{}'),
	(4, '{"name": "Ann Berg", "last_name": "Berg"}', '{"name": "Ames"}', '{"name": null, "last_name": "Ames"}', '{first_name}'),
	(5, '{"last_name": "Berg"}', '{"name": "Ames"}', NULL, '{last_name}'),
	(6, '{"langs": ["de"]}', '{"langs": ["de", "fr"]}', '{"langs": ["de", "fr"]}', '{}'),
	(7, '{"shoe": 41}', '{"shoe": 42.0}', '{"shoe": 42}', '{}'),
	(8, '{"badge": "2026-01-01T00:00:00Z"}', '{"badge": "2026-01-02T00:00:00Z"}', '{"badge": "2026-01-02T01:00:00+01:00"}', '{}')) v(n, employee, stakeholder, said, never)
	CROSS JOIN LATERAL decide(config('{shoe,langs,badge}'), v.employee, v.stakeholder, 'link', v.said, v.never) d ORDER BY n;
-- Without a link nothing was applied yet
SELECT fields(d), d.action FROM decide(config('{city,country}'), '{"city": "Bern", "country": null}', '{"city": "Basel", "country": "CH"}', 'name') d;

-- What HR did not say, or not so that it can be read, is left as it is
SELECT d.action, fields(d), d.problems FROM decide(config('{city,zip_code}'), '{"unknown": ["city"], "zip_code": null,
	"problems": [{"field": "zip_code", "code": "unknown_value", "message": "not a zip code"}]}', '{"city": "Basel", "zip_code": "4000"}', 'link', '{"city": "Basel", "zip_code": "4000"}') d;
SELECT d.action, fields(d) FROM decide(config('{city}'), '{"unknown": ["work_email", "first_name"], "last_name": "Ames"}', '{"email": "ann@firm.com", "name": "Ann Ames"}', 'link',
	'{"email": "ann@firm.com"}') d;

-- Pay travels together
SELECT d.action, fields(d) FROM (VALUES
	(1, '{"pay_rate": 20, "pay_period": "MONTH", "pay_currency": "EUR"}'::jsonb, NULL::text[], '{}'::jsonb),
	(2, '{"pay_rate": 20, "pay_period": "MONTH", "problems": [{"field": "pay_currency", "code": "unknown_value", "message": "not a currency"}]}', NULL, '{}'),
	(3, '{"pay_rate": 20, "pay_period": "MONTH", "unknown": ["pay_currency"]}', NULL, '{}'),
	(4, '{"pay_rate": 20, "pay_period": "YEAR", "pay_currency": "EUR"}', NULL, '{"pay_rate": 10}'),
	(5, '{"pay_rate": 20, "pay_period": "YEAR", "pay_currency": "EUR"}', '{pay_rate,pay_currency,pay_period}', '{}')) v(n, employee, never, said)
	CROSS JOIN LATERAL decide(config('{pay_rate,pay_period,pay_currency}'), v.employee,
		'{"pay_rate": 10.00, "pay_period": "MONTH", "pay_currency": "CHF"}', 'link',
		CASE WHEN v.never IS NULL THEN '{"pay_rate": 10, "pay_period": "MONTH", "pay_currency": "CHF"}'::jsonb || v.said END, v.never) d ORDER BY n;
SELECT d.action, fields(d) FROM decide(config('{pay_rate,pay_period,pay_currency}'),
	'{"pay_rate": 20, "pay_period": "MONTH", "problems": [{"field": "pay_currency", "code": "unknown_value", "message": "not a currency"}]}') d;

-- Managers
SELECT d.action, d.problems, fields(d) FROM (VALUES
	(1, 'M1', NULL::jsonb, NULL::bigint, NULL::bigint, NULL::text, NULL::jsonb, NULL::text[], false),
	(2, 'E1', '{}', NULL, NULL, NULL, NULL, '{manager}', false),
	(3, 'M1', '{}', NULL, NULL, 'E1 > M1 > E1', NULL, '{manager}', false),
	(4, 'M1', '{"missing_since": "2026-01-01"}', NULL, NULL, NULL, NULL, '{manager}', false),
	(5, 'M1', '{"missing_since": "2026-01-01"}', 9, NULL, NULL, NULL, '{manager}', false),
	(6, 'M1', '{"country": "DE"}', NULL, 8, NULL, NULL, '{manager}', false),
	(7, 'M1', '{"identifier_key": null}', NULL, 8, NULL, NULL, '{manager}', false),
	(8, 'M1', '{}', NULL, 8, NULL, NULL, '{manager}', true),
	(9, 'M1', '{}', NULL, 8, NULL, NULL, '{manager}', false),
	(10, 'M1', '{}', 9, 9, NULL, NULL, NULL, false),
	(11, 'M1', '{}', 9, 8, NULL, NULL, NULL, false),
	(12, 'M1', '{}', 9, 8, NULL, '{"manager": "M0"}', NULL, false),
	(13, NULL, NULL, NULL, 8, NULL, '{"manager": "M0"}', NULL, false),
	(14, NULL, NULL, NULL, 8, NULL, NULL, '{manager}', false)) v(n, remote_id, manager, manager_id, register, cycle, said, never, claimed)
	CROSS JOIN LATERAL decide(config('{manager}', '{"conditions": [{"field": "country", "operator": "<>", "any_of": ["DE"]}]}'),
		jsonb_build_object('manager', v.remote_id), jsonb_build_object('manager_id', v.register), 'link', v.said, v.never,
		manager => v.manager, manager_id => v.manager_id, claimed => v.claimed, cycle => v.cycle, old_manager => CASE WHEN v.register <> 9 THEN '000' END) d ORDER BY n;
SELECT fields(d) FROM decide(config('{manager}'), '{"manager": "M1"}', '{"manager_id": 7}', 'link', '{"manager": "M0"}', manager => '{}', manager_id => 9, said_manager_id => 8) d;
SELECT fields(d) FROM decide(config('{manager}'), '{"manager": "M1"}', manager => '{}') d;

-- The first reason decides
SELECT d.identifier, d.name, d.action, d.reason, d.problems, d.changes FROM (VALUES
	(1, '{"missing_since": "2026-01-01"}'::jsonb, '{"name": "Ann"}'::jsonb, 'link', NULL::text[], NULL::text, NULL::bigint, false),
	(2, '{}', NULL, 'link', NULL, NULL, NULL, true),
	(3, '{"country": "DE"}', NULL, NULL, NULL, NULL, NULL, false),
	(4, '{"country": null, "employment_status": "ACTIVE"}', NULL, NULL, NULL, NULL, NULL, false),
	(5, '{"shrunk": true}', NULL, NULL, NULL, NULL, NULL, false),
	(6, '{"shrunk": true}', '{"name": "Ann", "city": "Bern"}', 'link', NULL, NULL, NULL, false),
	(7, '{"employee_number": null, "identifier_key": null}', NULL, NULL, NULL, NULL, NULL, false),
	(8, '{"employee_number": "N/A", "identifier_key": null}', '{}', 'name', NULL, NULL, NULL, false),
	(9, '{"employee_number": "N/A", "identifier_key": null}', '{}', 'link', NULL, NULL, NULL, false),
	(10, '{}', NULL, NULL, '{E2,E3}', NULL, NULL, false),
	(11, '{"employment_status": "INACTIVE"}', '{}', 'link', '{E2}', NULL, NULL, false),
	(12, '{}', '{}', 'link', '{E2}', NULL, NULL, false),
	(13, '{}', '{}', 'link', '{}', NULL, NULL, false),
	(14, '{"employment_status": "INACTIVE"}', NULL, NULL, '{}', NULL, NULL, false),
	(15, '{}', '{}', 'identifier', NULL, 'E0', NULL, false),
	(16, '{}', NULL, NULL, NULL, NULL, 2, false),
	(17, '{}', '{}', 'identifier', NULL, NULL, NULL, false)) v(n, employee, stakeholder, match, rivals, holder, namesakes, deleted)
	CROSS JOIN LATERAL decide(config('{city,employment_status}', '{"conditions": [{"field": "country", "operator": "=", "any_of": ["CH"]}]}'),
		'{"country": "CH"}' || v.employee, v.stakeholder, v.match, rivals => v.rivals, holder => v.holder, namesakes => v.namesakes, deleted => v.deleted) d ORDER BY n;
SELECT d.action, d.problems FROM decide(config('{}', '{"identifier": null}'), '{"identifier_key": null}') d;

-- Who leaves the scope is frozen, but for status and termination date
SELECT d.action, d.reason, d.changes, fields(d) FROM (VALUES
	(1, '{}'::jsonb, '{"employment_status": "ACTIVE"}'::jsonb),
	(2, '{}', NULL),
	(3, '{"settings": {"follow_leavers": false}}', '{"employment_status": "ACTIVE"}')) v(n, more, said)
	CROSS JOIN LATERAL decide(config('{city,employment_status,termination_date}',
		'{"conditions": [{"field": "employment_status", "operator": "=", "any_of": ["ACTIVE", "PENDING"]}]}' || v.more),
		'{"city": "Bern", "employment_status": "INACTIVE", "changes_on": "2027-01-01"}', '{"city": "Basel", "employment_status": "ACTIVE"}', 'link', v.said) d ORDER BY n;

-- What remains unsettled
CREATE FUNCTION unsettled(fields text[], employee jsonb, stakeholder jsonb, said jsonb, never text[], linked boolean, manager_id bigint DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
	SELECT public.stakesync_unsettled(config(fields), jsonb_populate_record(NULL::crew.employee, '{"remote_id": "E1", "employee_number": "007", "identifier_key": "007", "shrunk": false}' || employee),
		jsonb_populate_record(NULL::crew.stakeholder, '{"stakeholder_id": 1, "identifier": "007"}' || stakeholder), said, never, linked, manager_id)
$$;
SELECT n, unsettled('{city,country,zip_code,manager}', employee, stakeholder, said, never, linked, manager_id) FROM (VALUES
	(1, '{"city": "Bern"}'::jsonb, '{"city": "Bern"}'::jsonb, '{"city": "Basel"}'::jsonb, '{}'::text[], true, NULL::bigint),
	(2, '{"city": "Bern"}', '{"city": "Chur"}', '{"city": "Basel", "team": "x", "job_title": "y"}', '{}', true, NULL),
	(3, '{"city": "Bern"}', '{"city": "Chur"}', '{"city": "Bern"}', NULL, true, NULL),
	(4, '{"city": "Bern", "country": "CH"}', '{"city": "Chur", "country": "CH"}', NULL, '{city,country,team,job_title}', true, NULL),
	(5, '{"city": "Bern", "country": "CH"}', '{"city": "Chur", "country": "CH"}', '{"city": "Basel"}', '{}', false, NULL),
	(6, '{"city": "Bern", "unknown": ["zip_code"]}', '{"city": "Bern"}', NULL, NULL, false, NULL),
	(7, '{"manager": "M1"}', '{}', NULL, NULL, false, NULL),
	(8, '{"manager": "M1"}', '{"manager_id": 9}', NULL, NULL, false, 9),
	(9, '{"manager": "M1"}', '{"manager_id": 9}', '{"manager": "M0"}', '{}', true, NULL),
	(10, '{"manager": "M1"}', '{"manager_id": 9}', '{"manager": "M0"}', '{}', true, 9),
	(11, '{"manager": null}', '{}', NULL, NULL, false, NULL),
	(12, '{"first_name": "Ann", "last_name": "Berg"}', '{"name": "Ann Ames"}', '{"last_name": "Ames", "work_email": "x"}', '{}', true, NULL),
	(13, '{"first_name": "Ann", "last_name": "Berg"}', '{"name": "Ann Berg"}', '{"last_name": "Ames"}', '{first_name}', true, NULL)) v(n, employee, stakeholder, said, never, linked, manager_id) ORDER BY n;

-- The views of a company
INSERT INTO connection (connection, provider, state, identifier, last_complete_fetch) VALUES ('hr', 'merge', 'connected', 'employee_number', '2026-11-22');
INSERT INTO mapping (connection, field, path) SELECT 'hr', f, '$.' || f FROM unnest('{city,birthdate,manager,employment_status}'::text[]) f;
INSERT INTO condition (connection, field, operator, any_of) VALUES ('hr', 'employment_status', '<>', '{INACTIVE}');
INSERT INTO employee (connection, remote_id, employee_number, first_name, last_name, work_email, city, manager, employment_status) VALUES
	('hr', 'A', '0001', 'Ann', 'Ames', 'ann@firm.com', 'Bern', NULL, 'ACTIVE'),
	('hr', 'B', '0002', 'Bob', 'Berg', 'bob@firm.com', 'Basel', 'A', 'ACTIVE'),
	('hr', 'C', '0003', 'Cid', 'Cruz', 'cid@firm.com', 'Chur', 'C', 'ACTIVE'),
	('hr', 'D', '-', 'Dee', 'Dunn', 'dee@firm.com', NULL, 'A', 'ACTIVE'),
	('hr', 'E', '0005', 'Eve', 'East', 'eve@firm.com', NULL, 'A', 'INACTIVE'),
	('hr', 'F', '0006', 'Fay', 'Ford', 'fay@firm.com', NULL, 'B', 'ACTIVE'),
	('hr', 'G', '0006', 'Gus', 'Gray', 'gus@firm.com', NULL, 'F', 'ACTIVE');
UPDATE employee SET identifier_key = stakesync_canonical_identifier(employee_number), email_key = stakesync_canonical(work_email),
	name_key = stakesync_name_key(first_name || ' ' || last_name);
INSERT INTO _claim (key, what, connection, remote_ids) VALUES ('0006', 'identifier', 'hr', '{F,G}');
INSERT INTO stakeholder (stakeholder_id, identifier, name, email, city, employment_status) OVERRIDING SYSTEM VALUE VALUES
	(101, '0002', 'Bob Berg', 'bob@firm.com', 'Zug', 'ACTIVE'), (102, '0003', 'Cid Cruz', 'cid@firm.com', 'Chur', 'ACTIVE');
INSERT INTO link (connection, remote_id, stakeholder_id, how) VALUES ('hr', 'C', 102, 'identifier');
SELECT remote_id, stakeholder_id, identifier, name, action, match, changes, problems, reason FROM preview ORDER BY remote_id;
SELECT remote_id, field, old_value, new_value, state, note FROM preview_change ORDER BY remote_id, field;

-- Several connections, in one query
INSERT INTO connection (connection, provider, state, identifier, precedence, last_complete_fetch) SELECT 'c' || i, 'merge', 'connected', 'work_email', -i, '2026-11-22' FROM generate_series(1, 20) i;
INSERT INTO employee (connection, remote_id, work_email, identifier_key, name) SELECT 'c' || i, r, r || i, r || i, 'Zoe ' || r || i
	FROM generate_series(1, 20) i, unnest('{X,Y,Z}'::text[]) r;
SELECT action, count(*), min(changes::text) FROM preview WHERE connection <> 'hr' GROUP BY action;

-- What it cannot work with
SELECT stakesync_decide(config('{}'), e, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) FROM employee e WHERE remote_id = 'A';
SELECT stakesync_decide(config('{}'), c, NULL::stakeholder, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) FROM condition c;
SELECT stakesync_decide(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

RESET search_path;
SET client_min_messages = warning;
SELECT stakesync_drop_company('crew', 'crew');
