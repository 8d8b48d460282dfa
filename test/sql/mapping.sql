-- Mapping: from one source record to field values
\set VERBOSITY terse
LOAD 'stakesync';
CREATE FUNCTION probe_map(record bytea, rules text[], id text, deleted text, null_tokens text[],
	today date, phone_region bool, refused text[], ignore_case bool,
	OUT field text, OUT state text, OUT value text, OUT code text, OUT message text)
RETURNS SETOF record LANGUAGE C AS 'stakesync_probe';
CREATE FUNCTION map(record text, rules text[], deleted text DEFAULT NULL,
	null_tokens text[] DEFAULT '{}', today date DEFAULT '2024-06-15', phone_region bool DEFAULT false, refused text[] DEFAULT '{}',
	ignore_case bool DEFAULT false, id text DEFAULT '$.id',
	OUT field text, OUT state text, OUT value text, OUT code text, OUT message text)
RETURNS SETOF record LANGUAGE sql AS
$$ SELECT * FROM probe_map(convert_to(record, 'UTF8'), rules, id, deleted, null_tokens, today, phone_region, refused, ignore_case) $$;

-- One path over many records
CREATE FUNCTION values_of(records text[], path text, transform text DEFAULT NULL, type text DEFAULT 'text', choices text DEFAULT NULL,
	null_tokens text[] DEFAULT '{}', today date DEFAULT '2024-06-15', ignore_case bool DEFAULT false,
	OUT record text, OUT state text, OUT value text, OUT code text, OUT changes text)
RETURNS SETOF record LANGUAGE sql AS $$
	SELECT r, max(f.state) FILTER (WHERE f.field = 'x'), max(f.value) FILTER (WHERE f.field = 'x'),
		max(f.code) FILTER (WHERE f.field = 'x'), max(f.message) FILTER (WHERE f.field = '(record)')
	FROM unnest(records) WITH ORDINALITY u (r, n),
		map(r, ARRAY['x', path, transform, type, choices], null_tokens => values_of.null_tokens, today => values_of.today,
			ignore_case => values_of.ignore_case) f
	GROUP BY n, r ORDER BY n
$$;

-- A record like Merge's
SELECT * FROM map('{"id": "0d2a", "remote_id": "19202938", "employee_number": "000123", "first_name": "Zoë", "last_name": " Ó Briain ",
	"work_email": "zoe@example.com", "groups": [{"id": "g1", "name": "Payroll", "type": "TEAM"}, null, {"id": "g2", "name": "Finance", "type": "DEPARTMENT"}],
	"employments": [{"id": "e1", "job_title": "Clerk", "pay_rate": 50000, "pay_currency": "EUR", "pay_period": "YEAR", "effective_date": "2020-10-11T00:00:00Z"},
		{"id": "e2", "job_title": "Head", "pay_rate": 70000.50, "pay_currency": "EUR", "pay_period": "YEAR", "effective_date": "2023-01-01T00:00:00Z"}],
	"home_location": {"street_1": "1 Main \"St\"", "city": "Cork\u00a0", "country": "ie", "zip_code": 4711}, "work_location": null,
	"manager": "b1", "hire_date": "2020-10-11T00:00:00Z", "employment_status": "ACTIVE", "custom_fields": {"shoe": 43}}',
ARRAY[
	['remote_id', '$.remote_id', NULL, 'text', NULL],
	['employee_number', '$.employee_number', NULL, 'text', NULL],
	['first_name', '$.first_name', NULL, 'text', NULL],
	['last_name', '$.last_name', NULL, 'text', NULL],
	['address_line_1', '$.home_location.street_1', NULL, 'text', NULL],
	['address_line_2', '$.home_location.street_2', NULL, 'text', NULL],
	['city', '$.home_location.city', NULL, 'text', NULL],
	['zip_code', '$.home_location.zip_code', NULL, 'text', NULL],
	['country', '$.home_location.country', NULL, 'country', NULL],
	['work_city', '$.work_location.city', NULL, 'text', NULL],
	['groups', '$.groups[*].name', NULL, 'text[]', NULL],
	['group_name', '$.groups[*].name', 'pick(type, "DEPARTMENT,BUSINESS_UNIT,GROUP,COST_CENTER,TEAM", name)', 'text', NULL],
	['job_title', '$.employments[*].job_title', 'current(effective_date)', 'text', NULL],
	['pay_rate', '$.employments[*].pay_rate', 'current(effective_date)', 'numeric', NULL],
	['start_date', '$.hire_date', NULL, 'date', NULL],
	['employment_status', '$.employment_status', NULL, 'choice', 'ACTIVE,PENDING,LEAVE,INACTIVE'],
	['manager', '$.manager', NULL, 'text', NULL],
	['team', '$.team.name', NULL, 'text', NULL]]);

-- Absent, null, value
SELECT * FROM values_of(ARRAY['{}', '{"a": null}', '{"a": {}}', '{"a": {"b": null}}', '{"a": {"b": "x"}}', '{"a": "uuid"}', '{"a": 7}',
	'{"a": []}', '{"a": [{"b": "x"}]}', '{"a": {"b": ""}}', '{"a": {"b": " \t\u00a0"}}'], '$.a.b');
SELECT * FROM values_of(ARRAY['{}', '{"a": null}', '{"a": []}', '{"a": [null]}', '{"a": [{}]}', '{"a": [{}, null]}', '{"a": [{"b": null}]}',
	'{"a": [{}, {"b": null}]}', '{"a": [{}, {"b": "x"}, null]}', '{"a": ["uuid"]}', '{"a": ["uuid", {"b": "x"}]}', '{"a": {"b": "x"}}',
	'{"a": "uuid"}', '{"a": [{"b": "x"}, {"b": "y"}]}', '{"a": [{"b": "x"}, {"b": " x"}]}', '{"a": [[{"b": "x"}]]}'], '$.a[*].b');
SELECT * FROM values_of(ARRAY['{"a": []}', '{"a": ["x"]}', '{"a": ["x", "y", "z"]}', '{"a": ["x", null]}', '{"a": "s"}', '{"a": {"b": 1}}'], '$.a[last]');
SELECT * FROM values_of(ARRAY['{"a": []}', '{"a": ["x"]}', '{"a": ["x", "y", "z"]}', '{"a": "s"}', '{"a": null}'], '$.a[1]');
SELECT * FROM values_of(ARRAY['{"a": ["x"]}', '{"a": "s"}', '{"a": {"b": {"c": "d"}}}'], '$.a[0]');
SELECT * FROM values_of(ARRAY['{"a": {"b": {"c": "d"}}}', '{"a": [{"b": [[{"c": "d"}]]}]}', '{"a": [{"b": [{"c": "d"}, {"c": "d"}]}, {"b": {"c": "d"}}]}'], '$.a[*].b[*].c');

-- Names: quoted, escaped, beyond ASCII, long, empty; equal ones, the last wins
SELECT * FROM values_of('{"{\"odd.name\": 1}", "{\"odd\\u002ename\": 2}"}', '$."odd.name"');
SELECT * FROM values_of('{"{\"odd.name\": 1}"}', '$["odd.name"]');
SELECT * FROM values_of('{"{\"\": 1}"}', '$.""');
SELECT * FROM values_of('{"{\"größe😀\": 1}", "{\"gr\\u00f6\\u00dfe\\ud83d\\ude00\": 2}"}', '$.größe😀');
SELECT * FROM values_of('{"{\"A\": 1}"}', '$.a');
SELECT * FROM values_of('{"{\"a\": 1, \"a\": 2}", "{\"a\": 1, \"a\": null}", "{\"a\": 1, \"\\u0061\": 3}"}', '$.a');
SELECT * FROM values_of('{"{\"a\": {\"b\": 1}, \"a\": {}}", "{\"a\": {\"b\": 1}, \"a\": 7}", "{\"a\": {\"b\": 1, \"b\": 2}}"}', '$.a.b');
SELECT * FROM values_of('{"{\"a\": [{\"b\": 1}], \"a\": [{\"b\": 2}, {\"b\": 3}]}"}', '$.a[*].b', 'join');

-- Text
SELECT * FROM values_of(ARRAY['{"a": "000123"}', '{"a": 123}', '{"a": 1E5}', '{"a": -0.50}', '{"a": true}', '{"a": false}', '{"a": {"b": 1}}', '{"a": [1]}',
	'{"a": "a\nb\t\"\\\/"}', '{"a": "\ud83d\ude00"}', '{"a": "a\u0000b"}', '{"a": "\ud83d"}', '{"a": "\ude00\ud83d"}', '{"a": "\ud83dx"}',
	'{"a": "\u200b x \ufeff"}', '{"a": "0000-00-00"}', '{"a": " n/a"}', '{"a": "n/a!"}', '{"a": "n/"}', '{"a": 0}'], '$.a', null_tokens => '{0000-00-00,n/a,0}');
SELECT f.state, f.code, f.message, length(f.value) FROM generate_series(10000, 10001) n, map(format('{"a": "%s"}', repeat('x', n)), '{x,$.a,NULL,text,NULL}') f WHERE field = 'x';

-- Bad text elsewhere does not matter
SELECT * FROM values_of('{"{\"z\": \"a\\u0000\\ud800\", \"a\\u0000\": 1, \"a\": \"good\"}"}', '$.a');

-- Dates: the civil day as written, never shifted
SELECT * FROM values_of(ARRAY['{"a": "2024-02-29"}', '{"a": "2023-02-29"}', '{"a": "1900-02-29"}', '{"a": "2000-02-29"}', '{"a": "2021-06-14T22:00:00Z"}', '{"a": "2021-06-14T22:00:00.123456+02:00"}',
	'{"a": "2021-06-14 23:59"}', '{"a": "0000-00-00"}', '{"a": "0000-00-00T00:00:00"}', '{"a": "9999-12-31"}', '{"a": "0001-01-01T00:00:00Z"}', '{"a": "2021-6-1"}', '{"a": "14.06.2021"}', '{"a": "2021-13-01"}',
	'{"a": "2021-00-01"}', '{"a": "2021-06-00"}', '{"a": "2021-06-31"}', '{"a": "2021-06-14T"}', '{"a": "2021-06-14Tx"}', '{"a": "2021-06-14T25:00"}', '{"a": "20210614"}', '{"a": 20210614}', '{"a": "today"}', '{"a": " 2021-06-14 "}', '{"a": ""}', '{"a": "0000-01-01"}'], '$.a', NULL, 'date');

-- Numbers as they are written
SELECT * FROM values_of(ARRAY['{"a": 1234.50}', '{"a": "1234.50"}', '{"a": 1e3}', '{"a": -1E-3}', '{"a": "+5"}', '{"a": ".5"}', '{"a": "5."}', '{"a": "."}', '{"a": "1,234.50"}', '{"a": "NaN"}', '{"a": "Infinity"}',
	'{"a": 1e1000}', '{"a": 1e1001}', '{"a": 1e-1001}', '{"a": 1e99999999999999999999}', '{"a": "1e"}', '{"a": "0x10"}', '{"a": true}', '{"a": "12 000"}', '{"a": 0.1000000000000000055511151231257827}', '{"a": ""}'], '$.a', NULL, 'numeric');
SELECT f.state, f.code, length(f.value) FROM generate_series(1000, 1001) n, map(format('{"a": %s}', repeat('9', n)), '{x,$.a,NULL,numeric,NULL}') f WHERE field = 'x';
SELECT * FROM values_of(ARRAY['{"a": 12}', '{"a": "-9223372036854775808"}', '{"a": 9223372036854775807}', '{"a": 9223372036854775808}', '{"a": 1.0}', '{"a": "+7"}', '{"a": "-"}'], '$.a', NULL, 'integer');
SELECT * FROM values_of(ARRAY['{"a": true}', '{"a": false}', '{"a": "Yes"}', '{"a": 0}', '{"a": 1}', '{"a": "TRUE"}', '{"a": 2}', '{"a": "maybe"}'], '$.a', NULL, 'boolean');

-- Countries and currencies
SELECT * FROM values_of(ARRAY['{"a": "CH"}', '{"a": "ch"}', '{"a": "CHE"}', '{"a": "Switzerland"}', '{"a": "XX"}', '{"a": "Atlantis"}', '{"a": ""}'], '$.a', NULL, 'country');
SELECT * FROM values_of(ARRAY['{"a": "EUR"}', '{"a": "eur"}', '{"a": "XXX"}', '{"a": "euro"}'], '$.a', NULL, 'currency');

-- Choices
SELECT * FROM values_of(ARRAY['{"a": "FULL_TIME"}', '{"a": "full time"}', '{"a": "Full-Time"}', '{"a": "half"}', '{"a": ""}'], '$.a', NULL, 'choice', 'FULL_TIME,PART_TIME');
SELECT f.message FROM map('{"a": "secret"}', '{x,$.a,NULL,choice,"FULL_TIME,PART_TIME"}') f WHERE field = 'x';

-- Arrays: trimmed, sorted, distinct
SELECT * FROM values_of(ARRAY['{"a": ["b", " a ", "b", null, ""]}', '{"a": []}', '{"a": [null, " "]}', '{"a": "x"}', '{"a": ["null", "NULL", "a b", "a,b", "a\"b", "a\\b", "{}", "é", "A", 7, true]}',
	'{"a": null}', '{}', '{"a": [{"b": 1}]}', '{"a": [["x"]]}', '{"a": {}}'], '$.a', NULL, 'text[]');
SELECT * FROM values_of(ARRAY['{"a": ["b", "a"]}', '{"a": []}', '{"a": null}', '{}'], '$.a[*]', NULL, 'text[]');
SELECT value::text[] FROM values_of(ARRAY['{"a": ["null", "NULL", "a b", "a,b", "a\"b", "a\\b", "{}", "é", "A", " x\ty", 7]}'], '$.a', NULL, 'text[]');
SELECT value = value::text[]::text AS as_array_out FROM values_of(ARRAY['{"a": ["null", "NULL", "a b", "a,b", "a\"b", "a\\b", "{}", "é", "A", "x\ty", "x\u00a0y", "x\u0085y", 7]}'], '$.a', NULL, 'text[]');
SELECT f.state, f.code, f.message FROM map('{"a": [' || repeat('1,', 1000) || '1]}', '{x,$.a,NULL,"text[]",NULL}') f WHERE field = 'x';

-- Phones: with a country code, without one, none; the record's own country where phone_region is set
SELECT n AS phone, f.state, f.value, f.code, g.state, g.value, g.code
FROM unnest('{079 123 45 67,0041 79 123 45 67,+41 (0)79 123 45 67,+41 79 123 45 67 ext. 12,n/a,-,0,+41 1,+999 123456,12 34}'::text[]) n,
	map(format('{"p": "%s", "c": "CH"}', n), '{{phone,$.p,NULL,phone,NULL},{country,$.c,NULL,country,NULL}}') f,
	map(format('{"p": "%s", "c": "CH"}', n), '{{phone,$.p,NULL,phone,NULL},{country,$.c,NULL,country,NULL}}', phone_region => true) g
WHERE f.field = 'phone' AND g.field = 'phone';
SELECT f.* FROM map('{"p": "079 123 45 67", "c": "nowhere", "n": 41791234567}', '{{phone,$.p,NULL,phone,NULL},{other,$.n,phone,text,NULL},{country,$.c,NULL,country,NULL}}', phone_region => true) f WHERE field <> '(record)';

-- Transforms
SELECT * FROM values_of(ARRAY['{"a": [null, "", "b", "a"]}', '{"a": []}', '{"a": "x"}', '{"a": ["b", {}]}', '{"a": [{}, "b"]}'], '$.a[*]', 'first');
SELECT * FROM values_of(ARRAY['{"a": ["b", "a"]}'], '$.a', 'first');
SELECT * FROM values_of(ARRAY['{"a": ["b", "a", "b", null, " "]}', '{"a": []}', '{"a": "x"}', '{"a": ["b", {}]}'], '$.a[*]', 'join');
SELECT * FROM values_of(ARRAY['{"a": ["b", "a", "b"]}'], '$.a', 'join(" | ")');
SELECT * FROM values_of(ARRAY['{"a": "ÀB İß"}', '{"a": "AB"}', '{"a": "Ab\u03a3"}'], '$.a', 'lower');
SELECT * FROM values_of(ARRAY['{"a": "àb ıß"}', '{"a": "ab"}'], '$.a', 'upper');
SELECT * FROM values_of(ARRAY['{"a": "  x "}'], '$.a', 'trim');
SELECT * FROM values_of(ARRAY['{"a": {"value": "x"}}', '{"a": "x"}', '{"a": {"value": null}}', '{"a": {}}', '{"a": null}', '{}', '{"a": {"value": {"value": 1}}}', '{"a": {"value": ["x"]}}'], '$.a', 'value');
SELECT * FROM values_of(ARRAY['{"a": {"value": ["x", "y"]}}', '{"a": ["x", "y"]}', '{"a": {"value": []}}', '{"a": [{"value": "x"}]}'], '$.a', 'value', 'text[]');
SELECT * FROM values_of(ARRAY['{"a": [{"value": "x"}, {"value": "y"}, "z"]}'], '$.a[*]', 'value | join("+")');
SELECT * FROM values_of(ARRAY['{"a": "2021-06-14T22:00:00Z"}', '{"a": "x"}', '{"a": "9999-12-31"}'], '$.a', 'date');
SELECT * FROM values_of(ARRAY['{"a": "germany"}', '{"a": "x"}'], '$.a', 'country | lower');
SELECT * FROM values_of(ARRAY['{"a": "eur"}', '{"a": "x"}'], '$.a', 'currency');
SELECT * FROM values_of(ARRAY['{"a": "A"}', '{"a": "ON LEAVE"}', '{"a": "straße"}', '{"a": "STRASSE"}', '{"a": "other"}', '{"a": "gone"}', '{"a": null}', '{"a": "say \"hi\", (x)|y=z"}'], '$.a',
	'map(a=ACTIVE, "on leave" = LEAVE, STRASSE=road, gone="", "say \"hi\", (x)|y=z"=quoted)');
SELECT * FROM values_of(ARRAY['{"a": "A"}', '{"a": "other"}', '{"a": ""}'], '$.a', 'map(*=x, A=y)');
SELECT * FROM values_of(ARRAY['{"a": "A"}', '{}'], '$', 'const("fixed")');
SELECT * FROM values_of(ARRAY['{"a": ["1", "2"]}'], '$.a[*]', 'map(1=b, 2=a) | join("") | upper | map(BA=good)');
SELECT * FROM values_of(ARRAY['{"a": "Y"}', '{"a": "n"}'], '$.a', 'map(y=true, n=false)', 'boolean');

-- pick: by its list, then by name, whatever the order
SELECT * FROM values_of(ARRAY['{"g": [{"t": "TEAM", "n": "a"}, {"t": "DEPARTMENT", "n": "z"}, {"t": "DEPARTMENT", "n": "y"}]}', '{"g": [{"t": "DEPARTMENT", "n": "y"}, {"t": "DEPARTMENT", "n": "z"}, {"t": "TEAM", "n": "a"}]}',
	'{"g": [{"t": "OTHER", "n": "a"}, {"n": "b"}, {"t": null, "n": "c"}, {"t": "TEAM", "n": "z"}]}', '{"g": [{"t": "OTHER", "n": "c"}, {"n": "b"}, "uuid"]}', '{"g": [{"t": "DEPARTMENT", "n": null}, {"t": "TEAM", "n": "x"}]}',
	'{"g": [{"t": "department ", "n": "d"}, {"t": "team", "n": "x"}]}', '{"g": [null, {"t": "TEAM"}]}', '{"g": [null, {"t": "TEAM", "n": null}]}', '{"g": []}', '{"g": [null]}', '{"g": ["uuid"]}', '{"g": null}', '{}', '{"g": {"t": "TEAM", "n": "only"}}'],
	'$.g[*].n', 'pick(t, "DEPARTMENT, TEAM", n)');
SELECT * FROM values_of(ARRAY['{"g": [{"t": "TEAM", "n": {"l": "a"}}, {"t": "DEPARTMENT", "n": {"l": "z"}}]}'], '$.g[*].n.l', 'pick(t, "DEPARTMENT,TEAM") | upper');

-- current: the latest that is not in the future, else the first to come
SELECT * FROM values_of(ARRAY['{"e": [{"d": "2024-01-01", "t": "old"}, {"d": "2024-06-15", "t": "today"}, {"d": "2024-06-16", "t": "tomorrow"}, {"d": "2025-01-01", "t": "later"}]}',
	'{"e": [{"d": "2025-01-01", "t": "later"}, {"d": "2024-06-16", "t": "tomorrow"}]}', '{"e": [{"t": "undated"}, {"d": "1969-01-01", "t": "dated"}]}', '{"e": [{"d": null, "t": "undated"}, {"d": "2024-06-16", "t": "tomorrow"}]}',
	'{"e": [{"d": "2024-01-01"}, {"d": "2023-01-01", "t": "old"}]}', '{"e": [{"d": "2024-01-01", "t": null}, {"d": "2023-01-01", "t": "old"}]}', '{"e": []}', '{"e": [null]}', '{"e": ["uuid"]}', '{"e": null}', '{}',
	'{"e": [null, "uuid", {"d": "2024-01-01", "t": "x"}]}', '{"e": {"d": "2024-01-01", "t": "single"}}', '{"e": [{"d": "0000-00-00", "t": "none"}, {"d": "what", "t": "nonsense"}]}'], '$.e[*].t', 'current(d)');
SELECT * FROM values_of(ARRAY['{"e": [{"d": "2024-01-01", "t": "old"}, {"d": "2024-06-16", "t": "new"}]}'], '$.e[*].t', 'current(d)', today => '2024-06-16');

-- current: shuffled employments give the same, and pay is never mixed
WITH RECURSIVE e (n, j) AS (VALUES
	(1, '{"id": "b", "d": "2024-01-01T00:00:00Z", "rate": 1, "cur": "EUR"}'),
	(2, '{"id": "a", "d": "2024-01-01", "rate": 2, "cur": "USD"}'),
	(3, '{"d": "2024-01-01", "rate": 3, "cur": "CHF"}'),
	(4, '{"id": "c", "d": "2024-09-01", "rate": 4, "cur": "JPY"}'),
	(5, '{"id": "z", "rate": 5}')),
p (used, list) AS (SELECT ARRAY[n], j FROM e UNION ALL SELECT used || n, list || ',' || j FROM p, e WHERE n <> ALL (used))
SELECT count(*) AS orders, f.field, f.state, f.value, f.message
FROM p, map('{"id": 1, "e": [' || list || ']}', '{{rate,"$.e[*].rate","current(d)",numeric,NULL},{cur,"$.e[*].cur","current(d)",currency,NULL}}') f
WHERE cardinality(used) = 5 GROUP BY 2, 3, 4, 5 ORDER BY 2;
WITH RECURSIVE e (n, j) AS (VALUES (1, '{"d": "2024-01-01", "rate": 1}'), (2, '{"d": "2024-01-01", "rate": 2}'), (3, '{"d": "2024-01-01", "rate": null}')),
p (used, list) AS (SELECT ARRAY[n], j FROM e UNION ALL SELECT used || n, list || ',' || j FROM p, e WHERE n <> ALL (used))
SELECT count(*) AS orders, f.state, f.value FROM p, values_of(ARRAY['{"e": [' || list || ']}'], '$.e[*].rate', 'current(d)') f WHERE cardinality(used) = 3 GROUP BY 2, 3;
SELECT f.field, f.state, f.value FROM map('{"e": [{"d": "2024-01-01", "rate": 7}, {"d": "2023-01-01", "rate": 5, "cur": "EUR"}]}',
	'{{rate,"$.e[*].rate","current(d)",numeric,NULL},{cur,"$.e[*].cur","current(d)",currency,NULL},{first,"$.e[*].cur",first,text,NULL}}') f;

-- current: an end that has passed does not count; a day on which the choice may change is known
SELECT * FROM values_of(ARRAY['{"e": [{"d": "2023-01-01", "x": "2024-06-14", "t": "over"}, {"d": "2022-01-01", "x": null, "t": "open"}]}', '{"e": [{"d": "2023-01-01", "x": "2024-06-15", "t": "last day"}, {"d": "2022-01-01", "t": "open"}]}',
	'{"e": [{"d": "2023-01-01", "x": "2024-07-31T00:00:00Z", "t": "until July"}, {"d": "2022-01-01", "x": "2024-06-30", "t": "behind it"}]}', '{"e": [{"d": "2023-01-01", "x": "2024-07-31", "t": "until July"}, {"d": "2024-07-01", "t": "from July"}]}',
	'{"e": [{"d": "2023-01-01", "x": "2024-06-20", "t": "until June"}, {"d": "2024-07-01", "t": "from July"}]}', '{"e": [{"d": "2023-01-01", "x": "2024-06-14", "t": "over"}, {"d": "2024-07-01", "x": "2024-12-31", "t": "from July"}]}',
	'{"e": [{"d": "2023-01-01", "x": "2024-06-14", "t": "over"}]}', '{"e": [{"d": "2023-01-01", "x": "2024-06-14", "t": "over"}, "uuid", null]}', '{"e": [{"d": "2023-01-01", "x": "9999-12-31T00:00:00", "t": "for ever"}]}', '{"e": [{"d": "2023-01-01", "x": "what", "t": "nonsense"}]}',
	'{"e": [{"x": "2024-06-30", "t": "undated"}]}', '{"e": [{"d": "2024-07-01", "x": "2024-01-01", "t": "backwards"}, {"t": "undated"}]}', '{"e": []}', '{"e": null}', '{}'], '$.e[*].t', 'current(d, x)');
SELECT * FROM values_of(ARRAY['{"e": [{"d": "1900-01-01", "x": "1900-01-01", "t": "open"}, {"d": "2020-01-01", "x": "1900-01-01", "t": "dated"}]}'], '$.e[*].t', 'current(d, x)', null_tokens => '{1900-01-01}');
SELECT f.field, f.state, f.value, f.message FROM map('{"e": [{"d": "2023-01-01", "x": "2024-06-14", "t": "a", "u": 1}, {"d": "2022-01-01", "t": "b", "u": 2}]}',
	'{{with,"$.e[*].t","current(d, x)",text,NULL},{without,"$.e[*].t","current(d)",text,NULL},{again,"$.e[*].u","current(d, x)",text,NULL}}') f;

-- Members that transforms name may be deeper
SELECT * FROM values_of(ARRAY['{"e": [{"a": {"from": {"value": "2023-01-01"}}, "t": "old"}, {"a": {"from": {"value": "2024-01-01"}}, "t": "new"}, {"a": null, "t": "none"}, {"a": [{"from": 1}], "t": "other"}]}'], '$.e[*].t', 'current(a.from.value)');
SELECT * FROM values_of(ARRAY['{"g": [{"t": {"code": "TEAM"}, "n": {"l": "a"}}, {"t": {"code": "DEPARTMENT"}, "n": {"l": "z"}}, {"t": {"code": "DEPARTMENT"}, "n": {"l": "y"}}]}'], '$.g[*].n.l', 'pick(t . code, "DEPARTMENT,TEAM", n.l)');
SELECT * FROM values_of(ARRAY['{"e": [{"/about/from": {"a.b": "2023-01-01"}, "t": "old"}, {"/about/from": {"a.b": "2024-01-01"}, "t": "new"}]}'], '$.e[*].t', 'current("/about/from"."a.b")');

-- employed: by the days, and by a status where there is one
SELECT * FROM values_of(ARRAY['{"s": "2024-06-16", "e": null}', '{"s": "2024-06-15", "e": null}', '{"s": "2020-01-01", "e": "2024-06-15"}', '{"s": "2020-01-01", "e": "2024-06-14"}', '{"s": "2020-01-01", "e": "2024-12-30T23:00:00Z"}',
	'{"s": "2024-07-01", "e": "2024-01-01"}', '{"s": "0000-00-00", "e": "9999-12-31T00:00:00"}', '{"s": "2020-01-01", "e": "n/a"}', '{"s": "2020-01-01", "e": ""}', '{"s": "2020-01-01"}', '{"e": "2024-01-01"}', '{"e": "2024-07-01"}', '{"s": null, "e": null}', '{"s": null}', '{}',
	'{"s": "14.06.2024", "e": null}', '{"s": "2020-01-01", "e": "soon"}', '{"s": {"value": 1}}', '{"s": "a\u0000"}'],
	'$', 'employed(s, e)', 'choice', 'ACTIVE,PENDING,LEAVE,INACTIVE', null_tokens => '{0000-00-00,n/a}');
SELECT * FROM values_of(ARRAY['{"s": "2024-06-16", "e": null, "t": "on leave"}', '{"s": "2020-01-01", "t": "On Leave"}', '{"s": "2020-01-01", "t": "left"}', '{"s": "2020-01-01", "e": "2024-01-01", "t": "on leave"}', '{"s": "2020-01-01", "e": "2024-07-01", "t": "on leave"}',
	'{"s": "2020-01-01", "e": "2024-07-01", "t": null}', '{"s": "2020-01-01", "e": "2024-01-01", "t": null}', '{"s": "2020-01-01", "e": null, "t": " n/a "}', '{"s": "2020-01-01", "e": null}', '{"s": "2020-01-01", "e": "2024-01-01"}', '{"s": "2020-01-01", "e": "2024-07-01"}', '{"s": "2024-07-01"}',
	'{"s": "what", "t": "on leave"}', '{"s": "2020-01-01", "e": "what", "t": "on leave"}', '{"s": "2020-01-01", "t": {"value": 1}}', '{"s": "2020-01-01", "t": 7}'],
	'$', 'employed(s, e, t) | map(on leave=LEAVE, *=INACTIVE)', 'choice', 'ACTIVE,PENDING,LEAVE,INACTIVE', null_tokens => '{n/a}');
SELECT * FROM values_of(ARRAY['{"attributes": {"hire_date": {"label": "Hire date", "value": "2024-07-01T00:00:00+02:00"}, "contract_end_date": {"value": null}, "status": {"value": "active"}}}',
	'{"attributes": {"hire_date": {"value": "2020-07-01"}, "contract_end_date": {"value": "2023-12-31"}, "status": {"value": null}}}', '{"attributes": {"hire_date": {"value": "2020-07-01"}, "contract_end_date": null, "status": null}}',
	'{"attributes": {"hire_date": {"value": "2020-07-01"}, "status": {"value": "leave"}}}', '{"attributes": null}', '{"attributes": "text"}', '{"attributes": []}', '{}'],
	'$', 'employed(attributes.hire_date.value, attributes.contract_end_date.value, attributes.status.value) | upper');
SELECT * FROM values_of(ARRAY['{"attributes": {"hire_date": {"value": "2024-07-01"}}}', '{"attributes": {"hire_date": {"value": "2020-07-01"}}}', '{"attributes": {}}', '{"attributes": null}', '{"attributes": "text"}', '{"attributes": [{"hire_date": {"value": "2020-07-01"}}]}', '{}'],
	'$.attributes', 'employed(hire_date.value, "contract end"."value") | map(*=other)');
SELECT * FROM values_of(ARRAY['{"j": [{"s": "2020-01-01"}, {"s": "2021-01-01"}]}', '{"j": [{"s": "2020-01-01"}, {"s": "2024-07-01"}]}', '{"j": [{"s": "2020-01-01", "e": "what"}, "uuid", {}]}', '{"j": ["uuid", {}]}', '{"j": []}'], '$.j[*]', 'employed(s, e)');
SELECT * FROM values_of(ARRAY['{"j": [{"s": "2020-01-01"}, {"s": "2024-07-01", "main": true}]}'], '$.j[*] ? (@.main == true)', 'employed(s, e) | first');

-- Alternatives: the first that is there and not null
SELECT * FROM values_of(ARRAY['{"a": 1, "b": 2, "c": 3}', '{"b": 2, "c": 3}', '{"a": null, "b": 2}', '{"a": " ", "b": "n/a", "c": 3}', '{"a": null, "c": null}', '{"c": null}', '{"a": null}', '{"a": "", "b": "n/a"}', '{}',
	'{"a": {"x": 1}, "b": 2}', '{"a": {"x": 1}}', '{"a": {"x": 1}, "b": null}', '{"a": null, "c": [1]}', '{"a": "\u0000", "b": 2}', '{"a": [], "b": 2}'], '$.a ?? $.b??$.c', null_tokens => '{n/a}');
SELECT * FROM values_of(ARRAY['{"m": {"id": "7"}}', '{"m": {"id": null}}', '{"m": "7"}', '{"m": null}', '{"m": {}}', '{}'], '$.m.id ?? $.m');
SELECT * FROM values_of(ARRAY['{"m": {"id": "7"}}', '{"m": "7"}'], '$.m ?? $.m.id');
SELECT * FROM values_of(ARRAY['{"work": {"department": "1"}, "/about/team": {"value": "Sales"}}', '{"work": {"department": "1"}, "\/about\/team": {"value": null}}', '{"work": {"department": "1"}}'], '$."/about/team".value ?? $.work.department');
SELECT * FROM values_of(ARRAY['{"a??b": 1}', '{"a??b": null, "c": 2}'], '$."a??b" ?? $.c');
SELECT * FROM values_of(ARRAY['{"a": "x"}', '{"b": "Y"}', '{"b": {"value": "z"}}'], '$.a ?? $.b', 'value | upper | map(Z=last)');
SELECT * FROM values_of(ARRAY['{"a": [], "b": ["x", "y"]}', '{"a": [null], "b": "z"}', '{"a": null}', '{"b": []}', '{}'], '$.a ?? $.b', NULL, 'text[]');
SELECT * FROM values_of(ARRAY['{"a": [null, ""], "b": ["x", "y"]}', '{"a": [{}], "b": ["x", "y"]}', '{"a": ["w", {}], "b": ["x"]}'], '$.a[*] ?? $.b[*]', 'join');
SELECT * FROM values_of(ARRAY['{"e": [{"p": true, "t": "main"}], "t": "x"}', '{"e": [{"p": false, "t": "other"}], "t": "x"}', '{"e": [{"p": true, "t": null}], "t": "x"}', '{"e": [{"p": true, "t": null}]}', '{"e": []}', '{"t": {}, "u": "y"}', '{"e": 1, "u": 7}'],
	'$.e[*] ? (@.p == true).t ?? $.t ?? $.u - 1');
SELECT * FROM values_of(ARRAY['{"a": 1e999999, "b": 2}'], '$.a + 1 ?? $.b', type => 'integer');
SELECT * FROM values_of(ARRAY['{"e": [{"d": "2024-01-01", "t": "e"}], "f": [{"d": "2024-02-01", "t": "f"}]}', '{"e": [{"d": "2024-01-01"}], "f": [{"d": "2024-02-01", "t": "f"}]}', '{"e": [], "f": [{"d": "2024-02-01", "t": "old"}, {"d": "2024-07-01", "t": "new"}]}', '{"e": [], "f": null}', '{}'], '$.e[*].t ?? $.f[*].t', 'current(d)');
SELECT * FROM values_of(ARRAY['{"a": {"s": "2020-01-01"}}', '{"a": null, "s": "2024-07-01"}'], '$.a ?? $', 'employed(s, e)');

-- Names without ASCII case
SELECT f.* FROM map('{"ID": "7", "X": 1, "DELETED": "True", "Work": {"CITY": "Bern", "city\u00c4": "A", "City\u00e4": "a"}, "Jobs": [{"Effective": "2024-01-01", "iD": "1", "Title": "old"}, {"EFFECTIVE": "2024-01-01", "Id": "2", "TITLE": {"Value": "new"}}], "\u0053sN": "secret"}',
	'{{city,$.work.City,NULL,text,NULL},{umlaut,$.WORK.cityÄ,NULL,text,NULL},{job_title,$.jobs[*].title,"current(effective) | value",text,NULL},{status,$,"employed(start, END, x)",text,NULL},{ssn,$.SSN,NULL,text,NULL},{rest,"$.WORK.keyvalue() ? (@.key == \"city\").value",NULL,text,NULL}}',
	deleted => '$.Deleted', refused => '{ssn,SSN}', ignore_case => true, id => '$.Id') f;
SELECT * FROM values_of(ARRAY['{"A": 1}', '{"a": 1}', '{"a": 1, "A": 2}', '{"a": 1, "A": null}', '{"\u0041": 3}', '{"b": 1}'], '$.A', ignore_case => true);
SELECT * FROM values_of(ARRAY['{"A@": 1}', '{"a`": 1}', '{"Ä": 1}', '{"ä": 1}'], '$."a@" ?? $.ä', ignore_case => true);
SELECT * FROM values_of(ARRAY['{"E": [{"Main": true, "T": "x", "K": "A"}, {"MAIN": true, "t\u0054": "y", "\u004b": "B"}]}'], '$.e[*] ? (@.mAIN == true && @."K" == "B").Tt', ignore_case => true);
SELECT * FROM values_of(ARRAY['{"B": {"C\u0000D": "\ud800", "E\"": "F"}}', '{"B": {"C": "D", "E\"": "F\""}}'], '$.b ? (@."e\"" starts with "F")."E\""', ignore_case => true);

-- What the record says of itself
SELECT r, f.* FROM unnest(ARRAY['{"id": "a", "x": true}', '{"id": 7, "x": "TRUE"}', '{"id": null, "x": 1}', '{"id": "  ", "x": "2024-01-01"}', '{"x": false}', '{"id": {}}', '{"id": "a\u0000"}', '{"id": " a\u00e9 ", "x": null}']) r,
	map(r, '{}', deleted => '$.x') f;
SELECT f.state, f.message FROM map('{"id": "' || repeat('x', 1001) || '"}', '{}') f;

-- Members that are refused by name are as if they were not there
SELECT f.* FROM map('{"id": 1, "ssn": "secret", "a": {"ss\u006e": "secret", "b": "open"}}', '{{x,$.ssn,NULL,text,NULL},{y,$.a.ssn,NULL,text,NULL},{z,$.a.b,NULL,text,NULL}}', refused => '{ssn}') f;
SELECT f.* FROM map('{"id": 1, "a": [1, {"ssn": "secret", "b": 1}, {"b": 2, "ssn": [{"b": "secret"}, "}"]}, {"b": 3, "ssn": null, "c": "ssn", "d": {"ss\u006e" : {}}}]}', '{x,"$.a[*] ? (@.type() == \"object\").keyvalue().key","join(\" \")",text,NULL}', refused => '{ssn}') f;
SELECT f.* FROM map('{"id": 1, "a": {"ssn": "secret"}}', '{{x,"$.a ? (@.ssn == \"secret\").ssn",NULL,text,NULL},{y,"$.a.keyvalue().key",NULL,text,NULL}}', refused => '{ssn}') f;
SELECT f.* FROM map('{"id": 1, "a": {"ssn": "open"}}', '{{y,"$.a.keyvalue().key",NULL,text,NULL}}', refused => '{other}') f;

-- What cannot be followed is left to jsonpath
SELECT * FROM values_of(ARRAY['{"e": [{"p": false, "t": "x"}, {"p": true, "t": "main"}]}', '{"e": []}', '{"e": null}', '{}', '{"e": [{"p": false, "t": "x"}]}', '{"e": [{"p": true, "t": null}]}', '{"e": [{"p": true, "t": "a\u0000b"}]}', '{"e": [{"p": true, "t": 1e5}]}', '{"e": "uuid"}'],
	'$.e[*] ? (@.p == true).t');
SELECT * FROM values_of(ARRAY['{"a": 7, "b": 5}', '{"a": "x", "b": 5}'], '$.a - $.b', type => 'integer');
SELECT * FROM values_of(ARRAY['{"a": {"x": "1", "y": "2"}}'], '$.a.*', 'join("")');
SELECT * FROM values_of(ARRAY['{"a": ["x", "y"]}'], '$.a.size()');
SELECT * FROM values_of(ARRAY['{"a": ["x", "y", "z"]}'], '$.a[0 to 1]', NULL, 'text[]');
SELECT * FROM values_of(ARRAY['{"a": ["x", "y", "z"]}'], '$.a[last - 1]');
SELECT * FROM values_of(ARRAY['{"a": 1}', '{}'], 'strict $.a');
SELECT * FROM values_of(ARRAY['{"a": "abc"}', '{"a": "xyz"}'], '$.a ? (@ like_regex "^a")');
SELECT * FROM values_of(ARRAY['{"a": {"k": {"value": "x"}}}'], '$.a.*', 'value | upper');
SELECT * FROM values_of(ARRAY['{"a": 1, "b": 1e999999}', '{"a": 1, "b": "\ud800"}', '{"a": 1, "b": 1}'], '$.a + 1');
SELECT * FROM values_of(ARRAY['{"a": 1, "b": 1e999999}'], '$ ? (@.a == 1).a');
SELECT f.state FROM map('{"a": 1}', '{x,$.a.double(),NULL,numeric,NULL}') f;

-- Records that are none; the byte counts from 1
SELECT r AS record, f.state, f.message FROM unnest(ARRAY['', ' ', '[]', '"x"', 'null', '{', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{"a" 1}', '{a:1}', '{"a":1 "b":2}', '{"a":1}}', '{"a":1} x', '{"a":[1,]}', '{"a":[1 2]}', '{"a":[}]',
	'{"a":01}', '{"a":1.}', '{"a":.5}', '{"a":1e}', '{"a":-}', '{"a":+1}', '{"a":tru}', '{"a":nulL}', '{"a":NaN}', '{"a":"\x"}', '{"a":"\u00g0"}', '{"a":"\u00', '{"a":"\', E'{"a":"\t"}', '{"z":[{"y":["x}]}', '{"z":{"y":1,"y":}}', '{"z":[{"y":01}]}']) r,
	map(r, '{x,$.a,NULL,text,NULL}') f WHERE f.field = '(record)';
SELECT encode(r, 'escape') AS record, f.state, f.message FROM unnest('{"\\x00","\\x7b007d","\\x7b2261223a2200227d","\\x7b2261223a317d00","\\x7b2261223a22ff227d","\\x7b2261223a22c080227d","\\x7b227a223a22eda080227d","\\x7b22c3223a317d","\\xefbbbf7b7d"}'::bytea[]) r,
	probe_map(r, '{x,$.a,NULL,text,NULL}', '$.id', NULL, '{}', '2024-06-15', false, '{}', false) f WHERE f.field = '(record)';

-- Depth and number of values have limits
SELECT n, f.state, f.message FROM generate_series(511, 512) n, map('{"z":' || repeat('[', n) || repeat(']', n) || '}', '{}') f;
SELECT f.state, f.message FROM map(repeat('{"a":', 100000), '{x,$.a.a,NULL,text,NULL}') f WHERE f.field = '(record)';
SELECT f.state, f.message FROM map('{"a":[' || repeat('1,', 300000) || '1]}', '{x,$.a[*],first,text,NULL}') f WHERE f.field = '(record)';
SELECT f.field, f.state, f.code FROM map('{"a":[' || repeat('1,', 150000) || '1], "b":[' || repeat('[],', 300000) || '1]}', '{x,$.a[*],join,text,NULL}') f;

-- Every way to be cut off
SELECT count(*), count(*) FILTER (WHERE state = 'faulty' AND message LIKE '%ends too early%' OR message LIKE '%not JSON%' OR message LIKE '%not UTF-8%') AS faulty
FROM (VALUES ('{"a":"a\u00e9\"é","t":[1,-2.5e+3,true,null,{}],"e":[{"a":"\"","b":[1]},{}],"z":{"y":"é"}}')) d (t),
	generate_series(0, octet_length(t) - 1) n,
	probe_map(substring(convert_to(t, 'UTF8') FROM 1 FOR n), '{{x,$.a,NULL,text,NULL},{y,$.e[*].b[*],NULL,text,NULL}}', '$.id', NULL, '{}', '2024-06-15', false, '{}', false) f WHERE f.field = '(record)';

-- Paths that cannot be
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT map('{}', '{city,home_location.city,NULL,text,NULL}');
SELECT map('{}', '{city,$.home_location.,NULL,text,NULL}');
SELECT map('{}', '{city,"$.home_location.city ?? ",NULL,text,NULL}');
\set VERBOSITY terse
SELECT map('{}', '{city,"",NULL,text,NULL}');
SELECT map('{}', '{city,$city,NULL,text,NULL}');
SELECT map('{}', '{city,$.größe[x],NULL,text,NULL}');
SELECT map('{}', '{city,$.a-b,NULL,text,NULL}');
SELECT map('{}', '{city,$.1a,NULL,text,NULL}');
SELECT map('{}', '{city,"$.\"a",NULL,text,NULL}');
SELECT map('{}', '{city,"$.a ? (@.b ==",NULL,text,NULL}');
SELECT map('{}', '{city,$[*][*][*][*][*][*][*],NULL,text,NULL}');
SELECT map('{}', ARRAY['city', '$' || repeat('.a', 33), NULL, 'text', NULL]);
SELECT map('{}', '{}', deleted => '$.a.size()');
SELECT map('{}', '{city,"?? $.a",NULL,text,NULL}');
SELECT map('{}', '{city,"$.größe ?? ?? $.a",NULL,text,NULL}');
SELECT map('{}', '{city,"$.a ??? $.a",NULL,text,NULL}');
SELECT map('{}', '{city,"$.a ?? b",NULL,text,NULL}');
SELECT map('{}', '{city,"$.a ?? $.b-c",NULL,text,NULL}');
SELECT map('{}', '{city,"$.a[*].b ?? $.c","current(d)",text,NULL}');
SELECT map('{}', '{}', deleted => '$.a ?? $.b');

-- Transforms that cannot be
\set VERBOSITY default
SELECT map('{}', '{city,$.a,trim | capital,text,NULL}');
SELECT map('{}', '{city,$.a[*].b,"current($.a)",text,NULL}');
\set VERBOSITY terse
SELECT map('{}', '{city,$.a,"",text,NULL}');
SELECT map('{}', '{city,$.a,trim |,text,NULL}');
SELECT map('{}', '{city,$.a,trim lower,text,NULL}');
SELECT map('{}', '{city,$.a,trim(1),text,NULL}');
SELECT map('{}', '{city,$.a,map,text,NULL}');
SELECT map('{}', '{city,$.a,map(),text,NULL}');
SELECT map('{}', '{city,$.a,"map(a)",text,NULL}');
SELECT map('{}', '{city,$.a,"map(a=)",text,NULL}');
SELECT map('{}', '{city,$.a,"map(a=b",text,NULL}');
SELECT map('{}', '{city,$.a,"map(\"a=b)",text,NULL}');
SELECT map('{}', '{city,$.a,"const(\"\\ud800\")",text,NULL}');
SELECT map('{}', '{city,$.a,"pick(a)",text,NULL}');
SELECT map('{}', '{city,$.a[*].b,"lower | current(a)",text,NULL}');
SELECT map('{}', '{city,$.a[*].b,"lower | value",text,NULL}');
SELECT map('{}', '{city,$.a[*].b,"phone | lower",text,NULL}');
SELECT map('{}', '{city,$.a[*].b,"lower | const(x)",text,NULL}');
SELECT map('{}', '{city,$.a.b,"current(a)",text,NULL}');
SELECT map('{}', '{city,$.a[*],"current(a)",text,NULL}');
SELECT map('{}', '{city,$.a[0].b,"current(a)",text,NULL}');
SELECT map('{}', '{city,"$.a[*] ? (@.c == 1).b","current(a)",text,NULL}');
SELECT map('{}', '{city,$.a[*].b,"current(a, b, c)",text,NULL}');
SELECT map('{}', '{city,$.a[*].b,"current(a.)",text,NULL}');
SELECT map('{}', '{city,$.a[*].b,"current(a[0].b)",text,NULL}');
SELECT map('{}', ARRAY['city', '$', 'employed(a, ' || repeat('b.', 32) || 'b)', 'text', NULL]);
SELECT map('{}', '{city,$,"employed(a)",text,NULL}');
SELECT map('{}', '{city,$,"employed(a, b, c, d)",text,NULL}');
SELECT map('{}', '{city,$,"upper | employed(a, b)",text,NULL}');
SELECT map('{}', '{city,$,"employed(a, b) | value",text,NULL}');

-- The first members that rules look at
CREATE FUNCTION probe_roots(rules text[]) RETURNS text LANGUAGE C AS 'stakesync_probe';
SELECT probe_roots('{{a,$.x.y,NULL,text,NULL},{b,"$.\"odd name\"[*].z ?? $.y ?? $.x",upper,text,NULL},{c,"$[0][*].first",NULL,text,NULL},{d,$.jobs[*].title,"current(since)",text,NULL},{e,$.z,value,text,NULL}}');
SELECT probe_roots('{{a,$,"employed(attributes.start, \"the end\", status)",text,NULL},{b,$.work,"employed(start, end)",text,NULL},{c,$,value,text,NULL},{d,$[*].name,"current(since, until)",text,NULL},{e,"$.g ?? $","employed(on, off)",text,NULL}}');
SELECT probe_roots('{{a,"$.a.size()",NULL,text,NULL},{b,"$.b - $.c * 1.5",NULL,text,NULL},{c,"strict $.\"d e\"",NULL,text,NULL},{d,"$ ? (@.f == \"$.g\").h",NULL,text,NULL},{e,"$.*",NULL,text,NULL},{f,$,const(x),text,NULL}}');
SELECT probe_roots('{}');
SELECT probe_roots('{a,x,NULL,text,NULL}');

-- Picking a text and a value
CREATE FUNCTION probe_pick(record text, path text, ignore_case bool, OUT text text, OUT raw text) RETURNS SETOF record LANGUAGE C AS 'stakesync_probe';
SELECT r AS record, p.* FROM unnest(ARRAY['{"a": {"b": " x\u00e9 "}}', '{"a": {"b": "\""}}', '{"a": {"b": 1.50}}', '{"a": {"b": true}}', '{"a": {"b": null}}', '{"a": {"b": ""}}', '{"a": {"b": {"c": [1, "}"]} }}', '{"a": {"b": [] }}',
	'{"a": {"b": "\u0000"}}', '{"a": {"B": 1}}', '{"a": [{"b": 1}]}', '{"a": null}', '{}', '{"a": {"b": 1}', '[1]', '']) r, probe_pick(r, '$.a.b', false) p;
SELECT r AS record, p.* FROM unnest(ARRAY['{"a": [null, {"b": null}, {"c": 1}, {"b": "x"}, {"b": "y"}]}', '{"a": [{"b": {}}, {"b": "x"}]}', '{"a": []}']) r, probe_pick(r, '$.a[*].b', false) p;
SELECT r AS record, p.* FROM unnest(ARRAY['{"a": [null, "x"]}', '{"a": "x"}', '{"a": []}']) r, probe_pick(r, '$.a[*]', false) p;
SELECT * FROM probe_pick(' {"A": 1, "/b/c": {"Value": 2}} ', '$."/B/C".value', true);
SELECT * FROM probe_pick(' {"A": 1} ', '$', false);
SELECT length(text), length(raw) FROM probe_pick('{"a": [' || repeat('{},', 10000) || '{"b": "x"}]}', '$.a[*].b', false);
SELECT * FROM probe_pick('{}', '$.a.size()', false);
SELECT * FROM probe_pick('{}', '$.a ?? $.b', false);

-- Objects made one
CREATE FUNCTION probe_merge(a text, b text) RETURNS text LANGUAGE C AS 'stakesync_probe';
SELECT a, b, probe_merge(a, b) FROM (VALUES ('{}', '{}'), ('{"a": 1}', '{}'), (' { } ', ' {"a" : 1 } '), ('{"a": 1, "b": 2}', '{"c": 3, "b": 4}'), ('{"a": 1}', '{"a": null, "b": null}'), ('{"a": null}', '{"a": 1}'),
	('{"a": {"x": 1, "y": {"z": 1}}}', '{"b": 0, "a": {"y": {"w": 1.50}, "x": "2"}}'), ('{"a": {"x": 1}}', '{"a": [1]}'), ('{"a": [1]}', '{"a": {"x": 1}}'), ('{"a": [1, 2]}', '{"a": [3]}'), ('{"a": {"x": 1}}', '{"a": null}'),
	('{"a": 1e400, "b": 0.10, "c": 12345678901234567890}', '{"d": -0.0, "b": 1E+2}'), ('{"a\u0062": 1, "\"": "}"}', '{"ab": 2, "\u0022": "{"}'), ('{"a": 1, "a": 2, "b": {"c": 1}, "b": {"d": 1}}', '{"a": 3, "b": {"e": 1}, "f": 1, "f": 2}'),
	('{"a": 1, "a": 2}', '{}'), ('{"\u0000": 1, "\ud800": 2}', '{"\u0000": 3, "\udc00": 4}'), ('{"a": 1 , "b": true	}', E'{"a": 2\n, "b":false\n}'), ('{"a": ""}', '{"a": 0, "": 1}'), ('[1]', '{"a": 1}'), ('{"a": 1}', '7'), ('{"a": 1}', 'null'), ('null', 'null'),
	('{"a": 1', '{"b": 1}'), ('{"a": 1}', '{"b": 01}'), ('{"a" 1}', '{"b"}'), ('', '{}'), ('{}', '')) v (a, b);
SELECT probe_merge(a, b) = format('{%s,%s}', ax, bx) AS many FROM (SELECT string_agg(format('"a%s":%s', n, n), ','), string_agg(format('"b%s":{"x":%s}', n, n), ',') FROM generate_series(1, 1000) n) x (ax, bx), format('{%s}', ax) a, format('{%s}', bx) b;
SELECT probe_merge(a, replace(a, ':1', ':2')) = replace(a, ':1', ':2') AS same_names FROM (SELECT format('{%s}', string_agg(format('"a%s":{"x":1}', n), ',')) FROM generate_series(1, 1000) n) x (a);
SELECT n, length(m), m LIKE '%"x":1,"y":2%' AS merged FROM generate_series(511, 513) n, probe_merge(repeat('{"a":', n - 1) || '{"x":1}' || repeat('}', n - 1), repeat('{"a":', n - 1) || '{"y":2}' || repeat('}', n - 1)) m;

-- A member behind the others
CREATE FUNCTION probe_append(record text, name text, value text) RETURNS text LANGUAGE C AS 'stakesync_probe';
SELECT r AS record, probe_append(r, 'jobs "1"', '[{"a": 1}]') FROM unnest(ARRAY['', '{}', E' {\n} \n', '{"a": 1}', E'{"a": "{" \t} ', '{"a": {}}', '{"a":[]}']) r;
SELECT probe_append('[]', 'a', '1');

-- The fields that ship
CREATE FUNCTION probe_fields(OUT field text, OUT kind text, OUT type text, OUT choices text, OUT label text, OUT card text, OUT import text)
RETURNS SETOF record LANGUAGE C AS 'stakesync_probe';
CREATE FUNCTION probe_closest(text) RETURNS text LANGUAGE C STRICT AS 'stakesync_probe';
SELECT * FROM probe_fields();
SELECT n, probe_closest(n) FROM unnest('{status,emial,firstname,First Name,birth_date,zip,pay,phone,department,team_name,x,"",street,employment-status,größengrößengrößengrößengrößengrößengrößengrößengrößengröße}'::text[]) n;

DROP FUNCTION values_of, map, probe_map, probe_roots, probe_pick, probe_merge, probe_append, probe_fields, probe_closest;
