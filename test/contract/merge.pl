# Merge as its own documents describe it: Prism answers, and refuses what breaks them
use strict;
use warnings;
use utf8;
use Contract qw(corrected day document example outcome text without_times);
use Prism;
use Proxy;
use StakesyncSim::Answer qw(json_answer);
use JSON::PP ();
use StakesyncSim::Json qw(from_json);
use Test::More;

$SIG{TERM} = $SIG{INT} = sub { exit 1 };

my $dynamic_fetches = $ENV{STAKESYNC_TEST_ALL} ? 60 : 10;
my $dynamic_pages = 4;

my $LIST = '/hris/v1/employees?page_size=100&expand=employments%2Cgroups%2Chome_location%2Cteam';
my $CIRCLE = q(the HR system's pages turn in a circle: a cursor came twice);
my @OPTIONAL = qw(manager mobile_phone pay_rate);
my %SIGNED = (Authorization => 'Bearer merge-test-key', 'X-Account-Token' => 'merge-test-account');

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

# The document of 2026 says in words that expand is one comma list; the facts and that of 2025 say explode: false
my $comma_lists = corrected('merge/openapi.yaml', sub {
	die "it knows comma lists now: serve it as it is\n" if $_[0] =~ /explode: false/;
	$_[0] =~ s/^( *)- name: expand\n/$1- name: expand\n$1  explode: false\n/gm or die "it has no expand\n";
});
# In that of 2025 a status is one of its words or any text, which both hold; its example is a first sync that goes on for ever
my $done = corrected('merge/openapi-2025-06.yaml', sub {
	$_[0] =~ s/oneOf:(\n +- \$ref: '#\/components\/schemas\/(?:LastSyncResult|StatusFd5)Enum'\n)/anyOf:$1/g == 2 or die "its statuses have changed\n";
	$_[0] =~ s/(is_initial_sync:\n +type: boolean\n +example: )true/$1false/ or die "its example has changed\n";
});
my %prism = (2026 => Prism->start($comma_lists), 2025 => Prism->start($done));
my $test = Contract->start('merge');
my $today = $test->today;

# Connect with all optional fields
sub connect_whole
{
	my ($connection, $url) = @_;

	is($test->connect_to('merge', $connection, $url)->{state}, 'connected', 'connected');
	$test->import_fields($connection, @OPTIONAL);
	return;
}

# Let Prism answer, and end the paging at a page; change is code that may alter the list
sub paging_until
{
	my ($prism, $last, $change) = @_;

	return sub {
		my ($request, $before) = @_;
		my $answer = $prism->ask($request);

		return Proxy::pass_on($answer) if $request->{path} !~ /employees$/ || !$answer->{body}{results};
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
		my $ask = sub { return $prism->ask({ %$request, target => $_[0] }, Prefer => 'dynamic=true') };
		my $answer;
		my %related;

		return Proxy::pass_on($prism->ask($request)) if $request->{path} !~ /employees/;
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

# Some texts stand for none
sub phone
{
	my ($text) = @_;
	return defined $text && $text !~ m{^\s*(?:|-+|n/a|na|none|null|\.)\s*$}i ? $PHONE{$text} // "no number: $text" : undef;
}

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

subtest 'Prism refuses what breaks the description' => sub {
	# the document of 2025 knows the key as a security scheme, so that without it the answer is 401
	my %no_key = (2025 => 401, 2026 => 422);

	foreach my $year (sort keys %prism)
	{
		my @calls = (
			[ 200, 'as it is', $LIST ],
			[ 200, 'incremental', "$LIST&modified_after=2026-03-10T01:02:03Z&include_deleted_data=true" ],
			[ 422, 'no account token', $LIST, { 'X-Account-Token' => undef } ],
			[ $no_key{$year}, 'no key', $LIST, { Authorization => undef } ],
			[ 422, 'an unknown relation', $LIST =~ s/team$/teams/r ],
			[ 422, 'a page size in words', $LIST =~ s/100/many/r ],
			[ 422, 'a time that is none', "$LIST&modified_after=yesterday" ]);

		is($prism{$year}->status(GET => $_->[2], { %SIGNED, %{ $_->[3] // {} } }), $_->[0], "$year: $_->[1]") foreach @calls;
		like($prism{$year}->verdict(2)->[1], qr/did not pass the validation rules/, "$year: and says so");
	}
};

subtest 'every request is as described' => sub {
	foreach my $year (sort keys %prism)
	{
		my $name = "direct_$year";

		$prism{$year}->forget;
		is($test->connect_to('merge', $name, $prism{$year}->url)->{state}, 'connected', "$year: connected");
		is_deeply($prism{$year}->verdict(1), [1], "$year: one call, accepted");

		# whether the first sync is over, then pages: the example's next is the same on each
		$prism{$year}->forget;
		is_deeply(outcome($test->read_all($name)), { state => 'failed', mode => 'full', requests => 3, sqlstate => '38000', message => $CIRCLE },
			"$year: a fetch ends where the pages turn in a circle");
		is_deeply($prism{$year}->verdict(3), [3], "$year: all three were accepted");
		is_deeply($test->people($name), {}, "$year: and changed nobody");

		$prism{$year}->forget;
		is_deeply($test->row("SELECT * FROM stakesync_disconnect('$name')"),
			{ connection => $name, state => 'disconnected', next_step => 'The account at the provider was deleted.' }, "$year: disconnected");
		is_deeply($prism{$year}->verdict(1), [1], "$year: one call, accepted");
		is($test->sql("SELECT state FROM stakesync.connection WHERE connection = '$name'"), 'disconnected', "$year: and noted");
	}
};

subtest 'linking an account' => sub {
	foreach my $year (sort keys %prism)
	{
		my $proxy = Proxy->start(Proxy::route(qr/./ => $prism{$year}));
		my $name = "linked_$year";
		my (@calls, $row);

		$prism{$year}->forget;
		$row = $test->connect_to('merge', $name, $proxy->url, method => 'link', settings => { integration => 'workday' });
		@calls = $proxy->calls;
		is($row->{state}, 'awaiting_link', "$year: somebody has to log in");
		like($row->{next_step}, qr/^Open \Q$calls[0]{body}{magic_link_url}\E and log in/, "$year: at the address that came");
		is_deeply(from_json($calls[0]{sent}), { categories => ['hris'], integration => 'workday', link_expiry_mins => 10080,
			end_user_origin_id => "stakesync.$name", end_user_organization_name => 'stakesync', end_user_email_address => 'hr@example.com',
			should_create_magic_link_url => JSON::PP::true() }, "$year: what was asked for");

		$row = $test->row("SELECT * FROM stakesync_complete_link('a-public-token', connection => '$name')");
		is($row->{state}, 'connected', "$year: with the token that this gave");
		is($test->read_all($name)->{message}, $CIRCLE, "$year: people are asked for");
		@calls = $proxy->calls;
		is_deeply([ map { [ $_->{call} =~ s/\?.*//r, @{ $_->{headers} }{qw(authorization x-account-token)} ] } @calls ], [
			(map { [ $_, $SIGNED{Authorization}, undef ] } 'POST /hris/v1/link-token', 'GET /hris/v1/account-token/a-public-token'),
			(map { [ "GET /hris/v1/$_", $SIGNED{Authorization}, $calls[1]{body}{account_token} ] } qw(account-details sync-status employees employees) ) ],
			"$year: the account's token goes with all that comes after");
		is_deeply($prism{$year}->disliked, [], "$year: every call was accepted");
	}
};

subtest 'a whole fetch of the example, then what changed since' => sub {
	my $id = example('merge/examples/employees_list.json')->{body}{results}[0]{id};
	my %greg = (
		employee_number => '2', first_name => 'Greg', last_name => 'Hirsch', name => 'Cousin Greg Hirsch',
		work_email => 'greg@merge.dev', personal_email => 'greg@gmail.com', birthdate => '1990-11-10', start_date => '2020-10-11',
		termination_date => '2021-10-12', employment_status => 'ACTIVE', manager => 'f25737c2-acd5-4873-b8df-91d937ea8194',
		problems => { mobile_phone => 'invalid_phone' }, unknown => [ sort @UNEXPANDED, 'mobile_phone' ]);
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
	is_deeply(outcome($test->read_all('example')), { state => 'done', mode => 'full', records => 2, pages => 2, added => 2, changed => 0,
		unchanged => 0, missing => 0 }, 'two pages, two people');
	is_deeply($prism{2025}->verdict(3), [3], 'both were accepted, and the question before them');
	is_deeply($test->people('example'), { map { ($_ => { %greg, remote_id => $_ }) } "0-0-$id", "1-0-$id" }, 'as the example says');

	$prism{2025}->forget;
	$row = $test->read_all('example', q(mode => 'incremental'));
	is_deeply([ @$row{qw(state mode records pages added changed missing)} ], [ 'done', 'incremental', 2, 2, 0, 1, 1 ], 'what changed since');
	is_deeply($prism{2025}->verdict(2), [2], 'both were accepted');
	$people = $test->people('example');
	like(delete $people->{"0-0-$id"}{missing_since}, qr/^$today/, 'one was deleted');
	is_deeply($people, { "0-0-$id" => { %greg, remote_id => "0-0-$id" }, "1-0-$id" => { %greg, remote_id => "1-0-$id", last_name => 'Roy' } },
		'the other renamed');

	# a cursor is percent-encoded, and all other parameters stay as they are
	my %asked = (expand => 'employments,groups,home_location,team', page_size => '100');
	my %since = (%asked, modified_after => 'TIMEZ', include_deleted_data => 'true');
	is_deeply([ map { [ without_times($_) ] } $proxy->calls ], [
		['GET /hris/v1/account-details'], ['GET /hris/v1/sync-status'], [ 'GET /hris/v1/employees', \%asked ],
		[ 'GET /hris/v1/employees', { %asked, cursor => 'page%200%20%2B%201%2F%3D' } ], [ 'GET /hris/v1/employees', \%since ],
		[ 'GET /hris/v1/employees', { %since, cursor => 'page%202%20%2B%201%2F%3D' } ] ], 'every call');
	is_deeply([ map { [ @{ $_->{headers} }{qw(authorization x-account-token accept)} ] } ($proxy->calls)[0, -1] ],
		[ ([ @SIGNED{qw(Authorization X-Account-Token)}, 'application/json' ]) x 2 ], 'with its headers');
};

subtest 'looking at the connection and at one person' => sub {
	foreach my $year (sort keys %prism)
	{
		my $name = "looked_at_$year";
		my $proxy = Proxy->start(paging_until($prism{$year}, 1, sub { $_->{remote_was_deleted} = JSON::PP::false() foreach @{ $_[0]{results} } }));
		my $id;

		connect_whole($name, $proxy->url);
		is($test->read_all($name)->{state}, 'done', "$year: fetched");
		($id) = keys %{ $test->people($name) };
		$prism{$year}->forget;
		is_deeply($test->checked($name), { login => 'yes', 'stream employees' => 'yes' }, "$year: all that is needed may be read");
		is_deeply($test->peek($name, $id), $test->fields_of($name, $id), "$year: the person as fetched");
		is_deeply($prism{$year}->verdict(3), [3], "$year: all three calls were accepted");
		is_deeply([ without_times(($proxy->calls)[-1]) ],
			[ "GET /hris/v1/employees/$id", { expand => 'employments,groups,home_location,team' } ], "$year: one person is asked for");
	}
};

subtest 'random answers are people, and problems of their fields' => sub {
	my $proxy = Proxy->start(random_pages($prism{2026}, $dynamic_pages));
	my $before = 0;
	my $found;

	connect_whole('random', $proxy->url);
	$prism{2026}->forget;
	$found = $test->rounds('random', $dynamic_fetches, sub {
		my @records = map { @{ $_->{results} } } $proxy->bodies(qr/employees/);
		my @new = splice @records, $before;
		$before += @new;
		return { map { $_->{id} => expected($_) } grep { !is_deleted($_) } @new };
	});
	is_deeply($found->{failed}, [], 'those who are not deleted are employees');
	is_deeply($found->{lost}, [], 'nothing is lost that the mapping names');
	# teams are not in the document of 2026
	is_deeply([ grep { $_ ne 'team' && !$found->{filled}{$_} } $test->mapped('random') ], [], 'every field came at least once');
	is_deeply([ grep { !/^(?:mobile_phone (?:invalid_phone|no_country_code)|pay_currency unknown_value)$/ } sort keys %{ $found->{problems} } ], [],
		'phones and currencies may be problems, nothing else is');
	is_deeply($prism{2026}->disliked, [], 'every request was accepted');
	note "$before records; problems: $found->{summary}";
};

subtest 'refusals from the wild' => sub {
	my $answer = example('merge/examples/error_400_invalid_filter.json');
	my $proxy = Proxy->start(sub {
		my ($request) = @_;
		return json_answer(@$answer{qw(status body)}) if $request->{path} =~ /employees/;
		return json_answer(200, { next => undef, previous => undef, results => [] }) if $request->{path} =~ /sync-status/;
		return json_answer(200, example('merge/examples/account_details.json')->{body}) if $request->{method} eq 'GET';
		return json_answer(200, undef);
	});
	my $refusal = example('merge/examples/error_401_no_account_token.json');
	my $strict = Proxy->start(sub { return json_answer(@$refusal{qw(status body)}) });

	is($test->connect_to('merge', 'refused', $proxy->url)->{state}, 'connected', 'connected');
	is_deeply(outcome($test->read_all('refused')), { state => 'failed', mode => 'full', requests => 2, sqlstate => '38000',
		message => 'the HR system answered with HTTP status 400' }, 'an unknown filter, asked once');
	is($test->row(q(SELECT * FROM stakesync_disconnect('refused')))->{next_step}, 'The account at the provider was deleted.',
		'the answer to delete-account may be null');

	is($test->connect_to('merge', 'stranger', $strict->url)->{state}, 'failing', 'no account token');
	is($test->sql(q(SELECT count(*) FROM stakesync.connection WHERE connection = 'stranger')), 0, 'nothing is stored');
	is(scalar(my @calls = $strict->calls), 1, 'asked once');
};

done_testing();
$test->stop;
