// Opening an account, and what its customer sets: amounts, switches, users (O1 to O3,
// G7, G10, G11). Cards are in payment_method_policy.h.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_OPENING_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_OPENING_POLICY_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/payment_method_policy.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

struct OpenAccountCommand {
  std::string account_id;
  std::string currency = "USD";
  bool deck_in_force = true;  // one of the currency, now (M3)
  std::string country;        // ISO 3166-1 alpha-2; empty: the default
  CalendarRule calendar;      // C8
  GivenCard card;             // empty token: none
  std::optional<Nanos> reserve_amount;
  std::optional<Nanos> recharge_threshold;
  Plan default_plan;
  std::optional<Nanos> expected_monthly_spend;
  std::string display_name;  // for people; may be empty
  std::string digest;        // of the whole request
};

// O3: the most that a reserve amount may be.
Nanos MostReserveAmount(const CurrencySettings& settings);

// C8. INVALID_ARGUMENT on "billing_day".
absl::Status CheckBillingDay(int32_t day);

// O2: the largest of the default, `of_plan`, its own in that currency, and a week of the expected
// monthly spend rounded up to a whole unit.
absl::StatusOr<Nanos> DefaultReserveAmount(const CurrencySettings& settings, Nanos of_plan,
                                           std::optional<Nanos> expected_monthly_spend);

// O1 to O3, M3. CURRENCY_NOT_SUPPORTED or CURRENCY_WITHOUT_DECK, whichever is missing;
// INVALID_ARGUMENT with the field for amounts out of bounds.
absl::StatusOr<Transition> OpenAccount(const Context& context, const OpenAccountCommand& command);

// What the customer changes; what is not set stays.
struct BillingChange {
  std::optional<Nanos> reserve_amount = {};
  std::optional<Nanos> recharge_threshold = {};
  std::optional<bool> automatic_recharge = {};  // G10
  std::optional<Nanos> monthly_cap = {};        // G7; 0: none
  std::optional<Nanos> notify_below = {};       // G11; 0: none
};

// O3, G7, G10, G11. Switching automatic recharging on also ends a suspension, and every change
// ends the wait after money was taken back (G12). INVALID_ARGUMENT with the field for amounts out
// of bounds; the reserve amount and the threshold stay as they are in a currency without settings
// (CURRENCY_NOT_SUPPORTED, M3).
absl::StatusOr<Transition> UpdateBillingSettings(const Context& context, const Account& account,
                                                 const BillingChange& change);

// What to change of the account itself; what is not set stays.
struct AccountChange {
  std::optional<std::string> country =
      {};  // ISO 3166-1 alpha-2: whose emergency numbers count (C10)
  std::optional<absl::TimeZone> time_zone = {};  // C8
  std::optional<int32_t> billing_day = {};       // C8
  std::optional<std::string> display_name = {};
};

// C8, C10. Of an account that ends nothing changes any more, but that its display name may be taken
// away. INVALID_ARGUMENT on "billing_day"; FAILED_PRECONDITION "CALENDAR_CHANGED_TOO_OFTEN".
absl::StatusOr<Transition> UpdateAccount(const Context& context, const Account& account,
                                         const AccountChange& change);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_OPENING_POLICY_H_
