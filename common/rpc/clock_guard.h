// Keeps a process that uses gRPC going when its machine's wall clock is set.
//
// Our own threads wait by a monotonic clock (common/clock/monotonic.h). gRPC's timers do
// not: its thread waits for the next deadline, keepalive or reconnection until a moment
// of the wall clock, and when that is set back it waits for as much longer. A timer that
// is due earlier than all others makes it look again, so one is set after each jump: a
// timer of somebody else's that was due between the jump and the look still waits.
// A jump is logged.
//
// Of one thread, which calls Look once a second or oftener.
#ifndef RESERVE_COMMON_RPC_CLOCK_GUARD_H_
#define RESERVE_COMMON_RPC_CLOCK_GUARD_H_

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <memory>

#include "common/clock/monotonic.h"

namespace reserve {

class ClockGuard {
 public:
  ClockGuard();

  // True if the clock was set since the last look.
  bool Look();

 private:
  ClockWatch watch_;
  std::unique_ptr<grpc::Alarm> alarm_;
  const std::shared_ptr<grpc::Channel> nowhere_;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_CLOCK_GUARD_H_
