# BambooHR from connecting to the register: datasets, the report of older accounts, the login at the website
use strict;
use warnings;
use utf8;
use StakesyncPeople qw(phone_number read_people same_people sorted);
use StakesyncSystem;
use Test::More;

my $DATASET = '/api/v2/datasets/employee/data';
my $REPORT = '/api/v1/reports/custom';
my $PEOPLE = 200;
my $yes = JSON::PP::true();
my $no = JSON::PP::false();

# What a manager is called who is gone
my $NOBODY = 999999;

my @FIELDS = qw(employee_number work_email personal_email first_name last_name name job_title groups group_name address_line_1
  address_line_2 zip_code city country birthdate start_date termination_date employment_status employment_type changes_on);
my @OPTIONAL = qw(manager mobile_phone pay_rate pay_period pay_currency);

# Far from UTC, so that a date that were converted would be another one
my $base = StakesyncTest->start('bamboohr', connect => 0, conf => "timezone = 'America/Los_Angeles'\n", sim => { people => $PEOPLE });
my $sim = $base->sim;
my $today = $base->sql('SELECT current_date');
my %key = (credentials => { company_domain => 'acme', api_key => 'bamboohr-test-key' });
my $test = StakesyncSystem->new($base, 'bamboohr', %key);
my $older = StakesyncSystem->new($base, 'report', provider => 'bamboohr', method => 'report', %key);
my (%person, %expected);

# What ought to become of a person
sub expected
{
	my ($person) = @_;
	my %type = map { $_ => $_ } qw(FULL_TIME PART_TIME INTERN CONTRACTOR FREELANCE);
	my $pay = $person->{pay_rate};

	return {
		(map { $_ => $person->{$_} } qw(employee_number work_email personal_email first_name last_name job_title zip_code city country)),
		name => join(' ', grep { defined } @$person{qw(first_name last_name)}),
		groups => sorted($person->{department}), group_name => $person->{department} // $person->{business_unit},
		address_line_1 => $person->{street_1}, address_line_2 => $person->{street_2},
		birthdate => $person->{birth}, start_date => $person->{start}, termination_date => $person->{end},
		employment_status => $person->{status} eq 'LEAVE' ? 'ACTIVE' : $person->{status},
		employment_type => $person->{status} eq 'INACTIVE' ? undef : $type{ $person->{employment_type} // '' },
		changes_on => ($person->{start} // '') gt $today ? $person->{start} : undef,
		manager => $person->{manager} // ($person->{has_manager} ? $NOBODY : undef), mobile_phone => phone_number($person->{phone}),
		pay_rate => $pay, pay_period => defined $person->{pay_period} ? $person->{pay_period} : undef, pay_currency => $person->{pay_currency} };
}

# Read the source anew
sub read_source
{
	%person = %{ read_people($sim, 'bamboohr') };
	%expected = map { $_ => expected($person{$_}) } keys %person;
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
		  && defined $person->{city} && defined $person->{work_email} && ($person->{employee_number} // '') =~ /^0/
		  && ($person->{last_name} // '') =~ /^[A-Z][a-z]+$/
	} keys %person;
	return @plain[ $from .. $from + $count - 1 ];
}

# The last body that was sent
sub last_body { return $sim->requests->{systems}{bamboohr}{bodies}[-1] }

# What the report does not have
sub without_pay { return grep { !/^pay_/ } @_ }

read_source();

subtest 'what cannot be connected' => sub {
	my @answers = (
		[ 'wrong key', {}, qr/^the HR system does not accept the credentials \(HTTP status 401\)\. Check key/, { credentials => { api_key => 'wrong' } } ],
		[ 'no datasets', { datasets => 0 }, qr/^the HR system answered with HTTP status 404\. / ],
		[ 'their words', {}, qr/^the credentials lack a permission \(HTTP status 403\)\. /, {},
			{ code => 403, body => '', headers => { 'X-BambooHR-Error-Message' => 'Geheim: Zoe Neu' } } ]);

	foreach my $answer (@answers)
	{
		my ($name, $switches, $words, $options, $fault) = @$answer;
		$sim->switch('bamboohr', datasets => 1, %$switches);
		$sim->fault('status', %$fault) if $fault;
		my $row = $test->connect(%{ $options // {} });
		is($row->{state}, 'failing', "$name: a row");
		like($row->{next_step}, qr/$words.*Nothing was stored\.$/, "$name: says what to do");
		unlike($row->{next_step}, qr/wrong|bamboohr-test|Geheim|Neu|API key not/, "$name: neither secrets nor their words");
	}
	$sim->switch('bamboohr', datasets => 1);
	is($test->sql('SELECT count(*) FROM stakesync_company'), 0, 'nothing was stored');
	like($test->row(q(SELECT * FROM stakesync_connect('bamboohr')))->{next_step},
		qr/^BambooHR asks for company_domain \(Company domain\), api_key \(API key\)\..*method => 'report'/, 'what is needed');
};

subtest 'a full fetch' => sub {
	my ($row, $body, $headers);

	is_deeply($test->connect, { connection => 'bamboohr', state => 'connected', next_step => 'SELECT * FROM stakesync_fetch();' }, 'connected');
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => $PEOPLE, changed => 0, unchanged => 0, missing => 0 }, 'all came');
	is_deeply([ @$row{qw(complete requests retries pages records expected message)} ],
		[ $yes, 1, 0, 1, $PEOPLE, $PEOPLE, "$PEOPLE people in 1 pages; " . $sim->expect->{leavers} . ' of them have left' ], 'and how');
	$body = last_body();
	is_deeply([ @$body{qw(page pageSize filter orderBy)} ], [ 1, 1000, "status in ('Active','Inactive')", 'eeid asc' ], 'those who left and those to come are asked for');
	is(scalar(grep { /ssn|nin|national|ethnic|bank|iban/i } @{ $body->{fields} }), 0, 'refused data is not');
	$headers = ($test->requests($DATASET))[-1]{headers};
	is_deeply([ @$headers{qw(accept content-type)} ], [ 'application/json', 'application/json' ], 'JSON, by exactly that name');
	same_people('each field of everybody', $test->present, \%expected, @FIELDS);
	same_people('nothing that was not asked for', $test->present, { map { $_ => {} } keys %expected }, @OPTIONAL, 'team', 'record');
	is_deeply([ map { values %$_ } values %{ $test->problems } ], ['unknown_value'], 'one employment status is not known');
};

subtest 'what is special' => sub {
	my $list = $test->sql(q(SELECT json_object_agg(k, v) FROM (SELECT
		unnest(ARRAY['pending', 'no end', 'leavers with a type', 'leading zeros']) AS k,
		unnest(ARRAY[count(*) FILTER (WHERE employment_status = 'PENDING'), count(*) FILTER (WHERE termination_date IS NULL),
			count(*) FILTER (WHERE employment_status = 'INACTIVE' AND employment_type IS NOT NULL), count(*) FILTER (WHERE employee_number ~ '^0')]) AS v
		FROM stakesync.employee) x));
	is_deeply(StakesyncSim::Json::from_json($list), {
		'pending' => $sim->expect->{pending}, 'no end' => scalar(grep { !defined $_->{end} } values %person),
		'leavers with a type' => 0, 'leading zeros' => scalar(grep { ($_->{employee_number} // '') =~ /^0/ } values %person) },
		'those to come are inactive there, no date is 0000-00-00, Terminated says nothing of the type');
	$sim->switch('bamboohr', empty_date => '');
	is($test->fetch(q(mode => 'full'))->{changed}, 0, 'an empty date may be an empty text');
	$sim->switch('bamboohr', empty_date => '0000-00-00');
};

subtest 'again without a change' => sub {
	my $picture;

	$test->fetch(q(mode => 'full'));
	$picture = $test->picture;
	foreach my $mode ('full', 'auto')
	{
		my $row = $test->fetch("mode => '$mode'");
		is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 0, changed => 0, unchanged => $PEOPLE, missing => 0 }, "$mode: nothing changed");
		is($test->picture, $picture, "$mode: no row was touched");
	}
	is_deeply($test->failure($test->fetch(q(mode => 'incremental'))), [ 'failed', '55000', 'this provider has no incremental fetch' ], 'datasets tell no changes');
};

subtest 'to the register' => sub {
	my $row;

	$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'employee_number', import => '{manager,mobile_phone,pay_rate}')));
	$row = $test->fetch;
	is_deeply([ @$row{qw(state mode added missing)} ], [ 'done', 'full', 0, 0 ], 'with the optional fields');
	same_people('each field of everybody', $test->present, \%expected, @FIELDS, @OPTIONAL);
	$test->register(\%expected, 'employee_number', fields => [ without_pay(@OPTIONAL) ]);
	is_deeply($test->wrong_items, ['identifier'], 'stakesync_check has nothing to say but that four have no number');
	$test->peek_is('one person', (plain_people(0, 1))[0], [$DATASET]);
	$test->peek_is('one to come', (grep { $person{$_}{status} eq 'PENDING' } sort keys %person)[0], [$DATASET]);
};

subtest 'changes' => sub {
	my ($leaver, $renamed, $moved, $paid, $single, $flagged, $vanished) = plain_people(0, 7);
	my %number = map { $_ => $person{$_}{employee_number} } keys %person;
	my $hired = $sim->hire(first_name => 'Zoë', last_name => 'Neu', country => 'DE', salary => 61000.5, phone => '+49 151 23456789', email => 'zoe.neu@lindwurm.example');
	my ($row, $difference);

	$test->remember;
	$sim->leave($number{$leaver}, '2026-02-28');
	$sim->change($number{$renamed}, last_name => "Stra\x{df}e");
	$sim->change($number{$moved}, city => 'Zürich', zip_code => '00800', country => 'CH');
	$sim->change($number{$paid}, salary => 99999.25, job_title => 'Head');
	$sim->change($number{$single}, manager => undef, department => 'Legal');
	$sim->remove($number{$flagged});
	$sim->remove($number{$vanished}, 'vanish');
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 1, changed => 5, unchanged => $PEOPLE - 7, missing => 2 }, 'counted');
	$difference = $test->difference;
	is_deeply($difference, {
		$leaver => { employment_status => 'INACTIVE', termination_date => '2026-02-28', employment_type => undef },
		$renamed => { last_name => 'Straße', name => "$person{$renamed}{first_name} Straße" },
		$moved => { city => 'Zürich', zip_code => '00800', $person{$moved}{country} eq 'CH' ? () : (country => 'CH') },
		$paid => { pay_rate => 99999.25, job_title => 'Head' },
		$single => { manager => undef, groups => ['Legal'], group_name => 'Legal' },
		$flagged => { missing => $yes }, $vanished => { missing => $yes } }, 'exactly what was changed');
	read_source();
	same_people('everybody is as the source says', $test->present, \%expected, @FIELDS, @OPTIONAL);
	is_deeply({ map { @$_{qw(action people)} } $test->rows(q(SELECT action, people FROM stakesync.preview_summary WHERE action IN ('create', 'update', 'missing'))) },
		{ create => 1, update => 5, missing => 2 }, 'the preview knows them');
	$row = $test->sync;
	is_deeply([ @$row{qw(state created updated)} ], [ 'applied', 1, 5 ], 'and applies');
	is_deeply([ @{ $test->sync }{qw(created updated)} ], [ 0, 0 ], 'once');
	is($test->sql(q(SELECT count(*) FROM stakesync.stakeholder)), $sim->expect->{people} - $sim->expect->{leavers} - 4 + 3, 'nobody was removed from the register');
};

subtest 'the day comes' => sub {
	my $west = $test->move_west;
	my $east = $test->east;
	my $new = $sim->hire(first_name => 'Ada', last_name => 'Later', country => 'CH', start_date => $east, employment_status => 'PENDING');
	my $is = sub { join ' ', map { $_ // '' } @{ $test->row("SELECT employment_status, changes_on FROM stakesync.employee WHERE employee_number = '$new->{employee_number}'") }{qw(employment_status changes_on)} };

	is($test->fetch->{added}, 1, 'one who is hired for a later day');
	is($is->(), "PENDING $east", 'is to come');
	is($test->sql("SELECT count(*) FROM stakesync.employee WHERE changes_on <= '$west' AND missing_since IS NULL"), 0, 'nothing is due');
	$test->move_east;
	$sim->post('/control/change', { employee_number => $new->{employee_number}, set => { employment_status => 'ACTIVE' }, quiet => $yes });
	is($test->fetch->{state}, 'done', 'on that day');
	is($is->(), 'ACTIVE ', 'he has begun');
	$sim->post('/control/change', { employee_number => $new->{employee_number}, set => { employment_status => 'PENDING' }, quiet => $yes });
	$test->fetch;
	is($is->(), 'INACTIVE ', 'once the day is there the word of BambooHR counts');
	$sim->remove($new->{employee_number}, 'vanish');
	$test->move_home;
};

# How many managers there are, and how many of them are known
sub managers
{
	my ($system) = @_;
	return $system->sql(q(SELECT count(e.manager) || ' ' || count(m.remote_id) FROM stakesync.employee e
		LEFT JOIN stakesync.employee m ON m.remote_id = e.manager WHERE e.missing_since IS NULL));
}

subtest 'supervisors' => sub {
	foreach my $system ($test, $older)
	{
		my $right;

		if ($system == $older)
		{
			is($older->connect->{state}, 'connected', 'the report');
			$older->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'employee_number', import => '{manager,mobile_phone,pay_rate}')));
		}
		$system->fetch;
		$right = managers($system);
		is($right, join(' ', scalar(grep { $_->{has_manager} } values %person), scalar(grep { defined $_->{manager} } values %person)), 'one of the two fields is the id');
		$sim->switch('bamboohr', supervisor_ids => 'swapped');
		$system->fetch(q(mode => 'full'));
		like(managers($system), qr/^\d+ 0$/, 'where it is the number nobody is known');
		cmp_ok($system->sql(q(SELECT count(*) FROM stakesync.preview, jsonb_array_elements(problems) p WHERE p ->> 'code' = 'unknown_manager')), '>', $PEOPLE / 2,
			'which the preview says') if $system == $test;
		is($system->sql(q(SELECT count(*) FROM stakesync.preview WHERE changes ? 'manager')), 0, 'and nobody loses a manager');
		$system->map_field(manager => '$.supervisorId');
		is($system->fetch->{state}, 'done', 'the other one mapped');
		is(managers($system), $right, 'is the id');
		ok(!!(grep { $_ eq 'supervisorId' } @{ last_body()->{fields} }), 'and was asked for');
		$sim->switch('bamboohr', supervisor_ids => 'internal');
		$system->unmap_field('manager');
		$system->sql(q(SELECT count(*) FROM stakesync_configure(import => '{manager,mobile_phone,pay_rate}')));
		$system->fetch;
		is(managers($system), $right, 'and back');
	}
};

subtest 'fields of the customer' => sub {
	my %badge = map { $_ => $person{$_}{custom}{badge} } keys %person;
	my ($names, $picture);

	$test->map_field(team => '$.customField4338');
	is($test->fetch->{mode}, 'full', 'a row of the mapping');
	$names = last_body()->{fields};
	is(scalar(grep { $_ eq 'customField4338' } @$names), 1, 'is asked for by name');
	same_people('and arrives', $test->present, { map { $_ => { team => $badge{$_} } } keys %person }, 'team');
	foreach my $name ('ssn', 'ethnicity', 'nin', 'nationalId')
	{
		$test->map_field(team => "\$.$name");
		$test->fetch;
		$names = last_body()->{fields};
		is(scalar(grep { $_ eq $name } @$names), 0, "$name is never asked for");
		is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE team ~ '078-05-1120|WHITE')), 0, 'nor does it arrive');
	}
	$picture = $test->picture;
	$test->map_field(team => '$.customShoeSize');
	is_deeply($test->failure($test->fetch), [ 'failed', '38000', 'the HR system answered with HTTP status 400' ], 'a field that they do not know');
	is($test->picture, $picture, 'nobody was touched');
	$sim->switch('bamboohr', unknown => 'drop');
	is($test->fetch->{state}, 'done', 'where they leave it out');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE NOT 'team' = ANY (unknown) AND missing_since IS NULL)), 0, 'nothing is known of it');
	$sim->switch('bamboohr', unknown => 'refuse');
	$test->unmap_field('team');
	$test->fetch;
};

subtest 'words of the customer' => sub {
	my ($seasonal) = grep { ($person{$_}{employment_type} // '') eq 'SEASONAL' } keys %person;
	my $is = sub { my $row = $test->present->{$seasonal}; return [ $row->{employment_type}, map { $_->{code} } grep { $_->{field} eq 'employment_type' } @{ $row->{problems} // [] } ] };

	is_deeply($is->(), [ undef, 'unknown_value' ], 'one that nobody knows is a problem');
	$test->sql(q{UPDATE stakesync.mapping SET transform = rtrim(transform, ')') || ', Seasonal=PART_TIME)' WHERE field = 'employment_type'});
	$test->fetch;
	is_deeply($is->(), ['PART_TIME'], 'until it is named');
	$test->sql(q(UPDATE stakesync.mapping SET transform = replace(transform, ', Seasonal=PART_TIME', '') WHERE field = 'employment_type'));
	$test->fetch;
	is_deeply($is->(), [ 'PART_TIME', 'unknown_value' ], 'a problem leaves what was known before');
};

subtest 'what may not be read' => sub {
	my ($row, $birthdates, $run);

	$birthdates = $test->sql('SELECT count(birthdate) FROM stakesync.stakeholder');
	$sim->scope('bamboohr', omit => ['date_of_birth']);
	$row = $test->fetch;
	is($row->{state}, 'done', 'a field that is named as restricted, and empty');
	is_deeply($test->gaps('birthdate', 'city'), { birthdate => 'permission', city => 'not filled in' }, 'is a gap');
	is($test->sql('SELECT holds FROM stakesync.preview_summary WHERE action = $$update$$'), 't', 'would be cleared for all: a guard says no');
	$run = $test->sync;
	is_deeply([ $run->{state}, $test->sql('SELECT count(birthdate) FROM stakesync.stakeholder') ], [ 'held', $birthdates ], 'the register keeps what it has');
	like($run->{message}, qr/birthdate/, "$run->{message}");
	$test->sql("SELECT stakesync_discard($run->{sync_id})");
	$sim->switch('bamboohr', restricted => 'refuse');
	$row = $test->fetch;
	is_deeply($test->failure($row), [ 'failed', '42501', 'the credentials lack a permission (HTTP status 403)' ], 'one for which all is refused');
	is($row->{hint}, 'Reading employees needs: View all employees and the fields asked for. The guide in stakesync_provider says where.', 'says which permission');
	$sim->switch('bamboohr', restricted => 'listed');
	$sim->scope('bamboohr');
	is($test->fetch->{state}, 'done', 'all is back');
	is($test->sync->{updated}, 0, 'and nothing was lost');
};

subtest 'pages' => sub {
	my $row;

	$sim->delete('/control/requests');
	$sim->switch('bamboohr', too_large => 24 * 70);
	$row = $test->fetch;
	is_deeply([ @$row{qw(state pages records expected unchanged retries)} ], [ 'done', 4, $PEOPLE - 1, $PEOPLE - 1, $PEOPLE - 1, 4 ], 'too much data: smaller pages, until they are small enough');
	is($sim->requests->{by_status}{413}, 4, 'after four refusals');
	is_deeply([ sort map { "$_->{pageSize} $_->{page}" } @{ $sim->requests->{systems}{bamboohr}{bodies} }[ -8 .. -1 ] ],
		[ '1000 1', '125 1', '250 1', '500 1', '62 1', '62 2', '62 3', '62 4' ], 'each page of one size');
	$sim->fault('wrong_total', by => 3, match => { path => 'employee/data' }, times => -1);
	$row = $test->fetch;
	is($row->{state}, 'failed', 'a total that never comes');
	like($row->{message}, qr/^${\($PEOPLE + 2)} people were announced and ${\($PEOPLE - 1)} came$/, 'says so');
	$sim->clear_faults;
	$sim->switch('bamboohr', too_large => 1);
	$row = $test->fetch;
	is_deeply($test->failure($row), [ 'failed', '38000', 'the HR system answered with HTTP status 413, after 6 tries' ], 'nothing is small enough');
	$sim->switch('bamboohr', too_large => 0);
};

# Seconds between the first two requests
sub pause
{
	my @at = map { $_->{at} } $test->requests($DATASET);
	return $at[1] - $at[0];
}

subtest 'fewer requests' => sub {
	foreach my $refusal ([ 503, 'seconds', 1 ], [ 429, 'date', 2 ])
	{
		my ($code, $form, $seconds) = @$refusal;
		$sim->delete('/control/requests');
		$sim->fault('retry_after', code => $code, form => $form, seconds => $seconds, match => { path => 'employee/data' });
		my $row = $test->fetch;
		is_deeply([ @$row{qw(state retries)} ], [ 'done', 1 ], "$code with Retry-After as $form");
		cmp_ok(pause(), '>=', 1, sprintf('waits %.1f seconds', pause()));
	}
	$sim->switch('bamboohr', per_minute => 1, window => 2, throttle => 503, retry_after => 'date');
	$sim->delete('/control/requests');
	$test->fetch for 1 .. 2;
	is($test->sql(q(SELECT string_agg(state || ' ' || retries, ',' ORDER BY fetch_id) FROM (SELECT * FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 2) f)),
		'done 0,done 1', 'as the system itself does it');
	is($sim->requests->{by_status}{503}, 1, 'one refusal');
	$sim->switch('bamboohr', per_minute => 0);
	$test->set('stakesync.max_retries' => 1);
	$sim->fault('retry_after', code => 503, form => 'seconds', seconds => 0, match => { path => 'employee/data' }, times => -1);
	is_deeply($test->failure($test->fetch), [ 'failed', '38000', 'the HR system answered with HTTP status 503, after 2 tries' ], 'a 503 that stays');
	$sim->clear_faults;
	$sim->fault('retry_after', code => 429, form => 'seconds', seconds => 0, match => { path => 'employee/data' }, times => -1);
	is_deeply($test->failure($test->fetch), [ 'failed', '53400', 'the HR system asks for fewer requests (HTTP status 429), after 2 tries' ], 'a 429 that stays');
	$sim->clear_faults;
	$test->set('stakesync.max_retries' => 5);
};

subtest 'errors without a body' => sub {
	my $picture = $test->picture;
	my $log = $test->log_size;

	foreach my $error ([ 400, '38000', 'the HR system answered with HTTP status 400' ], [ 401, '28000', 'the HR system does not accept the credentials (HTTP status 401)' ],
		[ 403, '42501', 'the credentials lack a permission (HTTP status 403)' ], [ 404, '38000', 'the HR system answered with HTTP status 404' ])
	{
		my ($code, @words) = @$error;
		$sim->fault('status', code => $code, body => '', headers => {
			'Content-Type' => 'text/html; charset=UTF-8', 'X-BambooHR-Error-Message' => 'Geheim: Zoe Neu', 'x-bamboohr-error-messsage' => 'Geheim: Zoe Neu' });
		is_deeply($test->failure($test->fetch), [ 'failed', @words ], "status $code");
		$sim->clear_faults;
	}
	is($test->sql(q(SELECT state FROM stakesync.connection)), 'failing', 'the connection says that the key was refused');
	$sim->post('/control/key', { provider => 'bamboohr', api_key => 'rotated' });
	is($test->fetch->{sqlstate}, '28000', 'a key that was taken away');
	is($test->connect(credentials => { api_key => 'rotated' })->{state}, 'connected', 'and given anew');
	is($test->fetch->{state}, 'done', 'works');
	unlike(join("\n", $test->log_from($log), $test->sql('TABLE stakesync.fetch_run')), qr/Geheim|Zoe Neu/, 'their words are nowhere');
	is($test->picture, $picture, 'nobody was touched');
	$sim->post('/control/key', { provider => 'bamboohr', api_key => 'bamboohr-test-key' });
	$test->connect;
};

subtest 'the report' => sub {
	my ($row, $headers);

	$sim->switch('bamboohr', datasets => 0);
	$row = $older->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state mode complete requests pages records expected)} ], [ 'done', 'full', $yes, 1, 1, $PEOPLE - 1, undef ], 'all people in one answer');
	same_people('each field of everybody', $older->present, \%expected, @FIELDS, without_pay(@OPTIONAL));
	is($older->sql(q(SELECT count(*) FROM stakesync.employee WHERE num_nonnulls(pay_rate, pay_period, pay_currency) > 0)), 0, 'no pay, of which amount and currency are one text');
	$row = ($older->requests($REPORT))[-1];
	is_deeply([ lc $row->{query}{format}, $row->{query}{onlyCurrent} ], [ 'json', 'false' ], 'those to come are asked for');
	is_deeply([ @{ $row->{headers} }{qw(accept content-type)} ], [ 'application/json', 'application/json' ], 'JSON, by exactly that name');
	is_deeply([ sort keys %{ last_body() } ], [qw(fields title)], 'without a filter');
	$older->register(\%expected, 'employee_number', fields => [ 'mobile_phone', 'manager' ]);
	is_deeply($older->wrong_items, [ 'fields', 'identifier' ], 'stakesync_check says that pay does not come');
	foreach my $status ('ACTIVE', 'PENDING')
	{
		my ($id) = grep { $person{$_}{status} eq $status && $person{$_}{job_title} } sort keys %person;
		$older->peek_is("one who is $status", $id, ["/api/v1/employees/$id"]);
	}
};

subtest 'changes in the report' => sub {
	my ($leaver, $moved, $paid, $vanished) = plain_people(10, 4);
	my %number = map { $_ => $person{$_}{employee_number} } keys %person;
	my ($row, $since);

	is($older->fetch(q(mode => 'full'))->{changed}, 0, 'nothing so far');
	$since = $older->sql(q(SELECT to_char((fetched_since - interval '5 minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') FROM stakesync.connection));
	$older->remember;
	$sim->leave($number{$leaver}, '2026-03-01');
	$sim->change($number{$moved}, city => 'Chur');
	$sim->change($number{$paid}, job_title => 'Head of all');
	$sim->remove($number{$vanished}, 'vanish');
	$row = $older->fetch;
	is_deeply([ @$row{qw(state mode complete added changed missing)} ], [ 'done', 'incremental', $no, 0, 3, 0 ], 'who changed since');
	cmp_ok($row->{records}, '<', $PEOPLE / 2, "$row->{records} records");
	is_deeply(last_body()->{filters}, { lastChanged => { value => "$since+00:00", includeNull => 'no' } }, 'a little before the last fetch began, with its zone');
	is_deeply($older->difference, { $leaver => { employment_status => 'INACTIVE', termination_date => '2026-03-01', employment_type => undef },
		$moved => { city => 'Chur' }, $paid => { job_title => 'Head of all' } }, 'exactly what was changed');
	$row = $older->fetch(q(mode => 'full'));
	is_deeply($older->outcome($row), { state => 'done', mode => 'full', added => 0, changed => 0, unchanged => $PEOPLE - 2, missing => 1 }, 'a full fetch misses who vanished');
	read_source();
	same_people('everybody is as the source says', $older->present, \%expected, @FIELDS, without_pay(@OPTIONAL));
	$row = $older->sync;
	is_deeply([ @$row{qw(state created updated)} ], [ 'applied', 0, 2 ], 'and the register');
};

subtest 'fields of the report' => sub {
	my ($row, $before);

	$older->map_field(team => '$.customBadge');
	$older->fetch;
	same_people('one of the customer by its alias', $older->present, { map { $_ => { team => $person{$_}{custom}{badge} } } keys %person }, 'team');
	$older->map_field(team => '$."4339"');
	$older->fetch;
	same_people('one that has none by its number', $older->present, { map { $_ => { team => $person{$_}{custom}{shirt_size} } } keys %person }, 'team');
	$older->map_field(team => '$."4340.4"');
	$older->fetch;
	is(scalar(grep { $_ eq '4340.4' } @{ last_body()->{fields} }), 1, 'one of a table is asked for');
	same_people('and arrives', $older->present, { map { $_ => { team => $person{$_}{custom}{desk}{floor} } } keys %person }, 'team');
	$older->map_field(team => '$.ssn');
	$older->fetch;
	is(scalar(grep { $_ eq 'ssn' } @{ last_body()->{fields} }), 0, 'refused data is not asked for');
	$older->unmap_field('team');
	$older->fetch;

	$before = $older->present;
	$sim->scope('bamboohr', omit => [ 'date_of_birth', 'work_email', 'home_location', 'termination_date' ]);
	$row = $older->fetch(q(mode => 'full'));
	is_deeply($older->outcome($row), { state => 'done', mode => 'full', added => 0, changed => 0, unchanged => $PEOPLE - 2, missing => 0 }, 'what is dropped without a word');
	same_people('clears nothing', $older->present, $before, @FIELDS, without_pay(@OPTIONAL));
	is($older->sync->{updated}, 0, 'nor in the register');
	$sim->scope('bamboohr');
	$older->fetch(q(mode => 'full'));
};

subtest 'an account that loses its datasets' => sub {
	my $picture = $test->picture;
	my $row;

	$row = $test->fetch;
	is_deeply($test->failure($row), [ 'failed', '38000', 'the HR system answered with HTTP status 404' ], 'fails');
	is($test->picture, $picture, 'nobody was touched');
	is($test->connect(method => 'report')->{state}, 'connected', 'connects once more by the report');
	$test->sql('SELECT stakesync_resume()') if $test->sql(q(SELECT state FROM stakesync.connection)) eq 'paused';
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state mode added missing)} ], [ 'done', 'full', 0, 1 ], 'the same people under the same ids');
	same_people('each field of everybody', $test->present, \%expected, without_pay(@OPTIONAL), grep { $_ ne 'employment_type' } @FIELDS);
	cmp_ok($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE pay_rate IS NOT NULL)), '>', $PEOPLE / 2, 'pay that no longer comes is not cleared');
	$sim->switch('bamboohr', datasets => 1);
};

subtest 'the login at the website' => sub {
	my $web = StakesyncSystem->new($base, 'web', provider => 'bamboohr', method => 'oauth', settings => { redirect_uri => 'https://register.example/back' },
		credentials => { company_domain => 'acme', client_id => 'oauth-test-client', client_secret => 'oauth-test-secret' });
	my $row = $web->connect;
	my ($page) = $row->{next_step} =~ m{^Open https://acme\.bamboohr\.com(/authorize\.php\?\S+) and log in\.};
	my ($back, $code);

	is($row->{state}, 'awaiting_link', 'waits for the login');
	like($page, qr/scope=offline_access%20report%20field.*&state=bamboohr/, 'at an address with the scopes');
	$back = $sim->request(GET => $page);
	($code) = ($back->{headers}{location} // '') =~ m{^https://register\.example/back\?.*\bcode=([^&]+)};
	$code =~ s/%([0-9A-F]{2})/chr hex $1/ge;
	$row = $web->row("SELECT * FROM stakesync_complete_link('$code')");
	is($row->{state}, 'connected', 'the code makes it one');
	$row = $web->fetch;
	is_deeply([ @$row{qw(state added)} ], [ 'done', $PEOPLE - 2 ], 'all came') or diag explain $row;
	same_people('each field of everybody', $web->present, \%expected, @FIELDS);
	$sim->expire_tokens('oauth');
	is($web->fetch->{state}, 'done', 'a token that is over is renewed');
	is($web->fetch->{state}, 'done', 'more than once, each refresh token working once only');
};

$base->stop;
done_testing();
