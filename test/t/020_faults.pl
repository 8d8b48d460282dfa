# Every way in which an HR system can misbehave at page 4 of 6: a fetch recovers, or fails and changes nothing
use strict;
use warnings;
use utf8;
use StakesyncSim::Json qw(from_json);
use StakesyncTest;
use Test::More;

my $test = StakesyncTest->start('faults', sim => { static => 600 }, conf => <<'EOT');
stakesync.max_retries = 1
stakesync.max_record_size = '256kB'
log_min_messages = debug1
log_error_verbosity = verbose
EOT
my $sim = $test->sim;
my $no = JSON::PP::false();
my $yes = JSON::PP::true();

# What a first fetch brings, and what those after it must not lose
is($test->fetch->{added}, 600, '600 people');
$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'employee_number', email => 'work_email', import => '{pay_rate}')));
is($test->fetch->{state}, 'done', 'with pay');

# Change people of the first two pages, so that there is always something that a fetch might do by half
sub change_people
{
	$sim->post('/control/many', { changed => 150 });
	return;
}

# Spoil page 4 of the next fetch; faults given as a list of lists combine
sub spoil
{
	my ($faults, $times) = @_;

	$sim->clear_faults;
	$sim->delete('/control/requests');
	foreach my $fault (ref $faults->[0] ? @$faults : $faults)
	{
		my ($name, %arguments) = @$fault;
		my $page = delete $arguments{page} // 4;
		$sim->fault($name, %arguments, match => { path => '/employees', page => $page }, times => $times);
	}
	return;
}

sub full { return $test->fetch(q(mode => 'full')) }

# Seconds between the requests for page 4
sub pause
{
	my @at = map { $_->{at} } grep { $_->{page} == 4 } @{ $sim->requests->{last} };
	return @at > 1 ? $at[1] - $at[0] : 0;
}

# The fetch must succeed, after so many tries more
sub passes
{
	my ($name, $faults, $retries) = @_;
	my $row;

	change_people();
	spoil($faults, 1);
	$row = full();
	is_deeply([ @$row{qw(state complete retries pages added changed unchanged missing message)} ],
		[ 'done', $yes, $retries, 6, 0, 150, 450, 0, '600 people in 6 pages; 60 of them have left' ], $name)
	  or diag explain $row;
	return $row;
}

# The fetch must fail for a reason and leave everybody as he was
sub fails
{
	my ($name, $faults, $sqlstate, $message, $hint, $retries) = @_;
	my ($picture, $row);

	change_people();
	spoil($faults, -1);
	$picture = $test->picture;
	$row = full();
	is_deeply([ @$row{qw(state complete sqlstate retries)} ], [ 'failed', $no, $sqlstate, $retries // 0 ], "$name: failed")
	  or diag explain $row;
	like($row->{message}, $message, "$name: why");
	like($row->{hint} // '', $hint, "$name: what to do");
	is($test->picture, $picture, "$name: nobody was touched");
	$sim->clear_faults;
	is(full()->{changed}, 150, "$name: the next fetch works");
	return;
}

subtest 'what passes the second time' => sub {
	passes("status $_", [ 'status', code => $_ ], 1) for 408, 500, 503;
	passes($_, [$_], 1) for qw(empty200 no_content cut_body reset wrong_length bad_chunking bad_gzip);
	passes('less than announced', [ 'wrong_length', by => -100 ], 1);
	passes('cut off in the middle of a record', [ 'cut_body', at => 50000 ], 1);
	passes('reset in the middle of a record', [ 'reset', at => 50000 ], 1);
	passes('cut off, and no length to know it by', [ ['no_length'], [ 'cut_body', at => 50000 ] ], 1);
	passes('cut off between chunks', [ ['chunked'], [ 'cut_body', at => 50000 ] ], 1);
};

subtest 'what fails for ever' => sub {
	fails('status 500', [ 'status', code => 500, body => '{"detail":"no such person: Jürg Müller-Lüdenscheidt"}' ], '38000',
		qr/^the HR system answered with HTTP status 500, after 2 tries$/, qr/^The HR system has a fault; fetch again later\.$/, 1);
	fails('cut off', ['cut_body'], '08006', qr/^answer of 127\.0\.0\.1:\d+ was cut off after 100 bytes, after 2 tries$/, qr/^Fetch again\.$/, 1);
	fails('reset', [ 'reset', at => 5000 ], '08006', qr/after 2 tries$/, qr/^Fetch again\.$/, 1);
	fails('reset before the headers', [ 'reset', at => -1 ], '08006', qr/after 2 tries$/, qr/^Fetch again\.$/, 1);
	fails('empty', ['empty200'], '08006', qr/the answer is empty, after 2 tries$/, qr/^Fetch again\.$/, 1);
	fails('cut off without a length', [ ['no_length'], [ 'cut_body', at => 50000 ] ], '08006', qr/cut off.*, after 2 tries$/, qr/^Fetch again\.$/, 1);
};

subtest 'what is not tried again' => sub {
	fails('status 400', [ 'status', code => 400 ], '38000', qr/^the HR system answered with HTTP status 400$/, qr/^Check settings\.base_url/);
	fails('status 403', [ 'status', code => 403 ], '42501', qr/^the credentials lack a permission \(HTTP status 403\)$/, qr/^Reading employees needs: /);
	fails('status 404', [ 'status', code => 404 ], '38000', qr/^the HR system answered with HTTP status 404$/, qr/check settings\.base_url/);
	fails('status 401', [ 'status', code => 401 ], '28000', qr/^the HR system does not accept the credentials \(HTTP status 401\)$/, qr/^Check key and account/);
	is($test->sql('SELECT state FROM stakesync.connection'), 'connected', 'a fetch that works mends the connection');
	fails('redirect', ['redirect'], '38000', qr/^the HR system redirects elsewhere \(HTTP status 302\)$/, qr/^Redirects are not followed/);
	fails('redirect home', [ 'redirect', to => $sim->url, code => 307 ], '38000', qr/\(HTTP status 307\)$/, qr/^Redirects are not followed/);
	fails('HTML', ['html200'], '38000', qr/^the HR system answered with an HTML page instead of JSON$/, qr/address of the API, not of its website/);
	fails('another shape', ['other_shape'], '38000', qr/expected an array at \$\.results, found nothing$/, qr/^Check that settings\.base_url/);
	fails('an array', [ 'other_shape', body => '[1,2]' ], '38000', qr/expected an object at \$, found an array at byte 1$/, qr/^Check that settings\.base_url/);
	fails('an object of people', [ 'other_shape', body => '{"next":null,"results":{"a":1}}' ], '38000', qr/expected an array at \$\.results, found an object at byte 24$/, qr/^Check that settings\.base_url/);
	fails('a person who is null', ['null_record'], '38000', qr/expected an object at \$\.results\[\*\], found null at byte \d+$/, qr/./);
	fails('a person without an id', [ 'wrong_type', field => 'id', json => 'null' ], '38000', qr/^a record has no id/, qr/^Check that settings\.base_url/);
	fails('a control character', ['control_char'], '38000', qr/not JSON at byte \d+$/, qr/./);
	fails('no JSON', ['bad_json'], '38000', qr/^a record cannot be read: the record is faulty: .* at byte \d+ of it$/, qr/./);
	fails('no UTF-8', ['invalid_utf8'], '38000', qr/^a record cannot be read: the record is faulty: .* at byte \d+ of it$/, qr/./);
	fails('another charset', [ 'charset', name => 'iso-8859-1' ], '38000', qr/^a record cannot be read: the record is faulty: .* at byte \d+ of it$/, qr/./);
	fails('UTF-16', [ 'charset', name => 'utf-16' ], '38000', qr/not JSON at byte 1$/, qr/./);
};

subtest 'too much' => sub {
	fails('a huge record', [ 'huge_record', bytes => 1_000_000 ], '54000', qr/more than 262144 bytes in one record/, qr/^Raise stakesync\.max_record_size/);
	fails('a huge record, packed', [ 'gzip_bomb', size => 300_000_000 ], '54000', qr/more than 262144 bytes in one record/, qr/^Raise stakesync\.max_record_size/);
	fails('huge headers', ['huge_header'], '54000', qr/^headers from 127\.0\.0\.1:\d+ are larger than 65536 bytes$/, qr/./);
	fails('deep', [ 'deep', depth => 10000 ], '54000', qr/nested deeper than 512 levels at byte \d+$/, qr/./);
	passes('not that deep', [ 'deep', depth => 100 ], 0);
};

subtest 'pages that do not add up' => sub {
	fails('the same cursor again', ['same_cursor'], '38000', qr/^the HR system's pages turn in a circle: a cursor came twice$/, qr/^Fetch again; if it stays/);
	fails('no next page', ['no_next'], '38000', qr/^400 of 600 people came$/, qr/accept_fewer => true/);
	fails('nobody on it', ['empty_results'], '38000', qr/^300 of 600 people came$/, qr/accept_fewer => true/);
	fails('it does not say whether there is a next page', [ 'absent_next', page => 5 ], '38000', qr/another page/, qr/./);
	is(passes('somebody twice', [ 'duplicate_record', times_over => 3 ], 0)->{records}, 603, 'counts once');
};

subtest 'what may be written otherwise' => sub {
	passes($_, [$_], 0) for qw(gzip chunked no_length close ascii pretty bom duplicate_keys);
	passes('slow', [ 'slow', ms => 50 ], 0);
	passes('drip', [ 'drip', rate => 3_000_000 ], 0);
};

# One value of the first person of page 4 cannot be read; returns what is held of him then
sub spoils_value
{
	my ($name, $fault, $field, $code) = @_;
	my $person = q(SELECT * FROM stakesync.employee WHERE employee_number = '000301');
	my $before = $test->row($person);
	my ($row, $after);

	spoil($fault, 1);
	$row = full();
	is_deeply([ @$row{qw(state changed unchanged retries)} ], [ 'done', 1, 599, 0 ], "$name: all others go on");
	$after = $test->row($person);
	is_deeply([ map { [ @$_{qw(field code)} ] } @{ $after->{problems} } ], [ [ $field, $code ] ], "$name: a problem of that field");
	delete @$_{qw(problems changed_at record_hash unknown)} for $before, $after;
	is_deeply($after, $before, "$name: the value is as it was");
	$row = full();
	is_deeply([ @$row{qw(state changed)} ], [ 'done', 1 ], "$name: gone with the next fetch");
	is($test->row($person)->{problems}, undef, "$name: without a trace");
	return;
}

subtest 'a value that cannot be read' => sub {
	$sim->clear_faults;
	full();
	spoils_value('NUL', ['nul_escape'], first_name => 'bad_text');
	spoils_value('half a surrogate pair', ['lone_surrogate'], first_name => 'bad_text');
	spoils_value('an object', ['wrong_type'], first_name => 'not_a_text');
	spoils_value('no date', [ 'wrong_type', field => 'date_of_birth', json => '"yesterday"' ], birthdate => 'bad_date');
	spoils_value('no status', [ 'wrong_type', field => 'employment_status', json => '"ON_THE_MOON"' ], employment_status => 'unknown_value');
	spoils_value('too large a number', [ 'huge_number', value => '1e1001' ], pay_rate => 'bad_number');
	spoil([ 'huge_number', value => '1e400' ], 1);
	full();
	is($test->sql(q(SELECT pay_rate = 1e400 FROM stakesync.employee WHERE employee_number = '000301')), 't', 'what numeric can hold is held');
	full();
};

subtest 'when to come back' => sub {
	passes('in a second', [ 'retry_after', seconds => 1 ], 1);
	cmp_ok(pause(), '>=', 1, 'after a second');
	passes('at a time', [ 'retry_after', form => 'date', seconds => 2 ], 1);
	cmp_ok(pause(), '>', 0.9, 'at that time');
	passes('at an epoch', [ 'status', code => 429, headers => { 'Retry-After' => time + 3 } ], 1);
	cmp_ok(pause(), '>', 0.9, 'at that epoch');
	passes('some time', [ 'retry_after', form => 'none' ], 1);
	cmp_ok(pause(), '>', 0.2, 'not at once');
	passes('nonsense', [ 'status', code => 503, headers => { 'Retry-After' => 'soon' } ], 1);
	passes('long ago', [ 'retry_after', form => 'date', seconds => -100 ], 1);
	fails('in an hour', [ 'retry_after', seconds => 3600 ], '53400', qr/^the HR system asks for fewer requests \(HTTP status 429\)$/, qr/requests_per_minute/);
	fails('never', [ 'status', code => 503, headers => { 'Retry-After' => '9' x 30 } ], '38000', qr/^the HR system answered with HTTP status 503$/, qr/./);
	fails('always', [ 'retry_after', seconds => 0 ], '53400', qr/\(HTTP status 429\), after 2 tries$/, qr/requests_per_minute/, 1);
};

subtest 'an answer that stops' => sub {
	$test->set('stakesync.first_byte_timeout' => 400, 'stakesync.idle_timeout' => 400);
	passes($_, [$_], 1) for qw(stall_before_headers stall_in_headers stall_in_body);
	fails('before the headers', ['stall_before_headers'], '08006', qr/^no answer from 127\.0\.0\.1:\d+ within 400 ms, after 2 tries$/, qr/first_byte_timeout/, 1);
	fails('in the body', ['stall_in_body'], '08006', qr/^no byte from 127\.0\.0\.1:\d+ for 400 ms, after 2 tries$/, qr/idle_timeout/, 1);
	$test->set('stakesync.first_byte_timeout' => 60000, 'stakesync.idle_timeout' => 60000);
};

subtest 'a server that goes away' => sub {
	my $picture = $test->picture;
	my $port = $sim->port;
	my ($session, $row);

	spoil([ 'stall_in_body', at => 50000 ], 1);
	$session = $test->begin(q(SELECT row_to_json(r) FROM stakesync_fetch(mode => 'full') r));
	$test->wait_stalled(1);
	$sim->stop;
	$row = from_json($test->finish($session)->{out});
	is_deeply([ @$row{qw(state sqlstate retries)} ], [ 'failed', '08001', 1 ], 'in the middle');
	like($row->{message}, qr/127\.0\.0\.1:$port.*, after 2 tries$/, 'why');
	like($row->{hint}, qr/^Check host and port/, 'what to do');
	is($test->picture, $picture, 'nobody was touched');
	$sim = $test->{sim} = $test->start_simulator(static => 600, port => $port);
	is(full()->{state}, 'done', 'and comes back');
};

subtest 'a table that refuses' => sub {
	my $picture;

	change_people();
	$test->sql(q(ALTER TABLE stakesync.employee ADD CONSTRAINT no_newtown CHECK (city !~ '^Newtown') NOT VALID));
	$picture = $test->picture;
	my $row = full();
	is_deeply([ @$row{qw(state sqlstate message)} ], [ 'failed', '23514', 'the fetch failed inside the database (SQLSTATE 23514)' ], 'a check of the user');
	is($test->picture, $picture, 'nobody was touched');
	$test->sql('ALTER TABLE stakesync.employee DROP CONSTRAINT no_newtown');
	is(full()->{changed}, 150, 'the next fetch works');
};

subtest 'nothing of anybody leaks' => sub {
	my $told = $test->sql(q(SELECT string_agg(concat_ws(' ', phase, message, hint), E'\n') FROM stakesync._fetch));
	my $log = $test->log_from(0);
	my @values = split /\n/, $test->sql(q(SELECT DISTINCT v FROM stakesync.employee,
		unnest(ARRAY[remote_id, work_email, personal_email, name, last_name, address_line_1, mobile_phone, birthdate::text]) v WHERE length(v) >= 5));
	my $pattern = join '|', map { quotemeta } sort { length $b <=> length $a } @values, 'Newtown', 'Müller', 'First of two', 'ON_THE_MOON', 'Please sign in', 'merge-test-key';

	cmp_ok(scalar @values, '>', 2400, 'values to look for');
	utf8::encode($pattern) if utf8::is_utf8($pattern);
	unlike($told, qr/($pattern)/, 'no message');
	$log =~ s/^.*STATEMENT:.*\n(?:\t.*\n)*//mg;
	unlike($log, qr/($pattern)/, 'no line of the log');
	like($log, qr/stakesync: fetch \d+ of connection "merge" failed: /, 'though it tells of failures');
};

$test->stop;
done_testing();
