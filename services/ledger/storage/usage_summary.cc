#include "services/ledger/storage/usage_summary.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "common/error/error.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/errors.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"
#include "services/ledger/storage/start_parts.h"
#include "services/ledger/storage/usage_state_rows.h"
#include "services/ledger/storage/usage_sum_rows.h"

namespace reserve::storage {
namespace {

using domain::ChargeBasis;
using domain::EntryKind;
using domain::UsageState;
using domain::UsageStatus;

constexpr absl::string_view kTables =
    "balances, account_months, archived_heads, entries, usage_ids, usage_states, usage_sums, "
    "usage_sums_through";
// A program from before stored seconds alone.
constexpr absl::string_view kDuration = "COALESCE(duration_micros,duration_seconds * 1000000)";
// Usages that are added up one by one: estimates, in whose place a report may have come, and those
// whose paid seconds follow from more than their columns.
constexpr absl::string_view kAlone = "(COALESCE(estimated,0) = 1 OR priced_terms IS NOT NULL)";

absl::Status Overflow() { return Multiply(std::numeric_limits<Nanos>::max(), 2).status(); }

// The paid seconds of a usage that is not of kAlone, as domain::CompleteSeconds has them.
std::string PaidSeconds() {
  const std::string seconds = absl::StrCat("((", kDuration, " + 999999) DIV 1000000)");
  return absl::StrCat("IF(increment_seconds > 0 AND basis IN (",
                      static_cast<int>(ChargeBasis::kDearer), ",",
                      static_cast<int>(ChargeBasis::kMeteredStandard), "),IF(", seconds,
                      " = 0,0,initial_increment_seconds + increment_seconds * ((GREATEST(", seconds,
                      " - initial_increment_seconds,0) + increment_seconds - 1) DIV "
                      "increment_seconds)) - free_seconds_taken,0)");
}

// Adds up the usages of one account.
class Adder {
 public:
  Adder(Connection& connection, absl::string_view account_id, const UsageGrouping& grouping)
      : connection_(connection), account_id_(account_id), grouping_(grouping) {}

  // The part of a range that lies in a month, from the entries.
  absl::Status AddPart(size_t range, int32_t month, const TimeRange& part) {
    range_ = range;
    month_ = month;
    part_ = part;
    RESERVE_ASSIGN_OR_RETURN(const bool has_others, AddBooked());
    RESERVE_RETURN_IF_ERROR(PutRight());
    return has_others ? AddAlone() : absl::OkStatus();
  }

  absl::Status Add(size_t range, const SummaryGroup& group, const UsageAmounts& more,
                   int64_t times) {
    const SummaryGroup told = {grouping_.by_user ? group.user_id : "",
                               grouping_.by_country ? group.country : "",
                               grouping_.by_kind ? group.kind : domain::UsageKind::kCall};
    return sums_[{range, told}].Add(more, times);
  }

  std::vector<UsageSum> Sums() const {
    std::vector<UsageSum> sums;
    for (const auto& [key, amounts] : sums_) {
      if (amounts.usages == 0) continue;
      const auto& [range, group] = key;
      sums.push_back({amounts, range, group.user_id, group.country, group.kind});
    }
    return sums;
  }
  // That were added up from entries.
  int64_t entries_read() const { return entries_read_; }

 private:
  using Key = std::tuple<size_t, SummaryGroup>;

  std::string InPart() const {
    return absl::StrCat("entries FORCE INDEX (by_part) WHERE ",
                        InStartParts(part_.begin, part_.end),
                        " AND account_id = ", Quoted(account_id_), " AND month = ", month_,
                        " AND start_time >= ", QuotedTime(part_.begin), " AND start_time < ",
                        QuotedTime(part_.end), " AND kind = ", static_cast<int>(EntryKind::kUsage));
  }

  absl::Status Add(const UsageLine& line, int64_t times) {
    // What is UNRATED is told by its state.
    UsageAmounts amounts = line.amounts;
    amounts.unrated = 0;
    return Add(range_, line.group, amounts, times);
  }

  // All as they were booked, but those of kAlone. True if there are any of these.
  absl::StatusOr<bool> AddBooked() {
    std::vector<std::string> told_apart = {"alone"};
    if (grouping_.by_user) told_apart.push_back("user_id");
    if (grouping_.by_country) told_apart.push_back("country");
    if (grouping_.by_kind) told_apart.push_back("usage_kind");
    bool has_others = false;
    absl::Status added;
    RESERVE_RETURN_IF_ERROR(connection_.Query(
        absl::StrCat("SELECT ", kAlone, " AS alone,", grouping_.by_user ? "user_id" : "''", ",",
                     grouping_.by_country ? "country" : "''", ",",
                     grouping_.by_kind ? "usage_kind" : "1", ",COUNT(*),SUM(", kDuration,
                     "),SUM(free_seconds_taken),SUM(", PaidSeconds(),
                     "),SUM(segments),SUM(amount_nanos) FROM ", InPart(), " GROUP BY ",
                     absl::StrJoin(told_apart, ",")),
        [&](const Row& row) {
          entries_read_ += row.Int(5);
          if (row.Int(1) != 0) {
            has_others = true;
            return;
          }
          Nanos amount = 0;
          if (!absl::SimpleAtoi(row.Text(10), &amount)) return added.Update(Overflow());
          const absl::StatusOr<Nanos> cost = Subtract(0, amount);
          if (!cost.ok()) return added.Update(cost.status());
          added.Update(Add(range_,
                           {row.Text(2), row.Text(3), static_cast<domain::UsageKind>(row.Int(4))},
                           {row.Int(5), 0, absl::Microseconds(row.Int(6)), row.Int(7), row.Int(8),
                            row.Int(9), *cost},
                           1));
        }));
    RESERVE_RETURN_IF_ERROR(added);
    return has_others;
  }

  // Takes away what was voided, and puts the latest ratings in the place of the bookings.
  absl::Status PutRight() {
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<UsageState> states,
        ListUsageStatesByStart(connection_, account_id_, part_.begin, part_.end));
    std::vector<int64_t> seqs;
    for (const UsageState& state : states) {
      const bool as_booked = state.status == UsageStatus::kRated && state.latest_seq == state.seq;
      if (as_booked) continue;
      seqs.push_back(state.seq);
      if (state.latest_seq != state.seq) seqs.push_back(state.latest_seq);
    }
    RESERVE_ASSIGN_OR_RETURN(const auto lines, LoadLines(seqs));
    for (const UsageState& state : states) {
      const auto booked = lines.find(state.seq);
      if (booked == lines.end()) continue;
      const bool voided = state.status == UsageStatus::kVoided;
      const bool stays = !voided && state.latest_seq == state.seq;
      // Estimates are not in what was added.
      if (!stays && !booked->second.estimated) {
        RESERVE_RETURN_IF_ERROR(Add(booked->second, -1));
      }
      if (voided) continue;
      const auto latest = lines.find(state.latest_seq);
      if (latest == lines.end()) continue;  // the audit says so
      if (!stays || booked->second.estimated) {
        RESERVE_RETURN_IF_ERROR(Add(latest->second, 1));
      }
      if (state.status != UsageStatus::kUnrated) continue;
      UsageAmounts unrated;
      unrated.unrated = 1;
      RESERVE_RETURN_IF_ERROR(Add(range_, latest->second.group, unrated, 1));
    }
    return absl::OkStatus();
  }

  // Those of kAlone; of the estimates the ones that nothing became of since: the others were put
  // right.
  absl::Status AddAlone() {
    std::vector<UsageLine> estimates;
    absl::Status added;
    RESERVE_RETURN_IF_ERROR(connection_.Query(
        absl::StrCat(SelectUsageLines(), InPart(), " AND ", kAlone), [&](const Row& row) {
          UsageLine line = ReadUsageLine(row);
          line.estimated ? estimates.push_back(std::move(line)) : added.Update(Add(line, 1));
        }));
    RESERVE_RETURN_IF_ERROR(added);
    std::vector<book::OnceKey> keys;
    for (const UsageLine& line : estimates) keys.emplace_back(account_id_, line.usage_id);
    RESERVE_ASSIGN_OR_RETURN(const std::vector<UsageState> found,
                             LoadUsageStates(connection_, keys));
    absl::flat_hash_map<std::string, const UsageState*> states;
    for (const UsageState& state : found) states[state.usage_id] = &state;
    for (const UsageLine& line : estimates) {
      const auto state = states.find(line.usage_id);
      const bool as_booked =
          state == states.end() ||
          (state->second->seq == line.seq && state->second->latest_seq == line.seq &&
           state->second->status == UsageStatus::kRated);
      if (as_booked) RESERVE_RETURN_IF_ERROR(Add(line, 1));
    }
    return absl::OkStatus();
  }

  // Of the month that is being added, by seq.
  absl::StatusOr<absl::flat_hash_map<int64_t, UsageLine>> LoadLines(
      const std::vector<int64_t>& seqs) {
    absl::flat_hash_map<int64_t, UsageLine> lines;
    RESERVE_RETURN_IF_ERROR(InParts<int64_t>(seqs, [&](absl::Span<const int64_t> some) {
      return connection_.Query(
          absl::StrCat(SelectUsageLines(),
                       "entries FORCE INDEX (by_account) WHERE account_id = ", Quoted(account_id_),
                       " AND month = ", month_, " AND seq IN (", absl::StrJoin(some, ","),
                       ") AND kind IN (", static_cast<int>(EntryKind::kUsage), ",",
                       static_cast<int>(EntryKind::kRating), ")"),
          [&lines](const Row& row) {
            UsageLine line = ReadUsageLine(row);
            lines[line.seq] = std::move(line);
          });
    }));
    return lines;
  }

  Connection& connection_;
  const std::string account_id_;
  const UsageGrouping grouping_;
  std::map<Key, UsageAmounts> sums_;
  int64_t entries_read_ = 0;
  // What is being added.
  size_t range_ = 0;
  int32_t month_ = 0;
  TimeRange part_;
};

// Are there more entries in the range? Only counted where an account may have as many.
absl::Status CheckSize(Connection& connection, absl::string_view account_id,
                       const AccountMonths& months, const TimeRange& range, int64_t most) {
  const std::vector<int32_t> within = MonthsOf(months, range);
  int64_t possible = 0;
  for (const book::MonthSpan& span : months.spans) {
    if (!std::binary_search(within.begin(), within.end(), span.month)) continue;
    possible += span.last_seq - span.first_seq + 1;
  }
  if (possible <= most) return absl::OkStatus();
  int64_t count = 0;
  for (const int32_t month : within) {
    RESERVE_RETURN_IF_ERROR(connection.Query(
        absl::StrCat("SELECT COUNT(*) FROM (SELECT seq FROM entries FORCE INDEX (by_part) WHERE ",
                     InStartParts(range.begin, range.end), " AND account_id = ", Quoted(account_id),
                     " AND month = ", month, " AND start_time >= ", QuotedTime(range.begin),
                     " AND start_time < ", QuotedTime(range.end), " LIMIT ", most + 1,
                     ") AS those"),
        [&count](const Row& row) { count += row.Int(1); }));
    if (count > most) return TooMuchUsage(most);
  }
  return absl::OkStatus();
}

// A part of a range.
struct RangePart {
  size_t range = 0;
  TimeRange time;
};

// How ranges are read: whole days from what was added up, the rest from the entries.
struct RangeParts {
  std::vector<RangePart> whole_days;
  std::vector<RangePart> rest;
};

// There are sums of what began at `since` or later, if there are any.
RangeParts PartsOf(const SummaryScope& scope, bool has_sums, absl::Time since) {
  const auto day_at = [&scope](absl::Time time) {
    return domain::WindowAt(scope.calendar, domain::CalendarUnit::kDay, time);
  };
  RangeParts parts;
  const auto add_rest = [&parts](size_t range, absl::Time begin, absl::Time end) {
    if (begin < end) parts.rest.push_back({range, {begin, end}});
  };
  for (size_t i = 0; i < scope.ranges.size(); ++i) {
    const auto [begin, end] = scope.ranges[i];
    absl::Time first = end;
    absl::Time last = end;
    if (has_sums) {
      const absl::Time from = std::max(begin, since);
      const domain::CalendarWindow day = day_at(from);
      first = std::min(end, day.begin == from ? from : day.end);
      last = std::max(first, day_at(end).begin);
    }
    add_rest(i, begin, first);
    if (first < last) parts.whole_days.push_back({i, {first, last}});
    add_rest(i, last, end);
  }
  return parts;
}

// The part in which that time lies; nothing if it is in none.
const RangePart* PartAt(const std::vector<RangePart>& parts, absl::Time time) {
  const auto after =
      std::upper_bound(parts.begin(), parts.end(), time,
                       [](absl::Time at, const RangePart& part) { return at < part.time.begin; });
  if (after == parts.begin() || time >= std::prev(after)->time.end) return nullptr;
  return &*std::prev(after);
}

// Can the sums be gone by? The days must be those that they are of, and little be missing.
bool Serves(const std::optional<SumsPosition>& position, const SummaryScope& scope,
            int64_t last_seq) {
  return position.has_value() &&
         position->calendar_changes == static_cast<int64_t>(scope.calendar.Changes().size()) &&
         last_seq - position->through_seq <= kEntriesSinceSums;
}

absl::Status AddWholeDays(Connection& connection, absl::string_view account_id,
                          const SummaryScope& scope, const std::vector<RangePart>& days,
                          const SeqRange& since, Adder* adder) {
  if (days.empty()) return absl::OkStatus();
  const SumsAsked asked = {{days.front().time.begin, days.back().time.end},
                           scope.grouping.by_user,
                           scope.grouping.by_country,
                           scope.grouping.by_kind};
  RESERVE_ASSIGN_OR_RETURN(const std::vector<DaySum> sums, ListSums(connection, account_id, asked));
  for (const DaySum& sum : sums) {
    const RangePart* part = PartAt(days, sum.day_begin);
    if (part == nullptr) continue;
    RESERVE_RETURN_IF_ERROR(adder->Add(part->range, sum.group, sum.amounts, 1));
  }
  RESERVE_ASSIGN_OR_RETURN(const std::vector<UsageChange> changes,
                           LoadUsageChanges(connection, account_id, since));
  for (const UsageChange& change : changes) {
    const RangePart* part = PartAt(days, change.start);
    if (part == nullptr) continue;
    RESERVE_RETURN_IF_ERROR(adder->Add(part->range, change.group, change.amounts, change.times));
  }
  return absl::OkStatus();
}

absl::StatusOr<UsageSummary> Summarize(Connection& connection, absl::string_view account_id,
                                       const SummaryScope& scope, int64_t most) {
  RESERVE_ASSIGN_OR_RETURN(const AccountMonths months, LoadMonths(connection, account_id));
  UsageSummary summary;
  summary.through_seq = months.last_seq;
  if (scope.ranges.empty()) return summary;
  RESERVE_ASSIGN_OR_RETURN(const std::optional<SumsPosition> position,
                           ReadSumsPosition(connection, account_id));
  const bool has_sums = Serves(position, scope, months.last_seq);
  // Of archived months there is what is left of their entries (U8), and sums of some accounts.
  RESERVE_ASSIGN_OR_RETURN(const std::optional<ArchivedHead> archived,
                           FindArchivedHead(connection, account_id));
  const RangeParts parts =
      PartsOf(scope, has_sums,
              archived.has_value() ? RangeOfMonth(archived->month).end : absl::InfinitePast());
  if (has_sums) {
    for (const RangePart& part : parts.rest) {
      RESERVE_RETURN_IF_ERROR(CheckSize(connection, account_id, months, part.time, most));
    }
  } else {
    RESERVE_RETURN_IF_ERROR(CheckSize(connection, account_id, months,
                                      {scope.ranges.front().begin, scope.ranges.back().end}, most));
  }
  Adder adder(connection, account_id, scope.grouping);
  for (const RangePart& part : parts.rest) {
    for (const int32_t month : MonthsOf(months, part.time)) {
      const TimeRange of_month = RangeOfMonth(month);
      RESERVE_RETURN_IF_ERROR(adder.AddPart(
          part.range, month,
          {std::max(part.time.begin, of_month.begin), std::min(part.time.end, of_month.end)}));
    }
  }
  summary.entries_read = adder.entries_read();
  if (has_sums) {
    const SeqRange since = {position->through_seq + 1, months.last_seq + 1};
    RESERVE_RETURN_IF_ERROR(
        AddWholeDays(connection, account_id, scope, parts.whole_days, since, &adder));
    summary.entries_read += since.end - since.first;
  }
  summary.sums = adder.Sums();
  return summary;
}

}  // namespace

absl::StatusOr<UsageSummary> SummarizeUsages(Connection& connection, absl::string_view account_id,
                                             const SummaryScope& scope, int64_t most,
                                             int64_t most_groups) {
  // All as of one moment.
  RESERVE_RETURN_IF_ERROR(connection.BeginSnapshot(kTables, account_id));
  absl::StatusOr<UsageSummary> summary = Summarize(connection, account_id, scope, most);
  connection.EndSnapshot();
  if (!summary.ok()) return summary;
  const auto groups = static_cast<int64_t>(summary->sums.size());
  if (groups > most_groups) return TooManyGroups(groups, most_groups);
  return summary;
}

}  // namespace reserve::storage
