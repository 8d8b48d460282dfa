# How the systems call what the facts say: countries, contracts, genders; and when somebody last changed
package StakesyncSim::Words;

use strict;
use warnings;
use Exporter 'import';
use POSIX qw(strftime);
use StakesyncSim::Facts qw(facts);
use StakesyncSim::Store;

our @EXPORT_OK = qw(contract_word country_code3 country_name facts_of gender_word job_at last_change moment_ms
  next_day number_of sortable);

# Two letters => three letters and the English name
my %COUNTRY = (
	AT => [ 'AUT', 'Austria' ], BR => [ 'BRA', 'Brazil' ], CH => [ 'CHE', 'Switzerland' ], DE => [ 'DEU', 'Germany' ],
	FR => [ 'FRA', 'France' ], GB => [ 'GBR', 'United Kingdom' ], GR => [ 'GRC', 'Greece' ], IE => [ 'IRL', 'Ireland' ],
	IN => [ 'IND', 'India' ], IT => [ 'ITA', 'Italy' ], JP => [ 'JPN', 'Japan' ], PL => [ 'POL', 'Poland' ],
	PT => [ 'PRT', 'Portugal' ], RU => [ 'RUS', 'Russia' ], SA => [ 'SAU', 'Saudi Arabia' ], TR => [ 'TUR', 'Turkey' ],
	UA => [ 'UKR', 'Ukraine' ], US => [ 'USA', 'United States' ], VN => [ 'VNM', 'Vietnam' ]);

# What is not in the list stays as it is
sub country_code3
{
	my ($code) = @_;
	return defined $code && $COUNTRY{$code} ? $COUNTRY{$code}[0] : $code;
}

sub country_name
{
	my ($code) = @_;
	return defined $code && $COUNTRY{$code} ? $COUNTRY{$code}[1] : $code;
}

# words: what the system says to Merge's FULL_TIME, PART_TIME, ...; others with a capital
sub contract_word
{
	my ($type, %words) = @_;
	return undef unless defined $type;
	return $words{$type} // join ' ', map { ucfirst lc } split /_/, $type;
}

# words: for MALE and FEMALE, other for the rest
sub gender_word
{
	my ($gender, %words) = @_;
	return undef if !defined $gender || $gender eq 'PREFER_NOT_TO_DISCLOSE';
	return $words{$gender} // $words{other};
}

# The number that the systems give somebody themselves
sub number_of
{
	my ($person) = @_;
	return $person->{f}{remote_id} + 0;
}

# The facts of a person, kept until something changes
sub facts_of
{
	my ($system, $person) = @_;
	return $system->kept("facts $person->{id}", sub { facts($system->{store}, $person) });
}

# The employment on a day; by Merge's rule the last of the latest date
sub job_at
{
	my ($facts, $day) = @_;
	my ($best, $best_day);

	foreach my $job (@{ $facts->{employments} })
	{
		my $from = substr($job->{f}{effective_date} // '0000-00-00', 0, 10);
		next if $from gt $day;
		($best, $best_day) = ($job, $from) if !$best || $from ge $best_day;
	}
	return $best;
}

# The last change of a person, the home and the employments
sub last_change
{
	my ($store, $person) = @_;
	my @objects = map { $store->get($_) // () } $person->{f}{home_location}, @{ $person->{f}{employments} // [] };
	my ($last) = sort { $b <=> $a } map { $_->{modified} } $person, @objects;
	return $last;
}

# A moment with milliseconds
sub moment_ms
{
	my ($micros) = @_;
	return strftime('%Y-%m-%dT%H:%M:%S', gmtime(int($micros / 1_000_000)))
	  . sprintf('.%03dZ', int($micros % 1_000_000 / 1000));
}

# What compares as it should: moments as microseconds, anything else as it is
sub sortable
{
	my ($text) = @_;
	return $text =~ /^\d{4}-\d\d-\d\dT/ ? sprintf('%020d', StakesyncSim::Store::parse_moment($text) // 0) : $text;
}

# The day so many days later
sub next_day
{
	my ($day, $days) = @_;
	return substr StakesyncSim::Store::day_text(StakesyncSim::Store::parse_day($day) + ($days // 1)), 0, 10;
}

1;
