#include "services/ledger/storage/usage_lines.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/storage/errors.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"
#include "services/ledger/storage/start_parts.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::storage {
namespace {

using domain::EntryKind;

std::string Numbers(std::initializer_list<EntryKind> kinds) {
  return absl::StrJoin(kinds, ",", [](std::string* out, EntryKind kind) {
    absl::StrAppend(out, static_cast<int>(kind));
  });
}

// What ReadUsageLine reads, and how many they are.
constexpr absl::string_view kUsageLineColumns =
    "kind,usage_id,seq,start_time,estimated,user_id,country,usage_kind,"
    "free_seconds_taken,segments,duration_seconds,duration_micros,amount_nanos,"
    "previous_cost_nanos,basis,connect_fee_nanos,initial_increment_seconds,increment_seconds,"
    "priced_terms";
constexpr auto kUsageLineColumnCount =
    static_cast<int>(1 + std::count(kUsageLineColumns.begin(), kUsageLineColumns.end(), ','));

// Finds what the entries of a stretch change.
class ChangeFinder {
 public:
  ChangeFinder(Connection& connection, absl::string_view account_id)
      : connection_(connection), account_id_(account_id) {}

  absl::StatusOr<std::vector<UsageChange>> Find(const SeqRange& seqs) {
    RESERVE_ASSIGN_OR_RETURN(const AccountMonths months, LoadMonths(connection_, account_id_));
    months_ = months.Within(seqs.first, seqs.end);
    if (seqs.empty() || months_.empty()) return std::vector<UsageChange>();
    RESERVE_RETURN_IF_ERROR(ReadStretch(seqs));
    months_ = months.Within(1, seqs.end);
    RESERVE_RETURN_IF_ERROR(ReadEarlier());
    for (const auto& [seq, usage_id] : replacing_) TakeAway(seq, usage_id);
    return std::move(changes_);
  }

 private:
  using LinesBySeq = std::map<int64_t, UsageLine>;

  std::string InMonths(const std::vector<int32_t>& months) const {
    return absl::StrCat("account_id = ", Quoted(account_id_), " AND month IN (",
                        absl::StrJoin(months, ","), ")");
  }

  // The entries of the stretch itself: what they add, and which of them take something away. In one
  // reading: each row may be a page of its own, long out of the database's memory.
  absl::Status ReadStretch(const SeqRange& seqs) {
    return connection_.Query(
        absl::StrCat("SELECT ", kUsageLineColumns, ",voided_usage_id,voided_in_advance FROM ",
                     "entries FORCE INDEX (by_account) WHERE ", InMonths(months_),
                     " AND seq >= ", seqs.first, " AND seq < ", seqs.end, " AND kind IN (",
                     Numbers({EntryKind::kUsage, EntryKind::kRating, EntryKind::kVoid}), ")"),
        [this](const Row& row) {
          const auto kind = static_cast<EntryKind>(row.Int(1));
          if (kind == EntryKind::kVoid) {
            const bool in_advance = row.Int(kUsageLineColumnCount + 2) != 0;
            if (!in_advance) replacing_[row.Int(3)] = row.Text(kUsageLineColumnCount + 1);
            return;
          }
          UsageLine line = ReadUsageLine(row);
          changes_.push_back({line.start, line.group, line.amounts});
          if (kind == EntryKind::kRating) replacing_[line.seq] = line.usage_id;
        });
  }

  // All bookings and ratings of the usages that are rated again or voided.
  absl::Status ReadEarlier() {
    std::vector<book::OnceKey> keys;
    std::set<std::string> seen;
    for (const auto& [seq, usage_id] : replacing_) {
      if (seen.insert(usage_id).second) keys.emplace_back(account_id_, usage_id);
    }
    if (keys.empty()) return absl::OkStatus();
    // A report that took the place of its estimate is a second booking under the id.
    absl::flat_hash_set<int64_t> bookings;
    RESERVE_ASSIGN_OR_RETURN(const std::vector<UsagePlace> places,
                             FindUsagePlaces(connection_, keys));
    for (const UsagePlace& place : places) bookings.insert(place.seq);
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::UsageState> states,
                             LoadUsageStates(connection_, keys));
    for (const domain::UsageState& state : states) bookings.insert(state.seq);
    RESERVE_RETURN_IF_ERROR(ReadBookings({bookings.begin(), bookings.end()}));
    return ReadRatings();
  }

  absl::Status ReadBookings(const std::vector<int64_t>& seqs) {
    return InParts<int64_t>(seqs, [this](absl::Span<const int64_t> part) {
      return connection_.Query(
          absl::StrCat(SelectUsageLines(), "entries FORCE INDEX (by_account) WHERE ",
                       InMonths(months_), " AND seq IN (", absl::StrJoin(part, ","),
                       ") AND kind = ", Numbers({EntryKind::kUsage})),
          [this](const Row& row) { Keep(ReadUsageLine(row)); });
    });
  }

  // Each lies beside the booking of its usage, as it has its start; or in part 0.
  absl::Status ReadRatings() {
    std::map<int32_t, std::set<absl::Time>> starts;
    for (const auto& [usage_id, lines] : lines_) {
      for (const auto& [seq, line] : lines) starts[MonthOf(line.start)].insert(line.start);
    }
    for (const auto& [month, of_month] : starts) {
      const std::vector<absl::Time> all(of_month.begin(), of_month.end());
      RESERVE_RETURN_IF_ERROR(InParts<absl::Time>(all, [&, of = month](
                                                           absl::Span<const absl::Time> part) {
        const auto quoted = [](std::string* out, absl::Time time) {
          absl::StrAppend(out, QuotedTime(time));
        };
        return connection_.Query(
            absl::StrCat(SelectUsageLines(), "entries FORCE INDEX (by_part) WHERE ",
                         InStartParts(part.front(), part.back() + absl::Microseconds(1)), " AND ",
                         InMonths({of}), " AND start_time IN (", absl::StrJoin(part, ",", quoted),
                         ") AND kind = ", Numbers({EntryKind::kRating})),
            [this](const Row& row) {
              UsageLine line = ReadUsageLine(row);
              if (lines_.contains(line.usage_id)) Keep(std::move(line));
            });
      }));
    }
    return absl::OkStatus();
  }

  void Keep(UsageLine line) {
    const int64_t seq = line.seq;
    LinesBySeq& of_usage = lines_[line.usage_id];
    of_usage[seq] = std::move(line);
  }

  // What stood of the usage before this entry. (The audit says where nothing did.)
  void TakeAway(int64_t seq, const std::string& usage_id) {
    const auto lines = lines_.find(usage_id);
    if (lines == lines_.end()) return;
    const auto after = lines->second.lower_bound(seq);
    if (after == lines->second.begin()) return;
    const UsageLine& line = std::prev(after)->second;
    changes_.push_back({line.start, line.group, line.amounts, /*times=*/-1});
  }

  Connection& connection_;
  const std::string account_id_;
  std::vector<int32_t> months_;
  std::vector<UsageChange> changes_;
  std::map<int64_t, std::string> replacing_;  // by seq: the usage
  absl::flat_hash_map<std::string, LinesBySeq> lines_;
};

}  // namespace

absl::Status UsageAmounts::Add(const UsageAmounts& more, int64_t times) {
  usages += times * more.usages;
  unrated += times * more.unrated;
  duration += times * more.duration;
  free_seconds += times * more.free_seconds;
  paid_seconds += times * more.paid_seconds;
  segments += times * more.segments;
  RESERVE_ASSIGN_OR_RETURN(const Nanos added, Multiply(more.cost, times));
  RESERVE_ASSIGN_OR_RETURN(cost, reserve::Add(cost, added));
  return absl::OkStatus();
}

UsageLine LineOf(const domain::Entry& entry) {
  const domain::Usage& usage = entry.booked->usage;
  const domain::Rating& rating = entry.booked->rating;
  UsageLine line;
  line.usage_id = usage.usage_id;
  line.seq = entry.seq;
  line.start = usage.start_time;
  line.estimated = entry.booked->estimated;
  line.group = {usage.user_id, rating.country, usage.kind};
  line.amounts = {1,
                  rating.unrated() ? 1 : 0,
                  usage.duration,
                  rating.free_seconds_taken,
                  rating.paid_seconds,
                  usage.segments,
                  rating.cost};
  return line;
}

std::string SelectUsageLines() { return absl::StrCat("SELECT ", kUsageLineColumns, " FROM "); }

UsageLine ReadUsageLine(const Row& row) {
  UsageLine line;
  line.usage_id = row.Text(2);
  line.seq = row.Int(3);
  line.start = row.Time(4);
  line.estimated = row.Int(5) != 0;
  line.group = {row.Text(6), row.Text(7), static_cast<domain::UsageKind>(row.Int(8))};
  domain::Usage usage;
  usage.duration = row.IsNull(12) ? absl::Seconds(row.Int(11)) : absl::Microseconds(row.Int(12));
  domain::Rating rating;
  rating.free_seconds_taken = row.Int(9);
  rating.basis = static_cast<domain::ChargeBasis>(row.Int(15));
  rating.connect_fee = row.Int(16);
  rating.initial_increment_seconds = static_cast<int32_t>(row.Int(17));
  rating.increment_seconds = static_cast<int32_t>(row.Int(18));
  rating.terms = row.Text(19);
  domain::CompleteSeconds(usage, &rating);
  line.amounts = {1,
                  rating.unrated() ? 1 : 0,
                  usage.duration,
                  rating.free_seconds_taken,
                  rating.paid_seconds,
                  row.Int(10),
                  SubtractSaturating(row.Int(14), row.Int(13))};
  return line;
}

absl::StatusOr<std::vector<UsageChange>> LoadUsageChanges(Connection& connection,
                                                          absl::string_view account_id,
                                                          const SeqRange& seqs) {
  return ChangeFinder(connection, account_id).Find(seqs);
}

}  // namespace reserve::storage
