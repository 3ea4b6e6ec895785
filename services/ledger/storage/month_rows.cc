#include "services/ledger/storage/month_rows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {

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
      "SELECT b.last_seq,b.month,m.month,m.first_seq,m.last_seq "
      "FROM balances b FORCE INDEX (PRIMARY) LEFT JOIN account_months m FORCE INDEX (PRIMARY) "
      "ON m.account_id = b.account_id WHERE b.account_id = ",
      Quoted(account_id));
  RESERVE_RETURN_IF_ERROR(connection.Query(sql, [&](const Row& row) {
    months.last_seq = row.Int(1);
    months.newest = static_cast<int32_t>(row.Int(2));
    if (row.IsNull(3)) return;
    months.spans.push_back(
        {std::string(account_id), static_cast<int32_t>(row.Int(3)), row.Int(4), row.Int(5)});
    if (months.spans.back().month == months.newest) months.spans.back().last_seq = months.last_seq;
  }));
  // Not by the server, which would sort them apart for that.
  std::sort(months.spans.begin(), months.spans.end(),
            [](const MonthSpan& one, const MonthSpan& other) { return one.month < other.month; });
  return months;
}

absl::Status WriteMonths(Connection& connection, const std::vector<MonthSpan>& spans) {
  if (spans.empty()) return absl::OkStatus();
  SqlText sql("INSERT INTO account_months (account_id,month,first_seq,last_seq) VALUES ");
  for (const MonthSpan& span : spans) {
    sql.Row().Text(span.account_id).Int(span.month).Int(span.first_seq).Int(span.last_seq).EndRow();
  }
  sql.Raw(" ON DUPLICATE KEY UPDATE last_seq=GREATEST(last_seq,VALUES(last_seq))");
  return connection.Execute(sql.str());
}

}  // namespace reserve::storage
