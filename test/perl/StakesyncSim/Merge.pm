# Merge's HRIS API below /hris/v1, as its document describes it
package StakesyncSim::Merge;

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use MIME::Base64 qw(decode_base64 encode_base64);
use StakesyncSim::Answer qw(json_answer list_answer);
use StakesyncSim::Json qw(bool from_json quote to_json);
use StakesyncSim::Store;

my $ROOT = '/hris/v1/';
my @STAMPS = qw(id remote_id created_at modified_at);
my @TAIL = qw(remote_was_deleted field_mappings remote_data);

# Members in the order of the document; relation: member => the kind it names
my %MODEL = (
	employee => {
		path => 'employees',
		members => [
			@STAMPS, qw(employee_number company first_name last_name preferred_name display_full_name
			  username groups work_email personal_email mobile_phone_number employments home_location
			  work_location manager team pay_group ssn gender ethnicity marital_status date_of_birth
			  hire_date start_date remote_created_at employment_status termination_date avatar
			  custom_fields employee_url), @TAIL ],
		relation => {
			company => 1, employments => 1, groups => 1, home_location => 1, manager => 1,
			pay_group => 1, team => 1, work_location => 1 },
		filters => {
			(map { $_ => $_ } qw(employee_number first_name last_name display_full_name work_email
			  personal_email employment_status)),
			(map { ("${_}_id" => $_) } qw(company manager team pay_group work_location home_location)),
			groups => \&in_groups, job_title => \&has_job_title, employment_type => \&has_employment_type,
			started_after => after('start_date'), started_before => before('start_date'),
			terminated_after => after('termination_date'), terminated_before => before('termination_date'),
		},
		options => [qw(include_sensitive_fields show_enum_origins remote_fields)],
	},
	employment => {
		path => 'employments',
		members => [
			@STAMPS, qw(employee job_title pay_rate pay_period pay_frequency pay_currency pay_group
			  flsa_status effective_date employment_type), @TAIL ],
		relation => { employee => 1, pay_group => 1 },
		filters => { employee_id => 'employee' },
		options => [qw(order_by show_enum_origins remote_fields)],
	},
	location => {
		path => 'locations',
		members => [ @STAMPS, qw(name phone_number street_1 street_2 city state zip_code country location_type), @TAIL ],
		relation => {},
		filters => { location_type => 'location_type' },
		options => [qw(show_enum_origins remote_fields)],
	},
	group => {
		path => 'groups',
		members => [ @STAMPS, qw(parent_group name type is_commonly_used_as_team group_url), @TAIL ],
		relation => { parent_group => 1 },
		filters => { names => \&in_names, types => \&in_types, is_commonly_used_as_team => \&is_team },
		options => [qw(show_enum_origins remote_fields)],
	},
	team => {
		path => 'teams',
		members => [ @STAMPS, qw(name parent_team), @TAIL ],
		relation => { parent_team => 1 },
		filters => { parent_team_id => 'parent_team' },
		options => [],
	},
	company => {
		path => 'companies', members => [ @STAMPS, qw(legal_name display_name eins), @TAIL ],
		relation => {}, filters => {}, options => [],
	},
	pay_group => {
		path => 'pay-groups', members => [ @STAMPS, 'pay_group_name', @TAIL ],
		relation => {}, filters => {}, options => [],
	});
my %KIND = map { $MODEL{$_}{path} => $_ } keys %MODEL;

my %ACCOUNT_METHOD = (
	account_details => 'GET', sync_status => 'GET', delete_account => 'POST', link_token => 'POST');

my @LIST_PARAMETERS = qw(cursor page_size expand remote_id created_after created_before
  modified_after modified_before include_deleted_data include_remote_data include_shell_data);
my @FLAG = qw(include_deleted_data include_remote_data include_shell_data include_sensitive_fields);
my @WHEN = qw(created_after created_before modified_after modified_before started_after started_before
  terminated_after terminated_before);

# source: the store, or what stands in for its employees when many are wanted
sub new
{
	my ($class, %options) = @_;
	my $self = bless { %options, linked => 1, public_tokens => {} }, $class;

	$self->{api_key} //= 'merge-test-key';
	$self->{account_token} //= 'merge-test-account';
	$self->{public_tokens}{'merge-test-public'} = 1;
	return $self;
}

sub handles
{
	my ($self, $path) = @_;
	return index($path, $ROOT) == 0;
}

# Answer a request: account calls by name, then the models
sub answer
{
	my ($self, $request) = @_;
	my ($name, $id, $more) = split m{/}, substr($request->{path}, length $ROOT), 3;
	my $refusal = $self->refuse($request, $name);
	my $call = ($name // '') =~ tr/-/_/r;

	return $refusal if $refusal;
	return not_found() if !defined $name || defined $more;
	return $self->account_token($id) if $name eq 'account-token' && defined $id;
	return json_answer(200, { types => [qw(TEAM DEPARTMENT COST_CENTER BUSINESS_UNIT GROUP)] })
	  if $name eq 'groups' && ($id // '') eq 'types';
	return $self->resync if "$name/" . ($id // '') eq 'sync-status/resync' && $request->{method} eq 'POST';
	return $self->account_call($call, $request) if !defined $id && $ACCOUNT_METHOD{$call};
	return not_found() unless $KIND{$name};
	return not_allowed($request) if $request->{method} ne 'GET';
	return defined $id ? $self->retrieve($KIND{$name}, $id, $request) : $self->list($KIND{$name}, $request);
}

# The key on every call, the account token on every call of a linked account
sub refuse
{
	my ($self, $request, $name) = @_;
	my $key = $request->{headers}{authorization};
	my $token = $request->{headers}{'x-account-token'};

	return unauthorized('Authentication credentials were not provided.') unless defined $key;
	return unauthorized('Invalid API key.') if $key ne "Bearer $self->{api_key}";
	return undef if ($name // '') =~ /^(?:link-token|account-token)$/;
	return unauthorized('Account Token must be passed in as an X-Account-Token header.') unless defined $token;
	return unauthorized('Invalid Account Token.') if $token ne $self->{account_token} || !$self->{linked};
	return undef;
}

sub unauthorized { return json_answer(401, { detail => $_[0] }) }

sub not_found { return json_answer(404, { detail => 'Not found.' }) }

sub bad_filters { return json_answer(400, { non_field_errors => ['Provided filters are invalid.'] }) }

sub not_allowed
{
	my ($request) = @_;
	return json_answer(405, { detail => qq(Method "$request->{method}" not allowed.) });
}

# The number of the page asked for, from 1; for faults that wait for one
sub page_of
{
	my ($self, $request) = @_;
	my $cursor = $request->{query}{cursor};
	my $place = defined $cursor ? read_cursor($cursor) : undef;
	return $place ? $place->{page} : 1;
}

# One page of a list
sub list
{
	my ($self, $kind, $request) = @_;
	my $query = $request->{query};
	my $wrong = $self->check_query($kind, $query, @LIST_PARAMETERS, keys %{ $MODEL{$kind}{filters} });
	my $place = { from => 0, page => 1 };

	return $wrong if $wrong;
	if (defined $query->{cursor})
	{
		$place = read_cursor($query->{cursor});
		return json_answer(404, { detail => 'Invalid cursor' })
		  if !$place || $place->{mark} ne query_mark($kind, $query);
	}
	return $self->page_answer($kind, $query, $place);
}

sub page_answer
{
	my ($self, $kind, $query, $place) = @_;
	my $size = page_size($query);
	my ($records, $next) = $self->records($kind, $query, $place->{from}, $size);
	my $answer = list_answer('', $records, ']}');

	# What faults use to make it point elsewhere
	$answer->{renext} = sub {
		my ($how, $pages) = @_;
		my $cursor = $self->next_cursor($kind, $query, $place, $next, $how, $pages // 0);
		my $previous = previous_cursor($kind, $query, $place, $size);
		$answer->{head} = '{"next":' . to_json($cursor) . ',"previous":' . to_json($previous) . ',"results":[';
	};
	$answer->{renext}->('own');
	return $answer;
}

# how: own, null, same or skip (so many pages)
sub next_cursor
{
	my ($self, $kind, $query, $place, $next, $how, $pages) = @_;

	return $query->{cursor} if $how eq 'same' && defined $query->{cursor};
	return undef if $how eq 'null' || !defined $next;
	($next) = ($self->records($kind, $query, $next, page_size($query) * $pages))[1] if $how eq 'skip';
	return undef unless defined $next;
	return write_cursor($next, $place->{page} + $pages + 1, query_mark($kind, $query));
}

sub previous_cursor
{
	my ($kind, $query, $place, $size) = @_;
	my $from = $place->{from} > $size ? $place->{from} - $size : 0;

	return undef if $place->{page} == 1;
	return write_cursor($from, $place->{page} - 1, query_mark($kind, $query));
}

# Default 30, at most 100; what is no number is not looked at
sub page_size
{
	my ($query) = @_;
	my $size = $query->{page_size} // 30;

	return 30 if $size !~ /^\d{1,9}$/ || $size < 1;
	return $size > 100 ? 100 : $size;
}

# A cursor is opaque and full of characters that a query must encode
sub write_cursor
{
	my ($from, $page, $mark) = @_;
	my $text = "\xfb\xef\xfffrom=$from;page=$page;mark=$mark";

	$text .= ' ' while length($text) % 3 != 1;
	return encode_base64($text, '');
}

sub read_cursor
{
	my ($cursor) = @_;
	return undef if $cursor !~ m{^[A-Za-z0-9+/]+=*$};
	return undef if decode_base64($cursor) !~ /^\xfb\xef\xfffrom=(\d+);page=(\d+);mark=(\w+) *$/;
	return { from => $1, page => $2, mark => $3 };
}

# All parameters but the cursor must stay the same from page to page
sub query_mark
{
	my ($kind, $query) = @_;
	my @others = grep { $_ ne 'cursor' } sort keys %$query;
	return substr(md5_hex(join '&', $kind, map { "$_=$query->{$_}" } @others), 0, 8);
}

# Refuse unknown parameters, unknown relations, times and flags that are none
sub check_query
{
	my ($self, $kind, $query, @known) = @_;
	my $model = $MODEL{$kind};
	my %known = map { $_ => 1 } @known, @{ $model->{options} };

	return bad_filters() if grep { !$known{$_} } keys %$query;
	return bad_filters() if grep { !$model->{relation}{$_} } keys %{ expansion($query) };
	return bad_filters() if grep { defined $query->{$_} && $query->{$_} !~ /^(?:true|false)$/i } @FLAG;
	foreach my $name (grep { defined $query->{$_} } @WHEN)
	{
		return json_answer(400, { $name => ['Enter a valid date/time.'] })
		  unless defined StakesyncSim::Store::parse_moment($query->{$name});
	}
	return undef;
}

sub expansion
{
	my ($query) = @_;
	return { map { $_ => 1 } split /,/, $query->{expand} // '', -1 };
}

sub is_on
{
	my ($query, $name) = @_;
	return lc($query->{$name} // '') eq 'true';
}

# The records of a page as bytes, and where the next one begins
sub records
{
	my ($self, $kind, $query, $from, $size) = @_;
	my $many = $self->{many};
	my (@records, $next);
	my $list;

	return $many->records($kind, $query, $from, $size) if $many && $many->has($kind);
	$list = $self->ordered($kind, $query);
	for my $i ($from .. $#$list)
	{
		next unless $self->is_wanted($kind, $query, $list->[$i]);
		if (@records == $size) { $next = $i; last }
		push @records, $self->encode($list->[$i], $query);
	}
	return (\@records, $next);
}

sub ordered
{
	my ($self, $kind, $query) = @_;
	my $list = $self->{store}->list($kind);
	my $order = $query->{order_by} // '';
	my @sorted;

	return $list if $order !~ /^-?effective_date$/;
	@sorted = sort {
		($a->{f}{effective_date} // '') cmp($b->{f}{effective_date} // '') || $a->{id} cmp $b->{id}
	} @$list;
	return $order =~ /^-/ ? [ reverse @sorted ] : \@sorted;
}

# Deleted objects and all filters
sub is_wanted
{
	my ($self, $kind, $query, $object) = @_;
	my $filters = $MODEL{$kind}{filters};

	return 0 if $object->{gone} || $object->{deleted} && !is_on($query, 'include_deleted_data');
	return 0 unless is_in_time($query, 'modified', $object) && is_in_time($query, 'created', $object);
	return 0 if defined $query->{remote_id} && ($object->{f}{remote_id} // '') ne $query->{remote_id};
	foreach my $name (grep { $filters->{$_} } keys %$query)
	{
		my $filter = $filters->{$name};
		my $holds = ref $filter ? $filter->($self, $object, $query->{$name})
		  : ($object->{f}{$filter} // '') eq $query->{$name};
		return 0 unless $holds;
	}
	return 1;
}

sub is_in_time
{
	my ($query, $stamp, $object) = @_;
	my ($after, $before) = map { StakesyncSim::Store::parse_moment($query->{"${stamp}_$_"} // '') } qw(after before);

	return 0 if defined $after && $object->{$stamp} < $after;
	return 0 if defined $before && $object->{$stamp} > $before;
	return 1;
}

# Filters that look further than one member
sub after
{
	my ($member) = @_;
	return sub { my ($self, $object, $value) = @_; ($object->{f}{$member} // '') ge $value };
}

sub before
{
	my ($member) = @_;
	return sub {
		my ($self, $object, $value) = @_;
		return defined $object->{f}{$member} && $object->{f}{$member} le $value;
	};
}

sub in_groups
{
	my ($self, $object, $value) = @_;
	my %wanted = map { $_ => 1 } split /,/, $value;
	return scalar grep { defined && $wanted{$_} } @{ $object->{f}{groups} };
}

sub in_names
{
	my ($self, $object, $value) = @_;
	return scalar grep { $_ eq ($object->{f}{name} // '') } split /,/, $value;
}

sub in_types
{
	my ($self, $object, $value) = @_;
	return scalar grep { $_ eq ($object->{f}{type} // '') } split /,/, $value;
}

sub is_team
{
	my ($self, $object, $value) = @_;
	return defined $object->{f}{is_commonly_used_as_team}
	  && ($object->{f}{is_commonly_used_as_team} ? 'true' : 'false') eq lc $value;
}

sub has_job_title
{
	my ($self, $object, $value) = @_;
	return $self->has_employment($object, job_title => $value);
}

sub has_employment_type
{
	my ($self, $object, $value) = @_;
	return $self->has_employment($object, employment_type => $value);
}

sub has_employment
{
	my ($self, $object, $member, $value) = @_;
	return scalar grep { ($_->{f}{$member} // '') eq $value }
	  map { $self->{store}->get($_) // () } @{ $object->{f}{employments} };
}

sub retrieve
{
	my ($self, $kind, $id, $request) = @_;
	my $query = $request->{query};
	my $object = $self->{store}->get($id);
	my $many = $self->{many};
	my $wrong = $self->check_query($kind, $query, qw(expand include_remote_data include_shell_data));

	return $wrong if $wrong;
	if ($many && $many->has($kind))
	{
		my $record = $many->record($kind, $id, $query);
		return defined $record ? list_answer('', [$record], '') : not_found();
	}
	return not_found() if !$object || $object->{kind} ne $kind;
	return list_answer('', [ $self->encode($object, $query) ], '');
}

# One object as bytes; kept until something changes
sub encode
{
	my ($self, $object, $query) = @_;
	my @shape = map { is_on($query, $_) ? 1 : 0 } qw(include_sensitive_fields include_remote_data);
	my $key = join ' ', @shape, $query->{expand} // '';

	if (($self->{cache_version} // -1) != $self->{store}{version})
	{
		$self->{cache} = {};
		$self->{cache_version} = $self->{store}{version};
	}
	return $self->{cache}{$key}{ $object->{id} } //= $self->encode_anew($object, $query);
}

sub encode_anew
{
	my ($self, $object, $query) = @_;
	my $model = $MODEL{ $object->{kind} };
	my $expand = expansion($query);
	my $scope = $object->{kind} eq 'employee' ? $self->{store}{scope} // {} : {};
	my @members;

	foreach my $name (@{ $model->{members} })
	{
		next if $scope->{omit}{$name};
		my $json = $scope->{null}{$name} ? 'null'
		  : $expand->{$name} ? $self->expanded($object->{f}{$name}, $query)
		  : member_bytes(member_value($object, $name, $query));
		push @members, qq("$name":$json);
	}
	return '{' . join(',', @members) . '}';
}

# Objects within objects are not expanded further
sub expanded
{
	my ($self, $value, $query) = @_;
	my $object;

	return '[' . join(',', map { $self->expanded($_, $query) } @$value) . ']' if ref $value eq 'ARRAY';
	return 'null' unless defined $value;
	$object = $self->{store}->get($value);
	return $object ? $self->encode($object, {}) : quote($value);
}

sub member_value
{
	my ($object, $name, $query) = @_;

	return $object->{id} if $name eq 'id';
	return StakesyncSim::Store::moment_text($object->{created}) if $name eq 'created_at';
	return StakesyncSim::Store::moment_text($object->{modified}) if $name eq 'modified_at';
	return bool($object->{deleted}) if $name eq 'remote_was_deleted';
	return $object->{ssn} if $name eq 'ssn' && is_on($query, 'include_sensitive_fields');
	return [ { path => "/$object->{kind}", data => { key => $object->{f}{remote_id} } } ]
	  if $name eq 'remote_data' && is_on($query, 'include_remote_data');
	return $object->{f}{$name};
}

sub member_bytes
{
	my $json = to_json($_[0]);
	utf8::encode($json);
	return $json;
}

# The account
sub account_call
{
	my ($self, $call, $request) = @_;

	return not_allowed($request) if $request->{method} ne $ACCOUNT_METHOD{$call};
	return $self->$call($request);
}

sub account_details
{
	my ($self) = @_;

	return json_answer(200, {
		id => $self->{store}->uuid('account', 1), integration => 'BambooHR', integration_slug => 'bamboohr',
		category => 'hris', end_user_origin_id => 'lindwurm', end_user_organization_name => 'Lindwurm AG',
		end_user_email_address => 'hr@lindwurm.example', status => 'COMPLETE', account_type => 'TEST',
		webhook_listener_url => 'https://hooks.lindwurm.example/merge', is_duplicate => bool(0),
		completed_at => '2024-03-05T08:30:11.104233Z', instance_id => undef, instance_display_value => undef });
}

# A list of what was last read from the source
sub sync_status
{
	my ($self, $request) = @_;
	my $results = $self->sync_rows;

	return bad_filters() if grep { !/^(?:cursor|page_size)$/ } keys %{ $request->{query} };
	return json_answer(200, { next => undef, previous => undef, results => $results });
}

sub sync_rows
{
	my ($self) = @_;
	my $finished = StakesyncSim::Store::now_micros() - 60_000_000;
	my $result = $self->{sync_result} // 'DONE';

	return [ map { {
		model_name => $_, model_id => "hris.$_", status => $result, last_sync_result => $result,
		last_sync_start => StakesyncSim::Store::moment_text($finished - 95_000_000),
		last_sync_finished => StakesyncSim::Store::moment_text($finished),
		next_sync_start => StakesyncSim::Store::moment_text($finished + 86_400_000_000),
		is_initial_sync => bool(0), sync_status_reason => undef,
		data_fresh_as_of => StakesyncSim::Store::moment_text($finished),
	} } qw(Employee Employment Location Group Team Company PayGroup) ];
}

sub resync
{
	my ($self) = @_;
	return json_answer(200, $self->sync_rows);
}

sub delete_account
{
	my ($self) = @_;
	$self->{linked} = 0;
	return { status => 200, headers => [], body => '' };
}

# What was last said of who logs in at the website
sub figures { return { link_asked => $_[0]{link_asked} } }

# The website's login: a link token, then a public token, then the account token
sub link_token
{
	my ($self, $request) = @_;
	my $body = eval { from_json($request->{body}) } // {};
	my %missing;

	foreach my $name (qw(end_user_email_address end_user_organization_name end_user_origin_id categories))
	{
		$missing{$name} = ['This field is required.'] unless ref $body eq 'HASH' && defined $body->{$name};
	}
	return json_answer(400, \%missing) if %missing;
	$self->{link_asked} = $body;
	return json_answer(200, {
		link_token => 'link-' . $self->{store}->uuid('link', ++$self->{links}),
		integration_name => $body->{integration},
		magic_link_url => $body->{should_create_magic_link_url} ? 'https://link.invalid/' . $self->{links} : undef });
}

# Each public token works once; using it links the account again
sub account_token
{
	my ($self, $public_token) = @_;

	return not_found() unless delete $self->{public_tokens}{$public_token};
	$self->{linked} = 1;
	return json_answer(200, {
		id => $self->{store}->uuid('account', 1), account_token => $self->{account_token},
		integration => {
			name => 'BambooHR', abbreviated_name => 'BambooHR', categories => ['hris'], slug => 'bamboohr',
			image => undef, square_image => undef, color => '#73C41D',
			api_endpoints_to_documentation_urls => {}, webhook_setup_guide_url => undef,
			category_beta_status => {} } });
}

1;
