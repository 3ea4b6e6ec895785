#include "services/ledger/domain/usage_state.h"

namespace reserve::domain {

void UsageState::Take(const Rating& rating) {
  status = rating.unrated() ? UsageStatus::kUnrated : UsageStatus::kRated;
  unrated_reason = rating.unrated_reason;
  cost = rating.cost;
  free_seconds = rating.free_seconds_taken;
  free_period = rating.free_period;
  plan_id = rating.plan_id;
  deck_version = rating.deck_version;
}

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
  const Usage& usage = entry.booked->usage;
  state.usage_id = usage.usage_id;
  state.user_id = usage.user_id;
  state.start_time = usage.start_time;
  state.Take(entry.booked->rating);
  if (state.status == UsageStatus::kRated) state.rated_seq = entry.seq;
  state.previous_cost = entry.booked->previous_cost;
  state.grant_draws = entry.booked->grant_draws;
  return state;
}

Allowance AfterGivingBack(const UsageState& state, const User& user) {
  return {state.free_period, user.SecondsUsed(state.free_period) - state.free_seconds};
}

}  // namespace reserve::domain
