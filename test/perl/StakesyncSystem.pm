# One HR system in a database of its own: connecting it, and what became of its people
package StakesyncSystem;

use strict;
use warnings;
use parent 'StakesyncTest';
use StakesyncPeople qw(same_people);
use StakesyncSim::Json qw(from_json to_json);
use Test::More ();

# Zones that lie more than a day apart: the company's day is another one when it moves from one to the other
my $WEST = 'Etc/GMT+12';
my $EAST = 'Pacific/Kiritimati';

# Fields of the register that are called as those of an employee
my @REGISTER = qw(name personal_email address_line_1 address_line_2 zip_code city country birthdate group_name start_date
  termination_date employment_status employment_type team);

# Make the database. options: sim, and what connect takes as its defaults
sub new
{
	my ($class, $test, $database, %options) = @_;
	my $self = bless { %$test, database => $database, provider => $database, %options }, $class;

	$self->make_database;
	$self->sql('CREATE EXTENSION stakesync');
	return $self;
}

# Connect: provider, connection, method, credentials and settings beside base_url and a pace that nobody notices
sub connect
{
	my ($self, %given) = @_;
	my %options = (%$self, map { $_ => $given{$_} } grep { ref $given{$_} ne 'HASH' } keys %given);
	my ($credentials, $settings) = map { my $what = $_; +{ %{ $self->{$what} // {} }, %{ $given{$what} // {} } } } qw(credentials settings);
	my $method = defined $options{method} ? ", method => '$options{method}'" : '';

	delete @$credentials{ grep { !defined $credentials->{$_} } keys %$credentials };
	my @json = map { "'" . to_json($_) =~ s/'/''/gr . "'" } $credentials,
	  { base_url => $self->sim->url, requests_per_minute => 100000, %$settings };

	return $self->row("SELECT * FROM stakesync_connect('$options{provider}', $json[0], '"
		  . ($options{connection} // $options{provider}) . "', $json[1]$method, accept_terms => true)");
}

# Do something, and count the requests for paths meanwhile
sub counted
{
	my ($self, $path, $do) = @_;
	my $before = $self->asked($path);
	my $result = $do->();
	return ($self->asked($path) - $before, $result);
}

sub asked
{
	my ($self, $path) = @_;
	my $count = $self->sim->requests->{by_path};
	my $sum = 0;

	$sum += $count->{$_} for grep { $_ =~ $path } keys %$count;
	return $sum;
}

# The last requests for a path, the oldest first
sub requests
{
	my ($self, $path) = @_;
	return grep { $_->{path} =~ $path } @{ $self->sim->requests->{last} };
}

# The part of a fetch's row that the people decide
sub outcome
{
	my ($self, $row) = @_;
	return { map { $_ => $row->{$_} } qw(state mode added changed unchanged missing) };
}

# Why a fetch failed
sub failure
{
	my ($self, $row) = @_;
	return [ @$row{qw(state sqlstate message)} ];
}

# Everybody whom the source still shows
sub present { my ($self) = @_; return { $self->employees('missing_since IS NULL') } }

# Fields with their problems, by person
sub problems
{
	my ($self) = @_;
	return { map { $_->{remote_id} => { map { $_->{field} => $_->{code} } @{ $_->{problems} } } }
		  $self->rows('SELECT remote_id, problems FROM stakesync.employee WHERE problems IS NOT NULL') };
}

# What stakesync_check says, by item
sub check { my ($self) = @_; return { map { $_->{item} => $_ } $self->rows('SELECT * FROM stakesync_check()') } }

# The items that are not well
sub wrong_items
{
	my ($self) = @_;
	my $check = $self->check;
	return [ sort grep { defined $check->{$_}{ok} && !$check->{$_}{ok} } keys %$check ];
}

# A look at one person must come to what the fetch came to; path: what was asked, one for each stream
sub peek_is
{
	my ($self, $what, $id, $path) = @_;
	my $peek = from_json($self->sql("SELECT stakesync_peek('$id')"));
	my @fields = split /\n/, $self->sql('SELECT field FROM stakesync.mapping ORDER BY field');

	Test::More::is_deeply([ sort keys %{ $peek->{fields} } ], \@fields, "$what: all mapped fields");
	Test::More::is_deeply($peek->{asked}, $path, "$what: by what it asks for");
	return same_people("$what: as the fetch found them", { $id => $peek->{fields} }, { $id => $self->present->{$id} }, @fields);
}

# Why data is partial, of some fields
sub gaps
{
	my ($self, @fields) = @_;
	my $names = join ', ', map { "'$_'" } @fields;
	return { map { @$_{qw(field reason)} } $self->rows("SELECT field, reason FROM stakesync.data_gap WHERE field IN ($names)") };
}

# Keep the people as they are now, to compare with later
sub remember
{
	my ($self) = @_;
	$self->sql('DROP TABLE IF EXISTS public.before');
	$self->sql('CREATE TABLE public.before AS TABLE stakesync.employee');
	return;
}

# What has changed since of those who were there: id => field => new value
sub difference
{
	my ($self) = @_;
	my $row = q(to_jsonb(e) - '{record_hash,changed_at,first_seen_at,identifier_key,email_key,name_key,missing_since}'::text[]
		|| jsonb_build_object('missing', missing_since IS NOT NULL) AS row);

	return from_json($self->sql("SELECT coalesce(json_object_agg(remote_id, changed), '{}') FROM (
		SELECT remote_id, json_object_agg(key, n.row -> key) AS changed
		FROM (SELECT connection, remote_id, $row FROM public.before e) b
		JOIN (SELECT connection, remote_id, $row FROM stakesync.employee e) n USING (connection, remote_id)
		CROSS JOIN LATERAL jsonb_object_keys(n.row) AS key
		WHERE b.row -> key IS DISTINCT FROM n.row -> key GROUP BY remote_id) d"));
}

# Map a field by a row of one's own
sub map_field
{
	my ($self, $field, $path, $transform) = @_;
	my ($to, $by) = map { defined ? "'" . s/'/''/gr . "'" : 'NULL' } $path, $transform;

	$self->sql("INSERT INTO stakesync.mapping (connection, field, path, transform) SELECT connection, '$field', $to, $by FROM stakesync.connection
		ON CONFLICT (connection, field) DO UPDATE SET path = excluded.path, transform = excluded.transform, origin = 'user'");
	return;
}

sub unmap_field
{
	my ($self, $field) = @_;
	$self->sql("DELETE FROM stakesync.mapping WHERE field = '$field' AND origin = 'user'");
	return;
}

# The company's day: yesterday's west of everybody, or tomorrow's east of everybody
sub move_west
{
	my ($self) = @_;

	$self->{home} //= $self->sql('SELECT timezone FROM stakesync._company');
	return $self->move_to($WEST);
}

sub move_east { my ($self) = @_; return $self->move_to($EAST) }

sub move_to
{
	my ($self, $zone) = @_;

	$self->sql("UPDATE stakesync._company SET timezone = '$zone'");
	return $self->day_in($zone);
}

# Back to the zone before; that day is over, so everybody has to be read as new
sub move_home
{
	my ($self) = @_;

	$self->move_to($self->{home});
	$self->sql(q(UPDATE stakesync.employee SET record_hash = NULL));
	return $self->fetch(q(mode => 'full'));
}

sub day_in { my ($self, $zone) = @_; return $self->sql("SELECT (now() AT TIME ZONE '$zone')::date") }

sub east { my ($self) = @_; return $self->day_in($EAST) }

# Plan, apply, and return the row
sub sync { my ($self) = @_; return $self->row('SELECT * FROM stakesync_apply(stakesync_plan())') }

# Bring all who have not left into the register: what is there must be what is expected. identifier: the field
sub register
{
	my ($self, $expected, $identifier, %more) = @_;
	my @able = grep { $_->{employment_status} ne 'INACTIVE' } values %$expected;
	my %usable = map { $_->{$identifier} => $_ } grep { defined $_->{$identifier} } @able;
	my %counts = (unchanged => scalar keys %usable, excluded => keys(%$expected) - @able, invalid => @able - keys %usable);
	my (%register, %ought, $run);

	$self->sql(q(SELECT stakesync_sync_if('employment_status', '<>', '{INACTIVE}')));
	$run = $self->sync;
	Test::More::is_deeply([ @$run{qw(state created updated unchanged excluded invalid conflicts failed)} ],
		[ 'applied', $counts{unchanged}, 0, 0, @counts{qw(excluded invalid)}, 0, 0 ], 'those who can be told apart') or Test::More::diag(Test::More::explain($run));
	%register = map { $_->{identifier} => $_ } $self->rows(q(SELECT s.*, m.identifier AS manager FROM stakesync.stakeholder s
		LEFT JOIN stakesync.stakeholder m ON m.stakeholder_id = s.manager_id));
	foreach my $person (values %usable)
	{
		my $manager = defined $person->{manager} ? $expected->{ $person->{manager} } : undef;
		my $is_there = $manager && $manager != $person && defined $manager->{$identifier} && $usable{ $manager->{$identifier} };
		$ought{ $person->{$identifier} } = { %$person, email => $person->{work_email}, manager => $is_there ? $manager->{$identifier} : undef };
	}
	same_people('each field of everybody in the register', \%register, \%ought, 'email', @REGISTER, @{ $more{fields} // [] });
	Test::More::is_deeply({ map { @$_{qw(action people)} } $self->rows('SELECT action, people FROM stakesync.preview_summary WHERE people > 0') },
		{ map { $_ => $counts{$_} } grep { $counts{$_} } keys %counts }, 'then there is nothing to do');
	$run = $self->sync;
	Test::More::is_deeply([ @$run{qw(created updated)} ], [ 0, 0 ], 'and a second sync does nothing');
	return;
}

1;
