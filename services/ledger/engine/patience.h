// How long work waits for a database that is away: a brief outage is waited out, and once one has
// lasted longer nobody waits for it in vain.
//
// Shared by all that callers wait for, lanes and queries alike. Of an outage is known only while it
// is met again and again: after a while without a failure, or after anything has worked, the next
// one is a new one. Thread-safe.
//
//   const Moment give_up = patience.GiveUp(MonotonicNow());
//   while (!Try().ok()) {
//     patience.Failed(began, MonotonicNow());
//     if (MonotonicNow() >= give_up) return ...;
//   }
//   patience.Worked();
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_PATIENCE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_PATIENCE_H_

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve::engine {

class Patience {
 public:
  explicit Patience(absl::Duration budget) : budget_(budget) {}

  // When work that begins now is to be given up. It is tried once in any case.
  Moment GiveUp(Moment now) const {
    absl::MutexLock lock(&mutex_);
    return std::min(now, Known(now) ? away_since_ : now) + budget_;
  }
  // The database is away: what was begun then has just failed. It may have hung all the while.
  void Failed(Moment began, Moment now) {
    absl::MutexLock lock(&mutex_);
    if (!Known(now)) away_since_ = std::min(began, now);
    last_failure_ = now;
  }
  void Worked() {
    absl::MutexLock lock(&mutex_);
    away_since_ = last_failure_ = -absl::InfiniteDuration();
  }

 private:
  // Longer than it takes to find out that nothing answers.
  static constexpr absl::Duration kForgotten = absl::Seconds(3);

  bool Known(Moment now) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return last_failure_ != -absl::InfiniteDuration() && now - last_failure_ < kForgotten;
  }

  const absl::Duration budget_;
  mutable absl::Mutex mutex_;
  Moment away_since_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  Moment last_failure_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_PATIENCE_H_
