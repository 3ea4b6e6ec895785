#include "worker/pending_calls.h"

#include <grpc/support/time.h>

namespace reserve::worker {

bool PendingCalls::Add(grpc::ClientContext* context) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return false;
  contexts_.insert(context);
  return true;
}

void PendingCalls::Remove(grpc::ClientContext* context) {
  absl::MutexLock lock(&mutex_);
  contexts_.erase(context);
}

void PendingCalls::CancelAll() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  for (grpc::ClientContext* context : contexts_) context->TryCancel();
  mutex_.Await(absl::Condition(
      +[](std::set<grpc::ClientContext*>* contexts) { return contexts->empty(); }, &contexts_));
}

void PendingCalls::SetTimeout(absl::Duration timeout, grpc::ClientContext* context) {
  context->set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                   gpr_time_from_millis(absl::ToInt64Milliseconds(timeout), GPR_TIMESPAN)));
}

}  // namespace reserve::worker
