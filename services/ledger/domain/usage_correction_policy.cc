#include "services/ledger/domain/usage_correction_policy.h"

#include <optional>
#include <utility>

#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/grant_steps.h"
#include "services/ledger/domain/taken_back.h"
#include "services/ledger/domain/usage_policy.h"

namespace reserve::domain {
namespace {

bool IsVoided(const UsageToVoid& old) {
  return old.state != nullptr && old.state->status == UsageStatus::kVoided;
}

// Adds the void of a usage that is not voided yet.
absl::Status AddVoid(const std::string& usage_id, const UsageToVoid& old, const ByStaff& by,
                     const std::string& corrected_by, Draft* draft) {
  UsageState state;
  state.account_id = draft->account().account_id;
  state.usage_id = usage_id;
  const bool in_advance = old.state == nullptr;
  if (!in_advance) state = *old.state;
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(draft->account().balance, state.cost));
  Entry& entry = draft->AddEntry(EntryKind::kVoid, state.cost, balance);
  entry.voided = {usage_id, state.free_seconds, state.free_period, in_advance};
  entry.grant.returned = state.grant_draws;
  entry.reason = by.reason;
  GiveBackToGrants(state.grant_draws, draft);
  if (state.free_seconds > 0) {
    draft->transition().allowances.push_back({state.user_id, AfterGivingBack(state, *old.user)});
  }
  Event& event = Tell(by, draft->AddEvent(EventKind::kUsageVoided, by.reason));
  event.usage_id = usage_id;
  event.amount = state.cost;
  if (in_advance) state.seq = entry.seq;
  state.status = UsageStatus::kVoided;
  state.unrated_reason = UnratedReason::kNone;
  state.latest_seq = entry.seq;
  state.corrected_by = corrected_by;
  state.update_time = draft->context().now;
  draft->transition().usage_states.push_back(std::move(state));
  return absl::OkStatus();
}

// It may lack a price where it lacked a user.
Transition StillUnrated(const Context& context, const Account& account, const UsageState& state,
                        const Rating& rating) {
  if (rating.unrated_reason == state.unrated_reason) return Unchanged(account);
  Draft draft(context, account);
  UsageState told = state;
  told.unrated_reason = rating.unrated_reason;
  told.update_time = context.now;
  draft.transition().usage_states.push_back(std::move(told));
  return std::move(draft).Finish();
}

}  // namespace

absl::StatusOr<Transition> VoidUsage(const Context& context, const Account& account,
                                     const std::string& usage_id, const UsageToVoid& old,
                                     const ByStaff& by) {
  if (IsVoided(old)) return Unchanged(account);
  RESERVE_RETURN_IF_ERROR(CheckTakesFacts(account));
  Draft draft(context, account);
  RESERVE_RETURN_IF_ERROR(AddVoid(usage_id, old, by, /*corrected_by=*/"", &draft));
  NoteTakenBack(draft.account().balance - draft.balance_before(), &draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> CorrectUsage(const Context& context, const Account& account,
                                        const Correction& correction, const UsageToVoid& old,
                                        const UsageTerms& terms, const Usage& usage,
                                        const ByStaff& by) {
  RESERVE_RETURN_IF_ERROR(CheckStartTime(context, usage.start_time));
  RESERVE_RETURN_IF_ERROR(CheckTakesFacts(account));
  Draft draft(context, account);
  if (!IsVoided(old)) {
    RESERVE_RETURN_IF_ERROR(AddVoid(correction.usage_id, old, by, usage.usage_id, &draft));
  }
  // The new usage draws on what the old one gives back.
  UsageTerms after = terms;
  std::optional<User> user;
  if (terms.user != nullptr && !draft.transition().allowances.empty() &&
      old.user->user_id == terms.user->user_id) {
    user = *terms.user;
    user->SetSecondsUsed(draft.transition().allowances.back().used);
    after.user = &*user;
  }
  RESERVE_ASSIGN_OR_RETURN(Rating rating, RateFact(account, after, usage));
  const std::string returned = draft.transition().entries.empty()
                                   ? std::string()
                                   : draft.transition().entries.front().grant.returned;
  RESERVE_RETURN_IF_ERROR(
      BookUsage(after, usage, std::move(rating), correction.usage_id, &draft, returned));
  const Nanos difference = SubtractSaturating(draft.account().balance, draft.balance_before());
  NoteCorrected(difference, correction.may_recharge, &draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> RateUnrated(const Context& context, const Account& account,
                                       const UsageState& state, const UsageTerms& terms,
                                       const Usage& usage) {
  if (state.status != UsageStatus::kUnrated) return Unchanged(account);
  if (!account.closing.takes_facts()) return Unchanged(account);
  RESERVE_ASSIGN_OR_RETURN(Rating rating, RateFact(account, terms, usage));
  if (rating.unrated()) return StillUnrated(context, account, state, rating);
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Subtract(account.balance, rating.cost));
  Draft draft(context, account);
  if (rating.free_seconds_taken > 0) {
    draft.transition().allowances.push_back({usage.user_id, AfterTaking(rating, *terms.user)});
  }
  UsageState rated = state;
  rated.Take(rating);
  rated.update_time = context.now;
  Entry& entry = draft.AddEntry(EntryKind::kRating, -rating.cost, balance);
  rated.latest_seq = rated.rated_seq = entry.seq;
  entry.booked.emplace(BookedUsage{usage, std::move(rating)});
  rated.grant_draws = entry.booked->grant_draws =
      DrawOnGrants(entry.booked->rating.cost, state.seq, "", &draft);
  Event& event = draft.AddEvent(EventKind::kUsageRated, "there is a price of its start now");
  event.usage_id = usage.usage_id;
  event.amount = entry.amount;
  draft.transition().usage_states.push_back(std::move(rated));
  NoteTakenBack(-entry.booked->rating.cost, &draft);
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
