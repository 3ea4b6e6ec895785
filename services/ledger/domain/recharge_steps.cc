#include "services/ledger/domain/recharge_steps.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/suspension.h"
#include "services/ledger/domain/taken_back.h"

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
  recharge->card_brand = choice.method->display.brand;
  recharge->card_last_four = choice.method->display.last_four;
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
  recharge->end_time = now;
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
  std::vector<RechargeMark>& marks = draft->account().marks;
  if (canceled.kind == RechargeKind::kAutomatic && !marks.empty()) marks.pop_back();
  draft->AddEvent(EventKind::kRechargeCanceled, std::move(cause), canceled);
}

namespace {

void CountTowardsCaps(absl::Time now, Nanos amount, Account* a) {
  const auto count = [=](CalendarUnit unit, CapWindow* window) {
    const int64_t number = WindowAt(a->calendar, unit, now).number;
    if (window->window != number) *window = {number, 0, window->reported};
    window->amount = AddSaturating(window->amount, amount);
  };
  count(CalendarUnit::kHour, &a->caps.hour);
  count(CalendarUnit::kDay, &a->caps.day);
  count(CalendarUnit::kMonth, &a->caps.month);
}

// The card that this attempt charged, as it is now; null if it is gone, was given or confirmed
// since (G6), or was declined by a later attempt. Of an earlier attempt than the last no more is
// known than which card its decline marked.
const PaymentMethod* ChargedCard(const Account& a, const Recharge& recharge, int32_t attempt) {
  const std::pair charged(recharge.ordinal, attempt);
  if (attempt == recharge.attempt) {
    const PaymentMethod* method = FindCard(a, recharge.payment_method_id);
    if (method == nullptr || method->given != recharge.card_given) return nullptr;
    const std::pair declined(method->declined_ordinal, method->declined_attempt);
    return declined > charged ? nullptr : method;
  }
  for (const PaymentMethod& method : a.payment_methods) {
    if (std::pair(method.declined_ordinal, method.declined_attempt) == charged) return &method;
  }
  return nullptr;
}

// Of an earlier attempt than the last the token is not known, and what card of the account it was
// only as far as that number is one of them still.
void NameCard(const MadeCharge& charge, const PaymentMethod* charged, const Account& account,
              Recharge* recharge) {
  if (charge.attempt == recharge->attempt || charge.earlier_number.empty()) return;
  const PaymentMethod* method =
      charged != nullptr ? charged : FindCardOf(account, charge.earlier_number);
  recharge->payment_method_id = method == nullptr ? "" : method->payment_method_id;
  recharge->card = {
      {}, charge.earlier_number, method == nullptr ? CardNetwork::kUnknown : method->card.network};
}

// A card that works again.
void ClearFailing(const std::string& payment_method_id, Draft* draft) {
  if (FindCard(draft->account(), payment_method_id)->state != CardState::kFailing) return;
  PaymentMethod& changed = draft->ChangeCard(payment_method_id);
  changed.state = CardState::kUsable;
  changed.state_time = draft->context().now;
  changed.soft_declines = 0;
  changed.retry_time = absl::InfinitePast();
}

// G4: a card of which less was captured than was asked for is not charged by itself at once.
void LetRest(const std::string& payment_method_id, Draft* draft) {
  PaymentMethod& method = draft->ChangeCard(payment_method_id);
  method.retry_time = std::max<absl::Time>(
      method.retry_time, draft->context().now + draft->context().settings.partial_charge_wait);
}

// Of a payment that turns out to be a charge of ours: which number it charged (P2).
void NoteNumber(const std::string& fingerprint, const Recharge& credited, Draft* draft) {
  if (credited.is_payment()) draft->Change(credited).card.fingerprint = fingerprint;
}

}  // namespace

absl::Status Credit(const Recharge& recharge, const MadeCharge& charge, Draft* draft) {
  Account& a = draft->account();
  const absl::Time now = draft->context().now;
  const Nanos amount = charge.amount;
  const PaymentMethod* card = ChargedCard(a, recharge, charge.attempt);
  Recharge& closed = draft->Change(recharge);
  closed.charge_id = charge.charge_id;
  closed.credited = amount;
  NameCard(charge, card, a, &closed);
  const std::string number = closed.card.fingerprint;
  CloseRecharge(RechargeState::kSucceeded, now, &closed, &a);
  if (charge.credited == nullptr) {
    RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(a.balance, amount));
    draft->AddEntry(EntryKind::kRecharge, amount, balance).recharge_ordinal = recharge.ordinal;
  } else {
    closed.credited_as = charge.credited->ordinal;
  }
  if (closed.kind == RechargeKind::kAutomatic) CountTowardsCaps(now, amount, &a);
  if (card != nullptr) ClearFailing(card->payment_method_id, draft);
  const std::string charged = FormatMoney(closed.currency, amount);
  draft
      ->AddEvent(EventKind::kRechargeSucceeded,
                 absl::StrCat("charge ", charge.charge_id, " of ", charged,
                              charge.credited == nullptr
                                  ? ""
                                  : absl::StrCat(", credited before as ", closed.credited_as)),
                 closed)
      .amount = amount;
  if (amount < closed.amount) {
    draft->AddEvent(
        EventKind::kChargedLess,
        absl::StrCat(charged, " of ", FormatMoney(closed.currency, closed.amount), " were charged"),
        closed);
    if (card != nullptr) LetRest(card->payment_method_id, draft);
  }
  // One that was under way when money was taken back is no act of after it (G12).
  if (closed.kind == RechargeKind::kTopUp && closed.ordinal > a.suspension.ordinal) {
    EndSuspension("a top-up succeeded", draft);
  }
  if (a.state == AccountState::kPendingFunding) {
    a.state = AccountState::kActive;
    if (closed.kind == RechargeKind::kTopUp) draft->EndWait();  // the customer has acted
    NoteFunded(draft);
    draft->AddEvent(EventKind::kEnabled, "the reserve is funded");
  }
  if (charge.credited != nullptr) NoteNumber(number, *charge.credited, draft);
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
