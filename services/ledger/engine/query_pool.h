// Threads with a connection each, for reads that need no lane: lists, statements,
// audits; and for the few writes that concern no account (decks, leases).
//
// Thread-safe. A work function may be called again if its connection turns out to be gone or a
// conflict came in its way: it must be a read, or safe to
// repeat.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_QUERY_POOL_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_QUERY_POOL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/ledger/engine/overload.h"
#include "services/ledger/engine/patience.h"
#include "services/ledger/engine/thread_priority.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"

namespace reserve::engine {

class QueryPool {
 public:
  using Work = std::function<absl::Status(storage::Connection&)>;
  // Called exactly once, from a thread of the pool: the status of the work,
  // UNAVAILABLE if there is no database, RESOURCE_EXHAUSTED "OVERLOADED" if too
  // much waits (then from the caller's thread); both with a wait. Once the database has been away
  // for longer than the patience, what waits is told so at once, and one thread asks.
  using Done = std::function<void(const absl::Status&)>;

  // `patience`: for how long an outage is waited out. `refused` counts what was refused because
  // too much waited; it must outlive the pool.
  QueryPool(storage::DatabaseOptions database, int threads, absl::Duration patience,
            std::atomic<int64_t>& refused, ThreadPriority priority = ThreadPriority::kUsual);
  // Finishes what is queued.
  ~QueryPool();

  // Why nobody waits for the work any more; OK while somebody does. Asked from a thread of the
  // pool, before each statement of the work, which ends with it.
  using Gone = std::function<absl::Status()>;

  void Submit(Work work, Done done, Gone gone = nullptr);
  // The same, waiting for the end.
  absl::Status Run(Work work);

  // From now on all work ends with UNAVAILABLE "DRAINING": what waits, and what is under way
  // before its next statement. A statement that takes longer than two seconds is broken off.
  void Drain();

  // Breaks off the statements that are under way: connections are dropped, each of this process to
  // the database that has the pool's io_timeout_seconds, which must be nobody else's. To the work
  // the database is away then.
  void BreakOffRunning() ABSL_LOCKS_EXCLUDED(mutex_);

  // How much there is to do: threads with a connection each, those at work, and what waits.
  struct Load {
    int64_t threads;
    int64_t busy;
    int64_t waiting;
  };
  Load load() ABSL_LOCKS_EXCLUDED(mutex_);

  // The database was asked elsewhere, and works: an outage from now on is a new one.
  void NoteDatabaseWorks() { patience_.Worked(); }

 private:
  struct Job {
    Work work;
    Done done;
    Gone gone;
  };

  // Why the job is not to go on; OK if it is.
  absl::Status Interrupted(const Job& job) const;

  void Loop();
  // Takes a job from the queue; false if the thread is to end.
  bool Take(Job* job);
  // Drops connections until no work is under way.
  void BreakOff();
  // Runs the work on the connection, which is opened if need be, and again after a conflict, or
  // where the connection was idle for so long that the server has closed it. A brief outage is
  // waited out.
  absl::Status RunOn(const Job& job, std::unique_ptr<storage::Connection>& connection);
  // One try.
  absl::Status Try(const Job& job, std::unique_ptr<storage::Connection>& connection);
  bool stopping() {
    absl::MutexLock lock(&mutex_);
    return stopping_;
  }

  const storage::DatabaseOptions database_;
  const int thread_count_;
  const ThreadPriority priority_;
  Patience patience_;
  std::atomic<int64_t>& refused_;
  std::atomic<bool> draining_ = false;
  absl::Mutex mutex_;
  std::deque<Job> queue_ ABSL_GUARDED_BY(mutex_);
  DrainEstimate drain_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;      // jobs that threads work on
  std::thread breaker_ ABSL_GUARDED_BY(mutex_);  // since Drain
  std::vector<std::thread> threads_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_QUERY_POOL_H_
