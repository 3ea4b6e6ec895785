// Recharging: what the customer asks for, and what time brings. What a worker reports is
// in report_policy.h; that a low balance opens a recharge, in consequences.h.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_POLICY_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// G8. A recharge that only waits is canceled, and this one takes its place. FAILED_PRECONDITION
// "ACCOUNT_BLOCKED", "RECHARGE_IN_FLIGHT", "NO_CARD", "CARD_REFUSED", "CARD_LIMIT_REACHED" (G9), in
// this order.
absl::StatusOr<Transition> RequestRecharge(const Context& context, const Account& account,
                                           const std::string& request_id,
                                           std::optional<Nanos> amount);

// Does the success of this recharge let G1 charge more at once?
bool MoreFollows(const Context& context, const Account& account, const Recharge& recharge);

// G9, for a recharge that is due: if limits keep its card from being tried, another card that may
// be tried takes its place, or it waits. A USABLE card at a network's limit counts as FAILING
// until then. `unchanged` if it may be tried, or if an attempt is in flight.
Transition DeferRecharge(const Context& context, const Account& account, const Recharge& recharge);

// Level-triggered: applies G1, G7, D1 and G4 to the account as it stands. For an
// account whose Due has come.
Transition Reconsider(const Context& context, const Account& account);

// No retry is ever planned further ahead by the schedule (G5), and nothing waits for a card's
// limits for longer than the second (G9). A card's own time that is further off is not believed:
// a clock was wrong when it was set.
absl::Duration LongestRetryDelay(const Settings& settings);
absl::Duration LongestPlannedWait(const Settings& settings);
// No Due of kCapWindow is ever further ahead than this: such a window is a day at most (G7).
inline constexpr absl::Duration kLongestRecheckWait = absl::Hours(24);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_POLICY_H_
