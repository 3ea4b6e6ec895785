// The steps of giving a charge back that several commands take (P1, P3).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_REFUND_STEPS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_REFUND_STEPS_H_

#include <string>

#include "absl/status/status.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge.h"

namespace reserve::domain {

// Both are rows of the account: as the command has left them, else as they were loaded.
struct RefundOfCharge {
  const Recharge& refund;
  const Recharge& charge;
};

// Takes the refund's amount out of the balance. Refused for OUT_OF_RANGE "MONEY_OVERFLOW" only.
// After it comes what tells of it, and then SuspendFor.
absl::Status Debit(const RefundOfCharge& rows, std::string reason, Draft* draft);

// Suspends automatic recharging where what was debited leaves the balance below the threshold
// (G12). The event says by whom, or the gateway's id of it.
void SuspendFor(const Recharge& refund, const ByStaff& by, Draft* draft);

// Takes up one that the gateway tells of, pending or succeeded: debits it, tells of it and
// suspends.
absl::Status DebitTold(const RefundOfCharge& rows, const std::string& cause, Draft* draft);

// The gateway has told its id.
void Identify(const std::string& refund_id, Recharge* refund);

// Ends it: the money was given back. An empty id: it is known.
void Succeed(const Recharge& refund, const std::string& refund_id, Draft* draft);

// Ends it as FAILED or CANCELED, and books back what it had taken, once.
absl::Status BookBack(const RefundOfCharge& rows, RechargeState state, std::string cause,
                      Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_REFUND_STEPS_H_
