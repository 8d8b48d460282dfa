# Prism for a test: serves a description, refuses requests that break it
package Prism;

use strict;
use warnings;
use Carp qw(croak);
use File::Temp ();
use POSIX ();
use Time::HiRes qw(sleep time);

my $PATIENCE = 60;

# Ends Prism when the test does, however that ends
my $UNTIL_STDIN_ENDS = '"$@" & prism=$!; read -r line; kill $prism; wait $prism 2>/dev/null';

# Start Prism on a description and wait until it listens
sub start
{
	my ($class, $document) = @_;
	my $self = bless { log => File::Temp->new(SUFFIX => '.log'), owner => $$ }, $class;

	pipe my $child_in, $self->{stdin} or croak "cannot make a pipe: $!";
	$self->{pid} = fork // croak "cannot fork: $!";
	run($child_in, $self->{log}->filename, $document) unless $self->{pid};
	close $child_in;
	$self->wait_for(qr/^.*Prism is listening on (http\S+)/m);
	($self->{url}) = $self->log =~ /Prism is listening on (http\S+)/;
	return $self;
}

sub run
{
	my ($in, $log, $document) = @_;

	open STDIN, '<&', $in or POSIX::_exit(126);
	open STDOUT, '>', $log or POSIX::_exit(126);
	open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
	exec 'sh', '-c', $UNTIL_STDIN_ENDS, 'sh', $ENV{CONTRACT_PRISM}, 'mock', '-h', '127.0.0.1', '-p', 0,
	  '--errors', $document
	  or POSIX::_exit(127);
}

sub url { return $_[0]{url} }

# All that Prism said, without colours
sub log
{
	my ($self) = @_;

	open my $file, '<:encoding(UTF-8)', $self->{log}->filename or croak "cannot read Prism's log: $!";
	local $/;
	my $text = readline($file) // '';
	return $text =~ s/\e\[[0-9;]*m//gr;
}

sub wait_for
{
	my ($self, $pattern) = @_;
	my $end = time + $PATIENCE;

	until ($self->log =~ $pattern)
	{
		croak "Prism never said $pattern:\n" . $self->log if time > $end;
		sleep 0.05;
	}
	return;
}

# Forget what was said so far
sub forget
{
	my ($self) = @_;
	$self->{from} = length $self->log;
	return;
}

# What Prism made of the requests since, once so many were accepted or none comes: [accepted, what it disliked]
sub verdict
{
	my ($self, $accepted) = @_;
	my $end = time + 5;
	my $verdict = $self->verdict_now;

	while ($verdict->[0] < ($accepted // 0) && time < $end)
	{
		sleep 0.05;
		$verdict = $self->verdict_now;
	}
	return $verdict;
}

sub verdict_now
{
	my ($self) = @_;
	my @lines = split /\n/, substr $self->log, $self->{from} // 0;
	my @accepted = grep { /The request passed the validation rules/ } @lines;
	# the level is padded; an address that Prism makes up may hold such a word too
	my @disliked = grep { /\s(?:error|warning|fatal)\s{2,}/ && !/Unable to find content for/ } @lines;

	return [ scalar @accepted, map { s/^.*?(?:error|warning|fatal)\s+//r } @disliked ];
}

# End Prism and wait until it is gone
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
