// When a call is to end that may take so long, for grpc::ClientContext::set_deadline and whatever
// else of gRPC takes a moment: by the monotonic clock, so that a jump of the wall clock moves
// nothing.
//
//   context.set_deadline(DeadlineIn(absl::Seconds(10)));
#ifndef RESERVE_COMMON_RPC_DEADLINE_H_
#define RESERVE_COMMON_RPC_DEADLINE_H_

#include <grpc/support/time.h>

#include "absl/time/time.h"

namespace reserve {

inline gpr_timespec DeadlineIn(absl::Duration wait) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(absl::ToInt64Milliseconds(wait), GPR_TIMESPAN));
}

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_DEADLINE_H_
