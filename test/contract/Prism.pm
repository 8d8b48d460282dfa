# Prism for a test: serves a description, refuses requests that break it
package Prism;

use strict;
use warnings;
use parent 'Child';
use Carp qw(croak);
use POSIX ();
use StakesyncSim;
use StakesyncSim::Json qw(from_json);
use Time::HiRes qw(sleep time);

my $PATIENCE = 60;

# Headers of a transfer, not of what is asked
my @HOP = qw(host connection content-length transfer-encoding accept-encoding expect);

# Ends Prism when the test does, however that ends
my $UNTIL_STDIN_ENDS = '"$@" & prism=$!; read -r line; kill $prism; wait $prism 2>/dev/null';

# Start Prism on a description. below: what its servers have before its paths, as /v1
sub start
{
	my ($class, $document, %options) = @_;
	my $self = bless { below => $options{below} // '' }, $class;

	return $self->launch(sub {
		open STDOUT, '>', $self->{file}->filename or POSIX::_exit(126);
		open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
		exec 'sh', '-c', $UNTIL_STDIN_ENDS, 'sh', $ENV{CONTRACT_PRISM}, 'mock', '-h', '127.0.0.1', '-p', 0, '--errors', $document;
	});
}

# Where it listens, once it does
sub url
{
	my ($self) = @_;

	$self->{url} //= $self->wait_for(qr/^.*Prism is listening on (http\S+)/m);
	return $self->{url};
}

# All that Prism said, without colours
sub log
{
	my ($self) = @_;
	my $text = $self->told;

	utf8::decode($text);
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
	return $self->log =~ $pattern ? $1 : undef;
}

# Ask what a request asks, with further headers; status and body as data
sub ask
{
	my ($self, $request, %more) = @_;
	my %headers = (%{ $request->{headers} // {} }, %more);
	my $target = $request->{target};
	my $answer;

	delete @headers{@HOP};
	$target =~ s/^\Q$self->{below}\E// or croak "$target is not below $self->{below}";
	$answer = StakesyncSim->connect($self->url)->request($request->{method}, $target,
		headers => { Authorization => undef, 'X-Account-Token' => undef, %headers }, body => $request->{body});
	return { status => $answer->{status}, body => $answer->{body} eq '' ? undef : from_json($answer->{body}) };
}

# The status of a call: [method, target, headers, body]
sub status
{
	my ($self, $method, $target, $headers, $body) = @_;
	return $self->ask({ method => $method, target => $target, headers => $headers, body => $body })->{status};
}

# Forget what was said so far
sub forget
{
	my ($self) = @_;

	$self->url;
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

# What Prism disliked since
sub disliked
{
	my ($self) = @_;
	my ($accepted, @disliked) = @{ $self->verdict };
	return \@disliked;
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

1;
