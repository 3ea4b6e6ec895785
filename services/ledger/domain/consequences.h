// What follows each command, whatever it was: the level triggers of the policy.
//
// They look at the account as the command left it, and not at what changed it, so a
// trigger that was missed is made up for by the next command. In this order:
//  1. O1, P5: a PENDING_FUNDING account that has its reserve amount, payments among it, is ACTIVE.
//  2. G1: an open recharge of which nothing can have been sent follows the account: it is
//     CANCELED if it would not be opened now, else it has the amount and the card of now.
//  3. G1, G2, G5, G7: a recharge is opened if the balance is below the threshold, none is
//     open, a card may be charged and nothing stands in the way. A cap that does is told of
//     once a window, and the account is looked at again when its window ends.
//     Where it has to wait, a card that is at its network's limit counts as FAILING (G9).
//  4. G4: a DISABLED account whose balance is above zero is ACTIVE again.
//  5. D1, D2: an ACTIVE one is DISABLED: at or below zero where no card is USABLE or automatic
//     recharging is suspended, at the debt limit where something else stands in the way.
//  6. D5, G11: a dip below the threshold that no recharge answers is told of, unless 5 did;
//     so is one below the balance at which the customer wants to hear.
//  7. Who has a card that is about to expire hears of it.
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
