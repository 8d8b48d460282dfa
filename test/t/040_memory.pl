# The worker's memory does not grow with the number of people
use strict;
use warnings;
use StakesyncTest;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'needs /proc' unless -r "/proc/$$/status";

# 100,000 are promised; fewer show the same
my $MANY = $ENV{STAKESYNC_TEST_ALL} ? 100_000 : 20_000;
my $LIMIT_KB = 32 * 1024;

# Pages of shared memory count for whoever touches them, so there are few
my $test = StakesyncTest->start('memory', sim => { static => 1000 }, conf => <<'EOT');
shared_buffers = '2MB'
max_wal_size = '4GB'
synchronous_commit = off
EOT
my $sim = $test->sim;

# What the kernel knows of a process's memory, in kB; nothing once it has ended
sub memory_of
{
	my ($pid) = @_;
	my %memory;

	open my $status, '<', "/proc/$pid/status" or return;
	while (my $line = readline $status)
	{
		$memory{$1} = $2 if $line =~ /^(VmHWM|RssAnon):\s+(\d+) kB/;
	}
	return %memory;
}

# Fetch all and watch the worker until it ends; returns its row, with the most memory it had
sub watched_fetch
{
	my ($row, $pid, %most);

	$sim->clear_faults;
	$sim->fault('slow', ms => 500, match => { path => '/employees', page => 1 });
	$row = $test->fetch(q(mode => 'full', wait => false));
	$pid = $test->sql("SELECT pid FROM stakesync._fetch WHERE fetch_id = $row->{fetch_id}");
	while (my %memory = memory_of($pid))
	{
		foreach my $what (keys %memory)
		{
			$most{$what} = $memory{$what} if $memory{$what} > ($most{$what} // 0);
		}
		sleep 0.002;
	}
	return { %{ $test->fetch_run($row->{fetch_id}) }, %most };
}

# Fetch people who are new, then unchanged, then all changed
sub watch
{
	my ($people) = @_;
	my %watched;

	$sim->post('/control/many', { people => $people, changed => 0 });
	$watched{new} = watched_fetch();
	$watched{unchanged} = watched_fetch();
	$sim->post('/control/many', { changed => $people });
	$watched{changed} = watched_fetch();
	foreach my $what (sort keys %watched)
	{
		my $row = $watched{$what};
		is("$row->{state} $row->{records}", "done $people", "$people $what");
		note sprintf '%d %s: VmHWM %.1f MB, RssAnon at most %.1f MB, %.0f people/s', $people, $what,
		  $row->{VmHWM} / 1024, $row->{RssAnon} / 1024, $row->{rate};
	}
	return \%watched;
}

my $few = watch(1000);
$test->sql('TRUNCATE stakesync.employee');
my $many = watch($MANY);

is($many->{new}{added}, $MANY, 'all are new');
is($many->{unchanged}{unchanged}, $MANY, 'all are unchanged');
is($many->{changed}{changed}, $MANY, 'all are changed');
foreach my $what (sort keys %$many)
{
	my $more = $many->{$what}{VmHWM} - $few->{$what}{VmHWM};
	cmp_ok($more, '<', $LIMIT_KB, sprintf '%s: %.1f MB more for %d than for 1000 people', $what, $more / 1024, $MANY);
}

$test->stop;
done_testing();
