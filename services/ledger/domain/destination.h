// Where a usage went, as it is kept: with the usage, in the chain and in the rows.
//
// E.164 is kept as its digits, without the `+`. A short code or an emergency number is kept with a
// mark before its digits, so that for ever neither is taken for the other: no prefix of E.164
// digits begins with the mark (C10). Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_DESTINATION_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_DESTINATION_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve::domain {

struct Settings;

inline constexpr char kShortCodeMark = '#';
inline constexpr size_t kMinShortCodeDigits = 3;
inline constexpr size_t kMaxShortCodeDigits = 8;

// What is kept of a number as it was dialled; nothing if it is none. E.164 (C1), or a short code: 3
// to 8 digits without `+`; an emergency number, of the program's table or of those that the
// settings add, may come with a `+`, or have two digits (C10).
std::optional<std::string> DestinationFrom(const Settings& settings, absl::string_view dialled);

// Of one that is kept:
inline bool IsShortCode(absl::string_view destination) {
  return !destination.empty() && destination.front() == kShortCodeMark;
}
inline absl::string_view DigitsOf(absl::string_view destination) {
  return IsShortCode(destination) ? destination.substr(1) : destination;
}
// As it is dialled: "+12025550123", "411".
std::string DialledForm(absl::string_view destination);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_DESTINATION_H_
