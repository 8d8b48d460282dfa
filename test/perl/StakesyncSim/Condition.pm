# Conditions as BambooHR's datasets take them: status in ('Active', 'Inactive') and hireDate ge '2024-01-01'
package StakesyncSim::Condition;

use strict;
use warnings;
use Exporter 'import';
use StakesyncSim::Words qw(sortable);

our @EXPORT_OK = qw(compile_condition);

my %COMPARE = (
	eq => sub { $_[0] eq $_[1] }, ne => sub { $_[0] ne $_[1] }, lt => sub { $_[0] lt $_[1] },
	le => sub { $_[0] le $_[1] }, gt => sub { $_[0] gt $_[1] }, ge => sub { $_[0] ge $_[1] });

# Code that takes a reader of fields and says whether the condition holds, or what is wrong with the text.
# type_of: code that knows a field's type: options, number, date or text; undef where there is no such field
sub compile_condition
{
	my ($text, $type_of) = @_;
	my (@token, @parts, %word);

	return sub { 1 } if !defined $text || $text eq '';
	push @token, $1 while $text =~ /\G\s*('(?:[^']|'')*'|[(),]|[^\s(),']+)\s*/gc;
	return (undef, 'a text has no end') if (pos($text) // 0) < length $text;
	eval {
		push @parts, comparison(\@token, $type_of);
		while (@token)
		{
			my $word = lc shift @token;
			$word =~ /^(?:and|or)$/ or die "and or or is wanted\n";
			$word{$word} = 1;
			keys %word == 1 or die "and and or cannot be mixed\n";
			push @parts, comparison(\@token, $type_of);
		}
		1;
	} or return (undef, $@ =~ s/\n//r);
	return sub { my ($read) = @_; return scalar grep { $_->($read) } @parts } if $word{or};
	return sub { my ($read) = @_; return !grep { !$_->($read) } @parts };
}

# A field, an operator and a value; less and greater are for numbers and dates
sub comparison
{
	my ($token, $type_of) = @_;
	my ($field, $operator) = (shift @$token // '', lc(shift @$token // ''));
	my $type = $type_of->($field) // die "no such field: $field\n";
	my $holds = $COMPARE{$operator};
	my $value;

	return membership($token, $field, $type) if $operator eq 'in';
	$holds or die "no such operator: $operator\n";
	$operator =~ /^(?:eq|ne)$/ || $type =~ /^(?:number|date)$/ or die "$field does not take $operator\n";
	$value = literal($token);
	return sub { my ($read) = @_; return $holds->(sortable($read->($field) // ''), sortable($value)) };
}

# Several values are for fields with options
sub membership
{
	my ($token, $field, $type) = @_;
	my %value;

	(shift @$token // '') eq '(' or die "a list is wanted\n";
	while (1)
	{
		my $next;
		$value{ literal($token) } = 1;
		$next = shift @$token // '';
		last if $next eq ')';
		$next eq ',' or die "no closing parenthesis\n";
	}
	keys %value == 1 || $type eq 'options' or die "$field takes one value\n";
	return sub { my ($read) = @_; return $value{ $read->($field) // '' } };
}

# A text in single quotes, or a number
sub literal
{
	my ($token) = @_;
	my $text = shift @$token // '';

	return $1 =~ s/''/'/gr if $text =~ /^'(.*)'$/s;
	return $text if $text =~ /^-?\d+(?:\.\d+)?$/;
	die "a value is wanted\n";
}

1;
