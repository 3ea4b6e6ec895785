#include "services/ledger/domain/usage_correction_policy.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/grant_steps.h"
#include "services/ledger/domain/hold_steps.h"
#include "services/ledger/domain/limit_policy.h"
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
  CountSpending(-state.cost, state.start_time, old.user, draft);
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

// What corrects an estimate is its CDR: none comes under its own id any more.
void NoteCdrOf(const UsageToVoid& estimate, const std::string& corrected_by, Draft* draft) {
  UsageState corrected = *estimate.state;
  corrected.corrected_by = corrected_by;
  corrected.update_time = draft->context().now;
  draft->transition().usage_states.push_back(std::move(corrected));
}

// Books a usage in the place of one that this command, or another, has voided: it draws on what
// that gives back now.
absl::Status BookInPlace(const std::string& usage_id, absl::string_view hold_id,
                         const UsageToVoid& old, const UsageTerms& terms, const Usage& usage,
                         Draft* draft) {
  UsageTerms after = terms;
  std::optional<User> user;
  const Transition& so_far = draft->transition();
  if (terms.user != nullptr && !so_far.allowances.empty() &&
      old.user->user_id == terms.user->user_id) {
    user = *terms.user;
    user->SetSecondsUsed(so_far.allowances.back().used);
    after.user = &*user;
  }
  RESERVE_ASSIGN_OR_RETURN(Rating rating, RateFact(draft->account(), after, usage));
  const std::string returned =
      so_far.entries.empty() ? std::string() : so_far.entries.front().grant.returned;
  Booking booking{usage_id, returned};
  const std::vector<Hold>* holds = draft->context().holds;
  booking.hold = HoldOf(holds, usage.usage_id, hold_id);
  if (booking.hold == nullptr) booking.hold = HoldOf(holds, usage_id, "");
  return BookUsage(after, usage, std::move(rating), std::move(booking), draft);
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
                                     const ByStaff& by, const std::string& corrected_by) {
  if (IsVoided(old)) return Unchanged(account);
  RESERVE_RETURN_IF_ERROR(CheckTakesFacts(account));
  Draft draft(context, account);
  RESERVE_RETURN_IF_ERROR(AddVoid(usage_id, old, by, corrected_by, &draft));
  EndHoldsOf(usage_id, /*hold_id=*/"", &draft);
  EndGrantsUnnoted(&draft);
  NoteTakenBack(SubtractSaturating(draft.account().balance, draft.balance_before()), &draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> CorrectUsage(const Context& context, const Account& account,
                                        const Correction& correction, const UsageToVoid& old,
                                        const UsageTerms& terms, const Usage& usage,
                                        const ByStaff& by) {
  RESERVE_RETURN_IF_ERROR(CheckFact(context, usage));
  RESERVE_RETURN_IF_ERROR(CheckTakesFacts(account));
  Draft draft(context, account);
  if (!IsVoided(old)) {
    RESERVE_RETURN_IF_ERROR(AddVoid(correction.usage_id, old, by, usage.usage_id, &draft));
  } else if (old.estimated) {
    NoteCdrOf(old, usage.usage_id, &draft);
  }
  RESERVE_RETURN_IF_ERROR(
      BookInPlace(correction.usage_id, correction.hold_id, old, terms, usage, &draft));
  EndHoldsOf(correction.usage_id, correction.hold_id, &draft);
  EndHoldsOf(usage.usage_id, "", &draft);
  const Nanos difference = SubtractSaturating(draft.account().balance, draft.balance_before());
  EndGrantsUnnoted(&draft);
  NoteCorrected(difference, draft.balance_before(), correction.may_recharge, &draft);
  return Concluded(std::move(draft));
}

Transition NoteCorrectedBy(const Context& context, const Account& account, const UsageToVoid& old,
                           const std::string& corrected_by) {
  if (!old.estimated || !IsVoided(old)) return Unchanged(account);
  Draft draft(context, account);
  NoteCdrOf(old, corrected_by, &draft);
  return std::move(draft).Finish();
}

absl::StatusOr<Transition> ReplaceEstimate(const Context& context, const Account& account,
                                           const UsageToVoid& estimate, const UsageTerms& terms,
                                           const Usage& usage) {
  RESERVE_RETURN_IF_ERROR(CheckFact(context, usage));
  RESERVE_RETURN_IF_ERROR(CheckTakesFacts(account));
  Draft draft(context, account);
  const std::string& id = estimate.state->usage_id;
  int64_t void_seq = estimate.state->latest_seq;
  if (!IsVoided(estimate)) {
    RESERVE_RETURN_IF_ERROR(AddVoid(id, estimate, {"its CDR came"},
                                    /*corrected_by=*/usage.usage_id, &draft));
    void_seq = draft.transition().entries.front().seq;
  } else if (id != usage.usage_id) {
    NoteCdrOf(estimate, usage.usage_id, &draft);
  }
  RESERVE_RETURN_IF_ERROR(BookInPlace(id, /*hold_id=*/"", estimate, terms, usage, &draft));
  draft.EndWait();
  // Under an id of its own it has a row of its own, if any.
  if (id != usage.usage_id) return Concluded(std::move(draft));
  // Its row is the new one's from now on, whatever that is.
  UsageState state = StateOf(draft.transition().entries.back());
  state.estimate_void_seq = void_seq;
  draft.transition().usage_states.push_back(std::move(state));
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
  CountSpending(entry.booked->rating.cost, usage.start_time, terms.user, &draft);
  NoteTakenBack(-entry.booked->rating.cost, &draft);
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
