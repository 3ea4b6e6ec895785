#include "services/ledger/storage/statements.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

// "account_id = 'a' AND month IN (...) AND seq >= 1 AND seq < 9", by the index of the account;
// empty: no month has such an entry.
std::string FromEntriesWithin(const AccountMonths& months, absl::string_view account_id,
                              const SeqRange& seqs) {
  const std::vector<int32_t> within = months.Within(seqs.first, seqs.end);
  if (seqs.empty() || within.empty()) return "";
  return absl::StrCat(" FROM entries FORCE INDEX (by_account) WHERE account_id = ",
                      Quoted(account_id), " AND month IN (", absl::StrJoin(within, ","),
                      ") AND seq >= ", seqs.first, " AND seq < ", seqs.end);
}

// The same of what stays of archived months; empty: there is none.
std::string FromKeptWithin(const AccountMonths& months, absl::string_view account_id,
                           const SeqRange& seqs) {
  if (months.archived_month == 0 || seqs.empty()) return "";
  return absl::StrCat(" FROM kept_entries WHERE account_id = ", Quoted(account_id),
                      " AND seq >= ", seqs.first, " AND seq < ", seqs.end);
}

// Both, those that there are.
std::vector<std::string> FromAllWithin(const AccountMonths& months, absl::string_view account_id,
                                       const SeqRange& seqs) {
  std::vector<std::string> all = {FromEntriesWithin(months, account_id, seqs),
                                  FromKeptWithin(months, account_id, seqs)};
  all.erase(std::remove(all.begin(), all.end(), ""), all.end());
  return all;
}

// The first entry of the stretch that was booked at or after `time`; the stretch's end if there is
// none. The index has the time of each, as that is in the primary key: no entry is read.
absl::StatusOr<int64_t> FirstBookedAt(Connection& connection, const AccountMonths& months,
                                      absl::string_view account_id, absl::Time time,
                                      const SeqRange& seqs) {
  int64_t first = seqs.end;
  for (const std::string& from : FromAllWithin(months, account_id, seqs)) {
    RESERVE_RETURN_IF_ERROR(
        connection.Query(absl::StrCat("SELECT seq", from, " AND record_time >= ", QuotedTime(time),
                                      " ORDER BY seq LIMIT 1"),
                         [&first](const Row& row) { first = std::min(first, row.Int(1)); }));
  }
  return first;
}

// The decimal text of a sum: what the client library makes of it as a number may be cut off.
Nanos SumFrom(const std::string& text) {
  constexpr Nanos kMost = std::numeric_limits<Nanos>::max();
  constexpr Nanos kLeast = std::numeric_limits<Nanos>::min();
  absl::int128 sum = 0;
  if (!absl::SimpleAtoi(text, &sum)) return 0;
  if (sum > kMost) return kMost;
  return sum < kLeast ? kLeast : static_cast<Nanos>(sum);
}

}  // namespace

absl::StatusOr<BookedPeriod> FindBooked(Connection& connection, absl::string_view account_id,
                                        absl::Time begin, absl::Time end) {
  RESERVE_ASSIGN_OR_RETURN(const AccountMonths months, LoadMonths(connection, account_id));
  BookedPeriod period;
  period.seqs.end = months.last_seq + 1;
  if (begin != absl::InfinitePast()) {
    RESERVE_ASSIGN_OR_RETURN(period.seqs.first,
                             FirstBookedAt(connection, months, account_id, begin, period.seqs));
  }
  if (end == absl::InfiniteFuture()) return period;
  // No entry before the first that is of its begin or later is of its end.
  RESERVE_ASSIGN_OR_RETURN(const int64_t after,
                           FirstBookedAt(connection, months, account_id, end, period.seqs));
  period.final = after < period.seqs.end;
  period.seqs.end = after;
  return period;
}

absl::StatusOr<PeriodSums> SumPeriod(Connection& connection, absl::string_view account_id,
                                     const SeqRange& seqs) {
  RESERVE_ASSIGN_OR_RETURN(const AccountMonths months, LoadMonths(connection, account_id));
  PeriodSums sums;
  const auto balance_after = [&](int64_t seq, Nanos* balance) -> absl::Status {
    const auto take = [balance](const Row& row) { *balance = row.Int(1); };
    for (const std::string& from : FromAllWithin(months, account_id, {seq, seq + 1})) {
      RESERVE_RETURN_IF_ERROR(
          connection.Query(absl::StrCat("SELECT balance_after_nanos", from), take));
    }
    if (months.archived_month == 0) return absl::OkStatus();
    return connection.Query(
        absl::StrCat("SELECT balance_nanos FROM archived_heads WHERE account_id = ",
                     Quoted(account_id), " AND seq = ", seq),
        take);
  };
  RESERVE_RETURN_IF_ERROR(balance_after(seqs.first - 1, &sums.opening_balance));
  sums.closing_balance = sums.opening_balance;
  const std::vector<std::string> all = FromAllWithin(months, account_id, seqs);
  if (all.empty()) return sums;
  RESERVE_RETURN_IF_ERROR(balance_after(seqs.end - 1, &sums.closing_balance));
  std::map<domain::EntryKind, KindTotal> totals;
  for (const std::string& from : all) {
    RESERVE_RETURN_IF_ERROR(connection.Query(
        absl::StrCat("SELECT kind,COUNT(*),CAST(SUM(GREATEST(amount_nanos,0)) AS CHAR),"
                     "CAST(SUM(LEAST(amount_nanos,0)) AS CHAR)",
                     from, " GROUP BY kind ORDER BY kind"),
        [&totals](const Row& row) {
          const auto kind = static_cast<domain::EntryKind>(row.Int(1));
          KindTotal& total = totals[kind];
          total.kind = kind;
          total.count += row.Int(2);
          total.credits = AddSaturating(total.credits, SumFrom(row.Text(3)));
          total.debits = AddSaturating(total.debits, SumFrom(row.Text(4)));
        }));
  }
  for (const auto& [kind, total] : totals) sums.totals.push_back(total);
  return sums;
}

}  // namespace reserve::storage
