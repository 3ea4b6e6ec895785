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
#include "services/ledger/storage/start_parts.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::storage {
namespace {

using domain::Entry;
using domain::EntryKind;
using domain::UsageState;
using domain::UsageStatus;

// Ids in a condition; where there are more, rows are looked at without it.
constexpr size_t kMostIds = 400;
// Of a month with no more entries than that, all are looked at.
constexpr int64_t kFewToLookThrough = 500;
// What became of a page's usages is looked for in the range of their starts while that has no more
// than so many for each.
constexpr size_t kMostStatesForEach = 2;
// An erased number is longer.
constexpr int kMaxDestinationBytes = 16;

// What became of the usages of a stretch.
struct Standings {
  UsageStatesById states;
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

// By start, and what began at one moment by booking.
bool IsBefore(const Entry& a, const Entry& b) {
  const absl::Time start = a.booked->usage.start_time;
  const absl::Time other = b.booked->usage.start_time;
  return start != other ? start < other : a.seq < b.seq;
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
    std::vector<book::MonthSpan> months =
        SpansOf(known, Ahead({filter_.start_from, filter_.start_before}));
    if (!filter_.oldest_first) std::reverse(months.begin(), months.end());
    for (const book::MonthSpan& span : months) {
      RESERVE_RETURN_IF_ERROR(SearchMonth(span));
      if (full() || page_.searched.has_value()) break;
    }
    RESERVE_RETURN_IF_ERROR(LoadStates());
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

  // Entries of a month of usages that began in a part of it, after the position.
  std::string Rest(int32_t month, const StartPart& part) const {
    const TimeRange ahead = Ahead({part.begin, part.end});
    std::string sql = absl::StrCat(
        "FORCE INDEX (by_part) WHERE ", part.condition, " AND account_id = ", Quoted(account_id_),
        " AND month = ", month, " AND start_time >= ", QuotedTime(ahead.begin),
        " AND start_time < ", QuotedTime(ahead.end));
    if (position_.has_value()) {
      const absl::string_view beyond = filter_.oldest_first ? " > " : " < ";
      sql += Where(beyond, *position_, beyond);
    }
    return sql;
  }

  // Until the page is full, enough was looked at, or the month ends.
  absl::Status SearchMonth(const book::MonthSpan& span) {
    const TimeRange of_month = RangeOfMonth(span.month);
    const absl::Time begin = std::max(filter_.start_from, of_month.begin);
    const absl::Time end = std::min(filter_.start_before, of_month.end);
    if (AreFew(span.last_seq - span.first_seq + 1,
               absl::FDivDuration(end - begin, of_month.end - of_month.begin))) {
      return SearchFew(span.month, {begin, end, InStartParts(begin, end)});
    }
    RESERVE_ASSIGN_OR_RETURN(const bool has_zero, HasPartZero(span.month, begin, end));
    std::vector<StartPart> parts = StartPartsOf(span.month, begin, end, has_zero);
    if (!filter_.oldest_first) std::reverse(parts.begin(), parts.end());
    for (const StartPart& part : parts) {
      RESERVE_RETURN_IF_ERROR(SearchPart(span.month, part));
      if (full() || page_.searched.has_value()) break;
    }
    return absl::OkStatus();
  }

  // Of a month with so many entries at most, in a range that is such a share of it.
  bool AreFew(int64_t possible, double share) const {
    if (possible > kFewToLookThrough) return possible <= int64_t{2} * limit_;
    return has_filters() || static_cast<double>(possible) * share <= 2.0 * limit_;
  }

  // Has a program written there that knew of no parts?
  absl::StatusOr<bool> HasPartZero(int32_t month, absl::Time begin, absl::Time end) {
    bool has = false;
    RESERVE_RETURN_IF_ERROR(
        connection_.Query(absl::StrCat("SELECT seq FROM entries ",
                                       Rest(month, {begin, end, "start_part = 0"}), " LIMIT 1"),
                          [&has](const Row&) { has = true; }));
    return has;
  }

  // All that there are at once, which takes less than to look where stretches end.
  absl::Status SearchFew(int32_t month, const StartPart& part) {
    if (looked_at_ >= kHistoryLookedAt) {
      page_.searched = position_;
      return absl::OkStatus();
    }
    if (has_filters()) RESERVE_RETURN_IF_ERROR(CountLookedAt(Rest(month, part)));
    std::string which = ConditionsOfFact(filter_);
    RESERVE_ASSIGN_OR_RETURN(Standings standings, StandingsOf(month, part, &which));
    RESERVE_ASSIGN_OR_RETURN(std::vector<Entry> entries,
                             SelectEntriesBy(connection_, absl::StrCat(Rest(month, part), which)));
    if (!has_filters()) looked_at_ += static_cast<int>(entries.size());
    // The server would read each row twice to sort them.
    std::sort(entries.begin(), entries.end(), [this](const Entry& a, const Entry& b) {
      return filter_.oldest_first ? IsBefore(a, b) : IsBefore(b, a);
    });
    return Add(std::move(entries), &standings);
  }

  // Stretch by stretch.
  absl::Status SearchPart(int32_t month, const StartPart& part) {
    while (!full()) {
      if (looked_at_ >= kHistoryLookedAt) {
        page_.searched = position_;
        break;
      }
      // Without filters nearly every entry is one of the page.
      const int width = has_filters() ? kHistoryLookedAt : limit_ + limit_ / 16 + 1;
      RESERVE_ASSIGN_OR_RETURN(
          const std::optional<UsagePosition> last,
          EndOfStretch(month, part, std::min(width, kHistoryLookedAt - looked_at_)));
      RESERVE_RETURN_IF_ERROR(SearchStretch(month, part, last));
      if (full() || !last.has_value()) break;
      position_ = last;
    }
    return absl::OkStatus();
  }

  // The last of the next `most` entries; nothing if there are fewer.
  absl::StatusOr<std::optional<UsagePosition>> EndOfStretch(int32_t month, const StartPart& part,
                                                            int most) {
    std::optional<UsagePosition> last;
    const std::string rest = Rest(month, part);
    RESERVE_RETURN_IF_ERROR(connection_.Query(
        absl::StrCat("SELECT start_time,seq FROM entries ", rest, order_, "1 OFFSET ", most - 1),
        [&last](const Row& row) {
          last = UsagePosition{row.Time(1), row.Int(2)};
        }));
    if (last.has_value()) {
      looked_at_ += most;
      return last;
    }
    RESERVE_RETURN_IF_ERROR(CountLookedAt(rest));
    return last;
  }

  absl::Status CountLookedAt(const std::string& rest) {
    return connection_.Query(
        absl::StrCat("SELECT COUNT(*) FROM entries ", rest),
        [this](const Row& row) { looked_at_ += static_cast<int>(row.Int(1)); });
  }

  // Adds what the filter applies to, up to `last` or the end of the part.
  absl::Status SearchStretch(int32_t month, StartPart part,
                             const std::optional<UsagePosition>& last) {
    std::string which = ConditionsOfFact(filter_);
    if (last.has_value()) {
      const absl::string_view before = filter_.oldest_first ? " < " : " > ";
      which += Where(before, *last, filter_.oldest_first ? " <= " : " >= ");
      if (filter_.oldest_first) {
        part.end = last->start + absl::Microseconds(1);
      } else {
        part.begin = last->start;
      }
    }
    RESERVE_ASSIGN_OR_RETURN(Standings standings, StandingsOf(month, part, &which));
    while (!full()) {
      const size_t missing = static_cast<size_t>(limit_) - page_.entries.size();
      RESERVE_ASSIGN_OR_RETURN(
          std::vector<Entry> entries,
          SelectEntriesBy(connection_, absl::StrCat(Rest(month, part), which, order_, missing)));
      const bool is_end = entries.size() < missing;
      RESERVE_RETURN_IF_ERROR(Add(std::move(entries), &standings));
      if (is_end) break;
    }
    return absl::OkStatus();
  }

  // What follows in the order: to the page, as far as the filter applies and there is room.
  absl::Status Add(std::vector<Entry> entries, Standings* standings) {
    RESERVE_RETURN_IF_ERROR(LoadStandingsOfEstimates(entries, standings));
    for (Entry& entry : entries) {
      if (full()) break;
      position_ = PositionOf(entry);
      if (!Applies(entry, *standings)) continue;
      const auto state = standings->states.find(domain::UsageIdOf(entry));
      if (state != standings->states.end()) page_.states.insert(*state);
      page_.entries.push_back(std::move(entry));
    }
    return absl::OkStatus();
  }

  // What became of the page's usages, unless the filter went by that and it is known. Few usages
  // have a state: to look in a range takes much less than to look for each.
  absl::Status LoadStates() {
    if (goes_by_standing() || page_.entries.empty()) return absl::OkStatus();
    absl::Time first = page_.entries.front().booked->usage.start_time;
    absl::Time last = page_.entries.back().booked->usage.start_time;
    if (first > last) std::swap(first, last);
    const size_t most = kMostStatesForEach * page_.entries.size();
    RESERVE_ASSIGN_OR_RETURN(std::vector<UsageState> states,
                             ListUsageStatesByStart(connection_, account_id_, first,
                                                    last + absl::Microseconds(1), most));
    const bool has_all = states.size() < most;
    UsageStatesById known;
    if (has_all) AddStates(std::move(states), &known);
    std::vector<book::OnceKey> elsewhere;
    for (const Entry& entry : page_.entries) {
      const auto found = known.find(domain::UsageIdOf(entry));
      if (found != known.end()) {
        page_.states.insert(*found);
      } else if (!has_all || entry.booked->estimated) {
        // That of a report in whose place a later one came has the later one's start.
        elsewhere.emplace_back(account_id_, domain::UsageIdOf(entry));
      }
    }
    if (elsewhere.empty()) return absl::OkStatus();
    RESERVE_ASSIGN_OR_RETURN(states, LoadUsageStates(connection_, elsewhere));
    AddStates(std::move(states), &page_.states);
    return absl::OkStatus();
  }

  // How usages of the part stand, if the filter goes by that; adds to the condition what can be
  // told by it.
  absl::StatusOr<Standings> StandingsOf(int32_t month, const StartPart& part, std::string* which) {
    if (!goes_by_standing()) return Standings();
    RESERVE_ASSIGN_OR_RETURN(Standings standings,
                             LoadStandings(month, Ahead({part.begin, part.end})));
    *which += ConditionsOfStanding(filter_, standings);
    return standings;
  }

  absl::StatusOr<Standings> LoadStandings(int32_t month, const TimeRange& range) {
    Standings standings;
    RESERVE_ASSIGN_OR_RETURN(
        std::vector<UsageState> states,
        ListUsageStatesByStart(connection_, account_id_, range.begin, range.end));
    const bool has_ratings = std::any_of(states.begin(), states.end(), [](const UsageState& state) {
      return state.latest_seq != state.seq;
    });
    AddStates(std::move(states), &standings.states);
    if (filter_.country.empty() || !has_ratings) return standings;
    RESERVE_RETURN_IF_ERROR(connection_.Query(
        absl::StrCat("SELECT usage_id,seq,country FROM entries FORCE INDEX (by_part) WHERE ",
                     InStartParts(range.begin, range.end),
                     " AND account_id = ", Quoted(account_id_), " AND month = ", month,
                     " AND start_time >= ", QuotedTime(range.begin), " AND start_time < ",
                     QuotedTime(range.end), " AND kind = ", static_cast<int>(EntryKind::kRating),
                     " ORDER BY seq"),
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
    AddStates(std::move(states), &standings->states);
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

std::vector<book::MonthSpan> SpansOf(const AccountMonths& months, const TimeRange& range) {
  std::vector<book::MonthSpan> shared;
  for (const book::MonthSpan& span : months.spans) {
    const TimeRange of_month = RangeOfMonth(span.month);
    if (of_month.begin < range.end && of_month.end > range.begin) shared.push_back(span);
  }
  return shared;
}

std::vector<int32_t> MonthsOf(const AccountMonths& months, const TimeRange& range) {
  std::vector<int32_t> shared;
  for (const book::MonthSpan& span : SpansOf(months, range)) shared.push_back(span.month);
  return shared;
}

absl::StatusOr<UsagePage> ListUsagesByStart(Connection& connection, absl::string_view account_id,
                                            const UsageFilter& filter,
                                            const std::optional<UsagePosition>& after, int limit) {
  return Search(connection, account_id, filter, limit).Run(after);
}

}  // namespace reserve::storage
