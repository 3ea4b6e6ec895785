#include "services/ledger/engine/rerating_runner.h"

#include <optional>
#include <utility>
#include <variant>

#include "common/error/error.h"
#include "services/ledger/engine/rerating_walk.h"
#include "services/ledger/storage/rerating_rows.h"

namespace reserve::engine {
namespace {

// Few enough that what comes at the same time waits for a batch more, not for many.
constexpr int kReratedAPage = 500;
constexpr absl::Duration kTryAgainAfter = absl::Seconds(1);
constexpr absl::Duration kReratingPause = absl::Milliseconds(10);
// Longer than any page takes.
constexpr absl::Duration kLease = absl::Seconds(30);

// Is it of the moment, so that the page is to be tried again?
bool WillPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsAborted(status) ||
         absl::IsResourceExhausted(status);
}

// The answers to a page of usages.
class Page final : public ReplySink {
 public:
  explicit Page(size_t usages) : pending_(usages) {}

  void Done(uint32_t, absl::StatusOr<book::Reply> reply) override {
    absl::MutexLock lock(&mutex_);
    if (reply.ok()) {
      counts_.Add(book::As<book::RerateReply>(*reply));
    } else if (WillPass(reply.status())) {
      error_.Update(reply.status());
    } else {
      ++counts_.looked_at;
      ++counts_.failed;
    }
    --pending_;
  }

  // Once all are there: what came of them, or an error if some are to be tried again.
  absl::StatusOr<book::ReratingCounts> Await() {
    absl::MutexLock lock(&mutex_);
    const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return pending_ == 0; };
    mutex_.Await(absl::Condition(&ended));
    RESERVE_RETURN_IF_ERROR(error_);
    return counts_;
  }

 private:
  absl::Mutex mutex_;
  size_t pending_ ABSL_GUARDED_BY(mutex_);
  book::ReratingCounts counts_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

std::vector<Task> TasksFor(const book::ReratingJob& job,
                           const std::vector<storage::UsageOfScope>& usages, absl::Time not_after,
                           ReplySink* sink) {
  std::vector<Task> tasks;
  tasks.reserve(usages.size());
  for (const storage::UsageOfScope& usage : usages) {
    book::RerateUsage command = book::CommandFor(job, usage.usage_id, usage.seq);
    command.not_after = not_after;
    Task& task = tasks.emplace_back(Task{usage.account_id, std::move(command), sink, 0});
    task.caller = job.order.by.caller;
  }
  return tasks;
}

}  // namespace

ReratingRunner::ReratingRunner(const EngineOptions& options, EngineStats& stats, Submit submit,
                               Crowded crowded)
    : options_(options), stats_(stats), submit_(std::move(submit)), crowded_(std::move(crowded)) {}

ReratingRunner::~ReratingRunner() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  if (thread_.joinable()) thread_.join();
}

void ReratingRunner::Start() {
  thread_ = std::thread([this] { Run(); });
}

void ReratingRunner::Announce() {
  absl::MutexLock lock(&mutex_);
  waker_.Wake();
}

bool ReratingRunner::stopping() {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

absl::Time ReratingRunner::LeaseEnd() const { return options_.clock() + kLease; }

void ReratingRunner::Run() {
  const storage::SqlThread sql_thread;
  absl::Duration wait = absl::InfiniteDuration();
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      waker_.Await(wait);
      if (stopping_) break;
    }
    const absl::Status status = Work();
    stats_.steps.Note(Step::kReratings, status);
    wait = status.ok() ? absl::InfiniteDuration() : kTryAgainAfter;
    // Rare: no connection is kept for it.
    if (status.ok()) connection_.reset();
  }
  connection_.reset();
}

bool ReratingRunner::TakeTurn() {
  while (crowded_()) {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return false;
    waker_.Await(kReratingPause);
  }
  return !stopping();
}

absl::Status ReratingRunner::Work() {
  RESERVE_RETURN_IF_ERROR(storage::EnsureOpen(options_.database, &connection_));
  while (!stopping()) {
    const absl::Time lease_end = LeaseEnd();
    RESERVE_ASSIGN_OR_RETURN(
        std::optional<book::ReratingJob> job,
        storage::ClaimRerating(*connection_, options_.ledger_id, options_.clock(), lease_end));
    if (!job.has_value()) return absl::OkStatus();
    RESERVE_RETURN_IF_ERROR(WorkOn(*std::move(job), lease_end));
  }
  return absl::OkStatus();
}

absl::Status ReratingRunner::WorkOn(book::ReratingJob job, absl::Time lease_end) {
  ReratingWalk walk(job.order.scope, job.place);
  while (!job.done && TakeTurn()) {
    RESERVE_RETURN_IF_ERROR(walk.Next(*connection_, kReratedAPage));
    Page page(walk.page().size());
    std::vector<Task> tasks = TasksFor(job, walk.page(), lease_end, &page);
    if (!tasks.empty()) submit_(std::move(tasks));
    RESERVE_ASSIGN_OR_RETURN(const book::ReratingCounts counts, page.Await());
    stats_.rated_again += counts.changed;
    job.counts.Add(counts);
    job.place = walk.place();
    job.done = walk.ended();
    lease_end = LeaseEnd();
    RESERVE_ASSIGN_OR_RETURN(const bool saved,
                             storage::SaveRerating(*connection_, job, options_.clock(), lease_end));
    if (!saved) break;  // another ledger goes on with it
  }
  return absl::OkStatus();
}

}  // namespace reserve::engine
