// gRPC's own messages as log records, and failed handshakes among them counted and told apart.
#ifndef RESERVE_COMMON_RPC_GRPC_LOG_H_
#define RESERVE_COMMON_RPC_GRPC_LOG_H_

#include <grpcpp/security/tls_credentials_options.h>
#include <prometheus/registry.h>

#include <memory>

namespace reserve {

// From here on gRPC's messages come out through Log, so that stderr is JSON throughout.
// Which ones there are is still GRPC_VERBOSITY's to say. Of handshakes of TLS that failed there is
// a line a minute for each reason and peer. Idempotent, thread-safe.
void RouteGrpcLog();

// Counts failed handshakes of this process by reason, in a metric of `registry`, for as long as
// what is returned lives; it must not outlive the registry. All are told of anew.
std::shared_ptr<void> CountHandshakes(prometheus::Registry& registry);

// Has gRPC say what is wrong with a peer's certificate where a handshake with these options fails.
// It does so where it looks for lists of revoked certificates, of which it finds none: what is
// verified is the same with this and without.
void TellWhyHandshakesFail(grpc::experimental::TlsCredentialsOptions* options);
// The same for channels, and of a server whose certificate has other names than is asked for: whom
// was called, and which names it has. gRPC's own verifier decides.
void TellWhyHandshakesFail(grpc::experimental::TlsChannelCredentialsOptions* options);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_GRPC_LOG_H_
