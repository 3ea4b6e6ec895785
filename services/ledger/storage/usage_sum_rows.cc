#include "services/ledger/storage/usage_sum_rows.h"

#include <limits>
#include <map>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

// Rows of one statement.
constexpr size_t kSumsAtOnce = 1'000;

// True if there is none yet, and is now.
absl::StatusOr<bool> InsertPosition(Connection& connection, absl::string_view account_id,
                                    const SumsPosition& to) {
  SqlText sql("INSERT INTO usage_sums_through (account_id,through_seq,calendar_changes) VALUES ");
  sql.Row().Text(account_id).Int(to.through_seq).Int(to.calendar_changes).EndRow();
  const absl::Status inserted = connection.Execute(sql.str());
  if (absl::IsAlreadyExists(inserted)) return false;
  RESERVE_RETURN_IF_ERROR(inserted);
  return true;
}

// True if it was `from`, and is `to` now.
absl::StatusOr<bool> MovePosition(Connection& connection, absl::string_view account_id,
                                  const std::optional<SumsPosition>& from, const SumsPosition& to) {
  if (!from.has_value()) return InsertPosition(connection, account_id, to);
  RESERVE_ASSIGN_OR_RETURN(
      const int64_t moved,
      connection.Update(absl::StrCat("UPDATE usage_sums_through SET through_seq = ", to.through_seq,
                                     ", calendar_changes = ", to.calendar_changes,
                                     " WHERE account_id = ", Quoted(account_id),
                                     " AND through_seq = ", from->through_seq,
                                     " AND calendar_changes = ", from->calendar_changes)));
  return moved != 0;
}

absl::Status InsertSums(Connection& connection, absl::string_view account_id,
                        absl::Span<const DaySum> sums) {
  SqlText sql(
      "INSERT INTO usage_sums (account_id,day_begin,user_id,country,kind,usages,unrated,"
      "duration_micros,free_seconds,paid_seconds,segments,cost_nanos) VALUES ");
  for (const DaySum& sum : sums) {
    sql.Row()
        .Text(account_id)
        .Time(sum.day_begin)
        .Text(sum.group.user_id)
        .Text(sum.group.country)
        .Int(static_cast<int64_t>(sum.group.kind))
        .Int(sum.amounts.usages)
        .Int(sum.amounts.unrated)
        .Int(absl::ToInt64Microseconds(sum.amounts.duration))
        .Int(sum.amounts.free_seconds)
        .Int(sum.amounts.paid_seconds)
        .Int(sum.amounts.segments)
        .Int(sum.amounts.cost)
        .EndRow();
  }
  absl::string_view separator = " ON DUPLICATE KEY UPDATE ";
  for (const absl::string_view column : {"usages", "unrated", "duration_micros", "free_seconds",
                                         "paid_seconds", "segments", "cost_nanos"}) {
    sql.Raw(absl::StrCat(std::exchange(separator, ","), column, " = usage_sums.", column,
                         " + VALUES(", column, ")"));
  }
  return connection.Execute(sql.str());
}

// Commits what `work` has done if it says true; else, and after an error, rolls back.
absl::StatusOr<bool> InTransactionIf(Connection& connection,
                                     absl::FunctionRef<absl::StatusOr<bool>()> work) {
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  const absl::StatusOr<bool> done = work();
  if (!done.ok() || !*done) {
    connection.Rollback();
    return done;
  }
  RESERVE_RETURN_IF_ERROR(connection.Commit());
  return true;
}

}  // namespace

absl::StatusOr<std::optional<SumsPosition>> ReadSumsPosition(Connection& connection,
                                                             absl::string_view account_id) {
  std::optional<SumsPosition> position;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat(
          "SELECT through_seq,calendar_changes FROM usage_sums_through WHERE account_id = ",
          Quoted(account_id)),
      [&position](const Row& row) {
        position = {row.Int(1), row.Int(2)};
      }));
  return position;
}

absl::StatusOr<std::vector<DaySum>> SumsByDay(const std::vector<UsageChange>& changes,
                                              const domain::AccountCalendar& calendar) {
  std::map<std::pair<absl::Time, SummaryGroup>, UsageAmounts> sums;
  domain::CalendarWindow day{absl::InfinitePast(), absl::InfinitePast()};
  for (const UsageChange& change : changes) {
    if (change.start < day.begin || change.start >= day.end) {
      day = domain::WindowAt(calendar, domain::CalendarUnit::kDay, change.start);
    }
    UsageAmounts& sum = sums[std::pair(day.begin, change.group)];
    RESERVE_RETURN_IF_ERROR(sum.Add(change.amounts, change.times));
  }
  std::vector<DaySum> by_day;
  by_day.reserve(sums.size());
  for (const auto& [key, amounts] : sums) by_day.push_back({key.first, key.second, amounts});
  return by_day;
}

absl::StatusOr<bool> AddToSums(Connection& connection, absl::string_view account_id,
                               const std::optional<SumsPosition>& from, const SumsPosition& to,
                               const std::vector<DaySum>& sums) {
  return InTransactionIf(connection, [&]() -> absl::StatusOr<bool> {
    RESERVE_ASSIGN_OR_RETURN(const bool moved, MovePosition(connection, account_id, from, to));
    if (!moved) return false;
    RESERVE_RETURN_IF_ERROR(InParts<DaySum>(
        sums,
        [&](absl::Span<const DaySum> part) { return InsertSums(connection, account_id, part); },
        kSumsAtOnce));
    return true;
  });
}

absl::StatusOr<bool> StartSumsAnew(Connection& connection, absl::string_view account_id,
                                   const SumsPosition& from, int64_t calendar_changes) {
  return InTransactionIf(connection, [&]() -> absl::StatusOr<bool> {
    RESERVE_ASSIGN_OR_RETURN(const bool moved,
                             MovePosition(connection, account_id, from, {0, calendar_changes}));
    if (!moved) return false;
    RESERVE_RETURN_IF_ERROR(connection.Execute(absl::StrCat(
        "UPDATE usage_sums SET usages = 0, unrated = 0, duration_micros = 0, free_seconds = 0, "
        "paid_seconds = 0, segments = 0, cost_nanos = 0 WHERE account_id = ",
        Quoted(account_id))));
    return true;
  });
}

absl::StatusOr<absl::Time> LastDayOfSums(Connection& connection, absl::string_view account_id) {
  absl::Time last = absl::InfinitePast();
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT MAX(day_begin) FROM usage_sums WHERE account_id = ", Quoted(account_id)),
      [&last](const Row& row) { last = row.Time(1); }));
  return last;
}

absl::StatusOr<std::vector<DaySum>> ListSums(Connection& connection, absl::string_view account_id,
                                             const SumsAsked& asked) {
  std::vector<std::string> told_apart = {"day_begin"};
  if (asked.by_user) told_apart.push_back("user_id");
  if (asked.by_country) told_apart.push_back("country");
  if (asked.by_kind) told_apart.push_back("kind");
  std::string sql = absl::StrCat(
      "SELECT day_begin,", asked.by_user ? "user_id" : "''", ",",
      asked.by_country ? "country" : "''", ",", asked.by_kind ? "kind" : "1",
      ",SUM(usages),SUM(unrated),SUM(duration_micros),SUM(free_seconds),SUM(paid_seconds),"
      "SUM(segments),SUM(cost_nanos) FROM usage_sums FORCE INDEX (PRIMARY) WHERE account_id = ",
      Quoted(account_id));
  if (asked.range.begin != absl::InfinitePast()) {
    absl::StrAppend(&sql, " AND day_begin >= ", QuotedTime(asked.range.begin));
  }
  if (asked.range.end != absl::InfiniteFuture()) {
    absl::StrAppend(&sql, " AND day_begin < ", QuotedTime(asked.range.end));
  }
  const std::string columns = absl::StrJoin(told_apart, ",");
  absl::StrAppend(&sql, " GROUP BY ", columns, " ORDER BY ", columns);
  std::vector<DaySum> sums;
  bool fits = true;
  RESERVE_RETURN_IF_ERROR(connection.Query(sql, [&](const Row& row) {
    DaySum sum;
    sum.day_begin = row.Time(1);
    sum.group = {row.Text(2), row.Text(3), static_cast<domain::UsageKind>(row.Int(4))};
    sum.amounts = {row.Int(5), row.Int(6), absl::Microseconds(row.Int(7)),
                   row.Int(8), row.Int(9), row.Int(10)};
    // An integer would be cut to what fits it.
    fits = absl::SimpleAtoi(row.Text(11), &sum.amounts.cost) && fits;
    if (!(sum.amounts == UsageAmounts())) sums.push_back(std::move(sum));
  }));
  if (!fits) return Multiply(std::numeric_limits<Nanos>::max(), 2).status();
  return sums;
}

absl::StatusOr<absl::Time> BookingTimeOf(Connection& connection, absl::string_view account_id,
                                         const std::vector<int32_t>& months, int64_t seq) {
  absl::Time time = absl::InfinitePast();
  if (months.empty()) return time;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT record_time FROM entries FORCE INDEX (by_account) WHERE account_id = ",
                   Quoted(account_id), " AND month IN (", absl::StrJoin(months, ","),
                   ") AND seq = ", seq),
      [&time](const Row& row) { time = row.Time(1); }));
  return time;
}

}  // namespace reserve::storage
