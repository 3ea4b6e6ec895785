// Text inside a page of HTML or SVG: between tags, or in an attribute in double quotes.
#ifndef RESERVE_COMMON_TEXT_HTML_H_
#define RESERVE_COMMON_TEXT_HTML_H_

#include <string>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace reserve {

inline std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

}  // namespace reserve

#endif  // RESERVE_COMMON_TEXT_HTML_H_
