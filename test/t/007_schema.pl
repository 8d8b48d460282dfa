# The JSON Schema of definitions agrees with what is taken and refused; needs no
# PostgreSQL: prove -I test/perl test/t/007_schema.pl
use strict;
use warnings;
use JSON::PP ();
use StakesyncSim::Json qw(from_json);
use Test::More;

# What of JSON Schema this reads; a keyword that is not here is an error
my %KEYWORD = (
	type => \&check_type,
	enum => sub { my ($value, $enum) = @_; return grep { is_same($value, $_) } @$enum },
	const => \&is_same,
	pattern => sub { my ($value, $pattern) = @_; return !is_text($value) || $value =~ regex($pattern) },
	maxLength => sub { return !is_text($_[0]) || length $_[0] <= $_[1] },
	minimum => sub { return !is_number($_[0]) || $_[0] >= $_[1] },
	maximum => sub { return !is_number($_[0]) || $_[0] <= $_[1] },
	minItems => sub { return ref $_[0] ne 'ARRAY' || @{ $_[0] } >= $_[1] },
	maxItems => sub { return ref $_[0] ne 'ARRAY' || @{ $_[0] } <= $_[1] },
	minProperties => sub { return ref $_[0] ne 'HASH' || keys %{ $_[0] } >= $_[1] },
	maxProperties => sub { return ref $_[0] ne 'HASH' || keys %{ $_[0] } <= $_[1] },
	required => sub { my ($value, $names) = @_; return ref $value ne 'HASH' || !grep { !exists $value->{$_} } @$names },
	properties => \&check_properties,
	additionalProperties => \&check_additional,
	propertyNames => sub { my ($value, $schema) = @_; return ref $value ne 'HASH' || !grep { !fits("$_", $schema) } keys %$value },
	prefixItems => \&check_prefix,
	items => \&check_items,
	oneOf => sub { my ($value, $schemas) = @_; return 1 == grep { fits($value, $_) } @$schemas },
	not => sub { return !fits(@_) },
	'$ref' => sub { my ($value, $ref) = @_; return fits($value, referred($ref)) },
	map { $_ => sub { return 1 } } qw($schema $defs title description));

my $schema = from_json(read_file('doc/provider.schema.json'));

sub read_file
{
	my ($name) = @_;
	open my $file, '<:raw', $name or die "could not read $name: $!";
	local $/;
	return scalar <$file>;
}

sub is_text
{
	my ($value) = @_;
	return defined $value && !ref $value && !is_number($value);
}

sub is_number
{
	my ($value) = @_;
	return defined $value && !ref $value && StakesyncSim::Json::is_number($value);
}

sub is_same
{
	my ($value, $other) = @_;
	return is_text($value) && $value eq $other;
}

# A pattern of JavaScript as one of Perl
sub regex
{
	my ($pattern) = @_;
	$pattern =~ s/\\u([0-9a-f]{4})/\\x{$1}/g;
	$pattern =~ s/(?<!\\)\$(?=\)|$)/\\z/g;
	return qr/$pattern/;
}

sub referred
{
	my ($ref) = @_;
	my ($name) = $ref =~ m{^#/\$defs/(\w+)$} or die "cannot follow $ref";
	return $schema->{'$defs'}{$name} // die "there is no $ref";
}

sub check_type
{
	my ($value, $types) = @_;
	my $type = !defined $value ? 'null' : JSON::PP::is_bool($value) ? 'boolean' : ref $value eq 'HASH' ? 'object' :
	  ref $value eq 'ARRAY' ? 'array' : !is_number($value) ? 'string' : $value == int $value ? 'integer' : 'number';
	return grep { $_ eq $type } ref $types ? @$types : $types;
}

sub check_properties
{
	my ($value, $properties) = @_;
	return ref $value ne 'HASH' || !grep { exists $value->{$_} && !fits($value->{$_}, $properties->{$_}) } keys %$properties;
}

sub check_additional
{
	my ($value, $additional, $all) = @_;
	return 1 if ref $value ne 'HASH';
	my @names = grep { !exists $all->{properties}{$_} } keys %$value;
	return JSON::PP::is_bool($additional) ? $additional || !@names : !grep { !fits($value->{$_}, $additional) } @names;
}

sub check_prefix
{
	my ($value, $schemas) = @_;
	return ref $value ne 'ARRAY' || !grep { $_ < @$value && !fits($value->[$_], $schemas->[$_]) } 0 .. $#$schemas;
}

sub check_items
{
	my ($value, $each, $all) = @_;
	return ref $value ne 'ARRAY' || !grep { !fits($value->[$_], $each) } scalar @{ $all->{prefixItems} // [] } .. $#$value;
}

# True if a value is what a schema describes
sub fits
{
	my ($value, $wanted) = @_;

	foreach my $keyword (sort keys %$wanted)
	{
		my $check = $KEYWORD{$keyword} // die "cannot read $keyword";
		return 0 unless $check->($value, $wanted->{$keyword}, $wanted);
	}
	return 1;
}

# Elements of an array as PostgreSQL writes it
sub read_path
{
	my ($text) = @_;
	my @path;

	while ($text =~ /\G(?:"((?:[^"\\]|\\.)*)"|([^,]+))(?:,|$)/g)
	{
		my $element = $1 // $2;
		push @path, $element =~ s/\\(.)/$1/gr;
	}
	return @path;
}

# A value with another one, or without one, at a path
sub change
{
	my ($definition, $value, $removes, @path) = @_;
	my $last = pop @path;
	my $at = $definition;

	$at = (ref $at eq 'ARRAY' ? $at->[$_] : $at->{$_}) // die "there is no $_" foreach @path;
	if (ref $at eq 'ARRAY')
	{
		die 'cannot remove an element' if $removes;
		$at->[ $last > @$at ? @$at : $last ] = $value;
	}
	elsif ($removes)
	{
		delete $at->{$last} // die "there is no $last";
	}
	else
	{
		$at->{$last} = $value;
	}
	return $definition;
}

# Definitions that ship, by name; from the install script where test/run took their files away
sub shipped
{
	my @files = glob('sql/providers/*.json');
	return map { $_ => read_file($_) } @files if @files;
	my $script = join '', map { read_file($_) } glob('stakesync--?.?.sql');
	return map { /"provider": *"(\w+)"/ ? ($1 => $_) : () } $script =~ /\$provider\$(.*?)\$provider\$/sg;
}

# Names of all members that a schema knows
sub member_names
{
	my ($part) = @_;
	return map { member_names($_) } @$part if ref $part eq 'ARRAY';
	return () if ref $part ne 'HASH';
	return (ref $part->{properties} ? keys %{ $part->{properties} } : (), map { member_names($part->{$_}) } keys %$part);
}

my $sql = read_file('test/sql/definition.sql');
my %sample = $sql =~ /^\('(\w+)', \$\$(.*?)\$\$\)/msg;
my $guide = read_file('doc/providers.md');

subtest 'definitions that ship' => sub {
	my %shipped = shipped();
	ok(scalar(keys %shipped), 'there are some');
	ok(fits(from_json($shipped{$_}), $schema), $_) foreach sort keys %shipped;
};

subtest 'the example of the guide' => sub {
	my ($example) = $guide =~ /^```json\n(.*?)^```/ms;
	ok(fits(from_json($example), $schema), 'is of the language');
	cmp_ok(scalar(() = $example =~ /\n/g), '<=', 40, 'lines');
};

subtest 'what is refused' => sub {
	my @variants = $sql =~ /^\t(\('\w+', '\{.*\}', (?:'.*'|NULL), (?:true|false)\))[,;]$/mg;
	cmp_ok(scalar @variants, '>=', 60, 'variants');
	ok(fits(from_json($sample{$_}), $schema), "$_ itself is taken") foreach sort keys %sample;
	foreach my $variant (@variants)
	{
		my ($name, $path, $value, $seen) = $variant =~ /^\('(\w+)', '\{(.*)\}', (?:'(.*)'|NULL), (true|false)\)$/;
		$value =~ s/''/'/g if defined $value;
		my $changed = change(from_json($sample{$name}), defined $value ? from_json($value) : undef, !defined $value, read_path($path));
		is(fits($changed, $schema), $seen eq 'true' ? 0 : 1, $variant);
	}
};

subtest 'members' => sub {
	my %c = map { $_ => 1 } read_file('src/definition.c') =~ /\{"(\w+)", RULE_/g;
	my %json = map { $_ => 1 } member_names($schema);
	is_deeply([ sort keys %json ], [ sort keys %c ], 'are those that definition.c knows');
	is_deeply([ grep { $guide !~ /`$_`/ } sort keys %json ], [], 'are in the guide');
};

done_testing();
