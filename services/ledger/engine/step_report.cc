#include "services/ledger/engine/step_report.h"

namespace reserve::engine {
namespace {

absl::Duration Since(std::optional<Moment> moment) {
  return moment.has_value() ? MonotonicNow() - *moment : absl::ZeroDuration();
}

}  // namespace

absl::string_view NameOf(Step step) {
  switch (step) {
    case Step::kDispatch:
      return "dispatch";
    case Step::kCatalog:
      return "catalog";
    case Step::kDecks:
      return "decks";
    case Step::kRechecks:
      return "rechecks";
    case Step::kDueTimes:
      return "due_times";
    case Step::kExpiryNotices:
      return "expiry_notices";
    case Step::kFeed:
      return "feed";
    case Step::kHolds:
      return "holds";
    case Step::kUnrated:
      return "unrated";
    case Step::kReratings:
      return "reratings";
    case Step::kUsageCount:
      return "usage_count";
    case Step::kSummaries:
      return "summaries";
    case Step::kHeartbeat:
      return "heartbeat";
    case Step::kRechargeCount:
      return "recharge_count";
    case Step::kRanges:
      return "ranges";
  }
  return "";
}

void StepReport::Note(Step step, const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  State& state = states_[static_cast<size_t>(step)];
  if (status.ok()) {
    state.since.reset();
    return;
  }
  ++state.failures;
  if (!state.since.has_value()) state.since = MonotonicNow();
  state.error = status;
}

int64_t StepReport::failures(Step step) const {
  absl::MutexLock lock(&mutex_);
  return states_[static_cast<size_t>(step)].failures;
}

absl::Duration StepReport::failing(Step step) const {
  absl::MutexLock lock(&mutex_);
  return Since(states_[static_cast<size_t>(step)].since);
}

std::vector<StepReport::Line> StepReport::Take() {
  std::vector<Line> lines;
  absl::MutexLock lock(&mutex_);
  for (int i = 0; i < kSteps; ++i) {
    State& state = states_[static_cast<size_t>(i)];
    if (state.failures == state.told) continue;
    lines.push_back(
        {static_cast<Step>(i), state.failures - state.told, Since(state.since), state.error});
    state.told = state.failures;
  }
  return lines;
}

}  // namespace reserve::engine
