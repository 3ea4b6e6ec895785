// How long calls took, under OpenTelemetry's name and attributes (rpc.server.call.duration of its
// semantic conventions for RPC, as its rules for Prometheus write it), with the buckets that it
// advises: what dashboards for gRPC services look for. Thread-safe.
//
//   CallDurations durations(registry);
//   durations.Observe("/reserve.ledger.v1.Ledger/RecordUsage", absl::StatusCode::kOk, elapsed);
#ifndef RESERVE_COMMON_RPC_CALL_DURATIONS_H_
#define RESERVE_COMMON_RPC_CALL_DURATIONS_H_

#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve {

// Does the code say that a server failed, and not that its caller asked for what can't be?
bool IsServersFault(absl::StatusCode code);

class CallDurations {
 public:
  // Several on one registry count together.
  explicit CallDurations(prometheus::Registry& registry);

  // `method` as gRPC names it. What this answers lives as long as the registry.
  prometheus::Histogram& Of(absl::string_view method, absl::StatusCode code);
  void Observe(absl::string_view method, absl::StatusCode code, absl::Duration elapsed) {
    Of(method, code).Observe(absl::ToDoubleSeconds(elapsed));
  }

 private:
  prometheus::Family<prometheus::Histogram>& family_;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_CALL_DURATIONS_H_
