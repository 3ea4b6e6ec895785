#include "worker/request_limit.h"

#include <algorithm>

namespace reserve::worker {
namespace {

constexpr absl::Duration kBurst = absl::Milliseconds(100);

}  // namespace

RequestLimit::RequestLimit(int32_t per_second)
    : interval_(per_second > 0 ? absl::Seconds(1) / per_second : absl::ZeroDuration()),
      burst_(std::max(kBurst, interval_)) {}

Moment RequestLimit::Take(Moment now) {
  full_at_ = std::max(full_at_, now) + interval_;
  return std::max(now, full_at_ - burst_);
}

}  // namespace reserve::worker
