// The clock that nobody can set, and how a thread waits by it.
//
// Everything that waits, measures how long something took, or gives up after a while
// goes by this clock. The wall clock (absl::Now) says what time it is in the books and
// in logs, and may jump either way at any moment. Abseil's own timed waits
// (Mutex::AwaitWithTimeout, CondVar::WaitWithTimeout) wait until a moment of the wall
// clock, so a clock that is set back by an hour makes them wait an hour longer: they
// are not used.
//
//   const Moment begin = MonotonicNow();
//   ...
//   if (MonotonicNow() - begin > patience) return;
#ifndef RESERVE_COMMON_CLOCK_MONOTONIC_H_
#define RESERVE_COMMON_CLOCK_MONOTONIC_H_

#include <condition_variable>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace reserve {

// A reading of this machine's monotonic clock: the time since some fixed moment. Of no
// meaning to another machine or after a restart, so it is never stored or sent.
using Moment = absl::Duration;

// Counts the time that the machine was asleep too: who slept for a day must know that
// its leases are old. Thread-safe.
Moment MonotonicNow();

// Wakes one thread that waits for work, or for time to pass.
//
// All functions are called with the lock held that was given to the constructor, and
// that also guards what the thread is woken for.
//
//   absl::Mutex mutex;
//   Waker waker(&mutex);
//   { absl::MutexLock lock(&mutex); work.push_back(...); waker.Wake(); }   // any thread
//   { absl::MutexLock lock(&mutex); waker.Await(absl::Seconds(1)); }       // the one
class Waker {
 public:
  explicit Waker(absl::Mutex* mutex) : mutex_(*mutex) {}
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Ends the wait that is under way, or else the next one at once.
  void Wake() ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  // Gives the lock away until Wake was called since the last Await ended, or `timeout`
  // has passed. True if it was woken. `timeout` may be infinite.
  bool Await(absl::Duration timeout) ABSL_SHARED_LOCKS_REQUIRED(mutex_);

 private:
  absl::Mutex& mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;  // guarded by the caller's lock
};

// Notices that somebody, or something, has set the wall clock.
//
// Not thread-safe.
//
//   ClockWatch watch;
//   ... every second: absl::Duration jump = watch.Look(absl::Now(), MonotonicNow());
class ClockWatch {
 public:
  // A step that is shorter is a clock that is being steered, or a thread that waited
  // between its two readings.
  static constexpr absl::Duration kShortestJump = absl::Seconds(1);

  ClockWatch();

  // How far the wall clock has gone since the last look besides the time that really
  // passed: below zero if it was set back, zero if nothing happened.
  absl::Duration Look(absl::Time wall, Moment now);

 private:
  // What is to be added to a reading of the monotonic clock.
  absl::Time origin_;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_CLOCK_MONOTONIC_H_
