// What staff does to an account: adjustments and blocks (D3).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_SUPPORT_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_SUPPORT_POLICY_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// Books `amount`, of either sign. Refused for OUT_OF_RANGE "MONEY_OVERFLOW" only.
absl::StatusOr<Transition> AdjustBalance(const Context& context, const Account& account,
                                         const std::string& request_id, Nanos amount,
                                         const std::string& reason);

// D3. `unchanged` if the account is blocked for that very reason, or is not blocked.
absl::StatusOr<Transition> BlockAccount(const Context& context, const Account& account,
                                        const std::string& reason);
absl::StatusOr<Transition> UnblockAccount(const Context& context, const Account& account,
                                          const std::string& reason);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_SUPPORT_POLICY_H_
