// What a command of the policy gets besides the account, and what comes of it.
//
// A transition is the whole outcome: it has the account as it is afterwards, and every
// row to write. Its entries, events and recharges are in the order in which they came
// to be, which is the order of their numbers.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_TRANSITION_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_TRANSITION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/dispute.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/settings.h"
#include "services/ledger/domain/usage_state.h"

namespace reserve::domain {

// When cards were declined over all accounts, newest first, by fingerprint; one that never was
// may be missing.
using DeclinesByCard = absl::flat_hash_map<std::string, std::vector<absl::Time>>;

struct ClosingRows;
struct Plan;

// The clock is read once, at the edge, and passed on.
struct Context {
  const Settings& settings;
  absl::Time now;  // whole microseconds
  int feature_level = kNewestFeatureLevel;
  // The account's open recharge, where it was loaded, and the declines of its cards: a command
  // that has neither leaves an open recharge as it is, and what it opens is judged by the
  // networks' limits when it is about to be handed out (DeferRecharge).
  const Recharge* open = nullptr;
  const DeclinesByCard* declines = nullptr;
  // What counts towards the closing of the account, where it is loaded (closing_policy.h).
  const ClosingRows* closing = nullptr;
  // The account's live holds; null: it has none.
  const std::vector<Hold>* holds = nullptr;
  // Usages that began in this month (202611) or before are archived, and take no change (U8); 0:
  // none are.
  int32_t archived_month = 0;
  // The account's default plan, if plans may have limits (L1).
  const Plan* account_plan = nullptr;
};

// What one of the account's users has used of an allowance from now on.
struct UsedAllowance {
  std::string user_id;
  Allowance used;
};

// So many seconds more, or less, of one of the account's users are held.
struct HeldSeconds {
  std::string user_id;
  int32_t period = 0;
  int64_t more = 0;
};

// What a user with limits of their own has spent from now on (L2).
struct UserSpending {
  std::string user_id;
  OwnLimits limits;
  SpendMeters spent;
  LimitAlarm alarm;
};

struct Transition {
  Account account;
  absl::InlinedVector<Entry, 1> entries;
  absl::InlinedVector<Event, 2> events;
  absl::InlinedVector<Recharge, 1> recharges;  // new or changed
  std::optional<User> user;                    // new, or on another plan
  absl::InlinedVector<UsedAllowance, 1> allowances;
  absl::InlinedVector<HeldSeconds, 1> held_seconds;
  absl::InlinedVector<UserSpending, 1> spending;
  std::vector<Hold> holds;                   // new, changed or ended
  std::vector<UsageState> usage_states;      // new or changed
  std::optional<CardDecline> decline;        // new
  absl::InlinedVector<Dispute, 1> disputes;  // new or changed
  bool cards_changed = false;                // of account.payment_methods
  bool grants_changed = false;               // of account.grants
  std::optional<PaymentMethod> removed_card;
  bool unchanged = false;  // a repeat: nothing to write
};

// The outcome of a command that changes nothing, as it was applied before.
Transition Unchanged(const Account& account);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_TRANSITION_H_
