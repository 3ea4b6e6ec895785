#include "services/ledger/domain/account.h"

namespace reserve::domain {

int64_t User::SecondsUsed(int32_t period) const {
  // Few: one for life, or one a month.
  for (const Allowance& allowance : allowances) {
    if (allowance.period == period) return allowance.seconds_used;
  }
  return 0;
}

void User::SetSecondsUsed(const Allowance& used) {
  for (Allowance& allowance : allowances) {
    if (allowance.period != used.period) continue;
    allowance = used;
    return;
  }
  allowances.push_back(used);
}

}  // namespace reserve::domain
