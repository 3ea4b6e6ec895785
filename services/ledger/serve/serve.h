// `ledger serve`: wires the ledger together and serves until a signal ends it.
#ifndef RESERVE_SERVICES_LEDGER_SERVE_SERVE_H_
#define RESERVE_SERVICES_LEDGER_SERVE_SERVE_H_

#include "absl/status/status.h"

namespace reserve::serve {

// Blocks. OK after SIGTERM or SIGINT and a drain. INVALID_ARGUMENT for flags that have no sense;
// else what keeps it from starting: a port that is taken, a database that can lose a commit. A
// database that is away only makes it wait. Call it first in main, before any thread starts.
absl::Status Serve();

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_SERVE_H_
