# An answer, and the steps in which it goes over the wire; faults change either
package StakesyncSim::Answer;

use strict;
use warnings;
use Exporter 'import';
use StakesyncSim::Json qw(to_json);

our @EXPORT_OK = qw(json_answer text_answer list_answer answer_body answer_steps set_header);

# An answer is {status, headers, body} and what faults add:
#   records, head, tail   the body of a list in parts (body is undef then)
#   length                Content-Length, where it is not the body's; '' leaves it out
#   source                code that returns the next piece of the body, undef at its end
#   delay, stall, events  seconds before the first byte; before_headers or in_headers; [offset, action] in the body
#   abort                 close, reset or stall in place of an answer
#   drip, chunk, bad_chunk, close
my %REASON = (
	200 => 'OK', 201 => 'Created', 202 => 'Accepted', 204 => 'No Content', 301 => 'Moved Permanently',
	302 => 'Found', 307 => 'Temporary Redirect', 308 => 'Permanent Redirect', 400 => 'Bad Request',
	401 => 'Unauthorized', 403 => 'Forbidden', 404 => 'Not Found', 405 => 'Method Not Allowed',
	408 => 'Request Timeout', 409 => 'Conflict', 429 => 'Too Many Requests',
	431 => 'Request Header Fields Too Large', 500 => 'Internal Server Error',
	502 => 'Bad Gateway', 503 => 'Service Unavailable', 504 => 'Gateway Timeout');

sub json_answer
{
	my ($status, $data) = @_;
	my $body = to_json($data);

	utf8::encode($body);
	return text_answer($status, 'application/json', $body);
}

sub text_answer
{
	my ($status, $type, $body) = @_;
	return { status => $status, headers => [ [ 'Content-Type', $type ] ], body => $body };
}

# A list whose records are JSON bytes already
sub list_answer
{
	my ($head, $records, $tail) = @_;
	return {
		status => 200, headers => [ [ 'Content-Type', 'application/json' ] ],
		head => $head, records => $records, tail => $tail };
}

# The whole body as bytes; from here on the answer is no list
sub answer_body
{
	my ($answer) = @_;

	if ($answer->{records})
	{
		$answer->{body} = $answer->{head} . join(',', @{ $answer->{records} }) . $answer->{tail};
		delete $answer->{records};
	}
	return $answer->{body} // '';
}

sub set_header
{
	my ($answer, $name, $value) = @_;

	$answer->{headers} = [ grep { lc $_->[0] ne lc $name } @{ $answer->{headers} } ];
	push @{ $answer->{headers} }, [ $name, $value ] if defined $value;
	return;
}

# Cut the answer into the steps that the server plays
sub answer_steps
{
	my ($answer, $is_head_only) = @_;
	my $body = $answer->{source} ? '' : answer_body($answer);
	my @steps;

	$body = frame_chunks($answer, $body) if $answer->{chunk};
	push @steps, [ wait => $answer->{delay} ] if $answer->{delay};
	return (@steps, [ $answer->{abort} ]) if $answer->{abort};
	push @steps, head_steps($answer, length $body);
	push @steps, body_steps($answer, $body) unless $is_head_only;
	push @steps, ['close'] if $answer->{close};
	return @steps;
}

sub head_steps
{
	my ($answer, $length) = @_;
	my $head = head_text($answer, $length);
	my $stall = $answer->{stall} // '';
	my $half = int(length($head) / 2);

	return ([ data => $head ]) if $stall eq '';
	return (['stall'], [ data => $head ]) if $stall eq 'before_headers';
	return ([ data => substr($head, 0, $half) ], ['stall'], [ data => substr($head, $half) ]);
}

sub head_text
{
	my ($answer, $length) = @_;
	my $reason = $REASON{ $answer->{status} } // 'Unknown';
	my @headers = @{ $answer->{headers} };

	if ($answer->{chunk}) { push @headers, [ 'Transfer-Encoding', 'chunked' ] }
	elsif (($answer->{length} // 'own') ne '' && $answer->{status} != 204)
	{
		push @headers, [ 'Content-Length', $answer->{length} // $length ];
	}
	push @headers, [ 'Connection', 'close' ] if $answer->{close};
	return join "\r\n", "HTTP/1.1 $answer->{status} $reason", (map { "$_->[0]: $_->[1]" } @headers), '', '';
}

# The body with the events that interrupt it
sub body_steps
{
	my ($answer, $body) = @_;
	my @steps;
	my $at = 0;

	return ([ source => $answer->{source} ]) if $answer->{source};
	foreach my $event (sort { $a->[0] <=> $b->[0] } @{ $answer->{events} // [] })
	{
		my ($offset, $action) = @$event;
		$offset = length $body if $offset > length $body;
		push @steps, piece_step($answer, substr($body, $at, $offset - $at)), [$action];
		$at = $offset;
	}
	push @steps, piece_step($answer, substr($body, $at));
	return @steps;
}

sub piece_step
{
	my ($answer, $piece) = @_;
	return () if $piece eq '';
	return $answer->{drip} ? [ drip => $piece, $answer->{drip} ] : [ data => $piece ];
}

# Chunked framing; bad_chunk spoils the size line in the middle
sub frame_chunks
{
	my ($answer, $body) = @_;
	my @pieces = unpack "(a$answer->{chunk})*", $body;
	my $middle = int(@pieces / 2);
	my $framed = '';

	for my $i (0 .. $#pieces)
	{
		my $size = sprintf '%x', length $pieces[$i];
		$size = 'zz' if $answer->{bad_chunk} && $i == $middle;
		$framed .= "$size\r\n$pieces[$i]\r\n";
	}
	return "${framed}0\r\n\r\n";
}

1;
