// What the callers of each shard waited for: how many tries failed, within what time, and how long
// it took at the most until there was an answer. Where there are no shards all accounts are one.
// Thread-safe.
//
//   Waits waits;
//   waits.SetShards(2);
//   waits.NoteFailure("acct-1", asked);
//   for (const std::string& line : waits.Tell()) ...
#ifndef RESERVE_TESTS_CHAOS_WAITS_H_
#define RESERVE_TESTS_CHAOS_WAITS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve::chaos {

class Waits {
 public:
  Waits();
  // Before anything is noted; the shards are equal ranges of the accounts.
  void SetShards(int shards);
  // A try about this account, begun then, has just failed, and is made again.
  void NoteFailure(absl::string_view account_id, reserve::Moment asked);
  // A request about it, first sent then, has just been answered.
  void NoteAnswer(absl::string_view account_id, reserve::Moment first_sent);
  // A line for each shard.
  std::vector<std::string> Tell() const;

 private:
  struct Shard {
    int64_t answers = 0;
    int64_t failures = 0;
    reserve::Moment first_asked = absl::InfiniteDuration();
    reserve::Moment last_failed;
    absl::Duration longest;
  };
  Shard& Of(absl::string_view account_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::vector<Shard> shards_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_WAITS_H_
