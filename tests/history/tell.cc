#include "tests/history/tell.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/money/money.h"

namespace reserve::history {

std::string Money(int64_t nanos) { return FormatDecimal(nanos); }

std::string NameOfKey(const std::pair<std::string, std::string>& kind_and_id) {
  return absl::StrCat(kind_and_id.first, " ", kind_and_id.second);
}

std::string Teller::At(int64_t time) const {
  const int64_t micros = (time - origin_) / 1'000;
  return absl::StrFormat("%d.%06d s", micros / 1'000'000, micros % 1'000'000);
}

std::string Teller::Tell(const Call& call) const {
  return absl::StrCat("call ", call.number, " (", call.method, " of caller ", call.who,
                      " at ledger ", call.ledger, ", asked ", At(call.asked), ", answered ",
                      At(call.answered), ")");
}

void Findings::Add(Rule rule, const std::string& text) {
  const int count = ++counts_[rule];
  if (count > kMostOfARule + 1) return;
  const std::string told = count > kMostOfARule ? "and more of these" : text;
  findings_.push_back({rule, account_, absl::StrCat(NameOf(rule), " ", account_, ": ", told)});
}

}  // namespace reserve::history
