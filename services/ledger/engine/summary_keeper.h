// Adds up what accounts' usages come to (storage/usage_sum_rows.h) from the entries, behind the
// lanes, so that a summary of a month need not read its entries.
//
// An account is added up in steps of a bounded number of entries, from its first one on and without
// a gap, each step in a transaction of that account's rows alone, which moves the account's
// position past the entries: so nothing is lost or counted twice, whichever ledgers add and whoever
// ends when. Which accounts:
//   - those that book a stretch of entries within a day, by this ledger's lanes: a month of one
//     with fewer is read in no time;
//   - those of which somebody asked for much that is in no sum;
//   - from then on all that those book, a stretch at a time.
// What waits here is not stored: an account that is lost with the process waits again with its next
// stretch, and a summary is exact in between.
//
// Its thread has a low priority, rests longer than it works, and waits while the lanes have much to
// do. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_SUMMARY_KEEPER_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_SUMMARY_KEEPER_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

class SummaryKeeper {
 public:
  using Crowded = std::function<bool()>;

  // What these use must outlive it.
  SummaryKeeper(const EngineOptions& options, EngineStats& stats, Crowded crowded);
  // Stops it, after the step that is under way.
  ~SummaryKeeper();

  // Once.
  void Start();
  // Ends its thread; what is noted from now on comes to nothing.
  void Stop();

  // These accounts have booked another stretch of entries.
  void NoteBooked(const std::vector<std::string>& accounts);
  // A summary of the account had to read so many entries one by one.
  void NoteRead(const std::string& account_id, int64_t entries);

 private:
  enum class Why { kBooked, kAsked };
  struct Waiting {
    std::string account_id;
    Why why = Why::kBooked;
  };

  void Add(const std::string& account_id, Why why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();
  // Waits for an account; false if it is to stop.
  bool Take(Waiting* next);
  // One step; true if more of the account is to be added.
  absl::StatusOr<bool> AddStretch(const Waiting& account);
  // Waits so long, and while the lanes have much to do. False if it is to stop.
  bool Rest(absl::Duration rest);

  const EngineOptions& options_;
  EngineStats& stats_;
  const Crowded crowded_;
  std::unique_ptr<storage::Connection> connection_;

  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::string> order_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Why> waiting_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_SUMMARY_KEEPER_H_
