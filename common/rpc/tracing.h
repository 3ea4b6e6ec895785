// What a program of ours traces with: a tracer, and an exporter where a collector is named by
// --otlp_endpoint. Their counts are metrics. Thread-safe.
//
//   RESERVE_ASSIGN_OR_RETURN(const auto tracing, StartTracing("reserve-ledger", identity,
//   *metrics)); tracing->tracer().Begin(TraceOf(context));
#ifndef RESERVE_COMMON_RPC_TRACING_H_
#define RESERVE_COMMON_RPC_TRACING_H_

#include <prometheus/collectable.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/otlp_exporter.h"
#include "common/rpc/tls_identity.h"
#include "common/telemetry/metrics_server.h"
#include "common/telemetry/trace.h"

namespace reserve {

class Tracing : public prometheus::Collectable {
 public:
  explicit Tracing(Tracer::Options options) : tracer_(options) {}

  Tracer& tracer() { return tracer_; }
  // Does anybody take spans?
  bool on() const { return exporter_ != nullptr; }
  void ExportTo(OtlpExporter::Options options) {
    exporter_ = std::make_unique<OtlpExporter>(tracer_, std::move(options));
  }
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  Tracer tracer_;
  std::unique_ptr<OtlpExporter> exporter_;  // last: it ends first
};

// By --otlp_endpoint, --otlp_plaintext and --trace_ratio. `identity`, which may be null, is that of
// this process. INVALID_ARGUMENT naming the flag that has no sense.
absl::StatusOr<std::shared_ptr<Tracing>> StartTracing(const std::string& service,
                                                      std::shared_ptr<TlsIdentity> identity,
                                                      MetricsServer& metrics);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_TRACING_H_
