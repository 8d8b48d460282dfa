-- Record splitter: cuts records out of a byte stream
\set VERBOSITY terse
LOAD 'stakesync';
CREATE FUNCTION probe_split(document bytea, records text, captures text[], piece int,
	max_record int, max_depth int, OUT what text, OUT key text, OUT text text)
RETURNS SETOF record LANGUAGE C AS 'stakesync_probe';

-- Splits in one piece, and in pieces of 1, 2, 3, 7 and 16 bytes; all must give the same
CREATE FUNCTION split(document bytea, records text DEFAULT '$.results[*]', captures text[] DEFAULT '{}',
	max_record int DEFAULT 1000, max_depth int DEFAULT 10, OUT what text, OUT key text, OUT text text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	whole text;
	other text;
BEGIN
	SELECT string_agg(p::text, E'\n') INTO whole
	FROM probe_split(document, records, captures, 1000000, max_record, max_depth) p;
	FOR i IN 1 .. 5 LOOP
		SELECT string_agg(p::text, E'\n') INTO other
		FROM probe_split(document, records, captures, ('{1,2,3,7,16}'::int[])[i], max_record, max_depth) p;
		IF other IS DISTINCT FROM whole THEN
			RAISE EXCEPTION 'pieces make a difference: % %', whole, other;
		END IF;
	END LOOP;
	RETURN QUERY SELECT * FROM probe_split(document, records, captures, 1000000, max_record, max_depth);
END
$$;
CREATE FUNCTION split(document text, records text DEFAULT '$.results[*]', captures text[] DEFAULT '{}',
	max_record int DEFAULT 1000, max_depth int DEFAULT 10, OUT what text, OUT key text, OUT text text)
RETURNS SETOF record LANGUAGE sql AS
$$ SELECT * FROM split(convert_to(document, 'UTF8'), records, captures, max_record, max_depth) $$;

-- An envelope with captures before and behind the records
SELECT * FROM split('{"next": "abc\u00e9\/\ud83d\ude00", "results": [{"id": 1}, {"id": 2, "a": [{"b": "}]"}]}], "paging": {"total": 2, "more": true, "last": null}}',
	captures => '{$.next,$.paging.total,$.paging.more,$.paging.last,$.paging.first}');

-- Records where paths lead to
SELECT * FROM split('[{"id": 1},{"id": 2}]', '$[*]');
SELECT * FROM split('{"id": 1, "a": {}}', '$');
SELECT * FROM split('{"a": {"b": [{"id": 1}], "c": 2}}', '$.a.b[*]', '{$.a.c}');
SELECT * FROM split('{"a": {"x": {"id": 1}, "\u0079\n\"": {"id": 2}}}', '$.a.*');
SELECT * FROM split('{"d": [[], {"rows": [{"id": 1}]}]}', '$.d[1].rows[*]', '{"$.d[0]"}');
SELECT * FROM split('{"d": [7, {"rows": [{"id": 1}]}]}', '$.d[1].rows[*]', '{"$.d[0]"}');
SELECT * FROM split('{"odd name": [{"id": 1}], "": 3}', '$."odd name"[*]', '{"$[\"\"]"}');
SELECT * FROM split('{"\u0072esults": [{}]}');

-- Records of several steps: wrapped ones, objects in arrays and arrays in objects
SELECT * FROM split('{"next": "n", "data": [{"id": 1, "fields": {"a": 1}}, {"fields": {"a": {"fields": 2}}, "meta": [{"fields": {}}]}], "page": {"total": 2}}', '$.data[*].fields', '{$.next,$.page.total}');
SELECT * FROM split('{"data": {"cursor": 7, "items": [{"id": 1}, {"id": 2}], "count": 2}, "items": [{"id": 3}]}', '$.data.items[*]', '{$.data.cursor,$.data.count}');
SELECT * FROM split('{"employees": {"17": {"id": 1}, "1\u0038": {"employees": {"19": {}}}}, "total": 2}', '$.employees.*', '{$.total}');
SELECT * FROM split('{"response": {"result": [{"17": {"id": 1}, "18": {"id": 2}}, {}, {"19": {"id": 3}}], "status": 0}}', '$.response.result[*].*', '{$.response.status}');
SELECT * FROM split('{"response": {"result": [{"17": [{"id": 1}, {"id": 2}]}, {"18": []}, {"19": [{"id": 3}]}]}}', '$.response.result[*].*[*]');
SELECT * FROM split('{"people": {"17": {"fields": {"id": 1}, "x": {"fields": {}}}, "18": {"fields": {"id": 2}}}}', '$.people.*.fields');
SELECT * FROM split('{"a": {"x": {"k": {"id": 1}}, "y": {"k": {"id": 2}, "l": {"id": 3}}}}', '$.a.*.*');
SELECT * FROM split('[[{"id": 1}], [], [{"id": 2}, {"id": 3}]]', '$[*][*]');
SELECT * FROM split('[{"v": [{"r": {"id": 1}}, {"r": {"id": 2}}, 3]}, {"v": [{"r": {"id": 4}}]}]', '$[*].v[0].r');
SELECT * FROM split('{"d": [{"a": {"b": {"id": 1}, "c": 1}, "x": null}]}', '$.d[*].a.b');
SELECT * FROM split(' {"id": 1, "next": 2} ', '$');
SELECT * FROM split('{"d": []}', '$.d[*].fields');
SELECT * FROM split('{"d": {"fields": {"id": 1}}, "next": null}', '$.d.fields', '{$.next}');

-- What the path names must come, once in each
SELECT d AS document, s.what, s.key, s.text FROM unnest(ARRAY['{"d":[{"f":{}},null]}', '{"d":[{"f":{}},7]}', '{"d":[{"f":null}]}', '{"d":[{"f":[]}]}', '{"d":[{"f":{}},{}]}', '{"d":[{"g":{}}]}', '{"d":[{"f":{},"f":{}}]}', '{"d":null}', '{"d":{}}', '{}', '{"d":[],"d":[]}', '{"d":[{"f":{}},{"f":{}}]}']) d,
	split(d, '$.d[*].f') s WHERE s.what <> 'record';
SELECT d AS document, s.what, s.key, s.text FROM unnest(ARRAY['{"r":[{"a":null}]}', '{"r":[{"a":[]}]}', '{"r":[[]]}', '{"r":[null]}', '{"r":[{"a":{"id":1}},{"a":{"id":1}}]}', '{"r":[{"a":{},"a":{}}]}', '{"r":[{"a\u0000":{}}]}', '{"r":[{"a":{}']) d, split(d, '$.r[*].*') s WHERE s.what <> 'record';
SELECT d AS document, s.what, s.text FROM unnest(ARRAY['[{"v":[]}]', '[{"v":[{}]}]', '[{"v":[{"r":{}}]}]', '[{}]']) d, split(d, '$[*].v[1].r') s;
SELECT d AS document, s.what, s.text FROM unnest(ARRAY['[]', '7', 'null', '{"a":1']) d, split(d, '$') s;

-- Only captures, no records
SELECT * FROM split('{"access_token": "t", "expires_in": 3600}', NULL, '{$.access_token,$.expires_in}');

-- No records at all
SELECT * FROM split('{"results": []}');
SELECT * FROM split(' [ ] ', '$[*]');

-- A byte order mark is skipped, half of one is not
SELECT * FROM split('\xefbbbf'::bytea || convert_to('[{}]', 'UTF8'), '$[*]');
SELECT * FROM split('\xefbb5b5d'::bytea, '$[*]');
SELECT * FROM split('\x20efbbbf5b5d'::bytea, '$[*]');

-- Brackets, quotes and backslashes in strings of records
SELECT * FROM split('{"results": [{"a": "\"{[\\"}, {"b\\\"}": "\\\\\"]"}, {"c":[[],{}]}]}');

-- The last of equal members wins
SELECT * FROM split('{"next": "1", "results": [], "next": "2", "next": null, "next": "3"}', captures => '{$.next}');
SELECT * FROM split('{"next": "1", "results": [], "next": null}', captures => '{$.next}');

-- Records that come twice
SELECT * FROM split('{"results": [{"id": 1}], "results": [{"id": 2}]}');
SELECT * FROM split('{"a": {"b": []}, "a": {}}', '$.a.b[*]');

-- Another shape
SELECT d AS document, s.what, s.text FROM unnest(ARRAY[
	'{"results":"x"}', '{"results":null}', '{"results":{}}', '{"results":7}', '{"results":true}',
	'{"error": "no"}', '{}', '[]', '"x"', '12', 'null', '{"results":[{"id":1},null]}',
	'{"results":[{"id":1},[{}]]}', '{"results":[3]}', '{"results":["x"]}', '{"x":{"results":[]}}']) d,
	split(d) s;
SELECT d AS document, s.what, s.text FROM unnest(ARRAY['[{}]', '{"a":null}', '{"a":[]}', '{"a":{"b":{}}}', '{"a":{"b":null}}', '{"a":{}}']) d,
	split(d, '$.a.b[*]') s;
SELECT * FROM split('{"results":[],"next":{"a":1}}', captures => '{$.next}');
SELECT * FROM split('{"next":"a\u0000b","results":[]}', captures => '{$.next}');
SELECT * FROM split('{"next":"a\ud800b","results":[]}', captures => '{$.next}');
SELECT * FROM split('{"a":{"x\u0000":{}}}', '$.a.*');
SELECT * FROM split('{"a\u0000":1,"results":[]}');

-- Not JSON, with the byte, which counts from 1
SELECT d AS document, s.what, s.text FROM unnest(ARRAY[
	'<html>', '{"results":[]}}', '{"results":[]} x', '{results:[]}', '{"results" []}', '{"results":[],}',
	'{"results":[{},]}', '{"results":[{} {}]}', '{"results":[{]}]}', '{"results":[{"a":[}]}]}', '{"a":1 "b":2}',
	'{"a":01}', '{"a":1.}', '{"a":.5}', '{"a":-}', '{"a":1e}', '{"a":1e+}', '{"a":+1}', '{"a":tru}', '{"a":nul1}',
	'{"a":"\x"}', '{"a":"\u12g4"}', E'{"a":"\t"}', E'{"a":"\n', '{"a":[1,]}', '{"a":[,1]}', '{,}', '{"a"}', ']',
	'{"a":NaN}', E'{"results":[{"a":"\t"}]}', '{"results":[{"a":é}]}', E'[1]\x01']) d,
	split(d, CASE WHEN d LIKE '[%' THEN NULL ELSE '$.results[*]' END) s
WHERE s.what <> 'record';
SELECT encode(d, 'escape') AS document, s.what, s.text FROM unnest(ARRAY[
	'\x00', '\x7b2261223a00', '\x7b226100223a31', '\x7b22726573756c7473223a5b7b00', '\x7b22726573756c7473223a5b7b2200', '\x7b22726573756c7473223a5b7b225c00',
	'\x7b2261223a22ff22', '\x7b2261223a22c080', '\x7b2261223a22eda080', '\x7b2261223a22f4908080', '\x7b2261223a22c3227d', '\xfeff005b']::bytea[]) d,
	split(d) s;

-- Characters beyond ASCII in the envelope
SELECT * FROM split('{"é€😀": "ü€😀", "results": [{"n": "é€😀"}]}', captures => ARRAY['$.é€😀']);

-- Every way to be cut off
SELECT max(s.text) FILTER (WHERE n = 0) AS empty, count(*), count(*) FILTER (WHERE what = 'cut off') AS cut_off,
	count(*) FILTER (WHERE n > 0 AND text <> format('the document is cut off at byte %s', n + 1)) AS elsewhere
FROM (VALUES ('{"n":"a\u00e9","t":[1,-2.5e+3,true,null,{}],"results":[{"a":"\"","b":[1]},{}],"z":{"y":"é"}}')) d (t),
	generate_series(0, octet_length(t) - 1) n,
	split(substring(convert_to(t, 'UTF8') FROM 1 FOR n)) s
WHERE s.what <> 'record';
SELECT * FROM split(E' \n\t');

-- A number may be a whole document
SELECT d, s.what, s.text FROM unnest('{12,-0.5e1,12e,-}'::text[]) d, split(d, NULL) s;

-- Records up to a limit, whatever the pieces
SELECT s.what, length(s.text), s.text FROM split('{"results":[{"a":"' || repeat('x', 12) || '"}]}', max_record => 20) s;
SELECT s.what, s.text FROM split('{"results":[{"a":"' || repeat('x', 13) || '"}]}', max_record => 20) s;
SELECT s.what, s.text FROM split('{"results":[{"a":"' || repeat('x', 2000), max_record => 20) s;
SELECT s.what, s.text FROM split('{"next":"' || repeat('x', 2000), max_record => 20, captures => '{$.next}') s;

-- What lies on no path has no limit
SELECT s.what, s.key, s.text FROM split('{"z":{"n":"' || repeat('x', 5000) || '"},"results":[]}', max_record => 20) s;

-- Depth, in the envelope and in a record
SELECT n, s.what, s.text FROM generate_series(9, 11) n, split(repeat('[', n) || repeat(']', n), NULL) s;
SELECT n, s.what, s.key, s.text FROM generate_series(8, 10) n,
	split('{"results":[{"a":' || repeat('[', n - 2) || repeat(']', n - 2) || '}]}') s WHERE s.what <> 'record';
SELECT s.what, s.text FROM probe_split(convert_to(repeat('[', 1000000), 'UTF8'), NULL, '{}', 65536, 1000, 512) s;
SELECT s.what, s.text FROM probe_split(convert_to(repeat('{"a":', 100000), 'UTF8'), '$', '{}', 65536, 1000000, 512) s;

-- Many records
SELECT what, count(*), min(key), sum((text::jsonb ->> 'id')::int)
FROM probe_split((SELECT convert_to('[' || string_agg(format('{"id": %s, "name": "N%s"}', n, n), ',') || ']', 'UTF8')
	FROM generate_series(1, 1000) n), '$[*]', '{}', 100, 1000, 10) GROUP BY what ORDER BY what;

-- Paths that cannot be
SELECT * FROM split('{}', 'results');
SELECT * FROM split('{}', '');
SELECT * FROM split('{}', '$.a[last]');
SELECT * FROM split('{}', '$.a[*].b[last].c');
SELECT * FROM split('{}', '$.a[*].b', '{$.a[0].c}');
SELECT * FROM split('{}', '$.a.*.b', '{$.a.c}');
SELECT * FROM split('{}', '$.a[*].b', '{$.a}');
SELECT * FROM split('{}', '$.a ? (@.b == 1)');
SELECT * FROM split('{}', '$.');
SELECT * FROM split('{}', captures => '{$.a[*]}');
SELECT * FROM split('{}', captures => '{$.results[0].id}');
SELECT * FROM split('{}', '$', captures => '{$.id}');
SELECT * FROM split('{}', captures => '{$.results}');
SELECT * FROM split('{}', captures => '{$.a,$.a}');

DROP FUNCTION split(text, text, text[], int, int), split(bytea, text, text[], int, int), probe_split;
