#include "common/rpc/clock_guard.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/telemetry/log.h"

namespace reserve {
namespace {

// So near that it is the next of all timers, and not so near that it is over before it is set.
constexpr absl::Duration kNudgeDelay = absl::Milliseconds(10);

}  // namespace

bool ClockGuard::Look() {
  const absl::Duration jump = watch_.Look(absl::Now(), MonotonicNow());
  if (jump == absl::ZeroDuration()) return false;
  Log(Severity::kWarning, "the wall clock was set", {{"by", jump}});
  nudge_ = std::make_unique<grpc::Alarm>();
  nudge_->Set(absl::ToChronoTime(absl::Now() + kNudgeDelay), [](bool) {});
  return true;
}

}  // namespace reserve
