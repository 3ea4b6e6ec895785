// Writes down each call of the callers, with both times of one monotonic clock, as the line of a
// history (tests/history). Thread-safe.
//
//   record.history().Open(stage.folder() + "/history.jsonl");
//   const reserve::Moment asked = MonotonicNow();
//   ... the call ...
//   record.history().Note({.who = 3, .ledger = 0, .method = "GetAccount", ...}, asked, status);
//   const history::Report report = history::Check(record.history().calls());
#ifndef RESERVE_TESTS_CHAOS_HISTORY_LOG_H_
#define RESERVE_TESTS_CHAOS_HISTORY_LOG_H_

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "tests/history/history.h"

namespace reserve::chaos {

class HistoryLog {
 public:
  // What is noted from here on is also written to this file, which is made anew.
  absl::Status Open(const std::string& path) ABSL_LOCKS_EXCLUDED(mutex_);

  // A call that has just been answered, or given up: gets its number, times and status.
  void Note(history::Call call, reserve::Moment asked, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // All accounts of which something was claimed so far.
  std::set<std::string> accounts() const ABSL_LOCKS_EXCLUDED(mutex_);
  // INTERNAL if not all could be written to the file.
  absl::Status Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // Once nobody writes any more.
  const std::vector<history::Call>& calls() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return calls_; }

 private:
  mutable absl::Mutex mutex_;
  std::ofstream file_ ABSL_GUARDED_BY(mutex_);
  std::vector<history::Call> calls_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> accounts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_HISTORY_LOG_H_
