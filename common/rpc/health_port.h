// A port of its own that serves health and nothing else, in plain text also where calls need
// certificates, for probes that have none (those of Kubernetes). By the standard gRPC health
// protocol, for two services: "live" is SERVING for as long as the process answers, whatever its
// database does; "ready", and "" likewise, is what the process says. Thread-safe.
//
//   RESERVE_ASSIGN_OR_RETURN(const auto health, HealthPort::Start("0.0.0.0:50053"));
//   health->SetReady(true);
#ifndef RESERVE_COMMON_RPC_HEALTH_PORT_H_
#define RESERVE_COMMON_RPC_HEALTH_PORT_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace reserve {

class HealthPort {
 public:
  // Listens on `listen`, host:port or unix:/path, not ready yet; nowhere if it is empty.
  // UNAVAILABLE if the address can't be bound.
  static absl::StatusOr<std::unique_ptr<HealthPort>> Start(const std::string& listen);

  ~HealthPort();
  HealthPort(const HealthPort&) = delete;
  HealthPort& operator=(const HealthPort&) = delete;

  void SetReady(bool ready);

  // The bound port; 0 if there is none.
  int port() const { return port_; }

 private:
  HealthPort() = default;

  // Answers UNIMPLEMENTED: gRPC starts no server that has no service but health.
  grpc::CallbackGenericService nothing_else_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_HEALTH_PORT_H_
