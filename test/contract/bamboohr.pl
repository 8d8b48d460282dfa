# BambooHR as its own document describes it: Prism answers, and refuses what breaks it
use strict;
use warnings;
use utf8;
use Contract qw(document outcome text without_times);
use Prism;
use Proxy;
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::Json qw(from_json to_json);
use Test::More;

$SIG{TERM} = $SIG{INT} = sub { exit 1 };

my $dynamic_fetches = $ENV{STAKESYNC_TEST_ALL} ? 40 : 6;

my $DATASET = '/api/v2/datasets/employee/data';
my $REPORT = '/api/v1/reports/custom?format=json&onlyCurrent=false';
my $FIELDS = '/api/v1/meta/fields';
my @OPTIONAL = qw(manager mobile_phone pay_rate);
my %SIGNED = (Authorization => 'Basic a2V5Ong=', Accept => 'application/json', 'Content-Type' => 'application/json');

# People to a page of random answers, and in all
my $PAGE = 5;
my $PEOPLE = 12;

# What the account is asked for
my @ASKED = qw(eeid employeeNumber email homeEmail firstName lastName jobInformationJobTitle jobInformationDepartment
  jobInformationDivision addressLineOne addressLineTwo zipcode city country dateOfBirth hireDate terminationDate status employmentStatus
  supervisorEid mobilePhone compensationPayRate compensationPayRateCurrencyCode compensationPaidPer);
my @REPORTED = qw(employeeNumber workEmail homeEmail firstName lastName jobTitle department division address1 address2 zipcode city
  country dateOfBirth hireDate terminationDate status employmentHistoryStatus supervisorEId mobilePhone);

# Texts that become what they are, by the names of the dataset and of the report
my %TEXT = (
	employee_number => [qw(employeeNumber)], work_email => [qw(email workEmail)], personal_email => [qw(homeEmail)],
	first_name => [qw(firstName)], last_name => [qw(lastName)], job_title => [qw(jobInformationJobTitle jobTitle)],
	address_line_1 => [qw(addressLineOne address1)], address_line_2 => [qw(addressLineTwo address2)], zip_code => [qw(zipcode)],
	city => [qw(city)], manager => [qw(supervisorEid supervisorEId)], group_name => [qw(jobInformationDepartment department)]);
my %DATE = (birthdate => 'dateOfBirth', start_date => 'hireDate', termination_date => 'terminationDate');

my %CODE = (country => 'country', pay_currency => 'compensationPayRateCurrencyCode');

# Every other value is made up; these are among the rest: what comes, and what becomes of it
my %SOME = (
	dateOfBirth => [ [ '1984-02-29', '1984-02-29' ], [ '0000-00-00', undef ] ],
	hireDate => [ [ '2019-07-01', '2019-07-01' ], [ '0000-00-00', undef ] ],
	terminationDate => [ [ '2021-12-31', '2021-12-31' ], [ '', undef ] ],
	status => [ [ 'Active', 'ACTIVE' ], [ 'Inactive', 'INACTIVE' ] ],
	employmentStatus => [ [ 'Full-Time', 'FULL_TIME' ], [ 'Terminated', undef ] ],
	employmentHistoryStatus => [ [ 'Praktikum', 'INTERN' ], [ 'Contractor', 'CONTRACTOR' ] ],
	country => [ [ 'Switzerland', 'CH' ], [ 'DE', 'DE' ] ],
	mobilePhone => [ [ '+41 44 668 18 00', '+41446681800' ], [ '-', undef ] ],
	compensationPayRate => [ [ '5000.50', 5000.5 ], [ '0', 0 ] ],
	compensationPayRateCurrencyCode => [ [ 'EUR', 'EUR' ], [ 'chf', 'CHF' ] ],
	compensationPaidPer => [ [ 'Month', 'MONTH' ], [ 'Every other week', 'EVERY_TWO_WEEKS' ] ]);
my %WORD = map { map { ($_->[0] => $_->[1]) } @$_ } values %SOME;

my $prism = Prism->start(document('bamboohr/openapi-people-trimmed.yaml'));
my $test = Contract->start('bamboohr');

# The document makes up names of fields, and says in words that they are those that were asked for
sub named
{
	my ($record, @names) = @_;
	my @values = map { $record->{$_} } grep { $_ ne 'id' } sort keys %$record;
	return { map { $names[$_] => @values ? $values[ $_ % @values ] : undef } 0 .. $#names };
}

# Where the records of an answer are, and what was asked for; code gives another record
sub each_record
{
	my ($request, $answer, $change) = @_;
	my @names = @{ from_json($request->{body})->{fields} };

	return if $answer->{status} != 200;
	if ($answer->{body}{data}) { $_->{fields} = $change->($_->{fields}, @names) for @{ $answer->{body}{data} } }
	else { $_ = { id => $_->{id}, %{ $change->($_, @names) } } for @{ $answer->{body}{employees} } }
	return;
}

# Let Prism answer, with the names that were asked for and the number of those who come
sub by_name
{
	my ($request) = @_;
	my $answer = $prism->ask($request);

	each_record($request, $answer, \&named) if $request->{method} eq 'POST';
	@{ $answer->{body}{meta} }{qw(totalPages totalItems)} = (1, scalar @{ $answer->{body}{data} }) if $request->{path} eq $DATASET;
	return Proxy::pass_on($answer);
}

# A made up record with a few values that mean something
sub sensible
{
	my ($number, $record, @names) = @_;
	my $named = named($record, @names);

	foreach my $name (grep { $SOME{$_} } @names)
	{
		my $choice = $SOME{$name}[ rand 4 ];
		$named->{$name} = $choice->[0] if $choice;
	}
	$named->{eeid} = "$number" if grep { $_ eq 'eeid' } @names;
	return $named;
}

# Random people, whatever page is asked for: as many records as it takes, cut into small pages
sub random_people
{
	my ($request) = @_;
	my @people;
	my $number = 0;

	return by_name($request) if $request->{method} ne 'POST' || @{ from_json($request->{body})->{fields} } == 1;
	while (@people < $PEOPLE)
	{
		my $answer = $prism->ask($request, Prefer => 'dynamic=true');
		return Proxy::pass_on($answer) if $answer->{status} != 200;
		each_record($request, $answer, sub { return sensible(++$number, @_) });
		push @people, @{ $answer->{body}{data} // $answer->{body}{employees} };
	}
	$#people = $PEOPLE - 1;
	return json_answer(200, { title => 'report', fields => [], employees => [ map { { %{ $people[$_] }, id => 1 + $_ } } 0 .. $#people ] })
	  if $request->{path} =~ /reports/;
	return page_of($request, @people);
}

# A page of a system that gives few at a time, with what the document has around it
sub page_of
{
	my ($request, @people) = @_;
	my ($page, $size) = @{ from_json($request->{body}) }{qw(page pageSize)};
	my $from;

	$size = $PAGE if $size > $PAGE;
	$from = ($page - 1) * $size;
	return json_answer(200, { data => [ grep { defined } @people[ $from .. $from + $size - 1 ] ], links => { next => undef, prev => undef },
		meta => { page => $page, pageSize => $size, totalPages => int(($PEOPLE + $size - 1) / $size), totalItems => $PEOPLE } });
}

# What a made up text may become where only some words mean anything
sub word
{
	my ($text) = @_;
	return undef if !defined text($text);
	return exists $WORD{$text} ? $WORD{$text} : "no word: $text";
}

# What ought to become of a random record
sub expected
{
	my ($record) = @_;
	my %text = map { my ($text) = grep { defined } map { text($record->{$_}) } @{ $TEXT{$_} }; $_ => $text } keys %TEXT;
	my %date = map { $_ => word($record->{ $DATE{$_} }) } keys %DATE;

	# a short word may well be the code of a country or of a currency
	return {
		%text, %date, name => text(join ' ', grep { defined } @text{qw(first_name last_name)}),
		groups => defined $text{group_name} ? [ $text{group_name} ] : undef,
		(map { length($record->{ $CODE{$_} } // '') > 3 ? ($_ => word($record->{ $CODE{$_} })) : () } keys %CODE),
		employment_status => word($record->{status}) // (defined $date{termination_date} ? 'INACTIVE' : 'ACTIVE'),
		mobile_phone => word($record->{mobilePhone}),
		employment_type => word($record->{employmentStatus} // $record->{employmentHistoryStatus}),
		pay_rate => word($record->{compensationPayRate}),
		pay_period => word($record->{compensationPaidPer}) };
}

# The bodies that were sent, times as words
sub sent { return [ map { $_->{sent} eq '' ? undef : from_json($_->{sent} =~ s/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/TIME/gr) } $_[0]->calls ] }

subtest 'Prism refuses what breaks the description' => sub {
	my %body = (fields => ['eeid'], filter => "status in ('Active','Inactive')", orderBy => 'eeid asc', page => 1, pageSize => 1000);
	my %report = (title => 'stakesync', fields => ['id'], filters => { lastChanged => { value => '2026-01-01T00:00:00+00:00', includeNull => 'no' } });
	my @calls = (
		[ 200, 'as it is', POST => $DATASET, \%body ],
		[ 401, 'no key', POST => $DATASET, \%body, { Authorization => undef } ],
		[ 422, 'a page too large', POST => $DATASET, { %body, pageSize => 1001 } ],
		[ 422, 'page zero', POST => $DATASET, { %body, page => 0 } ],
		[ 422, 'fields as a text', POST => $DATASET, { %body, fields => 'eeid' } ],
		[ 422, 'no fields', POST => $DATASET, { page => 1 } ],
		[ 200, 'the report', POST => $REPORT, \%report ],
		[ 400, 'another format', POST => $REPORT =~ s/json/html/r, \%report ],
		[ 400, 'a format in capitals, which the document allows in words only', POST => $REPORT =~ s/json/JSON/r, \%report ],
		[ 400, 'a time that is none', POST => $REPORT, { %report, filters => { lastChanged => { value => 'yesterday' } } } ],
		[ 400, 'an answer in another form', POST => $REPORT, \%report, { Accept => 'text/html' } ],
		[ 200, 'the fields there are', GET => $FIELDS ],
		[ 401, 'without a key', GET => $FIELDS, undef, { Authorization => undef } ]);

	foreach my $call (@calls)
	{
		my ($status, $what, $method, $target, $body, $headers) = @$call;
		is($prism->status($method, $target, { %SIGNED, %{ $headers // {} } }, $body && to_json($body)), $status, $what);
	}
	like($prism->verdict(3)->[1], qr/did not pass the validation rules/, 'and says so');
};

subtest 'every request is as described' => sub {
	my $proxy = Proxy->start(\&by_name);
	my %string = (
		(map { $_ => 'string' } keys %TEXT), name => 'string string', groups => ['string'],
		problems => { (map { $_ => 'bad_date' } keys %DATE),
			(map { $_ => 'unknown_value' } qw(country employment_type pay_period pay_currency)),
			employment_status => 'bad_date', mobile_phone => 'invalid_phone', pay_rate => 'bad_number' });

	# the made up answer as it is lacks what was asked for
	is($test->connect_to('bamboohr', 'direct', $prism->url)->{state}, 'failing', 'an answer without the field that was asked for');

	$prism->forget;
	is($test->connect_to('bamboohr', 'key', $proxy->url)->{state}, 'connected', 'connected');
	is_deeply($prism->verdict(1), [1], 'one call, accepted');
	$test->import_fields('key', @OPTIONAL);
	is_deeply(outcome($test->read_all('key')), { state => 'done', mode => 'full', records => 1, pages => 1, added => 1, changed => 0,
		unchanged => 0, missing => 0 }, 'a full fetch');
	is_deeply($prism->verdict(2), [2], 'one more, accepted');
	is_deeply($test->people('key'), { string => { remote_id => 'string', %string, unknown => [ sort keys %{ $string{problems} } ] } },
		'all that was made up is there, or a problem of its field');
	is_deeply([ map { [ without_times($_) ] } $proxy->calls ], [ (["POST $DATASET"]) x 2 ], 'every call');
	is_deeply(sent($proxy), [
		{ fields => ['eeid'], page => 1, pageSize => 1 },
		{ fields => \@ASKED, filter => "status in ('Active','Inactive')", orderBy => 'eeid asc', page => 1, pageSize => 1000 } ], 'with its body');
	is_deeply([ map { [ @{ $_->{headers} }{qw(authorization accept content-type)} ] } $proxy->calls ],
		[ ([ 'Basic YmFtYm9vaHItdGVzdC1rZXk6eA==', ('application/json') x 2 ]) x 2 ], 'and headers');
	is($test->read_all('key')->{mode}, 'full', 'there is no incremental one');
	is_deeply($prism->verdict(3), [3], 'accepted too');

	is_deeply($test->checked('key'), { login => 'yes', 'stream employees' => 'yes' }, 'all that is needed may be read');
	is_deeply($test->peek('key', 'string'), $test->fields_of('key', 'string'), 'one person, as fetched');
	is_deeply($prism->verdict(6), [6], 'three calls, accepted');
	is_deeply([ @{ sent($proxy) }[ 4, 5 ] ], [
		{ fields => ['eeid'], filter => "status in ('Active','Inactive')", orderBy => 'eeid asc', page => 1, pageSize => 1 },
		{ fields => \@ASKED, filter => 'eeid eq string', page => 1, pageSize => 1 } ], 'with their bodies');

	# nothing to revoke
	is($test->row(q(SELECT * FROM stakesync_disconnect('key')))->{state}, 'disconnected', 'disconnected');
	is(scalar(my @calls = $proxy->calls), 6, 'without a call');
};

subtest 'the report of older accounts' => sub {
	my $proxy = Proxy->start(\&by_name);
	my %body = (title => 'stakesync', fields => \@REPORTED);
	my $person;

	$prism->forget;
	is($test->connect_to('bamboohr', 'report', $proxy->url, method => 'report')->{state}, 'connected', 'connected');
	$test->import_fields('report', qw(manager mobile_phone));
	is_deeply(outcome($test->read_all('report')), { state => 'done', mode => 'full', records => 1, pages => 1, added => 1, changed => 0,
		unchanged => 0, missing => 0 }, 'a full fetch');
	$person = $test->people('report')->{string};
	is_deeply([ sort grep { !ref $person->{$_} && $person->{$_} =~ /string/ } keys %$person ], [ sort keys %TEXT, qw(name remote_id) ],
		'all texts are there');
	is_deeply([ sort keys %{ $person->{problems} } ], [ sort keys %DATE, qw(country employment_status employment_type mobile_phone) ],
		'all others are problems of their fields');
	is_deeply(outcome($test->read_all('report', q(mode => 'incremental'))), { state => 'done', mode => 'incremental', records => 1, pages => 1,
		added => 0, changed => 0, unchanged => 1, missing => 0 }, 'what changed since');
	is_deeply($test->checked('report'), { login => 'yes', 'stream report' => 'yes' }, 'all that is needed may be read');
	# its document makes up other values for one person than for a report
	# the document gives one person fewer fields than it lets ask for
	is_deeply($test->peek('report', 'string'), { (map { $_ => 'string' } qw(work_email personal_email first_name last_name job_title group_name
		address_line_1 city)), name => 'string string', groups => ['string'] }, 'one person');
	is_deeply($prism->verdict(6), [6], 'six calls, accepted');
	is_deeply([ map { $_->{call} } $proxy->calls ], [ "GET $FIELDS", ("POST $REPORT") x 2, "GET $FIELDS", "POST $REPORT",
		'GET /api/v1/employees/string?fields=' . join(',', @REPORTED) . '&onlyCurrent=false' ], 'every call');
	is_deeply(sent($proxy), [ undef, \%body, { %body, filters => { lastChanged => { value => 'TIME+00:00', includeNull => 'no' } } },
		undef, { %body, fields => [ $REPORTED[0] ] }, undef ], 'with its body');
};

subtest 'the login at the website' => sub {
	my @tokens = map { { access_token => "access-$_", refresh_token => "refresh-$_", expires_in => 3600, token_type => 'Bearer' } } 1 .. 9;
	# the document does not have the login
	my $proxy = Proxy->start(Proxy::route(
		qr{^/token\.php$} => sub { return json_answer(200, $tokens[ $_[1] ]) }, qr{^/api/} => \&by_name));
	my $row;

	$prism->forget;
	$row = $test->connect_to('bamboohr', 'website', $proxy->url, method => 'oauth', settings => { redirect_uri => 'https://example.com/back',
		auth_url => $proxy->url });
	is($row->{state}, 'awaiting_link', 'somebody has to log in');
	$row = $test->row(q(SELECT * FROM stakesync_complete_link('a-code', connection => 'website')));
	is($row->{state}, 'connected', 'with the code that this gave');
	is_deeply(outcome($test->read_all('website')), { state => 'done', mode => 'full', records => 1, pages => 1, added => 1, changed => 0,
		unchanged => 0, missing => 0 }, 'a full fetch');
	is_deeply([ grep { $_ !~ /^Bearer access-\d$/ } map { $_->{headers}{authorization} } $proxy->calls(qr{^/api/}) ], [], 'by token');
	is_deeply($prism->disliked, [], 'every call was accepted');
};

subtest 'random answers are people, and problems of their fields' => sub {
	my @usual = map { qr/^$_$/ } '\w+_date bad_date', 'birthdate bad_date', 'employment_status bad_date', 'mobile_phone (?:invalid_phone|no_country_code)',
	  'pay_rate bad_number', '(?:country|employment_\w+|pay_period|pay_currency) unknown_value';

	foreach my $method (qw(key report))
	{
		my $proxy = Proxy->start(\&random_people);
		my $before = 0;
		my $found;

		is($test->connect_to('bamboohr', "random_$method", $proxy->url, method => $method)->{state}, 'connected', "$method: connected");
		$test->import_fields("random_$method", $method eq 'key' ? @OPTIONAL : qw(manager mobile_phone));
		$prism->forget;
		$found = $test->rounds("random_$method", $dynamic_fetches, sub {
			my @bodies = map { $_->{sent} =~ /firstName/ ? $_->{body} : () } $proxy->calls(qr/datasets|reports/);
			my @new = splice @bodies, $before;

			$before += @new;
			return { map { ($_->{id} // $_->{eeid}) => expected($_) } map { $_->{data} ? map { $_->{fields} } @{ $_->{data} } : @{ $_->{employees} } } @new };
		});
		is_deeply($found->{failed}, [], "$method: everybody came");
		is_deeply($found->{lost}, [], "$method: nothing is lost that the mapping names");
		is_deeply([ grep { !$found->{filled}{$_} && !/^pay_/ } $test->mapped("random_$method") ], [], "$method: every field came at least once");
		is_deeply([ grep { my $problem = $_; !grep { $problem =~ $_ } @usual } sort keys %{ $found->{problems} } ], [],
			"$method: what means nothing is a problem of its field");
		is_deeply($prism->disliked, [], "$method: every request was accepted");
		note "$method: $found->{summary}";
	}
};

subtest 'refusals as described' => sub {
	my %sqlstate = (401 => '28000', 403 => '42501');
	my %words = (401 => 'the HR system does not accept the credentials (HTTP status 401)', 403 => 'the credentials lack a permission (HTTP status 403)');
	my $row;

	# the first call is that of connect
	foreach my $status (400, 401, 403, 404, 413, 422, 500)
	{
		my $proxy = Proxy->start(sub { return $_[1] ? Proxy::pass_on($prism->ask($_[0], Prefer => "code=$status")) : by_name($_[0]) });
		my $tries = $status == 413 ? 3 : 1;

		$test->set('stakesync.max_retries' => $tries - 1);
		is($test->connect_to('bamboohr', "refused_$status", $proxy->url)->{state}, 'connected', "$status: connected");
		$row = $test->read_all("refused_$status");
		is_deeply([ @$row{qw(state requests sqlstate)}, $row->{message} =~ s/, after \d tries$//r ],
			[ 'failed', $tries, $sqlstate{$status} // '38000', $words{$status} // "the HR system answered with HTTP status $status" ], "$status: in words");
		next if $status != 413;
		is_deeply([ map { $_->{pageSize} } @{ sent($proxy) } ], [ 1, 1000, 500, 250 ], "$status: smaller pages first");
	}
};

done_testing();
$test->stop;
