/*
 * Judging names.
 *
 * A name is cut into words (camelCase, underscores, blanks, digits), without
 * case and accents. Then each run of words is looked up as if written in one:
 * so "bank account", bankAccount and bankaccount are the same. Names come back
 * with every record, so verdicts are remembered.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "sensitive.h"
#include "sensitive_terms.h"
#include "utils/memutils.h"

/* Words of a name that are looked at, and how many may make a term */
#define MAX_WORDS 32
#define MAX_RUN 7

/* Bytes of a name that are looked at, and of one that is remembered */
#define MAX_NAME 256
#define MAX_REMEMBERED 55

/* Terms of so few letters are one word, or the whole name */
#define SHORT_TERM 5

/* Letters of a neutral word that may be glued to a term */
#define LEAST_GLUED 4

/* Verdicts remembered */
#define VERDICTS 1024

/* A term as it is looked up: without blanks, case and accents */
typedef struct TermEntry
{
	char	   *text;			/* NULL in an empty slot */
	uint32		any;			/* categories where it is refused anywhere */
	uint32		alone;
	bool		innocent;
	bool		neutral;
} TermEntry;

typedef struct PartEntry
{
	char	   *text;
	uint32		category;
	struct PartEntry *next;
} PartEntry;

typedef struct Word
{
	int			start;
	int			length;
	bool		covered;		/* by something innocent */
	bool		named;			/* part of a term that is refused alone */
	bool		neutral;
} Word;

/* A name cut into words; text has them one after the other */
typedef struct Words
{
	int			count;
	Word		words[MAX_WORDS];
	int			length;
	char		text[MAX_NAME * 2];
} Words;

typedef struct Verdict
{
	uint32		categories;
	uint8		length;			/* 0 for an empty slot */
	char		name[MAX_REMEMBERED];
} Verdict;

static const char *const category_names[SENSITIVE_COUNT] = {
	"ethnic_origin", "political", "religion", "trade_union", "health", "biometric", "sex_life",
	"criminal_record", "banking", "credit_rating", "identity_document", "us_ssn"
};

/* By TermKind; what is refused anywhere is a word or a phrase */
static const char *const kind_names[] = {"word", "part", "alone", "innocent", "neutral"};

/* Rules for values, which sensitive_value.c follows */
static const struct
{
	int			category;
	const char *rule;
	const char *note;
}			value_rules[] =

{
	{SENSITIVE_BANKING, "IBAN", "country, length and layout of the registry, checksum; blanks and hyphens allowed"},
	{SENSITIVE_BANKING, "card number", "range and length of an issuer, Luhn's checksum; in groups, or 14 to 16 digits in one outside of identifiers"},
	{SENSITIVE_US_SSN, "US SSN", "3-2-4 digits with hyphens or blanks, not 000, 666 or 9xx, 00, 0000; nine digits in one only behind the word SSN"},
};

/* Base letters of U+00C0 to U+017F; a blank for what is no letter */
static const char *const base_letters[] = {
	"A", "A", "A", "A", "A", "A", "AE", "C", "E", "E", "E", "E", "I", "I", "I", "I",
	"D", "N", "O", "O", "O", "O", "O", " ", "O", "U", "U", "U", "U", "Y", "TH", "ss",
	"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
	"d", "n", "o", "o", "o", "o", "o", " ", "o", "u", "u", "u", "u", "y", "th", "y",
	"A", "a", "A", "a", "A", "a", "C", "c", "C", "c", "C", "c", "C", "c", "D", "d",
	"D", "d", "E", "e", "E", "e", "E", "e", "E", "e", "E", "e", "G", "g", "G", "g",
	"G", "g", "G", "g", "H", "h", "H", "h", "I", "i", "I", "i", "I", "i", "I", "i",
	"I", "i", "IJ", "ij", "J", "j", "K", "k", "k", "L", "l", "L", "l", "L", "l", "L",
	"l", "L", "l", "N", "n", "N", "n", "N", "n", "n", "N", "n", "O", "o", "O", "o",
	"O", "o", "OE", "oe", "R", "r", "R", "r", "R", "r", "S", "s", "S", "s", "S", "s",
	"S", "s", "T", "t", "T", "t", "T", "t", "U", "u", "U", "u", "U", "u", "U", "u",
	"U", "u", "U", "u", "W", "w", "Y", "y", "Y", "Z", "z", "Z", "z", "Z", "z", "s",
};

StaticAssertDecl(lengthof(base_letters) == 0x17F - 0xC0 + 1, "one base letter for each");

static TermEntry *terms = NULL;
static uint32 term_mask = 0;
static PartEntry *parts = NULL;
static Verdict verdicts[VERDICTS];

/* Name of a category */
const char *
SensitiveCategoryName(int category)
{
	Assert(category >= 0 && category < SENSITIVE_COUNT);
	return category_names[category];
}

/* Number of a category, or -1 */
int
SensitiveCategoryFind(const char *name)
{
	for (int i = 0; i < SENSITIVE_COUNT; i++)
	{
		if (strcmp(category_names[i], name) == 0)
			return i;
	}
	return -1;
}

/* Name of the first category of a set */
const char *
SensitiveFirst(uint32 categories)
{
	for (int i = 0; i < SENSITIVE_COUNT; i++)
	{
		if (categories & (1U << i))
			return category_names[i];
	}
	return NULL;
}

/*
 * Read one character and write it in ASCII where it is a Latin letter or a
 * digit; returns the bytes read. What is no letter becomes a blank, what
 * cannot be seen nothing, other letters stay.
 */
static int
ReadCharacter(const char *text, size_t length, char *out)
{
	unsigned char c = (unsigned char) *text;
	int			bytes;
	pg_wchar	code;

	out[0] = out[1] = out[2] = '\0';
	if (c < 0x80)
	{
		out[0] = isalnum(c) ? (char) c : ' ';
		return 1;
	}
	bytes = pg_utf_mblen((const unsigned char *) text);
	if ((size_t) bytes > length || bytes < 2)
	{
		out[0] = ' ';
		return 1;
	}
	code = utf8_to_unicode((const unsigned char *) text);
	if (code >= 0xC0 && code <= 0x17F)
		memcpy(out, base_letters[code - 0xC0], strlen(base_letters[code - 0xC0]));
	else if (code >= 0xFF01 && code <= 0xFF5E)
		out[0] = isalnum(code - 0xFEE0) ? (char) (code - 0xFEE0) : ' ';
	else if ((code >= 0x300 && code <= 0x36F) || code == 0xAD || code == 0xFEFF ||
			 (code >= 0x200B && code <= 0x200D) || code == 0x2060)
		;
	else if ((code >= 0x80 && code <= 0xBF) || (code >= 0x2000 && code <= 0x2BFF) ||
			 (code >= 0x3000 && code <= 0x303F) || code >= 0x1F000)
		out[0] = ' ';
	else
		memcpy(out, "\1", 1);
	return bytes;
}

/* Write a name in plain characters: letters of both cases, digits, blanks */
static int
PlainName(const char *name, size_t length, char *plain)
{
	int			written = 0;

	while (length > 0 && written < MAX_NAME - 3)
	{
		char		out[4];
		int			bytes = ReadCharacter(name, length, out);

		for (char *p = out; *p; p++)
			plain[written++] = *p;
		name += bytes;
		length -= bytes;
	}
	plain[written] = '\0';
	return written;
}

/* True if a word begins at a place inside plain letters */
static bool
BeginsWord(const char *plain, int i)
{
	char		before = plain[i - 1];
	char		c = plain[i];

	if (isdigit((unsigned char) before) != isdigit((unsigned char) c))
		return true;
	if (!isupper((unsigned char) c))
		return false;

	/* aB, and the B of AABb */
	return islower((unsigned char) before) || (isupper((unsigned char) before) &&
											   islower((unsigned char) plain[i + 1]));
}

/* Cut a name into words */
static void
CutWords(const char *name, size_t length, Words *words)
{
	char		plain[MAX_NAME + 1];
	int			count = PlainName(name, length, plain);
	bool		inside = false;

	words->count = 0;
	words->length = 0;
	for (int i = 0; i < count; i++)
	{
		if (plain[i] == ' ')
		{
			inside = false;
			continue;
		}
		if (!inside || BeginsWord(plain, i))
		{
			if (words->count == MAX_WORDS)
				break;
			memset(&words->words[words->count], 0, sizeof(Word));
			words->words[words->count++].start = words->length;
		}
		inside = true;
		words->text[words->length++] = pg_ascii_tolower((unsigned char) plain[i]);
		words->words[words->count - 1].length++;
	}
	words->text[words->length] = '\0';
}

/* The slot of a term, or the empty one where it belongs */
static TermEntry *
FindSlot(const char *text, int length)
{
	uint32		slot = hash_bytes((const unsigned char *) text, length) & term_mask;

	while (terms[slot].text != NULL &&
		   (strncmp(terms[slot].text, text, length) != 0 || terms[slot].text[length] != '\0'))
		slot = (slot + 1) & term_mask;
	return &terms[slot];
}

/* Take a term in one of its spellings */
static void
AddSpelling(const TermRow *row, const char *text, int length)
{
	uint32		category = row->category < SENSITIVE_COUNT ? 1U << row->category : 0;
	TermEntry  *entry;

	if (row->kind == TERM_PART)
	{
		PartEntry  *part = MemoryContextAlloc(TopMemoryContext, sizeof(PartEntry));

		part->text = MemoryContextStrdup(TopMemoryContext, text);
		part->category = category;
		part->next = parts;
		parts = part;
	}
	entry = FindSlot(text, length);
	if (entry->text == NULL)
		entry->text = MemoryContextStrdup(TopMemoryContext, text);
	if (row->kind == TERM_ANYWHERE || row->kind == TERM_PART)
		entry->any |= category;
	else if (row->kind == TERM_ALONE)
		entry->alone |= category;
	else if (row->kind == TERM_INNOCENT)
		entry->innocent = true;
	else
		entry->neutral = true;
}

/* Write umlauts with two letters, in UTF-8; false if there are none */
static bool
SpellUmlauts(const char *term, size_t length, char *out)
{
	static const char *const umlauts[] = {"ä", "ae", "ö", "oe", "ü", "ue"};
	bool		found = false;

	while (length > 0)
	{
		int			bytes = pg_utf_mblen((const unsigned char *) term);
		const char *as = NULL;

		for (int i = 0; i < lengthof(umlauts); i += 2)
			if (bytes == 2 && memcmp(term, umlauts[i], 2) == 0)
				as = umlauts[i + 1];
		memcpy(out, as ? as : term, bytes);
		found = found || as != NULL;
		out += bytes;
		term += bytes;
		length -= bytes;
	}
	*out = '\0';
	return found;
}

/* Take a term of the list */
static void
AddTerm(const TermRow *row, const char *term, size_t length)
{
	char		spelled[MAX_NAME];
	Words		words;

	CutWords(term, length, &words);
	AddSpelling(row, words.text, words.length);
	if (SpellUmlauts(term, length, spelled))
	{
		CutWords(spelled, strlen(spelled), &words);
		AddSpelling(row, words.text, words.length);
	}
}

/* The end of a term in a list of them */
static const char *
TermEnd(const char *list)
{
	const char *comma = strstr(list, ", ");

	return comma ? comma : list + strlen(list);
}

/* Read the lists, once */
static void
LoadTerms(void)
{
	TermEntry  *slots;

	term_mask = 4095;
	slots = MemoryContextAllocZero(TopMemoryContext, sizeof(TermEntry) * (term_mask + 1));
	terms = slots;
	for (int i = 0; i < lengthof(term_rows); i++)
	{
		const char *term = term_rows[i].terms;

		while (*term)
		{
			const char *end = TermEnd(term);

			AddTerm(&term_rows[i], term, end - term);
			term = *end ? end + 2 : end;
		}
	}
}

/* The term that a run of words is, or NULL; a plural is as good */
static const TermEntry *
FindRun(const Words *words, int first, int count)
{
	const Word *last = &words->words[first + count - 1];
	const char *text = words->text + words->words[first].start;
	int			length = last->start + last->length - words->words[first].start;
	TermEntry  *entry = FindSlot(text, length);

	if (entry->text == NULL && length > 3 && text[length - 1] == 's')
	{
		entry = FindSlot(text, length - 1);
		if (entry->text != NULL && (entry->any == 0 || entry->alone != 0))
			return NULL;
	}
	if (entry->text == NULL)
		return NULL;
	if (length < SHORT_TERM && count > 1 && count < words->count)
		return NULL;
	return entry;
}

/* The term that a word is with a neutral word glued to it, as bankaccountnumber; or NULL */
static const TermEntry *
FindGlued(const Words *words, const Word *word)
{
	const char *text = words->text + word->start;

	for (int cut = 3; cut <= word->length - 3; cut++)
	{
		const TermEntry *left = FindSlot(text, cut);
		const TermEntry *right = FindSlot(text + cut, word->length - cut);

		if (left->text == NULL || right->text == NULL)
			continue;
		if ((left->any | left->alone) != 0 && right->neutral && word->length - cut >= LEAST_GLUED)
			return left;
		if ((right->any | right->alone) != 0 && left->neutral && cut >= LEAST_GLUED)
			return right;
	}
	return NULL;
}

/* Find what is innocent or neutral */
static void
ExcuseWords(Words *words)
{
	for (int first = 0; first < words->count; first++)
	{
		Word	   *word = &words->words[first];

		word->neutral = word->length == 1 || isdigit((unsigned char) words->text[word->start]);
		for (int count = Min(MAX_RUN, words->count - first); count > 0; count--)
		{
			const TermEntry *entry = FindRun(words, first, count);

			if (entry == NULL)
				continue;
			if (entry->neutral && count == 1)
				word->neutral = true;
			for (int i = first; entry->innocent && i < first + count; i++)
				words->words[i].covered = true;
		}
	}
}

/* True if no word of a run is covered by something innocent */
static bool
RunIsOpen(const Words *words, int first, int count)
{
	for (int i = first; i < first + count; i++)
		if (words->words[i].covered)
			return false;
	return true;
}

/* Categories of terms inside of longer words */
static uint32
JudgeParts(const Words *words)
{
	uint32		categories = 0;
	char		text[MAX_NAME * 2];

	for (int i = 0; i < words->count; i++)
	{
		const Word *word = &words->words[i];

		if (word->covered || word->length < 6)
			continue;
		memcpy(text, words->text + word->start, word->length);
		text[word->length] = '\0';
		for (const PartEntry *part = parts; part != NULL; part = part->next)
			if (strstr(text, part->text) != NULL)
				categories |= part->category;
	}
	return categories;
}

/* Categories of a name, or of one segment of it */
static uint32
JudgeSegment(const char *name, size_t length)
{
	Words		words;
	uint32		categories;
	uint32		alone = 0;

	CutWords(name, length, &words);
	ExcuseWords(&words);
	categories = JudgeParts(&words);
	for (int first = 0; first < words.count; first++)
	{
		for (int count = 1; count <= Min(MAX_RUN, words.count - first); count++)
		{
			const TermEntry *entry = FindRun(&words, first, count);

			if (entry == NULL && count == 1)
				entry = FindGlued(&words, &words.words[first]);
			if (entry == NULL || !RunIsOpen(&words, first, count))
				continue;
			categories |= entry->any;
			alone |= entry->alone;
			for (int i = first; entry->alone != 0 && i < first + count; i++)
				words.words[i].named = true;
		}
	}

	/* What is refused alone suffers only neutral words beside it */
	for (int i = 0; i < words.count; i++)
		if (words.words[i].covered || !(words.words[i].named || words.words[i].neutral))
			return categories;
	return categories | alone;
}

/* Categories of a name, and of its segments between points and slashes */
static uint32
JudgeName(const char *name, size_t length)
{
	uint32		categories = JudgeSegment(name, length);
	size_t		start = 0;

	for (size_t i = 0; i <= length; i++)
	{
		if (i < length && name[i] != '.' && name[i] != '/')
			continue;
		if (i > start && i - start < length)
			categories |= JudgeSegment(name + start, i - start);
		start = i + 1;
	}
	return categories;
}

/* The categories that a name tells of */
uint32
SensitiveNameCategories(const char *name, size_t length)
{
	Verdict    *verdict;

	if (terms == NULL)
		LoadTerms();
	if (length == 0 || length > MAX_REMEMBERED)
		return length == 0 ? 0 : JudgeName(name, length);
	verdict = &verdicts[hash_bytes((const unsigned char *) name, (int) length) % VERDICTS];
	if (verdict->length != length || memcmp(verdict->name, name, length) != 0)
	{
		verdict->categories = JudgeName(name, length);
		verdict->length = (uint8) length;
		memcpy(verdict->name, name, length);
	}
	return verdict->categories;
}

/* True for a field that holds numbers by which people or things are known */
bool
SensitiveIsIdentifier(const char *field)
{
	static const char *const fields[] = {"identifier", "employee_number", "remote_id", "manager"};
	static const char *const ends[] = {"number", "no", "nr", "id", "code", "key", "ref", "reference", "nummer", "numero", "matricule", "matricola", "matricula", "badge"};
	Words		words;

	for (int i = 0; i < lengthof(fields); i++)
		if (strcmp(field, fields[i]) == 0)
			return true;
	CutWords(field, strlen(field), &words);
	if (words.count == 0)
		return false;
	for (int i = 0; i < lengthof(ends); i++)
		if (strcmp(words.text + words.words[words.count - 1].start, ends[i]) == 0)
			return true;
	return false;
}

/* Refuse a name that tells of categories */
void
SensitiveRefuseField(const char *field, const char *what, uint32 categories)
{
	const char *category = SensitiveFirst(categories);

	if (category == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("field \"%s\" is refused: %s tells of %s", field, what, category),
			 errhint("Such data is kept out of registers. Where it must be kept: SELECT stakesync_allow_sensitive('%s', '%s', 'why', current_date + 90);",
					 category, field)));
}

/* Hand over the terms of a row of the list */
static void
ListRow(const TermRow *row, void (*take) (const SensitiveTerm *term, void *arg), void *arg)
{
	SensitiveTerm term = {0};

	term.category = row->category < SENSITIVE_COUNT ? category_names[row->category] : NULL;
	term.language = row->language[0] == '*' ? NULL : row->language;
	term.note = row->note;
	for (const char *next = row->terms; *next;)
	{
		const char *end = TermEnd(next);

		term.term = pnstrdup(next, end - next);
		term.kind = row->kind == TERM_ANYWHERE && strchr(term.term, ' ') ? "phrase" :
			kind_names[row->kind];
		take(&term, arg);
		next = *end ? end + 2 : end;
	}
}

/* Hand over all terms, then the rules for values */
void
SensitiveListTerms(void (*take) (const SensitiveTerm *term, void *arg), void *arg)
{
	for (int i = 0; i < lengthof(term_rows); i++)
		ListRow(&term_rows[i], take, arg);
	for (int i = 0; i < lengthof(value_rules); i++)
	{
		SensitiveTerm term = {category_names[value_rules[i].category], NULL, value_rules[i].rule,
		"value rule", value_rules[i].note};

		take(&term, arg);
	}
}
