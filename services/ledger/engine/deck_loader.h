// Loads decks that are not in memory, on a thread of its own, and gives commands that need one
// back to their lanes once it is there: no lane waits for a deck. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_DECK_LOADER_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_DECK_LOADER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "services/ledger/engine/catalog.h"
#include "services/ledger/engine/step_report.h"
#include "services/ledger/engine/task.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"

namespace reserve::engine {

class DeckLoader {
 public:
  using Submit = std::function<void(std::vector<Task>)>;

  // More tasks than `max_waiting` are told to come again. What it is given must outlive it.
  DeckLoader(const storage::DatabaseOptions& database, size_t max_waiting, CatalogKeeper& catalogs,
             StepReport& steps, Submit submit);
  ~DeckLoader() { Stop(); }

  void Start();
  // Whoever waits is told that the ledger ends, and so is who comes later.
  void Stop();
  // Looks whether a deck is wanted.
  void Announce();
  // The task is submitted again once its deck is loaded, or answered with why it can't be.
  void Wait(int64_t version, Task task);

 private:
  struct Waiting {
    int64_t version = 0;
    Task task;
  };

  void Run();
  absl::Status LoadWanted();
  // Those that wait for the deck; for any, if it is 0.
  std::vector<Task> TakeWaiting(int64_t version);
  void Refuse(const absl::Status& error);
  bool stopping();

  const storage::DatabaseOptions& database_;
  const size_t max_waiting_;
  CatalogKeeper& catalogs_;
  StepReport& steps_;
  const Submit submit_;

  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<storage::Connection> connection_;  // of the thread; only while it loads
  std::thread thread_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_DECK_LOADER_H_
