// Charges that the cardholder's bank takes back, as the gateway tells (P2, P3); and what it told
// of a charge before that was credited.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTE_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTE_POLICY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/dispute.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// How a dispute stands at the gateway.
struct GatewayDispute {
  std::string charge_id;
  std::string dispute_id;
  DisputeState state = DisputeState::kInquiry;
  Nanos amount = 0;
  std::string reason;
};

// P3: does what is told lead on from what is known?
bool LeadsOn(DisputeState known, DisputeState told);

// P2, P3: moves the dispute forward. `known` is what the ledger has of it, or null; `refunds` are
// those of the charge. When the bank takes the money: the balance is debited, automatic recharging
// suspended, the card's number DISPUTED, and refunds that nobody has sent are CANCELED. When it
// gives it back: credited. One that takes nothing forward is `unchanged`.
absl::StatusOr<Transition> ApplyGatewayDispute(const Context& context, const Account& account,
                                               const Recharge& charge, const Dispute* known,
                                               absl::Span<const Recharge* const> refunds,
                                               const GatewayDispute& told);

// P3: `charge` was credited just now, and the gateway had told of these before.
absl::StatusOr<Transition> ApplyKept(const Context& context, const Account& account,
                                     const Recharge& charge,
                                     absl::Span<const Recharge* const> refunds,
                                     absl::Span<const Dispute* const> disputes);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTE_POLICY_H_
