// Waits until what was written comes into force. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_API_AWAIT_TIME_H_
#define RESERVE_SERVICES_LEDGER_API_AWAIT_TIME_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/ledger/engine/engine.h"
#include "services/ledger/storage/connection.h"

namespace reserve::api {

// Comes back once the database's clock says so; ends when the caller has gone, as the connection
// then refuses. Blocks.
absl::Status AwaitTime(engine::Engine& engine, storage::Connection& connection, absl::Time time);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_AWAIT_TIME_H_
