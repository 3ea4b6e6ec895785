#include "services/ledger/storage/card_decline_rows.h"

#include <algorithm>

#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {

absl::Status InsertCardDeclines(Connection& connection,
                                const std::vector<domain::CardDecline>& declines) {
  if (declines.empty()) return absl::OkStatus();
  SqlText sql(
      "INSERT INTO card_declines (account_id,ordinal,attempt,card_fingerprint,decline_time) "
      "VALUES ");
  for (const domain::CardDecline& decline : declines) {
    sql.Row()
        .Text(decline.account_id)
        .Int(decline.ordinal)
        .Int(decline.attempt)
        .Text(decline.card_fingerprint)
        .Time(decline.time)
        .EndRow();
  }
  return connection.Execute(sql.str());
}

absl::StatusOr<book::DeclinesByCard> LoadCardDeclines(
    Connection& connection, const std::vector<absl::string_view>& fingerprints, absl::Time since) {
  book::DeclinesByCard declines;
  if (fingerprints.empty()) return declines;
  std::vector<absl::string_view> cards = fingerprints;
  std::sort(cards.begin(), cards.end());
  cards.erase(std::unique(cards.begin(), cards.end()), cards.end());
  const auto load = [&](absl::Span<const absl::string_view> part) {
    // Of the shards that answer: rather a try too many than no charge at all (G9).
    SqlText sql(kSelectOfLiving);
    sql.Raw(
        "card_fingerprint,decline_time FROM card_declines FORCE INDEX (by_card) "
        "WHERE card_fingerprint IN ");
    sql.Row();
    for (const absl::string_view fingerprint : part) sql.Text(fingerprint);
    sql.EndRow().Raw(" AND decline_time > ");
    sql.Raw(QuotedTime(since)).Raw(" ORDER BY card_fingerprint, decline_time DESC");
    return connection.Query(
        sql.str(), [&declines](const Row& row) { declines[row.Text(1)].push_back(row.Time(2)); });
  };
  RESERVE_RETURN_IF_ERROR(InParts<absl::string_view>(cards, load));
  return declines;
}

absl::StatusOr<absl::flat_hash_map<book::AttemptKey, std::string>> LoadDeclinedNumbers(
    Connection& connection, const std::vector<book::AttemptKey>& attempts) {
  absl::flat_hash_map<book::AttemptKey, std::string> numbers;
  const auto load = [&](absl::Span<const book::AttemptKey> part) {
    SqlText sql(
        "SELECT account_id,ordinal,attempt,card_fingerprint FROM card_declines "
        "FORCE INDEX (PRIMARY) WHERE (account_id,ordinal,attempt) IN (");
    for (const auto& [account_id, ordinal, attempt] : part) {
      sql.Row().Text(account_id).Int(ordinal).Int(attempt).EndRow();
    }
    sql.Raw(")");
    return connection.Query(sql.str(), [&numbers](const Row& row) {
      numbers[book::AttemptKey(row.Text(1), row.Int(2), static_cast<int32_t>(row.Int(3)))] =
          row.Text(4);
    });
  };
  RESERVE_RETURN_IF_ERROR(InParts<book::AttemptKey>(attempts, load, kMaxTriples));
  return numbers;
}

}  // namespace reserve::storage
