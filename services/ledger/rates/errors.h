// The errors of this module, each made here. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_ERRORS_H_
#define RESERVE_SERVICES_LEDGER_RATES_ERRORS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace reserve::rates {

// "INVALID_RATE_DECK": INVALID_ARGUMENT for a file that is no deck, INTERNAL for rows that none
// could have had.
absl::Status InvalidRateDeck(absl::StatusCode code, absl::string_view message);

// Its metadata: how many rows are bad, and, of the first of them, the problem of line N.
inline constexpr char kBadRowCountKey[] = "bad_row_count";
std::string LineKey(int64_t line);
// How the file was read, as far as it was: in words.
inline constexpr char kReadAsKey[] = "read_as";
// The line of such a key; nothing for any other.
std::optional<int64_t> LineOfKey(absl::string_view key);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_ERRORS_H_
