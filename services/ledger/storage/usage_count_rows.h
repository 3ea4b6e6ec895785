// Rows of the statistic of usage by day and prefix (rates/usage_groups.h), and how far it is: it is
// added up from the entries of all accounts, in the order of their record time.
//
// Whoever adds a stretch of entries moves the position past them in the same transaction, and only
// from where it read it: so each entry is in it once, however many ledgers add and whatever fails.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_USAGE_COUNT_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_USAGE_COUNT_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/rates/usage_groups.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// What began longer ago is not counted any more, and dropped by months.
inline constexpr int kUsageKeptDays = 62;

struct UsageCount {
  // Entries of record_time from `begin` up to before `through` are counted.
  absl::Time begin;
  absl::Time through;
  std::string ledger_id;  // who moved it last; empty: nobody
  absl::Time move_time;   // when, as that said
};
absl::StatusOr<UsageCount> ReadUsageCount(Connection& connection);

// Entries that book, rate or take back usage, of all accounts, of record_time from `from` up to
// before `through`: as far as counting needs them, without users, numbers and hashes.
struct EntryStretch {
  std::vector<domain::Entry> entries;
  absl::Time through;
};
// Those up to before `to`, or, where more than `limit` entries of any kind were written, up to an
// earlier time, of which none is missing.
absl::StatusOr<EntryStretch> ListStretch(Connection& connection, absl::Time from, absl::Time to,
                                         int limit);

// Adds these groups and moves the position to `through`; commits. False if it was moved from
// `count.through` by somebody else: then nothing was added. Groups of days before `first_day` are
// left out.
absl::StatusOr<bool> AddUsage(Connection& connection, const UsageCount& count, absl::Time through,
                              absl::string_view ledger_id, absl::Time now, absl::CivilDay first_day,
                              const std::vector<rates::UsageGroup>& groups);

// All groups of that day and later ones of usage that these decks have priced, by day, and how far
// the counting was then.
struct CountedUsage {
  UsageCount count;
  std::vector<rates::UsageGroup> groups;
};
absl::StatusOr<CountedUsage> ReadCountedUsage(Connection& connection, absl::CivilDay first_day,
                                              const std::vector<int64_t>& deck_versions);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_USAGE_COUNT_ROWS_H_
