// Charges that are given back, in whole or in part: what staff asks for, what a worker reports of
// it, and what the gateway tells (P1, P3).
//
// A refund takes its money out of the balance when it is asked for, or when it is first heard of,
// and books it back once where it fails. It never leads to a charge: what it leaves below the
// threshold is suspended (suspension.h).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_REFUND_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_REFUND_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/report_policy.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

struct RefundRequest {
  std::string request_id;
  std::optional<Nanos> amount;  // not set: all that is left of the charge
  ByStaff by;
  bool allow_debt = false;  // also more than the balance has
};

// P1. The refund is the first of the transition's recharges; after it comes `charge` as it is then.
// INVALID_ARGUMENT on "amount"; FAILED_PRECONDITION "NOT_CREDITED", "NO_CHARGE",
// "CHARGE_DISPUTED", "REFUND_TOO_LARGE", "INSUFFICIENT_BALANCE", in this order.
absl::StatusOr<Transition> RefundRecharge(const Context& context, const Account& account,
                                          const Recharge& charge, const RefundRequest& request);

// What a worker reports of `refund`, which gives `charge` back. A success counts whatever the
// lease; anything else needs it: FAILED_PRECONDITION "LEASE_LOST". A repeat is `unchanged`.
absl::StatusOr<Transition> ReportRefund(const Context& context, const Account& account,
                                        const Recharge& refund, const Recharge& charge,
                                        const ChargeOutcome& outcome);

// How a refund stands at the gateway.
struct GatewayRefund {
  enum class State : uint8_t { kPending = 1, kSucceeded = 2, kFailed = 3 };
  std::string charge_id;
  std::string refund_id;
  State state = State::kPending;
  Nanos amount = 0;
  std::string failure_code;
};

// P3: the one of a charge's refunds that the gateway tells of, null if it is none of them. It is
// known by the gateway's id of it, as far as the gateway told that; else, if it is ours, by its
// `reference`, the ordinal (0: none); else by the id that a person typed.
const Recharge* FindTold(absl::Span<const Recharge* const> refunds, const std::string& refund_id,
                         int64_t reference);

// P3: moves the refund forward, or takes one up that was made by hand. `known` is FindTold. The
// gateway's id of it counts from then on, whatever a person typed. One that takes nothing forward
// is `unchanged`.
absl::StatusOr<Transition> ApplyGatewayRefund(const Context& context, const Account& account,
                                              const Recharge& charge, const Recharge* known,
                                              const GatewayRefund& told);

// What a person found out of a refund under review: the money was given back, under that id at the
// gateway, or it was not. A repeat is `unchanged`. FAILED_PRECONDITION "NOT_UNDER_REVIEW".
absl::StatusOr<Transition> ResolveRefund(const Context& context, const Account& account,
                                         const Recharge& refund, const Recharge& charge,
                                         const std::optional<std::string>& refund_id,
                                         const ByStaff& by);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_REFUND_POLICY_H_
