// What tests of whole programs ask for and read again and again.
#ifndef RESERVE_TESTS_E2E_SCRAPS_H_
#define RESERVE_TESTS_E2E_SCRAPS_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/stack.h"

namespace reserve::e2e {

// The lines of a program's output, without empty ones.
inline std::vector<std::string> LinesOf(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

// A minute's call of the user `u` of `acct`, always the same for the same id.
inline ledger::v1::RecordUsageRequest UsageOf(const std::string& usage_id) {
  return Parse<ledger::v1::RecordUsageRequest>(absl::StrCat(
      "account_id: 'acct' usage { usage_id: '", usage_id,
      "' user_id: 'u' start_time { seconds: 1790000000 } call { direction: DIRECTION_OUTBOUND "
      "destination: '+12025550123' duration { seconds: 60 } } }"));
}

}  // namespace reserve::e2e

#endif  // RESERVE_TESTS_E2E_SCRAPS_H_
