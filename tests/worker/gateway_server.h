// The gateway stub in the test's own process, served on a port of its own.
#ifndef RESERVE_TESTS_WORKER_GATEWAY_SERVER_H_
#define RESERVE_TESTS_WORKER_GATEWAY_SERVER_H_

#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "common/rpc/server.h"
#include "services/gateway_stub/gateway.h"
#include "services/gateway_stub/service.h"

namespace reserve::worker {

class GatewayServer {
 public:
  explicit GatewayServer(std::string outage_file)
      : gateway_(*gateway_stub::Gateway::Open({.outage_file = std::move(outage_file)})),
        service_(gateway_.get(), &registry_) {
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    server_ =
        *RpcServer::Start(options, {{gateway::v1::PaymentGateway::service_full_name(), &service_}});
  }
  ~GatewayServer() { server_->Drain(absl::ZeroDuration()); }

  std::string target() const { return server_->local_target(); }
  gateway_stub::Gateway& gateway() { return *gateway_; }
  size_t charges() { return gateway_->ListCharges({}, 0, 1000)->charges.size(); }

 private:
  prometheus::Registry registry_;
  std::unique_ptr<gateway_stub::Gateway> gateway_;
  gateway_stub::PaymentGatewayService service_;
  std::unique_ptr<RpcServer> server_;
};

}  // namespace reserve::worker

#endif  // RESERVE_TESTS_WORKER_GATEWAY_SERVER_H_
