// What staff does to an account: adjustments, blocks, suspensions, reviews (D3, G3, G12).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_SUPPORT_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_SUPPORT_POLICY_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// Books `amount`, of either sign. A negative one never leads to a recharge: where it leaves the
// balance low, what would follow waits for the customer (G12). Refused for OUT_OF_RANGE
// "MONEY_OVERFLOW" only.
absl::StatusOr<Transition> AdjustBalance(const Context& context, const Account& account,
                                         const std::string& request_id, Nanos amount,
                                         const ByStaff& by);

// D3. `unchanged` if the account is blocked for that very reason, or is not blocked.
absl::StatusOr<Transition> BlockAccount(const Context& context, const Account& account,
                                        const ByStaff& by);
absl::StatusOr<Transition> UnblockAccount(const Context& context, const Account& account,
                                          const ByStaff& by);

// G12: automatic recharging goes on; and P2: the DISPUTED card `payment_method_id`, if one is
// named, may be charged again. `unchanged` if neither was so. NOT_FOUND
// "PAYMENT_METHOD_NOT_FOUND".
absl::StatusOr<Transition> LiftSuspension(const Context& context, const Account& account,
                                          const std::string& payment_method_id, const ByStaff& by);

// What a person found out about a recharge under review (G3).
struct ReviewOutcome {
  bool charged = false;
  std::string charge_id;  // of a charge
  Nanos amount = 0;       // really charged
};

// Settles recharge `recharge`, which is under review: credits what was charged, or ends it as
// FAILED. A repeat is `unchanged`. `credited` is what was credited for that charge before, if
// anything was: the recharge ends as that payment, while the charge of another recharge is none of
// this one. FAILED_PRECONDITION "NOT_UNDER_REVIEW", "ALREADY_CREDITED", "CHARGE_CREDITED".
absl::StatusOr<Transition> ResolveReview(const Context& context, const Account& account,
                                         const Recharge& recharge, const Recharge* credited,
                                         const ReviewOutcome& outcome, const ByStaff& by);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_SUPPORT_POLICY_H_
