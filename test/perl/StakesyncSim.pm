# Starts an HR simulator for a test and talks to it
package StakesyncSim;

use strict;
use warnings;
use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Handle;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use POSIX ();
use StakesyncSim::Json qw(from_json to_json);

my $SCRIPT = dirname(abs_path(__FILE__)) . '/hris-simulator';

# The credentials that the simulator takes at first
our %CREDENTIALS = (api_key => 'merge-test-key', account_token => 'merge-test-account');

# Start a simulator: the script's options with _ for -, as in people => 600, tls_cert => FILE
sub start
{
	my ($class, %options) = @_;
	my $self = bless { tls => defined $options{tls_cert}, host => '127.0.0.1', owner => $$ }, $class;
	my @arguments = map { my $name = tr/_/-/r; ("--$name", $options{$_}) } sort keys %options;
	my $said;

	pipe my $child_in, $self->{stdin} or croak "cannot make a pipe: $!";
	pipe $self->{stdout}, my $child_out or croak "cannot make a pipe: $!";
	$self->{pid} = fork // croak "cannot fork: $!";
	run_script($child_in, $child_out, @arguments) unless $self->{pid};
	close $_ for $child_in, $child_out;
	$said = readline $self->{stdout};
	($self->{port}) = ($said // '') =~ /^port (\d+)$/ or croak 'the simulator did not start';
	return $self;
}

sub run_script
{
	my ($in, $out, @arguments) = @_;

	open STDIN, '<&', $in or POSIX::_exit(126);
	open STDOUT, '>&', $out or POSIX::_exit(126);
	exec $^X, $SCRIPT, '--watch-stdin', @arguments or POSIX::_exit(127);
}

# Talk to a simulator that somebody else started
sub connect
{
	my ($class, $url) = @_;
	my ($scheme, $host, $port) = $url =~ m{^(https?)://([^:/]+):(\d+)} or croak 'not the address of a simulator';
	return bless { tls => $scheme eq 'https', host => $host, port => $port, owner => 0 }, $class;
}

sub port { return $_[0]{port} }

# What settings.base_url wants
sub url
{
	my ($self) = @_;
	return ($self->{tls} ? 'https' : 'http') . "://$self->{host}:$self->{port}";
}

# End the simulator and wait until it is gone
sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid};

	return if !$pid || $self->{owner} != $$;
	close $_ for delete @$self{qw(stdin stdout)};
	kill TERM => $pid;
	local ($?, $!);
	waitpid $pid, 0;
	return;
}

sub DESTROY { $_[0]->stop; return }

# GET, POST and DELETE of JSON; anything but 2xx dies
sub get { my ($self, $path) = @_; return $self->json_call(GET => $path) }

sub post { my ($self, $path, $data) = @_; return $self->json_call(POST => $path, $data // {}) }

sub delete { my ($self, $path) = @_; return $self->json_call(DELETE => $path) }

sub json_call
{
	my ($self, $method, $path, $data) = @_;
	my $body = defined $data ? to_json($data) : undef;
	my $answer;

	utf8::encode($body) if defined $body;
	$answer = $self->request($method, $path, body => $body);
	croak "$method $path: $answer->{status} $answer->{body}" unless $answer->{status} =~ /^2/;
	return $answer->{body} eq '' ? undef : from_json($answer->{body});
}

# Short forms of what tests do most, named as in the control API
sub hire { my ($self, %members) = @_; return $self->post('/control/hire', \%members) }

sub leave
{
	my ($self, $number, $date) = @_;
	return $self->post('/control/leave', { employee_number => $number, date => $date });
}

sub change
{
	my ($self, $number, %set) = @_;
	return $self->post('/control/change', { employee_number => $number, set => \%set });
}

# how: flag or vanish
sub remove
{
	my ($self, $number, $how) = @_;
	return $self->post('/control/remove', { employee_number => $number, how => $how // 'flag' });
}

# fault('status', code => 500, match => {page => 4}, times => -1)
sub fault
{
	my ($self, $name, %arguments) = @_;
	return $self->post('/control/fault', { %arguments, fault => $name });
}

sub clear_faults { my ($self) = @_; return $self->delete('/control/fault') }

# Other systems than Merge by their names: switch('hibob', per_minute => 3), scope('personio', omit => ['email'])
sub switch
{
	my ($self, $system, %values) = @_;
	return $self->post('/control/switch', { %values, provider => $system });
}

sub scope
{
	my ($self, $system, %scope) = @_;
	return $self->post('/control/scope', { %scope, provider => $system });
}

sub expire_tokens
{
	my ($self, $system) = @_;
	return $self->post('/control/expire_tokens', { provider => $system })->{$system};
}

# What a system takes for a login now
sub credentials
{
	my ($self, $system) = @_;
	return $self->get("/control/key?provider=$system");
}

# Log in where that takes a call of its own; returns the headers for further calls
sub login
{
	my ($self, $system) = @_;
	my $credentials = $self->credentials($system);

	return { Authorization => 'Basic ' . encode_base64("$credentials->{service_user_id}:$credentials->{token}", '') }
	  if $system eq 'hibob';
	return { Authorization => 'Bearer ' . $self->send_json('/v1/auth', $credentials)->{data}{token} } if $system eq 'personio';
	return { 'X-Session' => $self->send_json('/generic/login', $credentials)->{session}{key} } if $system eq 'generic';
	croak "no login of $system";
}

# POST with the type that systems want; anything but 2xx dies
sub send_json
{
	my ($self, $path, $data, %headers) = @_;
	my $body = to_json($data);
	my $answer;

	utf8::encode($body);
	$answer = $self->request(POST => $path, body => $body, headers => { 'Content-Type' => 'application/json', %headers });
	croak "POST $path: $answer->{status} $answer->{body}" unless $answer->{status} =~ /^2/;
	return from_json($answer->{body});
}

# POST of a form; gives the answer, whatever it is
sub send_form
{
	my ($self, $path, %form) = @_;
	return $self->request(POST => $path, body => join('&', map { "$_=" . escaped($form{$_}) } sort keys %form),
		headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
}

# Bytes percent-encoded
sub escaped
{
	my ($text) = @_;
	return $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger;
}

sub expect { my ($self) = @_; return $self->get('/control/expect') }

sub requests { my ($self) = @_; return $self->get('/control/requests') }

# One request on a connection of its own; credentials go with paths of a provider unless headers says otherwise
sub request
{
	my ($self, $method, $path, %options) = @_;
	my %headers = (Host => "$self->{host}:$self->{port}", Connection => 'close',
		$path =~ m{^/hris/} ? ('Authorization' => "Bearer $CREDENTIALS{api_key}",
			'X-Account-Token' => $CREDENTIALS{account_token}) : (),
		%{ $options{headers} // {} });
	my $body = $options{body} // '';
	my $lines = join '', map { "$_: $headers{$_}\r\n" } grep { defined $headers{$_} } sort keys %headers;

	$lines .= 'Content-Length: ' . length($body) . "\r\n" if $method ne 'GET';
	return parse_answer($self->raw("$method $path HTTP/1.1\r\n$lines\r\n$body"));
}

# Send bytes and return all that comes until the other side closes
sub raw
{
	my ($self, $bytes) = @_;
	my $socket = $self->open_socket;
	my $got = '';
	my $read;

	local $SIG{PIPE} = 'IGNORE';
	$socket->print($bytes);
	$socket->flush;
	do { $read = sysread $socket, $got, 65536, length $got } while $read;
	$self->{error} = defined $read ? '' : "$!";
	return $got;
}

sub open_socket
{
	my ($self) = @_;
	my $class = $self->{tls} ? 'IO::Socket::SSL' : 'IO::Socket::INET';

	require IO::Socket::SSL if $self->{tls};
	return $class->new(PeerAddr => $self->{host}, PeerPort => $self->{port},
		$self->{tls} ? (SSL_verify_mode => 0) : ())
	  || croak "cannot reach the simulator: $@";
}

# Split an answer; a chunked body is put together
sub parse_answer
{
	my ($text) = @_;
	my ($head, $body) = split /\r\n\r\n/, $text, 2;
	my ($first, @lines) = split /\r\n/, $head // '';
	my ($status) = ($first // '') =~ m{^HTTP/1\.1 (\d+)};
	my %headers = map { /^([^:]+): *(.*)$/ ? (lc $1, $2) : () } @lines;

	$body = join_chunks($body // '') if ($headers{'transfer-encoding'} // '') eq 'chunked';
	return { status => $status // 0, headers => \%headers, body => $body // '' };
}

sub join_chunks
{
	my ($framed) = @_;
	my $body = '';

	while ($framed =~ s/^([0-9a-f]+)\r\n//)
	{
		my $size = hex $1 or last;
		$body .= substr $framed, 0, $size + 2, '';
		substr($body, -2) = '';
	}
	return $body;
}

1;
