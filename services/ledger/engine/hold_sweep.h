// Ends holds whose time has come (H4, H12), in the background.
//
// It goes through those that are due by small pages, the longest due first, and sends the lanes the
// next page only when they are done with the one before, so that a switch that dies with a hundred
// thousand calls takes its turn beside the load, and keeps nobody waiting for long. Each hold is
// ended, or its usage booked, by a command of its own, once, however many ledgers look.
//
// Look() is for one thread; the rest is thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_HOLD_SWEEP_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_HOLD_SWEEP_H_

#include <atomic>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/engine/task_page.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

class HoldSweep {
 public:
  // `stats` and what `submit` uses must outlive it; it must outlive the tasks that it submits.
  HoldSweep(EngineStats& stats, TaskPage::Submit submit)
      : stats_(stats), submit_(std::move(submit)) {}

  // Sends pages of those that are due by `now`, for half a second while there are more, if what was
  // sent before is done. `latest`: what is due after it can only come from a clock that was wrong,
  // and is due, too. An error of one part keeps nobody from the others.
  absl::Status Look(storage::Connection& connection, absl::Time now, absl::Time latest);

 private:
  absl::Status SendDue(storage::Connection& connection, absl::Time now);
  void Note(const book::HoldReply& ended);
  // Is all that was sent done before `until`, with no error, and did it end any?
  bool DoneBefore(Moment until);
  void Send(const std::vector<domain::Hold>& page);
  absl::Status Count(storage::Connection& connection);

  EngineStats& stats_;
  const TaskPage::Submit submit_;
  std::atomic<bool> any_ended_ = false;  // of those that were sent last
  TaskPage page_{[this](const book::Reply& reply) { Note(std::get<book::HoldReply>(reply)); }};
  Moment next_count_ = -absl::InfiniteDuration();
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_HOLD_SWEEP_H_
