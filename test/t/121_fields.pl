# Custom fields from the HR system to the register: mapping, choices, hand edits, renaming, dropping
use strict;
use warnings;
use utf8;
use StakesyncPeople qw(read_people);
use StakesyncSim::Json qw(from_json);
use StakesyncSystem;
use StakesyncTest;
use Test::More;

my $test = StakesyncTest->start('fields', sim => { people => 120 });
my $sim = $test->sim;

# Run SQL that has to succeed; returns what it told
sub told
{
	my ($sql) = @_;
	my ($status, $out, $err) = $test->psql($sql);

	is($status, 0, "ran: $sql") or diag($err);
	return $err;
}

sub field
{
	my ($name) = @_;
	return $test->row("SELECT * FROM stakesync.field WHERE field = '$name'");
}

sub people { return $test->sql("SELECT count(*) FROM stakesync.stakeholder WHERE $_[0]") }

sub apply { return $test->row('SELECT * FROM stakesync_apply(stakesync_plan(), force => true)') }

# The register before the field
$test->sql("SELECT FROM stakesync_configure(identifier => 'employee_number')");
is($test->fetch->{state}, 'done', 'a first fetch');
is(apply()->{state}, 'applied', 'and a first sync');
my $linked = $test->sql('SELECT count(*) FROM stakesync.link');

# A field with choices, mapped from a custom field of the source
told(q(SELECT stakesync_add_field('t_shirt_size', label => 'T-shirt', choices => '{S,M,L}')));
like(told(q(SELECT stakesync_map('t_shirt_size', '$.custom_fields.shirt_size'))),
	qr/NOTICE:  takes effect at the next fetch of connection "merge", which is a full one/, 'a mapping says when it takes effect');
is_deeply($test->row(q(SELECT path, transform, mode, on_null, review, origin FROM stakesync.mapping WHERE field = 't_shirt_size')),
	{ path => '$.custom_fields.shirt_size', transform => undef, mode => 'always', on_null => 'clear', review => $test->row('SELECT false AS f')->{f}, origin => 'user' },
	'the mapping as it was stored');
like($test->sql(q(SELECT message FROM stakesync.preview_summary WHERE action = 'update')), qr/t_shirt_size not fetched since mapped/,
	'the preview says that the field was not fetched yet');
my $fetch = $test->fetch;
is("$fetch->{state} $fetch->{mode}", 'done full', 'the next fetch is a full one');

my %size = map { $_->{remote_id} => $_ } $test->rows('SELECT remote_id, t_shirt_size, problems FROM stakesync.employee');
my %count;
$count{ $size{$_}{t_shirt_size} // 'none' }++ for keys %size;
is_deeply([ sort grep { $_ ne 'none' } keys %count ], [qw(L M S)], 'employees have the values that are choices');
my @odd = grep { ref $_->{problems} && grep { $_->{field} eq 't_shirt_size' } @{ $_->{problems} } } values %size;
ok(@odd > 0, 'others have a problem');
is_deeply({ map { $_->{code} => 1 } map { grep { $_->{field} eq 't_shirt_size' } @{ $_->{problems} } } @odd }, { unknown_value => 1 },
	'which is that the value is none of the choices');

my $updates = $test->sql(q(SELECT count(*) FROM stakesync.preview WHERE action = 'update' AND changes ? 't_shirt_size'));
is($updates, $test->sql('SELECT count(*) FROM stakesync.employee JOIN stakesync.link USING (connection, remote_id) WHERE t_shirt_size IS NOT NULL'),
	'the preview shows the new values');
my $applied = apply();
is("$applied->{state} $applied->{updated}", "applied $updates", 'and apply writes them');
is(people('t_shirt_size IS NOT NULL'), $updates, 'into the register');
is_deeply(
	{ %{ field('t_shirt_size') }, used_by => undef },
	{
		field => 't_shirt_size', label => 'T-shirt', type => 'text', kind => 'custom', visible => $test->row('SELECT true AS t')->{t},
		mapped_from => 'merge: $.custom_fields.shirt_size', filled => $updates, filled_by_hr => $updates, filled_by_hand => 0,
		total => people('true'), used_by => undef },
	'the overview counts them as HR\'s');

# What a hand writes is kept
my $one = $test->row('SELECT stakeholder_id, remote_id, t_shirt_size FROM stakesync.employee JOIN stakesync.link USING (connection, remote_id) '
	  . 'WHERE t_shirt_size = \'M\' ORDER BY remote_id LIMIT 1');
$test->sql("UPDATE stakesync.stakeholder SET t_shirt_size = 'L' WHERE stakeholder_id = $one->{stakeholder_id}");
is($test->sql("SELECT state FROM stakesync.preview_change WHERE field = 't_shirt_size' AND remote_id = '$one->{remote_id}'"), 'kept',
	'a hand edit is kept');
is(field('t_shirt_size')->{filled_by_hand}, 1, 'and counted as such');
like($test->refusal("UPDATE stakesync.stakeholder SET t_shirt_size = 'XXL'")->{message}, qr/stakeholder_t_shirt_size_choices/,
	'a hand may write no more than the choices');

# Conditions, views and plans
told(q(SELECT stakesync_sync_if('t_shirt_size', 'is not empty')));
is($test->sql(q(SELECT count(*) FROM stakesync.preview WHERE action = 'excluded')),
	$test->sql('SELECT count(*) FROM stakesync.employee WHERE t_shirt_size IS NULL'), 'a condition on a custom field');
$test->sql('CREATE VIEW public.shirts AS SELECT t_shirt_size, count(*) FROM stakesync.stakeholder GROUP BY 1');
$test->sql(q(CREATE FUNCTION public.size() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(t_shirt_size) FROM stakesync.stakeholder); END $$));
$test->sql('SELECT stakesync_plan()');
is_deeply(field('t_shirt_size')->{used_by}, [ 'condition 1 of merge', 'view public.shirts', 'function public.size() (mentions)' ],
	'the overview names who uses the field');

# Another name: everything follows
like(told(q(SELECT stakesync_rename_field('t_shirt_size', 'shirt'))), qr/function public\.size\(\) mentions "t_shirt_size"/,
	'renaming tells of a function that mentions the old name');
is($test->sql(q(SELECT string_agg(state || ': ' || message, '; ') FROM stakesync.sync_run WHERE state IN ('planned', 'held', 'discarded'))),
	'discarded: field "t_shirt_size" was renamed', 'a plan that was not applied is discarded');
is($test->sql('SELECT count(*) FROM public.shirts'), 4, 'the view works on');
is($test->sql(q(SELECT field FROM stakesync.condition)), 'shirt', 'the condition follows');
is(field('shirt')->{mapped_from}, 'merge: $.custom_fields.shirt_size', 'the mapping follows');
is(field('shirt')->{filled_by_hand}, 1, 'what HR said follows');
is($test->sql(q(SELECT count(*) FROM stakesync.preview WHERE action = 'update')), 0, 'nothing else has changed');
is($test->sql(q(SELECT count(*) FROM stakesync.history WHERE field = 't_shirt_size')), 0, 'the history follows');
ok($test->sql(q(SELECT count(*) FROM stakesync.history WHERE field = 'shirt')) > 0, 'and is there under the new name');
$fetch = $test->fetch;
is("$fetch->{state} $fetch->{mode} $fetch->{changed}", 'done incremental 0', 'no full fetch is needed');

# HR and a hand change it
my $number = $test->sql("SELECT identifier FROM stakesync.stakeholder WHERE stakeholder_id = $one->{stakeholder_id}");
my $other = $test->row(q(SELECT s.identifier, e.shirt, e.remote_id FROM stakesync.employee e JOIN stakesync.link l USING (connection, remote_id)
	JOIN stakesync.stakeholder s USING (stakeholder_id) WHERE e.shirt = 'S' ORDER BY e.remote_id LIMIT 1));
$sim->change($_, custom_fields => { shirt_size => $_ eq $number ? 'S' : 'M' }) for $number, $other->{identifier};
is($test->fetch->{changed}, 2, 'two people changed at the source');
is_deeply({ map { $_->{remote_id} => $_->{state} } $test->rows(q(SELECT remote_id, state FROM stakesync.preview_change WHERE field = 'shirt' AND state <> 'problem')) },
	{ $one->{remote_id} => 'review', $other->{remote_id} => 'applies' }, 'the one edited here is reviewed, the other applies');
is(apply()->{updated}, 1, 'and is written');

# A type that values do not fit: a problem of those people alone
told(q(SELECT stakesync_add_field('floor', 'smallint')));
told(q(SELECT stakesync_add_field('badge_code', 'varchar(3)')));
told(q(SELECT stakesync_add_field('languages', 'text[]')));
told(q(SELECT stakesync_add_field('plan', 'uuid')));
told(q(SELECT stakesync_map('floor', '$.custom_fields.desk.floor')));
told(q(SELECT stakesync_map('badge_code', '$.custom_fields.badge')));
told(q(SELECT stakesync_map('languages', '$.custom_fields.Sprachen')));
told(q(SELECT stakesync_map('plan', '$.custom_fields.shirt_size')));
$fetch = $test->fetch;
is("$fetch->{state} $fetch->{mode}", 'done full', 'values that fit no column fail no fetch');
is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE badge_code IS NOT NULL OR plan IS NOT NULL)), 0, 'they are left out');
is_deeply([ $test->rows(q(SELECT DISTINCT p ->> 'field' AS field, p ->> 'code' AS code, p ->> 'message' AS message FROM stakesync.employee,
	jsonb_array_elements(problems) p WHERE p ->> 'field' IN ('floor', 'badge_code', 'plan', 'languages') ORDER BY 1)) ],
	[
		{ field => 'badge_code', code => 'bad_value', message => 'this is no value of type character varying(3)' },
		{ field => 'plan', code => 'bad_value', message => 'this is no value of type uuid' } ],
	'with a problem that holds no value');
ok($test->sql('SELECT count(*) FROM stakesync.employee WHERE floor IS NOT NULL') > 10, 'others are there');
ok(apply()->{updated} > 10, 'and are applied');
is($test->sql('SELECT count(*) FROM stakesync.employee e JOIN stakesync.link USING (connection, remote_id) JOIN stakesync.stakeholder s USING (stakeholder_id) '
	  . 'WHERE (e.floor, e.languages) IS DISTINCT FROM (s.floor, s.languages)'), $test->sql(q(SELECT count(*) FROM stakesync.employee e
	JOIN stakesync.link USING (connection, remote_id) WHERE shirt IS NULL AND (floor, languages) IS DISTINCT FROM (NULL, NULL))),
	'to all who are in scope');
is($test->sql(q(SELECT count(*) FROM stakesync.preview WHERE action = 'update')), 0, 'nothing is left to do');

# Other choices: the next fetch is a full one, and values that were none are taken
my $extra = $test->sql(q(SELECT count(*) FROM stakesync.employee WHERE problems @> '[{"field": "shirt"}]'));
$test->sql(q(ALTER TABLE stakesync.stakeholder DROP CONSTRAINT stakeholder_shirt_choices, ADD CHECK (shirt IN ('S', 'M', 'L', 'XL'))));
$fetch = $test->fetch;
is("$fetch->{state} $fetch->{mode}", 'done full', 'other choices make a full fetch');
ok($extra > 0 && $test->sql(q(SELECT count(*) FROM stakesync.employee WHERE shirt = 'XL')) == $extra, 'which brings the values that are choices now');

# Dropping: refused by name, then allowed
my $refusal = $test->refusal(q(SELECT stakesync_drop_field('shirt')));
is($refusal->{sqlstate}, '2BP01', 'a field in use is not dropped');
like($refusal->{message}, qr/used by condition 1 of connection merge, mapped from \$\.custom_fields\.shirt_size in connection merge, filled by hand for \w+ stakeholders?, used by view public\.shirts$/,
	'naming by what');
like($test->refusal(q(SELECT stakesync_unmap('shirt')))->{message}, qr/condition 1 of connection "merge" reads "shirt"/,
	'a field that a condition reads stays mapped');
like($refusal->{hint}, qr/^First: /, 'and saying what to type');
my $before = people('shirt IS NOT NULL');
my ($first) = $refusal->{hint} =~ /^First: (.*)/;
my @statements = $first =~ /([^;]+;)/g;
is(scalar @statements, 4, 'a statement for each');
$test->sql($statements[0]);
like(told($statements[1]), qr/"shirt" is not filled from connection "merge" any more.*The register keeps the values of \d+ stakeholders/s,
	'unmapping says what becomes of the values');
is(people('shirt IS NOT NULL'), $before, 'which is nothing');
is(field('shirt')->{filled_by_hand}, $before, 'they count as filled by hand');
is($test->sql(q(SELECT count(*) FROM pg_attribute WHERE attrelid = 'stakesync.employee'::regclass AND attname = 'shirt')), 0,
	'the employees have lost the column');
$test->sql($_) for @statements[ 2, 3 ];
like($test->refusal(q(SELECT stakesync_drop_field('shirt')))->{message}, qr/it is filled by hand for \d+ stakeholders$/,
	'values that HR brought are as if by hand') if people('shirt IS NOT NULL') > 0;
$test->sql('UPDATE stakesync.stakeholder SET shirt = NULL');
told(q(SELECT stakesync_drop_field('shirt')));
is($test->sql(q(SELECT count(*) FROM stakesync.field WHERE field = 'shirt')), 0, 'then it is gone');
is($test->fetch->{state}, 'done', 'and fetching goes on');
ok(defined apply()->{state}, 'and syncing');

# Fields that customers made at other systems, in the register of a company that had the field before its connection
sub humaans_path
{
	my ($name) = @_;
	my $answer = $sim->request(GET => '/api/custom-fields?%24limit=250', headers => { Authorization => 'Bearer humaans-test-token' });
	my ($field) = grep { $_->{name} eq $name } @{ from_json($answer->{body})->{data} };
	return qq(\$.custom."$field->{id}");
}

my %SYSTEM = (
	personio => {
		path => sub { '$.dynamic_2413.value' }, identifier => 'work_email',
		with => { credentials => { client_id => 'papi-test-client', client_secret => 'personio-test-secret' } } },
	humaans => {
		path => sub { humaans_path('Badge') }, identifier => 'employee_number',
		with => { credentials => { api_token => 'humaans-test-token' }, settings => { base_url => $sim->url . '/api' } } });
foreach my $name (sort keys %SYSTEM)
{
	my $system = StakesyncSystem->new($test, $name, %{ $SYSTEM{$name}{with} });
	my $path = $SYSTEM{$name}{path}->();

	$system->sql("SELECT stakesync_add_field('badge', label => 'Badge')");
	is($system->connect->{state}, 'connected', "$name: connected");
	$system->sql("SELECT stakesync_map('badge', '$path')");
	$system->sql("SELECT FROM stakesync_configure(identifier => '$SYSTEM{$name}{identifier}')");
	is($system->fetch->{state}, 'done', "$name: fetched");
	my $person = read_people($sim, $name);
	is_deeply(
		{ map { $_->{remote_id} => $_->{badge} } $system->rows('SELECT remote_id, badge FROM stakesync.employee') },
		{ map { $_ => $person->{$_}{custom}{badge} } keys %$person }, "$name: the values of the source");
	is($system->row('SELECT state FROM stakesync_apply(stakesync_plan(), force => true)')->{state}, 'applied', "$name: applied");
	my $field = $system->row(q(SELECT filled, filled_by_hr, mapped_from FROM stakesync.field WHERE field = 'badge'));
	is_deeply([ $field->{filled} > 20, $field->{filled} - $field->{filled_by_hr}, $field->{mapped_from} ], [ 1, 0, "$name: $path" ],
		"$name: into the register, and the overview says from where");
}

$test->stop;
done_testing();
