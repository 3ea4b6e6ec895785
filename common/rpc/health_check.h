// Asks a server for its health, by the standard gRPC health protocol.
#ifndef RESERVE_COMMON_RPC_HEALTH_CHECK_H_
#define RESERVE_COMMON_RPC_HEALTH_CHECK_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace reserve {

// Is `service` SERVING? Empty is the server as a whole. The error of the call if it was not
// answered within `timeout`; NOT_FOUND if the server has no such service. Thread-safe.
absl::StatusOr<bool> IsServing(const std::shared_ptr<grpc::Channel>& channel,
                               const std::string& service, absl::Duration timeout);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_HEALTH_CHECK_H_
