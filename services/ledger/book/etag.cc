#include "services/ledger/book/etag.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/digest/xxhash64.h"

namespace reserve::book {
namespace {

// Of fields each with its length before it, so that none can run into the next.
std::string TagOf(const std::vector<std::string>& fields) {
  const auto with_length = [](std::string* out, const std::string& field) {
    absl::StrAppend(out, field.size(), ":", field);
  };
  return absl::StrCat(
      absl::Hex(XxHash64(absl::StrJoin(fields, ",", with_length)), absl::kZeroPad16));
}

}  // namespace

std::string EtagOf(const domain::Account& account) {
  return TagOf({"settings", absl::StrCat(account.reserve_amount),
                absl::StrCat(account.recharge_threshold), absl::StrCat(account.automatic_off),
                absl::StrCat(account.monthly_cap), absl::StrCat(account.notify_below)});
}

std::string EtagOfAccount(const domain::Account& account) {
  const domain::CalendarRule& rule = account.calendar.latest();
  std::vector<std::string> fields = {"account", std::string(account.country.view()),
                                     rule.time_zone.name(), absl::StrCat(rule.billing_day)};
  // An account without a name has the etag that programs of before give it.
  if (!account.display_name.empty()) fields.push_back(account.display_name);
  return TagOf(fields);
}

std::string EtagOfLimits(const domain::OwnLimits& limits) {
  return TagOf({"limits", TextOf(limits.get())});
}

std::string EtagOf(const domain::PaymentMethod& method, int32_t position) {
  // How often it was given stands for its token, which is nobody's to see.
  return TagOf({"card", method.payment_method_id, absl::StrCat(method.given),
                method.card.fingerprint, absl::StrCat(static_cast<int>(method.card.network)),
                method.display.brand, std::string(method.display.last_four.view()),
                absl::StrCat(method.display.expiry_year), absl::StrCat(method.display.expiry_month),
                absl::StrCat(position)});
}

}  // namespace reserve::book
