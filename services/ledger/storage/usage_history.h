// The history of an account's usages by when they began (services of DESIGN: ListUsage).
//
// It goes by an index that is local to a month, as a usage belongs to the month it began in. Every
// filter is applied to that range, and a page looks at a bounded number of entries. What became of
// a usage after it was booked is in usage_states: filters go by what a usage is now.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_USAGE_HISTORY_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_USAGE_HISTORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/book/month_span.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::storage {

// Entries that one page looks at, at the most.
inline constexpr int kHistoryLookedAt = 5'000;

// Which usages; all by default.
struct UsageFilter {
  std::string user_id = {};
  std::optional<domain::UsageKind> kind = std::nullopt;
  std::optional<domain::Direction> direction = std::nullopt;
  std::string destination = {};  // as it is kept (destination.h)
  std::string destination_prefix = {};
  std::string country = {};                          // as its latest rating has it
  absl::Time start_from = absl::InfinitePast();      // that began then or later
  absl::Time start_before = absl::InfiniteFuture();  // and before this
  Nanos minimum_cost = 0;                            // as it stands
  std::optional<domain::UsageStatus> status = std::nullopt;
  bool oldest_first = false;
};

// Where in that order a usage is.
struct UsagePosition {
  absl::Time start;
  int64_t seq = 0;

  friend bool operator==(const UsagePosition&, const UsagePosition&) = default;
};
UsagePosition PositionOf(const domain::Entry& entry);

struct UsagePage {
  std::vector<domain::Entry> entries;  // that booked them
  UsageStatesById states;              // of those that have one
  // Where the search stopped, with fewer than were asked for; nothing if it came to the end.
  std::optional<UsagePosition> searched;
};

// Of an account's usages after that position, in the order of the filter, the first `limit` to
// which it applies.
absl::StatusOr<UsagePage> ListUsagesByStart(Connection& connection, absl::string_view account_id,
                                            const UsageFilter& filter,
                                            const std::optional<UsagePosition>& after, int limit);

// From its first moment up to before its end.
struct TimeRange {
  absl::Time begin;
  absl::Time end;
};
TimeRange RangeOfMonth(int32_t month);
// The months, oldest first, of those that an account has entries in, that share time with `range`.
std::vector<book::MonthSpan> SpansOf(const AccountMonths& months, const TimeRange& range);
std::vector<int32_t> MonthsOf(const AccountMonths& months, const TimeRange& range);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_USAGE_HISTORY_H_
