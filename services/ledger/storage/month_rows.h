// Rows of account_months: which months an account has entries in, and between which of
// its seqs they lie. Entries are partitioned by month and an account's seqs run across the
// months, as a usage belongs to the month it began in: this tells a reader which partitions
// a stretch of seqs can be in.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_MONTH_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_MONTH_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// No entry that the account has in `month` has a seq below `first_seq` or above `last_seq`.
struct MonthSpan {
  std::string account_id;
  int32_t month = 0;  // 202611
  int64_t first_seq = 0;
  int64_t last_seq = 0;

  friend bool operator==(const MonthSpan&, const MonthSpan&) = default;
};

// The months of one account as of one moment, up to the last entry that it had then.
struct AccountMonths {
  int64_t last_seq = 0;
  int32_t current = 0;           // that entries are being added to (Balance::month)
  std::vector<MonthSpan> spans;  // by month

  // The months that can hold an entry with begin <= seq < end.
  std::vector<int32_t> Within(int64_t begin, int64_t end) const;
};

// Without spans if there is no such account. That of the current month ends at the last entry,
// whatever its row says.
absl::StatusOr<AccountMonths> LoadMonths(Connection& connection, absl::string_view account_id);

// Adds these spans; of a month that has a row already only a later `last_seq` counts. Of several of
// one account and month those to add come in the order of what happened. Inside a transaction of
// the caller that holds the accounts' locks, as the rows are not locked first.
absl::Status WriteMonths(Connection& connection, std::vector<MonthSpan> spans);

// The months in which an account really has entries, from the entries themselves: all of them
// are looked at.
absl::StatusOr<std::vector<MonthSpan>> ComputeMonths(Connection& connection,
                                                     absl::string_view account_id);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_MONTH_ROWS_H_
