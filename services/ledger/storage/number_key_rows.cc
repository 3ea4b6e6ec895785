#include "services/ledger/storage/number_key_rows.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using book::NumberKeyRecord;

NumberKeyRecord ReadNumberKey(const Row& row) {
  NumberKeyRecord record{row.Text(1), row.Text(2), static_cast<int32_t>(row.Int(3))};
  row.Bytes(4, absl::MakeSpan(record.key));
  return record;
}

}  // namespace

absl::StatusOr<std::vector<NumberKeyRecord>> LoadNumberKeys(
    Connection& connection, const std::vector<book::UserKey>& users) {
  std::vector<NumberKeyRecord> keys;
  if (users.empty()) return keys;
  RESERVE_RETURN_IF_ERROR(InParts<book::UserKey>(users, [&](absl::Span<const book::UserKey> part) {
    SqlText sql(
        "SELECT account_id,user_id,year,number_key FROM number_keys FORCE INDEX (PRIMARY) "
        "WHERE (account_id,user_id) IN (");
    for (const book::UserKey& user : part) sql.Row().Text(user.first).Text(user.second).EndRow();
    sql.Raw(")");
    return connection.Query(sql.str(),
                            [&keys](const Row& row) { keys.push_back(ReadNumberKey(row)); });
  }));
  return keys;
}

absl::StatusOr<std::vector<NumberKeyRecord>> ListNumberKeys(Connection& connection,
                                                            absl::string_view account_id) {
  std::vector<NumberKeyRecord> keys;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT account_id,user_id,year,number_key FROM number_keys WHERE account_id = ",
                   Quoted(account_id)),
      [&keys](const Row& row) { keys.push_back(ReadNumberKey(row)); }));
  return keys;
}

absl::Status InsertNumberKeys(Connection& connection, const std::vector<NumberKeyRecord>& keys) {
  if (keys.empty()) return absl::OkStatus();
  SqlText sql("INSERT INTO number_keys (account_id,user_id,year,number_key) VALUES ");
  for (const NumberKeyRecord& record : keys) {
    sql.Row()
        .Text(record.account_id)
        .Text(record.user_id)
        .Int(record.year)
        .Bytes({record.key.data(), record.key.size()})
        .EndRow();
  }
  return connection.Execute(sql.str());
}

}  // namespace reserve::storage
