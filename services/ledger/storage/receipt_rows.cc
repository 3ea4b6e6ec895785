#include "services/ledger/storage/receipt_rows.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::Receipt;

constexpr absl::string_view kReceiptColumns =
    "account_id,number,seq,kind,amount_nanos,create_time,ordinal,recharge_kind,asked_nanos,"
    "charge_id,refund_of,means,card_network,card_brand,card_last_four";

Receipt ReadReceipt(const Row& row) {
  Receipt r;
  r.account_id = row.Text(1);
  r.number = row.Int(2);
  r.seq = row.Int(3);
  r.kind = static_cast<domain::EntryKind>(row.Int(4));
  r.amount = row.Int(5);
  r.create_time = row.Time(6);
  r.ordinal = row.Int(7);
  r.recharge_kind = static_cast<domain::RechargeKind>(row.Int(8));
  r.asked = row.Int(9);
  r.charge_id = row.Text(10);
  r.refund_of = row.Int(11);
  r.means = static_cast<domain::PaymentMeans>(row.Int(12));
  r.card_network = static_cast<domain::CardNetwork>(row.Int(13));
  r.card_brand = row.Text(14);
  r.card_last_four = row.Text(15);
  return r;
}

// What a filter asks of a row.
std::string ConditionsOf(const ReceiptFilter& filter) {
  std::string sql;
  if (filter.kind.has_value()) {
    absl::StrAppend(&sql, " AND kind = ", static_cast<int>(*filter.kind));
  }
  if (filter.ordinal != 0) absl::StrAppend(&sql, " AND ordinal = ", filter.ordinal);
  return absl::StrCat(sql, AndBetween("create_time", filter.from, filter.before));
}

}  // namespace

absl::Status InsertReceipts(Connection& connection, const std::deque<Receipt>& receipts) {
  if (receipts.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO receipts (", kReceiptColumns, ") VALUES "));
  for (const Receipt& r : receipts) {
    sql.Row()
        .Text(r.account_id)
        .Int(r.number)
        .Int(r.seq)
        .Int(static_cast<int64_t>(r.kind))
        .Int(r.amount)
        .Time(r.create_time)
        .Int(r.ordinal)
        .Int(static_cast<int64_t>(r.recharge_kind))
        .Int(r.asked)
        .Text(r.charge_id)
        .Int(r.refund_of)
        .Int(static_cast<int64_t>(r.means))
        .Int(static_cast<int64_t>(r.card_network))
        .Text(r.card_brand)
        .Text(r.card_last_four)
        .EndRow();
  }
  return connection.Execute(sql.str());
}

absl::StatusOr<std::vector<Receipt>> ListReceipts(Connection& connection,
                                                  absl::string_view account_id, int64_t first,
                                                  int64_t end, Oldest oldest, int limit) {
  return SearchReceipts(connection, account_id, {}, first, end, oldest, limit);
}

absl::StatusOr<std::vector<Receipt>> SearchReceipts(Connection& connection,
                                                    absl::string_view account_id,
                                                    const ReceiptFilter& filter, int64_t first,
                                                    int64_t end, Oldest oldest, int limit) {
  std::vector<Receipt> receipts;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT ", kReceiptColumns,
                   " FROM receipts FORCE INDEX (PRIMARY) WHERE account_id = ", Quoted(account_id),
                   " AND number >= ", first, " AND number < ", end, ConditionsOf(filter),
                   " ORDER BY number", oldest == Oldest::kFirst ? "" : " DESC", " LIMIT ", limit),
      [&receipts](const Row& row) { receipts.push_back(ReadReceipt(row)); }));
  return receipts;
}

}  // namespace reserve::storage
