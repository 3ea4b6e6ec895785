// A text that lies somewhere after its length in two bytes, the lower one first: whoever passes it
// on reads nothing of it. Lives as long as what it lies in.
#ifndef RESERVE_COMMON_TEXT_COUNTED_TEXT_H_
#define RESERVE_COMMON_TEXT_COUNTED_TEXT_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace reserve {

class CountedText {
 public:
  CountedText() = default;  // the empty text
  explicit CountedText(const char* length) : length_(length) {}

  absl::string_view view() const {
    const auto* bytes = reinterpret_cast<const unsigned char*>(length_);
    return {length_ + 2, bytes[0] + size_t{bytes[1]} * 256};
  }

 private:
  const char* length_ = "\0";  // and the zero that ends it
};

}  // namespace reserve

#endif  // RESERVE_COMMON_TEXT_COUNTED_TEXT_H_
