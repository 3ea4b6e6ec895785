// Advice to customers (A1): another plan, or a larger reserve.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_ADVICE_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_ADVICE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/currency_settings.h"
#include "services/ledger/domain/plan.h"

namespace reserve::domain {

inline constexpr absl::Duration kAdviceWindow = absl::Hours(24 * 30);
// More automatic recharges than this in the window are too many: two a week.
inline constexpr int64_t kTooManyRecharges = 8;

// Mondays to Fridays of the zone that begin after `since` and not after `now`.
int BusinessDays(absl::Time since, absl::Time now, absl::TimeZone zone);

// More than an hour of standard-rate calls per business day?
bool AdviseUnlimited(int64_t standard_seconds, int business_days);

// What another plan would save a user in the window.
struct PlanSaving {
  const Plan* plan = nullptr;
  Nanos standard_cost = 0;          // of the calls that it includes
  Nanos current_monthly_price = 0;  // 0 also where the user's plan has none in that currency
  Nanos advised_monthly_price = 0;
  Nanos saving = 0;  // what the calls cost less the difference of the prices; >= 0
};

// Of the plans that include standard calls and go by the same price list the one that saves most,
// of equals the first. Nothing where none of them has a price in the currency, or each would cost
// more than it saves. `offered` lives as long as the answer.
std::optional<PlanSaving> BestUnlimited(const Plan& current,
                                        const std::vector<const Plan*>& offered,
                                        absl::string_view currency, Nanos standard_cost);

// The reserve amount that would have needed no more than kTooManyRecharges: the
// smallest whole multiple of the present one, within the currency's maximum.
// Nothing if the account does not recharge too often, or no larger one is allowed.
std::optional<Nanos> AdviseReserveAmount(const CurrencySettings& settings, Nanos reserve_amount,
                                         int64_t automatic_recharges);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_ADVICE_H_
