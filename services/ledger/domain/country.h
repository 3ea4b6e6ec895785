// Countries, by their codes of ISO 3166-1 alpha-2. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_COUNTRY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_COUNTRY_H_

#include "absl/strings/string_view.h"

namespace reserve::domain {

// Is it an officially assigned code, in upper case; or XK, which is user-assigned and what everyone
// calls Kosovo by?
bool IsCountry(absl::string_view code);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_COUNTRY_H_
