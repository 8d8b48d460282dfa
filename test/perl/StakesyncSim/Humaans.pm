# Humaans' API below /api, as its documents describe it
package StakesyncSim::Humaans;

use strict;
use warnings;
use parent 'StakesyncSim::Rest';
use Digest::MD5 qw(md5_base64);
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::Json qw(bool);
use StakesyncSim::Rest qw(bearer_token json_bytes page_answer query_values whole_number);
use StakesyncSim::Store;
use StakesyncSim::Words qw(contract_word country_name facts_of gender_word moment_ms next_day number_of sortable);

my $MOST_ROWS = 250;

# What there is: path, code that lists the rows, the scope that a token needs
my %RESOURCE = (
	'people' => [ \&list_people, 'public:read' ],
	'job-roles' => [ \&list_job_roles, 'public:read' ],
	'locations' => [ \&list_locations, 'public:read' ],
	'companies' => [ \&list_companies, 'public:read' ],
	'compensations' => [ \&list_compensations, 'compensations:read' ],
	'compensation-types' => [ \&list_compensation_types, 'compensations:read' ],
	'custom-fields' => [ \&list_custom_fields, 'private:read' ],
	'custom-values' => [ \&list_custom_values, 'private:read' ]);

# Members of a person that only private:read shows
my @PRIVATE = qw(personalEmail personalPhoneNumber formattedPersonalPhoneNumber birthday nationality nationalities address
  city state postcode countryCode country employmentEndDate lastWorkingDay probationEndDate turnoverImpact leavingReason
  leavingNote contractType employeeId taxId taxCode calendarFeedToken);

# Fields of the customer: name, type, member of custom_fields
my @CUSTOM = (
	[ 'Badge', 'text', 'badge' ], [ 'Shirt size', 'select', 'shirt_size' ], [ 'Sprachen', 'multiSelect', 'Sprachen' ],
	[ 'IBAN', 'text', 'IBAN' ], [ 'Konfession', 'text', 'Konfession' ], [ 'Note', 'longText', 'note' ]);

my %CONTRACT = (FULL_TIME => 'Full time', PART_TIME => 'Part time');
my %COMPARE = (
	'$gt' => sub { $_[0] gt $_[1] }, '$gte' => sub { $_[0] ge $_[1] },
	'$lt' => sub { $_[0] lt $_[1] }, '$lte' => sub { $_[0] le $_[1] });

# scopes of the token and role of who made it; max_rows: the server may cap lower; updated_at: the filter works;
# location_name: label or name; new_hire: how the status is spelt; manager_key: what the manager in a job role is called
sub switches
{
	return (
		scopes => 'public:read private:read compensations:read', role => 'admin', max_rows => $MOST_ROWS, updated_at => 1,
		location_name => 'label', new_hire => 'newHire', manager_key => 'reportingTo');
}

sub credentials { return (api_token => 'humaans-test-token') }

sub id_of { return short_id($_[1]{id}) }

sub handles
{
	my ($self, $path) = @_;
	my ($name) = $path =~ m{^/api/([a-z-]+)(?:/|$)} or return 0;
	return $name eq 'me' || exists $RESOURCE{$name};
}

sub answer
{
	my ($self, $request) = @_;
	my (undef, undef, $name, $id, $more) = split m{/}, $request->{path}, 5;
	my ($resource, $rows);

	return failure(401, 'NotAuthenticated', 'Invalid access token')
	  if (bearer_token($request) // '') ne $self->{credentials}{api_token};
	return failure(404, 'NotFound', 'Page not found') if defined $more || $name eq 'me' && defined $id;
	return failure(405, 'MethodNotAllowed', "Method $request->{method} is not supported") if $request->{method} ne 'GET';
	return $self->me if $name eq 'me';
	$resource = $RESOURCE{$name};
	return failure(403, 'Forbidden', "The scope $resource->[1] is missing") unless $self->has_scope($resource->[1]);
	$rows = $self->kept("rows $name", sub { $resource->[0]->($self) });
	return $self->list($request, $rows) unless defined $id;
	my ($row) = grep { $_->{id} eq $id } @$rows;
	return $row ? json_answer(200, $row) : failure(404, 'NotFound', "No record found for id '$id'");
}

sub failure
{
	my ($status, $code, $message, @issues) = @_;
	return json_answer($status, { code => $code, name => $code, message => $message, issues => \@issues });
}

sub invalid
{
	my ($path, $message) = @_;
	return failure(400, 'ValidationError', 'Validation failed', { path => $path, message => $message });
}

sub has_scope
{
	my ($self, $scope) = @_;
	return scalar grep { $_ eq $scope } split ' ', $self->{switch}{scopes};
}

# One page: a limit beyond the most is cut without a word
sub list
{
	my ($self, $request, $rows) = @_;
	my $query = $request->{query};
	my $size = whole_number($query->{'$limit'}, 100, 1);
	my $from = whole_number($query->{'$skip'}, 0, 0);
	my $most = $self->{switch}{max_rows} < $MOST_ROWS ? $self->{switch}{max_rows} : $MOST_ROWS;
	my ($wanted, $wrong);

	return invalid('$limit', 'a number is expected') unless defined $size;
	return invalid('$skip', 'a number is expected') unless defined $from;
	($wanted, $wrong) = $self->filtered($request, $rows);
	return $wrong if $wrong;
	$size = $most if $size > $most;
	return page_answer($request, rows => $wanted, from => $from, size => $size,
		encode => sub { my ($row) = @_; $self->kept("bytes $row->{id}", sub { json_bytes($row) }) },
		frame => sub { (sprintf('{"total":%d,"limit":%d,"skip":%d,"data":[', scalar @$wanted, $size, $from), ']}') });
}

# Filters: field=value, field[$in]=a, field[$gte]=b; unknown fields and operators are refused
sub filtered
{
	my ($self, $request, $rows) = @_;
	my @names = grep { $_ !~ /^\$(?:limit|skip)$/ } sort keys %{ $request->{query} };
	my %known = @names ? map { $_ => 1 } map { keys %$_ } @$rows : ();
	my @test;

	foreach my $name (@names)
	{
		my ($field, $operator) = $name =~ /^(\w+)(?:\[(\$\w+)\](?:\[\d*\])?)?$/;
		my @values = query_values($request, $name);
		return (undef, invalid($name, 'unknown parameter')) if !defined $field || @$rows && !$known{$field};
		return (undef, invalid($name, 'filtering by this field is not supported'))
		  if $field eq 'updatedAt' && !$self->{switch}{updated_at};
		my $test = field_test($field, $operator // '$in', @values) or return (undef, invalid($name, 'unknown operator'));
		push @test, $test;
	}
	return ([ grep { my $row = $_; !grep { !$_->($row) } @test } @$rows ], undef);
}

sub field_test
{
	my ($field, $operator, @values) = @_;
	my %value = map { $_ => 1 } @values;
	my $compare = $COMPARE{$operator};

	return sub { $value{ $_[0]{$field} // '' } } if $operator eq '$in';
	return sub { !$value{ $_[0]{$field} // '' } } if $operator eq '$nin';
	return $compare && sub { defined $_[0]{$field} && $compare->(sortable($_[0]{$field}), sortable($values[0])) };
}

# Ids have 24 letters and digits
sub short_id
{
	my ($text) = @_;
	return defined $text ? substr(md5_base64($text) . md5_base64("$text+"), 0, 24) =~ tr{+/}{xY}r : undef;
}

# Whose people the token sees: a user only himself, public:read neither new hires nor leavers
sub visible_people
{
	my ($self) = @_;
	my @people = @{ $self->people };

	@people = $self->owner if $self->{switch}{role} eq 'user';
	@people = grep { facts_of($self, $_)->{status} =~ /^(?:ACTIVE|LEAVE)$/ } @people unless $self->has_scope('private:read');
	return @people;
}

# The token was made by the first of the people
sub owner
{
	my ($self) = @_;
	my ($owner) = sort { number_of($a) <=> number_of($b) } @{ $self->people };
	return $owner;
}

sub me
{
	my ($self) = @_;
	my $owner = $self->owner or return failure(404, 'NotFound', 'No person');
	return json_answer(200, $self->person_row($owner));
}

sub list_people
{
	my ($self) = @_;
	return [ map { $self->person_row($_) } $self->visible_people ];
}

# A person; what the scope leaves out is absent
sub person_row
{
	my ($self, $person) = @_;
	my $facts = facts_of($self, $person);
	my $row = { $self->identity($facts), $self->contact($facts), $self->term($facts), $self->rest_of($facts) };

	delete @$row{@PRIVATE} unless $self->has_scope('private:read');
	delete @$row{ grep { $self->is_hidden($_) } keys %$row };
	$row->{$_} = undef for grep { $self->{scope}{null}{$_} } keys %$row;
	return $row;
}

sub identity
{
	my ($self, $facts) = @_;
	my $avatar = $facts->{avatar};

	return (
		id => short_id($facts->{person}{id}), companyId => short_id($facts->{company} && $facts->{company}{id}),
		firstName => $facts->{first_name}, middleName => undef, lastName => $facts->{last_name},
		preferredName => $facts->{preferred_name}, employeeId => $facts->{employee_number},
		gender => gender_word($facts->{gender}, MALE => 'Male', FEMALE => 'Female', other => 'Non-binary'),
		birthday => $facts->{birth}, profilePhotoId => short_id($avatar),
		profilePhoto => defined $avatar ? { id => short_id($avatar), variants => { 64 => "$avatar&size=64" } } : undef,
		nationality => undef, nationalities => [], spokenLanguages => [], dietaryPreference => undef, foodAllergies => [],
		bio => undef, linkedIn => undef, twitter => undef, github => undef);
}

sub contact
{
	my ($self, $facts) = @_;
	my $home = $facts->{home};

	return (
		email => $facts->{work_email}, personalEmail => $facts->{personal_email},
		phoneNumber => $facts->{mobile_phone_number} && $facts->{mobile_phone_number} =~ tr/ //dr,
		formattedPhoneNumber => $facts->{mobile_phone_number}, personalPhoneNumber => undef,
		formattedPersonalPhoneNumber => undef, isWorkEmailHidden => bool(0),
		locationId => $facts->{office} ? short_id($facts->{office}{id}) : 'remote',
		remoteCity => $facts->{office} ? undef : $home->{city}, remoteRegionCode => undef,
		remoteCountryCode => $facts->{office} ? undef : $home->{country}, remoteTimezone => undef,
		address => $home->{street_1}, city => $home->{city}, state => $home->{state}, postcode => $home->{zip_code},
		countryCode => $home->{country}, country => country_name($home->{country}));
}

sub term
{
	my ($self, $facts) = @_;
	my %status = (ACTIVE => 'active', LEAVE => 'active', INACTIVE => 'offboarded', PENDING => $self->{switch}{new_hire});

	return (
		employmentStartDate => $facts->{start}, firstWorkingDay => $facts->{start}, employmentEndDate => $facts->{end},
		lastWorkingDay => $facts->{end}, probationEndDate => undef, turnoverImpact => undef,
		workingDays => [ map { +{ day => $_ } } qw(monday tuesday wednesday thursday friday) ],
		publicHolidayCalendarId => undef, leavingReason => $facts->{status} eq 'INACTIVE' ? 'resigned' : undef,
		leavingNote => undef, leavingFileId => undef, status => $status{ $facts->{status} },
		contractType => contract_word($facts->{job}{employment_type}, %CONTRACT));
}

# calendarFeedToken opens the person's calendar to whoever has it
sub rest_of
{
	my ($self, $facts) = @_;
	my $person = $facts->{person};
	my $home = $self->{store}->get($person->{f}{home_location});
	my $changed = $home && $home->{modified} > $person->{modified} ? $home->{modified} : $person->{modified};

	return (
		taxId => $person->{ssn}, taxCode => undef,
		teams => [ map { +{ name => $_->{f}{name} } } grep { $_ && ($_->{f}{type} // '') eq 'TEAM' }
		  map { $self->{store}->get($_) } @{ $person->{f}{groups} // [] } ],
		isVerified => bool(1), calendarFeedToken => short_id("feed $person->{id}"), role => 'user', seenDocumentsAt => undef,
		source => undef, sourceId => undef, timezone => undef, payrollProvider => undef, isBirthdayHidden => bool(0),
		demo => bool(0), createdAt => moment_ms($person->{created}), updatedAt => moment_ms($changed));
}

# One row for each employment of each person who may be seen, in the order of the employments
sub per_employment
{
	my ($self, $make) = @_;
	my @rows;

	foreach my $facts (map { facts_of($self, $_) } $self->visible_people)
	{
		my @days = sort map { substr($_->{f}{effective_date} // '', 0, 10) } @{ $facts->{employments} };
		foreach my $job (@{ $facts->{employments} })
		{
			my $day = substr($job->{f}{effective_date} // '', 0, 10);
			my ($next) = grep { $_ gt $day } @days;
			push @rows, $make->($facts, $job, $day eq '' ? undef : $day, $next ? next_day($next, -1) : $facts->{end});
		}
	}
	return \@rows;
}

# Title, department and manager, from a day on
sub list_job_roles
{
	my ($self) = @_;
	my $key = $self->{switch}{manager_key};

	return $self->per_employment(sub {
		my ($facts, $job, $day, $end) = @_;
		my $changed = $facts->{person}{modified} > $job->{modified} ? $facts->{person}{modified} : $job->{modified};
		return {
			id => short_id("role $job->{id}"), personId => short_id($facts->{person}{id}), jobTitle => $job->{f}{job_title},
			department => $facts->{department} && $facts->{department}{f}{name}, $key => short_id($facts->{manager_id}),
			effectiveDate => $day, endDate => $end, note => undef,
			createdAt => moment_ms($job->{created}), updatedAt => moment_ms($changed) };
	});
}

sub list_compensations
{
	my ($self) = @_;

	return $self->per_employment(sub {
		my ($facts, $job, $day, $end) = @_;
		my $amount = $job->{f}{pay_rate} // return ();
		return {
			id => short_id("pay $job->{id}"), personId => short_id($facts->{person}{id}),
			compensationTypeId => short_id('compensation type salary'), amount => "$amount",
			currency => $job->{f}{pay_currency}, period => ($job->{f}{pay_period} // 'YEAR') eq 'HOUR' ? 'hourly' : 'annual',
			note => undef, effectiveDate => $day, endDate => $end, endReason => undef,
			createdAt => moment_ms($job->{created}), updatedAt => moment_ms($job->{modified}) };
	});
}

sub list_compensation_types
{
	my ($self) = @_;
	my $company = $self->{store}->list('company')->[0];

	return [ map { +{
		id => short_id('compensation type ' . lc), companyId => short_id($company->{id}), name => $_, baseType => lc,
		createdAt => moment_ms($company->{created}), updatedAt => moment_ms($company->{modified}) } } qw(Salary Bonus) ];
}

# The offices; some accounts call the name label
sub list_locations
{
	my ($self) = @_;
	my $key = $self->{switch}{location_name};

	return [ map { +{
		id => short_id($_->{id}), companyId => short_id($self->{store}->list('company')->[0]{id}), $key => $_->{f}{name},
		address => $_->{f}{street_1}, city => $_->{f}{city}, state => $_->{f}{state}, postcode => $_->{f}{zip_code},
		countryCode => $_->{f}{country}, country => country_name($_->{f}{country}), timezone => undef,
		createdAt => moment_ms($_->{created}), updatedAt => moment_ms($_->{modified}) } }
	  grep { ($_->{f}{location_type} // '') eq 'WORK' } @{ $self->{store}->list('location') } ];
}

sub list_companies
{
	my ($self) = @_;

	return [ map { +{
		id => short_id($_->{id}), name => $_->{f}{legal_name}, domains => ['lindwurm.example'],
		createdAt => moment_ms($_->{created}), updatedAt => moment_ms($_->{modified}) } } @{ $self->{store}->list('company') } ];
}

sub list_custom_fields
{
	my ($self) = @_;
	my $company = $self->{store}->list('company')->[0];

	return [ map { +{
		id => short_id("field $_->[2]"), companyId => short_id($company->{id}), name => $_->[0], section => 'Other',
		resourceId => 'people', type => $_->[1], config => $_->[1] eq 'select' ? { choices => [qw(S M L XL)] } : {},
		createdAt => moment_ms($company->{created}), updatedAt => moment_ms($company->{modified}) } } @CUSTOM ];
}

# A row for each value there is: a text, or a list of texts
sub list_custom_values
{
	my ($self) = @_;
	my @rows;

	foreach my $facts (map { facts_of($self, $_) } $self->visible_people)
	{
		my $person = $facts->{person};
		foreach my $field (grep { defined $facts->{custom}{ $_->[2] } } @CUSTOM)
		{
			push @rows, {
				id => short_id("value $field->[2] $person->{id}"), personId => short_id($person->{id}),
				customFieldId => short_id("field $field->[2]"), resourceId => short_id($person->{id}),
				value => $facts->{custom}{ $field->[2] },
				createdAt => moment_ms($person->{created}), updatedAt => moment_ms($person->{modified}) };
		}
	}
	return \@rows;
}

1;
