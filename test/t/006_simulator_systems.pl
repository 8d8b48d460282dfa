# The simulator's BambooHR, Humaans and Lucca; needs no PostgreSQL: prove -I test/perl test/t/006_simulator_systems.pl
use strict;
use warnings;
use utf8;
use MIME::Base64 qw(encode_base64);
use StakesyncSim;
use StakesyncSim::Json qw(from_json to_json);
use StakesyncSim::Store;
use Test::More;

my $TODAY = '2026-03-10';
my $DATASET = '/api/v2/datasets/employee/data';
my $REPORT = '/api/v1/reports/custom?format=JSON&onlyCurrent=false';
my @SCOPES = map { "$_.readonly" } qw(employees employments job-positions departments legal-entities business-establishments
  employment-templates employee-personal-records employee-attributes);
my $sim = StakesyncSim->start(today => $TODAY, people => 120);
my $expect = $sim->expect;
my (%login, %merge);

# Limits are for the tests of limits
sub start_afresh
{
	$sim->post('/control/reset');
	$sim->clear_faults;
	$sim->switch('lucca', per_minute => 0);
	%login = (
		bamboohr => { Authorization => 'Basic ' . encode_base64('bamboohr-test-key:x', ''), Accept => 'application/json' },
		humaans => { Authorization => 'Bearer humaans-test-token' },
		lucca => { Authorization => 'lucca application=lucca-test-key' },
		v5 => { Authorization => 'Bearer ' . v5_token(), 'Api-Version' => '2024-11-01' });
	return;
}

sub v5_token
{
	my $answer = $sim->send_form('/connect/token', grant_type => 'client_credentials', client_id => 'lucca-test-client',
		client_secret => 'lucca-test-secret', scope => "@SCOPES", @_);
	return $answer->{status} == 200 ? from_json($answer->{body})->{access_token} : $answer->{body};
}

# One call with the login of its system
sub call
{
	my ($system, $method, $path, %options) = @_;
	return $sim->request($method, $path, %options, headers => { %{ $login{$system} }, %{ $options{headers} // {} } });
}

sub status_of { return call(@_)->{status} }

sub data_of
{
	my ($answer) = @_;
	return $answer->{status} =~ /^2/ ? from_json($answer->{body}) : die "$answer->{status} $answer->{body}";
}

sub got { my ($system, $path) = @_; return data_of(call($system, GET => $path)) }

# POST of JSON to BambooHR
sub asked
{
	my ($path, $data, %headers) = @_;
	my $body = to_json($data);

	utf8::encode($body);
	return call(bamboohr => POST => $path, body => $body, headers => { 'Content-Type' => 'application/json', %headers });
}

sub dataset { my (%body) = @_; return asked($DATASET, \%body) }

sub now_text { return StakesyncSim::Store::moment_text(int(StakesyncSim::Store::now_micros() / 1_000_000 - 1) * 1_000_000) }

# All rows of a list of Humaans, by the rows received
sub all_of_humaans
{
	my ($name) = @_;
	my (@rows, $page);

	do
	{
		$page = got(humaans => "/api/$name?%24limit=250&%24skip=" . @rows);
		push @rows, @{ $page->{data} };
	} while (@rows < $page->{total});
	return @rows;
}

# All rows of a list of Lucca's newer API, by the links
sub all_of_v5
{
	my ($name, $query) = @_;
	my $path = "/lucca-api/$name?limit=100&include=links" . ($query // '');
	my @rows;

	while (defined $path)
	{
		my $page = got(v5 => $path);
		push @rows, @{ $page->{items} };
		$path = $page->{links}{next} ? $page->{links}{next}{href} =~ s{^http://[^/]+}{}r : undef;
	}
	return @rows;
}

# What Merge tells, by the number that it calls remote_id
sub read_merge
{
	my $next;

	do
	{
		my $page = $sim->get('/hris/v1/employees?page_size=100&expand=employments,groups,home_location,manager'
			. (defined $next ? '&cursor=' . StakesyncSim::escaped($next) : ''));
		$merge{ $_->{remote_id} + 0 } = $_ for @{ $page->{results} };
		$next = $page->{next};
	} while (defined $next);
	return;
}

start_afresh();
read_merge();

subtest 'BambooHR: login' => sub {
	my $path = '/api/v1/company_information';
	my $answer = call(bamboohr => GET => $path, headers => { Authorization => undef });

	is($answer->{status}, 401, 'no key');
	is($answer->{body}, '', 'no body');
	is($answer->{headers}{'x-bamboohr-error-message'}, 'API key not provided or invalid', 'the message is a header');
	like($answer->{headers}{'www-authenticate'}, qr/^Basic/, 'asks for Basic');
	is(status_of(bamboohr => GET => $path, headers => { Authorization => 'Basic ' . encode_base64('other:x', '') }), 401, 'wrong key');
	is(status_of(bamboohr => GET => $path, headers => { Authorization => 'Basic ' . encode_base64('bamboohr-test-key:anything', '') }), 200, 'any password');
	is(got(bamboohr => $path)->{displayName}, 'Lindwurm', 'company');
	is(got(bamboohr => '/api/gateway.php/acme/v1/company_information')->{displayName}, 'Lindwurm', 'at the older address');
	like(call(bamboohr => GET => '/api/v1/meta/fields', headers => { Accept => undef })->{body}, qr/^<\?xml/, 'XML unless JSON is wanted');
	is(status_of(bamboohr => GET => '/api/v1/nothing'), 404, 'unknown path');
	is(status_of(bamboohr => POST => '/api/v1/meta/fields'), 405, 'unknown method');
};

subtest 'BambooHR: dataset' => sub {
	my $page = data_of(dataset(fields => [qw(eeid firstName terminationDate)], orderBy => 'eeid desc', pageSize => 50, page => 3));
	my $wrong;

	is($page->{meta}{totalItems}, 120, 'all people, leavers with them');
	is($page->{meta}{totalPages}, 3, 'three pages');
	is(scalar @{ $page->{data} }, 20, 'the last is short');
	is($page->{links}{next}, undef, 'no next');
	like($page->{links}{prev}, qr{^http://.*page=2$}, 'previous');
	is_deeply([ sort keys %{ $page->{data}[0]{fields} } ], [qw(eeid firstName terminationDate)], 'each record is wrapped');
	is($page->{data}[-1]{fields}{eeid}, 4007, 'in order');
	ok(grep({ $_->{fields}{terminationDate} eq '0000-00-00' } @{ $page->{data} }), 'empty dates');
	is(scalar @{ data_of(dataset(fields => ['eeid']))->{data} }, 100, '100 unless told');
	is(scalar @{ data_of(dataset(fields => ['eeid'], pageSize => 1000))->{data} }, 120, '1000 at most');
	is(dataset(fields => ['eeid'], pageSize => 1001)->{status}, 422, 'not more');
	is(dataset(fields => ['eeid'], page => 0)->{status}, 422, 'pages from 1');
	is(dataset(fields => [])->{status}, 400, 'fields are wanted');
	is(dataset(fields => [ ('eeid') x 401 ])->{status}, 400, '400 fields at most');
	$wrong = dataset(fields => [ 'eeid', 'workEmail' ]);
	is($wrong->{status}, 400, 'names of the report are no names of the dataset');
	is($wrong->{headers}{'content-type'}, 'application/problem+json', 'a problem document');
	is_deeply(from_json($wrong->{body})->{fields}, { workEmail => 'unknown' }, 'that names the field');
	$sim->switch('bamboohr', unknown => 'drop');
	is_deeply([ keys %{ data_of(dataset(fields => [ 'eeid', 'workEmail' ]))->{data}[0]{fields} } ], ['eeid'], 'or leaves it out');
	is(data_of(dataset(fields => ['eeid'], filter => q(status in ('Active', 'Inactive'))))->{meta}{totalItems}, 120, 'filter in');
	is(data_of(dataset(fields => ['eeid'], filter => q(status eq 'Inactive')))->{meta}{totalItems}, $expect->{leavers} + $expect->{pending}, 'people to come are inactive');
	is(data_of(dataset(fields => ['eeid'], filter => q(eeid eq 4007)))->{data}[0]{fields}{eeid}, '4007', 'one, as a text');
	is(data_of(dataset(fields => ['eeid'], filter => qq(hireDate gt '$TODAY' and status eq 'Inactive')))->{meta}{totalItems}, $expect->{pending}, 'and');
	is(dataset(fields => ['eeid'], filter => $_)->{status}, 422, "refused: $_")
	  for q(status eq 'A' and status eq 'B' or eeid eq 1), q(shoe eq '1'), q(status is 'Active'), q(firstName gt 'M'), q(firstName in ('A', 'B')), q(status eq 'x), q(lastChanged ge '2026-01-01');
	is(dataset(fields => ['eeid'], orderBy => 'lastName asc')->{status}, 400, 'the order is among the fields');
	is(dataset(fields => ['eeid'], orderBy => 'eeid up')->{status}, 422, 'asc or desc');
	is(asked('/api/v2/datasets/payroll/data', { fields => ['eeid'] })->{status}, 404, 'no such dataset');
	$sim->switch('bamboohr', too_large => 1000);
	is(dataset(fields => [qw(eeid firstName)], pageSize => 501)->{status}, 413, 'too much data');
	is(dataset(fields => [qw(eeid firstName)], pageSize => 500)->{status}, 200, 'a smaller page');
	$sim->switch('bamboohr', datasets => 0);
	is(dataset(fields => ['eeid'])->{status}, 404, 'older accounts have none');
	start_afresh();
};

subtest 'BambooHR: fields' => sub {
	my @fields = @{ got(bamboohr => '/api/v1/meta/fields') };
	my %alias = map { $_->{alias} => $_ } grep { defined $_->{alias} } @fields;
	my $list = got(bamboohr => '/api/v1_2/datasets/employee/fields?page_size=20&page=2');
	my $person;

	ok(@fields > 60, 'standard fields and fields of the customer');
	is($alias{firstName}{type}, 'text', 'type');
	ok($alias{employmentStatus}{deprecated}, 'a deprecated one');
	ok(grep({ $_->{id} eq '4340.4' && !defined $_->{alias} } @fields), 'a part of a field, without alias');
	ok($alias{$_}, "to be refused: $_") for qw(ssn ethnicity customIBAN customKonfession);
	is($list->{pagination}{current_page}, 2, 'fields of the dataset, in pages');
	is(scalar @{ $list->{fields} }, 20, 'as many as told');
	is(status_of(bamboohr => GET => '/api/v1_2/datasets/payroll/fields'), 422, 'no such dataset');
	is(dataset(fields => [ map { $_->{name} } @{ got(bamboohr => '/api/v1_2/datasets/employee/fields')->{fields} } ])->{status}, 200, 'all of them are known to the dataset');
	$sim->scope('bamboohr', omit => ['compensationPayRate'], null => ['email']);
	$person = data_of(dataset(fields => [qw(eeid email compensationPayRate)]))->{data}[0];
	is_deeply($person->{_restrictedFields}, ['compensationPayRate'], 'what may not be read is named');
	ok(exists $person->{fields}{compensationPayRate} && !defined $person->{fields}{compensationPayRate}, 'and empty');
	is($person->{fields}{email}, undef, 'without a word');
	$sim->switch('bamboohr', restricted => 'refuse');
	is(dataset(fields => [qw(eeid compensationPayRate)])->{status}, 403, 'or refused');
	start_afresh();
};

subtest 'BambooHR: report' => sub {
	my $report = data_of(asked($REPORT, { title => 'All', fields => [ 'firstName', 'customBadge', '4340.4', 'nonsense', 'payRate' ] }));
	my $since = now_text();
	my ($one) = grep { defined $_->{payRate} } @{ $report->{employees} };

	is($report->{title}, 'All', 'title');
	is(scalar @{ $report->{employees} }, 120, 'all people, no pages');
	is_deeply([ sort keys %$one ], [ '4340.4', qw(customBadge firstName id payRate) ], 'unknown fields are left out, the id is there');
	like($one->{payRate}, qr/^\d+\.\d\d [A-Z]{3}$/, 'pay with its currency');
	is_deeply([ sort map { $_->{id} } @{ $report->{employees} } ], [ sort keys %merge ], 'of everybody');
	is(asked($REPORT, { fields => ['firstName'] }, 'Content-Type' => 'application/json; charset=UTF-8')->{headers}{'x-bamboohr-error-message'}, 'Malformed XML', 'Content-Type exactly');
	is(asked($REPORT, { fields => [ map { "f$_" } 1 .. 401 ] })->{status}, 400, '400 fields at most');
	is(asked('/api/v1/reports/custom', { fields => ['firstName'] })->{status}, 200, 'format by Accept');
	is(asked('/api/v1/reports/custom', { fields => ['firstName'] }, Accept => 'application/json, */*')->{status}, 404, 'which is exactly that');
	is(asked('/api/v1/reports/custom?format=bogus', { fields => ['firstName'] })->{status}, 404, 'no such format');
	is(scalar @{ data_of(asked($REPORT, { fields => [], filters => { lastChanged => { value => $since, includeNull => 'no' } } }))->{employees} }, 0, 'nobody has changed');
	$sim->change('000010', city => 'Bern');
	is(scalar @{ data_of(asked($REPORT, { fields => [], filters => { lastChanged => { value => $since, includeNull => 'no' } } }))->{employees} }, 1, 'somebody has');
	is(asked($REPORT, { fields => [], filters => { lastChanged => { value => 'yesterday' } } })->{status}, 400, 'no time');
	is(scalar @{ data_of(asked($REPORT, { fields => [], filters => { employeeIds => [ 4007, 4014 ] } }))->{employees} }, 2, 'some people');
	start_afresh();
};

subtest 'BambooHR: one by one' => sub {
	my $pending = (grep { $_->{employment_status} eq 'PENDING' && defined merge_job($_)->{job_title} } values %merge)[0]{remote_id} + 0;
	my $since = StakesyncSim::escaped(now_text());
	my ($directory, $changed, @rows);

	is_deeply([ sort keys %{ got(bamboohr => '/api/v1/employees/4007') } ], [qw(firstName id lastName)], 'two fields unless told');
	like(got(bamboohr => '/api/v1/employees/0')->{id}, qr/^\d+$/, 'the owner of the key');
	is(call(bamboohr => GET => '/api/v1/employees/99')->{headers}{'x-bamboohr-error-message'}, 'Employee not found', 'unknown');
	is(status_of(bamboohr => GET => '/api/v1/employees/4007?fields=' . join ',', 1 .. 401), 400, '400 fields at most');
	is(got(bamboohr => "/api/v1/employees/$pending?fields=jobTitle")->{jobTitle}, undef, 'nothing of a job to come');
	isnt(got(bamboohr => "/api/v1/employees/$pending?fields=jobTitle&onlyCurrent=false")->{jobTitle}, undef, 'unless asked for');
	$directory = got(bamboohr => '/api/v1/employees/directory');
	is(scalar @{ $directory->{employees} }, $expect->{active}, 'directory: active people');
	is(scalar @{ got(bamboohr => '/api/v1/employees/directory?onlyCurrent=false')->{employees} }, $expect->{active} + $expect->{pending}, 'and those to come');
	is($directory->{fields}[0]{id}, 'displayName', 'with its fields');
	$sim->switch('bamboohr', directory => 0);
	is(status_of(bamboohr => GET => '/api/v1/employees/directory'), 403, 'where it is shared');
	is_deeply(got(bamboohr => "/api/v1/employees/changed?since=$since")->{employees}, {}, 'nobody has changed');
	$sim->change('000010', last_name => 'Neu');
	$sim->remove('000011');
	$sim->hire(first_name => 'Ada');
	$changed = got(bamboohr => "/api/v1/employees/changed?since=$since");
	is_deeply([ sort map { $_->{action} } values %{ $changed->{employees} } ], [qw(Deleted Inserted Updated)], 'keyed by id');
	is($changed->{employees}{4070}{id}, '4070', 'the id again');
	like($changed->{latest}, qr/^\d{4}-\d\d-\d\dT[\d:]+\+00:00$/, 'latest');
	is(scalar keys %{ got(bamboohr => "/api/v1/employees/changed?since=$since&type=deleted")->{employees} }, 1, 'of one type');
	is(status_of(bamboohr => GET => '/api/v1/employees/changed'), 400, 'since is wanted');
	is(status_of(bamboohr => GET => "/api/v1/employees/changed?since=2026-01-01T00:00:00+01:00"), 400, 'encoded');
	start_afresh();
	@rows = @{ got(bamboohr => '/api/v1/employees/all/tables/jobInfo') };
	is(scalar @rows, scalar(map { @{ $_->{employments} } } values %merge), 'history of all');
	ok(@{ got(bamboohr => "/api/v1/employees/$rows[0]{employeeId}/tables/compensation") } > 0, 'of one');
	is(status_of(bamboohr => GET => '/api/v1/employees/all/tables/shoes'), 404, 'no such table');
	ok(grep({ ($_->{alias} // '') eq 'department' && @{ $_->{options} } > 3 } @{ got(bamboohr => '/api/v1/meta/lists') }), 'lists');
	ok(grep({ $_->{alias} eq 'jobInfo' } @{ got(bamboohr => '/api/v1/meta/tables') }), 'tables');
};

subtest 'BambooHR: limits and traps' => sub {
	my @fields = qw(eeid supervisorEid supervisorId);
	my ($answer, $one);

	$sim->switch('bamboohr', per_minute => 2);
	dataset(fields => ['eeid']) for 1 .. 2;
	$answer = dataset(fields => ['eeid']);
	is($answer->{status}, 503, 'beyond the limit');
	like($answer->{headers}{'retry-after'}, qr/^\d+$/, 'seconds to wait');
	$sim->switch('bamboohr', throttle => 429, retry_after => 'date');
	$answer = dataset(fields => ['eeid']);
	is($answer->{status}, 429, 'as it will be');
	like($answer->{headers}{'retry-after'}, qr/ GMT$/, 'a date');
	start_afresh();
	($one) = grep { defined $_->{supervisorId} } map { $_->{fields} } @{ data_of(dataset(fields => \@fields, pageSize => 1000))->{data} };
	ok($merge{ $one->{supervisorEid} }, 'the id of the supervisor');
	is($merge{ $one->{supervisorEid} }{employee_number}, $one->{supervisorId}, 'and the number');
	$sim->switch('bamboohr', supervisor_ids => 'swapped');
	is(data_of(dataset(fields => \@fields, filter => "eeid eq $one->{eeid}"))->{data}[0]{fields}{supervisorEid}, $one->{supervisorId}, 'or the other way round');
	start_afresh();
};

subtest 'BambooHR: OAuth' => sub {
	my $back = 'http://127.0.0.1:9/back';
	my ($answer, $code, $tokens, $page, $next);

	is(status_of(bamboohr => GET => '/api/v1/employees'), 401, 'the list of employees takes no key');
	$answer = $sim->request(GET => '/authorize.php?request=authorize&response_type=code&client_id=oauth-test-client&state=s1&scope='
		. StakesyncSim::escaped('employee offline_access') . '&redirect_uri=' . StakesyncSim::escaped($back));
	is($answer->{status}, 302, 'sent back');
	($code) = $answer->{headers}{location} =~ /code=([^&]+)/;
	$code =~ s/%([0-9A-F]{2})/chr hex $1/ge;
	$tokens = data_of($sim->send_form('/token.php?request=token', grant_type => 'authorization_code', code => $code, redirect_uri => $back,
		client_id => 'oauth-test-client', client_secret => 'oauth-test-secret'));
	ok($tokens->{refresh_token}, 'offline_access brings a refresh token');
	is($sim->send_form('/token.php', grant_type => 'refresh_token')->{status}, 400, 'request=token is wanted');
	$login{oauth} = { Authorization => "Bearer $tokens->{access_token}", Accept => 'application/json' };
	$page = got(oauth => '/api/v1/employees?page%5Blimit%5D=100&fields=workEmail,ssn');
	is($page->{meta}{total}, 120, 'all');
	is(scalar @{ $page->{data} }, 100, 'a page');
	is_deeply([ sort keys %{ $page->{data}[0] } ], [qw(_restrictedFields employeeId firstName jobTitleName lastName photoUrl preferredName status workEmail)], 'a fixed set and what is allowed');
	$next = $page->{_links}{next}{href} =~ s{^http://[^/]+}{}r;
	is(scalar @{ got(oauth => $next)->{data} }, 20, 'next page by link');
	is(scalar @{ got(oauth => '/api/v1/employees?page%5Blimit%5D=100&page%5Bafter%5D=' . StakesyncSim::escaped($page->{meta}{page}{nextCursor}))->{data} }, 20, 'by cursor');
	is(from_json(call(oauth => GET => '/api/v1/employees?page%5Bafter%5D=x')->{body})->{error}{code}, 'BadPage', 'no cursor');
	is(got(oauth => '/api/v1/employees?filter%5Bstatus%5D=active')->{meta}{total}, $expect->{active}, 'filter');
	is(status_of(oauth => POST => $DATASET, body => '{"fields":["eeid"]}', headers => { 'Content-Type' => 'application/json' }), 200, 'the dataset takes the token');
	$sim->expire_tokens('oauth');
	is(status_of(oauth => GET => '/api/v1/employees'), 401, 'until it ends');
	start_afresh();
};

subtest 'Humaans: login and lists' => sub {
	my $answer = call(humaans => GET => '/api/people', headers => { Authorization => 'Bearer other' });
	my ($page, $error);

	is($answer->{status}, 401, 'wrong token');
	is_deeply([ sort keys %{ from_json($answer->{body}) } ], [qw(code issues message name)], 'error');
	is(got(humaans => '/api/me')->{employeeId}, '000001', 'me');
	$page = got(humaans => '/api/people');
	is_deeply([ @$page{qw(total limit skip)} ], [ 120, 100, 0 ], '100 unless told');
	is(scalar @{ got(humaans => '/api/people?%24skip=100')->{data} }, 20, 'skip');
	$page = got(humaans => '/api/job-roles?%24limit=1000');
	is($page->{limit}, 250, '250 at most, without a word');
	$sim->switch('humaans', max_rows => 30);
	$page = got(humaans => '/api/people?%24limit=250');
	is(scalar @{ $page->{data} }, 30, 'or less');
	is(scalar(all_of_humaans('people')), 120, 'all by the rows received');
	is(status_of(humaans => GET => '/api/people?%24limit=x'), 400, 'no number');
	is(status_of(humaans => GET => '/api/people?shoe=1'), 400, 'unknown field');
	is(status_of(humaans => GET => '/api/people?createdAt%5B%24like%5D=1'), 400, 'unknown operator');
	is(status_of(humaans => GET => '/api/bank-accounts'), 404, 'unknown path');
	is(status_of(humaans => GET => '/api/people/none'), 404, 'unknown id');
	is(status_of(humaans => POST => '/api/people'), 405, 'unknown method');
	ok(scalar(all_of_humaans($_)) > 1, $_) for qw(locations companies compensations compensation-types custom-fields custom-values);
	start_afresh();
};

subtest 'Humaans: shapes' => sub {
	my @people = all_of_humaans('people');
	my @roles = all_of_humaans('job-roles');
	my %status;
	my $person = (grep { $_->{employeeId} && $_->{locationId} ne 'remote' } @people)[0];
	my @values = all_of_humaans('custom-values');

	$status{ $_->{status} }++ for @people;
	is_deeply(\%status, { active => $expect->{active}, offboarded => $expect->{leavers}, newHire => $expect->{pending} }, 'status');
	like($person->{id}, qr/^\w{24}$/, 'ids');
	ok((grep { !defined $_->{employeeId} } @people) || !$expect->{without_employee_number}, 'numbers may be null');
	like($person->{calendarFeedToken}, qr/^\w{24}$/, 'a secret');
	ok(!exists $person->{jobTitle}, 'no title on the person');
	is(scalar @roles, scalar(map { @{ $_->{employments} } } values %merge), 'a role for each employment');
	ok(grep({ ($_->{effectiveDate} // '') gt $TODAY } @roles), 'some to come');
	is(scalar @{ got(humaans => "/api/job-roles?personId=$person->{id}")->{data} }, scalar(grep { $_->{personId} eq $person->{id} } @roles), 'of one person');
	ok(got(humaans => "/api/locations/$person->{locationId}")->{label}, 'label');
	like((all_of_humaans('compensations'))[0]{amount}, qr/^\d/, 'amount');
	ok(grep({ ref $_->{value} } @values) && grep({ !ref $_->{value} } @values), 'values are texts or lists');
	$sim->switch('humaans', new_hire => 'new_hire', location_name => 'name', manager_key => 'managerId');
	ok(grep({ $_->{status} eq 'new_hire' } all_of_humaans('people')), 'spelt otherwise');
	ok(got(humaans => "/api/locations/$person->{locationId}")->{name}, 'name');
	ok(exists((all_of_humaans('job-roles'))[0]{managerId}), 'manager by another name');
	start_afresh();
};

subtest 'Humaans: scopes and changes' => sub {
	my $since = now_text();
	my @people;

	$sim->switch('humaans', scopes => 'private:read public:read');
	is(status_of(humaans => GET => '/api/compensations'), 403, 'pay has a scope of its own');
	$sim->switch('humaans', scopes => 'public:read');
	@people = all_of_humaans('people');
	is(scalar @people, $expect->{active}, 'public:read: no new hires, no leavers');
	ok(!exists $people[0]{personalEmail}, 'nothing private');
	is(status_of(humaans => GET => '/api/custom-values'), 403, 'nor here');
	$sim->switch('humaans', scopes => 'public:read private:read', role => 'user');
	is(scalar(all_of_humaans('people')), 1, 'a user sees himself');
	start_afresh();
	$sim->change('000010', first_name => 'Neu');
	is(got(humaans => "/api/people?updatedAt%5B%24gte%5D=$since")->{total}, 1, 'who has changed');
	is(got(humaans => '/api/people?status%5B%24in%5D=newHire&status%5B%24in%5D=offboarded')->{total}, $expect->{pending} + $expect->{leavers}, 'in');
	is(got(humaans => '/api/people?status%5B%24nin%5D=active')->{total}, $expect->{pending} + $expect->{leavers}, 'not in');
	$sim->switch('humaans', updated_at => 0);
	is(status_of(humaans => GET => "/api/people?updatedAt%5B%24gte%5D=$since"), 400, 'or refused');
	start_afresh();
};

subtest 'Lucca: users' => sub {
	my $all = '/api/v3/users?formerEmployees=true&paging=0,1000&fields=';
	my (@users, $page, %seen, $since);

	is(status_of(lucca => GET => "${all}id", headers => { Authorization => $_ }), 401, 'not: ' . ($_ // 'nothing'))
	  for undef, 'lucca application=other', 'Bearer lucca-test-key', 'Lucca application=lucca-test-key';
	is_deeply([ sort keys %{ got(lucca => '/api/v3/users')->{data}{items}[0] } ], [qw(id name url)], 'little unless told');
	$page = got(lucca => "${all}id,mail,collection.count")->{data};
	is($page->{count}, 120, 'count where asked for');
	ok(!exists got(lucca => "${all}id")->{data}{count}, 'only then');
	is(scalar @{ got(lucca => '/api/v3/users?fields=id')->{data}{items} }, 120 - $expect->{leavers}, 'leavers only where asked for');
	ok(scalar @{ got(lucca => '/api/v3/users?fields=id&dtContractEnd=notequal,null')->{data}{items} } > $expect->{leavers}, 'or by their end');
	is(scalar @{ got(lucca => '/api/v3/users?formerEmployees=true&fields=id&paging=100,50')->{data}{items} }, 20, 'paging');
	is(status_of(lucca => GET => "/api/v3/users?fields=id&paging=$_"), 400, "refused: $_") for '0,1001', '5', '0,0', 'a,b';
	is(status_of(lucca => GET => '/api/v3/users?fields=id,shoe'), 400, 'unknown field');
	is(status_of(lucca => GET => '/api/v3/users?fields=id&shoe=1'), 400, 'unknown filter');
	is_deeply([ map { $_->{id} } @{ got(lucca => "${all}id&orderBy=id,desc")->{data}{items} } ], [ sort { $b <=> $a } keys %merge ], 'order');
	@users = @{ got(lucca => "${all}id,managerId,departmentID,dtContractStart,dtContractEnd,extendedData,manager%5Bid,name%5D")->{data}{items} };
	$seen{$_}++ for map { keys %$_ } @users;
	ok($seen{managerId} && $seen{managerID} && $seen{departmentId} && $seen{departmentID}, 'keys drift');
	like(call(lucca => GET => "${all}id")->{body}, qr/"id":4007[,}]/, 'ids are numbers');
	ok(grep({ ($_->{dtContractEnd} // '') eq '9999-12-31T00:00:00' } @users), 'the end of time');
	ok(grep({ !defined $_->{dtContractEnd} } @users), 'or none');
	is_deeply([ sort keys %{ (grep { $_->{manager} } @users)[0]{manager} } ], [qw(id name)], 'parts of an object');
	ok(grep({ ref $_->{extendedData}{e_shirtSize} && $_->{extendedData}{e_badge} } @users), 'fields of the customer');
	$since = StakesyncSim::Store::moment_text(StakesyncSim::Store::now_micros() + 3_600_000_000) =~ s/\..*//r =~ s/Z//r;
	is(scalar @{ got(lucca => "${all}id&modifiedAt=since,$since")->{data}{items} }, 0, 'nobody has changed, by the tenant\'s clock');
	$sim->change('000010', first_name => 'Neu');
	is(scalar @{ got(lucca => "${all}id&modifiedAt=since,$since")->{data}{items} }, 1, 'somebody has');
	is(status_of(lucca => GET => "${all}id&modifiedAt=since,2026-01-01T00:00:00Z"), 400, 'times have no zone');
	is(got(lucca => '/api/v3/users/4007?fields=id')->{data}{id}, 4007, 'one');
	is(status_of(lucca => GET => '/api/v3/users/1'), 404, 'unknown');
	ok(@{ got(lucca => '/api/v3/departments?fields=id,name')->{data}{items} } > 5, 'departments');
	$page = got(lucca => '/directory/api/4.0/work-contracts?limit=50&page=2&fields.root=count');
	is(scalar @{ $page->{items} }, 50, 'contracts by page');
	ok($page->{count} > 100, 'with count');
	start_afresh();
};

subtest 'Lucca: tokens' => sub {
	my %good = (grant_type => 'client_credentials', client_id => 'lucca-test-client', client_secret => 'lucca-test-secret', scope => 'employees.readonly');
	my $path = '/lucca-api/employees?limit=1';
	my $answer = $sim->request(POST => '/connect/token', body => to_json(\%good), headers => { 'Content-Type' => 'application/json' });

	is($answer->{status}, 400, 'no JSON');
	is(from_json($sim->send_form('/connect/token', %good, client_secret => 'x')->{body})->{error}, 'invalid_client', 'wrong secret');
	is(from_json($sim->send_form('/connect/token', %good, scope => $_)->{body})->{error}, 'invalid_scope', "scope: '$_'") for '', 'everything';
	$answer = data_of($sim->send_form('/connect/token', %good));
	is_deeply([ @$answer{qw(expires_in token_type scope)} ], [ 1200, 'Bearer', 'employees.readonly' ], 'token');
	is(data_of($sim->send_form('/connect/token', %good))->{access_token}, $answer->{access_token}, 'the same again');
	$login{narrow} = { Authorization => "Bearer $answer->{access_token}", 'Api-Version' => '2024-11-01' };
	is(status_of(narrow => GET => $path), 200, 'within its scope');
	is(status_of(narrow => GET => '/lucca-api/employments'), 403, 'and not beyond');
	is(status_of(narrow => GET => $path, headers => { Authorization => undef }), 401, 'no token');
	$answer = call(narrow => GET => $path, headers => { 'Api-Version' => undef });
	is($answer->{status}, 400, 'no version');
	is($answer->{headers}{'content-type'}, 'application/problem+json', 'a problem document');
	is(status_of(narrow => GET => $path, headers => { 'Api-Version' => '2020-01-01' }), 400, 'another version');
	$sim->expire_tokens('lucca');
	is(status_of(narrow => GET => $path), 401, 'expired');
	isnt(data_of($sim->send_form('/connect/token', %good))->{access_token}, undef, 'another one');
	start_afresh();
};

subtest 'Lucca: employees and what belongs to them' => sub {
	my $path = '/lucca-api/employees?limit=10';
	my $page = got(v5 => $path);
	my %status;
	my ($job, $record, @rows, %last);

	is_deeply([ @$page{qw(type totalCount links embedded)} ], [ 'employees', undef, undef, undef ], 'nothing but items unless included');
	is(got(v5 => "$path&include=totalCount")->{totalCount}, $expect->{active}, 'the active ones unless told');
	is(scalar @{ got(v5 => '/lucca-api/employees')->{items} }, 25, '25 unless told');
	is(status_of(v5 => GET => '/lucca-api/employees?limit=101'), 400, '100 at most');
	is(status_of(v5 => GET => "$path&include=everything"), 400, 'unknown include');
	is(status_of(v5 => GET => "$path&status=gone"), 400, 'unknown status');
	is(status_of(v5 => GET => "$path&shoe=1"), 400, 'unknown parameter');
	is(status_of(v5 => GET => "$path&page=$_"), 400, "unknown page $_") for '2', '!1z0000';
	$page = got(v5 => "$path&include=links,totalCount,embedded");
	like($page->{links}{next}{href}, qr{^http://127\.0\.0\.1:\d+/lucca-api/employees\?.*page=%21}, 'next in full');
	ok($page->{embedded}{employment}{ $page->{items}[0]{applicableEmployment}{id} }, 'embedded');
	@rows = all_of_v5('employees', '&status=active,upcoming,deactivated');
	$status{ $_->{status} }++ for @rows;
	is_deeply(\%status, { active => $expect->{active}, deactivated => $expect->{leavers}, upcoming => $expect->{pending} }, 'all of them');
	ok(!grep({ ref $_->{id} } @rows) && $rows[0]{id} eq '4007', 'ids are texts');
	is_deeply([ sort keys %{ (grep { $_->{birthDay} } @rows)[0]{birthDay} } ], [qw(day month)], 'birthdays have no year');
	%last = map { $_->{id} => $_->{applicableEmployment}{id} } grep { $_->{status} eq 'deactivated' } @rows;
	ok(!grep({ $last{ $_->{employee}{id} } && ($_->{id} ne $last{ $_->{employee}{id} } || $_->{end}{date} gt $TODAY) } all_of_v5('employments')), 'the last employment of those who left');
	ok(!grep({ defined $_->{endsOn} && $_->{endsOn} lt $_->{startsOn} } all_of_v5('job-positions')), 'no position ends before it begins');
	$job = (grep { $_->{startsOn} gt $TODAY } all_of_v5('job-positions'))[0];
	is($job->{status}, 'upcoming', 'positions to come');
	is(got(v5 => "/lucca-api/job-positions?employment.employee.id=$job->{employee}{id}")->{items}[0]{employee}{id}, $job->{employee}{id}, 'of one person');
	is(got(v5 => '/lucca-api/employees/4007')->{id}, '4007', 'one');
	is(status_of(v5 => GET => '/lucca-api/employees/1'), 404, 'unknown');
	ok(scalar(all_of_v5($_)) > 2, $_) for qw(departments legal-entities business-establishments employment-templates);
	$record = (grep { $_->{bankAccount} } all_of_v5('employee-personal-records'))[0];
	is($record->{bankAccount}{accountIdentifier}, 'GB82 WEST 1234 5698 7654 32', 'what a register must refuse');
	@rows = all_of_v5('employee-attributes', '&definition.id=e_badge,e_languages,jobTitle');
	ok(grep({ $_->{definition}{id} eq 'e_badge' && $_->{value} =~ /^0\d+$/ } @rows), 'a row for each attribute');
	$status{ $_->{employee}{id} }++ for grep { $_->{definition}{id} eq 'e_languages' } @rows;
	ok(grep({ $_ eq '2' } values %status), 'several of one kind');
	ok(grep({ ($_->{applicability} // { start => '' })->{start} gt $TODAY } @rows), 'some apply later');
	ok(!grep({ ($_->{applicability} // { start => '' })->{start} gt $TODAY } all_of_v5('employee-attributes', "&definition.id=jobTitle&applicability.asOf=$TODAY")), 'unless a day is told');
	ok(grep({ $_->{id} eq 'e_badge' && $_->{schema}{title} } all_of_v5('employee-attribute-definitions')), 'definitions');
};

subtest 'Lucca: limits' => sub {
	my $path = '/lucca-api/employees?limit=100';
	my $answer;

	$sim->switch('lucca', per_minute => 2);
	call(v5 => GET => $path) for 1 .. 2;
	$answer = call(v5 => GET => $path);
	is($answer->{status}, 429, 'beyond the limit');
	like($answer->{headers}{'retry-after'}, qr/^\d+$/, 'seconds to wait');
	is(status_of(lucca => GET => '/api/v3/users'), 200, 'not of the older API');
	$sim->post('/control/reset');
	is($sim->get('/control/switch')->{lucca}{per_minute}, 50, '50 a minute');
	start_afresh();
	$sim->switch('lucca', max_cost => 150);
	is(status_of(v5 => GET => $path), 200, 'large');
	is(status_of(v5 => GET => "$path&include=links"), 408, 'too large');
	is(status_of(v5 => GET => '/lucca-api/employees?limit=50&include=links'), 200, 'with half the limit');
	start_afresh();
};

# Compare one member of all people: what a system says, and what Merge does
sub same_for_all
{
	my ($name, $own, $merge) = @_;
	my @differ = grep { ($own->($_) // 'nothing') ne ($merge->($merge{$_}) // 'nothing') } sort keys %merge;

	is(scalar @differ, 0, $name);
	ok(grep({ defined $own->($_) } keys %merge) > 15, "$name: said of many");
	diag("$name of $_: ", $own->($_) // 'nothing', ' but ', $merge->($merge{$_}) // 'nothing') for @differ[ 0 .. ($#differ > 2 ? 2 : $#differ) ];
	return;
}

# The employment in force, of those who have not begun the one to come
sub merge_job
{
	my ($person) = @_;
	my $job;

	foreach my $one (@{ $person->{employments} })
	{
		my $day = substr($one->{effective_date} // '', 0, 10);
		$job = $one if $day le $TODAY && (!$job || $day ge substr($job->{effective_date} // '', 0, 10));
	}
	return $job // $person->{employments}[0] // {};
}

sub day_of { return defined $_[0] ? substr $_[0], 0, 10 : undef }

my %OF_MERGE = (
	'number' => sub { $_[0]{employee_number} }, 'first name' => sub { $_[0]{first_name} }, 'last name' => sub { $_[0]{last_name} },
	'email' => sub { $_[0]{work_email} }, 'start' => sub { day_of($_[0]{start_date}) }, 'end' => sub { day_of($_[0]{termination_date}) },
	'birth' => sub { day_of($_[0]{date_of_birth}) }, 'city' => sub { ($_[0]{home_location} // {})->{city} },
	'title' => sub { merge_job($_[0])->{job_title} },
	'department' => sub { (map { $_->{name} } grep { ref $_ && ($_->{type} // '') eq 'DEPARTMENT' } @{ $_[0]{groups} })[-1] },
	'manager' => sub { my $manager = $_[0]{manager}; ref $manager ? $manager->{remote_id} + 0 : defined $manager ? 'unknown' : undef },
	'pay' => sub { my $pay = merge_job($_[0])->{pay_rate}; defined $pay ? $pay + 0 : undef });

sub known_manager { return !defined $_[0] ? undef : $merge{ $_[0] } ? $_[0] : 'unknown' }

sub compare_system
{
	my (%own) = @_;
	same_for_all($_, $own{$_}, $OF_MERGE{$_}) for grep { $own{$_} } sort keys %OF_MERGE;
	return;
}

subtest 'the same people: BambooHR' => sub {
	my %field = (
		'number' => 'employeeNumber', 'first name' => 'firstName', 'last name' => 'lastName', 'email' => 'email', 'start' => 'hireDate',
		'end' => 'terminationDate', 'birth' => 'dateOfBirth', 'city' => 'city', 'title' => 'jobInformationJobTitle',
		'department' => 'jobInformationDepartment');
	my %bamboohr = map { $_->{fields}{eeid} => $_->{fields} }
	  @{ data_of(dataset(fields => [ 'eeid', 'supervisorEid', 'compensationPayRate', values %field ], pageSize => 1000))->{data} };
	my %short = (%field, email => 'workEmail', title => 'jobTitle', department => 'department');
	my %report = map { $_->{id} => $_ } @{ data_of(asked($REPORT, { fields => [ values %short ] }))->{employees} };
	my $value = sub { my ($value) = @_; defined $value && $value ne '0000-00-00' ? $value : undef };

	compare_system(
		(map { my $name = $_; $name => sub { $value->($bamboohr{ $_[0] }{ $field{$name} }) } } keys %field),
		manager => sub { known_manager($bamboohr{ $_[0] }{supervisorEid}) },
		pay => sub { my $pay = $bamboohr{ $_[0] }{compensationPayRate}; defined $pay ? $pay + 0 : undef });
	compare_system(map { my $name = $_; $name => sub { $value->($report{ $_[0] }{ $short{$name} }) } } keys %short);
};

subtest 'the same people: Humaans' => sub {
	my %field = (
		'number' => 'employeeId', 'first name' => 'firstName', 'last name' => 'lastName', 'email' => 'email',
		'start' => 'employmentStartDate', 'end' => 'employmentEndDate', 'birth' => 'birthday', 'city' => 'city');
	my %number = map { $sim->get("/control/person/x?remote_id=$_->{remote_id}")->{ids}{humaans} => $_->{remote_id} + 0 } values %merge;
	my %person = map { $number{ $_->{id} } => $_ } all_of_humaans('people');
	my (%role, %pay);

	push @{ $role{ $number{ $_->{personId} } } }, $_ for all_of_humaans('job-roles');
	push @{ $pay{ $number{ $_->{personId} } } }, $_ for all_of_humaans('compensations');
	my $current = sub { merge_job({ employments => [ map { { %$_, effective_date => $_->{effectiveDate} } } @{ $_[0] // [] } ] }) };
	is(scalar keys %person, 120, 'ids by control');
	compare_system(
		(map { my $name = $_; $name => sub { $person{ $_[0] }{ $field{$name} } } } keys %field),
		title => sub { $current->($role{ $_[0] })->{jobTitle} });
	same_for_all('department', sub { $current->($role{ $_[0] })->{department} },
		sub { @{ $_[0]{employments} } ? $OF_MERGE{department}->($_[0]) : undef });
	same_for_all('manager', sub { my $id = $current->($role{ $_[0] })->{reportingTo}; defined $id ? $number{$id} // 'unknown' : undef },
		sub { @{ $_[0]{employments} } ? $OF_MERGE{manager}->($_[0]) : undef });
	same_for_all('pay', sub { my $pay = $current->($pay{ $_[0] })->{amount}; defined $pay ? $pay + 0 : undef },
		sub { merge_pay($_[0]) });
};

# The latest employment in force that is paid: Humaans has no rows for others
sub merge_pay
{
	my ($person) = @_;
	my $pay = merge_job({ employments => [ grep { defined $_->{pay_rate} } @{ $person->{employments} } ] })->{pay_rate};
	return defined $pay ? $pay + 0 : undef;
}

subtest 'the same people: Lucca' => sub {
	my %field = ('number' => 'employeeNumber', 'first name' => 'firstName', 'last name' => 'lastName', 'email' => 'mail', 'title' => 'jobTitle');
	my %day = ('start' => 'dtContractStart', 'end' => 'dtContractEnd', 'birth' => 'birthDate');
	my $names = join ',', 'id', 'managerId', 'department', 'extendedData', values %field, values %day;
	my %user = map { my $user = $_; $user->{id} => { map { lc $_ => $user->{$_} } keys %$user } }
	  @{ got(lucca => "/api/v3/users?formerEmployees=true&paging=0,1000&fields=$names")->{data}{items} };
	my (%employee, %employment, %position, %department, %birth);

	compare_system(
		(map { my $name = $_; $name => sub { $user{ $_[0] }{ lc $field{$name} } } } keys %field),
		(map { my $name = $_; $name => sub {
			my $day = day_of($user{ $_[0] }{ lc $day{$name} });
			($day // '') eq '9999-12-31' ? undef : $day } } keys %day),
		city => sub { ($user{ $_[0] }{extendeddata}{e_address} // {})->{city} },
		department => sub { ($user{ $_[0] }{department} // {})->{name} },
		manager => sub { known_manager($user{ $_[0] }{managerid}) });

	%employee = map { $_->{id} => $_ } all_of_v5('employees', '&status=active,upcoming,deactivated');
	%employment = map { $_->{employee}{id} => $_ } all_of_v5('employments');
	%position = map { $_->{id} => $_ } all_of_v5('job-positions');
	%department = map { $_->{id} => $_->{name} } all_of_v5('departments');
	%birth = map { $_->{employee}{id} => $_->{birthDate} } all_of_v5('employee-personal-records');
	my $applies = sub { my $job = $employee{ $_[0] }{applicableJobPosition}; $job ? $position{ $job->{id} } : {} };
	my $is_employed = sub { defined $_[0]{start_date} && @{ $_[0]{employments} } };
	compare_system(
		'number' => sub { $employee{ $_[0] }{employeeNumber} }, 'first name' => sub { $employee{ $_[0] }{givenName} },
		'last name' => sub { $employee{ $_[0] }{familyName} }, 'email' => sub { $employee{ $_[0] }{email} },
		'start' => sub { ($employment{ $_[0] } // {})->{start}{date} }, 'end' => sub { ($employment{ $_[0] }{end} // {})->{date} },
		'birth' => sub { $birth{ $_[0] } });
	same_for_all('title', sub { $applies->($_[0])->{jobTitle} }, sub { $is_employed->($_[0]) ? $OF_MERGE{title}->($_[0]) : undef });
	same_for_all('department', sub { my $id = $applies->($_[0])->{department}; $id ? $department{ $id->{id} } : undef },
		sub { $is_employed->($_[0]) ? $OF_MERGE{department}->($_[0]) : undef });
	same_for_all('manager', sub { my $id = $applies->($_[0])->{manager}; $id ? known_manager($id->{id}) : undef },
		sub { $is_employed->($_[0]) ? $OF_MERGE{manager}->($_[0]) : undef });
};

subtest 'changes show everywhere' => sub {
	my ($left, $moved, $gone) = map { $_->{employee_number} } (grep { ($_->{employee_number} // '') =~ /^0/ && $_->{employment_status} eq 'ACTIVE'
		  && defined $_->{start_date} && !defined $_->{termination_date} && @{ $_->{employments} } == 1 }
		  map { $merge{$_} } sort { $a <=> $b } keys %merge)[ 5 .. 7 ];
	my %id = map { my $number = $_; $number => $sim->get("/control/person/$number")->{ids} } $left, $moved, $gone;
	my $new = $sim->hire(first_name => 'Zoë', last_name => 'Neu', start_date => '2026-04-01');

	$sim->leave($left, '2026-02-28');
	$sim->change($moved, city => 'Bern', job_title => 'Chief', manager => $left);
	$sim->remove($gone, 'vanish');
	is(data_of(dataset(fields => ['eeid']))->{meta}{totalItems}, 120, 'BambooHR: one came, one went');
	is(got(bamboohr => "/api/v1/employees/$id{$left}{bamboohr}?fields=status,terminationDate,employmentHistoryStatus")->{terminationDate}, '2026-02-28', 'left');
	is(got(bamboohr => "/api/v1/employees/$id{$moved}{bamboohr}?fields=city,jobTitle,supervisorEId")->{supervisorEId}, $id{$left}{bamboohr}, 'manager');
	is(status_of(bamboohr => GET => "/api/v1/employees/$id{$gone}{bamboohr}"), 404, 'gone');
	is(got(humaans => "/api/people/$id{$left}{humaans}")->{status}, 'offboarded', 'Humaans: left');
	is(got(humaans => "/api/people/$id{$moved}{humaans}")->{city}, 'Bern', 'moved');
	is(scalar @{ got(humaans => "/api/job-roles?personId=$id{$moved}{humaans}")->{data} }, 2, 'another role');
	is(status_of(humaans => GET => "/api/people/$id{$gone}{humaans}"), 404, 'gone');
	is(got(humaans => "/api/people?employeeId=$new->{employee_number}")->{data}[0]{status}, 'newHire', 'hired');
	is(got(lucca => "/api/v3/users/$id{$left}{lucca}?fields=dtContractEnd")->{data}{dtContractEnd}, '2026-02-28T00:00:00', 'Lucca: left');
	is(got(lucca => "/api/v3/users/$id{$moved}{lucca}?fields=jobTitle")->{data}{jobTitle}, 'Chief', 'promoted');
	is(got(v5 => "/lucca-api/employees/$id{$left}{lucca}")->{status}, 'deactivated', 'left');
	is(status_of(v5 => GET => "/lucca-api/employees/$id{$gone}{lucca}"), 404, 'gone');
	is(got(v5 => '/lucca-api/employees?status=upcoming&include=totalCount')->{totalCount}, $expect->{pending} + 1, 'hired');
	start_afresh();
};

subtest 'faults' => sub {
	my $users = '/api/v3/users?fields=id,collection.count&formerEmployees=true&paging=';
	my $first = got(lucca => "${users}0,10")->{data}{items}[0]{id};

	$sim->fault('short_page', match => { path => '/datasets' });
	is(scalar @{ data_of(dataset(fields => ['eeid'], pageSize => 10))->{data} }, 9, 'short page');
	$sim->fault('wrong_total', by => 5, match => { path => '/api/people' });
	is(got(humaans => '/api/people')->{total}, 125, 'wrong total');
	$sim->fault('no_total', match => { path => '/users' });
	ok(!exists got(lucca => "${users}0,10")->{data}{count}, 'no total');
	$sim->fault('same_page', match => { path => '/users' });
	is(got(lucca => "${users}50,10")->{data}{items}[0]{id}, $first, 'the first page again');
	$sim->fault('status', code => 500, match => { path => '/users', page => 2 });
	is(join(' ', map { status_of(lucca => GET => "${users}$_,10") } 0, 10, 20), '200 500 200', 'the second page fails');
	$sim->fault('no_next', match => { path => '/lucca-api' });
	is(got(v5 => '/lucca-api/employees?include=links')->{links}{next}, undef, 'no next');
	$sim->clear_faults;
	$sim->fault('duplicate_record', match => { path => '/api/people' });
	is(scalar @{ got(humaans => '/api/people')->{data} }, 101, 'duplicate record');
	$sim->fault('shifted_rows', match => { path => '/users' });
	isnt(got(lucca => "${users}0,10")->{data}{items}[0]{id}, $first, 'rows move where no order is told');
	$sim->fault('nul_escape', field => 'firstName', match => { path => '/datasets' });
	like(dataset(fields => [qw(eeid firstName)])->{body}, qr/"firstName":"\\u0000/, 'a bad text');
	is($sim->requests->{systems}{$_}{total} > 0, 1, "requests of $_") for qw(bamboohr humaans lucca);
	unlike($sim->request(GET => '/control/requests')->{body}, qr/test-(?:key|token|secret)/, 'no secret is shown');
};

$sim->stop;
done_testing();
