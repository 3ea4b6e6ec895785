// Promotional credit with an end (P6): granting it. How it is drawn and ends is in grant_steps.h.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_GRANT_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_GRANT_POLICY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// The furthest end of a grant.
inline constexpr absl::Duration kLongestGrant = absl::Hours(24 * 3660);

struct GrantRequest {
  std::string request_id;
  Nanos amount = 0;
  absl::Time end = absl::InfinitePast();
  ByStaff by;
};

// Books a credit grant: part of the balance until its end, drawn on before own money by the usage
// that comes. INVALID_ARGUMENT on "amount", "expire_time"; FAILED_PRECONDITION "TOO_MANY_GRANTS",
// "ACCOUNT_CLOSING", "ACCOUNT_CLOSED"; OUT_OF_RANGE "MONEY_OVERFLOW".
absl::StatusOr<Transition> GrantCredit(const Context& context, const Account& account,
                                       const GrantRequest& request);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_GRANT_POLICY_H_
