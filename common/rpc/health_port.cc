#include "common/rpc/health_port.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/grpc_log.h"
#include "common/telemetry/log.h"

namespace reserve {
namespace {

constexpr char kLive[] = "live";
constexpr char kReady[] = "ready";
// Who opens connections here has no certificate: a probe needs one call at a time.
constexpr int kMaxConcurrentCalls = 4;
constexpr int kMaxReceiveBytes = 4 << 10;

// Reflection, which the other servers of the process ask for, comes as a plugin to all of them.
class WithoutPlugins : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<HealthPort>> HealthPort::Start(const std::string& listen) {
  auto health = std::unique_ptr<HealthPort>(new HealthPort());
  if (listen.empty()) return health;
  RouteGrpcLog();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<WithoutPlugins>());
  builder.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentCalls);
  builder.RegisterCallbackGenericService(&health->nothing_else_);
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &health->port_);
  health->server_ = builder.BuildAndStart();
  const bool is_unix = absl::StartsWith(listen, "unix:");
  if (health->server_ == nullptr || (health->port_ <= 0 && !is_unix)) {
    return absl::UnavailableError(absl::StrCat("can't listen on '", listen, "' for health"));
  }
  if (is_unix) health->port_ = 0;
  health->server_->GetHealthCheckService()->SetServingStatus(kLive, true);
  health->SetReady(false);
  Log(Severity::kInfo, "health is served", {{"listen", listen}, {"port", health->port_}});
  return health;
}

HealthPort::~HealthPort() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

void HealthPort::SetReady(bool ready) {
  if (server_ == nullptr) return;
  grpc::HealthCheckServiceInterface* const health = server_->GetHealthCheckService();
  health->SetServingStatus(kReady, ready);
  health->SetServingStatus("", ready);
}

}  // namespace reserve
