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

#include <string>
#include <utility>

#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// Is the balance below the threshold, and the account no longer waiting for its first charge?
bool IsLow(const Account& account);

class Draft {
 public:
  Draft(const Context& context, Account account);

  Account& account() { return transition_.account; }
  const Context& context() const { return context_; }
  Transition& transition() { return transition_; }
  // Was the balance below the threshold before this command?
  bool was_low() const { return was_low_; }

  // `cause` is for people. The second form tells of a recharge, as it is in the arguments.
  Event& AddEvent(EventKind kind, std::string cause);
  Event& AddEvent(EventKind kind, std::string cause, const Recharge& recharge);
  // Books `amount`; the balance must have been checked to fit.
  Entry& AddEntry(EntryKind kind, Nanos amount, Nanos balance_after);
  // Opens a recharge of the current card (G3: none may be open).
  Recharge& OpenRecharge(RechargeKind kind, Nanos amount, std::string cause);

  Transition Finish() && { return std::move(transition_); }

 private:
  const Context& context_;
  const bool was_low_;
  Transition transition_;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_DRAFT_H_
