# HiBob's API below /v1, as its documents describe it: one search for people, fields, lists, and the wall before them
package StakesyncSim::HiBob;

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use parent 'StakesyncSim::Rest';
use StakesyncSim::Answer qw(json_answer list_answer set_header);
use StakesyncSim::Facts qw(facts);
use StakesyncSim::HiBobFields qw(bob_id fields in_words item_id list_names machine_value);
use StakesyncSim::Json qw(bool);
use StakesyncSim::Rest qw(basic_login json_body json_bytes);

my $MAX_FIELDS = 400;
my $KEEP_BODIES = 2;
my @FIELD = fields();
my %FIELD = map { $_->{id} => $_ } @FIELD;
my @LIST = list_names();

# What comes where no fields are asked for; never what the customer made
my %DEFAULT = map { $_ => 1 } qw(root about employment work);

# per_minute: searches, 0 is no limit; window: seconds of that minute; leavers: 0 hides them from the service user;
# tenure: days more that everybody has been there;
# wall: answers 401 within 10 seconds (or 403 to one login) after which nothing gets through for block seconds, 0 is no wall
sub switches
{
	return (per_minute => 50, window => 60, leavers => 1, tenure => 0, wall => 50, block => 300);
}

sub credentials
{
	return (service_user_id => 'SERVICE-1001', token => 'hibob-test-token');
}

sub handles
{
	my ($self, $path) = @_;
	return $path =~ m{^/v1/(?:people|company/people/fields|company/named-lists)(?:/|$)};
}

sub id_of
{
	my ($self, $person) = @_;
	return bob_id($person->{number});
}

# The wall stands before everything and counts what is refused behind it
sub answer
{
	my ($self, $request) = @_;
	my $login = $request->{headers}{authorization} // '';
	my $answer;

	if ($self->is_blocked($request, $login))
	{
		$self->{blocked_answers}++;
		return error(403, 'blocked', 'Forbidden');
	}
	$answer = $self->refuse($request) // $self->respond($request);
	$self->count_refusal($request, $login, $answer->{status}) unless $request->{again};
	return $answer;
}

sub is_blocked
{
	my ($self, $request, $login) = @_;
	my $until = $self->{blocked_until} // {};
	return grep { ($until->{$_} // 0) > $request->{at} } 'address', "login $login";
}

# 401 counts for the address, 403 for the login
sub count_refusal
{
	my ($self, $request, $login, $status) = @_;
	my $wall = $self->{switch}{wall};
	my $who = $status == 401 ? 'address' : "login $login";
	my $times = $self->{refusals}{$who} //= [];

	return if $status != 401 && $status != 403 || !$wall;
	push @$times, $request->{at};
	@$times = grep { $_ > $request->{at} - 10 } @$times;
	$self->{unauthorized}++ if $status == 401;
	$self->{blocked_until}{$who} = $request->{at} + $self->{switch}{block} if @$times >= $wall;
	return;
}

# For GET /control/requests
sub figures
{
	my ($self) = @_;
	return {
		bodies => $self->{bodies} // [], unauthorized => $self->{unauthorized} // 0, blocked_answers => $self->{blocked_answers} // 0,
		blocked => bool(grep { $_ > time } values %{ $self->{blocked_until} // {} }) };
}

sub error
{
	my ($status, $key, $text) = @_;
	return json_answer($status, { key => $key, error => $text });
}

sub refuse
{
	my ($self, $request) = @_;
	my ($user, $password) = basic_login($request);
	my $wanted = $self->{credentials};

	return undef if defined $user && $user eq $wanted->{service_user_id} && $password eq $wanted->{token};
	return error(401, 'unauthorized', 'Unauthorized');
}

sub respond
{
	my ($self, $request) = @_;
	my (undef, undef, $area, $name, $more, @rest) = split m{/}, $request->{path};
	my $is_post = $request->{method} eq 'POST';

	if ($area eq 'company')
	{
		return error(405, 'method.not.allowed', 'Method not allowed') if $request->{method} ne 'GET';
		return $name eq 'people' ? $self->metadata : $self->named_lists($request, $more);
	}
	return error(404, 'not.found', 'Not found') if !defined $name || defined $more || !$is_post;
	return $name eq 'search' ? $self->limited_search($request) : $self->one_person($request, $name);
}

# So many searches a minute; every answer says how many are left
sub limited_search
{
	my ($self, $request) = @_;
	my $limit = $self->count_limit($request, search => $self->{switch}{per_minute}, $self->{switch}{window});
	my $answer = $limit->{over} ? error(429, 'too.many.requests', 'Too many requests') : $self->search($request);

	if ($limit->{limit})
	{
		set_header($answer, 'X-RateLimit-Limit', $limit->{limit});
		set_header($answer, 'X-RateLimit-Remaining', $limit->{remaining});
		set_header($answer, 'X-RateLimit-Reset', $limit->{reset});
	}
	return $answer;
}

# What is wrong with the body of a search, in words
sub fault_of
{
	my ($body, @known) = @_;
	my %known = map { $_ => 1 } @known;
	my ($fields, $filters) = ref $body eq 'HASH' ? @$body{qw(fields filters)} : return 'The body is no JSON object';

	return "Unknown member $_" for grep { !$known{$_} } sort keys %$body;
	return 'fields is a list of texts' if exists $body->{fields} && (ref $fields ne 'ARRAY' || grep { !defined || ref } @$fields);
	return "At most $MAX_FIELDS fields" if $fields && @$fields > $MAX_FIELDS;
	return 'humanReadable is APPEND or REPLACE'
	  if exists $body->{humanReadable} && ($body->{humanReadable} // '') !~ /^(?:APPEND|REPLACE)$/;
	return 'showInactive is true or false' if exists $body->{showInactive} && ref($body->{showInactive}) !~ /Boolean/;
	return exists $body->{filters} ? fault_of_filters($filters) : undef;
}

# One filter at most, and not none
sub fault_of_filters
{
	my ($filters) = @_;
	my $filter = ref $filters eq 'ARRAY' && @$filters == 1 ? $filters->[0] : return 'Exactly one filter is allowed';

	return 'A filter is an object' if ref $filter ne 'HASH';
	return 'The field cannot be filtered' if ($filter->{fieldPath} // '') !~ /^root\.(?:id|email)$/;
	return 'The operator is not supported' if ($filter->{operator} // '') ne 'equals';
	return 'values is a list of texts' if ref $filter->{values} ne 'ARRAY' || !@{ $filter->{values} };
	return undef;
}

sub search
{
	my ($self, $request) = @_;
	my $body = json_body($request);
	my $wrong = fault_of($body, qw(fields filters humanReadable showInactive));
	my $bodies = $self->{bodies} //= [];

	push @$bodies, $body;
	shift @$bodies if @$bodies > $KEEP_BODIES;
	return error(400, 'bad.request', $wrong) if defined $wrong;
	return $self->people_answer($body, grep { $self->is_wanted($_, $body) } @{ $self->people });
}

# All at once, there are no pages
sub people_answer
{
	my ($self, $body, @people) = @_;
	my @shown = $self->shown_fields($body);
	my $form = $body->{humanReadable} // '';
	my $shape = md5_hex(join ' ', $form, map { $_->{id} } @shown);

	return list_answer('{"employees":[', [ map {
		my $person = $_;
		$self->kept("$person->{id} $shape", sub { json_bytes($self->record($person, $form, @shown)) })
	} @people ], ']}');
}

sub one_person
{
	my ($self, $request, $name) = @_;
	my $body = json_body($request);
	my $wrong = fault_of($body, qw(fields humanReadable));
	my $person = $self->person_by_id($name) // (grep { lc($_->{f}{work_email} // '') eq lc $name } @{ $self->people })[0];

	return error(400, 'bad.request', $wrong) if defined $wrong;
	return error(404, 'not.found', 'Employee not found') if !$person || !$self->is_visible($person);
	return list_answer('', [ json_bytes($self->record($person, $body->{humanReadable} // '', $self->shown_fields($body))) ], '');
}

sub is_visible
{
	my ($self, $person) = @_;
	return $self->{switch}{leavers} || ($person->{f}{employment_status} // '') ne 'INACTIVE';
}

sub is_wanted
{
	my ($self, $person, $body) = @_;
	my $filter = $body->{filters} ? $body->{filters}[0] : undef;
	my $value;

	return 0 if !$self->is_visible($person) || !$body->{showInactive} && $self->status_of($person) ne 'Active';
	return 1 unless $filter;
	$value = $filter->{fieldPath} eq 'root.id' ? $self->id_of($person) : $person->{f}{work_email};
	return scalar grep { defined && defined $value && $_ eq $value } @{ $filter->{values} };
}

sub status_of
{
	my ($self, $person) = @_;
	return $FIELD{'internal.status'}{value}->($self->facts_of($person));
}

sub facts_of
{
	my ($self, $person) = @_;
	return $self->kept("facts $person->{id}", sub { +{ %{ facts($self->{store}, $person) }, tenure => $self->{switch}{tenure} } });
}

# What is unknown or not permitted is left out without a word; older clients write slashes for dots
sub shown_fields
{
	my ($self, $body) = @_;
	my @asked = $body->{fields}
	  ? map { $FIELD{ s{^/}{}r =~ tr{/}{.}r } // () } @{ $body->{fields} }
	  : grep { $DEFAULT{ $_->{category} } && $_->{id} !~ /custom/ } @FIELD;
	my %seen;

	return grep { !$seen{ $_->{id} }++ && !$self->is_hidden($_->{id}, $_->{category}) } @asked;
}

# Values nested by category, slashed beside them, some in one of the two forms only; the id is always there
sub record
{
	my ($self, $person, $form, @shown) = @_;
	my $facts = $self->facts_of($person);
	my %record = (id => $self->id_of($person));

	foreach my $field (@shown)
	{
		my $fact = $self->{scope}{null}{ $field->{id} } ? undef : $field->{value}->($facts);
		my $words = $form && defined $fact ? $self->words($field, $fact, $form) : undef;
		my $value = $form eq 'REPLACE' ? $words : machine_value($field, $fact);
		my $only = $field->{only} // '';
		put(\%record, $value, @{ $field->{path} }) if $only ne 'slash';
		$record{ $field->{slash} } = { value => $value } if $only ne 'nested';
		put(\%record, $words, 'humanReadable', @{ $field->{path} }) if $form eq 'APPEND' && defined $words;
	}
	return \%record;
}

# People are named in words by their name
sub words
{
	my ($self, $field, $fact, $form) = @_;
	my $person;

	return in_words($field, $fact, $form eq 'REPLACE' ? 'iso' : 'screen') if $field->{type} ne 'employee-reference' || ref $fact;
	$person = $self->person_by_id($fact);
	return $person ? $person->{f}{display_full_name} : $fact;
}

sub put
{
	my ($place, $value, @path) = @_;
	my $last = pop @path;

	$place = $place->{$_} //= {} for @path;
	$place->{$last} = $value;
	return;
}

# Every field there is, permitted or not
sub metadata
{
	my ($self) = @_;
	return json_answer(200, [ map { {
		id => $_->{id}, category => $_->{category}, categoryId => $_->{category}, categoryDisplayName => ucfirst $_->{category},
		name => $_->{name}, description => '', jsonPath => $_->{jsonPath}, type => $_->{type},
		typeData => $_->{list} ? { listId => $_->{list} } : {}, historical => bool($_->{category} =~ /^(?:work|payroll)$/)
	} } @FIELD ]);
}

# All lists by name, or one
sub named_lists
{
	my ($self, $request, $name) = @_;
	my $lists = $self->kept(lists => sub { $self->make_lists });

	return json_answer(200, $lists) unless defined $name;
	return $lists->{$name} ? json_answer(200, $lists->{$name}) : error(404, 'not.found', 'List not found');
}

# The items that people have, and one that is no longer in use
sub make_lists
{
	my ($self) = @_;
	my %names;

	foreach my $field (grep { $_->{list} } @FIELD)
	{
		my @values = map { $field->{value}->($self->facts_of($_)) // () } @{ $self->people };
		$names{ $field->{list} }{$_} = 1 for map { ref ? @$_ : $_ } @values;
	}
	return { map { my $list = $_; ($list => {
		name => $list,
		items => [ $list eq 'department' ? $self->department_items : map({ item($list, $_) } sort keys %{ $names{$list} }),
			{ %{ item($list, 'No longer used') }, archived => bool(1) } ]
	}) } @LIST };
}

sub item
{
	my ($list, $name, @children) = @_;
	return { id => item_id($list, $name), value => $name, name => $name, archived => bool(0), children => \@children };
}

# Departments lie below their units
sub department_items
{
	my ($self) = @_;
	my @groups = grep { ($_->{f}{type} // '') eq 'DEPARTMENT' } @{ $self->{store}->list('group') };
	my (%below, @top);

	foreach my $group (@groups)
	{
		my $parent = $self->{store}->get($group->{f}{parent_group});
		if ($parent) { push @{ $below{ $parent->{f}{name} } }, item(department => $group->{f}{name}) }
		else { push @top, item(department => $group->{f}{name}) }
	}
	return (@top, map { item(department => $_, @{ $below{$_} }) } sort keys %below);
}

1;
