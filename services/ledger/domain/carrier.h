// The carrier that a text goes to, by its name or by its network's code (S1).
//
// Decks and senders of texts write it in many ways; this makes one of them, so that both mean the
// same: "AT&T", "att", "310-410" and "310410" are "att". Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_CARRIER_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_CARRIER_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve::domain {

inline constexpr size_t kMaxCarrierBytes = 32;

// In lower case: letters, digits, `.`, `_` and `-`. A mobile network's code (MCC and MNC: ITU-T
// E.212) is "310-410", or the name of a carrier of the United States or Canada that the program
// knows. Nothing if it can't be a carrier.
std::optional<std::string> CarrierFrom(absl::string_view text);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_CARRIER_H_
