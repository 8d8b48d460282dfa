/*
 * Canonical forms of text
 *
 * Two texts that a reader takes for the same have one key. A key is made in
 * four steps, in this order:
 *
 * 1. Invisible characters are dropped, and runs of white space become one
 *    blank (none at the ends). This comes first because an invisible
 *    character can keep a letter apart from its accent.
 * 2. NFC, so that a letter with its accent has one form.
 * 3. Full case folding without locale (ss for a sharp s, the dotless i stays).
 * 4. NFC again, since folding takes some letters apart.
 *
 * The key of a key is the key itself. Compatibility forms (full-width letters,
 * ligatures' width variants) and diacritics count: this is NFC, not NFKC.
 *
 * Invisible are control characters, format characters but the few that
 * are drawn (Arabic number signs), and whatever Unicode lets a renderer
 * ignore: joiners, soft hyphens, bidi marks, byte order marks, selectors.
 *
 * Most text is ASCII, where all of this is a loop over bytes. Only the rest is
 * converted to UTF-16 for ICU. The database is UTF-8, so text is valid.
 */
#include "postgres.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "canonical.h"

/* NFC and case folding make at most three units of one */
#define MAX_EXPANSION 3

#define VIRAMA_CLASS 9

typedef enum CharacterClass
{
	CHARACTER_VISIBLE,
	CHARACTER_BLANK,
	CHARACTER_INVISIBLE
} CharacterClass;

/* Text in UTF-16, as ICU takes it */
typedef struct WideText
{
	UChar	   *units;
	int32_t		length;
} WideText;

/* What people write where there is nothing, in canonical form */
static const char *const nothing_words[] = {
	"-", "--", ".", "0", "00", "n/a", "na", "none", "null"
};

/* Check for text that needs no ICU */
static bool
IsAscii(const char *text, size_t length)
{
	const uint64 high_bits = UINT64CONST(0x8080808080808080);
	uint64		word;

	for (; length >= sizeof(word); text += sizeof(word), length -= sizeof(word))
	{
		memcpy(&word, text, sizeof(word));
		if (word & high_bits)
			return false;
	}

	for (; length > 0; text++, length--)
	{
		if (IS_HIGHBIT_SET(*text))
			return false;
	}

	return true;
}

/* Raise what ICU reports; valid UTF-8 gives it no reason to */
static void
CheckStatus(UErrorCode status, const char *function)
{
	if (U_FAILURE(status))
		elog(ERROR, "%s failed: %s", function, u_errorName(status));
}

/* Classify a character below 128 */
static inline CharacterClass
ClassifyAscii(unsigned char c)
{
	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return CHARACTER_BLANK;

	return (c < ' ' || c == 0x7F) ? CHARACTER_INVISIBLE : CHARACTER_VISIBLE;
}

/* Classify any character */
static CharacterClass
Classify(UChar32 c)
{
	if (c < 0x80)
		return ClassifyAscii((unsigned char) c);

	if (u_isUWhiteSpace(c))
		return CHARACTER_BLANK;

	if (u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
		return CHARACTER_INVISIBLE;

	if ((U_GET_GC_MASK(c) & (U_GC_CC_MASK | U_GC_CF_MASK)) != 0 &&
		!u_hasBinaryProperty(c, UCHAR_PREPENDED_CONCATENATION_MARK))
		return CHARACTER_INVISIBLE;

	return CHARACTER_VISIBLE;
}

/* Make the key of ASCII text; NULL if nothing is left */
static char *
MakeAsciiKey(const char *text, size_t length)
{
	char	   *key = palloc(length + 1);
	size_t		used = 0;
	bool		blank = false;

	for (size_t i = 0; i < length; i++)
	{
		CharacterClass class = ClassifyAscii((unsigned char) text[i]);

		if (class == CHARACTER_BLANK)
			blank = true;
		else if (class == CHARACTER_VISIBLE)
		{
			/* A blank counts once something follows it */
			if (blank && used > 0)
				key[used++] = ' ';
			blank = false;
			key[used++] = pg_ascii_tolower((unsigned char) text[i]);
		}
	}
	key[used] = '\0';

	if (used == 0)
	{
		pfree(key);
		return NULL;
	}

	return key;
}

/* Convert from UTF-8 */
static void
Widen(WideText *wide, const char *text, size_t length)
{
	UErrorCode	status = U_ZERO_ERROR;

	/* UTF-16 never has more units than UTF-8 */
	wide->units = palloc((length + 1) * sizeof(UChar));
	u_strFromUTF8(wide->units, (int32_t) length + 1, &wide->length,
				  text, (int32_t) length, &status);
	CheckStatus(status, "u_strFromUTF8");
}

/* Convert to UTF-8; frees the wide text */
static char *
Narrow(WideText *wide)
{
	UErrorCode	status = U_ZERO_ERROR;
	Size		capacity;
	int32_t		length = 0;
	char	   *text;

	/* A unit of UTF-16 takes at most three bytes */
	capacity = (Size) wide->length * 3 + 1;
	text = palloc(capacity);
	u_strToUTF8(text, (int32_t) capacity, &length, wide->units, wide->length, &status);
	CheckStatus(status, "u_strToUTF8");
	pfree(wide->units);

	return text;
}

/* Drop invisible characters, and make one blank of a run of white space */
static void
Squeeze(WideText *wide)
{
	UChar	   *units = wide->units;
	int32_t		used = 0;
	int32_t		i = 0;
	bool		blank = false;

	while (i < wide->length)
	{
		int32_t		start = i;
		CharacterClass class;
		UChar32		c;

		U16_NEXT(units, i, wide->length, c);
		class = Classify(c);

		if (class == CHARACTER_BLANK)
			blank = true;
		else if (class == CHARACTER_VISIBLE)
		{
			if (blank && used > 0)
				units[used++] = ' ';
			blank = false;

			/* Never catches up: a blank kept took a unit that was read */
			memmove(units + used, units + start, (i - start) * sizeof(UChar));
			used += i - start;
		}
	}

	wide->length = used;
}

/* Make room for what one step of ICU may write */
static UChar *
MakeRoom(const WideText *wide, int32_t *capacity)
{
	Size		units = (Size) wide->length * MAX_EXPANSION + 1;

	*capacity = (int32_t) Min(units, PG_INT32_MAX);

	return palloc(units * sizeof(UChar));
}

/* Bring into NFC */
static void
Compose(WideText *wide)
{
	UErrorCode	status = U_ZERO_ERROR;
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
	UChar	   *composed;
	int32_t		capacity;

	CheckStatus(status, "unorm2_getNFCInstance");

	/* Most text is in it already */
	if (unorm2_quickCheck(nfc, wide->units, wide->length, &status) == UNORM_YES)
		return;

	composed = MakeRoom(wide, &capacity);
	wide->length = unorm2_normalize(nfc, wide->units, wide->length,
									composed, capacity, &status);
	CheckStatus(status, "unorm2_normalize");
	pfree(wide->units);
	wide->units = composed;
}

/* Fold case, whatever the locale */
static void
FoldCase(WideText *wide)
{
	UErrorCode	status = U_ZERO_ERROR;
	UChar	   *folded;
	int32_t		capacity;

	folded = MakeRoom(wide, &capacity);
	wide->length = u_strFoldCase(folded, capacity, wide->units, wide->length,
								 U_FOLD_CASE_DEFAULT, &status);
	CheckStatus(status, "u_strFoldCase");
	pfree(wide->units);
	wide->units = folded;
}

/* Make the key that texts share which a reader takes for the same */
char *
CanonicalKey(const char *text, size_t length)
{
	WideText	wide;

	if (IsAscii(text, length))
		return MakeAsciiKey(text, length);

	Widen(&wide, text, length);
	Squeeze(&wide);
	if (wide.length == 0)
	{
		pfree(wide.units);
		return NULL;
	}

	Compose(&wide);
	FoldCase(&wide);
	Compose(&wide);

	return Narrow(&wide);
}

/* Make the key of an identifier; words that say "nothing" have none */
char *
CanonicalIdentifier(const char *text, size_t length)
{
	char	   *key = CanonicalKey(text, length);

	if (key == NULL)
		return NULL;

	for (int i = 0; i < lengthof(nothing_words); i++)
	{
		if (strcmp(key, nothing_words[i]) == 0)
		{
			pfree(key);
			return NULL;
		}
	}

	return key;
}

/* Check for what stands between words: blanks and commas of any script */
static bool
SeparatesWords(UChar32 c)
{
	switch (c)
	{
		case ' ':
		case ',':
		case 0x060C:			/* Arabic comma */
		case 0x3001:			/* ideographic comma */
		case 0xFF0C:			/* full-width comma */
			return true;
		default:
			return false;
	}
}

/* Cut a key into its words, in place; words of punctuation alone are none */
static int
CutWords(char *key, char **words)
{
	int32_t		length = (int32_t) strlen(key);
	int32_t		first = -1;
	int32_t		i = 0;
	int			count = 0;
	bool		speaks = false;

	/* The terminator at the end ends the last word */
	while (i <= length)
	{
		int32_t		start = i;
		UChar32		c = ' ';

		if (i < length)
			U8_NEXT(key, i, length, c);
		else
			i++;

		if (SeparatesWords(c))
		{
			if (first >= 0 && speaks)
				words[count++] = key + first;
			key[start] = '\0';
			first = -1;
			speaks = false;
		}
		else
		{
			if (first < 0)
				first = start;
			if ((U_GET_GC_MASK(c) & U_GC_P_MASK) == 0)
				speaks = true;
		}
	}

	return count;
}

/* Compare two words byte by byte */
static int
CompareWords(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Make the key that names share which are equal as sets of words */
char *
CanonicalNameKey(const char *text, size_t length)
{
	char	   *key = CanonicalKey(text, length);
	char	  **words;
	char	   *name_key;
	char	   *end;
	int			count;

	if (key == NULL)
		return NULL;

	/* Two bytes at least for each word but the last */
	name_key = end = palloc(strlen(key) + 1);
	words = palloc((strlen(key) / 2 + 1) * sizeof(char *));
	count = CutWords(key, words);
	qsort(words, count, sizeof(char *), CompareWords);

	for (int i = 0; i < count; i++)
	{
		size_t		word_length = strlen(words[i]);

		if (i > 0 && strcmp(words[i], words[i - 1]) == 0)
			continue;

		if (end > name_key)
			*end++ = ' ';
		memcpy(end, words[i], word_length);
		end += word_length;
	}
	*end = '\0';

	pfree(words);
	pfree(key);
	if (count == 0)
	{
		pfree(name_key);
		return NULL;
	}

	return name_key;
}

/* Fold for comparison, every character kept */
char *
CanonicalFold(const char *text, size_t length)
{
	WideText	wide;

	if (IsAscii(text, length))
	{
		char	   *folded = palloc(length + 1);

		for (size_t i = 0; i < length; i++)
			folded[i] = pg_ascii_tolower((unsigned char) text[i]);
		folded[length] = '\0';

		return folded;
	}

	Widen(&wide, text, length);
	Compose(&wide);
	FoldCase(&wide);
	Compose(&wide);

	return Narrow(&wide);
}

/*
 * Check for an invisible character that shapes the visible one before it: a
 * variation selector (Japanese names, emoji), a tag (flags), or a joiner after
 * a virama (a final consonant in Indic scripts). Cutting it off would change
 * what is shown.
 */
static bool
ShapesPrevious(UChar32 c, UChar32 previous)
{
	if (previous < 0x80)
		return false;

	if (u_hasBinaryProperty(c, UCHAR_VARIATION_SELECTOR))
		return true;

	if (c >= 0xE0020 && c <= 0xE007F)
		return true;

	return c == 0x200D && u_getCombiningClass(previous) == VIRAMA_CLASS;
}

/* Find the end of the last visible character and of what shapes it */
static int32_t
FindEnd(const char *text, int32_t start, int32_t length)
{
	int32_t		end = length;
	int32_t		next;
	UChar32		last = 0;
	UChar32		c;

	while (end > start)
	{
		int32_t		before = end;

		U8_PREV(text, start, before, last);
		if (Classify(last) == CHARACTER_VISIBLE)
			break;
		end = before;
	}

	for (next = end; next < length; end = next)
	{
		U8_NEXT(text, next, length, c);
		if (!ShapesPrevious(c, last))
			break;
	}

	return end;
}

/* Find text without the white space and invisible characters around it */
void
CanonicalTrim(const char *text, size_t length, size_t *start, size_t *trimmed)
{
	int32_t		first = 0;
	UChar32		c;

	while (first < (int32_t) length)
	{
		int32_t		next = first;

		U8_NEXT(text, next, (int32_t) length, c);
		if (Classify(c) == CHARACTER_VISIBLE)
			break;
		first = next;
	}

	*start = first;
	*trimmed = FindEnd(text, first, (int32_t) length) - first;
}

/* Check that two values of a field say the same, character by character */
bool
CanonicalEqual(const char *a, size_t a_length, const char *b, size_t b_length)
{
	WideText	wide_a;
	WideText	wide_b;
	size_t		a_start;
	size_t		b_start;
	bool		equal;

	CanonicalTrim(a, a_length, &a_start, &a_length);
	CanonicalTrim(b, b_length, &b_start, &b_length);
	a += a_start;
	b += b_start;

	if (a_length == b_length && memcmp(a, b, a_length) == 0)
		return true;

	/*
	 * ASCII can equal other text in NFC (the Kelvin sign), but not other
	 * ASCII
	 */
	if (IsAscii(a, a_length) && IsAscii(b, b_length))
		return false;

	Widen(&wide_a, a, a_length);
	Widen(&wide_b, b, b_length);
	Compose(&wide_a);
	Compose(&wide_b);
	equal = wide_a.length == wide_b.length &&
		memcmp(wide_a.units, wide_b.units, wide_a.length * sizeof(UChar)) == 0;
	pfree(wide_a.units);
	pfree(wide_b.units);

	return equal;
}
