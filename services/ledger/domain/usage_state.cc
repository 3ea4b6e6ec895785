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
  const Usage& usage = entry.booked->usage;
  const Rating& rating = entry.booked->rating;
  state.usage_id = usage.usage_id;
  state.user_id = usage.user_id;
  state.start_time = usage.start_time;
  if (rating.unrated()) {
    state.status = UsageStatus::kUnrated;
    state.unrated_reason = rating.unrated_reason;
  } else {
    state.rated_seq = entry.seq;
  }
  state.cost = rating.cost;
  state.free_seconds = rating.free_seconds_taken;
  state.free_period = rating.free_period;
  state.plan_id = rating.plan_id;
  state.deck_version = rating.deck_version;
  state.previous_cost = entry.booked->previous_cost;
  state.grant_draws = entry.booked->grant_draws;
  return state;
}

}  // namespace reserve::domain
