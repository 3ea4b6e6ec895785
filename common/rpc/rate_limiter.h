// How often each of many may come, by one number a key (GCRA, the generic cell rate algorithm).
//
// A key is remembered for as long as it owes something, so that memory goes with what came in the
// last seconds, whatever keys there are. Thread-safe.
//
//   RateLimiter limiter(/*per_second=*/100);
//   const absl::Duration wait = limiter.Take("spiffe://example.org/switch-1", 1, MonotonicNow());
//   if (wait > absl::ZeroDuration()) ...  // not yet
#ifndef RESERVE_COMMON_RPC_RATE_LIMITER_H_
#define RESERVE_COMMON_RPC_RATE_LIMITER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve {

class RateLimiter {
 public:
  // So many a second of each key in the long run, and of one that was quiet as many at once as a
  // second brings, at least one. 0: no limit.
  explicit RateLimiter(double per_second);
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  // Is there a limit? Where there is none the others cost nothing, and remember nothing.
  bool limits() const { return interval_ > absl::ZeroDuration(); }

  // Zero if `count` may come now, which are then counted; else how long until they may, and nothing
  // is counted. Many at once may come whenever one may, so that no batch is too large for ever:
  // what comes after them waits for all of them.
  absl::Duration Take(absl::string_view key, int64_t count, Moment now);
  // Counts `count` in any case, for those that can be slowed down: how long the next ones are to
  // wait.
  absl::Duration Owe(absl::string_view key, int64_t count, Moment now);

  // How many keys are remembered.
  size_t size() const;

 private:
  static constexpr size_t kShards = 16;
  struct Shard {
    mutable absl::Mutex mutex;
    // Up to when all that came is paid for.
    absl::flat_hash_map<std::string, Moment> paid_up_to ABSL_GUARDED_BY(mutex);
    size_t forget_at ABSL_GUARDED_BY(mutex) = 1024;
  };

  Shard& ShardOf(absl::string_view key);
  // That of the key, which is made if it is not there.
  static Moment& Find(Shard& shard, absl::string_view key, Moment now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);

  const absl::Duration interval_;   // of one
  const absl::Duration tolerance_;  // how far ahead of the clock a key may be
  std::array<Shard, kShards> shards_;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_RATE_LIMITER_H_
