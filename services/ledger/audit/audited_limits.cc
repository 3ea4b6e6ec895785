#include "services/ledger/audit/audited_limits.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/money/money.h"
#include "services/ledger/domain/limits.h"

namespace reserve::audit {
namespace {

using domain::kSpendWindows;

std::string Text(uint8_t reached) {
  std::string text;
  for (size_t i = 0; i < kSpendWindows; ++i) {
    if ((reached & (1U << i)) != 0) absl::StrAppend(&text, NameOf(domain::kSpendKinds[i]), " ");
  }
  if ((reached & domain::kUsersBit) != 0) absl::StrAppend(&text, "a user's ");
  return text.empty() ? "none reached" : absl::StrCat(text, "reached");
}

uint8_t BitOf(domain::LimitKind kind) {
  for (size_t i = 0; i < kSpendWindows; ++i) {
    if (domain::kSpendKinds[i] == kind) return static_cast<uint8_t>(1U << i);
  }
  return 0;
}

}  // namespace

void AuditedLimits::TakeUpEntry(const domain::Entry& entry) {
  last_time_ = std::max(last_time_, entry.record_time);
  if (!entry.booked.has_value() || entry.amount >= 0) return;
  booked_ -= entry.amount;
  ++bookings_;
}

void AuditedLimits::TakeUpUser(const domain::User& user) {
  if (user.alarm.rings()) stored_of_users_[user.user_id] = user.alarm.reached;
}

void AuditedLimits::TakeUpEvent(const domain::Event& event) {
  if (event.kind == domain::EventKind::kLimitReached) {
    if (event.user_id.empty()) {
      reached_ |= BitOf(event.limit);
    } else {
      reached_ |= domain::kUsersBit;
      reached_of_users_[event.user_id] |= BitOf(event.limit);
    }
  }
  if (event.kind == domain::EventKind::kLimitsChanged) {
    last_time_ = std::max(last_time_, event.time);
  }
  if (event.kind != domain::EventKind::kLimitLifted) return;
  if (event.user_id.empty()) {
    reached_of_users_.clear();
  } else {
    reached_of_users_.erase(event.user_id);
  }
  reached_ = reached_of_users_.empty() ? 0 : domain::kUsersBit;
}

void AuditedLimits::CheckEnd(const domain::Account& account) const {
  const domain::LimitAlarm& alarm = account.alarm;
  if (alarm.reached != reached_) differs_("", Text(alarm.reached), Text(reached_));
  if (alarm.rings() == (alarm.time == absl::InfinitePast())) {
    differs_("", alarm.rings() ? "a limit was reached, at no time" : "a time, and no limit reached",
             "both or neither");
  }
  for (const auto& [user_id, reached] : reached_of_users_) {
    const auto stored = stored_of_users_.find(user_id);
    const uint8_t is = stored == stored_of_users_.end() ? 0 : stored->second;
    if (is != reached) differs_(user_id, Text(is), Text(reached));
  }
  for (const auto& [user_id, stored] : stored_of_users_) {
    if (!reached_of_users_.contains(user_id)) differs_(user_id, Text(stored), Text(0));
  }
  for (size_t i = 0; i < kSpendWindows; ++i) {
    const std::optional<Nanos> limit = account.limits.get().spend[i];
    // Of a limit of 0 a meter says no amount.
    if (!limit.has_value() || *limit == 0) continue;
    // As if all had been spent at once, when it was last moved.
    const absl::int128 window = absl::ToInt64Microseconds(domain::SpendWindow(i));
    const absl::int128 most = (booked_ * window) / *limit + bookings_ + 2;
    const absl::int128 ahead =
        absl::int128(account.spent.empty_at[i]) - absl::ToUnixMicros(last_time_);
    if (ahead > most) {
      differs_(std::string(NameOf(domain::kSpendKinds[i])),
               "a meter further ahead than all that was ever booked", "at most as far");
    }
  }
}

}  // namespace reserve::audit
