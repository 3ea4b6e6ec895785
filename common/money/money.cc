#include "common/money/money.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/numeric/int128.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve {
namespace {

constexpr int kDecimals = 9;

absl::Status Overflow() {
  return MakeError(absl::StatusCode::kOutOfRange, "MONEY_OVERFLOW", "",
                   "the amount does not fit in 64 bits of nano-units");
}

absl::StatusOr<Nanos> Narrow(absl::int128 wide) {
  if (wide > std::numeric_limits<Nanos>::max() || wide < std::numeric_limits<Nanos>::min()) {
    return Overflow();
  }
  return static_cast<Nanos>(wide);
}

absl::Status BadDecimal(absl::string_view text, absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_DECIMAL", "",
                   absl::StrCat("\"", absl::CEscape(text.substr(0, 40)), "\" ", why));
}

// ISO 4217 currencies whose minor unit is not a hundredth.
constexpr auto kWholeUnitCurrencies =
    std::to_array<absl::string_view>({"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG",
                                      "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"});
constexpr auto kThousandthCurrencies =
    std::to_array<absl::string_view>({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"});
// ISO 4217 currencies with hundredths.
constexpr auto kHundredthCurrencies = std::to_array<absl::string_view>(
    {"AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN",
     "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY",
     "COP", "CRC", "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD",
     "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR",
     "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR",
     "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK",
     "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP",
     "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP",
     "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY",
     "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "VED", "VES", "WST", "XCD", "XCG", "YER",
     "ZAR", "ZMW", "ZWG"});

template <typename Array>
bool Contains(const Array& sorted, absl::string_view code) {
  return std::binary_search(sorted.begin(), sorted.end(), code);
}

}  // namespace

absl::StatusOr<Nanos> Add(Nanos a, Nanos b) {
  Nanos sum;
  if (__builtin_add_overflow(a, b, &sum)) return Overflow();
  return sum;
}

absl::StatusOr<Nanos> Subtract(Nanos a, Nanos b) {
  Nanos difference;
  if (__builtin_sub_overflow(a, b, &difference)) return Overflow();
  return difference;
}

Nanos AddSaturating(Nanos a, Nanos b) {
  Nanos sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<Nanos>::min() : std::numeric_limits<Nanos>::max();
}

Nanos SubtractSaturating(Nanos a, Nanos b) {
  Nanos difference;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b > 0 ? std::numeric_limits<Nanos>::min() : std::numeric_limits<Nanos>::max();
}

absl::StatusOr<Nanos> Multiply(Nanos a, int64_t factor) {
  Nanos product;
  if (__builtin_mul_overflow(a, factor, &product)) return Overflow();
  return product;
}

absl::StatusOr<Nanos> CallCostHalfUp(Nanos price_per_minute, int64_t paid_seconds, Nanos fee) {
  // floor((price * seconds + 30) / 60) rounds half up, as all
  // terms are non-negative. Almost every call fits in 64 bits, where the division
  // is a multiplication; a 128-bit one is a slow library call.
  Nanos numerator;
  if (!__builtin_mul_overflow(price_per_minute, paid_seconds, &numerator) &&
      !__builtin_add_overflow(numerator, Nanos{30}, &numerator)) {
    return Add(numerator / 60, fee);
  }
  const absl::int128 sixtieths = absl::int128(price_per_minute) * paid_seconds;
  return Narrow((sixtieths + 30) / 60 + fee);
}

int64_t AffordableSeconds(Nanos price_per_minute, Nanos fee, Nanos budget) {
  if (budget < fee) return 0;
  const absl::int128 seconds = (absl::int128(budget) - fee) * 60 / price_per_minute;
  if (seconds > std::numeric_limits<int64_t>::max()) return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(seconds);
}

absl::StatusOr<Nanos> ParseDecimal(absl::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  const absl::string_view digits = negative ? text.substr(1) : text;
  const size_t point = digits.find('.');
  const absl::string_view whole = digits.substr(0, point);
  const absl::string_view decimals =
      point == absl::string_view::npos ? absl::string_view() : digits.substr(point + 1);
  if (whole.empty() || (point != absl::string_view::npos && decimals.empty())) {
    return BadDecimal(text, "is not a decimal number");
  }
  if (decimals.size() > kDecimals) return BadDecimal(text, "has more than 9 decimals");
  absl::int128 value = 0;
  for (const char c : absl::StrCat(whole, decimals)) {
    if (c < '0' || c > '9') return BadDecimal(text, "is not a decimal number");
    value = value * 10 + (c - '0');
    if (value > absl::int128(std::numeric_limits<Nanos>::max()) * 10) return Overflow();
  }
  for (size_t i = decimals.size(); i < kDecimals; ++i) value *= 10;
  return Narrow(negative ? -value : value);
}

std::string FormatDecimal(Nanos amount) {
  absl::int128 magnitude = amount;
  if (amount < 0) magnitude = -magnitude;
  const auto units = static_cast<uint64_t>(magnitude / kNanosPerUnit);
  const auto fraction = static_cast<uint64_t>(magnitude % kNanosPerUnit);
  std::string decimals = absl::StrCat(absl::Dec(fraction, absl::kZeroPad9));
  while (decimals.size() > 2 && decimals.back() == '0') decimals.pop_back();
  return absl::StrCat(amount < 0 ? "-" : "", units, ".", decimals);
}

std::string FormatMoney(absl::string_view currency_code, Nanos amount) {
  return absl::StrCat(currency_code, " ", FormatDecimal(amount));
}

bool IsCurrency(absl::string_view currency_code) {
  return Contains(kHundredthCurrencies, currency_code) ||
         Contains(kWholeUnitCurrencies, currency_code) ||
         Contains(kThousandthCurrencies, currency_code);
}

Nanos MinorUnitNanos(absl::string_view currency_code) {
  if (Contains(kWholeUnitCurrencies, currency_code)) return kNanosPerUnit;
  if (Contains(kThousandthCurrencies, currency_code)) return kNanosPerUnit / 1000;
  return kNanosPerCent;
}

}  // namespace reserve
