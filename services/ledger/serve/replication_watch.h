// Watches whether what the database answers would outlive it: looks every few seconds how the
// server replicates, logs when that changes, and again each minute for as long as commits can be
// lost in a failover, and keeps the figures for Prometheus.
//
// It has a thread and a connection of its own, so neither a slow database nor a busy ledger holds
// it up or is held up by it. While it can't ask, the figures are NaN, which no alert takes for an
// answer, and the log says so: nobody must go by how it was before. Thread-safe.
//
//   ReplicationWatch watch(engine, metrics->registry());
#ifndef RESERVE_SERVICES_LEDGER_SERVE_REPLICATION_WATCH_H_
#define RESERVE_SERVICES_LEDGER_SERVE_REPLICATION_WATCH_H_

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/engine/engine.h"
#include "services/ledger/serve/reminder.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"
#include "services/ledger/storage/server_check.h"

namespace reserve::serve {

class ReplicationWatch {
 public:
  // How often it looks, and how often it says again what is still wrong.
  struct Intervals {
    absl::Duration look = absl::Seconds(5);
    absl::Duration repeat = absl::Minutes(1);
  };

  // Begins with a look. Both must outlive the watch; the engine is told what is seen.
  ReplicationWatch(engine::Engine& engine, prometheus::Registry& registry, Intervals intervals);
  ReplicationWatch(engine::Engine& engine, prometheus::Registry& registry)
      : ReplicationWatch(engine, registry, Intervals()) {}
  // Returns within seconds, also while the database hangs.
  ~ReplicationWatch();
  ReplicationWatch(const ReplicationWatch&) = delete;
  ReplicationWatch& operator=(const ReplicationWatch&) = delete;

 private:
  void Loop();
  absl::StatusOr<storage::Replication> Ask();
  // Keeps the figures and logs what is worth it.
  void Tell(const storage::Replication& now);
  void TellNothingIsKnown(const absl::Status& why);

  engine::Engine& engine_;
  storage::DatabaseOptions database_;
  const Intervals intervals_;
  prometheus::Gauge& enabled_;
  prometheus::Gauge& in_force_;
  prometheus::Gauge& replicas_;
  // Of the thread alone.
  std::unique_ptr<storage::Connection> connection_;
  std::optional<storage::Replication> told_;
  Moment told_at_ = -absl::InfiniteDuration();
  Reminder unknown_;
  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_REPLICATION_WATCH_H_
