// Country calling codes, as far as they can be told from the first digits of a number.
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_CALLING_CODE_H_
#define RESERVE_SERVICES_LEDGER_RATES_CALLING_CODE_H_

#include "absl/strings/string_view.h"

namespace reserve::rates {

// The calling code that these digits begin with: "1" of "1876", "44" of "4420", "971" of "97150".
// All of the digits if they are fewer than it has, and of "88" or "9" nobody knows more.
absl::string_view CallingCodeOf(absl::string_view digits);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_CALLING_CODE_H_
