// Money that is taken back, and what waits for the customer because of it (G12).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_TAKEN_BACK_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_TAKEN_BACK_H_

#include "common/money/money.h"
#include "services/ledger/domain/draft.h"

namespace reserve::domain {

// Notes that the balance was changed by `amount`, and not by usage or the customer. Where a
// negative one leaves it low, nothing follows until the customer acts; what is given again makes
// good for it first, and ends the wait where the balance is not low any more. To be called once the
// amount is booked.
void NoteTakenBack(Nanos amount, Draft* draft);

// The same of a correction or a new rating, once what it gave back to ended grants has ended again:
// `balance_before` is the balance before it. Its request says whether the card may be charged for
// it: if so, and what the usage costs now is more by -`difference`, nothing waits any more.
void NoteCorrected(Nanos difference, Nanos balance_before, bool may_recharge, Draft* draft);

// An account is funded by its first charge: what was taken back before it waits only if the account
// is low all the same. To be called once it is ACTIVE.
void NoteFunded(Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_TAKEN_BACK_H_
