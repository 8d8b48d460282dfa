# The attributes that Personio shows of a person: what the account calls them and how each value is written
package StakesyncSim::PersonioFields;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use POSIX qw(strftime);
use Time::Local qw(timegm);

our @EXPORT_OK = qw(attributes id_of_number object_id weekly_hours);

# Members of the store whose change counts as one of the attribute (for updated_since with attributes[])
my @JOB = qw(job_title employment_type effective_date);
my @PAY = qw(pay_rate pay_currency pay_period effective_date);

# key, label, type, universal_id, value, members that it is made of. The account is German and has renamed some
my @ATTRIBUTE = (
	[ id => 'ID', 'integer', 'id', sub { id_of_number($_[0]{number}) } ],
	[ first_name => 'Vorname', 'standard', 'first_name', sub { $_[0]{first_name} }, 'first_name' ],
	[ last_name => 'Nachname', 'standard', 'last_name', sub { $_[0]{last_name} }, 'last_name' ],
	[ preferred_name => 'Rufname', 'standard', 'preferred_name', \&preferred_name,
		qw(preferred_name first_name last_name display_full_name) ],
	[ email => 'E-Mail', 'standard', 'email', sub { $_[0]{work_email} }, 'work_email' ],
	[ gender => 'Geschlecht', 'standard', 'gender', \&gender, 'gender' ],
	[ status => 'Status', 'standard', 'status', \&status, qw(employment_status termination_date on_leave) ],
	[ position => 'Stellenbezeichnung', 'standard', 'position', sub { $_[0]{job}{job_title} }, @JOB ],
	[ supervisor => 'Führungskraft', 'standard', 'supervisor', \&supervisor, 'manager' ],
	[ employment_type => 'Art der Anstellung', 'standard', 'employment_type', \&employment_type, @JOB ],
	[ weekly_working_hours => 'Wochenstunden', 'standard', 'weekly_working_hours', \&hours_text, @JOB ],
	[ hire_date => 'Eintrittsdatum', 'date', 'hire_date', midnight('start'), 'start_date' ],
	[ contract_end_date => 'Vertragsende', 'date', 'contract_end_date', sub { undef } ],
	[ termination_date => 'Kündigungsdatum', 'date', 'termination_date', midnight('end'), 'termination_date' ],
	[ termination_type => 'Kündigungsart', 'standard', 'termination_type', \&termination_type, 'termination_date' ],
	[ termination_reason => 'Kündigungsgrund', 'standard', 'termination_reason', sub { defined $_[0]{end} ? '' : undef } ],
	[ probation_period_end => 'Ende der Probezeit', 'date', 'probation_period_end', sub { undef } ],
	[ created_at => 'Angelegt am', 'date', 'created_at', moment('created') ],
	[ last_modified_at => 'Zuletzt geändert', 'date', 'last_modified_at', moment('modified') ],
	[ subcompany => 'Gesellschaft', 'standard', 'subcompany', object('Subcompany', company => 'legal_name'), 'company' ],
	[ office => 'Arbeitsort', 'standard', 'office', object('Office', office => 'name'), 'work_location' ],
	[ department => 'Bereich', 'standard', 'department', object('Department', department => 'name'), qw(groups department) ],
	[ cost_centers => 'Kostenstelle', 'standard', 'cost_centers', \&cost_centers, 'groups' ],
	[ holiday_calendar => 'Feiertage', 'standard', 'holiday_calendar', \&holiday_calendar, 'work_location' ],
	[ absence_entitlement => 'Urlaubsanspruch', 'standard', 'absence_entitlement', \&absence_entitlement ],
	[ work_schedule => 'Arbeitszeitmodell', 'standard', 'work_schedule', \&work_schedule, @JOB ],
	[ fix_salary => 'Fixgehalt', 'decimal', 'fix_salary', salary(0), @PAY ],
	[ fix_salary_interval => 'Gehaltsintervall', 'standard', 'fix_salary_interval', \&salary_interval, @PAY ],
	[ hourly_salary => 'Stundenlohn', 'decimal', 'hourly_salary', salary(1), @PAY ],
	[ last_working_day => 'Letzter Arbeitstag', 'date', 'last_working_day', midnight('end'), 'termination_date' ],
	[ profile_picture => 'Profilbild', 'standard', 'profile_picture', \&picture ],
	[ team => 'Team', 'standard', 'team', object('Team', team => 'name'), 'team' ],
	[ dynamic_2401 => 'Personalnummer', 'standard', undef, sub { $_[0]{employee_number} }, 'employee_number' ],
	[ dynamic_2402 => 'Straße und Hausnummer', 'standard', undef, sub { $_[0]{home}{street_1} }, 'street_1' ],
	[ dynamic_2403 => 'Adresszusatz', 'standard', undef, sub { $_[0]{home}{street_2} }, 'street_2' ],
	[ dynamic_2404 => 'PLZ', 'standard', undef, sub { $_[0]{home}{zip_code} }, 'zip_code' ],
	[ dynamic_2405 => 'Wohnort', 'standard', undef, sub { $_[0]{home}{city} }, 'city' ],
	[ dynamic_2406 => 'Land (ISO)', 'list', undef, sub { $_[0]{home}{country} }, 'country' ],
	[ dynamic_2407 => 'Private E-Mail', 'standard', 'personal_email', sub { $_[0]{personal_email} }, 'personal_email' ],
	[ dynamic_2408 => 'Handynummer', 'standard', undef, sub { $_[0]{mobile_phone_number} }, 'mobile_phone_number' ],
	[ dynamic_2409 => 'Geburtsdatum', 'date', 'date_of_birth', sub { $_[0]{birth} }, 'date_of_birth' ],
	[ dynamic_2410 => 'Familienstand', 'list', undef, \&marital_status, 'marital_status' ],
	[ dynamic_2411 => 'Sprachkenntnisse', 'tags', undef, sub { $_[0]{custom}{Sprachen} // [] }, 'custom_fields' ],
	[ dynamic_2412 => 'Jubiläum', 'date', undef, midnight('start'), 'start_date' ],
	[ dynamic_2413 => 'Schlüssel-Nr.', 'standard', undef, sub { $_[0]{custom}{badge} }, 'custom_fields' ],
	[ dynamic_2414 => 'Notizen', 'multiline', undef, sub { $_[0]{custom}{note} }, 'custom_fields' ],
	[ dynamic_2415 => 'Intranet', 'link', undef, \&intranet_link ],
	[ dynamic_2416 => 'Firmenwagen (Wert)', 'decimal', undef, sub { $_[0]{number} % 40 ? undef : 1000.5 } ],
	[ dynamic_2417 => 'IBAN', 'standard', 'iban', sub { $_[0]{custom}{IBAN} }, 'custom_fields' ],
	[ dynamic_2418 => 'Konfession', 'list', undef, sub { $_[0]{custom}{Konfession} }, 'custom_fields' ]);

my %OPTIONS = (
	dynamic_2406 => [qw(CH DE FR GB US JP PL PT GR RU UA IN SA BR TR VN IE)],
	dynamic_2410 => [ 'ledig', 'verheiratet', 'alleinerziehend' ],
	dynamic_2411 => [qw(de fr en it)], dynamic_2418 => [qw(rk ev keine)]);

# All attributes as {key, label, type, universal_id, options, value (code), members}
sub attributes
{
	return map {
		my ($key, $label, $type, $universal_id, $value, @members) = @$_;
		+{
			key => $key, label => $label, type => $type, universal_id => $universal_id,
			options => $OPTIONS{$key} // [], value => $value, members => \@members }
	} @ATTRIBUTE;
}

sub id_of_number { return 4000 + 7 * $_[0] }

# Numbers of departments, offices and their like
my %FIRST_ID = (Subcompany => 7030, Office => 131010, Department => 281520, Team => 59020, CostCenter => 82950);

sub object_id
{
	my ($type, $object) = @_;
	return $FIRST_ID{$type} + $object->{seq};
}

sub object
{
	my ($type, $fact, $member) = @_;
	return sub {
		my $object = $_[0]{$fact} or return undef;
		return { type => $type, attributes => { id => object_id($type, $object), name => $object->{f}{$member} } };
	};
}

# Sometimes empty, sometimes null
sub preferred_name
{
	my ($facts) = @_;
	return $facts->{display_full_name} if defined $facts->{preferred_name};
	return $facts->{number} % 2 ? '' : undef;
}

sub gender
{
	my ($facts) = @_;
	return undef unless defined $facts->{gender};
	return { FEMALE => 'female', MALE => 'male', PREFER_NOT_TO_DISCLOSE => '' }->{ $facts->{gender} } // 'diverse';
}

sub status
{
	my ($facts) = @_;
	return { PENDING => 'onboarding', LEAVE => 'leave', INACTIVE => 'inactive' }->{ $facts->{status} } // 'active';
}

sub employment_type
{
	my ($facts) = @_;
	my $type = $facts->{job}{employment_type};
	return defined $type ? $type =~ /^(?:CONTRACTOR|FREELANCE)$/ ? 'external' : 'internal' : undef;
}

sub weekly_hours
{
	my ($facts) = @_;
	my $type = $facts->{job}{employment_type};
	return defined $type ? $type eq 'PART_TIME' ? 24 : $facts->{number} % 6 ? 40 : 38.5 : undef;
}

sub hours_text
{
	my $hours = weekly_hours(@_);
	return defined $hours ? "$hours" : '';
}

# A person within the person, whose attributes have labels again; nobody knows the one who is gone
sub supervisor
{
	my ($facts) = @_;
	my $manager = $facts->{manager};
	my @attribute = ([ id => 'ID', 'integer', $manager ? id_of_number($manager->{number}) : 9_999_999 ]);

	return undef unless defined $facts->{manager_id};
	push @attribute, [ first_name => 'Vorname', 'standard', $manager->{f}{first_name} ],
	  [ last_name => 'Nachname', 'standard', $manager->{f}{last_name} ],
	  [ email => 'E-Mail', 'standard', $manager->{f}{work_email} ] if $manager;
	return {
		type => 'Employee',
		attributes => { map {
			my ($key, $label, $type, $value) = @$_;
			($key => { label => $label, value => $value, type => $type, universal_id => $key })
		} @attribute } };
}

sub cost_centers
{
	my ($facts) = @_;
	my $center = $facts->{cost_center} or return [];
	return [ {
		type => 'CostCenter',
		attributes => { id => object_id(CostCenter => $center), name => $center->{f}{name}, percentage => 100 } } ];
}

sub holiday_calendar
{
	my ($facts) = @_;
	my $place = $facts->{office} ? $facts->{office}{f} : return undef;
	return {
		type => 'HolidayCalendar',
		attributes => {
			id => 2, name => "Feiertage $place->{country}", country => $place->{country}, state => $place->{state} } };
}

sub absence_entitlement
{
	return [ {
		type => 'TimeOffType',
		attributes => { id => 113_437, name => 'Urlaub', category => 'paid_vacation', entitlement => 25 } } ];
}

sub work_schedule
{
	my ($facts) = @_;
	my $hours = weekly_hours($facts) // return undef;
	my $day = sprintf '%02d:%02d', int($hours / 5), ($hours / 5 - int($hours / 5)) * 60 + 0.5;

	return {
		type => 'WorkSchedule',
		attributes => {
			id => 97_188, name => "$hours Stunden", valid_from => undef, saturday => '00:00', sunday => '00:00',
			map { $_ => $day } qw(monday tuesday wednesday thursday friday) } };
}

# The amount with its currency beside it; who is paid by the hour has no fixed one
sub salary
{
	my ($by_hour) = @_;
	return sub {
		my ($facts) = @_;
		my ($rate, $period, $currency) = @{ $facts->{job} }{qw(pay_rate pay_period pay_currency)};
		my $is_mine = ($period // '') eq 'HOUR' ? $by_hour : !$by_hour;
		return { amount => $is_mine ? $rate : $by_hour ? 0 : undef, currency => $currency };
	};
}

sub salary_interval
{
	my ($facts) = @_;
	return ($facts->{job}{pay_period} // '') eq 'YEAR' ? 'yearly' : undef;
}

sub termination_type
{
	my ($facts) = @_;
	return defined $facts->{end} ? 'employee' : undef;
}

sub picture
{
	my ($facts) = @_;
	return 'https://api.personio.example/v1/company/employees/' . id_of_number($facts->{number}) . '/profile-picture';
}

sub intranet_link
{
	my ($facts) = @_;
	return defined $facts->{username} ? "https://intranet.lindwurm.example/p/$facts->{username}?a=1&b=2" : undef;
}

sub marital_status
{
	my ($facts) = @_;
	return { SINGLE => 'ledig', MARRIED_FILING_JOINTLY => 'verheiratet', HEAD_OF_HOUSEHOLD => 'alleinerziehend' }
	  ->{ $facts->{marital_status} // '' };
}

# A day as the account's midnight: the offset with and without colon, now and then a blank for the T
sub midnight
{
	my ($fact) = @_;
	return sub {
		my ($facts) = @_;
		my $day = $facts->{$fact} // return undef;
		my $number = $facts->{number};
		my $offset = is_summer_day($day) ? '+02:00' : '+01:00';
		$offset =~ s/:// if $number % 7 == 3;
		return $day . ($number % 11 == 5 ? ' ' : 'T') . "00:00:00$offset";
	};
}

# A moment as the account's clock shows it
sub moment
{
	my ($stamp) = @_;
	return sub {
		my $seconds = int($_[0]{person}{$stamp} / 1_000_000);
		my $shift = is_summer_moment($seconds) ? 2 : 1;
		return strftime('%Y-%m-%dT%H:%M:%S', gmtime($seconds + 3600 * $shift)) . "+0$shift:00";
	};
}

# Summer time ends and begins at 01:00 UTC on the last Sunday of a month
sub is_summer_day
{
	my ($day) = @_;
	my ($year, $month, $number) = split /-/, $day;
	return is_summer_moment(timegm(0, 0, 0, $number, $month - 1, $year));
}

sub is_summer_moment
{
	my ($seconds) = @_;
	my $year = (gmtime $seconds)[5] + 1900;
	return $seconds >= last_sunday($year, 2) && $seconds < last_sunday($year, 9);
}

sub last_sunday
{
	my ($year, $month) = @_;
	my $last = timegm(0, 0, 1, 31, $month, $year);
	return $last - 86400 * (gmtime $last)[6];
}

1;
