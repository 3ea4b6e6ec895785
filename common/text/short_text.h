// A text of at most N bytes, without a heap or a length: a country, the last digits of a card. For
// what is kept by the hundred thousand, where a std::string takes 32 bytes.
//
//   ShortText<2> country = "US";
//   if (country.empty()) ...
#ifndef RESERVE_COMMON_TEXT_SHORT_TEXT_H_
#define RESERVE_COMMON_TEXT_SHORT_TEXT_H_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <ostream>

#include "absl/strings/string_view.h"

namespace reserve {

template <size_t N>
class ShortText {
 public:
  ShortText() = default;
  // Whoever takes a text from a caller has seen that it fits: the rest would be cut off. It holds
  // no NUL.
  template <std::convertible_to<absl::string_view> T>
  ShortText(const T& text) {  // NOLINT(google-explicit-constructor)
    const absl::string_view all = text;
    all.copy(bytes_.data(), N);
  }

  bool empty() const { return size() == 0; }
  size_t size() const {
    return static_cast<size_t>(std::find(bytes_.begin(), bytes_.end(), '\0') - bytes_.begin());
  }
  // As long as this lives.
  absl::string_view view() const { return {bytes_.data(), size()}; }

  friend bool operator==(const ShortText&, const ShortText&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ShortText& text) {
    return out << text.view();
  }

 private:
  std::array<char, N> bytes_{};
};

}  // namespace reserve

#endif  // RESERVE_COMMON_TEXT_SHORT_TEXT_H_
