// What the operator may set, for all accounts. Plain values; the numbers in comments
// are the rules in docs/RULES.md. Amounts are units of any currency.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_SETTINGS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/card_limits.h"

namespace reserve::domain {

struct Settings {
  Nanos default_reserve_amount = 15 * kNanosPerUnit;  // O2
  Nanos default_recharge_threshold = 10 * kNanosPerUnit;
  Nanos min_reserve_amount = 15 * kNanosPerUnit;      // O3
  Nanos min_recharge_threshold = 10 * kNanosPerUnit;  // O3
  Nanos max_recharge_amount = 1'000 * kNanosPerUnit;  // one charge, and O3; at most the day's cap
  int32_t max_recharge_multiple = 20;                 // G2
  // G7: of automatic recharges that succeed.
  Nanos max_automatic_amount_per_hour = 500 * kNanosPerUnit;
  Nanos max_automatic_amount_per_day = 1'000 * kNanosPerUnit;
  // D2: how far below zero an account may go behind a cap, the customer's switch, a review or a
  // block. Not set: one minor unit less than the reserve amount or the smallest cap.
  std::optional<Nanos> debt_limit;
  // G5: the delays after the first, second, ... soft decline of a card.
  std::vector<absl::Duration> retry_delays = {absl::Hours(1), absl::Hours(3), absl::Hours(7)};
  CardLimits card_limits;  // G9
  int32_t max_payment_methods = 5;
  // G9, ours against card testing: of an account a UTC day, and of a card after two declines.
  int32_t max_cards_given_per_day = 5;
  int32_t max_declines_per_day = 10;
  absl::Duration decline_interval = absl::Minutes(1);
  // A charge that captured less than was asked: the card is charged by itself not before (G4).
  absl::Duration partial_charge_wait = absl::Hours(1);
  // A pending charge stands in the way of a top-up for so long, and is looked up so often (G3).
  absl::Duration pending_in_the_way = absl::Hours(1);
  absl::Duration pending_lookup_interval = absl::Minutes(5);
  // The customer hears of a card that expires so soon.
  absl::Duration card_expiry_notice = absl::Hours(24 * 14);
  absl::Duration max_usage_age = absl::Hours(24 * 3660);  // older starts are refused
  absl::Duration max_usage_ahead = absl::Hours(2);        // later starts are refused
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_SETTINGS_H_
