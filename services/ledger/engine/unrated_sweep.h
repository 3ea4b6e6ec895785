// Rates usages that wait UNRATED once they can be (K3), in the background.
//
// What may have made one ratable begins a sweep of all of them: an activation of a deck or a plan
// that is new, the start of this ledger, and, as a ledger may end between a user's coming and what
// follows from it, ten minutes. A new user's account is looked at by itself. A sweep goes through
// all that wait by pages, and sends the lanes the next page only when they are done with the one
// before, so that it takes its turn beside the load; each usage is rated, or left, by a command of
// its own, once, however many ledgers sweep. Where one fails the next sweep begins soon, later and
// later while that goes on.
//
// Look() is for one thread; the rest is thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_UNRATED_SWEEP_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_UNRATED_SWEEP_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/engine/task_page.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::engine {

class UnratedSweep {
 public:
  // `stats` and what `submit` uses must outlive it; it must outlive the tasks that it submits.
  UnratedSweep(EngineStats& stats, TaskPage::Submit submit)
      : stats_(stats), submit_(std::move(submit)) {}

  // These accounts have new users, whose usage may wait for them.
  void NoteNewUsers(const std::vector<std::string>& account_ids);

  // Goes on, by a page at the most, or begins if there is reason to. An error of a usage is told
  // until a sweep has ended without one.
  absl::Status Look(storage::Connection& connection, const book::Catalog& catalog);

 private:
  static constexpr absl::Duration kFirstAgainAfter = absl::Seconds(1);
  static constexpr absl::Duration kLongestAgainAfter = absl::Seconds(20);

  absl::Status GoOn(storage::Connection& connection, const book::Catalog& catalog);
  void EndSweep();
  void Note(const book::UsageReply& usage);
  absl::Status LookAtNewUsers(storage::Connection& connection);
  void Send(const std::vector<domain::UsageState>& page);
  absl::Status Count(storage::Connection& connection);

  EngineStats& stats_;
  const TaskPage::Submit submit_;
  TaskPage page_{[this](const book::Reply& reply) { Note(book::As<book::UsageReply>(reply)); }};
  // Of Look()'s thread.
  std::optional<storage::UnratedPlace> place_;  // of the sweep; none while there is no sweep
  int64_t activation_ = -1;
  size_t plans_ = 0;
  int64_t plan_version_ = 0;
  Moment next_sweep_ = -absl::InfiniteDuration();
  absl::Duration again_after_ = kFirstAgainAfter;  // a sweep in which one failed
  absl::Status failed_;                            // in this sweep, so far
  absl::Status failed_before_;                     // in the one before
  Moment next_count_ = -absl::InfiniteDuration();

  absl::Mutex mutex_;
  std::set<std::string> with_new_users_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_UNRATED_SWEEP_H_
