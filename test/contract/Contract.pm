# What contract tests share: a server, the vendors' documents, systems to connect, and what became of people
package Contract;

use strict;
use warnings;
use parent 'StakesyncTest';
use Carp qw(croak);
use Exporter 'import';
use PostgreSQL::Test::Utils;
use StakesyncSim::Json qw(from_json to_json);

our @EXPORT_OK = qw(copied corrected day document example json_text outcome text without_times);

# What systems ask for; a method may ask for other things
my %CREDENTIALS = (
	merge => { api_key => 'merge-test-key', account_token => 'merge-test-account' },
	'merge.link' => { api_key => 'merge-test-key', email => 'hr@example.com' },
	personio => { client_id => 'papi-test-client', client_secret => 'personio-test-secret' },
	bamboohr => { company_domain => 'acme', api_key => 'bamboohr-test-key' },
	'bamboohr.oauth' => { company_domain => 'acme', client_id => 'oauth-test-client', client_secret => 'oauth-test-secret' },
	hibob => { service_user_id => 'SERVICE-1001', token => 'hibob-test-token' },
	humaans => { api_token => 'humaans-test-token' },
	lucca => { account => 'acme', api_key => 'lucca-test-key' },
	'lucca.v5' => { account => 'acme', client_id => 'lucca-test-client', client_secret => 'lucca-test-secret' });

# Tokens that stand for no value in all systems
my %NO_DAY = map { $_ => 1 } '0000-00-00', '9999-12-31';

# Start a server
sub start
{
	my ($class, $name) = @_;
	my $self = $class->SUPER::start("contract_$name", sim => 0, connect => 0);

	$self->{today} = $self->sql('SELECT current_date');
	return $self;
}

sub today { return $_[0]{today} }

# The path of a vendor's file
sub document { return "$ENV{CONTRACT_SHARED}/$_[0]" }

# A published example; some tell where they are from beside the answer
sub example
{
	my ($name) = @_;
	my $example = from_json(slurp_file(document($name)));

	return ref $example eq 'HASH' && ref $example->{response} eq 'HASH' ? $example->{response} : $example;
}

# A copy of a document in which the vendor's slips are put right; fix: code that changes the text
sub corrected
{
	my ($name, $fix) = @_;
	my $text = slurp_file(document($name));

	$fix->($text);
	return copied($text, $name =~ s/\.yaml$/.corrected.yaml/r);
}

# Write a text to where the documents are
sub copied
{
	my ($text, $name) = @_;

	open my $file, '>', document($name) or croak "cannot write $name: $!";
	print {$file} $text;
	close $file or croak "cannot write $name: $!";
	return document($name);
}

# Connect a system: settings beside base_url; method where it is not the default one
sub connect_to
{
	my ($self, $provider, $connection, $url, %options) = @_;
	my $method = defined $options{method} ? ", method => '$options{method}'" : '';
	my ($credentials, $settings) = map { json_text($_) } $CREDENTIALS{ join '.', $provider, $options{method} // () } // $CREDENTIALS{$provider},
	  { base_url => $url, requests_per_minute => 100000, %{ $options{settings} // {} } };

	return $self->row("SELECT * FROM stakesync_connect('$provider', $credentials, '$connection', $settings$method, accept_terms => true)");
}

# JSON as a literal of SQL
sub json_text
{
	my ($value) = @_;
	return "'" . to_json($value) =~ s/'/''/gr . "'";
}

# Read optional fields too
sub import_fields
{
	my ($self, $connection, @fields) = @_;

	$self->sql(sprintf q(SELECT count(*) FROM stakesync_configure(import => '{%s}', connection => '%s')), join(',', @fields), $connection);
	return;
}

# Map a field by a row of one's own
sub map_field
{
	my ($self, $connection, $field, $path, $transform) = @_;
	my $by = defined $transform ? "'$transform'" : 'NULL';

	$self->sql("INSERT INTO stakesync.mapping (connection, field, path, transform) VALUES ('$connection', '$field', '$path', $by)
		ON CONFLICT (connection, field) DO UPDATE SET path = excluded.path, transform = excluded.transform, origin = 'user'");
	return;
}

sub mapped
{
	my ($self, $connection) = @_;
	return split /\n/, $self->sql("SELECT field FROM stakesync.mapping WHERE connection = '$connection' ORDER BY field");
}

# Fetch a connection
sub read_all
{
	my ($self, $connection, $arguments) = @_;
	return $self->fetch(join ', ', "'$connection'", $arguments // ());
}

# What a fetch came to, without what differs from run to run
sub outcome
{
	my ($row) = @_;
	my @names = $row->{state} eq 'done' ? qw(mode records pages added changed unchanged missing) : qw(mode requests sqlstate message);
	return { state => $row->{state}, map { $_ => $row->{$_} } @names };
}

# The employees of a connection without what is null, problems as field => code
sub people
{
	my ($self, $connection) = @_;
	my %people = $self->employees("connection = '$connection'");

	foreach my $person (values %people)
	{
		$person->{problems} = { map { $_->{field} => $_->{code} } @{ $person->{problems} // [] } };
		delete @$person{ grep { !defined $person->{$_} } keys %$person };
		delete @$person{qw(connection identifier_key email_key name_key)};
		delete $person->{shrunk} if !$person->{shrunk};
	}
	return \%people;
}

# What stakesync_check says of login and streams: item => yes, no, or ? where it cannot be known
sub checked
{
	my ($self, $connection) = @_;
	my $ok = q(CASE WHEN ok THEN 'yes' WHEN NOT ok THEN 'no' ELSE '?' END AS ok);

	return { map { $_->{item} => $_->{ok} }
		  $self->rows("SELECT item, $ok FROM stakesync_check('$connection') WHERE item = 'login' OR item LIKE 'stream %'") };
}

# The fields of one person, asked for now; null ones are left out
sub peek
{
	my ($self, $connection, $id) = @_;
	my $fields = from_json($self->sql("SELECT stakesync_peek('$id', '$connection') -> 'fields'"));

	return { map { $_ => $fields->{$_} } grep { defined $fields->{$_} } keys %$fields };
}

# The same fields of somebody who was fetched
sub fields_of
{
	my ($self, $connection, $id) = @_;
	my %person = %{ $self->people($connection)->{$id} };

	return { map { $_ => $person{$_} } grep { defined $person{$_} } $self->mapped($connection) };
}

# Fetch random answers so often. served: tells who came the last time, id => what ought to be. What became of it:
# failed, lost (lists), problems (field and code => how often), filled (field => how often), summary
sub rounds
{
	my ($self, $connection, $times, $served) = @_;
	my %found = (failed => [], lost => [], problems => {}, filled => {});

	foreach my $round (1 .. $times)
	{
		my $row = $self->read_all($connection, q(mode => 'full', accept_fewer => true));
		my $ought = $served->();
		my $people = $self->people($connection);

		delete $people->{$_} foreach grep { defined $people->{$_}{missing_since} } keys %$people;
		push @{ $found{failed} }, "fetch $round: $row->{state}, $row->{message}" if $row->{state} ne 'done';
		push @{ $found{failed} }, "fetch $round: other people" if join("\n", sort keys %$people) ne join("\n", sort keys %$ought);
		push @{ $found{lost} }, map { lost($_, $ought->{$_}, $people->{$_}) } grep { $people->{$_} } sort keys %$ought;
		note_person($_, \%found) foreach values %$people;
	}
	$found{summary} = join ', ', map { "$_ $found{problems}{$_}" } sort keys %{ $found{problems} };
	return \%found;
}

sub note_person
{
	my ($person, $found) = @_;

	$found->{problems}{"$_ $person->{problems}{$_}"}++ foreach keys %{ $person->{problems} };
	$found->{filled}{$_}++ foreach keys %$person;
	return;
}

# A call that passed: method and path, then parameters as they were sent if there are any, times as words
sub without_times
{
	my ($call) = @_;
	my ($path, $query) = split /\?/, $call->{call}, 2;
	my %query = map { s/\d{4}-\d\d-\d\dT\d\d(?::|%3A)\d\d(?::|%3A)\d\d/TIME/r =~ /^([^=]*)=(.*)/ } split /&/, $query // '';

	return $path, %query ? \%query : ();
}

# Texts lose the blanks around them
sub text
{
	my ($text) = @_;
	return undef if !defined $text || ref $text;
	$text =~ s/^\s+|\s+$//g;
	return $text eq '' ? undef : $text;
}

# The day of a date or a time, undef where it stands for none
sub day
{
	my ($text) = @_;
	my $day = text($text);

	return undef if !defined $day || $day !~ /^(\d{4}-\d\d-\d\d)/ || $NO_DAY{$1};
	return $1;
}

# Say what ought to be of a person and is neither in the row nor a problem of its field
sub lost
{
	my ($id, $ought, $person) = @_;
	my %problem = %{ $person->{problems} // {} };
	# of what did not come the value of before stays
	my %absent = map { $_ => 1 } grep { !defined $ought->{$_} } @{ $person->{unknown} // [] };
	my @lost = map { "$id $_: " . show($person->{$_}) . ' instead of ' . show($ought->{$_}) }
	  grep { !$problem{$_} && !$absent{$_} && !same($person->{$_}, $ought->{$_}) } sort keys %$ought;

	# a problem needs a value that may be one
	return @lost, map { "$id $_: $problem{$_} without a value" } grep { exists $ought->{$_} && !defined $ought->{$_} } sort keys %problem;
}

sub same
{
	my ($is, $ought) = @_;
	return !defined $is && !defined $ought unless defined $is && defined $ought;
	return join("\n", @$is) eq join("\n", @$ought) if ref $is && ref $ought;
	return abs($is - $ought) <= 1e-9 * abs $ought if $ought =~ /^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i && $is =~ /^-?\d/;
	return $is eq $ought;
}

sub show { return ref $_[0] ? "@{ $_[0] }" : $_[0] // 'null' }

1;
