// What the ledger does in the background, and how it goes: a step that fails is counted, told in
// the log at most once a second, and shows since when it has not worked. Thread-safe.
//
//   steps.Note(Step::kRechecks, Recheck(connection));
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_STEP_REPORT_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_STEP_REPORT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve::engine {

enum class Step {
  kDispatch,       // due recharges are found and handed out
  kCatalog,        // decks and plans are looked for
  kDecks,          // decks that are not in memory are loaded
  kRechecks,       // accounts that time alone changes are reconsidered
  kDueTimes,       // due times that a wrong clock has stored are put right
  kExpiryNotices,  // accounts are told of grants that will end
  kFeed,           // events are read for those who watch
  kHolds,          // holds whose time has come are ended
  kUnrated,        // usages that wait for a price are rated, reratings looked for
  kReratings,      // usages are rated again, as was asked for
  kUsageCount,     // usage is added up by day and prefix
  kSummaries,      // usage of accounts is added up by day, user, country and kind
  kHeartbeat,      // the ledger says that it is there
  kRechargeCount,  // recharges that are not over are counted
  kRanges,         // the accounts are shared with other ledgers
};
inline constexpr int kSteps = static_cast<int>(Step::kRanges) + 1;

// "dispatch", as the label of the metrics and in the log.
absl::string_view NameOf(Step step);

class StepReport {
 public:
  struct Line {
    Step step;
    int64_t times = 0;
    absl::Duration failing;
    absl::Status error;  // the latest
  };

  // The step was tried, and this came of it. An error does not keep anybody from the next step.
  void Note(Step step, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t failures(Step step) const ABSL_LOCKS_EXCLUDED(mutex_);
  // For how long it has failed each time; zero if it worked last.
  absl::Duration failing(Step step) const ABSL_LOCKS_EXCLUDED(mutex_);
  // The steps that failed since the last time.
  std::vector<Line> Take() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct State {
    int64_t failures = 0;
    int64_t told = 0;
    std::optional<Moment> since;  // nothing while it works
    absl::Status error;
  };

  mutable absl::Mutex mutex_;
  std::array<State, kSteps> states_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_STEP_REPORT_H_
