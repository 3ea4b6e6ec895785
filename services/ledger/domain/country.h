// Countries, by their codes of ISO 3166-1 alpha-2, and what a number is of that is of none (C14).
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_COUNTRY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_COUNTRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace reserve::domain {

// Is it an officially assigned code, in upper case; or XK, which is user-assigned and what everyone
// calls Kosovo by?
bool IsCountry(absl::string_view code);

// The country of a number or a line of a deck, in two bytes. Its text, and not this number, is
// stored.
enum class NumberCountry : uint16_t {
  kUnknown = 0,
  kTollFree = 1,
  kSatellite = 2,
  kPremiumRate = 3,
  // All others: the two letters of a country, the first in the higher byte.
};

// "US", "TOLL_FREE", "SATELLITE" or "PREMIUM_RATE"; empty of kUnknown.
std::string TextOf(NumberCountry country);
// The reverse; nothing for any other text.
std::optional<NumberCountry> NumberCountryFrom(absl::string_view text);

// By the assignments of E.164 country codes, and of area codes in North America. `digits` are those
// of an E.164 number, without `+`, or the first of them. kUnknown where they are not assigned.
NumberCountry CountryOfNumber(absl::string_view digits);

// The prefixes that are this country's, by the same assignments: of the country codes 1 and 7,
// which are of several, its area codes (of the United States all that are of no other country, in
// use or not); of any other code that others share parts of, the code. Empty of what is no country,
// and of one without numbers of its own.
std::vector<std::string> PrefixesOf(NumberCountry country);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_COUNTRY_H_
