#include "services/ledger/audit/audited_sums.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/money/money.h"

namespace reserve::audit {
namespace {

using domain::Entry;
using domain::EntryKind;
using storage::SummaryGroup;
using storage::UsageAmounts;
using storage::UsageLine;

std::string DayText(absl::Time begin) { return absl::FormatTime(begin, absl::UTCTimeZone()); }

std::string AmountsText(const SummaryGroup& group, const UsageAmounts& amounts) {
  return absl::StrCat("user ", group.user_id, ", country ", group.country, ", kind ",
                      static_cast<int>(group.kind), ": ", amounts.usages, " usages, ",
                      amounts.unrated, " unrated, ", absl::FormatDuration(amounts.duration), ", ",
                      amounts.free_seconds, " s free, ", amounts.paid_seconds, " s paid, ",
                      amounts.segments, " segments, ", FormatDecimal(amounts.cost));
}

// The calendar as it was after so many changes.
domain::AccountCalendar CalendarAfter(const domain::AccountCalendar& calendar, int64_t changes) {
  domain::AccountCalendar then;
  then.first = calendar.first;
  const auto all = calendar.Changes();
  const auto count = std::min(all.size(), static_cast<size_t>(std::max<int64_t>(changes, 0)));
  for (const domain::CalendarChange& change : all.first(count)) then.Add(change);
  return then;
}

}  // namespace

absl::Status AuditedSums::Load(storage::Connection& connection, const domain::Account& account,
                               absl::Time archived_until) {
  RESERVE_ASSIGN_OR_RETURN(position_, storage::ReadSumsPosition(connection, account.account_id));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<storage::DaySum> sums,
                           storage::ListSums(connection, account.account_id, {}));
  for (const storage::DaySum& sum : sums) stored_[{sum.day_begin, sum.group}] = sum.amounts;
  archived_until_ = archived_until;
  last_seq_ = account.last_seq;
  if (position_.has_value()) {
    calendar_ = CalendarAfter(account.calendar, position_->calendar_changes);
  }
  return absl::OkStatus();
}

absl::Status AuditedSums::AddEntry(const Entry& entry, bool may_change) {
  if (!position_.has_value() || entry.seq > position_->through_seq) return absl::OkStatus();
  const bool replaces = entry.kind == EntryKind::kRating || entry.kind == EntryKind::kVoid;
  if (!replaces && !entry.booked.has_value()) return absl::OkStatus();
  const std::string& usage_id = domain::UsageIdOf(entry);
  if (replaces) {
    if (const auto before = standing_.find(usage_id); before != standing_.end()) {
      RESERVE_RETURN_IF_ERROR(Add(before->second, -1));
      standing_.erase(before);
    }
  }
  if (!entry.booked.has_value()) return absl::OkStatus();
  UsageLine line = storage::LineOf(entry);
  RESERVE_RETURN_IF_ERROR(Add(line, 1));
  if (may_change) standing_[usage_id] = std::move(line);
  return absl::OkStatus();
}

absl::Status AuditedSums::Add(const UsageLine& line, int64_t times) {
  if (line.start < day_.begin || line.start >= day_.end) {
    day_ = domain::WindowAt(calendar_, domain::CalendarUnit::kDay, line.start);
  }
  return computed_[{day_.begin, line.group}].Add(line.amounts, times);
}

void AuditedSums::CheckEnd() const {
  if (position_.has_value() && position_->through_seq > last_seq_) {
    differs_("", absl::StrCat("added up to entry ", position_->through_seq),
             absl::StrCat("entry ", last_seq_, " at the most"));
  }
  for (const auto& [key, stored] : stored_) {
    const auto computed = computed_.find(key);
    const UsageAmounts amounts = computed == computed_.end() ? UsageAmounts() : computed->second;
    if (stored == amounts || key.first < archived_until_) continue;
    differs_(DayText(key.first), AmountsText(key.second, stored), AmountsText(key.second, amounts));
  }
  for (const auto& [key, computed] : computed_) {
    if (stored_.contains(key) || computed == UsageAmounts()) continue;
    if (key.first < archived_until_) continue;
    differs_(DayText(key.first), "no sum", AmountsText(key.second, computed));
  }
}

}  // namespace reserve::audit
