// Text as a part of a web address (RFC 3986): what may mean something there is percent-encoded.
#ifndef RESERVE_COMMON_TEXT_URL_TEXT_H_
#define RESERVE_COMMON_TEXT_URL_TEXT_H_

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace reserve {

inline std::string UrlText(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        absl::StrContains("-._~:", absl::string_view(&c, 1))) {
      encoded += c;
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace reserve

#endif  // RESERVE_COMMON_TEXT_URL_TEXT_H_
