// What follows each command, whatever it was: the level triggers of the policy.
//
// They look at the account as the command left it, and not at what changed it, so a
// trigger that was missed is made up for by the next command. In this order:
//  1. G1, G2, G7: a recharge is opened if the balance is below the threshold, none is
//     open, the card is USABLE and no cap is in the way. A cap that is in the way is
//     told of once a day, and the account is looked at again when its window ends.
//  2. G4: a DISABLED account whose balance is above zero is ACTIVE again.
//  3. D1: an ACTIVE one at or below zero that nothing can refill is DISABLED.
//  4. D5: a dip below the threshold that no recharge answers is told of, unless 3 did.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_CONSEQUENCES_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_CONSEQUENCES_H_

#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// Applies them to the account of `draft`.
void ApplyConsequences(Draft& draft);

// The finished transition of `draft`, with its consequences.
Transition Concluded(Draft&& draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_CONSEQUENCES_H_
