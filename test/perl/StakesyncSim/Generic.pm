# A made-up HR system below /generic, for definitions that somebody adds: each kind of login and paging once
package StakesyncSim::Generic;

use strict;
use warnings;
use parent 'StakesyncSim::Rest';
use StakesyncSim::Answer qw(json_answer list_answer set_header);
use StakesyncSim::Facts qw(day_of facts office_name);
use StakesyncSim::Json qw(bool);
use StakesyncSim::Rest qw(bearer_token encode_value json_body json_bytes page_answer query_values read_place
  whole_number write_place);
use StakesyncSim::Store;

my $MAX_SIZE = 200;

# Members of a worker: name, label, type, value
my @MEMBER = (
	[ number => 'No.', 'text', sub { $_[0]{employee_number} } ],
	[ first_name => 'First name', 'text', sub { $_[0]{first_name} } ],
	[ last_name => 'Last name', 'text', sub { $_[0]{last_name} } ],
	[ name => 'Name', 'text', sub { $_[0]{display_full_name} } ],
	[ email => 'Email', 'text', sub { $_[0]{work_email} } ],
	[ private_email => 'Private email', 'text', sub { $_[0]{personal_email} } ],
	[ mobile => 'Mobile', 'text', sub { $_[0]{mobile_phone_number} } ],
	[ born => 'Date of birth', 'date', sub { $_[0]{birth} } ],
	[ begins => 'First day', 'date', sub { $_[0]{start} } ],
	[ ends => 'Last day', 'date', sub { $_[0]{end} } ],
	[ status => 'Status', 'list', sub { $_[0]{status} } ],
	[ boss => 'Boss', 'reference', sub { $_[0]{manager} && worker_id($_[0]{manager}) } ],
	[ department => 'Department', 'list', sub { $_[0]{department} && $_[0]{department}{f}{name} } ],
	[ office => 'Office', 'list', sub { office_name($_[0]{office}) } ],
	[ job => 'Job', 'text', sub { $_[0]{job}{job_title} } ],
	[ address => 'Address', 'object', \&address ],
	[ badge => 'Badge', 'text', sub { $_[0]{custom}{badge} } ],
	[ iban => 'IBAN', 'text', sub { $_[0]{custom}{IBAN} } ],
	[ shirt_size => 'Shirt size', 'list', sub { $_[0]{custom}{shirt_size} } ]);

# expires_in: of a session; max_fields: of a search; per_minute: 0 is no limit; window: seconds of that minute;
# max_rows: of a page of staff, 0 is 200; origin: what stands before the path in an address; contracts: 0 forbids them
sub switches
{
	return (expires_in => 3600, max_fields => 8, per_minute => 0, window => 60, max_rows => 0, origin => '', contracts => 1);
}

sub credentials
{
	return (user => 'generic-test-user', password => 'generic-test-password');
}

sub handles
{
	my ($self, $path) = @_;
	return $path =~ m{^/generic/};
}

sub worker_id
{
	my ($person) = @_;
	return sprintf 'w-%06d', $person->{number};
}

sub id_of
{
	my ($self, $person) = @_;
	return worker_id($person);
}

# Every good answer says ok, and can say otherwise
sub answer
{
	my ($self, $request) = @_;
	my $answer = $request->{path} eq '/generic/login' ? $self->login($request)
	  : $self->refuse($request) // $self->limited($request);

	$answer->{failure} = '{"ok":false,"error":"come back later"}';
	return $answer;
}

sub error
{
	my ($status, $text) = @_;
	return json_answer($status, { ok => bool(0), error => $text });
}

# A session for user and password, as JSON
sub login
{
	my ($self, $request) = @_;
	my $body = json_body($request);
	my $wanted = $self->{credentials};

	return error(405, 'POST is wanted') if $request->{method} ne 'POST';
	return error(400, 'user and password are wanted') if ref $body ne 'HASH' || grep { !defined $body->{$_} } qw(user password);
	return error(401, 'wrong password') if grep { $body->{$_} ne $wanted->{$_} } qw(user password);
	return json_answer(200, {
		ok => bool(1),
		session => {
			key => $self->give_token("session $body->{user}", $self->{switch}{expires_in}, prefix => 'session-'),
			ttl => $self->{switch}{expires_in} + 0 } });
}

# A session in a header of its own, or a token of the website's login
sub refuse
{
	my ($self, $request) = @_;
	my $session = $self->token($request->{headers}{'x-session'}) // $self->{oauth}->token(bearer_token($request));
	return !$session || $session->{dead} ? error(401, 'no session') : undef;
}

# So many requests in a window; headers tell what is left of it
sub limited
{
	my ($self, $request) = @_;
	my $limit = $self->count_limit($request, all => @{ $self->{switch} }{qw(per_minute window)});
	my $answer = $limit->{over} ? error(429, 'slowly') : $self->respond($request);

	return $answer unless $limit->{limit};
	set_header($answer, 'Retry-After', $limit->{wait}) if $limit->{over};
	set_header($answer, 'X-RateLimit-Remaining', $limit->{remaining});
	set_header($answer, 'X-RateLimit-Reset', $limit->{reset});
	return $answer;
}

sub respond
{
	my ($self, $request) = @_;
	my (undef, undef, $name, $id, $child, $more) = split m{/}, $request->{path}, 6;
	my $call = "$request->{method} $name" . (defined $id ? '/id' : '') . (defined $child ? "/$child" : '');

	return error(404, 'no such page') if defined $more;
	return $self->workers($request) if $call eq 'GET workers';
	return $self->search($request) if $call eq 'POST search';
	return $self->staff($request) if $call eq 'GET staff';
	return $self->registry if $call eq 'GET registry';
	return $self->office_list if $call eq 'GET offices';
	return $self->contracts($request) if $call eq 'GET contracts';
	return $self->contracts($request, $id) if $call eq 'GET workers/id/contracts';
	return $self->value_list($request) if $call eq 'GET values';
	return $self->worker_answer($id) if $call eq 'GET workers/id';
	return json_answer(200, { ok => bool(1), fields => [ map { field_row(@$_) } @MEMBER ] }) if $call eq 'GET fields';
	return json_answer(200, { ok => bool(1), company => { value => 'Lindwurm AG', label => 'Company' } }) if $call eq 'GET me';
	return $self->logout($request) if $call eq 'POST logout';
	return error(404, 'no such page');
}

sub field_row
{
	my ($name, $label, $type) = @_;
	return { name => $name, label => $label, type => $type, at => "item.$name.value" };
}

sub logout
{
	my ($self, $request) = @_;
	my $session = $self->{tokens}{ $request->{headers}{'x-session'} // '' };

	$session->{until} = 0 if $session;
	return { status => 204, headers => [], body => '' };
}

# One page by a cursor. style: body (after), url (an address, relative unless there is an origin), link (a bare array
# and a Link header)
sub workers
{
	my ($self, $request) = @_;
	my $query = $request->{query};
	my $style = $query->{style} // 'body';
	my $size = whole_number($query->{size}, 50, 1, $MAX_SIZE);
	my $place = defined $query->{after} ? read_place($query->{after}) : { from => 0 };
	my $since = (query_values($request, 'changed_since'))[0];
	my ($rows, $link, $answer, $renext);

	return error(400, 'unknown parameter') if grep { !/^(?:after|size|style|changed_since|with_deleted)$/ } keys %$query;
	return error(400, 'bad value') if !defined $size || !$place || $style !~ /^(?:body|url|link)$/;
	return error(400, 'changed_since is no time') if defined $since && !defined StakesyncSim::Store::parse_moment($since);
	$rows = $self->wanted_people($since, $query->{with_deleted});
	$answer = page_answer($request, rows => $rows, from => $place->{from}, size => $size,
		encode => sub { $self->worker_bytes($_[0]) },
		frame => sub {
			my ($next) = @_;
			$link = defined $next ? next_target($request, $size, write_place(from => $next)) : undef;
			return $self->worker_frame($style, scalar @$rows, $link);
		});
	return $answer if $style ne 'link';

	# The header follows when a fault points elsewhere
	$renext = $answer->{renext};
	$answer->{renext} = sub {
		$renext->(@_);
		set_header($answer, 'Link', $self->link_header($request, $link));
	};
	set_header($answer, 'Link', $self->link_header($request, $link));
	return $answer;
}

# Those that are there, those changed since, those deleted among them where wanted
sub wanted_people
{
	my ($self, $since, $with_deleted) = @_;
	my $all = $with_deleted ? [ grep { !$_->{gone} } @{ $self->{store}->list('employee') } ] : $self->people;
	my $micros = defined $since ? StakesyncSim::Store::parse_moment($since) : undef;

	return defined $micros ? [ grep { $_->{modified} >= $micros } @$all ] : $all;
}

sub next_target
{
	my ($request, $size, $after) = @_;
	my @kept = grep { !/^(?:after|size)=/ } split /&/, $request->{query_text};
	return "$request->{path}?" . join '&', @kept, "size=$size", 'after=' . encode_value($after);
}

sub worker_frame
{
	my ($self, $style, $total, $link) = @_;
	my ($after) = ($link // '') =~ /after=([^&]*)/;
	my $next = defined $link ? "$self->{switch}{origin}$link" : undef;

	return ('[', ']') if $style eq 'link';
	return ('{"ok":true,"items":[', qq(],"total":$total,"paging":) . json_bytes({ next => $next }) . '}') if $style eq 'url';
	$after =~ s/%([0-9A-F]{2})/chr hex $1/ge if defined $after;
	return ('{"ok":true,"items":[', qq(],"total":$total,"after":) . json_bytes($after) . '}');
}

# Several links in one header, next not first
sub link_header
{
	my ($self, $request, $link) = @_;
	my $host = $self->{switch}{origin} || "$self->{scheme}://$request->{headers}{host}";
	return join ', ', qq(<$host$request->{target}>; rel="self"), defined $link ? qq(<$host$link>; title="a, b"; rel="next") : ();
}

sub worker_bytes
{
	my ($self, $person) = @_;
	return $self->kept("worker $person->{id}", sub { json_bytes($self->worker($person, @MEMBER)) });
}

sub worker_answer
{
	my ($self, $id) = @_;
	my $person = $self->person_by_id($id) or return error(404, 'no such worker');
	return json_answer(200, $self->worker($person, @MEMBER));
}

# A record in a wrapper, its values in wrappers
sub worker
{
	my ($self, $person, @members) = @_;
	my $facts = $self->facts_of($person);
	my %item = (
		id => worker_id($person), updated => StakesyncSim::Store::moment_text($person->{modified}),
		deleted => bool($person->{deleted}));

	foreach my $member (grep { !$self->is_hidden($_->[0]) } @members)
	{
		my ($name, $label, undef, $value) = @$member;
		$item{$name} = { value => $self->{scope}{null}{$name} ? undef : $value->($facts), label => $label };
	}
	return { item => \%item };
}

sub facts_of
{
	my ($self, $person) = @_;
	return $self->kept("facts $person->{id}", sub { facts($self->{store}, $person) });
}

sub address
{
	my ($facts) = @_;
	my $home = $facts->{home};

	return undef unless %$home;
	return { street => $home->{street_1}, zip => $home->{zip_code}, city => $home->{city}, country => $home->{country} };
}

# One page by its number in a JSON body, with the fields asked for, so many at most; unknown ones are left out
sub search
{
	my ($self, $request) = @_;
	my $body = json_body($request);
	my ($page, $size, $fields) = ref $body eq 'HASH' ? @$body{qw(page size fields)} : return error(400, 'no JSON object');
	my (%wanted, @shown, $total, $pages);

	$page = whole_number($page, 1, 1);
	$size = whole_number($size, 50, 1, 100);
	return error(400, 'page, size and fields are wanted')
	  if !defined $page || !defined $size || ref $fields ne 'ARRAY' || grep { !/^(?:page|size|fields)$/ } keys %$body;
	return error(400, "at most $self->{switch}{max_fields} fields") if @$fields > $self->{switch}{max_fields};
	%wanted = map { $_ => 1 } @$fields;
	@shown = grep { $wanted{ $_->[0] } } @MEMBER;
	$total = @{ $self->people };
	$pages = int(($total + $size - 1) / $size);
	return page_answer($request, rows => $self->people, from => ($page - 1) * $size, size => $size,
		encode => sub { json_bytes($self->worker($_[0], @shown)) },
		frame => sub { (qq({"ok":true,"page":$page,"pages":$pages,"total":$total,"rows":[), ']}') });
}

# One page of the workers by offset and count, or by page and size; more rows than there may be are cut without a word
sub staff
{
	my ($self, $request) = @_;
	my $query = $request->{query};
	my $by_page = exists $query->{size} ? 1 : 0;
	my ($size_name, $place_name) = $by_page ? qw(size page) : qw(count offset);
	my $size = whole_number($query->{$size_name}, 100, 1);
	my $place = whole_number($query->{$place_name}, $by_page, $by_page);
	my $most = $self->{switch}{max_rows} || $MAX_SIZE;
	my $total = @{ $self->people };
	my $pages;

	return error(400, "$place_name and $size_name are numbers")
	  if !defined $size || !defined $place || grep { $_ ne $size_name && $_ ne $place_name } keys %$query;
	$size = $most if $size > $most;
	$pages = int(($total + $size - 1) / $size);
	return page_answer($request, rows => $self->people, from => $by_page ? ($place - 1) * $size : $place, size => $size,
		encode => sub { $self->worker_bytes($_[0]) },
		frame => sub { (qq({"ok":true,"total":$total,"pages":$pages,"staff":[), ']}') });
}

# All workers in one answer, an object keyed by their ids
sub registry
{
	my ($self) = @_;
	my @rows = map { json_bytes(worker_id($_)) . ':' . $self->worker_bytes($_) } @{ $self->people };
	return list_answer('{"ok":true,"workers":{', \@rows, '}}');
}

# Where contracts say that people work
sub office_list
{
	my ($self) = @_;
	my @offices = grep { ($_->{f}{location_type} // '') eq 'WORK' } @{ $self->{store}->list('location') };

	return json_answer(200, {
		ok => bool(1), offices => [ map { { office => office_id($_), name => $_->{f}{name}, city => $_->{f}{city} } } @offices ] });
}

sub office_id
{
	my ($office) = @_;
	return $office ? 'o-' . substr($office->{id}, 0, 8) : undef;
}

# One page by offset and count of any list; 100 unless told
sub offset_page
{
	my ($self, $request, $rows, $name, $row) = @_;
	my $query = $request->{query};
	my $count = whole_number($query->{count}, 100, 1, $MAX_SIZE);
	my $offset = whole_number($query->{offset}, 0, 0);
	my $total = @$rows;

	return error(400, 'offset and count are numbers')
	  if !defined $count || !defined $offset || grep { !/^(?:offset|count)$/ } keys %$query;
	return page_answer($request, rows => $rows, from => $offset, size => $count,
		encode => sub { json_bytes($row->($_[0])) },
		frame => sub { (qq({"ok":true,"total":$total,"$name":[), ']}') });
}

# The contracts of all or of one
sub contracts
{
	my ($self, $request, $id) = @_;
	my $person = defined $id ? $self->person_by_id($id) : undef;

	return error(403, 'not permitted') if !$self->{switch}{contracts};
	return error(404, 'no such worker') if defined $id && !$person;
	return $self->offset_page($request, $self->all_contracts, contracts => sub { $self->contract($_[0]) }) unless $person;
	return json_answer(200, {
		ok => bool(1), contracts => [ map { $self->contract($_) } @{ $self->facts_of($person)->{employments} } ] });
}

# As long as their person is there
sub all_contracts
{
	my ($self) = @_;
	return $self->kept(contracts => sub {
		[ grep {
			my $person = $self->{store}->get($_->{f}{employee});
			$person && !$person->{deleted}
		} @{ $self->{store}->list('employment') } ]
	});
}

sub contract
{
	my ($self, $employment) = @_;
	my $f = $employment->{f};
	my $person = $self->{store}->get($f->{employee});
	my $facts = $self->facts_of($person);

	return {
		contract => 'c-' . substr($employment->{id}, 0, 8), worker => worker_id($person),
		title => $f->{job_title}, type => $f->{employment_type},
		from => day_of($f->{effective_date}), until => $facts->{end}, office => office_id($facts->{office}),
		pay => { amount => $f->{pay_rate}, currency => $f->{pay_currency}, period => $f->{pay_period} } };
}

# A row for each value that a customer's field has
sub value_list
{
	my ($self, $request) = @_;
	my $rows = $self->kept(values => sub {
		[ map {
			my $person = $_;
			my $custom = $self->facts_of($person)->{custom};
			map { { worker => worker_id($person), name => $_, value => $custom->{$_} } } sort keys %$custom
		} @{ $self->people } ]
	});

	return $self->offset_page($request, $rows, values => sub { $_[0] });
}

1;
