# Counts what a test wants to compare with, from the people as they are now
package StakesyncSim::Expect;

use strict;
use warnings;
use Exporter 'import';
use StakesyncSim::People qw(current_employment);
use StakesyncSim::Store;
use Unicode::Normalize qw(NFC);

our @EXPORT_OK = qw(expect_counts);

my %STATUS_COUNT = (INACTIVE => 'leavers', PENDING => 'pending', ACTIVE => 'active');

# Zero unless counted
my @COUNTER = qw(
  without_employee_number usable_employee_numbers distinct_employee_numbers leavers pending active
  without_work_email distinct_work_emails without_manager unknown_manager self_manager
  manager_comes_later without_home without_start_date future_termination without_employment
  several_employments future_pay_change tied_employments null_in_groups sparse decomposed_names
  four_byte_names namesakes refused_values on_leave letters_in_number);

# Count what a test wants to compare with
sub expect_counts
{
	my ($store) = @_;
	my @all = grep { !$_->{gone} } @{ $store->list('employee') };
	my @people = grep { !$_->{deleted} } @all;
	my %count = (
		people => scalar @people, flagged_deleted => @all - @people,
		today => substr(StakesyncSim::Store::day_text($store->{today}), 0, 10));

	$count{$_} = 0 for @COUNTER;
	count_person($store, \%count, $_) for @people;
	count_names(\%count, @people);
	return \%count;
}

sub count_person
{
	my ($store, $count, $person) = @_;
	my $f = $person->{f};
	my $status = $f->{employment_status} // 'none';

	count_number($count, $f->{employee_number});
	$count->{ $STATUS_COUNT{$status} // 'other_status' }++;
	$count->{on_leave}++ if $person->{on_leave} && $status eq 'ACTIVE';
	$count->{without_home}++ unless defined $f->{home_location};
	$count->{without_start_date}++ unless defined $f->{start_date};
	$count->{future_termination}++ if substr($f->{termination_date} // '', 0, 10) gt $count->{today};
	$count->{null_in_groups}++ if grep { !defined } @{ $f->{groups} // [] };
	$count->{sparse}++ if $person->{sparse};
	$count->{refused_values}++ if grep { /^(?:IBAN|Konfession|note)$/ } keys %{ $f->{custom_fields} // {} };
	count_email($count, $f->{work_email});
	count_manager($store, $count, $person);
	count_employments($store, $count, $person);
	count_phone($count, $f->{mobile_phone_number});
	count_place($store, $count, $f->{home_location});
	return;
}

# The values that identify nobody
sub count_number
{
	my ($count, $number) = @_;
	my $is_usable = ($number // '') !~ /^\s*(?:-|0|n\/a)?\s*$/i;

	$count->{ $is_usable ? 'usable_employee_numbers' : 'without_employee_number' }++;
	$count->{letters_in_number}++ if $is_usable && $number =~ /\D/;
	$count->{distinct_employee_numbers}++ if $is_usable && !$count->{seen_number}{$number}++;
	return;
}

sub count_email
{
	my ($count, $email) = @_;

	if (!defined $email) { $count->{without_work_email}++ }
	elsif (!$count->{seen_email}{ lc $email }++) { $count->{distinct_work_emails}++ }
	return;
}

sub count_manager
{
	my ($store, $count, $person) = @_;
	my $manager = $person->{f}{manager};

	if (!defined $manager) { $count->{without_manager}++ }
	elsif ($manager eq $person->{id}) { $count->{self_manager}++ }
	elsif (!$store->get($manager)) { $count->{unknown_manager}++ }
	elsif ($store->get($manager)->{seq} > $person->{seq}) { $count->{manager_comes_later}++ }
	return;
}

sub count_employments
{
	my ($store, $count, $person) = @_;
	my @days = map { substr($_->{f}{effective_date} // '', 0, 10) }
	  map { $store->get($_) // () } @{ $person->{f}{employments} // [] };
	my $current = current_employment($store, $person);
	my %seen;

	$count->{without_employment}++ unless @days;
	$count->{several_employments}++ if @days > 1;
	$count->{future_pay_change}++ if @days > 1 && grep { $_ gt $count->{today} } @days;
	$count->{tied_employments}++ if grep { $_ ne '' && $seen{$_}++ } @days;
	$count->{employment_type}{ $current ? $current->{f}{employment_type} // 'null' : 'none' }++;
	return;
}

sub count_phone
{
	my ($count, $phone) = @_;
	my $kind = !defined $phone ? 'null'
	  : ($phone =~ tr/0-9//) < 6 ? 'junk'
	  : $phone =~ /^\+|^00/ ? 'international' : 'national';

	$count->{phones}{$kind}++;
	return;
}

sub count_place
{
	my ($store, $count, $id) = @_;
	my $home = $store->get($id);
	$count->{home_countries}{ $home && $home->{f}{country} || 'null' }++;
	return;
}

# Names by what makes them hard
sub count_names
{
	my ($count, @people) = @_;
	my %seen;

	foreach my $person (@people)
	{
		my $name = join ' ', map { $person->{f}{$_} // '' } qw(first_name last_name);
		$count->{decomposed_names}++ if NFC($name) ne $name;
		$count->{four_byte_names}++ if $name =~ /[^\x{0}-\x{ffff}]/;
		$count->{namesakes}++ if $seen{ lc NFC($name) }++;
	}
	delete @$count{qw(seen_number seen_email)};
	return;
}

1;
