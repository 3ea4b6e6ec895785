// What a command of the policy gets besides the account, and what comes of it.
//
// A transition is the whole outcome: it has the account as it is afterwards, and every
// row to write. Its entries, events and recharges are in the order in which they came
// to be, which is the order of their numbers.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_TRANSITION_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_TRANSITION_H_

#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/settings.h"

namespace reserve::domain {

// The clock is read once, at the edge, and passed on.
struct Context {
  const Settings& settings;
  absl::Time now;  // whole microseconds
  int feature_level = kNewestFeatureLevel;
};

struct Transition {
  Account account;
  absl::InlinedVector<Entry, 1> entries;
  absl::InlinedVector<Event, 2> events;
  absl::InlinedVector<Recharge, 1> recharges;  // new or changed
  std::optional<User> user;                    // new or changed
  std::optional<CardDecline> decline;          // new
  bool unchanged = false;                      // a repeat: nothing to write
};

// The outcome of a command that changes nothing, as it was applied before.
Transition Unchanged(const Account& account);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_TRANSITION_H_
