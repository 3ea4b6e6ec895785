#include "common/rpc/rate_limiter.h"

#include <algorithm>

#include "absl/hash/hash.h"

namespace reserve {

RateLimiter::RateLimiter(double per_second)
    : interval_(per_second > 0 ? absl::Seconds(1) / per_second : absl::ZeroDuration()),
      tolerance_(std::max(absl::Seconds(1) - interval_, absl::ZeroDuration())) {}

RateLimiter::Shard& RateLimiter::ShardOf(absl::string_view key) {
  return shards_[absl::HashOf(key) % kShards];
}

Moment& RateLimiter::Find(Shard& shard, absl::string_view key, Moment now) {
  if (shard.paid_up_to.size() >= shard.forget_at) {
    absl::erase_if(shard.paid_up_to, [now](const auto& each) { return each.second <= now; });
    shard.forget_at = std::max<size_t>(1024, 2 * shard.paid_up_to.size());
  }
  Moment& paid_up_to = shard.paid_up_to.try_emplace(key, now).first->second;
  paid_up_to = std::max(paid_up_to, now);
  return paid_up_to;
}

absl::Duration RateLimiter::Take(absl::string_view key, int64_t count, Moment now) {
  if (!limits()) return absl::ZeroDuration();
  Shard& shard = ShardOf(key);
  absl::MutexLock lock(&shard.mutex);
  Moment& paid_up_to = Find(shard, key, now);
  const absl::Duration wait = paid_up_to - now - tolerance_;
  if (wait > absl::ZeroDuration()) return wait;
  paid_up_to += interval_ * count;
  return absl::ZeroDuration();
}

absl::Duration RateLimiter::Owe(absl::string_view key, int64_t count, Moment now) {
  if (!limits()) return absl::ZeroDuration();
  Shard& shard = ShardOf(key);
  absl::MutexLock lock(&shard.mutex);
  Moment& paid_up_to = Find(shard, key, now);
  paid_up_to += interval_ * count;
  return std::max(paid_up_to - now - tolerance_, absl::ZeroDuration());
}

size_t RateLimiter::size() const {
  size_t size = 0;
  for (const Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    size += shard.paid_up_to.size();
  }
  return size;
}

}  // namespace reserve
