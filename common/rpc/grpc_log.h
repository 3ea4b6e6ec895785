// gRPC's own messages as log records, and failed handshakes among them counted.
#ifndef RESERVE_COMMON_RPC_GRPC_LOG_H_
#define RESERVE_COMMON_RPC_GRPC_LOG_H_

#include <prometheus/registry.h>

#include <memory>

namespace reserve {

// From here on gRPC's messages come out through Log, so that stderr is JSON throughout.
// Which ones there are is still GRPC_VERBOSITY's to say. Of handshakes of TLS that failed there is
// a line a minute for each reason. Idempotent, thread-safe.
void RouteGrpcLog();

// Counts failed handshakes of this process by reason, in a metric of `registry`, for as long as
// what is returned lives; it must not outlive the registry. gRPC says no more than a line of text:
// not who the peer was, nor whether a certificate had expired or is of another authority.
std::shared_ptr<void> CountHandshakes(prometheus::Registry& registry);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_GRPC_LOG_H_
