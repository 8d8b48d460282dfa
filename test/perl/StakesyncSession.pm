# A test's server that is asked in one session: quick where there is much to ask. What one statement sets the next one finds
package StakesyncSession;

use strict;
use warnings;
use parent 'StakesyncTest';
use IPC::Run ();
use PostgreSQL::Test::Utils;

# Run SQL; returns status, output, errors and notices. After an error the statements behind it are run all the same
sub psql
{
	my ($self, $sql) = @_;
	my $session = $self->{session} //= $self->open_session;
	my $mark = 'asked ' . ++$session->{asked};
	my @said;

	utf8::encode($sql) if utf8::is_utf8($sql);
	$session->{timeout}->start;
	$session->{in} .= "$sql\n;\n\\echo $mark\n\\warn $mark\n";
	$session->{run}->pump until $session->{out} =~ /^$mark$/m && $session->{err} =~ /\b$mark$/m;
	@said = @$session{qw(out err)};
	@$session{qw(out err)} = ('', '');
	s/^(?:.*: )?$mark\n//m for @said;
	chomp $said[0];
	return ($said[1] =~ /^(?:psql:<stdin>:\d+: )?(?:ERROR|FATAL): /m ? 3 : 0, @said);
}

sub open_session
{
	my ($self) = @_;
	my $timeout = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	my $session = { in => '', out => '', err => '', asked => 0, timeout => $timeout };
	my @command = ($self->node->installed_command('psql'), '-XAtq', '-d', $self->node->connstr($self->{database}), '-f', '-');

	$session->{run} = IPC::Run::start(\@command, '<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err},
		$timeout);
	return $session;
}

# End the session, then the rest
sub stop
{
	my ($self) = @_;
	my $session = delete $self->{session};

	if ($session)
	{
		$session->{in} .= "\\q\n";
		$session->{run}->finish;
	}
	return $self->SUPER::stop;
}

1;
