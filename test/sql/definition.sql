-- Definitions of providers: what is taken, and what is refused where
-- test/t/007_schema.pl reads the definitions and variants below too
\pset format unaligned
\pset tuples_only
SET client_min_messages = warning;
SELECT stakesync_create_company('house');
RESET client_min_messages;
SET search_path = house, public;

CREATE TEMP TABLE sample (sample text, definition jsonb);
INSERT INTO sample VALUES
('tiny', $$ {
	"provider": "tiny",
	"name": "Tiny HR",
	"terms": "Reads people, directly.",
	"guide": "Ask for a key.",
	"recommended_identifiers": ["work_email"],
	"methods": {"key": {"credentials": [{"key": "api_key", "label": "API key"}], "headers": {"Authorization": "Bearer {api_key}"}}},
	"base_url": "https://api.tiny.example",
	"check": {"path": "/me"},
	"streams": [{
		"name": "people", "path": "/people", "query": {"after": "{cursor}", "since": "{since}"}, "records": "$.data[*]", "id": "$.id",
		"pages": {"type": "cursor", "next": "$.next"}, "incremental": {"format": "date"}
	}],
	"mapping": [{"field": "work_email", "path": "$.email", "transform": "lower"}]
} $$),
('full', $$ {
	"provider": "full",
	"name": "Full HR",
	"docs_url": "https://docs.full.example",
	"verified_against": "general knowledge, not tried",
	"terms": "Reads people, directly.",
	"guide": "Ask for a key.\nOr log in.",
	"recommended_identifiers": ["employee_number", "work_email", "personal_email", "remote_id"],
	"method": "key",
	"methods": {
		"key": {
			"credentials": [
				{"key": "domain", "label": "Domain", "secret": false, "where": "First part of the address"},
				{"key": "api_key", "label": "API key", "secret": true, "optional": false}
			],
			"login": {"type": "basic", "user": "{api_key}", "password": ""}
		},
		"app": {
			"credentials": [
				{"key": "domain", "label": "Domain", "secret": false},
				{"key": "client_id", "label": "Client ID", "secret": false},
				{"key": "client_secret", "label": "Client secret"}
			],
			"login": {
				"type": "token", "base_url": "https://login.full.example", "path": "/token",
				"form": {"grant_type": "refresh_token", "client_id": "{client_id}", "client_secret": "{client_secret}", "refresh_token": "{refresh_token}"},
				"token": "$.access_token", "expires_in": "$.expires_in", "lifetime": 1200, "keeps": {"refresh_token": "$.refresh_token"}
			},
			"headers": {"X-Session": "{token}"},
			"link": {
				"address": "https://{domain}.full.example/authorize?client_id={client_id}&state={state}&redirect_uri={redirect_uri}",
				"complete": {"path": "/token", "form": {"code": "{code}", "redirect_uri": "{redirect_uri}"}},
				"keeps": {"refresh_token": "$.refresh_token"},
				"webhook": {"refresh_token": "$.data.refresh_token"}
			},
			"limits": {"per_minute": 50},
			"gaps": {"team": "Not there."}
		},
		"page": {
			"credentials": [{"key": "host", "label": "Host", "secret": false, "host": true}],
			"base_url": "https://{host}/api",
			"link": {
				"ask": {"path": "/link", "body": {"for": "{company}.{connection}", "day": "{today}"}},
				"address": "$.links[0].url",
				"complete": {"path": "/link/{code}"},
				"keeps": {"account": "$.account"}
			},
			"streams": [{"name": "all", "url": "https://{host}/all", "records": "$", "id": "$.id"}],
			"mapping": [{"field": "employee_number", "path": "$.number"}, {"field": "work_email", "path": "$.email"}, {"field": "personal_email", "path": "$.private"}]
		}
	},
	"settings": {"view": {"label": "View", "default": "all", "choices": ["all", "active"]}, "site": {"label": "Site", "host": true}},
	"base_url": "https://{domain}.full.example/v1",
	"headers": {"Accept": "application/json"},
	"check": {"path": "/me", "query": {"view": ["{view}", "short"]}, "expect": "$.data[0].id"},
	"ready": {"path": "/state", "busy": "$.jobs[*] ? (@.state == \"running\")", "every": 5, "most": 600},
	"disconnect": {"method": "DELETE", "path": "/me"},
	"limits": {"per_minute": 600, "burst": {"requests": 20, "seconds": 1}, "connections": 4},
	"retry": {"never": [501], "wait": {"503": 60}, "reset_header": "X-RateLimit-Reset", "remaining_header": "X-RateLimit-Remaining", "smaller_pages": [408]},
	"null_tokens": ["0000-00-00"],
	"ignore_case": true,
	"streams": [
		{
			"name": "people", "path": "/people/search", "method": "POST", "headers": {"Prefer": "count"},
			"body": {"fields": "{fields}", "page": {"number": "{page}", "size": "{limit}"}, "filters": [{"changed": "{since}"}], "query": "people { id }"},
			"records": "$.data[*]", "id": "$.id", "deleted": "$.deleted",
			"success": {"path": "$.success", "equals": "true"},
			"pages": {"type": "page", "size": 100, "first": 0, "last": "$.meta.pages"},
			"total": "$.meta.total",
			"incremental": {"format": "local", "overlap": 600, "query": {"deleted": "true"}},
			"fields": {"base": ["id", "email"], "discovered": true, "batch": 100},
			"one": {"path": "/people/{id}", "query": {"fields": ["{fields}"]}, "records": "$"},
			"permission": "People: read"
		},
		{
			"name": "jobs", "path": "/people/{id}/jobs", "query": {"offset": "{offset}", "limit": "{limit}"}, "records": "$[*]", "id": "$.id",
			"pages": {"type": "offset", "size": 50}, "each": true, "optional": true,
			"join": {"as": "jobs"}
		},
		{
			"name": "values", "path": "/values", "records": "$.values.*", "id": "@key", "pages": {"type": "url", "next": "$.links.next", "may_be_absent": true, "size": 10},
			"join": {"as": "values", "child": "$.person.id", "parent": "$.id", "pivot": {"name": "$.name", "value": "$.value"}}
		},
		{
			"name": "department", "path": "/departments", "records": "$[*]", "pages": {"type": "link"}, "always": true,
			"join": {"as": "department", "child": "$.id", "parent": "$.jobs[last].department", "one": true}
		}
	],
	"discover": {"path": "/fields", "records": "$[*]", "name": "$.id", "label": "$.name", "type": "$.type", "at": "$.path", "pages": {"type": "link", "size": 100}},
	"mapping": [
		{"field": "employee_number", "path": "$.number"},
		{"field": "work_email", "path": "$.email"},
		{"field": "personal_email", "path": "$.\"/private/email\""},
		{"field": "job_title", "path": "$.jobs[*].title", "transform": "current(from)"},
		{"field": "city", "path": "$.sites[*] ? (@.main == true).city", "transform": "first | trim"},
		{"field": "team", "path": "$.values.team"}
	],
	"gaps": {"mobile_phone": "Add it by hand."},
	"integrations": {"other": "Other HR"}
} $$);

CREATE FUNCTION pg_temp.try(definition jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	RETURN stakesync_add_provider(definition);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	-- the hints on paths and transforms are shown by mapping
	RETURN concat_ws(' | ', sqlstate || ': ' || message, nullif(detail, ''), regexp_replace(nullif(hint, ''), '^(A path is|Transforms are) .*', '\1 ...'));
END $$;

-- What is taken
SELECT pg_temp.try(definition) FROM sample;
SELECT provider, name, definition->'streams'->0->>'name', added_at <= now() FROM provider ORDER BY provider;

-- What is refused: the sample with the value at the path, or without the path; and whether a schema can see that
CREATE TEMP TABLE variant (n integer GENERATED ALWAYS AS IDENTITY, sample text, path text[], value jsonb, seen boolean);
INSERT INTO variant (sample, path, value, seen) VALUES
	-- members, kinds
	('tiny', '{provider}', NULL, true),
	('tiny', '{name}', NULL, true),
	('tiny', '{terms}', NULL, true),
	('tiny', '{guide}', '" \n"', true),
	('tiny', '{recommended_identifiers}', NULL, true),
	('tiny', '{methods}', NULL, true),
	('tiny', '{base_url}', NULL, true),
	('tiny', '{check}', NULL, true),
	('tiny', '{streams}', NULL, true),
	('tiny', '{mapping}', NULL, true),
	('tiny', '{stream}', '[]', true),
	('tiny', '{header}', '{}', true),
	('tiny', '{nonsense}', '1', true),
	('tiny', '{"odd \"name\""}', '1', true),
	('tiny', '{""}', '1', true),
	('tiny', '{provider}', '"Tiny"', true),
	('tiny', '{provider}', '"_tiny"', true),
	('tiny', '{provider}', '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"', true),
	('tiny', '{provider}', '"merge"', false),
	('tiny', '{name}', '1', true),
	('tiny', '{name}', 'null', true),
	('tiny', '{docs_url}', '["https://docs.tiny.example"]', true),
	('tiny', '{ignore_case}', '"true"', true),
	('tiny', '{null_tokens}', '"0000-00-00"', true),
	('tiny', '{null_tokens}', '["0000-00-00", 0]', true),
	('tiny', '{recommended_identifiers}', '[]', true),
	('tiny', '{recommended_identifiers,0}', '"employe_number"', true),
	('tiny', '{recommended_identifiers,0}', '"job_title"', true),
	('tiny', '{recommended_identifiers,0}', '"personal_email"', false),
	('tiny', '{gaps}', '{"birthday": "Ask."}', true),
	('tiny', '{integrations}', '{"other": 1}', true),
	-- methods, credentials
	('tiny', '{methods}', '{}', true),
	('tiny', '{methods,Key}', '{"credentials": []}', true),
	('tiny', '{methods,other}', '{"credentials": []}', false),
	('full', '{method}', NULL, false),
	('full', '{method}', '"kee"', false),
	('tiny', '{methods,key,credential}', '[]', true),
	('tiny', '{methods,key,credentials}', NULL, true),
	('tiny', '{methods,key,credentials,0,label}', NULL, true),
	('tiny', '{methods,key,credentials,0,secret}', '"yes"', true),
	('tiny', '{methods,key,credentials,0,key}', '"api-key"', true),
	('tiny', '{methods,key,credentials,0,key}', '"api_kee"', false),
	('tiny', '{methods,key,credentials,1}', '{"key": "api_key", "label": "API key"}', false),
	('tiny', '{methods,key,credentials,1}', '{"key": "limit", "label": "Limit"}', false),
	('full', '{methods,app,credentials,2,key}', '"token"', false),
	('tiny', '{methods,key,headers}', '{"X Key": "{api_key}"}', true),
	('tiny', '{methods,key,headers}', '{"Content-Length": "1"}', false),
	('tiny', '{methods,key,headers}', '{"X-Key": "{api_key}\r\nX-Other: 1"}', true),
	('tiny', '{methods,key,headers}', '{"X-Key": "{token}"}', false),
	-- logins
	('full', '{methods,key,login,type}', '"bearer"', true),
	('full', '{methods,key,login,type}', '"basik"', true),
	('full', '{methods,key,login,type}', NULL, true),
	('full', '{methods,key,login}', '"basic"', true),
	('full', '{methods,key,login,password}', NULL, true),
	('full', '{methods,key,login,user}', '"{api_kee}"', false),
	('full', '{methods,app,login,token}', NULL, true),
	('full', '{methods,app,login,token}', '"access_token"', true),
	('full', '{methods,app,login,lifetime}', '0', true),
	('full', '{methods,app,login,expires_in}', '"$.a ? (@ > 1)"', false),
	('full', '{methods,app,login,base_url}', '"http://login.full.example"', true),
	('full', '{methods,app,login,form,client_id}', '1', true),
	('full', '{methods,app,login,form,client_id}', '"{client}"', false),
	('full', '{methods,app,login,headers}', '{"X-Session": "{token}"}', false),
	('full', '{methods,app,login,keeps}', '{"company": "$.company"}', false),
	('full', '{methods,app,login,keeps}', '{"Refresh": "$.refresh"}', true),
	('full', '{methods,app,link,address}', '"authorize"', true),
	('full', '{methods,app,link,address}', '"$.url"', false),
	('full', '{methods,page,link,address}', '"https://{host}/link"', false),
	('full', '{methods,app,link,complete,form,code}', '"{state}"', false),
	('full', '{methods,app,link,keeps}', NULL, true),
	('full', '{methods,app,link,keeps}', '{}', true),
	-- settings, addresses
	('full', '{settings,View}', '{"label": "View"}', true),
	('full', '{settings,full_every}', '{"label": "Every"}', true),
	('full', '{settings,page}', '{"label": "Page"}', false),
	('full', '{settings,api_key}', '{"label": "Key"}', false),
	('full', '{settings,view,label}', NULL, true),
	('full', '{settings,view,default}', '"some"', false),
	('full', '{settings,view,choices}', '[]', true),
	('tiny', '{base_url}', '"api.tiny.example"', true),
	('tiny', '{base_url}', '"http://api.tiny.example"', true),
	('tiny', '{base_url}', '"http://localhost.tiny.example"', true),
	('tiny', '{base_url}', '"https://user:password@api.tiny.example"', true),
	('tiny', '{base_url}', '"https://"', true),
	('tiny', '{base_url}', '"https://api.tiny.example?key={api_key}"', true),
	('tiny', '{base_url}', '"https://api.tiny.example/a b"', true),
	('tiny', '{base_url}', '"https://{Company}.tiny.example"', true),
	('tiny', '{base_url}', '"https://{api_key}.tiny.example"', false),
	('tiny', '{base_url}', '"https://{company}.tiny.example"', false),
	('tiny', '{base_url}', '"https://{domain}.tiny.example"', false),
	('full', '{base_url}', '"https://{domain}/v1"', false),
	('full', '{base_url}', '"https://{client_id}.full.example"', false),
	('full', '{base_url}', '{"setting": "region", "default": "mars", "choices": {"eu": "https://eu.full.example"}}', false),
	('full', '{base_url}', '{"setting": "region", "default": "eu", "choices": {"eu": "http://eu.full.example"}}', true),
	('full', '{base_url}', '{"setting": "region", "default": "eu", "choices": {"eu": "https://{domain}.full.example"}}', true),
	('full', '{base_url}', '{"setting": "view", "default": "eu", "choices": {"eu": "https://eu.full.example"}}', false),
	('full', '{base_url}', '{"setting": "guards", "default": "eu", "choices": {"eu": "https://eu.full.example"}}', false),
	('full', '{base_url}', '{"setting": "region", "choices": {"eu": "https://eu.full.example"}}', true),
	-- requests
	('tiny', '{check,path}', NULL, true),
	('tiny', '{check,path}', '"me"', true),
	('tiny', '{check,path}', '"//me"', true),
	('tiny', '{check,path}', '"/me#top"', true),
	('tiny', '{check,path}', '"/{Id}"', true),
	('tiny', '{check,path}', '"/{id}"', false),
	('tiny', '{check,url}', '"https://api.tiny.example/me"', true),
	('tiny', '{check,method}', '"get"', true),
	('tiny', '{check,query}', '{"limit": 1}', true),
	('tiny', '{check,query}', '{"limit": []}', true),
	('tiny', '{check,query}', '{"limit": ["1", 2]}', true),
	('tiny', '{check,query}', '{"limit": "{limit}"}', false),
	('tiny', '{check,query}', '{"a b": ["1", "{nothing}"]}', false),
	('tiny', '{check,query}', '{"key": "{api_kei}"}', false),
	('tiny', '{check,body}', '"{api_key}"', true),
	('full', '{streams,0,form}', '{"a": "b"}', false),
	('full', '{streams,0,method}', '"GET"', false),
	('full', '{streams,0,body,page,number}', '"{nr}"', false),
	('full', '{streams,0,body,filters,0,changed}', '["{now}"]', false),
	('tiny', '{check,expect}', '"id"', true),
	('tiny', '{check,expect}', '"$.*"', false),
	('full', '{ready,busy}', '"$.jobs[*] ? (@.state = 1)"', false),
	('full', '{ready,busy}', NULL, true),
	('full', '{disconnect,path}', NULL, true),
	-- limits
	('full', '{limits,per_minute}', '0', true),
	('full', '{limits,per_minute}', '1.5', true),
	('full', '{limits,per_minute}', '1e300', true),
	('full', '{limits,per_minute}', '"600"', true),
	('full', '{limits,per-minute}', '600', true),
	('full', '{limits,connections}', '17', true),
	('full', '{limits,burst}', '{"requests": 1}', true),
	('full', '{retry,never}', '[200]', true),
	('full', '{retry,wait}', '{"5xx": 10}', true),
	('full', '{retry,wait,503}', '0', true),
	('full', '{retry,reset_header}', '"X-Reset: "', true),
	('tiny', '{retry}', '{"smaller_pages": [408]}', false),
	-- streams
	('tiny', '{streams}', '{}', true),
	('tiny', '{streams}', '[]', true),
	('tiny', '{streams,0}', '"people"', true),
	('tiny', '{streams,0,recrods}', '"$[*]"', true),
	('tiny', '{streams,0,name}', NULL, true),
	('tiny', '{streams,0,path}', NULL, true),
	('tiny', '{streams,0,records}', NULL, true),
	('tiny', '{streams,0,records}', '"data"', true),
	('tiny', '{streams,0,records}', '"$.data[last]"', false),
	('tiny', '{streams,0,records}', '"$.data[*] ? (@.id > 1)"', false),
	('tiny', '{streams,0,id}', NULL, true),
	('tiny', '{streams,0,id}', '"id"', true),
	('tiny', '{streams,0,id}', '"@kee"', true),
	('tiny', '{streams,0,id}', '"@key"', false),
	('tiny', '{streams,0,id}', '"$..id"', false),
	('tiny', '{streams,0,id}', '"$.id.type()"', false),
	('tiny', '{streams,0,deleted}', '"$.x.*"', false),
	('tiny', '{streams,0,join}', '{"as": "a", "child": "$.id"}', true),
	('tiny', '{streams,0,optional}', 'true', true),
	('tiny', '{streams,0,pages,type}', '"cursr"', true),
	('tiny', '{streams,0,pages,type}', '"pages"', true),
	('tiny', '{streams,0,pages,type}', '1', true),
	('tiny', '{streams,0,pages,parameter}', '"cursor"', true),
	('tiny', '{streams,0,pages,next}', NULL, true),
	('tiny', '{streams,0,pages,next}', '"$.next[last]"', false),
	('tiny', '{streams,0,pages,next}', '"$.data[0].next"', false),
	('tiny', '{streams,0,pages}', '{"type": "url", "next": "$.next"}', false),
	('tiny', '{streams,0,pages}', '{"type": "offset"}', true),
	('tiny', '{streams,0,pages}', '{"type": "offset", "size": 10001}', true),
	('tiny', '{streams,0,pages}', '{"type": "offset", "size": 100}', false),
	('tiny', '{streams,0,query,after}', '"x"', false),
	('tiny', '{streams,0,path}', '"/people/{cursor}"', false),
	('tiny', '{streams,0,total}', '"$.next"', false),
	('tiny', '{streams,0,success}', '{"path": "$.success", "equals": true}', true),
	('tiny', '{streams,0,incremental}', NULL, false),
	('tiny', '{streams,0,incremental,format}', '"iso"', true),
	('tiny', '{streams,0,incremental,overlap}', '-1', true),
	('tiny', '{streams,0,query,since}', '"{token}"', false),
	('tiny', '{streams,0,query,since}', '"{today}"', false),
	('tiny', '{streams,0,query,fields}', '"{fields}"', false),
	('tiny', '{streams,0,fields}', '{"base": ["id"]}', false),
	('full', '{streams,0,fields}', '{"base": "id"}', true),
	('full', '{discover}', NULL, false),
	('full', '{streams,0,one,path}', '"/people"', false),
	('full', '{streams,0,one,query}', '{"page": "{page}"}', false),
	-- children
	('tiny', '{streams,1}', '{"name": "jobs", "path": "/jobs", "records": "$[*]"}', true),
	('full', '{streams,1,name}', '"people"', false),
	('full', '{streams,1,incremental}', '{}', true),
	('full', '{streams,1,path}', '"/people/jobs"', false),
	('full', '{streams,1,each}', NULL, false),
	('full', '{streams,1,join,as}', NULL, true),
	('full', '{streams,1,join,as}', '"the jobs"', true),
	('full', '{streams,1,join,as}', '"Id"', false),
	('full', '{streams,1,join,as}', '"values"', false),
	('full', '{streams,2,path}', '"/values/{id}"', false),
	('full', '{streams,2,join,child}', NULL, false),
	('full', '{streams,2,join,one}', 'true', false),
	('full', '{streams,2,join,pivot,value}', NULL, true),
	('full', '{streams,2,join,parent}', '"$.department.id"', false),
	('full', '{discover,name}', NULL, true),
	('full', '{discover,pages}', '{"type": "page", "size": 10}', false),
	-- mapping
	('tiny', '{mapping}', '{"work_email": "$.email"}', true),
	('tiny', '{mapping}', '[]', true),
	('tiny', '{mapping,0}', '["work_email", "$.email"]', true),
	('tiny', '{mapping,0,field}', '"workemail"', true),
	('tiny', '{mapping,0,field}', '"email"', true),
	('tiny', '{mapping,0,field}', '"remote_id"', true),
	('tiny', '{mapping,0,path}', NULL, true),
	('tiny', '{mapping,0,path}', '"$.email["', false),
	('tiny', '{mapping,0,path}', '"email"', false),
	('tiny', '{mapping,0,transform}', '"lowr"', false),
	('tiny', '{mapping,0,transform}', '"current(date)"', false),
	('tiny', '{mapping,0,transfrom}', '"lower"', true),
	('tiny', '{mapping,1}', '{"field": "work_email", "path": "$.other"}', false),
	('full', '{methods,page,mapping,3}', '{"field": "team", "path": "$["}', false),
	('full', '{methods,page,streams,0,id}', NULL, true);
SELECT n, v.sample || '.' || array_to_string(path, '.') || coalesce(' = ' || value::text, ''), ' ' ||
	pg_temp.try(CASE WHEN value IS NULL THEN definition #- path ELSE jsonb_set(definition, path, value) END)
FROM variant v JOIN sample s USING (sample) ORDER BY n;

-- No object at all, and more than there can be
SELECT pg_temp.try(d) FROM (VALUES (NULL::jsonb), ('null'), ('1'), ('"text"'), ('[]'), ('[{"provider": "tiny"}]'), ('{}')) v(d);
SELECT pg_temp.try(definition || jsonb_build_object('guide', repeat('guide ', 200000))) FROM sample WHERE sample = 'tiny';
SELECT left(pg_temp.try(jsonb_set(definition, '{check,body}', (repeat('[', 1000) || repeat(']', 1000))::jsonb)), 100) FROM sample WHERE sample = 'tiny';
SELECT pg_temp.try(jsonb_set(definition, ARRAY['settings'], jsonb_build_object(repeat('ö', 100), 1))) FROM sample WHERE sample = 'tiny';
SELECT pg_temp.try(jsonb_set(definition, '{check,query}', (SELECT jsonb_object_agg(i, 'x') FROM generate_series(1, 101) i))) FROM sample WHERE sample = 'tiny';
SELECT pg_temp.try(jsonb_set(definition, '{mapping,0,path}', to_jsonb('$' || repeat('.a', 20)))) FROM sample WHERE sample = 'tiny';

-- A row that the owner wrote is checked where it is used
INSERT INTO provider (provider, name, definition) VALUES ('mine', 'Mine', '{"name": "Mine"}');
SELECT stakesync_connect('mine');
UPDATE provider SET definition = '"Mine"' WHERE provider = 'mine';
SELECT stakesync_connect('mine');
DELETE FROM provider WHERE provider = 'mine';

-- What ships, and the example of the guide for authors
SELECT provider, pg_temp.try(definition || jsonb_build_object('provider', 'my_' || provider)) FROM stakesync_provider
WHERE via = 'direct' AND pg_temp.try(definition || jsonb_build_object('provider', 'my_' || provider)) <> 'my_' || provider;
\set example `sed -n '/^{$/,/^}$/p' doc/providers.md`
SELECT pg_temp.try(:'example');

-- Replacing is possible, for who may
SELECT pg_temp.try(jsonb_set(definition, '{name}', '"Tiny two"')) FROM sample WHERE sample = 'tiny';
SELECT name FROM provider WHERE provider = 'tiny';
CREATE ROLE definition_reader;
GRANT USAGE ON SCHEMA house TO definition_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA house TO definition_reader;
GRANT SELECT ON sample TO definition_reader;
SET ROLE definition_reader;
SELECT pg_temp.try(definition) FROM sample WHERE sample = 'tiny';
RESET ROLE;
GRANT INSERT ON provider TO definition_reader;
SET ROLE definition_reader;
SELECT pg_temp.try(definition) FROM sample WHERE sample = 'tiny';
RESET ROLE;
DROP OWNED BY definition_reader;
DROP ROLE definition_reader;
BEGIN READ ONLY;
SELECT stakesync_add_provider(definition) FROM sample WHERE sample = 'tiny';
ROLLBACK;
SELECT stakesync_add_provider(definition, 'nowhere') FROM sample WHERE sample = 'tiny';

-- Whatever is in it, it is taken or refused
DO $$
DECLARE
	odd jsonb[] := ARRAY['null', 'true', '0', '-1', '1e400', '""', '" "', '"$"', '"$."', '"{x}"', '"{cursor}"', '"{"', '"@key"', '"https://{"',
		'[]', '{}', '[[]]', '{"": ""}', '["", 1, null]', '{"type": "page"}', '{"path": "/", "url": "https://x"}', '[{"name": "a", "join": {}}]'];
	definition jsonb;
	place text[];
	element jsonb;
	key text;
	told text;
	tried integer := 0;
BEGIN
	PERFORM setseed(0.3);
	FOR i IN 1..2000
	LOOP
		definition := (SELECT s.definition FROM sample s WHERE s.sample = CASE WHEN i % 3 = 0 THEN 'tiny' ELSE 'full' END);
		FOR mutation IN 1..1 + i % 3
		LOOP
			-- down to some place
			place := '{}';
			element := definition;
			LOOP
				key := CASE jsonb_typeof(element)
					WHEN 'object' THEN (SELECT k FROM jsonb_object_keys(element) k ORDER BY random() LIMIT 1)
					WHEN 'array' THEN floor(random() * jsonb_array_length(element))::text END;
				EXIT WHEN key IS NULL;
				place := place || key;
				element := element #> ARRAY[key];
				EXIT WHEN random() < 0.2;
			END LOOP;
			CONTINUE WHEN place = '{}';
			key := place[array_length(place, 1)];
			definition := CASE floor(random() * 4)::integer
				WHEN 0 THEN definition #- place
				WHEN 1 THEN jsonb_set(definition, place[:array_length(place, 1) - 1] || CASE WHEN key ~ '^[0-9]+$' THEN '99' ELSE 'odd' END, '1')
				ELSE jsonb_set(definition, place, odd[1 + floor(random() * array_length(odd, 1))]) END;
		END LOOP;
		told := pg_temp.try(definition);
		IF told NOT IN ('tiny', 'full') AND told NOT LIKE '22023: %' THEN
			RAISE NOTICE '% of %', told, definition;
		END IF;
		tried := tried + 1;
	END LOOP;
	RAISE NOTICE '% tried', tried;
END $$;

SET client_min_messages = warning;
SELECT stakesync_drop_company('house', 'house');
