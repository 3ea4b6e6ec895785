// The worker's only clock: monotonic, and it counts the time the machine slept.
//
// A process that was asleep for a day must know that its leases and keys are old;
// CLOCK_MONOTONIC would not tell. Thread-safe.
#ifndef RESERVE_WORKER_MONOTONIC_CLOCK_H_
#define RESERVE_WORKER_MONOTONIC_CLOCK_H_

#include <time.h>

#include "absl/time/time.h"
#include "worker/decide.h"

namespace reserve::worker {

inline Moment MonotonicNow() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_MONOTONIC_CLOCK_H_
