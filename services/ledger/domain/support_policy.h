// What staff does to an account: adjustments, blocks, suspensions, reviews (D3, G3, G12).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_SUPPORT_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_SUPPORT_POLICY_H_

#include <string>
#include <vector>

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

// Which number support lets be charged again (P2): that of a card, or that of a dispute, whose card
// may have been taken away; one at most is set.
struct LiftedCard {
  std::string payment_method_id;
  std::string dispute_id;
};

// L4: whose limits are lifted beside the account's, and for how long they raise nothing then.
struct LiftedLimits {
  const User* user = nullptr;  // null: of all its users
  absl::Duration quiet;
  std::vector<const User*> ringing;  // all users of the account whose alarm rings
};

// G12, L4: automatic recharging goes on; and P2: the number of `card`, if one is named, may be
// charged again, whatever disputes of it there are. `unchanged` if neither was so. NOT_FOUND
// "PAYMENT_METHOD_NOT_FOUND", "DISPUTE_NOT_FOUND" (of one that keeps no number from being charged).
absl::StatusOr<Transition> LiftSuspension(const Context& context, const Account& account,
                                          const LiftedCard& card, const ByStaff& by,
                                          const LiftedLimits& limits = {});

// What a person found out about a recharge under review (G3).
struct ReviewOutcome {
  bool charged = false;
  std::string charge_id;   // of a charge
  Nanos amount = 0;        // really charged
  bool dismissed = false;  // of what is kept of a charge (DismissKept)
};

// Resolves recharge `recharge`, which is under review: credits what was charged, or ends it as
// FAILED. A repeat is `unchanged`. `credited` is what was credited for that charge before, if
// anything was: the recharge ends as that payment, while the charge of another recharge is none of
// this one. FAILED_PRECONDITION "NOT_UNDER_REVIEW", "ALREADY_CREDITED", "CHARGE_CREDITED".
absl::StatusOr<Transition> ResolveReview(const Context& context, const Account& account,
                                         const Recharge& recharge, const Recharge* credited,
                                         const ReviewOutcome& outcome, const ByStaff& by);

// What the gateway told of a charge that nothing was credited for, and that is kept (P3), is for
// nobody to look at any more. It counts all the same if the charge is credited after all, and what
// is told anew is kept again. FAILED_PRECONDITION "NOT_UNDER_REVIEW" where nothing is kept.
absl::StatusOr<Transition> DismissKept(const Context& context, const Account& account,
                                       const Recharge& recharge, const ByStaff& by);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_SUPPORT_POLICY_H_
