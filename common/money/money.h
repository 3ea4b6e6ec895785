// Money: int64 nano-units (1e-9) of a currency, with checked arithmetic.
//
// Rule M1: no floating point; every intermediate that can leave int64 is 128
// bits wide, and a result that does not fit is an error, never a wrap. Rule M2:
// each rounding is a named function. Thread-safe: pure functions.
//
//   CallCostHalfUp(/*price_per_minute*/ 20'000'000, /*paid_seconds*/ 6, /*fee*/ 0)  ->  2'000'000
#ifndef RESERVE_COMMON_MONEY_MONEY_H_
#define RESERVE_COMMON_MONEY_MONEY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace reserve {

// An amount in nano-units (1e-9) of some currency. +-9.2e9 units at the most.
using Nanos = int64_t;

inline constexpr Nanos kNanosPerUnit = 1'000'000'000;
// One hundredth of a unit: a cent of a two-digit currency.
inline constexpr Nanos kNanosPerCent = kNanosPerUnit / 100;

// a + b; OUT_OF_RANGE "MONEY_OVERFLOW" if it does not fit.
absl::StatusOr<Nanos> Add(Nanos a, Nanos b);
// a - b; OUT_OF_RANGE "MONEY_OVERFLOW" if it does not fit.
absl::StatusOr<Nanos> Subtract(Nanos a, Nanos b);
// a + b, a - b, or the nearest amount that fits: for figures that are compared and never booked.
Nanos AddSaturating(Nanos a, Nanos b);
Nanos SubtractSaturating(Nanos a, Nanos b);
// a * factor; OUT_OF_RANGE "MONEY_OVERFLOW" if it does not fit.
absl::StatusOr<Nanos> Multiply(Nanos a, int64_t factor);

// price_per_minute * seconds / 60 + fee, rounded once, half up, to the nano-unit.
// All arguments >= 0. OUT_OF_RANGE "MONEY_OVERFLOW" if it does not fit.
absl::StatusOr<Nanos> CallCostHalfUp(Nanos price_per_minute, int64_t paid_seconds, Nanos fee);

// The most whole seconds whose cost (without rounding) does not exceed `budget`:
// floor((budget - fee) * 60 / price_per_minute), 0 if the fee alone exceeds it.
// price_per_minute > 0; saturates at INT64_MAX.
int64_t AffordableSeconds(Nanos price_per_minute, Nanos fee, Nanos budget);

// Reads a plain decimal like "0.0171" or "15": an optional minus sign, digits,
// at most nine decimals; no exponent, no thousands separator, no spaces.
// INVALID_ARGUMENT "INVALID_DECIMAL" otherwise, OUT_OF_RANGE if too large.
absl::StatusOr<Nanos> ParseDecimal(absl::string_view text);

// "15.00", "-0.0171", "0.000000001": at least two decimals, no trailing zeros
// beyond them.
std::string FormatDecimal(Nanos amount);

// "USD 15.00": for messages to people.
std::string FormatMoney(absl::string_view currency_code, Nanos amount);

// Is it an active currency of ISO 4217 (List One, without funds and metals)?
bool IsCurrency(absl::string_view currency_code);

// The nano-units of the currency's minor unit: 1e7 for USD, 1e9 for JPY, 1e6 for
// KWD. Card charges are whole multiples of it. `currency_code` must be a currency.
Nanos MinorUnitNanos(absl::string_view currency_code);

}  // namespace reserve

#endif  // RESERVE_COMMON_MONEY_MONEY_H_
