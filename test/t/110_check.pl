# Checking a connection, looking at one person, and the gaps in what came
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StakesyncSim::Json qw(bool from_json to_json);
use StakesyncTest;
use Test::More;

my $test = StakesyncTest->start('check');
my $node = $test->node;
my $sim = $test->sim;

# The tables that a check must leave alone
my $TOUCHED = <<'SQL';
SELECT md5(concat_ws(' ', (SELECT string_agg(concat_ws(' ', xmin, e), E'\n' ORDER BY remote_id) FROM stakesync.employee e),
	(SELECT string_agg(concat_ws(' ', xmin, c), E'\n' ORDER BY connection) FROM stakesync.connection c),
	(SELECT string_agg(concat_ws(' ', xmin, k), E'\n' ORDER BY connection) FROM stakesync._credential k),
	(SELECT string_agg(concat_ws(' ', xmin, g), E'\n' ORDER BY connection, field) FROM stakesync._gap g),
	(SELECT string_agg(concat_ws(' ', xmin, f), E'\n' ORDER BY fetch_id) FROM stakesync._fetch f),
	(SELECT count(*) FROM stakesync._peek), (SELECT count(*) FROM stakesync.change), (SELECT count(*) FROM stakesync.sync_run)))
SQL

# What a check says: a hash of its rows by their items
sub check
{
	my ($connection) = @_;
	return map { $_->{item} => $_ } $test->rows("SELECT * FROM stakesync_check('" . ($connection // 'merge') . "')");
}

# Items in the order they come, with t, f or - for what cannot be known
sub verdicts
{
	my ($connection) = @_;
	return $test->sql("SELECT string_agg(item || ' ' || coalesce(ok::text, '-'), ', ') FROM stakesync_check('" . ($connection // 'merge') . "')");
}

sub peek
{
	my ($person, $connection) = @_;
	return from_json($test->sql("SELECT stakesync_peek('$person', '" . ($connection // 'merge') . "')"));
}

# The gap of a field, as reason and people
sub gap
{
	my ($field) = @_;
	my $row = $test->row("SELECT reason, people, advice FROM stakesync.data_gap WHERE connection = 'merge' AND field = '$field'");
	return $row ? "$row->{reason} $row->{people}" : 'none';
}

sub one
{
	my ($what, $condition) = @_;
	return $test->sql("SELECT $what FROM stakesync.employee WHERE connection = 'merge' AND $condition ORDER BY remote_id LIMIT 1");
}

subtest 'before the first fetch' => sub {
	is(verdicts(), 'key file true, login true, stream employees true, unused permissions true, leavers -, fields -, identifier -, limit -, last fetch -',
		'what can be known is good');
	is($test->sql('SELECT count(*) FROM stakesync.data_gap'), 0, 'no gaps before a picture');
	$sim->delete('/control/requests');
	check();
	is_deeply($sim->requests->{by_path}, { '/hris/v1/account-details' => 1, '/hris/v1/employees' => 1 }, 'each address was asked once');
};

subtest 'all is well' => sub {
	$test->fetch;
	$test->sql(q(SELECT * FROM stakesync_configure(identifier => 'remote_id', import => '{manager,mobile_phone,pay_rate}')));
	is({ check() }->{fields}{detail}, 'not fetched since they were mapped: manager, mobile_phone, pay_currency, pay_period, pay_rate', 'mapped since the last fetch');
	$test->fetch;
	is(verdicts(), 'key file true, login true, stream employees true, unused permissions true, leavers true, fields true, identifier true, limit -, last fetch true',
		'every item is good but the allowance, of which Merge says nothing');

	my %row = check();
	my $expect = $sim->expect;
	is($row{leavers}{detail}, "$expect->{leavers} of 600 people have left", 'leavers');
	is($row{identifier}{detail}, 'remote_id: filled and distinct for all 600 in scope', 'identifier');
	is($row{limit}{detail}, '100 requests a minute are published, 100000 are set', 'limit');
	like($row{'last fetch'}{detail}, qr/^done, full, 600 people at \d{4}-\d\d-\d\d \d\d:\d\d$/, 'last fetch');
};

subtest 'identifiers that some lack or share' => sub {
	my $row;

	$test->sql(q(SELECT * FROM stakesync_configure(identifier => 'employee_number')));
	$row = { check() }->{identifier};
	is($row->{detail}, 'employee_number: missing for 4 of 600', 'missing for some');
	is($row->{ok}, 0, 'is not good') or diag explain $row;
	$test->sql(q(SELECT * FROM stakesync_configure(identifier => 'work_email')));
	$sim->change('000130', work_email => one('work_email', "work_email IS NOT NULL AND employee_number <> '000130'"));
	$test->fetch(q('merge', 'full'));
	like({ check() }->{identifier}{detail}, qr/^work_email: missing for \d+ of 600; 2 people share one$/, 'and shared by others');
	$test->sql(q(SELECT * FROM stakesync_configure(identifier => 'employee_number')));
	$sim->post('/control/reset');
	$test->fetch(q('merge', 'full'));
};

subtest 'checking and looking store nothing' => sub {
	my $person = one('remote_id', "employment_status = 'ACTIVE'");
	my $touched = $test->sql($TOUCHED);

	check();
	check();
	is($test->sql($TOUCHED), $touched, 'a check');
	is($test->sql("BEGIN READ ONLY; SELECT count(*) FROM stakesync_check(); ROLLBACK"), 9, 'it may be done where nothing may be written');
	peek($person);
	peek($person);
	is($test->sql('SELECT count(*) FROM stakesync._peek'), 2, 'of a look there is a note');
	is_deeply($test->row('SELECT by, connection, remote_id FROM stakesync._peek LIMIT 1'),
		{ by => $test->sql('SELECT session_user'), connection => 'merge', remote_id => $person }, 'that says who looked at whom');
	$test->sql('DELETE FROM stakesync._peek');
	is($test->sql($TOUCHED), $touched, 'and nothing else');
	is($test->refusal("BEGIN READ ONLY; SELECT stakesync_peek('$person')")->{sqlstate}, '25006', 'so it takes a transaction that may write');
	is($test->refusal("BEGIN; CREATE TABLE mine (); SELECT stakesync_peek('$person')")->{sqlstate}, '25001', 'and has not yet');
};

subtest 'one person' => sub {
	my ($active, $number) = split /\|/, one('remote_id, employee_number', "employment_status = 'ACTIVE' AND country = 'CH' AND employee_number LIKE '0%' AND pay_rate IS NOT NULL");
	my $left = one('remote_id', "employment_status = 'INACTIVE'");
	my $told;

	$test->sql(q(SELECT stakesync_sync_if('employment_status', '=', '{ACTIVE,PENDING}')));
	$test->sql(q(SELECT stakesync_sync_if('country', '=', '{CH}')));
	$test->sql(q(SELECT stakesync_sync_if('identifier', 'starts with', '{0}')));
	$told = peek($active);
	is_deeply($told->{scope}, { in => bool(1), clauses => [
		{ condition => 'employment_status is one of ACTIVE, PENDING', holds => bool(1), value => 'ACTIVE' },
		{ condition => 'country = CH', holds => bool(1), value => 'CH' },
		{ condition => 'identifier starts with 0', holds => bool(1), value => $number } ] }, 'in scope, clause by clause')
	  or diag explain $told->{scope};
	is_deeply([ sort keys %$told ], [qw(absent asked fields others problems provider remote_id scope values)], 'what is told');
	is_deeply($told->{asked}, ["/hris/v1/employees/$active"], 'what was asked');
	is_deeply(peek($number), $told, 'found by the identifier');
	is_deeply(peek("  $number "), $told, 'in canonical form');
	is_deeply(peek($left)->{scope}{in}, bool(0), 'a leaver is out of scope');
	is_deeply(peek($left)->{scope}{clauses}[0], { condition => 'employment_status is one of ACTIVE, PENDING', holds => bool(0), value => 'INACTIVE' }, 'because of this');

	is($told->{values}{'$.employee_number'}, $number, 'the value of a mapped path');
	is(ref $told->{values}{'$.groups[*].name'}, 'ARRAY', 'all values of one that leads through a list');
	ok(!grep({ exists $told->{values}{ $_->{path} } } @{ $told->{others} }), 'no path is in both');
	my %other = map { $_->{path} => $_ } @{ $told->{others} };
	is_deeply($other{'$.modified_at'}, { path => '$.modified_at', type => 'string' }, 'of others the type');
	is_deeply($other{'$.ssn'}, { path => '$.ssn', refused => bool(1) }, 'of those that are refused not even that');
	my $source = $sim->get("/hris/v1/employees/$active");
	my $whole = to_json($told);
	ok(index($whole, $source->{remote_id}) < 0 && index($whole, $source->{modified_at}) < 0, 'and no value of them');

	$sim->change($number, city => 'Chur');
	is(peek($active)->{fields}{city}, 'Chur', 'it is live');
	isnt(one('city', "remote_id = '$active'"), 'Chur', 'and the picture is of the last fetch');
	$sim->post('/control/reset');
	$test->sql('SELECT stakesync_drop_condition(condition_id) FROM stakesync.condition');
};

subtest 'whom nobody knows' => sub {
	is_deeply($test->refusal(q(SELECT stakesync_peek('nobody'))), { sqlstate => '42704', message => 'Merge shows nobody as "nobody"',
		hint => 'Give the remote_id or the identifier of a person in stakesync.employee, or an id as Merge has it.' }, 'an id that is none');
	is($test->refusal(q(SELECT stakesync_peek(NULL)))->{sqlstate}, '22004', 'nobody at all');
	is($test->refusal(q(SELECT stakesync_peek('x', 'other')))->{sqlstate}, '42704', 'no such connection');
	is($test->sql('SELECT count(*) FROM stakesync._peek p WHERE NOT EXISTS (SELECT FROM stakesync.employee e WHERE e.remote_id = p.remote_id)'), 0, 'no note of a look at nobody');
	$test->sql("UPDATE stakesync.employee SET identifier_key = '7' WHERE employee_number > '000590'");
	my $error = $test->refusal(q(SELECT stakesync_peek('7')));
	is($error->{sqlstate}, '42P08', 'an identifier that several have');
	like($error->{hint}, qr/^Name one by its remote_id: SELECT remote_id FROM stakesync\.employee /, 'the hint says how to find them');
	cmp_ok(scalar(split(/\n/, $test->sql($error->{hint} =~ s/.*?: //r))), '>', 5, 'which works');
	$test->fetch(q('merge', 'full'));
	$test->sql(q(SELECT * FROM stakesync_configure(identifier => 'employee_number')));
};

subtest 'pay is for those who may see it' => sub {
	my $person = one('remote_id', 'pay_rate IS NOT NULL');
	my $all = peek($person);
	my $some;

	$test->sql(<<'SQL');
CREATE ROLE clerk LOGIN;
CREATE ROLE payroll LOGIN IN ROLE clerk;
CREATE ROLE passer_by LOGIN;
GRANT USAGE ON SCHEMA stakesync TO clerk, passer_by;
GRANT SELECT ON stakesync.connection TO clerk, passer_by;
GRANT SELECT ON stakesync.employee TO clerk;
GRANT SELECT (pay_rate) ON stakesync.stakeholder TO payroll;
SELECT stakesync_sync_if('pay_rate', '>', '{1}');
SQL
	like($all->{fields}{pay_rate}, qr/^\d/, 'the owner sees it');
	($some) = map { from_json($_) } $node->safe_psql('postgres', "SELECT stakesync_peek('$person')", extra_params => [ '-U', 'clerk' ]);
	is_deeply([ grep { /pay/ } keys %{ $some->{fields} }, keys %{ $some->{values} } ], [], 'somebody else does not');
	is_deeply($some->{scope}{clauses}, [ { condition => 'pay_rate > 1', holds => bool(1) } ], 'not in a condition either');
	ok(scalar(grep { $_->{path} eq '$.employments[*].pay_rate' } @{ $some->{others} }), 'but that there is one');
	is_deeply([ sort grep { !/pay/ } keys %{ $all->{fields} } ], [ sort keys %{ $some->{fields} } ], 'all else is there');
	($some) = map { from_json($_) } $node->safe_psql('postgres', "SELECT stakesync_peek('$person')", extra_params => [ '-U', 'payroll' ]);
	is($some->{fields}{pay_rate}, $all->{fields}{pay_rate}, 'who may read the column sees it');
	is($node->safe_psql('postgres', q(SELECT count(*) FROM stakesync_check()), extra_params => [ '-U', 'clerk' ]), 9, 'a check takes the same');
	foreach my $call (qw(stakesync_check() stakesync_peek('x')))
	{
		my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT $call", extra_params => [ '-U', 'passer_by' ]);
		like($err, qr/ERROR:  42501/, "without SELECT on employee: $call is refused");
	}
	$test->sql('GRANT SELECT ON stakesync.data_gap TO passer_by');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM stakesync.data_gap', extra_params => [ '-U', 'passer_by' ]),
		$test->sql('SELECT count(*) FROM stakesync.data_gap'), 'the gaps are a view like others');
	$test->sql('SELECT stakesync_drop_condition(condition_id) FROM stakesync.condition');
};

subtest 'a permission is lost' => sub {
	my $born = $test->sql(q(SELECT count(birthdate) FROM stakesync.employee WHERE connection = 'merge'));
	my $lacked = gap('birthdate');
	my ($row, $picture, $told);

	cmp_ok($born, '>', 500, 'most have a day of birth');
	is($lacked, 'not filled in ' . (600 - $born), 'who has none lacks it');
	is(gap('termination_date'), 'none', 'who has not left lacks nothing');
	is(gap('employment_status'), 'none', 'what all have is no gap');

	$sim->post('/control/scope', { omit => ['date_of_birth'] });
	is($test->fetch(q('merge', 'full'))->{state}, 'done', 'the key does not come any more');
	is($test->sql(q(SELECT count(birthdate) FROM stakesync.employee WHERE connection = 'merge')), $born, 'nothing is cleared');
	is(gap('birthdate'), 'permission 600', 'the gap says why');
	$row = { check() }->{fields};
	is_deeply([ @$row{qw(ok detail)} ], [ bool(0), 'mapped, but shown for nobody: birthdate' ], 'so does the check');
	$told = peek(one('remote_id', 'birthdate IS NOT NULL'));
	is_deeply([ $told->{absent}, $told->{fields}{birthdate} ], [ ['birthdate'], undef ], 'and the look at one person');
	like($test->sql(q(SELECT advice FROM stakesync.data_gap WHERE field = 'birthdate')),
		qr/^Merge has shown it for nobody since \d{4}-\d\d-\d\d\. Grant there: Employee, .*: read\. Then: SELECT \* FROM stakesync_fetch\('merge', 'full'\);/, 'with what to do');

	$sim->post('/control/scope', { null => ['date_of_birth'] });
	$test->fetch(q('merge', 'full'));
	is(gap('birthdate'), 'permission 600', 'null for all after it was there');
	$sim->post('/control/scope', {});
	$test->fetch(q('merge', 'full'));
	is(gap('birthdate'), $lacked, 'granted again');
};

subtest 'what is not mapped, and what never is' => sub {
	my $advice;

	$test->sql(q(DELETE FROM stakesync.mapping WHERE field = 'city'; UPDATE stakesync.mapping SET path = '$.ssn' WHERE field = 'team'));
	$test->sql(q(SELECT * FROM stakesync_configure(import => '{manager}')));
	$test->fetch;
	is(gap('team'), 'refused 600', 'a path with a refused name');
	is(gap('city'), 'not mapped 600', 'a field that lost its mapping');
	is(gap('pay_rate'), 'not mapped 600', 'one that was not imported');
	$advice = $test->sql(q(SELECT advice FROM stakesync.data_gap WHERE field = 'mobile_phone'));
	is($advice, q(SELECT * FROM stakesync_configure(import => '{manager,mobile_phone}', connection => 'merge');), 'with what to type');
	$test->sql($advice);
	$test->sql($test->sql(q(SELECT advice FROM stakesync.data_gap WHERE field = 'city')));
	$test->fetch;
	is(gap('mobile_phone') =~ s/\d+//r, 'not filled in ', 'which helps');
	is(gap('city') =~ s/\d+//r, 'not filled in ', 'here too');
	my $untyped = "FROM stakesync.employee WHERE connection = 'merge' AND employment_type IS NULL";
	my $problem = q(problems @> '[{"field": "employment_type"}]');
	cmp_ok($test->sql("SELECT count(*) $untyped AND $problem"), '>', 0, 'a value that is not understood');
	is(gap('employment_type'), 'not filled in ' . $test->sql("SELECT count(*) $untyped AND ($problem) IS NOT TRUE"), 'is not one that is missing');
};

subtest 'every system that ships' => sub {
	my %systems = (
		personio => [ 'personio', '', [qw(client_id client_secret)], {} ],
		persons => [ 'personio', '', [qw(client_id client_secret)], { method => 'persons' } ],
		hibob => [ 'hibob', '/v1', [qw(service_user_id token)], {} ],
		humaans => [ 'humaans', '/api', ['api_token'], {} ],
		lucca => [ 'lucca', '', ['api_key'], { account => 'acme' } ],
		lucca5 => [ 'lucca', '', [qw(client_id client_secret)], { account => 'acme', auth_url => 1 } ],
		bamboohr => [ 'bamboohr', '', ['api_key'], { company_domain => 'acme' } ]);
	my $other = $test->start_simulator(people => 40);

	foreach my $name (sort keys %systems)
	{
		my ($provider, $path, $keys, $more) = @{ $systems{$name} };
		my $known = $other->credentials($provider);
		my %credentials = (map({ $_ => $known->{$_} } @$keys), map({ $_ => $more->{$_} } grep { $more->{$_} && /^(?:account|company_domain)$/ } keys %$more));
		my %settings = (base_url => $other->url . $path, requests_per_minute => 100000, $more->{auth_url} ? (auth_url => $other->url) : ());
		my $method = $more->{method} ? ", method => '$more->{method}'" : '';
		my ($credentials, $settings) = map { to_json($_) } \%credentials, \%settings;
		my $row = $test->row("SELECT * FROM stakesync_connect('$provider', '$credentials', '$name', '$settings', accept_terms => true$method)");

		is($row->{state}, 'connected', "$name: connected") or diag explain $row;
		is($test->fetch("'$name'")->{state}, 'done', "$name: fetched") or next;
		my @bad = grep { defined $_->{ok} && !$_->{ok} && $_->{item} !~ /^(?:identifier|unused permissions)$/ }
		  $test->rows("SELECT * FROM stakesync_check('$name')");
		is_deeply(\@bad, [], "$name: all is well");
		foreach my $id (split /\n/, $test->sql("SELECT remote_id FROM stakesync.employee WHERE connection = '$name' AND start_date < current_date ORDER BY md5(remote_id) LIMIT 2"))
		{
			my $told = peek($id, $name);
			my $employee = $test->row("SELECT * FROM stakesync.employee WHERE connection = '$name' AND remote_id = '$id'");
			is_deeply($told->{fields}, { map { $_ => $employee->{$_} } keys %{ $told->{fields} } }, "$name: $id is as in the picture");
			is($told->{without}, undef, "$name: of every stream");
		}
	}

	# One stream of several is refused
	$test->sql(q(SELECT * FROM stakesync_configure(import => '{pay_rate}', connection => 'humaans')));
	$other->switch('humaans', scopes => 'public:read private:read');
	$test->fetch(q('humaans', 'full'));
	my %row = check('humaans');
	is_deeply([ @{ $row{'stream compensations'} }{qw(ok detail hint)} ], [ bool(0),
		'the credentials lack a permission (HTTP status 403). Missing from the register: pay_currency, pay_period, pay_rate', 'Grant in Humaans: compensations:read.' ],
		'a stream that is refused, and what is missing because of it');
	is($test->sql(q(SELECT string_agg(field, ' ' ORDER BY field) FROM stakesync.data_gap WHERE connection = 'humaans' AND reason = 'permission')),
		'pay_currency pay_period pay_rate', 'the gaps say the same');
	is_deeply(peek(split(/\n/, $test->sql(q(SELECT min(remote_id) FROM stakesync.employee WHERE connection = 'humaans'))), 'humaans')->{without},
		[ { stream => 'compensations', why => 'the credentials lack a permission (HTTP status 403)' } ], 'and the look at one person');
	$other->switch('humaans', scopes => 'public:read private:read compensations:read');
	$test->sql(q(SELECT * FROM stakesync_configure(import => '{}', connection => 'humaans')));
	is({ check('humaans') }->{'unused permissions'}{detail}, 'compensations:read (compensations)', 'a permission that nothing needs');

	# Leavers are hidden
	$other->switch('hibob', leavers => 0);
	$test->fetch(q('hibob', 'full', accept_fewer => true));
	%row = check('hibob');
	is($row{leavers}{ok}, bool(0), 'nobody has left') or diag explain $row{leavers};
	$other->stop;
};

subtest 'refused and unreachable' => sub {
	my %row;

	$sim->post('/control/key', { api_key => 'rotated' });
	$sim->delete('/control/requests');
	%row = check();
	is_deeply([ @{ $row{login} }{qw(ok detail)} ], [ bool(0), 'the HR system does not accept the credentials (HTTP status 401)' ], 'a revoked key');
	is_deeply([ @{ $row{'stream employees'} }{qw(ok detail)} ], [ undef, 'not asked: the login failed' ], 'the streams are not asked');
	is($sim->requests->{total}, 1, 'one refusal is enough');
	is($row{leavers}{ok}, bool(1), 'what the picture tells is told all the same');
	is($test->refusal(q(SELECT stakesync_peek('x', 'merge')))->{sqlstate}, '28000', 'a look is an error');
	$sim->post('/control/reset');

	$sim->fault('retry_after', match => { path => '/employees' }, times => -1);
	%row = check();
	is_deeply([ map { $row{$_}{ok} } 'login', 'stream employees', 'limit' ], [ bool(1), undef, bool(0) ], 'too many requests');
	$sim->clear_faults;
	$sim->fault('html200', match => { path => '/employees' }, times => -1);
	%row = check();
	is_deeply([ @{ $row{'stream employees'} }{qw(ok)} ], [ bool(0) ], 'a page of HTML');
	like($row{'stream employees'}{detail}, qr/^the HR system answered with an HTML page instead of JSON/, 'is said to be one');
	$sim->clear_faults;
	$sim->fault('status', code => 403, match => { path => '/employees' }, times => -1);
	is({ check() }->{'stream employees'}{hint}, 'Grant in Merge: ' . from_json($test->sql(q(SELECT definition -> 'streams' FROM stakesync_provider WHERE provider = 'merge')))->[0]{permission} . '.', 'a permission that is missing');
	$sim->clear_faults;

	my $port = $sim->port;
	$sim->stop;
	%row = check();
	is($row{login}{ok}, bool(0), 'nobody answers') or diag explain $row{login};
	is($row{'last fetch'}{ok}, bool(1), 'the rest is told');
	like($test->refusal(q(SELECT stakesync_peek('x', 'merge')))->{sqlstate}, qr/^08/, 'a look is an error');
};

subtest 'the key file' => sub {
	my $file = $node->data_dir . '/stakesync.key';
	my %row;

	ok(-e $file, 'is there') or diag join "\n", glob $node->data_dir . '/*';
	chmod 0644, $file or die;
	%row = check();
	is_deeply([ @{ $row{'key file'} }{qw(ok detail)} ], [ bool(0), 'others may read or write the key file' ], 'open to others');
	is_deeply([ @{ $row{login} }{qw(ok detail)} ], [ undef, 'not tried: the credentials cannot be read' ], 'then there is no login');
	chmod 0600, $file or die;
	rename $file, "$file.away" or die;
	%row = check();
	is_deeply([ @{ $row{'key file'} }{qw(ok detail)} ], [ bool(0), 'the key file does not exist' ], 'gone');
	rename "$file.away", $file or die;
	$test->sql(q(SELECT * FROM stakesync_disconnect('personio')));
	%row = check('personio');
	is_deeply([ map { $row{$_}{ok} } 'key file', 'login' ], [ undef, bool(0) ], 'a connection without credentials');
	is($test->sql(q(SELECT count(*) FROM stakesync.data_gap WHERE connection = 'personio')), 0, 'has no gaps');
};

$test->stop;
done_testing();
