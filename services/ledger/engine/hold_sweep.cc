#include "services/ledger/engine/hold_sweep.h"

#include "absl/time/clock.h"
#include "common/error/error.h"
#include "services/ledger/storage/hold_rows.h"

namespace reserve::engine {
namespace {

// What waits behind one in a lane waits some milliseconds.
constexpr int kHoldsAPage = 250;
// Then the other work of the house has its turn, and the load the lanes to itself.
constexpr absl::Duration kSweepPause = absl::Milliseconds(2);  // while a page is under way
constexpr absl::Duration kAtATime = absl::Milliseconds(500);
constexpr absl::Duration kCountEvery = absl::Seconds(15);

}  // namespace

absl::Status HoldSweep::Look(storage::Connection& connection, absl::Time now, absl::Time latest) {
  const Moment until = MonotonicNow() + kAtATime;
  const auto due = [&](domain::HoldState state) {
    return [&connection, now, state](const storage::DuePlace& after) {
      return storage::DueHolds(connection, state, now, after, kHoldsAPage);
    };
  };
  absl::Status first_error = GoOn(&open_, until, due(domain::HoldState::kOpen));
  first_error.Update(GoOn(&unsettled_, until, due(domain::HoldState::kUnsettled)));
  if (latest != absl::InfiniteFuture()) {
    first_error.Update(GoOn(&too_far_, until, [&](const storage::DuePlace& after) {
      return storage::HoldsDueAfter(connection, latest, after, kHoldsAPage);
    }));
  }
  first_error.Update(Count(connection));
  return first_error;
}

absl::Status HoldSweep::GoOn(Round* round, Moment until, Read read) {
  bool more = false;
  do {
    if (!round->page.done()) break;
    round->failed.Update(round->page.status());
    if (round->place == storage::DuePlace()) {
      round->failed_before = std::exchange(round->failed, absl::OkStatus());
    }
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Hold> due, read(round->place));
    Send(due, &round->page);
    more = due.size() == kHoldsAPage;
    round->place = more ? storage::PlaceOf(due.back()) : storage::DuePlace();
  } while (more && DoneBefore(&round->page, until));
  return round->failed.ok() ? round->failed_before : round->failed;
}

bool HoldSweep::DoneBefore(TaskPage* page, Moment until) {
  while (MonotonicNow() < until) {
    if (page->done()) return page->status().ok();
    absl::SleepFor(kSweepPause);
  }
  return false;
}

void HoldSweep::Send(const std::vector<domain::Hold>& due, TaskPage* page) {
  std::vector<Task> tasks;
  tasks.reserve(due.size());
  for (const domain::Hold& hold : due) {
    if (!is_ours_(hold.account_id)) continue;
    tasks.push_back({hold.account_id, book::EndHold{hold.hold_id, UsageOf(hold)}});
  }
  if (tasks.empty()) return page->SendNothing();
  page->Send(std::move(tasks), submit_);
}

void HoldSweep::Note(const book::HoldReply& ended) {
  if (ended.expired_now) ++stats_.holds_expired;
  if (ended.estimated_now) ++stats_.usages_estimated;
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
