// Whether the database server can be trusted with money.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_SERVER_CHECK_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_SERVER_CHECK_H_

#include "absl/status/status.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// FAILED_PRECONDITION "UNSAFE_DATABASE" if a setting of the server can lose a
// commit in a crash; the message names each setting and what it must be.
absl::Status CheckDurability(Connection& connection);

// Does the server log what we do in a way in which it can be done? An error of class kSettings
// where binlog_format is STATEMENT, which refuses every write of READ COMMITTED.
absl::Status CheckBinlogFormat(Connection& connection);

// Writes some pages and takes them back: the error of the database if it can't grow, as its disk is
// full. To be asked only after a write was refused; it costs as much as a large batch.
absl::Status TryToGrow(Connection& connection);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_SERVER_CHECK_H_
