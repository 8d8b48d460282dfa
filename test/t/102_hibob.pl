# HiBob from connecting to the register: one search in batches of fields, twins, lists, the wall
use strict;
use warnings;
use utf8;
use StakesyncPeople qw(phone_number read_people same_people sorted);
use StakesyncSim::Json qw(from_json to_json);
use StakesyncSystem;
use Test::More;

my $SEARCH = '/v1/people/search';
my $METADATA = '/v1/company/people/fields';

# Ids have 19 digits, and a manager who is gone has one too
my $ID = qr/^2128438031986\d{6}\z/;
my $NOBODY = '2128438031986999999';

my @FIELDS = qw(employee_number work_email personal_email first_name last_name name job_title groups group_name address_line_1
  address_line_2 zip_code city country birthdate start_date termination_date employment_status employment_type);
my @OPTIONAL = qw(manager mobile_phone pay_rate pay_period pay_currency);
my @EMPTY = qw(team);

# Far from UTC, so that a date that were converted would be another one
my $base = StakesyncTest->start('hibob', connect => 0, conf => "timezone = 'America/Los_Angeles'\n", sim => { people => 200 });
my $sim = $base->sim;
my $test = StakesyncSystem->new($base, 'hibob', credentials => { service_user_id => 'SERVICE-1001', token => 'hibob-test-token' },
	settings => { base_url => $sim->url . '/v1' });
my (%person, %expected);

# Limits are for the tests of limits
sub start_afresh
{
	$sim->post('/control/reset');
	$sim->clear_faults;
	$sim->switch('hibob', per_minute => 0);
	return;
}

# What ought to become of a person; the number that people see is a whole one
sub expected
{
	my ($person) = @_;
	my $type = $person->{employment_type};
	my $number = $person->{employee_number} // '';

	return {
		(map { $_ => $person->{$_} } qw(work_email personal_email first_name last_name job_title zip_code city country pay_rate pay_currency)),
		name => $person->{name} // join(' ', grep { defined } @$person{qw(first_name last_name)}),
		employee_number => $number =~ /^\d+$/ ? '' . ($number + 0) : undef,
		groups => sorted($person->{department}), group_name => $person->{department},
		address_line_1 => $person->{street_1}, address_line_2 => $person->{street_2},
		birthdate => $person->{birth}, start_date => $person->{start}, termination_date => $person->{end},
		employment_status => $person->{status}, employment_type => ($type // '') eq 'SEASONAL' ? undef : $type,
		pay_period => $person->{pay_period}, mobile_phone => phone_number($person->{phone}),
		manager => $person->{manager} // ($person->{has_manager} ? $NOBODY : undef) };
}

# Read the source anew
sub read_source
{
	%person = %{ read_people($sim, 'hibob') };
	%expected = map { $_ => expected($person{$_}) } keys %person;
	return;
}

# Ids of plain people: active, with all that is wanted, nobody's manager
sub plain_people
{
	my ($from, $count) = @_;
	my @plain = sort { $b cmp $a } grep {
		my $person = $person{$_};
		$person->{status} eq 'ACTIVE' && !grep { !defined } @$person{qw(manager department street_1 pay_rate pay_period)}
		  and !defined $person->{end} && ($person->{employee_number} // '') =~ /^0/ && ($person->{last_name} // '') =~ /^[A-Z][a-z]+$/
	} keys %person;
	return @plain[ $from .. $from + $count - 1 ];
}

# Rows that were inserted, updated and deleted so far
sub written
{
	return $test->sql(q(SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relid = 'stakesync.employee'::regclass));
}

start_afresh();
read_source();

subtest 'what cannot be connected' => sub {
	my @answers = (
		[ 'wrong token', { credentials => { token => 'falsch' } }, qr/^the HR system does not accept the credentials \(HTTP status 401\)\. Check key/ ],
		[ 'wrong user', { credentials => { service_user_id => 'falsch' } }, qr/^the HR system does not accept the credentials \(HTTP status 401\)\./ ],
		[ 'without /v1', { settings => { base_url => $sim->url } }, qr/^the HR system answered with HTTP status 404\. There is no such address there; check settings\.base_url/ ],
		[ 'an error in words', {}, qr/^the HR system answered with HTTP status 400\. /, { code => 400, body => '{"key":"bad.request","error":"Avi Cohen is unknown"}' } ]);

	foreach my $answer (@answers)
	{
		my ($name, $options, $words, $fault) = @$answer;
		$sim->fault('status', %$fault, match => { path => $METADATA }) if $fault;
		my $row = $test->connect(%$options);
		is($row->{state}, 'failing', "$name: a row");
		like($row->{next_step}, qr/$words.*Nothing was stored\.$/, "$name: says what to do");
		unlike($row->{next_step}, qr/falsch|hibob-test|Cohen/, "$name: neither secrets nor their words");
	}
	is($sim->requests->{systems}{hibob}{by_status}{401}, 2, 'each asked once');
	like($test->row(q(SELECT * FROM stakesync_connect('hibob')))->{next_step},
		qr/HiBob asks for service_user_id \(Service user ID\), token \(Token\)\./, 'what is needed');
};

subtest 'a full fetch' => sub {
	my $fields = from_json($sim->request(GET => $METADATA, headers => $sim->login('hibob'))->{body});
	my ($searches, $row, @bodies, %asked);

	is_deeply($test->connect, { connection => 'hibob', state => 'connected', next_step => 'SELECT * FROM stakesync_fetch();' }, 'connected');
	($searches, $row) = $test->counted($SEARCH, sub { $test->fetch });
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 200, changed => 0, unchanged => 0, missing => 0 }, 'all came');
	is_deeply([ @$row{qw(complete requests retries records expected)} ], [ JSON::PP::true(), 3, 0, 200, undef ], 'and how');
	is($searches, 2, 'more than 400 fields are two searches');
	@bodies = @{ $sim->requests->{systems}{hibob}{bodies} };
	is(join('; ', map { join ' ', sort keys %$_ } @bodies), join('; ', ('fields humanReadable showInactive') x 2), 'without filters');
	is(scalar(grep { @{ $_->{fields} } > 400 } @bodies), 0, 'none has more than 400');
	is_deeply([ map { $asked{$_}++ ? $_ : () } map { @{ $_->{fields} } } @bodies ], [], 'none is asked for twice');
	is(scalar(grep { !$asked{$_} } map { $_->{id} } grep { $_->{id} !~ /ssn$|avatar|tenure/i } @$fields), 0, 'all are asked for');
	is(join(' ', grep { /ssn$|avatar|tenure/i } keys %asked), '', 'but those that are refused, and those that change by themselves');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE employment_status = 'INACTIVE')), $sim->expect->{leavers}, 'those who left too');
	same_people('each field of everybody', $test->present, \%expected, @FIELDS);
	is_deeply($test->problems, { map { $_ => { employment_type => 'unknown_value' } } grep { ($person{$_}{employment_type} // '') eq 'SEASONAL' } keys %person },
		'a word of the customer that nobody knows');
	same_people('nothing of what was not asked for', $test->present, { map { $_ => {} } keys %expected }, @OPTIONAL, @EMPTY, 'changes_on');
	is(scalar(grep { $_ !~ $ID } keys %{ $test->present }), 0, 'ids of 19 digits, each another');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE concat_ws(' ', job_title, group_name, country, employment_type) ~ '\d{9}')), 0, 'no number of a list item');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee e WHERE e::text ~ 'GB82|4111 1111|078-05')), 0, 'nothing else was kept');
};

subtest 'again without a change' => sub {
	my ($picture, $written, $row);

	$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'work_email', email => 'work_email', import => '{manager,mobile_phone,pay_rate}')));
	is($test->fetch->{mode}, 'full', 'the optional fields');
	same_people('each field of everybody', $test->present, \%expected, @FIELDS, @OPTIONAL);
	is($test->sql(qq(SELECT count(*) FROM stakesync.employee WHERE manager !~ '^2128438031986\\d{6}\$')), 0, 'managers by the same ids');
	($picture, $written) = ($test->picture, written());
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 0, changed => 0, unchanged => 200, missing => 0 }, 'full, as there is nothing else');
	is($test->picture, $picture, 'no row was touched');
	is(written(), $written, 'no row was written');
	$row = $test->fetch(q(mode => 'incremental'));
	is_deeply([ @$row{qw(state message hint)} ], [ 'failed', 'this provider has no incremental fetch', q(SELECT * FROM stakesync_fetch(mode => 'full');) ], 'incremental cannot be');
};

subtest 'values that change by themselves' => sub {
	my ($picture, $row) = ($test->picture);

	$sim->switch('hibob', tenure => 1);
	$row = $test->fetch;
	is($row->{unchanged}, 200, 'a day longer in the company is no change');
	is($test->picture, $picture, 'no row was touched');
	$sim->switch('hibob', tenure => 0);
	$test->fetch;
};

subtest 'to the register' => sub {
	$test->register(\%expected, 'work_email', fields => [ grep { $_ ne 'manager' } @OPTIONAL ]);
};

subtest 'changes at the source' => sub {
	my ($leaver, $renamed, $moved, $paid, $single, $vanished) = plain_people(0, 6);
	my %number = map { $_ => $person{$_}{employee_number} } keys %person;
	my $hired = $sim->hire(first_name => 'Zoë', last_name => 'Neu', country => 'DE', salary => 61000.5, phone => '+49 151 23456789', email => 'zoe.neu@lindwurm.example');
	my $new = $sim->get("/control/person?id=$hired->{id}")->{ids}{hibob};
	my $row;

	$test->remember;
	$sim->leave($number{$leaver}, '2026-02-28');
	$sim->change($number{$renamed}, last_name => "Stra\x{df}e", display_full_name => 'Anna Straße');
	$sim->change($number{$moved}, city => 'Güllen', zip_code => '00800');
	$sim->change($number{$paid}, salary => 99999.25, job_title => 'Head');
	$sim->post('/control/change', { employee_number => $number{$single}, set => { manager => undef, groups => [] } });
	$sim->remove($number{$vanished}, 'vanish');
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 1, changed => 5, unchanged => 194, missing => 1 }, 'counted');
	is_deeply($test->difference, {
		$leaver => { employment_status => 'INACTIVE', termination_date => '2026-02-28' },
		$renamed => { last_name => 'Straße', name => 'Anna Straße' },
		$moved => { city => 'Güllen', zip_code => '00800' },
		$paid => { pay_rate => 99999.25, job_title => 'Head' },
		$single => { manager => undef, groups => undef, group_name => undef },
		$vanished => { missing => JSON::PP::true() } }, 'exactly what was changed');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE changed_at > (SELECT started_at FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1))), 6, 'and nobody else was written');
	read_source();
	same_people('everybody is as the source says', $test->present, \%expected, @FIELDS, @OPTIONAL);
	is_deeply({ map { $_->{action} => $_->{who} } $test->rows(q(SELECT action, string_agg(remote_id, ' ' ORDER BY remote_id) AS who FROM stakesync.preview
		WHERE action IN ('create', 'update', 'missing') GROUP BY action)) },
		{ create => $new, update => join(' ', sort $leaver, $renamed, $moved, $paid, $single), missing => $vanished }, 'the preview knows them');
	is($test->row('SELECT * FROM stakesync_apply(stakesync_plan())')->{state}, 'applied', 'and applies');
	is($test->row('SELECT * FROM stakesync_apply(stakesync_plan())')->{updated}, 0, 'once');
};

subtest 'fields of the customer' => sub {
	my %column = (
		personnel => join('/', '$."', 'work', 'custom', 'field_1650000000001".value'), badge => '$.work.custom.field_1650000000002',
		shirt => '$.humanReadable.work.custom.field_1650000000003', cost_centre => '$.work.custom.field_1650000000004',
		last_one => '$.custom."category_1710000000119".field_1720000000382');
	my ($row, $spare);

	$test->sql("ALTER TABLE stakesync.employee ADD $_ text") for sort keys %column;
	$test->map_field($_, $column{$_}) for sort keys %column;
	$test->map_field(team => '$.work.customColumns.column_1650000000900');
	$row = $test->fetch;
	is($row->{state}, 'done', 'mapped by rows') or diag $row->{message};
	same_people('each of them', $test->present, { map {
		my $person = $person{$_};
		($_ => {
			personnel => $person->{employee_number}, badge => $person->{custom}{badge}, shirt => $person->{custom}{shirt_size},
			cost_centre => $person->{cost_center}, team => $person->{team} })
	} keys %person }, qw(personnel badge shirt cost_centre team));
	$spare = $test->sql(q(SELECT count(*) FROM stakesync.employee WHERE last_one IS NOT NULL));
	cmp_ok($spare, '>', 0, "the last field of the second search too: $spare people have it");
	is($test->sync->{state}, 'applied', 'applied');
};

subtest 'a category that may no longer be viewed' => sub {
	my $before = $test->present;
	my $odd = grep { ($_->{employment_type} // '') eq 'SEASONAL' } values %person;
	my $row;

	$sim->scope('hibob', omit => [qw(personal address internal employment)]);
	$row = $test->fetch;
	is_deeply($test->outcome($row), { state => 'done', mode => 'full', added => 0, changed => $odd, unchanged => 200 - $odd, missing => 0 },
		'is absent; a word that nobody knew is no longer a problem');
	same_people('and clears nothing', $test->present, $before, @FIELDS, @OPTIONAL);
	is($test->sql(q(SELECT count(*) FROM stakesync.preview WHERE action = 'update')), 0, 'the register keeps it');
	is_deeply({ map { @$_{qw(field reason)} } $test->rows(q(SELECT field, reason FROM stakesync.data_gap WHERE field IN ('birthdate', 'city', 'employment_status', 'employment_type'))) },
		{ map { $_ => 'permission' } qw(birthdate city employment_status employment_type) }, 'the gaps are named');
	$sim->scope('hibob');
	is($test->fetch->{state}, 'done', 'all is back');
};

subtest 'leavers that are hidden' => sub {
	my $left = $test->sql(q(SELECT count(*) FROM stakesync.employee WHERE employment_status = 'INACTIVE' AND missing_since IS NULL));
	my $row;

	$sim->switch('hibob', leavers => 0);
	$row = $test->fetch;
	is_deeply([ @$row{qw(state missing)} ], [ 'done', $left ], 'are missing, all at once');
	like($row->{message}, qr/; 0 of them have left$/, 'as the fetch says');
	is($test->sql(q(SELECT ok FROM stakesync_check() WHERE item = 'leavers')), 'f', 'and the check');
	is($test->sql(q(SELECT people FROM stakesync.preview_summary WHERE action = 'update')), 0, 'nobody is terminated by that');
	$sim->switch('hibob', leavers => 1);
	is($test->fetch->{missing}, 0, 'all are back');
};

subtest 'one person' => sub {
	my ($id) = sort grep { $person{$_}{custom}{IBAN} } keys %person;
	my $peek = $test->row("SELECT stakesync_peek('$id') AS told")->{told};

	is_deeply([ @{ $peek->{fields} }{qw(first_name job_title country birthdate)} ], [ @{ $expected{$id} }{qw(first_name job_title country birthdate)} ], 'in words, days as days');
	unlike(to_json($peek), qr/GB82/, 'nothing that a register must refuse');
};

subtest 'so many searches a minute' => sub {
	my (@asked, $row);

	$sim->switch('hibob', per_minute => 1, window => 3);
	$row = $test->fetch;
	is_deeply([ @$row{qw(state unchanged)} ], [ 'done', 200 ], 'waits until the limit is set back');
	@asked = sort { $a->{at} <=> $b->{at} } grep { $_->{path} eq $SEARCH && $_->{status} == 200 } @{ $sim->requests->{last} };
	cmp_ok($asked[-1]{at} - $asked[-2]{at}, '>', 2, 'the second search comes when the first is forgotten');
	cmp_ok($row->{retries}, '<=', 1, 'with one refusal at most');
	start_afresh();
};

subtest 'the wall' => sub {
	my ($picture, $hibob) = ($test->picture);

	$test->fetch;
	$picture = $test->picture;
	$sim->post('/control/key', { provider => 'hibob' });
	$sim->delete('/control/requests');
	$test->fetch for 1 .. 3;
	$hibob = $sim->requests->{systems}{hibob};
	is_deeply([ @$hibob{qw(total unauthorized blocked)} ], [ 3, 3, JSON::PP::false() ], 'three fetches with a dead token are three refusals');
	is_deeply([ @{ $test->fetch_run }{qw(state sqlstate message retries)} ],
		[ 'failed', '28000', 'the HR system does not accept the credentials (HTTP status 401)', 0 ], 'with words');
	is($test->sql(q(SELECT state FROM stakesync.connection)), 'failing', 'the connection says so');
	is($test->picture, $picture, 'nobody was touched');
	is($test->connect(credentials => $sim->credentials('hibob'))->{state}, 'connected', 'the new token is taken');

	$sim->switch('hibob', wall => 1, block => 300);
	$test->connect(credentials => { token => 'wrong' });
	$sim->delete('/control/requests');
	is_deeply([ @{ $test->fetch }{qw(state sqlstate)} ], [ 'failed', '42501' ], 'who runs into the wall');
	cmp_ok($sim->requests->{systems}{hibob}{total}, '<=', 2, 'does not knock for long');
	start_afresh();
};

subtest 'the list of fields is refused' => sub {
	my ($before, $person, $row);

	$test->connect;
	$test->fetch;
	$before = $test->present;
	($person) = plain_people(0, 1);
	$sim->change($person{$person}{employee_number}, city => 'Seldwyla');
	$sim->fault('status', code => 403, match => { path => $METADATA }, times => -1);
	$row = $test->fetch;
	is_deeply([ @$row{qw(state changed unchanged)} ], [ 'done', 1, 199 ], 'what is mapped is asked for all the same');
	$before->{$person}{city} = 'Seldwyla';
	same_people('and nothing is cleared', $test->present, $before, @FIELDS, @OPTIONAL);
	$sim->clear_faults;
	$sim->fault('other_shape', body => '{"employees":[]}', match => { path => $SEARCH }, times => -1);
	$row = $test->fetch;
	is_deeply([ @$row{qw(state message)} ], [ 'failed', 'the HR system answered, but with nobody' ], 'an empty answer');
	same_people('nobody was touched', $test->present, $before, @FIELDS, @OPTIONAL);
	$sim->clear_faults;
	$sim->fault('status', code => 400, body => '{"key":"bad.request","error":"Avi Cohen is unknown"}', match => { path => $SEARCH }, times => -1);
	$row = $test->fetch;
	is_deeply([ @$row{qw(state message retries)} ], [ 'failed', 'the HR system answered with HTTP status 400', 0 ], 'an error in our own words, not tried again');
};

$base->stop;
done_testing();
