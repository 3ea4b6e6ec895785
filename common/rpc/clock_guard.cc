#include "common/rpc/clock_guard.h"

#include <grpcpp/generic/generic_stub.h>
#include <time.h>

#include <utility>

#include "absl/time/time.h"
#include "common/telemetry/log.h"

namespace reserve {
namespace {

// So near that it is the next of all timers, and not so near that it is over before it is set.
constexpr absl::Duration kNudgeDelay = absl::Milliseconds(10);

// A call that nobody answers, and that ends with its deadline.
struct Nudge {
  grpc::ClientContext context;
  grpc::Slice nothing;
  grpc::ByteBuffer request{&nothing, 1};
  grpc::ByteBuffer response;
};

}  // namespace

ClockGuard::ClockGuard()
    : nowhere_(grpc::CreateChannel("unix:/nonexistent/clock", grpc::InsecureChannelCredentials())) {
}

bool ClockGuard::Look() {
  // The kernel's own clock, as gRPC reads it: absl::Now() counts cycles, and notices a jump only
  // seconds later, when the timers that it has stopped are overdue.
  timespec kernel = {};
  clock_gettime(CLOCK_REALTIME, &kernel);
  const absl::Time now = absl::TimeFromTimespec(kernel);
  const absl::Duration jump = watch_.Look(now, MonotonicNow());
  if (jump == absl::ZeroDuration()) return false;
  Log(Severity::kWarning, "the wall clock was set", {{"by", jump}});
  const auto deadline = absl::ToChronoTime(now + kNudgeDelay);
  // gRPC has two sets of timers: of its core, and those of calls.
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(deadline, [](bool) {});
  const auto nudge = std::make_shared<Nudge>();
  nudge->context.set_deadline(deadline);
  nudge->context.set_wait_for_ready(true);
  grpc::GenericStub(nowhere_).UnaryCall(&nudge->context, "/nowhere", {}, &nudge->request,
                                        &nudge->response, [nudge](const grpc::Status&) {});
  return true;
}

}  // namespace reserve
