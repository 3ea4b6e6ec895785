#include "services/ledger/domain/currency_settings.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/settings.h"

namespace reserve::domain {
namespace {

// Amounts in cents.
CurrencySettings InCents(int64_t reserve, int64_t threshold, int64_t smallest_charge,
                         int64_t per_hour, int64_t ceiling) {
  CurrencySettings s;
  s.default_reserve_amount = reserve * kNanosPerCent;
  s.min_reserve_amount = s.default_reserve_amount;
  s.default_recharge_threshold = threshold * kNanosPerCent;
  s.min_recharge_threshold = s.default_recharge_threshold;
  s.smallest_charge = smallest_charge * kNanosPerCent;
  s.max_automatic_amount_per_hour = per_hour * kNanosPerCent;
  s.max_automatic_amount_per_day = 2 * s.max_automatic_amount_per_hour;
  s.max_recharge_amount = s.max_automatic_amount_per_day;
  s.standard_rate_ceiling = ceiling * kNanosPerCent;
  s.limits = DefaultMoneyLimits(s.default_reserve_amount);
  return s;
}

// As US dollars have it: 500 of 15.
constexpr int kReservesPerHour = 33;

Nanos Times(Nanos amount, int factor) {
  const absl::int128 product = absl::int128(amount) * factor;
  const Nanos most = std::numeric_limits<Nanos>::max();
  return product > most ? most : static_cast<Nanos>(product);
}

absl::Status AtLeast(absl::string_view field, Nanos amount, absl::string_view other, Nanos least) {
  if (amount >= least) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("must be at least ", other, ", ", FormatDecimal(least),
                                          ", not ", FormatDecimal(amount)));
}

absl::Status IsWholeMinorUnits(absl::string_view field, absl::string_view currency, Nanos amount) {
  if (amount % MinorUnitNanos(currency) == 0) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("must be whole minor units of ", currency, ", not ",
                                          FormatDecimal(amount)));
}

}  // namespace

Limits DefaultMoneyLimits(Nanos default_reserve_amount) {
  Limits limits;
  limits.price_per_minute = default_reserve_amount / 3 * 2;
  limits.new_account_price_per_minute = default_reserve_amount / 15;
  return limits;
}

CurrencyTable BuiltInCurrencies() {
  return {
      {"AUD", InCents(2'000, 1'500, 50, 70'000, 3)},
      {"CAD", InCents(2'000, 1'500, 50, 70'000, 3)},
      {"CHF", InCents(1'500, 1'000, 50, 50'000, 2)},
      {"EUR", InCents(1'500, 1'000, 50, 50'000, 2)},
      {"GBP", InCents(1'500, 1'000, 30, 50'000, 2)},
      {"USD", InCents(1'500, 1'000, 50, 50'000, 2)},
      {"JPY", InCents(150'000, 100'000, 5'000, 5'000'000, 300)},
  };
}

absl::Status CheckCurrencySettings(absl::string_view currency, const CurrencySettings& s) {
  const std::pair<absl::string_view, Nanos> amounts[] = {
      {"default_reserve_amount", s.default_reserve_amount},
      {"min_reserve_amount", s.min_reserve_amount},
      {"default_recharge_threshold", s.default_recharge_threshold},
      {"min_recharge_threshold", s.min_recharge_threshold},
      {"smallest_charge", s.smallest_charge},
      {"max_recharge_amount", s.max_recharge_amount},
      {"max_automatic_amount_per_hour", s.max_automatic_amount_per_hour},
      {"max_automatic_amount_per_day", s.max_automatic_amount_per_day},
      {"debt_limit", s.debt_limit.value_or(0)},
      {"standard_rate_ceiling", s.standard_rate_ceiling},
  };
  for (const auto& [field, amount] : amounts) {
    if (amount < 0) return InvalidField(field, "must not be negative");
  }
  RESERVE_RETURN_IF_ERROR(CheckLimits(s.limits));
  absl::Status status = IsWholeMinorUnits("smallest_charge", currency, s.smallest_charge);
  status.Update(IsWholeMinorUnits("min_reserve_amount", currency, s.min_reserve_amount));
  status.Update(IsWholeMinorUnits("default_reserve_amount", currency, s.default_reserve_amount));
  if (s.smallest_charge == 0) status.Update(InvalidField("smallest_charge", "must be above zero"));
  status.Update(
      AtLeast("min_reserve_amount", s.min_reserve_amount, "smallest_charge", s.smallest_charge));
  status.Update(AtLeast("default_reserve_amount", s.default_reserve_amount, "min_reserve_amount",
                        s.min_reserve_amount));
  status.Update(AtLeast("default_recharge_threshold", s.default_recharge_threshold,
                        "min_recharge_threshold", s.min_recharge_threshold));
  // Else no account could be opened without saying more, or never be recharged by itself.
  for (const auto& [field, amount] :
       {std::pair<absl::string_view, Nanos>("max_recharge_amount", s.max_recharge_amount),
        {"max_automatic_amount_per_hour", s.max_automatic_amount_per_hour},
        {"max_automatic_amount_per_day", s.max_automatic_amount_per_day}}) {
    status.Update(AtLeast(field, amount, "default_reserve_amount", s.default_reserve_amount));
  }
  status.Update(AtLeast("default_reserve_amount", s.default_reserve_amount,
                        "min_recharge_threshold", s.min_recharge_threshold));
  return status;
}

const CurrencySettings* FindCurrency(const Settings& settings, absl::string_view currency) {
  const auto found = settings.currencies.find(currency);
  return found == settings.currencies.end() ? nullptr : &found->second;
}

CurrencySettings CurrencyOf(const Settings& settings, const Account& account) {
  if (const CurrencySettings* found = FindCurrency(settings, account.currency)) return *found;
  CurrencySettings own;
  own.default_reserve_amount = own.min_reserve_amount = account.reserve_amount;
  own.default_recharge_threshold = own.min_recharge_threshold = account.recharge_threshold;
  own.max_automatic_amount_per_hour = Times(account.reserve_amount, kReservesPerHour);
  own.max_automatic_amount_per_day = Times(account.reserve_amount, 2 * kReservesPerHour);
  own.max_recharge_amount = own.max_automatic_amount_per_day;
  return own;
}

}  // namespace reserve::domain
