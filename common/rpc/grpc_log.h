// gRPC's own messages as log records.
#ifndef RESERVE_COMMON_RPC_GRPC_LOG_H_
#define RESERVE_COMMON_RPC_GRPC_LOG_H_

namespace reserve {

// From here on gRPC's messages come out through Log, so that stderr is JSON throughout.
// Which ones there are is still GRPC_VERBOSITY's to say. Idempotent, thread-safe.
void RouteGrpcLog();

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_GRPC_LOG_H_
