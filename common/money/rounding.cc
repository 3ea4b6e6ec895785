#include "common/money/rounding.h"

#include <limits>

#include "common/error/error.h"

namespace reserve {

Nanos UnitOfPlace(int32_t place) {
  Nanos unit = 1;
  for (int32_t i = place; i < kNanoPlace; ++i) unit *= 10;
  return unit;
}

absl::StatusOr<Nanos> RoundSixtieths(absl::int128 sixtieths, Rounding rounding) {
  const Nanos unit = UnitOfPlace(rounding.place);
  const absl::int128 step = absl::int128(unit) * 60;
  absl::int128 whole = sixtieths / step;
  const absl::int128 rest = sixtieths % step;
  switch (rounding.mode) {
    case RoundingMode::kHalfUp:
      if (rest * 2 >= step) ++whole;
      break;
    case RoundingMode::kUp:
      if (rest > 0) ++whole;
      break;
    case RoundingMode::kHalfEven:
      if (rest * 2 > step || (rest * 2 == step && whole % 2 == 1)) ++whole;
      break;
  }
  if (whole > std::numeric_limits<Nanos>::max() / unit) {
    return Multiply(std::numeric_limits<Nanos>::max(), 2);  // MONEY_OVERFLOW
  }
  return static_cast<Nanos>(whole) * unit;
}

}  // namespace reserve
