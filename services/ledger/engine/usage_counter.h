// Adds up usage by day and prefix (rates/usage_groups.h) from the entries, behind the lanes, for
// whoever compares price lists (K1).
//
// One ledger of a database counts, and another takes over when it is silent. A step reads a bounded
// stretch of entries, and adds it in the transaction that moves the position past it: so nothing is
// lost or counted twice, whoever ends when. Entries are read once they are `usage_counted_after`
// old by the database's clock, as a transaction takes a while to commit and ledgers' clocks differ:
// what becomes visible later than that after its record time is not in the statistic (and in every
// other place as ever).
//
// What counts is the first rating of a usage; what was rated again keeps that. A void takes back
// what was counted of its usage, from the day of its start. Its thread has a low priority, rests
// longer than it works, and waits while the lanes have much to do. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_USAGE_COUNTER_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_USAGE_COUNTER_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

class UsageCounter {
 public:
  using Crowded = std::function<bool()>;

  // What these use must outlive it.
  UsageCounter(const EngineOptions& options, EngineStats& stats, Crowded crowded);
  // Ends after the step that is under way.
  ~UsageCounter();

  // Once.
  void Start();

 private:
  void Run();
  // Counts until it has caught up.
  absl::Status Count();
  // One step; how far behind it is then, zero if there is no more for now.
  absl::StatusOr<absl::Duration> CountStretch();
  // Waits so long, and while the lanes have much to do. False if it is to stop.
  bool Rest(absl::Duration rest);

  const EngineOptions& options_;
  EngineStats& stats_;
  const Crowded crowded_;
  std::unique_ptr<storage::Connection> connection_;

  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_USAGE_COUNTER_H_
