# Humaans from connecting to the register: lists that are cut without a word, job roles with a day, scopes
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Utils;
use StakesyncPeople qw(phone_number read_people same_people sorted);
use StakesyncSim::Json qw(from_json);
use StakesyncSystem;
use Test::More;

my $PEOPLE = 200;
my $yes = JSON::PP::true();

my @FIELDS = qw(employee_number work_email personal_email first_name last_name name job_title groups group_name team address_line_1
  zip_code city country birthdate start_date termination_date employment_status employment_type changes_on);
my @OPTIONAL = qw(manager mobile_phone pay_rate pay_period pay_currency);

# Far from UTC, so that a date that were converted would be another one
my $base = StakesyncTest->start('humaans', connect => 0, conf => "timezone = 'America/Los_Angeles'\nlog_min_messages = debug1\n", sim => { people => $PEOPLE });
my $sim = $base->sim;
my $today = $base->sql('SELECT current_date');
my $test = StakesyncSystem->new($base, 'humaans', credentials => { api_token => 'humaans-test-token' }, settings => { base_url => $sim->url . '/api' });
my (%person, %expected, %told);

# All rows of a list, by the rows received
sub list
{
	my ($name) = @_;
	my (@rows, $page);

	do
	{
		my $answer = $sim->request(GET => "/api/$name?%24limit=250&%24skip=" . @rows, headers => { Authorization => 'Bearer humaans-test-token' });
		$page = from_json($answer->{body});
		push @rows, @{ $page->{data} };
	} while (@rows < $page->{total});
	return @rows;
}

sub first_of { return $_[0] }

# Of rows with a day the one in force: the latest that has begun, then one without a day, then the next to come
sub in_force
{
	my (@rows) = @_;
	my $rank = sub {
		my $day = $_[0]{effectiveDate};
		return !defined $day ? 1 : $day le $today ? "2 $day" : '0 ' . join '', map { 9 - $_ } $day =~ /\d/g;
	};
	return first_of(sort { $rank->($b) cmp $rank->($a) || $b->{id} cmp $a->{id} } @rows) // {};
}

# What ought to become of a person
sub expected
{
	my ($id, $person) = @_;
	my %type = map { $_ => $_ } qw(FULL_TIME PART_TIME INTERN CONTRACTOR FREELANCE);
	my @roles = grep { $_->{personId} eq $id } @{ $told{'job-roles'} };
	my $pay = in_force(grep { $_->{personId} eq $id } @{ $told{compensations} });
	my $role = in_force(@roles);
	my @teams = map { $_->{name} } map { @{ $_->{teams} } } grep { $_->{id} eq $id } @{ $told{people} };

	return {
		(map { $_ => $person->{$_} } qw(employee_number work_email personal_email first_name last_name zip_code city country)),
		name => join(' ', grep { defined } @$person{qw(first_name last_name)}), address_line_1 => $person->{street_1},
		job_title => $role->{jobTitle}, group_name => $role->{department}, manager => $role->{reportingTo},
		groups => sorted(@teams), team => first_of(sort @teams),
		birthdate => $person->{birth}, start_date => $person->{start}, termination_date => $person->{end},
		employment_status => $person->{status} eq 'LEAVE' ? 'ACTIVE' : $person->{status},
		employment_type => $type{ $person->{employment_type} // '' },
		changes_on => first_of(sort grep { defined && $_ gt $today } map { $_->{effectiveDate} } @roles), mobile_phone => phone_number($person->{phone}),
		pay_rate => $pay->{amount}, pay_currency => $pay->{currency},
		pay_period => $pay->{period} ? { hourly => 'HOUR', annual => 'YEAR' }->{ $pay->{period} } : undef };
}

# Read the source anew
sub read_source
{
	%person = %{ read_people($sim, 'humaans') };
	%told = map { $_ => [ list($_) ] } qw(people job-roles compensations custom-fields custom-values locations);
	%expected = map { $_ => expected($_, $person{$_}) } keys %person;
	return;
}

# Ids of plain people: active, with one job role and all that is wanted, and nobody's manager
sub plain_people
{
	my ($from, $count) = @_;
	my %leads = map { ($_->{manager} // '') => 1 } values %person;
	my %roles;
	my @plain;

	$roles{ $_->{personId} }++ for @{ $told{'job-roles'} };
	@plain = sort { $person{$a}{employee_number} cmp $person{$b}{employee_number} } grep {
		my $person = $person{$_};
		!$leads{$_} && $person->{status} eq 'ACTIVE' && !defined $person->{end} && $roles{$_} && $roles{$_} == 1
		  && (!grep { !defined $person->{$_} } qw(manager department city zip_code work_email pay_rate job_title))
		  && ($person->{employee_number} // '') =~ /^0/ && $person->{last_name} =~ /^[A-Z][a-z]+$/
	} keys %person;
	return @plain[ $from .. $from + $count - 1 ];
}

# Why a full fetch fails under a fault
sub failure
{
	my (@fault) = @_;
	my $row;

	$sim->fault(@fault);
	$row = $test->fetch(q(mode => 'full'));
	$sim->clear_faults;
	return $test->failure($row);
}

read_source();

subtest 'what cannot be connected' => sub {
	my @answers = (
		[ 'wrong token', qr/^the HR system does not accept the credentials \(HTTP status 401\)\. Check key/, { credentials => { api_token => 'wrong' } } ],
		[ 'no /api', qr/^the HR system answered with HTTP status 404\. There is no such address there; check settings\.base_url/, { settings => { base_url => $sim->url } } ]);

	foreach my $answer (@answers)
	{
		my ($name, $words, $options) = @$answer;
		my $row = $test->connect(%$options);
		is($row->{state}, 'failing', "$name: a row");
		like($row->{next_step}, qr/$words.*Nothing was stored\.$/, "$name: says what to do");
		unlike($row->{next_step}, qr/wrong|humaans-test|NotAuth|Invalid/, "$name: neither secrets nor their words");
	}
	is($test->sql('SELECT count(*) FROM stakesync_company'), 0, 'nothing was stored');
};

subtest 'a full fetch' => sub {
	my ($row, %asked);

	is_deeply($test->connect, { connection => 'humaans', state => 'connected', next_step => 'SELECT * FROM stakesync_fetch();' }, 'connected');
	$sim->delete('/control/requests');
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => $PEOPLE, changed => 0, unchanged => 0, missing => 0 }, 'all came');
	is_deeply([ @$row{qw(complete requests retries pages records expected message)} ],
		[ $yes, 2, 0, 1, $PEOPLE, $PEOPLE, "$PEOPLE people in 1 pages; " . $sim->expect->{leavers} . ' of them have left' ], 'and how');
	%asked = map { $_->{path} => $_->{query} } $test->requests(qr{^/api/});
	is_deeply(\%asked, { '/api/people' => { '$limit' => 250, '$skip' => 0 }, '/api/job-roles' => { '$limit' => 250, '$skip' => 0 } }, 'people and job roles, nothing that is not mapped');
	same_people('each field of everybody', $test->present, \%expected, @FIELDS);
	same_people('nothing that was not asked for', $test->present, { map { $_ => {} } keys %expected }, @OPTIONAL, 'address_line_2', 'record');
	is_deeply([ map { values %$_ } values %{ $test->problems } ], ['unknown_value'], 'one contract type is not known');
};

subtest 'job roles' => sub {
	my %roles;

	$roles{ $_->{personId} }++ for @{ $told{'job-roles'} };
	is($test->sql('SELECT count(*) FROM stakesync.employee WHERE group_name IS NULL AND job_title IS NULL'), scalar(grep { !defined $_->{job_title} && !defined $_->{group_name} } values %expected), 'who has none has no title');
	cmp_ok(scalar(grep { $_ > 1 } values %roles), '>', 20, 'many have several');
	cmp_ok(scalar(grep { !defined $_->{effectiveDate} } @{ $told{'job-roles'} }), '>', 0, 'some have no day');
	cmp_ok($test->sql('SELECT count(*) FROM stakesync.employee WHERE changes_on IS NOT NULL'), '>', 5, 'some are to come');
};

subtest 'again without a change' => sub {
	my $picture = $test->picture;
	my $row;

	$row = $test->fetch(q(mode => 'full'));
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 0, changed => 0, unchanged => $PEOPLE, missing => 0 }, 'nothing changed');
	is($test->picture, $picture, 'no row was touched');
	is_deeply($test->failure($test->fetch(q(mode => 'incremental'))), [ 'failed', '55000', 'this provider has no incremental fetch' ], 'Humaans tells no changes for certain');
};

subtest 'to the register' => sub {
	my $row;

	$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'work_email', import => '{manager,mobile_phone,pay_rate}')));
	$sim->delete('/control/requests');
	$row = $test->fetch;
	is_deeply([ @$row{qw(state mode added missing requests)} ], [ 'done', 'full', 0, 0, 3 ], 'with the optional fields');
	is($test->asked(qr{/compensations$}), 1, 'pay is asked for now');
	same_people('each field of everybody', $test->present, \%expected, @FIELDS, @OPTIONAL);
	$test->register(\%expected, 'work_email', fields => [ 'mobile_phone', 'manager' ]);
	is($test->sql(q(SELECT count(*) FROM stakesync.stakeholder WHERE pay_rate IS NOT NULL AND num_nulls(pay_currency, pay_period) > 0)), 0, 'pay as a whole');
	is_deeply($test->wrong_items, ['identifier'], 'stakesync_check has nothing to say but that some have no address');
	foreach my $id ((plain_people(0, 1))[0], grep { defined } first_of(grep { $person{$_}{status} eq 'PENDING' } sort keys %person))
	{
		$test->peek_is("one who is $person{$id}{status}", $id, [ "/people/$id", '/job-roles', '/compensations' ]);
	}
};

subtest 'changes' => sub {
	my ($leaver, $renamed, $moved, $paid, $single, $flagged, $vanished) = plain_people(0, 7);
	my %number = map { $_ => $person{$_}{employee_number} } keys %person;
	my $hired = $sim->hire(first_name => 'Zoë', last_name => 'Neu', country => 'DE', salary => 61000.5, phone => '+49 151 23456789', email => 'zoe.neu@lindwurm.example');
	my $row;

	$test->remember;
	$sim->leave($number{$leaver}, '2026-02-28');
	$sim->change($number{$renamed}, last_name => "Stra\x{df}e");
	$sim->change($number{$moved}, city => 'Chur', zip_code => '00800');
	$sim->change($number{$paid}, salary => 99999.25, job_title => 'Head');
	$sim->change($number{$single}, manager => undef, department => 'Legal');
	$sim->remove($number{$flagged});
	$sim->remove($number{$vanished}, 'vanish');
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 1, changed => 5, unchanged => $PEOPLE - 7, missing => 2 }, 'counted');
	is_deeply($test->difference, {
		$leaver => { employment_status => 'INACTIVE', termination_date => '2026-02-28' },
		$renamed => { last_name => 'Straße', name => "$person{$renamed}{first_name} Straße" },
		$moved => { city => 'Chur', zip_code => '00800' },
		$paid => { pay_rate => 99999.25, job_title => 'Head' },
		$single => { manager => undef, group_name => 'Legal' },
		$flagged => { missing => $yes }, $vanished => { missing => $yes } }, 'exactly what was changed');
	read_source();
	same_people('everybody is as the source says', $test->present, \%expected, @FIELDS, @OPTIONAL);
	$row = $test->sync;
	is_deeply([ @$row{qw(state created updated)} ], [ 'applied', 1, 5 ], 'the register follows');
	is_deeply([ @{ $test->sync }{qw(created updated)} ], [ 0, 0 ], 'once');
};

subtest 'the day comes' => sub {
	my ($id) = plain_people(8, 1);
	my $west = $test->move_west;
	my $east = $test->east;
	my $is = sub { join ' ', map { $_ // '-' } @{ $test->present->{$id} }{qw(job_title pay_rate changes_on)} };
	my $was = "$expected{$id}{job_title} $expected{$id}{pay_rate}";

	$test->fetch;
	$sim->change($person{$id}{employee_number}, job_title => 'Captain', salary => 77777, effective_date => $east);
	$test->fetch;
	is($is->(), "$was $east", 'a job role to come is known, and waits');
	is($test->sql(q(SELECT count(*) FROM stakesync.preview_change WHERE new_value = 'Captain')), 0, 'so does the register');
	$test->move_east;
	is($test->fetch->{state}, 'done', 'on that day');
	is($is->(), 'Captain 77777 -', 'it is in force, with its pay');
	$test->move_home;
	read_source();
	same_people('a day earlier it was not', $test->present, \%expected, @FIELDS, @OPTIONAL);
};

subtest 'pages' => sub {
	my ($row, $picture, @asked);

	$test->fetch;
	$picture = $test->picture;
	foreach my $most (40, 7)
	{
		my $pages = int(($PEOPLE - 2 + $most) / $most);
		$sim->switch('humaans', max_rows => $most);
		$sim->delete('/control/requests');
		$sim->fault('slow', ms => 30, match => { path => '/api/' }, times => -1);
		$row = $test->fetch(q(mode => 'full'));
		$sim->clear_faults;
		@asked = map { $_->{query} } $test->requests(qr{/people$});
		is_deeply([ @$row{qw(state pages records unchanged retries)} ], [ 'done', $pages, $PEOPLE - 1, $PEOPLE - 1, 0 ], "a list that is cut at $most without a word: nobody is left out");
		is_deeply([ sort { $a <=> $b } map { $_->{'$skip'} } @asked ], [ map { $_ * $most } 0 .. $pages - 1 ], 'the next page begins where the last one ended');
		is($sim->requests->{systems}{humaans}{max_in_flight}, 6, 'six at a time');
		is($test->picture, $picture, 'no row was touched');
	}
	$sim->switch('humaans', max_rows => 40);
	$sim->fault('short_page', by => 3, match => { path => '/people$', page => 3 });
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state records unchanged)} ], [ 'done', $PEOPLE - 1, $PEOPLE - 1 ], 'rows that a page in the middle left out are asked for again');
	$sim->fault('shifted_rows', by => 30, match => { path => '/people$', page => 2 });
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state unchanged missing)} ], [ 'done', $PEOPLE - 1, 0 ], 'rows that move while they are read are read again');
	is_deeply(failure('wrong_total', by => 5, match => { path => '/people$' }, times => -1), [ 'failed', '38000', ($PEOPLE + 4) . ' people were announced and ' . ($PEOPLE - 1) . ' came' ], 'a total that never comes');
	is($test->picture, $picture, 'no row was touched');
	$sim->switch('humaans', max_rows => 250);
};

subtest 'a manager by another name' => sub {
	my $managers = q(SELECT count(manager) FROM stakesync.employee WHERE missing_since IS NULL);
	my $before = $test->sql($managers);

	$sim->switch('humaans', manager_key => 'managerId');
	$test->fetch;
	is($test->sql($managers), $before, 'what is absent clears nobody\'s manager');
	is($test->sql(q(SELECT count(*) FROM stakesync.preview WHERE action = 'update')), 0, 'nor in the register');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE 'manager' = ANY (unknown) AND missing_since IS NULL)), scalar(keys %{ { map { $_->{personId} => 1 } @{ $told{'job-roles'} } } }),
		'nothing is known of it');
	$test->map_field(manager => '$.job_roles[*].managerId', 'current(effectiveDate)');
	$test->fetch;
	same_people('mapped, it arrives', $test->present, \%expected, 'manager');
	$sim->switch('humaans', manager_key => 'reportingTo');
	$test->unmap_field('manager');
	$test->sql(q(SELECT count(*) FROM stakesync_configure(import => '{manager,mobile_phone,pay_rate}')));
	$test->fetch;
};

subtest 'places' => sub {
	my %place = map { $_->{id} => $_->{label} } @{ $told{locations} };
	my %office = map { $_->{id} => { team => $place{ $_->{locationId} } } } @{ $told{people} };

	$test->map_field(team => '$.location.label ?? $.location.name');
	foreach my $key ('label', 'name')
	{
		$sim->switch('humaans', location_name => $key);
		is(($test->counted(qr{/locations$}, sub { $test->fetch(q(mode => 'full')) }))[0], 1, "by $key: mapped, they are asked for");
		same_people('each has the place that its id says, who is remote none', $test->present, \%office, 'team');
	}
	$sim->switch('humaans', location_name => 'label');
	restore('team');
	is(($test->counted(qr{/locations$}, sub { $test->fetch }))[0], 0, 'not mapped, they are not');
};

# Put a field back as it is shipped
sub restore
{
	my ($field) = @_;

	$test->sql("UPDATE stakesync.mapping SET (path, transform, origin) = (SELECT m ->> 'path', m ->> 'transform', 'provider'
		FROM stakesync_provider, jsonb_array_elements(definition -> 'mapping') m WHERE provider = 'humaans' AND m ->> 'field' = '$field') WHERE field = '$field'");
	return;
}

subtest 'fields of the customer' => sub {
	my %field = map { $_->{name} => $_->{id} } @{ $told{'custom-fields'} };
	my $path = sub { qq(\$.custom."$field{$_[0]}") };
	my ($one) = grep { $person{$_}{custom}{badge} && $person{$_}{employee_number} } sort keys %person;

	$test->map_field(team => $path->('Badge'));
	cmp_ok(($test->counted(qr{/custom-values$}, sub { $test->fetch }))[0], '>', 0, 'a row of the mapping: the values are asked for');
	same_people('and arrive', $test->present, { map { $_ => { team => $person{$_}{custom}{badge} } } keys %person }, 'team');
	$sim->change($person{$one}{employee_number}, custom_fields => { shirt_size => 'S' });
	$test->fetch;
	is($test->present->{$one}{team}, undef, 'one that was withdrawn goes');
	$sim->change($person{$one}{employee_number}, custom_fields => $person{$one}{custom});
	$test->map_field(team => $path->('Sprachen'), 'join(" ")');
	$test->fetch;
	same_people('one with several values', $test->present, { map { my %seen; my @texts = grep { !$seen{$_}++ } @{ $person{$_}{custom}{Sprachen} // [] };
		$_ => { team => @texts ? join(' ', @texts) : undef } } keys %person }, 'team');
	cmp_ok(scalar(grep { !%{ $_->{custom} } } values %person), '>', 20, 'who has no value where others have one has none');
	$test->map_field(team => '$.taxId');
	$test->fetch;
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE team ~ '078')), 0, 'a tax number does not arrive');
	$test->map_field(team => '$.calendarFeedToken');
	$test->fetch;
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE length(team) = 24)), 0, 'nor does what opens a calendar');
	restore('team');
	$test->fetch;
	same_people('all is back', $test->present, \%expected, @FIELDS);
};

subtest 'secrets' => sub {
	my @tokens = map { $_->{calendarFeedToken} } @{ $told{people} };
	my ($dump, $error) = PostgreSQL::Test::Utils::run_command([ 'pg_dump', '--inserts', $test->node->connstr('humaans') ]);
	my $log = $test->log_from(0);

	cmp_ok(length $dump, '>', 100_000, 'all that is stored');
	is(scalar(grep { index($dump, $_) >= 0 } @tokens), 0, 'no token of a calendar');
	is(scalar(grep { index($log, $_) >= 0 } @tokens), 0, 'nor in the log');
	unlike($dump . $log, qr/humaans-test-token|078-05-1120|GB82 WEST/, 'nor what opens Humaans, nor what is refused');
	is(scalar @tokens, $PEOPLE - 1, 'of which each person has one');
};

subtest 'pay without its scope' => sub {
	my $before = $test->present;
	my $row;

	$sim->switch('humaans', scopes => 'public:read private:read');
	$row = $test->fetch(q(mode => 'full'));
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 0, changed => 0, unchanged => $PEOPLE - 1, missing => 0 }, 'is no failure');
	same_people('and clears nothing', $test->present, $before, @FIELDS, @OPTIONAL);
	is($test->sql(q(SELECT count(*) FROM stakesync.preview WHERE action = 'update')), 0, 'nor in the register');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE unknown @> '{pay_rate,pay_period,pay_currency}' AND missing_since IS NULL)), $PEOPLE - 1, 'nothing is known of it');
	is_deeply($test->gaps('pay_rate', 'pay_currency'), { pay_rate => 'permission', pay_currency => 'permission' }, 'which is a gap');
	is_deeply($test->wrong_items, [ 'fields', 'identifier', 'stream compensations' ], 'stakesync_check says so');
	like($test->check->{'stream compensations'}{detail} . $test->check->{'stream compensations'}{hint}, qr/compensations:read/, 'and names the scope');
	$sim->switch('humaans', scopes => 'public:read private:read compensations:read');
	is($test->fetch(q(mode => 'full'))->{state}, 'done', 'all is back');

	$test->sql(q(SELECT count(*) FROM stakesync_configure(settings => '{"compensation_type": "bonus"}')));
	$test->fetch;
	is(($test->requests(qr{/compensations$}))[-1]{query}{compensationTypeId}, 'bonus', 'one type of pay may be asked for');
	$test->sql(q(SELECT count(*) FROM stakesync_configure(settings => '{"compensation_type": null}')));
	$test->fetch;
	is(($test->requests(qr{/compensations$}))[-1]{query}{compensationTypeId}, undef, 'all types otherwise');
	same_people('all is back', $test->present, \%expected, @FIELDS, @OPTIONAL);
};

subtest 'public data alone' => sub {
	my $hidden = grep { $_->{employment_status} ne 'ACTIVE' } values %expected;
	my $cleared = $test->sql('SELECT count(*), count(birthdate), count(city), count(termination_date), count(*) FILTER (WHERE employment_status = $$INACTIVE$$) FROM stakesync.stakeholder');
	my $row;

	$sim->switch('humaans', scopes => 'public:read');
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state added missing)} ], [ 'done', 0, $hidden ], 'new hires and leavers do not come, which looks like a complete list');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE missing_since IS NULL AND unknown @> '{birthdate,city,employee_number,termination_date}')), $PEOPLE - 1 - $hidden, 'what is private is absent');
	is_deeply({ map { @$_{qw(action people)} } $test->rows(q(SELECT action, people FROM stakesync.preview_summary WHERE action IN ('create', 'update', 'missing') AND people > 0)) },
		{ missing => scalar(grep { $_->{employment_status} eq 'PENDING' && defined $_->{work_email} } values %expected) + 3 }, 'the register would lose nobody and nothing');
	is_deeply([ @{ $test->sync }{qw(state updated)} ], [ 'applied', 0 ], 'nor does it');
	is($test->sql('SELECT count(*), count(birthdate), count(city), count(termination_date), count(*) FILTER (WHERE employment_status = $$INACTIVE$$) FROM stakesync.stakeholder'), $cleared, 'all values are there');
	like(join(' ', @{ $test->check->{leavers} }{qw(ok detail hint)}), qr/^0 none of ${\($PEOPLE - 1 - $hidden)} people has left: leavers seem to be hidden.*private:read/, 'stakesync_check says that leavers are hidden, and names the scope');
	$sim->switch('humaans', scopes => 'public:read private:read compensations:read', role => 'user');
	$row = $test->fetch(q(mode => 'full'));
	is_deeply($test->failure($row), [ 'failed', '38000', '1 of ' . ($PEOPLE - 1 - $hidden) . ' people came' ], 'a token of one who sees himself only');
	$sim->switch('humaans', role => 'admin');
	is_deeply([ @{ $test->fetch(q(mode => 'full')) }{qw(state added missing)} ], [ 'done', 0, 0 ], 'all are back');
	same_people('as they were', $test->present, \%expected, @FIELDS, @OPTIONAL);
};

subtest 'a status by another spelling' => sub {
	$sim->switch('humaans', new_hire => 'new_hire');
	is_deeply([ @{ $test->fetch(q(mode => 'full')) }{qw(state changed)} ], [ 'done', 0 ], 'new_hire is newHire');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE employment_status = 'PENDING' AND missing_since IS NULL)), $sim->expect->{pending}, 'they are to come');
	$sim->switch('humaans', new_hire => 'newHire');
};

subtest 'errors' => sub {
	my $body = '{"code":"Geheim","name":"Geheim","message":"Zoe Neu","issues":[{"path":"Zoe Neu","message":"Geheim"}]}';
	my $log = $test->log_size;
	my ($picture, $row);

	$test->fetch;
	$picture = $test->picture;
	foreach my $error ([ 400, '38000', 'the HR system answered with HTTP status 400' ], [ 403, '42501', 'the credentials lack a permission (HTTP status 403)' ],
		[ 404, '38000', 'the HR system answered with HTTP status 404' ], [ 401, '28000', 'the HR system does not accept the credentials (HTTP status 401)' ])
	{
		my ($code, @words) = @$error;
		is_deeply(failure('status', code => $code, body => $body, match => { path => '/people$' }, times => -1), [ 'failed', @words ], "status $code");
	}
	foreach my $list ('job-roles', 'compensations')
	{
		is_deeply(failure('status', code => 400, body => $body, match => { path => "/$list\$" }, times => -1), [ 'failed', '38000', 'the HR system answered with HTTP status 400' ], "$list");
	}
	$sim->fault('retry_after', seconds => 1, match => { path => '/job-roles$' });
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state retries)} ], [ 'done', 1 ], 'a 429 with Retry-After');
	foreach my $code (500, 502, 503, 504, 408)
	{
		$sim->fault('status', code => $code, body => $body, match => { path => $code % 2 ? '/people$' : '/job-roles$' });
	}
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state retries)} ], [ 'done', 2 ], 'faults that pass') or diag $row->{message};
	$sim->clear_faults;
	unlike(join("\n", $test->log_from($log), $test->sql('TABLE stakesync.fetch_run')), qr/Geheim|Zoe Neu/, 'their words are nowhere');
	is($test->picture, $picture, 'nobody was touched');
};

$base->stop;
done_testing();
