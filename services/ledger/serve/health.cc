#include "services/ledger/serve/health.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/telemetry/log.h"
#include "services/ledger/storage/migrator.h"
#include "services/ledger/storage/server_check.h"

namespace reserve::serve {
namespace {

// How often the database is asked whether it still is as it should be; while it is
// not, oftener, so that its return is seen at once.
constexpr absl::Duration kHealthInterval = absl::Seconds(1);
constexpr absl::Duration kHealthRetryInterval = absl::Milliseconds(100);
// An outage that is shorter is left to the lanes, which try again: health that
// changes for each takes all replicas out of service at once, for nothing.
constexpr absl::Duration kHealthPatience = absl::Seconds(1);
// A database that takes longer to answer is as good as away.
constexpr int kHealthTimeoutSeconds = 2;

}  // namespace

Health::Health(engine::Engine& engine, bool allow_unsafe_database, bool require_semi_sync)
    : engine_(engine),
      allow_unsafe_database_(allow_unsafe_database),
      require_semi_sync_(require_semi_sync),
      database_(engine.options().database) {
  database_.connect_timeout_seconds = kHealthTimeoutSeconds;
  database_.io_timeout_seconds = kHealthTimeoutSeconds;
}

absl::Status Health::Check() {
  absl::Status status = AskDatabase();
  if (status.ok() && require_semi_sync_ && !engine_.started()) status = CheckReplication();
  if (ReasonOf(status) == "UNSAFE_DATABASE") return status;
  if (status.ok() && !engine_.started()) status = engine_.Start();
  const absl::Time now = absl::Now();
  failing_since_ = status.ok() ? absl::InfiniteFuture() : std::min(failing_since_, now);
  const bool patient = serving_ && now - failing_since_ < kHealthPatience;
  const bool serving = status.ok() || patient;
  if (serving == serving_ && checked_) return absl::OkStatus();
  serving_ = serving;
  checked_ = true;
  if (serving_) {
    Log(Severity::kInfo, "the database is ready");
  } else {
    Log(Severity::kError, "not serving",
        {{"reason", ReasonOf(status)}, {"error", status.message()}});
  }
  return absl::OkStatus();
}

absl::Duration Health::pause() const {
  return failing_since_ == absl::InfiniteFuture() ? kHealthInterval : kHealthRetryInterval;
}

absl::Status Health::AskDatabase() {
  if (connection_ == nullptr || !connection_->alive()) {
    connection_.reset();
    RESERVE_ASSIGN_OR_RETURN(connection_, storage::Connection::Open(database_));
  }
  return engine_.started() ? storage::CheckSchema(*connection_) : CheckDatabase();
}

absl::Status Health::CheckReplication() {
  RESERVE_ASSIGN_OR_RETURN(const storage::Replication replication,
                           storage::ReadReplication(*connection_));
  return storage::CheckSemiSync(replication);
}

absl::Status Health::CheckDatabase() {
  RESERVE_RETURN_IF_ERROR(storage::CheckSchema(*connection_));
  if (allow_unsafe_database_) return absl::OkStatus();
  return storage::CheckDurability(*connection_);
}

}  // namespace reserve::serve
