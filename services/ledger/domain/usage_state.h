// What became of a usage after it was booked (U1, U5, K3): kept of the few of which there is more
// to say than their entry does.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_STATE_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_STATE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {

struct UsageState {
  std::string account_id;
  std::string usage_id;
  UsageStatus status = UsageStatus::kRated;
  UnratedReason unrated_reason = UnratedReason::kNone;  // while it is UNRATED
  int64_t seq = 0;  // of the entry that booked it, or voided it before it came
  // Net of all its ratings; of a VOIDED one, what was given back.
  Nanos cost = 0;
  int64_t free_seconds = 0;
  int32_t free_period = 0;
  int64_t latest_seq = 0;  // of the entry that rated or voided it last
  std::string user_id;     // empty of one that was voided before it came
  absl::Time start_time =
      absl::InfinitePast();       // InfinitePast of one that was voided before it came
  std::string corrected_by = {};  // the usage that took its place
  // Of its latest rating: by which plan and deck, and what it cost before.
  std::string plan_id = {};
  int64_t deck_version = 0;
  Nanos previous_cost = 0;
  std::string grant_draws = {};  // what credit grants paid of its cost (P6)
  int64_t rerating = 0;          // the latest that rated it again (U6); 0: none did
  int64_t rated_seq = 0;  // of the entry that rated it first; 0: none did, or nobody wrote it down
  // Of a CDR that took the place of an estimate: the entry that gave that back (H12).
  int64_t estimate_void_seq = 0;
  absl::Time update_time = absl::InfinitePast();

  // It is as `rating` says, by which an entry booked it or rated it now.
  void Take(const Rating& rating);
  // What it costs now.
  Nanos net_cost() const { return status == UsageStatus::kVoided ? 0 : cost; }
  friend bool operator==(const UsageState&, const UsageState&) = default;
};

// What an entry says of its usage, if nothing became of it since. `entry` is a kUsage, or a kVoid
// in advance.
UsageState StateOf(const Entry& entry);

// What its user has used of the allowance once the usage's free seconds are back.
Allowance AfterGivingBack(const UsageState& state, const User& user);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_STATE_H_
