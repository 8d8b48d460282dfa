# Personio as its documents describe it, both generations: Prism answers, and refuses what breaks them
use strict;
use warnings;
use utf8;
use Contract qw(copied corrected day document example outcome text without_times);
use PostgreSQL::Test::Utils;
use Prism;
use Proxy;
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::Json qw(from_json to_json);
use Test::More;

$SIG{TERM} = $SIG{INT} = sub { exit 1 };

my $dynamic_fetches = $ENV{STAKESYNC_TEST_ALL} ? 40 : 6;

my $LIST = '/v1/company/employees';
my $CIRCLE = q(the HR system's pages turn in a circle: the same records came twice);
my @OPTIONAL = qw(manager pay_rate);

# People to a page of random answers, and in all
my $PAGE = 5;
my $PEOPLE = 12;

# Every other value is made up; these are among the rest: what comes, and what becomes of it
my @DATES = (
	[ '2012-02-01T00:00:00+0100', '2012-02-01' ], [ '2020-02-01T00:00:00+0100', '2020-02-01' ], [ '2019-02-28T00:00:00+0100', '2019-02-28' ],
	[ '2012-08-01 00:00:00+02:00', '2012-08-01' ], [ undef, undef ], [ 'soon', 'no day' ]);
my %SOME = (
	hire_date => \@DATES, termination_date => \@DATES,
	status => [ [ 'active', 'ACTIVE' ], [ 'onboarding', 'PENDING' ], [ 'leave', 'LEAVE' ], [ 'inactive', 'INACTIVE' ], [ 'gone', 'no status' ] ],
	employment_type => [ [ 'internal', undef ], [ 'external', 'CONTRACTOR' ] ],
	fix_salary => [ [ 3000, 3000 ], [ 4000, 4000 ], [ '3500.50', 3500.5 ], [ 'much', 'no number' ] ],
	fix_salary_interval => [ [ 'monthly', 'MONTH' ], [ 'yearly', 'YEAR' ], [ 'now and then', 'no period' ] ],
	currency => [ [ 'EUR', 'EUR' ], [ 'CHF', 'CHF' ] ]);
my %WORD = map { $_ => { map { defined $_->[0] ? @$_ : () } @{ $SOME{$_} } } } keys %SOME;

# The document of the list lets data be an object, in every answer, and in this one a list
my $employees = corrected('personio/openapi-v1-employees-trimmed.yaml', sub {
	$_[0] =~ s/(\n    Response:\n(?:      .*\n)*?        data:)\n          type: object\n/$1 {}\n/ or die "its answers have changed\n";
});

# That of the token wants a scope in its answer, which its own example has not
my $token = corrected('personio/openapi-v2-auth.unofficial.yaml', sub {
	$_[0] =~ s/\n        - scope\n/\n/ or die "its answer has changed\n";
});

# That of persons wants a member preferred, and describes preferred_name
my $persons = corrected('personio/openapi-v2-person.unofficial.yaml', sub {
	$_[0] =~ s/\n        - preferred\n/\n        - preferred_name\n/ or die "it has changed\n";
});

# Those of the second generation look for their errors under another name
copied(slurp_file(document('personio/openapi-v2-errors.unofficial.yaml')), 'personio/errors.yaml');

my %prism = (
	auth => Prism->start(document('personio/openapi-v1-auth.yaml'), below => '/v1'),
	employees => Prism->start($employees, below => '/v1'), token => Prism->start($token, below => '/v2'),
	persons => Prism->start($persons, below => '/v2'),
	employments => Prism->start(document('personio/openapi-v2-employment.unofficial.yaml'), below => '/v2'));
my $test = Contract->start('personio');
my $today = $test->today;

# Every document has its Prism; what is given comes first
sub system_with
{
	return Proxy->start(Proxy::route(@_, qr{^/v1/auth$} => $prism{auth}, qr{^/v1/} => $prism{employees}, qr{^/v2/auth/} => $prism{token},
		qr{/employments$} => $prism{employments}, qr{^/v2/} => $prism{persons}));
}

sub forget { $_->forget foreach values %prism; return }

# What each Prism made of so many calls
sub verdicts
{
	my (%calls) = @_;
	return { map { $_ => $prism{$_}->verdict($calls{$_}) } keys %calls };
}

sub disliked { return [ map { @{ $prism{$_}->disliked } } sort keys %prism ] }

# The address of each call, times as words
sub calls { return [ map { [ without_times($_) ] } $_[0]->calls ] }

# Values have no type but an example, of which Prism makes an object: take the example, now and then leave the object
sub plain
{
	my ($value) = @_;

	return [ map { plain($_) } @$value ] if ref $value eq 'ARRAY';
	return $value if ref $value ne 'HASH';
	return rand() < 0.03 ? $value : $value->{examples}[0] if join(' ', keys %$value) eq 'examples';
	return { map { $_ => plain($value->{$_}) } keys %$value };
}

# A random employee with a few values that mean something
sub employee
{
	my ($number, $record) = @_;
	my $person = plain($record->{attributes} // {});

	foreach my $name (grep { ref $person->{$_} eq 'HASH' && rand() < 0.7 } keys %SOME)
	{
		$person->{$name}{value} = $SOME{$name}[ rand @{ $SOME{$name} } ][0];
	}
	$person->{fix_salary}{currency} = $SOME{currency}[ rand 2 ][0] if $person->{fix_salary} && rand() < 0.7;
	$person->{dynamic_1} = { label => 'Geburtstag', value => $DATES[ rand @DATES ][0], universal_id => 'date_of_birth' } if rand() < 0.7;
	# who has no department may have a cost center
	delete $person->{department} if rand() < 0.5;
	$person->{cost_centers}{value} = [ map { { type => 'CostCenter', attributes => { name => "Center $_" } } } 1, 2 ] if rand() < 0.5;
	$person->{id} = { label => 'ID', value => $number, universal_id => 'id' };
	return { type => 'Employee', attributes => $person };
}

# The records of a page, made up by Prism in as many calls as it takes; take gives those of an answer
sub made_up
{
	my ($prism, $request, $from, $size, $take) = @_;
	my $count = $from + $size > $PEOPLE ? $PEOPLE - $from : $size;
	my @records;

	while (@records < $count)
	{
		my $answer = $prism->ask($request, Prefer => 'dynamic=true');
		die "Prism answered $answer->{status}\n" if $answer->{status} != 200;
		push @records, $take->($answer->{body});
	}
	return @records[ 0 .. $count - 1 ];
}

# A page of random employees, few at a time
sub random_employees
{
	my ($request) = @_;
	my ($limit, $offset) = map { $_ // 0 } @{ $request->{query} }{qw(limit offset)};
	my $number = $offset;
	my @people;

	$limit = $PAGE if $limit > $PAGE;
	@people = map { employee(++$number, $_) } made_up($prism{employees}, $request, $offset, $limit, sub { return @{ $_[0]{data} // [] } });
	return json_answer(200, { success => JSON::PP::true(), metadata => { total_elements => $PEOPLE, current_page => int($offset / $limit),
		total_pages => int(($PEOPLE + $limit - 1) / $limit) }, offset => $offset, limit => $limit,
		data => \@people });
}

# What became of a value: one of the words of its field, or none
sub word
{
	my ($name, $value) = @_;
	return !defined $value ? undef : exists $WORD{$name}{$value} ? $WORD{$name}{$value} : "no word: $value";
}

# The text of a value, undef of none; an object is no text
sub value
{
	my ($attribute, @path) = @_;
	my $value = $attribute;

	foreach my $member (@path)
	{
		$value = ref $value eq 'HASH' ? $value->{$member} : ref $value eq 'ARRAY' && $member =~ /^\d+$/ ? $value->[$member] : undef;
	}
	return ref $value ? 'no text' : text($value);
}

# What ought to become of a random employee
sub expected_employee
{
	my ($of) = @_;
	my @path = qw(value attributes name);
	my $department = value($of->{department}, @path);
	my ($first, $last) = map { value($of->{$_}, 'value') } qw(first_name last_name);
	# an object gives way to the next one
	my @groups = ($department, value($of->{cost_centers}, 'value', 0, 'attributes', 'name'), value($of->{team}, @path));
	my ($group) = grep { defined && $_ ne 'no text' } @groups;
	my $is_object = !defined $group && grep { defined } @groups;
	# a short word may well be the code of a currency
	my $currency = value($of->{fix_salary}, 'currency');
	my $is_code = defined $currency && length $currency < 4 && !exists $WORD{currency}{$currency};

	return {
		first_name => $first, last_name => $last, name => text(join ' ', grep { defined } $first, $last), work_email => value($of->{email}, 'value'),
		job_title => value($of->{position}, 'value'), team => value($of->{team}, @path), groups => defined $department ? [$department] : undef,
		$is_object ? () : (group_name => $group),
		start_date => word(hire_date => value($of->{hire_date}, 'value')),
		termination_date => word(termination_date => value($of->{termination_date}, 'value')),
		birthdate => word(hire_date => value($of->{dynamic_1}, 'value')), employment_status => word(status => value($of->{status}, 'value')),
		employment_type => word(employment_type => value($of->{employment_type}, 'value')),
		manager => value($of->{supervisor}, qw(value attributes id value)), pay_rate => word(fix_salary => value($of->{fix_salary}, 'value')),
		pay_period => word(fix_salary_interval => value($of->{fix_salary_interval}, 'value')),
		$is_code ? () : (pay_currency => word(currency => $currency)) };
}

# A page of random persons; the next address is whole, then relative
sub random_persons
{
	my ($request) = @_;
	my $from = $request->{query}{cursor} // 0;
	my $number = $from;
	my @people = made_up($prism{persons}, $request, $from, $PAGE, sub { return @{ $_[0]{_data} } });
	my $next = "/v2/persons?limit=50&cursor=" . ($from + $PAGE);

	foreach my $person (@people)
	{
		$person->{id} = ++$number . '';
		push @{ $person->{custom_attributes} }, { id => 'dynamic_1', type => 'date', value => '1984-02-29', global_id => 'date_of_birth' } if rand() < 0.7;
	}
	$next = "http://$request->{headers}{host}$next" if !$from;
	return json_answer(200, { _data => \@people,
		_meta => { links => { self => { href => $request->{target} }, $from + $PAGE < $PEOPLE ? (next => { href => $next }) : () } } });
}

# Random employments; some begin only tomorrow
sub random_employments
{
	my ($request) = @_;
	my $answer = $prism{employments}->ask($request, Prefer => 'dynamic=true');
	my $number = 0;

	foreach my $job (@{ $answer->{body}{_data} // [] })
	{
		$job->{id} = $number++ . " $job->{id}";
		$job->{employment_start_date} = '2999-01-01' if rand() < 0.2;
	}
	return Proxy::pass_on($answer);
}

# What ought to become of a random person
sub expected_person
{
	my ($of, @jobs) = @_;
	my %status = (ONBOARDING => 'PENDING', UNSPECIFIED => undef, map { $_ => $_ } qw(ACTIVE INACTIVE LEAVE));
	my @dated = map { { %$_, day => day($_->{employment_start_date}) // '0000' } } @jobs;
	my @begun = sort { $b->{day} cmp $a->{day} || $b->{id} cmp $a->{id} } grep { $_->{day} le $today } @dated;
	# of nothing but what is to come the first
	my $job = (@begun, sort { $a->{day} cmp $b->{day} || $b->{id} cmp $a->{id} } @dated)[0] // {};
	my ($first, $last) = map { text($of->{$_}) } qw(first_name last_name);
	my ($birth) = grep { $_->{global_id} eq 'date_of_birth' } @{ $of->{custom_attributes} };

	return {
		first_name => $first, last_name => $last, name => text(join ' ', grep { defined } $first, $last), work_email => text($of->{email}),
		job_title => value($job, qw(position title)), birthdate => $birth && $birth->{value}, start_date => day($job->{employment_start_date}),
		termination_date => day(value($job, qw(termination termination_date)) // $job->{employment_end_date}),
		employment_status => $status{ $job->{status} // 'UNSPECIFIED' }, employment_type => ($job->{type} // '') eq 'EXTERNAL' ? 'CONTRACTOR' : undef,
		manager => value($job, qw(supervisor id)) };
}

# Codes of problems that values without meaning have
sub is_usual { return $_[0] =~ / (?:bad_date|unknown_value|bad_number|not_a_text)$/ }

subtest 'Prism refuses what breaks the descriptions' => sub {
	my $key = to_json({ client_id => 'id', client_secret => 'secret' });
	my $form = 'grant_type=client_credentials&client_id=id&client_secret=secret';
	my %bearer = (Authorization => 'Bearer token');
	my %json = ('Content-Type' => 'application/json');
	my %urlencoded = ('Content-Type' => 'application/x-www-form-urlencoded');
	my @calls = (
		[ 200, 'login', auth => POST => '/v1/auth', \%json, $key ],
		[ 422, 'login without secret', auth => POST => '/v1/auth', \%json, '{"client_id": "id"}' ],
		[ 200, 'employees', employees => GET => "$LIST?limit=100&offset=200&updated_since=2026-01-31T10:00:00", \%bearer ],
		[ 401, 'employees without token', employees => GET => "$LIST?limit=100" ],
		[ 422, 'no rows', employees => GET => "$LIST?limit=0", \%bearer ],
		[ 422, 'rows in words', employees => GET => "$LIST?limit=many", \%bearer ],
		[ 422, 'rows before the first', employees => GET => "$LIST?offset=-1", \%bearer ],
		[ 200, 'token', token => POST => '/v2/auth/token', \%urlencoded, $form ],
		[ 415, 'token by JSON', token => POST => '/v2/auth/token', \%json, $key ],
		[ 422, 'token of another kind', token => POST => '/v2/auth/token', \%urlencoded, $form =~ s/client_credentials/password/r ],
		[ 200, 'persons', persons => GET => '/v2/persons?limit=50', \%bearer ],
		[ 401, 'persons without token', persons => GET => '/v2/persons?limit=50' ],
		[ 400, 'too many persons', persons => GET => '/v2/persons?limit=51', \%bearer ],
		[ 200, 'employments', employments => GET => '/v2/persons/1/employments?limit=50', \%bearer ],
		[ 400, 'too many employments', employments => GET => '/v2/persons/1/employments?limit=51', \%bearer ]);

	foreach my $call (@calls)
	{
		my ($status, $what, $which, @call) = @$call;
		is($prism{$which}->status(@call), $status, $what);
	}
};

subtest 'where the document is behind the facts' => sub {
	my ($limit) = slurp_file(document('personio/openapi-v1-employees-trimmed.yaml')) =~ /(- name: limit\n(?:        .*\n)*)/;

	# 50 unless told and 100 at most since January 2025
	like($limit, qr/default: 10\n/, 'it says that pages have 10 rows unless told');
	unlike($limit, qr/maximum/, 'and knows no largest page');
	# pages were made mandatory there in November 2023
	like(slurp_file(document('personio/openapi-v1-employees-trimmed.yaml')), qr/when using the `updated_since` filter, the `email`, `limit`,.*\n.*are ignored/,
		'it says that what changed since comes in one answer');
	is($test->sql(q(SELECT definition #>> '{streams,0,pages,size}' FROM stakesync_provider WHERE provider = 'personio')), 100,
		'we ask for 100 at a time, also of what changed since');
};

subtest 'every request is as described' => sub {
	my $proxy = system_with();
	my $page = [ "GET $LIST", { limit => 100, offset => 0 } ];

	forget();
	is($test->connect_to('personio', 'direct', $proxy->url)->{state}, 'connected', 'connected');
	is_deeply(verdicts(auth => 1, employees => 1), { auth => [1], employees => [1] }, 'two calls, accepted');

	# the example announces two people and has one, however far on it is asked for
	is_deeply(outcome($test->read_all('direct')), { state => 'failed', mode => 'full', requests => 2, sqlstate => '38000', message => $CIRCLE },
		'a fetch ends where pages bring the same again');
	is_deeply(verdicts(auth => 1, employees => 3), { auth => [1], employees => [3] }, 'two pages, accepted, without another login');
	is_deeply($test->people('direct'), {}, 'and changed nobody');
	is_deeply(calls($proxy), [ ['POST /v1/auth'], [ "GET $LIST", { limit => 1 } ], $page, [ "GET $LIST", { limit => 1, offset => 1 } ] ], 'every call');
	is_deeply(from_json(($proxy->calls)[0]->{sent}), { client_id => 'papi-test-client', client_secret => 'personio-test-secret' }, 'with its body');
	is_deeply([ map { [ @{ $_->{headers} }{qw(authorization accept x-personio-app-id)} ] } ($proxy->calls)[ 1 .. 3 ] ],
		[ ([ 'Bearer ' . ($proxy->calls)[0]->{body}{data}{token}, 'application/json', 'STAKESYNC' ]) x 3 ], 'and headers');

	is($test->row(q(SELECT * FROM stakesync_disconnect('direct')))->{state}, 'disconnected', 'disconnected');
	is(scalar(my @calls = $proxy->calls), 4, 'without a call');
};

subtest 'a whole fetch of the example, then what changed since' => sub {
	my $renamed = 0;
	my $proxy = system_with(qr{^$LIST$} => sub {
		my ($request) = @_;
		my $answer = $prism{employees}->ask($request);
		my $person = $answer->{body}{data}[0]{attributes};

		# the second of the two is his supervisor; later the first has another name
		@{ $person->{id} }{'value'} = 2 if $request->{query}{offset};
		delete $person->{supervisor} if $request->{query}{offset};
		return Proxy::pass_on($answer) if !$request->{query}{updated_since};
		$person->{last_name}{value} = 'Talmann';
		$answer->{body}{metadata}{total_elements} = 1;
		return Proxy::pass_on($answer);
	});
	my %person = (first_name => 'Alexander', last_name => 'Bergmann', name => 'Alexander Bergmann', work_email => 'alexander.bergmann@demo.email',
		job_title => 'CTO', groups => ['Customer Support'], group_name => 'Customer Support', team => 'T_X', start_date => '2014-11-09',
		employment_status => 'ACTIVE', employment_type => 'CONTRACTOR', pay_rate => 3000, pay_period => 'MONTH', pay_currency => 'EUR', problems => {});

	is($test->connect_to('personio', 'example', $proxy->url)->{state}, 'connected', 'connected');
	$test->import_fields('example', @OPTIONAL);
	forget();
	is_deeply(outcome($test->read_all('example')), { state => 'done', mode => 'full', records => 2, pages => 2, added => 2, changed => 0,
		unchanged => 0, missing => 0 }, 'two people');
	is_deeply($test->people('example'), {
		1 => { %person, remote_id => '1', manager => '2', unknown => ['birthdate'] },
		2 => { %person, remote_id => '2', unknown => [ 'birthdate', 'manager' ] } }, 'as the example says');
	is_deeply(outcome($test->read_all('example', q(mode => 'incremental'))), { state => 'done', mode => 'incremental', records => 1, pages => 1,
		added => 0, changed => 1, unchanged => 0, missing => 0 }, 'what changed since');
	is($test->people('example')->{1}{name}, 'Alexander Talmann', 'is there');
	is_deeply(verdicts(auth => 0, employees => 3), { auth => [0], employees => [3] }, 'every call was accepted, and none was a login');
	is_deeply([ @{ calls($proxy) }[ 2 .. 4 ] ], [ [ "GET $LIST", { limit => 100, offset => 0 } ], [ "GET $LIST", { limit => 1, offset => 1 } ],
		[ "GET $LIST", { limit => 100, offset => 0, updated_since => 'TIME' } ] ], 'with all that it needs');
};

subtest 'looking at the connection and at one person' => sub {
	my $proxy = system_with(qr{^$LIST$} => sub {
		my $answer = $prism{employees}->ask(@_);
		$answer->{body}{metadata}{total_elements} = 1;
		return Proxy::pass_on($answer);
	});

	$test->connect_to('personio', 'looked at', $proxy->url);
	$test->import_fields('looked at', @OPTIONAL);
	is($test->read_all('looked at')->{state}, 'done', 'fetched');
	forget();
	is_deeply($test->checked('looked at'), { login => 'yes', 'stream employees' => 'yes' }, 'all that is needed may be read');
	# the example of one person has a birthday, that of the list none
	is_deeply($test->peek('looked at', '1'), { %{ $test->fields_of('looked at', '1') }, birthdate => '1983-08-18' }, 'one person');
	is_deeply(verdicts(auth => 0, employees => 3), { auth => [0], employees => [3] }, 'three calls, accepted');
	is_deeply([ @{ calls($proxy) }[ -2, -1 ] ], [ [ "GET $LIST", { limit => 1, offset => 0 } ], ["GET $LIST/1"] ], 'every call');
};

subtest 'the login of the second generation' => sub {
	my $proxy = system_with(qr{^$LIST$} => sub {
		my $answer = $prism{employees}->ask(@_);
		$answer->{body}{metadata}{total_elements} = 1;
		return Proxy::pass_on($answer);
	});

	forget();
	is($test->connect_to('personio', 'login', $proxy->url, method => 'v2')->{state}, 'connected', 'connected');
	is_deeply(outcome($test->read_all('login')), { state => 'done', mode => 'full', records => 1, pages => 1, added => 1, changed => 0,
		unchanged => 0, missing => 0 }, 'a full fetch');
	is_deeply(verdicts(token => 1, employees => 2, auth => 0), { token => [1], employees => [2], auth => [0] }, 'every call was accepted');
	is_deeply(calls($proxy), [ ['POST /v2/auth/token'], [ "GET $LIST", { limit => 1 } ], [ "GET $LIST", { limit => 100, offset => 0 } ] ], 'every call');
	is_deeply([ sort split /&/, ($proxy->calls)[0]->{sent} ],
		[ 'client_id=papi-test-client', 'client_secret=personio-test-secret', 'grant_type=client_credentials' ], 'a form');
};

subtest 'persons and their employments' => sub {
	my $proxy = system_with();

	forget();
	is($test->connect_to('personio', 'persons', $proxy->url, method => 'persons')->{state}, 'connected', 'connected');
	$test->import_fields('persons', 'manager');
	is_deeply(outcome($test->read_all('persons')), { state => 'done', mode => 'full', records => 1, pages => 1, added => 1, changed => 0,
		unchanged => 0, missing => 0 }, 'a full fetch');
	is_deeply($test->people('persons'), { string => { remote_id => 'string', (map { $_ => 'string' } qw(work_email first_name last_name job_title)),
		name => 'string string', start_date => '2019-08-24', termination_date => '2019-08-24', employment_status => 'ACTIVE', problems => {},
		unknown => ['birthdate'] } }, 'all that was made up is there');
	is_deeply($test->checked('persons'), { login => 'yes', 'stream persons' => 'yes', 'stream employments' => 'yes' }, 'all that is needed may be read');
	is_deeply($test->peek('persons', 'string'), $test->fields_of('persons', 'string'), 'one person, as fetched');
	is_deeply(verdicts(token => 1, persons => 5, employments => 3), { token => [1], persons => [5], employments => [3] }, 'every call was accepted');
	is_deeply(calls($proxy), [ ['POST /v2/auth/token'], [ 'GET /v2/persons', { limit => 1 } ], [ 'GET /v2/persons', { limit => 50 } ],
		[ 'GET /v2/persons/string/employments', { limit => 50 } ],
		# looked at
		[ 'GET /v2/persons', { limit => 1 } ], [ 'GET /v2/persons', { limit => 50 } ], [ 'GET /v2/persons/string/employments', { limit => 50 } ],
		# and at one of them
		[ 'GET /v2/persons', { id => 'string' } ], [ 'GET /v2/persons/string/employments', { limit => 50 } ] ], 'every call');
	is($test->row(q(SELECT * FROM stakesync_disconnect('persons')))->{state}, 'disconnected', 'disconnected');
	is(scalar(my @calls = $proxy->calls), 9, 'without a call');
};

subtest 'random employees are people, and problems of their fields' => sub {
	my $proxy = system_with(qr{^$LIST$} => \&random_employees);
	my $before = 1;
	my $found;

	is($test->connect_to('personio', 'random', $proxy->url)->{state}, 'connected', 'connected');
	$test->import_fields('random', @OPTIONAL);
	forget();
	$found = $test->rounds('random', $dynamic_fetches, sub {
		my @new = splice @{ [ $proxy->bodies(qr/employees/) ] }, $before;
		$before += @new;
		return { map { $_->{id}{value} => expected_employee($_) } map { map { $_->{attributes} } @{ $_->{data} } } @new };
	});
	is_deeply($found->{failed}, [], 'everybody came');
	is_deeply($found->{lost}, [], 'nothing is lost that the mapping names');
	is_deeply([ grep { !$found->{filled}{$_} } $test->mapped('random') ], [], 'every field came at least once');
	is_deeply([ grep { !is_usual($_) } sort keys %{ $found->{problems} } ], [], 'what means nothing is a problem of its field');
	is_deeply(disliked(), [], 'every request was accepted');
	note $found->{summary};
};

subtest 'random persons are people, and problems of their fields' => sub {
	my $proxy = system_with(qr{^/v2/persons$} => \&random_persons, qr{/employments$} => \&random_employments);
	my $before = 0;
	my $found;

	is($test->connect_to('personio', 'random_persons', $proxy->url, method => 'persons')->{state}, 'connected', 'connected');
	$test->import_fields('random_persons', 'manager');
	$before = $proxy->calls;
	forget();
	$found = $test->rounds('random_persons', $dynamic_fetches, sub {
		my @new = splice @{ [ $proxy->calls ] }, $before;
		my %jobs = map { $_->{path} =~ m{persons/(.+)/employments} ? ($1 => $_->{body}{_data} // []) : () } @new;
		my @people = map { $_->{path} =~ /persons$/ ? @{ $_->{body}{_data} } : () } @new;

		$before += @new;
		return { map { $_->{id} => expected_person($_, @{ $jobs{ $_->{id} } }) } @people };
	});
	is_deeply($found->{failed}, [], 'everybody came');
	is_deeply($found->{lost}, [], 'nothing is lost that the mapping names');
	is_deeply([ grep { !$found->{filled}{$_} } $test->mapped('random_persons') ], [], 'every field came at least once');
	is_deeply([ sort keys %{ $found->{problems} } ], [], 'all of it means something');
	is_deeply(disliked(), [], 'every request was accepted');
};

subtest 'refusals from the wild' => sub {
	my $errors = example('personio/examples/errors.json');
	my @cases = (
		[ v1_401 => 401, '28000', 'the HR system does not accept the credentials (HTTP status 401)' ],
		# another token is asked for first
		[ v1_403 => 403, '42501', 'the credentials lack a permission (HTTP status 403)' ],
		[ v1_404 => 404, '38000', 'the HR system answered with HTTP status 404' ],
		[ v1_404 => 200, '38000', 'the HR system refused, in an answer with a good status: $.success is not true' ],
		[ v1_500 => 500, '38000', 'the HR system answered with HTTP status 500' ],
		[ v2_400 => 400, '38000', 'the HR system answered with HTTP status 400' ],
		[ v2_403 => 403, '42501', 'the credentials lack a permission (HTTP status 403)' ],
		[ v2_404 => 404, '38000', 'the HR system answered with HTTP status 404' ]);

	$test->set('stakesync.max_retries' => 0);
	foreach my $case (@cases)
	{
		my ($name, $status, $sqlstate, $message) = @$case;
		my $what = "$name with status $status";
		my $refuse = sub { return json_answer($status, $errors->{$name}) };
		my $proxy = system_with(
			qr{^$LIST$} => sub { return $_[0]{query}{limit} > 1 ? $refuse->() : Proxy::pass_on($prism{employees}->ask($_[0])) },
			qr{^/v2/persons$} => sub { return $_[0]{query}{limit} > 1 ? $refuse->() : Proxy::pass_on($prism{persons}->ask($_[0])) });
		my $row;

		is($test->connect_to('personio', $what, $proxy->url, method => $name =~ /^v1/ ? 'v1' : 'persons')->{state}, 'connected', "$what: connected");
		$row = $test->read_all($what);
		is_deeply([ @$row{qw(state sqlstate message)} ], [ 'failed', $sqlstate, $message ], "$what: in our words");
	}
};

subtest 'logins that are refused' => sub {
	my $errors = example('personio/examples/errors.json');
	my @cases = ([ v1 => qr{^/v1/auth$} => 403, $errors->{v1_403} ], [ v2 => qr{^/v2/auth/token$} => 400, $errors->{v2_token_400} ]);

	foreach my $case (@cases)
	{
		my ($method, $path, $status, $body) = @$case;
		my $proxy = system_with($path => sub { return json_answer($status, $body) });
		my $row = $test->connect_to('personio', "stranger_$method", $proxy->url, method => $method);

		is($row->{state}, 'failing', "$method: not connected");
		like($row->{next_step}, qr/^the HR system does not accept the credentials \(HTTP status $status at login\)\. Check them/, "$method: in our words");
		is(scalar(my @calls = $proxy->calls), 1, "$method: asked once");
		is($test->sql("SELECT count(*) FROM stakesync.connection WHERE connection = 'stranger_$method'"), 0, "$method: nothing is stored");
	}
};

done_testing();
$test->stop;
