-- Refused data: what names and values tell
\set VERBOSITY terse
\pset null -
\getenv directory PG_ABS_SRCDIR
\set names :directory '/sensitive/names.tsv'
\set values :directory '/sensitive/values.tsv'
CREATE TEMP TABLE name_case (name text, verdict text, language text, why text);
CREATE TEMP TABLE value_case (value text, verdict text, field text, why text);
COPY name_case FROM :'names' WITH (FORMAT text, NULL '', HEADER MATCH);
COPY value_case FROM :'values' WITH (FORMAT text, NULL '', HEADER MATCH);
SELECT count(*) >= 300 AS names, count(*) FILTER (WHERE verdict = 'innocent') >= 80 AS innocent,
	count(DISTINCT language) AS languages, count(DISTINCT verdict) AS verdicts,
	count(*) FILTER (WHERE verdict = 'innocent' AND why IS NULL) AS without_reason FROM name_case;
SELECT count(*) >= 100 AS values, count(*) FILTER (WHERE verdict = 'innocent') >= 50 AS innocent,
	count(*) FILTER (WHERE verdict = 'innocent' AND why IS NULL) AS without_reason FROM value_case;
-- every category in every language
SELECT language, count(DISTINCT verdict) FROM name_case WHERE verdict <> 'innocent' GROUP BY language ORDER BY language;

-- misses and false alarms: none
SELECT name, language, verdict, stakesync_sensitive_name(name) AS said FROM name_case
WHERE stakesync_sensitive_name(name) IS DISTINCT FROM (CASE WHEN verdict <> 'innocent' THEN ARRAY[verdict] END) ORDER BY 1;
SELECT value, field, verdict, stakesync_sensitive_value(value, field) AS said FROM value_case
WHERE stakesync_sensitive_value(value, field) IS DISTINCT FROM (CASE WHEN verdict <> 'innocent' THEN ARRAY[verdict] END) ORDER BY 1;

-- how the words of a name are joined does not matter
SELECT n, stakesync_sensitive_name(n) FROM unnest(ARRAY['bank_account', 'bankAccount', 'BANK-ACCOUNT', 'Bank Account', 'bankaccount', 'bank.account',
	'x/bank account/y', 'bank__account2', 'Bank' || chr(160) || 'Account', 'bank' || chr(8203) || 'account', '']) n;

-- the fields that ship, and the paths of all shipped mappings, are innocent
SELECT attname FROM pg_attribute WHERE stakesync_sensitive_name(attname) IS NOT NULL
	AND attrelid IN ('stakesync_provider'::regclass, 'stakesync_sensitive_term'::regclass);
SELECT DISTINCT provider, w[1] FROM stakesync_provider, jsonb_array_elements(definition -> 'mapping') m, regexp_matches(m ->> 'path', '[A-Za-z_]+', 'g') w
WHERE stakesync_sensitive_name(w[1]) IS NOT NULL;

-- the lists
SELECT kind, count(*) > 0 AS some FROM stakesync_sensitive_term GROUP BY kind ORDER BY kind;
SELECT category, count(DISTINCT language) FROM stakesync_sensitive_term WHERE kind <> 'innocent' AND category IS NOT NULL GROUP BY category ORDER BY category;
SELECT * FROM stakesync_sensitive_term WHERE term IN ('union', 'race number', 'Kirchensteuer', 'kirchensteuer', 'IBAN') ORDER BY term COLLATE "C";
SELECT term, count(*) FROM stakesync_sensitive_term WHERE kind <> 'neutral' GROUP BY term, category, language, kind HAVING count(*) > 1;
-- each term of the lists is refused by itself
SELECT category, term, kind, stakesync_sensitive_name(term) FROM stakesync_sensitive_term
WHERE kind IN ('word', 'phrase', 'part', 'alone') AND NOT category = ANY (coalesce(stakesync_sensitive_name(term), '{}'));

-- the register refuses values by their shape, naming column and category
SELECT stakesync_create_company('sensitive', 'UTC');
SET search_path = sensitive, public;
INSERT INTO stakeholder (identifier, name) VALUES ('1', 'Zoë DE89 3704 0044 0532 0130 00');
INSERT INTO stakeholder (identifier, name) VALUES ('4111111111111111', 'Zoë Meier');
INSERT INTO stakeholder (identifier, name) VALUES ('078-05-1120', 'Zoë Meier');
ALTER TABLE stakeholder ADD COLUMN note text, ADD COLUMN notes text[], ADD COLUMN more jsonb, ADD COLUMN big numeric;
UPDATE stakeholder SET note = 'pay to DE89 3704 0044 0532 0130 00';
UPDATE stakeholder SET notes = ARRAY['x', '4111 1111 1111 1111'];
UPDATE stakeholder SET more = '{"a": ["078-05-1120"]}';
UPDATE stakeholder SET big = 4111111111111111;
UPDATE stakeholder SET note = 'call +49 151 23456789', notes = '{a,b}', more = '{"a": 1}', big = 12;
\set VERBOSITY default
UPDATE stakeholder SET city = 'ssn 078051120';
\set VERBOSITY terse

-- exceptions
SELECT stakesync_allow_sensitive('bank', 'note', 'payout', current_date + 30);
SELECT stakesync_allow_sensitive('bankin', 'note', 'payout', current_date + 30);
SELECT stakesync_allow_sensitive('banking', NULL, 'payout', current_date + 30);
SELECT stakesync_allow_sensitive('banking', 'note', ' ', current_date + 30);
SELECT stakesync_allow_sensitive('banking', 'note', 'for DE89 3704 0044 0532 0130 00', current_date + 30);
SELECT stakesync_allow_sensitive('banking', 'note', 'payout', NULL);
SELECT stakesync_allow_sensitive('banking', 'note', 'payout', current_date - 1);
SELECT stakesync_allow_sensitive('banking', 'note', 'payout', current_date + 400);
SELECT stakesync_allow_sensitive('banking', 'note', 'payout', current_date + 30, connection => 'none');
SELECT stakesync_allow_sensitive('banking', 'nite', 'payout', current_date + 30);
SELECT stakesync_allow_sensitive('banking', 'note', 'payout', current_date + 30);
SELECT category, field, connection, reason, until = current_date + 30 AS until, allowed_at = now() AS now, allowed_by = current_user AS me, revoked_at, whole
FROM sensitive_exception WHERE field = 'note';
UPDATE stakeholder SET note = 'pay to DE89 3704 0044 0532 0130 00';
UPDATE stakeholder SET note = note || ' or 078-05-1120';
UPDATE stakeholder SET city = 'DE89 3704 0044 0532 0130 00';
SELECT count(*) FROM stakeholder WHERE note LIKE '%DE89%';
SELECT count(*) FROM history WHERE new_value LIKE '%DE89%';

-- one that expired lets nothing in, but what is there stays
ALTER TABLE sensitive_exception DISABLE TRIGGER stakesync_guard;
UPDATE sensitive_exception SET until = now() - interval '1 second' WHERE field = 'note';
ALTER TABLE sensitive_exception ENABLE TRIGGER stakesync_guard;
UPDATE stakeholder SET note = note || '!';
UPDATE stakeholder SET city = 'Bern';
SELECT count(*) FROM stakeholder WHERE note LIKE '%DE89%';
-- revoking erases what it let in, and nothing else
INSERT INTO stakeholder (name, note) VALUES ('Other', 'innocent');
SELECT stakesync_revoke_sensitive('banking', 'note');
SELECT name, note, city FROM stakeholder ORDER BY name;
SELECT count(*) FROM change WHERE before::text || after::text LIKE '%DE89%';
SELECT count(*) FROM history WHERE field = 'note' AND old_value IS NULL AND new_value IS NULL;
SELECT stakesync_revoke_sensitive('banking', 'note');
SELECT revoked_at IS NOT NULL AS revoked, revoked_by = current_user AS me FROM sensitive_exception WHERE field = 'note';
-- hands stay off
UPDATE sensitive_exception SET until = until + interval '1 day';
DELETE FROM sensitive_exception;
INSERT INTO sensitive_exception (category, field, reason, until) VALUES ('health', 'note', 'x', now() + interval '1 day');

-- custom fields by name and label
SELECT stakesync_add_field('church_tax');
SELECT stakesync_add_field('badge', label => 'IBAN');
SELECT stakesync_allow_sensitive('religion', 'church_tax', 'payroll', current_date + 300);
SELECT stakesync_add_field('church_tax');
UPDATE stakeholder SET church_tax = 'rk';
SELECT stakesync_revoke_sensitive('religion', 'church_tax');
SELECT count(church_tax) FROM stakeholder;
SELECT count(*) FROM change WHERE after::text LIKE '%rk%';

-- whose right it is
CREATE ROLE regress_sensitive;
GRANT USAGE ON SCHEMA sensitive TO regress_sensitive;
GRANT SELECT, INSERT, UPDATE ON stakeholder TO regress_sensitive;
SET ROLE regress_sensitive;
SELECT stakesync_allow_sensitive('banking', 'note', 'payout', current_date + 30);
UPDATE stakeholder SET note = 'DE89 3704 0044 0532 0130 00';
RESET ROLE;
GRANT SELECT, INSERT ON sensitive_exception TO regress_sensitive;
SET ROLE regress_sensitive;
SELECT stakesync_allow_sensitive('banking', 'note', 'payout', current_date + 30);
UPDATE stakeholder SET note = 'DE89 3704 0044 0532 0130 00';
RESET ROLE;
SELECT allowed_by FROM sensitive_exception WHERE field = 'note' AND revoked_at IS NULL;
RESET search_path;
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT stakesync_drop_company('sensitive', 'sensitive');
DROP ROLE regress_sensitive;
