# The answers that vendors and their users have published: each is read, and no field is lost that the mapping names
use strict;
use warnings;
use utf8;
use Contract qw(example);
use Proxy;
use StakesyncSim::Answer qw(json_answer);
use Test::More;

$SIG{TERM} = $SIG{INT} = sub { exit 1 };

my $test = Contract->start('examples');
my $no = JSON::PP::false();
my %read;

# Lists that nothing of ours asks for
my %OTHERS = (
	bamboohr => qr/^employees-list/,    # see below
	merge => qr/^(?:audit_trail|bank_info|companies|dependents|field_mappings|issues|linked_accounts|pay_groups|remote_fields|target_fields)_list/,
	personio => qr/^v1-employees-attributes/);    # of attributes

# A published answer, noted as read
sub published
{
	my ($name) = @_;

	$read{$name} = 1;
	return example($name);
}

# True if an answer has a list of records
sub is_list
{
	my ($example) = @_;
	my $body = ref $example eq 'HASH' ? $example->{body} // $example : {};
	my @members = ref $body eq 'HASH' ? (@$body{qw(results data _data employees items)}, ref $body->{data} eq 'HASH' ? $body->{data}{items} : ()) : ();
	return scalar grep { ref eq 'ARRAY' && ref $_->[0] eq 'HASH' } @members;
}

# Answer by path: pairs of a pattern and an answer's body, or code that takes the request and gives one. What leads
# to the vendor's host leads here
sub system_of
{
	my ($host, @routes) = @_;
	my @answers;

	while (my ($path, $body) = splice @routes, 0, 2)
	{
		push @answers, $path => sub {
			my ($request) = @_;
			return json_answer(200, here(ref $body eq 'CODE' ? $body->($request) : $body, $host, $request->{headers}{host}));
		};
	}
	return Proxy->start(Proxy::route(@answers));
}

# A copy that leads here
sub here
{
	my ($value, $there, $host) = @_;

	return { map { $_ => here($value->{$_}, $there, $host) } keys %$value } if ref $value eq 'HASH';
	return [ map { here($_, $there, $host) } @$value ] if ref $value eq 'ARRAY';
	return $value if ref $value || !defined $value || $value !~ m{^\Q$there\E};
	return $value =~ s{^\Q$there\E}{http://$host}r;
}

# Connect, fetch as many as there ought to be, and compare each
sub read_people
{
	my ($provider, $name, $proxy, $expected, %options) = @_;
	my $count = keys %$expected;
	my $row = $test->connect_to($provider, $name, $proxy->url . ($options{below} // ''), %options,
		settings => { auth_url => $proxy->url, %{ $options{settings} // {} } });

	is($row->{state}, 'connected', "$name: connected") or diag explain $row;
	$test->import_fields($name, @{ $options{import} }) if $options{import};
	$test->map_field($name, $_, @{ $options{map}{$_} }) foreach sort keys %{ $options{map} // {} };
	$row = $test->read_all($name);
	is_deeply([ @$row{qw(state records added)} ], [ 'done', $count, $count ], "$name: fetched") or diag explain $row;
	is_deeply($test->people($name), { map { $_ => { remote_id => $_, %{ $expected->{$_} } } } keys %$expected }, "$name: all that it says is there")
	  or diag explain $test->people($name);
	return;
}

subtest 'Merge' => sub {
	my %of = map { $_ => published("merge/examples/${_}_list.json")->{body}{results} } qw(employees employments groups locations teams);
	# the example's people were deleted, who are nobody's
	my $person = { %{ $of{employees}[0] }, remote_was_deleted => $no };
	my $mappings = published('merge/examples/field_mappings_on_object.json')->{fragment};
	my %greg = (
		employee_number => '2', first_name => 'Greg', last_name => 'Hirsch', name => 'Cousin Greg Hirsch', work_email => 'greg@merge.dev',
		personal_email => 'greg@gmail.com', birthdate => '1990-11-10', start_date => '2020-10-11', termination_date => '2021-10-12',
		employment_status => 'ACTIVE', manager => 'manager', problems => { mobile_phone => 'invalid_phone' });
	# what a record says nothing of while its relations are mere ids
	my @ids = qw(address_line_1 address_line_2 city country employment_type group_name groups job_title mobile_phone pay_currency pay_period
	  pay_rate team zip_code);
	my %job = (job_title => 'Executive Assistant to Tom Wambsgans', pay_rate => 1.1, pay_period => 'HOUR', pay_currency => 'XUA',
		employment_type => 'FULL_TIME');
	my %home = (address_line_1 => '2920 Broadway', address_line_2 => '2nd Floor', zip_code => '10027', city => 'New York', country => 'AF');
	my %whole = (%greg, %job, %home, groups => ['COST_CENTER_US'], group_name => 'COST_CENTER_US', unknown => ['mobile_phone']);
	my $expanded = { %$person, employments => $of{employments}, groups => $of{groups}, home_location => $of{locations}[0], team => $of{teams}[0] };
	my %cases = (
		list => [ $person, { %greg, unknown => \@ids } ],
		retrieved => [ { %{ published('merge/examples/employees_retrieve.json')->{body} }, remote_was_deleted => $no }, { %greg, unknown => \@ids } ],
		'expanded as asked for' => [ $expanded, { %whole, team => 'Engineering' } ],
		'field mappings of an SDK' => [ $expanded, { %whole, team => 'custom_value' }, 'custom_key' ],
		'field mappings of a guide' => [ { %$expanded, %$mappings }, { %whole, team => 'Management Consultant' }, 'previous_role' ]);

	foreach my $name (sort keys %cases)
	{
		my ($record, $expected, $target) = @{ $cases{$name} };
		my $proxy = system_of('https://api.merge.dev', qr/account-details$/ => published('merge/examples/account_details_test_account.json')->{body},
			qr/sync-status$/ => { next => undef, previous => undef, results => [] },
			qr/employees$/ => { next => undef, previous => undef, results => [$record] });

		read_people('merge', "merge $name", $proxy, { $person->{id} => $expected }, import => [qw(manager mobile_phone pay_rate)],
			defined $target ? (map => { team => [ "\$.field_mappings.linked_account_defined_targets.$target", 'value' ] }) : ());
	}
};

subtest 'Merge: is the first sync over?' => sub {
	# of all of them it is not, whatever else they say
	foreach my $name (qw(sync_status_list sync_status_list_initial sync_status_list_mixed))
	{
		my $body = Contract::json_text(published("merge/examples/$name.json")->{body});
		is($test->sql("SELECT jsonb_path_exists($body, (definition #>> '{ready,busy}')::jsonpath) FROM stakesync_provider
			WHERE provider = 'merge'"), 't', $name);
	}
};

subtest 'Personio' => sub {
	my %alexander = (
		first_name => 'Alexander', last_name => 'Bergmann', name => 'Alexander Bergmann', work_email => 'alexander.bergmann@demo.email',
		job_title => 'CTO', groups => ['Customer Support'], group_name => 'Customer Support', team => 'T_X', start_date => '2014-11-09',
		employment_status => 'ACTIVE', employment_type => 'CONTRACTOR', manager => '2', pay_rate => 3000, pay_period => 'MONTH', pay_currency => 'EUR',
		problems => {});
	my $auth = published('personio/examples/auth.json');
	my $page = published('personio/examples/v1-employees.response.json');
	my $persons = published('personio/examples/v2-persons.response.json');
	my $employments = published('personio/examples/v2-person-employments.response.json');

	# it announces two people and has one: the next page is the same with another number
	my $v1 = system_of('https://api.personio.de', qr{^/v1/auth$} => $auth->{v1_response}, qr{^/v1/company/employees$} => sub {
		$page->{data}[0]{attributes}{id}{value} = $_[0]{query}{offset} ? 3 : 1;
		return $page;
	});
	read_people('personio', 'personio v1', $v1, { map { $_ => { %alexander, unknown => ['birthdate'] } } 1, 3 }, import => [qw(manager pay_rate)]);
	is_deeply([ grep { $_->{headers}{authorization} ne 'Bearer papi-EXAMPLE' } $v1->calls(qr/employees/) ], [], 'by the token of the example');

	# the customer's own attributes
	read_people('personio', 'personio custom', $v1, { map { $_ => { %alexander, team => 'Dr', birthdate => '2021-01-01' } } 1, 3 },
		import => [qw(manager pay_rate)], map => { team => ['$.dynamic_24407.value'], birthdate => ['$.dynamic_33400.value'] });

	my $v2 = system_of('https://api.personio.de', qr{^/v2/auth/token$} => $auth->{v2_response},
		qr{^/v2/persons$} => sub { return $_[0]{query}{cursor} ? { _data => [] } : $persons },
		qr{^/v2/persons/3003/employments$} => $employments,
		qr{^/v2/employments$} => { _data => [] });
	read_people('personio', 'personio v2', $v2, { 3003 => {
		first_name => 'John', last_name => 'Smith', name => 'John Smith', work_email => 'jen.doe@personio.de', job_title => 'Software Engineer',
		start_date => '2023-01-01', termination_date => '2022-12-12', employment_status => 'ACTIVE', manager => '3003', problems => {},
		unknown => ['birthdate'] } }, method => 'persons', import => ['manager']);
	is_deeply([ map { $_->{call} =~ s{^GET /v2/}{}r } $v2->calls(qr/persons|employments/) ], [ 'persons?limit=1', 'persons?limit=50',
		'persons?cursor=cur_234ls0f02lalfdd', 'persons/3003/employments?limit=50', 'employments?cursor=cur_42sQwR2eZvKilo2' ], 'to the last page');
};

subtest 'BambooHR: a list that is not asked for' => sub {
	# GET /api/v1/employees takes tokens of registered apps only, and has few fields
	is(published('bamboohr/examples/employees-list.response.json')->{data}[0]{employeeId}, '123', 'the example is one of it');
	is($test->sql(q(SELECT count(*) FROM stakesync_provider, jsonb_path_query(definition, 'strict $.**.path ? (@.type() == "string")') path
		WHERE provider = 'bamboohr' AND path #>> '{}' ~ '^/api/v1/employees/?$')), 0, 'and nothing of ours');
};

subtest 'HiBob' => sub {
	my $replaced = published('hibob/examples/people-search.human-replace.response.json');
	my $appended = published('hibob/examples/people-search.append.record.json');
	my @home = qw(address_line_1 address_line_2 birthdate city country employee_number employment_status employment_type job_title);
	my %both = (groups => ['R&D'], group_name => 'R&D', start_date => '2022-10-10', problems => { mobile_phone => 'no_country_code' },
		unknown => [ @home, qw(mobile_phone termination_date zip_code) ]);
	my @fields = map { { id => $_, category => s/\..*//r, name => $_, jsonPath => s/^root\.//r, type => 'text' } } qw(root.fullName root.email
	  root.firstName root.surname work.department work.startDate work.manager work.workMobile home.mobilePhone home.privateEmail);
	my $answer = sub { return system_of('https://api.hibob.com', qr{/company/people/fields$} => \@fields, qr{/people/search$} => $_[0]) };

	read_people('hibob', 'hibob replaced', $answer->($replaced), {
		1234 => { %both, first_name => 'John', last_name => 'Doe', name => 'John Doe', work_email => 'john.doe@domain.tld',
			personal_email => 'john.doe@gmail.com', manager => '5678' },
		5678 => { %both, first_name => 'Jane', last_name => 'Smith', name => 'Jane Smith', work_email => 'jane.smith@domain.tld',
			personal_email => 'jjsmith@gmail.com' } },
		below => '/v1', import => [qw(manager mobile_phone)]);
	read_people('hibob', 'hibob appended', $answer->({ employees => [$appended] }), {
		'2128438031986721630' => { name => 'Alan Tullins', groups => ['Account Receivables'], group_name => 'Account Receivables', problems => {},
			unknown => [ sort @home, qw(first_name last_name manager mobile_phone personal_email start_date termination_date work_email zip_code) ] } },
		below => '/v1', import => [qw(manager mobile_phone)]);
};

subtest 'Humaans' => sub {
	my $people = published('humaans/examples/people-list.response.json');
	my $none = { total => 0, limit => 250, skip => 0, data => [] };
	my $proxy = system_of('https://app.humaans.io', qr{^/api/me$} => $people->{data}[0], qr{^/api/people$} => $people, qr{^/api/} => $none);

	read_people('humaans', 'humaans', $proxy, { VMB1yzL5uL8VvNNCJc9rykJz => {
		first_name => 'Kelsey', last_name => 'Wicks', name => 'Kelsey Wicks', work_email => 'kelsey@acme.com', personal_email => 'kwicks@example.com',
		groups => [ 'Growth Pod', 'Moonshot' ], team => 'Growth Pod', address_line_1 => '58 Stroude Road', zip_code => 'SK11 1EN',
		city => 'Siddington', country => 'GB', birthdate => '1989-07-28', start_date => '2018-03-10', employment_status => 'ACTIVE',
		employment_type => 'FULL_TIME', problems => { mobile_phone => 'invalid_phone' }, unknown => ['mobile_phone'] } },
		below => '/api', import => [qw(manager mobile_phone pay_rate)]);
	is($test->sql(q(SELECT count(*) FROM stakesync.employee e WHERE e::text ~ 'bb6LCUqG4BAOZWKXQQB9a8H9|QQ123456C')), 0, 'no token, no tax id');
};

subtest 'Lucca' => sub {
	# one user in the form of a list; the blood type is refused, whatever is mapped to it
	my $user = published('lucca/examples/v3-user-extendeddata.response.json')->{data};
	my $v3 = system_of('https://example.ilucca.net', qr{^/api/v3/users$} => { data => { items => [$user], count => 1 } });
	my $employees = published('lucca/examples/v5-employees.response.json');
	my $attributes = published('lucca/examples/v5-employee-attributes.response.json');
	my $none = { totalCount => undef, items => [], links => { prev => undef, next => undef } };
	my %job = %{ (values %{ $employees->{embedded}{employment} })[0] };
	my $v5;

	read_people('lucca', 'lucca v3', $v3, { 2938 => { team => 'Regular employee', problems => {},
		unknown => [qw(birthdate employee_number employment_status first_name group_name groups job_title last_name manager name
		  personal_email start_date termination_date work_email)] } },
		import => ['manager'], map => { team => ['$.applicationData.profile_cleemy_89.name'], personal_email => ['$.extendedData.e_bloodType'] });

	# it is one page of many: there are as many people as it holds, and the employment is the one that its employee names
	$employees->{totalCount} = 1;
	$job{id} = $employees->{items}[0]{applicableEmployment}{id};
	$v5 = system_of('https://example.ilucca.net', qr{^/connect/token$} => { access_token => 'token', expires_in => 1200, token_type => 'Bearer' },
		qr{^/lucca-api/employees$} => sub { return $_[0]{query}{page} ? { %$none, totalCount => 1 } : $employees },
		qr{^/lucca-api/employments$} => { %$none, items => [ \%job ] },
		qr{^/lucca-api/employee-attributes$} => sub { return $_[0]{query}{page} ? $none : $attributes }, qr{^/lucca-api/} => $none);
	read_people('lucca', 'lucca v5', $v5, { 416 => {
		employee_number => 'E000124', first_name => 'Edward', last_name => 'Atkinson', name => 'Edward Atkinson', work_email => 'eatkinson@acme.corp',
		start_date => '2024-01-01', employment_status => 'ACTIVE', mobile_phone => '+33145784512', team => 'John', problems => {} } },
		method => 'v5', import => [qw(manager mobile_phone)], map => { team => ['$.attributes.givenName'] });
};

subtest 'no list is overlooked' => sub {
	my @files = map { s{^.*/(\w+/examples/[^/]+)$}{$1}r } glob "$ENV{CONTRACT_SHARED}/*/examples/*.json";
	my @lists = grep { is_list(example($_)) } @files;

	ok(@lists > 15, scalar(@lists) . ' lists') or diag "@lists";
	is_deeply([ grep { my ($system, $name) = m{^(\w+)/examples/(.*)}; !$read{$_} && $name !~ ($OTHERS{$system} // qr/^$/) } @lists ], [],
		'each is read, or known as one that is not asked for');
	note join ' ', grep { $read{$_} } @lists;
};

done_testing();
$test->stop;
