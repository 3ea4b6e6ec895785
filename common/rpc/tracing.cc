#include "common/rpc/tracing.h"

#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/flags/address.h"
#include "common/flags/version.h"
#include "common/rpc/channel.h"
#include "common/rpc/rpc_flags.h"

ABSL_FLAG(
    std::string, otlp_endpoint, "",
    "host:port of an OpenTelemetry collector that takes spans (OTLP over gRPC); empty for none: "
    "then nothing is traced, and the trace ids of callers are in the log all the same.");
ABSL_FLAG(
    bool, otlp_plaintext, false,
    "The collector is spoken to in plain text, also with TLS or on another machine: spans hold "
    "ids, methods and codes, and nothing of customers.");
ABSL_FLAG(double, trace_ratio, 0.01,
          "Of the calls whose callers say nothing of a trace: the share that is traced, 0 to 1. "
          "Else the caller's word goes.");

namespace reserve {
namespace {

// A collector that is away is looked for this often at the least.
constexpr absl::Duration kReconnectAtLeastEvery = absl::Seconds(30);

prometheus::MetricFamily One(const char* name, const char* help, prometheus::MetricType type,
                             int64_t value) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  prometheus::ClientMetric metric;
  (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) =
      static_cast<double>(value);
  family.metric.push_back(std::move(metric));
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> Tracing::Collect() const {
  const Tracer::Counts counts = tracer_.counts();
  return {One("reserve_trace_spans_exported_total", "Spans that the trace collector took.",
              prometheus::MetricType::Counter, counts.exported),
          One("reserve_trace_spans_dropped_total",
              "Spans dropped, as the collector did not take them or not in time.",
              prometheus::MetricType::Counter, counts.dropped),
          One("reserve_trace_spans_queued", "Spans that wait for the trace collector.",
              prometheus::MetricType::Gauge, counts.queued)};
}

absl::StatusOr<std::shared_ptr<Tracing>> StartTracing(const std::string& service,
                                                      std::shared_ptr<TlsIdentity> identity,
                                                      MetricsServer& metrics) {
  const std::string endpoint = absl::GetFlag(FLAGS_otlp_endpoint);
  const double ratio = absl::GetFlag(FLAGS_trace_ratio);
  if (!(ratio >= 0 && ratio <= 1)) return InvalidField("--trace_ratio", "must be 0 to 1");
  auto tracing =
      std::make_shared<Tracing>(Tracer::Options{.on = !endpoint.empty(), .ratio = ratio});
  metrics.Add(tracing);
  if (endpoint.empty()) return tracing;
  RESERVE_RETURN_IF_ERROR(CheckTarget("--otlp_endpoint", endpoint));
  ChannelOptions channel;
  channel.max_reconnect_backoff = kReconnectAtLeastEvery;
  if (!absl::GetFlag(FLAGS_otlp_plaintext)) {
    RESERVE_RETURN_IF_ERROR(CheckPlaintext("--otlp_endpoint", endpoint));
    channel.identity = std::move(identity);
  }
  RESERVE_ASSIGN_OR_RETURN(auto connection, MakeChannel(endpoint, channel));
  tracing->ExportTo({.service = service, .version = Version(), .channel = std::move(connection)});
  return tracing;
}

}  // namespace reserve
