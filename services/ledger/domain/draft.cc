#include "services/ledger/domain/draft.h"

#include <utility>

namespace reserve::domain {

bool IsLow(const Account& account) {
  return account.state != AccountState::kPendingFunding &&
         account.balance < account.recharge_threshold;
}

Draft::Draft(const Context& context, Account account)
    : context_(context), was_low_(IsLow(account)) {
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
  return event;
}

Entry& Draft::AddEntry(EntryKind kind, Nanos amount, Nanos balance_after) {
  Account& a = account();
  a.balance = balance_after;
  Entry& entry = transition_.entries.emplace_back();
  entry.account_id = a.account_id;
  entry.seq = ++a.last_seq;
  entry.kind = kind;
  entry.amount = amount;
  entry.balance_after = balance_after;
  entry.record_time = context_.now;
  return entry;
}

Recharge& Draft::OpenRecharge(RechargeKind kind, Nanos amount, std::string cause) {
  Account& a = account();
  Recharge recharge;
  recharge.account_id = a.account_id;
  recharge.ordinal = ++a.last_ordinal;
  recharge.kind = kind;
  recharge.currency = a.currency;
  recharge.amount = amount;
  recharge.card = a.card;
  recharge.due_time = context_.now;
  recharge.create_time = context_.now;
  a.open_ordinal = recharge.ordinal;
  a.due = {};
  AddEvent(EventKind::kRechargeOpened, std::move(cause), recharge);
  return transition_.recharges.emplace_back(std::move(recharge));
}

}  // namespace reserve::domain
