# While an HR system lets a fetch wait: nothing is held up, and whoever wants it to end need not wait
use strict;
use warnings;
use StakesyncSim::Json qw(from_json);
use StakesyncTest;
use Test::More;
use Time::HiRes qw(time);

# A second is promised, a busy machine may take three
my $LIMIT = 3;

my $test = StakesyncTest->start('interrupts', database => 'hr', sim => { static => 600 }, conf => <<'EOT');
restart_after_crash = on
work_mem = '64kB'
EOT
my $node = $test->node;
my $sim = $test->sim;

is($test->fetch->{added}, 600, '600 people');

# Begin a fetch for which a caller waits, and let it be spoilt at a page
sub begin_spoilt
{
	my ($page, $fault, %arguments) = @_;

	$sim->clear_faults;
	$sim->delete('/control/requests');
	$sim->post('/control/many', { changed => 450 });
	$sim->fault($fault, %arguments, match => { path => '/employees', page => $page }, times => -1);
	return $test->begin(q(SELECT row_to_json(r) FROM stakesync_fetch(mode => 'full') r));
}

# The same until the answer stops
sub begin_stalled
{
	my ($page, $fault, %arguments) = @_;
	my $session = begin_spoilt($page, $fault // 'stall_in_body', at => 50000, %arguments);

	$test->wait_stalled(1);
	return $session;
}

# Do something and return the seconds until a query is true
sub seconds_until
{
	my ($action, $query) = @_;
	my $begin = time;

	$action->();
	$test->wait_until(sub { $test->sql($query) eq 't' }, $query);
	return time - $begin;
}

sub in_time
{
	my ($what, $seconds) = @_;
	cmp_ok($seconds, '<', $LIMIT, sprintf '%s in %.2f s', $what, $seconds);
	return;
}

# How the last fetch ended
sub ended
{
	my $row = $test->fetch_run;
	return join ' ', map { $_ // '-' } @$row{qw(state sqlstate)};
}

my $WORKER = q(SELECT %s FROM pg_stat_activity WHERE backend_type = 'stakesync fetch');
my $GONE = sprintf $WORKER, 'count(*) = 0';
my $picture = $test->picture;

# Nobody was touched, and the next fetch works
sub still_well
{
	my ($what) = @_;

	$sim->clear_faults;
	is($test->picture, $picture, "$what: nobody was touched");
	is($test->fetch(q(mode => 'full'))->{state}, 'done', "$what: the next fetch works");
	$picture = $test->picture;
	return;
}

subtest 'nothing is held' => sub {
	my $session = begin_stalled(4);
	my ($pid, @seen, $end, $row);

	$pid = $test->worker_pid;
	push @seen, $test->sql("SELECT xact_start IS NULL AND backend_xid IS NULL AND backend_xmin IS NULL, coalesce(clock_timestamp() - xact_start < '0.5 s', true) FROM pg_stat_activity WHERE pid = $pid") for 1 .. 20;
	cmp_ok(scalar(grep { $_ eq 't|t' } @seen), '>=', 18, 'no transaction is open') or diag explain \@seen;
	is(scalar(grep { /f$/ } @seen), 0, 'but to write down how far it is');
	$test->wait_for("SELECT string_agg(concat_ws(' ', locktype, classid::regclass, mode), ', ' ORDER BY classid::regclass::text) = 'object pg_extension ExclusiveLock, object stakesync.connection ExclusiveLock' FROM pg_locks WHERE pid = $pid");
	ok(1, 'no lock but those of connection and slot');
	is($test->sql(q(SELECT string_agg(concat_ws(' ', mode, locktype, relation::regclass), ', ') FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE a.query LIKE 'SELECT row_to_json(r) FROM stakesync_fetch%' AND l.locktype <> 'virtualxid' AND mode <> 'AccessShareLock')),
		'', 'nor does who waits hold more than to read');
	is($test->sql(q(SELECT wait_event_type FROM pg_stat_activity WHERE query LIKE 'SELECT row_to_json(r) FROM stakesync_fetch%')), 'Extension', 'he waits for it');
	in_time('a database is made and dropped', seconds_until(sub { $node->safe_psql('postgres', $_) for 'CREATE DATABASE other', 'DROP DATABASE other' }, 'SELECT true'));
	in_time('the table is vacuumed', seconds_until(sub { $test->sql('VACUUM FULL stakesync.employee') }, 'SELECT true'));
	$picture = $test->picture;
	$test->wait_for('SELECT records >= 500 FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1');
	$sim->post('/control/release');
	$end = $test->finish($session);
	$row = from_json($end->{out});
	is_deeply([ @$row{qw(state changed)} ], [ 'done', 450 ], 'released, it ends well');
	like($end->{err}, qr/NOTICE:  \w+: 5\d\d people in 5 pages so far, \d+ people\/s\n(?:.*\n)*?NOTICE:  \w+: 600 people in 6 pages; 60 of them have left\n/, 'notices on the way');
	$picture = $test->picture;
};

subtest 'a procedure waits without a transaction' => sub {
	my $session;

	$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'employee_number', email => 'work_email')));
	$picture = $test->picture;
	$sim->clear_faults;
	$sim->fault('stall_in_body', at => 50000, match => { path => '/employees', page => 4 });
	$session = $test->begin('CALL stakesync_sync()');
	$test->wait_stalled(1);
	is($test->sql(q(SELECT xact_start IS NULL AND backend_xmin IS NULL FROM pg_stat_activity WHERE query = 'CALL stakesync_sync()' AND backend_type = 'client backend')), 't', 'none is open');
	$test->sql('SELECT stakesync_cancel(max(fetch_id)) FROM stakesync.fetch_run');
	is($test->finish($session)->{sqlstate}, '57014', 'a cancelled fetch is its error');
	still_well('a procedure');
};

subtest 'cancel' => sub {
	my %begin = (
		'before the headers' => sub { begin_stalled(4, 'stall_before_headers') },
		'in the headers' => sub { begin_stalled(4, 'stall_in_headers') },
		'in the body' => sub { begin_stalled(4) },
		'told to come back in a minute' => sub {
			my $session = begin_spoilt(4, 'retry_after', seconds => 60);
			$test->wait_until(sub { ($sim->requests->{by_status}{429} // 0) > 0 }, 'a refusal');
			return $session;
		});
	my $cancel = 'SELECT stakesync_cancel(max(fetch_id)) FROM stakesync.fetch_run';

	foreach my $where (sort keys %begin)
	{
		my $session = $begin{$where}->();
		my ($seconds, $row);

		$seconds = seconds_until(sub { is($test->sql($cancel), 't', "$where: cancelled") },
			q(SELECT state = 'cancelled' FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1));
		in_time($where, $seconds);
		$row = from_json($test->finish($session)->{out});
		is_deeply([ @$row{qw(state sqlstate message)} ], [ 'cancelled', '57014', 'the fetch was cancelled' ], "$where: a row for who waits");
	}
	still_well('cancel');
};

subtest 'cancel where the pace is slow' => sub {
	my ($session, $seconds);

	# what was asked in the last minute counts
	$test->sql(q(SET session_replication_role = replica; UPDATE stakesync._fetch SET finished_at = finished_at - interval '2 minutes'));
	$test->connect(settings => { requests_per_minute => 3 });
	$test->sql(q(UPDATE stakesync._credential SET sealed_at = sealed_at - interval '2 minutes'));
	$sim->delete('/control/requests');
	$session = $test->begin(q(SELECT state FROM stakesync_fetch(mode => 'full')));
	$test->wait_for('SELECT requests = 3 AND pages = 3 FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1');
	is($sim->requests->{by_path}{'/hris/v1/employees'}, 3, 'three requests, and the fourth waits');
	$seconds = seconds_until(sub { $test->sql('SELECT stakesync_cancel(max(fetch_id)) FROM stakesync.fetch_run') },
		q(SELECT state = 'cancelled' FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1));
	in_time('cancelled', $seconds);
	like($test->finish($session)->{out}, qr/^cancelled$/, 'a row');
	$test->connect;
	still_well('a slow pace');
};

subtest 'cancel while it waits for a lock' => sub {
	my $holder = $node->background_psql('hr');
	my ($session, $seconds);

	$holder->query_safe('BEGIN; LOCK TABLE stakesync.employee IN SHARE MODE');
	$sim->post('/control/many', { changed => 450 });
	$session = $test->begin(q(SELECT state FROM stakesync_fetch(mode => 'full')));
	$test->wait_for(q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'stakesync fetch' AND wait_event_type = 'Lock'));
	is($test->sql(q(SELECT phase FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1)), 'merging', 'with all that was read');
	$seconds = seconds_until(sub { $test->sql('SELECT stakesync_cancel(max(fetch_id)) FROM stakesync.fetch_run') },
		q(SELECT state = 'cancelled' FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1));
	in_time('cancelled', $seconds);
	like($test->finish($session)->{out}, qr/^cancelled$/, 'a row');
	$holder->query_safe('COMMIT');
	$holder->quit;
	still_well('a lock');
};

subtest 'a lock that does not come' => sub {
	plan skip_all => 'half a minute, only with STAKESYNC_TEST_ALL' unless $ENV{STAKESYNC_TEST_ALL};
	my $holder = $node->background_psql('hr');
	my $row;

	$holder->query_safe('BEGIN; LOCK TABLE stakesync.employee IN SHARE MODE');
	$sim->post('/control/many', { changed => 450 });
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state sqlstate)} ], [ 'failed', '55P03' ], 'failed');
	like($row->{message}, qr/^could not get a lock on .* in 30/, 'why');
	$holder->query_safe('COMMIT');
	$holder->quit;
	still_well('a lock');
};

subtest 'who waits gives up' => sub {
	my $caller = q(FROM pg_stat_activity WHERE query LIKE 'SELECT row_to_json(r) FROM stakesync_fetch%');
	my $cancelled = q(SELECT state = 'cancelled' FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1);
	my %give_up = (
		'Ctrl-C' => sub { $_[0]{run}->signal('INT') },
		'pg_cancel_backend' => sub { $test->sql("SELECT pg_cancel_backend(pid) $caller") });

	foreach my $how (sort keys %give_up)
	{
		my $session = begin_stalled(4);
		in_time($how, seconds_until(sub { $give_up{$how}->($session) }, $cancelled));
		is($test->finish($session)->{sqlstate}, '57014', "$how: an error for who gave up");
	}

	my $session = begin_stalled(4);
	$test->sql("SELECT pg_terminate_backend(pid) $caller");
	like($test->finish($session)->{err}, qr/terminating connection due to administrator command/, 'a session that is ended');
	$sim->post('/control/release');
	$test->wait_for(q(SELECT state IN ('done', 'cancelled') FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1));
	note 'the fetch of an ended session is ', $test->fetch_run->{state};
	$picture = $test->picture;
	still_well('giving up');
};

subtest 'the worker is ended' => sub {
	my $session = begin_stalled(4);
	my $end;

	in_time('ended', seconds_until(sub { $test->sql(sprintf $WORKER, 'pg_terminate_backend(pid)') }, $GONE));
	$end = $test->finish($session);
	is_deeply([ @$end{qw(sqlstate message)} ], [ '08006', 'the background worker ended before the fetch did' ], 'who waits is told');
	is(ended(), 'interrupted 57P02', 'the row says so');
	is($test->sql('SELECT message, hint FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1'),
		'the fetch was interrupted|Fetch again: SELECT stakesync_fetch().', 'and what to do');
	still_well('an ended worker');
	is($test->sql(q(SELECT state, sqlstate, finished_at IS NOT NULL FROM stakesync._fetch ORDER BY fetch_id DESC OFFSET 1 LIMIT 1)), 'interrupted|57P02|t', 'written down for good');
};

sub temporary_files { return map { s/.*\///r } glob $node->data_dir . '/base/pgsql_tmp/*' }

subtest 'the worker is killed' => sub {
	my $session = begin_stalled(6);
	my $pid = $test->worker_pid;

	is(scalar(grep { /^pgsql_tmp$pid\./ } temporary_files()), 1, 'what was read lies in a temporary file');
	kill KILL => $pid;
	$test->finish($session);
	$node->poll_query_until('hr', 'SELECT NOT pg_is_in_recovery()') or die 'the server did not come back';
	is(ended(), 'interrupted 57P02', 'the row says interrupted');
	is(join(' ', temporary_files()), '', 'no temporary file is left');
	still_well('a killed worker');
};

subtest 'the company goes' => sub {
	my ($session, $end);

	$test->sql(q(SELECT stakesync_create_company('other')));
	$test->sql('SELECT * FROM ' . StakesyncTest::connect_call('merge', \%StakesyncSim::CREDENTIALS, { base_url => $sim->url }) =~ s/\)$/, company => 'other')/r);
	$sim->clear_faults;
	$sim->fault('stall_in_body', at => 50000, match => { path => '/employees', page => 4 });
	$session = $test->begin(q(SELECT stakesync_fetch(company => 'other')));
	$test->wait_stalled(1);
	in_time('dropped', seconds_until(sub { $test->sql(q(SELECT stakesync_drop_company('other', 'other'))) }, 'SELECT true'));
	$sim->post('/control/release');
	$test->wait_for($GONE);
	$end = $test->finish($session);
	isnt($end->{sqlstate}, undef, 'who waits gets an error') or diag explain $end;
	is($test->sql('SELECT count(*) FROM stakesync.employee'), 600, 'another company does not notice');
	still_well('a company that went');
};

subtest 'the database is dropped' => sub {
	my $session;
	my $begin;

	$node->safe_psql('postgres', 'CREATE DATABASE spare TEMPLATE template0');
	$test->{database} = 'spare';
	$test->sql('CREATE EXTENSION stakesync');
	$test->connect;
	$session = begin_stalled(4);
	$begin = time;
	$node->safe_psql('postgres', 'DROP DATABASE spare WITH (FORCE)');
	in_time('dropped', time - $begin);
	$test->finish($session);
	$test->{database} = 'hr';
	$test->wait_for($GONE);
	still_well('a dropped database');
};

subtest 'the server is stopped' => sub {
	my $session = begin_stalled(4);
	my $begin = time;

	$node->stop('fast');
	in_time('stopped', time - $begin);
	$test->finish($session);
	$node->start;
	is(ended(), 'interrupted 57P02', 'the row says interrupted');
	still_well('a stop');
};

# Nobody may be there to bury a process that has ended
sub is_alive
{
	my ($pid) = @_;
	open my $stat, '<', "/proc/$pid/stat" or return kill 0, $pid;
	return (readline($stat) // '') !~ /^\d+ \(.*\) [ZX] /;
}

subtest 'the postmaster is killed' => sub {
	my $session = begin_stalled(4);
	my $pid = $test->worker_pid;
	my @all = split /\n/, $test->sql('SELECT pid FROM pg_stat_activity');
	my $begin = time;

	$node->kill9;
	$test->wait_until(sub { !is_alive($pid) }, 'the end of the worker');
	in_time('gone', time - $begin);
	$test->finish($session);

	# What a dead one that nobody buries leaves behind would keep the next from starting
	$test->wait_until(sub { !grep { is_alive($_) } @all }, 'the end of all others');
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
	$node->start;
	is(ended(), 'interrupted 57P02', 'the row says interrupted');
	still_well('a crash');
};

$test->stop;
done_testing();
