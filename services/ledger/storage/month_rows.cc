#include "services/ledger/storage/month_rows.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using book::MonthSpan;

bool ByKey(const MonthSpan& one, const MonthSpan& other) {
  return std::tie(one.account_id, one.month) < std::tie(other.account_id, other.month);
}

// One of each account and month, which begins as the first did.
std::vector<MonthSpan> Merged(std::vector<MonthSpan> spans) {
  std::stable_sort(spans.begin(), spans.end(), ByKey);
  std::vector<MonthSpan> merged;
  for (MonthSpan& span : spans) {
    if (merged.empty() || ByKey(merged.back(), span)) {
      merged.push_back(std::move(span));
    } else {
      merged.back().last_seq = std::max(merged.back().last_seq, span.last_seq);
    }
  }
  return merged;
}

}  // namespace

std::vector<int32_t> AccountMonths::Within(int64_t begin, int64_t end) const {
  std::vector<int32_t> months;
  for (const MonthSpan& span : spans) {
    if (span.first_seq < end && span.last_seq >= begin) months.push_back(span.month);
  }
  return months;
}

absl::StatusOr<AccountMonths> LoadMonths(Connection& connection, absl::string_view account_id) {
  AccountMonths months;
  // One statement, so that it is one moment: a later entry may be in a month that has no row yet.
  const std::string sql = absl::StrCat(
      "SELECT b.last_seq,b.month,m.month,m.first_seq,m.last_seq,COALESCE(h.month,0) "
      "FROM balances b FORCE INDEX (PRIMARY) LEFT JOIN archived_heads h FORCE INDEX (PRIMARY) "
      "ON h.account_id = b.account_id LEFT JOIN account_months m FORCE INDEX (PRIMARY) "
      "ON m.account_id = b.account_id WHERE b.account_id = ",
      Quoted(account_id));
  RESERVE_RETURN_IF_ERROR(connection.Query(sql, [&](const Row& row) {
    months.last_seq = row.Int(1);
    months.current = static_cast<int32_t>(row.Int(2));
    months.archived_month = static_cast<int32_t>(row.Int(6));
    // A row may be written for a month that is archived as the account turns to another.
    if (row.IsNull(3) || row.Int(3) <= months.archived_month) return;
    MonthSpan span = {std::string(account_id), static_cast<int32_t>(row.Int(3)), row.Int(4),
                      row.Int(5)};
    if (span.month == months.current) span.last_seq = months.last_seq;
    months.spans.push_back(std::move(span));
  }));
  // Not by the server, which would sort them apart for that.
  std::sort(months.spans.begin(), months.spans.end(), ByKey);
  return months;
}

absl::Status WriteMonths(Connection& connection, std::vector<MonthSpan> spans) {
  if (spans.empty()) return absl::OkStatus();
  SqlText sql("INSERT INTO account_months (account_id,month,first_seq,last_seq) VALUES ");
  for (const MonthSpan& span : Merged(std::move(spans))) {
    sql.Row().Text(span.account_id).Int(span.month).Int(span.first_seq).Int(span.last_seq).EndRow();
  }
  sql.Raw(" ON DUPLICATE KEY UPDATE last_seq=GREATEST(last_seq,VALUES(last_seq))");
  return connection.Execute(sql.str());
}

absl::StatusOr<std::vector<MonthSpan>> ComputeMonths(Connection& connection,
                                                     absl::string_view account_id,
                                                     int32_t archived_month) {
  std::vector<MonthSpan> spans;
  const std::string sql = absl::StrCat(
      "SELECT month,MIN(seq),MAX(seq) FROM entries FORCE INDEX (by_account) WHERE account_id = ",
      Quoted(account_id), " AND month > ", archived_month, " GROUP BY month");
  RESERVE_RETURN_IF_ERROR(connection.Query(sql, [&](const Row& row) {
    spans.push_back(
        {std::string(account_id), static_cast<int32_t>(row.Int(1)), row.Int(2), row.Int(3)});
  }));
  std::sort(spans.begin(), spans.end(), ByKey);
  return spans;
}

}  // namespace reserve::storage
