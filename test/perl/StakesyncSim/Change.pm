# Changes the people: hires, leavers, new values, deletions, as all systems show them
package StakesyncSim::Change;

use strict;
use warnings;
use StakesyncSim::Names qw(countries);
use StakesyncSim::People qw(add_employment add_home current_employment display_name make_person);
use StakesyncSim::Store;

my %PLACE = map { $_ => 1 } qw(street_1 street_2 city state zip_code country);
my %PAY = map { $_ => 1 } qw(job_title pay_rate pay_period pay_frequency pay_currency flsa_status employment_type);
my %ALIAS = (email => 'work_email', salary => 'pay_rate', phone => 'mobile_phone_number', name => 'display_full_name');

sub new
{
	my ($class, $store) = @_;
	return bless { store => $store }, $class;
}

# Find a person by employee_number, id or remote_id
sub find_person
{
	my ($self, $arguments) = @_;
	my $list = $self->{store}->list('employee');

	foreach my $member (grep { defined $arguments->{$_} } qw(id remote_id employee_number work_email))
	{
		foreach my $person (grep { !$_->{gone} } @$list)
		{
			my $value = $member eq 'id' ? $person->{id} : $person->{f}{$member};
			return $person if defined $value && $value eq $arguments->{$member};
		}
	}
	die "no such person; name employee_number, id, remote_id or work_email\n";
}

# Hire one person or count of them; members given replace those made
sub hire
{
	my ($self, $arguments) = @_;
	my ($count, %set) = (delete $arguments->{count} // 1, %$arguments);
	my $store = $self->{store};
	my @hired;

	for (1 .. $count)
	{
		my ($country) = grep { $_->{code} eq ($set{country} // '') } countries();
		my $person = make_person($store, { country => $country // $store->pick(countries()) });
		set_start($store, $person, $set{start_date});
		$self->set_members($person, { %set }, 1);
		$person->{created} = $store->touch($person, $store->get($person->{f}{home_location}) // (),
			map { $store->get($_) } @{ $person->{f}{employments} });
		push @hired, $self->identify($person);
	}
	return { %{ $hired[0] // {} }, people => \@hired };
}

# Begin today unless told otherwise
sub set_start
{
	my ($store, $person, $date) = @_;
	my $day = defined $date ? StakesyncSim::Store::parse_day($date) : $store->{today};

	$person->{f}{$_} = StakesyncSim::Store::day_text($day) for qw(start_date);
	$person->{f}{employment_status} = $day > $store->{today} ? 'PENDING' : 'ACTIVE';
	$store->get($_)->{f}{effective_date} = StakesyncSim::Store::day_text($day) for @{ $person->{f}{employments} };
	return;
}

sub identify
{
	my ($self, $person) = @_;
	return {
		id => $person->{id}, remote_id => $person->{f}{remote_id},
		employee_number => $person->{f}{employee_number}, display_full_name => $person->{f}{display_full_name} };
}

# Somebody leaves; a date in the future leaves him active until then
sub leave
{
	my ($self, $arguments) = @_;
	my $store = $self->{store};
	my $person = $self->find_person($arguments);
	my $day = defined $arguments->{date} ? StakesyncSim::Store::parse_day($arguments->{date}) : $store->{today};

	$person->{f}{termination_date} = StakesyncSim::Store::day_text($day);
	$person->{f}{employment_status} = 'INACTIVE' if $day <= $store->{today};
	note_members($person, $store->touch($person), qw(termination_date employment_status));
	return $self->identify($person);
}

# set: members of the employee, of the home or of the employment; quiet leaves the employee's modified_at
sub change
{
	my ($self, $arguments) = @_;
	my $person = $self->find_person($arguments);

	ref $arguments->{set} eq 'HASH' or die "set is wanted: {\"city\": \"Bern\"}\n";
	$self->set_members($person, { %{ $arguments->{set} } }, $arguments->{in_place});
	note_members($person, $self->{store}->touch($person), map { $ALIAS{$_} // $_ } keys %{ $arguments->{set} })
	  unless $arguments->{quiet};
	$self->{store}{version}++;
	return $self->identify($person);
}

# Remember which members changed when, for systems whose filter looks at single ones
sub note_members
{
	my ($person, $when, @members) = @_;
	$person->{changed_members}{$_} = $when for @members;
	return;
}

# Sort the members to where they belong
sub set_members
{
	my ($self, $person, $set, $in_place) = @_;
	my (%place, %pay);
	my $effective = delete $set->{effective_date};

	foreach my $name (sort keys %$set)
	{
		my $member = $ALIAS{$name} // $name;
		next if $PLACE{$member} || $PAY{$member} || $member =~ /^(?:department|on_leave)$/ || exists $person->{f}{$member};
		die "an employee has no member $name\n";
	}
	foreach my $name (sort keys %$set)
	{
		my $member = $ALIAS{$name} // $name;
		my $value = $set->{$name};
		if ($PLACE{$member}) { $place{$member} = $value }
		elsif ($PAY{$member}) { $pay{$member} = $value }
		elsif ($member eq 'manager') { $person->{f}{manager} = $self->manager_id($value) }
		elsif ($member eq 'groups') { $person->{f}{groups} = [ map { $self->group_id($_) } @$value ] }
		elsif ($member eq 'department') { $self->move_department($person, $value) }
		elsif ($member eq 'on_leave') { $person->{on_leave} = $value ? 1 : 0 }
		else { $person->{f}{$member} = as_moment($member, $value) }
	}
	$self->rename($person, $set);
	$self->move_home($person, \%place) if %place;
	$self->set_pay($person, \%pay, $effective, $in_place) if %pay || defined $effective;
	return;
}

# Dates may be given as days
sub as_moment
{
	my ($member, $value) = @_;
	my $is_day = $member =~ /(?:_date|_of_birth)$/ && ($value // '') =~ /^\d{4}-\d\d-\d\d$/;
	return $is_day ? "${value}T00:00:00Z" : $value;
}

# A new first or last name shows in the full name
sub rename
{
	my ($self, $person, $set) = @_;

	return if exists $set->{display_full_name} || exists $set->{name};
	return unless grep { exists $set->{$_} } qw(first_name last_name preferred_name);
	$person->{f}{display_full_name} = display_name(
		$person->{f}{preferred_name} // $person->{f}{first_name} // '', $person->{f}{last_name} // '', $person->{country});
	return;
}

sub move_home
{
	my ($self, $person, $place) = @_;
	my $home = $self->{store}->get($person->{f}{home_location}) // add_home($self->{store}, $person);

	$home->{f}{$_} = $place->{$_} for keys %$place;
	$self->{store}->touch($home);
	return;
}

# A new employment from a date (today), or the current one changed in place
sub set_pay
{
	my ($self, $person, $pay, $effective, $in_place) = @_;
	my $store = $self->{store};
	my $current = current_employment($store, $person) // $store->get($person->{f}{employments}[0]);

	$effective //= substr StakesyncSim::Store::day_text($store->{today}), 0, 10 unless $in_place && $current;
	$pay->{effective_date} = as_moment('effective_date', $effective) if defined $effective;
	if ($in_place && $current) { $current->{f}{$_} = $pay->{$_} for keys %$pay }
	else
	{
		my %copy = $current ? %{ $current->{f} } : ();
		$current = add_employment($store, $person, { %copy, remote_id => undef, %$pay });
	}
	$store->touch($current);
	return;
}

# Managers are named by employee number or id
sub manager_id
{
	my ($self, $value) = @_;

	return $value if !defined $value || $self->{store}->get($value);
	return $self->find_person({ employee_number => $value })->{id};
}

sub group_id
{
	my ($self, $value) = @_;
	my $group;

	return undef unless defined $value;
	($group) = grep { $_->{id} eq $value || ($_->{f}{name} // '') eq $value } @{ $self->{store}->list('group') };
	$group //= StakesyncSim::People::add_group($self->{store}, $value, 'DEPARTMENT', undef);
	return $group->{id};
}

sub move_department
{
	my ($self, $person, $name) = @_;
	my @others = grep {
		my $group = $self->{store}->get($_);
		!$group || !defined $group->{f}{type} || $group->{f}{type} ne 'DEPARTMENT'
	} @{ $person->{f}{groups} // [] };

	$person->{f}{groups} = [ @others, $self->group_id($name) ];
	return;
}

# how: flag (seen with include_deleted_data only) or vanish
sub remove
{
	my ($self, $arguments) = @_;
	my $person = $self->find_person($arguments);

	if (($arguments->{how} // 'flag') eq 'vanish') { $self->{store}->vanish($person) }
	else
	{
		$person->{deleted} = 1;
		$self->{store}->touch($person);
	}
	return $self->identify($person);
}

1;
