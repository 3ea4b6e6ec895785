#include "services/ledger/rates/calling_code.h"

namespace reserve::rates {

absl::string_view CallingCodeOf(absl::string_view digits) {
  // ITU-T E.164: 1 and 7 have one digit, these two, all others three.
  constexpr absl::string_view kOfTwo =
      "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 "
      "64 65 66 81 82 84 86 90 91 92 93 94 95 98 ";
  if (digits.empty() || digits[0] == '1' || digits[0] == '7') return digits.substr(0, 1);
  const absl::string_view two = digits.substr(0, 2);
  for (size_t i = 0; i < kOfTwo.size(); i += 3) {
    if (kOfTwo.substr(i, 2) == two) return two;
  }
  return digits.substr(0, 3);
}

}  // namespace reserve::rates
