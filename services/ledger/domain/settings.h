// What the operator may set, for all accounts. Plain values; the numbers in comments
// are the rules in docs/RULES.md. Amounts are units of any currency.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_SETTINGS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_SETTINGS_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/card_limits.h"

namespace reserve::domain {

struct Settings {
  Nanos default_reserve_amount = 15 * kNanosPerUnit;  // O2
  Nanos default_recharge_threshold = 10 * kNanosPerUnit;
  Nanos min_reserve_amount = 15 * kNanosPerUnit;      // O3
  Nanos min_recharge_threshold = 10 * kNanosPerUnit;  // O3
  Nanos max_recharge_amount = 1'000 * kNanosPerUnit;  // one charge, and O3; at most the day's cap
  int32_t max_recharge_multiple = 20;                 // G2
  int32_t max_automatic_recharges_per_day = 10;       // G7
  Nanos max_automatic_amount_per_day = 1'000 * kNanosPerUnit;  // G7
  // G5: the delays after the first, second, ... soft decline of a card.
  std::vector<absl::Duration> retry_delays = {absl::Hours(1), absl::Hours(3), absl::Hours(7)};
  CardLimits card_limits;  // G9
  // An attempt that the limits put off for longer is not waited for (G9).
  absl::Duration max_card_wait = absl::Hours(24);
  absl::Duration max_usage_age = absl::Hours(24 * 3660);  // older starts are refused
  absl::Duration max_usage_ahead = absl::Hours(2);        // later starts are refused
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_SETTINGS_H_
