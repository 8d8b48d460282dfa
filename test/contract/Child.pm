# A process that a test starts and that ends with it, however that ends
package Child;

use strict;
use warnings;
use Carp qw(croak);
use File::Temp ();
use IO::Handle;
use POSIX ();

# Run code in a process of its own; its standard input ends with us, file is for what it has to tell
sub launch
{
	my ($self, $run) = @_;

	$self->{file} = File::Temp->new;
	$self->{file}->autoflush(1);
	$self->{owner} = $$;
	pipe my $child_in, $self->{stdin} or croak "cannot make a pipe: $!";
	$self->{pid} = fork // croak "cannot fork: $!";
	$self->live($run, $child_in) unless $self->{pid};
	close $child_in;
	return $self;
}

sub live
{
	my ($self, $run, $in) = @_;

	open STDIN, '<&', $in or POSIX::_exit(126);
	eval { $run->() };
	POSIX::_exit(127);
}

# All that it has told so far
sub told
{
	my ($self) = @_;

	open my $file, '<', $self->{file}->filename or croak "cannot read what was told: $!";
	local $/;
	return readline($file) // '';
}

# End it and wait until it is gone
sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid};

	return if !$pid || $self->{owner} != $$;
	close $self->{stdin};
	local ($?, $!);
	waitpid $pid, 0;
	return;
}

sub DESTROY { $_[0]->stop; return }

1;
