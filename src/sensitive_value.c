/*
 * Judging values by their shape: IBANs, payment cards, American social
 * security numbers, alone or inside longer text.
 *
 * Most texts hold too few digits to be any of them, which one pass tells.
 * The others are written in plain characters first: whatever blanks, hyphens
 * and digits Unicode has.
 */
#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "mb/pg_wchar.h"
#include "sensitive.h"

/* Digits of the shortest thing looked for, roughly */
#define LEAST_DIGITS 7

/* A byte for what is no ASCII */
#define OTHER '\177'

/* Groups of digits looked at together */
#define MAX_GROUPS 5

/* Bytes before a number in which a word may say what it is */
#define WORD_DISTANCE 40

/*
 * Layout of each country's IBAN behind the checksum: n digits, a capitals,
 * c both (SWIFT's registry)
 */
static const char *const ibans[] = {
	"AD8n12c", "AE19n", "AL8n16c", "AT16n", "AZ4a20c", "BA16n", "BE12n", "BG4a6n8c", "BH4a14c",
	"BI23n", "BR23n1a1c", "BY4c4n16c", "CH5n12c", "CR18n", "CY8n16c", "CZ20n", "DE18n", "DJ23n",
	"DK14n", "DO4c20n", "EE16n", "EG25n", "ES20n", "FI14n", "FK2a12n", "FO14n", "FR10n11c2n",
	"GB4a14n", "GE2a16n", "GI4a15c", "GL14n", "GR7n16c", "GT24c", "HR17n", "HU24n", "IE4a14n",
	"IL19n", "IQ4a15n", "IS22n", "IT1a10n12c", "JO4a4n18c", "KW4a22c", "KZ3n13c", "LB4n20c",
	"LC4a24c", "LI5n12c", "LT16n", "LU3n13c", "LV4a13c", "LY21n", "MC10n11c2n", "MD20c", "ME18n",
	"MK3n10c2n", "MN16n", "MR23n", "MT4a5n18c", "MU4a19n3a", "NI4a20n", "NL4a10n", "NO11n",
	"OM3n16c", "PK4a16c", "PL24n", "PS4a21c", "PT21n", "QA4a21c", "RO4a16c", "RS18n", "RU14n15c",
	"SA2n18c", "SC4a20n3a", "SD14n", "SE20n", "SI15n", "SK20n", "SM1a10n12c", "SO19n", "ST21n",
	"SV4a20n", "TL19n", "TN20n", "TR6n16c", "UA6n19c", "VA18n", "VG4a16n", "XK16n", "YE4a4n18c",
};

/* Ranges of issuers' numbers by their first six digits, and lengths */
static const struct
{
	int			from;
	int			to;
	int			least;
	int			most;
}			issuers[] =

{
	{300000, 305999, 14, 14},	/* Diners Club */
	{309500, 309599, 14, 14},
	{340000, 349999, 15, 15},	/* American Express */
	{352800, 358999, 16, 16},	/* JCB */
	{360000, 369999, 14, 14},
	{370000, 379999, 15, 15},
	{380000, 399999, 14, 14},
	{400000, 499999, 16, 19},	/* Visa */
	{501800, 501899, 16, 19},	/* Maestro */
	{502000, 502099, 16, 19},
	{503800, 503899, 16, 19},
	{510000, 559999, 16, 16},	/* Mastercard */
	{222100, 272099, 16, 16},
	{589300, 589399, 16, 19},
	{601100, 601199, 16, 16},	/* Discover */
	{620000, 629999, 16, 19},	/* UnionPay */
	{630400, 630499, 16, 19},
	{644000, 659999, 16, 16},
	{675900, 675999, 16, 19},
	{676100, 676399, 16, 19},
};

/* How cards are written in groups */
static const int card_groups[][MAX_GROUPS + 1] = {
	{4, 4, 4, 4, 0}, {4, 6, 5, 0}, {4, 6, 4, 0}, {4, 4, 4, 4, 2, 0}, {4, 4, 4, 4, 3, 0}, {4, 4, 4, 4, 1, 0}
};

#ifdef __SSE2__

/* Number of digits among 16 bytes; what wide ones begin with counts as one */
static inline int
CountDigitBytes(__m128i bytes)
{
	__m128i		values = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
	__m128i		found = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values),
									 _mm_cmpeq_epi8(bytes, _mm_set1_epi8((char) 0xEF)));
	__m128i		sums = _mm_sad_epu8(_mm_and_si128(found, _mm_set1_epi8(1)), _mm_setzero_si128());

	return _mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4);
}

/* True if a text has digits enough to be anything; some may count twice */
static bool
HasDigits(const char *text, size_t length)
{
	int			digits = 0;

	if (length < 16)
		return CountDigitBytes(_mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *) text),
												  _mm_loadl_epi64((const __m128i *) (text + length - 8)))) >= LEAST_DIGITS;
	for (size_t i = 0; i + 16 <= length && digits < LEAST_DIGITS; i += 16)
		digits += CountDigitBytes(_mm_loadu_si128((const __m128i *) (text + i)));
	if (length % 16 != 0)
		digits += CountDigitBytes(_mm_loadu_si128((const __m128i *) (text + length - 16)));
	return digits >= LEAST_DIGITS;
}

#else

/* True if a text has digits enough to be anything; wide ones begin with 0xEF */
static bool
HasDigits(const char *text, size_t length)
{
	int			digits = 0;

	for (size_t i = 0; i < length; i++)
		digits += (unsigned char) (text[i] - '0') <= 9 || (unsigned char) text[i] == 0xEF;
	return digits >= LEAST_DIGITS;
}

#endif

/* True for a UUID, by which records are known and which is nothing else */
static bool
IsUuid(const char *text, size_t length)
{
	int			others = 0;

	if (length != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
		return false;
	for (int i = 0; i < 36; i++)
		others += (unsigned char) (text[i] - '0') > 9 && (unsigned char) ((text[i] | 0x20) - 'a') > 5;
	return others == 4;
}

/* The plain character of a Unicode one; 0 for what cannot be seen */
static char
PlainCharacter(pg_wchar code)
{
	if (code == 0xA0 || (code >= 0x2000 && code <= 0x200A) || code == 0x202F || code == 0x205F ||
		code == 0x3000)
		return ' ';
	if ((code >= 0x2010 && code <= 0x2015) || code == 0x2212 || code == 0x2043 || code == 0xFE63)
		return '-';
	if (code >= 0xFF01 && code <= 0xFF5E)
		return (char) (code - 0xFEE0);
	if (code == 0xAD || code == 0xFEFF || code == 0x2060 || (code >= 0x200B && code <= 0x200F))
		return '\0';

	/* What separates words is no part of one */
	if ((code >= 0x80 && code <= 0xBF) || (code >= 0x2000 && code <= 0x2BFF) ||
		(code >= 0x3000 && code <= 0x303F))
		return ',';
	return OTHER;
}

/* Write a text in plain characters, with a zero at its end */
static void
PlainText(const char *text, size_t length, char *out)
{
	while (length > 0)
	{
		int			bytes = 1;
		char		c = *text;

		if ((unsigned char) c >= 0x80)
		{
			bytes = Min(pg_utf_mblen((const unsigned char *) text), (int) length);
			c = bytes > 1 ? PlainCharacter(utf8_to_unicode((const unsigned char *) text)) : OTHER;
		}
		else if (c == '\t' || c == '\n' || c == '\r')
			c = ' ';
		if (c >= 'a' && c <= 'z')
			c += 'A' - 'a';
		if (c != '\0')
			*out++ = c;
		text += bytes;
		length -= bytes;
	}
	*out = '\0';
}

static inline bool
IsDigit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
IsCapital(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* True for what a word or number is made of */
static inline bool
IsWord(char c)
{
	return IsDigit(c) || IsCapital(c) || c == '_' || c == OTHER;
}

/* True for what may stand between groups */
static inline bool
IsSeparator(char c)
{
	return c == ' ' || c == '-';
}

/* True if a character is as the letter of a layout says */
static bool
FitsLayout(char c, char letter)
{
	return letter == 'n' ? IsDigit(c) : letter == 'a' ? IsCapital(c) : IsDigit(c) || IsCapital(c);
}

/* Continue the remainder by 97 with a character */
static int
Mod97(int remainder, char c)
{
	if (IsDigit(c))
		return (remainder * 10 + (c - '0')) % 97;
	return (remainder * 100 + (c - 'A' + 10)) % 97;
}

/* The layout of a country's IBAN, or NULL */
static const char *
FindLayout(const char *country)
{
	for (int i = 0; i < lengthof(ibans); i++)
		if (ibans[i][0] == country[0] && ibans[i][1] == country[1])
			return ibans[i] + 2;
	return NULL;
}

/* Step over one separator, if there is one */
static const char *
SkipSeparator(const char *p)
{
	return IsSeparator(*p) && IsWord(p[1]) ? p + 1 : p;
}

/* True if an IBAN begins here */
static bool
IsIban(const char *p)
{
	const char *country = p;
	const char *check;
	const char *layout;
	int			remainder = 0;

	if (!IsCapital(p[0]) || !IsCapital(p[1]))
		return false;
	check = SkipSeparator(p + 2);
	if (!IsDigit(check[0]) || !IsDigit(check[1]))
		return false;
	layout = FindLayout(p);
	if (layout == NULL)
		return false;
	p = check + 2;
	while (IsDigit(*layout))
	{
		int			count = strtol(layout, (char **) &layout, 10);

		for (; count > 0; count--)
		{
			p = SkipSeparator(p);
			if (!FitsLayout(*p, *layout))
				return false;
			remainder = Mod97(remainder, *p++);
		}
		layout++;
	}
	if (IsWord(*p))
		return false;
	remainder = Mod97(Mod97(remainder, country[0]), country[1]);
	return Mod97(Mod97(remainder, check[0]), check[1]) == 1;
}

/* Luhn's checksum */
static bool
IsLuhn(const char *digits, int count)
{
	int			sum = 0;

	for (int i = 0; i < count; i++)
	{
		int			digit = digits[count - 1 - i] - '0';

		if (i % 2 == 1)
			digit = digit > 4 ? digit * 2 - 9 : digit * 2;
		sum += digit;
	}
	return sum % 10 == 0;
}

/* True for the digits of a card */
static bool
IsCard(const char *digits, int count)
{
	int			first = 0;

	for (int i = 0; i < 6; i++)
		first = first * 10 + (digits[i] - '0');
	for (int i = 0; i < lengthof(issuers); i++)
		if (first >= issuers[i].from && first <= issuers[i].to &&
			count >= issuers[i].least && count <= issuers[i].most)
			return IsLuhn(digits, count);
	return false;
}

/* Length of the digits here */
static int
CountDigits(const char *p)
{
	int			count = 0;

	while (IsDigit(p[count]))
		count++;
	return count;
}

/*
 * True if groups of these sizes begin here, with the same separator between
 * them and no digits right behind; their digits go to digits
 */
static bool
ReadGroups(const char *p, const int *sizes, char *digits, int *count)
{
	char		separator = p[sizes[0]];

	*count = 0;
	if (!IsSeparator(separator))
		return false;
	for (int i = 0; sizes[i] != 0; i++)
	{
		if (i > 0 && *p++ != separator)
			return false;
		if (CountDigits(p) != sizes[i])
			return false;
		memcpy(digits + *count, p, sizes[i]);
		*count += sizes[i];
		p += sizes[i];
	}
	return !IsWord(*p);
}

/* True if a card begins here; bare: also one without separators */
static bool
BeginsCard(const char *p, bool bare)
{
	char		digits[32];
	int			count = CountDigits(p);

	/* longer ones without separators are more often something else */
	if (bare && count >= 14 && count <= 16 && !IsWord(p[count]) &&
		!((p[count] == '.' || p[count] == ',') && IsDigit(p[count + 1])) && IsCard(p, count))
		return true;
	for (int i = 0; i < lengthof(card_groups); i++)
		if (ReadGroups(p, card_groups[i], digits, &count) && IsCard(digits, count))
			return true;
	return false;
}

/* True for a number that the rules of American social security allow */
static bool
IsSsn(const char *digits)
{
	return memcmp(digits, "000", 3) != 0 && memcmp(digits, "666", 3) != 0 && digits[0] != '9' &&
		memcmp(digits + 3, "00", 2) != 0 && memcmp(digits + 5, "0000", 4) != 0;
}

/* True if a word before a place says that a social security number follows */
static bool
IsAnnounced(const char *text, const char *p)
{
	size_t		distance = Min(p - text, WORD_DISTANCE);
	char		before[WORD_DISTANCE + 1];

	memcpy(before, p - distance, distance);
	before[distance] = '\0';
	return strstr(before, "SSN") != NULL || strstr(before, "SOCIAL SECURITY") != NULL;
}

/* True if an American social security number begins here */
static bool
BeginsSsn(const char *text, const char *p)
{
	static const int sizes[] = {3, 2, 4, 0};
	char		digits[16];
	int			count = CountDigits(p);

	if (count == 9)
		return !IsWord(p[9]) && IsSsn(p) && IsAnnounced(text, p);
	if (!ReadGroups(p, sizes, digits, &count) || !IsSsn(digits))
		return false;

	/* a number that goes on is another one */
	p += 11;
	return !(IsSeparator(*p) && IsDigit(p[1]));
}

/* True if digits before a place belong to the same number */
static bool
GoesOn(const char *text, const char *p)
{
	return p - text >= 2 && IsSeparator(p[-1]) && IsDigit(p[-2]);
}

/* True if a number may begin here */
static bool
MayBegin(const char *text, const char *p)
{
	if (p == text)
		return true;
	if (IsWord(p[-1]) || p[-1] == '+')
		return false;
	return !(p - text >= 2 && (p[-1] == '.' || p[-1] == ',') && IsDigit(p[-2]));
}

/* True if IBAN, the word, ends right here */
static bool
FollowsIbanWord(const char *text, const char *p)
{
	return p - text >= 4 && memcmp(p - 4, "IBAN", 4) == 0 && (p - text == 4 || !IsWord(p[-5]));
}

/* The categories that a text tells of which has digits enough */
static pg_noinline uint32
JudgeText(const char *text, size_t length, bool identifier)
{
	uint32		categories = 0;
	char		few[256];
	char	   *plain = few;

	if (length >= sizeof(few))
		plain = palloc(length + 1);
	PlainText(text, length, plain);
	for (const char *p = plain; *p; p++)
	{
		if (IsCapital(*p) && (p == plain || !IsWord(p[-1]) || FollowsIbanWord(plain, p)))
		{
			if (IsIban(p))
				categories |= 1U << SENSITIVE_BANKING;
		}
		else if (IsDigit(*p) && MayBegin(plain, p))
		{
			if (BeginsCard(p, !identifier))
				categories |= 1U << SENSITIVE_BANKING;
			if (!GoesOn(plain, p) && BeginsSsn(plain, p))
				categories |= 1U << SENSITIVE_US_SSN;
		}
	}
	if (plain != few)
		pfree(plain);
	return categories;
}

/* The categories that a value tells of */
uint32
SensitiveValueCategories(const char *text, size_t length, bool identifier)
{
	if (length < SENSITIVE_LEAST_LENGTH || IsUuid(text, length) || !HasDigits(text, length))
		return 0;
	return JudgeText(text, length, identifier);
}

/* A category that a value tells of, or NULL */
const char *
SensitiveValue(const char *text, size_t length)
{
	return SensitiveFirst(SensitiveValueCategories(text, length, false));
}
