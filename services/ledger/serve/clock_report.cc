#include "services/ledger/serve/clock_report.h"

#include "absl/time/time.h"
#include "common/telemetry/log.h"
#include "services/ledger/engine/due_times.h"

namespace reserve::serve {
namespace {

constexpr absl::Duration kWarningInterval = absl::Minutes(1);

}  // namespace

void ClockReport::Tell() {
  if (guard_.Look()) engine_.NoteClockJump();
  TellOfDifference();
  const int64_t put_right = engine_.stats().due_times_put_right;
  if (put_right == put_right_) return;
  Log(Severity::kWarning,
      "due times further off than any schedule allows were put right: a clock was wrong",
      {{"due_times", put_right - put_right_}});
  put_right_ = put_right;
}

void ClockReport::TellOfDifference() {
  const absl::Duration ahead = absl::Microseconds(engine_.stats().clock_ahead_micros.load());
  if (absl::AbsDuration(ahead) <= engine::kMostClockDifference) {
    next_warning_ = -absl::InfiniteDuration();
    return;
  }
  const Moment now = MonotonicNow();
  if (now < next_warning_) return;
  next_warning_ = now + kWarningInterval;
  Log(Severity::kWarning, "this machine's clock and the database's differ",
      {{"ahead_of_database", ahead}});
}

}  // namespace reserve::serve
