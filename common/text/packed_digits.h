// Up to 15 digits in one number: four bits each from the top, and how many they are in the lowest
// four. In this form they sort as texts do. Thread-safe: pure functions.
#ifndef RESERVE_COMMON_TEXT_PACKED_DIGITS_H_
#define RESERVE_COMMON_TEXT_PACKED_DIGITS_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve {

inline constexpr size_t kMaxPackedDigits = 15;

// Eight characters as a number, the first one in its highest byte; and the reverse.
inline uint64_t EightCharacters(const char* text) {
  uint64_t bytes;
  std::memcpy(&bytes, text, sizeof(bytes));
  return std::endian::native == std::endian::little ? __builtin_bswap64(bytes) : bytes;
}
inline void WriteEightCharacters(uint64_t bytes, char* text) {
  if (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
  std::memcpy(text, &bytes, sizeof(bytes));
}

// The number that four digits say: 1876 of "1876"; nothing if one of the characters is none.
inline std::optional<uint32_t> FourDigits(const char* text) {
  uint32_t bytes;
  std::memcpy(&bytes, text, sizeof(bytes));
  if (std::endian::native == std::endian::big) bytes = __builtin_bswap32(bytes);
  bytes ^= 0x30303030;  // "0" is 0x30
  if (((bytes | (bytes + 0x06060606)) & 0xF0F0F0F0) != 0) return std::nullopt;
  const uint32_t pairs = (bytes * 10 + (bytes >> 8)) & 0x00FF00FF;
  return (pairs * 100 + (pairs >> 16)) & 0xFFFF;
}

// Eight digits, in the lowest four bytes; nothing if one of the characters is none.
inline std::optional<uint64_t> PackEightDigits(uint64_t characters) {
  characters ^= 0x3030303030303030;  // "0" is 0x30
  if (((characters | (characters + 0x0606060606060606)) & 0xF0F0F0F0F0F0F0F0) != 0) {
    return std::nullopt;
  }
  characters = (characters | characters >> 4) & 0x00FF00FF00FF00FF;
  characters = (characters | characters >> 8) & 0x0000FFFF0000FFFF;
  return (characters | characters >> 16) & 0xFFFFFFFF;
}

// The reverse, of the lowest four bytes.
inline uint64_t UnpackEightDigits(uint64_t digits) {
  digits = (digits | digits << 16) & 0x0000FFFF0000FFFF;
  digits = (digits | digits << 8) & 0x00FF00FF00FF00FF;
  digits = (digits | digits << 4) & 0x0F0F0F0F0F0F0F0F;
  return digits | 0x3030303030303030;
}

// The first digits of a text: anything else ends them, as the 16th of them does.
inline uint64_t PackDigits(absl::string_view text) {
  const size_t most = std::min(text.size(), kMaxPackedDigits);
  uint64_t packed = 0;
  size_t count = 0;
  if (most >= 8) {
    if (const std::optional<uint64_t> first = PackEightDigits(EightCharacters(text.data()))) {
      packed = *first << 32;
      count = 8;
      // The last eight of them have again some of those.
      const std::optional<uint64_t> last = PackEightDigits(EightCharacters(text.data() + most - 8));
      if (last.has_value()) return packed | *last << (4 * (16 - most)) | most;
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

// What the first four say as a number, 0 for each that is not there: 1876 of "18765551234".
inline uint32_t FourFirstDigits(uint64_t packed) {
  const auto four = static_cast<uint32_t>(packed >> 48);
  const uint32_t pairs = (four >> 4 & 0x0F0F) * 10 + (four & 0x0F0F);
  return (pairs >> 8) * 100 + (pairs & 0xFF);
}

inline void UnpackDigits(uint64_t packed, std::string* digits) {
  // Its places first, then what they hold, as two numbers that overlap: a copy of them, of a length
  // that is not known beforehand, would wait for what was just written.
  digits->assign("000000000000000", kMaxPackedDigits);
  const uint64_t first = UnpackEightDigits(packed >> 32);
  const uint64_t rest = UnpackEightDigits(packed & 0xFFFFFFFF);
  WriteEightCharacters(first, digits->data());
  WriteEightCharacters(first << 56 | rest >> 8, digits->data() + kMaxPackedDigits - 8);
  digits->erase(CountDigits(packed));
}
inline std::string UnpackedDigits(uint64_t packed) {
  std::string digits;
  UnpackDigits(packed, &digits);
  return digits;
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

}  // namespace reserve

#endif  // RESERVE_COMMON_TEXT_PACKED_DIGITS_H_
