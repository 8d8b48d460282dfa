# Every way to misbehave, by name: a table that later issues add to
package StakesyncSim::Fault;

use strict;
use warnings;
use Compress::Zlib qw(crc32 memGzip Z_OK);
use Compress::Raw::Zlib ();
use Encode ();
use POSIX qw(strftime);
use StakesyncSim::Answer qw(answer_body set_header text_answer);
use StakesyncSim::Json qw(from_json to_json);

# name => [what it does (arguments), code that changes ($answer, $args, $request)]
my %FAULT = (
	status => [ 'another status (code, body, headers)', \&status ],
	retry_after => [ '429 with Retry-After (form: seconds, date, epoch or none; seconds; code)', \&retry_after ],
	rate_limit => [ '429 beyond so many requests in a time (max, per)', \&rate_limit ],
	html200 => [ 'a page of HTML with status 200', \&html200 ],
	empty200 => [ 'status 200 and no byte of body', \&empty200 ],
	no_content => [ 'status 204', \&no_content ],
	redirect => [ 'to another host (to, code)', \&redirect ],
	cut_body => [ 'close inside the body (at)', sub { cut(@_, 'close') } ],
	reset => [ 'TCP reset inside the body (at; -1: before the headers)', sub { cut(@_, 'reset') } ],
	wrong_length => [ 'Content-Length differs (by)', \&wrong_length ],
	no_length => [ 'no length at all, the end of the connection ends the body', \&no_length ],
	stall_before_headers => [ 'no byte until released', sub { $_[0]{stall} = 'before_headers' } ],
	stall_in_headers => [ 'half of the headers until released', sub { $_[0]{stall} = 'in_headers' } ],
	stall_in_body => [ 'part of the body until released (at)', sub { cut(@_, 'stall') } ],
	drip => [ 'so many bytes a second (rate)', sub { $_[0]{drip} = $_[1]{rate} // 1 } ],
	slow => [ 'late by so many milliseconds (ms)', sub { $_[0]{delay} = ($_[1]{ms} // 1000) / 1000 } ],
	close => [ 'Connection: close after the answer', sub { $_[0]{close} = 1 } ],
	chunked => [ 'chunked transfer coding (size)', sub { $_[0]{chunk} = $_[1]{size} // 1000 } ],
	bad_chunking => [ 'a chunk size that is no number (size)', \&bad_chunking ],
	gzip => [ 'Content-Encoding: gzip', \&gzip ],
	bad_gzip => [ 'Content-Encoding: gzip and plain bytes', sub { set_header($_[0], 'Content-Encoding', 'gzip') } ],
	gzip_bomb => [ 'little that unpacks to so many bytes (size)', \&gzip_bomb ],
	charset => [ 'the body in another encoding, declared (name) or not (declared: false)', \&charset ],
	ascii => [ 'everything beyond ASCII as \uXXXX', \&ascii ],
	pretty => [ 'line feeds and blanks between the records', \&pretty ],
	bom => [ 'a byte order mark first', sub { edit_body($_[0], sub { "\xef\xbb\xbf$_[0]" }) } ],
	bad_json => [ 'a semicolon where a comma belongs', \&bad_json ],
	other_shape => [ 'JSON of another shape (body)', \&other_shape ],
	invalid_utf8 => [ 'bytes that are no UTF-8 (record, field)', sub { spoil_text(@_, "\xff\xc3") } ],
	nul_escape => [ '\u0000 in a text (record, field)', sub { spoil_text(@_, '\\u0000') } ],
	lone_surrogate => [ 'half a surrogate pair (record, field)', sub { spoil_text(@_, '\\ud83d') } ],
	control_char => [ 'a raw control character in a text (record, field)', sub { spoil_text(@_, "\x01") } ],
	duplicate_keys => [ 'the same member twice (record, field)', \&duplicate_keys ],
	huge_number => [ 'a number beyond double (record, field, value)', \&huge_number ],
	deep => [ 'a member nested so deep (record, depth)', \&deep ],
	wrong_type => [ 'a member of another type (record, field, json)', \&wrong_type ],
	huge_record => [ 'one record of so many bytes (bytes)', \&huge_record ],
	huge_header => [ 'so many bytes of headers (bytes)', \&huge_header ],
	duplicate_record => [ 'the first record again at the end (times_over)', \&duplicate_record ],
	null_record => [ 'a null among the records', sub { push @{ $_[0]{records} }, 'null' if $_[0]{records} } ],
	missing_page => [ 'next leaves out a page (pages)', \&missing_page ],
	same_cursor => [ 'next is the same cursor again, for ever', \&same_cursor ],
	no_next => [ 'next is null although more would come', sub { $_[0]{renext}->('null') if $_[0]{renext} } ],
	absent_next => [ 'the member next is left out', \&absent_next ],
	empty_results => [ 'a list without records (keep_next)', \&empty_results ],
	short_page => [ 'fewer records than the page has (by)', \&short_page ],
	shifted_rows => [ 'before the answer the last so many of the list come first (by, kind: employee)', \&shifted_rows ],
	same_page => [ 'the first page whatever was asked for', \&same_page ],
	wrong_total => [ 'the announced total differs (by)', \&wrong_total ],
	no_total => [ 'the announced total is left out', \&no_total ],
	not_success => [ 'status 200 and success: false (body)', \&not_success ]);

# What systems call the number of records that there are, and the place of a page
my $TOTAL = qr/"(?:total|total_elements|totalItems|totalCount|count)":/;
my @PLACE = qw(offset $skip skip page cursor after paging);

sub names
{
	return map { $_ => $FAULT{$_}[0] } keys %FAULT;
}

sub exists_fault
{
	my ($name) = @_;
	return exists $FAULT{$name};
}

# Change an answer as the rule says
sub apply
{
	my ($answer, $rule, $request) = @_;
	$FAULT{ $rule->{fault} }[1]->($answer, $rule->{args}, $request, $rule);
	return $answer;
}

# Replace the answer altogether
sub become
{
	my ($answer, $other) = @_;
	delete @$answer{qw(records body head tail renext source)};
	@$answer{ keys %$other } = values %$other;
	return;
}

sub status
{
	my ($answer, $args) = @_;
	my $headers = $args->{headers} // {};
	my $is_json = !defined $args->{body} || $args->{body} =~ /^\s*[\[{]/;

	become($answer, text_answer($args->{code} // 500,
		$is_json ? 'application/json' : 'text/html', bytes($args->{body} // '{"detail":"simulated"}')));
	set_header($answer, $_, $headers->{$_}) for sort keys %$headers;
	return;
}

sub retry_after
{
	my ($answer, $args) = @_;
	my $seconds = $args->{seconds} // 1;
	my $form = $args->{form} // 'seconds';
	my $when = time + $seconds;

	status($answer, { code => $args->{code} // 429, body => '{"detail":"Request was throttled."}' });
	set_header($answer, 'Retry-After', $seconds) if $form eq 'seconds';
	set_header($answer, 'Retry-After', strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime $when)) if $form eq 'date';
	set_header($answer, 'X-RateLimit-Reset', $when) if $form eq 'epoch';
	return;
}

# Count what was let through and refuse the rest with the seconds to wait
sub rate_limit
{
	my ($answer, $args, $request, $rule) = @_;
	my $per = $args->{per} // 1;
	my $passed = $rule->{passed} //= [];

	@$passed = grep { $_ > $request->{at} - $per } @$passed;
	if (@$passed < ($args->{max} // 10)) { push @$passed, $request->{at} }
	else { retry_after($answer, { seconds => $per }) }
	return;
}

sub html200
{
	my ($answer) = @_;
	become($answer, text_answer(200, 'text/html; charset=utf-8',
		"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"));
	return;
}

sub empty200
{
	my ($answer) = @_;
	become($answer, text_answer(200, 'application/json', ''));
	return;
}

sub no_content
{
	my ($answer) = @_;
	become($answer, { status => 204, headers => [], body => '' });
	return;
}

sub redirect
{
	my ($answer, $args, $request) = @_;
	my $to = $args->{to} // 'http://other.invalid';

	$to .= $request->{target} if $to =~ m{^https?://[^/]+$};
	become($answer, { status => $args->{code} // 302, headers => [ [ 'Location', $to ] ], body => '' });
	return;
}

# Interrupt the body at a byte
sub cut
{
	my ($answer, $args, $request, $rule, $action) = (@_[0 .. 3], $_[-1]);
	my $at = $args->{at} // 100;

	if ($at < 0) { $answer->{abort} = $action }
	else { push @{ $answer->{events} }, [ $at, $action ] }
	return;
}

sub wrong_length
{
	my ($answer, $args) = @_;
	$answer->{length} = length(answer_body($answer)) + ($args->{by} // 100);
	$answer->{close} = 1;
	return;
}

sub no_length
{
	my ($answer) = @_;
	$answer->{length} = '';
	$answer->{close} = 1;
	return;
}

sub bad_chunking
{
	my ($answer, $args) = @_;
	$answer->{chunk} = $args->{size} // 1000;
	$answer->{bad_chunk} = 1;
	$answer->{close} = 1;
	return;
}

sub gzip
{
	my ($answer) = @_;
	edit_body($answer, sub { memGzip($_[0]) });
	set_header($answer, 'Content-Encoding', 'gzip');
	return;
}

# One deflated megabyte repeated: every block starts afresh, so that it may stand anywhere
sub gzip_bomb
{
	my ($answer, $args) = @_;
	my $block = 'a' x 1_000_000;
	my $blocks = int(($args->{size} // 1_000_000_000) / length $block) || 1;
	my ($head, $tail) = around_record($answer);
	my $sum = crc32($head);
	my $block_sum = crc32($block);

	$sum = Compress::Raw::Zlib::crc32_combine($sum, $block_sum, length $block) for 1 .. $blocks;
	$sum = Compress::Raw::Zlib::crc32_combine($sum, crc32($tail), length $tail);
	become($answer, text_answer(200, 'application/json',
		pack('H*', '1f8b0800000000000003') . deflate_part($head, 0)
		  . deflate_part($block, 0) x $blocks . deflate_part($tail, 1)
		  . pack('VV', $sum, (length($head) + length($tail) + $blocks * length $block) & 0xffffffff)));
	set_header($answer, 'Content-Encoding', 'gzip');
	return;
}

# What stands around the one text of the one record of a list
sub around_record
{
	my ($answer) = @_;
	my ($head, $tail) = ('{"next":null,"previous":null,"results":[', ']}');

	if ($answer->{records})
	{
		$answer->{renext}->('null') if $answer->{renext};
		($head, $tail) = @$answer{qw(head tail)};
	}
	return ($head . '{"id":"', '"}' . $tail);
}

sub deflate_part
{
	my ($bytes, $is_last) = @_;
	my ($deflater, $state) = Compress::Raw::Zlib::Deflate->new(
		-WindowBits => -Compress::Raw::Zlib::MAX_WBITS(), -AppendOutput => 1);
	my $out = '';

	$state == Z_OK or die "cannot deflate\n";
	$deflater->deflate($bytes, $out);
	$deflater->flush($out, $is_last ? Compress::Raw::Zlib::Z_FINISH() : Compress::Raw::Zlib::Z_FULL_FLUSH());
	return $out;
}

sub charset
{
	my ($answer, $args) = @_;
	my $name = $args->{name} // 'iso-8859-1';

	edit_body($answer, sub { Encode::encode($name, Encode::decode('UTF-8', $_[0])) });
	set_header($answer, 'Content-Type', "application/json; charset=$name") if $args->{declared} // 1;
	return;
}

sub ascii
{
	my ($answer) = @_;

	edit_body($answer, sub {
		my $text = Encode::decode('UTF-8', $_[0]);
		$text =~ s/([^\x00-\x7f])/escape_char(ord $1)/ge;
		return $text;
	});
	return;
}

sub escape_char
{
	my ($code) = @_;
	return sprintf '\\u%04x', $code if $code < 0x10000;
	$code -= 0x10000;
	return sprintf '\\u%04X\\u%04x', 0xd800 + ($code >> 10), 0xdc00 + ($code & 0x3ff);
}

sub pretty
{
	my ($answer) = @_;

	if ($answer->{records})
	{
		$_ = "\r\n\t  $_ \n" for @{ $answer->{records} };
		s/:/ :\n / for @$answer{qw(head tail)};
	}
	edit_body($answer, sub { "\n \t$_[0]\n\n" });
	return;
}

sub bad_json
{
	my ($answer) = @_;
	edit_body($answer, sub {
		my ($body) = @_;
		my $at = index $body, ',', int(length($body) / 2);
		substr($body, $at, 1) = ';' if $at >= 0;
		return $body;
	});
	return;
}

sub other_shape
{
	my ($answer, $args) = @_;
	become($answer, text_answer(200, 'application/json', bytes($args->{body} // '{"data":{"items":[{"id":1}]},"ok":true}')));
	return;
}

# Change one record of the page (record: its number from 1, 0 for all)
sub edit_record
{
	my ($answer, $args, $edit) = @_;
	my $number = $args->{record} // 1;
	my $records = $answer->{records};

	return edit_body($answer, $edit) unless $records;
	foreach my $i ($number ? $number - 1 : 0 .. $#$records)
	{
		$records->[$i] = $edit->($records->[$i]) if $i >= 0 && $i < @$records;
	}
	return;
}

sub edit_body
{
	my ($answer, $edit) = @_;
	$answer->{body} = $edit->(answer_body($answer));
	return;
}

# Put bytes at the start of a text
sub spoil_text
{
	my ($answer, $args, $poison) = (@_[0, 1], $_[-1]);
	my $field = defined $args->{field} ? quotemeta $args->{field} : 'first_?[nN]ame';

	edit_record($answer, $args, sub {
		my ($record) = @_;
		$record =~ s/("$field":(?:\{[^{}]*?"value":)?")/$1$poison/ or $record =~ s/("$field":)null/$1"$poison"/;
		return $record;
	});
	return;
}

sub duplicate_keys
{
	my ($answer, $args) = @_;
	my $field = $args->{field} // 'first_name';
	edit_record($answer, $args, sub { $_[0] =~ s/("\Q$field\E":)/"$field":"First of two",$1/r });
	return;
}

sub huge_number
{
	my ($answer, $args) = @_;
	my $field = $args->{field} // 'pay_rate';
	my $value = $args->{value} // '1e400';

	edit_record($answer, $args, sub {
		my ($record) = @_;
		$record =~ s/("\Q$field\E":)(?:null|-?[\d.eE+-]+)/$1$value/ or $record =~ s/^\{/{"$field":$value,/;
		return $record;
	});
	return;
}

sub deep
{
	my ($answer, $args) = @_;
	my $depth = $args->{depth} // 10_000;
	edit_record($answer, $args, sub { $_[0] =~ s/^\{/'{"deep":' . '[' x $depth . ']' x $depth . ','/er });
	return;
}

sub wrong_type
{
	my ($answer, $args) = @_;
	my $field = $args->{field} // 'first_name';
	my $json = bytes($args->{json} // '{"nested":[1,2,{"a":null}]}');
	my $value = qr/"(?:[^"\\]|\\.)*"|null|true|false|-?[\d.eE+-]+|\{[^{}]*\}/;

	edit_record($answer, $args, sub { $_[0] =~ s/("\Q$field\E":)$value/$1$json/r });
	return;
}

# Made while it is sent
sub huge_record
{
	my ($answer, $args) = @_;
	my $left = $args->{bytes} // 300_000_000;
	my @parts = around_record($answer);
	my $length = $left + length join '', @parts;

	become($answer, text_answer(200, 'application/json', ''));
	$answer->{length} = $length;
	$answer->{source} = sub {
		return shift @parts if @parts == 2 || !$left;
		my $size = $left > 65536 ? 65536 : $left;
		$left -= $size;
		return 'x' x $size;
	};
	return;
}

sub huge_header
{
	my ($answer, $args) = @_;
	my $left = $args->{bytes} // 1_000_000;

	for (my $i = 0; $left > 0; $i++, $left -= 8000)
	{
		push @{ $answer->{headers} }, [ "X-Padding-$i", 'p' x ($left > 8000 ? 8000 : $left) ];
	}
	return;
}

sub duplicate_record
{
	my ($answer, $args) = @_;
	my $records = $answer->{records} or return;
	push @$records, ($records->[0]) x ($args->{times_over} // 1) if @$records;
	return;
}

sub missing_page
{
	my ($answer, $args) = @_;
	$answer->{renext}->('skip', $args->{pages} // 1) if $answer->{renext};
	return;
}

sub same_cursor
{
	my ($answer) = @_;
	$answer->{renext}->('same') if $answer->{renext};
	return;
}

sub absent_next
{
	my ($answer) = @_;
	$answer->{head} =~ s/"next":(?:"[^"]*"|null),// if $answer->{head};
	return;
}

sub empty_results
{
	my ($answer, $args) = @_;
	$answer->{renext}->('null') if $answer->{renext} && !$args->{keep_next};
	$answer->{records} = [] if $answer->{records};
	return;
}

sub short_page
{
	my ($answer, $args) = @_;
	my $records = $answer->{records} or return;
	my $left = @$records - ($args->{by} // 1);

	splice @$records, $left < 0 ? 0 : $left;
	return;
}

# Somebody at the end of the list comes to its front: who is at the end of a page comes again on the next one
sub shifted_rows
{
	my ($answer, $args, $request) = @_;

	$request->{store}->rotate($args->{kind} // 'employee', $args->{by} // 1);
	ask_again($answer, $request);
	return;
}

# The parameters that say where a page begins are not looked at
sub same_page
{
	my ($answer, $args, $request) = @_;
	my %query = %{ $request->{query} };
	my %is_place = map { $_ => 1 } @PLACE;
	my $text = join '&', grep { !$is_place{ s/=.*//r =~ s/%24/\$/r } } split /&/, $request->{query_text};
	my $body = eval { from_json($request->{body}) };

	$query{paging} =~ s/^\d+/0/ if defined $query{paging};
	$text .= "&paging=$query{paging}" if defined $query{paging};
	delete @query{ grep { $_ ne 'paging' } @PLACE };
	if (ref $body eq 'HASH')
	{
		delete @$body{@PLACE};
		$body = bytes(to_json($body));
	}
	else { $body = $request->{body} }
	ask_again($answer, $request, query => \%query, query_text => $text, body => $body);
	return;
}

sub ask_again
{
	my ($answer, $request, %changed) = @_;
	my $other = $request->{ask}->(%changed);

	delete $other->{renext};
	become($answer, $other);
	return;
}

sub wrong_total
{
	my ($answer, $args) = @_;
	my $by = $args->{by} // 1;
	edit_frame($answer, sub { $_[0] =~ s/($TOTAL)(\d+)/$1 . ($2 + $by)/er });
	return;
}

sub no_total
{
	my ($answer) = @_;
	edit_frame($answer, sub { $_[0] =~ s/,$TOTAL\d+|$TOTAL\d+,?//r });
	return;
}

# Change what stands around the records
sub edit_frame
{
	my ($answer, $edit) = @_;

	if ($answer->{records}) { $_ = $edit->($_) for @$answer{qw(head tail)} }
	else { edit_body($answer, $edit) }
	return;
}

# As the system words it, where it has such answers
sub not_success
{
	my ($answer, $args) = @_;
	my $body = $args->{body} // $answer->{failure} // '{"success":false,"error":{"code":500,"message":"Something went wrong"}}';

	become($answer, text_answer(200, 'application/json', bytes($body)));
	return;
}

sub bytes
{
	my ($text) = @_;
	utf8::encode($text) if utf8::is_utf8($text);
	return $text;
}

1;
