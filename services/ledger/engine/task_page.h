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

  explicit TaskPage(Look look) : look_(std::move(look)) {}

  // The answers to these come here. What failed of those sent before is forgotten.
  void Send(std::vector<Task> tasks, const Submit& submit);
  // Is nothing under way?
  bool done();
  // The first error among the answers to what was sent last.
  absl::Status status();
  // The same once all are there.
  absl::Status Await();

 private:
  void Done(uint32_t index, absl::StatusOr<book::Reply> reply) override;

  const Look look_;
  absl::Mutex mutex_;
  int64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_TASK_PAGE_H_
