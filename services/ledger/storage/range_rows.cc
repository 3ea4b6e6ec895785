#include "services/ledger/storage/range_rows.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {

absl::StatusOr<std::vector<AccountRange>> ReadRanges(Connection& connection) {
  std::vector<AccountRange> ranges;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT number,owner,epoch FROM account_ranges ORDER BY number", [&ranges](const Row& row) {
        ranges.push_back({static_cast<int>(row.Int(1)), row.Text(2), row.Int(3)});
      }));
  return ranges;
}

absl::Status MakeRanges(Connection& connection, int count) {
  SqlText sql("INSERT INTO account_ranges (number,owner,epoch) VALUES ");
  for (int number = 0; number < count; ++number) sql.Row().Int(number).Text("").Int(0).EndRow();
  sql.Raw(" ON DUPLICATE KEY UPDATE epoch = account_ranges.epoch");
  return connection.Execute(sql.str());
}

absl::Status MoveRanges(Connection& connection, absl::Span<const AccountRange> ranges,
                        absl::string_view owner) {
  if (ranges.empty()) return absl::OkStatus();
  return connection.Execute(absl::StrCat(
      "UPDATE account_ranges SET owner = ", Quoted(owner), ", epoch = epoch + 1 WHERE ",
      absl::StrJoin(ranges, " OR ", [](std::string* out, const AccountRange& range) {
        absl::StrAppend(out, "(number = ", range.number, " AND epoch = ", range.epoch, ")");
      })));
}

absl::StatusOr<std::vector<PeerLedger>> ReadPeers(Connection& connection) {
  std::vector<PeerLedger> peers;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT ledger_id,address,beat FROM ledgers WHERE address <> '' AND leave_time IS NULL "
      "ORDER BY ledger_id",
      [&peers](const Row& row) {
        peers.push_back({row.Text(1), row.Text(2), row.Int(3)});
      }));
  return peers;
}

absl::Status BeatPeer(Connection& connection, absl::string_view ledger_id,
                      absl::string_view address) {
  return connection.Execute(
      absl::StrCat("UPDATE ledgers SET address = ", Quoted(address),
                   ", beat = beat + 1 WHERE ledger_id = ", Quoted(ledger_id)));
}

absl::Status ForgetPeer(Connection& connection, const PeerLedger& peer) {
  return connection.Execute(absl::StrCat("UPDATE ledgers SET address = '' WHERE ledger_id = ",
                                         Quoted(peer.ledger_id), " AND beat = ", peer.beat));
}

}  // namespace reserve::storage
