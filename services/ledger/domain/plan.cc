#include "services/ledger/domain/plan.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

// An allowance for life may be large; one of more than this is a mistake.
constexpr int64_t kMostFreeSeconds = 1'000'000'000;
constexpr Nanos kMostMonthlyPrice = 1'000'000 * kNanosPerUnit;

std::optional<Nanos> FindIn(const std::vector<PlanAmount>& amounts, absl::string_view currency) {
  for (const PlanAmount& each : amounts) {
    if (each.currency == currency) return each.amount;
  }
  return std::nullopt;
}

// Of a list of amounts, one a currency. `most`: of each currency.
template <typename Most>
absl::Status CheckAmounts(const Settings& settings, absl::string_view field,
                          const std::vector<PlanAmount>& amounts, Most most) {
  if (amounts.size() > kMostPlanAmounts) {
    return InvalidField(field, absl::StrCat("must be at most ", kMostPlanAmounts));
  }
  std::set<absl::string_view> seen;
  for (size_t i = 0; i < amounts.size(); ++i) {
    const PlanAmount& each = amounts[i];
    const std::string place = absl::StrCat(field, "[", i, "]");
    if (!seen.insert(each.currency).second) {
      return InvalidField(place, absl::StrCat("is a second amount in ", each.currency));
    }
    const CurrencySettings* currency = FindCurrency(settings, each.currency);
    if (currency == nullptr) {
      return CurrencyNotSupported(absl::StrCat(place, ".currency_code"), each.currency);
    }
    const Nanos limit = most(*currency);
    if (each.amount < 0 || each.amount > limit) {
      return InvalidField(place, absl::StrCat("must be from 0 to ", FormatDecimal(limit), ", not ",
                                              FormatDecimal(each.amount)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Nanos Plan::DefaultReserveIn(absl::string_view currency) const {
  return FindIn(default_reserve_amounts, currency).value_or(default_reserve_amount);
}

std::optional<Nanos> Plan::MonthlyPriceIn(absl::string_view currency) const {
  if (monthly_prices.empty()) return 0;
  return FindIn(monthly_prices, currency);
}

Limits Plan::LimitsIn(absl::string_view currency) const {
  Limits all;
  for (const PlanLimits& each : limits) {
    if (each.currency == currency) {
      all.spend = each.limits.spend;
      all.price_per_minute = each.limits.price_per_minute;
      all.new_account_price_per_minute = each.limits.new_account_price_per_minute;
    }
    if (each.limits.countries.has_value()) all.countries = each.limits.countries;
    if (each.limits.calls.has_value()) all.calls = each.limits.calls;
  }
  return all;
}

namespace {

bool HasMoney(const Limits& limits) {
  return limits.limits_spend() || limits.price_per_minute.has_value() ||
         limits.new_account_price_per_minute.has_value();
}

absl::Status CheckPlanLimits(const Settings& settings, const std::vector<PlanLimits>& limits) {
  if (limits.size() > kMostPlanAmounts) {
    return InvalidField("limits", absl::StrCat("must be at most ", kMostPlanAmounts));
  }
  std::set<absl::string_view> seen;
  for (size_t i = 0; i < limits.size(); ++i) {
    const PlanLimits& each = limits[i];
    const std::string place = absl::StrCat("limits[", i, "]");
    if (!seen.insert(each.currency).second) {
      return InvalidField(place,
                          absl::StrCat("is a second one of ",
                                       each.currency.empty() ? "no currency" : each.currency));
    }
    if (!each.currency.empty() && FindCurrency(settings, each.currency) == nullptr) {
      return CurrencyNotSupported(absl::StrCat(place, ".currency_code"), each.currency);
    }
    if (each.currency.empty() && HasMoney(each.limits)) {
      return InvalidField(place, "has money of no currency");
    }
    if (!each.currency.empty() &&
        (each.limits.calls.has_value() || each.limits.countries.has_value())) {
      return InvalidField(place, "must limit calls and countries in one without money");
    }
    if (each.limits.longest_call_seconds.has_value()) {
      return InvalidField(absl::StrCat(place, ".longest_call"), "is the plan's own longest_call");
    }
    const absl::Status checked = CheckLimits(each.limits);
    if (!checked.ok()) return WithFieldPrefix(checked, absl::StrCat(place, "."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPlan(const Settings& settings, const Plan& plan) {
  if (plan.free_seconds < 0 || plan.free_seconds > kMostFreeSeconds) {
    return InvalidField("allowance", absl::StrCat("must be from 0 to ", kMostFreeSeconds,
                                                  " s, not ", plan.free_seconds, " s"));
  }
  if (plan.standard_calls == StandardCalls::kIncluded && plan.free_seconds > 0) {
    return InvalidField("allowance", "must be 0 where standard calls are included");
  }
  if (plan.longest_call_seconds < 0 || plan.longest_call_seconds > kMaxDurationSeconds) {
    return InvalidField("longest_call", absl::StrCat("must be from 0 to ", kMaxDurationSeconds,
                                                     " s, not ", plan.longest_call_seconds, " s"));
  }
  RESERVE_RETURN_IF_ERROR(
      CheckAmounts(settings, "default_reserve_amounts", plan.default_reserve_amounts,
                   [](const CurrencySettings& currency) { return currency.max_recharge_amount; }));
  RESERVE_RETURN_IF_ERROR(CheckPlanLimits(settings, plan.limits));
  return CheckAmounts(settings, "monthly_prices", plan.monthly_prices,
                      [](const CurrencySettings&) { return kMostMonthlyPrice; });
}

}  // namespace reserve::domain
