// How the cost of a usage is rounded (M2): the way, and the decimal place on which it comes to lie.
#ifndef RESERVE_COMMON_MONEY_ROUNDING_H_
#define RESERVE_COMMON_MONEY_ROUNDING_H_

#include <cstdint>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "common/money/money.h"

namespace reserve {

// The numbers are stored; never reuse one.
enum class RoundingMode : uint8_t {
  kHalfUp = 1,
  kUp = 2,  // whatever is over a step makes another
  kHalfEven = 3,
};

// The nano-unit, as a decimal place.
inline constexpr int32_t kNanoPlace = 9;

struct Rounding {
  RoundingMode mode = RoundingMode::kHalfUp;
  int32_t place = kNanoPlace;  // 0 to 9 decimals are kept

  friend bool operator==(const Rounding&, const Rounding&) = default;
};

// One unit of that decimal place: 10'000'000 of place 2.
Nanos UnitOfPlace(int32_t place);

// `sixtieths` / 60, rounded once. `sixtieths` >= 0: a price per minute times seconds. OUT_OF_RANGE
// "MONEY_OVERFLOW" if it does not fit.
absl::StatusOr<Nanos> RoundSixtieths(absl::int128 sixtieths, Rounding rounding);

}  // namespace reserve

#endif  // RESERVE_COMMON_MONEY_ROUNDING_H_
