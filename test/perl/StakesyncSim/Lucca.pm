# Lucca: the legacy API below /api/v3, /directory and /organization; the newer one is in LuccaV5
package StakesyncSim::Lucca;

use strict;
use warnings;
use utf8;
use parent 'StakesyncSim::Rest';
use POSIX qw(strftime);
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::Json qw(bool);
use StakesyncSim::LuccaRows qw(departments manager_number offices row_number);
use StakesyncSim::LuccaV5 qw(v5_answer);
use StakesyncSim::Rest qw(json_bytes page_answer whole_number);
use StakesyncSim::Store;
use StakesyncSim::Words qw(country_code3 facts_of gender_word number_of);

my $MOST_ROWS = 1000;
my $OPEN_END = '9999-12-31T00:00:00';

# Lists of the legacy API: path, code that makes the rows
my %V3_LIST = (
	'/api/v3/departments' => \&department_rows, '/api/v3/extensionuserdefinitions' => \&definition_rows);
my %V4_LIST = (
	'/directory/api/4.0/work-contracts' => \&contract_rows,
	'/organization/structure/api/legal-units' => \&legal_unit_rows,
	'/organization/structure/api/establishments' => \&establishment_rows);

# Members of a user: a fact, or code that takes the facts and the system
my %USER = (
	id => sub { number_of($_[0]{person}) },
	name => \&full_name, displayName => 'display_full_name', firstName => 'first_name', lastName => 'last_name',
	url => sub { $_[1]->link_to("/api/v3/users/" . number_of($_[0]{person})) },
	login => 'username', mail => 'work_email', employeeNumber => 'employee_number', externalId => sub { undef },
	civilTitle => sub { gender_word($_[0]{gender}, MALE => 'Mr', FEMALE => 'Mrs') },
	gender => sub { gender_word($_[0]{gender}, MALE => 'Male', FEMALE => 'Female', other => 'Misc') // 'Undefined' },
	jobTitle => sub { $_[0]{job}{job_title} }, nationality => \&nationality, birthDate => sub { midnight($_[0]{birth}) },
	dtContractStart => sub { midnight($_[0]{start}) }, dtContractEnd => \&contract_end,
	seniorityDate => sub { midnight($_[0]{hired} // $_[0]{start}) },
	modifiedAt => \&modified_at, modifiedOn => \&modified_at,
	legalEntityId => sub { row_number($_[1], company => $_[0]{company}) },
	legalEntity => sub { $_[1]->reference(legalentities => company => $_[0]{company}) },
	departmentId => sub { row_number($_[1], group => $_[0]{department}) },
	department => sub { $_[1]->reference(departments => group => $_[0]{department}) },
	managerId => sub { manager_number($_[0]) }, manager => \&manager,
	rolePrincipal => sub { { id => 2, name => 'User', url => $_[1]->link_to('/api/v3/roles/2') } },
	habilitedRoles => sub { [] }, culture => sub { { id => 1036, name => 'Français' } }, cultureId => sub { 1036 },
	calendar => sub { undef }, csp => sub { undef }, userWorkCycles => sub { [] }, picture => sub { undef },
	userAxisValues => sub { [] }, applicationData => sub { {} }, extendedData => \&extended_data);
my %MEMBER = map { lc $_ => $_ } keys %USER;

# Contracts: id and name of their type
my %CONTRACT = (INTERN => [ 3, 'Stage' ], CONTRACTOR => [ 4, 'Prestation' ], FREELANCE => [ 4, 'Prestation' ]);

# key_drift: some answers say departmentID; utc_offset: minutes that the tenant's clock is ahead; per_minute, window (seconds
# of that minute), most_rows, max_cost (rows times includes; beyond it 408), default_status, relative_next: of the newer API
sub switches
{
	return (
		key_drift => 1, open_end => 1, utc_offset => 60, per_minute => 50, window => 60, most_rows => 100, max_cost => 0,
		default_status => 'active', relative_next => 0, token_seconds => 1200);
}

sub credentials
{
	return (api_key => 'lucca-test-key', client_id => 'lucca-test-client', client_secret => 'lucca-test-secret');
}

sub id_of { return '' . number_of($_[1]) }

sub handles
{
	my ($self, $path) = @_;
	return $path =~ m{^/(?:api/v3|lucca-api|directory/api|organization/structure/api)/} || $path eq '/connect/token';
}

sub answer
{
	my ($self, $request) = @_;
	my $path = $request->{path};
	my $id;

	$self->{base} = ($self->{scheme} // 'http') . '://' . ($request->{headers}{host} // '127.0.0.1');
	return v5_answer($self, $request) if $path =~ m{^/(?:lucca-api|connect)/};
	return failure(401, 'Unauthorized')
	  if ($request->{headers}{authorization} // '') ne "lucca application=$self->{credentials}{api_key}";
	return failure(405, 'Method not allowed') if $request->{method} ne 'GET';
	return $self->users($request) if $path eq '/api/v3/users';
	($id) = $path =~ m{^/api/v3/users/(\d+)$};
	return $self->user($request, $id) if defined $id;
	return $self->v3_list($request, $V3_LIST{$path}->($self)) if $V3_LIST{$path};
	return $self->v4_list($request, $V4_LIST{$path}->($self)) if $V4_LIST{$path};
	return failure(404, 'Not found');
}

sub failure
{
	my ($status, $message) = @_;
	return json_answer($status, { Status => $status, Message => $message });
}

sub link_to
{
	my ($self, $path) = @_;
	return "$self->{base}$path";
}

# The names in fields: a,b[c,d],e.f; collection.count is one of the list. Returns member => [parts], undef where one is unknown
sub wanted_fields
{
	my ($text, $known) = @_;
	my %wanted;

	$text = 'id,name,url' if $text eq '';
	while ($text =~ /\G\s*([\w.]+)(?:\[([\w.,\s]*)\])?\s*(?:,|$)/gc)
	{
		my ($name, $rest) = split /\./, $1, 2;
		my @parts = defined $2 ? split(/[\s,]+/, $2) : defined $rest ? ($rest) : ();
		return undef unless $known->{ lc $name } || lc $name eq 'collection';
		push @{ $wanted{ lc $name } }, @parts;
	}
	return (pos($text) // 0) < length $text ? undef : \%wanted;
}

sub user
{
	my ($self, $request, $id) = @_;
	my ($person) = grep { number_of($_) == $id } @{ $self->people };
	my $wanted = wanted_fields($request->{query}{fields} // join(',', keys %USER), \%MEMBER);

	return failure(404, 'User not found') unless $person;
	return failure(400, 'Unknown field') unless $wanted;
	return json_answer(200, { data => $self->user_row($person, $wanted) });
}

# Key case drifts from user to user: departmentId here, departmentID there
sub user_row
{
	my ($self, $person, $wanted) = @_;
	my $facts = facts_of($self, $person);
	my $drifts = $self->{switch}{key_drift} && number_of($person) % 4 == 0;
	my %row;

	foreach my $name (map { $MEMBER{$_} // () } keys %$wanted)
	{
		next if $self->is_hidden($name);
		my $value = $USER{$name};
		my $key = $drifts ? $name =~ s/Id$/ID/r : $name;
		my $result = ref $value ? $value->($facts, $self) : $facts->{$value};
		my @parts = @{ $wanted->{ lc $name } };
		$result = { map { $_ => $result->{$_} } @parts } if @parts && ref $result eq 'HASH';
		$row{$key} = $self->{scope}{null}{$name} ? undef : $result;
	}
	return \%row;
}

# The list: leavers only with formerEmployees=true, the count only where asked for
sub users
{
	my ($self, $request) = @_;
	my $query = $request->{query};
	my $wanted = wanted_fields($query->{fields} // '', \%MEMBER);
	my ($test, $wrong) = $self->user_filter($query);
	my ($sort, $way) = split /,/, $query->{orderBy} // ',asc';
	my @people;

	return failure(400, 'Unknown field') unless $wanted;
	return failure(400, $wrong) if defined $wrong;
	return failure(400, 'orderBy: a field and asc or desc') if ($way // '') !~ /^(?:asc|desc)$/ || $sort ne '' && !$MEMBER{ lc $sort };
	@people = grep { $test->($_) } @{ $sort eq '' ? $self->people : $self->sorted(lc $sort, $way) };
	return $self->v3_page($request, \@people, $wanted, sub { $self->user_bytes($_[0], $wanted) });
}

# Kept until something changes
sub user_bytes
{
	my ($self, $person, $wanted) = @_;
	my $names = join ',', $self->{base}, map { "$_ @{ $wanted->{$_} }" } sort keys %$wanted;

	return $self->kept("v3 $names $person->{id}", sub { json_bytes($self->user_row($person, $wanted)) });
}

sub sorted
{
	my ($self, $name, $way) = @_;

	return $self->kept("v3 by $name $way", sub {
		my %value = map { $_->{id} => (values %{ $self->user_row($_, { $name => [] }) })[0] } @{ $self->people };
		my @sorted = sort {
			$name eq 'id' ? $value{ $a->{id} } <=> $value{ $b->{id} }
			  : ($value{ $a->{id} } // '') cmp($value{ $b->{id} } // '')
		} @{ $self->people };
		return $way eq 'desc' ? [ reverse @sorted ] : \@sorted;
	});
}

# Code that says whether a user is wanted, or what is wrong
sub user_filter
{
	my ($self, $query) = @_;
	my $today = substr StakesyncSim::Store::day_text($self->{store}{today}), 0, 10;
	my $has_former = lc($query->{formerEmployees} // '') eq 'true' || ($query->{dtContractEnd} // '') eq 'notequal,null';
	my @tests = $has_former ? () : sub { my $end = $_[0]{end}; !defined $end || $end ge $today };

	foreach my $name (grep { !/^(?:fields|paging|orderBy|formerEmployees)$/ } sort keys %$query)
	{
		my $test = $self->user_test($name, $query->{$name});
		return (undef, "Unknown filter: $name") unless $test;
		push @tests, $test;
	}
	return (sub {
		my $facts = facts_of($self, $_[0]);
		return !grep { !$_->($facts) } @tests;
	}, undef);
}

# since, until and between take times without a zone, as the tenant's clock shows them
sub user_test
{
	my ($self, $name, $value) = @_;
	my ($word, @times) = split /,/, $value, -1;
	my %text = (mail => 'work_email', login => 'username', employeeNumber => 'employee_number');
	my $moment = qr/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$/;

	return sub { ($_[0]{ $text{$name} } // '') eq $value } if $text{$name};
	return sub { defined $_[0]{end} } if $name eq 'dtContractEnd' && $value eq 'notequal,null';
	return undef unless $name =~ /^(?:modifiedAt|dtContractStart|dtContractEnd)$/ && $word =~ /^(?:since|until|between)$/;
	return undef if @times != ($word eq 'between' ? 2 : 1) || grep { $_ !~ $moment } @times;
	return sub {
		my $own = $self->wide($USER{$name}->($_[0], $self)) // return 0;
		my ($first, $second) = map { $self->wide($_) } @times;
		return $word eq 'since' ? $own ge $first : $word eq 'until' ? $own le $first : $own ge $first && $own le $second;
	};
}

# A date or date-time in full, so that texts compare
sub wide
{
	my ($self, $text) = @_;
	return undef unless defined $text;
	return substr($text . substr('0000-00-00T00:00:00.000', length $text), 0, 23);
}

# {"data":{"items":[...],"count":N}}; a limit beyond the most is refused
sub v3_page
{
	my ($self, $request, $rows, $wanted, $encode) = @_;
	my ($from, $size) = ($request->{query}{paging} // "0,$MOST_ROWS") =~ /^(\d{1,9}),(\d{1,9})$/;
	my $count = grep { $_ eq 'count' } @{ $wanted->{collection} // [] };

	return failure(400, "paging: offset and limit, $MOST_ROWS at most") if !$size || $size > $MOST_ROWS;
	return page_answer($request, rows => $rows, from => $from, size => $size, encode => $encode,
		frame => sub { ('{"data":{"items":[', ']' . ($count ? ',"count":' . @$rows : '') . '}}') });
}

# What the other lists of v3 know of fields: any of their members
sub v3_list
{
	my ($self, $request, $rows) = @_;
	my %known = map { lc $_ => $_ } map { keys %$_ } @$rows;
	my $wanted = wanted_fields($request->{query}{fields} // '', { %known, url => 'url' }) or return failure(400, 'Unknown field');
	my @names = map { $known{$_} // () } keys %$wanted;

	return $self->v3_page($request, $rows, $wanted, sub {
		my ($row) = @_;
		return json_bytes({ map { $_ => $row->{$_} } @names });
	});
}

# {"items":[...],"count":N}, with page from 1, limit and fields.root=count
sub v4_list
{
	my ($self, $request, $rows) = @_;
	my $query = $request->{query};
	my $size = whole_number($query->{limit}, 100, 1, $MOST_ROWS);
	my $page = whole_number($query->{page}, 1, 1);
	my $has_count = ($query->{'fields.root'} // '') eq 'count';

	return failure(400, 'limit and page are numbers from 1') unless $size && $page;
	return page_answer($request, rows => $rows, from => ($page - 1) * $size, size => $size, encode => \&json_bytes,
		frame => sub { ('{"items":[', ']' . ($has_count ? ',"count":' . @$rows : '') . '}') });
}

# Dates have no zone
sub midnight { return defined $_[0] ? "$_[0]T00:00:00" : undef }

sub full_name { return join ' ', grep { defined } @{ $_[0] }{qw(first_name last_name)} }

sub nationality
{
	my ($facts) = @_;
	my $code = country_code3($facts->{person}{country}{code});
	return { code => $code, name => $code };
}

# Null or the end of time where there is no end
sub contract_end
{
	my ($facts, $self) = @_;
	my $is_far = $self->{switch}{open_end} && number_of($facts->{person}) % 5 == 0;
	return midnight($facts->{end}) // ($is_far && defined $facts->{start} ? $OPEN_END : undef);
}

# By the tenant's clock; the person and the employments count
sub modified_at
{
	my ($facts, $self) = @_;
	my ($last) = sort { $b <=> $a } map { $_->{modified} } $facts->{person}, @{ $facts->{employments} };
	my $local = $last + $self->{switch}{utc_offset} * 60_000_000;
	return strftime('%Y-%m-%dT%H:%M:%S', gmtime(int($local / 1_000_000))) . sprintf('.%03d', $local % 1_000_000 / 1000);
}

sub reference
{
	my ($self, $path, $kind, $object) = @_;
	my $number = row_number($self, $kind, $object) // return undef;
	return { id => $number + 0, name => $object->{f}{name} // $object->{f}{legal_name}, url => $self->link_to("/api/v3/$path/$number") };
}

sub manager
{
	my ($facts, $self) = @_;
	my $number = manager_number($facts) // return undef;
	my $name = $facts->{manager} ? full_name(facts_of($self, $facts->{manager})) : undef;
	return { id => $number + 0, name => $name, url => $self->link_to("/api/v3/users/$number") };
}

# Fields of the customer, the home among them: the system itself has none
sub extended_data
{
	my ($facts) = @_;
	my ($custom, $home) = @$facts{qw(custom home)};
	my %data = (
		e_badge => $custom->{badge}, e_desk => $custom->{desk}, e_languages => $custom->{Sprachen}, e_iban => $custom->{IBAN},
		e_religion => $custom->{Konfession}, e_note => $custom->{note}, e_personalEmail => $facts->{personal_email},
		e_mobile => $facts->{mobile_phone_number});

	$data{e_shirtSize} = { id => ord $custom->{shirt_size}, name => $custom->{shirt_size} } if defined $custom->{shirt_size};
	$data{e_address} = { map { $_ => $home->{$_} } qw(street_1 zip_code city country) } if %$home;
	return { map { $_ => $data{$_} } grep { defined $data{$_} } keys %data };
}

sub department_rows
{
	my ($self) = @_;

	return [ map { +{
		id => row_number($self, group => $_), name => $_->{f}{name}, code => $_->{f}{remote_id}, parentId => undef,
		hierarchy => '/' . row_number($self, group => $_), isActive => bool(1), headID => undef, head => undef,
		url => $self->link_to('/api/v3/departments/' . row_number($self, group => $_)) } } departments($self) ];
}

sub definition_rows
{
	my ($self) = @_;
	return [ map { +{ id => $_, name => $_ =~ s/^e_//r, formatKey => 'text', extensionUserPropertyListEntries => [] } }
		  qw(e_badge e_desk e_languages e_iban e_religion e_note e_personalEmail e_mobile e_shirtSize e_address) ];
}

# One for each person who has a start
sub contract_rows
{
	my ($self) = @_;
	my @rows;

	foreach my $facts (grep { defined $_->{start} } map { facts_of($self, $_) } @{ $self->people })
	{
		my $type = $CONTRACT{ $facts->{job}{employment_type} // '' } // [ 1, 'CDI' ];
		my $number = number_of($facts->{person});
		push @rows, {
			id => 100000 + $number, ownerId => $number, startsOn => $facts->{start}, endsOn => $facts->{end},
			isApplicable => bool($facts->{status} =~ /^(?:ACTIVE|LEAVE)$/), typeId => $type->[0],
			type => { id => $type->[0], name => $type->[1] }, establishmentId => row_number($self, location => $facts->{office}),
			lastModifiedAt => modified_at($facts, $self) };
	}
	return \@rows;
}

sub legal_unit_rows
{
	my ($self) = @_;
	return [ map { +{ id => row_number($self, company => $_), name => $_->{f}{legal_name}, code => $_->{f}{remote_id},
		isArchived => bool(0) } } @{ $self->{store}->list('company') } ];
}

sub establishment_rows
{
	my ($self) = @_;
	return [ map { +{ id => row_number($self, location => $_), name => $_->{f}{name}, code => undef, legalUnitId => 1,
		isArchived => bool(0) } } offices($self) ];
}

1;
