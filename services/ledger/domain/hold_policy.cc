#include "services/ledger/domain/hold_policy.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/grant_steps.h"
#include "services/ledger/domain/hold_steps.h"
#include "services/ledger/domain/limit_policy.h"

namespace reserve::domain {
namespace {

// --- What a call costs --------------------------------------------------------------------

int32_t PeriodOf(const Account& account, const UsageTerms& terms, const Hold& hold) {
  return PeriodOf(*terms.plan, hold.price_time, account.calendar);
}

// What the user's allowance has left for this call: what no other call holds (H1).
int64_t FreeFor(const Account& account, const UsageTerms& terms, const Hold& as_it_was,
                const Hold& hold) {
  const int32_t period = PeriodOf(account, terms, hold);
  int64_t left =
      FreeSecondsLeft(*terms.user, *terms.plan, period) - terms.user->SecondsHeld(period);
  if (as_it_was.live() && as_it_was.free_period == period) left += as_it_was.free_seconds;
  return std::max<int64_t>(left, 0);
}

// The whole call's rating if it were so long, with so many free seconds of `period` left for it.
absl::StatusOr<Rating> RateSoFar(const Plan& plan, const Rate* rate, int32_t period,
                                 const Hold& hold, absl::Duration length, int64_t free) {
  Usage usage = UsageOf(hold);
  usage.duration = length;
  User user;
  user.SetSecondsUsed({period, plan.free_seconds - free});
  return RateUsage(usage, plan, user, period, rate);
}

// Sets what is held for it and what has accrued: the cost at the granted or the reported total,
// whichever is more, and at the reported one (H2, H6).
absl::Status PriceBy(const Plan& plan, const Rate* rate, int32_t period, int64_t free, Hold* hold) {
  RESERVE_ASSIGN_OR_RETURN(const Rating reported,
                           RateSoFar(plan, rate, period, *hold, hold->used, free));
  hold->accrued = hold->held = reported.cost;
  hold->accrued_free_seconds = hold->free_seconds = reported.free_seconds_taken;
  hold->free_period = period;
  const absl::Duration granted = absl::Seconds(hold->granted_seconds);
  if (!hold->open() || granted <= hold->used) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const Rating whole, RateSoFar(plan, rate, period, *hold, granted, free));
  hold->held = whole.cost;
  hold->free_seconds = whole.free_seconds_taken;
  return absl::OkStatus();
}

absl::Status Price(const Account& account, const UsageTerms& terms, int64_t free, Hold* hold) {
  return PriceBy(*terms.plan, terms.rate, PeriodOf(account, terms, *hold), free, hold);
}

// --- What is granted ------------------------------------------------------------------------

struct Grant {
  int64_t seconds = 0;  // in total
  FinalReason final_reason = FinalReason::kNone;
};

// A call without a rate is free, and granted to the second.
const Rate& RateOf(const UsageTerms& terms) {
  static const Rate* by_the_second = [] {
    auto* rate = new Rate;
    rate->initial_increment_seconds = rate->increment_seconds = 1;
    return rate;
  }();
  return terms.rate == nullptr ? *by_the_second : *terms.rate;
}

// The longest call, down to the end of an increment; the first one at least.
int64_t LongestCall(const Context& context, const Account& account, const UsageTerms& terms,
                    const Rate& rate) {
  const int64_t seconds =
      std::min(LongestCallSeconds(context, account, *terms.user, *terms.plan).value,
               absl::ToInt64Seconds(context.settings.max_call_duration));
  return LastIncrementWithin(rate, seconds);
}

// The end of the increment behind that which a call has reached after `used`; that of the first one
// while it rings.
int64_t NextIncrement(const Rate& rate, absl::Duration used) {
  if (used <= absl::ZeroDuration()) return EndOfIncrement(rate, absl::ZeroDuration());
  return EndOfIncrement(rate, absl::Seconds(EndOfIncrement(rate, used)) + absl::Microseconds(1));
}

// H2, L3. `hold` has what the switch reports now, `before` what it had. `spendable` is what is
// available to this call alone; `granted` what it has already.
absl::StatusOr<Grant> GrantMore(const Context& context, const Account& account,
                                const UsageTerms& terms, const Hold& before, const Hold& hold,
                                int64_t granted, int64_t free, Nanos spendable) {
  const Rate& rate = RateOf(terms);
  const int32_t period = PeriodOf(account, terms, hold);
  Grant grant;
  grant.seconds = EndOfIncrement(rate, hold.used + hold.slice);
  const int64_t longest = LongestCall(context, account, terms, rate);
  if (grant.seconds > longest) grant = {longest, FinalReason::kLongestCall};
  if (grant.seconds <= granted) return Grant{granted, grant.final_reason};
  const absl::StatusOr<Rating> rating =
      RateSoFar(*terms.plan, terms.rate, period, hold, absl::Seconds(grant.seconds), free);
  if (rating.ok() && rating->cost == 0) return grant;
  const auto longest_for = [&](Nanos paid) {
    return rating.ok() && rating->cost <= paid
               ? grant.seconds
               : MaxDurationSeconds(rate, *terms.plan, hold.price_time, free, paid, grant.seconds);
  };
  // L3: nothing more that would be paid, once what is reported now has reached a limit.
  RESERVE_ASSIGN_OR_RETURN(const Rating reported,
                           RateSoFar(*terms.plan, terms.rate, period, hold, hold.used, free));
  const Nanos more = SubtractSaturating(reported.cost, before.live() ? before.accrued : 0);
  if (LimitOn(context, account, terms, UsageOf(hold), more).any()) {
    return Grant{std::max(granted, longest_for(std::min<Nanos>(spendable, 0))),
                 FinalReason::kLimitReached};
  }
  const int64_t paid = longest_for(spendable);
  // And before that what limits leave, but for the next increment, which may pass them; more
  // follows, until they are reached.
  const Nanos room = SpendRoom(context, account, *terms.user, &before);
  if (room < spendable) {
    const int64_t left = std::max(longest_for(room), NextIncrement(rate, hold.used));
    if (left < paid) return Grant{std::max(granted, left)};
  }
  if (rating.ok() && rating->cost <= spendable) return grant;
  return Grant{std::max(granted, paid), FinalReason::kInsufficientBalance};
}

// Why nothing more is granted to any call of the account, or of the user (H9, K4).
FinalReason WhyNothingMore(const Account& account, const User& user) {
  if (account.closed()) return FinalReason::kAccountClosed;
  if (account.ends()) return FinalReason::kAccountClosing;
  if (account.blocked()) return FinalReason::kAccountBlocked;
  if (account.state == AccountState::kDisabled) return FinalReason::kAccountDisabled;
  if (user.removed()) return FinalReason::kUserRemoved;
  if (user.blocked()) return FinalReason::kUserBlocked;
  return FinalReason::kNone;
}

// H4: while it rings, short; then until what is granted is used up, a slice at least.
absl::Time ExpiryOf(const Context& context, const Hold& hold) {
  const Settings& settings = context.settings;
  if (!hold.answered()) return context.now + settings.hold_ringing;
  const absl::Duration left = absl::Seconds(hold.granted_seconds) - hold.used;
  return context.now + std::max(hold.slice, left) + settings.hold_grace;
}

// --- What the switch reports ----------------------------------------------------------------

// H7: from the answer on the call is priced as it will be booked.
void TakeUpAnswer(const Context& context, const UsageTerms& terms, const HoldExtension& extension,
                  Hold* hold) {
  hold->answer_time = PriceTimeAfter(context, *hold, extension);
  hold->price_time = hold->answer_time;
  hold->plan_id = terms.plan->plan_id;
  hold->deck_version = terms.rate == nullptr ? 0 : terms.rate->deck_version;
}

// Waits for its CDR from now on (H12).
void Unsettle(const Context& context, Hold* hold) {
  if (hold->open() || hold->end_time == absl::InfinitePast()) hold->end_time = context.now;
  hold->state = HoldState::kUnsettled;
  hold->expire_time = context.now + context.settings.settle_within;
}

// What was set aside beyond what was reported is free again.
void FreeTheRest(Hold* hold) {
  hold->held = hold->accrued;
  hold->free_seconds = hold->accrued_free_seconds;
}

std::string CostText(const Account& account, const Hold& hold) {
  return absl::StrCat(absl::ToInt64Seconds(hold.used), " s were reported, ",
                      FormatMoney(account.currency, hold.accrued));
}

void TellUnsettled(const Hold& hold, Draft* draft) {
  Event& event = draft->AddEvent(
      EventKind::kHoldUnsettled,
      absl::StrCat("the call is over and its CDR is to come: ", CostText(draft->account(), hold)));
  event.usage_id = hold.usage_id;
  event.hold_id = hold.hold_id;
  event.amount = -hold.accrued;
}

bool IsDue(const Context& context, const Hold& hold) {
  return hold.expire_time <= context.now ||
         hold.expire_time > context.now + LongestHold(context.settings);
}

bool MayReport(const Hold& hold) {
  return hold.state != HoldState::kSettled && hold.state != HoldState::kEstimated;
}

// The end of a hold by `state`, or UNSETTLED where seconds were reported.
Hold Ended(const Context& context, const Hold& hold, HoldState state) {
  Hold ended = hold;
  // One that ended by time may be made anew.
  ended.final_reason = state == HoldState::kReleased ? FinalReason::kHoldEnded : FinalReason::kNone;
  if (hold.used > absl::ZeroDuration()) {
    Unsettle(context, &ended);
    FreeTheRest(&ended);
    return ended;
  }
  ended.state = state;
  FreeAll(&ended);
  ended.end_time = context.now;
  return ended;
}

// What the switch reports of a call whose hold has ended counts all the same.
absl::StatusOr<Transition> TakeUpLateReport(Draft&& draft, const Hold& before,
                                            const UsageTerms& terms, Hold hold) {
  Unsettle(draft.context(), &hold);
  RESERVE_RETURN_IF_ERROR(
      Price(draft.account(), terms, FreeFor(draft.account(), terms, before, hold), &hold));
  ChangeHold(&before, hold, &draft);
  NoteSpendingOf(*terms.user, &draft);
  if (!before.live()) TellUnsettled(hold, &draft);
  return Concluded(std::move(draft));
}

Transition WithHold(Draft&& draft, const Hold& before, const Hold& after) {
  ChangeHold(&before, after, &draft);
  return Concluded(std::move(draft));
}

// G12: a call that gets no more for want of money ends the wait after money was taken back.
void NoteWantOfMoney(const Hold& hold, Draft* draft) {
  if (hold.final_reason == FinalReason::kInsufficientBalance) draft->EndWait();
}

// When the call was answered is looked at only where it counts: what is reported after that is a
// fact whatever else a report says (H12).
absl::Status CheckReport(const Context& context, const Hold& hold, const HoldExtension& extension) {
  RESERVE_RETURN_IF_ERROR(CheckDuration(context.settings, extension.used, "used"));
  if (!TellsOfAnswer(hold, extension) || extension.answer_time == absl::InfinitePast()) {
    return absl::OkStatus();
  }
  absl::Status valid = CheckStartTime(context, extension.answer_time);
  return valid.ok() ? valid : InvalidField("answer_time", valid.message());
}

}  // namespace

bool SameHold(const Hold& hold, const HoldRequest& request) {
  // A number that was erased is not compared.
  const bool same_number = hold.destination.empty() || hold.destination == request.call.destination;
  return hold.usage_id == request.call.usage_id && hold.user_id == request.call.user_id &&
         hold.direction == request.call.direction && same_number &&
         hold.switch_id == request.switch_id && hold.incarnation == request.incarnation;
}

Authorization AuthorizeBeside(const Context& context, const Account& account,
                              const UsageTerms& terms, const Usage& call, const Hold& hold) {
  Account without = account;
  User user = *terms.user;
  if (hold.live()) {
    without.held = SubtractSaturating(without.held, hold.held);
    user.HoldSeconds(hold.free_period, -hold.free_seconds);
  }
  UsageTerms terms_without = terms;
  terms_without.user = &user;
  std::vector<Hold> others;
  if (context.holds != nullptr) {
    absl::c_copy_if(*context.holds, std::back_inserter(others),
                    [&hold](const Hold& each) { return each.hold_id != hold.hold_id; });
  }
  Context beside = context;
  beside.holds = &others;
  Authorization answer = AuthorizeAtOnce(beside, without, terms_without, call);
  answer.decision = Decision::kAllowed;
  return answer;
}

absl::StatusOr<HeldCall> CreateHold(const Context& context, const Account& account,
                                    const UsageTerms& terms, const HoldRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckStartTime(context, request.call.start_time));
  Draft draft(context, account);
  EndGrants(&draft);  // nothing is promised of those whose time is over (P6)
  HeldCall held{AuthorizeAtOnce(context, draft.account(), terms, request.call), Unchanged(account)};
  Decision& decision = held.authorization.decision;
  int32_t of_user = 0;
  int32_t of_account = 0;
  if (context.holds != nullptr) {
    for (const Hold& hold : *context.holds) {
      if (!hold.open()) continue;
      ++of_account;
      if (hold.user_id == request.call.user_id) ++of_user;
    }
  }
  const bool may_call = decision == Decision::kAllowed ||
                        decision == Decision::kInsufficientBalance ||
                        decision == Decision::kLimitReached;
  const InForce<int32_t> most = CallsOfAccount(context, account);
  const InForce<int32_t> most_of_user = CallsOfUser(context, account, *terms.user, *terms.plan);
  if (may_call && (of_account >= most.value || of_user >= most_of_user.value)) {
    decision = Decision::kTooManyCalls;
    held.authorization.limit = {LimitKind::kCalls,
                                of_account >= most.value ? most.level : most_of_user.level};
  }
  if (decision != Decision::kAllowed) {
    held.transition = AfterRefusal(context, account, decision);
    return held;
  }
  Hold hold;
  hold.account_id = account.account_id;
  hold.hold_id = request.hold_id;
  hold.usage_id = request.call.usage_id;
  hold.user_id = request.call.user_id;
  hold.direction = request.call.direction;
  hold.destination = request.call.destination;
  hold.switch_id = request.switch_id;
  hold.incarnation = request.incarnation;
  hold.price_time = request.call.start_time;
  hold.plan_id = terms.plan->plan_id;
  hold.deck_version = terms.rate == nullptr ? 0 : terms.rate->deck_version;
  hold.slice = request.slice > absl::ZeroDuration() ? request.slice : context.settings.hold_slice;
  hold.create_time = context.now;
  Hold nothing = hold;
  nothing.state = HoldState::kReleased;
  const int64_t free = FreeFor(account, terms, nothing, hold);
  RESERVE_ASSIGN_OR_RETURN(const Grant grant,
                           GrantMore(context, account, terms, nothing, hold, /*granted=*/0, free,
                                     draft.account().available()));
  hold.granted_seconds = grant.seconds;
  hold.final_reason = grant.final_reason;
  hold.expire_time = ExpiryOf(context, hold);
  RESERVE_RETURN_IF_ERROR(Price(account, terms, free, &hold));
  NoteWantOfMoney(hold, &draft);
  ChangeHold(nullptr, std::move(hold), &draft);
  held.transition = Concluded(std::move(draft));
  return held;
}

bool TellsOfAnswer(const Hold& hold, const HoldExtension& extension) {
  return !hold.answered() && extension.used > absl::ZeroDuration();
}

absl::Time PriceTimeAfter(const Context& context, const Hold& hold,
                          const HoldExtension& extension) {
  if (!TellsOfAnswer(hold, extension)) return hold.price_time;
  if (extension.answer_time != absl::InfinitePast()) return extension.answer_time;
  return context.now - extension.used;
}

absl::StatusOr<Transition> ExtendHold(const Context& context, const Account& account,
                                      const Hold& hold, const UsageTerms& terms,
                                      const HoldExtension& extension) {
  if (!MayReport(hold) || extension.number <= hold.extension) return Unchanged(account);
  RESERVE_RETURN_IF_ERROR(CheckReport(context, hold, extension));
  Hold after = hold;
  after.extension = extension.number;
  if (TellsOfAnswer(hold, extension)) TakeUpAnswer(context, terms, extension, &after);
  after.used = std::max(hold.used, extension.used);
  const bool reported = after.used > absl::ZeroDuration();
  const bool counts = account.closing.takes_facts();
  Draft draft(context, account);
  EndGrants(&draft);  // nothing is promised of those whose time is over (P6)
  if (!hold.open() && hold.final_reason == FinalReason::kHoldEnded) {
    if (after.used == hold.used || !counts) return Unchanged(account);
    return TakeUpLateReport(std::move(draft), hold, terms, std::move(after));
  }
  const int64_t free = FreeFor(account, terms, hold, after);
  const Nanos spendable = AddSaturating(draft.account().available(), hold.live() ? hold.held : 0);
  const int64_t granted = hold.open() ? hold.granted_seconds : 0;
  Grant grant{granted, WhyNothingMore(account, *terms.user)};
  if (grant.final_reason == FinalReason::kNone) {
    RESERVE_ASSIGN_OR_RETURN(
        grant, GrantMore(context, account, terms, hold, after, granted, free, spendable));
  }
  after.final_reason = grant.final_reason;
  NoteWantOfMoney(after, &draft);
  if (!hold.open() && absl::Seconds(grant.seconds) <= after.used) {
    // It is over, as nothing more can be granted to it.
    if (reported && counts) {
      return TakeUpLateReport(std::move(draft), hold, terms, std::move(after));
    }
    return WithHold(std::move(draft), hold, after);
  }
  after.state = HoldState::kOpen;
  after.granted_seconds = grant.seconds;
  after.end_time = absl::InfinitePast();
  after.expire_time = ExpiryOf(context, after);
  RESERVE_RETURN_IF_ERROR(Price(account, terms, free, &after));
  ChangeHold(&hold, std::move(after), &draft);
  NoteSpendingOf(*terms.user, &draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> ReleaseHold(const Context& context, const Account& account,
                                       const Hold& hold, const UsageTerms& terms,
                                       const HoldExtension& report) {
  const bool news = MayReport(hold) && report.used > hold.used && account.closing.takes_facts();
  if (news) RESERVE_RETURN_IF_ERROR(CheckReport(context, hold, report));
  if (!hold.open() && !news) {
    if (!MayReport(hold) || hold.final_reason == FinalReason::kHoldEnded) {
      return Unchanged(account);
    }
    // It ended by time; from now on nothing makes it anew.
    Hold released = hold;
    released.final_reason = FinalReason::kHoldEnded;
    return WithHold(Draft(context, account), hold, released);
  }
  Hold after = hold;
  if (news) {
    if (TellsOfAnswer(hold, report)) TakeUpAnswer(context, terms, report, &after);
    after.used = report.used;
    after.final_reason = FinalReason::kHoldEnded;
    if (!hold.open()) {
      return TakeUpLateReport(Draft(context, account), hold, terms, std::move(after));
    }
    RESERVE_RETURN_IF_ERROR(Price(account, terms, FreeFor(account, terms, hold, after), &after));
  }
  after = Ended(context, after, HoldState::kReleased);
  Draft draft(context, account);
  ChangeHold(&hold, after, &draft);
  if (news) NoteSpendingOf(*terms.user, &draft);
  if (after.live()) TellUnsettled(after, &draft);
  WakeClosing(&draft);
  return Concluded(std::move(draft));
}

absl::Duration LongestHold(const Settings& settings) {
  return std::max({settings.settle_within, settings.max_call_duration, settings.hold_ringing}) +
         settings.hold_grace + absl::Hours(2);
}

Transition ExpireHold(const Context& context, const Account& account, const Hold& hold) {
  if (!hold.open() || !IsDue(context, hold)) return Unchanged(account);
  const Hold after = Ended(context, hold, HoldState::kExpired);
  Draft draft(context, account);
  ChangeHold(&hold, after, &draft);
  Event& event = draft.AddEvent(
      EventKind::kHoldExpired,
      absl::StrCat("it was not extended in time; ",
                   FormatMoney(account.currency, SubtractSaturating(hold.held, after.held)),
                   " are free again"));
  event.usage_id = hold.usage_id;
  event.hold_id = hold.hold_id;
  event.amount = SubtractSaturating(hold.held, after.held);
  if (after.live()) TellUnsettled(after, &draft);
  WakeClosing(&draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> EstimateUsage(const Context& context, const Account& account,
                                         const Hold& hold, const UsageTerms& terms,
                                         bool id_is_taken) {
  if (hold.state != HoldState::kUnsettled || !IsDue(context, hold)) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  if (id_is_taken || !account.closing.takes_facts()) {
    EndHold(hold, HoldState::kSettled, &draft);
    return Concluded(std::move(draft));
  }
  const Usage usage = UsageOf(hold);
  RESERVE_ASSIGN_OR_RETURN(Rating rating, RateFact(account, terms, usage));
  draft.EndWait();
  Booking booking;
  booking.hold = &hold;
  booking.estimated = true;
  RESERVE_RETURN_IF_ERROR(BookUsage(terms, usage, std::move(rating), std::move(booking), &draft));
  Event& event = draft.AddEvent(EventKind::kUsageEstimated,
                                absl::StrCat("its CDR did not come: ", CostText(account, hold)));
  event.usage_id = hold.usage_id;
  event.hold_id = hold.hold_id;
  event.amount = draft.transition().entries.front().amount;
  EndHold(hold, HoldState::kEstimated, &draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Hold> PricedAgain(const Hold& hold, const Plan& plan, const Rate* rate) {
  Hold again = hold;
  RESERVE_RETURN_IF_ERROR(PriceBy(plan, rate, hold.free_period, hold.free_seconds, &again));
  return again;
}

Transition SettleHold(const Context& context, const Account& account, const std::string& usage_id,
                      const std::string& hold_id) {
  if (HoldOf(context.holds, usage_id, hold_id) == nullptr) return Unchanged(account);
  Draft draft(context, account);
  EndHoldsOf(usage_id, hold_id, &draft);
  return Concluded(std::move(draft));
}

Transition SettleEndedHold(const Context& context, const Account& account, const Hold& hold) {
  if (!hold.may_return()) return Unchanged(account);
  Draft draft(context, account);
  EndHold(hold, HoldState::kSettled, &draft);
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
