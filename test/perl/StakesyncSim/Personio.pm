# Personio's API below /v1 and /v2, as its documents describe it; here are the tokens and the employees of v1
package StakesyncSim::Personio;

use strict;
use warnings;
use parent 'StakesyncSim::Rest';
use StakesyncSim::Answer qw(json_answer set_header);
use StakesyncSim::Facts qw(facts);
use StakesyncSim::PersonioFields qw(attributes id_of_number);
use StakesyncSim::PersonioV2;
use StakesyncSim::Rest qw(bearer_token form_body json_body json_bytes page_answer query_values whole_number);
use StakesyncSim::Store;

my $LIST = '/v1/company/employees';
my @SCOPES = qw(employees:read absences:read personio:persons:read);
my @PARAMETERS = qw(limit offset email attributes[] updated_since);
my @ATTRIBUTE = attributes();
my %ATTRIBUTE = map { $_->{key} => $_ } @ATTRIBUTE;

# v1, v1_auth, v2: 0 takes them away; per_...: 0 is no limit; next_href: absolute or relative; tags: array or comma;
# retry_after: seconds to tell with a 429; expired_status: the answer to a token that is no longer good
sub switches
{
	return (
		v1 => 1, v1_auth => 1, v2 => 1, expires_in => 86400, expired_status => 401, per_minute => 300,
		per_second => 15, auth_per_minute => 60, v2_per_minute => 0, retry_after => undef,
		next_href => 'absolute', tags => 'array');
}

sub credentials
{
	return (client_id => 'papi-test-client', client_secret => 'personio-test-secret');
}

sub handles
{
	my ($self, $path) = @_;
	return $path =~ m{^/v1/(?:auth$|company/employees(?:/|$))|^/v2/};
}

sub answer
{
	my ($self, $request) = @_;
	my $path = $request->{path};
	my $switch = $self->{switch};

	return StakesyncSim::PersonioV2::answer($self, $request) if $path =~ m{^/v2/};
	return error(404, 'Es ist ein Problem aufgetreten ') if !$switch->{v1} || $path eq '/v1/auth' && !$switch->{v1_auth};
	return $self->authenticate($request) if $path eq '/v1/auth';
	return $self->refuse($request) // $self->echo_token($request, $self->employees($request));
}

sub id_of
{
	my ($self, $person) = @_;
	return id_of_number($person->{number});
}

# What is true of a person
sub facts_of
{
	my ($self, $person) = @_;
	return $self->kept("facts $person->{id}", sub { facts($self->{store}, $person) });
}

sub error
{
	my ($code, $message) = @_;
	return json_answer($code, { success => StakesyncSim::Json::bool(0), error => { code => $code, message => $message } });
}

# A token for client_id and client_secret as JSON or form; the same one again within its time
sub authenticate
{
	my ($self, $request) = @_;
	my $body = form_body($request) // json_body($request);
	my $refusal = $self->over_limit($request, auth => auth_per_minute => 60);

	return error(405, 'Method Not Allowed') if $request->{method} ne 'POST';
	return $refusal if $refusal;
	return error(400, 'client_id and client_secret are required')
	  if ref $body ne 'HASH' || grep { ref $_ || ($_ // '') eq '' } @$body{qw(client_id client_secret)};
	return error(403, 'Wrong credentials') unless $self->is_client($body);
	return json_answer(200, {
		success => StakesyncSim::Json::bool(1),
		data => {
			token => $self->give_token("v1 $body->{client_id}", $self->{switch}{expires_in},
				prefix => 'papi-', scope => join ' ', $self->allowed_scopes),
			expires_in => $self->{switch}{expires_in} + 0, scope => join ' ', $self->allowed_scopes } });
}

sub is_client
{
	my ($self, $given) = @_;
	my $wanted = $self->{credentials};
	return !grep { ($given->{$_} // '') ne $wanted->{$_} } qw(client_id client_secret);
}

# What the credentials may do; POST scope {scopes: [...]} leaves less
sub allowed_scopes
{
	my ($self) = @_;
	my $allowed = $self->{scope}{scopes};
	return grep { !$allowed || $allowed->{$_} } @SCOPES;
}

# The token on every call, then the limits
sub refuse
{
	my ($self, $request) = @_;
	my $token = $self->token(bearer_token($request));

	return error(401, 'Authorization is not provided') unless defined $request->{headers}{authorization};
	return error(403, 'Provided authorization is not valid') if !$token;
	return error($self->{switch}{expired_status}, 'Provided authorization is not valid') if $token->{dead};
	return error(403, 'The credentials do not allow this') unless $token->{scope} =~ /\bemployees:read\b/;
	return $self->over_limit($request, second => per_second => 1) // $self->over_limit($request, minute => per_minute => 60);
}

sub over_limit
{
	my ($self, $request, $name, $switch, $seconds) = @_;
	my $limit = $self->count_limit($request, $name, $self->{switch}{$switch}, $seconds);
	my $answer;

	return undef unless $limit->{over};
	$answer = error(429, 'Too many requests');
	set_header($answer, 'Retry-After', $self->{switch}{retry_after});
	return $answer;
}

# A good answer names the token again, as those did that once took turns
sub echo_token
{
	my ($self, $request, $answer) = @_;
	set_header($answer, 'Authorization', 'Bearer ' . bearer_token($request)) if $answer->{status} == 200;
	return $answer;
}

sub employees
{
	my ($self, $request) = @_;
	my (undef, $which, $more) = split m{/}, substr($request->{path}, length $LIST), 3;
	my $person;

	return error(405, 'Method Not Allowed') if $request->{method} ne 'GET';
	return error(404, 'Es ist ein Problem aufgetreten ') if defined $more;
	return $self->list($request) unless defined $which;
	return $self->attribute_list if $which =~ /^(?:custom-)?attributes$/;
	$person = $self->person_by_id($which);
	return error(404, 'Es ist ein Problem aufgetreten ') unless $person;
	return json_answer(200, { success => StakesyncSim::Json::bool(1), data => $self->employee($person, [ $self->readable ]) });
}

# The attributes that these credentials may read
sub readable
{
	my ($self) = @_;
	return grep { $_->{key} eq 'id' || !$self->is_hidden($_->{key}) } @ATTRIBUTE;
}

sub attribute_list
{
	my ($self) = @_;
	my @members = qw(key label type universal_id options);
	my @rows = map { my $attribute = $_; +{ map { $_ => $attribute->{$_} } @members } } $self->readable;

	return json_answer(200, { success => StakesyncSim::Json::bool(1), data => \@rows });
}

# One page: row offset, 50 rows unless told, 100 at most
sub list
{
	my ($self, $request) = @_;
	my $query = $request->{query};
	my %known = map { $_ => 1 } @PARAMETERS;
	my $limit = whole_number($query->{limit}, 50, 1);
	my $offset = whole_number($query->{offset}, 0, 0);
	my @wanted = query_values($request, 'attributes[]');

	return error(400, 'Unknown parameter') if grep { !$known{$_} } keys %$query;
	return error(400, 'limit and offset are whole numbers') unless defined $limit && defined $offset;
	return error(400, 'updated_since: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS')
	  if defined $query->{updated_since} && !defined since($query->{updated_since});
	return $self->page($request, $self->rows($query, @wanted), $offset, $limit > 100 ? 100 : $limit, @wanted);
}

sub page
{
	my ($self, $request, $rows, $offset, $limit, @wanted) = @_;
	my %wanted = map { $_ => 1 } id => @wanted;
	my @shown = grep { !@wanted || $wanted{ $_->{key} } } $self->readable;
	my $shape = join ' ', @wanted;
	my $answer = page_answer($request, rows => $rows, from => $offset, size => $limit,
		encode => sub {
			my ($person) = @_;
			$self->kept("v1 $person->{id} $shape", sub { json_bytes($self->employee($person, \@shown)) });
		},
		frame => sub { page_frame(scalar @$rows, $offset, $limit) });

	delete $answer->{renext};
	return $answer;
}

# Rows are counted from 0, and so are the pages
sub page_frame
{
	my ($total, $offset, $limit) = @_;
	my ($page, $pages) = (int($offset / $limit), int(($total + $limit - 1) / $limit));

	return (
		qq({"success":true,"metadata":{"total_elements":$total,"current_page":$page,"total_pages":$pages},)
		  . qq("offset":$offset,"limit":$limit,"data":[), ']}');
}

# All people or those changed since; then an email is not looked at, and attributes[] says whose change counts
sub rows
{
	my ($self, $query, @wanted) = @_;
	my $email = $query->{email};
	my $since = defined $query->{updated_since} ? since($query->{updated_since}) : undef;
	my @members = map { $ATTRIBUTE{$_} ? @{ $ATTRIBUTE{$_}{members} } : () } @wanted;

	return [ grep { changed_since($_, $since, @wanted ? \@members : undef) } @{ $self->people } ] if defined $since;
	return [ grep { lc($_->{f}{work_email} // '') eq lc $email } @{ $self->people } ] if defined $email;
	return $self->people;
}

# Strictly after; those that nobody touched have changed with all of their attributes
sub changed_since
{
	my ($person, $since, $members) = @_;
	my $changed = $person->{changed_members};

	return 0 if int($person->{modified} / 1_000_000) <= $since;
	return 1 if !$members || !$changed;
	return scalar grep { int(($changed->{$_} // 0) / 1_000_000) > $since } @$members;
}

# The seconds of a time without a zone, read as UTC
sub since
{
	my ($text) = @_;
	my $is_time = $text =~ /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d)?$/;
	my $micros = $is_time ? StakesyncSim::Store::parse_moment($text =~ tr/ /T/r) : undef;

	return defined $micros ? int($micros / 1_000_000) : undef;
}

# A person with a wrapper around each value
sub employee
{
	my ($self, $person, $shown) = @_;
	my $facts = $self->facts_of($person);
	my %attributes;

	foreach my $attribute (@$shown)
	{
		my $value = $attribute->{value}->($facts);
		my %wrapped = map { $_ => $attribute->{$_} } qw(label type universal_id);
		if ($attribute->{type} eq 'decimal' && ref $value) { @wrapped{qw(value currency)} = @$value{qw(amount currency)} }
		else { $wrapped{value} = $attribute->{type} eq 'tags' ? $self->tags($value) : $value }
		$wrapped{value} = undef if $self->{scope}{null}{ $attribute->{key} };
		$attributes{ $attribute->{key} } = \%wrapped;
	}
	return { type => 'Employee', attributes => \%attributes };
}

sub tags
{
	my ($self, $tags) = @_;
	return $self->{switch}{tags} eq 'comma' ? join ',', @$tags : $tags;
}

1;
