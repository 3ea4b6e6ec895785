// What the operator may set, for all accounts. Plain values; the numbers in comments
// are the rules in docs/RULES.md. Money is set for each currency (currency_settings.h).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_SETTINGS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_SETTINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/currency_settings.h"
#include "services/ledger/domain/emergency.h"
#include "services/ledger/domain/limits.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {

struct Settings {
  std::vector<EmergencyNumber> emergency_numbers;  // C10: beside the program's own
  CurrencyTable currencies = BuiltInCurrencies();  // M3: those that accounts are opened in
  std::string default_country = "US";              // of accounts that are opened without one
  int32_t max_recharge_multiple = 20;              // G2
  // G5: the delays after the first, second, ... soft decline of a card.
  std::vector<absl::Duration> retry_delays = {absl::Hours(1), absl::Hours(3), absl::Hours(7)};
  CardLimits card_limits;  // G9
  int32_t max_payment_methods = 5;
  // G9, ours against card testing: of an account a day, and of a card after two declines.
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
  absl::Duration max_usage_age = absl::Hours(24 * 400);  // older starts are refused
  // P4: facts are booked at least for so long after CloseAccount.
  absl::Duration close_grace = absl::Hours(72);
  absl::Duration max_usage_ahead = absl::Hours(2);  // later starts are refused
  // Calls in progress (H2, H4, H10, H12): how much is granted at a time; how long a hold lives
  // without a word while the call rings, and after its slice; when a usage whose CDR does not come
  // is booked from what was reported; and how many at a time.
  absl::Duration hold_slice = absl::Minutes(1);
  absl::Duration hold_ringing = absl::Seconds(90);
  absl::Duration hold_grace = absl::Seconds(30);
  absl::Duration settle_within = absl::Hours(24);
  absl::Duration longest_call = absl::Hours(24);
  absl::Duration max_call_duration = absl::Seconds(kMaxDurationSeconds);  // that is believed
  int32_t max_holds_per_account = 100;
  int32_t max_holds_per_user = 10;
  // L1, L5: the operator's limits that are not money, countries alone; and how long an account is
  // new.
  Limits limits;
  absl::Duration new_account_period = absl::Hours(24 * 7);
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_SETTINGS_H_
