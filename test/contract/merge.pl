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
my $dynamic_fetches = $ENV{STAKESYNC_TEST_ALL} ? 60 : 10;
my $dynamic_pages = 4;

my $LIST = '/hris/v1/employees?page_size=100&expand=employments%2Cgroups%2Chome_location%2Cteam';
my $CIRCLE = q(the HR system's pages turn in a circle: a cursor came twice);
my @OPTIONAL = qw(manager mobile_phone pay_rate);

# What a record says nothing of while its relations are mere ids
my @UNEXPANDED = qw(address_line_1 address_line_2 city country employment_type group_name groups job_title pay_currency pay_period
  pay_rate team zip_code);

# Fields that come as texts and dates of the employee and of the home
my %TEXT = (employee_number => 'employee_number', work_email => 'work_email', personal_email => 'personal_email',
	first_name => 'first_name', last_name => 'last_name', manager => 'manager');
my %DATE = (birthdate => 'date_of_birth', start_date => 'start_date', termination_date => 'termination_date');
my %HOME = (address_line_1 => 'street_1', address_line_2 => 'street_2', zip_code => 'zip_code', city => 'city');

# Random texts are no phones; these are one, one of an unknown country, and none
my @PHONES = ('+41 44 668 18 00', '044 668 18 00', '+1234567890');
my %PHONE = ($PHONES[0] => '+41446681800');

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

# Let Prism answer at random, expand as asked, and end the paging
sub random_pages
{
	my ($prism, $pages) = @_;

	my $number = 0;

	return sub {
		my ($request, $before) = @_;
		my $ask = sub { return Proxy::ask($prism, { %$request, target => $_[0] }, Prefer => 'dynamic=true') };
		my $answer;
		my %related;

		return Proxy::pass_on(Proxy::ask($prism, $request)) if $request->{path} !~ /employees/;
		# the first page has somebody, so that there is a picture
		do { $answer = $ask->($request->{target}) }
		  until $answer->{status} != 200 || $before % $pages || grep { !is_deleted($_) } @{ $answer->{body}{results} };
		return Proxy::pass_on($answer) if $answer->{status} != 200;
		foreach my $kind (qw(employments groups locations))
		{
			do { $related{$kind} = $ask->("/hris/v1/$kind")->{body}{results} } until !$related{$kind} || @{ $related{$kind} };
		}
		foreach my $record (@{ $answer->{body}{results} })
		{
			expand($record, \%related);
			$record->{mobile_phone_number} = $PHONES[ $number++ % 4 ] // $record->{mobile_phone_number};
		}
		$answer->{body}{next} = $before % $pages < $pages - 1 ? "$before" : undef;
		return Proxy::pass_on($answer);
	};
}

# Put random relations in the place of ids, as far as there are any
sub expand
{
	my ($record, $related) = @_;

	foreach my $kind (qw(employments groups))
	{
		my @objects = @{ $related->{$kind} };
		$record->{$kind} = [ map { @objects ? shift @objects : $_ } @{ $record->{$kind} } ] if $record->{$kind};
	}
	($record->{home_location}) = @{ $related->{locations} } if defined $record->{home_location};
	return;
}

sub is_deleted { return $_[0]{remote_was_deleted} ? 1 : 0 }

# Texts lose the blanks around them
sub text
{
	my ($text) = @_;
	return undef if !defined $text || ref $text;
	$text =~ s/^\s+|\s+$//g;
	return $text eq '' ? undef : $text;
}

# Some texts stand for none
sub phone
{
	my ($text) = @_;
	return defined $text && $text !~ m{^\s*(?:|-+|n/a|na|none|null|\.)\s*$}i ? $PHONE{$text} // "no number: $text" : undef;
}

sub day { return defined $_[0] ? substr $_[0], 0, 10 : undef }

# The latest that has begun, of several the one with the highest id
sub current_employment
{
	my @begun = grep { $_->{day} le $today } map { ref $_ ? { %$_, day => day($_->{effective_date}) // '0000' } : () } @_;
	return (sort { $b->{day} cmp $a->{day} || $b->{id} cmp $a->{id} } @begun)[0] // {};
}

# What ought to become of a random record: the value, or a problem of the field
sub expected
{
	my ($record) = @_;
	my $home = ref $record->{home_location} ? $record->{home_location} : {};
	my $job = current_employment(@{ $record->{employments} // [] });
	my %name = map { my $name = text($_->{name}); defined $name ? ($name => 1) : () } grep { ref } @{ $record->{groups} // [] };

	return {
		(map { $_ => text($record->{ $TEXT{$_} }) } keys %TEXT),
		(map { $_ => day($record->{ $DATE{$_} }) } keys %DATE),
		(map { $_ => text($home->{ $HOME{$_} }) } keys %HOME),
		(map { $_ => $job->{$_} } qw(pay_rate pay_period pay_currency employment_type)),
		job_title => text($job->{job_title}), country => $home->{country}, employment_status => $record->{employment_status},
		mobile_phone => phone($record->{mobile_phone_number}), groups => %name ? [ sort keys %name ] : undef,
		name => text($record->{display_full_name}) // text(join ' ', map { text($record->{$_}) // () } qw(first_name last_name)) };
}

sub same
{
	my ($is, $ought) = @_;
	return !defined $is && !defined $ought unless defined $is && defined $ought;
	return join("\n", @$is) eq join("\n", @$ought) if ref $is && ref $ought;
	return abs($is - $ought) <= 1e-9 * abs $ought if $ought =~ /^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i && $is =~ /^-?\d/;
	return $is eq $ought;
}

# Say what of a record is neither in the row nor a problem of its field
sub lost
{
	my ($record, $person) = @_;
	my $ought = expected($record);
	my %problem = %{ $person->{problems} };
	my @lost = map { "$record->{id} $_: " . show($person->{$_}) . ' instead of ' . show($ought->{$_}) }
	  grep { !$problem{$_} && !same($person->{$_}, $ought->{$_}) } sort keys %$ought;

	# a problem needs a value that may be one
	return @lost, map { "$record->{id} $_: $problem{$_} without a value" } grep { exists $ought->{$_} && !defined $ought->{$_} } sort keys %problem;
}

sub mapped
{
	my ($connection) = @_;
	return split /\n/, $test->sql("SELECT field FROM stakesync.mapping WHERE connection = '$connection' ORDER BY field");
}

sub show { return ref $_[0] ? "@{ $_[0] }" : $_[0] // 'null' }

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
	my $id = example('employees_list')->{body}{results}[0]{id};
	my %greg = (
		connection => 'example', employee_number => '2', first_name => 'Greg', last_name => 'Hirsch', name => 'Cousin Greg Hirsch',
		work_email => 'greg@merge.dev', personal_email => 'greg@gmail.com', birthdate => '1990-11-10', start_date => '2020-10-11',
		termination_date => '2021-10-12', employment_status => 'ACTIVE', manager => 'f25737c2-acd5-4873-b8df-91d937ea8194',
		shrunk => JSON::PP::false(), problems => { mobile_phone => 'invalid_phone' }, unknown => [ sort @UNEXPANDED, 'mobile_phone' ]);
	my $proxy = Proxy->start(paging_until($prism{2025}, 2, sub {
		my ($list, $before) = @_;
		return alive($list, $before) if $before < 2;
		# since then: the first was deleted, as the example says, the second has another name
		alive($list, 1) if $before == 3;
		$list->{results}[0]{last_name} = 'Roy' if $before == 3;
		$list->{results}[0]{id} = "0-0-$id" if $before == 2;
	}));
	my $people;
	my $row;

	connect_whole('example', $proxy->url);
	$prism{2025}->forget;
	is_deeply(outcome(fetch('example')), { state => 'done', mode => 'full', records => 2, pages => 2, added => 2, changed => 0,
		unchanged => 0, missing => 0 }, 'two pages, two people');
	is_deeply($prism{2025}->verdict(2), [2], 'both were accepted');
	is_deeply(people('example'), { map { ($_ => { %greg, remote_id => $_ }) } "0-0-$id", "1-0-$id" }, 'as the example says');

	$prism{2025}->forget;
	$row = fetch('example', q(mode => 'incremental'));
	is_deeply([ @$row{qw(state mode records pages added changed missing)} ], [ 'done', 'incremental', 2, 2, 0, 1, 1 ], 'what changed since');
	is_deeply($prism{2025}->verdict(2), [2], 'both were accepted');
	$people = people('example');
	like(delete $people->{"0-0-$id"}{missing_since}, qr/^$today/, 'one was deleted');
	is_deeply($people, { "0-0-$id" => { %greg, remote_id => "0-0-$id" }, "1-0-$id" => { %greg, remote_id => "1-0-$id", last_name => 'Roy' } },
		'the other renamed');

	# a cursor is percent-encoded, and all other parameters stay as they are
	my $time = qr/\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\dZ/;
	my $asked = 'GET /hris/v1/employees?expand=employments,groups,home_location,team&page_size=100';
	is_deeply([ map { $_->{call} =~ s/$time/TIME/r } $proxy->calls ], [
		'GET /hris/v1/account-details', $asked, "$asked&cursor=page%200%20%2B%201%2F%3D",
		"$asked&modified_after=TIME&include_deleted_data=true",
		"$asked&modified_after=TIME&include_deleted_data=true&cursor=page%202%20%2B%201%2F%3D" ], 'every call');
	is_deeply([ map { [ @{ $_->{headers} }{qw(authorization x-account-token accept)} ] } ($proxy->calls)[0, -1] ],
		[ ([ "Bearer $StakesyncSim::CREDENTIALS{api_key}", $StakesyncSim::CREDENTIALS{account_token}, 'application/json' ]) x 2 ], 'with its headers');
};

subtest 'examples from the vendor, put together as expand does' => sub {
	my $person = example('employees_list')->{body}{results}[0];
	my %related = map { $_ => example("${_}_list")->{body}{results} } qw(employments groups locations teams);
	my $whole = { %$person, remote_was_deleted => JSON::PP::false(), employments => $related{employments}, groups => $related{groups},
		home_location => $related{locations}[0], team => $related{teams}[0] };
	my %answers = (
		list => { next => undef, previous => undef, results => [ { %$person, remote_was_deleted => JSON::PP::false() } ] },
		retrieved => { next => undef, previous => undef, results => [ { %{ example('employees_retrieve')->{body} }, remote_was_deleted => JSON::PP::false() } ] },
		whole => { next => undef, previous => undef, results => [$whole] });
	my %greg = (
		remote_id => $person->{id}, employee_number => '2', first_name => 'Greg', last_name => 'Hirsch', name => 'Cousin Greg Hirsch',
		work_email => 'greg@merge.dev', personal_email => 'greg@gmail.com', birthdate => '1990-11-10', start_date => '2020-10-11',
		termination_date => '2021-10-12', employment_status => 'ACTIVE', manager => 'manager', shrunk => JSON::PP::false(),
		problems => { mobile_phone => 'invalid_phone' }, unknown => [ sort @UNEXPANDED, 'mobile_phone' ]);
	my %expanded = (
		job_title => 'Executive Assistant to Tom Wambsgans', pay_rate => 1.1, pay_period => 'HOUR', pay_currency => 'XUA',
		employment_type => 'FULL_TIME', groups => ['COST_CENTER_US'], group_name => 'COST_CENTER_US', team => 'Engineering',
		address_line_1 => '2920 Broadway', address_line_2 => '2nd Floor', zip_code => '10027', city => 'New York', country => 'AF',
		unknown => ['mobile_phone']);

	foreach my $name (sort keys %answers)
	{
		my $proxy = Proxy->start(sub {
			my ($request) = @_;
			return json_answer(200, $request->{path} =~ /employees/ ? $answers{$name} : example('account_details_test_account')->{body});
		});

		connect_whole($name, $proxy->url);
		is_deeply(outcome(fetch($name)), { state => 'done', mode => 'full', records => 1, pages => 1, added => 1, changed => 0,
			unchanged => 0, missing => 0 }, "$name: fetched");
		is_deeply(people($name), { $person->{id} => { %greg, connection => $name, $name eq 'whole' ? %expanded : () } }, "$name: all is there");
	}
};

subtest 'random answers are people, and problems of their fields' => sub {
	my $proxy = Proxy->start(random_pages($prism{2026}, $dynamic_pages));
	my (%codes, %filled, @lost);
	my $before = 0;

	connect_whole('random', $proxy->url);
	$prism{2026}->forget;
	foreach my $round (1 .. $dynamic_fetches)
	{
		my $row = fetch('random', q(mode => 'full', accept_fewer => true));
		my @records = $proxy->records;
		my @alive;
		my $people = people('random');

		@records = splice @records, $before;
		$before += @records;
		@alive = grep { !is_deleted($_) } @records;
		is_deeply([ @$row{qw(state message records pages added)} ],
			[ 'done', $row->{message}, scalar @records, $dynamic_pages, scalar @alive ], "fetch $round: all came");
		delete $people->{$_} foreach grep { defined $people->{$_}{missing_since} } keys %$people;
		is_deeply([ sort keys %$people ], [ sort map { $_->{id} } @alive ], "fetch $round: those who are not deleted are employees");
		push @lost, map { lost($_, $people->{ $_->{id} } // { problems => {} }) } @alive;
		$codes{"$_->[0] $_->[1]"}++ foreach map { my $of = $_->{problems}; map { [ $_, $of->{$_} ] } keys %$of } values %$people;
		foreach my $person (values %$people) { $filled{$_}++ foreach keys %$person }
	}
	is_deeply(\@lost, [], 'nothing is lost that the mapping names');
	# teams are not in the document of 2026
	is_deeply([ grep { $_ ne 'team' && !$filled{$_} } mapped('random') ], [], 'every field came at least once');
	is_deeply([ grep { !/^(?:mobile_phone (?:invalid_phone|no_country_code)|pay_currency unknown_value)$/ } sort keys %codes ], [],
		'phones and currencies may be problems, nothing else is');
	is_deeply([ @{ $prism{2026}->verdict }[ 1 .. $#{ $prism{2026}->verdict } ] ], [], 'every request was accepted');
	note "$before records; problems: ", join ', ', map { "$_ $codes{$_}" } sort keys %codes;
};

subtest 'refusals from the wild' => sub {
	my $answer = example('error_400_invalid_filter');
	my $proxy = Proxy->start(sub {
		my ($request) = @_;
		return json_answer(@$answer{qw(status body)}) if $request->{path} =~ /employees/;
		return json_answer(200, example('account_details')->{body}) if $request->{method} eq 'GET';
		return json_answer(200, undef);
	});
	my $strict = Proxy->start(sub { my $refusal = example('error_401_no_account_token'); return json_answer(@$refusal{qw(status body)}) });

	is(connect_to('refused', $proxy->url)->{state}, 'connected', 'connected');
	is_deeply(outcome(fetch('refused')), { state => 'failed', mode => 'full', requests => 1, sqlstate => '38000',
		message => 'the HR system answered with HTTP status 400' }, 'an unknown filter, asked once');
	is($test->row(q(SELECT * FROM stakesync_disconnect('refused')))->{next_step}, 'The account at the provider was deleted.',
		'the answer to delete-account may be null');

	is(connect_to('stranger', $strict->url)->{state}, 'failing', 'no account token');
	is($test->sql(q(SELECT count(*) FROM stakesync.connection WHERE connection = 'stranger')), 0, 'nothing is stored');
	is(scalar(my @calls = $strict->calls), 1, 'asked once');
};

done_testing();
$test->stop;
