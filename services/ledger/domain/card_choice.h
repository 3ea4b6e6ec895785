// Which card a recharge tries next, and from when on (G5, G8, G9). Pure.
//
// A card counts with its own state and schedule, with what the networks allow its number, and
// with our own limits against card testing. A number that declined in this recharge is not tried
// again at once by another of its tokens.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_CARD_CHOICE_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_CARD_CHOICE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

struct CardChoice {
  const PaymentMethod* method = nullptr;     // null: no card may be tried any more
  absl::Time time = absl::InfiniteFuture();  // not before; now, if at once
  bool network_limited = false;              // what it waits for is the networks' limit
};

// For recharge `ordinal`, charged by itself: the first card in the customer's order that may
// be tried now, else the one that may be tried first. The limits count as far as the declines
// are known (Context::declines).
CardChoice ChooseCard(const Context& context, const Account& account, int64_t ordinal);

// For a top-up: the first USABLE card, else the first FAILING one, whatever their schedules
// say. A time after now: only limits stand in the way.
CardChoice ChooseCardForTopUp(const Context& context, const Account& account, int64_t ordinal);

// When a card with these declines (newest first) may be tried by the limits of its network and by
// ours, not before `earliest`. `*network_limited`: it is the network's that count.
absl::Time AllowedByDeclines(const Settings& settings, const Card& card,
                             absl::Span<const absl::Time> declines, absl::Time earliest,
                             bool* network_limited);

// When the networks let its number be tried, not before `earliest`, as far as its declines are
// known (G9).
absl::Time NetworkAllows(const Context& context, const PaymentMethod& method, absl::Time earliest);

// Of the account's; null if there is none.
const PaymentMethod* FindCard(const Account& account, absl::string_view payment_method_id);
PaymentMethod* FindCard(Account& account, absl::string_view payment_method_id);

// The one with this token, or this number; null if there is none.
const PaymentMethod* FindCardWith(const Account& account, const CardToken& token);
const PaymentMethod* FindCardOf(const Account& account, absl::string_view fingerprint);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_CARD_CHOICE_H_
