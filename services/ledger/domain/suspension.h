// Automatic recharging that waits for somebody, as money was taken back (G12, P2).
//
// What suspends it notes the suspension's number. Somebody who acts ends it, and its number moves;
// what is booked back takes only its own part away, and only of the suspension that it was a
// reason of.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_SUSPENSION_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_SUSPENSION_H_

#include <cstdint>
#include <string>

#include "services/ledger/domain/account.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/draft.h"

namespace reserve::domain {

// Adds a reason, with an event where it is the first of its kind, which says by whom, and of what
// (a ticket, the gateway's id), the money was taken. Returns the suspension's number.
int32_t Suspend(SuspensionReason reason, const ByStaff& by, Draft* draft);

// One reason less, if the suspension of that number still stands. What it leaves below the
// threshold waits for the customer's next act or usage (G12).
void TakeBackSuspension(SuspensionReason reason, int32_t number, Draft* draft);

// Somebody acted. The event is returned, or null if nothing was suspended.
Event* EndSuspension(std::string cause, Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_SUSPENSION_H_
