# A website's login below /oauth: codes for who comes back, tokens for codes, refresh tokens that work once
package StakesyncSim::OAuth;

use strict;
use warnings;
use parent 'StakesyncSim::Rest';
use StakesyncSim::Answer qw(json_answer text_answer);
use StakesyncSim::Rest qw(basic_login encode_value form_body query_values);

my @ASKED = qw(client_id redirect_uri state scope response_type);

# rotate: 0 leaves the first refresh token as it is; deny: 1 sends people back without a code
sub switches
{
	return (expires_in => 3600, code_seconds => 60, rotate => 1, deny => 0);
}

sub credentials
{
	return (client_id => 'oauth-test-client', client_secret => 'oauth-test-secret');
}

sub handles
{
	my ($self, $path) = @_;
	return $path =~ m{^/oauth/};
}

sub answer
{
	my ($self, $request) = @_;
	my $call = "$request->{method} $request->{path}";

	return $self->authorize($request) if $call eq 'GET /oauth/authorize';
	return $self->exchange($request) if $call eq 'POST /oauth/token';
	return $self->revoke($request) if $call eq 'POST /oauth/revoke';
	return json_answer(404, { error => 'not_found' });
}

# Somebody has just logged in: back to where the link came from, with a code
sub authorize
{
	my ($self, $request) = @_;
	my %asked = map { my $name = $_; map { ($name => $_) } query_values($request, $name) } @ASKED;
	my $back = $asked{redirect_uri} // '';
	my $code;

	return text_answer(400, 'text/html', '<html><body>Unknown application.</body></html>')
	  if ($asked{client_id} // '') ne $self->{credentials}{client_id} || $back !~ m{^https?://[^/]};
	return send_back($back, error => 'unsupported_response_type', state => $asked{state})
	  if ($asked{response_type} // 'code') ne 'code';
	return send_back($back, error => 'access_denied', state => $asked{state}) if $self->{switch}{deny};
	$code = 'code/' . $self->{store}->uuid('code', ++$self->{logins}) . '+1=';
	$self->{codes}{$code} = {
		redirect_uri => $back, scope => $asked{scope} // '', until => time + $self->{switch}{code_seconds} };
	return send_back($back, code => $code, state => $asked{state});
}

sub send_back
{
	my ($address, %told) = @_;
	my $query = join '&', map { "$_=" . encode_value($told{$_}) } grep { defined $told{$_} } sort keys %told;

	$address .= ($address =~ /\?/ ? '&' : '?') . $query;
	return { status => 302, headers => [ [ 'Location', $address ] ], body => '' };
}

# Tokens by form only, from an application that names itself in the form or by Basic
sub exchange
{
	my ($self, $request) = @_;
	my $form = form_body($request) // return refusal(invalid_request => 'a form is wanted');
	my $grant = $form->{grant_type} // '';

	return refusal(invalid_client => 'unknown application', 401) unless $self->is_client($request, $form);
	return $self->by_code($form) if $grant eq 'authorization_code';
	return $self->by_refresh_token($form) if $grant eq 'refresh_token';
	return $self->tokens($form->{scope} // '', 0) if $grant eq 'client_credentials';
	return refusal(unsupported_grant_type => 'no such grant_type');
}

sub refusal
{
	my ($error, $text, $status) = @_;
	return json_answer($status // 400, { error => $error, error_description => $text });
}

sub is_client
{
	my ($self, $request, $form) = @_;
	my $wanted = $self->{credentials};
	my ($id, $secret) = basic_login($request);

	($id, $secret) = @$form{qw(client_id client_secret)} unless defined $id;
	return ($id // '') eq $wanted->{client_id} && ($secret // '') eq $wanted->{client_secret};
}

# A code works once, soon, and for the address that it was sent to
sub by_code
{
	my ($self, $form) = @_;
	my $code = delete $self->{codes}{ $form->{code} // '' };

	return refusal(invalid_grant => 'the code is not valid')
	  if !$code || $code->{until} <= time || ($form->{redirect_uri} // '') ne $code->{redirect_uri};
	return $self->tokens($code->{scope}, 1);
}

# The old one is refused afterwards
sub by_refresh_token
{
	my ($self, $form) = @_;
	my $text = $form->{refresh_token} // '';
	my $given = $self->{refresh}{$text} // return refusal(invalid_grant => 'the refresh token is not valid');

	delete $self->{refresh}{$text} if $self->{switch}{rotate};
	return $self->tokens($given->{scope}, $self->{switch}{rotate});
}

sub tokens
{
	my ($self, $scope, $with_refresh) = @_;
	my $number = ++$self->{exchanges};
	my $seconds = $self->{switch}{expires_in};
	my $refresh = 'refresh-' . $self->{store}->uuid('refresh', $number);

	$self->{refresh}{$refresh} = { scope => $scope } if $with_refresh;
	return json_answer(200, {
		access_token => $self->give_token("login $number", $seconds, prefix => 'access-', scope => $scope),
		token_type => 'Bearer', expires_in => $seconds + 0, scope => $scope,
		$with_refresh ? (refresh_token => $refresh) : () });
}

# Either kind of token; unknown ones are no error
sub revoke
{
	my ($self, $request) = @_;
	my $token = (form_body($request) // {})->{token} // return refusal(invalid_request => 'token is wanted');

	delete $self->{refresh}{$token};
	$self->{tokens}{$token}{until} = 0 if $self->{tokens}{$token};
	return { status => 200, headers => [], body => '' };
}

1;
