// The names of countries, as price lists write them. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_COUNTRY_NAMES_H_
#define RESERVE_SERVICES_LEDGER_RATES_COUNTRY_NAMES_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "services/ledger/domain/country.h"

namespace reserve::rates {

// A letter of Latin-1 (U+00C0 to U+00FF) in lower case and without its accent; 0 if it is none.
char LetterWithoutAccent(uint32_t code);

// "United Kingdom", "UK", "great britain": of the whole text. Case, accents and punctuation do not
// matter.
std::optional<domain::NumberCountry> CountryOfName(absl::string_view name);
// Of the words that a destination's name begins with: "USA - IL", "Turkey Mobile".
std::optional<domain::NumberCountry> CountryInName(absl::string_view destination_name);

// Its calling code ("44"), and the name it is shown by; empty of what is none.
absl::string_view CallingCodeOf(domain::NumberCountry country);
absl::string_view NameOf(domain::NumberCountry country);

// Can a line that names this country have this prefix? Countries that share a calling code are not
// told apart, but for the area codes of North America.
bool NameFitsPrefix(domain::NumberCountry named, absl::string_view prefix);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_COUNTRY_NAMES_H_
