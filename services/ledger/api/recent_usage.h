// Usage of the last days, against which price lists are held: all of it that is added up by day and
// prefix (rates/usage_groups.h), and the newest usages one by one. Thread-safe: functions without
// state.
#ifndef RESERVE_SERVICES_LEDGER_API_RECENT_USAGE_H_
#define RESERVE_SERVICES_LEDGER_API_RECENT_USAGE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/usage_groups.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/entry_rows.h"

namespace reserve::api {

// So far back, and so many of the newest one by one.
inline constexpr absl::Duration kRecent = absl::Hours(7 * 24);
inline constexpr int kRecentUsages = 5000;

struct RecentUsage {
  // Of their starts, in UTC.
  absl::CivilDay first_day;
  absl::CivilDay last_day;
  // What was booked before this time is in `groups`.
  absl::Time through;
  std::vector<rates::UsageGroup> groups;
  std::vector<storage::PricedUsage> newest;  // those of them that began in these days

  bool IsInGroups(const storage::PricedUsage& usage) const { return usage.record_time < through; }
};

// What decks of the currency and series of `deck` have priced. Blocks.
absl::StatusOr<RecentUsage> LoadRecentUsage(const book::Catalog& catalog,
                                            storage::Connection& connection, absl::Time now,
                                            const rates::DeckHeader& deck);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_RECENT_USAGE_H_
