// How long work waits for a database that is away: a brief outage is waited out, and once one has
// lasted longer nobody waits for it in vain.
//
// One object for each kind of work that can fail on its own: the lanes, which write, have one, and
// each pool of queries has one, so that reads that work don't let writes wait anew for a full disk.
// An outage counts as going on only while calls keep meeting it: after a while without a failure,
// or after anything has worked, the next one is a new one. Thread-safe.
//
//   if (!patience.TakeTurn(MonotonicNow())) return ...;  // nobody answers, and one is asking
//   const Moment give_up = patience.GiveUp(MonotonicNow());
//   while (!Try().ok()) {
//     patience.Failed(began, MonotonicNow(), Patience::Failure::kNoAnswer);
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
  enum class Failure {
    kNoAnswer,  // nobody is there, or nobody answers: to ask again may take a second
    kRefused,   // the database answers, and can't do it: its disk is full, it only reads
  };

  explicit Patience(absl::Duration budget) : budget_(budget) {}

  // When work that begins now is to be given up. It is tried once in any case.
  Moment GiveUp(Moment now) const {
    absl::MutexLock lock(&mutex_);
    return std::min(now, Known(now) ? away_since_ : now) + budget_;
  }
  // May work that begins now be tried? Not while nobody has answered for longer than the budget:
  // then one at a time tries, and what waits behind it is to be refused at once.
  bool TakeTurn(Moment now) {
    absl::MutexLock lock(&mutex_);
    if (!Known(now) || answers_ || now < away_since_ + budget_) return true;
    if (now < next_turn_) return false;
    next_turn_ = now + kTurn;
    return true;
  }
  // The database is away: what was begun then has just failed. It may have hung all the while.
  void Failed(Moment began, Moment now, Failure failure) {
    absl::MutexLock lock(&mutex_);
    if (!Known(now)) away_since_ = std::min(began, now);
    last_failure_ = now;
    answers_ = failure == Failure::kRefused;
    next_turn_ = std::min(next_turn_, now + kBetweenTurns);
  }
  void Worked() {
    absl::MutexLock lock(&mutex_);
    away_since_ = last_failure_ = -absl::InfiniteDuration();
  }
  // The database answers; that it can do what it refused is not known.
  void Answered() {
    absl::MutexLock lock(&mutex_);
    answers_ = true;
  }

 private:
  // Longer than it takes to find out that nothing answers.
  static constexpr absl::Duration kForgotten = absl::Seconds(3);
  // How long a turn lasts that ends neither way, and how soon the next follows one that failed.
  static constexpr absl::Duration kTurn = absl::Seconds(2);
  static constexpr absl::Duration kBetweenTurns = absl::Milliseconds(100);

  bool Known(Moment now) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return last_failure_ != -absl::InfiniteDuration() && now - last_failure_ < kForgotten;
  }

  const absl::Duration budget_;
  mutable absl::Mutex mutex_;
  Moment away_since_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  Moment last_failure_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  Moment next_turn_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  bool answers_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_PATIENCE_H_
