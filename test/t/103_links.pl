# Logins at a website: Merge Link for any of its systems, and authorization codes for a definition of one's own
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Utils;
use StakesyncPeople qw(read_people same_people);
use StakesyncSim::Json qw(from_json to_json);
use StakesyncSystem;
use Test::More;

my $PEOPLE = 60;
my $BACK = 'https://app.lindwurm.example/back?from=acme';

# Everything that could give a secret away is said as loud as it gets
my $base = StakesyncTest->start('links', connect => 0, conf => "log_min_messages = debug1\nlog_connections = on\n", sim => { people => $PEOPLE });
my $sim = $base->sim;
my $test = StakesyncSystem->new($base, 'merge', method => 'link', credentials => { api_key => 'merge-test-key', email => 'hr@lindwurm.example' });
my $acme = StakesyncSystem->new($base, 'acme', credentials => { client_id => 'oauth-test-client', client_secret => 'oauth-test-secret' },
	settings => { redirect_uri => $BACK, base_url => $sim->url . '/generic' });

# What must be nowhere in clear, in the form of each: keys, account and public tokens, codes, access and refresh tokens
my $SECRET = qr/merge-test-key|merge-test-account|merge-public-\d|oauth-test-secret|access-[0-9a-f]{24}|refresh-[0-9a-f]{8}-|code\/[0-9a-f]{8}-/;
my $SECRET_HEX = do {
	my $words = join '|', map { unpack 'H*', $_ } 'merge-test-key', 'merge-test-account', 'merge-public-', 'oauth-test-secret', 'access-', 'refresh-';
	qr/$words/i;
};

# Finish a login at the website: the row
sub complete
{
	my ($at, $token, $connection) = @_;
	my $named = defined $connection ? ", connection => '$connection'" : '';

	return $at->row("SELECT * FROM stakesync_complete_link('" . ($token =~ s/'/''/gr) . "'$named)");
}

sub state_of
{
	my ($at, $connection) = @_;
	return $at->sql("SELECT state FROM stakesync.connection WHERE connection = '$connection'");
}

# What Merge was asked for
sub link_asked { return $sim->requests->{systems}{merge}{link_asked} }

sub public_token { return $sim->post('/control/link')->{public_token} }

# What a relink must not touch
sub what_stays
{
	my ($at, $connection) = @_;
	return { map { my $table = $_; ($table => $at->sql("SELECT string_agg(r::text, E'\\n' ORDER BY r::text) FROM stakesync.$table r WHERE connection = '$connection'")) }
		  qw(link mapping condition _applied) };
}

# Open an address as a browser: where it leads to, as parameters
sub log_in
{
	my ($next_step) = @_;
	my ($path) = $next_step =~ m{^Open http://127\.0\.0\.1:\d+(/\S+) and log in\.} or return {};
	my $answer = $sim->request(GET => $path);
	my ($query) = ($answer->{headers}{location} // '') =~ /\?(.*)/ or return { status => $answer->{status} };

	return { map { my ($name, $value) = map { s/%(..)/chr hex $1/ger } split /=/, $_, 2; ($name => $value) } split /&/, $query };
}

subtest 'what a link needs' => sub {
	my $said = $test->row(q(SELECT * FROM stakesync_connect('workday')));

	is_deeply([ @$said{qw(connection state)} ], [ 'workday', undef ], 'nothing is made');
	like($said->{next_step}, qr/^workday is reached through Merge\. Merge asks for api_key \(API key\), email \(Email of the person who links\), account_token \(Account token, optional\)\. .*stakesync_connect\('workday', jsonb_build_object\('api_key', '\.\.\.', 'email', '\.\.\.'\)/,
		'it says how, and through whom');
	is($test->sql(q(SELECT count(*) > 70 FROM stakesync_provider WHERE via = 'merge')), 't', 'one of many');
	is($test->sql(q(SELECT via FROM stakesync_provider WHERE provider = 'personio')), 'direct', 'who is known without Merge is connected without it');
	is($test->sql('SELECT count(*) FROM stakesync_company'), 0, 'nothing was stored');
	is($test->connect(credentials => { api_key => 'wrong' })->{state}, 'failing', 'a wrong key');
	is($test->refusal(q(SELECT stakesync_connect('merge', '{"api_key": "merge-test-key", "email": "hr@lindwurm.example"}')))->{message}, 'the terms of Merge are not accepted', 'terms that are not accepted');
	is($test->sql('SELECT count(*) FROM stakesync_company'), 0, 'nothing was stored');
};

subtest 'an address to log in at' => sub {
	my $row = $test->connect;

	is_deeply([ @$row{qw(connection state)} ], [ 'merge', 'awaiting_link' ], 'it waits');
	like($row->{next_step}, qr{^Open https://link\.invalid/\d+ and log in\. Then: SELECT \* FROM stakesync_complete_link\('\.\.\.', connection => 'merge'\);}, 'it says where, and what then');
	is_deeply(link_asked(), {
		end_user_origin_id => 'stakesync.merge', end_user_organization_name => 'stakesync', end_user_email_address => 'hr@lindwurm.example',
		categories => ['hris'], should_create_magic_link_url => JSON::PP::true(), link_expiry_mins => 10080 }, 'asked for with what Merge wants, for any system');
	is(state_of($test, 'merge'), 'awaiting_link', 'stored');
	$row = $test->fetch;
	is($row->{state}, 'failed', 'nothing can be fetched yet');
	is(state_of($test, 'merge'), 'awaiting_link', 'it still waits');
	is($test->connect(connection => 'other', settings => { integration => 'workday' })->{state}, 'awaiting_link', 'another one');
	is(link_asked()->{integration}, 'workday', 'for one system');
	$test->sql(q(SELECT stakesync_disconnect('other', erase => true)));
};

subtest 'tokens' => sub {
	my $token = public_token();
	my $row = complete($test, 'no such token');

	is_deeply([ @$row{qw(connection state)} ], [ 'merge', 'awaiting_link' ], 'a wrong one: it waits on');
	like($row->{next_step}, qr/^the HR system answered with HTTP status 404\. /, 'and says why');
	is($sim->requests->{last}[-1]{path}, '/hris/v1/account-token/{token}', 'it was asked for');
	is(state_of($test, 'merge'), 'awaiting_link', 'the connection stays');
	is_deeply($test->refusal(q(SELECT stakesync_complete_link(''))), { sqlstate => '22004', message => 'give the token or code that the login gave', hint => undef }, 'none');
	is_deeply(complete($test, $token), { connection => 'merge', state => 'connected', next_step => 'SELECT * FROM stakesync_fetch();' }, 'the right one');
	is_deeply($test->outcome($test->fetch), { state => 'done', mode => 'full', added => $PEOPLE, changed => 0, unchanged => 0, missing => 0 }, 'all came');
	$row = complete($test, $token);
	is($row->{state}, 'connected', 'used twice: the connection stays what it is');
	like($row->{next_step}, qr/404/, 'and says why');
	is(state_of($test, 'merge'), 'connected', 'it is');
	is($test->fetch->{state}, 'done', 'and it works');
};

subtest 'relinking' => sub {
	my ($before, $row);

	$test->sql(q(SELECT count(*) FROM stakesync_configure(identifier => 'employee_number', import => '{manager}')));
	$test->map_field(team => '$.custom_fields.shirt_size');
	$test->fetch;
	$test->sql(q(SELECT stakesync_sync_if('employment_status', '<>', '{INACTIVE}')));
	is($test->sync->{state}, 'applied', 'a sync');
	$before = what_stays($test, 'merge');

	$row = $test->connect;
	is($row->{state}, 'awaiting_link', 'linked anew: an address again');
	is($test->fetch(q(mode => 'full'))->{unchanged}, $PEOPLE, 'meanwhile the former link goes on');
	is(complete($test, public_token())->{state}, 'connected', 'linked');
	is($test->fetch(q(mode => 'full'))->{unchanged}, $PEOPLE, 'nobody changed');
	is_deeply(what_stays($test, 'merge'), $before, 'links, mapping and conditions stay');
	is($test->sync->{created}, 0, 'a sync has nothing to do');
};

subtest 'a webhook' => sub {
	my %hook = (hook => { event => 'LinkedAccount.linked' }, linked_account => { status => 'COMPLETE' });
	my ($row, $account);

	$sim->post('/control/key', { provider => 'merge', account_token => 'merge-test-account-2' });
	is($test->fetch(q(mode => 'full'))->{state}, 'failed', 'another account token from now on');
	$row = complete($test, to_json({ %hook, data => { account_token => 'merge-test-account-1', is_relink => JSON::PP::true() } }));
	like($row->{next_step}, qr/^the HR system does not accept the credentials \(HTTP status 401\)/, 'the body of a webhook with one that is refused');
	is($row->{state}, state_of($test, 'merge'), 'the row says what the connection is');
	$row = complete($test, to_json({ %hook, data => { account_token => 'merge-test-account-2', is_relink => JSON::PP::true() } }));
	is($row->{state}, 'connected', 'with the new one');
	is($test->fetch(q(mode => 'full'))->{unchanged}, $PEOPLE, 'it is used');
	is_deeply($test->refusal("SELECT stakesync_complete_link('" . to_json({ %hook, data => {} }) . "')"),
		{ sqlstate => '22023', message => 'this webhook holds no credentials of Merge', hint => undef }, 'without one');
	is($test->refusal(q(SELECT stakesync_complete_link('{"hook":')))->{sqlstate}, '22023', 'cut off');
	is($test->refusal(q(DO $$ BEGIN PERFORM stakesync_complete_link('{"data": {"public_token": "merge-public-9"}}'); END $$))->{sqlstate}, '22023', 'another one, from a procedure');
	$sim->post('/control/key', { provider => 'merge', account_token => 'merge-test-account' });
	is(complete($test, public_token())->{state}, 'connected', 'as before');
};

subtest 'disconnecting' => sub {
	my $before = what_stays($test, 'merge');
	my $id = $test->sql('SELECT connection_id FROM stakesync.connection');
	my ($asked, $row) = $test->counted('delete-account', sub { $test->row('SELECT * FROM stakesync_disconnect()') });

	is_deeply([ @$row{qw(state next_step)}, $asked ], [ 'disconnected', 'The account at the provider was deleted.', 1 ], 'deletes at Merge');
	is($sim->request(GET => '/hris/v1/employees')->{status}, 401, 'where nobody is let in any more');
	is($test->sql('SELECT count(*) FROM stakesync.employee') . $test->sql('SELECT count(*) FROM stakesync._credential'), '00', 'people and credentials are gone');
	is($test->refusal('SELECT stakesync_fetch()')->{sqlstate} // $test->fetch_run->{sqlstate}, '55000', 'no fetch');
	is($test->connect->{state}, 'awaiting_link', 'linked anew');
	is(complete($test, public_token())->{state}, 'connected', 'connected');
	is($test->sql('SELECT connection_id FROM stakesync.connection'), $id, 'the same connection');
	is($test->fetch->{added}, $PEOPLE, 'all are back');
	is_deeply({ %{ what_stays($test, 'merge') }, _applied => undef }, { %$before, _applied => undef }, 'with their links, mapping and conditions');
	is($test->sync->{created}, 0, 'nobody is created twice');
	$sim->fault('status', code => 500, match => { path => 'delete-account' });
	$row = $test->row('SELECT * FROM stakesync_disconnect()');
	is_deeply([ @$row{qw(state next_step)} ], [ 'disconnected', 'The account at the provider was not deleted: the HR system answered with HTTP status 500.' ], 'what Merge refuses is said');
	$sim->post('/control/reset');
};

subtest 'a system that Merge reaches' => sub {
	my $workday = StakesyncSystem->new($base, 'workday', credentials => { api_key => 'merge-test-key', email => 'hr@lindwurm.example' });
	my $row = $workday->connect;

	is_deeply([ @$row{qw(connection state)} ], [ 'workday', 'awaiting_link' ], 'connected by its name');
	is(link_asked()->{integration}, 'workday', 'the page is that of the system');
	is($workday->sql(q(SELECT provider || ' ' || (settings ->> 'integration') FROM stakesync.connection)), 'merge workday', 'it is a connection of Merge');
	is(complete($workday, public_token())->{state}, 'connected', 'linked');
	is($workday->fetch->{added}, $PEOPLE, 'all came');
	delete $workday->{credentials}{email};
	is($workday->connect(connection => 'at once', credentials => { account_token => 'merge-test-account' })->{state}, 'connected', 'with an account token at once');
};

subtest 'while the system is read for the first time' => sub {
	my $soon = StakesyncSystem->new($base, 'soon', credentials => { api_key => 'merge-test-key', account_token => 'merge-test-account' }, provider => 'soon');
	my $busy = to_json({ next => undef, previous => undef, results => [
		{ model_name => 'Group', is_initial_sync => JSON::PP::true(), status => 'SYNCING' },
		{ model_name => 'Employee', is_initial_sync => JSON::PP::true(), status => 'SYNCING' } ] });
	my ($asked, $row);

	$soon->sql('SELECT stakesync_create_company($$stakesync$$)');
	$soon->sql(q(SELECT stakesync_add_provider(definition || '{"provider": "soon"}' || jsonb_build_object('ready', definition -> 'ready' || '{"every": 1, "most": 3}'))
		FROM stakesync_provider WHERE provider = 'merge'));
	$soon->connect;
	$sim->fault('other_shape', body => $busy, match => { path => 'sync-status' }, times => -1);
	$row = $soon->fetch;
	is_deeply([ @$row{qw(state sqlstate message hint)} ], [ 'failed', '55000', 'Merge is still gathering the people itself', 'Fetch again later.' ], 'a fetch does not wait for ever');
	$sim->clear_faults;
	$sim->fault('other_shape', body => $busy, match => { path => 'sync-status' }, times => 2);
	$sim->fault('other_shape', body => $busy =~ s/"model_name":"Employee"/"model_name":"Location"/r, match => { path => 'sync-status', nth => 3 }, times => -1);
	$sim->delete('/control/requests');
	($asked, $row) = $soon->counted('sync-status', sub { $soon->fetch });
	is_deeply([ @$row{qw(state added)}, $asked ], [ 'done', $PEOPLE, 3 ], 'but until the people are there; other things are not waited for');
	is(join(' ', map { $_->{path} =~ s{.*/}{}r } grep { $_->{path} =~ m{/hris/} } @{ $sim->requests->{last} }), 'sync-status sync-status sync-status employees', 'before it reads anything');
	is(($soon->counted('sync-status', sub { $soon->fetch(q(mode => 'full')) }))[0], 0, 'once there is a picture it does not ask');
	$sim->clear_faults;
};

# A system of our own whose people log in at its website
my $ACME = {
	provider => 'acme', name => 'Acme HR', terms => 'Reads the workers.', guide => 'Ask Acme for a client.', recommended_identifiers => ['employee_number'],
	base_url => $sim->url . '/generic',
	settings => { redirect_uri => { label => 'Where the login leads back to' } },
	methods => { website => {
		credentials => [
			{ key => 'client_id', label => 'Client', secret => JSON::PP::false() }, { key => 'client_secret', label => 'Secret' },
			{ key => 'refresh_token', label => 'Refresh token', optional => JSON::PP::true() } ],
		login => {
			type => 'token', url => $sim->url . '/oauth/token', token => '$.access_token', expires_in => '$.expires_in', keeps => { refresh_token => '$.refresh_token' },
			form => { grant_type => 'refresh_token', refresh_token => '{refresh_token}', client_id => '{client_id}', client_secret => '{client_secret}' } },
		link => {
			address => $sim->url . '/oauth/authorize?response_type=code&client_id={client_id}&redirect_uri={redirect_uri}&state={state}&scope=workers',
			complete => { url => $sim->url . '/oauth/token', form => { grant_type => 'authorization_code', code => '{code}', redirect_uri => '{redirect_uri}',
				client_id => '{client_id}', client_secret => '{client_secret}' } },
			keeps => { refresh_token => '$.refresh_token' } } } },
	check => { path => '/me', expect => '$.company.value' },
	streams => [ { name => 'workers', path => '/workers', query => { size => '20', after => '{cursor}' }, records => '$.items[*].item', id => '$.id',
		pages => { type => 'cursor', next => '$.after' }, total => '$.total' } ],
	mapping => [ map { { field => $_->[0], path => "\$.$_->[1].value" } } [ employee_number => 'number' ], [ first_name => 'first_name' ],
		[ last_name => 'last_name' ], [ name => 'name' ], [ work_email => 'email' ], [ employment_status => 'status' ] ] };

subtest 'authorization codes' => sub {
	my ($row, $back, $session, %person);

	$acme->sql('SELECT stakesync_create_company($$stakesync$$)');
	$acme->sql("SELECT stakesync_add_provider('" . to_json($ACME) . "')");
	$row = $acme->refusal(q(SELECT stakesync_connect('acme', '{"client_id": "oauth-test-client", "client_secret": "oauth-test-secret"}', accept_terms => true)));
	is($row->{message}, 'the login at Acme HR needs a setting that is not given', 'without the address that it leads back to');
	$row = $acme->connect;
	is($row->{state}, 'awaiting_link', 'it waits');
	$back = log_in($row->{next_step});
	is_deeply([ sort keys %$back ], [qw(code from state)], 'somebody logs in, and comes back to our address');
	is($back->{state}, 'acme', 'for this connection');
	$row = complete($acme, 'code/wrong+1=');
	is_deeply([ @$row{qw(connection state)} ], [ 'acme', 'awaiting_link' ], 'a wrong code: it waits on');
	like($row->{next_step}, qr/^the HR system .*\(?HTTP status 400/, 'and says why');
	unlike($row->{next_step}, qr/invalid_grant|not valid/, 'not in their words');
	$row = complete($acme, $back->{code});
	is($row->{state}, 'connected', 'the right one') or diag $row->{next_step};
	is_deeply($acme->outcome($acme->fetch), { state => 'done', mode => 'full', added => $PEOPLE, changed => 0, unchanged => 0, missing => 0 }, 'all came');
	%person = %{ read_people($sim, 'generic') };
	same_people('as they are', $acme->present, { map { $_ => { %{ $person{$_} }, employment_status => $person{$_}{status} } } keys %person },
		qw(employee_number first_name last_name work_email employment_status));
	$row = complete($acme, $back->{code});
	is($row->{state}, 'connected', 'the code once more: the connection stays');
	is($acme->fetch->{state}, 'done', 'and works');
	$sim->switch('oauth', deny => 1);
	$back = log_in($acme->connect->{next_step});
	is_deeply($back, { from => 'acme', error => 'access_denied', state => 'acme' }, 'who refuses at the website brings no code');
	is($acme->fetch->{state}, 'done', 'the former login stays good');
	$sim->switch('oauth', deny => 0);
	$back = log_in($acme->connect->{next_step});
	like($back->{code}, $SECRET, 'another code');
	$sim->fault('stall_before_headers', match => { path => '/oauth/token' });
	$session = $acme->begin("SELECT state FROM stakesync_complete_link('$back->{code}')");
	$acme->wait_stalled(1);
	unlike($acme->sql(q(SELECT string_agg(to_jsonb(a)::text, E'\n') FROM pg_stat_activity a WHERE backend_type <> 'client backend')), $SECRET, 'while it is exchanged no worker shows it');
	$sim->post('/control/release');
	is($acme->finish($session)->{out}, "connected\n", 'taken');
};

subtest 'refresh tokens' => sub {
	my ($logins, $row, $fetched) = $acme->counted('/oauth/token', sub { $acme->fetch for 1 .. 2 });

	is($logins, 0, 'an access token is used as long as it lasts');
	$acme->sql('UPDATE stakesync._credential SET token_expires = now()');
	$sim->fault('status', code => 500, match => { path => '/generic/workers' }, times => -1);
	$test->set('stakesync.max_retries' => 0);
	($logins, $row) = $acme->counted('/oauth/token', sub { $acme->fetch });
	is_deeply([ $row->{state}, $logins ], [ 'failed', 1 ], 'a new one is got with the refresh token; the fetch fails for another reason');
	$test->set('stakesync.max_retries' => 5);
	$sim->clear_faults;
	$acme->sql('UPDATE stakesync._credential SET token_expires = now()');
	($logins, $row) = $acme->counted('/oauth/token', sub { $acme->fetch });
	is_deeply([ $row->{state}, $logins ], [ 'done', 1 ], 'the refresh token that came with it was stored at once: the old one works no more');

	$sim->fault('stall_before_headers', match => { path => '/generic/workers', page => 2 });
	($logins, $row) = $acme->counted('/oauth/token', sub {
		my $session = $acme->begin('SELECT row_to_json(r) FROM stakesync_fetch() r');
		$acme->wait_stalled(1);
		$sim->expire_tokens('oauth');
		is($acme->sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type <> 'client backend' AND query ~ 'stakesync: fetch of acme')), 1, 'who fetches is seen');
		unlike($acme->sql(q(SELECT string_agg(concat_ws(' ', query, application_name), E'\n') FROM pg_stat_activity WHERE pid <> pg_backend_pid())), $SECRET, 'no secret is');
		$sim->post('/control/release');
		return from_json($acme->finish($session)->{out});
	});
	is_deeply([ @$row{qw(state unchanged)}, $logins ], [ 'done', $PEOPLE, 1 ], 'an access token that is over in the middle is renewed once');
	$sim->switch('oauth', rotate => 0);
	for (1 .. 2)
	{
		$acme->sql('UPDATE stakesync._credential SET token_expires = now()');
		is($acme->fetch->{state}, 'done', 'a refresh token that stays the same stays');
	}
	$sim->switch('oauth', rotate => 1);
};

subtest 'a refresh token that is refused' => sub {
	my $picture = $acme->picture;
	my ($logins, $row);

	$sim->expire_tokens('oauth');
	$sim->fault('status', code => 400, body => '{"error":"invalid_grant","error_description":"Avi Cohen withdrew it"}', match => { path => '/oauth/token' }, times => -1);
	($logins, $row) = $acme->counted('/oauth/token', sub { $acme->fetch });
	is_deeply([ @$row{qw(state sqlstate message)} ], [ 'failed', '28000', 'the HR system does not accept the credentials (HTTP status 400 at login)' ], 'fails with words of our own');
	is($logins, 1, 'it is not tried again');
	is($acme->picture, $picture, 'nobody was touched');
	is(state_of($acme, 'acme'), 'failing', 'the connection says so');
	$sim->clear_faults;
	$row = $acme->connect;
	is($row->{state}, 'awaiting_link', 'linked anew');
	is(complete($acme, log_in($row->{next_step})->{code})->{state}, 'connected', 'connected');
	is($acme->fetch(q(mode => 'full'))->{unchanged}, $PEOPLE, 'and as it was');
};

subtest 'secrets' => sub {
	my $log = slurp_file($base->node->logfile);
	my ($searched, @found) = (0);

	like($log, qr/DEBUG: /, 'the log is as loud as that');
	unlike($log, $SECRET, 'and has none');
	unlike($log, $SECRET_HEX, 'nor in another form');
	foreach my $at ($test, $acme)
	{
		my ($out, $err) = run_command([ 'pg_dump', '-d', $base->node->connstr($at->{database}) ]);
		like($out, qr/^acme\t|^merge\t/m, "a dump of $at->{database}");
		unlike($out, $SECRET, 'holds none');
		unlike($out, $SECRET_HEX, 'nor in another form');
	}
	$base->sql('CHECKPOINT');
	foreach my $file (map { glob $base->node->data_dir . $_ } '/base/*/*', '/pg_wal/0*')
	{
		my $bytes = slurp_file($file);
		$searched++ if $bytes =~ /lindwurm\.example/;
		push @found, "$1 in $file" if $bytes =~ /($SECRET)/;
	}
	cmp_ok($searched, '>', 2, "$searched files of the server hold people");
	is_deeply(\@found, [], 'and none holds a secret');
};

$base->stop;
done_testing();
