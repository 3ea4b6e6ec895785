// A telephone number as people write it. Thread-safe: a pure function.
#ifndef RESERVE_CONSOLE_VIEWS_TYPED_NUMBER_H_
#define RESERVE_CONSOLE_VIEWS_TYPED_NUMBER_H_

#include <string>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace reserve::console {

// "+44 (20) 7946-0000" as "+442079460000": without what stands between digits, if that is all there
// is but a plus at the front. Any other text as it is, without spaces around it.
inline std::string TypedNumber(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  std::string digits;
  for (const char c : text) {
    if (!absl::StrContains(" -()./", absl::string_view(&c, 1))) digits.push_back(c);
  }
  const absl::string_view after_plus = absl::StripPrefix(digits, "+");
  const bool is_number = !after_plus.empty() && absl::c_all_of(after_plus, [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  return is_number ? digits : std::string(text);
}

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_TYPED_NUMBER_H_
