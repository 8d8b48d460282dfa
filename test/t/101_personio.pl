# Personio from connecting to the register: tokens, pages, wrappers, attributes of the customer, both APIs
use strict;
use warnings;
use utf8;
use StakesyncPeople qw(phone_number read_people same_people sorted);
use StakesyncSim::Json qw(from_json to_json);
use StakesyncSystem;
use Test::More;

my $EMPLOYEES = '/v1/company/employees';
my $GERMAN = '{"success":false,"error":{"code":4711,"message":"Es ist ein Problem aufgetreten"}}';

# What an unknown supervisor is called
my $NOBODY = 9_999_999;

my @FIELDS = qw(work_email first_name last_name name job_title groups group_name team birthdate start_date termination_date
  employment_status employment_type);
my @OPTIONAL = qw(manager pay_rate pay_period pay_currency);
my @EMPTY = qw(employee_number personal_email address_line_1 address_line_2 zip_code city country mobile_phone);

# Attributes that the customer made, and what they are
my %DYNAMIC = (
	employee_number => 2401, address_line_1 => 2402, address_line_2 => 2403, zip_code => 2404, city => 2405, country => 2406,
	personal_email => 2407, mobile_phone => 2408);

# Far from UTC and from the account, so that a midnight that were converted would be another day
my $base = StakesyncTest->start('personio', connect => 0, conf => "timezone = 'America/Los_Angeles'\n", sim => { people => 200 });
my $sim = $base->sim;
my %key = (credentials => { client_id => 'papi-test-client', client_secret => 'personio-test-secret' });
my $test = StakesyncSystem->new($base, 'personio', %key);
my (%person, %expected, %at_first);

# Limits are for the tests of limits
sub start_afresh
{
	$sim->post('/control/reset');
	$sim->clear_faults;
	$sim->switch('personio', per_second => 0, per_minute => 0, auth_per_minute => 0);
	return;
}

# Read and apply all that there is
sub settle
{
	$test->fetch(q(mode => 'full'));
	$test->sql('SELECT stakesync_apply(stakesync_plan(), force => true)');
	return;
}

# A definition like the shipped one with another size of pages, in a database of its own, connected
sub with_size
{
	my ($size) = @_;
	my $other = StakesyncSystem->new($base, "size$size", %key, provider => "size$size");

	$other->sql('SELECT stakesync_create_company($$stakesync$$)');
	$other->sql("SELECT stakesync_add_provider(definition || '{\"provider\": \"size$size\"}' 
		|| jsonb_build_object('streams', jsonb_build_array(jsonb_set(definition -> 'streams' -> 0, '{pages,size}', '$size'))))
		FROM stakesync_provider WHERE provider = 'personio'");
	$other->connect;
	return $other;
}

# What ought to become of a person
sub expected
{
	my ($person) = @_;
	my %type = (CONTRACTOR => 'CONTRACTOR', FREELANCE => 'CONTRACTOR');

	return {
		(map { $_ => $person->{$_} } qw(work_email first_name last_name job_title team employee_number personal_email zip_code city country)),
		name => join(' ', grep { defined } @$person{qw(first_name last_name)}),
		groups => sorted($person->{department}), group_name => $person->{department} // $person->{cost_center} // $person->{team},
		birthdate => $person->{birth}, start_date => $person->{start}, termination_date => $person->{end},
		employment_status => $person->{status}, employment_type => $type{ $person->{employment_type} // '' },
		manager => $person->{manager} // ($person->{has_manager} ? $NOBODY : undef),
		pay_rate => ($person->{pay_period} // '') eq 'HOUR' ? undef : $person->{pay_rate},
		pay_period => ($person->{pay_period} // '') eq 'YEAR' ? 'YEAR' : undef, pay_currency => $person->{pay_currency},
		address_line_1 => $person->{street_1}, address_line_2 => $person->{street_2}, mobile_phone => phone_number($person->{phone}) };
}

# Read the source anew
sub read_source
{
	%person = %{ read_people($sim, 'personio') };
	%expected = map { $_ => expected($person{$_}) } keys %person;
	return;
}

# Ids of plain people: active, with all that is wanted, nobody's manager
sub plain_people
{
	my ($from, $count) = @_;
	my @plain = sort { $b <=> $a } grep {
		my $person = $person{$_};
		$person->{status} eq 'ACTIVE' && !grep { !defined } @$person{qw(manager department street_1 pay_rate pay_period)}
		  && !defined $person->{end} && ($person->{employee_number} // '') =~ /^0/ && ($person->{last_name} // '') =~ /^[A-Z][a-z]+$/
	} keys %person;
	return @plain[ $from .. $from + $count - 1 ];
}


start_afresh();
read_source();
%at_first = %expected;

subtest 'what cannot be connected' => sub {
	my @answers = (
		[ 'wrong secret', { credentials => { client_secret => 'falsch' } }, qr/^the HR system does not accept the credentials \(HTTP status 403 at login\)\. Check them/ ],
		[ 'wrong client', { credentials => { client_id => 'falsch' } }, qr/^the HR system does not accept the credentials \(HTTP status 403 at login\)\./ ],
		[ 'no such login', {}, qr/^the HR system answered with HTTP status 404\. /, { v1_auth => 0 } ],
		[ 'no such list', {}, qr/^the HR system answered with HTTP status 404\. /, { v1 => 0, v1_auth => 1 }, 'v2' ],
		[ 'another host', { settings => { base_url => $sim->url . '/sign-in' } }, qr/^the HR system answered with HTTP status 404\. There is no such address there; check settings\.base_url/ ]);

	foreach my $answer (@answers)
	{
		my ($name, $options, $words, $switches, $method) = @$answer;
		$sim->switch('personio', v1 => 1, v1_auth => 1, %{ $switches // {} });
		my $row = $test->connect(%$options, defined $method ? (method => $method) : ());
		is($row->{state}, 'failing', "$name: a row");
		like($row->{next_step}, qr/$words.*Nothing was stored\.$/, "$name: says what to do");
		unlike($row->{next_step}, qr/falsch|personio-test|Problem|aufgetreten/, "$name: neither secrets nor their words");
	}
	start_afresh();
	is($test->sql('SELECT count(*) FROM stakesync_company'), 0, 'nothing was stored');
	like($test->row(q(SELECT * FROM stakesync_connect('personio')))->{next_step},
		qr/Personio asks for client_id \(Client ID\), client_secret \(Client secret\)\..*Or: Personio asks for .*method => 'v2'.*method => 'persons'/, 'what is needed');
};

subtest 'a full fetch' => sub {
	my $row = $test->connect;
	my ($logins, $pages);

	is_deeply($row, { connection => 'personio', state => 'connected', next_step => 'SELECT * FROM stakesync_fetch();' }, 'connected');
	($pages, $row) = $test->counted($EMPLOYEES, sub { $test->fetch });
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 200, changed => 0, unchanged => 0, missing => 0 }, 'all came');
	is_deeply([ @$row{qw(complete requests retries pages records expected message)} ],
		[ JSON::PP::true(), 2, 0, 2, 200, 200, '200 people in 2 pages; ' . $sim->expect->{leavers} . ' of them have left' ], 'and how');
	is(join(' ', sort map { $_->{query}{offset} } grep { $_->{path} eq $EMPLOYEES && ($_->{query}{limit} // 0) == 100 } @{ $sim->requests->{last} }),
		'0 100', 'rows are counted from 0');
	like($sim->requests->{last}[-1]{headers}{'x-personio-app-id'}, qr/^[A-Z_]+$/, 'we say who we are');
	same_people('each field of everybody', $test->present, \%expected, @FIELDS);
	same_people('nothing of what Personio does not have, or was not asked for', $test->present,
		{ map { $_ => {} } keys %expected }, @OPTIONAL, @EMPTY, 'problems', 'changes_on');
};

subtest 'days as the account writes them' => sub {
	my $list = $sim->request(GET => "$EMPLOYEES?limit=100&attributes%5B%5D=hire_date", headers => $sim->login('personio'));
	my %form;

	$form{ (s/\d/9/gr) =~ s/99:99:99/midnight/r }++ for map { $_->{attributes}{hire_date}{value} // () } @{ from_json($list->{body})->{data} };
	ok($form{$_}, "as $_") for '9999-99-99Tmidnight+99:99', '9999-99-99Tmidnight+9999', '9999-99-99 midnight+99:99';
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE extract(month FROM start_date) = 7)),
		scalar(grep { ($_->{start} // '') =~ /-07-/ } values %person), 'none was shifted, in summer');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE extract(day FROM start_date) = 1)),
		scalar(grep { ($_->{start} // '') =~ /-01$/ } values %person), 'nor from the first of a month');
};

subtest 'one login for many fetches' => sub {
	is($test->asked('/v1/auth'), 2, 'connect alone has logged in, and this test once');
	is(($test->counted('/v1/auth', sub { $test->fetch(q(mode => 'full')) for 1 .. 2 }))[0], 0, 'two fetches use its token');
	is($test->sql(q(SELECT round(extract(epoch FROM token_expires - now()) / 3600) FROM stakesync._credential)), 24, 'for a day');
	$test->sql(q(UPDATE stakesync._credential SET token_expires = now()));
	is(($test->counted('/v1/auth', sub { $test->fetch(q(mode => 'full')) }))[0], 1, 'then a new one is asked for');
	is(($test->counted('/v1/auth', sub { $test->fetch(q(mode => 'full')) }))[0], 0, 'and kept');
	$test->sql(q(UPDATE stakesync._credential SET token_expires = now()));
	$sim->fault('retry_after', form => 'none', match => { path => '/v1/auth' });
	is_deeply([ @{ $test->fetch(q(mode => 'full')) }{qw(state retries)} ], [ 'done', 1 ], 'a login that is one too many is tried again');
};

subtest 'again without a change' => sub {
	my $picture = $test->picture;

	foreach my $mode ('full', 'auto', 'incremental')
	{
		my $row = $test->fetch("mode => '$mode'");
		my $is_full = $mode eq 'full';
		is_deeply($test->outcome($row), { state => 'done', mode => $is_full ? 'full' : 'incremental', added => 0, changed => 0,
			unchanged => $is_full ? 200 : 0, missing => 0 }, "$mode: nothing changed");
		is($test->picture, $picture, "$mode: no row was touched");
	}
};

subtest 'attributes of the customer' => sub {
	my $row;

	$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'work_email', email => 'work_email', import => '{manager,pay_rate}')));
	$test->map_field($_, "\$.dynamic_$DYNAMIC{$_}.value", { country => 'country', mobile_phone => 'phone' }->{$_}) for sort keys %DYNAMIC;
	$test->sql(q(ALTER TABLE stakesync.employee ADD languages text[], ADD anniversary date, ADD car numeric));
	$test->map_field(languages => '$.dynamic_2411.value');
	$test->map_field(anniversary => '$.dynamic_2412.value');
	$test->map_field(car => '$.dynamic_2416.value');
	$row = $test->fetch;
	is_deeply([ @$row{qw(state mode added changed missing)} ], [ 'done', 'full', 0, 200, 0 ], 'auto is full where the mapping changed');
	same_people('each field of everybody', $test->present, \%expected, @FIELDS, @OPTIONAL, @EMPTY);
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE anniversary IS DISTINCT FROM start_date)), 0, 'a day');
	is($test->sql(q(SELECT count(*), min(car) FROM stakesync.employee WHERE car IS NOT NULL)), '5|1000.5', 'a number');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE 'de' = ANY (languages))),
		scalar(grep { grep { $_ eq 'de' } @{ $_->{custom}{Sprachen} // [] } } values %person), 'tags as an array');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee e WHERE e::text ~ 'GB82|4111 1111|[,"(]rk[,")]')), 0, 'nothing else was kept');
};

subtest 'to the register' => sub {
	$test->register(\%expected, 'work_email', fields => [ 'mobile_phone', grep { /^pay_/ } @OPTIONAL ]);
};

subtest 'changes since the last fetch' => sub {
	my ($leaver, $renamed, $moved, $paid, $single, $vanished, $quiet) = plain_people(0, 7);
	my %number = map { $_ => $person{$_}{employee_number} } keys %person;
	my $since = $test->sql(q(SELECT to_char((fetched_since - interval '2 hours') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') FROM stakesync.connection));
	my $hired = $sim->hire(first_name => 'Zoë', last_name => 'Neu', country => 'DE', salary => 61000.5, phone => '+49 151 23456789', email => 'zoe.neu@lindwurm.example');
	my ($row, $new);

	$test->remember;
	$sim->leave($number{$leaver}, '2026-02-28');
	$sim->change($number{$renamed}, last_name => "Stra\x{df}e");
	$sim->change($number{$moved}, city => 'Güllen', zip_code => '00800');
	$sim->change($number{$paid}, salary => 99999.25, job_title => 'Head');
	$sim->post('/control/change', { employee_number => $number{$single}, set => { manager => undef, groups => [] } });
	$sim->remove($number{$vanished});
	$sim->post('/control/change', { employee_number => $number{$quiet}, set => { city => 'Seldwyla' }, quiet => JSON::PP::true() });
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'incremental', added => 1, changed => 5, unchanged => 0, missing => 0 }, 'counted');
	is_deeply([ @$row{qw(complete requests records expected)} ], [ JSON::PP::false(), 1, 6, 6 ], 'who changed, and nobody else');
	is_deeply($sim->requests->{last}[-1]{query}, { limit => 100, offset => 0, updated_since => $since }, 'since the last one began and two hours more, in a zone that nobody wrote');
	is_deeply($test->difference, {
		$leaver => { employment_status => 'INACTIVE', termination_date => '2026-02-28' },
		$renamed => { last_name => 'Straße', name => "$person{$renamed}{first_name} Straße" },
		$moved => { city => 'Güllen', zip_code => '00800' },
		$paid => { pay_rate => 99999.25, job_title => 'Head' },
		$single => { manager => undef, groups => undef, group_name => $person{$single}{team} } }, 'exactly what was changed');
	($new) = map { $sim->get("/control/person?id=$hired->{id}")->{ids}{personio} } 1;
	is_deeply([ @{ $test->present->{$new} }{qw(first_name last_name work_email start_date pay_rate mobile_phone country)} ],
		[ 'Zoë', 'Neu', 'zoe.neu@lindwurm.example', $sim->expect->{today}, 61000.5, '+4915123456789', 'DE' ], 'the one hired');

	$test->remember;
	$row = $test->fetch(q(mode => 'full'));
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 0, changed => 1, unchanged => 199, missing => 1 }, 'a full fetch sees who vanished');
	is_deeply($test->difference, { $quiet => { city => 'Seldwyla' }, $vanished => { missing => JSON::PP::true() } }, 'and who changed in silence');
	read_source();
	same_people('everybody is as the source says', { map { $_->{missing_since} ? () : ($_->{remote_id} => $_) } values %{ $test->present } },
		\%expected, @FIELDS, @OPTIONAL, @EMPTY);
	is_deeply({ map { $_->{action} => $_->{who} } $test->rows(q(SELECT action, string_agg(remote_id, ' ' ORDER BY remote_id) AS who FROM stakesync.preview
		WHERE action IN ('create', 'update', 'missing') GROUP BY action)) },
		{ create => "$new", update => join(' ', sort $leaver, $renamed, $moved, $paid, $single, $quiet), missing => $vanished }, 'the preview knows them');
	$row = $test->row('SELECT * FROM stakesync_apply(stakesync_plan())');
	is($row->{state}, 'applied', 'and applies');
	is($test->row('SELECT * FROM stakesync_apply(stakesync_plan())')->{updated}, 0, 'once');
};

subtest 'a change that shows late' => sub {
	my ($late) = plain_people(10, 1);
	my $number = $person{$late}{employee_number};

	$sim->change($number, city => 'Goldach');
	$test->sql(q(UPDATE stakesync.connection SET fetched_since = now() + interval '45 minutes'));
	is_deeply($test->outcome($test->fetch(q(mode => 'incremental')))->{changed}, 1, '45 minutes after it was made');
	$sim->change($number, city => 'Ruechenstein');
	$test->sql(q(UPDATE stakesync.connection SET fetched_since = now() + interval '121 minutes'));
	is_deeply($test->outcome($test->fetch(q(mode => 'incremental')))->{changed}, 0, 'after more than two hours it waits for the full one');
	is($test->outcome($test->fetch(q(mode => 'full')))->{changed}, 1, 'which finds it');
};

subtest 'a token that expires while pages are read' => sub {
	my $pages = with_size(20);
	my ($logins, $row);

	$sim->fault('stall_before_headers', match => { path => "$EMPLOYEES\$", page => 1 });
	($logins, $row) = $pages->counted('/v1/auth', sub {
		my $session = $pages->begin('SELECT row_to_json(r) FROM stakesync_fetch() r');
		$pages->wait_stalled(1);
		is($sim->expire_tokens('personio'), 1, 'the token of the first page is dead');
		$sim->post('/control/release');
		return from_json($pages->finish($session)->{out});
	});
	is_deeply([ @$row{qw(state added records pages retries)} ], [ 'done', 200, 200, 10, 0 ], 'all came');
	is($logins, 1, 'one login for all pages that were refused');
	cmp_ok($sim->requests->{by_status}{401}, '>', 1, 'there were several');
	is(($pages->counted('/v1/auth', sub { $pages->fetch(q(mode => 'full')) }))[0], 0, 'the next fetch has the new one');

	$sim->hire(count => 45);
	$row = $pages->fetch;
	is_deeply([ @$row{qw(state mode added pages)} ], [ 'done', 'incremental', 45, 3 ], 'changes come in pages too');
	is(join(' ', map { $_->{query}{offset} } grep { $_->{query}{updated_since} && $_->{query}{limit} == 20 } @{ $sim->requests->{last} }), '0 20 40', 'by their rows');
	start_afresh();
};

subtest 'a token that is refused again' => sub {
	my $picture = $test->picture;
	my ($logins, $row);

	$sim->expire_tokens('personio');
	$sim->fault('status', code => 401, body => $GERMAN, match => { path => "$EMPLOYEES\$" }, times => -1);
	($logins, $row) = $test->counted('/v1/auth', sub { $test->fetch(q(mode => 'full')) });
	is_deeply([ @$row{qw(state sqlstate message)} ], [ 'failed', '28000', 'the HR system does not accept the credentials (HTTP status 401)' ], 'fails with words');
	is($logins, 1, 'a new one was asked for once');
	is($test->picture, $picture, 'nobody was touched');
	is($test->sql(q(SELECT state FROM stakesync.connection)), 'failing', 'the connection says so');
	$sim->clear_faults;
	is($test->fetch(q(mode => 'full'))->{state}, 'done', 'and works again');
	is($test->sql(q(SELECT state FROM stakesync.connection)), 'connected', 'as it says');
};

subtest 'a token that is refused with 403' => sub {
	my ($logins, $row);

	$sim->switch('personio', expired_status => 403);
	$sim->expire_tokens('personio');
	($logins, $row) = $test->counted('/v1/auth', sub { $test->fetch(q(mode => 'full')) });
	is_deeply([ $row->{state}, $logins ], [ 'done', 1 ], 'a new one is asked for') or diag $row->{message};
	$sim->post('/control/scope', { provider => 'personio', scopes => ['absences:read'] });
	$sim->expire_tokens('personio');
	($logins, $row) = $test->counted('/v1/auth', sub { $test->fetch(q(mode => 'full')) });
	is_deeply([ @$row{qw(state sqlstate message)} ], [ 'failed', '42501', 'the credentials lack a permission (HTTP status 403)' ], 'a permission that is missing');
	like($row->{hint}, qr/^Reading employees needs: Employees: Read, /, 'is named');
	is($logins, 1, 'once');
	start_afresh();
};

subtest 'rows beyond the limit' => sub {
	my $row = with_size(200)->fetch;

	is_deeply([ @$row{qw(state added records pages)} ], [ 'done', 200, 200, 2 ], '200 are asked for, 100 come, nobody is left out');
	settle();
	$sim->fault('short_page', by => 3, match => { path => "$EMPLOYEES\$", page => 1 });
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state records pages missing)} ], [ 'done', 200, 3, 0 ], 'what a page in the middle left out is asked for again');
};

subtest 'a refusal with a good status' => sub {
	my $picture = $test->picture;
	my $log = $test->log_size;
	my $row;

	$sim->fault('not_success', body => $GERMAN, match => { path => "$EMPLOYEES\$", page => 2 });
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state records retries)} ], [ 'done', 200, 1 ], 'is tried again');
	$test->set('stakesync.max_retries' => 1);
	$sim->fault('not_success', body => $GERMAN, match => { path => "$EMPLOYEES\$" }, times => -1);
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state sqlstate message)} ],
		[ 'failed', '38000', 'the HR system refused, in an answer with a good status: $.success is not true, after 2 tries' ], 'and fails with words of our own');
	$sim->clear_faults;
	foreach my $code (400, 404, 500)
	{
		$sim->fault('status', code => $code, body => $GERMAN, match => { path => "$EMPLOYEES\$" }, times => 2);
		$row = $test->fetch(q(mode => 'full'));
		like($row->{message}, qr/^the HR system answered with HTTP status $code/, "status $code");
		$sim->clear_faults;
	}
	unlike(join("\n", $test->log_from($log), $test->sql('TABLE stakesync.fetch_run')), qr/Problem|aufgetreten|4711/, 'never with theirs');
	is($test->picture, $picture, 'nobody was touched');
	$test->set('stakesync.max_retries' => 5);
};

subtest 'attributes that are not ticked' => sub {
	my ($before, $row);

	settle();
	$before = $test->present;
	$sim->scope('personio', omit => [ 'email', 'department', 'team', 'cost_centers', 'dynamic_2409', 'dynamic_2405' ]);
	$row = $test->fetch(q(mode => 'full'));
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 0, changed => 0, unchanged => 200, missing => 0 }, 'are absent');
	same_people('and clear nothing', $test->present, $before, @FIELDS, @OPTIONAL, @EMPTY);
	is($test->sql(q(SELECT count(*) FROM stakesync.preview WHERE action = 'update')), 0, 'the register keeps them');
	is_deeply({ map { @$_{qw(field reason)} } $test->rows(q(SELECT field, reason FROM stakesync.data_gap WHERE field IN ('birthdate', 'city', 'work_email'))) },
		{ map { $_ => 'permission' } qw(birthdate city work_email) }, 'the gaps are named');

	$sim->scope('personio', null => ['dynamic_2405']);
	$row = $test->fetch(q(mode => 'full'));
	is($test->sql(q(SELECT count(city) FROM stakesync.employee WHERE missing_since IS NULL)), 0, 'one that is empty for all is another thing');
	is($test->sql(q(SELECT holds FROM stakesync.preview_summary WHERE action = 'update')), 't', 'which the guards hold');
	$sim->scope('personio');
	is($test->fetch(q(mode => 'full'))->{state}, 'done', 'all is back');
};

subtest 'one person' => sub {
	my ($id) = sort grep { $person{$_}{custom}{IBAN} } keys %person;
	my $peek = $test->row("SELECT stakesync_peek('$id') AS told")->{told};

	settle();
	is_deeply([ @{ $peek->{fields} }{qw(first_name work_email birthdate start_date)} ], [ @{ $expected{$id} }{qw(first_name work_email birthdate start_date)} ], 'as the list has them');
	is($peek->{values}{'$.hire_date.value'} =~ s/[T ].*//r, $expected{$id}{start_date}, 'with the values that are mapped');
	unlike(to_json($peek), qr/GB82/, 'and nothing that a register must refuse');
	is_deeply([ grep { /gender|dynamic_2417|dynamic_2418|hourly|vacation|marital/ } keys %{ $peek->{values} } ], [], 'nor what is not mapped, though the date of birth is looked for in all');
};

subtest 'so many a second' => sub {
	my $small = with_size(5);
	my ($row, $most);

	$sim->delete('/control/requests');
	$row = $small->fetch;
	is_deeply([ @$row{qw(state records pages retries)} ], [ 'done', 200, 40, 0 ], 'forty pages');
	$most = $sim->requests->{systems}{personio}{max_per_second};
	ok($most > 8 && $most <= 15, "$most within a second");
	$sim->fault('retry_after', form => 'none', match => { path => "$EMPLOYEES\$", page => 2 });
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state records retries)} ], [ 'done', 200, 1 ], 'a 429 without Retry-After is tried again');
};

subtest 'the login of v2' => sub {
	my $v2 = StakesyncSystem->new($base, 'v2', %key, provider => 'personio', method => 'v2');
	my ($logins, $row);

	$sim->switch('personio', v1_auth => 0);
	is($v2->connect->{state}, 'connected', 'where that of v1 is gone');
	($logins, $row) = $v2->counted('/v2/auth/token', sub { $v2->fetch });
	is_deeply([ @$row{qw(state added pages)}, $logins ], [ 'done', 200, 2, 0 ], 'the same list, with its token');
	same_people('the same people', $v2->present, \%at_first, @FIELDS);
	is($v2->connect(credentials => { client_secret => 'x' })->{next_step},
		'the HR system does not accept the credentials (HTTP status 401 at login). Check them, then type them again: SELECT * FROM stakesync_connect(...). Nothing was stored.', 'a wrong secret');
	start_afresh();
};

subtest 'nobody' => sub {
	my $picture = $test->picture;
	my $row;

	$sim->fault('other_shape', body => '{"success":true,"metadata":{"total_elements":0,"current_page":0,"total_pages":0},"offset":0,"limit":100,"data":[]}',
		match => { path => "$EMPLOYEES\$" });
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state message)} ], [ 'failed', 'the HR system answered, but with nobody' ], 'an empty list');
	$sim->post('/control/key', { provider => 'personio' });
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state sqlstate message)} ], [ 'failed', '28000', 'the HR system does not accept the credentials (HTTP status 403 at login)' ], 'credentials that were taken away');
	is($test->picture, $picture, 'nobody was touched');
	start_afresh();
};

# What the second API tells of a person: no names of departments, no pay
sub expected_of_v2
{
	my ($person) = @_;
	my $type = $person->{employment_type} // '';

	return { %{ expected($person) }, (map { $_ => undef } qw(groups group_name team)),
		employment_type => $type =~ /^(?:CONTRACTOR|FREELANCE)$/ ? 'CONTRACTOR' : undef };
}

subtest 'persons, and their employments one by one' => sub {
	my $few = $base->start_simulator(people => 60);
	my $persons = StakesyncSystem->new($base, 'persons', %key, provider => 'personio', method => 'persons', sim => $few);
	my ($row, %told);

	$few->switch('personio', v1 => 0);
	is($persons->connect->{state}, 'connected', 'where v1 is gone');
	$persons->sql(q(SELECT count(*) FROM stakesync_configure(import => '{manager}')));
	$row = $persons->fetch;
	is_deeply([ @$row{qw(state added pages requests)} ], [ 'done', 60, 2, 62 ], 'one request a person more') or diag $row->{message};
	%told = %{ read_people($few, 'personio') };
	same_people('each field of everybody', $persons->present, { map { $_ => expected_of_v2($told{$_}) } keys %told }, @FIELDS, 'manager');
	is($persons->fetch(q(mode => 'full'))->{unchanged}, 60, 'unchanged the second time');
	$few->switch('personio', next_href => 'relative');
	is($persons->fetch(q(mode => 'full'))->{unchanged}, 60, 'relative addresses');
	$few->fault('same_cursor', match => { path => '/v2/persons$' }, times => -1);
	$row = $persons->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state message)} ], [ 'failed', q(the HR system's pages turn in a circle: an address came twice) ], 'the same address again');
	$few->clear_faults;
	$few->fault('status', code => 502, match => { path => '/employments$', nth => 5 });
	$few->fault('retry_after', seconds => 1, match => { path => '/employments$', nth => 9 });
	is_deeply([ @{ $persons->fetch(q(mode => 'full')) }{qw(state unchanged retries)} ], [ 'done', 60, 2 ], 'a 502 and a 429 pass');
	$few->fault('status', code => 404, match => { path => '/employments$', nth => 7 }, times => -1);
	is($persons->fetch(q(mode => 'full'))->{state}, 'failed', 'employments that are refused fail it');
	same_people('and clear nothing', $persons->present, { map { $_ => expected_of_v2($told{$_}) } keys %told }, @FIELDS, 'manager');
	$few->clear_faults;
	$few->switch('personio', v1 => 1);
	another_method($few);
};

# A connection that goes from v1 to persons stays what it is: the ids are the same
sub another_method
{
	my ($few) = @_;
	my $moves = StakesyncSystem->new($base, 'moves', %key, provider => 'personio', sim => $few);
	my $row;

	$moves->connect;
	is($moves->fetch->{added}, 60, 'a connection by v1');
	$few->switch('personio', v1 => 0);
	is($moves->fetch(q(mode => 'full'))->{state}, 'failed', 'which is switched off');
	is($moves->connect(method => 'persons')->{state}, 'connected', 'connected by persons');
	$few->change('000002', last_name => 'Neumann');
	$row = $moves->fetch;
	is_deeply([ @$row{qw(state mode added missing)} ], [ 'done', 'full', 0, 0 ], 'the same people');
	is($moves->sql(q(SELECT last_name FROM stakesync.employee WHERE remote_id = '4014')), 'Neumann', 'read where persons has them');
	return;
}

$base->stop;
done_testing();
