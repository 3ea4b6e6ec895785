// Opening an account, and what its customer sets: amounts, card, users (O1 to O3, G6).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_OPENING_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_OPENING_POLICY_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

struct OpenAccountCommand {
  std::string account_id;
  std::string currency = "USD";
  Card card;  // empty token: none
  std::optional<Nanos> reserve_amount;
  std::optional<Nanos> recharge_threshold;
  Plan default_plan;
  std::optional<Nanos> expected_monthly_spend;
  std::string digest;  // of the whole request
};

// O2: the largest of the default, the plan's own, and a week of the expected
// monthly spend rounded up to a whole unit.
absl::StatusOr<Nanos> DefaultReserveAmount(const Settings& settings, const Plan& plan,
                                           std::optional<Nanos> expected_monthly_spend);

// O1 to O3. INVALID_ARGUMENT with the field for amounts out of bounds.
absl::StatusOr<Transition> OpenAccount(const Context& context, const OpenAccountCommand& command);

// O3. INVALID_ARGUMENT with the field for amounts out of bounds.
absl::StatusOr<Transition> UpdateBillingSettings(const Context& context, const Account& account,
                                                 std::optional<Nanos> reserve_amount,
                                                 std::optional<Nanos> recharge_threshold);

// G6. `open_recharge` is the row of account.open_ordinal, null if that is 0.
absl::StatusOr<Transition> UpdatePaymentMethod(const Context& context, const Account& account,
                                               const Recharge* open_recharge, const Card& card);

// Adds the user (`stored` null) or changes the plan.
absl::StatusOr<Transition> PutUser(const Context& context, const Account& account,
                                   const User* stored, const std::string& user_id,
                                   const Plan& plan);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_OPENING_POLICY_H_
