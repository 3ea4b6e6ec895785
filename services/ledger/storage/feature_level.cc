#include "services/ledger/storage/feature_level.h"

#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/storage/errors.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

// Since which schema version a program knows a level: what is older is told SCHEMA_TOO_NEW once
// the level is reached, by that version's oldest_code.
struct LevelOfCode {
  int level;
  int oldest_code;
};
constexpr LevelOfCode kLevels[] = {{domain::kTaggedChainLevel, 8}, {domain::kReceiptsLevel, 31},
                                   {domain::kPlansLevel, 32},      {domain::kArchivesLevel, 33},
                                   {domain::kLimitsLevel, 34},     {domain::kStartPartsLevel, 40}};
static_assert(std::end(kLevels)[-1].level == domain::kNewestFeatureLevel,
              "say from which migration on programs know the new level");

// Ledgers that left, or fell silent, so long ago are no longer listed.
constexpr int kForgetAfterDays = 30;
// Ledgers hear of a level that was raised after a moment, and their clocks differ: so long after it
// money is sure to have receipts.
constexpr int kReceiptsAfterDays = 1;

absl::Status WriteLedger(Connection& connection, absl::string_view ledger_id, int known_level) {
  return connection.Execute(absl::StrCat(
      "INSERT INTO ledgers (ledger_id,known_level,heartbeat_time) VALUES (", Quoted(ledger_id), ",",
      known_level,
      ",CURRENT_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE known_level = VALUES(known_level), "
      "heartbeat_time = VALUES(heartbeat_time), leave_time = NULL"));
}

// Whoever comes waits for whoever raises the level, and the other way round.
absl::Status TakeTurn(Connection& connection) { return WriteLedger(connection, "", 0); }

absl::StatusOr<int> StoredLevel(Connection& connection) {
  std::optional<int> level;
  RESERVE_RETURN_IF_ERROR(
      connection.Query("SELECT level FROM feature_level WHERE id = 1",
                       [&level](const Row& row) { level = static_cast<int>(row.Int(1)); }));
  // A schema of before levels, whose migration was cut off.
  return level.value_or(domain::kFirstFeatureLevel);
}

// Why the level can't be raised: a line for each ledger that does not know it.
absl::StatusOr<std::vector<std::string>> OldLedgers(Connection& connection, bool silent_are_gone) {
  std::vector<std::string> old;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT ledger_id,known_level,heartbeat_time,heartbeat_time < "
                   "CURRENT_TIMESTAMP(6) - INTERVAL ",
                   absl::ToInt64Seconds(kSilentAfter),
                   " SECOND FROM ledgers WHERE ledger_id <> '' AND leave_time IS NULL AND "
                   "known_level < ",
                   domain::kNewestFeatureLevel, " ORDER BY ledger_id"),
      [&](const Row& row) {
        const bool silent = row.Int(4) != 0;
        if (silent && silent_are_gone) return;
        old.push_back(absl::StrCat(row.Text(1), " knows level ", row.Int(2), ", and ",
                                   silent ? "was last heard of at " : "serves: heard of at ",
                                   FormatRfc3339(row.Time(3))));
      }));
  // Programs of before registration leave chain_form out.
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT record_time FROM entries FORCE INDEX (PRIMARY) WHERE record_time > "
                   "CURRENT_TIMESTAMP(6) - INTERVAL ",
                   absl::ToInt64Seconds(kSilentAfter),
                   " SECOND AND chain_form IS NULL ORDER BY record_time DESC LIMIT 1"),
      [&old](const Row& row) {
        old.push_back(absl::StrCat("a ledger of a version that does not register booked at ",
                                   FormatRfc3339(row.Time(1))));
      }));
  return old;
}

// From the level on, programs that don't know it are told that the schema is too new.
absl::Status NoteOldestCode(Connection& connection) {
  for (const LevelOfCode& known : kLevels) {
    RESERVE_RETURN_IF_ERROR(connection.Execute(
        absl::StrCat("UPDATE schema_migrations SET oldest_code = ", known.oldest_code,
                     " WHERE version = ", known.oldest_code,
                     " AND (SELECT level FROM feature_level WHERE id = 1) >= ", known.level)));
  }
  return absl::OkStatus();
}

absl::Status Raise(Connection& connection) {
  RESERVE_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("UPDATE feature_level SET level = ", domain::kNewestFeatureLevel,
                   ", raise_time = CURRENT_TIMESTAMP(6), receipts_from = COALESCE(receipts_from, "
                   "CURRENT_TIMESTAMP(6) + INTERVAL ",
                   kReceiptsAfterDays, " DAY) WHERE id = 1")));
  RESERVE_RETURN_IF_ERROR(NoteOldestCode(connection));
  return connection.Execute(
      absl::StrCat("DELETE FROM ledgers WHERE ledger_id <> '' AND heartbeat_time < "
                   "CURRENT_TIMESTAMP(6) - INTERVAL ",
                   kForgetAfterDays, " DAY"));
}

absl::Status TryToRaise(Connection& connection, bool silent_are_gone,
                        const std::function<void(const std::string&)>& progress) {
  RESERVE_RETURN_IF_ERROR(TakeTurn(connection));
  RESERVE_ASSIGN_OR_RETURN(const int level, StoredLevel(connection));
  if (level < domain::kNewestFeatureLevel) {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<std::string> old,
                             OldLedgers(connection, silent_are_gone));
    if (!old.empty()) return LedgersTooOld(level, domain::kNewestFeatureLevel, old);
    RESERVE_RETURN_IF_ERROR(Raise(connection));
  }
  RESERVE_RETURN_IF_ERROR(connection.Commit());
  progress(level < domain::kNewestFeatureLevel
               ? absl::StrCat("the feature level was raised from ", level, " to ",
                              domain::kNewestFeatureLevel)
               : absl::StrCat("the feature level is ", level, " already"));
  return absl::OkStatus();
}

absl::Status Register(Connection& connection, absl::string_view ledger_id, int known_level) {
  RESERVE_RETURN_IF_ERROR(TakeTurn(connection));
  RESERVE_RETURN_IF_ERROR(ReadFeatureLevel(connection, known_level).status());
  RESERVE_RETURN_IF_ERROR(WriteLedger(connection, ledger_id, known_level));
  return connection.Commit();
}

}  // namespace

absl::StatusOr<int> ReadFeatureLevel(Connection& connection, int known_level) {
  RESERVE_ASSIGN_OR_RETURN(const int level, StoredLevel(connection));
  if (level <= known_level) return level;
  return SchemaTooNew(absl::StatusCode::kUnavailable, "",
                      absl::StrCat("the schema is at feature level ", level,
                                   ", this program knows levels up to ", known_level));
}

absl::StatusOr<absl::Time> ReadReceiptsFrom(Connection& connection) {
  absl::Time from = absl::InfiniteFuture();
  RESERVE_RETURN_IF_ERROR(
      connection.Query("SELECT receipts_from FROM feature_level WHERE id = 1", [&](const Row& row) {
        if (!row.IsNull(1)) from = row.Time(1);
      }));
  return from;
}

absl::Status RegisterLedger(Connection& connection, absl::string_view ledger_id, int known_level) {
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  absl::Status registered = Register(connection, ledger_id, known_level);
  if (!registered.ok()) connection.Rollback();
  return registered;
}

absl::Status NoteHeartbeat(Connection& connection, absl::string_view ledger_id, int known_level) {
  return WriteLedger(connection, ledger_id, known_level);
}

absl::StatusOr<std::vector<ServingLedger>> ListLedgers(Connection& connection) {
  std::vector<ServingLedger> ledgers;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT ledger_id,known_level,TIMESTAMPDIFF(MICROSECOND,heartbeat_time,CURRENT_TIMESTAMP(6)) "
      "FROM ledgers WHERE ledger_id <> '' AND leave_time IS NULL ORDER BY ledger_id",
      [&ledgers](const Row& row) {
        ledgers.push_back(
            {row.Text(1), static_cast<int>(row.Int(2)), absl::Microseconds(row.Int(3))});
      }));
  return ledgers;
}

absl::Status LeaveLedgers(Connection& connection, absl::string_view ledger_id) {
  return connection.Execute(
      absl::StrCat("UPDATE ledgers SET leave_time = CURRENT_TIMESTAMP(6) WHERE ledger_id = ",
                   Quoted(ledger_id)));
}

absl::Status BeginAtNewestLevel(Connection& connection) {
  RESERVE_RETURN_IF_ERROR(connection.Execute(absl::StrCat(
      "UPDATE feature_level SET level = ", domain::kNewestFeatureLevel,
      ", raise_time = CURRENT_TIMESTAMP(6), receipts_from = '1970-01-02' WHERE id = 1 AND level < ",
      domain::kNewestFeatureLevel,
      " AND NOT EXISTS (SELECT 1 FROM accounts) AND NOT EXISTS (SELECT 1 FROM "
      "rate_decks) AND NOT EXISTS (SELECT 1 FROM ledgers)")));
  return NoteOldestCode(connection);
}

absl::Status RaiseFeatureLevel(Connection& connection, bool silent_are_gone,
                               const std::function<void(const std::string&)>& progress) {
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  absl::Status raised = TryToRaise(connection, silent_are_gone, progress);
  if (!raised.ok()) connection.Rollback();
  return raised;
}

}  // namespace reserve::storage
