# What the simulator says of its people, and comparing employees with it
package StakesyncPeople;

use strict;
use warnings;
use Exporter 'import';
use StakesyncSim;
use Test::More ();

our @EXPORT_OK = qw(day phone_number read_people same_people sorted text);

# Differences that are shown before only their number is
my $MOST_SHOWN = 8;

# What is true of each person, by the id that a system gives him. Days are days, texts have no blanks around them
sub read_people
{
	my ($sim, $system) = @_;
	my %group = map { $_->{id} => $_ } read_all($sim, 'groups');
	my %team = map { $_->{id} => $_ } read_all($sim, 'teams');
	my %person = map { my $person = $sim->get("/control/person?id=$_->{id}"); ($_->{id} => $person) } read_all($sim, 'employees');

	return { map { ($_->{ids}{$system} => facts($sim, $_, \%person, \%group, \%team, $system)) } values %person };
}

# All of a list that Merge shows
sub read_all
{
	my ($sim, $list) = @_;
	my ($next, @all);

	do
	{
		my $page = $sim->get("/hris/v1/$list?page_size=100" . (defined $next ? '&cursor=' . StakesyncSim::escaped($next) : ''));
		push @all, @{ $page->{results} };
		$next = $page->{next};
	} while (defined $next);
	return @all;
}

sub facts
{
	my ($sim, $person, $people, $group, $team, $system) = @_;
	my $home = $person->{home} // {};
	my $job = $person->{current_employment} // first_employment($sim, $person) // {};
	my $manager = defined $person->{manager} ? $people->{ $person->{manager} } : undef;
	my %name = map { ($_->{type} // 'NONE') => text($_->{name}) } map { defined && $group->{$_} || () } @{ $person->{groups} };

	return {
		(map { $_ => text($person->{$_}) } qw(employee_number first_name last_name work_email personal_email)),
		name => text($person->{display_full_name}), phone => $person->{mobile_phone_number}, merge_id => $person->{id},
		start => day($person->{start_date}), end => day($person->{termination_date}), birth => day($person->{date_of_birth}),
		status => $person->{employment_status} eq 'ACTIVE' && $person->{on_leave} ? 'LEAVE' : $person->{employment_status},
		(map { $_ => text($home->{$_}) } qw(street_1 street_2 zip_code city state country)),
		(map { $_ => text($job->{$_}) } qw(job_title employment_type pay_rate pay_period pay_currency)),
		department => $name{DEPARTMENT}, cost_center => $name{COST_CENTER}, business_unit => $name{BUSINESS_UNIT},
		team => defined $person->{team} ? text($team->{ $person->{team} }{name}) : undef,
		custom => $person->{custom_fields} // {},
		has_manager => defined $person->{manager}, manager => $manager && $manager->{ids}{$system},
		manager_number => $manager && text($manager->{employee_number}) };
}

# Of those who have not begun the employment to come
sub first_employment
{
	my ($sim, $person) = @_;
	my ($id) = @{ $person->{employments} // [] };
	return defined $id ? $sim->get("/hris/v1/employments/$id") : undef;
}

# Texts lose the blanks around them, and are else as they came
sub text
{
	my ($text) = @_;
	return undef unless defined $text;
	$text =~ s/^\s+|\s+$//g;
	return $text eq '' ? undef : $text;
}

sub day { return defined $_[0] ? substr $_[0], 0, 10 : undef }

# Only what names its country can be a number
sub phone_number
{
	my ($text) = @_;
	return undef if !defined $text || $text !~ /^(?:\+|00)\d/;
	return '+' . ($text =~ s/\(0\)//r =~ s/^\+|^00//r =~ s/\D//gr);
}

# Distinct texts in order as employees have them, undef for none
sub sorted
{
	my %seen;
	my @texts = sort grep { defined && !$seen{$_}++ } @_;
	return @texts ? \@texts : undef;
}

# Compare all people in some fields; names the first few who differ
sub same_people
{
	my ($what, $people, $expected, @fields) = @_;
	my @wrong = map { my $id = $_; exists $people->{$id} ? () : "$id is not there" } sort keys %$expected;

	push @wrong, map { exists $expected->{$_} ? () : "$_ ought not to be there" } sort keys %$people;
	foreach my $id (sort grep { $people->{$_} } keys %$expected)
	{
		foreach my $field (@fields)
		{
			my ($is, $ought) = map { flat($_->{$id}{$field}) } $people, $expected;
			push @wrong, "$id $field: $is instead of $ought" if $is ne $ought;
		}
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return Test::More::is(join("\n", @wrong > $MOST_SHOWN ? (@wrong[ 0 .. $MOST_SHOWN - 1 ], scalar @wrong) : @wrong), '', $what);
}

sub flat
{
	my ($value) = @_;
	return 'null' unless defined $value;
	return join '|', map { flat($_) } @$value if ref $value eq 'ARRAY';
	return $value =~ /^-?\d+\.\d+$/ ? $value + 0 : $value;
}

1;
