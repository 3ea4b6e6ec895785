#include "services/ledger/domain/report_policy.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge_steps.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

// G4.
absl::StatusOr<Transition> ApplySuccess(const Context& context, const Account& account,
                                        const Recharge& recharge, const ChargeOutcome& outcome) {
  if (recharge.state == RechargeState::kSucceeded) {
    if (outcome.charge_id == recharge.charge_id) return Unchanged(account);
    return AlreadyCredited(recharge, outcome.charge_id);
  }
  if (outcome.currency != recharge.currency || outcome.amount != recharge.amount) {
    return InvalidField("succeeded.amount",
                        absl::StrCat("must be ", FormatMoney(recharge.currency, recharge.amount),
                                     ", not ", FormatMoney(outcome.currency, outcome.amount)));
  }
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(account.balance, recharge.amount));
  Draft draft(context, account);
  Account& a = draft.account();
  Recharge settled = recharge;
  settled.charge_id = outcome.charge_id;
  CloseRecharge(RechargeState::kSucceeded, context.now, &settled, &a);
  draft.AddEntry(EntryKind::kRecharge, recharge.amount, balance).recharge_ordinal =
      recharge.ordinal;
  if (recharge.kind == RechargeKind::kAutomatic) {
    const int32_t today = DayOf(context.now);
    if (a.caps.day != today) a.caps = {today, 0, 0, a.caps.reported_day};
    ++a.caps.count;
    a.caps.amount += recharge.amount;
  }
  if (a.card_state == CardState::kFailing && recharge.card.fingerprint == a.card.fingerprint) {
    a.card_state = CardState::kUsable;
  }
  draft.AddEvent(EventKind::kRechargeSucceeded,
                 absl::StrCat("charge ", outcome.charge_id, " of ",
                              FormatMoney(recharge.currency, recharge.amount)),
                 recharge);
  draft.transition().recharges.push_back(std::move(settled));
  if (a.state == AccountState::kPendingFunding) {
    a.state = AccountState::kActive;
    draft.AddEvent(EventKind::kEnabled, "the reserve is funded");
  }
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

// G5, G6, G9.
Transition ApplyDecline(const Context& context, const Account& account, const Recharge& recharge,
                        const ChargeOutcome& outcome, absl::Span<const absl::Time> card_declines) {
  Draft draft(context, account);
  Account& a = draft.account();
  draft.transition().decline = CardDecline{recharge.account_id, recharge.ordinal, outcome.attempt,
                                           recharge.card.fingerprint, context.now};
  Recharge next = recharge;
  next.state = RechargeState::kOpen;
  next.last_decline = outcome.decline_class;
  next.last_decline_code = outcome.text;
  const std::string text = DeclineText(outcome);
  const auto tell = [&](EventKind kind, std::string cause) {
    draft.AddEvent(kind, std::move(cause), recharge).decline_class = outcome.decline_class;
  };
  if (recharge.card.fingerprint != a.card.fingerprint) {
    // The decline tells nothing of the card that replaced this one meanwhile.
    PinCard(context, a.card, &next);
    tell(EventKind::kRechargeDeclined, absl::StrCat(text, "; the new card is charged next"));
    draft.transition().recharges.push_back(std::move(next));
    return Concluded(std::move(draft));
  }
  if (outcome.decline_class == DeclineClass::kSoft) {
    const bool new_to_it = a.card_state != CardState::kFailing;
    a.card_state = CardState::kFailing;
    ++next.soft_declines;
    const auto& delays = context.settings.retry_delays;
    const auto tried = static_cast<size_t>(next.soft_declines);
    std::optional<absl::Time> due;
    if (tried <= delays.size()) {
      std::vector<absl::Time> declines = {context.now};
      declines.insert(declines.end(), card_declines.begin(), card_declines.end());
      due = DueUnderCardLimits(recharge, declines, context.now + delays[tried - 1], &draft);
    }
    if (due.has_value()) {
      ++next.attempt;
      next.attempt_start = absl::InfinitePast();
      next.lease_owner.clear();
      next.due_time = *due;
      tell(EventKind::kRechargeDeclined,
           absl::StrCat(text, "; next attempt ", FormatRfc3339(next.due_time)));
    } else {
      CloseRecharge(RechargeState::kFailed, context.now, &next, &a);
      tell(EventKind::kRechargeFailed,
           absl::StrCat(text, "; given up after ", next.soft_declines, " declines"));
    }
    if (new_to_it) tell(EventKind::kCardFailing, text);
  } else {
    a.card_state = CardState::kRefused;
    CloseRecharge(RechargeState::kFailed, context.now, &next, &a);
    tell(EventKind::kRechargeFailed, text);
    tell(EventKind::kCardRefused, text);
  }
  draft.transition().recharges.push_back(std::move(next));
  return Concluded(std::move(draft));
}

Transition ApplyUnresolved(const Context& context, const Account& account, const Recharge& recharge,
                           const ChargeOutcome& outcome) {
  Draft draft(context, account);
  Recharge next = recharge;
  next.state = RechargeState::kNeedsReview;
  next.lease_owner.clear();
  next.due_time = absl::InfiniteFuture();
  draft.AddEvent(EventKind::kRechargeNeedsReview, outcome.text, recharge);
  draft.transition().recharges.push_back(std::move(next));
  return Concluded(std::move(draft));
}

// Has this report, or a later one of the same recharge, been applied?
bool AlreadyApplied(const Recharge& recharge, const ChargeOutcome& outcome) {
  if (outcome.attempt < recharge.attempt) return true;
  if (outcome.kind == ChargeOutcome::Kind::kDeclined) {
    return recharge.state == RechargeState::kFailed &&
           recharge.last_decline == outcome.decline_class;
  }
  return recharge.state == RechargeState::kNeedsReview;
}

}  // namespace

absl::StatusOr<Transition> ReportRecharge(const Context& context, const Account& account,
                                          const Recharge& recharge, const ChargeOutcome& outcome,
                                          absl::Span<const absl::Time> card_declines) {
  if (outcome.attempt < 1 || outcome.attempt > recharge.attempt) {
    return InvalidField("attempt",
                        absl::StrCat("must be 1 to ", recharge.attempt, ", not ", outcome.attempt));
  }
  if (outcome.kind == ChargeOutcome::Kind::kSucceeded) {
    return ApplySuccess(context, account, recharge, outcome);
  }
  if (AlreadyApplied(recharge, outcome)) return Unchanged(account);
  if (!recharge.open() || outcome.lease_epoch != recharge.lease_epoch) {
    return LeaseLost(account.account_id, recharge.ordinal);
  }
  if (outcome.kind == ChargeOutcome::Kind::kDeclined) {
    return ApplyDecline(context, account, recharge, outcome, card_declines);
  }
  return ApplyUnresolved(context, account, recharge, outcome);
}

}  // namespace reserve::domain
