// The flags of telemetry, the same in every binary: --log_level and
// --metrics_listen.
//
//   auto metrics = StartTelemetry();  // after ParseFlags, and after signals are blocked
#ifndef RESERVE_COMMON_TELEMETRY_TELEMETRY_FLAGS_H_
#define RESERVE_COMMON_TELEMETRY_TELEMETRY_FLAGS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/telemetry/metrics_server.h"

namespace reserve {

// Sets the log level from --log_level and serves metrics on --metrics_listen.
// INVALID_ARGUMENT for a bad value, UNAVAILABLE if the address can't be bound.
absl::StatusOr<std::unique_ptr<MetricsServer>> StartTelemetry();

}  // namespace reserve

#endif  // RESERVE_COMMON_TELEMETRY_TELEMETRY_FLAGS_H_
