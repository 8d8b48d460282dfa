# An HTTP/1.1 server in one process: each connection plays its answer's steps and never waits for another's
package StakesyncSim::Server;

use strict;
use warnings;
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_LINGER TCP_NODELAY);
use StakesyncSim::Answer qw(answer_steps json_answer);
use Time::HiRes ();

my $MAX_HEAD = 65536;
my $MAX_BUFFER = 8_000_000;
my $PIECE = 262_144;

# handler: code that takes a request and returns an answer
sub new
{
	my ($class, %options) = @_;
	my $self = bless {
		%options, connections => {},
		stats => { accepted => 0, open => 0, max_open => 0, in_flight => 0, max_in_flight => 0, bytes_sent => 0 },
	}, $class;

	$self->{listener} = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => $options{port} // 0, Listen => 256,
		ReuseAddr => 1, Proto => 'tcp', Blocking => 0)
	  or die "cannot listen: $@\n";
	$self->{read} = IO::Select->new($self->{listener});
	$self->{read}->add(\*STDIN) if $options{watch_stdin};
	$self->{write} = IO::Select->new;
	return $self;
}

sub port
{
	my ($self) = @_;
	return $self->{listener}->sockport;
}

# Serve until told to stop
sub run
{
	my ($self) = @_;

	local $SIG{PIPE} = 'IGNORE';
	local $SIG{TERM} = sub { $self->{stop} = 1 };
	until ($self->{stop})
	{
		my ($readable, $writable) = IO::Select->select($self->{read}, $self->{write}, undef, $self->patience);
		$self->serve($readable // [], $writable // []);
	}
	$self->drop($_) for values %{ $self->{connections} };
	close $self->{listener};
	return;
}

sub serve
{
	my ($self, $readable, $writable) = @_;

	foreach my $socket (@$readable)
	{
		if ($socket == $self->{listener}) { $self->accept_all }
		elsif ($socket == \*STDIN) { $self->read_stdin }
		else { $self->on_readable($socket) }
	}
	$self->on_writable($_) for @$writable;
	$self->wake_up;
	return;
}

# Seconds until the next connection wants to go on
sub patience
{
	my ($self) = @_;
	my $next;

	foreach my $connection (values %{ $self->{sleeping} })
	{
		$next = $connection->{wake} if !defined $next || $connection->{wake} < $next;
	}
	return 1 unless defined $next;
	$next -= Time::HiRes::time();
	return $next > 0 ? $next : 0;
}

sub wake_up
{
	my ($self) = @_;
	my $now = Time::HiRes::time();

	foreach my $connection (values %{ $self->{sleeping} })
	{
		next if $connection->{wake} > $now;
		delete $self->{sleeping}{ $connection->{id} };
		$self->play($connection);
	}
	return;
}

# The one who started us has gone
sub read_stdin
{
	my ($self) = @_;
	my $got = sysread STDIN, my $ignored, 4096;
	$self->{stop} = 1 if !$got;
	return;
}

sub accept_all
{
	my ($self) = @_;

	while (my $socket = $self->{listener}->accept)
	{
		my $stats = $self->{stats};
		my $connection = { id => ++$stats->{accepted}, socket => $socket, in => '', out => '', steps => [] };

		$socket->blocking(0);
		setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
		$socket = $connection->{socket} = $self->start_tls($connection) or next if $self->{tls};
		$self->{connections}{ fileno $socket } = $connection;
		$self->{read}->add($socket);
		$stats->{open}++;
		$stats->{max_open} = $stats->{open} if $stats->{open} > $stats->{max_open};
	}
	return;
}

# The handshake goes on in later events
sub start_tls
{
	my ($self, $connection) = @_;

	$connection->{handshake} = 1;
	return IO::Socket::SSL->start_SSL($connection->{socket},
		SSL_server => 1, SSL_startHandshake => 0, %{ $self->{tls} });
}

sub shake_hands
{
	my ($self, $connection) = @_;
	my $socket = $connection->{socket};

	$self->{write}->remove($socket);
	if ($socket->accept_SSL) { delete $connection->{handshake} }
	elsif ($IO::Socket::SSL::SSL_ERROR == IO::Socket::SSL::SSL_WANT_WRITE()) { $self->{write}->add($socket) }
	elsif ($IO::Socket::SSL::SSL_ERROR != IO::Socket::SSL::SSL_WANT_READ()) { $self->drop($connection) }
	return !$connection->{handshake} && !$connection->{dropped};
}

sub on_readable
{
	my ($self, $socket) = @_;
	my $connection = $self->{connections}{ fileno($socket) // -1 } or return;

	return if $connection->{handshake} && !$self->shake_hands($connection);
	while (1)
	{
		my $got = sysread $socket, $connection->{in}, 65536, length $connection->{in};
		last if !defined $got && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
		return $self->drop($connection) if !$got || length $connection->{in} > $MAX_BUFFER;
		last if !$self->{tls} && $got < 65536;
	}
	$self->play($connection) unless $connection->{busy};
	return;
}

sub on_writable
{
	my ($self, $socket) = @_;
	my $connection = $self->{connections}{ fileno($socket) // -1 } or return;

	return if $connection->{handshake} && !$self->shake_hands($connection);
	$self->play($connection);
	return;
}

# Go on with the answer; at its end with the next request
sub play
{
	my ($self, $connection) = @_;

	until ($connection->{dropped} || $self->{sleeping}{ $connection->{id} } || $connection->{stalled})
	{
		if (length $connection->{out}) { $self->push_out($connection) or last }
		elsif (@{ $connection->{steps} }) { $self->take_step($connection) }
		else { $self->end_answer($connection); $self->next_request($connection) or last }
	}
	return;
}

# Write what the socket takes; false when it takes no more now
sub push_out
{
	my ($self, $connection) = @_;
	my $socket = $connection->{socket};
	my $at = $connection->{written} //= 0;
	my $sent = syswrite $socket, $connection->{out}, $PIECE, $at;

	if (!defined $sent)
	{
		if ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR) { $self->{write}->add($socket) }
		else { $self->drop($connection) }
		return 0;
	}
	$self->{stats}{bytes_sent} += $sent;
	$connection->{written} += $sent;
	if ($connection->{written} >= length $connection->{out})
	{
		$connection->{out} = '';
		$connection->{written} = 0;
		$self->{write}->remove($socket);
	}
	return 1;
}

# The steps: data, source, drip, wait, stall, close, reset
sub take_step
{
	my ($self, $connection) = @_;
	my $step = shift @{ $connection->{steps} };
	my ($what, $value, $rate) = @$step;

	if ($what eq 'data') { $connection->{out} = $value }
	elsif ($what eq 'source') { $self->take_piece($connection, $step) }
	elsif ($what eq 'drip') { $self->drip($connection, $value, $rate) }
	elsif ($what eq 'wait') { $self->sleep_on($connection, $value) }
	elsif ($what eq 'stall') { $connection->{stalled} = 1 }
	else { $self->drop($connection, $what eq 'reset') }
	return;
}

sub take_piece
{
	my ($self, $connection, $step) = @_;
	my $piece = $step->[1]->();

	return unless defined $piece;
	$connection->{out} = $piece;
	unshift @{ $connection->{steps} }, $step;
	return;
}

# A few bytes, then a rest
sub drip
{
	my ($self, $connection, $bytes, $rate) = @_;
	my $size = int($rate / 20) || 1;
	my $rest = substr $bytes, $size < length $bytes ? $size : length $bytes;

	$connection->{out} = substr $bytes, 0, $size;
	unshift @{ $connection->{steps} }, [ wait => $size / $rate ], [ drip => $rest, $rate ] if $rest ne '';
	return;
}

sub sleep_on
{
	my ($self, $connection, $seconds) = @_;
	$connection->{wake} = Time::HiRes::time() + $seconds;
	$self->{sleeping}{ $connection->{id} } = $connection;
	return;
}

# Let the stalled answers go on; returns how many there were
sub release
{
	my ($self) = @_;
	my @stalled = grep { $_->{stalled} } values %{ $self->{connections} };

	delete $_->{stalled} for @stalled;
	$self->sleep_on($_, 0) for @stalled;
	return scalar @stalled;
}

sub count_stalled
{
	my ($self) = @_;
	return scalar grep { $_->{stalled} } values %{ $self->{connections} };
}

sub end_answer
{
	my ($self, $connection) = @_;
	$self->{stats}{in_flight}-- if delete $connection->{busy};
	return;
}

# Take the next request out of the buffer; false when none is complete
sub next_request
{
	my ($self, $connection) = @_;
	my $request = $self->read_request($connection) or return 0;
	my $stats = $self->{stats};
	my $answer;

	$connection->{busy} = 1;
	$stats->{in_flight}++;
	$stats->{max_in_flight} = $stats->{in_flight} if $stats->{in_flight} > $stats->{max_in_flight};
	$answer = $request->{refuse} // eval { $self->{handler}->($request) };
	if (!$answer)
	{
		print STDERR "simulator: $@";
		$answer = json_answer(500, { detail => 'the simulator failed' });
	}
	$answer->{close} = 1 if $request->{refuse} || ($request->{headers}{connection} // '') =~ /\bclose\b/i;
	$connection->{steps} = [ answer_steps($answer, $request->{method} eq 'HEAD') ];
	return 1;
}

sub read_request
{
	my ($self, $connection) = @_;
	my $end = index $connection->{in}, "\r\n\r\n";
	my $request;
	my $length;

	if ($end < 0)
	{
		return undef if length $connection->{in} <= $MAX_HEAD;
		$connection->{in} = '';
		return { method => 'GET', headers => {}, refuse => json_answer(431, { detail => 'too many headers' }) };
	}
	$request = parse_head(substr $connection->{in}, 0, $end);
	$length = $request->{headers}{'content-length'} // 0;
	$self->say_continue($connection, $request);
	return undef if length($connection->{in}) < $end + 4 + $length;
	$request->{body} = substr $connection->{in}, $end + 4, $length;
	$request->{connection} = $connection->{id};
	substr($connection->{in}, 0, $end + 4 + $length) = '';
	return $request;
}

sub say_continue
{
	my ($self, $connection, $request) = @_;

	return if ($request->{headers}{expect} // '') !~ /100-continue/i || $connection->{continued}++;
	syswrite $connection->{socket}, "HTTP/1.1 100 Continue\r\n\r\n";
	return;
}

# Request line, headers in lower case, query decoded as forms are: + is a blank
sub parse_head
{
	my ($head) = @_;
	my ($first, @lines) = split /\r\n/, $head;
	my ($method, $target) = ($first // '') =~ m{^([A-Z]+) (/\S*) HTTP/1\.[01]$};
	my %headers;

	return { method => 'GET', headers => {}, refuse => json_answer(400, { detail => 'not HTTP' }) } unless defined $method;
	foreach my $line (@lines)
	{
		my ($name, $value) = $line =~ /^([^:\s]+):\s*(.*?)\s*$/ or next;
		$headers{ lc $name } = $value;
	}
	my ($path, $query) = split /\?/, $target, 2;
	return {
		method => $method, target => $target, path => decode_percent($path), query_text => $query // '',
		query => parse_query($query // ''), headers => \%headers, at => Time::HiRes::time() };
}

sub parse_query
{
	my ($text) = @_;
	my %query;

	foreach my $pair (split /&/, $text)
	{
		my ($name, $value) = map { tr/+/ /r } split /=/, $pair, 2;
		$query{ decode_percent($name) } = decode_percent($value // '');
	}
	return \%query;
}

sub decode_percent
{
	my ($text) = @_;
	$text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	return $text;
}

# Close a connection, with a reset where the other side shall notice
sub drop
{
	my ($self, $connection, $with_reset) = @_;
	my $socket = $connection->{socket};
	my $number = fileno $socket;

	return if $connection->{dropped}++;
	$self->end_answer($connection);
	$self->{stats}{open}--;
	$self->{$_}->remove($socket) for qw(read write);
	delete $self->{sleeping}{ $connection->{id} };
	delete $self->{connections}{$number} if defined $number;
	setsockopt($socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $with_reset;
	if ($self->{tls}) { $socket->close(SSL_no_shutdown => $with_reset ? 1 : 0) }
	else { close $socket }
	return;
}

1;
