// Prometheus metrics of calls, by method and code, and of what they came to. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_API_RPC_METRICS_H_
#define RESERVE_SERVICES_LEDGER_API_RPC_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/rpc/call_durations.h"
#include "common/telemetry/trace.h"
#include "services/ledger/api/outcome_metrics.h"

namespace reserve::api {

class RpcMetrics {
 public:
  // Both must outlive this.
  RpcMetrics(prometheus::Registry& registry, Tracer& tracer);

  // What calls are traced with.
  Tracer& tracer() const { return tracer_; }
  // When this was made.
  absl::Time start_time() const { return start_time_; }
  // What became of recharges, and of verifications.
  OutcomeMetrics& outcomes() { return outcomes_; }

  // One call that ended. `method` must be a literal: its address is its key. `awaited` is what
  // Begin said of it.
  void Observe(const char* method, absl::StatusCode code, absl::Duration elapsed, bool awaited);
  // One that began, and will be observed once when it ends. Is it awaited, as it came before the
  // drain? What comes later is refused at once, again and again, and must not keep the drain.
  bool Begin() {
    if (draining()) return false;
    in_progress_.fetch_add(1, std::memory_order_acq_rel);
    return true;
  }
  // Those that are awaited.
  int64_t in_progress() const { return in_progress_.load(std::memory_order_acquire); }

  // From now on calls that come are refused with "DRAINING".
  void StartDraining() { draining_ = true; }
  bool draining() const { return draining_.load(std::memory_order_relaxed); }

  // Calls that were told that the database can't do them at the moment.
  void NoteUnavailable() { ++unavailable_; }
  int64_t unavailable() const { return unavailable_; }

 private:
  struct Instruments {
    prometheus::Counter* calls;
    prometheus::Histogram* seconds;
    prometheus::Histogram* duration;  // under OpenTelemetry's name
  };
  Instruments Find(const char* method, absl::StatusCode code);

  std::atomic<int64_t> in_progress_ = 0;
  std::atomic<bool> draining_ = false;
  std::atomic<int64_t> unavailable_ = 0;
  Tracer& tracer_;
  const absl::Time start_time_ = absl::Now();
  OutcomeMetrics outcomes_;
  CallDurations durations_;
  prometheus::Family<prometheus::Counter>& calls_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::pair<const char*, int>, Instruments> instruments_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_RPC_METRICS_H_
