// Steps of a recharge that several commands take. Each changes the row it is given.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_STEPS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_STEPS_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// M1: INVALID_ARGUMENT on `field` unless `amount` is whole minor units, as cards are charged.
absl::Status CheckChargeable(absl::string_view field, absl::string_view currency, Nanos amount);

// The pinned card changes, and with it the attempt: no key is used for two cards (G6).
void PinCard(const Context& context, const Card& card, Recharge* recharge);

// The recharge ends so. The account has none open any more, if it was this one.
void CloseRecharge(RechargeState state, absl::Time now, Recharge* recharge, Account* account);

// G9: when the next attempt is due that is planned for `planned`; nothing if the card's
// network lets nobody try it for longer than Settings::max_card_wait. That it is put off
// or given up becomes an event of `draft`. `card_declines` are those of its card, newest
// first.
std::optional<absl::Time> DueUnderCardLimits(const Recharge& recharge,
                                             absl::Span<const absl::Time> card_declines,
                                             absl::Time planned, Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_STEPS_H_
