# BambooHR's API below /api/v1, /api/v1_2 and /api/v2, as its documents describe it
package StakesyncSim::BambooHR;

use strict;
use warnings;
use utf8;
use parent 'StakesyncSim::Rest';
use POSIX qw(strftime);
use StakesyncSim::Answer qw(json_answer list_answer set_header text_answer);
use StakesyncSim::BambooDataset qw(dataset datasets list_dataset_fields);
use StakesyncSim::BambooFields qw(all_fields field_named field_value tables table_rows);
use StakesyncSim::Json qw(bool from_json);
use StakesyncSim::Rest qw(basic_login bearer_token encode_value json_bytes page_answer read_place
  whole_number write_place);
use StakesyncSim::Store;
use StakesyncSim::Words qw(facts_of last_change number_of);

my $MOST_FIELDS = 400;
my $KEEP_BODIES = 50;

# What there is: method, path, name of the code
my @ROUTE = (
	[ GET => qr{^/api/v1/company_information$}, 'company' ],
	[ GET => qr{^/api/v1/employees$}, 'list_employees' ],
	[ GET => qr{^/api/v1/employees/directory$}, 'directory' ],
	[ GET => qr{^/api/v1/employees/changed$}, 'changed' ],
	[ GET => qr{^/api/v1/employees/(all|\d+)/tables/(\w+)$}, 'table' ],
	[ GET => qr{^/api/v1/employees/(\d+)$}, 'one' ],
	[ GET => qr{^/api/v1/meta/fields$}, 'meta_fields' ],
	[ GET => qr{^/api/v1/meta/lists$}, 'meta_lists' ],
	[ GET => qr{^/api/v1/meta/tables$}, 'meta_tables' ],
	[ POST => qr{^/api/v1/reports/custom$}, 'report' ],
	[ GET => qr{^/api/v1_2/datasets$}, 'datasets' ],
	[ GET => qr{^/api/v1_2/datasets/([^/]+)/fields$}, 'list_dataset_fields' ],
	[ POST => qr{^/api/v2/datasets/([^/]+)/data$}, 'dataset' ]);

# The further fields of the list of employees, and what they are called elsewhere
my %LISTED = (
	(map { $_ => $_ } qw(workEmail homeEmail bestEmail middleName workPhone workPhoneExtension mobilePhone homePhone hireDate)),
	birthDate => 'dateOfBirth', divisionName => 'division', departmentName => 'department', locationName => 'location',
	employmentStatusName => 'employmentHistoryStatus', reportsToName => 'supervisor', reportsToId => 'supervisorEId');

my @DIRECTORY = qw(displayName firstName lastName preferredName jobTitle workPhone workPhoneExtension mobilePhone
  workEmail department location division linkedIn pronouns supervisor photoUploaded photoUrl canUploadPhoto);

# datasets: new accounts have them; directory: it is shared; supervisor_ids: internal or swapped (who tells what);
# pay: with_currency or plain, in reports; too_large: more cells than that are a 413; unknown, restricted: what the dataset
# does with such fields (refuse or drop, listed or refuse); changed_filter: lastChanged takes ge;
# per_minute, window, throttle, retry_after: the limit, seconds of that minute, its status, seconds or date
sub switches
{
	return (
		datasets => 1, directory => 1, supervisor_ids => 'internal', empty_date => '0000-00-00', pay => 'with_currency',
		unknown => 'refuse', restricted => 'listed', changed_filter => 0, too_large => 0, per_minute => 0, window => 60,
		throttle => 503, retry_after => 'seconds');
}

sub credentials { return (api_key => 'bamboohr-test-key') }

sub id_of { return '' . number_of($_[1]) }

# The last bodies of datasets and reports
sub figures { return { bodies => $_[0]{bodies} // [] } }

sub keep_body
{
	my ($self, $body) = @_;
	my $bodies = $self->{bodies} //= [];

	push @$bodies, $body;
	shift @$bodies if @$bodies > $KEEP_BODIES;
	return;
}

sub handles
{
	my ($self, $path) = @_;
	return $path =~ m{^/api/(?:v1|v1_2|v2)/|^/api/gateway\.php/[^/]+/v1/|^/(?:authorize|token)\.php$};
}

sub answer
{
	my ($self, $request) = @_;
	my $path = $request->{path} =~ s{^/api/gateway\.php/[^/]+/}{/api/}r;
	my ($route) = grep { $path =~ $_->[1] } @ROUTE;
	my $refusal = $path =~ /\.php$/ ? undef : $self->throttled($request) // $self->refuse($request, $path);
	my ($call, @parts);

	return $self->login_page($request) if $path =~ /\.php$/;
	return $refusal if $refusal;
	return refused(404, 'Not Found') unless $route;
	return refused(405, 'Method Not Allowed') if $request->{method} ne $route->[0];
	return refused(404, 'Not Found') if $path =~ m{/datasets\b} && !$self->{switch}{datasets};
	$call = $route->[2];
	@parts = $path =~ $route->[1];
	return $self->as_accepted($request, $path, $self->$call($request, @parts));
}

# The website's login and its tokens; a refresh token comes only with the scope offline_access
sub login_page
{
	my ($self, $request) = @_;
	my $name = $request->{path} eq '/token.php' ? 'token' : 'authorize';
	my $answer;

	return json_answer(400, { error => 'invalid_request' }) if ($request->{query}{request} // '') ne $name;
	$answer = $self->{oauth}->answer({ %$request, path => "/oauth/$name" });
	if ($answer->{status} == 200 && $name eq 'token')
	{
		my $tokens = from_json($answer->{body});
		delete $tokens->{refresh_token} if $tokens->{scope} !~ /\boffline_access\b/;
		$answer = json_answer(200, $tokens);
	}
	return $answer;
}

# XML unless JSON is asked for; datasets and reports have rules of their own
sub as_accepted
{
	my ($self, $request, $path, $answer) = @_;
	my $accept = $request->{headers}{accept} // '';

	return $answer if $answer->{status} != 200 || $accept =~ m{application/json} || $path =~ m{/datasets\b|/reports/};
	return $answer if $path =~ m{/meta/lists$} && lc($request->{query}{format} // '') eq 'json';
	return text_answer(200, 'text/xml; charset=utf-8', qq(<?xml version="1.0"?>\n<answer/>\n));
}

# 503 or 429 beyond the limit, where there is one
sub throttled
{
	my ($self, $request) = @_;
	my $switch = $self->{switch};
	my $limit = $self->count_limit($request, 'requests', $switch->{per_minute}, $switch->{window});
	my $answer;

	return undef unless $limit->{over};
	$answer = refused($switch->{throttle}, 'Limit Exceeded');
	set_header($answer, 'Retry-After', $switch->{retry_after} eq 'date'
		? strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $limit->{wait})) : $limit->{wait});
	return $answer;
}

# The key is the user of a Basic login; the list of employees takes none
sub refuse
{
	my ($self, $request, $path) = @_;
	my ($user) = basic_login($request);
	my $token = bearer_token($request);
	my $given = $self->{oauth} ? $self->{oauth}->token($token) : undef;
	my $answer;

	return undef if $given && !$given->{dead};
	return undef if defined $user && $user eq $self->{credentials}{api_key} && $path ne '/api/v1/employees';
	$answer = refused(401, 'API key not provided or invalid');
	set_header($answer, 'WWW-Authenticate', 'Basic realm="BambooHR"');
	return $answer;
}

# An error without a body
sub refused
{
	my ($status, $message) = @_;
	my $answer = text_answer($status, 'text/html; charset=UTF-8', '');

	set_header($answer, 'X-BambooHR-Error-Message', $message);
	return $answer;
}

sub company
{
	return json_answer(200, {
		legalName => 'Lindwurm AG', displayName => 'Lindwurm', phone => '+41 44 000 00 00',
		address => { line1 => 'Bahnhofstrasse 1', line2 => undef, city => 'Zürich', state => undef, zip => '8001' } });
}

# One value as a text, or null; a Boolean stays one
sub value_of
{
	my ($self, $person, $field, $is_current) = @_;
	my $value = field_value($self, facts_of($self, $person), $field, $is_current);

	return undef if $self->{scope}{null}{ $field->{name} };
	$value = $self->{switch}{empty_date} if !defined $value && $field->{type} eq 'date';
	return ref $value || !defined $value ? $value : "$value";
}

# The fields wanted that there are and may be read; others are left out without a word
sub known_fields
{
	my ($self, @names) = @_;
	my %seen;

	return grep { !$seen{ $_->{name} }++ && !$self->is_hidden($_->{name}, $_->{member} // ()) }
	  map { field_named($_) // () } @names;
}

# A person as an object keyed by what was asked for
sub record
{
	my ($self, $person, $is_current, @fields) = @_;
	return { map { $_->{name} => $self->value_of($person, $_, $is_current) } @fields };
}

sub is_current_only
{
	my ($request) = @_;
	return lc($request->{query}{onlyCurrent} // 'true') ne 'false';
}

# GET employees/{id}; 0 is the owner of the key
sub one
{
	my ($self, $request, $id) = @_;
	my @names = split /,/, $request->{query}{fields} // 'firstName,lastName';
	my ($person) = $id ? grep { number_of($_) == $id } @{ $self->people } : $self->people->[0];

	return refused(400, 'Too many fields requested') if @names > $MOST_FIELDS;
	return refused(404, 'Employee not found') unless $person;
	return json_answer(200, {
		%{ $self->record($person, is_current_only($request), $self->known_fields(@names)) }, id => $self->id_of($person) });
}

# Active people only, those to come where asked for
sub directory
{
	my ($self, $request) = @_;
	my $is_current = is_current_only($request);
	my @fields = $self->known_fields(@DIRECTORY);
	my @people = grep {
		my $status = facts_of($self, $_)->{status};
		$status ne 'INACTIVE' && ($status ne 'PENDING' || !$is_current)
	} @{ $self->people };
	my $head = { fields => [ map { +{ id => $_->{name}, type => $_->{type}, name => $_->{label} } } @fields ] };

	return refused(403, 'The company directory is not shared') unless $self->{switch}{directory};
	return refused(404, 'The directory is empty') unless @people;
	return list_answer('{"fields":' . json_bytes($head->{fields}) . ',"employees":[', [ map { json_bytes({
		%{ $self->record($_, $is_current, @fields) }, id => $self->id_of($_), canUploadPhoto => 0 }) } @people ], ']}');
}

# A map keyed by id; those who were taken away count as deleted
sub changed
{
	my ($self, $request) = @_;
	my $type = lc($request->{query}{type} // 'all');
	my $since = StakesyncSim::Store::parse_moment($request->{query}{since} // '');
	my ($latest, %employees) = (0);

	return refused(400, 'The since parameter is missing or invalid') unless defined $since;
	return refused(400, 'The type parameter is invalid') if $type !~ /^(?:all|inserted|updated|deleted)$/;
	foreach my $person (grep { !$_->{gone} } @{ $self->{store}->list('employee') })
	{
		my $at = last_change($self->{store}, $person);
		my $action = $person->{deleted} ? 'Deleted' : $person->{created} >= $since ? 'Inserted' : 'Updated';
		next if $at < $since || $type ne 'all' && $type ne lc $action;
		$latest = $at if $at > $latest;
		$employees{ number_of($person) } = { id => $self->id_of($person), action => $action, lastChanged => changed_text($at) };
	}
	return json_answer(200, { latest => changed_text($latest || $since), employees => \%employees });
}

# BambooHR writes whole seconds
sub changed_text
{
	my ($micros) = @_;
	return strftime('%Y-%m-%dT%H:%M:%S+00:00', gmtime(int($micros / 1_000_000)));
}

sub table
{
	my ($self, $request, $id, $name) = @_;
	my @people = grep { $id eq 'all' || number_of($_) == $id } @{ $self->people };

	return refused(404, 'Employee or table not found') if !@people || !tables()->{$name};
	return list_answer('[', [ map { json_bytes($_) } map { table_rows($self, facts_of($self, $_), $name) } @people ], ']');
}

sub meta_fields
{
	my ($self) = @_;

	return list_answer('[', [ map { json_bytes({
		id => $_->{id}, name => $_->{label}, type => $_->{type},
		defined $_->{alias} ? (alias => $_->{alias}) : (), $_->{deprecated} ? (deprecated => bool(1)) : () }) }
	  grep { !$self->is_hidden($_->{name}) } all_fields() ], ']');
}

sub meta_lists
{
	my ($self) = @_;
	my @lists;

	foreach my $field (grep { $_->{type} eq 'list' } all_fields())
	{
		my %names = map { $_ => 1 } map { $self->value_of($_, $field, 0) // () } @{ $self->people };
		my $number = 0;
		push @lists, { fieldId => $field->{id}, manageable => 'yes', multiple => 'no', name => $field->{label},
			alias => $field->{alias}, options => [ map { +{
				id => ++$number, archived => 'no', createdDate => undef, archivedDate => undef, name => $_ } } sort keys %names ] };
	}
	return json_answer(200, \@lists);
}

sub meta_tables
{
	my $tables = tables();
	my $number = 4000;

	return json_answer(200, [ map { +{ alias => $_, fields => [ map { +{
		id => ++$number, name => $_, alias => $_, type => 'text' } } @{ $tables->{$_} } ] } } sort keys %$tables ]);
}

# All people in one answer; JSON only where Content-Type is exactly that
sub report
{
	my ($self, $request) = @_;
	my $format = lc($request->{query}{format} // '');
	my $accept = $request->{headers}{accept} // '';
	my $body = ($request->{headers}{'content-type'} // '') eq 'application/json' ? eval { from_json($request->{body}) } : undef;
	my ($wanted, @fields);

	return refused(404, 'Report format not found') if $format eq '' ? $accept ne 'application/json' : $format ne 'json';
	return refused(400, 'Malformed XML') if ($request->{headers}{'content-type'} // '') ne 'application/json';
	return refused(400, 'Malformed JSON') if ref $body ne 'HASH' || ref $body->{fields} ne 'ARRAY';
	$self->keep_body($body);
	return refused(400, 'Too many fields requested') if @{ $body->{fields} } > $MOST_FIELDS;
	$wanted = $self->report_filter($body->{filters} // {}) or return refused(400, 'Invalid filter');
	@fields = $self->known_fields(@{ $body->{fields} });
	return $self->report_answer($request, $body->{title} // 'Report', \@fields, $wanted);
}

# filters: lastChanged {value, includeNull} and employeeIds; returns code, undef where they are none
sub report_filter
{
	my ($self, $filters) = @_;
	my $changed = ref $filters eq 'HASH' ? $filters->{lastChanged} : return undef;
	my $ids = $filters->{employeeIds};
	my $since = defined $changed ? StakesyncSim::Store::parse_moment($changed->{value} // '') : 0;
	my %id = map { $_ => 1 } @{ $ids // [] };

	return undef unless defined $since;
	return sub {
		my ($person) = @_;
		return last_change($self->{store}, $person) >= $since && (!$ids || $id{ number_of($person) });
	};
}

sub report_answer
{
	my ($self, $request, $title, $fields, $wanted) = @_;
	my $is_current = is_current_only($request);
	my $head = { title => $title, fields => [ map { +{
		id => $_->{name}, type => $_->{type}, name => $_->{label} } } @$fields ] };

	return list_answer('{"title":' . json_bytes($title) . ',"fields":' . json_bytes($head->{fields}) . ',"employees":[',
		[ map { $self->report_record($_, $is_current, @$fields) } grep { $wanted->($_) } @{ $self->people } ], ']}');
}

# Where this answers, as the client called it
sub base
{
	my ($self, $request) = @_;
	return ($self->{scheme} // 'http') . '://' . ($request->{headers}{host} // '127.0.0.1');
}

# The id comes with every record
sub report_record
{
	my ($self, $person, $is_current, @fields) = @_;
	my $names = join ',', $is_current ? 1 : 0, map { $_->{name} } @fields;

	return $self->kept("report $names $person->{id}", sub {
		return json_bytes({ %{ $self->record($person, $is_current, @fields) }, id => $self->id_of($person) });
	});
}

# The list with cursors, for OAuth
sub list_employees
{
	my ($self, $request) = @_;
	my $query = $request->{query};
	my $size = whole_number($query->{'page[limit]'}, 250, 1, 2500);
	my $after = $query->{'page[after]'};
	my $place = defined $after ? read_place($after) : { from => 0 };
	my $status = $query->{'filter[status]'} // '';
	my %id = map { $_ => 1 } split /,/, $query->{'filter[ids]'} // '';
	my @rows;

	return list_error('BadRequest', 'page[limit] is a number from 1 to 2500') unless $size;
	return list_error('BadPage', 'page[after] is no cursor') unless $place;
	return list_error('BadRequest', 'filter[status] is active or inactive') if $status !~ /^(?:active|inactive)?$/;
	@rows = grep {
		my $is_active = lc $self->value_of($_, field_named('status'), 0) eq 'active';
		(!%id || $id{ number_of($_) }) && ($status eq '' || $is_active == ($status eq 'active'))
	} @{ $self->people };
	return page_answer($request, rows => \@rows, from => $place->{from}, size => $size,
		encode => sub { $self->listed($_[0], grep { $LISTED{$_} } split /,/, $query->{fields} // '') },
		frame => sub { $self->list_frame($request, $size, scalar @rows, @_) });
}

sub list_error
{
	my ($code, $message) = @_;
	return json_answer(400, { error => { code => $code, message => $message } });
}

# A fixed set and what was asked for; what may not be read is null and named
sub listed
{
	my ($self, $person, @more) = @_;
	my %name = (%LISTED, map { $_ => $_ } qw(firstName lastName preferredName photoUrl status));
	my @members = (qw(firstName lastName preferredName photoUrl jobTitleName status), @more);
	my @hidden = grep { $self->is_hidden($_, $name{$_} // ()) } @members;
	my %record = map { $_ => $self->value_of($person, field_named($name{$_} // 'jobTitle'), 1) } @members;

	$record{$_} = undef for @hidden;
	return json_bytes({ %record, employeeId => $self->id_of($person), _restrictedFields => \@hidden });
}

sub list_frame
{
	my ($self, $request, $size, $total, $next) = @_;
	my $cursor = defined $next ? write_place(from => $next) : undef;
	my $url = $self->base($request) . "$request->{path}?page%5Blimit%5D=$size";
	my $links = { self => { href => $self->base($request) . $request->{target} },
		defined $cursor ? (next => { href => "$url&page%5Bafter%5D=" . encode_value($cursor) }) : () };
	my $meta = { total => $total, page => { limit => $size, nextCursor => $cursor, prevCursor => undef } };

	return ('{"data":[', '],"meta":' . json_bytes($meta) . ',"_links":' . json_bytes($links) . '}');
}

1;
