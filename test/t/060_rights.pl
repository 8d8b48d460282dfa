# Whose rights: what each role may do, and that nobody runs another's code with his own rights
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StakesyncSim::Json qw(to_json);
use StakesyncTest;
use Test::More;

my $test = StakesyncTest->start('rights', connect => 0);
my $node = $test->node;
my $sim = $test->sim;
my ($key, $account) = @StakesyncSim::CREDENTIALS{qw(api_key account_token)};
my $database = 'postgres';

# Run SQL as a role in the present database; what it prints, and the SQLSTATE of an error
sub as_role
{
	my ($role, $sql) = @_;
	utf8::encode($sql) if utf8::is_utf8($sql);
	my ($status, $out, $err) = $node->psql($database, "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', $role ]);
	return ($out, $err =~ /^(?:psql:<stdin>:\d+: )?ERROR:  ([0-9A-Z]{5}): /m ? $1 : undef, $err);
}

# One query as a role; an error is its SQLSTATE
sub says
{
	my ($role, $sql) = @_;
	my ($out, $sqlstate) = as_role($role, $sql);
	return $sqlstate // $out;
}

# The hint of an error
sub hint
{
	my ($role, $sql) = @_;
	my ($out, $sqlstate, $err) = as_role($role, $sql);
	return $err =~ /^HINT:  (.*)/m ? $1 : undef;
}

sub fresh_database
{
	my ($name, @options) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name @options");
	$database = $name;
	return;
}

# A call of stakesync_connect for Merge at the simulator
sub connect_call
{
	my (%arguments) = @_;
	my $settings = to_json({ base_url => $sim->url, requests_per_minute => 100000 });
	my $credentials = to_json(\%StakesyncSim::CREDENTIALS);
	my $more = join '', map { ", $_ => '$arguments{$_}'" } sort keys %arguments;
	return "stakesync_connect('merge', '$credentials', settings => '$settings', accept_terms => true$more)";
}

sub process_parent
{
	my ($pid) = @_;
	open my $file, '<', "/proc/$pid/status" or return 0;
	my ($parent) = map { /^PPid:\s+(\d+)/ } <$file>;
	return $parent // 0;
}

# Sums of a register, to compare two
my $REGISTER = <<'SQL';
SELECT count(*), md5(string_agg(concat_ws('|', s.identifier, s.identifier_key, s.name, s.name_key, s.email, s.email_key, s.city, s.country, to_char(s.birthdate, 'YYYYMMDD'),
	to_char(s.start_date, 'YYYYMMDD'), s.group_name, s.employment_status, s.pay_rate, s.pay_period, s.pay_currency, s.mobile_phone, m.identifier), E'\n' ORDER BY s.identifier COLLATE "C"))
FROM COMPANY.stakeholder s LEFT JOIN COMPANY.stakeholder m ON m.stakeholder_id = s.manager_id
SQL

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE hr_owner;
CREATE ROLE hr_admin LOGIN IN ROLE hr_owner;
CREATE ROLE hr_reader LOGIN;
CREATE ROLE hr_clerk LOGIN;
CREATE ROLE stranger LOGIN;
CREATE ROLE mallory LOGIN;
CREATE ROLE dba LOGIN SUPERUSER;
SQL

## Where the extension cannot be safe it is not installed
for my $encoding (qw(LATIN1 SQL_ASCII))
{
	fresh_database(lc "in_$encoding", "ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	is(says('dba', 'CREATE EXTENSION stakesync'), '0A000', "$encoding: refused");
	like(hint('dba', 'CREATE EXTENSION stakesync'), qr/ENCODING 'UTF8' TEMPLATE template0/, "$encoding: the hint says what to make");
}
fresh_database('open_schema');
as_role('dba', 'GRANT CREATE ON SCHEMA public TO PUBLIC; CREATE SCHEMA closed');
is(says('dba', 'CREATE EXTENSION stakesync'), '42501', 'a schema where anybody may create: refused');
like(hint('dba', 'CREATE EXTENSION stakesync'), qr/^REVOKE CREATE ON SCHEMA public FROM PUBLIC;/, 'the hint says what to type');
is(says('dba', "SELECT count(*) FROM pg_proc WHERE proname LIKE 'stakesync%'"), '0', 'nothing of it is left');
is(says('dba', 'CREATE EXTENSION stakesync SCHEMA closed'), '', 'another schema will do');
is(says('dba', 'ALTER EXTENSION stakesync SET SCHEMA public'), '0A000', 'it cannot be moved later');

## In a schema of its own, a search_path of pg_catalog alone, an owner who cannot log in: the first hour
fresh_database('hr');
as_role('dba', 'CREATE SCHEMA ext; GRANT USAGE ON SCHEMA ext TO PUBLIC');
is(says('hr_admin', 'CREATE EXTENSION stakesync SCHEMA ext'), '42501', 'only a superuser installs the extension');
is(says('dba', 'CREATE EXTENSION stakesync SCHEMA ext'), '', 'and does');
as_role('dba', "ALTER DATABASE hr SET search_path = pg_catalog");

my $connect = 'ext.' . connect_call();
is(says('hr_admin', "SET ROLE hr_owner; SELECT state FROM $connect"), '42501', 'without CREATE on the database there is no company');
my $typed = hint('hr_admin', "SET ROLE hr_owner; SELECT state FROM $connect");
like($typed, qr/administrator must type: CREATE SCHEMA stakesync AUTHORIZATION hr_owner;/, 'the hint is the statement for a DBA');
is(says('dba', $typed =~ s/.*?: //r), '', 'which a DBA can type');
is(says('hr_admin', "SET ROLE hr_owner; SELECT ext.stakesync_create_company('stakesync')"), '', 'then the company can be made');
is(says('hr_admin', "SELECT state FROM $connect"), 'connected', 'connect');
is(says('hr_admin', 'SELECT company, owner FROM ext.stakesync_company'), 'stakesync|hr_owner', 'it belongs to the owner, whoever called');
is(says('dba', "SELECT count(*) FROM pg_class WHERE relnamespace = 'stakesync'::regnamespace AND relowner <> 'hr_owner'::regrole"), '0', 'with all that is in it');
is(says('hr_admin', 'SELECT state, records FROM ext.stakesync_fetch()'), 'done|600', 'fetch');
is(says('hr_admin', 'SELECT field FROM ext.stakesync_configure() LIMIT 1'), 'employee_number', 'configure without arguments');
is(says('hr_admin', q(SELECT field FROM ext.stakesync_configure(identifier => 'employee_number', import => '{manager,mobile_phone,pay_rate}') WHERE chosen)), 'employee_number', 'configure');
is(says('hr_admin', 'SELECT state, mode FROM ext.stakesync_fetch()'), 'done|full', 'fetch what was chosen');
is(says('hr_admin', q(SELECT ext.stakesync_sync_if('employment_status', '=', '{ACTIVE,PENDING,LEAVE}') > 0)), 't', 'sync_if');
my $people = says('hr_admin', q(SELECT people FROM stakesync.preview_summary WHERE action = 'create'));
cmp_ok($people, '>', 450, 'preview_summary');
is(says('hr_admin', q(SELECT count(*) FROM ext.stakesync_preview() WHERE action = 'create')), $people, 'preview');
is(says('hr_admin', 'SELECT state, created FROM ext.stakesync_apply(ext.stakesync_plan())'), "applied|$people", 'plan and apply');
my $normal = says('dba', $REGISTER =~ s/COMPANY/stakesync/gr);
$sim->change('000130', city => 'Chur');
is((as_role('hr_admin', 'CALL ext.stakesync_sync()'))[1], undef, 'CALL stakesync_sync');
is(says('hr_admin', 'SELECT kind, state, created, updated, planned_by, applied_by FROM stakesync.sync_run ORDER BY sync_id DESC LIMIT 1'),
	'sync|applied|0|1|hr_admin|hr_admin', 'which says who it was');
is(says('hr_admin', 'SELECT state, updated FROM ext.stakesync_revert(2)'), 'applied|1', 'revert');
is(says('hr_admin', 'SELECT ext.stakesync_resume()'), '', 'resume');
is(says('hr_admin', q(SELECT ext.stakesync_discard(ext.stakesync_plan()))), '', 'discard');
is(says('hr_admin', 'SELECT ext.stakesync_drop_condition(1)'), '', 'drop_condition');
is(says('hr_admin', q(SELECT ext.stakesync_sync_if('employment_status', '=', '{ACTIVE,PENDING,LEAVE}') > 0)), 't', 'and again');
is(says('hr_admin', 'SELECT ext.stakesync_cancel(1)'), 'f', 'cancel');
is(says('hr_admin', 'SELECT ext.stakesync_upgrade_company()'), '', 'upgrade_company');
like(says('hr_admin', q(SELECT ext.stakesync_schedule('0 5 * * *'))), qr/^(0A000|\d+)$/, 'schedule');
is(says('hr_admin', 'SELECT owner FROM ext.stakesync_company'), 'hr_owner', 'after all that it still belongs to the owner');
is(says('dba', "SELECT count(*) FROM pg_class WHERE relnamespace = 'stakesync'::regnamespace AND relowner <> 'hr_owner'::regrole"), '0', 'with all that is in it');

## A superuser's calls leave nothing of his behind
is(says('dba', 'SELECT state FROM ext.stakesync_apply(ext.stakesync_plan())'), 'applied', 'a superuser may sync for the owner');
is(says('dba', q(SELECT ext.stakesync_upgrade_company('stakesync'))), '', 'and upgrade');
is(says('dba', "SELECT count(*) FROM pg_class WHERE relnamespace = 'stakesync'::regnamespace AND relowner <> 'hr_owner'::regrole"), '0', 'nothing in the company is his');
is(says('dba', 'SELECT planned_by, applied_by FROM stakesync.sync_run ORDER BY sync_id DESC LIMIT 1'), 'dba|dba', 'but it says who it was');

## Nothing is granted to everybody
is(says('dba', <<'SQL'), '', 'no relation, column, sequence or schema of the company');
SELECT c.relname FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.relnamespace = 'stakesync'::regnamespace AND a.grantee <> c.relowner
UNION ALL SELECT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'stakesync'::regnamespace AND attacl IS NOT NULL
UNION ALL SELECT nspname FROM pg_namespace CROSS JOIN LATERAL aclexplode(nspacl) a WHERE nspname = 'stakesync' AND a.grantee <> nspowner
SQL
is(says('dba', <<'SQL'), "stakesync_company SELECT\nstakesync_provider SELECT\nstakesync_sensitive_term SELECT", 'of the extension the providers, the companies and the refused terms may be read');
SELECT c.relname || ' ' || a.privilege_type FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
WHERE c.relnamespace = 'ext'::regnamespace AND a.grantee = 0 ORDER BY 1
SQL
is(says('dba', q(SELECT count(*) FROM pg_proc WHERE pronamespace = 'ext'::regnamespace AND prosecdef)), '0', 'no function is SECURITY DEFINER');

## A second role sees nothing and can call nothing
my @CALLS = (
	"SELECT ext.stakesync_fetch(NAMED)", "SELECT ext.stakesync_cancel(1, NAMED)", "SELECT ext.stakesync_configure(NAMED)",
	"SELECT ext.stakesync_configure(identifier => 'remote_id', NAMED)", "SELECT ext.stakesync_sync_if('city', '=', '{Bern}', NAMED)",
	"SELECT ext.stakesync_drop_condition(1, NAMED)", "SELECT ext.stakesync_plan(NAMED)", "SELECT ext.stakesync_apply(1, NAMED)",
	"SELECT ext.stakesync_discard(1, NAMED)", "SELECT ext.stakesync_revert(1, NAMED)", "SELECT ext.stakesync_resume(NAMED)",
	"SELECT ext.stakesync_disconnect(NAMED)", "SELECT ext.stakesync_schedule('0 5 * * *', NAMED)", "SELECT ext.stakesync_unschedule(NAMED)",
	"CALL ext.stakesync_sync(NAMED)", "SELECT ext.stakesync_upgrade_company('stakesync')", "SELECT ext.stakesync_drop_company('stakesync', 'stakesync')",
	'SELECT ext.' . connect_call(company => 'stakesync'));
my $named = "company => 'stakesync'";

is(says('stranger', 'SELECT count(*) FROM ext.stakesync_company'), '0', 'stranger: sees no company');
is(says('stranger', 'SELECT ext.stakesync_plan()'), '3F000', 'stranger: there is none to mean');
is(says('stranger', s/NAMED/$named/r), '42501', "stranger: $_" =~ s/'merge'.*/.../r) for @CALLS, 'SELECT * FROM ext.stakesync_preview(NAMED)';
is(says('stranger', "SELECT * FROM stakesync.$_"), '42501', "stranger: $_") for split /\n/,
	says('dba', "SELECT relname FROM pg_class WHERE relnamespace = 'stakesync'::regnamespace AND relkind IN ('r', 'v', 'S') ORDER BY 1");
is(says('stranger', 'UPDATE ext.stakesync_provider SET name = name'), '42501', 'stranger: providers are not his to change');
is(says('stranger', q(SELECT ext.stakesync_ship_provider('{"provider": "mine"}'))), '42501', 'stranger: nor to add');

## A reader: USAGE, and SELECT on views
as_role('hr_admin', 'GRANT USAGE ON SCHEMA stakesync TO hr_reader');
as_role('hr_admin', "GRANT SELECT ON stakesync.$_ TO hr_reader") for qw(preview preview_change preview_summary fetch_run history field);
is(says('hr_reader', 'SELECT company, owner FROM ext.stakesync_company'), 'stakesync|hr_owner', 'reader: sees the company');
cmp_ok(says('hr_reader', "SELECT count(*) FROM stakesync.$_"), '>', 0, "reader: $_") for qw(preview preview_change preview_summary fetch_run history field);
is(says('hr_reader', 'SELECT count(*) FROM ext.stakesync_preview()'), says('hr_admin', 'SELECT count(*) FROM ext.stakesync_preview()'), 'reader: stakesync_preview()');
is(says('hr_reader', "SELECT * FROM stakesync.$_"), '42501', "reader: not $_") for qw(stakeholder employee connection change sync_run link _credential _applied _config _case);
is(says('hr_reader', s/NAMED/$named/r), '42501', "reader: $_" =~ s/'merge'.*/.../r) for @CALLS;

## What each call asks for, and no more
as_role('hr_admin', 'GRANT USAGE ON SCHEMA stakesync TO hr_clerk');
for (
	[ 'SELECT', 'preview', "SELECT DISTINCT 'good' FROM ext.stakesync_preview()", 'good' ],
	[ 'INSERT', 'fetch_run', 'SELECT state FROM ext.stakesync_fetch()', 'done' ],
	[ 'INSERT', 'fetch_run', 'SELECT ext.stakesync_cancel(1)', 'f' ],
	[ 'SELECT', 'connection', 'SELECT count(*) FROM ext.stakesync_configure()', '4' ],
	[ 'UPDATE', 'connection', 'SELECT count(*) FROM ext.stakesync_configure(precedence => 0)', '4' ],
	[ 'UPDATE', 'connection', 'SELECT ext.stakesync_resume()', '55000' ],
	[ 'INSERT', 'connection', 'SELECT state FROM ext.' . connect_call(company => 'stakesync'), 'connected' ],
	[ 'DELETE', 'connection', q(SELECT ext.stakesync_disconnect('nobody')), '42704' ],
	[ 'INSERT', 'condition', q(SELECT ext.stakesync_sync_if('employment_status', '=', '{LEAVE,PENDING,ACTIVE}') > 0), 't' ],
	[ 'DELETE', 'condition', 'SELECT ext.stakesync_drop_condition(99)', '42704' ],
	[ 'INSERT', 'sync_run', 'SELECT ext.stakesync_plan() > 0', 't' ],
	[ 'UPDATE', 'sync_run', 'SELECT state FROM ext.stakesync_apply((SELECT max(sync_id) FROM stakesync.sync_run))', 'applied', 'GRANT SELECT ON stakesync.sync_run TO hr_clerk' ],
	[ 'UPDATE', 'sync_run', 'SELECT ext.stakesync_discard(99)', '42704' ],
	[ 'UPDATE', 'sync_run', 'SELECT ext.stakesync_revert(99)', '42704' ],
	[ 'INSERT', 'sync_run', 'CALL ext.stakesync_sync()', '', 'GRANT INSERT ON stakesync.fetch_run TO hr_clerk; GRANT UPDATE ON stakesync.sync_run TO hr_clerk' ],
	[ 'UPDATE', 'sync_run', 'CALL ext.stakesync_sync()', '', 'GRANT INSERT ON stakesync.sync_run TO hr_clerk' ],
	[ 'INSERT', 'fetch_run', 'CALL ext.stakesync_sync()', '', 'REVOKE ALL ON stakesync.fetch_run FROM hr_clerk; GRANT INSERT, UPDATE ON stakesync.sync_run TO hr_clerk' ])
{
	my ($privilege, $relation, $call, $answer, $also) = @$_;
	my $short = $call =~ /(stakesync_\w+)/ ? $1 : $call;

	as_role('hr_admin', $also) if $also;
	is(says('hr_clerk', $call), '42501', "$short without $privilege on $relation");
	as_role('hr_admin', "GRANT $privilege ON stakesync.$relation TO hr_clerk");
	is(says('hr_clerk', $call), $answer, "$short with it");
	as_role('hr_admin', "REVOKE ALL ON stakesync.$relation FROM hr_clerk");
}
is(says('dba', q(SELECT count(*) FROM stakesync.sync_run WHERE 'hr_clerk' IN (planned_by, applied_by))), '4', 'what the clerk did is written down');

## Nobody writes by hand to what only stakesync writes
for my $role (qw(hr_admin dba))
{
	my %columns = (change => 'action', sync_run => 'kind', _fetch => 'mode');

	for my $table (sort keys %columns)
	{
		is(says($role, $_), '42501', "$role: $_") for "INSERT INTO stakesync.$table ($columns{$table}) SELECT '' WHERE false",
			"DELETE FROM stakesync.$table", "TRUNCATE stakesync.$table",
			"UPDATE stakesync.$table SET state = state WHERE false";
	}
	is(says($role, 'UPDATE stakesync.fetch_run SET state = state'), '55000', "$role: the view fetch_run neither");
	is(says($role, <<'SQL'), '42501', "$role: not after a call in the same transaction either");
BEGIN;
SELECT ext.stakesync_plan();
UPDATE stakesync.sync_run SET state = 'applied';
SQL
}

## Odd settings and shadows in the session change nothing
fresh_database('odd');
as_role('dba', "CREATE EXTENSION stakesync; SELECT stakesync_create_company('stakesync', 'UTC'); CREATE SCHEMA evil");
is((as_role('dba', <<'SQL'))[1], undef, 'shadows of operators and functions, which fail when they run');
DO $do$
DECLARE
	trap text := $$ BEGIN RAISE EXCEPTION 'a shadow ran' USING ERRCODE = 'SHADO'; END $$;
	number int := 0;
	type text;
	operator text;
	function text;
BEGIN
	FOREACH type IN ARRAY '{text,name,bigint,integer,numeric,boolean,date,timestamptz,jsonb,text[],oid}'::text[] LOOP
		FOREACH operator IN ARRAY '{=,<>,<,<=,>,>=,@>,<@,&&}'::text[] LOOP
			number := number + 1;
			EXECUTE format('CREATE FUNCTION evil.trap%s(%s, %s) RETURNS boolean LANGUAGE plpgsql AS %L', number, type, type, trap);
			EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.trap%s)', operator, type, type, number);
		END LOOP;
	END LOOP;
	FOREACH operator IN ARRAY '{"||(text,text) text","||(jsonb,jsonb) jsonb","||(text[],text[]) text[]","->(jsonb,text) jsonb","->>(jsonb,text) text","-(jsonb,text) jsonb","?(jsonb,text) boolean"}'::text[] LOOP
		number := number + 1;
		EXECUTE format('CREATE FUNCTION evil.trap%s%s RETURNS %s LANGUAGE plpgsql AS %L', number,
			substring(operator FROM '\(.*\)'), substring(operator FROM ' (.*)'), trap);
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.trap%s)', substring(operator FROM '^[^(]*'),
			substring(operator FROM '\((.*),'), substring(operator FROM ',(.*)\)'), number);
	END LOOP;
	FOREACH function IN ARRAY '{now(),clock_timestamp(),format(text;variadic text[]),md5(text),concat_ws(text;variadic text[]),jsonb_object_keys(jsonb),to_jsonb(text),quote_ident(text),
		jsonb_strip_nulls(jsonb),jsonb_each(jsonb),jsonb_array_elements(jsonb),pg_notify(text;text),current_setting(text),nextval(regclass),pg_get_serial_sequence(text;text),unnest(text[]),
		to_char(timestamptz;text),stakesync_canonical(text),stakesync_canonical_identifier(text),stakesync_name_key(text),round(numeric;integer),string_to_array(text;text)}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION evil.%s RETURNS text LANGUAGE plpgsql AS %L', replace(function, ';', ','), trap);
	END LOOP;
END $do$;
SQL
my $session = <<'SQL';
CREATE TEMP TABLE stakeholder (x int); CREATE TEMP TABLE employee (x int); CREATE TEMP TABLE connection (x int); CREATE TEMP TABLE change (x int);
CREATE TEMP TABLE _company (x int); CREATE TEMP TABLE stakesync_provider (x int); CREATE TEMP TABLE landing (x int); CREATE TEMP TABLE pg_class (x int);
SET search_path = evil, pg_temp, pg_catalog, public, stakesync;
SET datestyle = 'German'; SET intervalstyle = 'sql_standard'; SET timezone = 'Pacific/Auckland'; SET extra_float_digits = -15; SET bytea_output = 'escape';
SET standard_conforming_strings = off; SET escape_string_warning = off; SET quote_all_identifiers = on; SET array_nulls = off; SET transform_null_equals = on;
SET default_transaction_isolation = 'repeatable read'; SET enable_hashjoin = off; SET plan_cache_mode = force_generic_plan; SET client_min_messages = error;
SQL

# One call in such a session
sub in_odd_session
{
	my ($call, $answer, $name) = @_;
	return is(says('dba', "$session$call"), $answer, $name);
}

in_odd_session("SELECT 'a'::text = 'b'::text", 'SHADO', 'the shadows of operators are there');
in_odd_session('SELECT now()', 'SHADO', 'those of functions too');
$sim->post('/control/reset');
in_odd_session("SELECT state FROM public.stakesync_connect('merge')", '', 'shadows: connect without credentials');
in_odd_session("SELECT public.stakesync_connect('nope')", '42704', 'shadows: unknown provider');
in_odd_session('SELECT state FROM public.' . connect_call(), 'connected', 'shadows: connect');
in_odd_session("SELECT field FROM public.stakesync_configure(identifier => 'employee_number', import => '{manager,mobile_phone,pay_rate}') LIMIT 1", 'employee_number', 'shadows: configure');
in_odd_session('SELECT state FROM public.stakesync_fetch()', 'done', 'shadows: fetch');
in_odd_session("SELECT public.stakesync_sync_if('employment_status', '=', '{ACTIVE,PENDING,LEAVE}')", '1', 'shadows: sync_if');
in_odd_session('SELECT action FROM public.stakesync_preview() LIMIT 1', 'create', 'shadows: preview');
in_odd_session('SELECT state FROM public.stakesync_apply(public.stakesync_plan())', 'applied', 'shadows: plan and apply');
is(says('dba', $REGISTER =~ s/COMPANY/stakesync/gr), $normal, 'the register is what it is without them');
in_odd_session('SELECT action FROM public.stakesync_preview() LIMIT 1', 'invalid', 'shadows: and settled');
$sim->change('000130', city => 'Chur');
in_odd_session('CALL public.stakesync_sync()', '', 'shadows: CALL stakesync_sync');
in_odd_session('SELECT state, updated FROM public.stakesync_revert(2)', 'applied|1', 'shadows: revert');
in_odd_session('SELECT public.stakesync_resume()', '', 'shadows: resume');
in_odd_session("INSERT INTO stakesync.stakeholder (identifier, name, birthdate) VALUES (' 9 ', 'By Hand', '29.02.2000') RETURNING identifier_key", '9', 'shadows: an edit by hand');
is(says('dba', q(SELECT after FROM stakesync.change WHERE after ->> 'identifier' = '9')),
	'{"kind": "natural person", "name": "By Hand", "birthdate": "2000-02-29", "identifier": "9"}', 'which is recorded as ever');
in_odd_session('SELECT state FROM public.stakesync_revert(1, remove_created => true)', 'partly applied', 'shadows: revert with its people');
is(says('dba', q(SELECT count(*) < 10 FROM stakesync.stakeholder WHERE identifier <> '9')), 't', 'who are gone, but for one who was changed since and his managers');
in_odd_session('SELECT public.stakesync_upgrade_company()', '', 'shadows: upgrade_company');
in_odd_session("SELECT public.stakesync_create_company('second')", '', 'shadows: create_company');
in_odd_session("SELECT public.stakesync_drop_company('second', 'second')", '', 'shadows: drop_company');
in_odd_session("SELECT state FROM public.stakesync_disconnect()", 'disconnected', 'shadows: disconnect');
in_odd_session("SELECT public.stakesync_drop_company('stakesync', 'stakesync')", '', 'shadows: drop the last company');
in_odd_session("SELECT public.stakesync_connect('nope')", '42704', 'shadows: unknown provider where there is no company');
in_odd_session("SELECT state FROM public.stakesync_connect('merge')", '', 'shadows: without credentials where there is no company');
$sim->post('/control/reset');
in_odd_session('SELECT state FROM public.' . connect_call(), 'connected', 'shadows: connect where there is no company');

## A company whose owner waits for a superuser
fresh_database('hostile');
as_role('dba', 'CREATE EXTENSION stakesync; GRANT CREATE ON DATABASE hostile TO mallory; CREATE TABLE secret (x int)');
as_role('dba', q(SELECT stakesync_create_company('victim')));
as_role('mallory', q(SELECT stakesync_create_company('trap')));
is((as_role('mallory', <<'SQL'))[2], '', 'all that an owner can hang on his company');
SET client_min_messages = warning;
CREATE TABLE trap.tried (place text, what text, answer text, who name);
CREATE FUNCTION trap.spy(place text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	attack text;
	answer text;
BEGIN
	IF EXISTS (SELECT FROM trap.tried t WHERE t.place = spy.place AND t.who = current_user) THEN
		RETURN true;
	END IF;
	FOREACH attack IN ARRAY ARRAY['SET ROLE dba', 'SET SESSION AUTHORIZATION dba', 'RESET ROLE', 'RESET SESSION AUTHORIZATION', 'SELECT 1 FROM pg_authid', 'SELECT 1 FROM public.secret',
		'ALTER ROLE mallory SUPERUSER', 'CREATE ROLE mallet SUPERUSER', 'COPY (SELECT 1) TO PROGRAM $a$true$a$', 'SELECT pg_read_file($a$PG_VERSION$a$)', 'SET session_replication_role = replica',
		'CREATE TEMP TABLE left_behind ()', 'LISTEN left_behind', 'PREPARE left_behind AS SELECT 1', 'DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1',
		'CREATE FUNCTION trap.c() RETURNS int LANGUAGE c AS $a$x$a$', 'UPDATE public.stakesync_provider SET definition = definition', 'SELECT public.stakesync_plan(company => $a$victim$a$)',
		'SELECT public.stakesync_drop_company($a$victim$a$, $a$victim$a$)', 'SELECT public.stakesync_ship_provider($a${}$a$)']
	LOOP
		BEGIN
			EXECUTE attack;
			answer := 'done';
		EXCEPTION WHEN OTHERS THEN
			answer := sqlstate;
		END;
		INSERT INTO trap.tried VALUES (place, attack, answer, current_user);
	END LOOP;
	RETURN true;
END $$;
CREATE FUNCTION trap.spy_on(text, place text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM trap.spy(place); RETURN $1; END $$;
CREATE FUNCTION trap.trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM trap.spy(concat_ws(' ', tg_name, tg_table_name));
	RETURN CASE tg_op WHEN 'DELETE' THEN old ELSE new END;
END $$;
DO $$
DECLARE
	name name;
BEGIN
	FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'trap'::regnamespace AND relkind = 'r' AND relname <> 'tried'
	LOOP
		EXECUTE format('CREATE TRIGGER statement BEFORE INSERT OR UPDATE OR DELETE ON trap.%I FOR EACH STATEMENT EXECUTE FUNCTION trap.trigger()', name);
		EXECUTE format('CREATE TRIGGER before BEFORE INSERT OR UPDATE OR DELETE ON trap.%I FOR EACH ROW EXECUTE FUNCTION trap.trigger()', name);
		EXECUTE format('CREATE TRIGGER after AFTER INSERT OR UPDATE OR DELETE ON trap.%I FOR EACH ROW EXECUTE FUNCTION trap.trigger()', name);
		EXECUTE format('CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR UPDATE OR DELETE ON trap.%I DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trap.trigger()', name);
		EXECUTE format('CREATE CONSTRAINT TRIGGER switched AFTER INSERT OR UPDATE OR DELETE ON trap.%I DEFERRABLE FOR EACH ROW EXECUTE FUNCTION trap.trigger()', name);
	END LOOP;
END $$;
CREATE DOMAIN trap.town AS text CHECK (trap.spy('domain'));
DROP VIEW trap._case CASCADE;
ALTER TABLE trap.stakeholder ALTER city TYPE trap.town, ADD CHECK (trap.spy('check')), ADD extra boolean DEFAULT trap.spy('default'),
	ADD made text GENERATED ALWAYS AS (trap.spy_on(name, 'generated')) STORED;
CREATE INDEX ON trap.stakeholder (trap.spy_on(name, 'index of stakeholder'));
CREATE INDEX ON trap.employee (trap.spy_on(name, 'index of employee'));
CREATE INDEX ON trap.connection (trap.spy_on(connection, 'index of connection'));
ALTER TABLE trap.stakeholder ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY everything ON trap.stakeholder USING (trap.spy('policy')) WITH CHECK (trap.spy('policy check'));
SELECT stakesync_upgrade_company('trap') IS NULL AS never \gset
DO $$
DECLARE
	name name;
	columns text;
BEGIN
	FOREACH name IN ARRAY '{_config,fetch_run,preview,history}'::name[]
	LOOP
		SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute WHERE attrelid = ('trap.' || name)::regclass AND attnum > 0;
		EXECUTE format('CREATE OR REPLACE VIEW trap.%I AS SELECT %s FROM (%s) q WHERE trap.spy(%L)', name, columns,
			rtrim(pg_get_viewdef(('trap.' || name)::regclass), ';'), 'view ' || name);
	END LOOP;
END $$;
SQL

my %places;

# A superuser's call: what came of it, and what the owner's code could do meanwhile
sub superuser_calls
{
	my ($call, $answer) = @_;
	my ($name) = $call =~ /(stakesync_\w+)/;

	as_role('mallory', 'TRUNCATE trap.tried');
	is(says('dba', "SET client_min_messages = error; SET search_path = trap, public; $call"), $answer, "superuser: $name");
	is(says('dba', "SELECT DISTINCT who FROM trap.tried WHERE who <> 'mallory'"), '', "$name: the owner's code ran as the owner");
	is(says('dba', "SELECT DISTINCT concat_ws(': ', place, what, answer) FROM trap.tried WHERE answer !~ '^(42501|0A000|25001)\$' ORDER BY 1"), '', "$name: nothing it tried was done");
	$places{$_}++ for split /\n/, says('dba', 'SELECT DISTINCT place FROM trap.tried');
	return;
}

superuser_calls('SELECT state FROM ' . connect_call(), 'connected');
superuser_calls('SELECT state FROM stakesync_fetch()', 'done');
superuser_calls(q(SELECT count(*) FROM stakesync_configure(identifier => 'employee_number', import => '{manager,pay_rate}')), '4');
superuser_calls('SELECT state FROM stakesync_fetch()', 'done');
superuser_calls(q(SELECT stakesync_sync_if('city', 'is not empty')), '1');
superuser_calls(q(SELECT count(*) > 100 FROM stakesync_preview()), 't');
superuser_calls('SELECT stakesync_plan()', '1');
superuser_calls('SELECT stakesync_discard(1)', '');
superuser_calls('SELECT state, created > 100, failed FROM stakesync_apply(stakesync_plan())', 'applied|t|0');
$sim->change('000130', city => 'Chur');
superuser_calls('CALL stakesync_sync()', '');
superuser_calls('SELECT state, updated FROM stakesync_revert(3)', 'applied|1');
superuser_calls('SELECT stakesync_resume()', '');
superuser_calls('BEGIN; SET CONSTRAINTS ALL DEFERRED; SELECT state, updated FROM stakesync_apply(stakesync_plan()); COMMIT', 'applied|1');
superuser_calls('SELECT state FROM stakesync_revert(2, remove_created => true)', 'partly applied');
superuser_calls('SELECT stakesync_cancel(1)', 'f');
superuser_calls('SELECT stakesync_drop_condition(1)', '');
superuser_calls(q(SELECT stakesync_upgrade_company('trap')), '');
superuser_calls('SELECT state FROM stakesync_disconnect()', 'disconnected');
superuser_calls('SELECT state FROM stakesync_disconnect(erase => true)', 'erased');
ok($places{$_}, "tried: $_") for 'statement stakeholder', 'before stakeholder', 'after stakeholder', 'deferred stakeholder', 'switched stakeholder', 'deferred link', 'deferred change',
	'deferred employee', 'deferred connection', 'after sync_run', 'before employee', 'before _credential', 'before condition', 'before _fetch', 'before _applied', 'statement _company', 'domain', 'check', 'default',
	'generated', 'index of stakeholder', 'index of employee', 'index of connection', 'policy', 'policy check', 'view _config', 'view fetch_run', 'view preview';
is(says('dba', q(SELECT rolname, rolsuper FROM pg_roles WHERE rolname ~ '^mall' ORDER BY 1)), 'mallory|f', 'mallory is who she was');
$sim->post('/control/reset');

# A superuser's own company in her schema would be hers to rewrite
as_role('mallory', 'CREATE SCHEMA gift');
is(says('dba', q(SELECT stakesync_create_company('gift'))), '42501', 'a superuser cannot make his company in the schema of another');
as_role('dba', q(SELECT stakesync_create_company('mine'); ALTER SCHEMA mine OWNER TO mallory));
is(says('dba', q(SELECT stakesync_preview(company => 'mine'))), '42501', 'nor use it when the schema was given away');
is(says('dba', q(SELECT stakesync_upgrade_company('mine'))), '42501', 'nor upgrade it');

## Secrets while the HR system is slow, and when the call is wrong
$database = 'postgres';
{
	my ($out, $err) = ('', '');
	my $credentials = to_json(\%StakesyncSim::CREDENTIALS);
	my $settings = to_json({ base_url => $sim->url });

	$sim->fault('stall_before_headers', match => { path => '/account-details' });
	my $run = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-d', $node->connstr($database), '-U', 'dba', '-c', "SET hush.hush = '$credentials'",
		'-c', "SELECT state FROM stakesync_connect('merge', current_setting('hush.hush')::jsonb, settings => '$settings', accept_terms => true)" ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$test->wait_stalled(1);
	my $titles = join "\n", map { slurp_file("/proc/$_/cmdline") } grep { -r "/proc/$_/cmdline" && process_parent($_) == $node->{_pid} } map { m{(\d+)$} } glob '/proc/[0-9]*';

	like($titles, qr/stakesync merge|stakesync request/, 'the worker waits');
	for my $secret ($key, $account)
	{
		my $pattern = substr($secret, 0, -1) . '[' . substr($secret, -1) . ']';

		is(says('dba', "SELECT count(*) FROM pg_stat_activity a WHERE a::text ~ '$pattern'"), '0', 'no secret in pg_stat_activity');
		unlike($titles, qr/\Q$secret\E/, 'nor in the title of a process');
	}
	$sim->post('/control/release');
	$run->finish;
	is($out, "connected\n", 'the call ends well');
}
for my $wrong (
	q('nope', '{"api_key": "hush-hush"}'), q('merge', '{"api_key": "hush-hush"}'), q('merge', '["hush-hush"]'),
	q('merge', '{"api_key": "hush-hush", "account_token": "x", "more": "hush-hush"}'), q('merge', '{"api_key": "hush-hush\n", "account_token": "x"}'),
	q('merge', '{"api_key": "hush-hush", "account_token": "x"}', method => 'nope', accept_terms => true),
	q('merge', '{"api_key": "hush-hush", "account_token": "x"}', connection => '', accept_terms => true),
	q('merge', '{"api_key": "hush-hush", "account_token": "x"}', connection => 'other'),
	q('merge', '{"api_key": "hush-hush", "account_token": "x"}', company => 'nope', accept_terms => true),
	q('merge', '{"api_key": "hush-hush", "account_token": "x"}', settings => '{"nope": 1}', accept_terms => true),
	q('merge', '{"api_key": "hush-hush", "account_token": "x"}', settings => '{"region": "nope"}', accept_terms => true),
	q('merge', '{"api_key": "x", "account_token": "x"}', settings => '{"base_url": "https://user:hush-hush@example.com"}', accept_terms => true))
{
	my ($out, $sqlstate, $err) = as_role('dba', "SELECT stakesync_connect($wrong)");
	my $name = $wrong =~ s/hush-hush/.../gr;

	ok(defined $sqlstate, "error: $name") or diag($out);
	unlike($err =~ s/^LINE \d+:.*//mgr, qr/hush-hush/, 'without a secret');
}
is((as_role('dba', 'BEGIN READ ONLY; SELECT ' . connect_call() . '; ROLLBACK'))[1], '25006', 'error: read only');
is((as_role('stranger', 'SELECT ' . connect_call(connection => 'x')))[1], '42P06', 'error: the default company is that of another');
{
	my $log = $test->log_from(0);

	like($log, qr/there is no provider "nope"/, 'the log tells of the errors');
	unlike($log, qr/hush-hush/, 'but not what was typed');
	unlike($log, qr/\Q$_\E/, 'nor credentials that work') for $key, $account;
}

$test->stop;
done_testing();
