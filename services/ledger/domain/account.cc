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
    allowance.seconds_used = used.seconds_used;
    return;
  }
  allowances.push_back({used.period, used.seconds_used});
}

int64_t User::SecondsHeld(int32_t period) const {
  for (const Allowance& allowance : allowances) {
    if (allowance.period == period) return allowance.seconds_held;
  }
  return 0;
}

void User::HoldSeconds(int32_t period, int64_t more) {
  for (Allowance& allowance : allowances) {
    if (allowance.period != period) continue;
    allowance.seconds_held += more;
    return;
  }
  allowances.push_back({period, 0, more});
}

}  // namespace reserve::domain
