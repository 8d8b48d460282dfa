# A server with stakesync and an HR simulator for a TAP test, and ways to ask them
package StakesyncTest;

use strict;
use warnings;
use Carp qw(croak);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StakesyncSim;
use StakesyncSim::Json qw(from_json to_json);
use Time::HiRes qw(time);

# What every server of a test is told
my $CONF = <<'EOT';
max_worker_processes = 16
stakesync.allowed_hosts = '127.0.0.1'
timezone = 'UTC'
log_statement = none
EOT

# Columns of employee that a test may compare by their text
my @BOOKKEEPING = qw(record_hash changed_at first_seen_at);

# Start both. conf: lines of configuration; sim: options of the simulator, 0 for
# none; connect: 0 to leave the company to the test; init: options of the cluster
sub start
{
	my ($class, $name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $self = bless { node => $node, database => $options{database} // 'postgres' }, $class;

	$node->init(extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ], %{ $options{init} // {} });
	$node->append_conf('postgresql.conf', $CONF . ($options{conf} // ''));
	$node->start;
	$self->make_database if $self->{database} ne 'postgres';
	$self->{sim} = $self->start_simulator(%{ $options{sim} // {} }) if $options{sim} // 1;
	$self->sql('CREATE EXTENSION stakesync');
	$self->connect if $self->{sim} && ($options{connect} // 1);
	return $self;
}

sub node { return $_[0]{node} }

sub sim { return $_[0]{sim} }

# Start a simulator that lives in the server's today
sub start_simulator
{
	my ($self, %options) = @_;
	return StakesyncSim->start(today => $self->sql('SELECT current_date'), %options);
}

# End both
sub stop
{
	my ($self) = @_;

	$self->{sim}->stop if $self->{sim};
	$self->{node}->stop('immediate') if -e $self->{node}->data_dir . '/postmaster.pid';
	return;
}

# Change settings of the server, and wait until whoever starts from now on has them
sub set
{
	my ($self, %value) = @_;

	$self->{node}->append_conf('postgresql.conf', join '', map { "$_ = '$value{$_}'\n" } sort keys %value);
	$self->{node}->reload;
	$self->wait_for("SELECT current_setting('$_') = '$value{$_}'") for sort keys %value;
	return;
}

# Make the test's own database, in which everything happens
sub make_database
{
	my ($self) = @_;
	$self->{node}->safe_psql('postgres', "CREATE DATABASE $self->{database}");
	return;
}

# Run SQL and return what it prints; an error ends the test
sub sql
{
	my ($self, $sql) = @_;
	my ($status, $out, $err) = $self->psql($sql);

	croak "$err\nin: $sql" if $status;
	return $out;
}

# Run SQL; returns status, output, errors and notices
sub psql
{
	my ($self, $sql, %options) = @_;

	utf8::encode($sql) if utf8::is_utf8($sql);
	return $self->{node}->psql($self->{database}, $sql, timeout => $PostgreSQL::Test::Utils::timeout_default, %options);
}

# Rows of a query, each a hash
sub rows
{
	my ($self, $query) = @_;
	my $json = $self->sql("SELECT coalesce(json_agg(row_to_json(r)), '[]') FROM ($query) r");
	return @{ from_json($json) };
}

sub row
{
	my ($self, $query) = @_;
	return ($self->rows($query))[0];
}

# The error that SQL ends with: sqlstate, message, hint
sub refusal
{
	my ($self, $sql) = @_;
	my ($status, $out, $err) = $self->psql("\\set VERBOSITY verbose\n$sql");
	return read_error($err);
}

sub read_error
{
	my ($err) = @_;
	my ($sqlstate, $message) = $err =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}): (.*)/;
	my ($hint) = $err =~ /^HINT:  (.*)/m;
	return { sqlstate => $sqlstate, message => $message, hint => $hint };
}

# Connect Merge at the simulator; settings and credentials are laid over the usual ones
sub connect
{
	my ($self, %options) = @_;
	my %credentials = (%StakesyncSim::CREDENTIALS, %{ $options{credentials} // {} });
	my %settings = (base_url => $self->{sim}->url, requests_per_minute => 100000, %{ $options{settings} // {} });
	my $connection = $options{connection} // 'merge';

	return $self->row('SELECT * FROM ' . connect_call($connection, \%credentials, \%settings));
}

# The call of stakesync_connect as SQL
sub connect_call
{
	my ($connection, $credentials, $settings) = @_;
	my ($secret, $set) = map { "'" . to_json($_) =~ s/'/''/gr . "'" } $credentials, $settings;
	return "stakesync_connect('merge', $secret, '$connection', $set, accept_terms => true)";
}

# Fetch and return the row
sub fetch
{
	my ($self, $arguments) = @_;
	return $self->row('SELECT * FROM stakesync_fetch(' . ($arguments // '') . ')');
}

# One row of fetch_run, the last unless told
sub fetch_run
{
	my ($self, $fetch_id) = @_;
	my $which = defined $fetch_id ? "WHERE fetch_id = $fetch_id" : 'ORDER BY fetch_id DESC LIMIT 1';
	return $self->row("SELECT * FROM stakesync.fetch_run $which");
}

# Employees as text, one line each with their place on disk: equal only if nobody was touched
sub picture
{
	my ($self) = @_;
	return $self->sql("SELECT md5(string_agg(concat_ws(' ', xmin, ctid, e), E'\\n' ORDER BY remote_id)) FROM stakesync.employee e");
}

# Employees by the simulator's id, without bookkeeping
sub employees
{
	my ($self, $condition) = @_;
	my @rows = $self->rows('SELECT * FROM stakesync.employee' . ($condition ? " WHERE $condition" : ''));

	delete @$_{@BOOKKEEPING} for @rows;
	return map { $_->{remote_id} => $_ } @rows;
}

# Wait until a query prints t; dies when it never does
sub wait_for
{
	my ($self, $query) = @_;
	$self->{node}->poll_query_until($self->{database}, $query) or croak "never came true: $query";
	return;
}

# Wait until a sub is true, without a server
sub wait_until
{
	my ($self, $is_so, $what) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;

	until ($is_so->())
	{
		croak "never came true: $what" if time > $end;
		select undef, undef, undef, 0.005;
	}
	return;
}

# Wait until the simulator holds back so many answers
sub wait_stalled
{
	my ($self, $count) = @_;
	$self->wait_until(sub { $self->{sim}->requests->{stalled} >= $count }, 'stalled answers');
	return;
}

# Start a session on its own that runs SQL and ends; finish tells how
sub begin
{
	my ($self, $sql) = @_;
	my $session = { out => '', err => '' };
	my @command = (
		$self->{node}->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=verbose',
		'-d', $self->{node}->connstr($self->{database}), '-c', $sql);

	$session->{run} = IPC::Run::start(\@command, '<', \undef, '>', \$session->{out}, '2>', \$session->{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $session;
}

# Wait for a session's end: what it printed, the error it ended with
sub finish
{
	my ($self, $session) = @_;

	$session->{run}->finish;
	return { out => $session->{out}, err => $session->{err}, %{ read_error($session->{err}) } };
}

# The worker of the fetch that runs
sub worker_pid
{
	my ($self) = @_;
	return $self->sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'stakesync fetch' ORDER BY backend_start DESC LIMIT 1");
}

# Part of the server's log from a place on
sub log_from
{
	my ($self, $offset) = @_;
	return slurp_file($self->{node}->logfile, $offset);
}

sub log_size { return -s $_[0]{node}->logfile }

1;
