// Serves Prometheus metrics over HTTP at /metrics.
//
// Modules create their counters and histograms from `registry()` when they are
// built, and keep references to them; a registry outlives the modules that use it.
// With an empty address nothing is served, and the registry works all the same.
// Thread-safe.
//
//   auto metrics = MetricsServer::Start("0.0.0.0:9100");
//   auto& family = prometheus::BuildCounter().Name("reserve_usages_total").Register(
//       (*metrics)->registry());
#ifndef RESERVE_COMMON_TELEMETRY_METRICS_SERVER_H_
#define RESERVE_COMMON_TELEMETRY_METRICS_SERVER_H_

#include <prometheus/exposer.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace reserve {

class MetricsServer {
 public:
  // Listens on `listen`, host:port (port 0 for any); empty means off. The
  // process's own figures (CPU, memory, threads, files, start time) are included.
  // INVALID_ARGUMENT for a malformed address, UNAVAILABLE if it can't be bound.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& listen);

  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // Where modules register their metrics.
  prometheus::Registry& registry() { return *registry_; }

  // Asks `figures` too, as long as it lives.
  void Add(const std::shared_ptr<prometheus::Collectable>& figures);

  // The port that is bound; 0 if nothing is served.
  int port() const { return port_; }

 private:
  MetricsServer();

  std::shared_ptr<prometheus::Registry> registry_;
  std::shared_ptr<prometheus::Collectable> process_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  int port_ = 0;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_TELEMETRY_METRICS_SERVER_H_
