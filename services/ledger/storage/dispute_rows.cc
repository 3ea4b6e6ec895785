#include "services/ledger/storage/dispute_rows.h"

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::Dispute;

constexpr absl::string_view kDisputeColumns =
    "account_id,dispute_id,ordinal,charge_id,amount_nanos,state,reason,debited,suspension_number,"
    "card_fingerprint,create_time,update_time";

Dispute ReadDispute(const Row& row) {
  Dispute d;
  d.account_id = row.Text(1);
  d.dispute_id = row.Text(2);
  d.ordinal = row.Int(3);
  d.charge_id = row.Text(4);
  d.amount = row.Int(5);
  d.state = static_cast<domain::DisputeState>(row.Int(6));
  d.reason = row.Text(7);
  d.debited = row.Int(8) != 0;
  d.suspension_number = static_cast<int32_t>(row.Int(9));
  d.card_fingerprint = row.Text(10);
  d.create_time = row.Time(11);
  d.update_time = row.Time(12);
  return d;
}

}  // namespace

absl::StatusOr<std::vector<Dispute>> LoadDisputesOf(Connection& connection,
                                                    const std::vector<book::ChargeNeed>& charges) {
  std::vector<Dispute> disputes;
  const auto load = [&](absl::Span<const book::ChargeNeed> part) {
    SqlText sql(absl::StrCat("SELECT ", kDisputeColumns,
                             " FROM disputes FORCE INDEX (by_charge_id) WHERE "
                             "(charge_id,account_id) IN ("));
    for (const book::ChargeNeed& need : part) {
      sql.Row().Text(need.charge_id).Text(need.account_id).EndRow();
    }
    sql.Raw(")");
    return connection.Query(sql.str(),
                            [&disputes](const Row& row) { disputes.push_back(ReadDispute(row)); });
  };
  RESERVE_RETURN_IF_ERROR(InParts<book::ChargeNeed>(charges, load));
  return disputes;
}

absl::StatusOr<std::vector<Dispute>> LoadToldDisputes(Connection& connection,
                                                      const std::vector<book::OnceKey>& told) {
  std::vector<Dispute> disputes;
  const auto load = [&](absl::Span<const book::OnceKey> part) {
    SqlText sql(absl::StrCat("SELECT ", kDisputeColumns,
                             " FROM disputes FORCE INDEX (PRIMARY) WHERE "
                             "(account_id,dispute_id) IN ("));
    for (const auto& [account_id, dispute_id] : part) {
      sql.Row().Text(account_id).Text(dispute_id).EndRow();
    }
    sql.Raw(")");
    return connection.Query(sql.str(),
                            [&disputes](const Row& row) { disputes.push_back(ReadDispute(row)); });
  };
  RESERVE_RETURN_IF_ERROR(InParts<book::OnceKey>(told, load));
  return disputes;
}

absl::StatusOr<std::vector<Dispute>> ListDisputes(Connection& connection,
                                                  absl::string_view account_id,
                                                  absl::string_view after, int limit) {
  std::vector<Dispute> disputes;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT ", kDisputeColumns,
                   " FROM disputes FORCE INDEX (PRIMARY) WHERE account_id = ", Quoted(account_id),
                   " AND dispute_id > ", Quoted(after), " ORDER BY dispute_id LIMIT ", limit),
      [&disputes](const Row& row) { disputes.push_back(ReadDispute(row)); }));
  return disputes;
}

absl::Status WriteDisputes(Connection& connection, const std::vector<const Dispute*>& disputes) {
  if (disputes.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO disputes (", kDisputeColumns, ") VALUES "));
  for (const Dispute* d : disputes) {
    sql.Row()
        .Text(d->account_id)
        .Text(d->dispute_id)
        .Int(d->ordinal)
        .Text(d->charge_id)
        .Int(d->amount)
        .Int(static_cast<int64_t>(d->state))
        .Text(d->reason)
        .Int(d->debited ? 1 : 0)
        .Int(d->suspension_number)
        .Text(d->card_fingerprint)
        .Time(d->create_time)
        .Time(d->update_time)
        .EndRow();
  }
  sql.Raw(" ON DUPLICATE KEY UPDATE state=VALUES(state)");
  for (const absl::string_view column : {"ordinal", "amount_nanos", "reason", "debited",
                                         "suspension_number", "card_fingerprint", "update_time"}) {
    sql.Raw(absl::StrCat(",", column, "=VALUES(", column, ")"));
  }
  return connection.Execute(sql.str());
}

}  // namespace reserve::storage
