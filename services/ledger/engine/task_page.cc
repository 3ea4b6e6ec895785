#include "services/ledger/engine/task_page.h"

#include <utility>

namespace reserve::engine {

void TaskPage::Send(std::vector<Task> tasks, const Submit& submit) {
  if (tasks.empty()) return;
  for (Task& task : tasks) task.sink = this;
  {
    absl::MutexLock lock(&mutex_);
    under_way_ += static_cast<int64_t>(tasks.size());
    status_ = absl::OkStatus();
  }
  submit(std::move(tasks));
}

bool TaskPage::done() {
  absl::MutexLock lock(&mutex_);
  return under_way_ == 0;
}

absl::Status TaskPage::status() {
  absl::MutexLock lock(&mutex_);
  return status_;
}

absl::Status TaskPage::Await() {
  absl::MutexLock lock(&mutex_);
  const auto done = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return under_way_ == 0; };
  mutex_.Await(absl::Condition(&done));
  return status_;
}

void TaskPage::Done(uint32_t, absl::StatusOr<book::Reply> reply) {
  if (reply.ok()) look_(*reply);
  absl::MutexLock lock(&mutex_);
  if (!reply.ok()) status_.Update(reply.status());
  --under_way_;
}

}  // namespace reserve::engine
