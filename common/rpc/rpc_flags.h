// The flags of servers and channels, the same in every binary:
// --port_file, --health_listen, --drain_timeout, --max_connection_age and the files of TLS,
// --tls_certificate_file, --tls_key_file, --tls_ca_file (one identity for serving and calling).
// `--listen` is each binary's own, because its default is.
#ifndef RESERVE_COMMON_RPC_RPC_FLAGS_H_
#define RESERVE_COMMON_RPC_RPC_FLAGS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/channel.h"
#include "common/rpc/health_port.h"
#include "common/rpc/server.h"

namespace reserve {

// INVALID_ARGUMENT naming the flag that has no sense, or the file of TLS that can't serve.
absl::Status CheckRpcFlags();
// The same, and of `--listen`, whose value is `listen`.
absl::StatusOr<ServerOptions> ServerOptionsFromFlags(const std::string& listen);
// The port of --health_listen; one that does nothing if that is empty. UNAVAILABLE if it can't be
// bound.
absl::StatusOr<std::unique_ptr<HealthPort>> StartHealthPort();
ChannelOptions ChannelOptionsFromFlags();
// How long a drain may take: --drain_timeout.
absl::Duration DrainTimeoutFromFlags();

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_RPC_FLAGS_H_
