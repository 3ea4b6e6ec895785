#include "services/ledger/engine/step_report.h"

#include <chrono>

namespace reserve::engine {
namespace {

int64_t NowNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

absl::Duration Since(int64_t nanos) {
  return nanos == 0 ? absl::ZeroDuration() : absl::Nanoseconds(NowNanos() - nanos);
}

}  // namespace

absl::string_view NameOf(Step step) {
  switch (step) {
    case Step::kDispatch:
      return "dispatch";
    case Step::kCatalog:
      return "catalog";
    case Step::kRechecks:
      return "rechecks";
    case Step::kFeed:
      return "feed";
  }
  return "";
}

void StepReport::Note(Step step, const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  State& state = states_[static_cast<size_t>(step)];
  if (status.ok()) {
    state.since_nanos = 0;
    return;
  }
  ++state.failures;
  if (state.since_nanos == 0) state.since_nanos = NowNanos();
  state.error = status;
}

int64_t StepReport::failures(Step step) const {
  absl::MutexLock lock(&mutex_);
  return states_[static_cast<size_t>(step)].failures;
}

absl::Duration StepReport::failing(Step step) const {
  absl::MutexLock lock(&mutex_);
  return Since(states_[static_cast<size_t>(step)].since_nanos);
}

std::vector<StepReport::Line> StepReport::Take() {
  std::vector<Line> lines;
  absl::MutexLock lock(&mutex_);
  for (int i = 0; i < kSteps; ++i) {
    State& state = states_[static_cast<size_t>(i)];
    if (state.failures == state.told) continue;
    lines.push_back(
        {static_cast<Step>(i), state.failures - state.told, Since(state.since_nanos), state.error});
    state.told = state.failures;
  }
  return lines;
}

}  // namespace reserve::engine
