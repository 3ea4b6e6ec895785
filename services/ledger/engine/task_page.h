// Tasks that one thread sends the lanes together, and then waits for, or looks at again later: a
// page of what it goes through, so that it takes its turn beside the load.
//
//   TaskPage page([&](const book::Reply& reply) { ... });  // for each that is done
//   page.Send(std::move(tasks), submit);
//   RETURN_IF_ERROR(page.Await());
//
// It must outlive the tasks that it has sent. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_TASK_PAGE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_TASK_PAGE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/ledger/engine/task.h"

namespace reserve::engine {

class TaskPage final : private ReplySink {
 public:
  // Looks at a reply, in whatever thread answers; two may do so at a time.
  using Look = std::function<void(const book::Reply&)>;
  using Submit = std::function<void(std::vector<Task>)>;
  static Look LookAtNone() {
    return [](const book::Reply&) {};
  }

  explicit TaskPage(Look look) : look_(std::move(look)) {}

  // The answers to these come here. What failed of those before, if none of them is under way any
  // more, is forgotten by status().
  void Send(std::vector<Task> tasks, const Submit& submit);
  // There is nothing to be sent any more.
  void SendNothing();
  // Is nothing under way?
  bool done();
  // The first error among the answers to what was sent last, with its account.
  absl::Status status();
  // The same; while none has come, and not all is answered, the error of those before: what fails
  // each time it is sent fails without a pause.
  absl::Status failing();
  // status() once all are there.
  absl::Status Await();

 private:
  void Done(uint32_t index, absl::StatusOr<book::Reply> reply) override;
  void Turn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Look look_;
  absl::Mutex mutex_;
  int64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> accounts_ ABSL_GUARDED_BY(mutex_);  // by the index of the task
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  absl::Status before_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_TASK_PAGE_H_
