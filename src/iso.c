/*
 * Countries and currencies by their ISO codes
 *
 * Both tables come from ICU, and are made when the first country or
 * currency is looked up. They live as long as the process.
 *
 * ICU knows more regions than ISO 3166-1 (Kosovo, the Canary Islands) and more
 * currencies than ISO 4217 (the offshore yuan): those are left out. Currencies
 * that were withdrawn stay, since old pay is paid in them.
 */
#include "postgres.h"

#include <unicode/ucurr.h>
#include <unicode/uenum.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>

#include "canonical.h"
#include "iso.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

/* Room for the longest name of a country, in UTF-16 units */
#define MAX_COUNTRY_NAME 128

#define CURRENCY_LENGTH 3

typedef struct CountryName
{
	char	   *key;
	const char *country;		/* alpha-2 */
	int			rank;			/* of countries that share a key, the lowest
								 * wins */
} CountryName;

typedef struct CountryTable
{
	CountryName *names;
	int			count;
	int			capacity;
} CountryTable;

typedef struct CountrySynonym
{
	const char *country;
	const char *name;
} CountrySynonym;

typedef struct Currency
{
	char		code[CURRENCY_LENGTH + 1];
} Currency;

typedef struct CurrencyTable
{
	Currency   *currencies;
	int			count;
} CurrencyTable;

/* Languages whose names are known, beside each country's own main language */
static const char *const languages[] = {
	"en", "de", "fr", "es", "it", "nl", "pt"
};

/* Regions that ISO 3166 reserves, or leaves to users, and ICU may list */
static const char *const other_regions[] = {
	"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "TA", "UN", "XK"
};

/* Names that ICU does not give: of ISO 3166-1, former ones, and common ones */
static const CountrySynonym synonyms[] = {
	{"AX", "Aland Islands"},
	{"BN", "Brunei Darussalam"},
	{"BO", "Bolivia, Plurinational State of"},
	{"BO", "Plurinational State of Bolivia"},
	{"BQ", "Bonaire, Sint Eustatius and Saba"},
	{"CD", "Congo, Democratic Republic of the"},
	{"CD", "Congo, The Democratic Republic of the"},
	{"CD", "Democratic Republic of the Congo"},
	{"CD", "DR Congo"},
	{"CG", "Congo"},
	{"CG", "Republic of the Congo"},
	{"CI", "Cote d'Ivoire"},
	{"CI", "Ivory Coast"},
	{"CN", "People's Republic of China"},
	{"CV", "Cabo Verde"},
	{"CV", "Cape Verde"},
	{"CW", "Curacao"},
	{"CZ", "Czech Republic"},
	{"CZ", "Tschechische Republik"},
	{"DE", "Federal Republic of Germany"},
	{"FK", "Falkland Islands (Malvinas)"},
	{"FM", "Federated States of Micronesia"},
	{"FM", "Micronesia, Federated States of"},
	{"GB", "Great Britain"},
	{"GB", "UK"},
	{"GB", "United Kingdom of Great Britain and Northern Ireland"},
	{"GS", "South Georgia and the South Sandwich Islands"},
	{"HK", "Hong Kong"},
	{"HK", "Hongkong"},
	{"HM", "Heard Island and McDonald Islands"},
	{"IE", "Republic of Ireland"},
	{"IR", "Iran, Islamic Republic of"},
	{"IR", "Islamic Republic of Iran"},
	{"KP", "Democratic People's Republic of Korea"},
	{"KP", "Korea, Democratic People's Republic of"},
	{"KR", "Korea, Republic of"},
	{"KR", "Republic of Korea"},
	{"LA", "Lao People's Democratic Republic"},
	{"MD", "Moldova, Republic of"},
	{"MD", "Republic of Moldova"},
	{"MF", "Saint Martin (French part)"},
	{"MK", "Macedonia"},
	{"MM", "Burma"},
	{"MM", "Myanmar"},
	{"MO", "Macao"},
	{"MO", "Macau"},
	{"NL", "Holland"},
	{"PN", "Pitcairn"},
	{"PS", "Palestine"},
	{"PS", "Palestine, State of"},
	{"PS", "State of Palestine"},
	{"RE", "Reunion"},
	{"RU", "Russian Federation"},
	{"SH", "Saint Helena, Ascension and Tristan da Cunha"},
	{"SK", "Slovak Republic"},
	{"ST", "Sao Tome and Principe"},
	{"SX", "Sint Maarten (Dutch part)"},
	{"SY", "Syrian Arab Republic"},
	{"SZ", "Swaziland"},
	{"TL", "East Timor"},
	{"TR", "Turkey"},
	{"TR", "Turkiye"},
	{"TR", "Türkiye"},
	{"TW", "Taiwan, Province of China"},
	{"TZ", "Tanzania, United Republic of"},
	{"TZ", "United Republic of Tanzania"},
	{"UM", "United States Minor Outlying Islands"},
	{"US", "United States of America"},
	{"VA", "Holy See"},
	{"VA", "Holy See (Vatican City State)"},
	{"VA", "Vatican"},
	{"VE", "Bolivarian Republic of Venezuela"},
	{"VE", "Venezuela, Bolivarian Republic of"},
	{"VG", "Virgin Islands, British"},
	{"VI", "Virgin Islands, U.S."},
	{"VI", "Virgin Islands of the United States"},
	{"VN", "Viet Nam"}
};

/* Currencies younger than the ICU of some supported systems */
static const char *const young_currencies[] = {"XCG", "ZWG"};

static CountryTable *countries = NULL;
static CurrencyTable *currencies = NULL;

/* Check for punctuation that separates words */
static bool
IsSeparator(char c)
{
	return c != '\0' && strchr(" -,()/", c) != NULL;
}

/* Write out a leading "st", and drop a leading "the" */
static char *
ExpandCountryKey(char *key)
{
	if (strncmp(key, "st ", 3) == 0)
		return psprintf("saint %s", key + 3);

	return strncmp(key, "the ", 4) == 0 ? pstrdup(key + 4) : key;
}

/*
 * Make the key under which a country is found. Beyond the canonical form,
 * punctuation and usual short forms do not count: "St. Kitts & Nevis".
 */
static char *
MakeCountryKey(const char *text, size_t length)
{
	char	   *canonical = CanonicalKey(text, length);
	StringInfoData key;
	bool		blank = false;

	if (canonical == NULL)
		return NULL;

	initStringInfo(&key);
	for (const char *p = canonical; *p != '\0'; p++)
	{
		if (IsSeparator(*p))
			blank = true;
		else if (strncmp(p, "\xE2\x80\x99", 3) == 0)
			p += 2;				/* typographic apostrophe */
		else if (*p != '.' && *p != '\'')
		{
			if (blank && key.len > 0)
				appendStringInfoChar(&key, ' ');
			blank = false;

			if (*p == '&')
				appendStringInfoString(&key, "and");
			else
				appendStringInfoChar(&key, *p);
		}
	}
	pfree(canonical);

	return ExpandCountryKey(key.data);
}

/* Take up a name of a country */
static void
AddCountryName(CountryTable *table, const char *name, const char *country, int rank)
{
	char	   *key = MakeCountryKey(name, strlen(name));
	CountryName *entry;

	if (key == NULL)
		return;

	if (table->count == table->capacity)
	{
		table->capacity *= 2;
		table->names = repalloc(table->names, table->capacity * sizeof(CountryName));
	}

	entry = &table->names[table->count++];
	entry->key = pstrdup(key);	/* takes less than the builder's buffer */
	entry->country = country;
	entry->rank = rank;
	pfree(key);
}

/* Take up the name that a language has for a country, if it has one */
static void
AddDisplayName(CountryTable *table, const char *region, const char *language,
			   const char *country, int rank)
{
	UErrorCode	status = U_ZERO_ERROR;
	UChar		wide[MAX_COUNTRY_NAME];
	char		name[MAX_COUNTRY_NAME * 3 + 1];

	uloc_getDisplayCountry(region, language, wide, lengthof(wide), &status);
	if (status == U_USING_DEFAULT_WARNING)
		return;

	u_strToUTF8(name, sizeof(name), NULL, wide, -1, &status);
	if (U_SUCCESS(status) && status != U_STRING_NOT_TERMINATED_WARNING)
		AddCountryName(table, name, country, rank);
}

/* Take up codes and names of a country */
static void
AddCountry(CountryTable *table, const char *country)
{
	UErrorCode	status = U_ZERO_ERROR;
	char		region[ULOC_FULLNAME_CAPACITY];
	char		likely[ULOC_FULLNAME_CAPACITY];

	snprintf(region, sizeof(region), "und_%s", country);
	AddCountryName(table, country, country, 0);
	AddCountryName(table, uloc_getISO3Country(region), country, 1);

	for (int i = 0; i < lengthof(languages); i++)
		AddDisplayName(table, region, languages[i], country, 3 + i);

	uloc_addLikelySubtags(region, likely, sizeof(likely), &status);
	if (U_SUCCESS(status))
		AddDisplayName(table, region, likely, country, 3 + lengthof(languages));
}

/* Order by key, then rank */
static int
CompareCountryNames(const void *a, const void *b)
{
	const CountryName *name_a = a;
	const CountryName *name_b = b;
	int			order = strcmp(name_a->key, name_b->key);

	return order != 0 ? order : name_a->rank - name_b->rank;
}

/* Order by key */
static int
CompareCountryKeys(const void *a, const void *b)
{
	return strcmp(((const CountryName *) a)->key, ((const CountryName *) b)->key);
}

/* Check for a region that ISO 3166-1 does not count as a country */
static bool
IsOtherRegion(const char *region)
{
	for (int i = 0; i < lengthof(other_regions); i++)
	{
		if (strcmp(region, other_regions[i]) == 0)
			return true;
	}

	return false;
}

/* Keep one name of each key */
static void
DropRepeatedNames(CountryTable *table)
{
	int			kept = 0;

	for (int i = 0; i < table->count; i++)
	{
		if (kept > 0 && strcmp(table->names[kept - 1].key, table->names[i].key) == 0)
			pfree(table->names[i].key);
		else
			table->names[kept++] = table->names[i];
	}
	table->count = kept;
}

/* Make the table of countries, sorted by key */
static CountryTable *
BuildCountryTable(void)
{
	CountryTable *table = palloc(sizeof(CountryTable));

	table->capacity = 4096;
	table->count = 0;
	table->names = palloc(table->capacity * sizeof(CountryName));

	/* Obsolete codes follow the end of ICU's list, so that they do not show */
	for (const char *const *country = uloc_getISOCountries(); *country != NULL; country++)
	{
		if (!IsOtherRegion(*country))
			AddCountry(table, *country);
	}

	for (int i = 0; i < lengthof(synonyms); i++)
		AddCountryName(table, synonyms[i].name, synonyms[i].country, 2);

	qsort(table->names, table->count, sizeof(CountryName), CompareCountryNames);
	DropRepeatedNames(table);

	return table;
}

/* Check for a code of ICU that is of ISO 4217 and stands for a currency */
static bool
IsIsoCurrency(const char *code)
{
	UChar		wide[CURRENCY_LENGTH + 1];

	if (strlen(code) != CURRENCY_LENGTH ||
		strcmp(code, "XXX") == 0 || strcmp(code, "XTS") == 0)
		return false;

	/* ISO's have a number too */
	u_charsToUChars(code, wide, lengthof(wide));

	return ucurr_getNumericCode(wide) != 0;
}

/* Order by code */
static int
CompareCurrencies(const void *a, const void *b)
{
	return strcmp(((const Currency *) a)->code, ((const Currency *) b)->code);
}

/* Make the table of currencies, sorted by code */
static CurrencyTable *
BuildCurrencyTable(void)
{
	CurrencyTable *table = palloc0(sizeof(CurrencyTable));
	UErrorCode	status = U_ZERO_ERROR;
	UEnumeration *codes = ucurr_openISOCurrencies(UCURR_ALL, &status);
	int32_t		listed = uenum_count(codes, &status);
	const char *code;

	if (U_FAILURE(status))
		elog(ERROR, "could not list currencies: %s", u_errorName(status));

	table->currencies = palloc0((listed + lengthof(young_currencies)) * sizeof(Currency));
	while (table->count < listed && (code = uenum_next(codes, NULL, &status)) != NULL)
	{
		if (IsIsoCurrency(code))
			strlcpy(table->currencies[table->count++].code, code, sizeof(Currency));
	}
	uenum_close(codes);

	for (int i = 0; i < lengthof(young_currencies); i++)
		strlcpy(table->currencies[table->count++].code, young_currencies[i], sizeof(Currency));

	qsort(table->currencies, table->count, sizeof(Currency), CompareCurrencies);

	return table;
}

/* Make the tables, to stay as long as the process; all or none */
static void
BuildTables(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "Stakesync ISO codes",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	CountryTable *new_countries = BuildCountryTable();
	CurrencyTable *new_currencies = BuildCurrencyTable();

	MemoryContextSwitchTo(old_context);
	MemoryContextSetParent(context, TopMemoryContext);
	countries = new_countries;
	currencies = new_currencies;
}

/* Find a country by its codes or a name of it */
const char *
IsoCountry(const char *text)
{
	CountryName wanted = {0};
	CountryName *found;

	wanted.key = MakeCountryKey(text, strlen(text));
	if (wanted.key == NULL)
		return NULL;

	if (countries == NULL)
		BuildTables();

	found = bsearch(&wanted, countries->names, countries->count,
					sizeof(CountryName), CompareCountryKeys);
	pfree(wanted.key);

	return found != NULL ? found->country : NULL;
}

/* Find a currency by its code */
const char *
IsoCurrency(const char *text)
{
	Currency	wanted;
	Currency   *found;
	size_t		start;
	size_t		length;

	CanonicalTrim(text, strlen(text), &start, &length);
	if (length != CURRENCY_LENGTH)
		return NULL;

	for (int i = 0; i < CURRENCY_LENGTH; i++)
		wanted.code[i] = pg_ascii_toupper((unsigned char) text[start + i]);
	wanted.code[CURRENCY_LENGTH] = '\0';

	if (currencies == NULL)
		BuildTables();

	found = bsearch(&wanted, currencies->currencies, currencies->count,
					sizeof(Currency), CompareCurrencies);

	return found != NULL ? found->code : NULL;
}
