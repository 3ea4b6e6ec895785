// How long telephone numbers are. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_NUMBER_LENGTHS_H_
#define RESERVE_SERVICES_LEDGER_RATES_NUMBER_LENGTHS_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace reserve::rates {

// The digits that the longest numbers of this calling code ("44") have after it; 0 of a code that
// is not in use.
size_t MostNationalDigits(absl::string_view calling_code);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_NUMBER_LENGTHS_H_
