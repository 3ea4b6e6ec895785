#include "services/ledger/domain/rerating_policy.h"

#include <string>
#include <utility>

#include "common/error/error.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/grant_steps.h"
#include "services/ledger/domain/limit_policy.h"
#include "services/ledger/domain/taken_back.h"

namespace reserve::domain {
namespace {

ReratedUsage LeftAsItIs(Rerated outcome, const Account& account) {
  return {outcome, Unchanged(account)};
}

// Why the usage is none to be rated again, whatever its prices; or none.
std::optional<Rerated> WhyNot(const Account& account, const UsageState& state,
                              const UsageTerms& terms, const Rerating& rerating) {
  if (state.rerating >= rerating.number) return Rerated::kDoneBefore;
  if (!account.closing.takes_facts()) return Rerated::kPassedOver;
  if (state.status == UsageStatus::kVoided || terms.emergency) return Rerated::kPassedOver;
  if (state.status == UsageStatus::kUnrated && !rerating.include_unrated) {
    return Rerated::kPassedOver;
  }
  return std::nullopt;
}

// Moves the free seconds: what the usage had goes back, what it takes now is taken.
void MoveFreeSeconds(const UsageState& state, const Rating& rating, const User& returned,
                     Draft* draft) {
  auto& allowances = draft->transition().allowances;
  const bool moves = state.free_seconds > 0 && state.free_period != rating.free_period;
  if (moves || (state.free_seconds > 0 && rating.free_seconds_taken == 0)) {
    allowances.push_back(
        {state.user_id, {state.free_period, returned.SecondsUsed(state.free_period)}});
  }
  if (rating.free_seconds_taken > 0) {
    allowances.push_back({state.user_id, AfterTaking(rating, returned)});
  }
}

}  // namespace

int64_t TurnOf(const UsageState& state, int64_t rerating) {
  const bool by_this = state.rerating == rerating && state.rated_seq == state.latest_seq;
  return state.rated_seq == 0 || by_this ? state.seq : state.rated_seq;
}

absl::StatusOr<ReratedUsage> RateAgain(const Context& context, const Account& account,
                                       const UsageState& state, const UsageTerms& terms,
                                       const Usage& usage, const Rerating& rerating) {
  if (const auto why_not = WhyNot(account, state, terms, rerating))
    return LeftAsItIs(*why_not, account);
  // Its own seconds come back first.
  UsageTerms again = terms;
  User returned;
  if (terms.user != nullptr) {
    returned = *terms.user;
    if (state.free_seconds > 0) returned.SetSecondsUsed(AfterGivingBack(state, returned));
    again.user = &returned;
  }
  RESERVE_ASSIGN_OR_RETURN(Rating rating, RateFact(account, again, usage));
  if (rating.unrated()) return LeftAsItIs(Rerated::kWithoutPrice, account);
  const bool was_rated = state.status == UsageStatus::kRated;
  const bool same_seconds =
      rating.free_seconds_taken == state.free_seconds &&
      (rating.free_seconds_taken == 0 || rating.free_period == state.free_period);
  if (was_rated && rating.cost == state.cost && same_seconds) {
    return LeftAsItIs(Rerated::kSame, account);
  }
  RESERVE_ASSIGN_OR_RETURN(const Nanos difference, Subtract(state.cost, rating.cost));
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(account.balance, difference));
  Draft draft(context, account);
  MoveFreeSeconds(state, rating, returned, &draft);
  UsageState rated = state;
  rated.Take(rating);
  rated.previous_cost = state.cost;
  rated.rerating = rerating.number;
  rated.update_time = context.now;
  Entry& entry = draft.AddEntry(EntryKind::kRating, difference, balance);
  CountSpending(SubtractSaturating(rating.cost, state.cost), usage.start_time, terms.user, &draft);
  rated.latest_seq = entry.seq;
  if (!was_rated) rated.rated_seq = entry.seq;
  entry.booked.emplace(BookedUsage{usage, std::move(rating), /*corrects=*/"", state.cost,
                                   state.free_seconds, state.free_period});
  // What credit paid of it goes back first, as its seconds do.
  GiveBackToGrants(state.grant_draws, &draft);
  rated.grant_draws = entry.booked->grant_draws =
      DrawOnGrants(rated.cost, state.seq, state.grant_draws, &draft);
  Event& event = Tell(rerating.by, draft.AddEvent(EventKind::kUsageRated, rerating.by.reason));
  event.usage_id = usage.usage_id;
  event.amount = difference;
  draft.transition().usage_states.push_back(std::move(rated));
  EndGrantsUnnoted(&draft);
  NoteCorrected(difference, draft.balance_before(), rerating.may_recharge, &draft);
  return ReratedUsage{Rerated::kChanged, Concluded(std::move(draft))};
}

std::optional<Recharge> RechargeToFollow(const Context& context, const Account& account) {
  Draft draft(context, account);
  draft.EndWait();
  Transition transition = Concluded(std::move(draft));
  for (Recharge& recharge : transition.recharges) {
    if (recharge.ordinal > account.last_ordinal) return std::move(recharge);
  }
  return std::nullopt;
}

}  // namespace reserve::domain
