// Rows of account_months: which months, and so which partitions, the entries of a stretch of an
// account's seqs can be in (book/month_span.h).
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_MONTH_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_MONTH_ROWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/book/month_span.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// The months of one account as of one moment, up to the last entry that it had then.
struct AccountMonths {
  int64_t last_seq = 0;
  int32_t current = 0;  // that entries are being added to (book::Balance::month)
  // The last whose entries have left, but for those that stay (archive_rows.h); 0: none have.
  int32_t archived_month = 0;
  std::vector<book::MonthSpan> spans;  // by month, those that are not archived

  // The months that can hold an entry with begin <= seq < end.
  std::vector<int32_t> Within(int64_t begin, int64_t end) const;
};

// Without spans if there is no such account. That of the current month ends at the last entry,
// whatever its row says.
absl::StatusOr<AccountMonths> LoadMonths(Connection& connection, absl::string_view account_id);

// Adds these spans; of a month that has a row already only a later `last_seq` counts. Of several of
// one account and month those to add come in the order of what happened. Inside a transaction of
// the caller that holds the accounts' locks, as the rows are not locked first.
absl::Status WriteMonths(Connection& connection, std::vector<book::MonthSpan> spans);

// The months after an archived one in which an account really has entries, from the entries
// themselves: all of them are looked at.
absl::StatusOr<std::vector<book::MonthSpan>> ComputeMonths(Connection& connection,
                                                           absl::string_view account_id,
                                                           int32_t archived_month = 0);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_MONTH_ROWS_H_
