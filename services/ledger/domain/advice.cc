#include "services/ledger/domain/advice.h"

#include <algorithm>

#include "absl/time/civil_time.h"

namespace reserve::domain {
namespace {

constexpr int64_t kSecondsPerHour = 3600;

}  // namespace

int BusinessDays(absl::Time since, absl::Time now, absl::TimeZone zone) {
  const absl::CivilDay last = absl::ToCivilDay(now, zone);
  int days = 0;
  for (absl::CivilDay day = absl::ToCivilDay(since, zone) + 1; day <= last; ++day) {
    const absl::Weekday weekday = absl::GetWeekday(day);
    if (weekday != absl::Weekday::saturday && weekday != absl::Weekday::sunday) ++days;
  }
  return days;
}

bool AdviseUnlimited(int64_t standard_seconds, int business_days) {
  return standard_seconds > business_days * kSecondsPerHour;
}

std::optional<PlanSaving> BestUnlimited(const Plan& current,
                                        const std::vector<const Plan*>& offered,
                                        absl::string_view currency, Nanos standard_cost) {
  const Nanos current_price = current.MonthlyPriceIn(currency).value_or(0);
  std::optional<PlanSaving> best;
  for (const Plan* plan : offered) {
    const std::optional<Nanos> price = plan->MonthlyPriceIn(currency);
    if (!price.has_value() || plan->standard_calls != StandardCalls::kIncluded ||
        plan->series != current.series) {
      continue;
    }
    const Nanos saving = SubtractSaturating(AddSaturating(standard_cost, current_price), *price);
    if (saving < 0 || (best.has_value() && best->saving >= saving)) continue;
    best = PlanSaving{plan, standard_cost, current_price, *price, saving};
  }
  return best;
}

std::optional<Nanos> AdviseReserveAmount(const CurrencySettings& settings, Nanos reserve_amount,
                                         int64_t automatic_recharges) {
  if (automatic_recharges <= kTooManyRecharges) return std::nullopt;
  const int64_t factor = (automatic_recharges - 1) / kTooManyRecharges + 1;
  const int64_t most = settings.max_recharge_amount / reserve_amount;
  if (most < 2) return std::nullopt;
  return reserve_amount * std::min(factor, most);
}

}  // namespace reserve::domain
