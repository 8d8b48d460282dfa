#include "postgres.h"

#include "closest.h"
#include "field.h"

static const char employment_statuses[] = "ACTIVE,PENDING,LEAVE,INACTIVE";
static const char employment_types[] = "FULL_TIME,PART_TIME,INTERN,CONTRACTOR,FREELANCE";
static const char pay_periods[] = "HOUR,DAY,WEEK,EVERY_TWO_WEEKS,SEMIMONTHLY,MONTH,QUARTER,"
"EVERY_SIX_MONTHS,YEAR";

/* name, kind, type, choices, label, on card, import */
static const FieldInfo fields[] = {
	{"identifier", FIELD_DEFAULT, VALUE_TEXT, NULL, "Identifier", true, NULL},
	{"name", FIELD_DEFAULT, VALUE_TEXT, NULL, "Name", true, NULL},
	{"email", FIELD_DEFAULT, VALUE_TEXT, NULL, "Email", true, NULL},
	{"personal_email", FIELD_DEFAULT, VALUE_TEXT, NULL, "Personal email", true, NULL},
	{"address_line_1", FIELD_DEFAULT, VALUE_TEXT, NULL, "Address line 1", true, NULL},
	{"address_line_2", FIELD_DEFAULT, VALUE_TEXT, NULL, "Address line 2", true, NULL},
	{"zip_code", FIELD_DEFAULT, VALUE_TEXT, NULL, "Zip code", true, NULL},
	{"city", FIELD_DEFAULT, VALUE_TEXT, NULL, "City", true, NULL},
	{"country", FIELD_DEFAULT, VALUE_COUNTRY, NULL, "Country", true, NULL},
	{"birthdate", FIELD_DEFAULT, VALUE_DATE, NULL, "Birthdate", true, NULL},
	{"group_name", FIELD_DEFAULT, VALUE_TEXT, NULL, "Group name", true, NULL},
	{"start_date", FIELD_DEFAULT, VALUE_DATE, NULL, "Start date", false, NULL},
	{"termination_date", FIELD_DEFAULT, VALUE_DATE, NULL, "Termination date", false, NULL},
	{"employment_status", FIELD_DEFAULT, VALUE_CHOICE, employment_statuses, "Employment status",
	false, NULL},
	{"employment_type", FIELD_DEFAULT, VALUE_CHOICE, employment_types, "Employment type",
	false, NULL},
	{"team", FIELD_DEFAULT, VALUE_TEXT, NULL, "Team", false, NULL},

	{"manager", FIELD_OPTIONAL, VALUE_TEXT, NULL, "Manager", true, "manager"},
	{"mobile_phone", FIELD_OPTIONAL, VALUE_PHONE, NULL, "Mobile phone", true, "mobile_phone"},
	{"pay_rate", FIELD_OPTIONAL, VALUE_NUMERIC, NULL, "Pay rate", false, "pay_rate"},
	{"pay_period", FIELD_OPTIONAL, VALUE_CHOICE, pay_periods, "Pay period", false, "pay_rate"},
	{"pay_currency", FIELD_OPTIONAL, VALUE_CURRENCY, NULL, "Pay currency", false, "pay_rate"},

	{"remote_id", FIELD_SOURCE, VALUE_TEXT, NULL, "Remote id", false, NULL},
	{"employee_number", FIELD_SOURCE, VALUE_TEXT, NULL, "Employee number", false, NULL},
	{"work_email", FIELD_SOURCE, VALUE_TEXT, NULL, "Work email", false, NULL},
	{"first_name", FIELD_SOURCE, VALUE_TEXT, NULL, "First name", false, NULL},
	{"last_name", FIELD_SOURCE, VALUE_TEXT, NULL, "Last name", false, NULL},
	{"job_title", FIELD_SOURCE, VALUE_TEXT, NULL, "Job title", false, NULL},
	{"groups", FIELD_SOURCE, VALUE_TEXT_ARRAY, NULL, "Groups", false, NULL},
};

static const char *const reserved_names[] = {
	"stakeholder_id", "kind", "identifier_key", "name_key", "email_key", "manager_id",
	"created_at", "updated_at", "connection", "remote_id", "problems", "changes_on",
	"record", "record_hash", "unknown", "shrunk", "first_seen_at", "changed_at",
	"missing_since"
};

/* The field at a position */
const FieldInfo *
FieldAt(int i)
{
	if (i < 0 || i >= lengthof(fields))
		elog(ERROR, "no field %d", i);
	return &fields[i];
}

/* Number of shipped fields */
int
FieldCount(void)
{
	return lengthof(fields);
}

/* Find a shipped field */
const FieldInfo *
FieldFind(const char *name)
{
	for (int i = 0; i < lengthof(fields); i++)
	{
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

/* True for the name of a bookkeeping column */
bool
FieldNameReserved(const char *name)
{
	for (int i = 0; i < lengthof(reserved_names); i++)
	{
		if (strcmp(reserved_names[i], name) == 0)
			return true;
	}
	return false;
}

/* The name closest to a mistyped one */
const char *
FieldClosest(const char *name)
{
	List	   *names = NIL;

	for (int i = 0; i < lengthof(fields); i++)
		names = lappend(names, (char *) fields[i].name);
	return ClosestWord(name, names);
}
