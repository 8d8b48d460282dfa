# What the simulated systems share: switches, credentials, tokens, limits, bodies, pages
package StakesyncSim::Rest;

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Exporter 'import';
use MIME::Base64 qw(decode_base64 encode_base64);
use POSIX qw(ceil);
use StakesyncSim::Answer qw(json_answer list_answer set_header);
use StakesyncSim::Json qw(from_json to_json);
use StakesyncSim::Store;

our @EXPORT_OK = qw(basic_login bearer_token encode_value form_body json_body json_bytes page_answer
  problem_answer query_values read_place row_numbers whole_number write_place);

# options: store, scheme (http or https), oauth (whose tokens may be taken)
sub new
{
	my ($class, %options) = @_;
	return bless {
		%options, switch => { $class->switches }, credentials => { $class->credentials },
		scope => {}, tokens => {}, tokens_given => 0, times => {}, cache => {}, cache_version => -1 }, $class;
}

# What control may change (name => value at the start), and what is taken for a login
sub switches { return () }

sub credentials { return () }

# For faults that wait for a page: the helper of pages notes the number
sub page_of { return $_[1]{page} // 1 }

# More of a provider's state for GET /control/requests
sub figures { return {} }

sub set_switches
{
	my ($self, %values) = @_;

	foreach my $name (sort keys %values)
	{
		exists $self->{switch}{$name}
		  or die "there is no switch $name; there are: " . join(', ', sort keys %{ $self->{switch} }) . "\n";
	}
	@{ $self->{switch} }{ keys %values } = values %values;
	return $self->{switch};
}

# Is a member kept from the account?
sub is_hidden
{
	my ($self, @names) = @_;
	return scalar grep { $self->{scope}{omit}{$_} } @names;
}

# The people there are, in the order of their list
sub people
{
	my ($self) = @_;
	return $self->kept(people => sub { [ grep { !$_->{gone} && !$_->{deleted} } @{ $self->{store}->list('employee') } ] });
}

# The person with an id, as the system numbers them
sub person_by_id
{
	my ($self, $id) = @_;
	return $self->kept(by_id => sub { +{ map { $self->id_of($_) => $_ } @{ $self->people } } })->{$id};
}

# Keep what was made until something changes
sub kept
{
	my ($self, $key, $make) = @_;
	my $version = $self->{store}{version};

	if ($self->{cache_version} != $version)
	{
		$self->{cache} = {};
		$self->{cache_version} = $version;
	}
	return $self->{cache}{$key} //= $make->();
}

# Give out a token; one owner gets the same again as long as it lasts. more: what is remembered with it
sub give_token
{
	my ($self, $owner, $seconds, %more) = @_;
	my $now = time;
	my ($token) = grep {
		my $given = $self->{tokens}{$_};
		$given->{owner} eq $owner && $given->{until} > $now
	} sort keys %{ $self->{tokens} };

	return $token if defined $token;
	$token = ($more{prefix} // '') . substr(md5_hex("$owner/" . ++$self->{tokens_given}), 0, 24);
	$self->{tokens}{$token} = { %more, owner => $owner, until => $now + $seconds, at => $now };
	return $token;
}

# What is known of a token: undef if it was never given, dead where its time is over
sub token
{
	my ($self, $token) = @_;
	my $given = defined $token ? $self->{tokens}{$token} : undef;
	return $given && { %$given, dead => $given->{until} <= time ? 1 : 0 };
}

# All tokens given so far are refused from now on
sub expire_tokens
{
	my ($self) = @_;
	my @alive = grep { $_->{until} > time } values %{ $self->{tokens} };

	$_->{until} = 0 for @alive;
	return scalar @alive;
}

# Count a request against so many in so many seconds; what is over it is not counted, 0 is no limit
sub count_limit
{
	my ($self, $request, $name, $max, $seconds) = @_;
	my $times = $self->{times}{$name} //= [];
	my $at = $request->{at};
	my $is_over;

	return { over => 0 } unless $max;
	@$times = grep { $_ > $at - $seconds } @$times;
	$is_over = @$times >= $max && !$request->{again};
	push @$times, $at unless $is_over || $request->{again};
	return {
		over => $is_over, limit => $max, remaining => $max > @$times ? $max - @$times : 0,
		reset => ceil($times->[0] + $seconds), wait => ceil($times->[0] + $seconds - $at) || 1 };
}

# Authorization headers
sub bearer_token
{
	my ($request) = @_;
	my ($token) = ($request->{headers}{authorization} // '') =~ /^Bearer (\S+)$/;
	return $token;
}

sub basic_login
{
	my ($request) = @_;
	my ($encoded) = ($request->{headers}{authorization} // '') =~ /^Basic ([A-Za-z0-9+\/=]+)$/ or return ();
	my ($user, $password) = split /:/, decode_base64($encoded), 2;
	return ($user, $password // '');
}

# The members of a form, undef where the body is none
sub form_body
{
	my ($request) = @_;
	my %form;

	return undef if media_type($request) ne 'application/x-www-form-urlencoded';
	foreach my $pair (split /&/, $request->{body} // '')
	{
		my ($name, $value) = map { decode_value($_) } split /=/, $pair, 2;
		$form{$name} = $value // '';
	}
	return \%form;
}

# A JSON body that says so, undef where it is none
sub json_body
{
	my ($request) = @_;
	return undef if media_type($request) ne 'application/json';
	return eval { from_json($request->{body}) };
}

sub media_type
{
	my ($request) = @_;
	my ($type) = split /\s*;/, $request->{headers}{'content-type'} // '';
	return lc($type // '');
}

# All values of a query parameter that may come several times
sub query_values
{
	my ($request, $name) = @_;
	my @values;

	foreach my $pair (split /&/, $request->{query_text} // '')
	{
		my ($key, $value) = map { decode_value($_) } split /=/, $pair, 2;
		push @values, $value // '' if ($key // '') eq $name;
	}
	return @values;
}

sub decode_value
{
	my ($text) = @_;

	$text =~ tr/+/ /;
	$text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	utf8::decode($text);
	return $text;
}

sub encode_value
{
	my ($text) = @_;
	return $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger;
}

# A number from a query: what was told within its bounds, the default where nothing was, undef where it is none
sub whole_number
{
	my ($text, $default, $min, $max) = @_;

	return $default unless defined $text;
	return undef if $text !~ /^\d{1,9}$/ || $text < $min || defined $max && $text > $max;
	return $text + 0;
}

# Places in a list as opaque cursors, full of characters that a query must encode
sub write_place
{
	my (%place) = @_;
	my $text = to_json(\%place);

	utf8::encode($text);
	$text = "\xfb\xef\xff$text";
	$text .= ' ' while length($text) % 3 != 1;
	return encode_base64($text, '');
}

sub read_place
{
	my ($cursor) = @_;
	my $text = $cursor =~ m{^[A-Za-z0-9+/]+=*$} ? decode_base64($cursor) : '';
	return $text =~ s/^\xfb\xef\xff// ? eval { from_json($text) } : undef;
}

# One page. rows: all that are wanted; from, size; encode: code that makes bytes of a row; frame: code that takes
# where the next page begins (undef at the end) and returns what stands before and after the records
sub page_answer
{
	my ($request, %list) = @_;
	my $rows = $list{rows};
	my $end = $list{from} + $list{size};
	my $next = $end < @$rows ? $end : undef;
	my @numbers = row_numbers(scalar @$rows, $list{from}, $list{size});
	my $answer = list_answer('', [ map { $list{encode}->($_) } @$rows[@numbers] ], '');

	# What faults use to make it point elsewhere
	$request->{page} = int($list{from} / $list{size}) + 1;
	$answer->{renext} = sub {
		my ($how, $pages) = @_;
		my $to = $how eq 'null' ? undef
		  : $how eq 'same' ? $list{from}
		  : $how eq 'skip' && defined $next ? $next + $list{size} * $pages
		  : $next;
		@$answer{qw(head tail)} = $list{frame}->($to);
	};
	$answer->{renext}->('own');
	return $answer;
}

# The numbers of the rows of a page
sub row_numbers
{
	my ($count, $from, $size) = @_;
	my $end = $from + $size < $count ? $from + $size : $count;
	return $from .. $end - 1;
}

sub json_bytes
{
	my ($data) = @_;
	my $json = to_json($data);

	utf8::encode($json);
	return $json;
}

# An error as RFC 9457 has it
sub problem_answer
{
	my ($status, $data) = @_;
	my $answer = json_answer($status, $data);

	set_header($answer, 'Content-Type', 'application/problem+json');
	return $answer;
}

1;
