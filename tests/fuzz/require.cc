#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/text/utf8.h"
#include "tests/fuzz/targets.h"

namespace reserve::fuzz {

void Require(bool holds, absl::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", std::string(promise).c_str());
  std::abort();
}

void RequireReadable(absl::string_view message) {
  constexpr size_t kFitsAReply = 16'384;
  Require(IsUtf8(message), absl::StrCat("a message is UTF-8: ", absl::CEscape(message)));
  Require(message.size() <= kFitsAReply, "a message fits into a reply");
}

}  // namespace reserve::fuzz
