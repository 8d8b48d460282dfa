# Moving a company: dump and restore, and the extension dropped from under it
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StakesyncTest;
use Test::More;

my $RESTORES = $ENV{STAKESYNC_TEST_ALL} ? 20 : 2;
my $SECOND = q(O'Brien & Co);

# One query over all rows costs enough to be compiled, and is read once
my $test = StakesyncTest->start('dump', database => 'hr', connect => 0, conf => "jit = off\n");
my $node = $test->node;
my $sim = $test->sim;
my $directory = PostgreSQL::Test::Utils::tempdir;

sub in_database
{
	my ($database, $sql) = @_;
	utf8::encode($sql) if utf8::is_utf8($sql);
	return $node->safe_psql($database, $sql);
}

# An empty database
sub fresh
{
	my ($database) = @_;
	$node->safe_psql('postgres', "DROP DATABASE IF EXISTS $database");
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	return;
}

# Rows of every table and of the views whose name matches, as a checksum each; where sequences stand
sub content
{
	my ($database, $schemas, $views) = @_;
	my @relations = split /\n/, in_database($database, <<~SQL);
		SELECT c.oid::regclass || CASE c.relkind WHEN 'S' THEN ' S' ELSE '' END FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e') AND n.nspname ~ '^($schemas)\$' AND (c.relkind IN ('r', 'S') OR c.relkind = 'v' AND c.relname ~ '^($views)\$')
		ORDER BY 1
		SQL
	return in_database($database, join ' UNION ALL ', map {
		my ($name, $sequence) = /^(.*?)( S)?$/;
		my $rows = $sequence ? "(SELECT last_value, is_called FROM $name)" : $name;
		(my $literal = $name) =~ s/'/''/g;
		"SELECT '$literal ' || count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")), '') FROM $rows t"
	} @relations);
}

# Columns, constraints, indexes, triggers, policies, comments, owners, privileges and views
sub structure
{
	my ($database, $schemas, $kinds) = (@_, 'rv');
	my $definitions = in_database($database, <<~SQL);
		WITH relation AS (
			SELECT c.*, c.oid::regclass AS id FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname ~ '^($schemas)\$' AND c.relkind ~ '[$kinds]'
				AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
		)
		SELECT concat_ws(' ', id, relkind, relowner::regrole, coalesce(relacl, acldefault('r', relowner)), relrowsecurity, obj_description(oid, 'pg_class')) FROM relation
		UNION ALL SELECT concat_ws(' ', id, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid),
			attacl, col_description(attrelid, attnum))
		FROM relation JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
		UNION ALL SELECT concat_ws(' ', id, conname, pg_get_constraintdef(k.oid)) FROM relation JOIN pg_constraint k ON conrelid = relation.oid WHERE contype <> 't'
		UNION ALL SELECT pg_get_indexdef(indexrelid) FROM relation JOIN pg_index ON indrelid = oid
		UNION ALL SELECT concat(pg_get_triggerdef(t.oid), ' ', tgenabled) FROM relation JOIN pg_trigger t ON tgrelid = relation.oid WHERE NOT tgisinternal
		UNION ALL SELECT concat_ws(' ', id, polname, polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid)) FROM relation JOIN pg_policy ON polrelid = relation.oid
		UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname ~ '^($schemas)\$'
			AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
		UNION ALL SELECT concat_ws(' ', id, pg_get_viewdef(oid)) FROM relation WHERE relkind = 'v'
		UNION ALL SELECT concat_ws(' ', nspname, nspowner::regrole, coalesce(nspacl, acldefault('n', nspowner))) FROM pg_namespace WHERE nspname ~ '^($schemas)\$'
		ORDER BY 1
		SQL

	# Views that were restored once show a name more where a UNION gives none
	$definitions =~ s/ AS text\b//g;
	return $definitions;
}

my @EVERYTHING = ("public|stakesync|$SECOND" =~ s/'/''/gr, '.*');

# Compare many lines, and show only those that differ
sub same
{
	my ($got, $wanted, $name) = @_;
	my %got = map { $_ => 1 } split /\n/, $got;
	my %wanted = map { $_ => 1 } split /\n/, $wanted;

	return if ok($got eq $wanted, $name);
	diag(join "\n", (map { "- $_" } grep { !$got{$_} } sort keys %wanted), (map { "+ $_" } grep { !$wanted{$_} } sort keys %got));
	return;
}

# What a dump has to carry
sub same_as_source
{
	my ($database, $name, %source) = @_;
	same(structure($database, $EVERYTHING[0]), $source{structure}, "$name: columns, constraints, indexes, triggers, policies, comments, privileges");
	same(content($database, @EVERYTHING), $source{content}, "$name: rows of tables and views, sequences");
	return;
}

# The register's next number is one that nobody had
sub fresh_id
{
	my ($database, $name) = @_;
	my ($id, $most) = split /\|/, in_database($database, <<~'SQL');
		INSERT INTO stakesync.stakeholder (identifier, name, email) VALUES (' Neu-1 ', 'Zoë  Neu', 'ZOË@neu.example')
		RETURNING stakeholder_id, (SELECT max(stakeholder_id) FROM stakesync.stakeholder)
		SQL
	cmp_ok($id, '>', $most, "$name: the next insert gets a fresh stakeholder_id");
	is(in_database($database, "SELECT identifier, identifier_key, email_key = 'zoë\@neu.example', name_key = 'neu zoë' FROM stakesync.stakeholder WHERE stakeholder_id = $id"),
		'Neu-1|neu-1|t|t', "$name: its keys are kept");
	is(in_database($database, "SELECT action, after ->> 'identifier', state, sync_id FROM stakesync.change WHERE stakeholder_id = $id"),
		'create|Neu-1|applied|', "$name: it is recorded");
	return;
}

## A company that is at work: synced, changed at the source, edited by hand, extended by its user
my $connect = StakesyncTest::connect_call('merge', \%StakesyncSim::CREDENTIALS, { base_url => $sim->url, requests_per_minute => 100000 });

$test->sql("SELECT $connect; CREATE ROLE auditor");
$test->sql(q(SELECT stakesync_configure(identifier => 'employee_number', email => 'work_email', import => '{manager,mobile_phone,pay_rate}')));
$test->sql('SELECT stakesync_fetch()');
$test->sql(q(SELECT stakesync_sync_if('employment_status', '=', '{ACTIVE,PENDING,LEAVE}')));
is($test->sql('SELECT state, created > 450 FROM stakesync_apply(stakesync_plan())'), 'applied|t', 'a register of 600 people without the leavers');
$test->sql(<<'SQL');
ALTER TABLE stakesync.stakeholder ADD COLUMN shares integer CHECK (shares > 0), ADD COLUMN votes integer GENERATED ALWAYS AS (shares * 2) STORED;
COMMENT ON COLUMN stakesync.stakeholder.shares IS 'Shares';
UPDATE stakesync.stakeholder SET shares = stakeholder_id;
UPDATE stakesync.stakeholder SET city = 'Bern' WHERE stakeholder_id = 7;
ALTER TABLE stakesync.stakeholder ADD CONSTRAINT no_atlantis CHECK (city <> 'Atlantis');
CREATE INDEX stakeholder_shares ON stakesync.stakeholder (shares) WHERE shares > 100;
CREATE TABLE public.audit (id bigint GENERATED ALWAYS AS IDENTITY, stakeholder_id bigint REFERENCES stakesync.stakeholder DEFERRABLE INITIALLY DEFERRED, what text);
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.audit (stakeholder_id, what) VALUES (new.stakeholder_id, tg_op);
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON stakesync.stakeholder FOR EACH ROW EXECUTE FUNCTION public.note();
CREATE VIEW public.large AS SELECT stakeholder_id, name, shares, votes FROM stakesync.stakeholder WHERE shares > 100;
CREATE VIEW public.todo AS SELECT identifier, action, changes FROM stakesync.preview;
ALTER TABLE stakesync.stakeholder ENABLE ROW LEVEL SECURITY;
CREATE POLICY swiss ON stakesync.stakeholder FOR SELECT TO auditor USING (country = 'CH');
GRANT USAGE ON SCHEMA stakesync TO auditor;
GRANT SELECT ON stakesync.stakeholder, stakesync.preview TO auditor;
SQL
$test->sql("SELECT stakesync_create_company('O''Brien & Co', 'Europe/Berlin')");
$test->sql("SELECT $connect" =~ s/\)$/, company => 'O''Brien & Co')/r);
$test->sql(q(INSERT INTO "O'Brien & Co".stakeholder (identifier, name) VALUES ('1', 'Elsewhere')));
$sim->hire(first_name => 'Zoë', last_name => 'Bänziger', count => 3);
$sim->change('000130', city => 'Chur');
is($test->sql(q(SELECT state FROM stakesync_fetch(company => 'stakesync'))), 'done', 'the source has moved on');

my %source = (structure => structure('hr', $EVERYTHING[0]), content => content('hr', @EVERYTHING));
my $preview = 'SELECT remote_id, stakeholder_id, action, match, changes, problems, reason FROM stakesync.preview ORDER BY remote_id';
my $todo = "SELECT action, count(*) FROM public.todo WHERE action IN ('create', 'update') GROUP BY action ORDER BY action";

like($source{content}, qr/^stakesync\.preview 60[0-9] [0-9a-f]{32}$/m, 'the preview is among what is compared');
like($source{structure}, qr/CREATE TRIGGER note .*stakesync\.stakeholder/, 'so is the trigger of the user');
is($test->sql($todo), "create|3\nupdate|1", 'there is something to sync');

## A plain dump
$node->command_ok([ 'pg_dump', '-d', $node->connstr('hr'), '-f', "$directory/plain.sql" ], 'pg_dump');
fresh('plain');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('plain'), '-f', "$directory/plain.sql" ], 'psql reads it');
same_as_source('plain', 'plain dump', %source);
unlike(slurp_file("$directory/plain.sql"), qr/$_/, 'no secret in the dump') for values %StakesyncSim::CREDENTIALS;
is(in_database('plain', $preview), $test->sql($preview), 'plain dump: the preview is the same');
fresh_id('plain', 'plain dump');

## The restored company goes on
is($node->psql('plain', "CALL stakesync_sync(company => 'stakesync')"), 0, 'stakesync_sync works after the restore');
is(in_database('plain', 'SELECT kind, state, created, updated, failed FROM stakesync.sync_run ORDER BY sync_id DESC LIMIT 1'),
	'sync|applied|3|1|0', 'and does what the preview said');
is(in_database('plain', $todo), '', 'then there is nothing left to do');
is(in_database('plain', "SELECT city, shares FROM stakesync.stakeholder WHERE identifier = '000130'"), 'Chur|' .
	$test->sql("SELECT shares FROM stakesync.stakeholder WHERE identifier = '000130'"), 'the column of the user keeps its value');
is(in_database('plain', "SELECT state, updated FROM stakesync_revert((SELECT max(sync_id) FROM stakesync.sync_run), company => 'stakesync')"),
	'applied|1', 'what was restored can be reverted');
is($test->sql($todo), "create|3\nupdate|1", 'the source of the dump is as it was');

## In parallel, over and over
$node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('hr'), '-f', "$directory/custom" ], 'pg_dump -Fc');
for my $round (1 .. $RESTORES)
{
	fresh('parallel');
	$node->command_ok([ 'pg_restore', '-j4', '-e', '-d', $node->connstr('parallel'), "$directory/custom" ], "pg_restore -j4, round $round");
	same_as_source('parallel', "round $round", %source);
	fresh_id('parallel', "round $round");
}

## Structure first, then the data alone
fresh('halves');
$node->command_ok([ 'pg_restore', '-s', '-e', '-d', $node->connstr('halves'), "$directory/custom" ], 'structure alone');
$node->command_ok([ 'pg_restore', '-a', '--disable-triggers', '-e', '-d', $node->connstr('halves'), "$directory/custom" ], 'then data alone');
same(content('halves', @EVERYTHING), $source{content}, 'the same rows, with tables that nobody has analyzed');

## One company
fresh('one');
in_database('one', 'CREATE EXTENSION stakesync');
$node->command_ok([ 'pg_dump', '-n', qq("$SECOND"), '-d', $node->connstr('hr'), '-f', "$directory/one.sql" ], 'pg_dump -n');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('one'), '-f', "$directory/one.sql" ], 'psql reads it');
{
	my $quoted = $SECOND =~ s/'/''/gr;
	same(content('one', $quoted, '.*'), content('hr', $quoted, '.*'), 'one company: the same rows');
	same(structure('one', $quoted), structure('hr', $quoted), 'one company: the same structure');
}
is(in_database('one', 'SELECT company FROM stakesync_company'), $SECOND, 'it is the only company there');
is(in_database('one', 'SELECT state, records FROM stakesync_fetch()'), 'done|603', 'its connection works there');

## The key file: sealed credentials open with their key only
{
	my $key = $node->data_dir . '/stakesync.key';
	my $fetch = "SELECT state, sqlstate, message FROM stakesync_fetch()";

	rename $key, "$key.away" or die "could not rename: $!";
	is(in_database('one', $fetch), 'failed|F0000|the key file does not exist', 'without the key file');
	append_to_file($key, "# another one\n" . ('0123456789abcdef' x 4) . "\n");
	chmod 0600, $key;
	is(in_database('one', $fetch), 'failed|28000|the key of the stored credentials is not in the key file', 'with the key of another cluster');
	append_to_file($key, slurp_file("$key.away"));
	is(in_database('one', $fetch), 'done||' . in_database('one', 'SELECT message FROM "O\'Brien & Co".fetch_run ORDER BY fetch_id DESC LIMIT 1'),
		'with both keys in the file');
	rename "$key.away", $key or die "could not rename: $!";
}

## DROP EXTENSION says what hangs on it
my @HANGING = (
	(map { my $company = $_; (
		(map { "trigger zzz_stakesync_$_ on table $company.stakeholder" } qw(keys insert update delete)),
		(map { "trigger stakesync_guard on table $company.$_" } qw(_fetch sync_run change sensitive_exception)),
		(map { "view $company.$_" } qw(_case preview preview_change _guard preview_summary field)),
	) } 'stakesync', qq("$SECOND")),
	'view todo');
my ($status, $out, $err) = $test->psql('DROP EXTENSION stakesync');
like($err, qr/cannot drop extension stakesync because other objects depend on it/, 'DROP EXTENSION is refused');
is(join("\n", sort $err =~ /^(?:DETAIL:  )?(\S+ .*?) depends on (?:function|view) /mg), join("\n", sort @HANGING), 'with the list of what depends on it');
same(content('hr', @EVERYTHING), $source{content}, 'nothing was changed');

## CASCADE leaves tables, columns, constraints, indexes, and the view, trigger and policy of the user
my $views = "SELECT c.oid::regclass::text COLLATE \"C\" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind = 'v' AND nspname ~ '^($EVERYTHING[0])\$' ORDER BY 1";
my $ours = qr/^CREATE TRIGGER (?:zzz_stakesync|stakesync_guard)_?\w* .*\n/m;
my %tables = (structure => structure('hr', $EVERYTHING[0], 'r') =~ s/$ours//gr, content => content('hr', $EVERYTHING[0], ''));
my $preview_before = $test->sql($preview);

like($tables{structure}, qr/^CREATE TRIGGER note /m, 'the trigger of the user is among what is compared');
$test->sql('DROP EXTENSION stakesync CASCADE');
same(structure('hr', $EVERYTHING[0], 'r'), $tables{structure}, 'CASCADE: every table, column, constraint, index, policy and trigger of the user stays');
same(content('hr', $EVERYTHING[0], ''), $tables{content}, 'CASCADE: every row and sequence stays');
is($test->sql($views), join("\n", sort 'large', map { ("$_._config", "$_.fetch_run", "$_.history") } qq("$SECOND"), 'stakesync'), 'CASCADE: so do the views that need no function');
is($test->sql('SELECT count(*) = (SELECT count(*) FROM stakesync.stakeholder WHERE shares > 100) FROM large'), 't', 'CASCADE: and those of the user on the register');

# Life goes on without the extension, but nobody keeps keys and records
$test->sql(<<'SQL');
INSERT INTO stakesync.stakeholder (identifier, name) VALUES (' Late-1', 'Ann Late');
UPDATE stakesync.stakeholder SET identifier = 'Hand-7' WHERE stakeholder_id = 7;
UPDATE stakesync.stakeholder SET name = 'Reto  D''Amicone' WHERE identifier = '000130';
SQL
is($test->sql(q(SELECT count(*) FROM stakesync.change WHERE before ->> 'identifier' = 'Hand-7' OR after ->> 'identifier' ~ 'Late|Hand')), '0', 'nothing is recorded meanwhile');

## CREATE EXTENSION and stakesync_upgrade_company bring all back
$test->sql('CREATE EXTENSION stakesync');
$test->sql('SELECT stakesync_upgrade_company()');
{
	# The view of the user on the preview went with it, and so did the grant on the preview
	$test->sql('CREATE VIEW public.todo AS SELECT identifier, action, changes FROM stakesync.preview; GRANT SELECT ON stakesync.preview TO auditor');
	same(structure('hr', $EVERYTHING[0]), $source{structure}, 'after upgrading: all views and triggers are back');
}
is($test->sql("SELECT identifier, identifier_key, name_key FROM stakesync.stakeholder WHERE stakeholder_id = 7 OR identifier ~ 'Late|130' ORDER BY 2"),
	"000130|000130|d'amicone reto\nHand-7|hand-7|" . $test->sql('SELECT name_key FROM stakesync.stakeholder WHERE stakeholder_id = 7') . "\nLate-1|late-1|ann late",
	'the keys are made up for');
fresh_id('hr', 'after upgrading');
$test->sql(q(DELETE FROM public.audit; DELETE FROM stakesync.stakeholder WHERE identifier ~ '^(Late|Neu)'));
is($test->sql(q(SELECT action, before ->> 'identifier' FROM stakesync.change ORDER BY change_id DESC LIMIT 2)), "delete|Neu-1\ndelete|Late-1", 'hand edits are recorded again');
$test->sql(<<'SQL');
UPDATE stakesync.stakeholder s SET identifier = c.after ->> 'identifier', name = c.after ->> 'name' FROM stakesync.change c
WHERE c.stakeholder_id = s.stakeholder_id AND c.action = 'create' AND (s.stakeholder_id = 7 OR s.identifier = '000130')
SQL
is($test->sql($preview), $preview_before, 'the preview says what it said before');
($status, $out, $err) = $test->psql("UPDATE stakesync.change SET reason = ''");
like($err, qr/change is written by stakesync only/, 'the records are guarded again');
is($test->sql("CALL stakesync_sync(company => 'stakesync'); SELECT created, updated, failed FROM stakesync.sync_run ORDER BY sync_id DESC LIMIT 1"), '3|1|0', 'and a sync does its work');
is($test->sql($todo), '', 'then there is nothing left to do');

$test->stop;
done_testing();
