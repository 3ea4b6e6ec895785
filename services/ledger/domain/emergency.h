// Emergency numbers (C10): which numbers bring help, by country.
//
// A call or text to one is always allowed and costs nothing. It is known by its digits, whether it
// was dialled with a `+` or without. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_EMERGENCY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_EMERGENCY_H_

#include <string>

#include "absl/strings/string_view.h"

namespace reserve::domain {

struct Settings;
struct Usage;

// One of the operator's own, beside those of the program.
struct EmergencyNumber {
  std::string country;  // ISO 3166-1 alpha-2
  std::string digits;   // 3 to 8

  friend bool operator==(const EmergencyNumber&, const EmergencyNumber&) = default;
};

// Are these digits for help in any country, by the program's table or as the operator added? They
// are taken for a number wherever they come in then, also with a `+`, and also if they are two.
bool IsEmergencySomewhere(const Settings& settings, absl::string_view digits);

// Is this usage for help, of an account in `country`? One that has no country is where the operator
// is (`default_country`).
bool IsEmergency(const Settings& settings, absl::string_view country, const Usage& usage);
// The same of an account that there is not, or that can't be asked now: what may be for help is.
bool MayBeEmergency(const Settings& settings, const Usage& usage);
// The same of every account: 112, 911, and the numbers of the operator's country.
bool IsEmergencyForAll(const Settings& settings, const Usage& usage);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_EMERGENCY_H_
