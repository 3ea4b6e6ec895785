#include "services/ledger/storage/usage_history.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/sql_text.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::storage {
namespace {

using domain::Entry;
using domain::EntryKind;
using domain::UsageState;
using domain::UsageStatus;

// Ids in a condition; where there are more, rows are looked at without it.
constexpr size_t kMostIds = 400;
// An erased number is longer.
constexpr int kMaxDestinationBytes = 16;

// What became of the usages of a stretch.
struct Standings {
  absl::flat_hash_map<std::string, UsageState> states;      // by usage id
  absl::flat_hash_map<std::string, std::string> countries;  // of the latest ratings, by usage id
};

bool WasReplaced(const Entry& entry, const UsageState& state) {
  return entry.booked->estimated && state.seq != entry.seq;
}

UsageStatus StatusOf(const Entry& entry, const UsageState* state) {
  if (state == nullptr) {
    return entry.booked->rating.unrated() ? UsageStatus::kUnrated : UsageStatus::kRated;
  }
  return WasReplaced(entry, *state) ? UsageStatus::kVoided : state->status;
}

Nanos CostOf(const Entry& entry, const UsageState* state) {
  if (state == nullptr) return entry.booked->rating.cost;
  return WasReplaced(entry, *state) ? Nanos{0} : state->net_cost();
}

// " OR usage_id IN ('a','b')"; empty for none.
std::string OrOneOf(const std::vector<std::string>& ids) {
  if (ids.empty()) return "";
  return absl::StrCat(" OR usage_id IN (", absl::StrJoin(ids, ","), ")");
}

// On that side of a position: as two ranges of the index, so that of many that began at one moment
// only those are looked at.
std::string Where(absl::string_view beyond, const UsagePosition& position,
                  absl::string_view seq_beyond) {
  const std::string start = QuotedTime(position.start);
  return absl::StrCat(" AND (start_time", beyond, start, " OR (start_time = ", start, " AND seq",
                      seq_beyond, position.seq, "))");
}

// What of the filter is of the fact, which nothing changes.
std::string ConditionsOfFact(const UsageFilter& filter) {
  std::string sql = absl::StrCat(" AND kind = ", static_cast<int>(EntryKind::kUsage));
  if (!filter.user_id.empty()) absl::StrAppend(&sql, " AND user_id = ", Quoted(filter.user_id));
  if (filter.kind.has_value()) {
    absl::StrAppend(&sql, " AND usage_kind = ", static_cast<int>(*filter.kind));
  }
  if (filter.direction.has_value()) {
    absl::StrAppend(&sql, " AND direction = ", static_cast<int>(*filter.direction));
  }
  if (!filter.destination.empty()) {
    absl::StrAppend(&sql, " AND destination = ", Quoted(filter.destination));
  }
  if (!filter.destination_prefix.empty()) {
    absl::StrAppend(&sql, " AND LEFT(destination,", filter.destination_prefix.size(),
                    ") = ", Quoted(filter.destination_prefix),
                    " AND LENGTH(destination) <= ", kMaxDestinationBytes);
  }
  return sql;
}

// What of it is of how a usage stands, as far as rows can be left out for it.
std::string ConditionsOfStanding(const UsageFilter& filter, const Standings& standings) {
  std::vector<std::string> all;
  std::vector<std::string> of_status;
  for (const auto& [usage_id, state] : standings.states) {
    all.push_back(Quoted(usage_id));
    if (state.status == filter.status) of_status.push_back(all.back());
  }
  std::string sql;
  // One that is RATED may have no state.
  const bool is_listed = filter.status.has_value() && *filter.status != UsageStatus::kRated;
  if (is_listed && of_status.size() <= kMostIds) {
    // The state of a report in whose place a later one came may lie elsewhere.
    absl::StrAppend(&sql, " AND (estimated = 1", OrOneOf(of_status), ")");
  }
  if (all.size() > kMostIds) return sql;
  if (filter.minimum_cost > 0) {
    absl::StrAppend(&sql, " AND (amount_nanos <= ", -filter.minimum_cost, OrOneOf(all), ")");
  }
  if (!filter.country.empty()) {
    absl::StrAppend(&sql, " AND (country = ", Quoted(filter.country), OrOneOf(all), ")");
  }
  return sql;
}

std::string InOrder(const UsageFilter& filter) {
  const absl::string_view direction = filter.oldest_first ? "" : " DESC";
  return absl::StrCat(" ORDER BY start_time", direction, ",seq", direction, " LIMIT ");
}

// The usages of one account in one order, stretch by stretch.
class Search {
 public:
  Search(Connection& connection, absl::string_view account_id, const UsageFilter& filter, int limit)
      : connection_(connection),
        account_id_(account_id),
        filter_(filter),
        limit_(limit),
        order_(InOrder(filter)) {}

  absl::StatusOr<UsagePage> Run(const std::optional<UsagePosition>& after) {
    RESERVE_ASSIGN_OR_RETURN(const AccountMonths known, LoadMonths(connection_, account_id_));
    position_ = after;
    std::vector<int32_t> months =
        MonthsOf(known, Ahead({filter_.start_from, filter_.start_before}));
    if (!filter_.oldest_first) std::reverse(months.begin(), months.end());
    for (const int32_t month : months) {
      RESERVE_RETURN_IF_ERROR(SearchMonth(month));
      if (full() || page_.searched.has_value()) break;
    }
    return std::move(page_);
  }

 private:
  bool full() const { return page_.entries.size() >= static_cast<size_t>(limit_); }
  bool goes_by_standing() const {
    return filter_.status.has_value() || filter_.minimum_cost > 0 || !filter_.country.empty();
  }
  bool has_filters() const {
    return goes_by_standing() || !filter_.user_id.empty() || filter_.kind.has_value() ||
           filter_.direction.has_value() || !filter_.destination.empty() ||
           !filter_.destination_prefix.empty();
  }

  // What of a range is not behind the position; others of the position's moment may follow.
  TimeRange Ahead(TimeRange range) const {
    if (!position_.has_value()) return range;
    if (filter_.oldest_first) {
      range.begin = std::max(range.begin, position_->start);
    } else {
      range.end = std::min(range.end, position_->start + absl::Microseconds(1));
    }
    return range;
  }

  // Entries of a month of usages that began in `range`, after the position.
  std::string Rest(int32_t month, const TimeRange& range) const {
    const TimeRange ahead = Ahead(range);
    std::string sql =
        absl::StrCat("FORCE INDEX (by_start) WHERE account_id = ", Quoted(account_id_),
                     " AND month = ", month, " AND start_time >= ", QuotedTime(ahead.begin),
                     " AND start_time < ", QuotedTime(ahead.end));
    if (position_.has_value()) {
      const absl::string_view beyond = filter_.oldest_first ? " > " : " < ";
      sql += Where(beyond, *position_, beyond);
    }
    return sql;
  }

  // Until the page is full, enough was looked at, or the month ends.
  absl::Status SearchMonth(int32_t month) {
    const TimeRange of_month = RangeOfMonth(month);
    const TimeRange range = {std::max(filter_.start_from, of_month.begin),
                             std::min(filter_.start_before, of_month.end)};
    while (!full()) {
      if (looked_at_ >= kHistoryLookedAt) {
        page_.searched = position_;
        break;
      }
      // Without filters nearly every entry is one of the page.
      const int width = has_filters() ? kHistoryLookedAt : limit_ + limit_ / 16 + 1;
      RESERVE_ASSIGN_OR_RETURN(
          const std::optional<UsagePosition> last,
          EndOfStretch(month, range, std::min(width, kHistoryLookedAt - looked_at_)));
      RESERVE_RETURN_IF_ERROR(SearchStretch(month, range, last));
      if (full() || !last.has_value()) break;
      position_ = last;
    }
    return absl::OkStatus();
  }

  // The last of the next `most` entries; nothing if there are fewer.
  absl::StatusOr<std::optional<UsagePosition>> EndOfStretch(int32_t month, const TimeRange& range,
                                                            int most) {
    std::optional<UsagePosition> last;
    const std::string rest = Rest(month, range);
    RESERVE_RETURN_IF_ERROR(connection_.Query(
        absl::StrCat("SELECT start_time,seq FROM entries ", rest, order_, "1 OFFSET ", most - 1),
        [&last](const Row& row) {
          last = UsagePosition{row.Time(1), row.Int(2)};
        }));
    if (last.has_value()) {
      looked_at_ += most;
      return last;
    }
    RESERVE_RETURN_IF_ERROR(
        connection_.Query(absl::StrCat("SELECT COUNT(*) FROM entries ", rest),
                          [this](const Row& row) { looked_at_ += static_cast<int>(row.Int(1)); }));
    return last;
  }

  // Adds what the filter applies to, up to `last` or the end of the range.
  absl::Status SearchStretch(int32_t month, TimeRange range,
                             const std::optional<UsagePosition>& last) {
    std::string which = ConditionsOfFact(filter_);
    if (last.has_value()) {
      const absl::string_view before = filter_.oldest_first ? " < " : " > ";
      which += Where(before, *last, filter_.oldest_first ? " <= " : " >= ");
      if (filter_.oldest_first) {
        range.end = last->start + absl::Microseconds(1);
      } else {
        range.begin = last->start;
      }
    }
    Standings standings;
    if (goes_by_standing()) {
      RESERVE_ASSIGN_OR_RETURN(standings, LoadStandings(month, Ahead(range)));
      which += ConditionsOfStanding(filter_, standings);
    }
    while (!full()) {
      const size_t missing = static_cast<size_t>(limit_) - page_.entries.size();
      RESERVE_ASSIGN_OR_RETURN(
          std::vector<Entry> entries,
          SelectEntriesBy(connection_, absl::StrCat(Rest(month, range), which, order_, missing)));
      RESERVE_RETURN_IF_ERROR(LoadStandingsOfEstimates(entries, &standings));
      for (Entry& entry : entries) {
        position_ = PositionOf(entry);
        if (Applies(entry, standings)) page_.entries.push_back(std::move(entry));
      }
      if (entries.size() < missing) break;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Standings> LoadStandings(int32_t month, const TimeRange& range) {
    Standings standings;
    RESERVE_ASSIGN_OR_RETURN(
        std::vector<UsageState> states,
        ListUsageStatesByStart(connection_, account_id_, range.begin, range.end));
    bool has_ratings = false;
    for (UsageState& state : states) {
      has_ratings = has_ratings || state.latest_seq != state.seq;
      std::string usage_id = state.usage_id;
      standings.states[std::move(usage_id)] = std::move(state);
    }
    if (filter_.country.empty() || !has_ratings) return standings;
    RESERVE_RETURN_IF_ERROR(connection_.Query(
        absl::StrCat("SELECT usage_id,seq,country FROM entries FORCE INDEX (by_start) "
                     "WHERE account_id = ",
                     Quoted(account_id_), " AND month = ", month, " AND start_time >= ",
                     QuotedTime(range.begin), " AND start_time < ", QuotedTime(range.end),
                     " AND kind = ", static_cast<int>(EntryKind::kRating), " ORDER BY seq"),
        [&standings](const Row& row) {
          const auto state = standings.states.find(row.Text(1));
          // Those of an estimate count no more once another report came.
          if (state == standings.states.end() || row.Int(2) < state->second.seq) return;
          standings.countries[state->first] = row.Text(3);
        }));
    return standings;
  }

  // Theirs may be that of a later report, which has another start.
  absl::Status LoadStandingsOfEstimates(const std::vector<Entry>& entries, Standings* standings) {
    if (!goes_by_standing()) return absl::OkStatus();
    std::vector<book::OnceKey> keys;
    for (const Entry& entry : entries) {
      if (entry.booked->estimated) keys.emplace_back(account_id_, domain::UsageIdOf(entry));
    }
    if (keys.empty()) return absl::OkStatus();
    RESERVE_ASSIGN_OR_RETURN(std::vector<UsageState> states, LoadUsageStates(connection_, keys));
    for (UsageState& state : states) {
      std::string usage_id = state.usage_id;
      standings->states[std::move(usage_id)] = std::move(state);
    }
    return absl::OkStatus();
  }

  bool Applies(const Entry& entry, const Standings& standings) const {
    if (!goes_by_standing()) return true;
    const std::string& usage_id = domain::UsageIdOf(entry);
    const auto found = standings.states.find(usage_id);
    const UsageState* state = found == standings.states.end() ? nullptr : &found->second;
    if (filter_.status.has_value() && StatusOf(entry, state) != *filter_.status) return false;
    if (CostOf(entry, state) < filter_.minimum_cost) return false;
    if (filter_.country.empty()) return true;
    const auto rated = standings.countries.find(usage_id);
    const bool rated_later =
        rated != standings.countries.end() && !(state != nullptr && WasReplaced(entry, *state));
    return (rated_later ? rated->second : entry.booked->rating.country) == filter_.country;
  }

  Connection& connection_;
  const std::string account_id_;
  const UsageFilter& filter_;
  const int limit_;
  const std::string order_;
  int looked_at_ = 0;
  std::optional<UsagePosition> position_;
  UsagePage page_;
};

}  // namespace

UsagePosition PositionOf(const Entry& entry) { return {entry.booked->usage.start_time, entry.seq}; }

TimeRange RangeOfMonth(int32_t month) {
  const absl::CivilMonth first(month / 100, month % 100);
  return {absl::FromCivil(absl::CivilSecond(first), absl::UTCTimeZone()),
          absl::FromCivil(absl::CivilSecond(first + 1), absl::UTCTimeZone())};
}

std::vector<int32_t> MonthsOf(const AccountMonths& months, const TimeRange& range) {
  std::vector<int32_t> shared;
  for (const book::MonthSpan& span : months.spans) {
    const TimeRange of_month = RangeOfMonth(span.month);
    if (of_month.begin < range.end && of_month.end > range.begin) shared.push_back(span.month);
  }
  return shared;
}

absl::StatusOr<UsagePage> ListUsagesByStart(Connection& connection, absl::string_view account_id,
                                            const UsageFilter& filter,
                                            const std::optional<UsagePosition>& after, int limit) {
  return Search(connection, account_id, filter, limit).Run(after);
}

}  // namespace reserve::storage
