// The flags of servers and channels, the same in every binary:
// --port_file, --drain_timeout, --max_connection_age and the files of TLS,
// --tls_certificate_file, --tls_key_file, --tls_ca_file (one identity for serving and calling).
// `--listen` is each binary's own, because its default is.
#ifndef RESERVE_COMMON_RPC_RPC_FLAGS_H_
#define RESERVE_COMMON_RPC_RPC_FLAGS_H_

#include <string>

#include "absl/time/time.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"

namespace reserve {

ServerOptions ServerOptionsFromFlags(const std::string& listen);
ChannelOptions ChannelOptionsFromFlags();
// How long a drain may take: --drain_timeout.
absl::Duration DrainTimeoutFromFlags();

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_RPC_FLAGS_H_
