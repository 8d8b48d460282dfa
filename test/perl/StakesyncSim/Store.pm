# The objects that a simulated HR system holds: ids, time stamps, lists in a stable order
package StakesyncSim::Store;

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use POSIX qw(strftime);
use Time::HiRes ();
use Time::Local qw(timegm);

# An object is {kind, id, seq, created, modified, deleted, f}: times in microseconds, f its members
sub new
{
	my ($class, %options) = @_;
	my $seed = $options{seed} // 1;

	return bless {
		seed => $seed,
		state => hex(substr(md5_hex("seed $seed"), 0, 8)) || 1,
		today => parse_day($options{today} // strftime('%Y-%m-%d', gmtime)),
		lists => {},
		by_id => {},
		last_touch => 0,
		version => 0,
	}, $class;
}

# Draw a number from 0 to n - 1 (xorshift, the same everywhere)
sub below
{
	my ($self, $n) = @_;
	my $x = $self->{state};

	$x ^= ($x << 13) & 0xffffffff;
	$x ^= $x >> 17;
	$x ^= ($x << 5) & 0xffffffff;
	$self->{state} = $x;
	return $n < 1 ? 0 : $x % $n;
}

# Is true in so many of 1000 draws
sub chance
{
	my ($self, $permille) = @_;
	return $self->below(1000) < $permille;
}

sub pick
{
	my ($self, @items) = @_;
	return $items[$self->below(scalar @items)];
}

sub shuffle
{
	my ($self, @items) = @_;
	for (my $i = @items - 1; $i > 0; $i--)
	{
		my $j = $self->below($i + 1);
		@items[$i, $j] = @items[$j, $i];
	}
	return @items;
}

# Derive a uuid from seed, kind and number
sub uuid
{
	my ($self, $kind, $number) = @_;
	my $hex = md5_hex("$self->{seed}/$kind/$number");

	substr($hex, 12, 1) = '4';
	substr($hex, 16, 1) = substr('89ab', hex(substr($hex, 16, 1)) % 4, 1);
	return join '-', unpack('A8 A4 A4 A4 A12', $hex);
}

# Add an object at the end of its list
sub add
{
	my ($self, $kind, $members, %options) = @_;
	my $list = $self->{lists}{$kind} //= [];
	my $created = $options{created} // $self->past_moment(2000);
	my $object = {
		kind => $kind,
		id => $options{id} // $self->uuid($kind, scalar @$list),
		seq => scalar @$list,
		created => $created,
		modified => $options{modified} // $created + $self->below(86_400_000_000),
		deleted => 0,
		f => $members,
	};

	push @$list, $object;
	$self->{by_id}{ $object->{id} } = $object;
	$self->{version}++;
	return $object;
}

sub list
{
	my ($self, $kind) = @_;
	return $self->{lists}{$kind} //= [];
}

sub get
{
	my ($self, $id) = @_;
	return defined $id ? $self->{by_id}{$id} : undef;
}

# Note a change made now; the clock is the real one because clients compare it with theirs
sub touch
{
	my ($self, @objects) = @_;
	my $now = now_micros();

	$now = $self->{last_touch} + 1 if $now <= $self->{last_touch};
	$self->{last_touch} = $now;
	$_->{modified} = $now for @objects;
	$self->{version}++;
	return $now;
}

# Move the last so many objects of a list to its front, or the first ones to its end where the number is negative
sub rotate
{
	my ($self, $kind, $by) = @_;
	my $list = $self->list($kind);

	@$list = $by < 0 ? (@$list[ -$by .. $#$list ], @$list[ 0 .. -$by - 1 ]) : (splice(@$list, -$by), @$list) if @$list;
	$list->[$_]{seq} = $_ for 0 .. $#$list;
	$self->{version}++;
	return;
}

# Take an object away without a trace
sub vanish
{
	my ($self, $object) = @_;
	$object->{gone} = 1;
	delete $self->{by_id}{ $object->{id} };
	$self->{version}++;
	return;
}

# Choose a moment some days ago, never in the real future
sub past_moment
{
	my ($self, $days) = @_;
	my $day = $self->{today} < int(time / 86400) ? $self->{today} : int(time / 86400);

	return ($day - 2 - $self->below($days)) * 86_400_000_000
	  + $self->below(86_400) * 1_000_000 + $self->below(1_000_000);
}

sub now_micros
{
	return int(Time::HiRes::time() * 1_000_000);
}

# Days since 1970 of an ISO date
sub parse_day
{
	my ($text) = @_;
	$text =~ /^(\d{4})-(\d\d)-(\d\d)/ or die "not a date: YYYY-MM-DD is wanted\n";
	return int(timegm(0, 0, 0, $3, $2 - 1, $1) / 86400);
}

# A day as the date-time that Merge makes of it
sub day_text
{
	my ($day, $with_micros) = @_;
	my @t = gmtime($day * 86400);
	return sprintf('%04d-%02d-%02dT00:00:00%sZ',
		$t[5] + 1900, $t[4] + 1, $t[3], $with_micros ? '.000000' : '');
}

# A moment; whole seconds come without a fraction
sub moment_text
{
	my ($micros) = @_;
	my $fraction = $micros % 1_000_000;
	my $text = strftime('%Y-%m-%dT%H:%M:%S', gmtime(int($micros / 1_000_000)));
	return $text . ($fraction ? sprintf('.%06d', $fraction) : '') . 'Z';
}

# Microseconds of a date or date-time with a zone; undef when it is neither
sub parse_moment
{
	my ($text) = @_;
	my ($y, $m, $d, $time, $h, $min, $s, $fraction, $zone) = $text =~
	  /^(\d{4})-(\d\d)-(\d\d)(T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/
	  or return undef;
	my $seconds = eval { timegm($s // 0, $min // 0, $h // 0, $d, $m - 1, $y) };

	return undef unless defined $seconds;
	if (($zone // 'Z') =~ /^([+-])(\d\d):?(\d\d)$/)
	{
		$seconds -= "${1}1" * ($2 * 3600 + $3 * 60);
	}
	return $seconds * 1_000_000 + int(($fraction // 0) * 1_000_000 + 0.5);
}

1;
