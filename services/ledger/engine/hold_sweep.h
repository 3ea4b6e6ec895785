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

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/engine/task.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

class HoldSweep : private ReplySink {
 public:
  using Submit = std::function<void(std::vector<Task>)>;

  // `stats` and what `submit` uses must outlive it; it must outlive the tasks that it submits.
  HoldSweep(EngineStats& stats, Submit submit) : stats_(stats), submit_(std::move(submit)) {}

  // Sends pages of those that are due by `now`, for half a second while there are more, if what was
  // sent before is done. `latest`: what is due after it can only come from a clock that was wrong,
  // and is due, too.
  absl::Status Look(storage::Connection& connection, absl::Time now, absl::Time latest);

 private:
  void Done(uint32_t index, absl::StatusOr<book::Reply> reply) override;
  // Is all that was sent done before `until`, with no error, and did it end any?
  bool DoneBefore(Moment until);
  void Send(const std::vector<domain::Hold>& page);
  absl::Status Count(storage::Connection& connection);

  EngineStats& stats_;
  const Submit submit_;
  absl::Mutex mutex_;
  int64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;  // tasks
  // Of those that were sent last.
  bool any_failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool any_ended_ ABSL_GUARDED_BY(mutex_) = false;
  Moment next_count_ = -absl::InfiniteDuration();
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_HOLD_SWEEP_H_
