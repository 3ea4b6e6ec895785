// A transition in the making: it numbers entries, events and recharges, and keeps what
// an event must say. Every command of the policy makes one, changes it, and ends with
// Concluded() (consequences.h).
//
//   Draft draft(context, account);
//   draft.AddEvent(EventKind::kBlocked, reason);
//   return Concluded(std::move(draft));
//
// Thread-compatible. `context` must outlive it.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_DRAFT_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_DRAFT_H_

#include <optional>
#include <string>
#include <utility>

#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/card_choice.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// Is the running balance below the threshold, of an account that neither waits for its first charge
// nor closes?
bool IsLow(const Account& account);

class Draft {
 public:
  Draft(const Context& context, Account account) : Draft(context, std::move(account), nullptr) {}
  // Writes to where the transition is to be in the end, for usage: to move one is no small part of
  // what that costs. Finish() has nothing to give then. `transition` is new, and outlives the
  // draft.
  Draft(const Context& context, Account&& account, Transition* transition);
  Draft(Draft&&) = delete;

  Account& account() { return transition_.account; }
  const Account& account() const { return transition_.account; }
  const Context& context() const { return context_; }
  Transition& transition() { return transition_; }
  const Transition& transition() const { return transition_; }
  // Was the running balance below the threshold before this command?
  bool was_low() const { return was_low_; }
  // The running balance before this command, with all that it has booked since but usage.
  Nanos unused_balance() const { return unused_balance_; }
  Nanos balance_before() const { return balance_before_; }

  // The customer has acted, or usage has come: nothing waits any more, and nothing that this
  // command takes back, as of a grant whose end is seen only now, waits again (G12).
  // Before the first charge nothing waits: what was taken back is only kept from adding to it (O1).
  void EndWait() {
    if (account().state == AccountState::kPendingFunding) return;
    account().taken_back = {};
    wait_ended_ = true;
  }
  bool wait_ended() const { return wait_ended_; }

  // `cause` is for people. The second form tells of a recharge, as it is in the arguments.
  Event& AddEvent(EventKind kind, std::string cause);
  Event& AddEvent(EventKind kind, std::string cause, const Recharge& recharge);
  // Books `amount`; the balance must have been checked to fit.
  Entry& AddEntry(EntryKind kind, Nanos amount, Nanos balance_after);
  // Opens a recharge of this card, not due before `choice.time` (G3: none may be open).
  Recharge& OpenRecharge(RechargeKind kind, Nanos amount, const CardChoice& choice,
                         std::string cause);
  // Opens a refund of `amount` of what `charged` charged. Nothing is booked yet.
  Recharge& OpenRefund(const Recharge& charged, Nanos amount);
  // The open recharge: as this command has left it, else as it was loaded. Null if none is open,
  // or it was not loaded.
  const Recharge* open() const;
  // A recharge of this account to be changed and written; once asked for it stays where it is
  // until the next one is opened or asked for.
  Recharge& Change(const Recharge& recharge);
  // A card of this account to be changed and written. It must be there.
  PaymentMethod& ChangeCard(const std::string& payment_method_id);
  void CardsChanged() { transition_.cards_changed = true; }

  Transition Finish() && { return *std::move(own_); }

 private:
  std::optional<Transition> own_;
  Transition& transition_;
  const Context& context_;
  const bool was_low_;
  const Nanos balance_before_;
  Nanos unused_balance_;
  bool wait_ended_ = false;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_DRAFT_H_
