#include "services/ledger/serve/replication_watch.h"

#include <limits>
#include <utility>

#include "common/error/error.h"
#include "common/telemetry/log.h"

namespace reserve::serve {
namespace {

using storage::Replication;

// A database that takes longer to answer is as good as away.
constexpr int kTimeoutSeconds = 2;
// The bit of wsrep_sync_wait for reads.
constexpr int64_t kReads = 1;

prometheus::Gauge& MakeGauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

bool Same(const Replication& a, const Replication& b) {
  return a.replicas == b.replicas && a.semi_sync_enabled == b.semi_sync_enabled &&
         a.semi_sync_in_force == b.semi_sync_in_force &&
         a.semi_sync_replicas == b.semi_sync_replicas && a.galera == b.galera &&
         a.wsrep_sync_wait == b.wsrep_sync_wait;
}

}  // namespace

ReplicationWatch::ReplicationWatch(engine::Engine& engine, prometheus::Registry& registry,
                                   Intervals intervals)
    : engine_(engine),
      database_(engine.options().database),
      intervals_(intervals),
      enabled_(MakeGauge(registry, "reserve_ledger_semi_sync_enabled",
                         "1 if the database is told to answer a commit only once a replica has "
                         "it (on Galera all nodes do).")),
      in_force_(MakeGauge(registry, "reserve_ledger_semi_sync_in_force",
                          "1 if it does so now; 0 also once it has fallen back to asynchronous "
                          "replication.")),
      replicas_(MakeGauge(registry, "reserve_ledger_database_replicas",
                          "Replicas that are connected to the database.")),
      unknown_(intervals_.repeat) {
  database_.connect_timeout_seconds = kTimeoutSeconds;
  database_.io_timeout_seconds = kTimeoutSeconds;
  thread_ = std::thread([this] { Loop(); });
}

ReplicationWatch::~ReplicationWatch() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  thread_.join();
}

void ReplicationWatch::Loop() {
  const storage::SqlThread sql_thread;
  while (true) {
    const absl::StatusOr<Replication> now = Ask();
    if (now.ok()) {
      Tell(*now);
    } else {
      TellNothingIsKnown(now.status());
    }
    absl::MutexLock lock(&mutex_);
    waker_.Await(intervals_.look);
    if (stopping_) break;
  }
  connection_.reset();
}

absl::StatusOr<Replication> ReplicationWatch::Ask() {
  RESERVE_RETURN_IF_ERROR(storage::EnsureOpen(database_, &connection_));
  return storage::ReadReplication(*connection_);
}

void ReplicationWatch::TellNothingIsKnown(const absl::Status& why) {
  for (prometheus::Gauge* gauge : {&enabled_, &in_force_, &replicas_}) {
    gauge->Set(std::numeric_limits<double>::quiet_NaN());
  }
  engine_.NoteReplication(-1, -1, -1);
  told_.reset();  // what is learned next is news
  if (!unknown_.IsDue(ReasonOf(why), MonotonicNow())) return;
  Log(Severity::kWarning, "it is not known how the database replicates",
      {{"error", why.message()}});
}

void ReplicationWatch::Tell(const Replication& now) {
  unknown_.Over();
  enabled_.Set(now.semi_sync_enabled || now.galera ? 1 : 0);
  in_force_.Set(now.semi_sync_in_force || now.galera ? 1 : 0);
  replicas_.Set(static_cast<double>(now.replicas));
  engine_.NoteReplication(now.replicas, now.semi_sync_enabled || now.galera,
                          now.semi_sync_in_force || now.galera);
  const bool changed = !told_.has_value() || !Same(now, *told_);
  const bool due = now.CanLoseCommits() && MonotonicNow() - told_at_ >= intervals_.repeat;
  if (!changed && !due) return;
  told_ = now;
  told_at_ = MonotonicNow();
  const int64_t waits =
      database_.wsrep_sync_wait >= 0 ? database_.wsrep_sync_wait : now.wsrep_sync_wait;
  if (now.galera && (waits & kReads) == 0) {
    Log(Severity::kWarning,
        "a read may not show what another node of the cluster has committed: --database needs "
        "wsrep_sync_wait=1 where ledgers serve at several nodes",
        {{"wsrep_sync_wait", waits}});
  }
  // A server without replicas has nothing to fail over to, and nothing to say.
  const char* const state = now.galera               ? "galera"
                            : now.semi_sync_in_force ? "in force"
                            : now.semi_sync_enabled  ? "fallen back"
                                                     : "off";
  Log(now.CanLoseCommits() ? Severity::kWarning : Severity::kInfo,
      now.CanLoseCommits() ? "what is answered can be lost in a failover of the database"
                           : "replication of the database",
      {{"semi_sync", state},
       {"replicas", now.replicas},
       {"semi_sync_replicas", now.semi_sync_replicas}});
}

}  // namespace reserve::serve
