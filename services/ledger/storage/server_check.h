// Whether the database server can be trusted with money.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_SERVER_CHECK_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_SERVER_CHECK_H_

#include "absl/status/status.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// FAILED_PRECONDITION "UNSAFE_DATABASE" if a setting of the server can lose a
// commit in a crash; the message names each setting and what it must be.
absl::Status CheckDurability(Connection& connection);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_SERVER_CHECK_H_
