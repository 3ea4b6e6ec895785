// Rates usages again, as was asked for, in the background (U6).
//
// One rerating after the other, over all ledgers of a database: whoever has the lease of the first
// that is not done goes through its usages by pages, sends the lanes the next page only when they
// are done with the one before, so that it takes its turn beside the load, and stores how far it
// is. One that ends, or is frozen, is taken over from there; what of its last page was done already
// is known by each usage's row. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_RERATING_RUNNER_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_RERATING_RUNNER_H_

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "services/ledger/book/rerating.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/engine/task.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

class ReratingRunner {
 public:
  using Submit = std::function<void(std::vector<Task>)>;
  using Crowded = std::function<bool()>;

  // What these use must outlive it.
  ReratingRunner(const EngineOptions& options, EngineStats& stats, Submit submit, Crowded crowded);
  // Ends after the page that is under way.
  ~ReratingRunner();

  // Once.
  void Start();
  // There is one to be worked on.
  void Announce();

 private:
  void Run();
  // Works on what there is, until nothing is left.
  absl::Status Work();
  absl::Status WorkOn(book::ReratingJob job, absl::Time lease_end);
  // Waits while the lanes have much to do. False if it is to stop.
  bool TakeTurn();
  bool stopping();
  absl::Time LeaseEnd() const;

  const EngineOptions& options_;
  EngineStats& stats_;
  const Submit submit_;
  const Crowded crowded_;
  std::unique_ptr<storage::Connection> connection_;

  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_RERATING_RUNNER_H_
