# A server between stakesync and Prism whose answers a test makes; keeps what passes
package Proxy;

use strict;
use warnings;
use Carp qw(croak);
use File::Temp ();
use IO::Handle;
use POSIX ();
use StakesyncSim;
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::Json qw(from_json to_json);
use StakesyncSim::Server;

# make: code that takes a request and how many of its path came before, returns an answer
sub start
{
	my ($class, $make) = @_;
	my $self = bless { calls => File::Temp->new(SUFFIX => '.calls'), owner => $$ }, $class;
	my (%seen, $server);

	$self->{calls}->autoflush(1);
	$server = StakesyncSim::Server->new(watch_stdin => 1, handler => sub {
		my ($request) = @_;
		my $answer = $make->($request, $seen{ $request->{path} }++ || 0);
		$self->note($request, $answer);
		return $answer;
	});
	$self->{port} = $server->port;
	pipe my $child_in, $self->{stdin} or croak "cannot make a pipe: $!";
	$self->{pid} = fork // croak "cannot fork: $!";
	$self->serve($server, $child_in) unless $self->{pid};
	close $child_in;
	close $server->{listener};
	return $self;
}

# Serve until the test ends; of its files only ours stay open, so that others see it end
sub serve
{
	my ($self, $server, $in) = @_;
	my %ours = map { fileno($_) => 1 } $server->{listener}, $self->{calls};

	open STDIN, '<&', $in or POSIX::_exit(126);
	$ours{$_} or POSIX::close($_) for 3 .. 255;
	eval { $server->run };
	POSIX::_exit(0);
}

sub note
{
	my ($self, $request, $answer) = @_;
	my $line = to_json({ call => "$request->{method} $request->{target}", status => $answer->{status},
		body => eval { from_json($answer->{body}) }, headers => $request->{headers} });

	utf8::encode($line);
	$self->{calls}->print("$line\n");
	return;
}

sub url { return "http://127.0.0.1:$_[0]{port}" }

# What passed: call, status, body as data
sub calls
{
	my ($self) = @_;

	open my $file, '<', $self->{calls}->filename or croak "cannot read the calls: $!";
	return map { from_json($_) } readline $file;
}

# The records of the lists that passed
sub records
{
	my ($self) = @_;
	return map { ref $_->{body} eq 'HASH' ? @{ $_->{body}{results} // [] } : () } $self->calls;
}

# Ask Prism what was asked here; the body comes as data
sub ask
{
	my ($prism, $request, %more) = @_;
	my $headers = $request->{headers};
	my $answer = StakesyncSim->connect($prism->url)->request($request->{method}, $request->{target}, headers => {
		Authorization => $headers->{authorization}, 'X-Account-Token' => $headers->{'x-account-token'},
		Accept => $headers->{accept}, %more });

	return { status => $answer->{status}, body => $answer->{body} eq '' ? undef : from_json($answer->{body}) };
}

# Give back what Prism answered, changed or not
sub pass_on
{
	my ($answer) = @_;
	return json_answer($answer->{status}, $answer->{body});
}

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
