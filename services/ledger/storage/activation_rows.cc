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

constexpr absl::string_view kActivationColumns =
    "number,deck_version,currency,series,from_time,backdated,write_time,stage,request_id,digest,"
    "reason,actor,reference";

absl::StatusOr<std::vector<DeckActivation>> QueryActivations(Connection& connection,
                                                             absl::string_view rest) {
  std::vector<DeckActivation> activations;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(absl::StrCat("SELECT ", kActivationColumns, " FROM rate_activations ", rest),
                       [&](const Row& row) {
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
  RESERVE_RETURN_IF_ERROR(
      connection.Query("SELECT COALESCE(MAX(number), 0),COUNT(CASE WHEN stage = 1 THEN 1 END),"
                       "(SELECT COALESCE(MAX(number), 0) FROM plan_versions),"
                       "(SELECT COUNT(*) FROM plan_versions WHERE stage = 1) FROM rate_activations",
                       [&mark](const Row& row) {
                         mark.newest = row.Int(1);
                         mark.undecided = row.Int(2);
                         mark.newest_plan = row.Int(3);
                         mark.undecided_plans = row.Int(4);
                       }));
  return mark;
}

absl::Status AddActivation(Connection& connection, const DeckActivation& activation) {
  SqlText sql(absl::StrCat("INSERT INTO rate_activations (", kActivationColumns, ") VALUES "));
  sql.Row()
      .Int(activation.number)
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

absl::StatusOr<ActivationStage> DecideActivation(Connection& connection, int64_t number,
                                                 ActivationStage stage) {
  RESERVE_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("UPDATE rate_activations SET stage = ", static_cast<int>(stage),
                   stage == ActivationStage::kMissed ? ", request_id = NULL" : "",
                   " WHERE number = ", number, " AND stage = 1")));
  ActivationStage decided = stage;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT stage FROM rate_activations WHERE number = ", number),
      [&](const Row& row) { decided = static_cast<ActivationStage>(row.Int(1)); }));
  return decided;
}

}  // namespace reserve::storage
