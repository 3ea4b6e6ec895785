// Bounds what a wrong clock can do to what is stored.
//
// While a ledger's clock is a month ahead it stores retries, leases and rechecks that
// are due in a month, and when the clock is right again nobody would look at them until
// then. No schedule plans so far ahead: whatever is due later than the longest of them
// allows is noticed here and made due as if it had been planned now, which makes it
// late by as long as the clock was wrong, at most. Each time is counted.
//
// A ledger whose own clock is behind must not take everything for too far off: it does
// nothing while its clock and the database's differ by more than kMostClockDifference.
// Of one thread.
//
//   DueTimes due_times(options, stats);
//   if (due_times.IsTime()) due_times.PutRight(connection, now, &accounts);  // reconsider those
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_DUE_TIMES_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_DUE_TIMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

inline constexpr absl::Duration kMostClockDifference = absl::Minutes(1);

class DueTimes {
 public:
  // The options and stats must outlive it.
  DueTimes(const EngineOptions& options, EngineStats& stats) : options_(options), stats_(stats) {}

  // Is it time to look? It is every few seconds.
  bool IsTime() const { return MonotonicNow() >= next_look_; }
  // Looks. Moves the due times of recharges that are under way; adds the accounts that are to be
  // reconsidered now, as what waits there is too far off. An error of one part keeps nobody from
  // the others, and takes back nothing that was found.
  absl::Status PutRight(storage::Connection& connection, absl::Time now,
                        std::vector<std::string>* accounts);

  // Whether this ledger's clock can be trusted to judge what is stored.
  absl::StatusOr<bool> ClockIsRight(storage::Connection& connection);

 private:
  absl::Status FindFarRechecks(storage::Connection& connection, absl::Time now,
                               std::vector<std::string>* accounts);
  absl::Status PutRechargesRight(storage::Connection& connection, absl::Time now,
                                 std::vector<std::string>* accounts);

  const EngineOptions& options_;
  EngineStats& stats_;
  Moment next_look_ = -absl::InfiniteDuration();
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_DUE_TIMES_H_
