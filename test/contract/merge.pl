# Merge as its own documents describe it: Prism answers, and refuses what breaks them
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Prism;
use Proxy;
use StakesyncSim;
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::Json qw(from_json);
use StakesyncTest;
use Test::More;

$SIG{TERM} = $SIG{INT} = sub { exit 1 };

my $merge = $ENV{CONTRACT_SHARED};
my $dynamic_fetches = $ENV{STAKESYNC_TEST_ALL} ? 60 : 8;
my $dynamic_pages = 4;

my $LIST = '/hris/v1/employees?page_size=100&expand=employments%2Cgroups%2Chome_location%2Cteam';
my $CIRCLE = q(the HR system's pages turn in a circle: a cursor came twice);
my @OPTIONAL = qw(manager mobile_phone pay_rate);

# Fields that come as texts and dates of the employee and of the home
my %TEXT = (employee_number => 'employee_number', work_email => 'work_email', personal_email => 'personal_email',
	first_name => 'first_name', last_name => 'last_name', manager => 'manager');
my %DATE = (birthdate => 'date_of_birth', start_date => 'start_date', termination_date => 'termination_date');
my %HOME = (address_line_1 => 'street_1', address_line_2 => 'street_2', zip_code => 'zip_code', city => 'city');

my $test = StakesyncTest->start('contract', sim => 0, connect => 0);
my $today = $test->sql('SELECT current_date');
my %prism = (2026 => Prism->start(with_comma_lists('openapi.yaml')), 2025 => Prism->start("$merge/openapi-2025-06.yaml"));

sub slurp
{
	my ($name) = @_;
	return slurp_file("$merge/$name");
}

# The document of 2026 says in words that expand is one comma list; the facts and that of 2025 say explode: false
sub with_comma_lists
{
	my ($name) = @_;
	my $text = slurp($name);
	my $changed = $text =~ s/^( *)- name: expand\n/$1- name: expand\n$1  explode: false\n/gm;
	my $copy = "$merge/comma-lists.yaml";

	die "$name knows comma lists now: serve it as it is\n" if !$changed || slurp($name) =~ /explode: false/;
	append_to_file($copy, $text);
	return $copy;
}

# The answer of a published example
sub example
{
	my ($name) = @_;
	return from_json(slurp("examples/$name.json"))->{response};
}

sub connect_to
{
	my ($connection, $url) = @_;
	return $test->row('SELECT * FROM ' . StakesyncTest::connect_call($connection, \%StakesyncSim::CREDENTIALS,
		{ base_url => $url, requests_per_minute => 100000 }));
}

# Connect with all optional fields
sub connect_whole
{
	my ($connection, $url) = @_;

	is(connect_to($connection, $url)->{state}, 'connected', 'connected');
	$test->sql(sprintf q(SELECT count(*) FROM stakesync_configure(import => '{%s}', connection => '%s')),
		join(',', @OPTIONAL), $connection);
	return;
}

sub fetch
{
	my ($connection, $arguments) = @_;
	return $test->fetch(join ', ', "'$connection'", $arguments // ());
}

# What a fetch came to, without what differs from run to run
sub outcome
{
	my ($row) = @_;
	my @names = $row->{state} eq 'done' ? qw(mode records pages added changed unchanged missing) : qw(mode requests sqlstate message);
	return { state => $row->{state}, map { $_ => $row->{$_} } @names };
}

# The employee of a connection, problems as field => code
sub people
{
	my ($connection) = @_;
	my %people = $test->employees("connection = '$connection'");

	foreach my $person (values %people)
	{
		$person->{problems} = { map { $_->{field} => $_->{code} } @{ $person->{problems} // [] } };
		delete @$person{ grep { !defined $person->{$_} } keys %$person };
		delete @$person{qw(identifier_key email_key name_key)};
	}
	return \%people;
}

# Let Prism answer, and end the paging at a page; change is code that may alter the list
sub paging_until
{
	my ($prism, $last, $change) = @_;

	return sub {
		my ($request, $before) = @_;
		my $answer = Proxy::ask($prism, $request);

		return Proxy::pass_on($answer) if ref $answer->{body} ne 'HASH' || !$answer->{body}{results};
		$answer->{body}{next} = $before % $last < $last - 1 ? "page $before + 1/=" : undef;
		$change->($answer->{body}, $before) if $change;
		return Proxy::pass_on($answer);
	};
}

# Everybody is somebody else, and nobody is gone
sub alive
{
	my ($list, $before) = @_;
	my $number = 0;

	foreach my $record (@{ $list->{results} })
	{
		$record->{id} = "$before-" . $number++ . "-$record->{id}";
		$record->{remote_was_deleted} = JSON::PP::false();
	}
	return;
}

subtest 'Prism refuses what breaks the description' => sub {
	# the document of 2025 knows the key as a security scheme, so that without it the answer is 401
	my %no_key = (2025 => 401, 2026 => 422);

	foreach my $year (sort keys %prism)
	{
		my $sim = StakesyncSim->connect($prism{$year}->url);
		my @calls = (
			[ 200, 'as it is', $LIST ],
			[ 200, 'incremental', "$LIST&modified_after=2026-03-10T01:02:03Z&include_deleted_data=true" ],
			[ 422, 'no account token', $LIST, { 'X-Account-Token' => undef } ],
			[ $no_key{$year}, 'no key', $LIST, { Authorization => undef } ],
			[ 422, 'an unknown relation', $LIST =~ s/team$/teams/r ],
			[ 422, 'a page size in words', $LIST =~ s/100/many/r ],
			[ 422, 'a time that is none', "$LIST&modified_after=yesterday" ]);

		is($sim->request(GET => $_->[2], headers => $_->[3])->{status}, $_->[0], "$year: $_->[1]") foreach @calls;
		like($prism{$year}->verdict(2)->[1], qr/did not pass the validation rules/, "$year: and says so");
	}
};

subtest 'every request is as described' => sub {
	foreach my $year (sort keys %prism)
	{
		my $name = "direct_$year";

		$prism{$year}->forget;
		is(connect_to($name, $prism{$year}->url)->{state}, 'connected', "$year: connected");
		is_deeply($prism{$year}->verdict(1), [1], "$year: one call, accepted");

		# the example's next is the same on each page
		$prism{$year}->forget;
		is_deeply(outcome(fetch($name)), { state => 'failed', mode => 'full', requests => 2, sqlstate => '38000', message => $CIRCLE },
			"$year: a fetch ends where the pages turn in a circle");
		is_deeply($prism{$year}->verdict(2), [2], "$year: both pages were accepted");
		is_deeply(people($name), {}, "$year: and changed nobody");

		$prism{$year}->forget;
		is_deeply($test->row("SELECT * FROM stakesync_disconnect('$name')"),
			{ connection => $name, state => 'disconnected', next_step => 'The account at the provider was deleted.' }, "$year: disconnected");
		is_deeply($prism{$year}->verdict(1), [1], "$year: one call, accepted");
		is($test->sql("SELECT state FROM stakesync.connection WHERE connection = '$name'"), 'disconnected', "$year: and noted");
	}
};

subtest 'a whole fetch of the example, then what changed since' => sub {
	my $proxy = Proxy->start(paging_until($prism{2025}, 2, sub { $_[1] < 2 ? alive(@_) : $_[0]{results}[0]{id} =~ s/^/0-0-/ }));
	my $id = example('employees_list')->{body}{results}[0]{id};
	my $asked = qr{GET /hris/v1/employees\?(?=\S*\bpage_size=100\b)(?=\S*\bexpand=employments(?:,|%2C)groups(?:,|%2C)home_location(?:,|%2C)team\b)};
	my @calls;

	connect_whole('example', $proxy->url);
	$prism{2025}->forget;
	is_deeply(outcome(fetch('example')), { state => 'done', mode => 'full', records => 2, pages => 2, added => 2, changed => 0,
		unchanged => 0, missing => 0 }, 'two pages, two people');
	is_deeply($prism{2025}->verdict(2), [2], 'both were accepted');
	is_deeply(people('example')->{"0-0-$id"}, {}, 'as the example says');

	$prism{2025}->forget;
	is_deeply(outcome(fetch('example', q(mode => 'incremental'))), { state => 'done', mode => 'incremental', records => 2, pages => 2,
		added => 0, changed => 0, unchanged => 0, missing => 1 }, 'what changed since: one was deleted');
	is_deeply($prism{2025}->verdict(2), [2], 'both were accepted');
	@calls = map { $_->{call} } $proxy->calls;
	diag explain \@calls;
};

done_testing();
$test->stop;
