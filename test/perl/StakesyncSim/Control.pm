# The control API below /control: changes people, sets faults, tells what was asked
package StakesyncSim::Control;

use strict;
use warnings;
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::Change;
use StakesyncSim::Counter;
use StakesyncSim::Expect qw(expect_counts);
use StakesyncSim::Fault;
use StakesyncSim::Json qw(bool from_json);
use StakesyncSim::Many;
use StakesyncSim::Merge;
use StakesyncSim::OAuth;
use StakesyncSim::People qw(current_employment make_company);
use StakesyncSim::Store;

use StakesyncSim::BambooHR;
use StakesyncSim::Generic;
use StakesyncSim::HiBob;
use StakesyncSim::Humaans;
use StakesyncSim::Lucca;
use StakesyncSim::Personio;

# The systems beside Merge, a line each; control calls know them by the last part of the name in lower case
my @SYSTEM = (
	'StakesyncSim::BambooHR',
	'StakesyncSim::Generic',
	'StakesyncSim::HiBob',
	'StakesyncSim::Humaans',
	'StakesyncSim::Lucca',
	'StakesyncSim::Personio',
);

# Calls by method and name
my %CALL = (
	'GET requests' => \&requests, 'DELETE requests' => \&forget_requests,
	'GET expect' => \&expect, 'GET person' => \&person, 'GET faults' => \&fault_names,
	(map { my $what = $_; ("POST $what" => sub { $_[0]{change}->$what($_[1]) }) } qw(hire leave change remove)),
	'POST scope' => \&scope, 'POST many' => \&many, 'POST key' => \&key,
	'GET key' => \&show_key, 'POST link' => \&link_token,
	'POST switch' => \&switch, 'GET switch' => \&show_switches, 'POST expire_tokens' => \&expire_tokens,
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
	$self->{change} = StakesyncSim::Change->new($store);
	$self->{many} = $many;
	$self->{providers} = [ StakesyncSim::Merge->new(store => $store, many => $many), other_systems($store, $options) ];
	$self->{rules} = [];
	$self->{counter} = StakesyncSim::Counter->new;
	return;
}

# All systems but Merge, and the pages of a login at a website whose tokens some of them take
sub other_systems
{
	my ($store, $options) = @_;
	my %shared = (store => $store, scheme => defined $options->{'tls-cert'} ? 'https' : 'http');
	my $oauth = StakesyncSim::OAuth->new(%shared);

	return ((map { $_->new(%shared, oauth => $oauth) } @SYSTEM), $oauth);
}

# The name by which control calls know a system
sub system_name
{
	my ($provider) = @_;
	return $provider ? lc(ref($provider) =~ s/.*:://r) : 'none';
}

sub find_system
{
	my ($self, $name) = @_;
	my ($provider) = grep { system_name($_) eq ($name // '') } @{ $self->{providers} };

	return $provider // die 'provider is one of: ' . join(', ', map { system_name($_) } @{ $self->{providers} }) . "\n";
}

# Answer any request: control calls here, all others by their provider, spoilt by the faults
sub answer
{
	my ($self, $request) = @_;
	my ($provider, $answer);

	return $self->call($request) if $request->{path} =~ m{^/control(?:/|$)};
	($provider) = grep { $_->handles($request->{path}) } @{ $self->{providers} };
	$self->{counter}->begin($request, system_name($provider), $self->busy_connections);
	$answer = $provider ? $provider->answer($request) : json_answer(404, { detail => 'Not found.' });
	$request->{page} = $provider ? $provider->page_of($request) : 1;
	$request->{store} = $self->{store};
	$request->{ask} = sub { $provider->answer({ %$request, page => undef, again => 1, @_ }) } if $provider;
	foreach my $rule ($self->matching_rules($request))
	{
		StakesyncSim::Fault::apply($answer, $rule, $request);
		push @{ $request->{faults} }, $rule->{fault};
	}
	delete $answer->{renext};
	delete $request->{ask};
	$self->{counter}->remember($request, system_name($provider), $answer);
	return $answer;
}

# The connections whose answer is not at its end
sub busy_connections
{
	my ($self) = @_;
	return map { $_->{id} } grep { $_->{busy} } values %{ $self->{server}{connections} // {} };
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

sub requests
{
	my ($self) = @_;
	my $report = $self->{counter}->report;

	foreach my $provider (grep { $_->can('figures') } @{ $self->{providers} })
	{
		my $system = $report->{systems}{ system_name($provider) } or next;
		%$system = (%$system, %{ $provider->figures });
	}
	return { %$report, stalled => $self->{server}->count_stalled, server => $self->{server}{stats} };
}

sub forget_requests
{
	my ($self) = @_;
	$self->{counter}->forget;
	return {};
}

sub expect
{
	my ($self) = @_;
	return { people => $self->{many}{count} } if $self->{many};
	return expect_counts($self->{store});
}

# One person with the current employment and the home, by number
sub person
{
	my ($self, $arguments) = @_;
	my $person = $self->{change}->find_person($arguments);
	my $store = $self->{store};
	my $home = $store->get($person->{f}{home_location});
	my $employment = current_employment($store, $person);
	my $manager = $store->get($person->{f}{manager});

	return {
		%{ $person->{f} }, id => $person->{id}, deleted => bool($person->{deleted}),
		modified_at => StakesyncSim::Store::moment_text($person->{modified}),
		home => $home && $home->{f}, current_employment => $employment && $employment->{f},
		manager_number => $manager && $manager->{f}{employee_number}, on_leave => bool($person->{on_leave}),
		ids => { map { system_name($_) => $_->id_of($person) } grep { $_->can('id_of') } @{ $self->{providers} } },
		group_names => [ map { $_ && $_->{f}{name} } map { $store->get($_) } @{ $person->{f}{groups} // [] } ] };
}

# What the account may not read: left out (omit) or null; of another system than Merge its own words
sub scope
{
	my ($self, $arguments) = @_;
	my $name = delete $arguments->{provider};
	my %scope = (omit => {}, null => {}, map { my $how = $_;
		($how => ref $arguments->{$how} eq 'ARRAY' ? { map { $_ => 1 } @{ $arguments->{$how} } } : $arguments->{$how})
	} keys %$arguments);

	if (($name // 'merge') eq 'merge') { $self->{store}{scope} = \%scope }
	else { $self->find_system($name)->{scope} = \%scope }
	$self->{store}{version}++;
	return {};
}

# Let a system behave otherwise, by its switches
sub switch
{
	my ($self, $arguments) = @_;
	my $system = $self->find_system(delete $arguments->{provider});

	$system->can('set_switches') or die "this system has no switches\n";
	$self->{store}{version}++;
	return $system->set_switches(%$arguments);
}

sub show_switches
{
	my ($self) = @_;
	return { map { system_name($_) => $_->{switch} } grep { $_->can('set_switches') } @{ $self->{providers} } };
}

# All tokens given so far are refused from now on: of one system or of all
sub expire_tokens
{
	my ($self, $arguments) = @_;
	my @systems = defined $arguments->{provider} ? $self->find_system($arguments->{provider}) : @{ $self->{providers} };
	my %expired = map { system_name($_) => $_->expire_tokens } grep { $_->can('expire_tokens') } @systems;

	return \%expired;
}

# Static people: how many there are, how many have changed
sub many
{
	my ($self, $arguments) = @_;
	$self->{many} or die "the simulator was not started with --static\n";
	return $self->{many}->change(%$arguments);
}

# Other credentials from now on; made up where none are told
sub key
{
	my ($self, $arguments) = @_;
	my $name = delete $arguments->{provider} // 'merge';
	my $system = $self->find_system($name);
	my $place = $name eq 'merge' ? $system : $system->{credentials} // {};
	my @names = $name eq 'merge' ? qw(api_key account_token) : sort keys %$place;
	my ($secret) = $name eq 'merge' ? 'api_key' : grep { /secret|token|key|password/ } @names;

	$arguments->{$secret} = "$name-test-key-" . ++$self->{rotations} if defined $secret && !%$arguments;
	foreach my $word (sort keys %$arguments)
	{
		grep { $_ eq $word } @names or die "$name has no credential $word\n";
		$place->{$word} = $arguments->{$word};
	}
	$system->expire_tokens if $system->can('expire_tokens');
	return { map { $_ => $place->{$_} } @names };
}

# What is taken for a login now
sub show_key
{
	my ($self, $arguments) = @_;
	my $name = $arguments->{provider} // 'merge';
	my $system = $self->find_system($name);

	return { map { $_ => $system->{$_} } qw(api_key account_token) } if $name eq 'merge';
	return $system->{credentials} // die "this system has no credentials\n";
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
