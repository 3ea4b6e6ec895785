#include "worker/pending_calls.h"

#include "common/rpc/deadline.h"

namespace reserve::worker {

namespace {

// How long after a deadline gRPC has had its chance, and how often that is looked at.
constexpr absl::Duration kGrace = absl::Milliseconds(500);
constexpr absl::Duration kLookInterval = absl::Milliseconds(200);

}  // namespace

PendingCalls::~PendingCalls() {
  CancelAll();
  {
    absl::MutexLock lock(&mutex_);
    waker_.Wake();
  }
  watcher_.join();
}

bool PendingCalls::Add(grpc::ClientContext* context, absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return false;
  ++open_;
  contexts_[context] = MonotonicNow() + timeout + kGrace;
  return true;
}

void PendingCalls::Watch() {
  absl::MutexLock lock(&mutex_);
  while (!closed_ || open_ > 0) {
    waker_.Await(kLookInterval);
    const Moment now = MonotonicNow();
    for (auto& [context, overdue] : contexts_) {
      if (overdue > now) continue;
      context->TryCancel();
      overdue = absl::InfiniteDuration();  // once is enough
    }
  }
}

void PendingCalls::Remove(grpc::ClientContext* context) {
  absl::MutexLock lock(&mutex_);
  contexts_.erase(context);
}

void PendingCalls::NoteOver() {
  absl::MutexLock lock(&mutex_);
  --open_;
}

void PendingCalls::CancelAll() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  for (const auto& [context, overdue] : contexts_) context->TryCancel();
  mutex_.Await(absl::Condition(
      +[](size_t* open) { return *open == 0; }, &open_));
}

void PendingCalls::SetTimeout(absl::Duration timeout, grpc::ClientContext* context) {
  context->set_deadline(DeadlineIn(timeout));
}

}  // namespace reserve::worker
