// Plans: what a user's calls at standard rates cost. A new plan is data.
//
// A plan has versions on a timeline (rates/plan_book.h): a Plan is the terms of one of them.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_PLAN_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/money/money.h"
#include "services/ledger/domain/limits.h"
#include "services/ledger/domain/settings.h"

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

// The plan that the program itself needs: of accounts that are opened without one.
inline constexpr char kPerMinutePlanId[] = "per_minute";

// An amount in one currency.
struct PlanAmount {
  std::string currency;
  Nanos amount = 0;  // >= 0

  friend bool operator==(const PlanAmount&, const PlanAmount&) = default;
};

// L1: what a plan limits, in one currency; of an empty one what is no money, in all.
struct PlanLimits {
  std::string currency;
  Limits limits;

  friend bool operator==(const PlanLimits&, const PlanLimits&) = default;
};

struct Plan {
  std::string plan_id;
  StandardCalls standard_calls = StandardCalls::kMetered;
  int64_t free_seconds = 0;  // the size of the allowance; 0: none
  AllowanceReset allowance_reset = AllowanceReset::kNever;
  // In currencies of which `default_reserve_amounts` says nothing; 0: no wish of its own (O2).
  Nanos default_reserve_amount = 0;
  int64_t longest_call_seconds = 0;      // 0: the operator's (H10)
  std::string series = kStandardSeries;  // whose decks price its usage (K1)
  // Each currency once, as are the prices.
  std::vector<PlanAmount> default_reserve_amounts = {};
  // What a user pays for it in a month. Nobody is charged by it here: advice goes by it (A1).
  std::vector<PlanAmount> monthly_prices = {};
  std::string display_name = {};        // for people; may be empty
  std::vector<PlanLimits> limits = {};  // each currency once

  // O2: in that currency.
  Nanos DefaultReserveIn(absl::string_view currency) const;
  // A1: nothing if it has prices, and none in that currency; 0 if it has none at all.
  std::optional<Nanos> MonthlyPriceIn(absl::string_view currency) const;
  // L1: what it limits of an account in that currency.
  Limits LimitsIn(absl::string_view currency) const;

  friend bool operator==(const Plan&, const Plan&) = default;
};

// The free minutes of the per-minute plan (C3): 300 minutes.
inline constexpr int64_t kPerMinuteFreeSeconds = 18'000;

// No plan has more currencies than this in a list of amounts.
inline constexpr size_t kMostPlanAmounts = 20;

// Are its terms such as a plan may have (K4)? INVALID_ARGUMENT, with the field, as Plan's message
// names it, for what is out of bounds; FAILED_PRECONDITION "CURRENCY_NOT_SUPPORTED" for an amount
// in a currency without settings.
absl::Status CheckPlan(const Settings& settings, const Plan& plan);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_PLAN_H_
