// What an account is: plain values, as they are stored.
//
// The domain is pure: no I/O, no clock, no protobuf. Amounts are nano-units of
// the account's currency; times are UTC with microseconds.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_ACCOUNT_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_ACCOUNT_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/card/card_token.h"
#include "common/money/money.h"
#include "services/ledger/domain/due.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class AccountState : uint8_t { kPendingFunding = 1, kActive = 2, kDisabled = 3 };
enum class CardState : uint8_t { kNone = 0, kUsable = 1, kFailing = 2, kRefused = 3 };

enum class CardNetwork : uint8_t { kUnknown = 0, kVisa = 1, kMastercard = 2, kOther = 3 };

// A card, as the gateway's token. Equal fingerprints are the same card.
struct Card {
  CardToken token;
  std::string fingerprint;
  CardNetwork network = CardNetwork::kUnknown;  // whose limits it is under (G9)

  friend bool operator==(const Card&, const Card&) = default;
};

// Successful automatic recharges of one UTC day (G7).
struct CapWindow {
  int32_t day = 0;  // 20261123; another day means that nothing was used yet
  int32_t count = 0;
  Nanos amount = 0;
  int32_t reported_day = 0;  // on which kCapReached was last told; once a day

  friend bool operator==(const CapWindow&, const CapWindow&) = default;
};

// An administrator's block (D3); it lies on top of the state.
struct AdministratorBlock {
  std::string reason;  // empty: not blocked
  absl::Time time = absl::InfinitePast();

  friend bool operator==(const AdministratorBlock&, const AdministratorBlock&) = default;
};

// One customer's account. Invariants, held by policy.h: `open_ordinal` is 0 or
// the one open recharge (G3); `balance` is the sum of the entries 1..last_seq.
struct Account {
  std::string account_id;
  std::string currency;
  std::string default_plan_id;
  AccountState state = AccountState::kPendingFunding;
  Nanos balance = 0;
  Nanos reserve_amount = 0;
  Nanos recharge_threshold = 0;
  int64_t last_seq = 0;
  int64_t last_event_seq = 0;
  int64_t last_ordinal = 0;
  int64_t open_ordinal = 0;  // 0: no recharge is open
  CardState card_state = CardState::kNone;
  Card card;
  CapWindow caps;
  AdministratorBlock block;
  // When time alone may change what the policy decides, and why; Reconsider() is due then.
  Due due;
  absl::Time create_time = absl::InfinitePast();
  // A digest of the request that opened it, so that it can be repeated safely.
  std::string opening_digest;

  bool blocked() const { return !block.reason.empty(); }
  friend bool operator==(const Account&, const Account&) = default;
};

// A person on an account, with what is used of the allowance.
struct User {
  std::string account_id;
  std::string user_id;
  std::string plan_id;
  int64_t free_seconds_used = 0;
  int32_t free_period = 0;  // 0 for life, else the month (202611) it was used in
  absl::Time create_time = absl::InfinitePast();

  friend bool operator==(const User&, const User&) = default;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_ACCOUNT_H_
