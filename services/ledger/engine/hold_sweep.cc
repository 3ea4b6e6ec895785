#include "services/ledger/engine/hold_sweep.h"

#include "absl/time/clock.h"
#include "common/error/error.h"
#include "services/ledger/storage/hold_rows.h"

namespace reserve::engine {
namespace {

// What waits behind one in a lane waits some milliseconds.
constexpr int kPage = 250;
// Then the other work of the house has its turn, and the load the lanes to itself.
constexpr absl::Duration kPause = absl::Milliseconds(2);  // while a page is under way
constexpr absl::Duration kAtATime = absl::Milliseconds(500);
constexpr absl::Duration kCountEvery = absl::Seconds(15);

}  // namespace

absl::Status HoldSweep::Look(storage::Connection& connection, absl::Time now, absl::Time latest) {
  if (!page_.done()) return absl::OkStatus();
  absl::Status first_error = SendDue(connection, now);
  if (latest != absl::InfiniteFuture()) {
    const absl::StatusOr<std::vector<domain::Hold>> too_far =
        storage::HoldsDueAfter(connection, latest, kPage);
    if (too_far.ok()) Send(*too_far);
    first_error.Update(too_far.status());
  }
  first_error.Update(Count(connection));
  return first_error;
}

absl::Status HoldSweep::SendDue(storage::Connection& connection, absl::Time now) {
  const Moment until = MonotonicNow() + kAtATime;
  size_t found = 0;
  do {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Hold> due,
                             storage::DueHolds(connection, now, kPage));
    Send(due);
    found = due.size();
  } while (found == kPage && DoneBefore(until));
  return absl::OkStatus();
}

bool HoldSweep::DoneBefore(Moment until) {
  while (MonotonicNow() < until) {
    if (page_.done()) return any_ended_ && page_.status().ok();
    absl::SleepFor(kPause);
  }
  return false;
}

void HoldSweep::Send(const std::vector<domain::Hold>& page) {
  std::vector<Task> tasks;
  tasks.reserve(page.size());
  for (const domain::Hold& hold : page) {
    tasks.push_back({hold.account_id, book::EndHold{hold.hold_id, UsageOf(hold)}});
  }
  any_ended_ = false;
  page_.Send(std::move(tasks), submit_);
}

// What failed is met again by the next look, and not before.
void HoldSweep::Note(const book::HoldReply& ended) {
  if (ended.expired_now) ++stats_.holds_expired;
  if (ended.estimated_now) ++stats_.usages_estimated;
  if (ended.expired_now || ended.estimated_now) any_ended_ = true;
}

absl::Status HoldSweep::Count(storage::Connection& connection) {
  if (MonotonicNow() < next_count_) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const storage::HoldCounts counts, storage::CountHolds(connection));
  stats_.holds_open = counts.open;
  stats_.holds_unsettled = counts.unsettled;
  next_count_ = MonotonicNow() + kCountEvery;
  return absl::OkStatus();
}

}  // namespace reserve::engine
