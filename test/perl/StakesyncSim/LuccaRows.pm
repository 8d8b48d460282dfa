# What Lucca says of people and company: the rows of the newer API, and what both APIs share
package StakesyncSim::LuccaRows;

use strict;
use warnings;
use Exporter 'import';
use StakesyncSim::Json qw(bool);
use StakesyncSim::Store;
use StakesyncSim::Words qw(country_code3 facts_of gender_word job_at moment_ms next_day number_of);

our @EXPORT_OK = qw(departments manager_number offices row_number rows_of_resource);

# Resources by path: type of a row and code that makes the rows
my %ROWS = (
	'employees' => [ 'employee', \&employee_rows ],
	'employments' => [ 'employment', \&employment_rows ],
	'job-positions' => [ 'job-position', \&position_rows ],
	'departments' => [ 'department', \&department_rows ],
	'legal-entities' => [ 'legal-entity', \&entity_rows ],
	'business-establishments' => [ 'business-establishment', \&establishment_rows ],
	'employment-templates' => [ 'employment-template', \&template_rows ],
	'employee-personal-records' => [ 'employee-personal-record', \&record_rows ],
	'employee-attributes' => [ 'employee-attribute', \&attribute_rows ],
	'employee-attribute-definitions' => [ 'employee-attribute-definition', \&definition_rows ]);

my %STATUS = (ACTIVE => 'active', LEAVE => 'active', PENDING => 'upcoming', INACTIVE => 'deactivated');

# Templates of employments: id, title, term, kind, audience
my @TEMPLATE = (
	[ 1, 'CDI', 'permanent', 'internal', 'employee' ], [ 2, 'CDD', 'fixed', 'internal', 'employee' ],
	[ 3, 'Convention de stage', 'fixed', 'student', 'student' ], [ 4, 'Prestation', 'fixed', 'contractor', 'external' ]);
my %TEMPLATE_OF = (SEASONAL => 2, INTERN => 3, CONTRACTOR => 4, FREELANCE => 4);

# Attributes: id, title of the schema, name, whether somebody may have several, code for the value
my @ATTRIBUTE = (
	[ 'givenName', 'employee.given-name', 'First Name', 0, sub { $_[0]{first_name} } ],
	[ 'familyName', 'employee.family-name', 'Last Name', 0, sub { $_[0]{last_name} } ],
	[ 'jobTitle', 'short-text', 'Job title', 0, undef ],
	[ 'e_badge', 'short-text', 'Badge', 0, sub { $_[0]{custom}{badge} } ],
	[ 'e_shirtSize', 'taxonomy-label-reference', 'Shirt size', 0, \&shirt_size ],
	[ 'e_languages', 'short-text', 'Sprachen', 1, sub { $_[0]{custom}{Sprachen} } ],
	[ 'e_desk', 'object', 'Desk', 0, sub { $_[0]{custom}{desk} } ],
	[ 'e_iban', 'short-text', 'IBAN', 0, sub { $_[0]{custom}{IBAN} } ],
	[ 'e_religion', 'short-text', 'Konfession', 0, sub { $_[0]{custom}{Konfession} } ],
	[ 'e_note', 'long-text', 'Note', 0, sub { $_[0]{custom}{note} } ],
	[ 'e_address', 'object', 'Adresse', 0, \&address ]);

sub rows_of_resource
{
	my ($system, $path) = @_;
	return $ROWS{$path}[1]->($system);
}

# Objects of the company have small numbers: their place in the list, from 1
sub row_number
{
	my ($system, $kind, $object) = @_;
	return undef unless $object;
	return $system->kept("numbers $kind", sub {
		my $number = 0;
		return { map { $_->{id} => ++$number } @{ $system->{store}->list($kind) } };
	})->{ $object->{id} };
}

sub departments
{
	my ($system) = @_;
	return grep { ($_->{f}{type} // '') eq 'DEPARTMENT' } @{ $system->{store}->list('group') };
}

sub offices
{
	my ($system) = @_;
	return grep { ($_->{f}{location_type} // '') eq 'WORK' } @{ $system->{store}->list('location') };
}

# A manager who was deleted leaves the number
sub manager_number
{
	my ($facts) = @_;
	return undef unless defined $facts->{manager_id};
	return $facts->{manager} ? number_of($facts->{manager}) : 999999;
}

# What begins every row, and a reference to one
sub begin_row
{
	my ($system, $path, $id) = @_;
	return (id => "$id", type => $ROWS{$path}[0], url => $system->link_to("/lucca-api/$path/$id"));
}

sub ref_to
{
	my ($system, $path, $id) = @_;
	return defined $id ? { begin_row($system, $path, $id) } : undef;
}

sub stamps
{
	my ($object) = @_;
	return (createdAt => moment_ms($object->{created}), lastUpdatedAt => moment_ms($object->{modified}));
}

sub all_facts
{
	my ($system) = @_;
	return map { facts_of($system, $_) } @{ $system->people };
}

sub today { return substr StakesyncSim::Store::day_text($_[0]{store}{today}), 0, 10 }

# The employment in force applies, of those who left their last one, of those to come their next one; so does the position
sub employee_rows
{
	my ($system) = @_;
	my @rows;

	foreach my $facts (all_facts($system))
	{
		my $number = number_of($facts->{person});
		my ($year, $month, $day) = split /-/, $facts->{birth} // '';
		my $is_employed = defined $facts->{start};
		my $job = $is_employed ? job_at($facts, today($system)) // $facts->{employments}[0] : undef;
		push @rows, {
			begin_row($system, 'employees', $number), stamps($facts->{person}), remoteId => $facts->{person}{f}{remote_id},
			portrait => undef, givenName => $facts->{first_name}, familyName => $facts->{last_name},
			employeeNumber => $facts->{employee_number}, status => $STATUS{ $facts->{status} }, email => $facts->{work_email},
			birthDay => defined $day ? { day => $day + 0, month => $month + 0 } : undef,
			phoneNumber => $facts->{mobile_phone_number},
			applicableEmployment => $is_employed ? ref_to($system, employments => 100000 + $number) : undef,
			applicableJobPosition => $job ? ref_to($system, 'job-positions' => position_id($facts, $job)) : undef,
			links => employee_links($system, $number) };
	}
	return @rows;
}

sub employee_links
{
	my ($system, $number) = @_;
	my %path = (
		employments => 'employments?employee.id=', jobPositions => 'job-positions?employment.employee.id=',
		personalRecord => 'employee-personal-records?employee.id=');
	return { map { $_ => { href => $system->link_to("/lucca-api/$path{$_}$number") } } keys %path };
}

# Who has no start has no employment
sub employment_rows
{
	my ($system) = @_;
	my @rows;

	foreach my $facts (grep { defined $_->{start} } all_facts($system))
	{
		my $number = number_of($facts->{person});
		push @rows, {
			begin_row($system, 'employments', 100000 + $number), stamps($facts->{person}), remoteId => undef,
			employee => ref_to($system, employees => $number), status => $STATUS{ $facts->{status} },
			legalEntity => ref_to($system, 'legal-entities', row_number($system, company => $facts->{company})),
			start => { date => $facts->{start} }, end => defined $facts->{end} ? { date => $facts->{end} } : undef,
			document => undef, template => ref_to($system, 'employment-templates', $TEMPLATE_OF{ $facts->{job}{employment_type} // '' } // 1),
			links => { jobPositions => { href => $system->link_to('/lucca-api/job-positions?employment.id=' . (100000 + $number)) } } };
	}
	return @rows;
}

# Positions are numbered in the order of the employments
sub position_id
{
	my ($facts, $job) = @_;
	my ($place) = grep { $facts->{employments}[$_] == $job } 0 .. $#{ $facts->{employments} };
	return number_of($facts->{person}) * 100 + $place;
}

# One for each employment of the facts, within the time of the person; an undated one begins with the person
sub position_rows
{
	my ($system) = @_;
	my @rows;

	foreach my $facts (grep { defined $_->{start} } all_facts($system))
	{
		foreach my $span (spans($facts))
		{
			my ($job, $from, $to) = @$span;
			my $number = number_of($facts->{person});
			push @rows, {
				begin_row($system, 'job-positions', position_id($facts, $job)), stamps($job), remoteId => undef,
				employment => ref_to($system, employments => 100000 + $number), employee => ref_to($system, employees => $number),
				status => status_between($system, $from, $to), startsOn => $from, endsOn => $to, jobTitle => $job->{f}{job_title},
				businessEstablishment => ref_to($system, 'business-establishments', row_number($system, location => $facts->{office})),
				department => ref_to($system, departments => row_number($system, group => $facts->{department})),
				manager => ref_to($system, employees => manager_number($facts)), jobQualification => undef,
				occupationCategory => undef, workingTimeArrangement => undef, document => undef, notes => undef, redacted => [],
				links => {} };
		}
	}
	return @rows;
}

# Each employment with its first and its last day, none outside the time of the person
sub spans
{
	my ($facts) = @_;
	my %from;

	foreach my $job (@{ $facts->{employments} })
	{
		my $day = substr($job->{f}{effective_date} // $facts->{start}, 0, 10);
		$day = $facts->{end} if defined $facts->{end} && $day gt $facts->{end};
		$from{ $job->{id} } = $day lt $facts->{start} ? $facts->{start} : $day;
	}
	return map {
		my $from = $from{ $_->{id} };
		my ($next) = sort grep { $_ gt $from } values %from;
		[ $_, $from, defined $next ? next_day($next, -1) : $facts->{end} ]
	} @{ $facts->{employments} };
}

sub status_between
{
	my ($system, $from, $to) = @_;
	my $today = today($system);
	return $from gt $today ? 'upcoming' : defined $to && $to lt $today ? 'deactivated' : 'active';
}

sub department_rows
{
	my ($system) = @_;

	return map { +{
		begin_row($system, 'departments', row_number($system, group => $_)), stamps($_),
		name => $_->{f}{name}, remoteId => $_->{f}{remote_id}, parent => undef, isArchived => bool(0), links => {} } }
	  departments($system);
}

sub entity_rows
{
	my ($system) = @_;
	my @country = qw(CHE DEU USA);
	my @currency = qw(CHF EUR USD);
	my $number = 0;

	return map { my $i = $number++; +{
		begin_row($system, 'legal-entities', $number), stamps($_), legalName => $_->{f}{legal_name},
		remoteId => $_->{f}{remote_id}, isArchived => bool(0), countryCode => $country[$i], currencyCode => $currency[$i],
		links => {} } } @{ $system->{store}->list('company') };
}

sub establishment_rows
{
	my ($system) = @_;

	return map { +{
		begin_row($system, 'business-establishments', row_number($system, location => $_)), stamps($_),
		name => $_->{f}{name}, remoteId => undef, legalEntity => ref_to($system, 'legal-entities', 1), isArchived => bool(0),
		address => { addressLines => [ $_->{f}{street_1} ], postalCode => $_->{f}{zip_code}, locality => $_->{f}{city},
			administrativeArea => $_->{f}{state}, countryCode => country_code3($_->{f}{country}) }, links => {} } }
	  offices($system);
}

sub template_rows
{
	my ($system) = @_;
	my $company = $system->{store}->list('company')->[0];

	return map { +{
		begin_row($system, 'employment-templates', $_->[0]), stamps($company), title => $_->[1], legalEntities => [],
		term => $_->[2], kind => $_->[3], audience => $_->[4], links => {} } } @TEMPLATE;
}

# What is confidential, bank account and insurance number with it (published test values)
sub record_rows
{
	my ($system) = @_;
	my @rows;

	foreach my $facts (all_facts($system))
	{
		my ($person, $iban) = ($facts->{person}, $facts->{custom}{IBAN});
		push @rows, {
			begin_row($system, 'employee-personal-records', 300000 + number_of($person)), stamps($person),
			employee => ref_to($system, employees => number_of($person)),
			title => gender_word($facts->{gender}, MALE => 'mister') // 'unknown',
			legalGender => gender_word($facts->{gender}, MALE => 'male', FEMALE => 'female', other => 'diverse') // 'unknown',
			birthDate => $facts->{birth}, nationalitiesCountryCodes => [ country_code3($person->{country}{code}) ],
			insuranceNumber => defined $person->{ssn} ? { format => 'other', value => $person->{ssn} } : undef,
			bankAccount => defined $iban ? {
				format => 'iban', bankName => undef, accountIdentifier => $iban, bankIdentifier => undef } : undef,
			phoneNumber => undef, email => $facts->{personal_email}, links => {} };
	}
	return @rows;
}

# A row for each value of each person
sub attribute_rows
{
	my ($system) = @_;
	my @rows;

	foreach my $facts (all_facts($system))
	{
		my $number = number_of($facts->{person}) * 100;
		foreach my $attribute (@ATTRIBUTE)
		{
			push @rows, map { +{
				begin_row($system, 'employee-attributes', $number++), stamps($facts->{person}),
				definition => ref_to($system, 'employee-attribute-definitions', $attribute->[0]),
				employee => ref_to($system, employees => number_of($facts->{person})),
				value => $_->[0], applicability => $_->[1], links => {} } } attribute_values($facts, $attribute);
		}
	}
	return @rows;
}

# Values with the time in which they apply; of lists each value is one
sub attribute_values
{
	my ($facts, $attribute) = @_;
	my $value = $attribute->[4];

	return title_values($facts) unless $value;
	$value = $value->($facts) // return ();
	return map { [ $_, undef ] } ref $value eq 'ARRAY' ? @$value : $value;
}

sub title_values
{
	my ($facts) = @_;
	my @spans = grep { defined $_->[0]{f}{job_title} } defined $facts->{start} ? spans($facts) : ();
	return map { [ $_->[0]{f}{job_title}, { start => $_->[1], end => $_->[2] } ] } @spans;
}

sub shirt_size
{
	my ($facts) = @_;
	my $size = $facts->{custom}{shirt_size} // return undef;
	return { id => '' . ord $size, type => 'taxonomy-label' };
}

sub address
{
	my ($facts) = @_;
	my $home = $facts->{home};

	return %$home ? {
		street => $home->{street_1}, postalCode => $home->{zip_code}, city => $home->{city},
		countryCode => country_code3($home->{country}) } : undef;
}

sub definition_rows
{
	my ($system) = @_;
	my $company = $system->{store}->list('company')->[0];

	return map { +{
		begin_row($system, 'employee-attribute-definitions', $_->[0]), stamps($company), name => $_->[2],
		multipleValueHandling => $_->[3] ? { sorting => 'ascending', sortingProperty => undef } : undef, taxonomy => undef,
		schema => { title => $_->[1], type => $_->[1] eq 'object' ? 'object' : 'string' }, propertyDescriptions => {},
		ofResourceType => $_->[0] eq 'jobTitle' ? 'job-position' : 'employee', isArchived => bool(0), lastArchivedAt => undef,
		links => {} } } @ATTRIBUTE;
}

1;
