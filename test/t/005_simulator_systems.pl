# The simulator's Personio, HiBob, made-up system and login pages; needs no PostgreSQL: prove -I test/perl test/t/005_simulator_systems.pl
use strict;
use warnings;
use utf8;
use Compress::Zlib qw(memGunzip);
use StakesyncSim;
use StakesyncSim::Control;
use StakesyncSim::Json qw(bool from_json to_json);
use StakesyncSim::Store;
use Test::More;
use Time::HiRes qw(time);

my $TODAY = '2026-03-10';
my $EMPLOYEES = '/v1/company/employees';
my $SEARCH = '/v1/people/search';
my $JSON = 'application/json';
my $FORM = 'application/x-www-form-urlencoded';
my $sim = StakesyncSim->start(today => $TODAY, people => 120);
my $expect = $sim->expect;
my (%login, @merge, %merge);

# Poll for a state; one that never comes ends the test
sub wait_until
{
	my ($reached, $what) = @_;
	my $end = time + 30;

	until ($reached->())
	{
		die "waited in vain for $what\n" if time > $end;
		select undef, undef, undef, 0.01;
	}
	return;
}

# Limits are for the tests of limits
sub start_afresh
{
	$sim->post('/control/reset');
	$sim->switch('personio', per_second => 0, per_minute => 0, auth_per_minute => 0);
	$sim->switch('hibob', per_minute => 0);
	$login{$_} = $sim->login($_) for qw(personio hibob generic);
	return;
}

# One call with the login of its system
sub call
{
	my ($system, $method, $path, %options) = @_;
	return $sim->request($method, $path, %options, headers => { %{ $login{$system} }, %{ $options{headers} // {} } });
}

sub data_of
{
	my ($answer) = @_;
	return $answer->{status} =~ /^2/ ? from_json($answer->{body}) : die "$answer->{status} $answer->{body}";
}

sub get_personio { return data_of(call(personio => GET => @_)) }

sub status_of { return call(@_)->{status} }

sub bytes_of
{
	my $text = to_json($_[0]);
	utf8::encode($text);
	return $text;
}

sub search
{
	my (%body) = @_;
	return call(hibob => POST => $SEARCH, body => bytes_of(\%body), headers => { 'Content-Type' => $JSON });
}

sub found { return @{ data_of(search(@_))->{employees} } }

# All employees of Personio as {attribute: value} by id
sub personio_people
{
	my ($parameters) = @_;
	my (%people, $total);

	for (my $offset = 0; !defined $total || $offset < $total; $offset += 100)
	{
		my $page = get_personio("$EMPLOYEES?limit=100&offset=$offset" . ($parameters // ''));
		$total = $page->{metadata}{total_elements};
		foreach my $record (@{ $page->{data} })
		{
			my $attributes = $record->{attributes};
			$people{ $attributes->{id}{value} } = { map { $_ => $attributes->{$_}{value} } keys %$attributes };
		}
	}
	return \%people;
}

# What Merge tells, for the comparison
sub read_merge
{
	my $next;

	do
	{
		my $page = $sim->get('/hris/v1/employees?page_size=100&expand=employments,groups,home_location,manager,work_location'
			. (defined $next ? '&cursor=' . StakesyncSim::escaped($next) : ''));
		push @merge, @{ $page->{results} };
		$next = $page->{next};
	} while (defined $next);
	%merge = map { $_->{employee_number} => $_ } grep { ($_->{employee_number} // '') =~ /\S/ } @merge;
	$_->{job} = merge_job($_) for values %merge;
	return;
}

# The employment in force: the latest, of two of one day the last; of those who have not begun the one to come
sub merge_job
{
	my ($person) = @_;
	my ($job) = reverse sort { ($a->{effective_date} // '') cmp($b->{effective_date} // '') }
	  grep { substr($_->{effective_date} // '', 0, 10) le $TODAY } @{ $person->{employments} };
	return $job // $person->{employments}[0];
}

start_afresh();
read_merge();

subtest 'no path belongs to two systems' => sub {
	my $control = StakesyncSim::Control->new(people => 0, today => $TODAY);

	foreach my $path (qw(/hris/v1/employees /v1/auth /v1/company/employees /v1/company/employees/attributes /v2/auth/token
		/v2/persons/1/employments /v1/people/search /v1/company/people/fields /v1/company/named-lists/site /v1/people/1
		/generic/workers /oauth/token /oauth/authorize /api/v1/employees /api/v1_2/x /api/v2/datasets/employee/data
		/api/people /api/job-roles /api/v3/users /lucca-api/employees /connect/token))
	{
		is(scalar(grep { $_->handles($path) } @{ $control->{providers} }), 1, $path);
	}
};

subtest 'tokens of Personio' => sub {
	my $credentials = $sim->credentials('personio');
	my %given = %$credentials;
	my $token = sub { from_json($_[0]{body})->{data}{token} };
	my $answer = $sim->send_form('/v1/auth', %given);

	is($answer->{status}, 200, 'by form');
	is(from_json($answer->{body})->{data}{expires_in}, 86400, 'for a day');
	is($token->($answer), $sim->send_json('/v1/auth', \%given)->{data}{token}, 'by JSON the same one again');
	is($sim->send_form('/v1/auth', client_id => $given{client_id})->{status}, 400, 'no secret');
	is($sim->send_form('/v1/auth', %given, client_secret => 'other')->{status}, 403, 'another secret');
	is($sim->request(GET => $EMPLOYEES)->{body}, '{"error":{"code":401,"message":"Authorization is not provided"},"success":false}', 'no token');
	is($sim->request(GET => $EMPLOYEES, headers => { Authorization => 'Bearer papi-other' })->{status}, 403, 'another token');
	is(call(personio => GET => $EMPLOYEES)->{headers}{authorization}, $login{personio}{Authorization}, 'an answer names the token');

	is($sim->expire_tokens('personio'), 1, 'tokens expire');
	is(status_of(personio => GET => $EMPLOYEES), 401, 'and are refused');
	$sim->switch('personio', expired_status => 403);
	is(status_of(personio => GET => $EMPLOYEES), 403, 'the other way');
	isnt($token->($sim->send_form('/v1/auth', %given)), $token->($answer), 'a new one comes');
	$sim->switch('personio', auth_per_minute => 2);
	is(join(' ', map { $sim->send_form('/v1/auth', %given)->{status} } 1 .. 3), '200 200 429', 'so many a minute');

	start_afresh();
	$answer = $sim->request(POST => '/v2/auth/token', body => bytes_of({ %given, grant_type => 'client_credentials' }), headers => { 'Content-Type' => $JSON });
	is($answer->{status}, 400, 'v2: no JSON');
	is_deeply(from_json($answer->{body})->{meta}{missing_parameters}, [qw(grant_type client_id client_secret)], 'it sees no members');
	$answer = from_json($sim->send_form('/v2/auth/token', %given, grant_type => 'client_credentials', scope => 'personio:persons:read')->{body});
	is("$answer->{token_type} $answer->{scope}", 'Bearer personio:persons:read', 'v2: by form');
	is($sim->request(GET => '/v2/persons', headers => { Authorization => "Bearer $answer->{access_token}" })->{status}, 200, 'for persons');
	is($sim->request(GET => $EMPLOYEES, headers => { Authorization => "Bearer $answer->{access_token}" })->{status}, 403, 'for nothing else');
	is($sim->send_form('/v2/auth/token', %given, grant_type => 'client_credentials', scope => 'all')->{status}, 400, 'unknown scope');
	is($sim->send_form('/v2/auth/token', %given, grant_type => 'password')->{status}, 400, 'unknown grant type');
	is($sim->send_form('/v2/auth/token', %given, client_secret => 'x', grant_type => 'client_credentials')->{status}, 401, 'another secret');
	is($sim->send_form('/v2/auth/revoke', token => $answer->{access_token})->{body}, '', 'revoked');
	is($sim->request(GET => '/v2/persons', headers => { Authorization => "Bearer $answer->{access_token}" })->{status}, 401, 'and refused');
	$sim->switch('personio', v1 => 0);
	is(status_of(personio => GET => $EMPLOYEES), 404, 'v1 taken away');
	is(status_of(personio => GET => '/v2/persons'), 200, 'v2 stays');
	$sim->switch('personio', v1 => 1, v1_auth => 0);
	is($sim->send_form('/v1/auth', %given)->{status} . ' ' . status_of(personio => GET => $EMPLOYEES), '404 200', 'the login of v1 alone');
	is($sim->post('/control/key', { provider => 'personio' })->{client_secret}, 'personio-test-key-1', 'another secret from now on');
	like(eval { $sim->switch('personio', nonsense => 1) } // $@, qr/no switch nonsense/, 'unknown switch');
	start_afresh();
};

subtest 'pages of Personio' => sub {
	my $page = get_personio("$EMPLOYEES?attributes%5B%5D=id");
	is(scalar @{ $page->{data} }, 50, '50 unless told');
	is_deeply($page->{metadata}, { total_elements => 120, current_page => 0, total_pages => 3 }, 'pages are counted from 0');
	$page = get_personio("$EMPLOYEES?limit=500&offset=30&attributes%5B%5D=id");
	is("$page->{limit} $page->{offset} " . @{ $page->{data} }, '100 30 90', '100 at most, and rows are counted');
	is_deeply(get_personio("$EMPLOYEES?limit=10&offset=200")->{data}, [], 'nothing beyond the end');
	is(status_of(personio => GET => "$EMPLOYEES?page=2"), 400, 'unknown parameter');
	is(status_of(personio => GET => "$EMPLOYEES?limit=0"), 400, 'no limit');
	is(scalar keys %{ personio_people('&attributes%5B%5D=id') }, 120, 'everybody');
	is_deeply([ sort keys %{ get_personio("$EMPLOYEES?limit=1&attributes%5B%5D=email&attributes%5B%5D=dynamic_2401&attributes%5B%5D=none")->{data}[0]{attributes} } ],
		[qw(dynamic_2401 email id)], 'attributes[] repeated; id comes anyway, what is unknown does not');
	is(scalar @{ get_personio("$EMPLOYEES?email=" . StakesyncSim::escaped($merge{'000001'}{work_email}))->{data} }, 1, 'by email');
	is(get_personio("$EMPLOYEES/4007")->{data}{attributes}{dynamic_2401}{value}, '000001', 'one by id');
	is(status_of(personio => GET => "$EMPLOYEES/99"), 404, 'unknown id');
	is(status_of(personio => POST => $EMPLOYEES), 405, 'unknown method');

	$sim->switch('personio', per_second => 15);
	is(join(' ', map { status_of(personio => GET => "$EMPLOYEES?limit=1") } 1 .. 16), '200 ' x 15 . '429', '15 a second');
	start_afresh();
};

subtest 'changes in Personio' => sub {
	my ($moved, $named) = map { $_->{employee_number} } (grep { $_->{employment_status} eq 'ACTIVE' && $_->{employee_number} =~ /^0/ } values %merge)[ 3, 4 ];
	my $since = substr StakesyncSim::Store::moment_text(StakesyncSim::Store::now_micros()), 0, 19;
	my $changed = sub { get_personio("$EMPLOYEES?updated_since=" . StakesyncSim::escaped($since) . "$_[0]") };

	is($changed->('')->{metadata}{total_elements}, 0, 'nobody yet');
	wait_until(sub { StakesyncSim::Store::moment_text(StakesyncSim::Store::now_micros()) gt "$since~" }, 'another second');
	$sim->change($moved, city => 'Bern');
	$sim->change($named, last_name => 'Straße');
	is($changed->('&limit=1')->{metadata}{total_elements}, 2, 'two');
	is(scalar @{ $changed->('&limit=1&offset=1')->{data} }, 1, 'in pages');
	is($changed->('&email=nobody')->{metadata}{total_elements}, 2, 'an email is not looked at');
	is($changed->('&attributes%5B%5D=last_name')->{metadata}{total_elements}, 1, 'one whose name changed');
	is($changed->('&attributes%5B%5D=dynamic_2405&attributes%5B%5D=last_name')->{metadata}{total_elements}, 2, 'two whose name or town changed');
	is($changed->('&attributes%5B%5D=gender')->{metadata}{total_elements}, 0, 'nobody changed the gender');
	is(status_of(personio => GET => "$EMPLOYEES?updated_since=${since}Z"), 400, 'a time has no zone');
	is(status_of(personio => GET => "$EMPLOYEES?updated_since=$TODAY"), 200, 'a day will do');
	$sim->post('/control/change', { employee_number => $moved, set => { city => 'Chur' }, quiet => bool(1) });
	start_afresh();
};

subtest 'people of Personio' => sub {
	my $people = personio_people();
	my %id = map { ($_->{dynamic_2401} // '') => $_->{id} } values %$people;
	my %status = (ACTIVE => 'active', PENDING => 'onboarding', INACTIVE => 'inactive');
	my ($compared, %forms, %count) = (0);

	foreach my $number (sort keys %merge)
	{
		my ($one, $other) = ($merge{$number}, $people->{ $id{$number} });
		my $job = $one->{job};
		my ($manager) = map { ref $_ ? $_->{employee_number} : undef } $one->{manager};
		my @same = (
			[ map { $one->{$_} } qw(first_name last_name work_email personal_email mobile_phone_number) ],
			[ map { $other->{$_} } qw(first_name last_name email dynamic_2407 dynamic_2408) ]);
		push @{ $same[0] }, map { defined ? substr $_, 0, 10 : undef } @$one{qw(start_date termination_date date_of_birth)};
		push @{ $same[1] }, map { defined ? substr $_, 0, 10 : undef } @$other{qw(hire_date termination_date dynamic_2409)};
		push @{ $same[0] }, $job->{job_title}, ($job->{pay_period} // '') eq 'HOUR' ? () : $job->{pay_rate};
		push @{ $same[1] }, $other->{position}, ($job->{pay_period} // '') eq 'HOUR' ? () : $other->{fix_salary};
		push @{ $same[0] }, defined $manager && $id{$manager} ? $id{$manager} : ();
		push @{ $same[1] }, defined $manager && $id{$manager} ? $other->{supervisor}{attributes}{id}{value} : ();
		push @{ $same[0] }, $one->{home_location} ? $one->{home_location}{city} : undef;
		push @{ $same[1] }, $other->{dynamic_2405};
		is_deeply($same[1], $same[0], "person $number") or last;
		is($other->{status}, $status{ $one->{employment_status} }, "person $number: status") unless $other->{status} eq 'leave';
		$compared++;
	}
	is($compared, $expect->{usable_employee_numbers}, 'the same people as Merge shows');
	$count{ $_->{status} }++ for values %$people;
	is_deeply(\%count, {
		active => $expect->{active} - 2, inactive => $expect->{leavers}, onboarding => $expect->{pending}, leave => 2 }, 'states, two on leave');
	is($expect->{on_leave}, 2, 'as expected');
	$forms{ (s/\d/9/gr) =~ s/99:99:99/midnight/r }++ for grep { defined } map { $_->{hire_date} } values %$people;
	ok($forms{$_}, "hire_date: $_") for '9999-99-99Tmidnight+99:99', '9999-99-99Tmidnight+9999', '9999-99-99 midnight+99:99';
	ok(!grep({ $_->{hire_date} && $_->{hire_date} =~ /-0[678]-.*\+01/ } values %$people), 'summer time in summer');
	ok(grep({ $_->{hire_date} && $_->{hire_date} =~ /-01-.*\+01/ } values %$people), 'none in winter');
	is(join(' ', sort keys %{ { map { $_->{employment_type} => 1 } values %$people } }), 'external internal', 'employment types');
	is(scalar(grep { ($_->{weekly_working_hours} // '') !~ /^(?:40|38\.5|24|)$/ } values %$people), 0, 'hours');
	like(call(personio => GET => "$EMPLOYEES?limit=1&attributes%5B%5D=weekly_working_hours")->{body}, qr/"value":"/, 'as texts');
	like(call(personio => GET => "$EMPLOYEES?limit=1")->{body}, qr/"label":"Vorname"/, 'German labels');
	is(scalar(grep { defined $_->{dynamic_2417} } values %$people), scalar(grep { ($_->{custom_fields} // {})->{IBAN} } @merge), 'IBAN');
	is_deeply([ grep { $_->{key} eq 'dynamic_2417' } @{ get_personio("$EMPLOYEES/attributes")->{data} } ],
		[ { key => 'dynamic_2417', label => 'IBAN', type => 'standard', universal_id => 'iban', options => [] } ], 'attributes are listed');

	$sim->scope('personio', omit => [qw(email dynamic_2417)], null => ['gender']);
	my $first = get_personio("$EMPLOYEES?limit=1")->{data}[0]{attributes};
	ok(!exists $first->{email} && exists $first->{gender} && !defined $first->{gender}{value}, 'what is not permitted is absent');
	is(scalar(grep { $_->{key} =~ /^(?:email|dynamic_2417)$/ } @{ get_personio("$EMPLOYEES/custom-attributes")->{data} }), 0, 'and not listed');
	$sim->scope('personio', scopes => ['absences:read']);
	$login{personio} = $sim->login('personio');
	is(status_of(personio => GET => $EMPLOYEES), 200, 'a token keeps its scope');
	$sim->expire_tokens('personio');
	$login{personio} = $sim->login('personio');
	is(status_of(personio => GET => $EMPLOYEES), 403, 'a new one has less');
	start_afresh();
};

subtest 'second API of Personio' => sub {
	my ($path, @persons, $answer, $person) = '/v2/persons?limit=50';
	my %number = map { $_->{id} => $_->{dynamic_2401} } values %{ personio_people('&attributes%5B%5D=dynamic_2401') };
	my ($moment, $url) = (StakesyncSim::escaped(StakesyncSim::Store::moment_text(StakesyncSim::Store::now_micros())), $sim->url);

	while (defined $path)
	{
		my $page = get_personio($path);
		push @persons, @{ $page->{_data} };
		$path = $page->{_meta}{links}{next} ? $page->{_meta}{links}{next}{href} : undef;
		is($path =~ s/^\Q$url\E//, 1, 'an address of this host') if defined $path;
	}
	is(scalar @persons, 120, 'everybody');
	is(scalar @{ get_personio('/v2/persons')->{_data} }, 10, '10 unless told');
	$answer = call(personio => GET => '/v2/persons?limit=51');
	is("$answer->{status} $answer->{headers}{'content-type'}", '400 application/problem+json', '50 at most');
	is(status_of(personio => GET => '/v2/persons?cursor=cur_abc'), 400, 'no cursor of ours');
	is(status_of(personio => GET => '/v2/persons?offset=10'), 400, 'unknown parameter');
	$sim->switch('personio', next_href => 'relative');
	like(get_personio('/v2/persons')->{_meta}{links}{next}{href}, qr{^/v2/persons\?cursor=cur_.*%}, 'a relative address');

	($person) = grep { ($number{ $_->{id} } // '') eq '000003' } @persons;
	is($person->{first_name}, $merge{'000003'}{first_name}, 'one id in both');
	is_deeply([ map { [ keys %$_ ] } @{ $person->{employments} } ], [ ['id'], ['id'] ], 'employments by id only');
	$answer = get_personio("/v2/persons/$person->{id}/employments?limit=1");
	is($answer->{_data}[0]{employment_start_date}, substr($merge{'000003'}{start_date}, 0, 10), 'the newest employment first');
	is(get_personio($answer->{_meta}{links}{next}{href})->{_data}[0]{status}, 'INACTIVE', 'then the former one');
	is(scalar(grep { $_->{employments}[0]{id} =~ /-/ } @persons), 120, 'everybody has one');
	is(status_of(personio => GET => '/v2/persons/1/employments'), 404, 'unknown person');
	is(scalar @{ get_personio('/v2/persons?limit=50&status=INACTIVE')->{_data} }, $expect->{leavers}, 'leavers');
	is(scalar @{ get_personio("/v2/persons?id=$persons[0]{id},$persons[1]{id}")->{_data} }, 2, 'two by id');
	$sim->change('000003', city => 'Bern');
	is(scalar @{ get_personio("/v2/persons?updated_at.gt=$moment")->{_data} }, 1, 'changed since');
	is(status_of(personio => GET => '/v2/persons?updated_at.gt=yesterday'), 400, 'no time');

	my ($unit) = map { $_->{org_units}[-1]{id} } @{ get_personio("/v2/persons/$person->{id}/employments")->{_data} };
	is(status_of(personio => GET => '/v2/org-units'), 404, 'not without the header');
	my $units = data_of(call(personio => GET => '/v2/org-units?type=department&limit=50', headers => { Beta => 'true' }))->{_data};
	is(scalar(grep { $_->{id} eq $unit } @$units), 1, 'the name of a department');
	is(status_of(personio => GET => '/v2/legal-entities'), 200, 'companies without it');
	$sim->scope('personio', omit => [qw(dynamic_2401 email)]);
	$person = get_personio("/v2/persons/$person->{id}");
	ok(!exists $person->{email} && !grep({ $_->{id} eq 'dynamic_2401' } @{ $person->{custom_attributes} }), 'what is not permitted is absent');
	start_afresh();
};

subtest 'refusals of HiBob' => sub {
	my $post = sub { call(hibob => POST => $SEARCH, body => $_[0], headers => { 'Content-Type' => $_[1] // $JSON })->{status} };

	is($sim->request(POST => $SEARCH, body => '{}', headers => { 'Content-Type' => $JSON })->{status}, 401, 'no login');
	is($post->('{}', 'text/plain'), 400, 'no JSON');
	is($post->('[]'), 400, 'no object');
	is(search(fields => [ map { "root.x$_" } 1 .. 401 ])->{status}, 400, 'more than 400 fields');
	is(search(fields => [ map { "root.x$_" } 1 .. 400 ])->{status}, 200, 'unknown fields are no error');
	is(search(filters => [])->{status}, 400, 'no filter in the list');
	is(search(filters => [ { fieldPath => 'work.site', operator => 'equals', values => ['x'] } ])->{status}, 400, 'a filter on another field');
	is(search(filters => [ { fieldPath => 'root.id', operator => 'contains', values => ['x'] } ])->{status}, 400, 'another operator');
	is(search(filters => [ { fieldPath => 'root.id', operator => 'equals', values => ['x'] } ])->{status}, 200, 'a filter by id');
	is(search(humanReadable => 'YES')->{status}, 400, 'humanReadable is one of two words');
	is(search(showInactive => 'true')->{status}, 400, 'showInactive is no text');
	is(search(limit => 10)->{status}, 400, 'unknown member');
	is(status_of(hibob => GET => $SEARCH), 404, 'no GET');
	is(status_of(hibob => GET => '/v1/people'), 404, 'nor the list that once was');
};

subtest 'people of HiBob' => sub {
	my $metadata = data_of(call(hibob => GET => '/v1/company/people/fields'));
	my @ids = map { $_->{id} } @$metadata;
	my @batches = ([ @ids[ 0 .. 399 ] ], [ @ids[ 400 .. $#ids ] ]);
	my $lists = data_of(call(hibob => GET => '/v1/company/named-lists'));
	my (%people, %in_words, %name, $compared);

	cmp_ok(scalar @ids, '>', 440, 'more fields than one call takes');
	is_deeply([ sort keys %{ $metadata->[0] } ], [qw(category categoryDisplayName categoryId description historical id jsonPath name type typeData)], 'a field');
	is((grep { $_->{id} eq 'root.firstName' } @$metadata)[0]{jsonPath}, 'firstName', 'where it is');
	foreach my $batch (@batches)
	{
		$people{ $_->{id} } = { %{ $people{ $_->{id} } // {} }, %$_ } for found(fields => $batch, showInactive => bool(1));
	}
	is(scalar keys %people, 120, 'everybody');
	is(scalar(found()), $expect->{active}, 'without those who left or have not begun unless asked for');
	$sim->switch('hibob', leavers => 0);
	is(scalar(found(showInactive => bool(1))), 120 - $expect->{leavers}, 'nor where the service user may not');
	$sim->switch('hibob', leavers => 1);

	# Lists in words
	my @items = map { @{ $_->{items} } } values %$lists;
	while (my $item = shift @items) { $name{ $item->{id} } = $item->{name}; push @items, @{ $item->{children} } }
	my %by_number = map { ($_->{'/work' . '/custom/field_1650000000001'}{value} // '') => $_ } values %people;
	foreach my $number (sort keys %merge)
	{
		my ($one, $other) = ($merge{$number}, $by_number{$number});
		my $job = $one->{job};
		my ($department) = map { $_->{name} } grep { ref && ($_->{type} // '') eq 'DEPARTMENT' } @{ $one->{groups} };
		is_deeply(
			[ @$other{qw(firstName surname email)}, @{ $other->{work} }{qw(startDate)}, $other->{internal}{terminationDate},
				map { defined ? $name{$_} : undef } @{ $other->{work} }{qw(department title)} ],
			[ @$one{qw(first_name last_name work_email)}, (map { defined ? substr $_, 0, 10 : undef } @$one{qw(start_date termination_date)}),
				$department, $job->{job_title} ], "person $number") or last;
		is_deeply($other->{payroll}{salary}{payment}, defined $job->{pay_rate} ? { value => $job->{pay_rate}, currency => $job->{pay_currency} } : undef, "person $number: pay");
		is($other->{work}{employeeIdInCompany}, $number =~ /^\d+$/ ? $number + 0 : undef, "person $number: as a whole number");
		is($other->{work}{reportsTo}{email}, $one->{manager}{work_email}, "person $number: manager") if ref $one->{manager};
		$compared++;
	}
	is($compared, $expect->{usable_employee_numbers}, 'the same people as Merge shows');

	# Forms of a value
	my $slash = '/' . join '/', 'work', 'department';
	my ($person) = found(fields => [ $slash, 'home.privateEmail', 'address.postCode', 'work.isManager', 'payroll.employment.weeklyHours', 'work.startDate', 'nothing.at.all' ]);
	is_deeply($person->{$slash}, { value => $person->{work}{department} }, 'nested and slashed');
	ok(exists $person->{'/home' . '/privateEmail'} && !exists $person->{home}, 'slashed only');
	ok(exists $person->{address}{postCode} && !grep({ m{postCode} } keys %$person), 'nested only');
	like($person->{id}, qr/^\d{19}$/, 'an id of 19 digits');
	my ($same) = found(fields => [ 'work.department', 'work.isManager', 'work.startDate', 'payroll.employment.weeklyHours' ], humanReadable => 'APPEND');
	is($same->{humanReadable}{work}{department}, $name{ $same->{work}{department} }, 'APPEND: words beside');
	like($same->{humanReadable}{work}{startDate}, qr{^\d\d/\d\d/\d{4}$}, 'dates as on the screen');
	($same) = found(fields => [ 'work.department', 'work.isManager', 'work.startDate', 'payroll.employment.weeklyHours' ], humanReadable => 'REPLACE');
	is($same->{work}{department}, $name{ $person->{work}{department} }, 'REPLACE: words instead');
	like($same->{work}{isManager}, qr/^(?:Yes|No)$/, 'of truth values too');
	like(bytes_of($same), qr/"weeklyHours":"\d+"/, 'numbers as texts');
	ok(!exists((found())[0]{address}) && exists((found())[0]{payroll}{employment}), 'what comes unasked');
	is(scalar(found(filters => [ { fieldPath => 'root.id', operator => 'equals', values => [ $person->{id}, $same->{id}, 'x' ] } ])), 1, 'by id');
	is(data_of(call(hibob => POST => "/v1/people/$person->{id}", body => '{"fields":["root.surname"]}', headers => { 'Content-Type' => $JSON }))->{id}, $person->{id}, 'one person');
	is(scalar(grep { defined } map { $_->{identification}{ssn} } values %people), scalar(grep { $people{$_}{identification}{ssn} } keys %people), 'a refused field');
	ok(grep({ $_->{archived} } @{ $lists->{site}{items} }), 'list items out of use');

	$sim->scope('hibob', omit => [qw(address root.email)]);
	($person) = found(fields => [qw(root.email root.surname address.city)]);
	is_deeply([ grep { !/^\// } sort keys %$person ], [qw(id surname)], 'what is not permitted is left out');
	start_afresh();
};

subtest 'limits of HiBob' => sub {
	my @answers;

	$sim->switch('hibob', per_minute => 3, window => 1);
	@answers = map { search(fields => ['root.id']) } 1 .. 4;
	is(join(' ', map { $_->{status} } @answers), '200 200 200 429', 'so many a minute');
	is(join(' ', map { $_->{headers}{'x-ratelimit-remaining'} } @answers), '2 1 0 0', 'each says how many are left');
	cmp_ok($answers[3]{headers}{'x-ratelimit-reset'}, '<=', time + 2, 'and until when');
	cmp_ok($answers[3]{headers}{'x-ratelimit-reset'}, '>=', time - 1, 'as an epoch');
	is(status_of(hibob => GET => '/v1/company/people/fields'), 200, 'other calls go on');
	wait_until(sub { time > $answers[3]{headers}{'x-ratelimit-reset'} + 0.05 }, 'the reset');
	is(search(fields => ['root.id'])->{status}, 200, 'until then');

	start_afresh();
	$sim->delete('/control/requests');
	$sim->switch('hibob', block => 1);
	my $refused = sub { $sim->request(POST => $SEARCH, headers => { Authorization => 'Basic eDp5' })->{status} };
	is(join(' ', map { $refused->() } 1 .. 49), join(' ', (401) x 49), '49 refusals');
	is(search(fields => ['root.id'])->{status}, 200, 'nothing happens');
	is($refused->(), 401, 'one more');
	is(search(fields => ['root.id'])->{status}, 403, 'and nobody gets through');
	is_deeply([ @{ $sim->requests->{systems}{hibob} }{qw(unauthorized blocked_answers blocked)} ], [ 50, 1, bool(1) ], 'as the counters say');
	wait_until(sub { !$sim->requests->{systems}{hibob}{blocked} }, 'the end of the block');
	is(search(fields => ['root.id'])->{status}, 200, 'for a time');
	start_afresh();
};

subtest 'made-up system' => sub {
	my $get = sub { data_of(call(generic => GET => "/generic/$_[0]")) };
	my ($next, @workers, %seen, $answer);

	is($sim->request(POST => '/generic/login', body => '{"user":"x","password":"y"}', headers => { 'Content-Type' => $JSON })->{status}, 401, 'wrong password');
	is($sim->request(POST => '/generic/login', body => 'user=x', headers => { 'Content-Type' => $FORM })->{status}, 400, 'no JSON');
	is($sim->request(GET => '/generic/me')->{status}, 401, 'no session');
	is($get->('me')->{company}{value}, 'Lindwurm AG', 'a session');

	# Paging in each style
	do { my $page = $get->('workers?size=50' . (defined $next ? '&after=' . StakesyncSim::escaped($next) : '')); push @workers, @{ $page->{items} }; $next = $page->{after} } while (defined $next);
	is(scalar(grep { !$seen{ $_->{item}{id} }++ } @workers), 120, 'by cursor');
	is($workers[0]{item}{first_name}{label}, 'First name', 'values with labels');
	$next = '/generic/workers?size=100&style=url';
	@workers = ();
	while (defined $next) { my $page = data_of(call(generic => GET => $next)); push @workers, @{ $page->{items} }; $next = $page->{paging}{next} }
	is(scalar @workers, 120, 'by relative address');
	$next = '/generic/workers?size=100&style=link';
	@workers = ();
	while (defined $next)
	{
		$answer = call(generic => GET => $next);
		push @workers, @{ data_of($answer) };
		($next) = $answer->{headers}{link} =~ m{<https?://[^/>]+([^>]*)>[^<]*rel="next"};
	}
	is(scalar @workers, 120, 'by Link header');
	is(status_of(generic => GET => '/generic/workers?after=none'), 400, 'no cursor of ours');
	is(status_of(generic => GET => '/generic/workers?size=201'), 400, '200 at most');
	my $search = sub { call(generic => POST => '/generic/search', body => bytes_of($_[0]), headers => { 'Content-Type' => $JSON }) };
	$answer = data_of($search->({ page => 3, size => 50, fields => [ 'email', 'nothing' ] }));
	is_deeply([ @$answer{qw(page pages total)}, scalar @{ $answer->{rows} } ], [ 3, 3, 120, 20 ], 'by page number in a body');
	is_deeply([ sort keys %{ $answer->{rows}[0]{item} } ], [qw(deleted email id updated)], 'the fields asked for');
	is($search->({ fields => [ map { "f$_" } 1 .. 9 ] })->{status}, 400, 'too many fields');
	is(scalar @{ $get->('fields')->{fields} }, 19, 'fields are listed');

	# The same people by offset or number, cut without a word, and all of them by id
	$answer = $get->('staff?offset=100&count=500');
	is_deeply([ @$answer{qw(total pages)}, scalar @{ $answer->{staff} } ], [ 120, 1, 20 ], 'by offset');
	$sim->switch('generic', max_rows => 30);
	$answer = $get->('staff?page=4&size=50');
	is_deeply([ @$answer{qw(total pages)}, scalar @{ $answer->{staff} } ], [ 120, 4, 30 ], 'by number, thirty at most');
	is(status_of(generic => GET => '/generic/staff?page=1&offset=0'), 400, 'by one of them');
	is_deeply([ sort keys %{ $get->('registry')->{workers} } ], [ sort keys %seen ], 'all, by id');

	# Whole addresses
	$sim->switch('generic', max_rows => 0, origin => 'https://hr.example.com');
	like($get->('workers?size=100&style=url')->{paging}{next}, qr{^https://hr\.example\.com/generic/workers\?}, 'a whole address');
	like(call(generic => GET => '/generic/workers?size=100&style=link')->{headers}{link}, qr{<https://hr\.example\.com/generic/[^>]*>[^<]*rel="next"}, 'in a header too');
	$sim->switch('generic', origin => '');

	# Children
	my $contracts = $get->('contracts?count=200');
	is($contracts->{total}, scalar @{ $contracts->{contracts} }, 'contracts by offset');
	is(scalar @{ $get->('contracts?offset=100&count=10')->{contracts} }, 10, 'a page');
	my ($worker) = grep { my $id = $_; 2 == grep { $_->{worker} eq $id } @{ $contracts->{contracts} } } map { $_->{item}{id} } @workers;
	is(scalar @{ $get->("workers/$worker/contracts")->{contracts} }, 2, 'two of one person');
	my %office = map { $_->{office} => 1 } @{ $get->('offices')->{offices} };
	is(scalar(grep { defined $_->{office} && !$office{ $_->{office} } } @{ $contracts->{contracts} }), 0, 'at offices that there are');
	cmp_ok(scalar(grep { defined $_->{office} } @{ $contracts->{contracts} }), '>', 80, 'most of them');
	ok(grep({ $_->{name} eq 'badge' } @{ $get->('values?count=200')->{values} }), 'values in rows');
	is($get->("workers/$worker")->{item}{id}, $worker, 'one worker');
	$sim->switch('generic', contracts => 0);
	is(status_of(generic => GET => '/generic/contracts'), 403, 'not permitted');

	# An allowance, and what is left of it
	$sim->switch('generic', per_minute => 2, window => 100);
	is_deeply([ map { my $h = call(generic => GET => '/generic/me'); [ $h->{status}, $h->{headers}{'x-ratelimit-remaining'} ] } 1 .. 3 ],
		[ [ 200, 1 ], [ 200, 0 ], [ 429, 0 ] ], 'two calls, and the third is refused');
	$answer = call(generic => GET => '/generic/me');
	cmp_ok($answer->{headers}{'retry-after'}, '>', 90, 'for so many seconds');
	cmp_ok(abs($answer->{headers}{'x-ratelimit-reset'} - time - 100), '<', 10, 'or until then');
	$sim->switch('generic', per_minute => 0, window => 60);

	is(call(generic => POST => '/generic/logout')->{status}, 204, 'logged out');
	is(status_of(generic => GET => '/generic/me'), 401, 'and gone');
	start_afresh();
};

subtest 'login at a website' => sub {
	my $credentials = $sim->credentials('oauth');
	my $back = 'https://done.example/here?x=1';
	my $authorize = sub {
		my (%more) = @_;
		my %query = (client_id => $credentials->{client_id}, redirect_uri => $back, state => 's +1', scope => 'people', %more);
		return $sim->request(GET => '/oauth/authorize?' . join '&', map { "$_=" . StakesyncSim::escaped($query{$_}) } sort keys %query);
	};
	my $code = sub { ($_[0]{headers}{location} // '') =~ /code=([^&]*)/ ? $1 =~ s/%(..)/chr hex $1/ger : undef };
	my $tokens = sub { $sim->send_form('/oauth/token', %$credentials, @_) };
	my ($answer, $given, $again);

	$answer = $authorize->();
	is($answer->{status}, 302, 'sent back');
	like($answer->{headers}{location}, qr{^https://done\.example/here\?x=1&code=.*%.*&state=s%20%2B1$}, 'with code and state');
	is($authorize->(client_id => 'other')->{status}, 400, 'unknown application');
	is($authorize->(redirect_uri => 'here')->{status}, 400, 'no address');
	like($authorize->(response_type => 'token')->{headers}{location}, qr/error=unsupported/, 'another kind of answer');
	my %grant = (grant_type => 'authorization_code', code => $code->($answer), redirect_uri => $back);
	is($tokens->(%grant, client_secret => 'x')->{status}, 401, 'another application');
	is($sim->request(POST => '/oauth/token', body => bytes_of({ %$credentials, %grant }), headers => { 'Content-Type' => $JSON })->{status}, 400, 'no form');
	$given = data_of($tokens->(%grant));
	is("$given->{token_type} $given->{expires_in} $given->{scope}", 'Bearer 3600 people', 'tokens');
	is($tokens->(%grant)->{status}, 400, 'a code works once');
	is($tokens->(%grant, code => $code->($authorize->()), redirect_uri => 'https://else.example/')->{status}, 400, 'for its address');
	is($sim->request(GET => '/generic/me', headers => { Authorization => "Bearer $given->{access_token}" })->{status}, 200, 'a token that is taken');
	$again = data_of($tokens->(grant_type => 'refresh_token', refresh_token => $given->{refresh_token}));
	isnt($again->{access_token}, $given->{access_token}, 'refreshed');
	is($tokens->(grant_type => 'refresh_token', refresh_token => $given->{refresh_token})->{status}, 400, 'the old refresh token is refused');
	$sim->switch('oauth', rotate => 0, expires_in => 1);
	$given = data_of($tokens->(grant_type => 'refresh_token', refresh_token => $again->{refresh_token}));
	ok(!exists $given->{refresh_token}, 'or stays as it is');
	$sim->expire_tokens('oauth');
	is($sim->request(GET => '/generic/me', headers => { Authorization => "Bearer $given->{access_token}" })->{status}, 401, 'expired');
	is($tokens->(grant_type => 'client_credentials')->{status}, 200, 'without a person');
	is($sim->send_form('/oauth/revoke', token => $again->{refresh_token})->{status}, 200, 'revoked');
	is($tokens->(grant_type => 'refresh_token', refresh_token => $again->{refresh_token})->{status}, 400, 'and refused');
	$sim->switch('oauth', deny => 1);
	like($authorize->()->{headers}{location}, qr/error=access_denied/, 'denied');
	start_afresh();
};

subtest 'changes show everywhere' => sub {
	my ($left, $moved, $gone, $lost) = map { $_->{employee_number} } grep { $_->{employment_status} eq 'ACTIVE' && !$_->{termination_date} } map { $merge{ sprintf '%06d', $_ } // () } 20 .. 60;
	my $hired = $sim->hire(first_name => 'Zoë', last_name => 'Neu', country => 'DE', salary => 61000.5, department => 'Astronomy');
	my $ids = $sim->get("/control/person/$hired->{employee_number}")->{ids};

	$sim->leave($left, '2026-02-28');
	$sim->change($moved, on_leave => 1, email => 'new@lindwurm.example', manager => $left);
	$sim->remove($gone);
	$sim->remove($lost, 'vanish');
	my $people = personio_people(join '', map { "&attributes%5B%5D=$_" } qw(dynamic_2401 fix_salary status email supervisor));
	my %personio = map { ($_->{dynamic_2401} // '') => $_ } values %$people;
	is($personio{ $hired->{employee_number} }{id}, $ids->{personio}, 'Personio: hired');
	is($personio{ $hired->{employee_number} }{fix_salary}, 61000.5, 'paid');
	is($personio{$left}{status}, 'inactive', 'left');
	is("$personio{$moved}{status} $personio{$moved}{email}", 'leave new@lindwurm.example', 'changed');
	is($personio{$moved}{supervisor}{attributes}{id}{value}, $personio{$left}{id}, 'with another manager');
	ok(!$personio{$gone} && !$personio{$lost}, 'removed');

	my %bob = map { $_->{id} => $_ } found(showInactive => bool(1), fields => [qw(root.surname root.email internal.status internal.lifecycleStatus work.department)], humanReadable => 'REPLACE');
	is(scalar keys %bob, 119, 'HiBob: one hired, two gone');
	is($bob{ $ids->{hibob} }{work}{department}, 'Astronomy', 'in a new department');
	is(scalar(grep { $_->{email} && $_->{email} eq 'new@lindwurm.example' && $_->{internal}{lifecycleStatus} eq 'long leave' } values %bob), 1, 'changed');

	my $workers = data_of(call(generic => GET => '/generic/workers?size=200'));
	is($workers->{total}, 119, 'made-up system: one hired, two gone');
	is(data_of(call(generic => GET => '/generic/workers?size=200&with_deleted=1'))->{total}, 120, 'one of them with a mark');
	start_afresh();
};

subtest 'faults' => sub {
	my $all = sub { my $offset = 0; my @ids; for (1 .. 3) { my $page = get_personio("$EMPLOYEES?limit=40&offset=$offset&attributes%5B%5D=id"); push @ids, map { $_->{attributes}{id}{value} } @{ $page->{data} }; $offset += 40 } @ids };
	my $distinct = sub { my %seen = map { $_ => 1 } @_; scalar keys %seen };
	my $spoilt = sub {
		my ($system, $path, $fault, %arguments) = @_;
		$sim->clear_faults;
		$sim->fault($fault, %arguments);
		return call($system => GET => $path);
	};
	my @ids;

	$sim->fault('short_page', by => 5, match => { path => 'employees', page => 2 });
	is(scalar(@ids = $all->()), 115, 'short_page: five too few');
	$sim->fault('shifted_rows', match => { path => 'employees', page => 2 });
	@ids = $all->();
	is(scalar(@ids) . ' ' . $distinct->(@ids), '120 119', 'shifted_rows: one twice, one never');
	is($distinct->($all->()), 120, 'and all the next time');
	$sim->fault('same_page', match => { path => 'employees' }, times => -1);
	is($distinct->($all->()), 40, 'same_page: the first one each time');
	is(from_json($spoilt->(personio => "$EMPLOYEES?limit=1", 'wrong_total', by => 7)->{body})->{metadata}{total_elements}, 127, 'wrong_total');
	ok(!exists from_json($spoilt->(personio => "$EMPLOYEES?limit=1", 'no_total')->{body})->{metadata}{total_elements}, 'no_total');
	ok(!exists from_json($spoilt->(generic => '/generic/contracts', 'no_total')->{body})->{total}, 'in another place');
	is(from_json($spoilt->(personio => $EMPLOYEES, 'not_success')->{body})->{success}, bool(0), 'not_success');
	is(from_json($spoilt->(generic => '/generic/workers', 'not_success')->{body})->{ok}, bool(0), 'in other words');
	is_deeply(from_json($spoilt->(personio => $EMPLOYEES, 'empty_results')->{body})->{data}, [], 'empty_results');
	like($spoilt->(personio => $EMPLOYEES, 'invalid_utf8')->{body}, qr/"first_name":\{[^{}]*"value":"\xff\xc3/, 'invalid UTF-8');
	like($spoilt->(personio => $EMPLOYEES, 'duplicate_keys', field => 'value')->{body}, qr/"value":"First of two","value":/, 'duplicate key');
	is(length memGunzip($spoilt->(personio => $EMPLOYEES, 'gzip_bomb', size => 2_000_000)->{body}) > 2_000_000, 1, 'gzip bomb');
	is_deeply([ keys %{ from_json($spoilt->(personio => $EMPLOYEES, 'huge_record', bytes => 100_000)->{body})->{data}[0] } ], ['id'], 'huge record');
	is(scalar @{ from_json($spoilt->(personio => '/v2/persons', 'null_record')->{body})->{_data} }, 11, 'null record');
	ok(!from_json($spoilt->(personio => '/v2/persons', 'no_next')->{body})->{_meta}{links}{next}, 'no_next');
	is(from_json($spoilt->(generic => '/generic/workers?style=url', 'same_cursor')->{body})->{paging}{next} =~ /from/, '', 'same_cursor');
	unlike($spoilt->(generic => '/generic/workers?style=link', 'no_next')->{headers}{link}, qr/"next"/, 'no_next in a header');
	is($spoilt->(personio => $EMPLOYEES, 'retry_after', seconds => 4)->{headers}{'retry-after'}, 4, 'Retry-After');
	$sim->fault('status', code => 500, match => { path => 'employees', page => 2 });
	is(join(' ', map { status_of(personio => GET => "$EMPLOYEES?limit=40&offset=$_") } 0, 40, 80), '200 500 200', 'on the page that was named');
	$sim->clear_faults;
	$sim->expire_tokens('personio');
	is(status_of(personio => GET => "$EMPLOYEES?limit=40&offset=40"), 401, 'a token ends between two pages');
	start_afresh();
};

subtest 'counters' => sub {
	my (@sockets, $seen);

	$sim->delete('/control/requests');
	call(personio => GET => "$EMPLOYEES?limit=1") for 1 .. 4;
	$sim->fault('stall_before_headers', times => 3);
	for (1 .. 3)
	{
		push @sockets, $sim->open_socket;
		$sockets[-1]->syswrite("GET $EMPLOYEES?limit=1 HTTP/1.1\r\nHost: x\r\nAuthorization: $login{personio}{Authorization}\r\n\r\n");
	}
	my $end = time + 5;
	select undef, undef, undef, 0.005 until $sim->requests->{stalled} == 3 || time > $end;
	call(generic => GET => '/generic/me');
	$sim->post('/control/release');
	$seen = $sim->requests->{systems};
	is($seen->{personio}{max_in_flight}, 3, 'three at once');
	is($seen->{generic}{max_in_flight}, 1, 'one of another system');
	is($seen->{personio}{max_per_minute}, 7, 'seven in a minute');
	cmp_ok($seen->{personio}{max_per_second}, '>=', 3, 'so many in a second');
	is($seen->{personio}{total}, 7, 'in all');
	is($seen->{personio}{by_status}{200}, 7, 'by status');
	unlike($sim->request(GET => '/control/requests')->{body}, qr/papi-|session-/, 'no secret is shown');
	close $_ for @sockets;
};

subtest 'documentation' => sub {
	my $switches = $sim->get('/control/switch');
	open my $readme, '<:encoding(UTF-8)', $INC{'StakesyncSim.pm'} =~ s/StakesyncSim\.pm$/README.md/r or die;
	my $text = join '', <$readme>;

	foreach my $system (qw(personio hibob generic oauth))
	{
		ok(index($text, "`$_`") >= 0, "README.md: switch $_ of $system") for sort keys %{ $switches->{$system} };
	}
};

$sim->stop;
done_testing();
