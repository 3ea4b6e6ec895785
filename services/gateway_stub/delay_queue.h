// Runs functions a little later, on one thread of its own.
//
// Functions must be short and must not block. Each one is run exactly once:
// whatever still waits when the queue ends is run then. Thread-safe.
//
//   queue.RunAfter(absl::Milliseconds(50), [done] { done(); });
#ifndef RESERVE_GATEWAY_STUB_DELAY_QUEUE_H_
#define RESERVE_GATEWAY_STUB_DELAY_QUEUE_H_

#include <functional>
#include <map>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve::gateway_stub {

class DelayQueue {
 public:
  DelayQueue();
  // Hurries and waits.
  ~DelayQueue();
  DelayQueue(const DelayQueue&) = delete;
  DelayQueue& operator=(const DelayQueue&) = delete;

  // Runs `function` after `delay`; without a delay in the caller's thread, at once.
  void RunAfter(absl::Duration delay, std::function<void()> function) ABSL_LOCKS_EXCLUDED(mutex_);

  // From here on there are no delays: what waits is run now. For a drain.
  void Hurry() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, and returns when none waits or runs on the queue's thread any more.
  void HurryAndWait() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsIdle() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return waiting_.empty() && !running_; }

  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  std::multimap<Moment, std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool hurry_ ABSL_GUARDED_BY(mutex_) = false;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_DELAY_QUEUE_H_
