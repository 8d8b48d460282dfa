# The datasets of BambooHR: the newer way to read many people, with names of its own
package StakesyncSim::BambooDataset;

use strict;
use warnings;
use Exporter 'import';
use POSIX qw(ceil);
use StakesyncSim::Answer qw(json_answer);
use StakesyncSim::BambooFields qw(dataset_field dataset_fields dataset_type);
use StakesyncSim::Condition qw(compile_condition);
use StakesyncSim::Json qw(from_json);
use StakesyncSim::Rest qw(json_bytes page_answer problem_answer whole_number);

our @EXPORT_OK = qw(dataset datasets list_dataset_fields);

my $MOST_FIELDS = 400;

sub problem
{
	my ($status, $title, $detail, %more) = @_;
	return problem_answer($status, {
		type => 'https://documentation.bamboohr.com/problems', title => $title, status => $status,
		detail => $detail, %more });
}

sub datasets
{
	return json_answer(200, { datasets => [ { name => 'employee', label => 'Employee' } ] });
}

sub list_dataset_fields
{
	my ($system, $request, $name) = @_;
	my @fields = dataset_fields();
	my $size = whole_number($request->{query}{page_size}, 500, 1, 1000);
	my $page = whole_number($request->{query}{page}, 1, 1);
	my $pages = $size ? ceil(@fields / $size) : 0;

	return problem(422, 'Dataset not found', "There is no dataset $name.", code => 'DATASET_NOT_FOUND') if $name ne 'employee';
	return problem(422, 'Validation failed', 'page and page_size are wanted as numbers.') unless $size && $page;
	$page = $pages if $page > $pages;
	@fields = splice @fields, ($page - 1) * $size, $size;
	return json_answer(200, {
		pagination => { current_page => $page, total_pages => $pages, page_size => $size, total_records => scalar dataset_fields() },
		name => 'employee', label => 'Employee', fields => [ map { {
			name => $_->{name}, label => $_->{label}, type => dataset_type($_->{name}), parentType => 'page',
			parentName => 'Personal', entityName => 'personal' } } @fields ] });
}

# One page of the dataset; each record is wrapped in fields
sub dataset
{
	my ($system, $request, $name) = @_;
	my $body = eval { from_json($request->{body}) };
	my ($query, $wrong);

	return problem(404, 'Not found', "There is no dataset $name.", code => 'DATASET_NOT_FOUND') if $name ne 'employee';
	return problem(400, 'Bad request', 'A JSON object is wanted, as application/json.')
	  if ref $body ne 'HASH' || ($request->{headers}{'content-type'} // '') !~ m{^application/json\b};
	$system->keep_body($body);
	($query, $wrong) = dataset_query($system, $body);
	return $wrong if $wrong;
	return problem(413, 'Payload too large', 'The request produced too much data.')
	  if $system->{switch}{too_large} && $query->{size} * @{ $body->{fields} } > $system->{switch}{too_large};
	return dataset_page($system, $request, $query);
}

# What the body asks for, or the answer that refuses it
sub dataset_query
{
	my ($system, $body) = @_;
	my ($size, $page) = (whole_number($body->{pageSize}, 100, 1, 1000), whole_number($body->{page}, 1, 1));
	my @names = ref $body->{fields} eq 'ARRAY' ? @{ $body->{fields} } : ();
	my @unknown = grep { !dataset_field($_) } @names;
	my @hidden = grep { dataset_field($_) && $system->is_hidden($_, dataset_field($_)->{member}) } @names;
	my ($rows, $wrong);

	return (undef, problem(400, 'Bad request', 'fields is wanted.')) unless @names;
	return (undef, problem(400, 'Bad request', "At most $MOST_FIELDS fields may be asked for.")) if @names > $MOST_FIELDS;
	return (undef, problem(422, 'Validation failed', 'pageSize is a number from 1 to 1000.')) unless $size;
	return (undef, problem(422, 'Validation failed', 'page is a number from 1.')) unless $page;
	return (undef, problem(400, 'Bad request', 'Unknown fields.', code => 'UE-1001', fields => { map { $_ => 'unknown' } @unknown }))
	  if @unknown && $system->{switch}{unknown} eq 'refuse';
	return (undef, problem(403, 'Forbidden', 'Fields may not be read.', fields => { map { $_ => 'forbidden' } @hidden }))
	  if @hidden && $system->{switch}{restricted} eq 'refuse';
	($rows, $wrong) = dataset_rows($system, $body, @names);
	return (undef, $wrong) if $wrong;
	return ({ size => $size, page => $page, rows => $rows, hidden => \@hidden, fields => [ map { dataset_field($_) // () } @names ] }, undef);
}

# The people in the order wanted, or the answer that refuses filter or order
sub dataset_rows
{
	my ($system, $body, @names) = @_;
	my $type_of = sub { $_[0] eq 'lastChanged' && $system->{switch}{changed_filter} ? 'date' : dataset_type($_[0]) };
	my ($filter, $wrong) = compile_condition($body->{filter}, $type_of);
	my @rules = map { [ split ] } split /,\s*/, $body->{orderBy} // '';

	return (undef, problem(422, 'Validation failed', "The filter is invalid: $wrong.", code => 'INVALID_FILTER')) unless $filter;
	foreach my $rule (@rules)
	{
		my $name = $rule->[0];
		return (undef, problem(400, 'Bad request', "orderBy: $name has to be among the fields.", code => 'UE-1001'))
		  unless grep { $_ eq $name } @names;
		return (undef, problem(422, 'Validation failed', 'orderBy: asc or desc is wanted.'))
		  if @$rule != 2 || $rule->[1] !~ /^(?:asc|desc)$/i;
	}
	return ($system->kept('dataset rows ' . json_bytes([ @$body{qw(filter orderBy)} ]), sub { found_rows($system, $filter, @rules) }), undef);
}

sub found_rows
{
	my ($system, $filter, @rules) = @_;
	my $value = sub { my ($person, $name) = @_; return $system->value_of($person, dataset_field($name), 0) };
	my @rows = grep { my $person = $_; $filter->(sub { $value->($person, $_[0]) }) } @{ $system->people };

	foreach my $rule (reverse @rules)
	{
		my $sign = lc $rule->[1] eq 'desc' ? -1 : 1;
		my %key = map { $_->{id} => $value->($_, $rule->[0]) // '' } @rows;
		@rows = sort { $sign * by_value($key{ $a->{id} }, $key{ $b->{id} }) } @rows;
	}
	return \@rows;
}

# Numbers as numbers, all else as texts
sub by_value
{
	my ($one, $other) = @_;
	return "$one$other" =~ /^\d+$/ && $one ne '' && $other ne '' ? $one <=> $other : $one cmp $other;
}

# What may not be read is empty and named
sub dataset_record
{
	my ($system, $person, $query) = @_;
	my $record = { fields => $system->record($person, 0, @{ $query->{fields} }) };

	return $record unless @{ $query->{hidden} };
	@{ $record->{fields} }{ @{ $query->{hidden} } } = ();
	$record->{_restrictedFields} = $query->{hidden};
	return $record;
}

sub dataset_page
{
	my ($system, $request, $query) = @_;
	my ($rows, $size, $page) = @$query{qw(rows size page)};
	my $pages = ceil(@$rows / $size);
	my $names = join ',', map { $_->{name} } @{ $query->{fields} };
	my $url = $system->base($request) . $request->{path};

	return page_answer($request, rows => $rows, from => ($page - 1) * $size, size => $size,
		encode => sub {
			my ($person) = @_;
			return $system->kept("dataset $names $person->{id}", sub { json_bytes(dataset_record($system, $person, $query)) });
		},
		frame => sub {
			my ($next) = @_;
			my $meta = { page => $page, pageSize => $size, totalPages => $pages, totalItems => scalar @$rows };
			my $links = {
				next => defined $next ? "$url?page=" . (1 + $next / $size) : undef,
				prev => $page > 1 ? "$url?page=" . ($page - 1) : undef };
			return ('{"data":[', '],"links":' . json_bytes($links) . ',"meta":' . json_bytes($meta) . '}');
		});
}

1;
