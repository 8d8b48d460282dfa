# Lucca from connecting to the register: the legacy API, and the newer one with its employments, positions and limits
use strict;
use warnings;
use utf8;
use StakesyncPeople qw(phone_number read_people same_people sorted);
use StakesyncSim::Store;
use StakesyncSim::Json qw(from_json);
use StakesyncSystem;
use Test::More;

my $PEOPLE = 150;
my $yes = JSON::PP::true();
my $no = JSON::PP::false();

# What a manager is called who is gone
my $NOBODY = 999999;

# What the newer API gives, beside that the legacy one knows birthdates
my @FIELDS = qw(employee_number work_email first_name last_name name job_title groups group_name start_date termination_date employment_status);
my @LEGACY = (@FIELDS, 'birthdate', 'changes_on');
my @NEWER = (@FIELDS, 'employment_type');
my @NEVER = qw(personal_email address_line_1 address_line_2 zip_code city country team pay_rate record);

# Far from UTC, so that a date that were converted would be another one
my $base = StakesyncTest->start('lucca', connect => 0, conf => "timezone = 'America/Los_Angeles'\n", sim => { people => $PEOPLE });
my $sim = $base->sim;
my $today = $base->sql('SELECT current_date');
my $test = StakesyncSystem->new($base, 'lucca', credentials => { account => 'acme', api_key => 'lucca-test-key' });
my $newer = StakesyncSystem->new($base, 'newer', provider => 'lucca', method => 'v5', settings => { auth_url => $sim->url },
	credentials => { account => 'acme', client_id => 'lucca-test-client', client_secret => 'lucca-test-secret' });
my (%person, %expected, %expected_newer, %name);

# A list of the legacy API as it comes
sub users
{
	my ($fields) = @_;
	my $answer = $sim->request(GET => "/api/v3/users?fields=$fields&formerEmployees=true&paging=0,1000", headers => { Authorization => 'lucca application=lucca-test-key' });
	return $answer->{body};
}

# What ought to become of a person
sub expected
{
	my ($id, $person) = @_;
	my ($start, $end) = @$person{qw(start end)};
	my $status = defined $start && $start gt $today ? 'PENDING' : defined $end && $end lt $today ? 'INACTIVE' : 'ACTIVE';

	return {
		(map { $_ => $person->{$_} } qw(employee_number work_email first_name last_name job_title)),
		name => $name{$id}, groups => sorted($person->{department}), group_name => $person->{department},
		birthdate => $person->{birth}, start_date => $start, termination_date => $end, employment_status => $status,
		manager => $person->{manager} // ($person->{has_manager} ? $NOBODY : undef),
		changes_on => $status eq 'PENDING' ? $start : $status eq 'ACTIVE' && defined $end ? day_after($end) : undef };
}

# The newer API tells the status itself and no whole birthdate, and nothing of a position that somebody does not have
sub expected_newer
{
	my ($id, $person) = @_;
	my %type = (INTERN => 'INTERN', CONTRACTOR => 'CONTRACTOR', FREELANCE => 'CONTRACTOR');
	my $is_employed = defined $person->{start};
	my $expected = expected($id, $person);

	@$expected{qw(job_title groups group_name manager)} = () unless $is_employed && defined $person->{employment_type};
	return {
		%$expected, birthdate => undef, name => join(' ', grep { defined } @$person{qw(first_name last_name)}), employment_status => $person->{status} eq 'LEAVE' ? 'ACTIVE' : $person->{status},
		employment_type => $is_employed ? $type{ $person->{employment_type} // '' } : undef,
		mobile_phone => phone_number($person->{phone}) };
}

sub day_after { return substr StakesyncSim::Store::day_text(StakesyncSim::Store::parse_day($_[0]) + 1), 0, 10 }

# Read the source anew
sub read_source
{
	%person = %{ read_people($sim, 'lucca') };
	%name = map { $_->{id} => StakesyncPeople::text($_->{name}) } @{ from_json(users('id,name'))->{data}{items} };
	%expected = map { $_ => expected($_, $person{$_}) } keys %person;
	%expected_newer = map { $_ => expected_newer($_, $person{$_}) } keys %person;
	return;
}

# Ids of plain people: active, with all that is wanted, and nobody's manager
sub plain_people
{
	my ($from, $count) = @_;
	my %leads = map { ($_->{manager} // '') => 1 } values %person;
	my @plain = sort { $a <=> $b } grep {
		my $person = $person{$_};
		!$leads{$_} && $person->{status} eq 'ACTIVE' && !defined $person->{end} && defined $person->{manager} && defined $person->{department}
		  && defined $person->{work_email} && ($person->{employee_number} // '') =~ /^0/ && ($person->{last_name} // '') =~ /^[A-Z][a-z]+$/
	} keys %person;
	return @plain[ $from .. $from + $count - 1 ];
}

# One of each kind to look at
sub peeked
{
	my %seen;
	return grep { defined $person{$_}{department} && defined $person{$_}{employment_type} && !$seen{ $person{$_}{status} }++ } sort keys %person;
}

# Limits are for the tests of limits
sub start_afresh
{
	$sim->clear_faults;
	$sim->switch('lucca', per_minute => 0, window => 60, max_cost => 0, most_rows => 100, relative_next => 0, default_status => 'active',
		key_drift => 1, open_end => 1, utc_offset => 60, token_seconds => 1200);
	$sim->scope('lucca');
	return;
}

start_afresh();
read_source();

subtest 'what cannot be connected' => sub {
	my @answers = (
		[ 'wrong key', $test, { credentials => { api_key => 'wrong' } }, qr/^the HR system does not accept the credentials \(HTTP status 401\)\. Check key/ ],
		[ 'wrong secret', $newer, { credentials => { client_secret => 'wrong' } }, qr/^the HR system does not accept the credentials \(HTTP status 400 at login\)\. Check them/ ],
		[ 'a scope that nobody has', $newer, { settings => { scopes => 'employees.wrong' } }, qr/^the HR system does not accept the credentials \(HTTP status 400 at login\)\./ ],
		[ 'a scope that is missing', $newer, { settings => { scopes => 'departments.readonly' } }, qr/^the credentials lack a permission \(HTTP status 403\)\. / ]);

	foreach my $answer (@answers)
	{
		my ($name, $system, $options, $words) = @$answer;
		my $row = $system->connect(%$options);
		is($row->{state}, 'failing', "$name: a row");
		like($row->{next_step}, qr/$words.*Nothing was stored\.$/, "$name: says what to do");
		unlike($row->{next_step}, qr/wrong|lucca-test|invalid_|Unauthorized|Forbidden/, "$name: neither secrets nor their words");
	}
	is($test->sql('SELECT count(*) FROM stakesync_company'), 0, 'nothing was stored');
	like($test->row(q(SELECT * FROM stakesync_connect('lucca')))->{next_step}, qr/^Lucca asks for account .*api_key .*Or: Lucca asks for .*method => 'v5'/, 'what is needed');
};

subtest 'a full fetch' => sub {
	my ($row, $query, $drifting);

	is_deeply($test->connect, { connection => 'lucca', state => 'connected', next_step => 'SELECT * FROM stakesync_fetch();' }, 'connected');
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => $PEOPLE, changed => 0, unchanged => 0, missing => 0 }, 'all came');
	is_deeply([ @$row{qw(complete requests retries pages records expected message)} ],
		[ $yes, 1, 0, 1, $PEOPLE, $PEOPLE, "$PEOPLE people in 1 pages; " . $sim->expect->{leavers} . ' of them have left' ], 'and how');
	$query = ($test->requests(qr{/users$}))[-1]{query};
	is_deeply([ @$query{qw(formerEmployees orderBy paging modifiedAt)} ], [ 'true', 'id,asc', '0,1000', undef ], 'leavers are asked for, in an order, as many as may be');
	like($query->{fields}, qr/,collection\.count$/, 'and how many there are');
	same_people('each field of everybody', $test->present, \%expected, @LEGACY);
	same_people('nothing of what Lucca does not have, or was not asked for', $test->present, { map { $_ => {} } keys %expected }, 'employment_type', 'manager', 'mobile_phone', @NEVER);
	is_deeply($test->problems, {}, 'no problems');
};

subtest 'what is special' => sub {
	my $list = users('id,dtContractEnd,departmentId');
	my $picture;

	like($list, qr/"dtContractEnd":"9999-12-31T00:00:00"/, 'an open end may be the end of time');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE termination_date > '2100-01-01')), 0, 'which is none');
	like($list, qr/"departmentID":.*"departmentId":|"departmentId":.*"departmentID":/s, 'names of members drift');
	$test->fetch(q(mode => 'full'));
	$picture = $test->sql(q(SELECT md5(string_agg(concat_ws(' ', remote_id, manager, group_name, termination_date, employment_status), ',' ORDER BY remote_id)) FROM stakesync.employee));
	$sim->switch('lucca', key_drift => 0, open_end => 0);
	$test->fetch(q(mode => 'full'));
	is($test->sql(q(SELECT md5(string_agg(concat_ws(' ', remote_id, manager, group_name, termination_date, employment_status), ',' ORDER BY remote_id)) FROM stakesync.employee)), $picture, 'and it makes no difference');
	start_afresh();
	$test->fetch(q(mode => 'full'));
};

subtest 'again without a change' => sub {
	my $picture = $test->picture;

	foreach my $mode ('full', 'auto', 'incremental')
	{
		my $row = $test->fetch("mode => '$mode'");
		my $is_full = $mode eq 'full';
		is_deeply($test->outcome($row), { state => 'done', mode => $is_full ? 'full' : 'incremental', added => 0, changed => 0,
			unchanged => $is_full ? $PEOPLE : 0, missing => 0 }, "$mode: nothing changed");
		is($test->picture, $picture, "$mode: no row was touched");
	}
};

subtest 'to the register' => sub {
	my $row;

	$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'work_email', import => '{manager}')));
	$row = $test->fetch;
	is_deeply([ @$row{qw(state mode added missing)} ], [ 'done', 'full', 0, 0 ], 'with the optional fields');
	same_people('each field of everybody', $test->present, \%expected, @LEGACY, 'manager');
	$test->register(\%expected, 'work_email', fields => ['manager']);
	is_deeply($test->wrong_items, ['identifier'], 'stakesync_check has nothing to say but that some have no address');
	foreach my $id (peeked())
	{
		$test->peek_is("one who is $person{$id}{status}", $id, ["/api/v3/users/$id"]);
	}
};

subtest 'changes since the last fetch' => sub {
	my ($leaver, $renamed, $paid, $single, $quiet, $vanished) = plain_people(0, 6);
	my %number = map { $_ => $person{$_}{employee_number} } keys %person;
	my $since = $test->sql(q(SELECT to_char((fetched_since - interval '43500 seconds') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') FROM stakesync.connection));
	my $row;

	$test->remember;
	$sim->hire(first_name => 'Zoë', last_name => 'Neu', country => 'DE', email => 'zoe.neu@lindwurm.example');
	$sim->leave($number{$leaver}, '2026-02-28');
	$sim->change($number{$renamed}, last_name => "Stra\x{df}e");
	$sim->change($number{$paid}, job_title => 'Head');
	$sim->change($number{$single}, manager => undef, department => 'Legal');
	$sim->remove($number{$vanished}, 'vanish');
	$sim->post('/control/change', { employee_number => $number{$quiet}, set => { first_name => 'Still' }, quiet => $yes });
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'incremental', added => 1, changed => 4, unchanged => 0, missing => 0 }, 'counted');
	is_deeply([ @$row{qw(complete requests records expected)} ], [ $no, 1, 5, 5 ], 'who changed, and nobody else');
	is(($test->requests(qr{/users$}))[-1]{query}{modifiedAt}, "since,$since", 'since long before the last one began: nobody knows the zone of their clock');
	is_deeply($test->difference, {
		$leaver => { employment_status => 'INACTIVE', termination_date => '2026-02-28' },
		$renamed => { last_name => 'Straße', name => "$person{$renamed}{first_name} Straße" },
		$paid => { job_title => 'Head' },
		$single => { manager => undef, groups => ['Legal'], group_name => 'Legal' } }, 'exactly what was changed');

	$test->remember;
	$row = $test->fetch(q(mode => 'full'));
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 0, changed => 1, unchanged => $PEOPLE - 1, missing => 1 }, 'a full fetch sees who vanished');
	is_deeply($test->difference, { $quiet => { first_name => 'Still', name => "Still $person{$quiet}{last_name}" }, $vanished => { missing => $yes } }, 'and who changed in silence');
	read_source();
	same_people('everybody is as the source says', $test->present, \%expected, @LEGACY, 'manager');
	$row = $test->sync;
	is_deeply([ @$row{qw(state created updated)} ], [ 'applied', 1, 4 ], 'the register follows, which has no job titles');
	is_deeply([ @{ $test->sync }{qw(created updated)} ], [ 0, 0 ], 'once');
};

subtest 'a clock that differs' => sub {
	my ($one) = plain_people(8, 1);

	# Their clock is behind or ahead of UTC, and shows it nowhere
	foreach my $offset (-660, -300, 120, 780)
	{
		$sim->switch('lucca', utc_offset => $offset);
		$sim->change($person{$one}{employee_number}, job_title => "Title $offset");
		$test->sql(q(UPDATE stakesync.connection SET fetched_since = now()));
		is($test->fetch(q(mode => 'incremental'))->{changed}, 1, "by $offset minutes: a change just before the last fetch began is seen");
	}
	$sim->change($person{$one}{employee_number}, job_title => $person{$one}{job_title});
	start_afresh();
};

subtest 'the day comes' => sub {
	my ($leaver) = plain_people(9, 1);
	my $west = $test->move_west;
	my $east = $test->east;
	my $hired = $sim->hire(first_name => 'Ada', last_name => 'Later', country => 'CH', start_date => $east, employment_status => 'PENDING');
	my $is = sub { my ($where) = @_; join ' ', map { $_ // '-' } @{ $test->row("SELECT employment_status, changes_on FROM stakesync.employee WHERE $where") }{qw(employment_status changes_on)} };
	my $new = "employee_number = '$hired->{employee_number}'";
	my $old = "remote_id = '$leaver'";
	my $row;

	$sim->leave($person{$leaver}{employee_number}, $west);
	$test->fetch;
	is($is->($new), "PENDING $east", 'one who is hired is to come');
	is($is->($old), "ACTIVE " . day_after($west), 'one who leaves works on his last day');
	$test->fetch(q(mode => 'full'));
	is($test->fetch->{mode}, 'incremental', 'nothing is due');
	$test->move_east;
	$row = $test->fetch;
	is_deeply([ @$row{qw(state mode)} ], [ 'done', 'full' ], 'a day was reached: auto reads all');
	is($is->($new), 'ACTIVE -', 'the one has begun, though Lucca has said nothing new');
	is($is->($old), 'INACTIVE -', 'the other one has left');
	$sim->remove($hired->{employee_number}, 'vanish');
	$test->move_home;
	@{ $person{$leaver} }{qw(end status)} = ($west, 'INACTIVE');
	$expected{$leaver} = expected($leaver, $person{$leaver});
	$expected_newer{$leaver} = expected_newer($leaver, $person{$leaver});
	same_people('everybody is as the source says', $test->present, \%expected, @LEGACY, 'manager');
};

subtest 'fields of the customer' => sub {
	my $row;

	$test->map_field(personal_email => '$.extendedData.e_personalEmail');
	$test->map_field(mobile_phone => '$.extendedData.e_mobile', 'phone');
	$test->map_field(city => '$.extendedData.e_address.city');
	$test->map_field(team => '$.extendedData.e_shirtSize.name');
	$row = $test->fetch;
	is_deeply([ @$row{qw(state mode)} ], [ 'done', 'full' ], 'rows of the mapping');
	same_people('arrive', $test->present, { map { my $person = $person{$_}; $_ => { personal_email => $person->{personal_email}, mobile_phone => phone_number($person->{phone}),
		city => $person->{city}, team => $person->{custom}{shirt_size} } } keys %person }, qw(personal_email mobile_phone city team));
	$test->map_field(team => '$.extendedData.E_BADGE');
	$test->fetch;
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE team ~ '^\d{4}$' AND missing_since IS NULL)), scalar(grep { defined $_->{custom}{badge} } values %person), 'in whatever case');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee e WHERE e::text ~ 'GB82|4111 1111')), 0, 'nothing else was kept');
	$test->unmap_field($_) for qw(personal_email mobile_phone city team);
	$test->fetch;
};

subtest 'without a total' => sub {
	my $row;

	$sim->fault('no_total', match => { path => '/users$' }, times => -1);
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state records pages expected)} ], [ 'done', $PEOPLE, 2, undef ], 'pages follow one another until one is empty');
	$sim->clear_faults;
	$sim->fault('wrong_total', by => 7, match => { path => '/users$' }, times => -1);
	is_deeply($test->failure($test->fetch(q(mode => 'full'))), [ 'failed', '38000', ($PEOPLE + 7) . " people were announced and $PEOPLE came" ], 'a total that never comes');
	$sim->clear_faults;
};

subtest 'pages, and requests that take too long' => sub {
	my ($row, @asked);

	foreach my $times (1, 4)
	{
		$sim->delete('/control/requests');
		$sim->fault('status', code => 408, match => { path => '/users$', page => 1 }, times => $times);
		$row = $test->fetch(q(mode => 'full'));
		@asked = sort { $a->[0] <=> $b->[0] || $b->[1] <=> $a->[1] } map { [ split /,/, $_->{query}{paging} ] } $test->requests(qr{/users$});
		is_deeply([ @$row{qw(state records unchanged retries)} ], [ 'done', $PEOPLE, $PEOPLE, $times ], "408 $times times: the next request is smaller");
		is_deeply([ map { "@$_" } @asked ], $times == 1 ? [ '0 1000', '0 500' ] : [ '0 1000', '0 500', '0 250', '0 125', '0 62', '62 62', '124 62' ], 'by half each time, and so are the pages that follow');
	}
	$test->set('stakesync.max_retries' => 1);
	$sim->fault('status', code => 408, match => { path => '/users$' }, times => -1);
	is_deeply($test->failure($test->fetch(q(mode => 'full'))), [ 'failed', '38000', 'the HR system answered with HTTP status 408, after 2 tries' ], 'one that stays too slow');
	$sim->clear_faults;
	$test->set('stakesync.max_retries' => 5);
};

subtest 'errors' => sub {
	my $body = '{"Status":400,"Message":"Geheim: Zoe Neu"}';
	my $picture = $test->picture;
	my $log = $test->log_size;

	foreach my $error ([ 400, '38000', 'the HR system answered with HTTP status 400' ], [ 403, '42501', 'the credentials lack a permission (HTTP status 403)' ],
		[ 404, '38000', 'the HR system answered with HTTP status 404' ], [ 401, '28000', 'the HR system does not accept the credentials (HTTP status 401)' ])
	{
		my ($code, @words) = @$error;
		$sim->fault('status', code => $code, body => $body, match => { path => '/users$' });
		is_deeply($test->failure($test->fetch(q(mode => 'full'))), [ 'failed', @words ], "status $code");
	}
	$sim->post('/control/key', { provider => 'lucca', api_key => 'rotated' });
	is($test->fetch->{sqlstate}, '28000', 'a key that was taken away');
	$sim->post('/control/key', { provider => 'lucca', api_key => 'lucca-test-key' });
	is($test->fetch(q(mode => 'full'))->{state}, 'done', 'and is back');
	is($test->sql(q(SELECT state FROM stakesync.connection)), 'connected', 'all is well');
	unlike(join("\n", $test->log_from($log), $test->sql('TABLE stakesync.fetch_run')), qr/Geheim|Zoe Neu/, 'their words are nowhere');
	is($test->picture, $picture, 'nobody was touched');
};

subtest 'the newer API' => sub {
	my ($row, %count);

	is_deeply($newer->connect, { connection => 'lucca', state => 'connected', next_step => 'SELECT * FROM stakesync_fetch();' }, 'connected');
	$sim->delete('/control/requests');
	$row = $newer->fetch;
	is_deeply($newer->outcome($row), { state => 'done', mode => 'full', added => $PEOPLE, changed => 0, unchanged => 0, missing => 0 }, 'all came');
	is_deeply([ @$row{qw(complete retries pages records expected)} ], [ $yes, 0, 2, $PEOPLE, $PEOPLE ], 'and how');
	$count{ $_->{path} }++ for $newer->requests(qr{/lucca-api/});
	is_deeply(\%count, { map { my ($name, $pages) = @$_; ("/lucca-api/$name" => $pages) }
			([ employees => 2 ], [ employments => 2 ], [ 'job-positions' => 2 ], [ departments => 1 ], [ 'employment-templates' => 1 ]) }, 'pages of a hundred, and nothing that is not mapped');
	is($newer->asked(qr{/connect/token$}), 0, 'with the token of connecting');
	is_deeply([ sort map { $_->{query}{include} . ' ' . ($_->{query}{status} // '') } grep { !defined $_->{query}{page} } $newer->requests(qr{/(?:employees|departments)$}) ],
		[ 'links ', 'links,totalCount active,upcoming,deactivated' ], 'links and the total are asked for, and those who left or are to come');
	is_deeply([ do { my %seen; grep { !$seen{$_}++ } map { $_->{headers}{'api-version'} } $newer->requests(qr{/lucca-api/}) } ], ['2024-11-01'], 'each request names the version');
	same_people('each field of everybody', $newer->present, \%expected_newer, @NEWER);
	same_people('nothing of what Lucca does not have, or was not asked for', $newer->present, { map { $_ => {} } keys %expected }, 'birthdate', 'manager', 'mobile_phone', @NEVER);
};

subtest 'the newer API to the register' => sub {
	my $picture;

	$newer->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'work_email', import => '{manager,mobile_phone}')));
	is($newer->sql(q(SELECT path FROM stakesync.mapping WHERE field = 'manager')), '$.job_position.manager.id', 'the optional fields are those of the method');
	is_deeply([ @{ $newer->fetch }{qw(state mode added missing)} ], [ 'done', 'full', 0, 0 ], 'fetched');
	same_people('each field of everybody', $newer->present, \%expected_newer, @NEWER, 'manager', 'mobile_phone');
	$newer->register(\%expected_newer, 'work_email', fields => [ 'manager', 'mobile_phone' ]);
	is_deeply($newer->wrong_items, ['identifier'], 'stakesync_check has nothing to say but that some have no address');
	foreach my $id (peeked())
	{
		$newer->peek_is("one who is $person{$id}{status}", $id, [ "/lucca-api/employees/$id", map { "/lucca-api/$_" } qw(employments job-positions departments employment-templates) ]);
	}
	$picture = $newer->picture;
	is($newer->fetch(q(mode => 'full'))->{unchanged}, $PEOPLE, 'unchanged');
	is($newer->picture, $picture, 'no row was touched');
	is_deeply($newer->failure($newer->fetch(q(mode => 'incremental'))), [ 'failed', '55000', 'this provider has no incremental fetch' ], 'it tells no changes');
};

subtest 'changes in the newer API' => sub {
	my ($leaver, $paid, $single, $vanished) = plain_people(12, 4);
	my %number = map { $_ => $person{$_}{employee_number} } keys %person;
	my $row;

	$newer->remember;
	$sim->hire(first_name => 'Émile', last_name => 'Neuf', country => 'FR', email => 'emile.neuf@lindwurm.example');
	$sim->leave($number{$leaver}, '2026-02-28');
	$sim->change($number{$paid}, job_title => 'Head');
	$sim->change($number{$single}, manager => undef, department => 'Legal');
	$sim->remove($number{$vanished});
	$row = $newer->fetch;
	is_deeply($newer->outcome($row), { state => 'done', mode => 'full', added => 1, changed => 3, unchanged => $PEOPLE - 4, missing => 1 }, 'counted');
	is_deeply($newer->difference, {
		$leaver => { employment_status => 'INACTIVE', termination_date => '2026-02-28' }, $paid => { job_title => 'Head' },
		$single => { manager => undef, groups => ['Legal'], group_name => 'Legal' }, $vanished => { missing => $yes } }, 'exactly what was changed');
	read_source();
	same_people('everybody is as the source says', $newer->present, \%expected_newer, @NEWER, 'manager', 'mobile_phone');
	is_deeply([ @{ $newer->sync }{qw(state created updated)} ], [ 'applied', 1, 2 ], 'the register follows');
	is_deeply([ @{ $newer->sync }{qw(created updated)} ], [ 0, 0 ], 'once');
};

subtest 'pages of the newer API' => sub {
	my $picture = $newer->picture;
	my ($row, %limit);

	$sim->switch('lucca', relative_next => 1);
	is_deeply([ @{ $newer->fetch(q(mode => 'full')) }{qw(state unchanged)} ], [ 'done', $PEOPLE ], 'addresses from the root');
	$sim->switch('lucca', relative_next => 0, default_status => '');
	is_deeply([ @{ $newer->fetch(q(mode => 'full')) }{qw(state unchanged)} ], [ 'done', $PEOPLE ], 'whatever status comes by default');
	start_afresh();
	$sim->fault('same_cursor', match => { path => '/employees$' }, times => -1);
	is_deeply($newer->failure($newer->fetch(q(mode => 'full'))), [ 'failed', '38000', q(the HR system's pages turn in a circle: an address came twice) ], 'an address that comes again');
	$sim->clear_faults;
	$sim->fault('no_next', match => { path => '/employees$' }, times => -1);
	is_deeply($newer->failure($newer->fetch(q(mode => 'full'))), [ 'failed', '38000', "$PEOPLE people were announced and 100 came" ], 'pages that end too early');
	$sim->clear_faults;

	$sim->delete('/control/requests');
	$sim->switch('lucca', max_cost => 100);
	$row = $newer->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state unchanged pages)} ], [ 'done', $PEOPLE, 6 ], 'requests that take too long are made smaller');
	$limit{"$_->{path} $_->{query}{limit} $_->{status}"}++ for $newer->requests(qr{/employ(?:ees|ments)$});
	is_deeply(\%limit, { '/lucca-api/employees 100 408' => 1, '/lucca-api/employees 50 408' => 1, '/lucca-api/employees 25 200' => 6,
		'/lucca-api/employments 100 408' => 1, '/lucca-api/employments 50 200' => 3 }, 'by half, and so are the pages that follow');
	is($newer->picture, $picture, 'no row was touched');
	start_afresh();
};

subtest 'attributes of the customer' => sub {
	my $scopes = $newer->sql(q(SELECT definition #>> '{settings,scopes,default}' FROM stakesync_provider WHERE provider = 'lucca'));
	my ($row, $asked);

	$newer->map_field(team => '$.attributes.e_badge');
	$row = $newer->fetch;
	is_deeply([ @$row{qw(state changed)} ], [ 'done', 0 ], 'without the scope nothing comes, and nothing is lost');
	is($newer->sql(q(SELECT count(*) FROM stakesync.employee WHERE NOT 'team' = ANY (unknown) AND missing_since IS NULL)), 0, 'nothing is known of them');
	$newer->sql("SELECT count(*) FROM stakesync_configure(settings => '{\"scopes\": \"$scopes employee-attributes.readonly\"}')");
	$newer->sql(q(UPDATE stakesync._credential SET token_expires = now()));
	$row = $newer->fetch;
	same_people('with it they arrive', $newer->present, { map { $_ => { team => $person{$_}{custom}{badge} } } keys %person }, 'team') or diag explain $row;
	$asked = ($newer->requests(qr{/employee-attributes$}))[0]{query};
	is($asked->{'applicability.asOf'}, $newer->sql('SELECT (now() AT TIME ZONE timezone)::date FROM stakesync._company'), 'those of today');
	$newer->map_field(team => '$.attributes.jobTitle');
	$newer->fetch;
	is($newer->sql(q(SELECT count(*) FROM stakesync.employee WHERE team IS DISTINCT FROM job_title AND missing_since IS NULL AND employment_status = 'ACTIVE')), 0, 'of several the one that applies');
	$newer->map_field(team => '$.attributes.e_desk.floor');
	$newer->fetch;
	same_people('a part of one', $newer->present, { map { $_ => { team => $person{$_}{custom}{desk}{floor} } } keys %person }, 'team');
	$newer->unmap_field('team');
	$newer->fetch;
	is($newer->sql(q(SELECT count(*) FROM stakesync.employee e WHERE e::text ~ 'GB82|4111 1111')), 0, 'nothing else was kept');
};

subtest 'lists that may not be read' => sub {
	my $before;

	$newer->fetch(q(mode => 'full'));
	$before = $newer->present;
	$newer->sql(q(SELECT count(*) FROM stakesync_configure(settings => '{"scopes": "employees.readonly employments.readonly"}')));
	$newer->sql(q(UPDATE stakesync._credential SET token_expires = now()));
	is($newer->fetch->{state}, 'done', 'are no failure');
	same_people('and clear nothing', $newer->present, $before, @NEWER, 'manager', 'mobile_phone');
	is($newer->sql(q(SELECT count(*) FROM stakesync.preview WHERE action = 'update')), 0, 'nor in the register');
	is_deeply($newer->wrong_items, [ 'fields', 'identifier', 'stream departments', 'stream employment templates', 'stream job positions' ], 'stakesync_check names them');
	is_deeply($newer->gaps('group_name', 'start_date'), { group_name => 'permission', start_date => 'not filled in' }, 'and so do the gaps');
	is($newer->sql(q(SELECT count(*) FROM stakesync.employee WHERE unknown @> '{job_title,group_name,manager,employment_type}' AND missing_since IS NULL)), $PEOPLE, 'nothing is known of them');
	$newer->sql(q(SELECT count(*) FROM stakesync_configure(settings => '{"scopes": null}')));
	$newer->sql(q(UPDATE stakesync._credential SET token_expires = now()));
	is($newer->fetch->{state}, 'done', 'all is back');
	same_people('as it was', $newer->present, \%expected_newer, @NEWER, 'manager', 'mobile_phone');
};

subtest 'tokens' => sub {
	my ($logins, $row, $session);

	is(($newer->counted(qr{/connect/token$}, sub { $newer->fetch(q(mode => 'full')) for 1 .. 2 }))[0], 0, 'two fetches use one');
	$sim->fault('stall_before_headers', match => { path => '/employments$', page => 1 });
	($logins, $row) = $newer->counted(qr{/connect/token$}, sub {
		$session = $newer->begin(q(SELECT row_to_json(r) FROM stakesync_fetch(mode => 'full') r));
		$newer->wait_stalled(1);
		$sim->expire_tokens('lucca');
		$sim->post('/control/release');
		return from_json($newer->finish($session)->{out});
	});
	is_deeply([ @$row{qw(state unchanged)} ], [ 'done', $PEOPLE ], 'one that is over in the middle');
	is($logins, 1, 'is renewed once');
	$sim->expire_tokens('lucca');
	$sim->post('/control/key', { provider => 'lucca', client_secret => 'rotated' });
	is_deeply($newer->failure($newer->fetch(q(mode => 'full'))), [ 'failed', '28000', 'the HR system does not accept the credentials (HTTP status 400 at login)' ], 'a secret that was taken away');
	is($newer->connect(credentials => { client_secret => 'rotated' })->{state}, 'connected', 'and given anew');
	$sim->post('/control/key', { provider => 'lucca', client_secret => 'lucca-test-secret' });
	$newer->connect;
	is($newer->fetch(q(mode => 'full'))->{state}, 'done', 'works');
};

subtest 'fifty requests a minute' => sub {
	my $limited = StakesyncSystem->new($base, 'limited', %$newer, database => 'limited');
	my ($row, $session, $refused);

	$sim->delete('/control/requests');
	$limited->connect(settings => { requests_per_minute => undef });
	is($limited->sql(q(SELECT settings ? 'requests_per_minute' FROM stakesync.connection)), 'f', 'at the pace of the definition');
	is_deeply([ map { $limited->fetch(q(mode => 'full'))->{requests} } 1 .. 5 ], [ (8) x 5 ], 'five fetches, as fast as they can');
	$session = $limited->begin(q(SELECT row_to_json(r) FROM stakesync_fetch(mode => 'full') r));
	$limited->wait_until(sub { $session->{run}->pump_nb; $session->{err} =~ /so far/ && $sim->requests->{systems}{lucca}{total} >= 45 }, 'a sixth one that waits');
	$limited->sql(q(SELECT stakesync_cancel(fetch_id) FROM stakesync.fetch_run WHERE state = 'running'));
	$row = from_json($limited->finish($session)->{out});
	is($row->{state}, 'cancelled', "a sixth one waits after $row->{requests} requests");
	is($sim->requests->{systems}{lucca}{max_per_minute}, 45, 'connecting counts too, and there is room for others');
	$sim->switch('lucca', per_minute => 4, window => 2);
	$sim->delete('/control/requests');
	$row = $newer->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state unchanged)} ], [ 'done', $PEOPLE ], 'where others use the same allowance the refusals are waited for');
	$refused = $sim->requests->{by_status}{429};
	cmp_ok($refused, '>', 0, "$refused times");
	start_afresh();
};

subtest 'from one API to the other' => sub {
	is($test->connect(method => 'v5', settings => { auth_url => $sim->url }, credentials => { client_id => 'lucca-test-client', client_secret => 'lucca-test-secret', api_key => undef })->{state},
		'connected', 'the same connection by the other method');
	is($test->sql(q(SELECT string_agg(path, ' ' ORDER BY field) FROM stakesync.mapping WHERE field IN ('work_email', 'manager', 'birthdate', 'employment_type'))),
		'$.employment_template.kind $.job_position.manager.id $.email', 'has its mapping');
	is_deeply([ @{ $test->fetch }{qw(state mode added missing)} ], [ 'done', 'full', 1, 1 ], 'the same people under the same ids');
	same_people('each field of everybody', $test->present, \%expected_newer, @NEWER, 'manager');
	is($test->sql(q(SELECT count(*) > 100 FROM stakesync.stakeholder WHERE birthdate IS NOT NULL)), 't', 'what no longer comes stays in the register');
	is($test->sql(q(SELECT count(*) FROM stakesync.preview WHERE changes ? 'birthdate')), 0, 'and is not cleared');
};

$base->stop;
done_testing();
