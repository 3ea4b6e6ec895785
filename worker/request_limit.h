// How many requests a second the worker sends to the gateway: a token bucket that holds what may
// be sent in a tenth of a second, and one request at least.
//
// Who wants to send asks for a turn, and sends when it comes; turns are given in the order in which
// they are asked for. Moments are readings of the monotonic clock, and are passed in.
// Thread-compatible: a plain value.
//
//   RequestLimit limit(/*per_second=*/50);
//   const Moment turn = limit.Take(now);  // `now`, or a little later
#ifndef RESERVE_WORKER_REQUEST_LIMIT_H_
#define RESERVE_WORKER_REQUEST_LIMIT_H_

#include <cstdint>

#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve::worker {

class RequestLimit {
 public:
  // 0: no limit.
  explicit RequestLimit(int32_t per_second);

  // When the next request may be sent: `now`, if there is room, or later. The turn is taken whether
  // it is used or not.
  Moment Take(Moment now);

 private:
  const absl::Duration interval_;  // between two requests in the long run
  const absl::Duration burst_;     // how long an empty bucket takes to be full
  Moment full_at_ = -absl::InfiniteDuration();
};

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_REQUEST_LIMIT_H_
