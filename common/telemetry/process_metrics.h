// The process's own figures, under the names that Prometheus dashboards expect:
// process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds,
// process_threads, process_start_time_seconds.
//
// Read from /proc when they are asked for. Thread-safe.
#ifndef RESERVE_COMMON_TELEMETRY_PROCESS_METRICS_H_
#define RESERVE_COMMON_TELEMETRY_PROCESS_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace reserve {

class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_TELEMETRY_PROCESS_METRICS_H_
