#include "services/ledger/api/recent_usage.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/error/error.h"
#include "services/ledger/storage/usage_count_rows.h"

namespace reserve::api {
namespace {

std::set<int64_t> VersionsLike(const book::Catalog& catalog, const rates::DeckHeader& deck) {
  std::set<int64_t> versions;
  const auto add = [&](const rates::DeckHeader& each) {
    if (each.currency == deck.currency && each.series == deck.series) versions.insert(each.version);
  };
  for (const auto& each : catalog.decks->decks()) add(each->header());
  for (const rates::DeckHeader& each : catalog.left_out) add(each);
  return versions;
}

}  // namespace

absl::StatusOr<RecentUsage> LoadRecentUsage(const book::Catalog& catalog,
                                            storage::Connection& connection, absl::Time now,
                                            const rates::DeckHeader& deck) {
  RecentUsage recent;
  recent.first_day = absl::ToCivilDay(now - kRecent, absl::UTCTimeZone());
  recent.last_day = absl::ToCivilDay(now, absl::UTCTimeZone());
  const std::set<int64_t> versions = VersionsLike(catalog, deck);
  RESERVE_ASSIGN_OR_RETURN(
      storage::CountedUsage counted,
      storage::ReadCountedUsage(connection, recent.first_day, {versions.begin(), versions.end()}));
  recent.through = counted.count.through;
  recent.groups = std::move(counted.groups);
  RESERVE_ASSIGN_OR_RETURN(recent.newest,
                           storage::ListPricedUsages(connection, now - kRecent, kRecentUsages));
  const auto is_other = [&](const storage::PricedUsage& usage) {
    const absl::CivilDay day = absl::ToCivilDay(usage.usage.start_time, absl::UTCTimeZone());
    return !versions.contains(usage.deck_version) || day < recent.first_day;
  };
  recent.newest.erase(std::remove_if(recent.newest.begin(), recent.newest.end(), is_other),
                      recent.newest.end());
  return recent;
}

}  // namespace reserve::api
