// The flags of servers and channels, the same in every binary:
// --port_file, --health_listen, --drain_timeout, --max_connection_age, --max_connection_idle, the
// files of TLS,
// --tls_certificate_file, --tls_key_file, --tls_ca_file (one identity for serving and calling) with
// --tls_other_authority; --roles_file, which serving with TLS needs; and --insecure_plaintext.
// `--listen` is each binary's own, because its default is.
#ifndef RESERVE_COMMON_RPC_RPC_FLAGS_H_
#define RESERVE_COMMON_RPC_RPC_FLAGS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/access/roles_file.h"
#include "common/rpc/channel.h"
#include "common/rpc/health_port.h"
#include "common/rpc/server.h"
#include "common/rpc/tls_identity.h"

namespace reserve {

// INVALID_ARGUMENT naming the flag that has no sense, or the file of TLS that can't serve.
absl::Status CheckRpcFlags();
// INVALID_ARGUMENT naming `flag`, an address to listen on or to call, if that would be in plain
// text to other machines and --insecure_plaintext does not ask for it.
absl::Status CheckPlaintext(absl::string_view flag, absl::string_view address);
// As CheckRpcFlags, and of `--listen`, whose value is `listen`.
absl::StatusOr<ServerOptions> ServerOptionsFromFlags(const std::string& listen);
// --roles_file.
std::string RolesFileFromFlags();
// The roles of --roles_file; null without TLS. INVALID_ARGUMENT if the file is missing or has no
// sense.
absl::StatusOr<std::unique_ptr<RolesFile>> RolesFromFlags(prometheus::Registry& registry);
// The identity of the three flags, for a server and for channels, with its metrics; null without
// TLS.
absl::StatusOr<std::shared_ptr<TlsIdentity>> TlsIdentityFromFlags(prometheus::Registry& registry);
// The port of --health_listen; one that does nothing if that is empty. UNAVAILABLE if it can't be
// bound.
absl::StatusOr<std::unique_ptr<HealthPort>> StartHealthPort();
ChannelOptions ChannelOptionsFromFlags();
// How long a drain may take: --drain_timeout.
absl::Duration DrainTimeoutFromFlags();

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_RPC_FLAGS_H_
