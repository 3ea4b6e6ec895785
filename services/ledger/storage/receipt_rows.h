// Rows of receipts (domain/receipt.h): only ever added.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_RECEIPT_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_RECEIPT_ROWS_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/receipt.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/entry_rows.h"

namespace reserve::storage {

// Inside a transaction of the caller, which holds the accounts' locks or checks their revisions.
// ALREADY_EXISTS if a number is taken.
absl::Status InsertReceipts(Connection& connection, const std::deque<domain::Receipt>& receipts);

// Receipts of an account with first <= number < end, in that order.
absl::StatusOr<std::vector<domain::Receipt>> ListReceipts(Connection& connection,
                                                          absl::string_view account_id,
                                                          int64_t first, int64_t end, Oldest oldest,
                                                          int limit);

// Which receipts; all by default.
struct ReceiptFilter {
  std::optional<domain::EntryKind> kind = std::nullopt;
  int64_t ordinal = 0;                         // of this recharge, refund or payment; 0: of any
  absl::Time from = absl::InfinitePast();      // booked then or later
  absl::Time before = absl::InfiniteFuture();  // booked before then

  bool filters() const {
    return kind.has_value() || ordinal != 0 || from != absl::InfinitePast() ||
           before != absl::InfiniteFuture();
  }
};
// The same of those to which the filter applies. All of the stretch is looked at, unless `limit` is
// reached before.
absl::StatusOr<std::vector<domain::Receipt>> SearchReceipts(Connection& connection,
                                                            absl::string_view account_id,
                                                            const ReceiptFilter& filter,
                                                            int64_t first, int64_t end,
                                                            Oldest oldest, int limit);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_RECEIPT_ROWS_H_
