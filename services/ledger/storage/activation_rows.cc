#include "services/ledger/storage/activation_rows.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using rates::ActivationStage;
using rates::DeckActivation;

constexpr absl::string_view kColumns =
    "number,deck_version,currency,series,from_time,backdated,write_time,stage,request_id,digest,"
    "reason,actor,reference";
constexpr int kMaxTries = 10;

absl::StatusOr<std::vector<DeckActivation>> QueryActivations(Connection& connection,
                                                             absl::string_view rest) {
  std::vector<DeckActivation> activations;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT ", kColumns, " FROM rate_activations ", rest), [&](const Row& row) {
        DeckActivation& each = activations.emplace_back();
        each.number = row.Int(1);
        each.deck_version = row.Int(2);
        each.currency = row.Text(3);
        each.series = row.Text(4);
        each.from = row.Time(5);
        each.backdated = row.Int(6) != 0;
        each.write_time = row.Time(7);
        each.stage = static_cast<ActivationStage>(row.Int(8));
        each.request_id = row.Text(9);
        each.digest = row.Text(10);
        each.reason = row.Text(11);
        each.actor = row.Text(12);
        each.reference = row.Text(13);
      }));
  return activations;
}

absl::Status Insert(Connection& connection, int64_t number, const DeckActivation& activation) {
  SqlText sql(absl::StrCat("INSERT INTO rate_activations (", kColumns, ") VALUES "));
  sql.Row()
      .Int(number)
      .Int(activation.deck_version)
      .Text(activation.currency)
      .Text(activation.series)
      .Time(activation.from)
      .Int(activation.backdated)
      .Time(activation.write_time)
      .Int(static_cast<int64_t>(activation.stage))
      .TextOrNull(activation.request_id)
      .Text(activation.digest)
      .Text(activation.reason)
      .Text(activation.actor)
      .Text(activation.reference)
      .EndRow();
  return connection.Execute(sql.str());
}

// Of a transaction.
absl::StatusOr<int64_t> AddOnce(Connection& connection, const DeckActivation& activation) {
  RESERVE_ASSIGN_OR_RETURN(
      const int64_t there,
      connection.Update(absl::StrCat("UPDATE rate_decks SET retire_time = NULL WHERE version = ",
                                     activation.deck_version, " AND retire_time IS NULL")));
  if (there == 0) return 0;
  RESERVE_ASSIGN_OR_RETURN(const TimelineMark mark, ReadTimelineMark(connection));
  // One that is not committed yet holds its number, so numbers grow in the order of commits.
  RESERVE_RETURN_IF_ERROR(Insert(connection, mark.newest + 1, activation));
  return mark.newest + 1;
}

// Of a transaction.
absl::StatusOr<bool> RetireOnce(Connection& connection, int64_t version, absl::Time now,
                                absl::Time needed_from) {
  RESERVE_RETURN_IF_ERROR(
      connection.Execute(absl::StrCat("UPDATE rate_decks SET retire_time = ", QuotedTime(now),
                                      " WHERE version = ", version, " AND retire_time IS NULL")));
  RESERVE_ASSIGN_OR_RETURN(std::vector<DeckActivation> activations, LoadActivations(connection));
  const rates::Timeline timeline(std::move(activations));
  return timeline.VersionsFrom(needed_from).count(version) == 0;
}

}  // namespace

absl::StatusOr<std::vector<DeckActivation>> LoadActivations(Connection& connection) {
  return QueryActivations(connection, "ORDER BY number");
}

absl::StatusOr<std::optional<DeckActivation>> FindActivation(Connection& connection,
                                                             absl::string_view request_id) {
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<DeckActivation> found,
      QueryActivations(connection, absl::StrCat("WHERE request_id = ", Quoted(request_id))));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

absl::StatusOr<TimelineMark> ReadTimelineMark(Connection& connection) {
  TimelineMark mark;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT COALESCE(MAX(number), 0),COUNT(CASE WHEN stage = 1 THEN 1 END) FROM rate_activations",
      [&mark](const Row& row) {
        mark.newest = row.Int(1);
        mark.unsettled = row.Int(2);
      }));
  return mark;
}

absl::StatusOr<int64_t> AddActivation(Connection& connection, const DeckActivation& activation) {
  absl::Status added;
  for (int tries = 0; tries < kMaxTries; ++tries) {
    RESERVE_RETURN_IF_ERROR(connection.Begin());
    absl::StatusOr<int64_t> number = AddOnce(connection, activation);
    if (number.ok() && *number != 0) {
      RESERVE_RETURN_IF_ERROR(connection.Commit());
      return number;
    }
    connection.Rollback();
    if (number.ok()) return number;
    added = number.status();
    const bool taken = added.code() == absl::StatusCode::kAlreadyExists;
    if (!taken && added.code() != absl::StatusCode::kAborted) break;
    if (activation.request_id.empty()) continue;
    RESERVE_ASSIGN_OR_RETURN(const std::optional<DeckActivation> known,
                             FindActivation(connection, activation.request_id));
    if (known.has_value()) break;  // else somebody took the number
  }
  return added;
}

absl::StatusOr<ActivationStage> SettleActivation(Connection& connection, int64_t number,
                                                 ActivationStage stage) {
  RESERVE_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("UPDATE rate_activations SET stage = ", static_cast<int>(stage),
                   stage == ActivationStage::kMissed ? ", request_id = NULL" : "",
                   " WHERE number = ", number, " AND stage = 1")));
  ActivationStage settled = stage;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT stage FROM rate_activations WHERE number = ", number),
      [&](const Row& row) { settled = static_cast<ActivationStage>(row.Int(1)); }));
  return settled;
}

absl::StatusOr<bool> RetireDeck(Connection& connection, int64_t version, absl::Time now,
                                absl::Time needed_from) {
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  const absl::StatusOr<bool> retired = RetireOnce(connection, version, now, needed_from);
  if (!retired.ok() || !*retired) {
    connection.Rollback();
    return retired;
  }
  RESERVE_RETURN_IF_ERROR(connection.Commit());
  return true;
}

}  // namespace reserve::storage
