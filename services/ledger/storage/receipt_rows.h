// Rows of receipts (domain/receipt.h): only ever added.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_RECEIPT_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_RECEIPT_ROWS_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_RECEIPT_ROWS_H_
