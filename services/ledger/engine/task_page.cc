#include "services/ledger/engine/task_page.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace reserve::engine {
namespace {

absl::Status OfAccount(absl::string_view account_id, const absl::Status& error) {
  absl::Status named(error.code(), absl::StrCat("account ", account_id, ": ", error.message()));
  error.ForEachPayload([&named](absl::string_view type, const absl::Cord& payload) {
    named.SetPayload(type, payload);
  });
  return named;
}

}  // namespace

void TaskPage::Send(std::vector<Task> tasks, const Submit& submit) {
  if (tasks.empty()) return;
  {
    absl::MutexLock lock(&mutex_);
    if (under_way_ == 0) Turn();
    under_way_ += static_cast<int64_t>(tasks.size());
    for (Task& task : tasks) {
      task.sink = this;
      task.index = static_cast<uint32_t>(accounts_.size());
      accounts_.push_back(task.account_id);
    }
  }
  submit(std::move(tasks));
}

void TaskPage::SendNothing() {
  absl::MutexLock lock(&mutex_);
  if (under_way_ == 0) Turn();
}

void TaskPage::Turn() {
  before_ = std::exchange(status_, absl::OkStatus());
  accounts_.clear();
}

bool TaskPage::done() {
  absl::MutexLock lock(&mutex_);
  return under_way_ == 0;
}

absl::Status TaskPage::status() {
  absl::MutexLock lock(&mutex_);
  return status_;
}

absl::Status TaskPage::failing() {
  absl::MutexLock lock(&mutex_);
  return status_.ok() && under_way_ > 0 ? before_ : status_;
}

absl::Status TaskPage::Await() {
  absl::MutexLock lock(&mutex_);
  const auto done = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return under_way_ == 0; };
  mutex_.Await(absl::Condition(&done));
  return status_;
}

void TaskPage::Done(uint32_t index, absl::StatusOr<book::Reply> reply) {
  if (reply.ok()) look_(*reply);
  absl::MutexLock lock(&mutex_);
  if (!reply.ok() && status_.ok()) status_ = OfAccount(accounts_[index], reply.status());
  --under_way_;
}

}  // namespace reserve::engine
