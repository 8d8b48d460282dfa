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
is(says('dba', <<'SQL'), "stakesync_company SELECT\nstakesync_provider SELECT", 'of the extension the providers and the companies may be read');
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
as_role('hr_admin', "GRANT SELECT ON stakesync.$_ TO hr_reader") for qw(preview preview_change preview_summary fetch_run history);
is(says('hr_reader', 'SELECT company, owner FROM ext.stakesync_company'), 'stakesync|hr_owner', 'reader: sees the company');
cmp_ok(says('hr_reader', "SELECT count(*) FROM stakesync.$_"), '>', 0, "reader: $_") for qw(preview preview_change preview_summary fetch_run history);
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
	[ 'INSERT', 'connection', 'SELECT state FROM ' . $connect, 'connected' ],
	[ 'DELETE', 'connection', q(SELECT ext.stakesync_disconnect('nobody')), '42704' ],
	[ 'INSERT', 'condition', q(SELECT ext.stakesync_sync_if('employment_status', '=', '{LEAVE,PENDING,ACTIVE}') > 0), 't' ],
	[ 'DELETE', 'condition', 'SELECT ext.stakesync_drop_condition(99)', '42704' ],
	[ 'INSERT', 'sync_run', 'SELECT ext.stakesync_plan() > 0', 't' ],
	[ 'UPDATE', 'sync_run', 'SELECT state FROM ext.stakesync_apply((SELECT max(sync_id) FROM stakesync.sync_run))', 'applied', 'GRANT SELECT ON stakesync.sync_run TO hr_clerk' ],
	[ 'UPDATE', 'sync_run', 'SELECT ext.stakesync_discard(99)', '42704' ],
	[ 'UPDATE', 'sync_run', 'SELECT ext.stakesync_revert(99)', '42704' ],
	[ 'INSERT', 'sync_run', 'CALL ext.stakesync_sync()', '' ])
{
	my ($privilege, $relation, $call, $answer, $also) = @$_;
	my $short = $call =~ /(stakesync_\w+)/ ? $1 : $call;

	as_role('hr_admin', $also) if $also;
	is(says('hr_clerk', $call), '42501', "$short without $privilege on $relation");
	as_role('hr_admin', "GRANT $privilege ON stakesync.$relation TO hr_clerk");
	is(says('hr_clerk', $call), $answer, "$short with it");
	as_role('hr_admin', "REVOKE ALL ON stakesync.$relation FROM hr_clerk");
}
is(says('dba', q(SELECT count(*) FROM stakesync.sync_run WHERE 'hr_clerk' IN (planned_by, applied_by))), '2', 'what the clerk did is written down');

## Nobody writes by hand to what only stakesync writes
for my $role (qw(hr_admin dba))
{
	for my $table (qw(change sync_run _fetch))
	{
		is(says($role, $_), '42501', "$role: $_") for "INSERT INTO stakesync.$table SELECT * FROM stakesync.$table WHERE false",
			"DELETE FROM stakesync.$table", "TRUNCATE stakesync.$table",
			"UPDATE stakesync.$table SET state = state WHERE false";
	}
	is(says($role, 'UPDATE stakesync.fetch_run SET state = state'), '55000', "$role: the view fetch_run neither");
	is(says($role, <<'SQL'), '42501', "$role: not after a call in the same transaction either");
BEGIN;
SELECT ext.stakesync_plan() > 0;
SAVEPOINT a;
SELECT ext.stakesync_apply(0);
ROLLBACK TO a;
UPDATE stakesync.sync_run SET state = 'applied';
SQL
}

## Odd settings and shadows in the session change nothing
$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS odd');
fresh_database('odd');
as_role('dba', 'CREATE EXTENSION stakesync; CREATE SCHEMA evil');
{
	# Whatever runs one of these fails
	my $trap = q($$ BEGIN RAISE EXCEPTION 'a shadow ran' USING ERRCODE = 'SHADO'; END $$);
	my @operators = map { ("=|$_|$_|boolean", "<>|$_|$_|boolean", ">|$_|$_|boolean", "||/|$_|$_|text" =~ s{/}{}r) } qw(text name bigint integer boolean);
	my @functions = ('now()', 'clock_timestamp()', 'count(text)', 'coalesce2(text)', 'format(text, text)', 'md5(text)', 'concat_ws(text, text)', 'jsonb_object_keys(jsonb)',
		'to_jsonb(text)', 'quote_ident(text)', 'jsonb_strip_nulls(jsonb)', 'jsonb_populate_record(anyelement, jsonb)', 'stakesync_canonical(text)', 'stakesync_decide(jsonb)',
		'pg_notify(text, text)', 'current_setting(text)', 'nextval(regclass)', 'unnest(text[])');

	for (@functions)
	{
		my $type = /anyelement/ ? 'anyelement' : 'text';
		is(says('dba', "CREATE FUNCTION evil.$_ RETURNS $type LANGUAGE plpgsql AS $trap"), '', "a shadow of $_");
	}
	for (@operators)
	{
		my ($name, $left, $right, $result) = split /\|(?!\|)(?<!\|\|)/, $_, 4;
		($name, $left, $right, $result) = ('||', (split /\|/, substr $_, 3)) if /^\|\|/;
		as_role('dba', "CREATE FUNCTION evil.trap_operator($left, $right, " . ('int DEFAULT 0') . ") RETURNS $result LANGUAGE plpgsql AS $trap");
		as_role('dba', "CREATE FUNCTION evil.trap($left, $right) RETURNS $result LANGUAGE plpgsql AS $trap");
		is(says('dba', "CREATE OPERATOR evil.$name (LEFTARG = $left, RIGHTARG = $right, FUNCTION = evil.trap)"), '', "a shadow of $name for $left");
		as_role('dba', "ALTER FUNCTION evil.trap($left, $right) RENAME TO " . "trap_$left" . int(rand 1e9));
	}
}
