#include "common/telemetry/metrics_server.h"

#include <exception>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/flags/address.h"
#include "common/telemetry/process_metrics.h"

namespace reserve {
namespace {

// One slow scraper must not keep another waiting; more threads than that are waste.
constexpr size_t kHttpThreads = 2;

}  // namespace

MetricsServer::MetricsServer()
    : registry_(std::make_shared<prometheus::Registry>()),
      process_(std::make_shared<ProcessMetrics>()) {}

MetricsServer::~MetricsServer() = default;

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(const std::string& listen) {
  auto server = std::unique_ptr<MetricsServer>(new MetricsServer());
  if (listen.empty()) return server;
  RESERVE_RETURN_IF_ERROR(CheckListenAddress("--metrics_listen", listen, /*may_be_unix=*/false));
  try {
    server->exposer_ = std::make_unique<prometheus::Exposer>(listen, kHttpThreads);
    server->exposer_->RegisterCollectable(server->registry_);
    server->exposer_->RegisterCollectable(server->process_);
    const std::vector<int> ports = server->exposer_->GetListeningPorts();
    if (!ports.empty()) server->port_ = ports.front();
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("metrics can't be served on '", listen, "': ", error.what()));
  }
  return server;
}

void MetricsServer::Add(const std::shared_ptr<prometheus::Collectable>& figures) {
  if (exposer_ != nullptr) exposer_->RegisterCollectable(figures);
}

}  // namespace reserve
