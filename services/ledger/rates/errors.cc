#include "services/ledger/rates/errors.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"

namespace reserve::rates {
namespace {

constexpr char kLinePrefix[] = "line_";

}  // namespace

absl::Status InvalidRateDeck(absl::StatusCode code, absl::string_view message) {
  return MakeError(code, "INVALID_RATE_DECK", "", message);
}

std::string LineKey(int64_t line) { return absl::StrCat(kLinePrefix, line); }

std::optional<int64_t> LineOfKey(absl::string_view key) {
  int64_t line = 0;
  if (!absl::ConsumePrefix(&key, kLinePrefix) || !absl::SimpleAtoi(key, &line)) return std::nullopt;
  return line;
}

}  // namespace reserve::rates
