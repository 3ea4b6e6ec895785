// Up to 15 digits in one number: four bits each from the top, and how many they are in the lowest
// four. In this form they sort as texts do. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_PACKED_DIGITS_H_
#define RESERVE_SERVICES_LEDGER_RATES_PACKED_DIGITS_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve::rates {

inline constexpr size_t kMaxPackedDigits = 15;

// Eight digits at once, in the highest four bytes; nothing if one of the characters is none.
inline std::optional<uint64_t> PackEightDigits(const char* text) {
  uint64_t bytes;
  std::memcpy(&bytes, text, sizeof(bytes));
  if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
  bytes ^= 0x3030303030303030;  // "0" is 0x30
  if (((bytes | (bytes + 0x0606060606060606)) & 0xF0F0F0F0F0F0F0F0) != 0) return std::nullopt;
  bytes = (bytes | bytes >> 4) & 0x00FF00FF00FF00FF;
  bytes = (bytes | bytes >> 8) & 0x0000FFFF0000FFFF;
  return (bytes | bytes >> 16) << 32;
}

// The first digits of a text: anything else ends them, as the 16th of them does.
inline uint64_t PackDigits(absl::string_view text) {
  const size_t most = std::min(text.size(), kMaxPackedDigits);
  uint64_t packed = 0;
  size_t count = 0;
  if (most >= 8) {
    if (const std::optional<uint64_t> eight = PackEightDigits(text.data())) {
      packed = *eight;
      count = 8;
    }
  }
  for (; count < most; ++count) {
    const auto digit = static_cast<uint64_t>(static_cast<unsigned char>(text[count])) - '0';
    if (digit > 9) break;
    packed |= digit << (60 - 4 * count);
  }
  return packed | count;
}

inline size_t CountDigits(uint64_t packed) { return packed & 15; }

// That at `place`, counted from 0; 0 if there are no more than `place`.
inline uint32_t DigitAt(uint64_t packed, size_t place) {
  return static_cast<uint32_t>(packed >> (60 - 4 * place)) & 15;
}

inline void UnpackDigits(uint64_t packed, std::string* digits) {
  char text[kMaxPackedDigits];
  const size_t count = CountDigits(packed);
  for (size_t i = 0; i < count; ++i) text[i] = static_cast<char>('0' + DigitAt(packed, i));
  digits->assign(text, count);
}

// Does `number` begin with these digits?
inline bool IsPrefixOf(uint64_t prefix, uint64_t number) {
  return CountDigits(prefix) <= CountDigits(number) &&
         ((prefix ^ number) >> 1 >> (63 - 4 * CountDigits(prefix))) == 0;
}

// The first `count` of its digits, which are no fewer.
inline uint64_t FirstDigits(uint64_t packed, size_t count) {
  return count == 0 ? 0 : (packed >> (64 - 4 * count) << (64 - 4 * count)) | count;
}

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_PACKED_DIGITS_H_
