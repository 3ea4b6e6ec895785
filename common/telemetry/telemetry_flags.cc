#include "common/telemetry/telemetry_flags.h"

#include <prometheus/gauge.h>

#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "common/error/error.h"
#include "common/flags/version.h"
#include "common/telemetry/log.h"

ABSL_FLAG(std::string, log_level, "info",
          "Lowest severity that is logged: debug, info, warning or error.");
ABSL_FLAG(std::string, metrics_listen, "",
          "host:port on which Prometheus metrics are served at /metrics; empty for none.");

namespace reserve {

absl::StatusOr<std::unique_ptr<MetricsServer>> StartTelemetry() {
  RESERVE_RETURN_IF_ERROR(SetLogLevel(absl::GetFlag(FLAGS_log_level)));
  RESERVE_ASSIGN_OR_RETURN(std::unique_ptr<MetricsServer> server,
                           MetricsServer::Start(absl::GetFlag(FLAGS_metrics_listen)));
  prometheus::BuildGauge()
      .Name("reserve_build_info")
      .Help("1; the labels say what this program is.")
      .Register(server->registry())
      .Add({{"version", Version()}, {"build", Build()}})
      .Set(1);
  return server;
}

}  // namespace reserve
