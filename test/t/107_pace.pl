# How fast an HR system is asked: in parallel as far as it allows, never beyond its limits, and when it asks for a rest
use strict;
use warnings;
use utf8;
use List::Util qw(max min);
use StakesyncDefinition qw(definition fetch_call quoted);
use StakesyncSim::Json qw(from_json);
use StakesyncTest;
use Test::More;

my $PEOPLE = 240;
my $test = StakesyncTest->start('pace', connect => 0, sim => { people => $PEOPLE });
my $sim = $test->sim;

# People by offset, twelve pages of them unless told
sub people
{
	my ($size) = @_;
	return {
		path => '/staff', query => { offset => '{offset}', count => '{limit}' }, records => '$.staff[*].item', id => '$.id',
		pages => { type => 'offset', size => $size // 20 }, total => '$.total' };
}

sub set_up { return StakesyncDefinition::set_up($test, $sim, @_) }

# Fetch; the row, and the seconds that it took
sub fetch
{
	my $call = fetch_call(@_);
	return $test->row("SELECT r.*, extract(epoch FROM finished_at - started_at)::float8 AS took FROM $call r");
}

sub forget { $sim->delete('/control/requests'); return }

# What the simulator has counted
sub counted { return $sim->requests->{systems}{generic} }

# When requests started, in turn; of those with a status where one is told
sub starts
{
	my ($status) = @_;
	return sort { $a <=> $b } map { $_->{at} } grep { !defined $status || $_->{status} == $status } @{ $sim->requests->{last} };
}

$test->sql(q(SELECT stakesync_create_company('stakesync')));

# Seconds that 5,000 people take one page after the other, and with all connections that there may be
sub compare
{
	my ($what, $one, $all) = @_;
	my %took;

	# The first fetch of each is another kind of work
	foreach my $name ($one, $all)
	{
		fetch($name);
		$sim->fault('slow', ms => 20, times => -1);
		forget();
		my $row = fetch($name);
		is_deeply([ @$row{qw(state added changed unchanged)} ], [ 'done', 0, 0, 5000 ], "$what: 5,000 people") or diag explain $row;
		$took{$name} = $row->{took};
		$sim->clear_faults;
	}
	note sprintf '%s: %.2f s one after the other, %.2f s in parallel, %.3f of the time', $what, @took{ $one, $all }, $took{$all} / $took{$one};
	return $took{$all} / $took{$one};
}

subtest 'in parallel' => sub {
	my $small = $sim;
	my $ratio;

	$sim = $test->start_simulator(people => 5000);
	set_up('one', people(), limits => { per_minute => 100000, connections => 1 });
	set_up('eight', people(), limits => { per_minute => 100000, connections => 8 });
	$ratio = compare('5,000 people in 250 pages of 20 ms', 'one', 'eight');
	is(counted()->{max_in_flight}, 8, 'eight at a time');

	# 1/6 on a machine that does nothing else
	cmp_ok($ratio, '<', 1 / 3, 'eight connections take a fraction of the time');
	$sim->stop;
	$sim = $small;
};

subtest 'no more at a time than allowed' => sub {
	set_up('three', people(), limits => { per_minute => 100000, connections => 3 });
	set_up('default', people(), limits => { per_minute => 100000 });
	$sim->fault('slow', ms => 50, times => -1);
	forget();
	fetch('three');
	is(counted()->{max_in_flight}, 3, 'three');
	forget();
	fetch('default');
	is(counted()->{max_in_flight}, 1, 'one, where nothing is told');
	$sim->clear_faults;
};

subtest 'bursts' => sub {
	my $row;

	set_up('burst', people(), limits => { per_minute => 100000, burst => { requests => 6, seconds => 1 }, connections => 8 });
	forget();
	$row = fetch('burst');
	is_deeply([ @$row{qw(state requests)} ], [ 'done', 12 ], 'twelve pages');
	is(counted()->{max_per_second}, 6, 'six a second');
	cmp_ok($row->{took}, '>=', 1, 'though it takes longer');
	forget();
	$sim->fault('status', code => 503, headers => { 'Retry-After' => 0 }, times => 4, match => { path => '/staff' });
	$row = fetch('burst');
	is_deeply([ @$row{qw(state requests retries)} ], [ 'done', 16, 4 ], 'at once after the one before, with tries that failed');
	is(counted()->{max_per_second}, 6, 'six a second all the same');
	$sim->clear_faults;
};

subtest 'requests a minute' => sub {
	my ($first, $second, $third);

	forget();
	set_up('minute', people(), limits => { per_minute => 30, connections => 8 });
	$first = fetch('minute');
	$second = fetch('minute');
	is_deeply([ map { [ @$_{qw(state requests)} ] } $first, $second ], [ ([ 'done', 12 ]) x 2 ], 'two fetches fit in a minute');
	cmp_ok($first->{took} + $second->{took}, '<', 30, 'without a wait');
	$third = $test->row('SELECT * FROM ' . fetch_call('minute', wait => 'false'));
	$test->wait_for("SELECT requests = 4 FROM stakesync.fetch_run WHERE fetch_id = $third->{fetch_id}");
	is(counted()->{max_per_minute}, 30, 'a third one has to wait for its fifth page: connecting had its share');
	is($test->sql("SELECT stakesync_cancel($third->{fetch_id})"), 't', 'that may take a minute');
	$test->wait_for("SELECT state = 'cancelled' FROM stakesync.fetch_run WHERE fetch_id = $third->{fetch_id}");
	is(counted()->{max_per_minute}, 30, 'and never more');

	# A setting of the connection is stricter than the definition
	$test->sql('SELECT stakesync_add_provider(' . quoted(definition('seven', people())) . ')');
	forget();
	$test->sql('SELECT * FROM ' . StakesyncDefinition::connect_call($sim, 'seven', settings => { requests_per_minute => 7 }));
	$third = $test->row('SELECT * FROM ' . fetch_call('seven', wait => 'false'));
	$test->wait_for("SELECT requests = 5 FROM stakesync.fetch_run WHERE fetch_id = $third->{fetch_id}");
	$test->sql("SELECT stakesync_cancel($third->{fetch_id})");
	$test->wait_for("SELECT state = 'cancelled' FROM stakesync.fetch_run WHERE fetch_id = $third->{fetch_id}");
	is(counted()->{max_per_minute}, 7, 'seven, as the setting says');
};

# Fetch with a page that asks for a rest: nobody may start until it is over; returns how long that was
sub rest
{
	my ($what, $least, $fault, %arguments) = @_;
	my ($row, $asked, @after);

	forget();
	$sim->fault($fault, %arguments, match => { path => '/staff', query => 'offset=60\b' });
	$row = fetch('rest');
	$sim->clear_faults;
	is_deeply([ @$row{qw(state requests retries unchanged)} ], [ 'done', 13, 1, $PEOPLE ], $what) or diag explain $row;
	($asked) = starts($arguments{code} // 429);

	# What had started before the answer was read does not count
	@after = grep { $_ > $asked + 0.3 } starts();
	cmp_ok(@after ? $after[0] - $asked : 0, '>=', $least, "$what: all pages wait");
	cmp_ok(scalar @after, '>=', 1, "$what: and go on");
	return;
}

subtest 'a rest that is asked for' => sub {
	set_up('rest', people(), limits => { per_minute => 100000, connections => 4 }, retry => { reset_header => 'X-RateLimit-Reset' });
	fetch('rest');
	rest('seconds', 1, 'retry_after', seconds => 1);
	rest('with another status', 1, 'retry_after', seconds => 1, code => 503);
	rest('a date', 1, 'retry_after', form => 'date', seconds => 2);
	rest('a header with a time', 1, 'retry_after', form => 'epoch', seconds => 2);
	rest('a header with seconds', 1, 'status', code => 429, headers => { 'X-RateLimit-Reset' => 1 });
};

subtest 'tries that are not all at once' => sub {
	my (@pauses, %asked);

	# Six pages fail at the same time and say nothing
	set_up('jitter', people(), limits => { per_minute => 100000, connections => 6 });
	fetch('jitter');
	forget();
	$sim->fault('status', code => 503, match => { path => '/staff', query => 'offset=(?:20|40|60|80|100|120)\b' }, times => 6);
	is_deeply([ @{ fetch('jitter') }{qw(state retries)} ], [ 'done', 6 ], 'six tries more');
	push @{ $asked{ $_->{query}{offset} } }, $_->{at} for @{ $sim->requests->{last} };
	@pauses = map { $_->[1] - $_->[0] } grep { @$_ == 2 } values %asked;
	is(scalar @pauses, 6, 'six pauses');
	cmp_ok(min(@pauses), '>=', 0.25, 'of at least so long');
	cmp_ok(max(@pauses) - min(@pauses), '>', 0.01, 'and not one as the other');

	# The next pause is longer
	forget();
	$sim->fault('status', code => 503, match => { path => '/staff', query => 'offset=40\b' }, times => 3);
	is_deeply([ @{ fetch('jitter') }{qw(state retries)} ], [ 'done', 3 ], 'a page that fails three times');
	@pauses = map { $_->{at} } grep { $_->{query}{offset} == 40 } @{ $sim->requests->{last} };
	is(scalar @pauses, 4, 'four requests');
	cmp_ok($pauses[2] - $pauses[1], '>=', 0.5, 'the second pause');
	cmp_ok($pauses[3] - $pauses[2], '>=', 1, 'the third');
};

SKIP:
{
	skip 'STAKESYNC_TEST_ALL is not set', 2 unless $ENV{STAKESYNC_TEST_ALL};

	subtest 'a whole minute' => sub {
		my $row;

		forget();
		set_up('slowly', people(8), limits => { per_minute => 20, connections => 8 });
		$row = fetch('slowly');
		is_deeply([ @$row{qw(state requests)} ], [ 'done', 30 ], 'thirty pages');
		is(counted()->{max_per_minute}, 20, 'twenty a minute');
		cmp_ok($row->{took}, '>=', 59, 'take a minute');
	};

	# The systems that ship, as fast as they allow, and the same with one connection
	subtest 'systems that ship' => sub {
		my $many = $test->start_simulator(people => 5000);
		my %base = (humaans => '/api');

		foreach my $provider (qw(humaans personio lucca))
		{
			my $credentials = $provider eq 'lucca' ? { account => 'acme', api_key => 'lucca-test-key' } : $many->credentials($provider);
			my @names = map { "${provider}_$_" } qw(one all);

			foreach my $name (@names)
			{
				my $change = "'provider', '$name'" . ($name =~ /one/ ? ", 'limits', definition -> 'limits' || '{\"connections\": 1}'" : '');
				$test->sql("SELECT stakesync_add_provider(definition - 'integrations' || jsonb_build_object($change)) FROM stakesync_provider WHERE provider = '$provider'");
				$test->sql("SELECT * FROM stakesync_connect('$name', " . quoted($credentials) . ", settings => "
					. quoted({ base_url => $many->url . ($base{$provider} // '') }) . ', accept_terms => true)');
			}
			$many->switch($provider, map { $_ => 0 } grep { /^per_/ } keys %{ $many->get('/control/switch')->{$provider} });
			$sim = $many;
			compare($provider, @names);
			is($sim->requests->{by_status}{429}, undef, "$provider: never too many");
		}
	};
}

$test->stop;
done_testing();
