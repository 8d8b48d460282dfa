# The HR simulator itself; needs no PostgreSQL: prove -I test/perl test/t/000_simulator.pl
use strict;
use warnings;
use utf8;
use Compress::Zlib qw(memGunzip);
use Encode qw(encode);
use IO::Select;
use Socket qw(MSG_PEEK);
use StakesyncSim;
use StakesyncSim::Json qw(from_json);
use StakesyncSim::Store;
use Test::More;
use Time::HiRes qw(time);

my $ALL = 'company,employments,groups,home_location,manager,pay_group,team,work_location';
my $FULL_LIST = '/hris/v1/employees?page_size=100';
my $LIST = '/hris/v1/employees?page_size=20';
my $full = StakesyncSim->start(today => '2026-03-10');
my $sim = StakesyncSim->start(today => '2026-03-10', people => 120);

# Percent-encode a query value
sub encode_value
{
	my ($text) = @_;
	return $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger;
}

# Follow the cursors; returns the pages
sub read_all
{
	my ($server, $path) = @_;
	my (@pages, $next);

	do
	{
		my $cursor = defined $next ? ($path =~ /\?/ ? '&' : '?') . 'cursor=' . encode_value($next) : '';
		push @pages, $server->get("$path$cursor");
		$next = $pages[-1]{next};
	} while (defined $next && @pages < 1000);
	return @pages;
}

sub people_of { return map { @{ $_->{results} } } @_ }

sub find_one
{
	my ($number) = @_;
	return $sim->get("$LIST&expand=$ALL&employee_number=$number")->{results}[0];
}

# Apply one fault to the next list call and return the answer
sub spoilt
{
	my ($name, %arguments) = @_;
	$sim->clear_faults;
	$sim->fault($name, match => { path => '/employees' }, %arguments);
	return $sim->request(GET => $LIST);
}

sub status_of
{
	my ($path, %headers) = @_;
	return $sim->request(GET => $path, headers => \%headers)->{status};
}

subtest 'credentials' => sub {
	my $answer = $sim->request(GET => '/hris/v1/account-details');
	is($answer->{status}, 200, 'account details');
	is(from_json($answer->{body})->{status}, 'COMPLETE', 'linked');
	is(status_of('/hris/v1/account-details', Authorization => undef), 401, 'no key');
	is(status_of('/hris/v1/account-details', Authorization => 'Bearer other'), 401, 'wrong key');
	is(status_of('/hris/v1/account-details', 'X-Account-Token' => 'other'), 401, 'wrong account token');
	$answer = $sim->request(GET => $LIST, headers => { 'X-Account-Token' => undef });
	is($answer->{status}, 401, 'no account token');
	like($answer->{body}, qr/X-Account-Token header/, 'says which header');
	is($sim->post('/control/key')->{api_key}, 'merge-test-key-1', 'key rotated');
	is(status_of($LIST), 401, 'old key refused');
	is(status_of($LIST, Authorization => 'Bearer merge-test-key-1'), 200, 'new key taken');
	$sim->post('/control/reset');
	is(status_of($LIST), 200, 'reset brings the first key back');
};

subtest 'pages' => sub {
	my @pages = read_all($full, "$FULL_LIST&expand=manager");
	my @people = people_of(@pages);
	my $expect = $full->expect;
	my %seen;

	is(scalar @pages, 6, 'six pages of 100');
	is(scalar @people, 600, '600 people');
	is(scalar(grep { !$seen{ $_->{id} }++ } @people), 600, 'each once');
	like($pages[0]{next}, qr/\+.*\/.*=$/, 'a cursor needs percent-encoding');
	is($pages[0]{previous}, undef, 'no page before the first');
	ok(defined $pages[1]{previous}, 'a page before the second');
	is(scalar @{ $full->get('/hris/v1/employees')->{results} }, 30, 'page_size is 30 unless told');
	is(scalar @{ $full->get('/hris/v1/employees?page_size=500')->{results} }, 100, 'and 100 at most');
	is(scalar(grep { ($_->{employee_number} // '') =~ /^\s*$/ } @people), $expect->{without_employee_number}, 'blank numbers');
	is($expect->{without_employee_number}, 4, 'four of them');
	is(scalar(grep { ($_->{employment_status} // '') eq 'INACTIVE' } @people), $expect->{leavers}, 'leavers');
	is($expect->{leavers}, 90, '15 percent');
	is(scalar(grep { defined $_->{termination_date} && $_->{employment_status} eq 'ACTIVE' } @people), 12, 'under notice');
	is($expect->{distinct_work_emails} + $expect->{without_work_email}, 600, 'work emails are unique');
	ok($expect->{manager_comes_later} > 50, 'managers come after their reports');
	ok($expect->{$_} > 0, $_) for qw(pending several_employments future_pay_change tied_employments
	  null_in_groups decomposed_names four_byte_names namesakes unknown_manager sparse refused_values);
	is(scalar(grep { $_->{employee_number} && $_->{employee_number} =~ /^0/ } @people) > 400, 1, 'leading zeros');
	is(scalar(grep { defined $_->{ssn} } @people), 0, 'no social security numbers');
	ok(grep({ defined $_->{ssn} } people_of(read_all($full, "$FULL_LIST&include_sensitive_fields=true"))), 'unless asked for');
	ok(grep({ ref $_->{manager} eq 'HASH' && !ref $_->{manager}{manager} } @people), 'expansion does not nest');
	like($full->get('/hris/v1/employees')->{results}[0]{company}, qr/^[0-9a-f-]{36}$/, 'relations are ids otherwise');
};

subtest 'parameters' => sub {
	my $first = $sim->get($LIST);
	is(status_of("$LIST&limit=5"), 400, 'unknown parameter');
	is(status_of("$LIST&expand=salary"), 400, 'unknown relation');
	is(status_of("$LIST&expand=company,%20groups"), 400, 'blank in expand');
	is(status_of("$LIST&modified_after=yesterday"), 400, 'no time');
	is(status_of("$LIST&modified_after=2026-01-01T00:00:00+01:00"), 400, 'plus sign not encoded');
	is(status_of("$LIST&modified_after=2026-01-01T00:00:00%2B01:00"), 200, 'plus sign encoded');
	is(status_of("$LIST&include_deleted_data=1"), 400, 'no boolean');
	is(status_of("$LIST&cursor=$first->{next}"), 404, 'cursor not encoded');
	is(status_of("/hris/v1/employees?page_size=30&cursor=" . encode_value($first->{next})), 404, 'cursor of another query');
	is(scalar people_of(read_all($sim, "$LIST&employment_status=PENDING")), 3, 'filter');
	is(status_of('/hris/v1/employees/none'), 404, 'unknown id');
	is(status_of('/hris/v1/nothing'), 404, 'unknown path');
	is($sim->request(DELETE => '/hris/v1/employees')->{status}, 405, 'unknown method');
	is($sim->get("/hris/v1/employees/$first->{results}[0]{id}")->{id}, $first->{results}[0]{id}, 'one by id');
};

subtest 'other models' => sub {
	my $person = (grep { @{ $_->{employments} } > 1 } people_of(read_all($sim, $LIST)))[0];
	my @jobs = people_of($sim->get("/hris/v1/employments?employee_id=$person->{id}&order_by=-effective_date&expand=employee"));
	is(scalar @jobs, scalar @{ $person->{employments} }, 'employments of one person');
	is($jobs[0]{employee}{id}, $person->{id}, 'with the person');
	ok(scalar people_of(read_all($sim, '/hris/v1/employments?page_size=100')) > 130, 'all employments');
	ok(scalar people_of(read_all($sim, "/hris/v1/$_?page_size=100")) > 2, $_) for qw(groups locations teams companies pay-groups);
	ok(grep({ ref $_->{parent_group} } people_of(read_all($sim, '/hris/v1/groups?expand=parent_group'))), 'groups with parents');
	is_deeply([ map { $_->{last_sync_result} } people_of($sim->get('/hris/v1/sync-status')) ], [ ('DONE') x 7 ], 'sync status');
};

subtest 'determinism' => sub {
	my $other = StakesyncSim->start(today => '2026-03-10', people => 120);
	my $third = StakesyncSim->start(today => '2026-03-10', seed => 2, people => 50);
	my @bodies = map { $_->request(GET => $LIST)->{body} } $sim, $other;

	is($bodies[0], $bodies[1], 'same seed, same people');
	is(scalar people_of(read_all($third, $LIST)), 50, 'as many as wanted');
	isnt($third->get($LIST)->{results}[0]{id}, $other->get($LIST)->{results}[0]{id}, 'another seed, others');
	$_->stop for $other, $third;
};

subtest 'linking' => sub {
	my $body = '{"end_user_email_address":"a@b.example","end_user_organization_name":"x","end_user_origin_id":"1","categories":["hris"]}';
	my $token;

	is($sim->request(POST => '/hris/v1/link-token', body => '{}')->{status}, 400, 'required members');
	like($sim->request(POST => '/hris/v1/link-token', body => $body)->{body}, qr/"link_token":"link-/, 'link token');
	$token = $sim->post('/control/link')->{public_token};
	is($sim->request(POST => '/hris/v1/delete-account')->{body}, '', 'deleted without a body');
	is(status_of($LIST), 401, 'then refused');
	is($sim->get("/hris/v1/account-token/$token")->{account_token}, 'merge-test-account', 'account token');
	is(status_of("/hris/v1/account-token/$token"), 404, 'only once');
	is(status_of($LIST), 200, 'linked again');
};

subtest 'changes' => sub {
	my $since = encode_value(StakesyncSim::Store::moment_text(StakesyncSim::Store::now_micros()));
	my @numbers = map { $_->{employee_number} } grep { ($_->{employee_number} // '') =~ /^00/
		  && ($_->{employment_status} // '') eq 'ACTIVE' } people_of(read_all($sim, $LIST));
	my $hired = $sim->hire(first_name => 'Zoë', last_name => 'Neu', country => 'DE', salary => 61000.5);
	my ($left, $moved, $paid, $gone, $lost) = @numbers[0 .. 4];

	$sim->leave($left, '2026-02-28');
	$sim->change($moved, city => 'Bern', country => 'CH', last_name => 'Straße', email => 'new@lindwurm.example', department => 'Astronomy');
	$sim->change($paid, salary => 99999, manager => $moved);
	$sim->remove($gone);
	$sim->remove($lost, 'vanish');

	is($sim->expect->{people}, 119, 'one hired, two gone');
	is(find_one($hired->{employee_number})->{last_name}, 'Neu', 'hired');
	is(find_one($hired->{employee_number})->{employments}[0]{pay_rate}, 61000.5, 'with pay');
	is(find_one($left)->{employment_status}, 'INACTIVE', 'left');
	is(find_one($left)->{termination_date}, '2026-02-28T00:00:00Z', 'on that day');
	is(find_one($moved)->{home_location}{city}, 'Bern', 'moved');
	like(find_one($moved)->{display_full_name}, qr/Straße/, 'renamed');
	ok(grep({ ref $_ && $_->{name} eq 'Astronomy' } @{ find_one($moved)->{groups} }), 'to another department');
	is(find_one($paid)->{manager}{employee_number}, $moved, 'another manager');
	is($sim->get("/control/person/$paid")->{current_employment}{pay_rate}, 99999, 'current pay');
	is(scalar people_of(read_all($sim, "$LIST&modified_after=$since")), 4, 'four were modified');
	is(scalar people_of(read_all($sim, "$LIST&modified_after=$since&include_deleted_data=true")), 5, 'five with the deleted one');
	is($sim->request(POST => '/control/change', body => "{\"employee_number\":\"$paid\",\"set\":{\"shoe\":1}}")->{status}, 400, 'no such member');
	is($sim->request(POST => '/control/leave', body => '{"employee_number":"x"}')->{status}, 400, 'no such person');
	$sim->post('/control/scope', { omit => ['date_of_birth'], null => ['gender'] });
	my $person = $sim->get($LIST)->{results}[0];
	ok(!exists $person->{date_of_birth} && exists $person->{gender} && !defined $person->{gender}, 'members out of scope');
	$sim->post('/control/reset');
	is($sim->expect->{people}, 120, 'reset');
};

subtest 'counters' => sub {
	my $asked;

	$sim->delete('/control/requests');
	read_all($sim, $LIST);
	$asked = $sim->requests;
	is($asked->{by_path}{'/hris/v1/employees'}, 6, 'six calls');
	is($asked->{last}[3]{page}, 4, 'page numbers');
	is($asked->{last}[0]{headers}{authorization}, '(set)', 'no secret is shown');
	unlike($sim->request(GET => '/control/requests')->{body}, qr/merge-test/, 'anywhere');
};

subtest 'faults in the answer' => sub {
	my $answer;

	is(spoilt('status', code => 503)->{status}, 503, 'status');
	is($sim->request(GET => $LIST)->{status}, 200, 'once only');
	is(spoilt('retry_after', seconds => 7)->{headers}{'retry-after'}, 7, 'Retry-After in seconds');
	like(spoilt('retry_after', form => 'date')->{headers}{'retry-after'}, qr/ GMT$/, 'as a date');
	ok(!exists spoilt('retry_after', form => 'none')->{headers}{'retry-after'}, 'none');
	ok(spoilt('retry_after', form => 'epoch')->{headers}{'x-ratelimit-reset'} > 1e9, 'as an epoch');
	like(spoilt('html200')->{body}, qr/<html>/, 'HTML');
	is(spoilt('empty200')->{body}, '', 'empty');
	is(spoilt('no_content')->{status}, 204, 'no content');
	is(spoilt('redirect')->{headers}{location}, "http://other.invalid$LIST", 'redirect');
	is(scalar @{ from_json(spoilt('chunked')->{body})->{results} }, 20, 'chunked');
	is(scalar @{ from_json(memGunzip(spoilt('gzip')->{body}))->{results} }, 20, 'gzip');
	ok(!eval { from_json(spoilt('bad_json')->{body}) }, 'no JSON');
	ok(!exists from_json(spoilt('other_shape')->{body})->{results}, 'other shape');
	like(spoilt('invalid_utf8')->{body}, qr/"first_name":"\xff\xc3/, 'invalid UTF-8');
	like(spoilt('nul_escape')->{body}, qr/"first_name":"\\u0000/, 'NUL');
	like(spoilt('lone_surrogate')->{body}, qr/"first_name":"\\ud83d/, 'lone surrogate');
	like(spoilt('duplicate_keys')->{body}, qr/"first_name":"First of two","first_name":/, 'duplicate key');
	like(spoilt('huge_number')->{body}, qr/"pay_rate":1e400/, 'huge number');
	like(spoilt('deep', depth => 10000)->{body}, qr/"deep":\[{5000}/, 'deep');
	like(spoilt('wrong_type', field => 'last_name')->{body}, qr/"last_name":\{"nested"/, 'wrong type');
	is(from_json(spoilt('ascii')->{body})->{results}[5]{last_name}, $sim->get($LIST)->{results}[5]{last_name}, 'escapes');
	is(scalar @{ from_json(spoilt('pretty')->{body})->{results} }, 20, 'blanks');
	like(spoilt('bom')->{body}, qr/^\xef\xbb\xbf\{/, 'byte order mark');
	$answer = spoilt('charset');
	like($answer->{headers}{'content-type'}, qr/iso-8859-1/, 'another charset');
	ok(!utf8::decode($answer->{body}), 'in its bytes');
	is(length spoilt('huge_record', bytes => 3_000_000)->{body}, 3_000_051, 'huge record');
	is(length memGunzip(spoilt('gzip_bomb', size => 5_000_000)->{body}), 5_000_051, 'gzip bomb');
	ok(length join('', %{ spoilt('huge_header', bytes => 50000)->{headers} }) > 50000, 'huge header');
	is(scalar @{ from_json(spoilt('duplicate_record')->{body})->{results} }, 21, 'duplicate record');
	is_deeply(from_json(spoilt('empty_results')->{body}), { next => undef, previous => undef, results => [] }, 'empty list');
	is(spoilt('wrong_length', by => 50)->{headers}{'content-length'}, 50 + length $sim->request(GET => $LIST)->{body}, 'wrong length');
	ok(!exists spoilt('no_length')->{headers}{'content-length'}, 'no length');
	like(spoilt('status', code => 500, body => encode('UTF-8', '{"detail":"ü"}'))->{body}, qr/detail/, 'own body');
	is($sim->request(POST => '/control/fault', body => '{"fault":"nonsense"}')->{status}, 400, 'unknown fault');
};

subtest 'faults of paging' => sub {
	$sim->clear_faults;
	$sim->fault('missing_page', match => { path => 'employees', page => 2 });
	is(scalar people_of(read_all($sim, $LIST)), 100, 'a page is left out');
	$sim->fault('no_next', match => { path => 'employees', page => 3 });
	is(scalar people_of(read_all($sim, $LIST)), 60, 'the list ends early');
	$sim->fault('same_cursor', match => { page => 2 }, times => 5);
	is(scalar people_of(read_all($sim, $LIST)), 220, 'the same page again and again');
	$sim->fault('status', match => { page => 4 }, code => 500);
	ok(!eval { read_all($sim, $LIST); 1 }, 'page 4 fails');
	is($sim->requests->{last}[-1]{page}, 4, 'no other');
	$sim->clear_faults;
	$sim->fault('status', match => { path => 'employees', nth => 3 }, code => 500, times => -1);
	is(join(' ', map { status_of($LIST) } 1 .. 5), '200 200 500 500 500', 'from the third on, for ever');
	$sim->clear_faults;
	is(status_of($LIST), 200, 'cleared');
};

subtest 'faults on the wire' => sub {
	my $get = "GET $LIST HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer merge-test-key\r\nX-Account-Token: merge-test-account\r\n\r\n";
	my ($socket, $text, $begin);

	$sim->clear_faults;
	$sim->fault('cut_body', at => 5000);
	$text = $sim->raw($get);
	is(length((split /\r\n\r\n/, $text, 2)[1]), 5000, 'cut off');
	is($sim->{error}, '', 'by an orderly end');
	$sim->fault('reset', at => 5000);
	$sim->raw($get);
	like($sim->{error}, qr/reset/, 'TCP reset');
	$sim->fault('reset', at => -1);
	is($sim->raw($get), '', 'reset before the headers');
	$sim->fault('bad_chunking', size => 5000);
	like($sim->raw($get), qr/\r\nzz\r\n/, 'bad chunk size');
	$sim->fault('slow', ms => 200);
	$begin = time;
	is(status_of($LIST), 200, 'slow');
	ok(time - $begin >= 0.2, 'as slow as told');
	$sim->fault('drip', rate => 1200, match => { path => 'account-details' });
	$begin = time;
	is(status_of('/hris/v1/account-details'), 200, 'drip');
	ok(time - $begin > 0.3, 'slowly');

	foreach my $fault ('stall_before_headers', 'stall_in_headers', 'stall_in_body')
	{
		$sim->fault($fault);
		$socket = $sim->open_socket;
		$socket->syswrite($get);
		wait_for(sub { $sim->requests->{stalled} == 1 });
		is($sim->requests->{stalled}, 1, "$fault: waits");
		is(status_of($LIST), 200, 'and nobody else does');
		ok(!defined(seen($socket)), 'no byte') if $fault eq 'stall_before_headers';
		is($sim->post('/control/release')->{released}, 1, 'released');
		like(read_answer($socket), qr/^HTTP\/1\.1 200 OK/, 'then it comes');
	}
	$sim->fault('stall_before_headers');
	$socket = $sim->open_socket;
	$socket->syswrite($get);
	wait_for(sub { $sim->requests->{stalled} == 1 });
	close $socket;
	wait_for(sub { $sim->requests->{stalled} == 0 });
	is($sim->requests->{stalled}, 0, 'a stalled answer ends with its connection');
	$sim->clear_faults;
};

# Ask again until it is so, at most 5 seconds
sub wait_for
{
	my ($is_so) = @_;
	my $end = time + 5;
	select undef, undef, undef, 0.005 until $is_so->() || time > $end;
	return;
}

# What lies ready to be read, undef if nothing
sub seen
{
	my ($socket) = @_;
	my $bytes;
	return undef unless IO::Select->new($socket)->can_read(0);
	recv $socket, $bytes, 100, MSG_PEEK;
	return $bytes;
}

# Read one answer from a connection that stays open
sub read_answer
{
	my ($socket) = @_;
	my $text = '';
	my ($end, $length);

	until (defined $length && length $text >= $end + 4 + $length)
	{
		sysread $socket, $text, 65536, length $text or last;
		$end = index $text, "\r\n\r\n";
		($length) = $text =~ /Content-Length: (\d+)/ if $end >= 0;
	}
	return $text;
}

subtest 'connections' => sub {
	my $head = "HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer merge-test-key\r\nX-Account-Token: merge-test-account\r\n";
	my @sockets = map { $sim->open_socket } 1 .. 50;
	my $answer;

	$_->syswrite("GET $LIST $head\r\n") for @sockets;
	is(scalar(grep { read_answer($_) =~ /"results":\[/ } @sockets), 50, 'fifty at a time');
	$sockets[0]->syswrite("GET /hris/v1/teams $head\r\n");
	like(read_answer($sockets[0]), qr/Platform/, 'kept alive');
	$answer = $sim->raw("GET /hris/v1/teams $head\r\nGET /hris/v1/companies $head" . "Connection: close\r\n\r\n");
	like($answer, qr/Platform.*Lindwurm AG/s, 'pipelined');
	like($sim->raw("nonsense\r\n\r\n"), qr/^HTTP\/1\.1 400/, 'no HTTP');
	like($sim->raw('GET / HTTP/1.1' . "\r\nX: " . 'x' x 70000), qr/^HTTP\/1\.1 431/, 'endless headers');
};

subtest 'many people' => sub {
	my $many = StakesyncSim->start(static => 1200);
	my @pages = read_all($many, "$FULL_LIST&expand=employments,home_location,groups");
	my @people = people_of(@pages);
	my (%seen, $since);

	is(scalar @pages, 12, 'pages');
	is(scalar(grep { !$seen{"$_->{id} $_->{work_email} $_->{employee_number}"}++ } @people), 1200, 'all different');
	is($people[7]{manager}, $people[0]{id}, 'managers');
	is($people[3]{employments}[0]{employee}, $people[3]{id}, 'employments');
	is($many->get("/hris/v1/employees/$people[9]{id}")->{employment_status}, 'INACTIVE', 'by id');
	is($many->expect->{people}, 1200, 'expect');
	$since = encode_value(StakesyncSim::Store::moment_text(StakesyncSim::Store::now_micros()));
	$many->post('/control/many', { changed => 30, people => 1210 });
	is(scalar people_of(read_all($many, "$FULL_LIST&modified_after=$since&expand=home_location")), 30, 'changed');
	is(scalar people_of(read_all($many, $FULL_LIST)), 1210, 'more');
	$many->stop;
};

subtest 'documentation' => sub {
	my $faults = $sim->get('/control/faults');
	open my $readme, '<:encoding(UTF-8)', $INC{'StakesyncSim.pm'} =~ s/StakesyncSim\.pm$/README.md/r or die;
	my $text = join '', <$readme>;

	ok(index($text, "| `$_` | $faults->{$_} |") >= 0, "README.md: $_") for sort keys %$faults;
};

subtest 'command line' => sub {
	my $script = $INC{'StakesyncSim.pm'} =~ s/StakesyncSim\.pm$/hris-simulator/r;
	my $url = $sim->url;

	like(`$^X $script --call $url GET /hris/v1/teams`, qr/Platform/, 'call with credentials');
	is($?, 0, 'succeeds');
	like(`$^X $script --call $url POST /control/hire '{"last_name":"Shell"}'`, qr/Shell/, 'call with JSON');
	`$^X $script --call $url GET /hris/v1/none`;
	isnt($?, 0, 'fails with the status');
};

$full->stop;
$sim->stop;
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $sim->port), 'stopped');
done_testing();
