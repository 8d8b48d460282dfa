# Makes the people of the simulated company: deterministic for a seed, a number and a day
package StakesyncSim::People;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use StakesyncSim::Json qw(bool);
use StakesyncSim::Names qw(countries romanise);
use StakesyncSim::Store;
use Unicode::Normalize qw(NFC NFD);

our @EXPORT_OK = qw(make_company make_person add_employment add_home current_employment
  display_name);

my $DOMAIN = 'lindwurm.example';

# Roles given to so many of 1000 people, one role each
my @STATUS = ([ leaver => 150 ], [ pending => 30 ], [ notice => 20 ]);
my @CONTRACT = ([ PART_TIME => 100 ], [ CONTRACTOR => 50 ], [ INTERN => 20 ], [ FREELANCE => 10 ]);
my @HISTORY = ([ raise => 120 ], [ future_pay => 30 ], [ tie => 15 ], [ undated => 10 ], [ none => 5 ]);

my @DEPARTMENT = (
	'Engineering', 'Sales', 'Finance', 'People & Culture', 'Legal', 'Marketing', 'Operations',
	'Customer Success', 'Forschung & Entwicklung', 'IT');
my @TITLE = (
	'Engineer', 'Senior Engineer', 'Account Executive', 'Controller', 'Recruiter', 'Counsel',
	'Analyst', 'Project Manager', 'Support Specialist', 'Designer', 'Chargé d’affaires',
	'Sachbearbeiter:in', 'Team Lead', 'Data Scientist', 'Office Manager');
my @NO_NUMBER = (undef, undef, '', '   ');
my @JUNK_PHONE = ('n/a', '-', 'ext. 12', 'see intranet', '+', '0');

# Fill the store: the company's own objects, then its people in an order that says nothing
sub make_company
{
	my ($store, $count) = @_;
	my @plan = plan_people($store, $count);
	my @people;

	make_organisation($store);
	@people = map { make_person($store, $_) } @plan;
	assign_managers($store, \@people);
	make_oddities($store, \@people, \@plan);
	reorder($store, 'employee');
	reorder($store, 'employment');
	return;
}

# Companies, pay groups, offices, groups and teams
sub make_organisation
{
	my ($store) = @_;

	make_companies($store);
	make_pay_groups($store);
	make_offices($store);
	make_groups($store);
	make_teams($store);
	return;
}

sub make_companies
{
	my ($store) = @_;
	my @company = (
		[ 'Lindwurm AG', 'Lindwurm', undef ],
		[ 'Lindwurm Deutschland GmbH', 'Lindwurm DE', [] ],
		[ 'Lindwurm Inc.', undef, ['00-0000000'] ]);

	foreach my $row (@company)
	{
		$store->add(company => {
			remote_id => 'LE' . (1 + @{ $store->list('company') }),
			legal_name => $row->[0], display_name => $row->[1], eins => $row->[2],
			field_mappings => undef, remote_data => undef });
	}
	return;
}

sub make_pay_groups
{
	my ($store) = @_;

	foreach my $name ('Monatslohn', 'Bi-weekly US', 'Executives', undef)
	{
		$store->add(pay_group => { remote_id => undef, pay_group_name => $name,
			field_mappings => undef, remote_data => undef });
	}
	return;
}

# One office per country
sub make_offices
{
	my ($store) = @_;

	foreach my $country (countries())
	{
		my $office = add_place($store, $country, 'WORK');
		$office->{f}{name} = "Lindwurm $office->{f}{city}";
		$country->{office}{ $store->{seed} } = $office->{id};
	}
	return;
}

# Groups of all types; departments below business units
sub make_groups
{
	my ($store) = @_;
	my @unit = map { add_group($store, $_, 'BUSINESS_UNIT', undef) } qw(Products Markets Services Corporate);

	add_group($store, $_, 'DEPARTMENT', $store->pick(@unit)->{id}) for @DEPARTMENT;
	add_group($store, sprintf('%04d %s', $_ * 10, $store->pick('Opex', 'Capex')), 'COST_CENTER', undef) for 1 .. 8;
	add_group($store, "Team $_", 'TEAM', undef) for qw(Aare Rhein Donau Limmat Seine Thames Elbe Ebro Wisła Tejo);
	add_group($store, 'All hands', 'GROUP', undef);
	add_group($store, 'Ersthelfer', undef, undef);
	return;
}

sub add_group
{
	my ($store, $name, $type, $parent) = @_;
	my $is_team = !defined $type ? undef : bool($type eq 'TEAM');

	return $store->add(group => {
		remote_id => $store->chance(700) ? 'G-' . $store->below(100000) : undef,
		parent_group => $parent, name => $name, type => $type,
		is_commonly_used_as_team => $is_team,
		group_url => undef, field_mappings => undef, remote_data => undef });
}

sub make_teams
{
	my ($store) = @_;
	my $parent;

	foreach my $name ('Platform', 'Platform Core', 'Platform Data', 'Field Sales', 'Inside Sales', 'Payroll')
	{
		$parent = undef if $name !~ /^Platform/;
		my $team = $store->add(team => { remote_id => undef, name => $name, parent_team => $parent,
			field_mappings => undef, remote_data => undef });
		$parent //= $team->{id} if $name eq 'Platform';
	}
	return;
}

# Decide who is what before anybody is made, so that the counts are exact
sub plan_people
{
	my ($store, $count) = @_;
	my @plan = map { { index => $_ } } 0 .. $count - 1;
	my @staff = $store->shuffle(int($count / 10) + 1 .. $count - 1);
	my @nation = map { ($_) x $_->{share} } countries();

	give($store, \@plan, \@staff, 'status', $count, @STATUS);
	give($store, \@plan, [ $store->shuffle(@staff) ], 'contract', $count, @CONTRACT);
	give($store, \@plan, [ $store->shuffle(@staff) ], 'history', $count, @HISTORY);
	@nation = $store->shuffle(@nation);
	$_->{country} = $nation[ $_->{index} % @nation ] for @plan;
	give_no_number($store, \@plan, $count);
	return @plan;
}

# Hand out the roles of one kind over the people in turn
sub give
{
	my ($store, $plan, $order, $what, $count, @roles) = @_;
	my $next = 0;

	foreach my $role (@roles)
	{
		my $share = int($count * $role->[1] / 1000);
		for (; $share > 0 && $next < @$order; $share--)
		{
			$plan->[ $order->[ $next++ ] ]{$what} = $role->[0];
		}
	}
	return;
}

# Four active people have no usable employee number (one, where there are fewer than 60)
sub give_no_number
{
	my ($store, $plan, $count) = @_;
	my @active = grep { $_->{index} > 0 && !$_->{status} } @$plan;
	my $wanted = $count >= 60 ? 4 : $count >= 10 ? 1 : 0;

	for my $i (0 .. $wanted - 1)
	{
		my $person = $active[ int(@active * ($i + 0.5) / $wanted) ];
		$person->{no_number} = 1;
		$person->{number} = $NO_NUMBER[$i];
	}
	return;
}

# Make one person with home, employments and groups
sub make_person
{
	my ($store, $plan) = @_;
	my $country = $plan->{country} // (countries())[0];
	my $name = choose_name($store, $country);
	my $dates = choose_dates($store, $plan->{status} // '');
	my $number = ++$store->{people_made};
	my $members = person_members($store, $plan, $country, $name, $number, $dates);
	my $person;

	$person = $store->add(employee => $members);
	$person->{roman} = $name->{roman};
	$person->{number} = $number;
	$person->{country} = $country;
	give_ssn($store, $person);
	add_home($store, $person, $country) unless $store->chance(60);
	add_history($store, $person, $plan, $dates);
	return $person;
}

# All members of an employee but the relations that need its id
sub person_members
{
	my ($store, $plan, $country, $name, $number, $dates) = @_;
	my $is_leaver = ($plan->{status} // '') eq 'leaver';

	return {
		remote_id => sprintf('%05d', 4000 + $number * 7),
		employee_number => $plan->{no_number} ? $plan->{number} : employee_number($plan, $number),
		company => company_of($store, $country),
		first_name => $name->{first},
		last_name => $name->{last},
		preferred_name => $name->{preferred},
		display_full_name => $name->{display},
		username => maybe($store, 700, lc "$name->{roman}$number" =~ s/[^A-Za-z0-9]//gr),
		groups => choose_groups($store),
		work_email => $is_leaver && $store->chance(300) ? undef : work_email($store, $name->{roman}),
		personal_email => maybe($store, 600, personal_email($name->{roman}, $number)),
		mobile_phone_number => choose_phone($store, $country),
		employments => [],
		home_location => undef,
		work_location => maybe($store, 900, $country->{office}{ $store->{seed} }),
		manager => undef,
		team => maybe($store, 300, $store->pick(@{ $store->list('team') })->{id}),
		pay_group => maybe($store, 600, $store->pick(@{ $store->list('pay_group') })->{id}),
		ssn => undef,
		gender => maybe($store, 900, $name->{gender}),
		ethnicity => maybe($store, 150, $store->pick(qw(WHITE ASIAN_OR_INDIAN_SUBCONTINENT PREFER_NOT_TO_DISCLOSE))),
		marital_status => maybe($store, 300, $store->pick(qw(SINGLE MARRIED_FILING_JOINTLY HEAD_OF_HOUSEHOLD))),
		avatar => maybe($store, 100, "https://cdn.$DOMAIN/a/$number.png?s=2&v=1"),
		custom_fields => custom_fields($store, $number),
		field_mappings => field_mappings($store, $number),
		employee_url => undef,
		remote_data => undef,
		%$dates,
	};
}

sub maybe
{
	my ($store, $permille, $value) = @_;
	return $store->chance($permille) ? $value : undef;
}

# Numbers keep their leading zeros; outside staff have letters
sub employee_number
{
	my ($plan, $number) = @_;
	my $is_outside = ($plan->{contract} // '') =~ /CONTRACTOR|FREELANCE/;
	return $is_outside ? sprintf('X-%04d', $number) : sprintf('%06d', $number);
}

sub company_of
{
	my ($store, $country) = @_;
	my $company = $store->list('company');
	my $which = $country->{code} eq 'US' ? 2 : $country->{code} eq 'DE' ? 1 : 0;
	return $company->[$which]{id};
}

# Choose a name that nobody has yet
sub choose_name
{
	my ($store, $country) = @_;
	my $name;

	for my $try (1 .. 12)
	{
		$name = draw_name($store, $country, $try > 5);
		last unless $store->{names}{"$name->{roman}"}++;
	}
	finish_name($store, $country, $name);
	return $name;
}

sub draw_name
{
	my ($store, $country, $is_double) = @_;
	my $is_woman = $store->chance(480);
	my ($first, $first_roman) = romanise($store->pick(@{ $country->{ $is_woman ? 'women' : 'men' } }));
	my @pool = @{ ($is_woman && $country->{last_women}) || $country->{last} };
	my ($last, $last_roman) = romanise($store->pick(@pool));

	if ($is_double)
	{
		my ($second, $second_roman) = romanise($store->pick(@pool));
		$last .= ($country->{family_first} ? '' : '-') . $second;
		$last_roman .= "-$second_roman";
	}
	return {
		first => $first, last => $last, roman => "$first_roman $last_roman",
		gender => $is_woman ? 'FEMALE' : 'MALE' };
}

# Some names come decomposed, some people are called otherwise
sub finish_name
{
	my ($store, $country, $name) = @_;

	if ($store->chance(300))
	{
		$name->{$_} = NFD($name->{$_}) for qw(first last);
	}
	$name->{gender} = $store->pick('NON-BINARY', 'OTHER', 'PREFER_NOT_TO_DISCLOSE') if $store->chance(20);
	$name->{preferred} = $store->chance(100) ? preferred_name($store, $name) : undef;
	$name->{display} = display_name($name->{preferred} // $name->{first}, $name->{last}, $country);
	return;
}

sub preferred_name
{
	my ($store, $name) = @_;
	my $short = substr(NFC($name->{first}), 0, 3);
	return $store->chance(100) ? "$short 👩🏽‍💻" : $short;
}

sub display_name
{
	my ($first, $last, $country) = @_;
	return $country && $country->{family_first} ? "$last $first" : "$first $last";
}

# Work addresses are unique; some are written with capitals
sub work_email
{
	my ($store, $roman) = @_;
	my $local = email_local($roman);
	my $number = ++$store->{emails}{$local};

	$local .= $number if $number > 1;
	$local =~ s/(^|\.)([a-z])/$1\U$2/g if $store->chance(50);
	return "$local\@$DOMAIN";
}

sub personal_email
{
	my ($roman, $number) = @_;
	return email_local($roman) . "+$number\@post.example";
}

sub email_local
{
	my ($roman) = @_;
	my $local = lc $roman;

	$local =~ s/[^a-z -]//g;
	$local =~ s/ /./;
	$local =~ s/ +/-/g;
	return $local;
}

# Two of three with the country code, some without, some no number at all
sub choose_phone
{
	my ($store, $country) = @_;
	my $draw = $store->below(100);
	my $number = $country->{mobile} =~ s/#/$store->below(10)/ger;

	return undef if $draw < 12;
	return $store->pick(@JUNK_PHONE) if $draw < 17;
	return "$country->{trunk}$number" if $draw < 35;
	return "00$country->{dial}" . ($number =~ s/\D//gr) if $draw < 42;
	return "+$country->{dial} (0) $number" if $draw < 45 && $country->{trunk} eq '0';
	return "+$country->{dial} $number";
}

# Start, end and birth as the status wants them
sub choose_dates
{
	my ($store, $status) = @_;
	my $today = $store->{today};
	my $start = $today - 40 - $store->below(5000);
	my $end;

	$start = $today + 1 + $store->below(120) if $status eq 'pending';
	$end = $start + 30 + $store->below($today - $start - 31) if $status eq 'leaver';
	$end = $today + 1 + $store->below(90) if $status eq 'notice';
	return {
		date_of_birth => maybe($store, 950, birth_text($store, $start)),
		hire_date => maybe($store, 250, day($store, $start - 20)),
		start_date => day($store, $start),
		remote_created_at => maybe($store, 400, entry_text($start - 25)),
		employment_status => $status eq 'leaver' ? 'INACTIVE' : $status eq 'pending' ? 'PENDING' : 'ACTIVE',
		termination_date => defined $end ? day($store, $end) : undef,
	};
}

# Somebody typed the person in at half past eight
sub entry_text
{
	my ($day) = @_;
	return StakesyncSim::Store::moment_text($day * 86_400_000_000 + 30_600_000_000);
}

# Grown up when he began
sub birth_text
{
	my ($store, $start) = @_;
	return day($store, $start - 6600 - $store->below(14000));
}

# One date in ten is written with microseconds
sub day
{
	my ($store, $day) = @_;
	return StakesyncSim::Store::day_text($day, $store->chance(100));
}

# A department, a cost centre, some more; in any order, now and then with a null among them
sub choose_groups
{
	my ($store) = @_;
	my %by_type;
	my @chosen;

	push @{ $by_type{ $_->{f}{type} // 'none' } }, $_->{id} for @{ $store->list('group') };
	push @chosen, $store->pick(@{ $by_type{DEPARTMENT} }) if $store->chance(950);
	push @chosen, $store->pick(@{ $by_type{COST_CENTER} }) if $store->chance(800);
	push @chosen, $store->pick(@{ $by_type{TEAM} }) if $store->chance(500);
	push @chosen, $store->pick(@{ $by_type{BUSINESS_UNIT} }) if $store->chance(300);
	push @chosen, $by_type{GROUP}[0] if $store->chance(100);
	push @chosen, $by_type{none}[0] if $store->chance(30);
	push @chosen, undef if $store->chance(20);
	return [ $store->shuffle(@chosen) ];
}

# Custom fields; a few hold what a register must refuse (published test values all)
sub custom_fields
{
	my ($store, $number) = @_;
	my $fields = {
		'badge' => sprintf('%04d', $number % 10000),
		'shirt_size' => maybe($store, 800, $store->pick(qw(S M L XL))),
		'Sprachen' => [ $store->pick('de', 'fr'), $store->pick('en', 'it') ],
		'desk' => { 'floor' => $store->below(9), 'window' => bool($store->chance(500)) },
	};

	return undef if $store->chance(300);
	$fields->{'IBAN'} = 'GB82 WEST 1234 5698 7654 32' if $number % 97 == 5;
	$fields->{'Konfession'} = 'rk' if $number % 89 == 7;
	$fields->{'note'} = 'card 4111 1111 1111 1111' if $number % 83 == 9;
	return $fields;
}

# Merge writes the values both bare and wrapped
sub field_mappings
{
	my ($store, $number) = @_;
	my $plan = sprintf('P%d', $number % 3);

	return undef if $store->chance(400);
	return {
		organization_defined_targets => { equity_plan => $store->chance(500) ? $plan : { value => $plan } },
		linked_account_defined_targets => {},
	};
}

# Only Americans have one, and only who asks for sensitive fields sees it
sub give_ssn
{
	my ($store, $person) = @_;
	$person->{ssn} = '078-05-1120' if $person->{country}{code} eq 'US';
	return;
}

# Give a person a home of his own
sub add_home
{
	my ($store, $person, $country) = @_;
	my $home = add_place($store, $country // $person->{country} // (countries())[0], 'HOME');

	$person->{f}{home_location} = $home->{id};
	return $home;
}

sub add_place
{
	my ($store, $country, $type) = @_;
	my ($zip, $city, $state) = split /\|/, $store->pick(@{ $country->{cities} }), -1;
	my $number = 1 + $store->below(180);
	my $street = $store->pick(@{ $country->{streets} }) =~ s/#/$number/r;
	my $is_home = $type eq 'HOME';

	$city = NFD($city) if $is_home && $store->chance(100);
	return $store->add(location => {
		remote_id => maybe($store, 500, 'L' . $store->below(1_000_000)),
		name => $is_home ? undef : 'Office',
		phone_number => undef,
		street_1 => $is_home ? maybe($store, 970, $street) : $street,
		street_2 => maybe($store, 120, $store->pick('c/o Lindwurm', '2. OG', 'Apt 4')),
		city => $is_home && $store->chance(15) ? "$city " : $city,
		state => $state eq '' ? undef : $state,
		zip_code => $is_home ? maybe($store, 960, $zip) : $zip,
		country => $is_home ? maybe($store, 970, $country->{code}) : $country->{code},
		location_type => $type,
		field_mappings => undef,
		remote_data => undef });
}

# Employments by the role: one, two in any order, a future one, a tie, an undated one, none
sub add_history
{
	my ($store, $person, $plan, $dates) = @_;
	my $start = StakesyncSim::Store::parse_day($dates->{start_date});
	my $role = $plan->{history} // 'one';
	my $type = $plan->{contract} // 'FULL_TIME';
	my @days = ($start);

	$role = 'one' if $start > $store->{today} && $role ne 'none';
	return if $role eq 'none';
	push @days, $start + 5 + $store->below($store->{today} - $start - 5) if $role eq 'raise';
	push @days, $store->{today} + 10 + $store->below(110) if $role eq 'future_pay';
	push @days, $start if $role eq 'tie';
	push @days, undef if $role eq 'undated';
	add_employment($store, $person, employment_members($store, $person, $type, $_)) for @days;
	$person->{f}{employments} = [ $store->shuffle(@{ $person->{f}{employments} }) ];
	return;
}

sub employment_members
{
	my ($store, $person, $type, $day) = @_;
	my $country = $person->{country};
	my ($low, $high) = @{ $country->{pay} };
	my $pay = $low + 100 * $store->below(int(($high - $low) / 100));
	my $is_hourly = $country->{code} eq 'US' && $store->chance(200);
	my $is_paid = $store->chance(950);

	return {
		job_title => maybe($store, 970, $store->pick(@TITLE)),
		pay_rate => !$is_paid ? undef : $is_hourly ? 20 + $store->below(9000) / 100 : $pay,
		pay_period => !$is_paid ? undef : $is_hourly ? 'HOUR' : maybe($store, 980, 'YEAR'),
		pay_frequency => maybe($store, 600, $country->{code} eq 'CH' ? 'THIRTEEN-MONTHLY' : 'MONTHLY'),
		pay_currency => $is_paid ? $country->{currency} : undef,
		pay_group => undef,
		flsa_status => $country->{code} eq 'US' ? maybe($store, 800, $store->pick('EXEMPT', 'NONEXEMPT')) : undef,
		effective_date => defined $day ? day($store, $day) : undef,
		employment_type => $type,
	};
}

# Add an employment to a person
sub add_employment
{
	my ($store, $person, $members) = @_;
	my $employment = $store->add(employment => {
		remote_id => undef, field_mappings => undef, remote_data => undef,
		%$members, employee => $person->{id} });

	push @{ $person->{f}{employments} }, $employment->{id};
	return $employment;
}

# The employment in force today: the latest date that is not in the future
sub current_employment
{
	my ($store, $person) = @_;
	my $today = StakesyncSim::Store::day_text($store->{today});
	my $best;

	foreach my $employment (map { $store->get($_) // () } @{ $person->{f}{employments} })
	{
		my $day = substr($employment->{f}{effective_date} // '0000-00-00', 0, 10);
		next if $day gt substr($today, 0, 10);
		$best = $employment
		  if !$best || $day ge substr($best->{f}{effective_date} // '0000-00-00', 0, 10);
	}
	return $best;
}

# The first has no manager, all others one above them in the tree
sub assign_managers
{
	my ($store, $people) = @_;

	for my $i (1 .. $#$people)
	{
		next if $store->chance(15);
		my $above = int(($i - 1) / 7);
		$people->[$i]{f}{manager} = $people->[$above]{id};
	}
	return;
}

# What every real export has: namesakes, unknown managers, values outside a list, people without data
sub make_oddities
{
	my ($store, $people, $plan) = @_;
	my @plain = grep { !$plan->[$_]{status} && !$plan->[$_]{no_number} && !$plan->[$_]{history} } 1 .. $#$people;

	return if @plain < 40;
	@plain = splice(@plain, int(@plain / 3), 30);
	make_namesakes(map { $people->[$_] } @plain[0, 1]);
	$people->[ $plain[2] ]{f}{manager} = $store->uuid('nobody', 1);
	$people->[ $plain[3] ]{f}{manager} = $people->[ $plain[3] ]{id};
	$store->get($people->[ $plain[4] ]{f}{employments}[0])->{f}{employment_type} = 'SEASONAL';
	$people->[ $plain[5] ]{f}{first_name} = "\x{a0}$people->[$plain[5]]{f}{first_name} ";
	$people->[ $plain[6] ]{f}{date_of_birth} = '1992-02-29T00:00:00Z';
	make_sparse($people->[$_]) for @plain[7, 8, 9];
	$people->[$_]{on_leave} = 1 for @plain[10, 11];
	return;
}

sub make_namesakes
{
	my ($one, $other) = @_;

	$other->{f}{$_} = $one->{f}{$_} for qw(first_name last_name display_full_name);
	$other->{f}{preferred_name} = $one->{f}{preferred_name};
	return;
}

# Null whatever the document allows, but for what identifies a person
sub make_sparse
{
	my ($person) = @_;
	my %keep = map { $_ => 1 } qw(remote_id employee_number first_name last_name employment_status);

	foreach my $member (keys %{ $person->{f} })
	{
		next if $keep{$member} || $member eq 'employments';
		$person->{f}{$member} = $member eq 'groups' ? [] : undef;
	}
	$person->{sparse} = 1;
	return;
}

# Shuffle a list, so that neither managers nor dates come in order
sub reorder
{
	my ($store, $kind) = @_;
	my @order = $store->shuffle(@{ $store->list($kind) });

	$order[$_]{seq} = $_ for 0 .. $#order;
	$store->{lists}{$kind} = \@order;
	return;
}

1;
