// Prometheus metrics of the ledger: calls by method and code, and the engine's
// own counts. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_API_RPC_METRICS_H_
#define RESERVE_SERVICES_LEDGER_API_RPC_METRICS_H_

#include <prometheus/collectable.h>
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
#include "absl/time/time.h"
#include "services/ledger/engine/lane.h"

namespace reserve::api {

class RpcMetrics {
 public:
  explicit RpcMetrics(prometheus::Registry& registry);

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
  };
  Instruments Find(const char* method, absl::StatusCode code);

  std::atomic<int64_t> in_progress_ = 0;
  std::atomic<bool> draining_ = false;
  std::atomic<int64_t> unavailable_ = 0;
  prometheus::Family<prometheus::Counter>& calls_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::pair<const char*, int>, Instruments> instruments_
      ABSL_GUARDED_BY(mutex_);
};

// Reads the engine's counts when it is asked.
class EngineMetrics : public prometheus::Collectable {
 public:
  // Both must outlive this.
  EngineMetrics(const engine::EngineStats& stats, const storage::ErrorTally& database_errors)
      : stats_(stats), database_errors_(database_errors) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::vector<prometheus::MetricFamily> CollectOfUsage() const;

  const engine::EngineStats& stats_;
  const storage::ErrorTally& database_errors_;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_RPC_METRICS_H_
