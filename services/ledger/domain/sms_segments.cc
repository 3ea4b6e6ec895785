#include "services/ledger/domain/sms_segments.h"

#include <algorithm>
#include <array>

#include "common/text/utf8.h"

namespace reserve::domain {
namespace {

// What is of the GSM 7 bit default alphabet beyond the letters, digits and signs below; ascending.
constexpr std::array<uint32_t, 39> kAlphabet = {
    0xA1, 0xA3, 0xA4, 0xA5,  0xA7,  0xBF,  0xC4,  0xC5,  0xC6,  0xC7,  0xC9,  0xD1,  0xD6,
    0xD8, 0xDC, 0xDF, 0xE0,  0xE4,  0xE5,  0xE6,  0xE8,  0xE9,  0xEC,  0xF1,  0xF2,  0xF6,
    0xF8, 0xF9, 0xFC, 0x393, 0x394, 0x398, 0x39B, 0x39E, 0x3A0, 0x3A3, 0x3A6, 0x3A8, 0x3A9};
constexpr uint32_t kEuro = 0x20AC;
// Of ASCII: what the alphabet lacks but for the extension table, and what it lacks altogether.
constexpr absl::string_view kExtension = "\f^{}\\[~]|";
constexpr char kBackquote = '`';

// How many septets a character takes; 0: it is not of the alphabet.
int32_t SeptetsOf(uint32_t code) {
  if (code == kEuro) return 2;
  if (code < 0x80) {
    const char c = static_cast<char>(code);
    if (kExtension.find(c) != absl::string_view::npos) return 2;
    const bool control = code < 0x20 && c != '\n' && c != '\r';
    return control || c == kBackquote || code == 0x7F ? 0 : 1;
  }
  return std::binary_search(kAlphabet.begin(), kAlphabet.end(), code) ? 1 : 0;
}

int32_t Ucs2UnitsOf(uint32_t code) { return code >= 0x10000 ? 2 : 1; }

// Of one way to encode: what is in a text of one segment, and in each of several.
struct Capacity {
  int32_t one;
  int32_t each;
};
constexpr Capacity kGsm7 = {160, 153};
constexpr Capacity kUcs2 = {70, 67};

template <typename UnitsOf>
SmsSize Pack(absl::string_view text, UnitsOf units_of, Capacity capacity) {
  SmsSize size;
  int32_t used = 0;  // of the segment at hand, if there are several
  while (!text.empty()) {
    const int32_t units = units_of(*ConsumeUtf8(&text));
    size.length += units;
    if (used + units > capacity.each) {
      ++size.segments;
      used = 0;
    }
    used += units;
  }
  if (size.length <= capacity.one) size.segments = 1;
  return size;
}

}  // namespace

std::optional<SmsSize> SizeOfSms(absl::string_view text) {
  bool gsm7 = true;
  for (absl::string_view rest = text; !rest.empty();) {
    const std::optional<uint32_t> code = ConsumeUtf8(&rest);
    if (!code.has_value()) return std::nullopt;
    gsm7 = gsm7 && SeptetsOf(*code) > 0;
  }
  SmsSize size = gsm7 ? Pack(text, SeptetsOf, kGsm7) : Pack(text, Ucs2UnitsOf, kUcs2);
  size.gsm7 = gsm7;
  return size;
}

}  // namespace reserve::domain
