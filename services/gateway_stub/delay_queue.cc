#include "services/gateway_stub/delay_queue.h"

#include <utility>

#include "common/clock/monotonic.h"

namespace reserve::gateway_stub {

DelayQueue::DelayQueue() : thread_([this] { Run(); }) {}

DelayQueue::~DelayQueue() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
    waker_.Wake();
  }
  thread_.join();
}

void DelayQueue::RunAfter(absl::Duration delay, std::function<void()> function) {
  if (delay > absl::ZeroDuration()) {
    absl::MutexLock lock(&mutex_);
    if (!hurry_ && !stop_) {
      waiting_.emplace(MonotonicNow() + delay, std::move(function));
      waker_.Wake();
      return;
    }
  }
  function();
}

void DelayQueue::Hurry() {
  absl::MutexLock lock(&mutex_);
  hurry_ = true;
  waker_.Wake();
}

void DelayQueue::HurryAndWait() {
  Hurry();
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &DelayQueue::IsIdle));
}

void DelayQueue::Run() {
  while (true) {
    std::function<void()> function;
    {
      absl::MutexLock lock(&mutex_);
      running_ = false;
      while (true) {
        const bool now = hurry_ || stop_;
        if (waiting_.empty()) {
          if (stop_) return;
          waker_.Await(absl::InfiniteDuration());
        } else if (now || waiting_.begin()->first <= MonotonicNow()) {
          break;
        } else {
          waker_.Await(waiting_.begin()->first - MonotonicNow());
        }
      }
      function = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      running_ = true;
    }
    function();
  }
}

}  // namespace reserve::gateway_stub
