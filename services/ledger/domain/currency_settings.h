// What the operator sets for each currency (M3): every limit and default in money.
//
// Plain values and pure functions. Amounts are nano-units of the currency.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_CURRENCY_SETTINGS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_CURRENCY_SETTINGS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/money/money.h"
#include "services/ledger/domain/limits.h"

namespace reserve::domain {

struct Account;
struct Settings;

struct CurrencySettings {
  Nanos default_reserve_amount = 0;  // O2
  Nanos min_reserve_amount = 0;      // O3
  Nanos default_recharge_threshold = 0;
  Nanos min_recharge_threshold = 0;  // O3
  Nanos smallest_charge = 0;         // that gateways take
  Nanos max_recharge_amount = 0;     // one charge, and O3; at most the day's cap
  // G7: of automatic recharges that succeed.
  Nanos max_automatic_amount_per_hour = 0;
  Nanos max_automatic_amount_per_day = 0;
  // D2: how far below zero an account may go behind a cap, the customer's switch, a review or a
  // block. Not set: one minor unit less than the reserve amount or the smallest cap.
  std::optional<Nanos> debt_limit;
  Nanos standard_rate_ceiling = 0;  // a minute; of decks that say nothing else
  Limits limits;                    // L1, L5: the operator's limits in money

  friend bool operator==(const CurrencySettings&, const CurrencySettings&) = default;
};

// By the currency's code.
using CurrencyTable = std::map<std::string, CurrencySettings, std::less<>>;

// What counts unless the operator says otherwise: USD, EUR, GBP, JPY, CHF, CAD and AUD.
CurrencyTable BuiltInCurrencies();

// L5: the limits that are on by default, by the currency's default reserve amount: a minute may
// cost two thirds of it, and a fifteenth while the account is new.
Limits DefaultMoneyLimits(Nanos default_reserve_amount);

// Do they make sense, by themselves and beside each other? INVALID_ARGUMENT with the field.
absl::Status CheckCurrencySettings(absl::string_view currency, const CurrencySettings& settings);

// Those of `currency`; null if it has none.
const CurrencySettings* FindCurrency(const Settings& settings, absl::string_view currency);

// What an account goes by. One whose currency has no settings any more goes on with what it has
// (M3): its amounts, and limits that stand to its reserve amount as those of US dollars do.
CurrencySettings CurrencyOf(const Settings& settings, const Account& account);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_CURRENCY_SETTINGS_H_
