#include "services/ledger/storage/usage_summary.h"

#include <algorithm>
#include <limits>
#include <map>
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
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/storage/errors.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::storage {
namespace {

using domain::EntryKind;
using domain::UsageState;
using domain::UsageStatus;

constexpr absl::string_view kTables = "balances, account_months, entries, usage_states";
// A program from before stored seconds alone.
constexpr absl::string_view kDuration = "COALESCE(duration_micros,duration_seconds * 1000000)";
constexpr absl::string_view kCost = "COALESCE(previous_cost_nanos,0) - amount_nanos";

// One entry that books or rates a usage, with as much of it as is added up.
struct Line {
  std::string usage_id;
  int64_t seq = 0;
  bool estimated = false;
  UsageSum sum;
};

absl::Status Overflow() { return Multiply(std::numeric_limits<Nanos>::max(), 2).status(); }

// Adds up the usages of one account.
class Adder {
 public:
  Adder(Connection& connection, absl::string_view account_id, const UsageGrouping& grouping)
      : connection_(connection), account_id_(account_id), grouping_(grouping) {}

  // The part of a range that lies in a month.
  absl::Status AddPart(size_t range, int32_t month, const TimeRange& part) {
    range_ = range;
    month_ = month;
    part_ = part;
    RESERVE_ASSIGN_OR_RETURN(const bool has_estimates, AddBooked());
    RESERVE_RETURN_IF_ERROR(PutRight());
    return has_estimates ? AddEstimates() : absl::OkStatus();
  }

  std::vector<UsageSum> Sums() const {
    std::vector<UsageSum> sums;
    for (const auto& [key, sum] : sums_) {
      if (sum.usages != 0) sums.push_back(sum);
    }
    return sums;
  }

 private:
  using Key = std::tuple<size_t, std::string, std::string, domain::UsageKind>;

  std::string InPart() const {
    return absl::StrCat("entries FORCE INDEX (by_start) WHERE account_id = ", Quoted(account_id_),
                        " AND month = ", month_, " AND start_time >= ", QuotedTime(part_.begin),
                        " AND start_time < ", QuotedTime(part_.end),
                        " AND kind = ", static_cast<int>(EntryKind::kUsage));
  }

  absl::Status Add(const UsageSum& more, int64_t times) {
    UsageSum& sum = sums_[{range_, grouping_.by_user ? more.user_id : "",
                           grouping_.by_country ? more.country : "",
                           grouping_.by_kind ? more.kind : domain::UsageKind::kCall}];
    if (sum.usages == 0) {
      sum.range = range_;
      if (grouping_.by_user) sum.user_id = more.user_id;
      if (grouping_.by_country) sum.country = more.country;
      if (grouping_.by_kind) sum.kind = more.kind;
    }
    sum.usages += times * more.usages;
    sum.unrated += times * more.unrated;
    sum.duration += times * more.duration;
    sum.free_seconds += times * more.free_seconds;
    sum.segments += times * more.segments;
    RESERVE_ASSIGN_OR_RETURN(const Nanos cost, Multiply(more.cost, times));
    RESERVE_ASSIGN_OR_RETURN(sum.cost, reserve::Add(sum.cost, cost));
    return absl::OkStatus();
  }

  // All as they were booked, but estimates. True if there are any.
  absl::StatusOr<bool> AddBooked() {
    std::vector<std::string> told_apart = {"estimated"};
    if (grouping_.by_user) told_apart.push_back("user_id");
    if (grouping_.by_country) told_apart.push_back("country");
    if (grouping_.by_kind) told_apart.push_back("usage_kind");
    bool has_estimates = false;
    absl::Status added;
    RESERVE_RETURN_IF_ERROR(connection_.Query(
        absl::StrCat("SELECT estimated,", grouping_.by_user ? "user_id" : "''", ",",
                     grouping_.by_country ? "country" : "''", ",",
                     grouping_.by_kind ? "usage_kind" : "1", ",COUNT(*),SUM(", kDuration,
                     "),SUM(free_seconds_taken),SUM(segments),SUM(amount_nanos) FROM ", InPart(),
                     " GROUP BY ", absl::StrJoin(told_apart, ",")),
        [&](const Row& row) {
          if (!row.IsNull(1) && row.Int(1) != 0) {
            has_estimates = true;
            return;
          }
          UsageSum booked;
          booked.user_id = row.Text(2);
          booked.country = row.Text(3);
          booked.kind = static_cast<domain::UsageKind>(row.Int(4));
          booked.usages = row.Int(5);
          booked.duration = absl::Microseconds(row.Int(6));
          booked.free_seconds = row.Int(7);
          booked.segments = row.Int(8);
          Nanos amount = 0;
          if (!absl::SimpleAtoi(row.Text(9), &amount)) return added.Update(Overflow());
          const absl::StatusOr<Nanos> cost = Subtract(0, amount);
          if (!cost.ok()) return added.Update(cost.status());
          booked.cost = *cost;
          added.Update(Add(booked, 1));
        }));
    RESERVE_RETURN_IF_ERROR(added);
    return has_estimates;
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
        RESERVE_RETURN_IF_ERROR(Add(booked->second.sum, -1));
      }
      if (voided) continue;
      const auto latest = lines.find(state.latest_seq);
      if (latest == lines.end()) continue;  // the audit says so
      if (!stays || booked->second.estimated) {
        RESERVE_RETURN_IF_ERROR(Add(latest->second.sum, 1));
      }
      if (state.status != UsageStatus::kUnrated) continue;
      UsageSum unrated;
      unrated.user_id = latest->second.sum.user_id;
      unrated.country = latest->second.sum.country;
      unrated.kind = latest->second.sum.kind;
      unrated.unrated = 1;
      RESERVE_RETURN_IF_ERROR(Add(unrated, 1));
    }
    return absl::OkStatus();
  }

  // Those that nothing became of since: the others were put right.
  absl::Status AddEstimates() {
    std::vector<Line> lines;
    RESERVE_RETURN_IF_ERROR(
        connection_.Query(absl::StrCat(SelectLines(), InPart(), " AND estimated = 1"),
                          [&lines](const Row& row) { lines.push_back(ReadLine(row)); }));
    std::vector<book::OnceKey> keys;
    for (const Line& line : lines) keys.emplace_back(account_id_, line.usage_id);
    RESERVE_ASSIGN_OR_RETURN(const std::vector<UsageState> found,
                             LoadUsageStates(connection_, keys));
    absl::flat_hash_map<std::string, const UsageState*> states;
    for (const UsageState& state : found) states[state.usage_id] = &state;
    for (const Line& line : lines) {
      const auto state = states.find(line.usage_id);
      const bool as_booked =
          state == states.end() ||
          (state->second->seq == line.seq && state->second->latest_seq == line.seq &&
           state->second->status == UsageStatus::kRated);
      if (as_booked) RESERVE_RETURN_IF_ERROR(Add(line.sum, 1));
    }
    return absl::OkStatus();
  }

  static std::string SelectLines() {
    return absl::StrCat(
        "SELECT usage_id,seq,estimated,user_id,country,usage_kind,free_seconds_taken,segments,",
        kDuration, ",", kCost, " FROM ");
  }

  static Line ReadLine(const Row& row) {
    Line line;
    line.usage_id = row.Text(1);
    line.seq = row.Int(2);
    line.estimated = !row.IsNull(3) && row.Int(3) != 0;
    line.sum.user_id = row.Text(4);
    line.sum.country = row.Text(5);
    line.sum.kind = static_cast<domain::UsageKind>(row.Int(6));
    line.sum.usages = 1;
    line.sum.free_seconds = row.Int(7);
    line.sum.segments = row.Int(8);
    line.sum.duration = absl::Microseconds(row.Int(9));
    line.sum.cost = row.Int(10);
    return line;
  }

  // Of the month that is being added, by seq.
  absl::StatusOr<absl::flat_hash_map<int64_t, Line>> LoadLines(const std::vector<int64_t>& seqs) {
    absl::flat_hash_map<int64_t, Line> lines;
    RESERVE_RETURN_IF_ERROR(InParts<int64_t>(seqs, [&](absl::Span<const int64_t> some) {
      return connection_.Query(
          absl::StrCat(SelectLines(),
                       "entries FORCE INDEX (by_account) WHERE account_id = ", Quoted(account_id_),
                       " AND month = ", month_, " AND seq IN (", absl::StrJoin(some, ","),
                       ") AND kind IN (", static_cast<int>(EntryKind::kUsage), ",",
                       static_cast<int>(EntryKind::kRating), ")"),
          [&lines](const Row& row) {
            Line line = ReadLine(row);
            lines[line.seq] = std::move(line);
          });
    }));
    return lines;
  }

  Connection& connection_;
  const std::string account_id_;
  const UsageGrouping grouping_;
  std::map<Key, UsageSum> sums_;
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
        absl::StrCat("SELECT COUNT(*) FROM (SELECT seq FROM entries FORCE INDEX (by_start) "
                     "WHERE account_id = ",
                     Quoted(account_id), " AND month = ", month,
                     " AND start_time >= ", QuotedTime(range.begin), " AND start_time < ",
                     QuotedTime(range.end), " LIMIT ", most + 1, ") AS those"),
        [&count](const Row& row) { count += row.Int(1); }));
    if (count > most) return TooMuchUsage(most);
  }
  return absl::OkStatus();
}

absl::StatusOr<UsageSummary> Summarize(Connection& connection, absl::string_view account_id,
                                       const std::vector<TimeRange>& ranges,
                                       const UsageGrouping& grouping, int64_t most) {
  RESERVE_ASSIGN_OR_RETURN(const AccountMonths months, LoadMonths(connection, account_id));
  UsageSummary summary;
  summary.through_seq = months.last_seq;
  if (ranges.empty()) return summary;
  RESERVE_RETURN_IF_ERROR(
      CheckSize(connection, account_id, months, {ranges.front().begin, ranges.back().end}, most));
  Adder adder(connection, account_id, grouping);
  for (size_t i = 0; i < ranges.size(); ++i) {
    for (const int32_t month : MonthsOf(months, ranges[i])) {
      const TimeRange of_month = RangeOfMonth(month);
      RESERVE_RETURN_IF_ERROR(adder.AddPart(
          i, month,
          {std::max(ranges[i].begin, of_month.begin), std::min(ranges[i].end, of_month.end)}));
    }
  }
  summary.sums = adder.Sums();
  return summary;
}

}  // namespace

absl::StatusOr<UsageSummary> SummarizeUsages(Connection& connection, absl::string_view account_id,
                                             const std::vector<TimeRange>& ranges,
                                             const UsageGrouping& grouping, int64_t most) {
  // All as of one moment.
  RESERVE_RETURN_IF_ERROR(connection.BeginSnapshot(kTables));
  absl::StatusOr<UsageSummary> summary = Summarize(connection, account_id, ranges, grouping, most);
  connection.Rollback();
  return summary;
}

}  // namespace reserve::storage
