# What is true of a person, before a system gives it its shape
package StakesyncSim::Facts;

use strict;
use warnings;
use Exporter 'import';
use StakesyncSim::People qw(current_employment);
use StakesyncSim::Store;

our @EXPORT_OK = qw(day_of facts office_name);

# The facts of a person: dates as days, relations as objects of the store (undef where there is none)
sub facts
{
	my ($store, $person) = @_;
	my $f = $person->{f};
	my $job = job_of($store, $person);
	my $home = $store->get($f->{home_location});
	my %group = groups_of($store, $f->{groups});

	return {
		(map { $_ => $f->{$_} } qw(employee_number first_name last_name preferred_name display_full_name
		  work_email personal_email mobile_phone_number gender marital_status username avatar)),
		number => $person->{number}, person => $person, status => status_of($person),
		start => day_of($f->{start_date}), end => day_of($f->{termination_date}),
		birth => day_of($f->{date_of_birth}), hired => day_of($f->{hire_date}),
		job => $job ? $job->{f} : {}, home => $home ? $home->{f} : {},
		employments => [ map { $store->get($_) // () } @{ $f->{employments} // [] } ],
		manager => $store->get($f->{manager}), manager_id => $f->{manager},
		company => $store->get($f->{company}), office => $store->get($f->{work_location}),
		team => $store->get($f->{team}), department => $group{DEPARTMENT}, cost_center => $group{COST_CENTER},
		unit => $group{BUSINESS_UNIT}, custom => $f->{custom_fields} // {} };
}

# ACTIVE, PENDING, LEAVE or INACTIVE; Merge's list has no word for those on leave
sub status_of
{
	my ($person) = @_;
	my $status = $person->{f}{employment_status} // 'ACTIVE';
	return $status eq 'ACTIVE' && $person->{on_leave} ? 'LEAVE' : $status;
}

# The employment in force; of those who have not begun the one to come
sub job_of
{
	my ($store, $person) = @_;
	my $first = $person->{f}{employments} ? $person->{f}{employments}[0] : undef;
	return current_employment($store, $person) // $store->get($first);
}

# The last group of each type
sub groups_of
{
	my ($store, $ids) = @_;
	return map { ($_->{f}{type} // 'NONE') => $_ } map { $store->get($_) // () } @{ $ids // [] };
}

sub day_of
{
	my ($text) = @_;
	return defined $text ? substr($text, 0, 10) : undef;
}

sub office_name
{
	my ($office) = @_;
	return $office ? $office->{f}{name} : undef;
}

1;
