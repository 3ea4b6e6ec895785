#include "services/ledger/engine/query_pool.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"

namespace reserve::engine {
namespace {

constexpr size_t kMaxQueue = 4096;

// Runs the work on the connection, which is opened if need be. A connection that
// was idle may have been closed by the server, and a conflict may pass: then once
// more, on a new connection or the same.
absl::Status RunOn(const storage::DatabaseOptions& database, const QueryPool::Work& work,
                   std::unique_ptr<storage::Connection>& connection) {
  for (int tries = 1;; ++tries) {
    const bool fresh = connection == nullptr || !connection->alive();
    if (fresh) {
      connection.reset();
      RESERVE_ASSIGN_OR_RETURN(connection, storage::Connection::OpenForCallers(database));
    }
    absl::Status status = work(*connection);
    const bool stale = status.code() == absl::StatusCode::kUnavailable && !connection->alive();
    const bool conflict = ReasonOf(status) == "DATABASE_CONFLICT";
    if (tries == 1 && ((stale && !fresh) || conflict)) continue;
    return status;
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

void QueryPool::Submit(Work work, Done done) {
  absl::Duration retry_after;
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_ && queue_.size() < kMaxQueue) {
      queue_.push_back({std::move(work), std::move(done)});
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
    const absl::Time begin = absl::Now();
    const absl::Status status = RunOn(database_, job.work, connection);
    {
      absl::MutexLock lock(&mutex_);
      drain_.Note(1, (absl::Now() - begin) / thread_count_);
    }
    // Of a query nothing is unknown: it may be asked again as soon as the database can answer.
    job.done(storage::ForCaller(status));
  }
}

}  // namespace reserve::engine
