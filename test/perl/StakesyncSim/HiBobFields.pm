# The fields of HiBob: some with meaning, many that a customer made, and how each value is written
package StakesyncSim::HiBobFields;

use strict;
use warnings;
use utf8;
use Digest::MD5 qw(md5_hex);
use Encode qw(encode);
use Exporter 'import';
use StakesyncSim::Facts qw(office_name);
use StakesyncSim::Json qw(bool);
use StakesyncSim::Store;

our @EXPORT_OK = qw(bob_id fields in_words item_id list_names machine_value);

my $CUSTOM = 'work.custom.field_16500000000';

# How a customer calls Merge's words
my %CONTRACT = (
	FULL_TIME => 'Full time', PART_TIME => 'Part time', CONTRACTOR => 'Contractor', INTERN => 'Intern',
	FREELANCE => 'Freelance', SEASONAL => 'Seasonal');
my %PERIOD = (YEAR => 'Annual', HOUR => 'Hourly', MONTH => 'Monthly');
my %LIFECYCLE = (ACTIVE => 'employed', PENDING => 'hired', LEAVE => 'long leave', INACTIVE => 'terminated');
my %GENDER = (FEMALE => 'Female', MALE => 'Male');
my %FAMILY = (SINGLE => 'Single', MARRIED_FILING_JOINTLY => 'Married', HEAD_OF_HOUSEHOLD => 'Single parent');

# id, name, type, value, and what else: list, category (where it is not the first word of the id),
# only (nested or slash: the one form that it has)
my @FIELD = (
	[ 'root.id', 'ID', 'text', sub { bob_id($_[0]{number}) } ],
	[ 'root.firstName', 'First name', 'text', sub { $_[0]{first_name} } ],
	[ 'root.surname', 'Last name', 'text', sub { $_[0]{last_name} } ],
	[ 'root.email', 'Email', 'text', sub { $_[0]{work_email} } ],
	[ 'root.displayName', 'Display name', 'text', sub { $_[0]{display_full_name} } ],
	[ 'root.fullName', 'Full name', 'text', sub { $_[0]{display_full_name} }, only => 'slash' ],
	[ 'root.secondName', 'Middle name', 'text', sub { undef } ],
	[ 'root.companyId', 'Company', 'text', sub { '209101' } ],
	[ 'root.creationDate', 'Creation date', 'date', sub { substr moment($_[0]{person}{created}), 0, 10 } ],
	[ 'root.creationDateTime', 'Creation time', 'text', sub { moment($_[0]{person}{created}) } ],
	[ 'root.avatarUrl', 'Avatar', 'text', sub { $_[0]{avatar} }, only => 'nested' ],
	[ 'about.avatar', 'Avatar', 'text', sub { $_[0]{avatar} } ],
	[ 'about.hobbies', 'Hobbies', 'multi-list', sub { [] }, list => 'hobbies' ],
	[ 'about.superpowers', 'Superpowers', 'multi-list', sub { $_[0]{custom}{Sprachen} // [] }, list => 'superpowers' ],
	[ 'about.socialData.linkedin', 'LinkedIn', 'text', sub { undef } ],
	[ 'personal.gender', 'Gender', 'list', sub { $GENDER{ $_[0]{gender} // '' } }, list => 'gender' ],
	[ 'personal.honorific', 'Honorific', 'list', sub { undef }, list => 'honorific' ],
	[ 'personal.pronouns', 'Pronouns', 'text', sub { undef } ],
	[ 'personal.nationality', 'Nationality', 'multi-list', sub { $_[0]{home}{country} ? [ $_[0]{home}{country} ] : [] },
		list => 'nationality' ],
	[ 'personal.birthDate', 'Date of birth', 'date', sub { $_[0]{birth} } ],
	[ 'personal.shortBirthDate', 'Birthday', 'short-date', sub { defined $_[0]{birth} ? substr $_[0]{birth}, 5 : undef } ],
	[ 'home.mobilePhone', 'Personal mobile', 'text', sub { $_[0]{number} % 2 ? $_[0]{mobile_phone_number} : undef } ],
	[ 'home.privatePhone', 'Personal phone', 'text', sub { undef } ],
	[ 'home.privateEmail', 'Personal email', 'text', sub { $_[0]{personal_email} }, only => 'slash' ],
	[ 'home.legalGender', 'Legal gender', 'list', sub { $GENDER{ $_[0]{gender} // '' } },
		list => 'legalGender', category => 'personal' ],
	[ 'home.familyStatus', 'Family status', 'list', sub { $FAMILY{ $_[0]{marital_status} // '' } }, list => 'familyStatus' ],
	[ 'address.line1', 'Address line 1', 'text', sub { $_[0]{home}{street_1} } ],
	[ 'address.line2', 'Address line 2', 'text', sub { $_[0]{home}{street_2} } ],
	[ 'address.city', 'City', 'text', sub { $_[0]{home}{city} } ],
	[ 'address.postCode', 'Post code', 'text', sub { $_[0]{home}{zip_code} }, only => 'nested' ],
	[ 'address.state', 'State', 'text', sub { $_[0]{home}{state} } ],
	[ 'address.country', 'Country', 'list', sub { $_[0]{home}{country} }, list => 'country' ],
	[ 'work.title', 'Job title', 'list', sub { $_[0]{job}{job_title} }, list => 'title' ],
	[ 'work.department', 'Department', 'hierarchy-list', sub { $_[0]{department} && $_[0]{department}{f}{name} },
		list => 'department' ],
	[ 'work.site', 'Site', 'list', sub { office_name($_[0]{office}) }, list => 'site' ],
	[ 'work.siteId', 'Site id', 'number', sub { $_[0]{office} && item_id(site => office_name($_[0]{office})) } ],
	[ 'work.startDate', 'Start date', 'date', sub { $_[0]{start} } ],
	[ 'work.originalStartDate', 'Original start date', 'date', sub { $_[0]{hired} // $_[0]{start} } ],
	[ 'work.manager', 'Manager', 'employee-reference', \&manager ],
	[ 'work.reportsTo', 'Reports to', 'employee-reference', \&reports_to, only => 'nested' ],
	[ 'work.reportsToIdInCompany', 'Manager id in company', 'number',
		sub { $_[0]{manager} && whole($_[0]{manager}{f}{employee_number}) } ],
	[ 'work.employeeIdInCompany', 'Employee id', 'number', sub { whole($_[0]{employee_number}) } ],
	[ 'work.isManager', 'Is a manager', 'boolean', sub { bool($_[0]{number} < 80) } ],
	[ 'work.workPhone', 'Work phone', 'text', sub { undef } ],
	[ 'work.workMobile', 'Work mobile', 'text', sub { $_[0]{number} % 2 ? undef : $_[0]{mobile_phone_number} } ],
	[ 'work.tenureDuration', 'Tenure', 'text', \&tenure, only => 'nested' ],
	[ 'work.tenureYears', 'Tenure in years', 'number', sub { undef } ],
	[ 'work.activeEffectiveDate', 'Effective date', 'date', sub { $_[0]{start} } ],
	[ 'work.customColumns.column_1650000000900', 'Team', 'text', sub { $_[0]{team} && $_[0]{team}{f}{name} } ],
	[ 'internal.status', 'Status', 'text', \&status ],
	[ 'internal.lifecycleStatus', 'Lifecycle status', 'text', sub { $LIFECYCLE{ $_[0]{status} } } ],
	[ 'internal.terminationDate', 'Termination date', 'date', sub { $_[0]{end} } ],
	[ 'internal.terminationReason', 'Termination reason', 'text', sub { undef } ],
	[ 'internal.terminationType', 'Termination type', 'text', sub { undef } ],
	[ 'internal.currentActiveStatusStartDate', 'Active since', 'date', sub { $_[0]{start} } ],
	[ 'payroll.employment.type', 'Employment type', 'list', \&employment_type,
		list => 'payrollEmploymentType', category => 'employment' ],
	[ 'payroll.employment.contract', 'Contract', 'list', sub { $CONTRACT{ $_[0]{job}{employment_type} // '' } },
		list => 'payrollEmploymentContract', category => 'employment' ],
	[ 'payroll.employment.fte', 'FTE', 'number', sub { ($_[0]{job}{employment_type} // '') eq 'PART_TIME' ? 60 : 100 },
		category => 'employment' ],
	[ 'payroll.employment.weeklyHours', 'Weekly hours', 'number', sub { ($_[0]{job}{employment_type} // '') eq 'PART_TIME' ? 24 : 40 },
		category => 'employment' ],
	[ 'payroll.salary.payment', 'Base salary', 'currency', \&payment ],
	[ 'payroll.salary.payPeriod', 'Pay period', 'list', sub { $PERIOD{ $_[0]{job}{pay_period} // '' } },
		list => 'salaryPayPeriod' ],
	[ 'identification.ssn', 'Social security number', 'text', sub { $_[0]{person}{ssn} } ],
	[ "${CUSTOM}01", 'Personnel number', 'text', sub { $_[0]{employee_number} }, only => 'slash' ],
	[ "${CUSTOM}02", 'Badge', 'text', sub { $_[0]{custom}{badge} } ],
	[ "${CUSTOM}03", 'Shirt size', 'list', sub { $_[0]{custom}{shirt_size} }, list => 'shirtSize' ],
	[ "${CUSTOM}04", 'Cost centre', 'text', sub { $_[0]{cost_center} && $_[0]{cost_center}{f}{name} }, only => 'nested' ],
	[ "${CUSTOM}05", 'IBAN', 'text', sub { $_[0]{custom}{IBAN} } ],
	[ "${CUSTOM}06", 'Religion', 'text', sub { $_[0]{custom}{Konfession} } ],
	[ 'custom.category_1650000000100.field_1650000000101', 'Note', 'text-area', sub { $_[0]{custom}{note} } ]);

# So many more that nobody needs, a few with a value here and there
my $MORE = 382;

# All fields as {id, category, name, jsonPath, type, list, only, path, value (code)}
sub fields
{
	return (map { field(@$_) } @FIELD), map { spare_field($_) } 1 .. $MORE;
}

sub field
{
	my ($id, $name, $type, $value, %more) = @_;
	my ($category, @rest) = split /\./, $id;
	my @path = $category eq 'root' ? @rest : ($category, @rest);

	$category .= ".$rest[0]" if $category eq 'custom';
	return {
		%more, id => $id, category => $more{category} // $category, name => $name, type => $type, value => $value,
		jsonPath => join('.', @path), path => \@path, slash => '/' . $id =~ tr{.}{/}r };
}

sub spare_field
{
	my ($number) = @_;
	my $place = $number <= 120 ? 'work.custom' : 'custom.category_17100000001' . sprintf '%02d', int($number / 20);
	my $type = (qw(text number date))[ $number % 3 ];
	my @value = ("Value $number", $number, '2024-02-29');

	return field("$place.field_1720000000$number", "Extra $number", $type,
		sub { ($_[0]{number} + $number) % 97 ? undef : $value[ $number % 3 ] }, only => 'nested');
}

# 19 digits; two neighbours are the same where a double reads them
sub bob_id
{
	my ($number) = @_;
	return '2128438031986' . sprintf '%06d', $number;
}

# Ids of list items are numbers of nine digits, in a person's record as text
sub item_id
{
	my ($list, $name) = @_;
	return 100_000_000 + hex(substr(md5_hex(encode('UTF-8', "$list/$name")), 0, 8)) % 800_000_000;
}

# The names of the lists, and which one is a tree
sub list_names
{
	my %seen;
	return grep { !$seen{$_}++ } map { $_->{list} // () } fields();
}

# A value as the system keeps it
sub machine_value
{
	my ($field, $value) = @_;

	return undef unless defined $value;
	return [ map { '' . item_id($field->{list}, $_) } @$value ] if $field->{type} eq 'multi-list';
	return $field->{list} ? '' . item_id($field->{list}, $value) : $value;
}

# A value in words; date_form: iso or that of the caller's screen
sub in_words
{
	my ($field, $value, $date_form) = @_;
	my $type = $field->{type};

	return $value if !defined $value || $field->{list};
	return $value ? 'Yes' : 'No' if $type eq 'boolean';
	return "$value" if $type eq 'number';
	return "$value->{currency}" . sprintf '%.2f', $value->{value} if $type eq 'currency';
	return join '/', reverse split /-/, $value if $type eq 'date' && $date_form ne 'iso';
	return $value;
}

# A time without a zone
sub moment
{
	my ($micros) = @_;
	return StakesyncSim::Store::moment_text($micros) =~ s/Z$//r;
}

# The number that people see is a whole one: zeros in front are lost, letters have no place
sub whole
{
	my ($number) = @_;
	return ($number // '') =~ /^\d+$/ ? $number + 0 : undef;
}

# Those who have not begun are inactive too
sub status
{
	my ($facts) = @_;
	return $facts->{status} =~ /^(?:ACTIVE|LEAVE)$/ ? 'Active' : 'Inactive';
}

sub manager
{
	my ($facts) = @_;
	return undef unless defined $facts->{manager_id};
	return bob_id($facts->{manager} ? $facts->{manager}{number} : 999_999);
}

sub reports_to
{
	my ($facts) = @_;
	my $manager = $facts->{manager} or return undef;
	return {
		id => bob_id($manager->{number}), displayName => $manager->{f}{display_full_name}, email => $manager->{f}{work_email},
		firstName => $manager->{f}{first_name}, surname => $manager->{f}{last_name} };
}

sub tenure
{
	my ($facts) = @_;
	my $days = 3 + $facts->{tenure};
	return { periodISO => "P1Y2M${days}D", sortFactor => 420 + $days, humanize => "1 year, 2 months and $days days" };
}

sub employment_type
{
	my ($facts) = @_;
	my $type = $facts->{job}{employment_type} // return undef;
	return $type =~ /^(?:FULL|PART)_TIME$/ ? 'Permanent' : 'Temporary';
}

sub payment
{
	my ($facts) = @_;
	my ($rate, $currency) = @{ $facts->{job} }{qw(pay_rate pay_currency)};
	return defined $rate ? { value => $rate, currency => $currency } : undef;
}

1;
