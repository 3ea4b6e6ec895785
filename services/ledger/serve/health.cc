#include "services/ledger/serve/health.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/telemetry/log.h"
#include "services/ledger/storage/database_error.h"
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
// How often it is looked at whether settings and rights are still as they must be.
constexpr absl::Duration kThoroughInterval = absl::Seconds(3);
// So long after the latest refusal the ledger serves again, if the database seems to write.
constexpr absl::Duration kTroubleLasts = absl::Seconds(5);
// When a database is found away for longer, long statements that people wait for are broken off.
constexpr absl::Duration kHangsAfter = absl::Milliseconds(1500);
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
  if (storage::IsUnsafeDatabase(status) && !engine_.started()) return status;
  if (status.ok() && !engine_.started()) status = engine_.Start();
  if (status.ok()) engine_.NoteDatabaseWorks();
  const Moment now = MonotonicNow();
  failing_since_ = status.ok() ? absl::InfiniteDuration() : std::min(failing_since_, now);
  const bool is_away = storage::ErrorClassOf(status) == storage::ErrorClass::kConnection;
  if (is_away && now - failing_since_ >= kHangsAfter) engine_.NoteDatabaseHangs();
  const bool patient = serving_ && now - failing_since_ < kHealthPatience;
  const bool was_serving = std::exchange(serving_, status.ok() || patient);
  if (!serving_) Tell(status, now);
  if (serving_ && (!was_serving || !checked_)) {
    Log(Severity::kInfo, "the database is ready");
    reminder_.Over();
  }
  checked_ = true;
  return absl::OkStatus();
}

void Health::Tell(const absl::Status& status, Moment now) {
  const std::optional<storage::ErrorClass> error_class = storage::ErrorClassOf(status);
  const absl::string_view kind = error_class.has_value() ? storage::NameOf(*error_class) : "";
  if (!reminder_.IsDue(absl::StrCat(ReasonOf(status), " ", kind), now)) return;
  Log(Severity::kError, "not serving",
      {{"reason", ReasonOf(status)}, {"class", kind}, {"error", status.message()}});
}

absl::Duration Health::pause() const {
  if (failing_since_ == absl::InfiniteDuration()) return kHealthInterval;
  // To ask for rights and room costs more than to ask whether there is a server.
  const bool connected = connection_ != nullptr && connection_->alive();
  return connected ? kHealthInterval / 2 : kHealthRetryInterval;
}

absl::Status Health::AskDatabase() {
  RESERVE_RETURN_IF_ERROR(storage::EnsureOpen(database_, &connection_));
  return CheckDatabase();
}

absl::Status Health::CheckReplication() {
  RESERVE_ASSIGN_OR_RETURN(const storage::Replication replication,
                           storage::ReadReplication(*connection_));
  return storage::CheckSemiSync(replication);
}

absl::Status Health::CheckDatabase() {
  RESERVE_RETURN_IF_ERROR(storage::CheckSchema(*connection_));
  if (failing_since_ != absl::InfiniteDuration() || MonotonicNow() >= next_thorough_) {
    absl::Status checked = CheckSettingsAndRights();
    // A lock that is waited for says nothing of rights: bookings wait for it, too.
    if (absl::IsAborted(checked) && serving_) checked = absl::OkStatus();
    RESERVE_RETURN_IF_ERROR(checked);
    next_thorough_ = MonotonicNow() + kThoroughInterval;
  }
  return CheckTrouble();
}

absl::Status Health::CheckSettingsAndRights() {
  if (!allow_unsafe_database_) RESERVE_RETURN_IF_ERROR(storage::CheckDurability(*connection_));
  RESERVE_RETURN_IF_ERROR(storage::CheckBinlogFormat(*connection_));
  RESERVE_RETURN_IF_ERROR(storage::CheckPacketSize(*connection_));
  RESERVE_RETURN_IF_ERROR(storage::CheckLanes(*connection_, engine_.options().lanes));
  return storage::CheckRights(*connection_);
}

absl::Status Health::CheckTrouble() {
  const engine::WriteTrouble& trouble = engine_.stats().write_trouble;
  const std::optional<storage::ErrorClass> reason = trouble.reason();
  if (!reason.has_value()) return absl::OkStatus();
  const absl::Status grown = storage::TryToGrow(*connection_);
  // On Vitess one that is away now can't be asked, and does not grow: the others may serve.
  if (storage::ErrorClassOf(grown) != storage::ErrorClass::kShard) RESERVE_RETURN_IF_ERROR(grown);
  if (trouble.age() >= kTroubleLasts) {
    engine_.NoteTroubleIsOver();
    return absl::OkStatus();
  }
  return storage::DatabaseError(*reason, "the database refused the latest write");
}

}  // namespace reserve::serve
