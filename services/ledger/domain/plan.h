// Plans: what a user's calls at standard rates cost. A new plan is data.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_PLAN_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_PLAN_H_

#include <cstdint>
#include <string>

#include "common/money/money.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class StandardCalls : uint8_t {
  kMetered = 1,   // free seconds first, then paid (C3)
  kIncluded = 2,  // cost nothing (C5)
};
enum class AllowanceReset : uint8_t {
  kNever = 1,
  kMonthly = 2,     // with each month of the account's time zone
  kBillingDay = 3,  // with each of the account's billing months
};

// The price list of plans that name none.
inline constexpr char kStandardSeries[] = "standard";

struct Plan {
  std::string plan_id;
  StandardCalls standard_calls = StandardCalls::kMetered;
  int64_t free_seconds = 0;  // the size of the allowance; 0: none
  AllowanceReset allowance_reset = AllowanceReset::kNever;
  Nanos default_reserve_amount = 0;      // 0: no wish of its own (O2)
  int64_t longest_call_seconds = 0;      // 0: the operator's (H10)
  std::string series = kStandardSeries;  // whose decks price its usage (K1)
};

// The free minutes of the per-minute plan (C3): 300 minutes.
inline constexpr int64_t kPerMinuteFreeSeconds = 18'000;

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_PLAN_H_
