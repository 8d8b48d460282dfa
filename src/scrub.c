#include "postgres.h"

#include "scrub.h"

/*
 * Names of members with refused data, in letters and digits only, sorted by
 * category: banking, us_ssn and identity documents, ethnic origin, religion
 * and the like, health.
 */
static const char *const refused_names[] = {
	"bankaccount", "bankaccounts", "bankaccountnumber", "bankdetails", "bankinfo", "bankname", "bankinfos",
	"accountnumber", "routingnumber", "iban", "bic", "swift", "sortcode", "creditcard", "creditcardnumber",
	"ssn", "socialsecuritynumber", "sin", "nin", "nationalinsurancenumber", "taxid", "passport", "passportnumber", "nationalid", "nationalidnumber",
	"driverslicense", "driverslicensenumber",
	"ethnicity", "ethnicorigin", "race",
	"religion", "religiousaffiliation", "konfession", "churchtax", "kirchensteuer",
	"politicalaffiliation", "politicalparty", "tradeunion", "unionmembership",
	"sexualorientation", "sexlife", "criminalrecord", "backgroundcheck",
	"disability", "disabilitystatus", "disabilities", "healthdata", "medicalrecord", "medicalrecords", "bloodtype",
	"biometricdata", "fingerprint", "creditscore", "creditrating",
};

/* True if a member's name, without case and punctuation, is a refused one */
static bool
SameName(const char *refused, const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = pg_ascii_tolower((unsigned char) name[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			continue;
		if (*refused++ != c)
			return false;
	}
	return *refused == '\0';
}

/* True for the name of a member with refused data */
bool
ScrubRefuses(const char *name, size_t length)
{
	/* no refused name is longer, with room for punctuation */
	if (length > 40)
		return false;
	for (int i = 0; i < lengthof(refused_names); i++)
		if (SameName(refused_names[i], name, length))
			return true;
	return false;
}
