// What `serve` is made of, from the command line: the engine and the port.
#ifndef RESERVE_SERVICES_LEDGER_SERVE_SERVE_FLAGS_H_
#define RESERVE_SERVICES_LEDGER_SERVE_SERVE_FLAGS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "common/rpc/tls_identity.h"
#include "services/ledger/engine/engine.h"

namespace reserve::serve {

// The database, the rules' settings and the sizes of the engine. INVALID_ARGUMENT naming the flag
// that is out of its range.
absl::StatusOr<engine::EngineOptions> EngineOptionsFromFlags();

// Where and how the ledger listens. INVALID_ARGUMENT naming the flag that is out of its range.
absl::StatusOr<ServerOptions> LedgerServerOptionsFromFlags();

// How this ledger reaches others (--peer_address). `identity`: its own; null without TLS.
ChannelOptions PeerChannelOptionsFromFlags(std::shared_ptr<TlsIdentity> identity);

// How many calls may come a second, of each kind 0 for any number.
struct CallRates {
  double of_caller = 0;
  double for_account = 0;
};
// INVALID_ARGUMENT naming the flag that is out of its range.
absl::StatusOr<CallRates> CallRatesFromFlags();

// Is a database accepted whose settings can lose a commit?
bool AllowUnsafeDatabaseFromFlags();
// Is a database refused at start whose semi-synchronous replication is off or has fallen back?
bool RequireSemiSyncFromFlags();

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_SERVE_FLAGS_H_
