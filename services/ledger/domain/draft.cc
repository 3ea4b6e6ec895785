#include "services/ledger/domain/draft.h"

#include <utility>

namespace reserve::domain {

bool IsLow(const Account& account) {
  return account.state != AccountState::kPendingFunding && !account.ends() &&
         account.running_balance() < account.recharge_threshold;
}

Draft::Draft(const Context& context, Account&& account, Transition* transition)
    : transition_(transition == nullptr ? own_.emplace() : *transition),
      context_(context),
      was_low_(IsLow(account)),
      balance_before_(account.balance),
      unused_balance_(account.running_balance()) {
  transition_.account = std::move(account);
}

Event& Draft::AddEvent(EventKind kind, std::string cause) {
  Account& a = account();
  Event& event = transition_.events.emplace_back();
  event.account_id = a.account_id;
  event.event_seq = ++a.last_event_seq;
  event.kind = kind;
  event.cause = std::move(cause);
  event.time = context_.now;
  event.state = a.state;
  event.balance = a.balance;
  return event;
}

Event& Draft::AddEvent(EventKind kind, std::string cause, const Recharge& recharge) {
  Event& event = AddEvent(kind, std::move(cause));
  event.recharge_ordinal = recharge.ordinal;
  event.amount = recharge.amount;
  event.recharge_kind = recharge.kind;
  event.payment_method_id = recharge.payment_method_id;
  return event;
}

Entry& Draft::AddEntry(EntryKind kind, Nanos amount, Nanos balance_after) {
  Account& a = account();
  a.balance = balance_after;
  if (!IsOfUsage(kind)) {
    unused_balance_ = AddSaturating(unused_balance_, amount);
    for (RechargeMark& mark : a.marks) {
      mark.unused_balance = AddSaturating(mark.unused_balance, amount);
    }
  }
  Entry& entry = transition_.entries.emplace_back();
  entry.account_id = a.account_id;
  entry.seq = ++a.last_seq;
  entry.kind = kind;
  entry.amount = amount;
  entry.balance_after = balance_after;
  entry.record_time = context_.now;
  return entry;
}

Recharge& Draft::OpenRecharge(RechargeKind kind, Nanos amount, const CardChoice& choice,
                              std::string cause) {
  Account& a = account();
  Recharge recharge;
  recharge.account_id = a.account_id;
  recharge.ordinal = ++a.last_ordinal;
  recharge.kind = kind;
  recharge.currency = a.currency;
  recharge.amount = amount;
  recharge.payment_method_id = choice.method->payment_method_id;
  recharge.card = choice.method->card;
  recharge.card_given = choice.method->given;
  recharge.card_brand = choice.method->display.brand;
  recharge.card_last_four = choice.method->display.last_four;
  recharge.due_time = choice.time;
  recharge.create_time = context_.now;
  a.open_ordinal = recharge.ordinal;
  a.due = {};
  AddEvent(EventKind::kRechargeOpened, std::move(cause), recharge);
  return transition_.recharges.emplace_back(std::move(recharge));
}

Recharge& Draft::OpenRefund(const Recharge& charged, Nanos amount) {
  Recharge refund;
  refund.account_id = charged.account_id;
  refund.ordinal = ++account().last_ordinal;
  refund.kind = RechargeKind::kRefund;
  refund.currency = charged.currency;
  refund.amount = amount;
  refund.refund_of = charged.ordinal;
  refund.charge_id = charged.charge_id;
  refund.due_time = context_.now;
  refund.create_time = context_.now;
  return transition_.recharges.emplace_back(std::move(refund));
}

const Recharge* Draft::open() const {
  const int64_t ordinal = transition_.account.open_ordinal;
  if (ordinal == 0) return nullptr;
  for (const Recharge& recharge : transition_.recharges) {
    if (recharge.ordinal == ordinal) return &recharge;
  }
  const Recharge* loaded = context_.open;
  return loaded != nullptr && loaded->ordinal == ordinal ? loaded : nullptr;
}

Recharge& Draft::Change(const Recharge& recharge) {
  for (Recharge& changed : transition_.recharges) {
    if (changed.ordinal == recharge.ordinal) return changed;
  }
  return transition_.recharges.emplace_back(recharge);
}

PaymentMethod& Draft::ChangeCard(const std::string& payment_method_id) {
  CardsChanged();
  return *FindCard(account(), payment_method_id);
}

}  // namespace reserve::domain
