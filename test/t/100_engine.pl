# The engine with definitions of our own: each kind of page, what guards them, joins, retries, settings
use strict;
use warnings;
use utf8;
use POSIX qw(ceil);
use StakesyncDefinition qw($EXAMPLE %MEMBER $ORIGIN definition fetch_call mapping quoted);
use StakesyncPeople qw(text);
use StakesyncSim::Json qw(from_json to_json);
use StakesyncSession;
use Test::More;

my $PEOPLE = 230;
my $test = StakesyncSession->start('engine', connect => 0, sim => { people => $PEOPLE }, conf => <<'EOT');
stakesync.max_retries = 1
EOT
my $sim = $test->sim;
my ($no, $yes) = (JSON::PP::false(), JSON::PP::true());

# How the simulator is asked for its workers, in each kind of page: members of the stream, how many pages that are
my @UNWRAPPED = (records => '$.items[*].item', id => '$.id');
my @STAFF = (records => '$.staff[*].item', id => '$.id');
my @TOTAL = (total => '$.total');
my %BY_OFFSET = (path => '/staff', query => { offset => '{offset}', count => '{limit}' }, @STAFF);
my %BY_NUMBER = (path => '/staff', query => { page => '{page}', size => '{limit}' }, @STAFF);
my %BY_BODY = (path => '/search', body => { page => '{page}', size => '{limit}', fields => [ 'number', 'email' ] },
	records => '$.rows[*].item', id => '$.id');
my %KIND = (
	none => { path => '/registry', records => '$.workers.*', id => '@key', mapping => mapping('$.item.') },
	cursor => { path => '/workers', query => { size => '50', after => '{cursor}' }, @UNWRAPPED,
		pages => { type => 'cursor', next => '$.after' } },
	url => { path => '/workers', query => { size => '50', style => 'url' }, @UNWRAPPED,
		pages => { type => 'url', next => '$.paging.next' } },
	link => { path => '/workers', query => { size => '50', style => 'link' }, records => '$[*].item', id => '$.id',
		pages => { type => 'link' } },
	offset => { %BY_OFFSET, pages => { type => 'offset', size => 50 }, @TOTAL },
	offset_alone => { %BY_OFFSET, pages => { type => 'offset', size => 50 } },
	number => { %BY_NUMBER, pages => { type => 'page', size => 50 }, @TOTAL },
	number_last => { %BY_NUMBER, pages => { type => 'page', size => 50, last => '$.pages' } },
	number_alone => { %BY_NUMBER, pages => { type => 'page', size => 50 } },
	body => { %BY_BODY, pages => { type => 'page', size => 50 }, @TOTAL, mapping => mapping('$.', 'employee_number', 'work_email') },
	body_last => { %BY_BODY, pages => { type => 'page', size => 50, last => '$.pages' }, mapping => mapping('$.', 'employee_number', 'work_email') },
	body_alone => { %BY_BODY, pages => { type => 'page', size => 50 }, mapping => mapping('$.', 'employee_number', 'work_email') });

sub add { return $test->sql('SELECT stakesync_add_provider(' . quoted($_[0]) . ')') }

sub connect_call { return StakesyncDefinition::connect_call($sim, @_) }

sub set_up { return StakesyncDefinition::set_up($test, $sim, @_) }

# Fetch a connection: all people unless told
sub fetch { return $test->row('SELECT * FROM ' . fetch_call(@_)) }

# Fetch, and tell whether that has touched anybody of any connection
sub fetch_and_look
{
	my ($call) = @_;
	my $picture = q(SELECT md5(string_agg(concat_ws(' ', xmin, ctid, e), E'\n' ORDER BY connection, remote_id)) FROM stakesync.employee e);
	my ($before, $json, $after) = split /\n/, $test->sql("$picture; SELECT row_to_json(r) FROM $call r; $picture");
	my $row = from_json($json);

	$row->{touched} = $before ne $after ? 1 : 0;
	return $row;
}

# The workers as the simulator tells them, by id; read anew after something was changed
my (%worker, $login);

sub workers
{
	my @fields = sort keys %MEMBER;
	my ($page, $rows);

	return %worker if %worker;
	$login //= $sim->login('generic');
	for (my $offset = 0; !$page || $offset < $page->{total}; $offset += 200)
	{
		$page = from_json($sim->request(GET => "/generic/staff?count=200&offset=$offset", headers => $login)->{body});
		$worker{ $_->{item}{id} } = $_->{item} for @{ $page->{staff} };
	}

	# What ought to become of them, in a table
	$rows = quoted([ map { my $item = $_; +{ remote_id => $item->{id}, map { $_ => text($item->{ $MEMBER{$_} }{value}) } @fields } } values %worker ]);
	$test->sql("DROP TABLE IF EXISTS public.worker; CREATE TABLE public.worker AS SELECT * FROM json_populate_recordset(NULL::stakesync.employee, $rows)");
	return %worker;
}

sub changed { %worker = (); return }

# What a connection holds of everybody is what the simulator tells, and nobody else is there
sub everyone
{
	my ($connection, $what, @fields) = @_;
	my $columns = join ', ', 'remote_id', @fields ? @fields : sort keys %MEMBER;
	my $is = "SELECT $columns FROM stakesync.employee WHERE connection = '$connection' AND missing_since IS NULL";
	my $ought = "SELECT $columns FROM public.worker";

	workers();
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($test->sql("SELECT 'lacks', * FROM ($ought EXCEPT ALL $is) l UNION ALL SELECT 'has', * FROM ($is EXCEPT ALL $ought) h ORDER BY 2 LIMIT 8"), '', $what);
	return;
}

sub requests { return $sim->requests }

# Queries and bodies of the last requests for a path
sub asked
{
	my ($path) = @_;
	return grep { $_->{path} =~ m{$path} } @{ $sim->requests->{last} };
}

sub forget { $sim->delete('/control/requests'); return }

$test->sql(q(SELECT stakesync_create_company('stakesync')));

subtest 'a system of one\'s own' => sub {
	my $row;

	cmp_ok(scalar(split /\n/, $EXAMPLE), '<=', 40, 'no more than 40 lines');
	is(add($EXAMPLE), 'example_hr', 'added');
	workers();
	forget();
	is_deeply($test->row('SELECT * FROM ' . connect_call('example_hr')),
		{ connection => 'example_hr', state => 'connected', next_step => 'SELECT * FROM stakesync_fetch();' }, 'connected');
	$row = fetch('example_hr', mode => undef);
	is_deeply([ @$row{qw(state mode pages added)} ], [ 'done', 'full', ceil($PEOPLE / 50), $PEOPLE ], 'fetched');
	everyone('example_hr', 'everybody is there', qw(employee_number work_email employment_status));
	is($test->sql(q(SELECT count(*) > 200 FROM stakesync.employee WHERE job_title IS NOT NULL)), 't', 'with the job of their contracts');
	$row = fetch('example_hr', mode => undef);
	is_deeply([ @$row{qw(state mode)}, $row->{added} + $row->{changed} ], [ 'done', 'incremental', 0 ], 'then what has changed');
	$row = fetch('example_hr');
	is_deeply([ @$row{qw(state mode added changed unchanged)} ], [ 'done', 'full', 0, 0, $PEOPLE ], 'and all again: as they were');
	is(requests()->{by_path}{'/generic/login'}, 1, 'with one login');

	$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'work_email', email => 'work_email')));
	is($test->sql(q(SELECT state, created > 150 FROM stakesync_apply(stakesync_plan()))), 'applied|t', 'synced');
	is($test->sql(q(SELECT people FROM stakesync.preview_summary WHERE action = 'unchanged')),
		$test->sql('SELECT count(*) FROM stakesync.stakeholder'), 'into the register');
	add($EXAMPLE =~ s/Example HR"/Example HR plc"/r);
	is(fetch('example_hr', mode => undef)->{mode}, 'full', 'after another definition of that name all is read');
};

subtest 'pages' => sub {
	my @kinds = (
		[ none => 1 ], [ cursor => 5 ], [ url => 5 ], [ link => 5 ], [ offset => 5 ], [ offset_alone => 6 ],
		[ number => 5 ], [ number_last => 5 ], [ number_alone => 6 ], [ body => 5 ], [ body_last => 5 ], [ body_alone => 6 ]);

	foreach my $kind (@kinds)
	{
		my ($name, $pages) = @$kind;
		my $row;

		set_up($name, $KIND{$name});
		$row = fetch($name);
		is_deeply([ @$row{qw(state complete pages records added expected)} ],
			[ 'done', $yes, $pages, $PEOPLE, $PEOPLE, grep({ $name eq $_ } qw(offset number body)) ? $PEOPLE : undef ], "$name: $pages pages")
		  or diag explain $row;
		everyone($name, "$name: everybody", $name =~ /^body/ ? qw(employee_number work_email) : ());
	}
	is_deeply([ @{ fetch('none') }{qw(state added changed unchanged)} ], [ 'done', 0, 0, $PEOPLE ], 'again as they were');
};

subtest 'pages that a server cuts without a word' => sub {
	my %pages = (offset => 6, offset_alone => 7, number => 6, number_last => 6, number_alone => 7);

	$sim->switch('generic', max_rows => 40);
	foreach my $name (sort keys %pages)
	{
		my $row = fetch($name);
		is_deeply([ @$row{qw(state pages records unchanged)} ], [ 'done', $pages{$name}, $PEOPLE, $PEOPLE ], $name) or diag explain $row;
	}
	$sim->switch('generic', max_rows => 0);
};

subtest 'addresses that lead elsewhere' => sub {
	my $port = $sim->port;
	my $other = $test->start_simulator(people => 1);
	my @elsewhere = ($other->url, "//127.0.0.1:$port", 'https://other.invalid', "http://127.0.0.1:$port\@other.invalid",
		"http://127.0.0.1:${port}0", "$ORIGIN.other.invalid", "$ORIGIN\@other.invalid", "$ORIGIN:81", "http://localhost:$port");

	foreach my $name (qw(url link))
	{
		foreach my $own ($sim->url, $ORIGIN)
		{
			$sim->switch('generic', origin => $own);
			is_deeply([ @{ fetch($name) }{qw(state unchanged)} ], [ 'done', $PEOPLE ], "$name: home, as " . $own =~ s/$port/PORT/r);
		}
		foreach my $elsewhere ($name eq 'url' ? @elsewhere : @elsewhere[0 .. 2])
		{
			my $row;

			$sim->switch('generic', origin => $elsewhere);
			$row = fetch_and_look(fetch_call($name));
			is_deeply([ @$row{qw(state sqlstate message hint requests touched)} ],
				[ 'failed', '38000', 'the HR system\'s next page is at another host',
					'Credentials go to no other host; set settings.base_url to the address that the system gives of itself.', 1, 0 ],
				"$name: not " . $elsewhere =~ s/$port|$other->{port}/PORT/r) or diag explain $row;
		}
	}
	is($other->requests->{total}, 0, 'nothing was asked there');
	$sim->switch('generic', origin => '');
	$other->stop;
};

# Fetch with faults, each a list of name and arguments; returns the row
sub spoilt
{
	my ($connection, @faults) = @_;
	my $row;

	forget();
	foreach my $fault (@faults)
	{
		my ($name, %arguments) = @$fault;
		my %match = (path => '/generic/(?!login)', map { $_ => delete $arguments{$_} } grep { exists $arguments{$_} } qw(path page query nth));
		$sim->fault($name, %arguments, match => \%match);
	}
	$row = fetch_and_look(fetch_call($connection));
	$sim->clear_faults;
	return $row;
}

# The fetch fails in these words and changes nobody; returns the row
sub fails
{
	my ($what, $connection, $faults, $sqlstate, $message) = @_;
	my $row = spoilt($connection, @$faults);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply([ @$row{qw(state complete sqlstate message touched)} ], [ 'failed', $no, $sqlstate, $message, 0 ], $what) or diag explain $row;
	return $row;
}

# The fetch comes to the same people, with so many requests and tries more
sub passes
{
	my ($what, $connection, $faults, $requests, $retries) = @_;
	my $row = spoilt($connection, @$faults);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply([ @$row{qw(state complete requests retries added changed unchanged missing)} ],
		[ 'done', $yes, $requests, $retries, 0, 0, $PEOPLE, 0 ], $what) or diag explain $row;
	return $row;
}

subtest 'circles' => sub {
	my %words = (
		cursor => 'a cursor came twice', url => 'an address came twice', link => 'an address came twice',
		map { $_ => 'the same records came twice' } qw(offset offset_alone number number_last number_alone body body_last body_alone));

	foreach my $name (sort keys %words)
	{
		my $fault = $name =~ /^(?:cursor|url|link)$/ ? [ 'same_cursor', page => 3, times => -1 ] : [ 'same_page', times => -1 ];
		my $row = fails($name, $name, [$fault], '38000', "the HR system's pages turn in a circle: $words{$name}");
		cmp_ok($row->{requests}, '<=', 6, "$name: soon");
	}
};

subtest 'silence is no end' => sub {
	my %registry = (%{ $KIND{none} }, pages => { type => 'cursor', next => '$.after' }, query => { after => '{cursor}' });

	set_up('silent', \%registry);
	fails('a cursor that is left out', 'silent', [], '38000',
		'the HR system\'s answer does not say whether another page follows: there is no $.after in it');
	$registry{pages}{may_be_absent} = $yes;
	add(definition('silent', \%registry));
	is_deeply([ @{ fetch('silent') }{qw(state pages added)} ], [ 'done', 1, $PEOPLE ], 'unless the definition says so');
};

subtest 'what was announced and what came' => sub {
	my $again = qr/the data moved while it was read: reading it again/;
	my ($status, $out, $err);

	# A total where the next page is led to
	set_up('cursor_total', { %{ $KIND{cursor} }, @TOTAL });
	is(fetch('cursor_total')->{expected}, $PEOPLE, 'a total beside a cursor');

	# Rows move between two pages: one person comes twice and another never
	$sim->fault('shifted_rows', match => { path => '/staff', page => 4 });
	($status, $out, $err) = $test->psql(q(SELECT state, requests, pages, records, unchanged FROM stakesync_fetch('offset', mode => 'full')));
	is($out, "done|10|5|$PEOPLE|$PEOPLE", 'rows that move: read twice');
	like($err, $again, 'as it says');
	everyone('offset', 'and right');
	passes('where nothing moves once is enough', 'offset', [], 5, 0);
	is(spoilt('offset', [ 'shifted_rows', page => 3 ], [ 'shifted_rows', page => 4, nth => 2 ])->{message},
		"$PEOPLE people were announced and ${\($PEOPLE - 1)} came", 'twice is no picture');

	# A total that is never right
	fails('more announced', 'offset', [ [ 'wrong_total', times => -1 ] ], '38000', "${\($PEOPLE + 1)} people were announced and $PEOPLE came");
	is(requests()->{total}, 12, 'after two readings');
	fails('fewer announced', 'number', [ [ 'wrong_total', by => -1, times => -1 ] ], '38000', "${\($PEOPLE - 1)} people were announced and $PEOPLE came");
	fails('beside a cursor', 'cursor_total', [ [ 'wrong_total', by => 1000, times => -1 ] ], '38000', "1,230 people were announced and $PEOPLE came");
	passes('no total where one was promised', 'offset', [ [ 'no_total', times => -1 ] ], 6, 0);

	# Pages that are short, or lead too far
	passes('a short page: its rest is asked for', 'offset', [ [ 'short_page', by => 5, page => 3 ] ], 6, 0);
	passes('a short first page: all are that short', 'offset', [ [ 'short_page', by => 5, page => 1 ] ], 6, 0);
	passes('a short page without a total', 'offset_alone', [ [ 'short_page', by => 5, page => 3 ] ], 6, 0);
	passes('a short page of a number: read again', 'number', [ [ 'short_page', by => 5, page => 3 ] ], 10, 0);
	passes('beside a cursor: read again', 'cursor_total', [ [ 'short_page', by => 5, page => 3 ] ], 10, 0);
	passes('an early end', 'cursor_total', [ [ 'no_next', page => 2 ] ], 7, 0);
	passes('a page left out', 'cursor_total', [ [ 'missing_page', page => 2 ] ], 9, 0);
	fails('an early end, and no total', 'cursor', [ [ 'no_next', page => 2 ] ], '38000', "100 of $PEOPLE people came");
	fails('a page left out, and no total', 'cursor', [ [ 'missing_page', page => 2 ] ], '38000', "180 of $PEOPLE people came");
};

subtest 'somebody twice' => sub {
	my $twice = [ 'duplicate_record', page => 2 ];
	my $other = sub { [ 'wrong_type', page => 2, record => $_[0], field => 'email', json => '{"value":"last@example.com"}' ] };
	my $row = passes('the same on one page', 'cursor_total', [$twice], 5, 0);

	is($row->{records}, $PEOPLE + 1, 'came once more');
	passes('the first of two with another value', 'cursor_total', [ $twice, $other->(1) ], 5, 0);
	$row = spoilt('cursor_total', $twice, $other->(51));
	is_deeply([ @$row{qw(state changed unchanged)} ], [ 'done', 1, $PEOPLE - 1 ], 'the last of two with another value');
	is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE connection = 'cursor_total' AND work_email = 'last@example.com')), 1, 'wins');
	is(fetch('cursor_total')->{changed}, 1, 'until the next');
};

subtest 'nobody, revoked, throttled' => sub {
	my $summary = sub { $test->sql(q(SELECT action, people FROM stakesync.preview_summary WHERE people > 0 AND connection = 'example_hr' ORDER BY 1)) };
	my $before = $summary->();
	my $row;

	fails('an empty answer', 'example_hr', [ [ 'other_shape', path => '/workers', body => '{"ok":true,"items":[],"after":null}', times => -1 ] ], '38000',
		'the HR system answered, but with nobody');
	fails('an empty list of a total', 'offset', [ [ 'other_shape', body => '{"ok":true,"total":0,"staff":[]}', times => -1 ] ], '38000',
		'the HR system answered, but with nobody');
	fails('nobody, though announced', 'offset', [ [ 'empty_results', times => -1 ] ], '38000', 'the HR system answered, but with nobody');
	$row = fails('throttled', 'example_hr', [ [ 'retry_after', seconds => 0, times => -1 ] ], '53400',
		'the HR system asks for fewer requests (HTTP status 429), after 2 tries');
	is($row->{missing}, undef, 'nobody is missing');

	$sim->post('/control/key', { provider => 'generic', password => 'another' });
	$row = fails('a revoked key', 'example_hr', [], '28000', 'the HR system does not accept the credentials (HTTP status 401 at login)');
	is($row->{requests}, 2, 'tried with the old token, and asked for one');
	is($test->sql(q(SELECT state FROM stakesync.connection WHERE connection = 'example_hr')), 'failing', 'the connection says so');
	is($summary->(), $before, 'the preview is as it was');
	undef $login;
	is($test->row('SELECT * FROM ' . connect_call('example_hr'))->{state}, 'connected', 'the new key');
	is_deeply([ @{ fetch('example_hr') }{qw(state added changed unchanged missing)} ], [ 'done', 0, 0, $PEOPLE, 0 ], 'all as they were');
	is($summary->(), $before, 'nothing to apply');
	$sim->post('/control/key', { provider => 'generic', password => 'generic-test-password' });
	undef $login;
	$test->sql('SELECT * FROM ' . connect_call('example_hr'));
};

subtest 'a lost page' => sub {
	my %ten = (
		cursor_ten => { %{ $KIND{cursor} }, query => { size => '23', after => '{cursor}' } },
		offset_ten => { %{ $KIND{offset} }, pages => { type => 'offset', size => 23 } });

	foreach my $name (sort keys %ten)
	{
		set_up($name, $ten{$name});
		is_deeply([ @{ fetch($name) }{qw(state pages)} ], [ 'done', 10 ], "$name: ten pages");
		$sim->change('000123', city => "Town of $name");
		fails($name, $name, [ [ 'status', code => 500, page => 6, times => -1 ] ], '38000', 'the HR system answered with HTTP status 500, after 2 tries');
		passes("$name: once only", $name, [ [ 'status', code => 500, page => 6 ] ], 11, 1);
	}
};

subtest 'success' => sub {
	my $refused = 'the HR system refused, in an answer with a good status: $.ok is not true';

	set_up('success', { %{ $KIND{offset} }, success => { path => '$.ok', equals => 'true' } });
	fetch('success');
	passes('a refusal with status 200: once', 'success', [ [ 'not_success', page => 3 ] ], 6, 1);
	fails('for ever', 'success', [ [ 'not_success', page => 3, times => -1 ] ], '38000', "$refused, after 2 tries");
	fails('on the first page', 'success', [ [ 'not_success', times => -1 ] ], '38000', "$refused, after 2 tries");
	fails('with records beside', 'success', [ [ 'not_success', page => 2, times => -1, body => '{"staff":[],"total":230,"ok":"no"}' ] ], '38000', "$refused, after 2 tries");
};

# Seconds between the tries for a page of people
sub pause
{
	my ($page) = @_;
	my @at = map { $_->{at} } grep { $_->{path} !~ /login/ && $_->{page} == $page } @{ requests()->{last} };
	return @at > 1 ? $at[1] - $at[0] : 0;
}

subtest 'a token that ends' => sub {
	my ($session, $row, $seen);

	set_up('token', { %{ $KIND{offset} }, pages => { type => 'offset', size => 20 } });
	fetch('token');
	$sim->expire_tokens('generic');
	passes('between two fetches', 'token', [], 14, 0);

	# Four pages are under way with a token of this fetch when it ends
	$sim->expire_tokens('generic');
	forget();
	$sim->fault('stall_before_headers', match => { path => '/staff', query => "offset=$_\\b" }) for 20, 40, 60, 80, 100, 120, 140, 160;
	$session = $test->begin(q(SELECT row_to_json(r) FROM stakesync_fetch('token', mode => 'full') r));
	$test->wait_stalled(4);
	$sim->expire_tokens('generic');
	$sim->post('/control/release');
	$test->wait_until(sub { (requests()->{by_status}{401} // 0) >= 5 }, 'four refused');
	$sim->post('/control/release');
	$row = from_json($test->finish($session)->{out});
	$seen = requests();
	is_deeply([ @$row{qw(state retries unchanged message)} ], [ 'done', 0, $PEOPLE, $row->{message} ], 'in the middle of a fetch') or diag explain $row;
	is_deeply([ $seen->{by_path}{'/generic/login'}, $seen->{by_status}{401} ], [ 2, 5 ], 'asked for once each time, though four pages were refused');

	undef $login;
	$row = fails('a token that is never taken', 'token', [ [ 'status', code => 401, times => -1 ] ], '28000',
		'the HR system does not accept the credentials (HTTP status 401)');
	is($row->{requests}, 3, 'asked for one more, once');
};

subtest 'a child that may not be read' => sub {
	my @streams = @{ from_json($EXAMPLE)->{streams} };
	my $mapping = [ @{ mapping('$.') }, { field => 'job_title', path => '$.contracts[*].title', transform => 'current(from)' } ];
	my $jobs = q(SELECT count(job_title), md5(string_agg(job_title, ',' ORDER BY remote_id)) FROM stakesync.employee WHERE connection = 'child');
	my ($row, $before);

	set_up('child', \@streams, mapping => $mapping);
	fetch('child');
	$before = $test->sql($jobs);
	$sim->switch('generic', contracts => 0);
	$row = fails('where it is needed', 'child', [], '42501', 'the credentials lack a permission (HTTP status 403)');
	is($row->{hint}, 'Reading contracts needs: Contracts read. The guide in stakesync_provider says where.', 'says which');

	$streams[1]{optional} = $yes;
	add(definition('child', \@streams, mapping => $mapping));
	$row = fetch('child');
	is_deeply([ @$row{qw(state complete changed)} ], [ 'done', $yes, 0 ], 'where it is optional the rest goes on') or diag explain $row;
	is($test->sql($jobs), $before, 'and what it had brought stays');
	is($test->sql(q(SELECT string_agg(DISTINCT unknown::text, ' ') FROM stakesync.employee WHERE connection = 'child')), '{job_title}', 'as not known');
	everyone('child', 'all else is right');
	$sim->switch('generic', contracts => 1);
	$row = fetch('child');
	is_deeply([ @$row{qw(state changed)} ], [ 'done', 0 ], 'and comes back');
	is($test->sql(q(SELECT count(unknown) FROM stakesync.employee WHERE connection = 'child')), 0, 'known again');

	# A member that is no longer shown
	$before = $test->sql(q(SELECT count(birthdate) FROM stakesync.employee WHERE connection = 'child'));
	$sim->scope('generic', omit => ['born']);
	$row = fetch('child');
	is_deeply([ @$row{qw(state changed)} ], [ 'done', 0 ], 'a member that is absent');
	is($test->sql(q(SELECT count(birthdate) FROM stakesync.employee WHERE connection = 'child')), $before, 'clears nothing');
	$sim->scope('generic', null => ['born']);
	fetch('child');
	is($test->sql(q(SELECT count(birthdate) FROM stakesync.employee WHERE connection = 'child')), 0, 'null is a value');
	$sim->scope('generic');
};

# The rows of a list of children, by the worker that they name
sub children
{
	my ($path, $member) = @_;
	my (%rows, $page);

	for (my $offset = 0; !$page || $offset < $page->{total}; $offset += 200)
	{
		$login //= $sim->login('generic');
		$page = from_json($sim->request(GET => "/generic/$path?count=200&offset=$offset", headers => $login)->{body});
		push @{ $rows{ $_->{worker} } }, $_ for @{ $page->{$path} };
	}
	return %rows;
}

# Compare a field of all people of a connection
sub field_is
{
	my ($connection, $field, $what, %ought) = @_;
	my %is = map { $_->{remote_id} => $_->{value} } $test->rows("SELECT remote_id, $field AS value FROM stakesync.employee WHERE connection = '$connection'");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok(scalar(grep { defined } values %ought), '>', 50, "$what: values to compare");
	is_deeply(\%is, { map { $_ => text($ought{$_}) } keys %is }, $what);
	return;
}

subtest 'children' => sub {
	my %worker = workers();
	my %contract = children('contracts');
	my %value = children('values');
	my %office = map { $_->{office} => $_ } @{ from_json($sim->request(GET => '/generic/offices', headers => $login)->{body})->{offices} };
	my %by_name = map { $_->{name} => $_ } values %office;
	my @lists = (
		{ %{ $KIND{cursor} } },
		{ name => 'contracts', path => '/contracts', query => { offset => '{offset}', count => '{limit}' }, records => '$.contracts[*]',
			id => '$.contract', pages => { type => 'offset', size => 60 }, @TOTAL, join => { as => 'contract', child => '$.worker', one => $yes } },
		{ name => 'places', path => '/offices', records => '$.offices[*]', id => '$.office',
			join => { as => 'place', child => '$.office', parent => '$.contract.office', one => $yes } },
		{ name => 'offices', path => '/offices', records => '$.offices[*]',
			join => { as => 'office_row', child => '$.name', parent => '$.office.value', one => $yes } },
		{ name => 'values', path => '/values', query => { offset => '{offset}', count => '{limit}' }, records => '$.values[*]',
			pages => { type => 'offset', size => 90 }, @TOTAL, join => { as => 'custom', child => '$.worker', pivot => { name => '$.name', value => '$.value' } } });
	my @fields = (
		{ field => 'work_email', path => '$.email.value' },
		{ field => 'first_name', path => '$.first_name', transform => 'value' },
		{ field => 'job_title', path => '$.contract.title' },
		{ field => 'address_line_1', path => '$.place.name' },
		{ field => 'city', path => '$.office_row.city' },
		{ field => 'team', path => '$.custom.shirt_size' },
		{ field => 'address_line_2', path => '$.custom.badge' });
	my $one = sub { my ($id) = @_; $contract{$id} ? $contract{$id}[-1] : {} };
	my $custom = sub { my ($id, $name) = @_; my ($row) = grep { $_->{name} eq $name } @{ $value{$id} // [] }; $row && $row->{value} };
	my $row;

	set_up('children', \@lists, mapping => \@fields);
	$row = fetch('children');
	is_deeply([ @$row{qw(state added pages)} ], [ 'done', $PEOPLE, 5 ], 'people with four lists beside them') or diag explain $row;
	field_is('children', 'first_name', 'the value in an object', map { $_ => $worker{$_}{first_name}{value} } keys %worker);
	field_is('children', 'job_title', 'one row a person', map { $_ => $one->($_)->{title} } keys %worker);
	field_is('children', 'address_line_1', 'a row by a key in another row', map { $_ => $office{ $one->($_)->{office} // '' }{name} } keys %worker);
	field_is('children', 'city', 'a row by a key in the person', map { $_ => $by_name{ $worker{$_}{office}{value} // '' }{city} } keys %worker);
	field_is('children', 'team', 'values in rows', map { $_ => $custom->($_, 'shirt_size') } keys %worker);
	field_is('children', 'address_line_2', 'another of them', map { $_ => $custom->($_, 'badge') } keys %worker);
	is_deeply([ @{ fetch('children') }{qw(state changed unchanged)} ], [ 'done', 0, $PEOPLE ], 'again as they were');

	# What is not mapped is not asked for
	set_up('only_people', \@lists, mapping => [ $fields[0] ]);
	forget();
	fetch('only_people');
	is_deeply(requests()->{by_path}, { '/generic/workers' => 5 }, 'lists that nobody wants are not asked for');
	$lists[3]{always} = $yes;
	add(definition('only_people', \@lists, mapping => [ $fields[0] ]));
	forget();
	fetch('only_people');
	is_deeply(requests()->{by_path}, { '/generic/workers' => 5, '/generic/offices' => 1 }, 'but for those that always are');
};

subtest 'rows of children that move' => sub {
	my @streams = @{ from_json($EXAMPLE)->{streams} };
	my $jobs = q(SELECT md5(string_agg(job_title, ',' ORDER BY remote_id)) FROM stakesync.employee WHERE connection = 'moving');
	my $rows = () = map { @$_ } values %{ { children('contracts') } };
	my ($before, $row);

	$streams[1]{pages}{size} = 50;
	set_up('moving', \@streams, mapping => from_json($EXAMPLE)->{mapping});
	fetch('moving');
	$before = $test->sql($jobs);
	$row = passes('fewer than were announced: read again', 'moving', [ [ 'empty_results', path => '/contracts', page => 3 ] ], 2 * (5 + ceil($rows / 50)), 0);
	$row = passes('one twice and another never: read again', 'moving',
		[ [ 'shifted_rows', kind => 'employment', path => '/contracts', page => 4 ] ], 2 * (5 + ceil($rows / 50)), 0);
	is($test->sql($jobs), $before, 'nobody lost a job');
	fails('fewer for ever', 'moving', [ [ 'wrong_total', path => '/contracts', times => -1 ] ], '38000',
		"${\($rows + 1)} rows of contracts were announced and $rows came");
};

subtest 'one request a person' => sub {
	my %contract = children('contracts');
	my @streams = (
		{ %{ $KIND{cursor} } },
		{ name => 'contracts', path => '/workers/{id}/contracts', records => '$.contracts[*]', each => $yes, optional => $yes,
			permission => 'Contracts read', join => { as => 'contracts' } });
	my @fields = ({ field => 'work_email', path => '$.email.value' }, { field => 'job_title', path => '$.contracts[0].title' });
	my $jobs = q(SELECT count(job_title), md5(string_agg(job_title, ',' ORDER BY remote_id)) FROM stakesync.employee WHERE connection = 'each');
	my ($row, $before);

	set_up('each', \@streams, mapping => \@fields);
	$row = spoilt('each', [ 'slow', path => '/contracts', ms => 100, times => 8 ]);
	is_deeply([ @$row{qw(state added requests)} ], [ 'done', $PEOPLE, $PEOPLE + 5 ], 'each person\'s contracts');
	is_deeply(requests()->{by_path}, { '/generic/workers' => 5, '/generic/workers/{id}/contracts' => $PEOPLE }, 'one by one');
	is(requests()->{systems}{generic}{max_in_flight}, 4, 'several at a time');
	is(join(' ', sort map { s/ .*//r } split /\n/, $test->sql(q(SELECT DISTINCT (job_title IS NOT NULL)::text FROM stakesync.employee WHERE connection = 'each'))), 'false true', 'some have none');
	$before = $test->sql($jobs);
	$row = spoilt('each', [ 'status', code => 403, path => '/contracts', nth => 100, times => -1 ]);
	is_deeply([ @$row{qw(state changed)} ], [ 'done', 0 ], 'a permission that is lost on the way');
	is($test->sql($jobs), $before, 'leaves what was known');
	cmp_ok($row->{requests}, '<', 115, 'and asks no further');
};

subtest 'fields in batches' => sub {
	my $discover = { path => '/fields', records => '$.fields[*]', name => '$.name', label => '$.label', type => '$.type', at => '$.at' };
	my %stream = (%BY_BODY, body => { page => '{page}', size => '{limit}', fields => '{fields}' }, pages => { type => 'page', size => 100 }, @TOTAL,
		mapping => mapping('$.'), fields => { batch => 8, base => ['first_name'] });
	my ($row, %worker);

	# 19 fields, of which iban is not asked for, in three batches
	set_up('batches', \%stream, discover => $discover);
	forget();
	$row = fetch('batches');
	is_deeply([ @$row{qw(state added pages records)} ], [ 'done', $PEOPLE, 3, $PEOPLE ], 'three pages of people') or diag explain $row;
	is_deeply(requests()->{by_path}, { '/generic/fields' => 1, '/generic/search' => 9 }, 'three times');
	everyone('batches', 'joined by id');
	is_deeply([ @{ fetch('batches') }{qw(state changed unchanged)} ], [ 'done', 0, $PEOPLE ], 'again as they were');
	fails('a batch that is too large', 'batches', [ [ 'status', code => 400, path => '/search', nth => 4, times => -1 ] ], '38000', 'the HR system answered with HTTP status 400');

	# Without a list of fields: those that are mapped
	$stream{fields} = { base => [ 'number', 'email' ], discovered => $no };
	$stream{mapping} = mapping('$.', 'employee_number', 'work_email');
	set_up('asked_for', \%stream);
	fetch('asked_for');
	everyone('asked_for', 'the fields of the definition', qw(employee_number work_email));
	$test->sql(q(INSERT INTO stakesync.mapping (connection, field, path) VALUES ('asked_for', 'team', '$.shirt_size.value')));
	fetch('asked_for');
	%worker = workers();
	field_is('asked_for', 'team', 'and one that is mapped here', map { $_ => $worker{$_}{shirt_size}{value} } keys %worker);
};

subtest 'when to try again' => sub {
	my %offset = %{ $KIND{offset} };

	set_up('patience', \%offset);
	fetch('patience');
	passes('as a rule', 'patience', [ [ 'status', code => 503, page => 2 ] ], 6, 1);
	cmp_ok(pause(2), '>', 0.24, 'after a moment');

	set_up('never', \%offset, retry => { never => [503] });
	fetch('never');
	is(fails('never', 'never', [ [ 'status', code => 503, page => 2, times => -1 ] ], '38000', 'the HR system answered with HTTP status 503')->{retries}, 0, 'at once');
	passes('another status', 'never', [ [ 'status', code => 500, page => 2 ] ], 6, 1);

	set_up('wait', \%offset, retry => { wait => { 503 => 1 } });
	fetch('wait');
	passes('with a wait of its own', 'wait', [ [ 'status', code => 503, page => 2 ] ], 6, 1);
	cmp_ok(pause(2), '>=', 1, 'that long');
	passes('but for an answer that says how long', 'wait', [ [ 'status', code => 503, page => 2, headers => { 'Retry-After' => 0 } ] ], 6, 1);
	cmp_ok(pause(2), '<', 1, 'that short');

	# One after the other, so that nothing is under way when it is used up
	set_up('allowance', \%offset, limits => { per_minute => 100000 },
		retry => { reset_header => 'X-RateLimit-Reset', remaining_header => 'X-RateLimit-Remaining' });
	fetch('allowance');
	$sim->switch('generic', per_minute => 4, window => 1);
	passes('an allowance that is used up', 'allowance', [], 5, 0);
	is(requests()->{by_status}{429}, undef, 'is not overdrawn');
	$sim->switch('generic', per_minute => 0, window => 60);
};

subtest 'what is sent' => sub {
	my %stream = (%{ $KIND{body} }, headers => { 'X-Stream' => 'people of {today}' });
	my $settings = { tag => { label => 'A tag' } };
	my $today = $test->sql(q(SELECT (now() AT TIME ZONE timezone)::date FROM stakesync._company));
	my $sent = sub { forget(); fetch('sent'); return map { $_->{headers} } asked('/search') };

	set_up('sent', \%stream, settings => $settings, headers => { Accept => 'application/json', 'X-Who' => '{company}, {connection}', 'X-Tag' => '{tag}' });
	is_deeply([ map { [ @$_{qw(accept x-who x-tag x-stream content-type x-session authorization)} ] } $sent->() ],
		[ ([ 'application/json', 'stakesync, sent', undef, "people of $today", 'application/json', '(set)', undef ]) x 5 ],
		'headers of definition, method and stream; what has no value is left out');
	$test->sql('SELECT * FROM ' . connect_call('sent', settings => { tag => 'blue' }));
	is(($sent->())[4]{'x-tag'}, 'blue', 'and sent where it has one');
	$stream{headers} = { 'Content-Type' => 'application/json; charset=utf-8' };
	add(definition('sent', \%stream));
	is(($sent->())[0]{'content-type'}, 'application/json; charset=utf-8', 'a type of its own');
};

subtest 'smaller pages' => sub {
	my %smaller = (retry => { smaller_pages => [408] });
	my %cursor = (%{ $KIND{cursor} }, query => { size => '{limit}', after => '{cursor}' }, pages => { type => 'cursor', next => '$.after', size => 50 });

	set_up("small_$_", $_ eq 'cursor' ? \%cursor : $KIND{$_}, %smaller) for qw(offset number cursor);
	fetch("small_$_") for qw(offset number cursor);
	passes('from the first page on', 'small_offset', [ [ 'status', code => 408, query => 'count=50', times => -1 ] ], 11, 1);
	passes('one page: in halves', 'small_offset', [ [ 'status', code => 408, query => 'count=50', page => 3, times => -1 ] ], 7, 1);
	passes('pages by number', 'small_number', [ [ 'status', code => 408, query => 'size=50', times => -1 ] ], 11, 1);
	passes('pages by cursor', 'small_cursor', [ [ 'status', code => 408, query => 'size=50', times => -1 ] ], 11, 1);
	fails('no number of pages', 'small_offset', [ [ 'status', code => 408, times => -1 ] ], '38000', 'the HR system answered with HTTP status 408, after 2 tries');
	fails('where nothing says so', 'offset', [ [ 'status', code => 408, query => 'count=50', times => -1 ] ], '38000', 'the HR system answered with HTTP status 408, after 2 tries');
};

subtest 'texts that mean nothing, names in any case' => sub {
	my $nothing = [ 'wrong_type', record => 0, field => 'born', times => -1, json => '{"value":"none","label":"x"}' ];
	my $counts = sub { $test->sql("SELECT count(birthdate), count(problems) FILTER (WHERE problems::text LIKE '%bad_date%') FROM stakesync.employee WHERE connection = '$_[0]'") };
	my @streams = @{ from_json($EXAMPLE)->{streams} };
	my $row;

	spoilt('cursor', $nothing);
	like($counts->('cursor'), qr/^\d+\|$PEOPLE$/, 'a date that is none is a problem');
	fetch('cursor');
	set_up('nothing', $KIND{cursor}, null_tokens => [ '0000-00-00', 'none' ]);
	spoilt('nothing', $nothing);
	is($counts->('nothing'), '0|0', 'unless it is known to mean nothing');

	$streams[0]{id} = '$.ID';
	$streams[0]{deleted} = '$.Deleted';
	$streams[1]{id} = '$.Contract';
	$streams[1]{join} = { as => 'contracts', child => '$.WORKER' };
	set_up('case', \@streams, ignore_case => $yes, mapping => [ { field => 'job_title', path => '$.Contracts[*].TITLE', transform => 'current(From)' },
		map { { %$_, path => uc $_->{path} } } @{ mapping('$.') } ]);
	$row = fetch('case');
	is_deeply([ @$row{qw(state added)} ], [ 'done', $PEOPLE ], 'names in another case') or diag explain $row;
	everyone('case', 'everybody');
	is($test->sql(q(SELECT string_agg(job_title, ',' ORDER BY remote_id) FROM stakesync.employee WHERE connection = 'case')),
		$test->sql(q(SELECT string_agg(job_title, ',' ORDER BY remote_id) FROM stakesync.employee WHERE connection = 'example_hr')), 'with their jobs');
};

subtest 'changes since' => sub {
	my %format = (datetime => 'YYYY-MM-DD"T"HH24:MI:SS"Z"', local => 'YYYY-MM-DD"T"HH24:MI:SS', date => 'YYYY-MM-DD');
	my %stream = (%{ $KIND{cursor} }, query => { size => '50', after => '{cursor}', changed_since => '{since}' }, deleted => '$.deleted');
	my ($row, $hired);

	foreach my $format (sort keys %format)
	{
		my $since;

		$stream{incremental} = { format => $format, overlap => 90, query => { with_deleted => '1' } };
		set_up("since_$format", \%stream);
		forget();
		fetch("since_$format", mode => undef);
		is_deeply([ map { [ @{ $_->{query} }{qw(changed_since with_deleted)} ] } asked('/workers') ], [ ([ undef, undef ]) x 5 ], "$format: first all");
		$since = $test->sql("SELECT to_char((fetched_since - interval '90 seconds') AT TIME ZONE 'UTC', '$format{$format}') FROM stakesync.connection WHERE connection = 'since_$format'");
		forget();
		is(fetch("since_$format", mode => undef)->{mode}, 'incremental', "$format: then what has changed");
		is_deeply([ map { [ @{ $_->{query} }{qw(changed_since with_deleted)} ] } asked('/workers') ], [ [ $since, 1 ] ], "$format: since when");
	}
	$sim->remove('000110');
	$hired = $sim->hire(first_name => 'Nora', last_name => 'New');
	$sim->change('000111', first_name => 'Renata');
	changed();
	$row = fetch('since_datetime', mode => q('incremental'));
	is_deeply([ @$row{qw(state complete added changed missing)} ], [ 'done', $no, 1, 1, 1 ], 'one each: hired, changed, deleted') or diag explain $row;
	everyone('since_datetime', 'and all are as they are');
	is(fetch('since_datetime', mode => q('incremental'))->{changed}, 0, 'what is told again changes nothing');
	is_deeply([ @{ fetch('offset', mode => q('incremental')) }{qw(state sqlstate message)} ],
		[ 'failed', '55000', 'this provider has no incremental fetch' ], 'where there are none');
	$sim->post('/control/reset');
	changed();
	undef $login;
};

subtest 'settings of a definition' => sub {
	my %stream = (%{ $KIND{cursor} }, query => { size => '{size}', after => '{cursor}', with_deleted => '{deleted}', changed_since => '{since_day}' });
	my %settings = (
		deleted => { label => 'Deleted people too', choices => [ '0', '1' ], default => '1' },
		size => { label => 'People a page', default => '100' },
		since_day => { label => 'Only who was changed since' });
	my $with = sub { $test->refusal('SELECT * FROM ' . connect_call('settings', settings => {@_})) };
	my $asked = sub { forget(); fetch('settings', accept_fewer => 'true'); my ($first) = asked('/workers'); return { map { $_ => $first->{query}{$_} } qw(size with_deleted changed_since) } };

	set_up('settings', \%stream, settings => \%settings);
	is_deeply($asked->(), { size => 100, with_deleted => 1, changed_since => undef }, 'defaults, and nothing where there is none');
	is($with->(deleted => '0', size => '70', since_day => '2020-01-01')->{sqlstate}, undef, 'given');
	is_deeply($asked->(), { size => 70, with_deleted => 0, changed_since => '2020-01-01' }, 'and sent');
	is($with->(deleted => undef, since_day => undef)->{sqlstate}, undef, 'taken back');
	is_deeply($asked->(), { size => 70, with_deleted => 1, changed_since => undef }, 'those alone');
	is_deeply($with->(deleted => '2'), { sqlstate => '22023', message => 'setting "deleted" takes 0, 1', hint => undef }, 'not among the choices');
	is_deeply($with->(size => 100), { sqlstate => '22023', message => 'setting "size" takes a text', hint => undef }, 'no text');
	is($with->(sizes => '100')->{message}, 'there is no setting "sizes"', 'unknown');
};

subtest 'hosts' => sub {
	my $method = from_json($EXAMPLE)->{methods}{password};
	my $password = $sim->credentials('generic');
	my $refusal = sub { my ($name, %given) = @_; my $r = $test->refusal('SELECT * FROM ' . connect_call($name, %given)); return join ': ', grep { defined } @$r{qw(sqlstate message)} };
	my %without_path = map { $_ => $KIND{cursor}{$_} } grep { $_ ne 'path' } keys %{ $KIND{cursor} };
	my ($row, $other);

	# A label of a host, in a setting and in credentials; elsewhere a whole name
	push @{ $method->{credentials} }, { key => 'company_domain', label => 'Company domain', secret => $no };
	add(definition('label', $KIND{cursor}, methods => { password => $method }, base_url => 'https://{company_domain}.{region}.example-hr.com/generic',
		settings => { region => { label => 'Region', default => 'eu' } }));
	$method->{credentials}[-1]{host} = $yes;
	add(definition('host', $KIND{cursor}, methods => { password => $method }, base_url => 'https://{company_domain}/generic'));

	is($refusal->('label', credentials => { %$password, company_domain => 'acme' }), '', 'a label');
	is($refusal->('label', credentials => { %$password, company_domain => 'acme' }, settings => { region => 'us-1' }), '', 'two');
	is($refusal->('host', credentials => { %$password, company_domain => $_ }), '', "a host $_") for 'hr.acme.com', 'hr.acme.com:8443', 'acme';
	foreach my $bad ('evil.com/', 'a.b', 'evil.com#', 'user@evil', 'a b', 'a/b', "\x{430}", '-a', '{region}', 'a%2f', 'a' x 64)
	{
		is($refusal->('label', credentials => { %$password, company_domain => $bad }),
			'22023: "company_domain" of Test label is not the first label of a host\'s name', "no label: $bad");
		is($refusal->('label', credentials => { %$password, company_domain => 'acme' }, settings => { region => $bad }),
			'22023: "region" of Test label is not the first label of a host\'s name', "no setting: $bad");
	}
	is($refusal->('host', credentials => { %$password, company_domain => $_ }), '22023: "company_domain" of Test host is not the name of a host', "no host: $_")
	  for 'evil.com/', 'user@evil.com', 'a b', 'https://a.b', '.evil.com', 'a?b';

	# Stored credentials go nowhere else
	$other = $test->start_simulator(people => 1);
	add(definition('bound', $KIND{cursor}, base_url => $sim->url . '/generic'));
	$test->sql('SELECT * FROM stakesync_connect(\'bound\', ' . quoted($password) . ', accept_terms => true)');
	is(fetch('bound')->{state}, 'done', 'where they were given for');
	foreach my $change (
		[ 'the definition', sub { add(definition('bound', $KIND{cursor}, base_url => $_[0])) } ],
		[ 'the address of a stream', sub { add(definition('bound', { %without_path, url => "$_[0]/workers" }, base_url => $sim->url . '/generic')) } ],
		[ 'the setting base_url', sub { $test->sql("UPDATE stakesync.connection SET settings = '" . to_json({ base_url => $_[0] }) . "' WHERE connection = 'bound'") } ],
		[ 'the setting auth_url', sub { $test->sql("UPDATE stakesync.connection SET settings = '" . to_json({ base_url => $sim->url . '/generic', auth_url => $_[0] }) . "' WHERE connection = 'bound'") } ])
	{
		my ($what, $make) = @$change;
		my ($here, $there) = map { $_->port } $sim, $other;

		$make->($other->url . '/generic');
		$row = fetch('bound');
		is($row->{state}, 'failed', "$what leads elsewhere");
		like($row->{message}, qr/^the credentials of connection "bound" were given for 127\.0\.0\.1:$here and would now go to 127\.0\.0\.1:.*$there/, "$what: says so");
		is($row->{requests}, 0, "$what: nothing was asked");
		$make->($sim->url . '/generic');
	}
	is($other->requests->{total}, 0, 'and nothing there');
	is(fetch('bound')->{state}, 'done', 'back where they were given for');
	$other->stop;
};

subtest 'years later' => sub {
	my @numbers = grep { /^\d{6}$/ } map { $_->{number}{value} // '' } values %{ { workers() } };
	my $gone = sub { my ($count) = @_; $sim->remove($_, 'vanish') for splice @numbers, 0, $count; return fetch_and_look(fetch_call('cursor')) };
	my $row;

	fetch('cursor');
	is_deeply([ @{ $gone->(30) }{qw(state complete missing)} ], [ 'done', $yes, 30 ], 'leavers go');
	is_deeply([ @{ $gone->(30) }{qw(state complete missing)} ], [ 'done', $yes, 30 ], 'and go: the base is the last picture');
	$row = $gone->(50);
	is_deeply([ @$row{qw(state message hint touched)} ],
		[ 'failed', '120 of 170 people came', 'If this is right: SELECT * FROM stakesync_fetch(accept_fewer => true);', 0 ], 'a division is sold');
	$row = fetch('cursor', accept_fewer => 'true');
	is_deeply([ @$row{qw(state complete missing unchanged)} ], [ 'done', $yes, 50, 120 ], 'accepted');
	is(fetch('cursor')->{state}, 'done', 'once');
};

$test->stop;
done_testing();
