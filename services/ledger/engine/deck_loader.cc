#include "services/ledger/engine/deck_loader.h"

#include <optional>
#include <utility>

#include "common/error/error.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/engine/thread_priority.h"
#include "services/ledger/storage/database_error.h"

namespace reserve::engine {
namespace {

constexpr absl::Duration kTryAgainAfter = absl::Seconds(1);

}  // namespace

DeckLoader::DeckLoader(const storage::DatabaseOptions& database, size_t max_waiting,
                       CatalogKeeper& catalogs, StepReport& steps, Submit submit)
    : database_(database),
      max_waiting_(max_waiting),
      catalogs_(catalogs),
      steps_(steps),
      submit_(std::move(submit)) {}

void DeckLoader::Start() {
  thread_ = std::thread([this] { Run(); });
}

void DeckLoader::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  catalogs_.Stop();
  if (thread_.joinable()) thread_.join();
  Refuse(Draining("repeat it elsewhere"));
}

void DeckLoader::Announce() {
  absl::MutexLock lock(&mutex_);
  waker_.Wake();
}

void DeckLoader::Wait(int64_t version, Task task) {
  catalogs_.Want(version);
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_ && waiting_.size() < max_waiting_) {
      waiting_.push_back({version, std::move(task)});
      waker_.Wake();
      return;
    }
  }
  task.sink->Done(task.index, book::DeckNotInMemory(version));
}

bool DeckLoader::stopping() {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

std::vector<Task> DeckLoader::TakeWaiting(int64_t version) {
  std::vector<Task> taken;
  std::vector<Waiting> left;
  absl::MutexLock lock(&mutex_);
  for (Waiting& waiting : waiting_) {
    if (version == 0 || waiting.version == version) {
      taken.push_back(std::move(waiting.task));
    } else {
      left.push_back(std::move(waiting));
    }
  }
  waiting_ = std::move(left);
  return taken;
}

void DeckLoader::Refuse(const absl::Status& error) {
  for (const Task& task : TakeWaiting(0)) task.sink->Done(task.index, error);
}

void DeckLoader::Run() {
  SetThreadPriority(ThreadPriority::kLow);
  const storage::SqlThread sql_thread;
  absl::Duration wait = absl::InfiniteDuration();
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      waker_.Await(wait);
      if (stopping_) break;
    }
    const absl::Status status = LoadWanted();
    steps_.Note(Step::kDecks, status);
    // Who waits has waited for a connection and its patience; a repeat asks again.
    if (!status.ok()) Refuse(storage::ForCaller(status));
    wait = status.ok() ? absl::InfiniteDuration() : kTryAgainAfter;
    if (status.ok()) connection_.reset();  // rare: none is kept for it
  }
  connection_.reset();
}

absl::Status DeckLoader::LoadWanted() {
  while (!stopping()) {
    const std::optional<int64_t> version = catalogs_.NextWanted();
    if (!version.has_value()) break;
    RESERVE_RETURN_IF_ERROR(storage::EnsureOpen(database_, &connection_));
    RESERVE_RETURN_IF_ERROR(catalogs_.Load(*connection_, *version));
    if (std::vector<Task> tasks = TakeWaiting(*version); !tasks.empty()) submit_(std::move(tasks));
  }
  // What somebody else has loaded meanwhile.
  if (std::vector<Task> tasks = TakeWaiting(0); !tasks.empty()) submit_(std::move(tasks));
  return absl::OkStatus();
}

}  // namespace reserve::engine
