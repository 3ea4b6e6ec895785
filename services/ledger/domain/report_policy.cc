#include "services/ledger/domain/report_policy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/card_choice.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge_steps.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

// A person must look; only automatic recharging stops meanwhile (G3).
void Review(const Recharge& recharge, std::string cause, Draft* draft) {
  Recharge& next = draft->Change(recharge);
  next.state = RechargeState::kNeedsReview;
  next.lease_owner.clear();
  next.due_time = absl::InfiniteFuture();
  SetAside(draft->context().now, &next, &draft->account());
  draft->AddEvent(EventKind::kRechargeNeedsReview, std::move(cause), next);
}

// G4.
absl::StatusOr<Transition> ApplySuccess(const Context& context, const Account& account,
                                        const Recharge& recharge, const Recharge* credited,
                                        const ChargeOutcome& outcome,
                                        const std::string& earlier_number) {
  if (recharge.state == RechargeState::kSucceeded) {
    if (outcome.charge_id == recharge.charge_id) return Unchanged(account);
    return AlreadyCredited(recharge, outcome.charge_id);
  }
  if (outcome.amount <= 0) return InvalidField("succeeded.amount", "must be above zero");
  Draft draft(context, account);
  if (outcome.currency != recharge.currency || outcome.amount > recharge.amount) {
    if (recharge.state == RechargeState::kNeedsReview) return Unchanged(account);
    Recharge& next = draft.Change(recharge);
    next.charge_id = outcome.charge_id;
    Review(next,
           absl::StrCat("charge ", outcome.charge_id, " is of ",
                        FormatMoney(outcome.currency, outcome.amount), ", and ",
                        FormatMoney(recharge.currency, recharge.amount), " were asked for"),
           &draft);
    return Concluded(std::move(draft));
  }
  const MadeCharge charge{outcome.attempt, outcome.charge_id, outcome.amount, credited,
                          earlier_number};
  RESERVE_RETURN_IF_ERROR(Credit(recharge, charge, &draft));
  return Concluded(std::move(draft));
}

std::string DeclineText(const ChargeOutcome& outcome) {
  switch (outcome.decline_class) {
    case DeclineClass::kSoft:
      return absl::StrCat("declined for now: ", outcome.text);
    case DeclineClass::kAuthenticationRequired:
      return absl::StrCat("the customer must authenticate: ", outcome.text);
    default:
      return absl::StrCat("declined for good: ", outcome.text);
  }
}

// G9, of ours; told when it is reached.
void CountDecline(Draft* draft) {
  const absl::Time now = draft->context().now;
  DayOfTries& tries = draft->account().tries;
  const CalendarWindow today = WindowAt(draft->account().calendar, CalendarUnit::kDay, now);
  tries.CountOn(today);
  if (++tries.declines != draft->context().settings.max_declines_per_day) return;
  tries.limit_time = now;
  draft->AddEvent(EventKind::kCardLimitReached,
                  absl::StrCat("the account's cards were declined ", tries.declines,
                               " times today; none is tried before ", FormatRfc3339(today.end)));
}

// G5: what the decline does to the card that was tried, unless it was given or confirmed since
// the attempt was made ready (G6), or is not the account's any more. Returns whether the card is
// in another state than before.
bool MarkCard(const Recharge& recharge, const ChargeOutcome& outcome, Draft* draft) {
  const PaymentMethod* method = FindCard(draft->account(), recharge.payment_method_id);
  if (method == nullptr || method->given != recharge.card_given ||
      method->state == CardState::kDisputed) {
    return false;
  }
  const absl::Time now = draft->context().now;
  PaymentMethod& card = draft->ChangeCard(recharge.payment_method_id);
  card.declined_ordinal = recharge.ordinal;
  card.declined_attempt = outcome.attempt;
  const bool soft = outcome.decline_class == DeclineClass::kSoft;
  if (soft) {
    const auto& delays = draft->context().settings.retry_delays;
    const auto tried = static_cast<size_t>(++card.soft_declines);
    card.retry_time = tried <= delays.size() ? now + delays[tried - 1] : absl::InfiniteFuture();
  } else {
    card.retry_time = absl::InfiniteFuture();
  }
  const CardState state = soft ? CardState::kFailing : CardState::kRefused;
  if (std::exchange(card.state, state) == state) return false;
  card.state_time = now;
  return true;
}

// The declines of the account's cards with this one.
DeclinesByCard WithDecline(const Context& context, const std::string& fingerprint) {
  DeclinesByCard declines;
  if (context.declines != nullptr) declines = *context.declines;
  std::vector<absl::Time>& of_card = declines[fingerprint];
  of_card.insert(of_card.begin(), context.now);
  return declines;
}

// G5: the next card, at once or when it is due; a top-up is not retried by schedule (G8).
CardChoice NextCard(const Context& context, const Account& account, const Recharge& recharge) {
  if (recharge.kind != RechargeKind::kTopUp) {
    return ChooseCard(context, account, recharge.ordinal);
  }
  const CardChoice choice = ChooseCardForTopUp(context, account, recharge.ordinal);
  return choice.time <= context.now ? choice : CardChoice();
}

std::string NextText(const Context& context, const CardChoice& choice) {
  return choice.time <= context.now
             ? absl::StrCat("; ", choice.method->payment_method_id, " is tried next")
             : absl::StrCat("; next attempt ", FormatRfc3339(choice.time));
}

// G5, G6, G9.
Transition ApplyDecline(const Context& context, const Account& account, const Recharge& recharge,
                        const ChargeOutcome& outcome) {
  const DeclinesByCard declines = WithDecline(context, recharge.card.fingerprint);
  Context aware = context;
  aware.declines = &declines;
  Draft draft(aware, account);
  draft.transition().decline = CardDecline{recharge.account_id, recharge.ordinal, outcome.attempt,
                                           recharge.card.fingerprint, context.now};
  CountDecline(&draft);
  const bool marked = MarkCard(recharge, outcome, &draft);
  Recharge& next = draft.Change(recharge);
  next.state = RechargeState::kOpen;
  next.pending_time = absl::InfinitePast();
  next.last_decline = outcome.decline_class;
  next.last_decline_code = outcome.text;
  ++next.declines;
  const std::string text = DeclineText(outcome);
  const auto tell = [&](EventKind kind, std::string cause) {
    draft.AddEvent(kind, std::move(cause), recharge).decline_class = outcome.decline_class;
  };
  // One that was set aside has another in its place, which goes on.
  const CardChoice choice =
      next.set_aside ? CardChoice() : NextCard(aware, draft.account(), recharge);
  if (choice.method != nullptr) {
    tell(EventKind::kRechargeDeclined, absl::StrCat(text, NextText(aware, choice)));
    NextAttempt(choice, &next);
    if (choice.network_limited && choice.method->state == CardState::kFailing) {
      draft.AddEvent(EventKind::kCardLimitReached, CardLimitText(choice.time), next);
    }
  } else {
    CloseRecharge(RechargeState::kFailed, context.now, &next, &draft.account());
    tell(EventKind::kRechargeFailed, absl::StrCat(text, "; given up after ", next.declines,
                                                  next.declines == 1 ? " decline" : " declines"));
  }
  if (marked) {
    tell(outcome.decline_class == DeclineClass::kSoft ? EventKind::kCardFailing
                                                      : EventKind::kCardRefused,
         text);
  }
  return Concluded(std::move(draft));
}

Transition ApplyUnresolved(const Context& context, const Account& account, const Recharge& recharge,
                           const ChargeOutcome& outcome) {
  Draft draft(context, account);
  Review(recharge, outcome.text, &draft);
  return Concluded(std::move(draft));
}

// G3: it stays in flight, for days if need be, and is looked up again.
Transition ApplyPending(const Context& context, const Account& account, const Recharge& recharge,
                        const ChargeOutcome& outcome) {
  Draft draft(context, account);
  Recharge& next = draft.Change(recharge);
  next.lease_owner.clear();
  next.charge_id = outcome.charge_id;
  next.due_time = context.now + context.settings.pending_lookup_interval;
  if (!next.pending()) {
    next.pending_time = context.now;
    draft.AddEvent(EventKind::kRechargePending,
                   absl::StrCat("the gateway has not decided upon charge ", outcome.charge_id),
                   next);
  }
  return Concluded(std::move(draft));
}

// Has this report, or a later one of the same recharge, been applied?
bool AlreadyApplied(const Recharge& recharge, const ChargeOutcome& outcome) {
  if (outcome.attempt < recharge.attempt) return true;
  switch (outcome.kind) {
    case ChargeOutcome::Kind::kDeclined:
      return (recharge.state == RechargeState::kFailed ||
              recharge.state == RechargeState::kCanceled) &&
             recharge.last_decline == outcome.decline_class;
    case ChargeOutcome::Kind::kUnresolved:
      return recharge.state == RechargeState::kNeedsReview;
    case ChargeOutcome::Kind::kPending:
      // A person who must look already looks at a pending charge too.
      return recharge.state == RechargeState::kNeedsReview ||
             (recharge.pending() && recharge.lease_owner.empty());
    case ChargeOutcome::Kind::kSucceeded:
      return false;
  }
  return false;
}

}  // namespace

absl::StatusOr<Transition> ReportRecharge(const Context& context, const Account& account,
                                          const Recharge& recharge, const Recharge* credited,
                                          const ChargeOutcome& outcome,
                                          const std::string& earlier_number) {
  if (outcome.attempt < 1 || outcome.attempt > recharge.attempt) {
    return InvalidField("attempt",
                        absl::StrCat("must be 1 to ", recharge.attempt, ", not ", outcome.attempt));
  }
  if (outcome.kind == ChargeOutcome::Kind::kSucceeded) {
    return ApplySuccess(context, account, recharge, credited, outcome, earlier_number);
  }
  if (AlreadyApplied(recharge, outcome)) return Unchanged(account);
  if (!recharge.open() || outcome.lease_epoch != recharge.lease_epoch) {
    return LeaseLost(account.account_id, recharge.ordinal);
  }
  switch (outcome.kind) {
    case ChargeOutcome::Kind::kDeclined:
      return ApplyDecline(context, account, recharge, outcome);
    case ChargeOutcome::Kind::kPending:
      return ApplyPending(context, account, recharge, outcome);
    default:
      return ApplyUnresolved(context, account, recharge, outcome);
  }
}

}  // namespace reserve::domain
