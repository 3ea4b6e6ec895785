#include "common/clock/repeater.h"

#include <utility>

namespace reserve {

Repeater::Repeater(absl::Duration interval, std::function<void()> call)
    : interval_(interval), call_(std::move(call)), thread_([this] { Run(); }) {}

Repeater::~Repeater() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  thread_.join();
}

void Repeater::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (!stopping_) waker_.Await(interval_);
      if (stopping_) return;
    }
    call_();
  }
}

}  // namespace reserve
