-- Triggers and views of a company. Run when the company is made, and again by
-- stakesync_upgrade_company: everything here can be replaced.

CREATE OR REPLACE TRIGGER zzz_stakesync_keys BEFORE INSERT OR UPDATE ON @company@.stakeholder
	FOR EACH ROW EXECUTE FUNCTION @extension@.stakesync_register_keys();
CREATE OR REPLACE TRIGGER zzz_stakesync_insert AFTER INSERT ON @company@.stakeholder
	REFERENCING NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extension@.stakesync_register_record();
CREATE OR REPLACE TRIGGER zzz_stakesync_update AFTER UPDATE ON @company@.stakeholder
	REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extension@.stakesync_register_record();
CREATE OR REPLACE TRIGGER zzz_stakesync_delete AFTER DELETE ON @company@.stakeholder
	REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extension@.stakesync_register_record();

CREATE OR REPLACE TRIGGER stakesync_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @company@._fetch
	FOR EACH STATEMENT EXECUTE FUNCTION @extension@.stakesync_refuse_dml();
CREATE OR REPLACE TRIGGER stakesync_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @company@.sync_run
	FOR EACH STATEMENT EXECUTE FUNCTION @extension@.stakesync_refuse_dml();
CREATE OR REPLACE TRIGGER stakesync_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @company@.change
	FOR EACH STATEMENT EXECUTE FUNCTION @extension@.stakesync_refuse_dml();

CREATE OR REPLACE TRIGGER stakesync_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @company@.sensitive_exception
	FOR EACH STATEMENT EXECUTE FUNCTION @extension@.stakesync_refuse_dml();

-- Running means that somebody holds the connection's lock
CREATE OR REPLACE VIEW @company@.fetch_run AS
SELECT f.fetch_id, f.connection, f.mode,
	CASE WHEN f.state IN ('queued', 'running') AND l.pid IS NULL THEN 'interrupted' ELSE f.state END AS state,
	f.complete, f.phase, f.started_at, f.finished_at, f.requests, f.retries, f.pages, f.records, f.bytes,
	f.expected, f.added, f.changed, f.unchanged, f.missing,
	CASE WHEN f.state IN ('queued', 'running') AND l.pid IS NULL THEN 'the fetch was interrupted' ELSE f.message END AS message,
	CASE WHEN f.state IN ('queued', 'running') AND l.pid IS NULL THEN 'Fetch again: SELECT stakesync_fetch().' ELSE f.hint END AS hint,
	CASE WHEN f.state IN ('queued', 'running') AND l.pid IS NULL THEN '57P02' ELSE f.sqlstate END AS sqlstate,
	round((f.records / nullif(extract(epoch FROM coalesce(f.finished_at, clock_timestamp()) - f.started_at), 0))::numeric, 1) AS rate,
	CASE WHEN f.state = 'running' AND l.pid IS NOT NULL AND f.records > 0 AND f.expected >= f.records
		THEN ceil((f.expected - f.records) * extract(epoch FROM clock_timestamp() - f.started_at) / f.records)::bigint END AS seconds_left
FROM @company@._fetch f
LEFT JOIN @company@.connection c ON c.connection = f.connection
LEFT JOIN pg_catalog.pg_locks l ON f.state IN ('queued', 'running') AND l.pid = f.pid
	AND l.locktype = 'object' AND l.granted AND l.mode = 'ExclusiveLock'
	AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
	AND l.classid = c.tableoid
	AND l.objid = c.connection_id AND l.objsubid = 0;

-- private: each connection's configuration as the deciding functions read it
CREATE OR REPLACE VIEW @company@._config AS
WITH once AS MATERIALIZED (
SELECT c.connection, c.last_complete_fetch,
	pg_catalog.jsonb_build_object(
		'connection', c.connection,
		'identifier', c.identifier,
		'email', c.email,
		'settings', c.settings,
		'today', (pg_catalog.now() AT TIME ZONE y.timezone)::date,
		'writes_identifier', NOT EXISTS (
			SELECT FROM @company@.connection o
			WHERE o.identifier IS NOT NULL AND o.state <> 'disconnected'
				AND (o.precedence, -o.connection_id) > (c.precedence, -c.connection_id)),
		'fields', coalesce((
			SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('field', m.field, 'mode', m.mode, 'on_null', m.on_null, 'review', m.review) ORDER BY m.field)
			FROM @company@.mapping m WHERE m.connection = c.connection), '[]'),
		'conditions', coalesce((
			SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('field', d.field, 'operator', d.operator, 'any_of', d.any_of) ORDER BY d.condition_id)
			FROM @company@.condition d WHERE d.connection = c.connection), '[]')
	) AS config
FROM @company@.connection c CROSS JOIN (SELECT timezone FROM @company@._company LIMIT 1) y)
SELECT connection, last_complete_fetch, config FROM once;

-- private: an employee, the stakeholder he is or would be, and what else decides
CREATE OR REPLACE VIEW @company@._case AS
SELECT e.connection, e.remote_id, k.config, k.last_complete_fetch AS as_of,
	e AS employee, s AS stakeholder,
	coalesce(l.stakeholder_id, s.stakeholder_id) AS stakeholder_id,
	CASE WHEN l.stakeholder_id IS NOT NULL THEN 'link'
		WHEN i.stakeholder_id IS NOT NULL THEN 'identifier'
		WHEN s.stakeholder_id IS NOT NULL AND s.email_key = e.email_key AND s.identifier_key IS NOT NULL THEN 'email'
		WHEN s.stakeholder_id IS NOT NULL THEN 'name' END AS match,
	CASE WHEN l.stakeholder_id IS NULL AND s.stakeholder_id IS NULL AND e.missing_since IS NULL AND e.name_key IS NOT NULL
		THEN (SELECT pg_catalog.count(*) FROM @company@.stakeholder n
			WHERE n.name_key = e.name_key AND n.identifier_key IS NULL AND n.kind = 'natural person'
				AND NOT EXISTS (SELECT FROM @company@.link nl WHERE nl.stakeholder_id = n.stakeholder_id AND nl.until IS NULL AND nl.how <> 'not' OFFSET 0)) END AS namesakes,
	CASE WHEN r.remote_ids IS NOT NULL AND e.missing_since IS NULL
		THEN ARRAY(SELECT o.remote_id FROM @company@.employee o
			WHERE o.connection = e.connection AND o.remote_id = ANY (r.remote_ids) AND o.remote_id <> e.remote_id
				AND o.missing_since IS NULL AND o.employment_status IS DISTINCT FROM 'INACTIVE'
				AND @extension@.stakesync_in_scope(k.config, o) ORDER BY o.remote_id) END AS rivals,
	CASE WHEN l.stakeholder_id IS NULL AND s.stakeholder_id IS NOT NULL
		THEN (SELECT pg_catalog.min(h.remote_id) FROM @company@.link h
			WHERE h.stakeholder_id = s.stakeholder_id AND h.connection = e.connection AND h.remote_id <> e.remote_id
				AND h.until IS NULL AND h.how <> 'not') END AS holder,
	l.stakeholder_id IS NOT NULL AND s.stakeholder_id IS NULL AS deleted,
	CASE WHEN l.stakeholder_id IS NULL AND s.stakeholder_id IS NULL AND e.missing_since IS NULL
		THEN EXISTS (SELECT FROM @company@.stakeholder p
				WHERE p.email_key = e.email_key
					AND NOT EXISTS (SELECT FROM @company@.link pl WHERE pl.stakeholder_id = p.stakeholder_id AND pl.until IS NULL AND pl.how <> 'not' OFFSET 0))
			OR EXISTS (SELECT FROM @company@.stakeholder p
				WHERE p.birthdate = e.birthdate
					AND pg_catalog.string_to_array(p.name_key, ' ') && pg_catalog.string_to_array(e.name_key, ' ')
					AND NOT EXISTS (SELECT FROM @company@.link pl WHERE pl.stakeholder_id = p.stakeholder_id AND pl.until IS NULL AND pl.how <> 'not' OFFSET 0)) END AS duplicate,
	a.said, a.never, NULL::jsonb AS pins,
	m AS manager,
	CASE WHEN e.manager IS NULL THEN NULL
		WHEN ml.stakeholder_id = s.manager_id THEN ml.stakeholder_id
		WHEN ml.stakeholder_id IS NOT NULL THEN (SELECT q.stakeholder_id FROM @company@.stakeholder q WHERE q.stakeholder_id = ml.stakeholder_id)
		ELSE (SELECT q.stakeholder_id FROM @company@.stakeholder q WHERE q.identifier_key = m.identifier_key) END AS manager_id,
	CASE WHEN ml.stakeholder_id = s.manager_id THEN false
		WHEN ml.stakeholder_id IS NOT NULL THEN NOT EXISTS (SELECT FROM @company@.stakeholder q WHERE q.stakeholder_id = ml.stakeholder_id)
		WHEN m.identifier_key IS NULL THEN false
		ELSE EXISTS (SELECT FROM @company@._claim mc WHERE mc.key = m.identifier_key AND mc.what = 'identifier' AND mc.connection = m.connection) END AS manager_claimed,
	y.path AS manager_cycle,
	CASE WHEN s.manager_id IS NOT NULL AND s.manager_id IS DISTINCT FROM ml.stakeholder_id
		THEN (SELECT coalesce(w.identifier, '#' || w.stakeholder_id) FROM @company@.stakeholder w WHERE w.stakeholder_id = s.manager_id) END AS old_manager
FROM @company@.employee e
JOIN @company@._config k ON k.connection = e.connection
LEFT JOIN @company@.link l ON l.remote_id = e.remote_id AND l.connection = e.connection AND l.until IS NULL AND l.how <> 'not'
LEFT JOIN @company@.stakeholder i ON l.stakeholder_id IS NULL AND i.identifier_key = e.identifier_key
LEFT JOIN @company@.stakeholder s ON s.stakeholder_id = coalesce(l.stakeholder_id, i.stakeholder_id,
	CASE WHEN l.stakeholder_id IS NULL AND i.stakeholder_id IS NULL AND e.missing_since IS NULL
		THEN coalesce(
			(SELECT f.stakeholder_id FROM (
				SELECT pg_catalog.min(b.stakeholder_id) AS stakeholder_id, pg_catalog.min(b.email_key) AS key, pg_catalog.count(*) AS people
				FROM @company@.stakeholder b
				WHERE b.email_key = e.email_key AND b.identifier_key IS NOT NULL AND b.kind = 'natural person'
					AND (b.birthdate = e.birthdate) IS NOT FALSE
					AND EXISTS (SELECT FROM @company@.link bl WHERE bl.stakeholder_id = b.stakeholder_id AND bl.connection <> e.connection AND bl.until IS NULL AND bl.how <> 'not' OFFSET 0)) f
				WHERE f.people = 1
					AND NOT EXISTS (SELECT FROM @company@._claim x WHERE x.key = f.key AND x.what = 'email' AND x.connection = e.connection OFFSET 0)),
			(SELECT f.stakeholder_id FROM (
				SELECT pg_catalog.min(n.stakeholder_id) AS stakeholder_id, pg_catalog.min(n.name_key) AS key, pg_catalog.count(*) AS people,
					pg_catalog.bool_and((n.birthdate = e.birthdate) IS NOT FALSE AND (n.email_key = e.email_key) IS NOT FALSE) AS agree
				FROM @company@.stakeholder n
				WHERE n.name_key = e.name_key AND n.identifier_key IS NULL AND n.kind = 'natural person'
					AND NOT EXISTS (SELECT FROM @company@.link nl WHERE nl.stakeholder_id = n.stakeholder_id AND nl.until IS NULL AND nl.how <> 'not' OFFSET 0)) f
				WHERE f.people = 1 AND f.agree
					AND NOT EXISTS (SELECT FROM @company@._claim x WHERE x.key = f.key AND x.what = 'name' AND x.connection = e.connection OFFSET 0)))
		END)
LEFT JOIN @company@._applied a ON a.remote_id = e.remote_id AND a.connection = e.connection
LEFT JOIN @company@._claim r ON r.key = e.identifier_key AND r.what = 'identifier' AND r.connection = e.connection
LEFT JOIN @company@.employee m ON m.remote_id = e.manager AND m.connection = e.connection
LEFT JOIN @company@.link ml ON ml.remote_id = e.manager AND ml.connection = e.connection AND ml.until IS NULL AND ml.how <> 'not'
LEFT JOIN @company@._cycle y ON y.remote_id = e.remote_id AND y.connection = e.connection
WHERE e.missing_since IS NULL OR l.stakeholder_id IS NOT NULL;

CREATE OR REPLACE VIEW @company@.preview AS
SELECT c.connection, c.remote_id, c.stakeholder_id, d.identifier, d.name, d.action, c.match, d.changes, d.problems, d.reason, c.as_of
FROM @company@._case c
CROSS JOIN LATERAL @extension@.stakesync_decide(c.config, c.employee, c.stakeholder, c.match, c.namesakes, c.rivals, c.holder, c.deleted,
	c.duplicate, c.said, c.never, c.pins, c.manager, c.manager_id, c.manager_claimed, c.manager_cycle, c.old_manager, false) d;

CREATE OR REPLACE VIEW @company@.preview_change AS
SELECT c.connection, c.remote_id, c.stakeholder_id, d.identifier, d.name, d.action, c.match, f.field, f.old_value, f.new_value, f.state, f.note
FROM @company@._case c
CROSS JOIN LATERAL @extension@.stakesync_decide(c.config, c.employee, c.stakeholder, c.match, c.namesakes, c.rivals, c.holder, c.deleted,
	c.duplicate, c.said, c.never, c.pins, c.manager, c.manager_id, c.manager_claimed, c.manager_cycle, c.old_manager, true) d
CROSS JOIN LATERAL pg_catalog.jsonb_to_recordset(d.fields) AS f(field text, old_value text, new_value text, state text, note text);

-- private: what the guards say of the preview, one row per guard
CREATE OR REPLACE VIEW @company@._guard AS
WITH p AS MATERIALIZED (
	SELECT connection, action, match, changes, problems FROM @company@.preview
), base AS (
	SELECT c.connection, c.settings, c.first_applied_at,
		(SELECT pg_catalog.count(*) FROM @company@.employee e
			JOIN @company@.link l ON l.remote_id = e.remote_id AND l.connection = e.connection AND l.until IS NULL AND l.how <> 'not'
			WHERE e.connection = c.connection AND e.missing_since IS NULL) AS base
	FROM @company@.connection c
), counted AS (
	SELECT connection, 'terminate' AS guard, 'update' AS action, NULL::text AS field, pg_catalog.count(*) AS people
	FROM p WHERE action = 'update' AND changes -> 'employment_status' ->> 'new' = 'INACTIVE'
		OR action = 'update' AND changes -> 'termination_date' ->> 'old' IS NULL AND changes -> 'termination_date' ->> 'new' IS NOT NULL
	GROUP BY connection
	UNION ALL
	SELECT p.connection, 'clear', 'update', f.key, pg_catalog.count(*)
	FROM p CROSS JOIN LATERAL pg_catalog.jsonb_each(p.changes) f
	WHERE p.action = 'update' AND f.value ->> 'new' IS NULL
	GROUP BY p.connection, f.key
	UNION ALL
	SELECT connection, 'identifier', 'update', NULL, pg_catalog.count(*)
	FROM p WHERE action = 'update' AND changes -> 'identifier' ->> 'old' IS NOT NULL
	GROUP BY connection
	UNION ALL
	SELECT connection, 'identity', 'update', NULL, pg_catalog.count(*)
	FROM p WHERE action = 'update' AND (changes -> 'name' ->> 'old' IS NOT NULL OR changes -> 'email' ->> 'old' IS NOT NULL)
	GROUP BY connection
	UNION ALL
	SELECT p.connection, 'create', 'create', NULL, pg_catalog.count(*)
	FROM p JOIN base b ON b.connection = p.connection AND b.first_applied_at IS NOT NULL
	WHERE p.action = 'create'
	GROUP BY p.connection
), judged AS (
	SELECT n.connection, n.guard, n.action, n.field, n.people, b.base,
		coalesce((b.settings -> 'guards' ->> n.guard)::numeric,
			CASE n.guard WHEN 'terminate' THEN 5 WHEN 'clear' THEN 5 WHEN 'identifier' THEN 5 WHEN 'identity' THEN 10 ELSE 20 END) AS percent
	FROM counted n JOIN base b USING (connection)
), first_sync AS (
	SELECT b.connection,
		pg_catalog.count(*) FILTER (WHERE p.action = 'create') AS creates,
		pg_catalog.count(*) FILTER (WHERE p.action = 'create' AND p.problems @> '[{"code": "possible_duplicate"}]') AS duplicates,
		pg_catalog.count(*) FILTER (WHERE p.action IN ('update', 'unchanged') AND p.match IS DISTINCT FROM 'link') AS found,
		(SELECT pg_catalog.count(*) FROM @company@.stakeholder s
			WHERE s.kind = 'natural person'
				AND NOT EXISTS (SELECT FROM @company@.link l WHERE l.stakeholder_id = s.stakeholder_id AND l.until IS NULL AND l.how <> 'not')) AS unlinked
	FROM base b JOIN p USING (connection)
	WHERE b.first_applied_at IS NULL
	GROUP BY b.connection
)
SELECT connection, guard, action, field, people,
	pg_catalog.floor(base * percent / 100)::bigint AS limit_people, base,
	base > 0 AND people > 10 AND people * 100 > base * percent AS holds,
	CASE guard
		WHEN 'terminate' THEN pg_catalog.format('%s of %s people would be terminated, the limit is %s %%', people, base, percent)
		WHEN 'clear' THEN pg_catalog.format('%s would be cleared for %s of %s people, the limit is %s %%', field, people, base, percent)
		WHEN 'identifier' THEN pg_catalog.format('the identifier of %s of %s people would change, the limit is %s %%', people, base, percent)
		WHEN 'identity' THEN pg_catalog.format('name or email of %s of %s people would change, the limit is %s %%', people, base, percent)
		ELSE pg_catalog.format('%s people would be created beside %s, the limit is %s %%', people, base, percent) END AS message
FROM judged
UNION ALL
SELECT connection, 'duplicate', 'create', NULL, duplicates, pg_catalog.floor(creates * 0.05)::bigint, unlinked,
	unlinked > 0 AND (duplicates > 10 AND duplicates * 20 > creates OR creates > 10 AND found * 2 < unlinked),
	pg_catalog.format('first sync into a register that is not empty: %s of its %s unlinked people found a match, %s of %s people to create may be duplicates',
		found, unlinked, duplicates, creates)
FROM first_sync;

CREATE OR REPLACE VIEW @company@.preview_summary AS
SELECT c.connection, a.action,
	CASE WHEN c.last_complete_fetch IS NOT NULL THEN coalesce(n.people, 0) END AS people,
	g.limit_people, g.base, coalesce(g.holds, false) AS holds, c.last_complete_fetch AS as_of,
	CASE WHEN c.last_complete_fetch IS NULL THEN 'nothing fetched yet: SELECT stakesync_fetch()'
		ELSE nullif(pg_catalog.concat_ws('; ', g.message, CASE WHEN a.action = 'update' THEN (
			SELECT pg_catalog.string_agg(m.field, ', ' ORDER BY m.field) || ' not fetched since mapped: SELECT stakesync_fetch()'
			FROM @company@.mapping m WHERE m.connection = c.connection AND m.field <> ALL (c.fetched_fields)) END), '') END AS message
FROM @company@.connection c
CROSS JOIN (VALUES (1, 'create'), (2, 'update'), (3, 'unchanged'), (4, 'excluded'), (5, 'conflict'), (6, 'invalid'), (7, 'missing')) AS a(place, action)
LEFT JOIN (SELECT p.connection, p.action, pg_catalog.count(*) AS people FROM @company@.preview p GROUP BY p.connection, p.action) n
	ON n.connection = c.connection AND n.action = a.action
LEFT JOIN (SELECT w.connection, w.action, pg_catalog.min(w.limit_people) AS limit_people, pg_catalog.max(w.base) AS base,
		pg_catalog.bool_or(w.holds) AS holds,
		pg_catalog.string_agg(w.message, '; ' ORDER BY w.guard, w.field) FILTER (WHERE w.holds) AS message
	FROM @company@._guard w GROUP BY w.connection, w.action) g
	ON g.connection = c.connection AND g.action = a.action
ORDER BY c.connection, a.place;

CREATE OR REPLACE VIEW @company@.history AS
SELECT c.stakeholder_id, f.field, c.before ->> f.field AS old_value, c.after ->> f.field AS new_value,
	c.at, c.by, c.sync_id, c.connection, c.remote_id
FROM @company@.change c
CROSS JOIN LATERAL (
	SELECT k.field FROM pg_catalog.jsonb_object_keys(coalesce(c.before, '{}') || coalesce(c.after, '{}')) AS k(field)) f
WHERE c.state IN ('applied', 'reverted') AND c.action <> 'link';

-- Why data is partial; what is counted is counted at the end of a fetch
CREATE OR REPLACE VIEW @company@.data_gap AS
WITH source AS MATERIALIZED (
	SELECT c.connection, c.import, coalesce(p.name, o.name) AS name,
		coalesce(p.definition, o.definition)
			|| coalesce(coalesce(p.definition, o.definition) -> 'methods' -> s.method, '{}') AS definition,
		coalesce((SELECT g.people FROM @company@._gap g WHERE g.connection = c.connection LIMIT 1), 0) AS people,
		(SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_class k
			JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace WHERE k.oid = c.tableoid) AS company
	FROM @company@.connection c
	LEFT JOIN @company@._credential s ON s.connection = c.connection
	LEFT JOIN @extension@.stakesync_provider p ON p.provider = c.provider
	LEFT JOIN @company@.provider o ON o.provider = c.provider
	WHERE c.last_complete_fetch IS NOT NULL
), counted AS (
	SELECT g.connection, g.field, g.people - g.filled AS people, g.filled, g.lost_at, m.path,
		CASE WHEN g.refused THEN 'refused'
			WHEN g.absent = g.people OR g.lost_at IS NOT NULL THEN 'permission'
			ELSE 'not filled in' END AS reason
	FROM @company@._gap g
	JOIN @company@.mapping m ON m.connection = g.connection AND m.field = g.field
	WHERE g.filled < g.people AND (g.field <> 'termination_date' OR g.refused OR g.absent = g.people OR g.lost_at IS NOT NULL)
), shipped AS (
	SELECT s.connection, m.value ->> 'field' AS field, m.value ->> 'path' AS path, m.value ->> 'transform' AS transform
	FROM source s CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(s.definition -> 'mapping') m
), unmapped AS (
	SELECT s.connection, f.field FROM source s
	CROSS JOIN LATERAL (
		SELECT pg_catalog.jsonb_object_keys(s.definition -> 'gaps') AS field
		UNION SELECT h.field FROM shipped h WHERE h.connection = s.connection
		UNION SELECT pg_catalog.unnest('{name,personal_email,address_line_1,address_line_2,zip_code,city,country,birthdate,group_name,start_date,termination_date,employment_status,employment_type,team,manager,mobile_phone,pay_rate,pay_period,pay_currency}'::text[])) f
	WHERE NOT EXISTS (SELECT FROM @company@.mapping m WHERE m.connection = s.connection AND m.field = f.field)
)
SELECT s.connection, c.field, c.people, c.reason,
	CASE c.reason
		WHEN 'refused' THEN pg_catalog.format('%s leads through a member that is never read. Map another one, or none.', c.path)
		WHEN 'permission' THEN pg_catalog.concat_ws(' ',
			CASE WHEN c.lost_at IS NULL THEN pg_catalog.format('No record of %s has %s.', s.name, c.path)
				ELSE pg_catalog.format('%s has shown it for nobody since %s.', s.name,
					(SELECT pg_catalog.to_char(c.lost_at AT TIME ZONE y.timezone, 'YYYY-MM-DD') FROM @company@._company y LIMIT 1)) END,
			'Grant there: ' || r.permission || '.',
			pg_catalog.format('Then: SELECT * FROM stakesync_fetch(%L, ''full'');', s.connection),
			s.definition -> 'gaps' ->> c.field)
		ELSE pg_catalog.concat_ws(' ',
			CASE WHEN c.filled = 0 THEN pg_catalog.format('Nobody has it. If people do have it in %s, a permission may be missing.', s.name)
				ELSE pg_catalog.format('Fill it in at %s, or by hand in the register.', s.name) END,
			s.definition -> 'gaps' ->> c.field) END AS advice
FROM counted c JOIN source s ON s.connection = c.connection
LEFT JOIN LATERAL (
	SELECT t.value ->> 'permission' AS permission
	FROM pg_catalog.jsonb_array_elements(s.definition -> 'streams') WITH ORDINALITY t(value, place)
	WHERE t.place = 1 OR pg_catalog.lower(t.value -> 'join' ->> 'as')
		= pg_catalog.lower(pg_catalog.substring(c.path, '^ *[$][.]"?([^". []+)'))
	ORDER BY t.place = 1 LIMIT 1) r ON true
UNION ALL
SELECT s.connection, u.field, s.people,
	CASE WHEN h.field IS NULL THEN 'not supported' ELSE 'not mapped' END,
	CASE WHEN h.field IS NULL THEN coalesce(s.definition -> 'gaps' ->> u.field,
			pg_catalog.format('Map a field of %s that holds it.', s.name))
		WHEN i.word IS NOT NULL THEN pg_catalog.format('SELECT * FROM stakesync_configure(import => %L, connection => %L);',
			ARRAY(SELECT DISTINCT w.word FROM pg_catalog.unnest(s.import || i.word) w(word) ORDER BY w.word), s.connection)
		ELSE pg_catalog.format('INSERT INTO %s.mapping (connection, field, path, transform) VALUES (%L, %L, %L, %L);',
			s.company, s.connection, h.field, h.path, h.transform) END
FROM unmapped u JOIN source s ON s.connection = u.connection
LEFT JOIN shipped h ON h.connection = u.connection AND h.field = u.field
LEFT JOIN (VALUES ('manager', 'manager'), ('mobile_phone', 'mobile_phone'), ('pay_rate', 'pay_rate'), ('pay_period', 'pay_rate'),
	('pay_currency', 'pay_rate')) AS i(field, word) ON i.field = u.field;

-- Each field, where it comes from, how full it is and who uses it
CREATE OR REPLACE VIEW @company@.field AS
WITH counted AS MATERIALIZED (
	SELECT @extension@.stakesync_count_fields(p.stakeholder, p.employee, c.config, p.said, p.never, p.manager_id) AS counts
	FROM (
		SELECT s AS stakeholder, e AS employee, l.connection, a.said, a.never, ml.stakeholder_id AS manager_id
		FROM @company@.stakeholder s
		LEFT JOIN @company@.link l ON l.stakeholder_id = s.stakeholder_id AND l.until IS NULL AND l.how <> 'not'
		LEFT JOIN @company@.employee e ON e.remote_id = l.remote_id AND e.connection = l.connection
		LEFT JOIN @company@._applied a ON a.remote_id = l.remote_id AND a.connection = l.connection
		LEFT JOIN @company@.link ml ON ml.remote_id = e.manager AND ml.connection = e.connection AND ml.until IS NULL AND ml.how <> 'not'
		OFFSET 0) p
	LEFT JOIN @company@._config c ON c.connection = p.connection)
SELECT i.field, i.label, i.type, i.kind, i.visible,
	(SELECT pg_catalog.string_agg(c.connection || ': ' || coalesce(m.path, 'remote_id'), '; ' ORDER BY c.precedence DESC, c.connection_id)
		FROM @company@.connection c
		LEFT JOIN @company@.mapping m ON m.connection = c.connection
			AND m.field = CASE i.field WHEN 'identifier' THEN c.identifier WHEN 'email' THEN coalesce(c.email, 'work_email') ELSE i.field END
		WHERE m.mode <> 'never' OR i.field = 'identifier' AND c.identifier = 'remote_id') AS mapped_from,
	n.filled, n.filled_by_hr, n.filled - n.filled_by_hr AS filled_by_hand, n.total,
	ARRAY(SELECT pg_catalog.format('condition %s of %s', d.condition_id, d.connection)
		FROM @company@.condition d WHERE d.field = i.field ORDER BY d.condition_id) || i.used_by AS used_by
FROM (SELECT pg_catalog.count(*) FROM @company@._company) one
LEFT JOIN (SELECT s AS stakeholder FROM @company@.stakeholder s LIMIT 1) any_row ON true
CROSS JOIN LATERAL @extension@.stakesync_field_info(any_row.stakeholder) i
CROSS JOIN LATERAL (
	SELECT coalesce((counts -> 'filled' ->> i.field)::bigint, 0) AS filled,
		coalesce((counts -> 'of_hr' ->> i.field)::bigint, 0) AS filled_by_hr,
		coalesce((counts ->> 'total')::bigint, 0) AS total
	FROM counted) n;

COMMENT ON VIEW @company@.fetch_run IS 'Fetches, running and past';
COMMENT ON VIEW @company@.preview IS 'What a sync would do to each person: create, update, unchanged, excluded, conflict, invalid, missing';
COMMENT ON VIEW @company@.preview_change IS 'The preview field by field';
COMMENT ON VIEW @company@.preview_summary IS 'The preview in figures: one row per action, with what would hold a sync';
COMMENT ON VIEW @company@.history IS 'Every change of every field: who, when, by which sync and source record';
COMMENT ON VIEW @company@.data_gap IS 'What the HR systems do not tell, for how many people, why, and what to do';
COMMENT ON VIEW @company@.field IS 'Every field: where it comes from, how full it is, and what uses it inside this database; what lies outside is unknown';
COMMENT ON VIEW @company@._config IS 'Private to stakesync';
COMMENT ON VIEW @company@._case IS 'Private to stakesync';
COMMENT ON VIEW @company@._guard IS 'Private to stakesync';
