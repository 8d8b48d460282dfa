# Counts the requests: by path and status, the last ones in full, and how thick and fast they came to each system
package StakesyncSim::Counter;

use strict;
use warnings;

my $KEEP_REQUESTS = 200;
my %SECRET = map { $_ => 1 } qw(authorization x-account-token x-session cookie proxy-authorization);

sub new
{
	my ($class) = @_;
	my $self = bless {}, $class;

	$self->forget;
	return $self;
}

sub forget
{
	my ($self) = @_;
	$self->{asked} = { total => 0, by_path => {}, by_status => {} };
	$self->{system} = {};
	$self->{last} = [];
	return;
}

# Note the start of a request; busy: the connections that still wait for an answer or receive one
sub begin
{
	my ($self, $request, $name, @busy) = @_;
	my $system = $self->{system}{$name} //= { total => 0, by_status => {}, in_flight => {}, started => {} };
	my %is_busy = map { $_ => 1 } @busy;

	note_window($system, $request->{at}, max_per_second => 1);
	note_window($system, $request->{at}, max_per_minute => 60);
	delete @{ $_->{in_flight} }{ $request->{connection} // 0 } for values %{ $self->{system} };
	delete @{ $system->{in_flight} }{ grep { !$is_busy{$_} } keys %{ $system->{in_flight} } };
	$system->{in_flight}{ $request->{connection} // 0 } = 1;
	keep_highest($system, max_in_flight => scalar keys %{ $system->{in_flight} });
	return;
}

# The highest number of starts within any such time
sub note_window
{
	my ($system, $at, $what, $seconds) = @_;
	my $started = $system->{started}{$what} //= [];

	shift @$started while @$started && $started->[0] <= $at - $seconds;
	push @$started, $at;
	keep_highest($system, $what, scalar @$started);
	return;
}

sub keep_highest
{
	my ($system, $what, $value) = @_;
	$system->{$what} = $value if $value > ($system->{$what} // 0);
	return;
}

# Count a request with its answer and keep the last ones without their secrets
sub remember
{
	my ($self, $request, $name, $answer) = @_;
	my $path = path_name($request->{path});
	my %headers = map { $_ => $SECRET{$_} ? '(set)' : $request->{headers}{$_} } keys %{ $request->{headers} };
	my $status = $answer->{abort} ? $answer->{abort} : $answer->{status};

	$self->{asked}{total}++;
	$self->{asked}{by_path}{$path}++;
	$self->{asked}{by_status}{$status}++;
	$self->{system}{$name}{total}++;
	$self->{system}{$name}{by_status}{$status}++;
	push @{ $self->{last} }, {
		system => $name, method => $request->{method}, path => $path, query => $request->{query},
		headers => \%headers, page => $request->{page}, status => $status, at => $request->{at},
		connection => $request->{connection}, faults => $request->{faults} // [] };
	shift @{ $self->{last} } if @{ $self->{last} } > $KEEP_REQUESTS;
	return;
}

# A path without the ids in it and without what is secret
sub path_name
{
	my ($path) = @_;

	$path =~ s{(?<=/account-token/).*}{{token}};
	$path =~ s{/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}(?=/|$)}{/{id}}g;
	$path =~ s{/(?:(?:w-)?\d+|[0-9A-Za-z]{24})(?=/|$)}{/{id}}g;
	return $path;
}

sub report
{
	my ($self) = @_;
	my %systems;

	foreach my $name (keys %{ $self->{system} })
	{
		my $system = $self->{system}{$name};
		$systems{$name} = { map { $_ => $system->{$_} // 0 } qw(total by_status max_per_second max_per_minute max_in_flight) };
	}
	return { %{ $self->{asked} }, last => $self->{last}, systems => \%systems };
}

1;
