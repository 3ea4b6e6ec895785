// Mobile country codes (MCC), with which price lists of texts name the country of a network.
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_MOBILE_COUNTRY_H_
#define RESERVE_SERVICES_LEDGER_RATES_MOBILE_COUNTRY_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "services/ledger/domain/country.h"

namespace reserve::rates {

// The countries whose networks have this code, three digits, the one of most networks first; empty
// if it is not in use, or of no country.
std::vector<domain::NumberCountry> CountriesOfMobileCode(absl::string_view code);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_MOBILE_COUNTRY_H_
