// Recharging: what the customer asks for, and what time brings. What a worker reports is
// in report_policy.h; that a low balance opens a recharge, in consequences.h.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_POLICY_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// G8. FAILED_PRECONDITION "NO_CARD", "CARD_REFUSED", "RECHARGE_ALREADY_OPEN",
// "CARD_LIMIT_REACHED" (G9), in this order. A card that is only FAILING may be tried:
// the customer knows better. `card_declines` are those of the account's card, newest
// first.
absl::StatusOr<Transition> RequestRecharge(const Context& context, const Account& account,
                                           const std::string& request_id,
                                           std::optional<Nanos> amount,
                                           absl::Span<const absl::Time> card_declines);

// G9, for a recharge that is due: if its card was declined as often as its network
// allows, the card counts as FAILING and the attempt is put off, or given up if that
// were for longer than Settings::max_card_wait. `unchanged` if it may be tried, or
// if an attempt is in flight. `card_declines` are those of its card, newest first.
Transition DeferRecharge(const Context& context, const Account& account, const Recharge& recharge,
                         absl::Span<const absl::Time> card_declines);

// Level-triggered: applies G1, G7, D1 and G4 to the account as it stands. For an
// account whose Due has come.
Transition Reconsider(const Context& context, const Account& account);

// No retry and no wait for a card is ever planned further ahead than this (G5, G9).
absl::Duration LongestPlannedWait(const Settings& settings);
// How long a recharge that waits for its next attempt is to wait when it is not known since when:
// the whole delay after its last soft decline (G5).
absl::Duration RetryDelay(const Settings& settings, const Recharge& recharge);
// No Due is ever further ahead than this: a cap's window is a day (G7).
inline constexpr absl::Duration kLongestRecheckWait = absl::Hours(24);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_POLICY_H_
