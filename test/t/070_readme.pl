# README.md typed into psql, from its first statement to its last, against the
# simulator; doc/reference.md held against the catalog and the sources

use strict;
use warnings;

use File::Basename;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StakesyncTest;
use Test::More;

my $timeout = $PostgreSQL::Test::Utils::timeout_default;
my $has_cron = -e directory('pkglibdir') . '/pg_cron.so';
my $cron = $has_cron ? "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'\n" : '';

# Where PostgreSQL has something
sub directory
{
	my ($what) = @_;
	my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
	return `$pg_config --$what` =~ s/\n//r;
}

my $test = StakesyncTest->start('readme', connect => 0, conf => $cron);
my $sim = $test->sim;
my $expect = $sim->expect;

# Figures that README's session must come to
my $scope = $expect->{people} - $expect->{leavers};
my $invalid = $expect->{without_employee_number};
my $synced = $scope - $invalid;

# The sql blocks of a text: heading and statements
sub read_blocks
{
	my ($text) = @_;
	my $heading = '';
	my ($block, @blocks);

	foreach my $line (split /\n/, $text)
	{
		if (defined $block && $line eq '```')
		{
			push @blocks, { heading => $heading, text => $block };
			undef $block;
		}
		elsif (defined $block)      { $block .= "$line\n" }
		elsif ($line =~ /^#+ (.*)/) { $heading = $1 }
		elsif ($line eq '```sql')   { $block = '' }
	}
	die "the last block of $heading does not end" if defined $block;
	return @blocks;
}

# One psql session for all, as a reader has it
my ($to, $out, $err, $marks) = ('', '', '', 0);
my $psql;

sub open_psql
{
	my @command = ($test->node->installed_command('psql'), '-XAt', '-d', $test->node->connstr('postgres'));

	$psql = IPC::Run::start(\@command, '<', \$to, '>', \$out, '2>', \$err, IPC::Run::timeout($timeout));
	return;
}

# Type something; what psql prints, and what it warns of
sub type
{
	my ($text) = @_;
	my $mark = 'typed ' . ++$marks;

	$to .= "$text\n\\echo $mark\n\\warn $mark\n";
	$psql->pump until $out =~ /^\Q$mark\E$/m && $err =~ /\b\Q$mark\E$/m;
	my @said = ($out, $err);
	($out, $err) = ('', '');
	s/^.*\Q$mark\E\n//m for @said;
	return @said;
}

# What a block must print, by a part of it; a third member must be warned of
my @figures = (
	[ 'stakesync_connect(\'merge\', jsonb_build_object', qr/^merge\|connected\|/, qr/made company "stakesync"/ ],
	[ 'FROM stakesync_fetch();', qr/\|done\|t\|/, qr/$expect->{people} people in \d+ pages; $expect->{leavers} of them have left/ ],
	[ 'SELECT * FROM stakesync_configure();', qr/^employee_number\|$expect->{people}\|$expect->{distinct_employee_numbers}\|/m ],
	[ 'email => \'work_email\'', qr/^employee_number\|.*\|t\|/m ],
	[ 'FROM stakesync_fetch();', qr/\|full\|done\|t\|/ ],
	[ '{ACTIVE,PENDING,LEAVE}', qr/^1$/, qr/in scope now: $scope of $expect->{people}/ ],
	[ 'preview_summary', qr/^create\|$synced\|f\|\nupdate\|0\|.*\ninvalid\|$invalid\|/s ],
	[ 'SELECT identifier, name, action, changes, problems', qr/^000001\|.*\|create\|/m ],
	[ 'conflicts FROM stakesync_apply', qr/^1\|applied\|$synced\|0\|0$/ ],
	[ 'ORDER BY identifier LIMIT 10', qr/^\d+\|000001\|/ ],
	[ 'credentials, guide FROM', qr/^merge\|Merge\|/m ],
	[ q(connect('workday')), qr/^workday is reached through Merge\. / ],
	[ 'SELECT next_step', qr/^Merge asks for api_key/ ],
	[ '"wrong"', qr/^failing\|the HR system does not accept the credentials .*Nothing was stored/ ],
	[ 'SELECT state FROM stakesync_connect', qr/^connected$/ ],
	[ 'last_complete_fetch FROM', qr/^merge\|merge\|connected\|employee_number\|20/ ],
	[ 'message FROM stakesync_fetch()', qr/^done\|full\|/ ],    # the account was connected again before
	[ 'message FROM stakesync_fetch(mode', qr/^done\|full\|t\|0\|0\|0\|/ ],
	[ 'wait => false', qr/^\d+\|(queued|running)$/ ],
	[ 'ORDER BY fetch_id DESC LIMIT 1', qr/^\d+\|running\|reading\|/ ],
	[ 'stakesync_cancel', qr/^\d+\|t$/ ],
	[ 'accept_fewer', qr/^done\|0\|0$/ ],
	[ 'stakesync_check', qr/^login\|t\|.*\nstream employees\|t\|/m ],
	[ 'stakesync_peek', qr/"remote_id": "[0-9a-f-]{36}"/ ],
	[ 'stakesync.data_gap', qr/\|not filled in\|/ ],
	[ 'manager,mobile_phone', qr/^employee_number\|t$/m ],
	[ 'SELECT state, mode, changed', qr/^done\|full\|[1-9]/ ],
	[ 'today+30', qr/^2$/, qr/in scope now: \d+ of/ ],
	[ 'Marketing,Sales', qr/^3$/, qr/in scope now: \d+ of/ ],
	[ 'stakesync.condition;', qr/^1\|employment_status\|=\|\{ACTIVE,PENDING,LEAVE\}$/m ],
	[ 'stakesync_drop_condition', qr/^$/, qr/in scope now/ ],
	[ 'BEGIN;', qr/^excluded\|[1-9]/m, qr/in scope now: \d+ of/ ],
	[ 'preview_change WHERE identifier = \'000123\';', qr/^(\w+\|.*\|(applies|problem|scheduled)\|.*\n?)*$/ ],
	[ 'AS code, count(*)', qr/^identifier\|missing_identifier\|$invalid$/m ],
	[ 'SELECT stakesync_plan();', qr/^2$/ ],
	[ 'before, after, state', qr/\|planned$/m ],
	[ 'stakesync_apply((SELECT', qr/^2\|applied\|0\|[1-9]\d*\|0\|0\|$/ ],
	[ '{000123,000124}', qr/^applied\|0$/ ],
	[ 'stakesync_discard', qr/^$/ ],
	[ 'CALL', qr/^CALL$/, qr/0 created, \d+ updated, 0 stale, 0 failed/ ],
	[ 'SET city = \'Bern\'', qr/^UPDATE 1$/ ],
	[ 'AND field = \'city\'', qr/^city\|Bern\|.*\|kept\|changed here$/ ],
	[ 'legal entity', qr/^INSERT 0 1$/ ],
	[ 'kind, state, created', qr/^1\|sync\|applied\|$synced\|0\|/ ],
	[ 'stakesync_revert(1);', qr/^\d+\|applied\|0\|$synced created by the sync stay\|/ ],
	[ 'remove_created', qr/^\d+\|(partly )?applied\|.*removed/ ],
	[ 'stakesync_resume', qr/^$/ ],
	[ 'state, created FROM stakesync_apply', qr/^\d+\|applied\|[1-9]/ ],
	[ 'stakesync_unschedule', $has_cron ? qr/^t$/ : undef ],
	[ 'WHERE employment_status = \'ACTIVE\' GROUP BY', qr/^\w.*\|[1-9]/ ],
	[ 's.name, m.name', qr/\|./ ],
	[ 'stakesync.history', undef ],
	[ 'stakesync_add_field', qr/^$/ ],
	[ 'stakesync_map', qr/^$/, qr/next fetch/ ],
	[ 'stakesync.field;', qr/^t_shirt_size\|custom\|merge: \$\.custom_fields\.shirt_size\|0\|[1-9]/m ],
	[ 'stakesync_unmap', qr/^$/ ],
	[ 'FROM stakesync_company', qr/^acme\|\w+\nstakesync\|\w+$/ ],
	[ 'stakesync_drop_company', qr/^$/ ],
	[ 'SELECT connection, state, next_step FROM stakesync_disconnect', qr/^merge\|disconnected\|The account at the provider was deleted/ ],
	[ 'erase', qr/^merge\|erased$/ ]);

my @blocks = read_blocks(slurp_file('README.md'));

# What happens around a block while the reader reads
sub before_block
{
	my ($text) = @_;

	$sim->fault('stall_before_headers', match => { path => '/employees' }) if $text =~ /wait => false/;
	return;
}

sub after_block
{
	my ($text) = @_;

	if ($text =~ /wait => false/)
	{
		$test->wait_stalled(1);
		$test->wait_for("SELECT phase = 'reading' FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1");
	}
	elsif ($text =~ /stakesync_cancel/)
	{
		$test->wait_for("SELECT state = 'cancelled' FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1");
		$test->wait_for("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'stakesync fetch')");
		$sim->delete('/control/fault');
		$sim->post('/control/release');
	}
	return;
}

# Errors that a block may end with
sub announced
{
	my ($text) = @_;

	return qr/ERROR:  scheduling needs pg_cron/ if !$has_cron && $text =~ /schedule\(/;
	return $text =~ /^-- (ERROR:.*)/m ? qr/\Q$1\E/ : undef;
}

# README begins where there is no extension yet
$test->sql('DROP EXTENSION stakesync');
$test->sql('CREATE EXTENSION pg_cron') if $has_cron;
@ENV{qw(MERGE_KEY MERGE_ACCOUNT)} = @StakesyncSim::CREDENTIALS{qw(api_key account_token)};
$ENV{MERGE_SETTINGS} = '{"base_url": "' . $sim->url . '"}';
open_psql();

foreach my $block (@blocks)
{
	my $text = $block->{text};
	my $name = "$block->{heading}: " . substr($text =~ s/\n.*//sr, 0, 60);
	my $announced = announced($text);

	before_block($text);
	my ($printed, $warned) = type($text);
	after_block($text);

	if ($announced) { like($warned, $announced, $name) }
	else            { unlike($warned, qr/ERROR|FATAL|invalid command|could not/, $name) or diag($warned) }

	next unless @figures && index($text, $figures[0][0]) >= 0;
	my (undef, $figure, $notice) = @{ shift @figures };
	like($printed, $figure, "$name: figures") if $figure;
	like($warned, $notice, "$name: notices") if $notice;
}
is_deeply([ map { $_->[0] } @figures ], [], 'README has every statement that figures are known of, in this order');
$psql->finish;

# Links lead somewhere
foreach my $file ('README.md', glob 'doc/*.md')
{
	my @dead;
	my $text = slurp_file($file);

	while ($text =~ /\]\(([^()\s]+)\)/g)
	{
		my ($path, $anchor) = split /#/, $1, 2;
		next if $path =~ m{^https?://};
		my $target = $path eq '' ? $file : dirname($file) . "/$path";
		my %anchors = map { lc(s/[^\w\s-]//gr =~ s/\s/-/gr) => 1 } -e $target ? slurp_file($target) =~ /^#+ (.*)$/mg : ();
		push @dead, "$path#" . ($anchor // '') if !-e $target || (defined $anchor && !$anchors{$anchor});
	}
	is_deeply(\@dead, [], "links of $file");
}

# What doc/reference.md says, and what there is
$test->sql('CREATE EXTENSION IF NOT EXISTS stakesync');
$test->sql("SELECT stakesync_create_company('example')");
my $reference = slurp_file('doc/reference.md');

sub section
{
	my ($heading) = @_;
	my ($text) = $reference =~ /^(?=## \Q$heading\E$)## [^\n]*\n(.*?)(?=^## |\z)/ms;
	die "reference.md has no $heading" unless defined $text;
	return $text;
}

# The words in the first column of a section's tables
sub first_column
{
	return map { /`([^`]+)`/g } section($_[0]) =~ /^\| (`[^|]*) \|/mg;
}

# Each once, in order
sub sorted
{
	my %seen = map { $_ => 1 } @_;
	return [ sort keys %seen ];
}

# What a query returns, line by line
sub words { return split /\n/, $test->sql($_[0]) }

my $members = "pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'stakesync'";
my $of_functions = "FROM $members JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass "
  . "WHERE coalesce(obj_description(p.oid, 'pg_proc'), '') NOT LIKE 'Private%'";
my @functions = words("SELECT p.proname $of_functions");
my @relations = words("SELECT c.relname FROM $members JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass");
my @types = words("SELECT t.typname FROM $members JOIN pg_type t ON t.oid = d.objid AND d.classid = 'pg_type'::regclass "
	  . "JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'");

is_deeply(sorted($reference =~ /\b(stakesync_\w+)/g), sorted(@functions, @relations, @types), 'functions, relations and types of the extension are named, and no others');
is_deeply(
	sorted(first_column('Server settings')),
	sorted(words("LOAD 'stakesync'; SELECT name FROM pg_settings WHERE name LIKE 'stakesync.%'")),
	'settings of the server');

# Signatures, as the catalog has them
my ($by_views) = section('Functions') =~ /^### Called by views\n(.*)/ms;
my @called_by_views = $by_views =~ /`(stakesync_\w+)`/g;
my @signatures = map { s/\s+/ /gr =~ s/^CALL //r } section('Functions') =~ /^```\n((?:CALL )?stakesync_.*?)\n```$/msg;
my @known = words(
	"SELECT regexp_replace(p.proname || '(' || pg_get_function_arguments(p.oid) || ')' || coalesce(' RETURNS ' || pg_get_function_result(p.oid), ''), "
	  . "'::[a-z]+(\\[\\])?|\\mIN ', '', 'g') $of_functions AND p.proname <> ALL ('{" . join(',', @called_by_views) . "}')");
is_deeply(sorted(@signatures), sorted(@known), 'signatures');

# Columns and their types
sub documented_columns
{
	my ($relation) = @_;
	my ($text) = $reference =~ /^### `\Q$relation\E`\n(.*?)(?=^##|\z)/ms;
	return [ map { [ split / \| /, s/[`]//gr ] } ($text // '') =~ /^\| (`\w+` \| [^|]+?) \|/mg ];
}

foreach my $relation (
	words("SELECT relname FROM pg_class WHERE relnamespace = 'example'::regnamespace AND relkind IN ('r', 'v') AND relname NOT LIKE '\\_%' ORDER BY 1"),
	@relations, 'stakesync_connect_row', 'stakesync_configure_row')
{
	my $schema = $relation =~ /^stakesync_/ ? 'public' : 'example';
	my @columns = map { [ split /\|/ ] } words(
		"SELECT attname, format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = '$schema.$relation'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum");
	is_deeply(documented_columns($relation), \@columns, "columns of $relation");
}
foreach my $pair ([ 'stakesync_fetch_row', 'fetch_run' ], [ 'stakesync_preview_row', 'preview' ], [ 'stakesync_sync_row', 'sync_run' ])
{
	my ($type, $relation) = @$pair;
	my $of = "FROM pg_attribute WHERE attnum > 0 AND attrelid =";
	is($test->sql("SELECT count(*) FROM (SELECT attnum, attname, atttypid $of 'public.$type'::regclass EXCEPT SELECT attnum, attname, atttypid $of 'example.$relation'::regclass) x"),
		0, "$type has the columns of $relation");
}

# Words that the program itself lists
sub words_of_hint
{
	my ($sql, $begin) = @_;
	return split /, /, $test->refusal($sql)->{hint} =~ s/^\Q$begin\E: |\.$//gr;
}

$test->sql("INSERT INTO example.connection (connection, provider, state) VALUES ('hr', 'merge', 'connected')");
is_deeply(
	sorted(first_column('Conditions')),
	sorted(words_of_hint("SELECT stakesync_sync_if('city', 'nonsense', '{x}', company => 'example')", 'Operators are')),
	'operators of conditions');
is_deeply(
	sorted(first_column('Settings of a connection')),
	sorted(words_of_hint("SELECT stakesync_configure(settings => '{\"nonsense\": 1}', company => 'example')", 'Settings of Merge are')),
	'settings of a connection');

# Words that only the sources have
my $source = join '', map { slurp_file($_) } glob 'src/*.c';
is_deeply(
	sorted(first_column('Problems')),
	sorted($source =~ /(?:TransformProblem|ProblemAdd)\([^;]*?"([a-z]+_[a-z_]+)"/g, $source =~ /\bcode = "(\w+)"[;,]/g),
	'codes of problems');
is_deeply(
	sorted(map { s/\(.*//r } first_column('Transforms')),
	sorted($source =~ /^\t\{"(\w+)", TRANSFORM_\w+,/mg),
	'transforms');
is_deeply(
	sorted(first_column('Guards')),
	sorted($source =~ /guards_known\[\] = \{(.*?)\}/ ? $1 =~ /"(\w+)"/g : ()),
	'guards');

# Each SQLSTATE that is raised
my $errcodes = slurp_file(directory('includedir-server') . '/utils/errcodes.h');
my %sqlstate = map { my ($name, @letters) = /^(\w+) MAKE_SQLSTATE\('(.)','(.)','(.)','(.)','(.)'\)/; $name ? ($name => join('', @letters)) : () }
  $errcodes =~ /^#define (ERRCODE_.*)$/mg;
my %explained = map { $_ => 1 } first_column('Error codes');
my @raised = map { $sqlstate{$_} } $source =~ /(?:errcode|FetchFail|Fault)\((?:fault, )?(ERRCODE_\w+)/g, $source =~ /sqlerrcode = (ERRCODE_\w+);/g;
is_deeply(sorted(grep { !$explained{$_} } @raised), [], 'SQLSTATEs raised are explained');

$test->stop;
done_testing();
