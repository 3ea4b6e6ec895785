#include "services/ledger/domain/recharge_steps.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"

namespace reserve::domain {

absl::Status CheckChargeable(absl::string_view field, absl::string_view currency, Nanos amount) {
  if (amount % MinorUnitNanos(currency) == 0) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("must be whole minor units of ", currency, ", not ",
                                          FormatDecimal(amount)));
}

void AimAt(const CardChoice& choice, Recharge* recharge) {
  recharge->payment_method_id = choice.method->payment_method_id;
  recharge->card = choice.method->card;
  recharge->card_given = choice.method->given;
  recharge->due_time = choice.time;
  ++recharge->lease_epoch;
}

void NextAttempt(const CardChoice& choice, Recharge* recharge) {
  ++recharge->attempt;
  recharge->attempt_start = absl::InfinitePast();
  recharge->lease_owner.clear();
  AimAt(choice, recharge);
}

void CloseRecharge(RechargeState state, absl::Time now, Recharge* recharge, Account* account) {
  recharge->state = state;
  recharge->settle_time = now;
  recharge->lease_owner.clear();
  if (account->open_ordinal == recharge->ordinal) {
    account->open_ordinal = 0;
    account->open_waits = false;
  }
  if (recharge->set_aside) {
    recharge->set_aside = false;
    if (--account->set_aside == 0) account->set_aside_time = absl::InfinitePast();
  }
}

void CancelRecharge(const Recharge& recharge, std::string cause, Draft* draft) {
  Recharge& canceled = draft->Change(recharge);
  ++canceled.lease_epoch;
  CloseRecharge(RechargeState::kCanceled, draft->context().now, &canceled, &draft->account());
  // As if it had never been opened: what is used does not count towards a larger one (G7).
  absl::InlinedVector<RechargeMark, 4>& marks = draft->account().marks;
  if (canceled.kind == RechargeKind::kAutomatic && !marks.empty()) marks.pop_back();
  draft->AddEvent(EventKind::kRechargeCanceled, std::move(cause), canceled);
}

namespace {

void CountTowardsCaps(absl::Time now, Nanos amount, Caps* caps) {
  const auto count = [amount](int64_t number, CapWindow* window) {
    if (window->window != number) *window = {number, 0, window->reported};
    window->amount = AddSaturating(window->amount, amount);
  };
  count(HourOf(now), &caps->hour);
  count(DayOf(now), &caps->day);
  count(MonthOf(now), &caps->month);
}

// A card that works again, unless it was declined, or given anew, since this attempt.
void ClearFailing(const Recharge& recharge, Draft* draft) {
  const PaymentMethod* method = FindCard(draft->account(), recharge.payment_method_id);
  if (method == nullptr || method->given != recharge.card_given) return;
  const bool declined_since = std::pair(method->declined_ordinal, method->declined_attempt) >
                              std::pair(recharge.ordinal, recharge.attempt);
  if (declined_since || method->state != CardState::kFailing) return;
  PaymentMethod& changed = draft->ChangeCard(recharge.payment_method_id);
  changed.state = CardState::kUsable;
  changed.state_time = draft->context().now;
  changed.soft_declines = 0;
  changed.retry_time = absl::InfinitePast();
}

// G4: what was captured in part is not followed by the next charge at once.
void NoteChargedLess(const Recharge& recharge, Nanos amount, Draft* draft) {
  draft->AddEvent(EventKind::kChargedLess,
                  absl::StrCat(FormatMoney(recharge.currency, amount), " of ",
                               FormatMoney(recharge.currency, recharge.amount), " were charged"),
                  recharge);
  if (FindCard(draft->account(), recharge.payment_method_id) == nullptr) return;
  PaymentMethod& method = draft->ChangeCard(recharge.payment_method_id);
  method.retry_time = std::max(
      method.retry_time, draft->context().now + draft->context().settings.partial_charge_wait);
}

}  // namespace

absl::Status Credit(const Recharge& recharge, const std::string& charge_id, Nanos amount,
                    Draft* draft) {
  Account& a = draft->account();
  const absl::Time now = draft->context().now;
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(a.balance, amount));
  Recharge& settled = draft->Change(recharge);
  settled.charge_id = charge_id;
  settled.credited = amount;
  CloseRecharge(RechargeState::kSucceeded, now, &settled, &a);
  draft->AddEntry(EntryKind::kRecharge, amount, balance).recharge_ordinal = recharge.ordinal;
  if (settled.kind == RechargeKind::kAutomatic) CountTowardsCaps(now, amount, &a.caps);
  ClearFailing(settled, draft);
  draft
      ->AddEvent(EventKind::kRechargeSucceeded,
                 absl::StrCat("charge ", charge_id, " of ", FormatMoney(settled.currency, amount)),
                 settled)
      .amount = amount;
  if (amount < settled.amount) NoteChargedLess(settled, amount, draft);
  if (settled.kind == RechargeKind::kTopUp && a.suspension.reason != SuspensionReason::kNone) {
    a.suspension = {};
    draft->AddEvent(EventKind::kSuspensionLifted, "a top-up succeeded");
  }
  if (a.state == AccountState::kPendingFunding) {
    a.state = AccountState::kActive;
    draft->AddEvent(EventKind::kEnabled, "the reserve is funded");
  }
  return absl::OkStatus();
}

void SetAside(absl::Time now, Recharge* recharge, Account* account) {
  if (recharge->set_aside) return;
  recharge->set_aside = true;
  if (account->set_aside++ == 0) account->set_aside_time = now;
  if (account->open_ordinal == recharge->ordinal) {
    account->open_ordinal = 0;
    account->open_waits = false;
  }
}

}  // namespace reserve::domain
