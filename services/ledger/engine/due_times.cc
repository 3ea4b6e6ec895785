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

absl::Status DueTimes::PutRight(storage::Connection& connection, absl::Time now,
                                std::vector<std::string>* accounts) {
  next_look_ = MonotonicNow() + kLookInterval;
  RESERVE_ASSIGN_OR_RETURN(const bool is_right, ClockIsRight(connection));
  if (!is_right) return absl::OkStatus();
  absl::Status first_error = FindFarRechecks(connection, now, accounts);
  first_error.Update(PutRechargesRight(connection, now, accounts));
  return first_error;
}

absl::Status DueTimes::FindFarRechecks(storage::Connection& connection, absl::Time now,
                                       std::vector<std::string>* accounts) {
  RESERVE_ASSIGN_OR_RETURN(
      const std::vector<std::string> too_far,
      storage::RechecksAfter(connection, now + domain::kLongestRecheckWait + kSlack, kMostAtOnce));
  stats_.due_times_put_right += static_cast<int64_t>(too_far.size());
  accounts->insert(accounts->end(), too_far.begin(), too_far.end());
  return absl::OkStatus();
}

absl::StatusOr<bool> DueTimes::ClockIsRight(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Time database_time, storage::DatabaseTime(connection));
  const absl::Duration ahead = options_.clock() - database_time;
  stats_.clock_ahead_micros = absl::ToInt64Microseconds(ahead);
  return absl::AbsDuration(ahead) <= kMostClockDifference;
}

absl::Status DueTimes::PutRechargesRight(storage::Connection& connection, absl::Time now,
                                         std::vector<std::string>* accounts) {
  const domain::Settings& settings = options_.settings;
  const absl::Duration by_schedule =
      std::max(domain::LongestRetryDelay(settings), kLongestLease) + kSlack;
  const absl::Time impossible = now + domain::LongestPlannedWait(settings) + kSlack;
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Recharge> too_far,
                           storage::RechargesDueAfter(connection, now + by_schedule, kMostAtOnce));
  absl::Status first_error;
  for (const domain::Recharge& recharge : too_far) {
    if (recharge.lease_owner.empty() && recharge.waits() && !recharge.is_refund()) {
      // A network's limit may put it off for so long: who knows the card decides again.
      accounts->push_back(recharge.account_id);
      if (recharge.due_time > impossible) ++stats_.due_times_put_right;
      continue;
    }
    // A worker that is alive renews its lease before that, and keeps it.
    const absl::StatusOr<bool> is_moved =
        storage::MoveDueTime(connection, recharge, TruncateToMicros(now + options_.lease_duration));
    first_error.Update(is_moved.status());
    if (is_moved.ok() && *is_moved) ++stats_.due_times_put_right;
  }
  return first_error;
}

}  // namespace reserve::engine
