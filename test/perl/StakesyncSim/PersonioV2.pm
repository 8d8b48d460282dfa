# Personio's second API: tokens by form, persons, and their employments one person at a time
package StakesyncSim::PersonioV2;

use strict;
use warnings;
use POSIX qw(strftime);
use StakesyncSim::Answer qw(json_answer set_header);
use StakesyncSim::PersonioFields qw(attributes id_of_number object_id weekly_hours);
use StakesyncSim::Rest qw(bearer_token encode_value form_body json_bytes page_answer problem_answer query_values
  read_place whole_number write_place);
use StakesyncSim::Store;

my $HELP = 'https://developer.personio.example/reference/errors#';
my @STAMP_FILTER = map { my $stamp = $_; map { "$stamp$_" } '', '.gt', '.lt' } qw(created_at updated_at);
my %CODE = (400 => 'bad_request', 401 => 'unauthorized', 403 => 'forbidden', 404 => 'resource_not_found');
my %GENDER = (FEMALE => 'FEMALE', MALE => 'MALE', 'NON-BINARY' => 'DIVERSE', OTHER => 'DIVERSE');
my %CUSTOM_TYPE = (integer => 'int', decimal => 'double', date => 'date', tags => 'string_list');
my @CUSTOM = grep { $_->{key} =~ /^dynamic_/ } attributes();

# Lists of names: the kind in the store, the type that makes their ids, what may be asked for, whether the header Beta is
my %NAMES = (
	'legal-entities' => [ company => 'Subcompany', 'legal_name', 0 ],
	'cost-centers' => [ group => 'CostCenter', 'name', 1 ],
	'workplaces' => [ location => 'Office', 'name', 1 ],
	'org-units' => [ group => 'Department', 'name', 1 ]);

# All calls are methods of the one system that v1 and v2 are
sub answer
{
	my ($self, $request) = @_;
	my (undef, undef, $name, $id, $child, $more) = split m{/}, $request->{path}, 6;
	my $refusal;

	return problem(404, 'Resource not found', 'There is no such resource.') if !$self->{switch}{v2} || defined $more;
	return auth($self, $request, $id // '') if $name eq 'auth' && !defined $child;
	$refusal = refuse($self, $request);
	return $refusal if $refusal;
	return problem(405, 'Method not allowed', "$request->{method} is not allowed.") if $request->{method} ne 'GET';
	return names($self, $request, $name) if $NAMES{$name} && !defined $id;
	return not_found() if $name ne 'persons' || defined $child && $child ne 'employments';
	return persons($self, $request) unless defined $id;
	return of_person($self, $request, $id, $child);
}

sub problem
{
	my ($status, $title, $detail) = @_;
	my $code = $CODE{$status} // 'error';

	return problem_answer($status, {
		personio_trace_id => 'sim-0001', timestamp => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
		errors => [ { title => $title, detail => $detail, type => "${HELP}common.$code", _meta => {} } ] });
}

sub not_found { return problem(404, 'Resource not found', 'There is no resource for the specified id.') }

sub bad_request { return problem(400, 'Bad request', $_[0]) }

# Tokens: by form only; revoked by form
sub auth
{
	my ($self, $request, $what) = @_;
	my $form = form_body($request) // {};

	return problem(405, 'Method not allowed', "$request->{method} is not allowed.") if $request->{method} ne 'POST';
	return new_token($self, $form) if $what eq 'token';
	return not_found() if $what ne 'revoke';
	return token_error(invalid_request => 'The request has missing or invalid required parameters.', ['token'])
	  unless defined $form->{token};
	$self->{tokens}{ $form->{token} }{until} = 0 if $self->{tokens}{ $form->{token} };
	return { status => 200, headers => [], body => '' };
}

sub new_token
{
	my ($self, $form) = @_;
	my @missing = grep { ($form->{$_} // '') eq '' } qw(grant_type client_id client_secret);
	my @asked = split / /, $form->{scope} // '';
	my %allowed = map { $_ => 1 } $self->allowed_scopes;
	my $scope = join ' ', @asked ? @asked : $self->allowed_scopes;

	return token_error(invalid_request => 'The request has missing or invalid required parameters.', \@missing) if @missing;
	return token_error(unsupported_grant_type => 'The grant type is not supported.')
	  if $form->{grant_type} ne 'client_credentials';
	return token_error(invalid_client => 'Client authentication failed.') unless $self->is_client($form);
	return token_error(invalid_scope => 'A requested scope is not allowed.') if grep { !$allowed{$_} } @asked;
	return json_answer(200, {
		access_token => $self->give_token("v2 $form->{client_id} $scope", $self->{switch}{expires_in},
			prefix => 'papi-', scope => $scope),
		token_type => 'Bearer', expires_in => $self->{switch}{expires_in} + 0, scope => $scope });
}

sub token_error
{
	my ($error, $description, $missing) = @_;
	return json_answer($error eq 'invalid_client' ? 401 : 400, {
		error => $error, error_description => $description, error_uri => "${HELP}credentials.oauth2.$error",
		timestamp => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime), trace_id => 'sim-0001',
		meta => $missing ? { missing_parameters => $missing } : {} });
}

sub refuse
{
	my ($self, $request) = @_;
	my $token = $self->token(bearer_token($request));
	my $limit = $self->count_limit($request, v2 => $self->{switch}{v2_per_minute}, 60);
	my $answer;

	return problem(401, 'Unauthorized', 'Authorization is missing.') unless defined $request->{headers}{authorization};
	return problem($token ? $self->{switch}{expired_status} : 401, 'Unauthorized', 'The access token is not valid.')
	  if !$token || $token->{dead};
	return problem(403, 'Insufficient access scope', 'Client scope insufficient to access resource')
	  unless $token->{scope} =~ /personio:persons:read/;
	return undef unless $limit->{over};
	$answer = problem(429, 'Too many requests', 'Too many requests.');
	set_header($answer, 'Retry-After', $self->{switch}{retry_after});
	return $answer;
}

sub persons
{
	my ($self, $request) = @_;
	return cursor_list($self, $request, $self->people, sub { person($self, $_[0]) }, \&is_wanted,
		qw(id email first_name last_name preferred_name status), @STAMP_FILTER);
}

sub of_person
{
	my ($self, $request, $id, $child) = @_;
	my $person = $self->person_by_id($id);

	return not_found() unless $person;
	return json_answer(200, person($self, $person)) unless defined $child;
	return cursor_list($self, $request, [ employments($self, $person) ], sub { $_[0] }, sub { 1 },
		'id', grep { /^updated/ } @STAMP_FILTER);
}

# One page of any list: 10 rows unless told, 50 at most; the cursor knows limit and filters, which may be said again
sub cursor_list
{
	my ($self, $request, $rows, $encode, $is_wanted, @filters) = @_;
	my %known = map { $_ => 1 } qw(limit cursor), @filters;
	my %filter = map { my $name = $_; map { ($name => $_) } query_values($request, $name) } @filters;
	my $cursor = $request->{query}{cursor};
	my $place = { from => 0, limit => 10, filter => \%filter };
	my $limit;

	return bad_request('Provided request parameters are invalid.') if grep { !$known{$_} } keys %{ $request->{query} };
	return bad_request('A time is wanted.')
	  if grep { /_at/ && !defined StakesyncSim::Store::parse_moment($filter{$_}) } keys %filter;
	$place = $cursor =~ /^cur_(.+)/ ? read_place($1) : undef if defined $cursor;
	return bad_request('The cursor is invalid.')
	  if !$place || grep { ($place->{filter}{$_} // '') ne $filter{$_} } keys %filter;
	$limit = whole_number($request->{query}{limit}, $place->{limit}, 1, 50);
	return bad_request('limit must be between 1 and 50.') unless defined $limit;
	$rows = [ grep { $is_wanted->($self, $place->{filter}, $_) } @$rows ] if %{ $place->{filter} };
	return page_answer($request, rows => $rows, from => $place->{from}, size => $limit,
		encode => sub { json_bytes($encode->($_[0])) },
		frame => sub { frame($self, $request, $_[0], { %$place, limit => $limit }) });
}

# The next page as an address, of this host or without one
sub frame
{
	my ($self, $request, $next, $place) = @_;
	my $host = $self->{switch}{next_href} eq 'relative' ? '' : "$self->{scheme}://$request->{headers}{host}";
	my %links = (self => { href => "$host$request->{target}" });

	$links{next} = { href => "$host$request->{path}?cursor=" . encode_value('cur_' . write_place(%$place, from => $next)) }
	  if defined $next;
	return ('{"_data":[', '],"_meta":{"links":' . json_bytes(\%links) . '}}');
}

sub is_wanted
{
	my ($self, $filter, $person) = @_;
	my $f = $person->{f};
	my %value = (
		id => $self->id_of($person), email => $f->{work_email}, status => person_status($self, $person),
		map { $_ => $f->{$_} } qw(first_name last_name preferred_name));

	foreach my $name (keys %$filter)
	{
		return 0 if $name =~ /^(created|updated)_at(.*)$/
		  ? !is_in_time($person->{ $1 eq 'created' ? 'created' : 'modified' }, $2, $filter->{$name})
		  : !grep { lc $_ eq lc($value{$name} // '') } $name =~ /^(?:id|email)$/ ? split /,/, $filter->{$name} : $filter->{$name};
	}
	return 1;
}

sub is_in_time
{
	my ($micros, $how, $text) = @_;
	my $limit = StakesyncSim::Store::parse_moment($text);
	return $micros > $limit if $how eq '.gt';
	return $micros < $limit if $how eq '.lt';
	return int($micros / 86_400_000_000) == int($limit / 86_400_000_000);
}

# Everybody but those who have left counts as active
sub person_status
{
	my ($self, $person) = @_;
	return $self->facts_of($person)->{status} eq 'INACTIVE' ? 'INACTIVE' : 'ACTIVE';
}

sub stamp
{
	my ($micros) = @_;
	return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(int($micros / 1_000_000)));
}

# A person knows no more of the employments than their ids
sub person
{
	my ($self, $person) = @_;
	my $facts = $self->facts_of($person);
	my $id = '' . $self->id_of($person);
	my %member = (
		id => $id, email => $facts->{work_email},
		created_at => stamp($person->{created}), updated_at => stamp($person->{modified}),
		first_name => $facts->{first_name}, last_name => $facts->{last_name}, preferred_name => $facts->{preferred_name},
		gender => $GENDER{ $facts->{gender} // '' } // 'UNSPECIFIED', status => person_status($self, $person),
		profile_picture => { url => "https://api.personio.example/v1/company/employees/$id/profile-picture" },
		custom_attributes => [ custom_attributes($self, $facts) ],
		employments => [ map { { id => $_->{id} } } employments($self, $person) ],
		_meta => { links => { employments => { href => "https://api.personio.example/v2/persons/$id/employments" } } });

	delete @member{ grep { $self->is_hidden($_) } keys %member };
	return \%member;
}

# Those that have a value; labels only now and then
sub custom_attributes
{
	my ($self, $facts) = @_;
	my @shown;

	foreach my $attribute (grep { !$self->is_hidden($_->{key}) } @CUSTOM)
	{
		my $value = $attribute->{value}->($facts) // next;
		$value = substr $value, 0, 10 if $attribute->{type} eq 'date';
		push @shown, {
			id => $attribute->{key}, type => $CUSTOM_TYPE{ $attribute->{type} } // 'string', value => $value,
			global_id => $attribute->{universal_id}, $facts->{number} % 3 ? () : (label => $attribute->{label}) };
	}
	return @shown;
}

# The newest first; one person in fifty was here before
sub employments
{
	my ($self, $person) = @_;
	my $facts = $self->facts_of($person);
	my @employments = employment($self, $person, $facts);

	push @employments, former_employment($employments[0], $self->{store}->uuid('former employment', $person->{number}))
	  if $person->{number} % 50 == 3 && defined $facts->{start};
	return @employments;
}

sub employment
{
	my ($self, $person, $facts) = @_;
	my $hours = weekly_hours($facts);
	my $type = $facts->{job}{employment_type};
	my ($last) = sort { $b->{modified} <=> $a->{modified} } $person, @{ $facts->{employments} };

	return {
		id => $self->{store}->uuid('personio employment', $person->{number}), person => { id => '' . $self->id_of($person) },
		status => $facts->{status} eq 'PENDING' ? 'ONBOARDING' : $facts->{status},
		type => !defined $type ? 'UNSPECIFIED' : $type =~ /^(?:CONTRACTOR|FREELANCE)$/ ? 'EXTERNAL' : 'INTERNAL',
		position => { title => $facts->{job}{job_title} }, weekly_working_hours => $hours, full_time_weekly_working_hours => 40,
		probation_end_date => undef, employment_start_date => $facts->{start}, employment_end_date => $facts->{end},
		contract_end_date => undef, created_at => stamp($person->{created}), updated_at => stamp($last->{modified}),
		supervisor => supervisor($facts), office => id_of_object(Office => $facts->{office}),
		legal_entity => id_of_object(Subcompany => $facts->{company}),
		sub_company => id_of_object(Subcompany => $facts->{company}),
		org_units => [ org_unit(team => Team => $facts->{team}), org_unit(department => Department => $facts->{department}) ],
		cost_centers => [ map { { id => $_->{id}, weight => 100 } } $facts->{cost_center} // () ],
		termination => termination($facts), _meta => { links => {} } };
}

sub former_employment
{
	my ($now, $id) = @_;
	my $start = StakesyncSim::Store::parse_day($now->{employment_start_date});
	my ($from, $to) = map { substr StakesyncSim::Store::day_text($start - $_), 0, 10 } 900, 200;

	return {
		%$now, id => $id, status => 'INACTIVE', position => { title => 'Trainee' }, supervisor => undef,
		employment_start_date => $from, employment_end_date => $to,
		termination => {
			termination_date => $to, last_working_day => $to, terminated_at => $from,
			type => 'CONTRACT_EXPIRED', reason => undef } };
}

sub supervisor
{
	my ($facts) = @_;
	return undef unless defined $facts->{manager_id};
	return { id => '' . ($facts->{manager} ? id_of_number($facts->{manager}{number}) : 9_999_999) };
}

sub id_of_object
{
	my ($type, $object) = @_;
	return $object && { id => '' . object_id($type, $object) };
}

sub org_unit
{
	my ($word, $type, $object) = @_;
	return $object ? { type => $word, id => '' . object_id($type, $object) } : ();
}

# Of two documents one has last_working_day, the other last_working_date
sub termination
{
	my ($facts) = @_;
	my $name = $facts->{number} % 2 ? 'last_working_day' : 'last_working_date';

	return undef unless defined $facts->{end};
	return {
		termination_date => $facts->{end}, $name => $facts->{end}, terminated_at => undef,
		type => 'EMPLOYEE', reason => undef };
}

# Names of ids; most of these lists want one more header
sub names
{
	my ($self, $request, $name) = @_;
	my ($kind, $type, $member, $is_beta) = @{ $NAMES{$name} };
	my $wanted = $request->{query}{type} // 'department';
	my @rows;

	return not_found() if $is_beta && ($request->{headers}{beta} // '') ne 'true';
	$kind = 'team' if $name eq 'org-units' && $wanted eq 'team';
	$type = 'Team' if $kind eq 'team';
	@rows = grep {
		!$_->{gone}
		  && ($kind ne 'group' || ($_->{f}{type} // '') eq ($type eq 'CostCenter' ? 'COST_CENTER' : 'DEPARTMENT'))
		  && ($kind ne 'location' || $_->{f}{location_type} eq 'WORK')
	} @{ $self->{store}->list($kind) };
	return cursor_list($self, $request, \@rows, sub { name_row($type, $member, $_[0]) }, sub { 1 },
		$name eq 'org-units' ? 'type' : ());
}

sub name_row
{
	my ($type, $member, $object) = @_;
	return { id => $type eq 'CostCenter' ? $object->{id} : '' . object_id($type, $object), name => $object->{f}{$member} };
}

1;
