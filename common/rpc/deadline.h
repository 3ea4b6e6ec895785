// When a call is to end that may take so long, for grpc::ClientContext::set_deadline and whatever
// else of gRPC takes a moment: by the monotonic clock, so that a jump of the wall clock moves
// nothing. And on the other side, when a call that came in is to end.
//
//   context.set_deadline(DeadlineIn(absl::Seconds(10)));
#ifndef RESERVE_COMMON_RPC_DEADLINE_H_
#define RESERVE_COMMON_RPC_DEADLINE_H_

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>

#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve {

// That of a unary call whose client says none, as grpcurl doesn't: it is never refused for it.
inline constexpr absl::Duration kUnaryDeadline = absl::Seconds(30);

inline gpr_timespec DeadlineIn(absl::Duration wait) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(absl::ToInt64Milliseconds(wait), GPR_TIMESPAN));
}

// From when on nobody waits for the answer to a unary call that has just come in.
inline Moment DeadlineOf(const grpc::ServerContextBase& context) {
  const gpr_timespec deadline = context.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return MonotonicNow() + kUnaryDeadline;
  }
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  return MonotonicNow() + absl::Seconds(left.tv_sec) + absl::Nanoseconds(left.tv_nsec);
}

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_DEADLINE_H_
