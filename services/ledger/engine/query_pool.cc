#include "services/ledger/engine/query_pool.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "services/ledger/engine/errors.h"

namespace reserve::engine {
namespace {

constexpr size_t kMaxQueue = 4096;

// How long after a failure the database is tried again.
constexpr absl::Duration kPoolPause = absl::Milliseconds(50);

// A drain lets statements end for so long, and then looks so often for what it must break off.
constexpr absl::Duration kLetEnd = absl::Seconds(2);
constexpr absl::Duration kBreakOffInterval = absl::Milliseconds(100);

// What is told to those who come while nobody answers.
absl::Status StillAway() {
  return storage::WithClass(storage::DatabaseUnavailable("the database has not answered for long"),
                            storage::ErrorClass::kConnection);
}

}  // namespace

QueryPool::QueryPool(storage::DatabaseOptions database, int threads, absl::Duration patience,
                     std::atomic<int64_t>& refused, ThreadPriority priority)
    : database_(std::move(database)),
      thread_count_(threads),
      priority_(priority),
      patience_(patience),
      refused_(refused) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

QueryPool::~QueryPool() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  std::thread breaker;
  {
    absl::MutexLock lock(&mutex_);
    breaker.swap(breaker_);
  }
  if (breaker.joinable()) breaker.join();
}

void QueryPool::Drain() {
  if (draining_.exchange(true)) return;
  absl::MutexLock lock(&mutex_);
  breaker_ = std::thread([this] { BreakOff(); });
}

void QueryPool::BreakOffRunning() {
  if (load().busy > 0) storage::DropConnections(database_);
}

void QueryPool::BreakOff() {
  const Moment patient_until = MonotonicNow() + kLetEnd;
  const auto idle = [this]() {
    absl::MutexLock lock(&mutex_);
    return running_ == 0 && queue_.empty();
  };
  while (!idle()) {
    if (MonotonicNow() >= patient_until) storage::DropConnections(database_);
    absl::SleepFor(kBreakOffInterval);
  }
}

absl::Status QueryPool::Interrupted(const Job& job) const {
  if (draining_) return Draining("ask another");
  return job.gone == nullptr ? absl::OkStatus() : job.gone();
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

QueryPool::Load QueryPool::load() {
  absl::MutexLock lock(&mutex_);
  return {thread_count_, running_, static_cast<int64_t>(queue_.size())};
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

absl::Status QueryPool::RunOn(const Job& job, std::unique_ptr<storage::Connection>& connection) {
  RESERVE_RETURN_IF_ERROR(Interrupted(job));
  if (!patience_.TakeTurn(MonotonicNow())) return StillAway();
  const Moment give_up = patience_.GiveUp(MonotonicNow());
  bool conflict_before = false;
  bool shard_before = false;
  // A session that is kept may have ended long ago, with a server that has been back for long.
  bool try_at_once = connection != nullptr;
  while (true) {
    const Moment began = MonotonicNow();
    const absl::Status status = Try(job, connection);
    if (const absl::Status interrupted = Interrupted(job); !status.ok() && !interrupted.ok()) {
      return interrupted;
    }
    // One shard is no outage, and is not waited for: others' queries would wait behind this one.
    // (It may be that only the session has lost its place there.)
    const bool of_shard = storage::ErrorClassOf(status) == storage::ErrorClass::kShard;
    const bool away =
        absl::IsUnavailable(status) && !of_shard && (connection == nullptr || !connection->alive());
    if (!away) patience_.Worked();
    if (of_shard && !std::exchange(shard_before, true)) continue;
    const bool conflict =
        absl::IsAborted(status) && storage::ErrorClassOf(status) == storage::ErrorClass::kConflict;
    if (conflict && !std::exchange(conflict_before, true)) continue;
    if (!away) return status;
    patience_.Failed(began, MonotonicNow(), FailureOf(status));
    if (MonotonicNow() >= give_up || stopping()) return status;
    if (!std::exchange(try_at_once, false)) absl::SleepFor(kPoolPause);
  }
}

absl::Status QueryPool::Try(const Job& job, std::unique_ptr<storage::Connection>& connection) {
  RESERVE_RETURN_IF_ERROR(Interrupted(job));
  if (connection == nullptr || !connection->alive()) {
    connection.reset();
    RESERVE_ASSIGN_OR_RETURN(connection, storage::Connection::OpenForCallers(database_));
  }
  connection->InterruptBy([this, &job] { return Interrupted(job); });
  absl::Status status = job.work(*connection);
  connection->InterruptBy(nullptr);
  return status;
}

bool QueryPool::Take(Job* job) {
  absl::MutexLock lock(&mutex_);
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !queue_.empty() || stopping_;
  };
  mutex_.Await(absl::Condition(&ready));
  if (queue_.empty()) return false;
  *job = std::move(queue_.front());
  queue_.pop_front();
  ++running_;
  return true;
}

void QueryPool::Loop() {
  SetThreadPriority(priority_);
  const storage::SqlThread sql_thread;
  std::unique_ptr<storage::Connection> connection;
  while (true) {
    Job job;
    if (!Take(&job)) return;
    const Moment begin = MonotonicNow();
    const absl::Status status = RunOn(job, connection);
    {
      absl::MutexLock lock(&mutex_);
      --running_;
      drain_.Note(1, (MonotonicNow() - begin) / thread_count_);
    }
    // Of a query nothing is unknown: it may be asked again as soon as the database can answer.
    job.done(storage::ForCaller(status));
  }
}

}  // namespace reserve::engine
