#include "services/ledger/domain/credit_grant.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace reserve::domain {

std::string TextOf(const std::vector<GrantDraw>& draws) {
  return absl::StrJoin(draws, " ", [](std::string* out, const GrantDraw& draw) {
    absl::StrAppend(out, draw.number, ":", draw.amount);
  });
}

std::vector<GrantDraw> DrawsFrom(absl::string_view text) {
  std::vector<GrantDraw> draws;
  if (text.empty()) return draws;
  for (const absl::string_view each : absl::StrSplit(text, ' ')) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(each, ':');
    GrantDraw draw;
    if (!absl::SimpleAtoi(parts.first, &draw.number) ||
        !absl::SimpleAtoi(parts.second, &draw.amount)) {
      return {};
    }
    draws.push_back(draw);
  }
  return draws;
}

Nanos SumOf(const std::vector<CreditGrant>& grants) {
  Nanos sum = 0;
  for (const CreditGrant& grant : grants) sum = AddSaturating(sum, grant.remaining);
  return sum;
}

}  // namespace reserve::domain
