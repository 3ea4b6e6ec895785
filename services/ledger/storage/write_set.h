// Writes what a batch of commands came to, in the order that is its contract (book/write_set.h).
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_WRITE_SET_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_WRITE_SET_H_

#include <optional>

#include "absl/status/statusor.h"
#include "common/clock/monotonic.h"
#include "services/ledger/book/write_set.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

struct Written {
  // When the events were sent to the database; nothing if there are none.
  std::optional<Moment> events;
};

// Inside a transaction of the caller, who commits. ALREADY_EXISTS if a usage is booked or an
// account opened already, ABORTED "BALANCE_MOVED" if an account is not what it was when it was
// read; else as in connection.h. After any error the caller rolls back.
absl::StatusOr<Written> Write(Connection& connection, book::WriteSet&& writes);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_WRITE_SET_H_
