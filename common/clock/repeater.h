// Calls a function on a thread of its own, again and again, an interval after it has returned each
// time, until it is destroyed: that waits for a call that is under way, and for nothing else.
//
//   Repeater looks(absl::Seconds(5), [this] { Look(); });  // the last member: it ends first
#ifndef RESERVE_COMMON_CLOCK_REPEATER_H_
#define RESERVE_COMMON_CLOCK_REPEATER_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve {

class Repeater {
 public:
  // The first call is an interval from now.
  Repeater(absl::Duration interval, std::function<void()> call);
  ~Repeater();
  Repeater(const Repeater&) = delete;
  Repeater& operator=(const Repeater&) = delete;

 private:
  void Run();

  const absl::Duration interval_;
  const std::function<void()> call_;
  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_CLOCK_REPEATER_H_
