# Connecting and fetching: what becomes of 600 people, of their changes, and of calls that cannot be
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use StakesyncPeople qw(day text);
use StakesyncSim::Json qw(from_json);
use StakesyncTest;
use Test::More;

# Far from UTC, so that a date that were converted would be another one
my $test = StakesyncTest->start('fetch', connect => 0, conf => "timezone = 'America/Los_Angeles'\n");
my $sim = $test->sim;
my $today = $test->sql('SELECT current_date');

# The source's records by id, and what ought to become of them
my (%source, %expected);

my @DEFAULT = qw(employee_number work_email personal_email first_name last_name job_title groups name
  address_line_1 address_line_2 zip_code city country birthdate group_name start_date termination_date
  employment_status employment_type team);
my @OPTIONAL = qw(manager mobile_phone pay_rate pay_period pay_currency);

# Read all that the simulator serves, without stakesync
sub read_source
{
	my $path = '/hris/v1/employees?page_size=100&expand=employments,groups,home_location,team';
	my $next;

	do
	{
		my $cursor = defined $next ? '&cursor=' . ($next =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger) : '';
		my $page = $sim->get("$path$cursor");
		$source{ $_->{id} } = $_ for @{ $page->{results} };
		$next = $page->{next};
	} while (defined $next);
	%expected = map { $_ => expected($source{$_}) } keys %source;
	return;
}

# What ought to become of a record, written down a second time
sub expected
{
	my ($record) = @_;
	my $home = $record->{home_location} // {};
	my $job = current_employment(@{ $record->{employments} });
	my @groups = grep { defined } @{ $record->{groups} // [] };
	my %type = map { $_ => 1 } qw(FULL_TIME PART_TIME INTERN CONTRACTOR FREELANCE);
	my %person = (
		(map { $_ => text($record->{$_}) } qw(employee_number work_email personal_email first_name last_name)),
		name => text($record->{display_full_name}) // join(' ', map { text($record->{$_}) // () } qw(first_name last_name)),
		(map { $_ => day($record->{$_}) } qw(start_date termination_date)),
		birthdate => day($record->{date_of_birth}),
		address_line_1 => text($home->{street_1}), address_line_2 => text($home->{street_2}),
		(map { $_ => text($home->{$_}) } qw(zip_code city country)),
		employment_status => $record->{employment_status},
		team => $record->{team} && text($record->{team}{name}),
		groups => sorted(map { text($_->{name}) } @groups),
		group_name => group_name(@groups),
		job_title => text($job->{job_title}),
		employment_type => $type{ $job->{employment_type} // '' } ? $job->{employment_type} : undef,
		manager => $record->{manager},
		(map { $_ => $job->{$_} } qw(pay_rate pay_period pay_currency)),
		mobile_phone => phone($record->{mobile_phone_number}));

	$person{problems} = { employment_type => 'unknown_value' } if $job->{employment_type} && !$type{ $job->{employment_type} };
	$person{changes_on} = min_text(grep { $_ gt $today } map { day($_->{effective_date}) // () } @{ $record->{employments} });
	return \%person;
}

sub min_text { return (sort @_)[0] }

sub sorted
{
	my %seen;
	my @texts = sort grep { !$seen{$_}++ } @_;
	return @texts ? \@texts : undef;
}

# The latest that has begun; one without a date before those, one to come only if there is no other
sub current_employment
{
	my @jobs = map { { %$_, day => day($_->{effective_date}) // '0000' } } @_;
	my @begun = grep { $_->{day} le $today } @jobs;
	my @ranked = @begun ? sort { $b->{day} cmp $a->{day} || $b->{id} cmp $a->{id} } @begun
	  : sort { $a->{day} cmp $b->{day} || $b->{id} cmp $a->{id} } @jobs;
	return $ranked[0] // {};
}

sub group_name
{
	my @groups = @_;
	my %rank = (DEPARTMENT => 1, BUSINESS_UNIT => 2, GROUP => 3, COST_CENTER => 4, TEAM => 5);
	my ($first) = sort {
		($rank{ $a->{type} // '' } // 9) <=> ($rank{ $b->{type} // '' } // 9) || $a->{name} cmp $b->{name}
	} @groups;
	return $first && $first->{name};
}

# Only what names its country can be a number
sub phone
{
	my ($text) = @_;
	return undef if !defined $text || $text !~ /^(?:\+|00)\d/;
	return '+' . ($text =~ s/\(0\)//r =~ s/^\+|^00//r =~ s/\D//gr);
}

# Compare all people in some fields; names the first few who differ
sub people_are
{
	my ($what, $people, $expected, @fields) = @_;
	my @wrong;

	foreach my $id (sort keys %$expected)
	{
		foreach my $field (@fields)
		{
			my ($is, $ought) = map { flat($_->{$id}{$field}) } $people, $expected;
			push @wrong, "$id $field: $is instead of $ought" if $is ne $ought;
		}
	}
	is(join("\n", @wrong > 8 ? (@wrong[0 .. 7], scalar @wrong) : @wrong), '', $what);
	return;
}

sub flat
{
	my ($value) = @_;
	return 'null' unless defined $value;
	return join '|', map { flat($_) } @$value if ref $value eq 'ARRAY';
	return $value =~ /^-?\d+\.\d+$/ ? $value + 0 : $value;
}

# Keep the people as they are now, to compare with later
sub remember
{
	$test->sql(q(DROP TABLE IF EXISTS public.before));
	$test->sql(q(CREATE TABLE public.before AS TABLE stakesync.employee));
	return;
}

# What has changed since: id => field => new value
sub difference
{
	my $row = q(to_jsonb(e) - '{record_hash,changed_at,first_seen_at,identifier_key,email_key,name_key,missing_since}'::text[]
		|| jsonb_build_object('missing', missing_since IS NOT NULL) AS row);

	return from_json($test->sql("SELECT coalesce(json_object_agg(remote_id, changed), '{}') FROM (
		SELECT remote_id, json_object_agg(key, n.row -> key) AS changed
		FROM (SELECT connection, remote_id, $row FROM public.before e) b
		FULL JOIN (SELECT connection, remote_id, $row FROM stakesync.employee e) n USING (connection, remote_id)
		CROSS JOIN LATERAL jsonb_object_keys(coalesce(b.row, n.row)) AS key
		WHERE b.row -> key IS DISTINCT FROM n.row -> key GROUP BY remote_id) d"));
}

# Rows that were inserted, updated and deleted so far
sub written
{
	return $test->sql(q(SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relid = 'stakesync.employee'::regclass));
}

# The part of a fetch's row that the people decide
sub outcome
{
	my ($row) = @_;
	return { map { $_ => $row->{$_} } qw(state mode added changed unchanged missing) };
}

subtest 'what cannot be connected' => sub {
	my $free = PostgreSQL::Test::Cluster::get_free_port();
	my @answers = (
		[ 'wrong key', { credentials => { api_key => 'wrong' } }, qr/^the HR system does not accept the credentials \(HTTP status 401\)\. Check key/ ],
		[ 'wrong account token', { credentials => { account_token => 'wrong' } }, qr/^the HR system does not accept the credentials \(HTTP status 401\)\./ ],
		[ 'refused connection', { settings => { base_url => "http://127.0.0.1:$free" } }, qr/127\.0\.0\.1:$free.*Check host and port in settings\.base_url/ ],
		[ 'no answer', {}, qr/^no answer from 127\.0\.0\.1:\d+ within .*first_byte_timeout/, 'stall_before_headers' ],
		[ 'a page of HTML', {}, qr/^the HR system answered with an HTML page instead of JSON\. Check that settings\.base_url/, 'html200' ],
		[ 'no JSON', {}, qr/^the HR system answered with something that is not JSON\. /, 'bad_json' ],
		[ 'nothing', {}, qr/^the HR system answered with nothing\. /, 'empty200' ],
		[ 'another shape', {}, qr/^the HR system's answer holds no \$\.id\. /, 'other_shape' ],
		[ 'cut off', {}, qr/^\S.*\. Fetch again\. /, 'cut_body' ],
		[ 'a redirect', {}, qr/^the HR system redirects elsewhere \(HTTP status 302\)\. /, 'redirect' ],
		[ 'a fault of theirs', {}, qr/^the HR system answered with HTTP status 500\. /, 'status' ]);

	foreach my $answer (@answers)
	{
		my ($name, $options, $words, $fault) = @$answer;
		$test->set('stakesync.first_byte_timeout' => $name eq 'no answer' ? 300 : 60000);
		$sim->fault($fault, match => { path => 'account-details' }) if $fault;
		my $row = $test->connect(%$options);
		is($row->{state}, 'failing', "$name: a row");
		like($row->{next_step}, qr/$words.*Nothing was stored\.$/, "$name: says what to do");
		unlike($row->{next_step}, qr/wrong|merge-test/, "$name: tells no secret");
		$sim->clear_faults;
	}
	is($test->sql('SELECT count(*) FROM stakesync_company'), 0, 'nothing was stored, not even a company');
	is($test->sql(q(SELECT count(*) FROM pg_namespace WHERE nspname = 'stakesync')), 0, 'no schema either');
};

subtest 'connected' => sub {
	my $row = $test->connect;
	my $run;

	is_deeply($row, { connection => 'merge', state => 'connected', next_step => 'SELECT * FROM stakesync_fetch();' }, 'connected');
	is($test->sql('SELECT company FROM stakesync_company'), 'stakesync', 'the default company was made');
	$run = $test->fetch(q(mode => 'incremental'));
	is($run->{state}, 'failed', 'no incremental fetch before a full one');
	is($run->{sqlstate}, '55000', 'its SQLSTATE');
	is($run->{hint}, q(SELECT * FROM stakesync_fetch(mode => 'full');), 'says what to do');
	is_deeply($test->refusal(q(SELECT stakesync_fetch(mode => 'some'))),
		{ sqlstate => '22023', message => 'there is no mode "some"', hint => 'Modes are auto, full, incremental.' }, 'no such mode');
	is_deeply($test->refusal(q(SELECT stakesync_fetch('other'))),
		{ sqlstate => '42704', message => 'company "stakesync" has no connection "other"', hint => 'Its connections: merge.' }, 'no such connection');
};

subtest 'a full fetch' => sub {
	read_source();
	my ($status, $out, $err) = $test->psql('SELECT row_to_json(r) FROM stakesync_fetch() r');
	my $row = from_json($out);
	my %people = $test->employees;

	is_deeply(outcome($row), { state => 'done', mode => 'full', added => 600, changed => 0, unchanged => 0, missing => 0 }, 'all came');
	is_deeply([ @$row{qw(connection complete requests retries pages records message hint sqlstate phase)} ],
		[ 'merge', JSON::PP::true(), 7, 0, 6, 600, '600 people in 6 pages; 90 of them have left', undef, undef, undef ], 'and how: one request asks whether Merge is ready');
	ok($row->{bytes} > 500_000 && $row->{finished_at} gt $row->{started_at}, 'bytes and times');
	is_deeply($test->fetch_run($row->{fetch_id}), $row, 'fetch_run tells the same');
	like($err, qr/NOTICE:  600 people in 6 pages; 90 of them have left/, 'a notice for who waits');
	is($test->sql('SELECT last_complete_fetch IS NOT NULL AND state = $$connected$$ FROM stakesync.connection'), 't', 'noted on the connection');
	is(scalar keys %people, 600, '600 employees');
	people_are('each field of everybody', \%people, \%expected, @DEFAULT, 'changes_on');
	people_are('nothing of what was not asked for', \%people, {}, @OPTIONAL);
	is($test->sql('SELECT count(*) FROM stakesync.employee WHERE num_nonnulls(' . join(', ', @OPTIONAL, 'record', 'missing_since') . ') > 0'), 0, 'no pay, manager, phone or record');
	is_deeply({ map { $_ => problem_codes($people{$_}) } grep { $people{$_}{problems} } keys %people },
		{ map { $_ => $expected{$_}{problems} } grep { $expected{$_}{problems} } keys %expected }, 'only one value cannot be read');
	hard_cases(\%people, \%expected);
};

# Name the cases of which there must be some among the 600
sub hard_cases
{
	my ($people, $expected) = @_;
	my @people = values %$people;
	my %count = (
		'leading zeros' => scalar(grep { ($_->{employee_number} // '') =~ /^0/ } @people),
		'without a number' => scalar(grep { !defined $_->{employee_number} } @people),
		'decomposed names' => scalar(grep { $_->{name} =~ /\p{Mn}/ } @people),
		'four bytes' => scalar(grep { $_->{name} =~ /[^\x{0}-\x{ffff}]/ } @people),
		'changes to come' => scalar(grep { defined $_->{changes_on} } @people),
		'born on 29 February' => scalar(grep { ($_->{birthdate} // '') =~ /-02-29$/ } @people),
		'countries' => scalar keys %{ { map { $_->{country} // 'none' => 1 } @people } });

	is($count{'without a number'}, 4, 'four without a number');
	cmp_ok($count{$_}, '>', 0, "$_: $count{$_}") for sort keys %count;
	return;
}

sub problem_codes
{
	my ($person) = @_;
	return { map { $_->{field} => $_->{code} } @{ $person->{problems} // [] } };
}

subtest 'the optional fields' => sub {
	my (%people, $row, %phones);

	$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'employee_number', email => 'work_email', import => '{manager,mobile_phone,pay_rate}')));
	$row = $test->fetch;
	is_deeply(outcome($row), { state => 'done', mode => 'full', added => 0, changed => 600 - unchanged_by_import(), unchanged => unchanged_by_import(), missing => 0 },
		'auto is full where the configuration changed');
	%people = $test->employees;
	people_are('each field of everybody', \%people, \%expected, @DEFAULT, @OPTIONAL);
	foreach my $id (keys %people)
	{
		my $code = problem_codes($people{$id})->{mobile_phone} // (defined $people{$id}{mobile_phone} ? 'number' : 'none');
		my $given = $source{$id}{mobile_phone_number} // '';
		my $kind = $given eq '' ? 'null' : $given =~ /^(?:\+|00)\d/ ? 'international' : ($given =~ tr/0-9//) > 5 ? 'national' : $given =~ /\d/ ? 'junk with digits' : 'junk';
		$phones{$kind}{$code}++;
	}
	is_deeply({ map { $_ => join ' ', sort keys %{ $phones{$_} } } keys %phones },
		{ null => 'none', international => 'number', national => 'no_country_code', junk => 'invalid_phone none', 'junk with digits' => 'invalid_phone no_country_code' },
		'phones by kind') or diag explain \%phones;
};

# People of whom the optional fields tell nothing
sub unchanged_by_import
{
	return scalar grep {
		my $id = $_;
		!grep({ defined $expected{$id}{$_} } @OPTIONAL) && ($source{$id}{mobile_phone_number} // '') !~ /\d/
	} keys %expected;
}

subtest 'again without a change' => sub {
	my $picture = $test->picture;
	my $written = written();

	foreach my $mode ('full', 'auto', 'incremental')
	{
		my $row = $test->fetch("mode => '$mode'");
		my $is_full = $mode eq 'full';
		is_deeply(outcome($row), { state => 'done', mode => $is_full ? 'full' : 'incremental', added => 0, changed => 0,
			unchanged => $is_full ? 600 : 0, missing => 0 }, "$mode: nothing changed");
		is($test->picture, $picture, "$mode: no row was touched");
	}
	is(written(), $written, 'no row was written');
	is($sim->requests->{last}[-1]{query}{include_deleted_data}, 'true', 'the deleted are asked for');
	like($sim->requests->{last}[-1]{query}{modified_after}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'since when');
};

# Active people with nothing odd about them, by number
sub plain_people
{
	my ($from, $count) = @_;
	return split /\n/, $test->sql("SELECT employee_number FROM stakesync.employee WHERE employment_status = 'ACTIVE' AND missing_since IS NULL AND changes_on IS NULL
		AND termination_date IS NULL AND problems IS NULL AND country = 'CH' AND employee_number LIKE '0%' AND first_name ~ '^[A-Z][a-z]+\$' ORDER BY employee_number OFFSET $from LIMIT $count");
}

sub id_of { return $sim->get("/control/person/$_[0]")->{id} }

subtest 'changes at the source' => sub {
	my @numbers = plain_people(0, 6);
	my ($leaver, $renamed, $moved, $paid, $flagged, $vanished) = @numbers;
	my %id = map { $_ => id_of($_) } @numbers;
	my $hired = $sim->hire(first_name => 'Zoë', last_name => 'Neu', country => 'DE', salary => 61000.5, phone => '+49 151 23456789');
	my (%people, $difference, $row);

	remember();
	$sim->leave($leaver, '2026-02-28');
	$sim->change($renamed, last_name => "Stra\x{df}e");
	$sim->change($moved, city => "Zu\x{308}rich", zip_code => '00800');
	$sim->change($paid, salary => 99999.25);
	$sim->remove($flagged);
	$sim->remove($vanished, 'vanish');
	$row = $test->fetch(q(mode => 'full'));
	is_deeply(outcome($row), { state => 'done', mode => 'full', added => 1, changed => 4, unchanged => 594, missing => 2 }, 'counted');
	is($row->{message}, '599 people in 6 pages; 91 of them have left', 'in words');

	%people = $test->employees("remote_id = '$hired->{id}'");
	people_are('the one hired', \%people, { $hired->{id} => expected(record_of($hired->{id})) }, @DEFAULT, @OPTIONAL);
	is($people{ $hired->{id} }{pay_rate}, 61000.5, 'with pay');
	$difference = difference();
	delete $difference->{ $hired->{id} };
	is_deeply($difference, {
		$id{$leaver} => { employment_status => 'INACTIVE', termination_date => '2026-02-28' },
		$id{$renamed} => { last_name => 'Straße', name => first_name($renamed) . ' Straße' },
		$id{$moved} => { city => "Zu\x{308}rich", zip_code => '00800' },
		$id{$paid} => { pay_rate => 99999.25 },
		$id{$flagged} => { missing => JSON::PP::true() },
		$id{$vanished} => { missing => JSON::PP::true() },
	}, 'exactly what was changed');
	is($test->sql("SELECT count(*) FROM stakesync.employee WHERE changed_at > (SELECT started_at FROM stakesync.fetch_run ORDER BY fetch_id DESC LIMIT 1)"), 5, 'changed_at of those with another value');
};

sub first_name { return $sim->get("/control/person/$_[0]")->{first_name} }

sub record_of { return $sim->get("/hris/v1/employees/$_[0]?expand=employments,groups,home_location,team") }

subtest 'changes since the last fetch' => sub {
	my @numbers = plain_people(6, 4);
	my ($moved, $flagged, $vanished, $quiet) = @numbers;
	my %id = map { $_ => id_of($_) } @numbers;
	my $hired = $sim->hire(first_name => 'Adèle', last_name => 'Later', country => 'FR');
	my ($row, $difference);

	remember();
	$sim->change($moved, city => 'Basel');
	$sim->remove($flagged);
	$sim->remove($vanished, 'vanish');
	$sim->post('/control/change', { employee_number => $quiet, set => { city => 'Chur' }, quiet => JSON::PP::true() });
	$row = $test->fetch;
	is_deeply(outcome($row), { state => 'done', mode => 'incremental', added => 1, changed => 1, unchanged => 5, missing => 1 },
		'auto reads what was modified, and a little of what was before');
	is($row->{complete}, JSON::PP::false(), 'which is no complete picture');
	is($row->{requests}, 1, 'one request');
	$difference = difference();
	delete $difference->{ $hired->{id} };
	is_deeply($difference, { $id{$moved} => { city => 'Basel' }, $id{$flagged} => { missing => JSON::PP::true() } },
		'and sees who is said to be deleted, not who vanished or changed in silence');

	remember();
	$row = $test->fetch(q(mode => 'full'));
	is_deeply(outcome($row), { state => 'done', mode => 'full', added => 0, changed => 1, unchanged => 597, missing => 1 }, 'a full fetch sees them');
	is_deeply(difference(), { $id{$quiet} => { city => 'Chur' }, $id{$vanished} => { missing => JSON::PP::true() } }, 'exactly them');

	$sim->post('/control/reset');
	$row = $test->fetch(q(mode => 'full'));
	is_deeply([ @$row{qw(state added changed missing)} ], [ 'done', 0, 6, 2 ], 'who comes back is no new person');
	is($test->sql('SELECT count(*), count(missing_since) FROM stakesync.employee'), '602|2', 'and is missing no more');
};

subtest 'without waiting' => sub {
	my $listener = $test->node->background_psql('postgres');
	my ($row, $said);

	$listener->query_safe('LISTEN stakesync');
	$sim->fault('stall_in_body', match => { path => '/employees', page => 2 });
	$row = $test->fetch(q(mode => 'full', wait => false));
	like($row->{state}, qr/^(?:queued|running)$/, 'a row at once');
	$test->wait_stalled(1);
	is_deeply($test->refusal('SELECT stakesync_fetch()'), { sqlstate => '55006', message => 'connection "merge" is being fetched already',
		hint => 'Wait for it, or cancel it: see fetch_run and stakesync_cancel().' }, 'one at a time');
	is($test->sql('SELECT count(*) FROM stakesync.fetch_run WHERE state IN ($$queued$$, $$running$$)'), 1, 'which leaves no row');
	$test->wait_for("SELECT records = 500 AND pages = 5 AND phase = 'reading' AND rate > 0 FROM stakesync.fetch_run WHERE fetch_id = $row->{fetch_id}");
	ok(1, 'progress is in the row, pages behind the slow one too');
	$sim->post('/control/release');
	$test->wait_for("SELECT state = 'done' FROM stakesync.fetch_run WHERE fetch_id = $row->{fetch_id}");
	is($test->fetch_run->{unchanged}, 600, 'it ends by itself');
	$test->wait_until(sub { $said = $listener->query('SELECT 1'); $said =~ /notification/ }, 'a notification');
	like($said, qr/"stakesync" with payload "fetch $row->{fetch_id}"/, 'NOTIFY tells kind and id');
	$sim->fault('status', code => 403, match => { path => '/employees' });
	$row = $test->fetch;
	is($row->{state}, 'failed', 'one that fails');
	$test->wait_until(sub { $said = $listener->query('SELECT 1'); $said =~ /notification/ }, 'a notification');
	like($said, qr/"stakesync" with payload "fetch $row->{fetch_id}"/, 'of failures too');
	$listener->quit;

	$row = from_json($test->sql(q(BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT '' WHERE false; SELECT row_to_json(r) FROM stakesync_fetch(wait => false) r; COMMIT)));
	ok($row->{fetch_id}, 'its number, where the snapshot is older than its row');
	$test->wait_for("SELECT state = 'done' FROM stakesync.fetch_run WHERE fetch_id = $row->{fetch_id}");
};

subtest 'a queue' => sub {
	my @rows;

	$test->connect(connection => $_) for 'second', 'third';
	$test->set('stakesync.max_fetches' => 1);
	is($test->refusal('SELECT stakesync_fetch()')->{message}, 'company "stakesync" has several connections, say which', 'which connection');
	$sim->fault('stall_before_headers', match => { path => '/employees', page => 1 });
	push @rows, $test->fetch(q('merge', mode => 'full', wait => false));
	$test->wait_stalled(1);
	push @rows, $test->fetch(qq('$_', wait => false)) for 'second', 'third';
	$test->wait_for("SELECT wait_event IS NOT NULL AND query LIKE '%waiting for a slot' FROM pg_stat_activity WHERE backend_type = 'stakesync fetch' AND query LIKE '%third%'");
	is_deeply([ map { $test->fetch_run($_->{fetch_id})->{state} } @rows ], [ 'running', 'queued', 'queued' ], 'the second and third wait');
	is($test->sql("SELECT stakesync_cancel($rows[1]{fetch_id})"), 't', 'one who waits is cancelled');
	$test->wait_for("SELECT state = 'cancelled' FROM stakesync.fetch_run WHERE fetch_id = $rows[1]{fetch_id}");
	$sim->post('/control/release');
	$test->wait_for("SELECT state = 'done' FROM stakesync.fetch_run WHERE fetch_id = $rows[2]{fetch_id}");
	is_deeply([ map { $test->fetch_run($_->{fetch_id})->{state} } @rows ], [ 'done', 'cancelled', 'done' ], 'in turn');
	is($test->sql("SELECT stakesync_cancel($rows[0]{fetch_id})"), 'f', 'what is over is not cancelled');
	is_deeply($test->refusal('SELECT stakesync_cancel(999)'), { sqlstate => '42704', message => 'there is no fetch 999', hint => 'See the view fetch_run.' }, 'nor what never was');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE connection = 'third')), 600, 'each connection has its people');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE connection = 'second')), 0, 'or none');
	$test->set('stakesync.max_fetches' => 4);
};

subtest 'changed while it ran' => sub {
	my $picture = $test->picture;
	my ($session, $row);

	$sim->fault('stall_in_body', match => { path => '/employees', page => 6 });
	$session = $test->begin(q(SELECT row_to_json(r) FROM stakesync_fetch('merge', mode => 'full') r));
	$test->wait_stalled(1);
	$test->sql(q(SELECT count(*) FROM stakesync_configure(import => '{manager}', connection => 'merge')));
	$picture = $test->picture;
	$sim->post('/control/release');
	$row = from_json($test->finish($session)->{out});
	is_deeply([ @$row{qw(state complete sqlstate message hint)} ],
		[ 'failed', JSON::PP::false(), '55000', 'configuration changed, fetch again', 'SELECT * FROM stakesync_fetch();' ], 'the configuration');
	is($test->picture, $picture, 'nobody was touched');

	$sim->fault('stall_in_body', match => { path => '/employees', page => 6 });
	$session = $test->begin(q(SELECT row_to_json(r) FROM stakesync_fetch('second') r));
	$test->wait_stalled(1);
	$test->sql(q(DELETE FROM stakesync.connection WHERE connection = 'second'));
	$sim->post('/control/release');
	$row = from_json($test->finish($session)->{out});
	is_deeply([ @$row{qw(state message)} ], [ 'failed', 'the connection was removed while it was fetched' ], 'the connection');
	is($test->picture, $picture, 'nobody was touched');
};

subtest 'fewer people' => sub {
	my $many = $test->start_simulator(static => 100);
	my $picture;
	my $row;

	$test->connect(connection => 'many', settings => { base_url => $many->url });
	is($test->fetch(q('many'))->{added}, 100, 'a hundred');
	$many->post('/control/many', { people => 79 });
	$picture = $test->picture;
	$row = $test->fetch(q('many', mode => 'full'));
	is_deeply([ @$row{qw(state sqlstate message hint)} ], [ 'failed', '38000', '79 of 100 people came',
		'If this is right: SELECT * FROM stakesync_fetch(accept_fewer => true);' ], '79 percent are no complete picture');
	is($test->picture, $picture, 'nobody was touched');
	$many->post('/control/many', { people => 80 });
	is_deeply(outcome($test->fetch(q('many', mode => 'full'))),
		{ state => 'done', mode => 'full', added => 0, changed => 0, unchanged => 80, missing => 20 }, '80 percent are');
	$many->post('/control/many', { people => 10 });
	is($test->fetch(q('many', mode => 'full'))->{state}, 'failed', '10 of 80');
	is_deeply(outcome($test->fetch(q('many', accept_fewer => true))),
		{ state => 'done', mode => 'full', added => 0, changed => 0, unchanged => 10, missing => 70 }, 'unless accepted');
	$many->post('/control/many', { people => 0 });
	$picture = $test->picture;
	$row = $test->fetch(q('many', accept_fewer => true));
	is_deeply([ @$row{qw(state message)} ], [ 'failed', 'the HR system answered, but with nobody' ], 'nobody never is');
	is($test->picture, $picture, 'nobody was touched');

	# Another account's people do not make up for ours
	$test->connect(connection => 'many');
	$row = $test->fetch(q('many', mode => 'full'));
	is_deeply([ @$row{qw(state message)} ], [ 'failed', '0 of 10 people came' ], 'strangers do not count');
	is($test->picture, $picture, 'nobody was touched');
	$test->connect(connection => 'many', settings => { base_url => $many->url });
	$many->stop;
	$test->set('stakesync.max_retries' => 1);
	$row = $test->fetch(q('many'));
	is_deeply([ @$row{qw(state sqlstate)} ], [ 'failed', '08001' ], 'a server that is gone');
	like($row->{message}, qr/127\.0\.0\.1:\d+.*after 2 tries\z/, 'tried again');
};

subtest 'credentials that no longer work' => sub {
	my $picture = $test->picture;
	my $row;

	$sim->post('/control/key', { api_key => 'rotated' });
	$row = $test->fetch(q('merge'));
	is_deeply([ @$row{qw(state sqlstate requests message)} ], [ 'failed', '28000', 1, 'the HR system does not accept the credentials (HTTP status 401)' ], 'a failed row, not tried again');
	is($test->sql(q(SELECT state FROM stakesync.connection WHERE connection = 'merge')), 'failing', 'the connection says so');
	is($test->picture, $picture, 'nobody was touched');
	is($test->connect->{state}, 'failing', 'the old key is refused');
	is($test->connect(credentials => { api_key => 'rotated' })->{state}, 'connected', 'the new one is taken');
	is($test->fetch(q('merge'))->{state}, 'done', 'and used');
	is($test->sql(q(SELECT state FROM stakesync.connection WHERE connection = 'merge')), 'connected', 'all is well');
	$sim->post('/control/reset');
	$test->connect;
};

subtest 'transactions that cannot wait' => sub {
	my $asked = $sim->requests->{total};

	is_deeply($test->refusal(q(BEGIN; CREATE TABLE mine (); SELECT stakesync_fetch('merge'))), { sqlstate => '25001',
		message => 'this transaction has written already and cannot wait for a fetch', hint => 'COMMIT first, then fetch.' }, 'one that wrote');
	is($test->refusal(q(BEGIN; CREATE TABLE mine (); ) . 'SELECT * FROM ' . StakesyncTest::connect_call('merge', \%StakesyncSim::CREDENTIALS, { base_url => $sim->url }))->{sqlstate},
		'25001', 'nor may it connect');
	is($test->refusal(q(BEGIN; SELECT stakesync_create_company('other'); SELECT stakesync_fetch(company => 'other')))->{sqlstate}, '25001', 'one that made the company');
	is_deeply($test->refusal(q(BEGIN READ ONLY; SELECT stakesync_fetch('merge'))), { sqlstate => '25006',
		message => 'cannot execute stakesync_fetch() in a read-only transaction', hint => undef }, 'one that may not write');
	is($test->refusal(q(BEGIN READ ONLY; SELECT stakesync_cancel(1)))->{sqlstate}, undef, 'but cancelling writes nothing');
	is($sim->requests->{total}, $asked, 'nothing was asked of the HR system');
	is($test->sql(q(BEGIN; SELECT state FROM stakesync_fetch('merge'); ROLLBACK)), 'done', 'one that only read');
};

subtest 'a standby' => sub {
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	my $fetches = $test->sql('SELECT count(*) FROM stakesync.fetch_run');
	my ($status, $out, $err);

	$test->node->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 4\nmax_worker_processes = 1\n");
	$test->node->restart;
	$test->node->backup('base');
	$standby->init_from_backup($test->node, 'base');
	$standby->set_standby_mode;
	$standby->append_conf('postgresql.conf', 'hot_standby = on');
	$standby->start;
	foreach my $call (q(stakesync_fetch('merge')), StakesyncTest::connect_call('merge', \%StakesyncSim::CREDENTIALS, { base_url => $sim->url }))
	{
		($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY verbose\nSELECT $call");
		like($err, qr/ERROR:  25006: cannot execute stakesync_\w+\(\) during recovery/, 'refused: ' . ($call =~ s/\(.*//r));
	}
	is($standby->safe_psql('postgres', 'SELECT count(*) FROM stakesync.preview'), $test->sql('SELECT count(*) FROM stakesync.preview'), 'the preview is there');
	is($standby->safe_psql('postgres', 'SELECT count(*) FROM stakesync.fetch_run'), $fetches, 'and the fetches');
	$standby->stop('immediate');

	# the launcher of logical replication has the only slot
	is_deeply($test->refusal(q(SELECT stakesync_fetch('merge'))), { sqlstate => '53400', message => 'no free background worker',
		hint => 'Try again later, or raise max_worker_processes.' }, 'no free worker');
	is($test->sql('SELECT count(*) FROM stakesync.fetch_run'), $fetches, 'no row of a fetch that did not start');
};

$test->stop;
done_testing();
