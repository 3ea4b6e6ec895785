#include <cstdio>
#include <cstdlib>
#include <string>

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
  Require(IsUtf8(message), "a message is UTF-8");
  Require(message.size() <= kFitsAReply, "a message fits into a reply");
}

}  // namespace reserve::fuzz
