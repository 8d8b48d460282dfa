# Definitions of the simulator's made-up system, and connections of them, for tests that need some of their own
package StakesyncDefinition;

use strict;
use warnings;
use Exporter 'import';
use StakesyncSim::Json qw(from_json to_json);

our @EXPORT_OK = qw($EXAMPLE %MEMBER $ORIGIN connect_call definition fetch_call mapping quoted set_up);

# What definitions say that their system is reached by; the simulator is at another address
our $ORIGIN = 'https://api.example-hr.com';

# A whole definition as somebody would write it
our $EXAMPLE = <<'EOT';
{
	"provider": "example_hr", "name": "Example HR",
	"terms": "stakesync reads people and their contracts directly from Example HR. Only mapped fields are stored.",
	"guide": "Example HR: Administration, API users. Permissions needed: People read, Contracts read.",
	"verified_against": "vendor's documentation",
	"recommended_identifiers": ["employee_number", "work_email"],
	"methods": {"password": {
		"credentials": [
			{"key": "user", "label": "API user", "secret": false, "where": "Administration, API users"},
			{"key": "password", "label": "Password"}
		],
		"login": {
			"type": "token", "path": "/login", "body": {"user": "{user}", "password": "{password}"},
			"token": "$.session.key", "expires_in": "$.session.ttl"
		},
		"headers": {"X-Session": "{token}"}
	}},
	"base_url": "https://api.example-hr.com/generic",
	"check": {"path": "/me", "expect": "$.company.value"},
	"streams": [{
		"name": "workers", "path": "/workers",
		"query": {"size": "50", "after": "{cursor}", "changed_since": "{since}", "with_deleted": "1"},
		"records": "$.items[*].item", "id": "$.id", "deleted": "$.deleted", "pages": {"type": "cursor", "next": "$.after"},
		"incremental": {"format": "datetime"}, "one": {"path": "/workers/{id}", "records": "$.item"}
	}, {
		"name": "contracts", "path": "/contracts", "query": {"offset": "{offset}", "count": "{limit}"},
		"records": "$.contracts[*]", "id": "$.contract", "pages": {"type": "offset", "size": 200}, "total": "$.total",
		"join": {"as": "contracts", "child": "$.worker"}, "permission": "Contracts read"
	}],
	"mapping": [
		{"field": "employee_number", "path": "$.number.value"},
		{"field": "work_email", "path": "$.email.value"},
		{"field": "name", "path": "$.name.value"},
		{"field": "job_title", "path": "$.contracts[*].title", "transform": "current(from)"},
		{"field": "employment_status", "path": "$.status.value"}
	]
}
EOT

# Members of a worker by the field that they become
our %MEMBER = (
	employee_number => 'number', work_email => 'email', first_name => 'first_name', last_name => 'last_name',
	birthdate => 'born', start_date => 'begins', termination_date => 'ends', employment_status => 'status',
	group_name => 'department');

# The mapping of some fields, of all unless told; start: what stands before the members
sub mapping
{
	my ($start, @fields) = @_;
	@fields = sort keys %MEMBER unless @fields;
	return [ map { { field => $_, path => "$start$MEMBER{$_}.value" } } @fields ];
}

# A definition around one stream or several; a stream's member mapping is that of all. more: members of the definition
sub definition
{
	my ($name, $streams, %more) = @_;
	my @streams = ref $streams eq 'ARRAY' ? map { {%$_} } @$streams : {%$streams};
	my $mapping = delete $streams[0]{mapping} // mapping('$.');

	$_->{name} //= 'workers' for @streams;
	return {
		%{ from_json($EXAMPLE) }, provider => $name, name => "Test $name", recommended_identifiers => ['work_email'],
		streams => \@streams, mapping => $mapping, limits => { per_minute => 100000, connections => 4 }, %more };
}

# A text, or data as JSON, as SQL writes it
sub quoted
{
	my ($data) = @_;
	return "'" . (ref $data ? to_json($data) : $data) =~ s/'/''/gr . "'";
}

# The call of stakesync_connect as SQL: to the simulator, under the provider's name
sub connect_call
{
	my ($sim, $name, %options) = @_;
	my %settings = (base_url => $sim->url . '/generic', %{ $options{settings} // {} });
	my $credentials = $options{credentials} // $sim->credentials('generic');

	return "stakesync_connect('$name', " . quoted($credentials) . ", '$name', " . quoted(\%settings) . ', accept_terms => true)';
}

# Add a definition, and connect it under its name
sub set_up
{
	my ($test, $sim, $name, $streams, %more) = @_;
	my $said = $test->sql('SELECT stakesync_add_provider(' . quoted(definition($name, $streams, %more)) . '); '
		  . 'SELECT state, next_step FROM ' . connect_call($sim, $name));

	$said =~ /^\Q$name\E\nconnected\|/ or die $said;
	return;
}

# The call of stakesync_fetch as SQL: all people unless told
sub fetch_call
{
	my ($name, %arguments) = (shift, mode => q('full'), @_);
	my @arguments = map { "$_ => $arguments{$_}" } grep { defined $arguments{$_} } sort keys %arguments;
	return 'stakesync_fetch(' . join(', ', "connection => '$name'", @arguments) . ')';
}

1;
