#include "services/ledger/domain/taken_back.h"

#include <algorithm>

namespace reserve::domain {
namespace {

// Low, or so before its first charge, which adds nothing for what is taken back (O1).
bool IsShort(const Account& account) {
  return IsLow(account) || (account.state == AccountState::kPendingFunding &&
                            account.running_balance() < account.recharge_threshold);
}

}  // namespace

void NoteTakenBack(Nanos amount, Draft* draft) {
  Account& account = draft->account();
  TakenBack& taken = account.taken_back;
  if (amount == 0 || draft->wait_ended()) return;
  if (amount < 0) {
    if (!taken.waits() && !IsShort(account)) return;
    if (!taken.waits()) taken.time = draft->context().now;
    taken.amount = SubtractSaturating(taken.amount, amount);
  } else if (taken.waits()) {
    taken.amount = std::max<Nanos>(SubtractSaturating(taken.amount, amount), 0);
    // While it is low it stays the customer's to act: staff charges no card by making good for it.
    if (taken.amount == 0 && !IsShort(account)) taken = {};
  }
}

void NoteCorrected(Nanos difference, Nanos balance_before, bool may_recharge, Draft* draft) {
  if (may_recharge && difference < 0) {
    draft->EndWait();
  } else {
    NoteTakenBack(SubtractSaturating(draft->account().balance, balance_before), draft);
  }
}

void NoteFunded(Draft* draft) {
  if (!IsLow(draft->account())) draft->account().taken_back = {};
}

}  // namespace reserve::domain
