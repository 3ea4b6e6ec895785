#include "common/clock/monotonic.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"

namespace reserve {
namespace {

// As the standard library wants a lock.
class Lockable {
 public:
  explicit Lockable(absl::Mutex& mutex) : mutex_(mutex) {}
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.Lock(); }      // NOLINT: the standard's name
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.Unlock(); }  // NOLINT: the standard's name

 private:
  absl::Mutex& mutex_;
};

// A longer wait is ended by nobody who lives, and would overflow what the kernel takes.
constexpr absl::Duration kLongestWait = absl::Hours(24 * 365);

}  // namespace

Moment MonotonicNow() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

void Waker::Wake() {
  woken_ = true;
  changed_.notify_all();
}

bool Waker::Await(absl::Duration timeout) {
  Lockable lock(mutex_);
  const auto until =
      std::chrono::steady_clock::now() +
      absl::ToChronoNanoseconds(std::clamp(timeout, absl::ZeroDuration(), kLongestWait));
  changed_.wait_until(lock, until, [this] { return woken_; });
  return std::exchange(woken_, false);
}

ClockWatch::ClockWatch() : origin_(absl::Now() - MonotonicNow()) {}

absl::Duration ClockWatch::Look(absl::Time wall, Moment now) {
  const absl::Time origin = wall - now;
  const absl::Duration jump = origin - origin_;
  origin_ = origin;
  return absl::AbsDuration(jump) < kShortestJump ? absl::ZeroDuration() : jump;
}

}  // namespace reserve
