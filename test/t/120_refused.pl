# Refused data of all twelve categories: after syncs of a source that carries it, it is nowhere
use strict;
use warnings;
use utf8;
use File::Find;
use PostgreSQL::Test::Utils;
use StakesyncSim::Json qw(from_json);
use StakesyncTest;
use Test::More;

my $test = StakesyncTest->start('refused', sim => { people => 60 }, conf => <<'EOT');
log_min_messages = debug5
log_error_verbosity = verbose
wal_keep_size = 1GB
wal_level = logical
EOT
my $sim = $test->sim;

# Names by category, with which members are planted
my %NAME = (
	ethnic_origin => [ 'ethnicity', 'Hautfarbe', 'origine ethnique', 'raza' ],
	political => [ 'politicalParty', 'Parteizugehörigkeit', 'opinione_politica' ],
	religion => [ 'religion', 'Konfession', 'kirchensteuerMerkmal', 'geloofsovertuiging' ],
	trade_union => [ 'union_member', 'Gewerkschaft', 'syndicat', 'vakbond' ],
	health => [ 'disability', 'Grad der Behinderung', 'arrêt maladie', 'tipo sanguíneo' ],
	biometric => [ 'fingerprint', 'Fingerabdruck', 'huellaDactilar' ],
	sex_life => [ 'sexualOrientation', 'Sexualleben', 'vida_sexual' ],
	criminal_record => [ 'backgroundCheck', 'Führungszeugnis', 'casier judiciaire' ],
	banking => [ 'iban', 'bankAccount', 'Kontonummer', 'compte_bancaire' ],
	credit_rating => [ 'credit_score', 'SCHUFA', 'solvencia' ],
	identity_document => [ 'passportNumber', 'Führerschein', 'codiceFiscale', 'CPF' ],
	us_ssn => [ 'ssn', 'Sozialversicherungsnummer', 'BSN', 'numeroSeguridadSocial' ]);

# Values by shape, in members of innocent names; the pieces by which they are searched for
my %SHAPE = (
	'pay to DE89 3704 0044 0532 0130 00' => [ '3704 0044', '37040044', 'DE89' ],
	'GB29NWBK60161331926819' => [ 'NWBK6016' ],
	'card 4111 1111 1111 1111' => [ '4111 1111', '41111111' ],
	'5555555555554444' => ['55555555'],
	'SSN 078051120' => ['078051120'],
	'457-55-5462' => ['457-55-5462']);
my $MARK = 'Tr7wq';
my $INNOCENT = 'Xv2kinnocent';
my @planted = map { @$_ } values %SHAPE;

# A value that is nowhere else
sub plant
{
	my $value = $MARK . @planted;
	push @planted, "$value-";
	return "$value-";
}

# Custom fields with all names, plain, in objects, in arrays
sub custom_fields
{
	my %field = (note => $INNOCENT);

	foreach my $name (map { @$_ } values %NAME)
	{
		$field{$name} = plant();
		$field{details}{$name} = { value => plant(), label => 'x' };
		push @{ $field{history} }, { $name => [ plant() ], since => '2024-01-01' };
	}
	return \%field;
}

# What is planted: names in three people, each shape in a member of one
my @numbers = map { $_->{employee_number} } grep { $_->{employment_status} eq 'ACTIVE' && ($_->{employee_number} // '') =~ /^0/ }
  @{ $sim->get('/hris/v1/employees?page_size=100')->{results} };
my @shapes = sort keys %SHAPE;
my @members = qw(job_title first_name street_1 city personal_email display_full_name);
$sim->change($numbers[$_], custom_fields => custom_fields()) for 0 .. 2;
$sim->change($numbers[3 + $_], $members[$_] => $shapes[$_], custom_fields => { note => $shapes[$_], list => [ 'x', $shapes[$_] ] }) for 0 .. $#shapes;

# Places that are searched

sub dump_text
{
	my $dump = $test->node->basedir . '/dump.sql';
	command_ok([ 'pg_dump', '--file', $dump, '--inserts', $test->node->connstr('postgres') ], 'dumped');
	return slurp_file($dump);
}

# All files of the server but its configuration, with whatever lies in them
sub files_text
{
	my ($below) = @_;
	my @text;

	$test->sql('CHECKPOINT; SELECT pg_switch_wal()');
	find(sub { push @text, slurp_file($_) if -f $_ && !/^postmaster/ }, $test->node->data_dir . "/$below");
	return join "\n", @text;
}

# Which of the planted values are there
sub found
{
	my ($text) = @_;
	return [ grep { index($text, $_) >= 0 } @planted ];
}

sub is_clean
{
	my ($when) = @_;
	my %place = (dump => dump_text(), WAL => files_text('pg_wal'), tables => files_text('base'));

	foreach my $place (sort keys %place)
	{
		is_deeply(found($place{$place}), [], "$when: nothing refused in the $place");
		cmp_ok(index($place{$place}, $INNOCENT), '>=', 0, "$when: what is innocent is in the $place");
	}
	is_deeply(found(slurp_file($test->node->logfile)), [], "$when: nothing refused in the log");
	return;
}

# Fields that would take it all
$test->sql("SELECT stakesync_add_field('$_')") for qw(note everything);
$test->sql("SELECT stakesync_add_field('list', 'text[]')");
$test->sql(q(SELECT stakesync_map('note', '$.custom_fields.note')));
$test->sql(q(SELECT stakesync_map('list', '$.custom_fields.list[*]')));
$test->sql(q(SELECT stakesync_map('everything', '$.custom_fields.** ? (@.type() == "string")', 'join')));

# Names: refused when mapped, whatever leads there
foreach my $category (sort keys %NAME)
{
	foreach my $name (@{ $NAME{$category} })
	{
		my $message = $test->refusal(qq(SELECT stakesync_map('note', '\$.custom_fields."$name"')))->{message};

		utf8::decode($message);
		is($message, qq(field "note" is refused: "$name" tells of $category), "$name is refused");
	}
}
like($test->refusal(q(SELECT stakesync_map('note', '$.custom_fields.details ?? $.custom_fields.** ? (@.iban != "").x')))->{message},
	qr/"iban" tells of banking/, 'inside a jsonpath too');
like($test->refusal(q(SELECT stakesync_map('note', '$.custom_fields.history[*].since', 'pick(iban, "x")')))->{message},
	qr/"iban" tells of banking/, 'and in a transform');
is($test->refusal(q(SELECT stakesync_add_field('union_member')))->{message},
	'field "union_member" is refused: its name tells of trade_union', 'no field of that name');

# A mapping by hand reads nothing
$test->sql('ALTER TABLE stakesync.stakeholder ADD COLUMN faithful text; ALTER TABLE stakesync.employee ADD COLUMN faithful text');
$test->sql(q(INSERT INTO stakesync.mapping (connection, field, path) VALUES ('merge', 'faithful', '$.custom_fields.religion')));

# A whole sync, and another one after a change
$test->sql("SELECT FROM stakesync_configure(identifier => 'employee_number')");
my $fetch = $test->fetch;
is($fetch->{state}, 'done', 'fetched') or diag($fetch->{message});
is($test->sql('SELECT count(faithful) FROM stakesync.employee'), 0, 'a mapping by hand reads nothing');
my @problems = $test->rows(q(SELECT p ->> 'field' AS field, p ->> 'message' AS message FROM stakesync.employee e, jsonb_array_elements(problems) p
	WHERE p ->> 'code' = 'refused' ORDER BY 1));
is(scalar @problems, 6 * 4 + 1, 'each value is a problem: in its member, a full name made of it, note, list, everything') or diag(explain(\@problems));
is_deeply([ sort keys %{ { map { $_->{message} => 1 } @problems } } ],
	[ map { "the value looks like $_, which is refused; remove it at the source" } qw(banking us_ssn) ], 'which names the category');
is($test->row('SELECT * FROM stakesync_apply(stakesync_plan(), force => true)')->{state}, 'applied', 'applied');
$test->sql('SELECT * FROM stakesync.preview; SELECT * FROM stakesync.preview_change; SELECT * FROM stakesync.data_gap');
is($test->sql("SELECT count(*) FROM stakesync.stakeholder WHERE note = '$INNOCENT' AND everything LIKE '%$INNOCENT%'"), 3, 'what is innocent came');
is_clean('after a sync');
$sim->change($numbers[0], city => 'Bern', custom_fields => custom_fields());
$sim->change($numbers[10], job_title => $shapes[0]);
is($test->fetch(q(mode => 'full'))->{state}, 'done', 'fetched again');
is($test->row('SELECT * FROM stakesync_apply(stakesync_plan(), force => true)')->{state}, 'applied', 'applied again');
is_clean('after a second sync');

# A failed fetch says no value either
foreach my $fault (qw(bad_json invalid_utf8 other_shape))
{
	$sim->fault($fault, match => { path => '/employees' }, times => -1);
	isnt($test->fetch(q(mode => 'full'))->{state}, 'done', "a fetch that fails: $fault");
	$sim->clear_faults;
}
is_clean('after a fetch that failed');

# Hands: the register refuses, and its error says nothing
my ($status, $out, $err) = $test->psql(q(UPDATE stakesync.stakeholder SET note = 'pay to DE89 3704 0044 0532 0130 00'));
like($err, qr/a value for column "note" looks like banking, which is refused/, 'a hand is refused');
unlike($err, qr/3704/, 'without the value');
is_deeply(found(slurp_file($test->node->logfile)), [], 'the log has no statement of it');

# An exception lets in one category, in one field, from one connection
$test->sql(q(SELECT stakesync_allow_sensitive('banking', 'note', 'expenses', current_date + 30, connection => 'merge')));
is($test->fetch->{mode}, 'full', 'an exception makes the next fetch a full one');
is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE note LIKE '%3704%' OR note LIKE '%4111%' OR note LIKE '%NWBK%' OR note LIKE '5555%')), 4,
	'banking came into the field');
is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE note LIKE '%078%' OR note LIKE '457%')), 0, 'nothing else did');
is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE job_title LIKE '%3704%')), 0, 'nor into another field');
is($test->row('SELECT * FROM stakesync_apply(stakesync_plan(), force => true)')->{state}, 'applied', 'the register takes it');
is($test->sql(q(SELECT count(*) FROM stakesync.stakeholder WHERE note LIKE '%3704%')), 1, 'from the connection');
like($test->refusal(q(UPDATE stakesync.stakeholder SET note = 'DE89 3704 0044 0532 0130 00' WHERE note IS NULL))->{message}, qr/refused/, 'but from no hand');
$test->sql(q(SELECT stakesync_allow_sensitive('religion', 'faithful', 'payroll', current_date + 30)));
$test->fetch;
is($test->sql(q(SELECT count(faithful) FROM stakesync.employee)), 3, 'and a path is let in by its category');
$test->sql('SELECT FROM stakesync_apply(stakesync_plan(), force => true)');

# One that expired lets in no more; what came stays
$test->sql(<<'EOT');
ALTER TABLE stakesync.sensitive_exception DISABLE TRIGGER stakesync_guard;
UPDATE stakesync.sensitive_exception SET until = now() - interval '1 second';
ALTER TABLE stakesync.sensitive_exception ENABLE TRIGGER stakesync_guard;
EOT
is($test->fetch->{mode}, 'full', 'its end makes the next fetch a full one');
is($test->sql(q(SELECT count(*) FROM stakesync.employee WHERE problems @> '[{"field": "note", "code": "refused"}]')), 6, 'refused again');
is($test->sql(q(SELECT count(*) FROM stakesync.stakeholder WHERE note LIKE '%3704%')), 1, 'what came stays');

# Revoking erases
($status, $out, $err) = $test->psql(q(SELECT stakesync_revoke_sensitive('banking', 'note')));
like($err, qr/NOTICE:  \d+ values of field "note" were erased/, 'revoking says how much it erases') or diag($err);
cmp_ok($out, '>=', 12, 'which is all: of employees, register and history');
($status, $out, $err) = $test->psql(q(SELECT stakesync_revoke_sensitive('religion', 'faithful')));
is($out, 9, 'all values that came by a path are erased') or diag($err);
is($test->sql(qq(SELECT count(*) FROM stakesync.stakeholder WHERE note = '$INNOCENT')), 3, 'what is innocent stays');
is_deeply(found(dump_text()), [], 'nothing of it is left in a dump');
is($test->fetch->{state}, 'done', 'fetched');
is_deeply(found(dump_text()), [], 'nor after a fetch');

$test->stop;
done_testing();
