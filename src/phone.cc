/*
 * Phone numbers by libphonenumber
 *
 * No PostgreSQL header here: its errors are long jumps, which C++ frames do
 * not survive, and both sides define ERROR. Nothing may be thrown out of here.
 */
#include "phone.h"

#include <cstring>
#include <string>

#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

using i18n::phonenumbers::NullLogger;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

/* The region of a number that names its country itself */
static const char *const no_region = "ZZ";

/* Get the library, silent: it would log numbers to the server's log */
static PhoneNumberUtil *
GetUtil()
{
	static PhoneNumberUtil *util = nullptr;

	if (util == nullptr)
	{
		PhoneNumberUtil *instance = PhoneNumberUtil::GetInstance();

		instance->SetLogger(new NullLogger());
		util = instance;
	}

	return util;
}

/* Check for digits of any script; zeros alone stand for nothing */
static bool
HasDigits(const PhoneNumberUtil *util, const std::string &text)
{
	std::string digits(text);

	util->NormalizeDigitsOnly(&digits);

	return digits.find_first_not_of('0') != std::string::npos;
}

/*
 * Rewrite a number that begins with 00, as most countries dial abroad, to one
 * that begins with a plus. Returns false if it does not.
 */
static bool
ReplaceDialPrefix(const std::string &text, std::string *international)
{
	size_t		first = text.find_first_of("0123456789");

	if (first == std::string::npos || text.compare(first, 2, "00") != 0)
		return false;

	first = text.find_first_not_of('0', first);
	if (first == std::string::npos)
		return false;

	*international = "+" + text.substr(first);

	return true;
}

/* Check for a number that names its country */
static bool
HasCountryCode(const std::string &text)
{
	static const char fullwidth_plus[] = "\xEF\xBC\x8B";
	size_t		digit = text.find_first_of("0123456789");
	size_t		plus = text.find('+');

	if (plus == std::string::npos)
		plus = text.find(fullwidth_plus);

	return plus != std::string::npos && plus < digit;
}

/* Read a number as one of a region, and write it as E.164 */
static PhoneResult
FormatInRegion(const PhoneNumberUtil *util, const std::string &text,
			   const char *region, std::string *formatted)
{
	PhoneNumber number;

	if (!HasDigits(util, text))
		return PHONE_NOT_A_NUMBER;

	switch (util->Parse(text, region, &number))
	{
		case PhoneNumberUtil::NO_PARSING_ERROR:
			break;
		case PhoneNumberUtil::INVALID_COUNTRY_CODE_ERROR:
			return HasCountryCode(text) ? PHONE_INVALID : PHONE_NO_COUNTRY_CODE;
		default:
			return PHONE_INVALID;
	}

	if (!util->IsValidNumber(number))
		return PHONE_INVALID;

	/* Leaves out an extension */
	util->Format(number, PhoneNumberUtil::E164, formatted);

	return PHONE_OK;
}

/* Read a number, dialled from abroad or within its region */
static PhoneResult
FormatNumber(const std::string &text, const char *region, std::string *formatted)
{
	const PhoneNumberUtil *util = GetUtil();
	std::string international;
	PhoneResult result;

	if (!ReplaceDialPrefix(text, &international))
		return FormatInRegion(util, text, region, formatted);

	/* Some regions dial abroad otherwise, and have numbers that begin with 00 */
	result = FormatInRegion(util, international, no_region, formatted);
	if (result != PHONE_OK && strcmp(region, no_region) != 0)
		result = FormatInRegion(util, text, region, formatted);

	return result;
}

/* Write a phone number as E.164 */
PhoneResult
stakesync_phone_format(const char *text, const char *region, char *buffer)
{
	try
	{
		std::string formatted;
		PhoneResult result;

		result = FormatNumber(text, region != nullptr ? region : no_region, &formatted);
		if (result != PHONE_OK)
			return result;

		if (formatted.size() >= PHONE_BUFFER_SIZE)
			return PHONE_INVALID;

		memcpy(buffer, formatted.c_str(), formatted.size() + 1);

		return PHONE_OK;
	}
	catch (...)
	{
		return PHONE_FAILED;
	}
}
