// Advice to customers (A1): another plan, or a larger reserve.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_ADVICE_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_ADVICE_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/currency_settings.h"

namespace reserve::domain {

inline constexpr absl::Duration kAdviceWindow = absl::Hours(24 * 30);
inline constexpr char kUnlimitedPlanId[] = "unlimited";
// More automatic recharges than this in the window are too many: two a week.
inline constexpr int64_t kTooManyRecharges = 8;

// Mondays to Fridays of the zone that begin after `since` and not after `now`.
int BusinessDays(absl::Time since, absl::Time now, absl::TimeZone zone);

// More than an hour of standard-rate calls per business day?
bool AdviseUnlimited(int64_t standard_seconds, int business_days);

// The reserve amount that would have needed no more than kTooManyRecharges: the
// smallest whole multiple of the present one, within the currency's maximum.
// Nothing if the account does not recharge too often, or no larger one is allowed.
std::optional<Nanos> AdviseReserveAmount(const CurrencySettings& settings, Nanos reserve_amount,
                                         int64_t automatic_recharges);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_ADVICE_H_
