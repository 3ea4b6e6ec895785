#include "services/ledger/domain/usage_state.h"

namespace reserve::domain {

UsageState StateOf(const Entry& entry) {
  UsageState state;
  state.account_id = entry.account_id;
  state.seq = state.latest_seq = entry.seq;
  state.update_time = entry.record_time;
  if (!entry.booked.has_value()) {
    state.usage_id = entry.voided.usage_id;
    state.status = UsageStatus::kVoided;
    return state;
  }
  const auto& [usage, rating, corrects, previous_cost] = *entry.booked;
  state.usage_id = usage.usage_id;
  state.user_id = usage.user_id;
  state.start_time = usage.start_time;
  if (rating.unrated()) {
    state.status = UsageStatus::kUnrated;
    state.unrated_reason = rating.unrated_reason;
  }
  state.cost = rating.cost;
  state.free_seconds = rating.free_seconds_taken;
  state.free_period = rating.free_period;
  return state;
}

}  // namespace reserve::domain
