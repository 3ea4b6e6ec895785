#include "services/ledger/domain/usage_policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/hold_steps.h"
#include "services/ledger/domain/limit_policy.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {

absl::Status CheckStartTime(const Context& context, absl::Time start) {
  const absl::Time oldest = context.now - context.settings.max_usage_age;
  if (start < oldest) {
    return UsageTooOld(absl::StrCat("must not be before ", FormatRfc3339(oldest)));
  }
  if (MonthOf(start) <= context.archived_month) {
    return UsageTooOld("lies in a month that is archived");
  }
  if (start > context.now + context.settings.max_usage_ahead) {
    return InvalidField(
        "start_time", absl::StrCat("must not be after ",
                                   FormatRfc3339(context.now + context.settings.max_usage_ahead)));
  }
  return absl::OkStatus();
}

absl::Status CheckDuration(const Settings& settings, absl::Duration duration,
                           absl::string_view field) {
  if (duration <= settings.max_call_duration) return absl::OkStatus();
  return CallTooLong(settings.max_call_duration, field);
}

absl::Status CheckFact(const Context& context, const Usage& usage) {
  RESERVE_RETURN_IF_ERROR(CheckStartTime(context, usage.start_time));
  return CheckDuration(context.settings, usage.duration);
}

absl::string_view NameOf(Decision decision) {
  switch (decision) {
    case Decision::kAllowed:
      return "AUTHORIZATION_DECISION_ALLOWED";
    case Decision::kAccountBlocked:
      return "AUTHORIZATION_DECISION_ACCOUNT_BLOCKED";
    case Decision::kPendingFunding:
      return "AUTHORIZATION_DECISION_PENDING_FUNDING";
    case Decision::kAccountDisabled:
      return "AUTHORIZATION_DECISION_ACCOUNT_DISABLED";
    case Decision::kNoRate:
      return "AUTHORIZATION_DECISION_NO_RATE";
    case Decision::kInsufficientBalance:
      return "AUTHORIZATION_DECISION_INSUFFICIENT_BALANCE";
    case Decision::kAccountClosing:
      return "AUTHORIZATION_DECISION_ACCOUNT_CLOSING";
    case Decision::kAccountClosed:
      return "AUTHORIZATION_DECISION_ACCOUNT_CLOSED";
    case Decision::kTooManyCalls:
      return "AUTHORIZATION_DECISION_TOO_MANY_CALLS";
    case Decision::kDestinationBlocked:
      return "AUTHORIZATION_DECISION_DESTINATION_BLOCKED";
    case Decision::kUserRemoved:
      return "AUTHORIZATION_DECISION_USER_REMOVED";
    case Decision::kUserBlocked:
      return "AUTHORIZATION_DECISION_USER_BLOCKED";
    case Decision::kLimitReached:
      return "AUTHORIZATION_DECISION_LIMIT_REACHED";
  }
  return "";
}

namespace {

// Made in place: one name is returned, and it is not moved.
absl::StatusOr<Transition> Booked(const Context& context, Account&& account,
                                  const UsageTerms& terms, const Usage& usage, Rating&& rating,
                                  absl::string_view hold_id) {
  absl::StatusOr<Transition> transition{absl::in_place};
  Draft draft(context, std::move(account), &*transition);
  // Usage ends the wait (G12), but not a call for help (C10).
  if (!terms.emergency) draft.EndWait();
  Booking booking;
  booking.hold = HoldOf(context.holds, usage.usage_id, hold_id);
  const bool held = booking.hold != nullptr;
  const absl::Status booked =
      BookUsage(terms, usage, std::move(rating), std::move(booking), &draft);
  if (booked.ok()) {
    if (held) EndHoldsOf(usage.usage_id, hold_id, &draft);
    ApplyConsequences(draft);
  } else {
    transition = booked;
  }
  return transition;
}

}  // namespace

absl::StatusOr<Transition> RecordUsage(const Context& context, const Account& account,
                                       const UsageTerms& terms, const Usage& usage,
                                       absl::string_view hold_id) {
  return RecordUsage(context, Account(account), terms, usage, hold_id);
}

absl::StatusOr<Transition> RecordUsage(const Context& context, Account&& account,
                                       const UsageTerms& terms, const Usage& usage,
                                       absl::string_view hold_id) {
  RESERVE_RETURN_IF_ERROR(CheckFact(context, usage));
  RESERVE_RETURN_IF_ERROR(CheckTakesFacts(account));
  RESERVE_ASSIGN_OR_RETURN(Rating rating, RateFact(account, terms, usage));
  RESERVE_RETURN_IF_ERROR(Subtract(account.balance, rating.cost).status());
  return Booked(context, std::move(account), terms, usage, std::move(rating), hold_id);
}

Authorization AllowEmergency() {
  Authorization answer;
  answer.unlimited_duration = true;
  answer.emergency = true;
  return answer;
}

namespace {

// How long a call may be that has a price: by this balance, and by the limits, for which no more
// than the allowance covers is granted once one is reached, and which the first increment may pass.
void AuthorizeCall(const Context& context, const Account& account, const UsageTerms& terms,
                   const Usage& usage, Nanos balance, Authorization* answer) {
  const Rate& rate = *terms.rate;
  const auto longest = [&](Nanos paid) {
    return MaxDurationSeconds(rate, *terms.plan, usage.start_time, answer->free_seconds_left, paid);
  };
  answer->limit = LimitOn(context, account, terms, usage);
  if (answer->limit.any()) {
    answer->max_duration_seconds = longest(std::min<Nanos>(balance, 0));
    if (answer->max_duration_seconds == 0) answer->decision = Decision::kLimitReached;
    return;
  }
  answer->max_duration_seconds = longest(balance);
  if (answer->max_duration_seconds == 0) {
    answer->decision = Decision::kInsufficientBalance;
    return;
  }
  const Nanos room = SpendRoom(context, account, *terms.user);
  if (room >= balance) return;
  const int64_t first = EndOfIncrement(rate, absl::ZeroDuration());
  answer->max_duration_seconds =
      std::max(longest(room), std::min(first, answer->max_duration_seconds));
}

// By this balance.
Authorization Authorize(const Context& context, const Account& account, const UsageTerms& terms,
                        const Usage& usage, Nanos balance) {
  const User& user = *terms.user;
  const Plan& plan = *terms.plan;
  const Rate* rate = terms.rate;
  Authorization answer;
  const int32_t period = PeriodOf(plan, usage.start_time, account.calendar);
  answer.free_seconds_left =
      std::max<int64_t>(FreeSecondsLeft(user, plan, period) - user.SecondsHeld(period), 0);
  const auto refuse = [&answer](Decision decision) {
    answer.decision = decision;
    return answer;
  };
  if (account.closed()) return refuse(Decision::kAccountClosed);
  if (account.ends()) return refuse(Decision::kAccountClosing);
  if (account.blocked()) return refuse(Decision::kAccountBlocked);
  if (account.state == AccountState::kPendingFunding) return refuse(Decision::kPendingFunding);
  if (account.state == AccountState::kDisabled) return refuse(Decision::kAccountDisabled);
  if (user.removed()) return refuse(Decision::kUserRemoved);
  if (user.blocked()) return refuse(Decision::kUserBlocked);
  const bool inbound = usage.direction == Direction::kInbound;
  if (rate == nullptr && !inbound) return refuse(Decision::kNoRate);
  if (rate != nullptr && rate->blocked) return refuse(Decision::kDestinationBlocked);

  if (usage.kind == UsageKind::kSms) {
    if (inbound) return answer;
    const absl::StatusOr<Nanos> cost = CostOfText(*rate, usage.segments);
    if (!cost.ok()) return refuse(Decision::kInsufficientBalance);
    answer.sms_cost = *cost;
    if (*cost == 0) return answer;
    answer.limit = LimitOn(context, account, terms, usage);
    if (answer.limit.any()) return refuse(Decision::kLimitReached);
    if (balance < *cost) return refuse(Decision::kInsufficientBalance);
    return answer;
  }
  if (rate == nullptr || CostsNothing(*rate, plan)) {
    answer.unlimited_duration = true;
    return answer;
  }
  AuthorizeCall(context, account, terms, usage, balance, &answer);
  return answer;
}

}  // namespace

Authorization AuthorizeUsage(const Context& context, const Account& account, const User& user,
                             const Plan& plan, const Usage& usage, const Rate* rate) {
  UsageTerms terms;
  terms.user = &user;
  terms.plan = &plan;
  terms.rate = rate;
  return Authorize(context, account, terms, usage,
                   SubtractSaturating(account.effective_balance(), account.held));
}

Authorization AuthorizeAtOnce(const Context& context, const Account& account,
                              const UsageTerms& terms, const Usage& usage) {
  return Authorize(context, account, terms, usage, account.available());
}

Transition AfterRefusal(const Context& context, const Account& account, Decision decision) {
  if (decision != Decision::kInsufficientBalance || !account.taken_back.waits()) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  draft.EndWait();
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
