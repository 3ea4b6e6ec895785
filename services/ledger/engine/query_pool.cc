#include "services/ledger/engine/query_pool.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"

namespace reserve::engine {
namespace {

constexpr size_t kMaxQueue = 4096;

// Runs the work on the connection, which is opened if need be. A connection that
// was idle may have been closed by the server, and a conflict may pass: then once
// more, on a new connection or the same.
absl::Status RunOn(const storage::DatabaseOptions& database, const QueryPool::Work& work,
                   const storage::Connection::Interrupt& interrupt,
                   std::unique_ptr<storage::Connection>& connection) {
  for (int tries = 1;; ++tries) {
    RESERVE_RETURN_IF_ERROR(interrupt());
    const bool fresh = connection == nullptr || !connection->alive();
    if (fresh) {
      connection.reset();
      RESERVE_ASSIGN_OR_RETURN(connection, storage::Connection::OpenForCallers(database));
    }
    connection->InterruptBy(interrupt);
    absl::Status status = work(*connection);
    connection->InterruptBy(nullptr);
    if (const absl::Status interrupted = interrupt(); !status.ok() && !interrupted.ok()) {
      return interrupted;
    }
    const bool stale = status.code() == absl::StatusCode::kUnavailable && !connection->alive();
    const bool conflict = ReasonOf(status) == "DATABASE_CONFLICT";
    if (tries == 1 && ((stale && !fresh) || conflict)) continue;
    // Whoever inserts looks for it; where nobody does it is no answer to the caller.
    if (ReasonOf(status) == "DUPLICATE_KEY") {
      return MakeError(absl::StatusCode::kInternal, "DATABASE_ERROR", "", status.message());
    }
    if (!conflict) return status;
    return MakeError(absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE", "", status.message());
  }
}

}  // namespace

QueryPool::QueryPool(storage::DatabaseOptions database, int threads, std::atomic<int64_t>& refused)
    : database_(std::move(database)), thread_count_(threads), refused_(refused) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

QueryPool::~QueryPool() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::Status QueryPool::Interrupted(const Job& job) const {
  if (draining_) {
    return TryAgain(MakeError(absl::StatusCode::kUnavailable, "DRAINING", "",
                              "this ledger is shutting down; ask another"),
                    kShortestRetryAfter);
  }
  if (job.gone != nullptr && job.gone()) {
    return MakeError(absl::StatusCode::kCancelled, "CANCELLED", "", "the caller has gone");
  }
  return absl::OkStatus();
}

void QueryPool::Submit(Work work, Done done, Gone gone) {
  absl::Duration retry_after;
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_ && queue_.size() < kMaxQueue) {
      queue_.push_back({std::move(work), std::move(done), std::move(gone)});
      return;
    }
    retry_after = drain_.RetryAfter(queue_.size(), absl::ZeroDuration());
  }
  ++refused_;
  done(Overloaded("queries", retry_after));
}

absl::Status QueryPool::Run(Work work) {
  absl::Notification ended;
  absl::Status result;
  Submit(std::move(work), [&](const absl::Status& status) {
    result = status;
    ended.Notify();
  });
  ended.WaitForNotification();
  return result;
}

void QueryPool::Loop() {
  const storage::SqlThread sql_thread;
  std::unique_ptr<storage::Connection> connection;
  while (true) {
    Job job;
    {
      absl::MutexLock lock(&mutex_);
      const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
        return !queue_.empty() || stopping_;
      };
      mutex_.Await(absl::Condition(&ready));
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    const Moment begin = MonotonicNow();
    absl::Status status = RunOn(
        database_, job.work, [this, &job] { return Interrupted(job); }, connection);
    {
      absl::MutexLock lock(&mutex_);
      drain_.Note(1, (MonotonicNow() - begin) / thread_count_);
    }
    // Of a query nothing is unknown: it may be asked again as soon as there is a
    // database.
    if (ReasonOf(status) == "DATABASE_UNAVAILABLE") status = TryAgain(status, kDatabaseRetryAfter);
    job.done(status);
  }
}

}  // namespace reserve::engine
