# A server between stakesync and Prism whose answers a test makes; keeps what passes
package Proxy;

use strict;
use warnings;
use parent 'Child';
use POSIX ();
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::Json qw(from_json to_json);
use StakesyncSim::Server;

# make: code that takes a request and how many of its path came before, returns an answer
sub start
{
	my ($class, $make) = @_;
	my $self = bless {}, $class;
	my (%seen, $server);

	$server = StakesyncSim::Server->new(watch_stdin => 1, handler => sub {
		my ($request) = @_;
		my $answer = $make->($request, $seen{ $request->{path} }++ || 0);
		$self->note($request, $answer);
		return $answer;
	});
	$self->{port} = $server->port;
	$self->launch(sub { $self->serve($server) });
	close $server->{listener};
	return $self;
}

# Serve until the test ends; of its files only ours stay open, so that others see it end
sub serve
{
	my ($self, $server) = @_;
	my %ours = map { fileno($_) => 1 } $server->{listener}, $self->{file};

	$ours{$_} or POSIX::close($_) for 3 .. 255;
	$server->run;
	POSIX::_exit(0);
}

# Answer by path: pairs of a pattern and who answers, a Prism or code
sub route
{
	my @routes = @_;

	return sub {
		my ($request, @before) = @_;

		for (my $i = 0; $i < @routes; $i += 2)
		{
			my $who = $routes[ $i + 1 ];
			next if $request->{path} !~ $routes[$i];
			return ref $who eq 'CODE' ? $who->($request, @before) : pass_on($who->ask($request));
		}
		return json_answer(404, { detail => 'nobody answers here' });
	};
}

# Give back what Prism answered, changed or not
sub pass_on
{
	my ($answer) = @_;
	return json_answer($answer->{status}, $answer->{body});
}

sub note
{
	my ($self, $request, $answer) = @_;
	my $line = to_json({ call => "$request->{method} $request->{target}", path => $request->{path}, sent => $request->{body},
		status => $answer->{status}, body => eval { from_json($answer->{body}) }, headers => $request->{headers} });

	utf8::encode($line);
	$self->{file}->print("$line\n");
	return;
}

sub url { return "http://127.0.0.1:$_[0]{port}" }

# What passed: call, path, sent, headers, status, body as data; of some paths only
sub calls
{
	my ($self, $path) = @_;
	return grep { !defined $path || $_->{path} =~ $path } map { from_json($_) } split /\n/, $self->told;
}

# The good answers to calls of some paths
sub bodies
{
	my ($self, $path) = @_;
	return map { $_->{status} == 200 ? $_->{body} : () } $self->calls($path);
}

1;
