# The fields and tables of BambooHR, with what they say of a person
package StakesyncSim::BambooFields;

use strict;
use warnings;
use Exporter 'import';
use StakesyncSim::Json qw(bool);
use StakesyncSim::Store;
use StakesyncSim::Words qw(contract_word country_name gender_word last_change number_of);
use POSIX qw(strftime);

our @EXPORT_OK = qw(all_fields dataset_fields dataset_field dataset_type field_named field_value tables table_rows);

my %CONTRACT = (FULL_TIME => 'Full-Time', PART_TIME => 'Part-Time');
my %MARITAL = (SINGLE => 'Single', MARRIED_FILING_JOINTLY => 'Married', HEAD_OF_HOUSEHOLD => 'Single');

# Name, type, label, member of Merge that scope names, value: a fact or code that takes the facts and the system
my @PLAIN = (
	[ 'id', 'integer', 'EEID', 'id', \&own_number ],
	[ 'employeeNumber', 'text', 'Employee #', 'employee_number', 'employee_number' ],
	[ 'status', 'status', 'Status', 'employment_status', \&status ],
	[ 'employmentStatus', 'status', 'Status (old)', 'employment_status', \&status ],
	[ 'firstName', 'text', 'First Name', 'first_name', 'first_name' ],
	[ 'middleName', 'text', 'Middle Name', 'middle_name', sub { undef } ],
	[ 'lastName', 'text', 'Last Name', 'last_name', 'last_name' ],
	[ 'preferredName', 'text', 'Preferred Name', 'preferred_name', 'preferred_name' ],
	[ 'displayName', 'text', 'Display Name', 'display_full_name', 'display_full_name' ],
	[ 'workEmail', 'email', 'Work Email', 'work_email', 'work_email' ],
	[ 'homeEmail', 'email', 'Home Email', 'personal_email', 'personal_email' ],
	[ 'bestEmail', 'email', 'Best Email', 'work_email', sub { $_[0]{work_email} // $_[0]{personal_email} } ],
	[ 'mobilePhone', 'phone', 'Mobile Phone', 'mobile_phone_number', 'mobile_phone_number' ],
	[ 'workPhone', 'phone', 'Work Phone', 'work_phone', sub { undef } ],
	[ 'workPhoneExtension', 'text', 'Work Ext.', 'work_phone', sub { undef } ],
	[ 'homePhone', 'phone', 'Home Phone', 'home_phone', sub { undef } ],
	[ 'address1', 'text', 'Address Line 1', 'home_location', sub { $_[0]{home}{street_1} } ],
	[ 'address2', 'text', 'Address Line 2', 'home_location', sub { $_[0]{home}{street_2} } ],
	[ 'city', 'text', 'City', 'home_location', sub { $_[0]{home}{city} } ],
	[ 'state', 'state', 'State', 'home_location', sub { $_[0]{home}{state} } ],
	[ 'stateCode', 'text', 'State Code', 'home_location', sub { $_[0]{home}{state} } ],
	[ 'zipcode', 'text', 'ZIP Code', 'home_location', sub { $_[0]{home}{zip_code} } ],
	[ 'country', 'country', 'Country', 'home_location', sub { country_name($_[0]{home}{country}) } ],
	[ 'gender', 'gender', 'Gender', 'gender', sub { gender_word($_[0]{gender}, MALE => 'Male', FEMALE => 'Female', other => 'Non-binary') } ],
	[ 'maritalStatus', 'list', 'Marital Status', 'marital_status', sub { $MARITAL{ $_[0]{marital_status} // '' } } ],
	[ 'dateOfBirth', 'date', 'Birth Date', 'date_of_birth', 'birth' ],
	[ 'birthday', 'text', 'Birthday', 'date_of_birth', sub { defined $_[0]{birth} ? substr($_[0]{birth}, 5) : undef } ],
	[ 'age', 'integer', 'Age', 'date_of_birth', \&age ],
	[ 'hireDate', 'date', 'Hire Date', 'start_date', 'start' ],
	[ 'originalHireDate', 'date', 'Original Hire Date', 'hire_date', 'hired' ],
	[ 'terminationDate', 'date', 'Termination Date', 'termination_date', 'end' ],
	[ 'lastChanged', 'timestamp', 'Last Changed', 'modified_at', \&last_changed ],
	[ 'linkedIn', 'text', 'LinkedIn URL', 'linked_in', sub { undef } ],
	[ 'pronouns', 'text', 'Pronouns', 'pronouns', sub { undef } ],
	[ 'photoUploaded', 'bool', 'Photo', 'avatar', sub { bool(defined $_[0]{avatar}) } ],
	[ 'photoUrl', 'text', 'Photo URL', 'avatar', 'avatar' ],
	[ 'ethnicity', 'list', 'Ethnicity', 'ethnicity', sub { ucfirst lc(($_[0]{person}{f}{ethnicity} // return undef) =~ tr/_/ /r) } ],
	[ 'ssn', 'ssn', 'SSN', 'ssn', sub { $_[0]{person}{ssn} } ],
	[ 'nationalId', 'national_id', 'National ID', 'ssn', sub { undef } ],
	[ 'nin', 'nin', 'NIN', 'ssn', sub { undef } ]);

# Values of the tables with a history: what is in force, of those to come only where asked for
my @HISTORY = (
	[ 'employmentHistoryStatus', 'list', 'Employment Status', 'employment_type', \&contract ],
	[ 'employeeStatusDate', 'date', 'Employment Status: Date', 'start_date', sub { $_[0]{end} // $_[0]{start} } ],
	[ 'jobTitle', 'list', 'Job Title', 'job_title', sub { $_[0]{job}{job_title} } ],
	[ 'department', 'list', 'Department', 'groups', sub { name_of($_[0]{department}) } ],
	[ 'division', 'list', 'Division', 'groups', sub { name_of($_[0]{unit}) } ],
	[ 'location', 'list', 'Location', 'work_location', sub { name_of($_[0]{office}) } ],
	[ 'supervisor', 'employee', 'Reporting To', 'manager', \&supervisor ],
	[ 'supervisorEId', 'integer', 'Supervisor EID', 'manager', sub { supervisor_id(@_, 'internal') } ],
	[ 'supervisorId', 'integer', 'Supervisor ID', 'manager', sub { supervisor_id(@_, 'swapped') } ],
	[ 'supervisorEmail', 'text', 'Supervisor Email', 'manager', sub { $_[0]{manager} && $_[0]{manager}{f}{work_email} } ],
	[ 'payRate', 'currency', 'Pay Rate', 'pay_rate', \&pay_rate ],
	[ 'payType', 'pay_type', 'Pay Type', 'pay_period', sub { pay_word(@_, 'Hourly', 'Salary') } ],
	[ 'paidPer', 'paid_per', 'Paid per', 'pay_period', sub { pay_word(@_, 'Hour', 'Year') } ],
	[ 'payFrequency', 'list', 'Pay Frequency', 'pay_frequency', sub { contract_word($_[0]{job}{pay_frequency}) } ],
	[ 'payRateEffectiveDate', 'date', 'Pay Rate: Date', 'effective_date', sub { day_part($_[0]{job}{effective_date}) } ],
	[ 'exempt', 'list', 'Overtime Status', 'flsa_status', sub { contract_word($_[0]{job}{flsa_status}, NONEXEMPT => 'Non-exempt') } ]);

# Fields of the customer: id, alias (a few have none and go by their id), type, label, member of custom_fields
my @CUSTOM = (
	[ '4338', 'customBadge', 'text', 'Badge', 'badge' ],
	[ '4339', undef, 'list', 'Shirt size', 'shirt_size' ],
	[ '4340.3', undef, 'checkbox', 'Desk: Window', 'window' ],
	[ '4340.4', undef, 'text', 'Desk: Floor', 'floor' ],
	[ '4341', 'customSprachen', 'multilist', 'Sprachen', 'Sprachen' ],
	[ '4342', 'customIBAN', 'text', 'IBAN', 'IBAN' ],
	[ '4343', 'customKonfession', 'text', 'Konfession', 'Konfession' ],
	[ '4344', undef, 'textarea', 'Note', 'note' ]);

# The dataset has names of its own; those that differ. Fields of the customer are customField and their id
my %DATASET_NAME = (
	id => 'eeid', displayName => 'name', workEmail => 'email', address1 => 'addressLineOne', address2 => 'addressLineTwo',
	employmentHistoryStatus => 'employmentStatus', employeeStatusDate => 'employmentStatusEffectiveDate',
	(map { $_ => 'jobInformation' . ucfirst } qw(jobTitle department division location)),
	supervisor => 'jobInformationReportsTo', supervisorEId => 'supervisorEid', payRate => 'compensationPayRate',
	payType => 'compensationPayType', paidPer => 'compensationPaidPer', payFrequency => 'compensationPaySchedule',
	payRateEffectiveDate => 'compensationEffectiveDate', exempt => 'compensationOvertimeStatus');
my %DATASET_TYPE = (
	integer => 'number', currency => 'number', date => 'date', map { $_ => 'options' } qw(list status gender pay_type paid_per));

my @FIELD = make_fields();
my %FIELD = map { my $field = $_; map { $_ => $field } $field->{name}, $field->{id} } @FIELD;
my @DATASET = make_dataset();
my %DATASET = map { $_->{name} => $_ } @DATASET;

my %TABLE = (
	jobInfo => [qw(date location department division jobTitle reportsTo)],
	employmentStatus => [qw(date employmentStatus comment terminationReasonId terminationTypeId terminationRehireId)],
	compensation => [qw(startDate rate type exempt reason comment paidPer paySchedule)]);

# Standard fields are numbered in their order
sub make_fields
{
	my $number = 0;
	my @fields;

	foreach my $row (@PLAIN, @HISTORY)
	{
		my ($name, $type, $label, $member, $value) = @$row;
		push @fields, {
			name => $name, alias => $name, type => $type, label => $label, member => $member, value => $value,
			id => ++$number, history => $number > @PLAIN, deprecated => $name eq 'employmentStatus' };
	}
	foreach my $row (@CUSTOM)
	{
		my ($id, $alias, $type, $label, $member) = @$row;
		push @fields, {
			name => $alias // $id, alias => $alias, type => $type, label => $label, member => 'custom_fields', custom => 1,
			id => $id =~ /\./ ? $id : $id + 0, value => sub { custom_value($_[0]{custom}, $member) } };
	}
	return @fields;
}

# The fields of the dataset: their names, and amount and currency of the pay apart
sub make_dataset
{
	my @fields;

	foreach my $field (grep { !$_->{deprecated} && $_->{name} !~ /^(?:bestEmail|birthday|stateCode|photoU.*)$/ } @FIELD)
	{
		my $name = $field->{custom} ? 'customField' . $field->{id} =~ tr/./_/r : $DATASET_NAME{ $field->{name} } // $field->{name};
		push @fields, { %$field, name => $name, $field->{name} eq 'payRate' ? (value => \&amount) : () };
	}
	push @fields, {
		name => 'compensationPayRateCurrencyCode', label => 'Pay Rate - Currency Code', type => 'text',
		member => 'pay_currency', value => sub { $_[0]{job}{pay_currency} } };
	return @fields;
}

sub dataset_fields { return @DATASET }

sub dataset_field { return $DATASET{ $_[0] } }

# options, number, date or text, for filters
sub dataset_type
{
	my ($name) = @_;
	return $DATASET{$name} ? $DATASET_TYPE{ $DATASET{$name}{type} } // 'text' : undef;
}

sub all_fields { return @FIELD }

# By alias or id
sub field_named { return $FIELD{ $_[0] } }

sub tables { return \%TABLE }

# What a field says of a person, undef for nothing
sub field_value
{
	my ($system, $facts, $field, $is_current) = @_;
	my $value = $field->{value};

	return undef if $field->{history} && $is_current && $facts->{status} eq 'PENDING';
	return ref $value ? $value->($facts, $system) : $facts->{$value};
}

sub custom_value
{
	my ($custom, $member) = @_;
	my $value = $custom->{$member} // ($custom->{desk} // {})->{$member};

	return join ', ', @$value if ref $value eq 'ARRAY';
	return ref $value ? ($value ? 'yes' : 'no') : $value;
}

sub own_number { return number_of($_[0]{person}) }

sub name_of { return $_[0] ? $_[0]{f}{name} : undef }

sub day_part { return defined $_[0] ? substr($_[0], 0, 10) : undef }

# Tracked or not: those who left and those to come are inactive
sub status
{
	my ($facts) = @_;
	return $facts->{status} =~ /^(?:ACTIVE|LEAVE)$/ ? 'Active' : 'Inactive';
}

sub contract
{
	my ($facts) = @_;
	return 'Terminated' if $facts->{status} eq 'INACTIVE';
	return contract_word($facts->{job}{employment_type}, %CONTRACT);
}

sub age
{
	my ($facts, $system) = @_;
	return undef unless defined $facts->{birth};
	return int(($system->{store}{today} - StakesyncSim::Store::parse_day($facts->{birth})) / 365.25);
}

sub last_changed
{
	my ($facts, $system) = @_;
	return strftime('%Y-%m-%dT%H:%M:%S+00:00', gmtime(int(last_change($system->{store}, $facts->{person}) / 1_000_000)));
}

sub supervisor
{
	my ($facts) = @_;
	my $f = $facts->{manager} ? $facts->{manager}{f} : return undef;
	return "$f->{last_name}, $f->{first_name}";
}

# The internal id in one of the two, the customer's number in the other; nobody can say which is which
sub supervisor_id
{
	my ($facts, $system, $kind) = @_;
	my $manager = $facts->{manager};

	return undef unless defined $facts->{manager_id};
	return $manager ? number_of($manager) : 999999 if $system->{switch}{supervisor_ids} eq $kind;
	return $manager ? $manager->{f}{employee_number} : undef;
}

# Two decimals, and in reports the currency behind them
sub pay_rate
{
	my ($facts, $system) = @_;
	my $amount = amount($facts) // return undef;
	return $system->{switch}{pay} eq 'with_currency' ? "$amount $facts->{job}{pay_currency}" : $amount;
}

sub amount
{
	my ($facts) = @_;
	return defined $facts->{job}{pay_rate} ? sprintf('%.2f', $facts->{job}{pay_rate}) : undef;
}

sub pay_word
{
	my ($facts, undef, $hourly, $yearly) = @_;
	my $period = $facts->{job}{pay_period} // return undef;
	return $period eq 'HOUR' ? $hourly : $yearly;
}

# The rows of a person in a table with a history
sub table_rows
{
	my ($system, $facts, $table) = @_;
	my $number = own_number($facts);
	my @jobs = @{ $facts->{employments} };
	my @rows = $table eq 'employmentStatus' ? status_rows($facts)
	  : map { $table eq 'jobInfo' ? job_row($facts, $_->{f}) : pay_row($_->{f}) } @jobs;
	my $row = 0;

	return map { +{ %$_, id => $number * 10 + ++$row . '', employeeId => "$number" } } @rows;
}

sub job_row
{
	my ($facts, $job) = @_;
	return {
		date => day_part($job->{effective_date}) // '0000-00-00', location => name_of($facts->{office}),
		department => name_of($facts->{department}), division => name_of($facts->{unit}),
		jobTitle => $job->{job_title}, reportsTo => supervisor($facts) };
}

sub pay_row
{
	my ($job) = @_;
	my $facts = { job => $job };

	return {
		startDate => day_part($job->{effective_date}) // '0000-00-00', type => pay_word($facts, undef, 'Hourly', 'Salary'),
		rate => { currency => $job->{pay_currency}, value => amount($facts) // '' },
		exempt => contract_word($job->{flsa_status}, NONEXEMPT => 'Non-exempt'), reason => undef, comment => undef,
		paidPer => pay_word($facts, undef, 'Hour', 'Year'), paySchedule => undef };
}

sub status_rows
{
	my ($facts) = @_;
	my $word = contract_word($facts->{job}{employment_type}, %CONTRACT);
	my %empty = map { $_ => undef } qw(comment terminationReasonId terminationTypeId terminationRehireId);

	return (
		defined $facts->{start} ? { %empty, date => $facts->{start}, employmentStatus => $word } : (),
		defined $facts->{end} ? { %empty, date => $facts->{end}, employmentStatus => 'Terminated' } : ());
}

1;
