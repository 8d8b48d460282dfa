# What once brought the server down must be an error, or nothing at all
use strict;
use warnings;

use Test::More;

use StakesyncTest;

my $test = StakesyncTest->start('hardened', sim => { static => 50 });
my $postmaster = (split /\n/, PostgreSQL::Test::Utils::slurp_file($test->node->data_dir . '/postmaster.pid'))[0];
my $started = $test->sql('SELECT pg_postmaster_start_time()');

# True if no crash restarted the server
sub is_well
{
	my ($name) = @_;
	is($test->sql('SELECT pg_postmaster_start_time()'), $started, "$name: the server is the same");
	unlike(PostgreSQL::Test::Utils::slurp_file($test->node->logfile), qr/terminated by signal/, "$name: no process crashed");
}

# A procedure that commits, inside a procedural language
$test->sql(q(SELECT stakesync_configure(identifier => 'employee_number')));
foreach my $round (1, 2)
{
	is($test->refusal(q(DO $$ BEGIN CALL stakesync_sync(); END $$))->{sqlstate}, '09000', "CALL in DO, round $round: the first sync is held");
	is_well("CALL in DO, round $round");
}
like($test->sql(q(SELECT state, created FROM stakesync_apply((SELECT max(sync_id) FROM stakesync.sync_run), force => true))),
	qr/\Aapplied\|\d+\z/, 'the held sync is there to apply');
is(($test->psql(q(DO $$ BEGIN CALL stakesync_sync(); CALL stakesync_sync(); END $$)))[0], 0, 'CALL twice in DO');
is_well('CALL twice in DO');

# A process that is no worker, in a table that the owner can write when he wants to
$test->sql(<<"EOT");
ALTER TABLE stakesync._fetch DISABLE TRIGGER stakesync_guard;
INSERT INTO stakesync._fetch (connection, mode, state, pid) VALUES ('merge', 'full', 'running', $postmaster);
EOT
is($test->sql('SELECT stakesync_cancel(max(fetch_id)) FROM stakesync._fetch'), 'f', 'cancel signals the worker only');
is_well('cancel');
$test->sql(<<"EOT");
DELETE FROM stakesync._fetch WHERE pid = $postmaster;
ALTER TABLE stakesync._fetch ENABLE TRIGGER stakesync_guard;
EOT

# A column that the owner made another type of
$test->sql('ALTER TABLE stakesync.employee ALTER record_hash TYPE text');
ok(defined $test->sql(q(SELECT state FROM stakesync_fetch(mode => 'full'))), 'a retyped column');
is_well('a retyped column');

$test->stop;
done_testing();
