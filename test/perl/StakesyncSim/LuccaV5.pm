# Lucca's newer API below /lucca-api, and the place that gives tokens for it
package StakesyncSim::LuccaV5;

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Exporter 'import';
use StakesyncSim::Answer qw(json_answer set_header);
use StakesyncSim::LuccaRows qw(rows_of_resource);
use StakesyncSim::Rest qw(bearer_token encode_value form_body json_bytes page_answer problem_answer row_numbers
  whole_number);

our @EXPORT_OK = qw(v5_answer);

my $VERSION = '2024-11-01';
my %INCLUDE = map { $_ => 1 } qw(links totalCount embedded);
my @COMMON = qw(limit page include);

# Resources by path: scope where it is not named as the path, filters (parameter => place in a row), what is embedded
my %RESOURCE = (
	'employees' => {
		filter => { id => 'id', email => 'email', status => 'status' },
		embed => { employment => [ employments => 'applicableEmployment' ], 'job-position' => [ 'job-positions' => 'applicableJobPosition' ] } },
	'employments' => {
		filter => { id => 'id', 'employee.id' => 'employee.id', 'legalEntity.id' => 'legalEntity.id', status => 'status' },
		embed => { employee => [ employees => 'employee' ] } },
	'job-positions' => {
		filter => {
			id => 'id', 'employment.id' => 'employment.id', 'employee.id' => 'employee.id',
			'employment.employee.id' => 'employee.id', 'department.id' => 'department.id', status => 'status' },
		embed => {
			department => [ departments => 'department' ], employment => [ employments => 'employment' ],
			employee => [ employees => 'employee' ] } },
	'departments' => { filter => { id => 'id' } },
	'legal-entities' => { filter => { id => 'id' } },
	'business-establishments' => {
		filter => { id => 'id' } },
	'employment-templates' => { filter => {} },
	'employee-personal-records' => {
		filter => { id => 'id', 'employee.id' => 'employee.id' },
		embed => { employee => [ employees => 'employee' ] } },
	'employee-attributes' => {
		filter => { 'definition.id' => 'definition.id', 'employee.id' => 'employee.id', 'applicability.asOf' => \&is_applicable },
		embed => { 'employee-attribute-definition' => [ 'employee-attribute-definitions' => 'definition' ] } },
	'employee-attribute-definitions' => {
		scope => 'employee-attributes', filter => { id => 'id' } });

sub v5_answer
{
	my ($system, $request) = @_;
	my (undef, undef, $name, $id, $more) = split m{/}, $request->{path}, 5;
	my $resource = $RESOURCE{ $name // '' };
	my $answer;

	return token_answer($system, $request) if $request->{path} eq '/connect/token';
	$answer = refusal($system, $request, $resource ? $resource->{scope} // $name : undef)
	  // ($resource && !defined $more ? undef : problem($system, $request, 404, 'Not Found'))
	  // ($request->{method} eq 'GET' ? undef : problem($system, $request, 405, 'Method Not Allowed'))
	  // (defined $id ? one($system, $request, $name, $id) : list($system, $request, $name));
	set_header($answer, 'Api-Version', $VERSION);
	return $answer;
}

# Client credentials as a form, with a scope; anything else is an error of OAuth
sub token_answer
{
	my ($system, $request) = @_;
	my $form = form_body($request);
	my %known = map { ("$_.readonly" => 1) } map { $RESOURCE{$_}{scope} // $_ } keys %RESOURCE;
	my ($id, $secret) = @{ $system->{credentials} }{qw(client_id client_secret)};
	my @scopes;

	return oauth_error('invalid_request') if !$form || $request->{method} ne 'POST';
	return oauth_error('unsupported_grant_type') if ($form->{grant_type} // '') ne 'client_credentials';
	return oauth_error('invalid_client') if ($form->{client_id} // '') ne $id || ($form->{client_secret} // '') ne $secret;
	@scopes = sort split ' ', $form->{scope} // '';
	return oauth_error('invalid_scope') if !@scopes || grep { !$known{$_} } @scopes;
	return json_answer(200, {
		access_token => $system->give_token("$id @scopes", $system->{switch}{token_seconds}, scopes => \@scopes),
		expires_in => $system->{switch}{token_seconds}, token_type => 'Bearer', scope => "@scopes" });
}

sub oauth_error { return json_answer(400, { error => $_[0] }) }

sub problem
{
	my ($system, $request, $status, $title, %more) = @_;
	return problem_answer($status, {
		type => 'https://developers.lucca.fr/problems', title => $title, status => $status,
		instance => $system->link_to($request->{path}), %more });
}

sub invalid
{
	my ($system, $request, $name, $message) = @_;
	return problem($system, $request, 400, 'One or more validation errors occurred.', errors => { $name => [$message] });
}

# The limit of the tenant, the token, the version, the scope
sub refusal
{
	my ($system, $request, $scope) = @_;
	my $limit = $system->count_limit($request, 'v5', $system->{switch}{per_minute}, $system->{switch}{window});
	my $token = $system->token(bearer_token($request));
	my $answer;

	if ($limit->{over})
	{
		$answer = problem($system, $request, 429, 'Too Many Requests');
		set_header($answer, 'Retry-After', $limit->{wait});
		return $answer;
	}
	return problem($system, $request, 401, 'Unauthorized') if !$token || $token->{dead};
	return invalid($system, $request, 'Api-Version', "The header is wanted: $VERSION.")
	  if ($request->{headers}{'api-version'} // '') ne $VERSION;
	return undef if !defined $scope || grep { $_ eq "$scope.readonly" } @{ $token->{scopes} };
	return problem($system, $request, 403, 'Forbidden', detail => "The scope $scope.readonly is missing.");
}

# All rows of a resource, kept until something changes
sub rows_of
{
	my ($system, $name) = @_;
	return $system->kept("v5 $name $system->{base}", sub { [ rows_of_resource($system, $name) ] });
}

sub one
{
	my ($system, $request, $name, $id) = @_;
	my ($row) = grep { $_->{id} eq $id } @{ rows_of($system, $name) };
	my %include = map { $_ => 1 } split /,/, $request->{query}{include} // '';

	return $row ? json_answer(200, shown($system, $row, \%include)) : problem($system, $request, 404, 'Not Found');
}

# Links only where included; what the account may not read is absent
sub shown
{
	my ($system, $row, $include) = @_;
	my %row = %$row;

	delete $row{links} unless $include->{links};
	delete @row{ grep { $system->is_hidden($_) } keys %row };
	$row{$_} = undef for grep { $system->{scope}{null}{$_} } keys %row;
	return \%row;
}

sub list
{
	my ($system, $request, $name) = @_;
	my $query = $request->{query};
	my $size = whole_number($query->{limit}, 25, 1, $system->{switch}{most_rows});
	my %include = map { $_ => 1 } split /,/, $query->{include} // '';
	my $most = $system->{switch}{max_cost};
	my ($rows, $wrong, $from);

	return invalid($system, $request, 'limit', "A number from 1 to $system->{switch}{most_rows} is expected.") unless $size;
	return invalid($system, $request, 'include', 'Unknown value.') if grep { !$INCLUDE{$_} } keys %include;
	($rows, $wrong) = wanted_rows($system, $request, $name);
	return invalid($system, $request, @$wrong) if $wrong;
	$from = read_page($query);
	return invalid($system, $request, 'page', 'The page is unknown.') unless defined $from;
	return problem($system, $request, 408, 'Request Timeout') if $most && $size * (1 + keys %include) > $most;
	return page_answer($request, rows => $rows, from => $from, size => $size,
		encode => sub { json_bytes(shown($system, $_[0], \%include)) },
		frame => sub { frame($system, $request, $name, $rows, $from, $size, \%include, @_) });
}

# Rows by filters and order; employees are the active ones unless a status is told
sub wanted_rows
{
	my ($system, $request, $name) = @_;
	my %query = %{ $request->{query} };
	my $filter = $RESOURCE{$name}{filter};
	my $sort = delete $query{sort} // 'id';

	delete @query{@COMMON};
	$query{status} //= $system->{switch}{default_status} if $name eq 'employees' && $system->{switch}{default_status} ne '';
	foreach my $parameter (sort keys %query)
	{
		return (undef, [ $parameter, 'Unknown parameter.' ]) unless $filter->{$parameter};
		return (undef, [ $parameter, 'Unknown status.' ])
		  if $parameter eq 'status' && grep { !/^(?:active|upcoming|deactivated)$/ } split /,/, $query{$parameter};
	}
	return (undef, [ 'sort', 'Unknown order.' ]) if $sort !~ /^-?(?:id|familyName|createdAt|start\.date|startsOn)$/;
	return ($system->kept("v5 $name $system->{base} $sort " . json_bytes(\%query), sub { found_rows($system, $name, $sort, \%query) }), undef);
}

sub found_rows
{
	my ($system, $name, $sort, $query) = @_;
	my @rows = @{ rows_of($system, $name) };

	foreach my $parameter (keys %$query)
	{
		my $place = $RESOURCE{$name}{filter}{$parameter};
		my %value = map { $_ => 1 } split /,/, $query->{$parameter};
		@rows = grep { ref $place ? $place->($_, $query->{$parameter}) : $value{ value_at($_, $place) // 'null' } } @rows;
	}
	return sorted($sort, @rows);
}

sub sorted
{
	my ($sort, @rows) = @_;
	my ($minus, $name) = $sort =~ /^(-?)(.*)/;
	my @sorted = map { $_->[1] } sort {
		$name eq 'id' && "$a->[0]$b->[0]" =~ /^\d+$/ ? $a->[0] <=> $b->[0] : $a->[0] cmp $b->[0]
	} map { [ value_at($_, $name) // '', $_ ] } @rows;
	return $minus ? [ reverse @sorted ] : \@sorted;
}

sub value_at
{
	my ($row, $place) = @_;
	$row = ref $row eq 'HASH' ? $row->{$_} : undef for split /\./, $place;
	return $row;
}

# A page is opaque and belongs to the other parameters of its list
sub write_page
{
	my ($query, $from) = @_;
	return sprintf '!%xz%s', $from, query_mark($query);
}

sub read_page
{
	my ($query) = @_;
	return 0 unless defined $query->{page};
	return $query->{page} =~ /^!([0-9a-f]+)z(\w+)$/ && $2 eq query_mark($query) ? hex $1 : undef;
}

sub query_mark
{
	my ($query) = @_;
	return substr md5_hex(join '&', map { "$_=$query->{$_}" } grep { $_ ne 'page' } sort keys %$query), 0, 4;
}

# What stands before and after the items; links, totalCount and embedded are null unless included
sub frame
{
	my ($system, $request, $name, $rows, $from, $size, $include, $next) = @_;
	my @shown = @$rows[ row_numbers(scalar @$rows, $from, $size) ];
	my $links = $include->{links} ? {
		prev => $from ? page_link($system, $request, $from > $size ? $from - $size : 0) : undef,
		next => defined $next ? page_link($system, $request, $next) : undef } : undef;
	my $head = '{"type":' . json_bytes($name) . ',"url":' . json_bytes($system->link_to($request->{target}))
	  . ',"totalCount":' . ($include->{totalCount} ? scalar @$rows : 'null') . ',"items":[';

	return ($head, '],"embedded":' . json_bytes($include->{embedded} ? embedded($system, $name, @shown) : undef)
		  . ',"links":' . json_bytes($links) . '}');
}

sub page_link
{
	my ($system, $request, $from) = @_;
	my %query = %{ $request->{query} };
	my $target;

	$query{page} = write_page(\%query, $from);
	$target = "$request->{path}?" . join '&', map { "$_=" . encode_value($query{$_}) } sort keys %query;
	return { href => $system->{switch}{relative_next} ? $target : $system->link_to($target) };
}

# What the items of the page refer to, by type and id
sub embedded
{
	my ($system, $name, @shown) = @_;
	my $embed = $RESOURCE{$name}{embed} // {};
	my %embedded;

	foreach my $type (keys %$embed)
	{
		my ($other, $member) = @{ $embed->{$type} };
		my $by_id = $system->kept("v5 by id $other $system->{base}", sub { return { map { $_->{id} => $_ } @{ rows_of($system, $other) } } });
		$embedded{$type} = { map { $_ => $by_id->{$_} } grep { $by_id->{$_} } map { $_->{$member} ? $_->{$member}{id} : () } @shown };
	}
	return \%embedded;
}

# Does an attribute apply on a day?
sub is_applicable
{
	my ($row, $day) = @_;
	my $when = $row->{applicability} or return 1;
	return $when->{start} le $day && (!defined $when->{end} || $when->{end} ge $day);
}

1;
