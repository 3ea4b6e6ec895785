#include "services/ledger/engine/reply_thread.h"

namespace reserve::engine {

ReplyThread::ReplyThread(size_t capacity) : capacity_(capacity), thread_([this] { Run(); }) {}

ReplyThread::~ReplyThread() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void ReplyThread::Give(BatchReplies batch) {
  absl::MutexLock lock(&mutex_);
  const auto has_room = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return held_ < capacity_; };
  mutex_.Await(absl::Condition(&has_room));
  held_ += batch.replies.size();
  waiting_.push_back(std::move(batch));
}

void ReplyThread::Run() {
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !waiting_.empty() || stopping_;
  };
  size_t given = 0;
  while (true) {
    BatchReplies batch;
    {
      absl::MutexLock lock(&mutex_);
      held_ -= given;
      mutex_.Await(absl::Condition(&ready));
      if (waiting_.empty()) return;  // stopping, and all are given
      batch = std::move(waiting_.front());
      waiting_.pop_front();
    }
    given = batch.replies.size();
    for (size_t i = 0; i < given; ++i) {
      const auto [sink, index] = batch.sinks[i];
      sink->Done(index, std::move(batch.replies[i]));
    }
  }
}

}  // namespace reserve::engine
