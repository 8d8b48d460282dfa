# Any number of people from one template: for measuring, so nothing is kept per person
package StakesyncSim::Many;

use strict;
use warnings;
use utf8;
use StakesyncSim::Json qw(bool to_json members);
use StakesyncSim::Store;

my @FIRST = qw(Anna Björn Chloé Dávid Éva Fritz Gül Hana Ivo João Käthe Łukasz Мария Nils Özge Πέτρος
  Quentin René Søren 太郎 Ute Vera Willem Ximena Yves Zoë Aldo Beat Ciara);
my @LAST = qw(Müller Dubois García Иванов Kowalska Nguyễn O’Brien Øvergård Papadopoulou Rossi Schröder
  Tanaka Ünal Vögeli Wójcik Yıldız Zürcher 山田 Berg Costa Dahl Egger Favre);

# Tokens in the template and their places in sprintf's list
my @TOKEN = qw(NUMBER HEX MANAGER FIRST LAST LOCAL CITY MODIFIED PAY STATUS END);

sub new
{
	my ($class, %options) = @_;
	my $store = $options{store};
	my ($group) = grep { defined $_->{f}{type} && $_->{f}{type} eq 'DEPARTMENT' } @{ $store->list('group') };

	return bless {
		store => $store,
		count => $options{count},
		changed => 0,
		changed_at => 0,
		base => ($store->{today} - 30) * 86_400_000_000,
		company => $store->list('company')->[0],
		group => $group,
		template => {},
	}, $class;
}

sub has
{
	my ($self, $kind) = @_;
	return $kind eq 'employee' || $kind eq 'employment';
}

# Change the city of the first so many people, or how many there are
sub change
{
	my ($self, %change) = @_;

	$self->{count} = $change{people} if defined $change{people};
	if (defined $change{changed})
	{
		$self->{changed} = $change{changed};
		$self->{changed_at} = StakesyncSim::Store::now_micros();
		$self->{round}++;
	}
	return { people => $self->{count}, changed => $self->{changed} };
}

# One page; only modified_after and modified_before look at the records
sub records
{
	my ($self, $kind, $query, $from, $size) = @_;
	my $last = $self->last_wanted($query);
	my $end = $from + $size - 1 < $last ? $from + $size - 1 : $last;

	return ([ map { $self->fill($kind, $query, $_) } $from .. $end ], $end < $last ? $end + 1 : undef);
}

sub record
{
	my ($self, $kind, $id, $query) = @_;
	my ($hex) = $id =~ /^[ec]0000000-0000-4000-8000-([0-9a-f]{12})$/ or return undef;
	return hex($hex) < $self->{count} ? $self->fill($kind, $query, hex $hex) : undef;
}

sub last_wanted
{
	my ($self, $query) = @_;
	my $after = StakesyncSim::Store::parse_moment($query->{modified_after} // '');

	return $self->{count} - 1 if !defined $after || $after <= $self->{base};
	return $after <= $self->{changed_at} ? $self->{changed} - 1 : -1;
}

# Put one person's values into the template
sub fill
{
	my ($self, $kind, $query, $i) = @_;
	my $template = $self->{template}{$kind}{ $query->{expand} // '' } //= $self->make_template($kind, $query);
	my $is_changed = $i < $self->{changed};
	my $is_leaver = $i % 10 == 9;
	my $line = sprintf $template,
	  sprintf('%06d', $i + 1),
	  sprintf('%012x', $i),
	  $i ? sprintf('"e0000000-0000-4000-8000-%012x"', int(($i - 1) / 7)) : 'null',
	  $FIRST[ $i % @FIRST ],
	  $LAST[ int($i / @FIRST) % @LAST ] . letters(int($i / (@FIRST * @LAST))),
	  sprintf('p%d', $i + 1),
	  $is_changed ? "Newtown $self->{round}" : 'Zürich',
	  StakesyncSim::Store::moment_text($is_changed ? $self->{changed_at} : $self->{base}),
	  50000 + $i % 90000,
	  $is_leaver ? 'INACTIVE' : 'ACTIVE',
	  $is_leaver ? '"2024-12-31T00:00:00Z"' : 'null';

	utf8::encode($line);
	return $line;
}

# A suffix that makes a name the bearer's own
sub letters
{
	my ($n) = @_;
	my $text = '';

	for (; $n > 0; $n = int($n / 26))
	{
		$text = chr(97 + $n % 26) . $text;
	}
	return $text eq '' ? '' : "-\u$text";
}

sub make_template
{
	my ($self, $kind, $query) = @_;
	my %expand = map { $_ => 1 } split /,/, $query->{expand} // '';
	my $json = $kind eq 'employment' ? employment_json($self) : employee_json($self, \%expand);
	my $place = 0;

	$json =~ s/%/%%/g;
	foreach my $token (@TOKEN)
	{
		my $quote = $token =~ /MANAGER|PAY|END/ ? '"' : '';
		$place++;
		$json =~ s/$quote<<$token>>$quote/%$place\$s/g;
	}
	return $json;
}

sub employee_json
{
	my ($self, $expand) = @_;
	my @members = qw(id remote_id created_at modified_at employee_number company first_name last_name
	  preferred_name display_full_name username groups work_email personal_email mobile_phone_number
	  employments home_location work_location manager team pay_group ssn gender ethnicity marital_status
	  date_of_birth hire_date start_date remote_created_at employment_status termination_date avatar
	  custom_fields employee_url remote_was_deleted field_mappings remote_data);
	my %value = (
		id => 'e0000000-0000-4000-8000-<<HEX>>', remote_id => '<<NUMBER>>',
		created_at => '2024-01-02T03:04:05.678901Z', modified_at => '<<MODIFIED>>', employee_number => '<<NUMBER>>',
		company => $self->{company}{id}, first_name => '<<FIRST>>', last_name => '<<LAST>>',
		display_full_name => '<<FIRST>> <<LAST>>', username => '<<LOCAL>>', groups => [ $self->{group}{id} ],
		work_email => '<<LOCAL>>@lindwurm.example', personal_email => '<<LOCAL>>@post.example',
		mobile_phone_number => '+41 79 <<NUMBER>>0',
		employments => ['c0000000-0000-4000-8000-<<HEX>>'], home_location => '10000000-0000-4000-8000-<<HEX>>',
		manager => '<<MANAGER>>', gender => 'FEMALE', date_of_birth => '1985-04-12T00:00:00Z',
		start_date => '2019-05-01T00:00:00Z', employment_status => '<<STATUS>>', termination_date => '<<END>>',
		custom_fields => { badge => '<<NUMBER>>', shirt_size => 'M' }, remote_was_deleted => bool(0));
	my $json;

	$json = members(\%value, @members);
	expand_in(\$json, employments => '[' . employment_json($self) . ']') if $expand->{employments};
	expand_in(\$json, home_location => home_json()) if $expand->{home_location};
	expand_in(\$json, groups => '[' . object_json($self->{group}) . ']') if $expand->{groups};
	expand_in(\$json, company => object_json($self->{company})) if $expand->{company};
	expand_in(\$json, manager => '{"id":"<<MANAGER>>","remote_id":null}') if $expand->{manager};
	return $json;
}

# Put an object where its id stands
sub expand_in
{
	my ($json, $member, $object) = @_;
	$$json =~ s/("$member":)(?:"[^"]*"|\["[^"]*"\])/$1$object/;
	return;
}

sub object_json
{
	my ($object) = @_;
	return to_json({ %{ $object->{f} }, id => $object->{id} });
}

sub employment_json
{
	my ($self) = @_;
	my %value = (
		id => 'c0000000-0000-4000-8000-<<HEX>>', created_at => '2024-01-02T03:04:05Z', modified_at => '<<MODIFIED>>',
		employee => 'e0000000-0000-4000-8000-<<HEX>>', job_title => 'Engineer', pay_rate => '<<PAY>>',
		pay_period => 'YEAR', pay_frequency => 'MONTHLY', pay_currency => 'CHF',
		effective_date => '2019-05-01T00:00:00Z', employment_type => 'FULL_TIME', remote_was_deleted => bool(0));

	return members(\%value, qw(id remote_id created_at modified_at employee job_title pay_rate pay_period
	  pay_frequency pay_currency pay_group flsa_status effective_date employment_type remote_was_deleted
	  field_mappings remote_data));
}

sub home_json
{
	my %value = (
		id => '10000000-0000-4000-8000-<<HEX>>', created_at => '2024-01-02T03:04:05Z', modified_at => '<<MODIFIED>>',
		street_1 => 'Bahnhofstrasse 1', city => '<<CITY>>', state => 'ZH', zip_code => '8001', country => 'CH',
		location_type => 'HOME', remote_was_deleted => bool(0));

	return members(\%value, qw(id remote_id created_at modified_at name phone_number street_1 street_2 city
	  state zip_code country location_type remote_was_deleted field_mappings remote_data));
}

1;
