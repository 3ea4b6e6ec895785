#include "services/ledger/storage/payment_method_rows.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::PaymentMethod;

constexpr absl::string_view kPaymentMethodColumns =
    "account_id,payment_method_id,state,state_time,card_token,card_fingerprint,card_network,brand,"
    "last_four,expiry_year,expiry_month,given,soft_declines,retry_time,declined_ordinal,"
    "declined_attempt,expiry_told,position,update_time";

// At once is the epoch, and NULL never.
absl::Time ReadRetryTime(const Row& row, int column) {
  if (row.IsNull(column)) return absl::InfiniteFuture();
  const absl::Time time = row.Time(column);
  return time == absl::UnixEpoch() ? absl::InfinitePast() : time;
}

absl::Time StoredRetryTime(absl::Time time) {
  return time == absl::InfinitePast() ? absl::UnixEpoch() : time;
}

PaymentMethod ReadPaymentMethod(const Row& row) {
  PaymentMethod m;
  m.payment_method_id = row.Text(2);
  m.state = static_cast<domain::CardState>(row.Int(3));
  m.state_time = row.Time(4);
  m.card.token = CardToken(row.Text(5));
  m.card.fingerprint = row.Text(6);
  m.card.network = static_cast<domain::CardNetwork>(row.Int(7));
  m.display.brand = row.Text(8);
  m.display.last_four = row.Text(9);
  m.display.expiry_year = static_cast<int32_t>(row.Int(10));
  m.display.expiry_month = static_cast<int32_t>(row.Int(11));
  m.given = static_cast<int32_t>(row.Int(12));
  m.soft_declines = static_cast<int32_t>(row.Int(13));
  m.retry_time = ReadRetryTime(row, 14);
  m.declined_ordinal = row.Int(15);
  m.declined_attempt = static_cast<int32_t>(row.Int(16));
  m.expiry_told = row.Int(17) != 0;
  if (!row.IsNull(19)) m.update_time = row.Time(19);
  return m;
}

}  // namespace

absl::Status LoadPaymentMethods(Connection& connection,
                                const std::vector<domain::Account*>& accounts) {
  absl::flat_hash_map<absl::string_view, domain::Account*> by_id;
  std::vector<absl::string_view> ids;
  for (domain::Account* account : accounts) {
    if (account->last_payment_method == 0) continue;  // never had one
    by_id.emplace(account->account_id, account);
    ids.push_back(account->account_id);
  }
  return InParts<absl::string_view>(ids, [&](absl::Span<const absl::string_view> part) {
    SqlText sql(absl::StrCat("SELECT ", kPaymentMethodColumns,
                             " FROM payment_methods FORCE INDEX (PRIMARY) WHERE account_id IN "));
    sql.Row();
    for (const absl::string_view id : part) sql.Text(id);
    sql.EndRow().Raw(absl::StrCat(" AND state <> ", static_cast<int>(domain::CardState::kRemoved),
                                  " ORDER BY account_id, position"));
    return connection.Query(sql.str(), [&by_id](const Row& row) {
      by_id.find(row.Text(1))->second->payment_methods.push_back(ReadPaymentMethod(row));
    });
  });
}

absl::Status WritePaymentMethods(Connection& connection,
                                 const std::vector<book::PaymentMethodRow>& rows) {
  if (rows.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO payment_methods (", kPaymentMethodColumns, ") VALUES "));
  for (const book::PaymentMethodRow& row : rows) {
    const PaymentMethod& m = *row.method;
    sql.Row()
        .Text(row.account_id)
        .Text(m.payment_method_id)
        .Int(static_cast<int64_t>(m.state))
        .Time(m.state_time)
        .Text(m.card.token.Reveal())
        .Text(m.card.fingerprint)
        .Int(static_cast<int64_t>(m.card.network))
        .Text(m.display.brand)
        .Text(m.display.last_four.view())
        .Int(m.display.expiry_year)
        .Int(m.display.expiry_month)
        .Int(m.given)
        .Int(m.soft_declines)
        .Time(StoredRetryTime(m.retry_time))
        .Int(m.declined_ordinal)
        .Int(m.declined_attempt)
        .Int(m.expiry_told ? 1 : 0)
        .Int(row.position)
        .Time(m.update_time)
        .EndRow();
  }
  sql.Raw(" ON DUPLICATE KEY UPDATE state=VALUES(state)");
  for (const absl::string_view column :
       {"state_time", "card_token", "card_fingerprint", "card_network", "brand", "last_four",
        "expiry_year", "expiry_month", "given", "soft_declines", "retry_time", "declined_ordinal",
        "declined_attempt", "expiry_told", "position", "update_time"}) {
    sql.Raw(absl::StrCat(",", column, "=VALUES(", column, ")"));
  }
  return connection.Execute(sql.str());
}

}  // namespace reserve::storage
