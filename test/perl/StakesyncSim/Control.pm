# The control API below /control: changes people, sets faults, tells what was asked
package StakesyncSim::Control;

use strict;
use warnings;
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::Expect qw(expect_counts);
use StakesyncSim::Fault;
use StakesyncSim::Json qw(bool from_json);
use StakesyncSim::Many;
use StakesyncSim::Merge;
use StakesyncSim::Names qw(countries);
use StakesyncSim::People qw(add_employment add_home current_employment display_name make_company
  make_person);
use StakesyncSim::Store;

my $KEEP_REQUESTS = 200;
my %SECRET = map { $_ => 1 } qw(authorization x-account-token cookie proxy-authorization);
my %PLACE = map { $_ => 1 } qw(street_1 street_2 city state zip_code country);
my %PAY = map { $_ => 1 } qw(job_title pay_rate pay_period pay_frequency pay_currency flsa_status employment_type);
my %ALIAS = (email => 'work_email', salary => 'pay_rate', phone => 'mobile_phone_number', name => 'display_full_name');

# Calls by method and name
my %CALL = (
	'GET requests' => \&requests, 'DELETE requests' => \&forget_requests,
	'GET expect' => \&expect, 'GET person' => \&person, 'GET faults' => \&fault_names,
	'POST hire' => \&hire, 'POST leave' => \&leave, 'POST change' => \&change, 'POST remove' => \&remove,
	'POST scope' => \&scope, 'POST many' => \&many, 'POST key' => \&key, 'POST link' => \&link_token,
	'POST reset' => \&reset_all, 'POST fault' => \&add_fault, 'DELETE fault' => \&clear_faults,
	'GET fault' => \&list_faults, 'POST release' => \&release, 'GET ping' => sub { { ok => bool(1) } });

# options: people, seed, today, static
sub new
{
	my ($class, %options) = @_;
	my $self = bless { options => \%options }, $class;

	$self->build;
	return $self;
}

# Make the world as it is at the start
sub build
{
	my ($self) = @_;
	my $options = $self->{options};
	my $store = StakesyncSim::Store->new(seed => $options->{seed}, today => $options->{today});
	my $many;

	make_company($store, $options->{static} ? 0 : $options->{people});
	$many = StakesyncSim::Many->new(store => $store, count => $options->{static}) if $options->{static};
	$self->{store} = $store;
	$self->{many} = $many;
	$self->{providers} = [ StakesyncSim::Merge->new(store => $store, many => $many) ];
	$self->{rules} = [];
	$self->forget_requests;
	return;
}

# Answer any request: control calls here, all others by their provider, spoilt by the faults
sub answer
{
	my ($self, $request) = @_;
	my ($provider, $answer);

	return $self->call($request) if $request->{path} =~ m{^/control(?:/|$)};
	($provider) = grep { $_->handles($request->{path}) } @{ $self->{providers} };
	$answer = $provider ? $provider->answer($request) : json_answer(404, { detail => 'Not found.' });
	$request->{page} = $provider ? $provider->page_of($request) : 1;
	foreach my $rule ($self->matching_rules($request))
	{
		StakesyncSim::Fault::apply($answer, $rule, $request);
		push @{ $request->{faults} }, $rule->{fault};
	}
	delete $answer->{renext};
	$self->remember($request, $answer);
	return $answer;
}

sub call
{
	my ($self, $request) = @_;
	my (undef, undef, $name, $rest) = split m{/}, $request->{path}, 4;
	my $call = $CALL{ "$request->{method} " . ($name // '') };
	my ($arguments, $result);

	return json_answer(404, { error => 'no such control call' }) unless $call;
	$arguments = eval { $request->{body} ne '' ? from_json($request->{body}) : {} };
	return json_answer(400, { error => 'the body is no JSON object' }) if ref $arguments ne 'HASH';
	$arguments = { %{ $request->{query} }, %$arguments };
	$arguments->{employee_number} = $rest if defined $rest;
	$result = eval { $call->($self, $arguments) };
	return json_answer(200, $result) if defined $result;
	chomp(my $error = $@);
	return json_answer(400, { error => $error });
}

# The rules that hit this request: nth counts the requests that match, times how often a rule may hit
sub matching_rules
{
	my ($self, $request) = @_;
	my @hit;

	foreach my $rule (@{ $self->{rules} })
	{
		my $match = $rule->{match};
		next if defined $match->{path} && $request->{path} !~ $match->{path};
		next if defined $match->{query} && $request->{query_text} !~ $match->{query};
		next if defined $match->{method} && $request->{method} ne $match->{method};
		next if defined $match->{page} && $request->{page} != $match->{page};
		next if ++$rule->{seen} < ($match->{nth} // 1) || $rule->{left} == 0;
		$rule->{left}-- if $rule->{left} > 0;
		$rule->{hits}++;
		push @hit, $rule;
	}
	return @hit;
}

sub add_fault
{
	my ($self, $arguments) = @_;
	my ($match, $name, $times, $args) = map { $arguments->{$_} } qw(match fault times args);
	my %flat = map { $_ => $arguments->{$_} } grep { !/^(?:match|fault|times|args)$/ } keys %$arguments;

	StakesyncSim::Fault::exists_fault($name // '') or die "no such fault; GET /control/faults lists them\n";
	foreach my $pattern (grep { defined $match->{$_} } qw(path query))
	{
		$match->{$pattern} = qr/$match->{$pattern}/;
	}
	push @{ $self->{rules} }, {
		fault => $name, match => $match // {}, args => { %flat, %{ $args // {} } },
		left => $times // 1, seen => 0, hits => 0 };
	return { faults => scalar @{ $self->{rules} } };
}

sub clear_faults
{
	my ($self) = @_;
	$self->{rules} = [];
	return { faults => 0 };
}

sub list_faults
{
	my ($self) = @_;
	my @rules = map { my $rule = $_; +{ map { $_ => $rule->{$_} } qw(fault hits left) } } @{ $self->{rules} };
	return { faults => \@rules };
}

sub fault_names
{
	return { StakesyncSim::Fault::names() };
}

sub release
{
	my ($self) = @_;
	return { released => $self->{server}->release };
}

# Count a request and keep the last ones without their secrets
sub remember
{
	my ($self, $request, $answer) = @_;
	my $path = $request->{path} =~ s{/[0-9a-f]{8}-[0-9a-f-]{27}$}{/{id}}r =~ s{(?<=/account-token/).*}{{token}}r;
	my %headers = map { $_ => $SECRET{$_} ? '(set)' : $request->{headers}{$_} } keys %{ $request->{headers} };
	my $status = $answer->{abort} ? $answer->{abort} : $answer->{status};

	$self->{asked}{total}++;
	$self->{asked}{by_path}{$path}++;
	$self->{asked}{by_status}{$status}++;
	push @{ $self->{last} }, {
		method => $request->{method}, path => $path, query => $request->{query}, headers => \%headers,
		page => $request->{page}, status => $status, at => $request->{at},
		connection => $request->{connection}, faults => $request->{faults} // [] };
	shift @{ $self->{last} } if @{ $self->{last} } > $KEEP_REQUESTS;
	return;
}

sub requests
{
	my ($self) = @_;
	return {
		%{ $self->{asked} }, last => $self->{last}, stalled => $self->{server}->count_stalled,
		server => $self->{server}{stats} };
}

sub forget_requests
{
	my ($self) = @_;
	$self->{asked} = { total => 0, by_path => {}, by_status => {} };
	$self->{last} = [];
	return {};
}

sub expect
{
	my ($self) = @_;
	return { people => $self->{many}{count} } if $self->{many};
	return expect_counts($self->{store});
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

# One person with the current employment and the home, by number
sub person
{
	my ($self, $arguments) = @_;
	my $person = $self->find_person($arguments);
	my $store = $self->{store};
	my $home = $store->get($person->{f}{home_location});
	my $employment = current_employment($store, $person);
	my $manager = $store->get($person->{f}{manager});

	return {
		%{ $person->{f} }, id => $person->{id}, deleted => bool($person->{deleted}),
		modified_at => StakesyncSim::Store::moment_text($person->{modified}),
		home => $home && $home->{f}, current_employment => $employment && $employment->{f},
		manager_number => $manager && $manager->{f}{employee_number},
		group_names => [ map { $_ && $_->{f}{name} } map { $store->get($_) } @{ $person->{f}{groups} // [] } ] };
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
	$store->touch($person);
	return $self->identify($person);
}

# set: members of the employee, of the home or of the employment; quiet leaves the employee's modified_at
sub change
{
	my ($self, $arguments) = @_;
	my $person = $self->find_person($arguments);

	ref $arguments->{set} eq 'HASH' or die "set is wanted: {\"city\": \"Bern\"}\n";
	$self->set_members($person, { %{ $arguments->{set} } }, $arguments->{in_place});
	$self->{store}->touch($person) unless $arguments->{quiet};
	$self->{store}{version}++;
	return $self->identify($person);
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
		next if $PLACE{$member} || $PAY{$member} || $member eq 'department' || exists $person->{f}{$member};
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

# Members that the account may not read: left out (omit) or null
sub scope
{
	my ($self, $arguments) = @_;

	$self->{store}{scope} = { map {
		my $how = $_;
		($how => { map { $_ => 1 } @{ $arguments->{$how} // [] } })
	} qw(omit null) };
	$self->{store}{version}++;
	return {};
}

# Static people: how many there are, how many have changed
sub many
{
	my ($self, $arguments) = @_;
	$self->{many} or die "the simulator was not started with --static\n";
	return $self->{many}->change(%$arguments);
}

# Other credentials from now on
sub key
{
	my ($self, $arguments) = @_;
	my $merge = $self->{providers}[0];

	foreach my $name (qw(api_key account_token))
	{
		$merge->{$name} = $arguments->{$name} if defined $arguments->{$name};
	}
	$merge->{api_key} = 'merge-test-key-' . ++$self->{rotations} unless %$arguments;
	return { map { $_ => $merge->{$_} } qw(api_key account_token) };
}

# Somebody has logged in at the website: a public token comes of it
sub link_token
{
	my ($self) = @_;
	my $token = 'merge-public-' . ++$self->{links};

	$self->{providers}[0]{public_tokens}{$token} = 1;
	return { public_token => $token };
}

sub reset_all
{
	my ($self) = @_;
	$self->build;
	$self->{server}->release;
	return {};
}

1;
