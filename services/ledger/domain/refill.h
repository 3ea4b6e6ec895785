// Whether an account is to be recharged by itself, by how much, from which card; and what
// stands in the way (G1, G2, G5, G7, D1, D2). Pure, and about the account as it stands: what
// follows from it is done in consequences.h.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_REFILL_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_REFILL_H_

#include <cstdint>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/card_choice.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

enum class CapKind : uint8_t { kHour, kDay, kMonth };

// A cap that leaves no room for the recharge that is wanted (G7).
struct ReachedCap {
  CapKind kind = CapKind::kHour;
  Nanos used = 0;                             // of its window
  Nanos amount = 0;                           // the cap
  absl::Time until = absl::InfiniteFuture();  // its window's end
};

// The recharge that would be opened now.
struct Refill {
  RechargeKind kind = RechargeKind::kAutomatic;
  Nanos amount = 0;
  bool limited = false;  // less than the rules ask for, by a setting or a cap
  CardChoice card;
};

struct RefillDecision {
  std::optional<Refill> refill;
  std::optional<ReachedCap> cap;  // what stops it, if it is that
};

// For recharge `ordinal`: the one that waits, or the next one. As if none were open.
RefillDecision DecideRefill(const Context& context, const Account& account, int64_t ordinal);

// Something that stands in the way of automatic recharging.
struct Obstacle {
  RefillObstacle kind = RefillObstacle::kNone;
  absl::Time since = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();  // InfiniteFuture: until somebody acts
};

// All of them, those for which D1 disables at zero first.
absl::InlinedVector<Obstacle, 2> ObstaclesOf(const Account& account);
// The same, and after them what only time brings in the way and ends, and no state goes by: the
// account's declines of the day, and the rest of a card of which less was captured (G9, G4).
absl::InlinedVector<Obstacle, 2> ObstaclesAt(const Settings& settings, absl::Time now,
                                             const Account& account);
// The first that ObstaclesOf() has, or kNone.
RefillObstacle FirstObstacle(const Account& account);
// Does D1 disable an account at zero for it? Else it may go down to the debt limit (D2).
bool DisablesAtZero(RefillObstacle obstacle);
// For people: "there is no card".
absl::string_view TextOf(RefillObstacle obstacle);
// What ends it, for people: "give a card".
absl::string_view RemedyOf(RefillObstacle obstacle);

// D2: how far below zero an account may go behind an obstacle that does not disable at zero.
Nanos DebtLimit(const Settings& settings, const Account& account);
// O3: the smallest cap on what is charged by itself.
Nanos SmallestCap(const CurrencySettings& settings, Nanos monthly_cap);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_REFILL_H_
