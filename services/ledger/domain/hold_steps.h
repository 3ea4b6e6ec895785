// Steps that commands on holds, and on the usages that end them, are made of.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_HOLD_STEPS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_HOLD_STEPS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/hold.h"

namespace reserve::domain {

// The account's live holds, as this command has left them. Pointers are good until it changes one.
std::vector<const Hold*> LiveHolds(const Draft& draft);

// Puts `after` in the place of `before`, which is null of one that does not live yet: account and
// allowances hold as much more or less. Finds a slot for one that comes to live: the one that it
// had in this batch, unless another has it now.
void ChangeHold(const Hold* before, Hold after, Draft* draft);

// Nothing is held for it any more, and nobody need look at it.
void FreeAll(Hold* hold);

// Ends a live hold whose usage was booked or voided: nothing is held for it any more.
void EndHold(const Hold& hold, HoldState state, Draft* draft);

// A hold has ended, which may have been the last thing that the account's closing waited for (P4).
void WakeClosing(Draft* draft);

// Ends whatever is held for this usage, or under this id (H5). Empty: no id.
void EndHoldsOf(absl::string_view usage_id, absl::string_view hold_id, Draft* draft);

// The live hold of that usage, else the one under that id; null if there is none.
const Hold* HoldOf(const std::vector<Hold>* holds, absl::string_view usage_id,
                   absl::string_view hold_id);

// H6: where there is more money than before this command, calls that were told to end for want of
// it may go on.
void TellOfFunds(Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_HOLD_STEPS_H_
