#include "services/gateway_stub/delay_queue.h"

#include <utility>

#include "absl/time/clock.h"

namespace reserve::gateway_stub {

DelayQueue::DelayQueue() : thread_([this] { Run(); }) {}

DelayQueue::~DelayQueue() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
    changed_.Signal();
  }
  thread_.join();
}

void DelayQueue::RunAfter(absl::Duration delay, std::function<void()> function) {
  if (delay > absl::ZeroDuration()) {
    absl::MutexLock lock(&mutex_);
    if (!hurry_ && !stop_) {
      waiting_.emplace(absl::Now() + delay, std::move(function));
      changed_.Signal();
      return;
    }
  }
  function();
}

void DelayQueue::Hurry() {
  absl::MutexLock lock(&mutex_);
  hurry_ = true;
  changed_.Signal();
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
          changed_.Wait(&mutex_);
        } else if (now || waiting_.begin()->first <= absl::Now()) {
          break;
        } else {
          changed_.WaitWithDeadline(&mutex_, waiting_.begin()->first);
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
