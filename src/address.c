#include "postgres.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>

#include "address.h"

/* Longest entry of allowed_hosts: a host's name, brackets and a port */
#define ADDRESS_HOST_SIZE 300

/* Blocks of IPv4 that are nobody's business, and their prefix lengths */
static const struct
{
	uint32		base;
	int			bits;
}			ForbiddenBlocks[] = {
	{0x00000000, 8},			/* this network, unspecified */
	{0x0A000000, 8},			/* private */
	{0x64400000, 10},			/* shared by carriers */
	{0x7F000000, 8},			/* loopback */
	{0xA9FE0000, 16},			/* link-local, cloud metadata */
	{0xAC100000, 12},			/* private */
	{0xC0000000, 24},			/* protocol assignments */
	{0xC0A80000, 16},			/* private */
	{0xC6120000, 15},			/* benchmarking */
	{0xE0000000, 4},			/* multicast */
	{0xF0000000, 4}				/* reserved, broadcast */
};

/* True if an IPv4 address, in host order, must not be connected to */
static bool
IsForbiddenV4(uint32 address)
{
	for (int i = 0; i < lengthof(ForbiddenBlocks); i++)
	{
		uint32		mask = 0xFFFFFFFFU << (32 - ForbiddenBlocks[i].bits);

		if ((address & mask) == ForbiddenBlocks[i].base)
			return true;
	}

	return false;
}

/* Read an IPv4 address out of a longer one */
static uint32
EmbeddedV4(const uint8 *bytes)
{
	return (uint32) bytes[0] << 24 | (uint32) bytes[1] << 16 |
		(uint32) bytes[2] << 8 | (uint32) bytes[3];
}

/* True if an IPv6 address must not be connected to */
static bool
IsForbiddenV6(const uint8 *a)
{
	static const uint8 zero[12] = {0};
	static const uint8 mapped[12] = {[10] = 0xFF,[11] = 0xFF};
	static const uint8 translated[12] = {[8] = 0xFF,[9] = 0xFF};
	static const uint8 nat64[12] = {0x00, 0x64, 0xFF, 0x9B};
	static const uint8 local_nat64[6] = {0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01};
	static const uint8 teredo[4] = {0x20, 0x01, 0x00, 0x00};

	/* Forms that carry an IPv4 address; ::/96 has :: and ::1 in it */
	if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0 ||
		memcmp(a, translated, 12) == 0)
		return IsForbiddenV4(EmbeddedV4(a + 12));
	if (memcmp(a, zero, 12) == 0)
		return true;
	if (a[0] == 0x20 && a[1] == 0x02)
		return IsForbiddenV4(EmbeddedV4(a + 2));
	if (memcmp(a, local_nat64, 6) == 0 || memcmp(a, teredo, 4) == 0)
		return true;

	return a[0] == 0xFF ||		/* multicast */
		(a[0] & 0xFE) == 0xFC ||	/* unique local */
		(a[0] == 0xFE && (a[1] & 0x80) == 0x80);	/* link- and site-local */
}

/* True if a socket address must not be connected to */
bool
AddressIsForbidden(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return IsForbiddenV4(ntohl(((const struct sockaddr_in *) address)->sin_addr.s_addr));
	if (address->sa_family == AF_INET6)
		return IsForbiddenV6(((const struct sockaddr_in6 *) address)->sin6_addr.s6_addr);
	return true;
}

/* True if a host is written as an address, and a forbidden one */
bool
AddressIsForbiddenLiteral(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return IsForbiddenV4(ntohl(v4.s_addr));
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IsForbiddenV6(v6.s6_addr);
	return false;
}

/* True if two hosts, without brackets, are the same */
static bool
IsSameHost(const char *a, const char *b)
{
	struct in6_addr a6;
	struct in6_addr b6;

	if (inet_pton(AF_INET6, a, &a6) == 1 && inet_pton(AF_INET6, b, &b6) == 1)
		return memcmp(&a6, &b6, sizeof(a6)) == 0;
	return pg_strcasecmp(a, b) == 0;
}

/* True if one entry of allowed_hosts, as host or host:port, names the place */
static bool
MatchAllowedHost(const char *entry, size_t length, const char *host, const char *port)
{
	char		name[ADDRESS_HOST_SIZE];
	char	   *colon;
	char	   *end;

	if (length == 0 || length >= sizeof(name))
		return false;
	memcpy(name, entry, length);
	name[length] = '\0';

	/* An address in brackets */
	if (name[0] == '[')
	{
		end = strchr(name, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
		*end = '\0';
		return IsSameHost(name + 1, host) &&
			(colon == NULL || strcmp(colon + 1, port) == 0);
	}

	/* More than one colon is an address without brackets, and has no port */
	colon = strchr(name, ':');
	if (colon != NULL && strchr(colon + 1, ':') == NULL)
	{
		*colon = '\0';
		if (strcmp(colon + 1, port) != 0)
			return false;
	}

	return IsSameHost(name, host);
}

/* True if allowed_hosts names the place */
bool
AddressIsAllowedHost(const char *allowed_hosts, const char *host, const char *port)
{
	const char *entry = allowed_hosts;

	while (entry != NULL && *entry != '\0')
	{
		size_t		length;
		size_t		total = strcspn(entry, ",");

		/* Trim blanks */
		length = total;
		while (length > 0 && isspace((unsigned char) entry[length - 1]))
			length--;
		while (length > 0 && isspace((unsigned char) *entry))
		{
			entry++;
			length--;
			total--;
		}

		if (MatchAllowedHost(entry, length, host, port))
			return true;

		entry += total;
		if (*entry == ',')
			entry++;
	}

	return false;
}
