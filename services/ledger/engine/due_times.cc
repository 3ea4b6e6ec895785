#include "services/ledger/engine/due_times.h"

#include <algorithm>

#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/policy.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::engine {
namespace {

constexpr absl::Duration kLookInterval = absl::Seconds(2);
// What is left over is found by the next look.
constexpr int kMostAtOnce = 500;
// The longest lease that a ledger can be told to give.
constexpr absl::Duration kLongestLease = absl::Hours(1);
// Ledgers whose clocks are less far apart than this do not correct each other.
constexpr absl::Duration kSlack = absl::Hours(1);

}  // namespace

absl::StatusOr<std::vector<std::string>> DueTimes::PutRight(storage::Connection& connection,
                                                            absl::Time now) {
  std::vector<std::string> accounts;
  const Moment moment = MonotonicNow();
  if (moment < next_look_) return accounts;
  next_look_ = moment + kLookInterval;
  RESERVE_ASSIGN_OR_RETURN(const bool is_right, ClockIsRight(connection));
  if (!is_right) return accounts;
  RESERVE_ASSIGN_OR_RETURN(const int64_t moved, MoveRecharges(connection, now));
  RESERVE_ASSIGN_OR_RETURN(
      accounts,
      storage::RechecksAfter(connection, now + domain::kLongestRecheckWait + kSlack, kMostAtOnce));
  if (moved == 0 && accounts.empty()) return accounts;
  stats_.due_times_put_right += moved + static_cast<int64_t>(accounts.size());
  return accounts;
}

absl::StatusOr<bool> DueTimes::ClockIsRight(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Time database_time, storage::DatabaseTime(connection));
  const absl::Duration ahead = options_.clock() - database_time;
  stats_.clock_ahead_micros = absl::ToInt64Microseconds(ahead);
  return absl::AbsDuration(ahead) <= kMostClockDifference;
}

absl::StatusOr<int64_t> DueTimes::MoveRecharges(storage::Connection& connection, absl::Time now) {
  const absl::Duration longest =
      std::max(domain::LongestPlannedWait(options_.settings), kLongestLease) + kSlack;
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Recharge> too_far,
                           storage::RechargesDueAfter(connection, now + longest, kMostAtOnce));
  int64_t moved = 0;
  for (const domain::Recharge& recharge : too_far) {
    RESERVE_ASSIGN_OR_RETURN(
        const bool is_moved,
        storage::MoveDueTime(connection, recharge, TruncateToMicros(NewDueTime(recharge, now))));
    if (is_moved) ++moved;
  }
  return moved;
}

absl::Time DueTimes::NewDueTime(const domain::Recharge& recharge, absl::Time now) const {
  // A worker that is alive renews its lease before that, and keeps it.
  if (!recharge.lease_owner.empty()) return now + options_.lease_duration;
  return now + domain::RetryDelay(options_.settings, recharge);
}

}  // namespace reserve::engine
