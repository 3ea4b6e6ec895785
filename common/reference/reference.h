// What a charge or a refund is called at the gateway: "brook-cafe/2". The worker gives it, and
// whoever hears of the charge there finds the recharge by it.
//
// Thread-safe: pure functions.
#ifndef RESERVE_COMMON_REFERENCE_REFERENCE_H_
#define RESERVE_COMMON_REFERENCE_REFERENCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve {

// The account, and the ordinal of its recharge or refund.
struct Reference {
  std::string account_id;
  int64_t ordinal = 0;

  friend bool operator==(const Reference&, const Reference&) = default;
};

std::string FormatReference(absl::string_view account_id, int64_t ordinal);

// Reads what FormatReference writes; nothing if it is any other text.
std::optional<Reference> ParseReference(absl::string_view text);

}  // namespace reserve

#endif  // RESERVE_COMMON_REFERENCE_REFERENCE_H_
