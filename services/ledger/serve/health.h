// Keeps the ledger's health true to its database: it serves while the database can be reached, its
// schema is one that this program works on, and it can write what it will have to write: with
// rights on every table, on a server that takes writes, keeps them in a crash, and has room.
//
//   Health health(engine, /*allow_unsafe_database=*/false, /*require_semi_sync=*/false);
//   while (...) {
//     RESERVE_RETURN_IF_ERROR(health.Check());
//     server.SetServing(health.serving());
//     ... wait for health.pause() ...
//   }
#ifndef RESERVE_SERVICES_LEDGER_SERVE_HEALTH_H_
#define RESERVE_SERVICES_LEDGER_SERVE_HEALTH_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/engine/engine.h"
#include "services/ledger/serve/reminder.h"
#include "services/ledger/storage/connection.h"

namespace reserve::serve {

// Asks on a connection of its own, so that long queries don't hold it up. Of one thread, which must
// hold a SqlThread.
class Health {
 public:
  // With `require_semi_sync` the engine is not started on a database whose semi-synchronous
  // replication is off or has fallen back; what becomes of it later is for ReplicationWatch to
  // tell.
  Health(engine::Engine& engine, bool allow_unsafe_database, bool require_semi_sync);

  // Asks the database, and starts the engine once it may. An error only for what no waiting mends:
  // a database that can lose a commit, before the engine was started. A reason not to serve is
  // logged when it comes, when it changes, and each minute.
  absl::Status Check();

  bool serving() const { return serving_; }
  // When to check again.
  absl::Duration pause() const;

 private:
  absl::Status AskDatabase();
  absl::Status CheckReplication();
  // Can this program work on this database, and be trusted to? The schema is looked at each time,
  // settings and rights now and then, or each time while something is wrong.
  absl::Status CheckDatabase();
  absl::Status CheckSettingsAndRights();
  // What those who write have met, until it is over.
  absl::Status CheckTrouble();
  void Tell(const absl::Status& status, Moment now);

  // How often a reason not to serve is told again while it stays the same.
  static constexpr absl::Duration kTellAgainAfter = absl::Minutes(1);

  engine::Engine& engine_;
  const bool allow_unsafe_database_;
  const bool require_semi_sync_;
  storage::DatabaseOptions database_;
  std::unique_ptr<storage::Connection> connection_;
  Moment failing_since_ = absl::InfiniteDuration();
  bool serving_ = false;
  bool checked_ = false;
  Moment next_thorough_ = -absl::InfiniteDuration();
  Reminder reminder_{kTellAgainAfter};
};

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_HEALTH_H_
