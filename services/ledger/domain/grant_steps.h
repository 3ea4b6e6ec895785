// Steps of usage and of time on promotional credit (P6). Each adds to a draft; the balance is the
// caller's, as promotional money is part of it.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_GRANT_STEPS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_GRANT_STEPS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "common/money/money.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/hold.h"

namespace reserve::domain {

// Gives these draws of a usage back to their grants. What goes to one that has ended is kept until
// the command is concluded, for what takes the usage's place; then it ends again.
void GiveBackToGrants(absl::string_view draws, Draft* draft);

// Draws the cost of a usage that was, or is, booked as entry `booked_seq`: first on what `returned`
// gave back in this command, then on the open grants that there were then, the earliest end first,
// then the oldest. What they don't cover is own money. `hold` is what it settles, if it does: then
// it draws on grants that have ended since that was made, too. Returns what was drawn, as it is
// stored.
std::string DrawOnGrants(Nanos cost, int64_t booked_seq, absl::string_view returned, Draft* draft,
                         const Hold* hold = nullptr);

// Ends the grants whose time has come, each by an entry of its own, but for what live holds need
// that were made before: that ends with them. Whoever is low because of that is charged nothing by
// itself (G12).
void EndGrants(Draft* draft);
// The same within a command that gave money back to grants, and notes its net itself
// (taken_back.h): what ends of that was taken from nobody.
void EndGrantsUnnoted(Draft* draft);
// Ends all of them, as their account closes (P4); what holds need ends with them.
void EndAllGrants(Draft* draft);

// Has the account looked at when its next grant ends. Once all else is decided.
void AwaitGrantEnd(Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_GRANT_STEPS_H_
