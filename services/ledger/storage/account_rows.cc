#include "services/ledger/storage/account_rows.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::Account;
using domain::User;

constexpr absl::string_view kAccountColumns =
    "account_id,currency,default_plan_id,state,reserve_amount_nanos,recharge_threshold_nanos,"
    "last_event_seq,last_ordinal,open_ordinal,card_state,card_token,card_fingerprint,cap_day,"
    "cap_count,cap_amount_nanos,block_reason,block_time,recheck_time,create_time,opening_digest,"
    "card_network,cap_reported_day,due_reason";

// Of both rows; the join is by primary key, and from the accounts to the balances whatever the
// server believes: it may else scan the balances and look for the account of each.
constexpr absl::string_view kSelectAccounts =
    "SELECT a.account_id,a.currency,a.default_plan_id,a.state,a.reserve_amount_nanos,"
    "a.recharge_threshold_nanos,a.last_event_seq,a.last_ordinal,a.open_ordinal,a.card_state,"
    "a.card_token,a.card_fingerprint,a.cap_day,a.cap_count,a.cap_amount_nanos,a.block_reason,"
    "a.block_time,a.recheck_time,a.create_time,a.opening_digest,a.card_network,b.balance_nanos,"
    "b.last_seq,a.cap_reported_day,a.due_reason "
    "FROM accounts a FORCE INDEX (PRIMARY) STRAIGHT_JOIN balances b FORCE INDEX (PRIMARY) "
    "ON b.account_id = a.account_id ";

constexpr absl::string_view kUserColumns =
    "account_id,user_id,plan_id,free_seconds_used,free_period,create_time";

// A program from before stored a time without a reason (migration 5); it knew one.
domain::DueReason DueReasonOf(int64_t stored) {
  return stored == 0 ? domain::DueReason::kCapWindow : static_cast<domain::DueReason>(stored);
}

Account ReadAccount(const Row& row) {
  Account a;
  a.account_id = row.Text(1);
  a.currency = row.Text(2);
  a.default_plan_id = row.Text(3);
  a.state = static_cast<domain::AccountState>(row.Int(4));
  a.reserve_amount = row.Int(5);
  a.recharge_threshold = row.Int(6);
  a.last_event_seq = row.Int(7);
  a.last_ordinal = row.Int(8);
  a.open_ordinal = row.Int(9);
  a.card_state = static_cast<domain::CardState>(row.Int(10));
  a.card.token = CardToken(row.Text(11));
  a.card.fingerprint = row.Text(12);
  a.caps.day = static_cast<int32_t>(row.Int(13));
  a.caps.count = static_cast<int32_t>(row.Int(14));
  a.caps.amount = row.Int(15);
  a.block.reason = row.Text(16);
  a.block.time = row.Time(17);
  if (!row.IsNull(18)) a.due = {DueReasonOf(row.Int(25)), row.Time(18)};
  a.create_time = row.Time(19);
  a.opening_digest = row.Text(20);
  a.card.network = static_cast<domain::CardNetwork>(row.Int(21));
  a.balance = row.Int(22);
  a.last_seq = row.Int(23);
  a.caps.reported_day = static_cast<int32_t>(row.Int(24));
  return a;
}

void AppendAccount(const Account& a, SqlText* sql) {
  sql->Row()
      .Text(a.account_id)
      .Text(a.currency)
      .Text(a.default_plan_id)
      .Int(static_cast<int64_t>(a.state))
      .Int(a.reserve_amount)
      .Int(a.recharge_threshold)
      .Int(a.last_event_seq)
      .Int(a.last_ordinal)
      .Int(a.open_ordinal)
      .Int(static_cast<int64_t>(a.card_state))
      .Text(a.card.token.Reveal())
      .Text(a.card.fingerprint)
      .Int(a.caps.day)
      .Int(a.caps.count)
      .Int(a.caps.amount)
      .Text(a.block.reason)
      .Time(a.block.time)
      .Time(a.due.time)
      .Time(a.create_time)
      .Text(a.opening_digest)
      .Int(static_cast<int64_t>(a.card.network))
      .Int(a.caps.reported_day)
      .Int(static_cast<int64_t>(a.due.reason))
      .EndRow();
}

User ReadUser(const Row& row) {
  User u;
  u.account_id = row.Text(1);
  u.user_id = row.Text(2);
  u.plan_id = row.Text(3);
  u.free_seconds_used = row.Int(4);
  u.free_period = static_cast<int32_t>(row.Int(5));
  u.create_time = row.Time(6);
  return u;
}

// "<column> IN (...)" over ids.
void AppendIn(absl::string_view column, const std::vector<absl::string_view>& ids, SqlText* sql) {
  sql->Raw(column).Raw(" IN ").Row();
  for (const absl::string_view id : ids) sql->Text(id);
  sql->EndRow();
}

}  // namespace

absl::StatusOr<std::vector<book::Balance>> LoadBalances(
    Connection& connection, const std::vector<absl::string_view>& account_ids, Lock lock) {
  std::vector<book::Balance> balances;
  if (account_ids.empty()) return balances;
  balances.reserve(account_ids.size());
  // Without the hint a small table is scanned, and rows of others are locked.
  SqlText sql(
      "SELECT account_id,balance_nanos,last_seq,version,revision,month,head_hash FROM balances "
      "FORCE INDEX (PRIMARY) WHERE ");
  AppendIn("account_id", account_ids, &sql);
  sql.Raw(" ORDER BY account_id");
  if (lock == Lock::kForUpdate) sql.Raw(" FOR UPDATE");
  RESERVE_RETURN_IF_ERROR(connection.Query(sql.str(), [&balances](const Row& row) {
    balances.push_back({row.Text(1),
                        row.Int(2),
                        row.Int(3),
                        row.Int(4),
                        row.Int(5),
                        {},
                        static_cast<int32_t>(row.Int(6))});
    row.Bytes(7, absl::MakeSpan(balances.back().head));
  }));
  return balances;
}

absl::Status WriteBalances(Connection& connection, const std::vector<book::Balance>& balances) {
  if (balances.empty()) return absl::OkStatus();
  SqlText sql(
      "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,month,head_hash) "
      "VALUES ");
  // As the servers count: 1 for a row that is new or stays what it was, 2 for a changed one.
  int64_t expected = 0;
  for (const book::Balance& b : balances) {
    sql.Row()
        .Text(b.account_id)
        .Int(b.balance)
        .Int(b.last_seq)
        .Int(b.version)
        .Int(b.revision)
        .Int(b.month)
        .Bytes({b.head.data(), b.head.size()})
        .EndRow();
    expected += b.revision == 1 ? 1 : 2;
  }
  sql.Raw(" ON DUPLICATE KEY UPDATE ");
  // The revision last: what comes before it is compared with the one stored.
  for (const absl::string_view column :
       {"balance_nanos", "last_seq", "version", "month", "head_hash", "revision"}) {
    sql.Raw(absl::StrCat(column, "=IF(revision=VALUES(revision)-1,VALUES(", column, "),", column,
                         column == "revision" ? ")" : "),"));
  }
  RESERVE_ASSIGN_OR_RETURN(const int64_t counted, connection.Update(sql.str()));
  if (counted == expected) return absl::OkStatus();
  return BalanceMoved("a balance is not what it was when it was read");
}

absl::StatusOr<std::vector<Account>> LoadAccounts(
    Connection& connection, const std::vector<absl::string_view>& account_ids) {
  std::vector<Account> accounts;
  if (account_ids.empty()) return accounts;
  accounts.reserve(account_ids.size());
  SqlText sql(absl::StrCat(kSelectAccounts, "WHERE "));
  AppendIn("a.account_id", account_ids, &sql);
  sql.Raw(" ORDER BY a.account_id");
  RESERVE_RETURN_IF_ERROR(connection.Query(
      sql.str(), [&accounts](const Row& row) { accounts.push_back(ReadAccount(row)); }));
  return accounts;
}

absl::StatusOr<std::vector<Account>> ListAccounts(Connection& connection, absl::string_view after,
                                                  int limit) {
  std::vector<Account> accounts;
  const std::string sql = absl::StrCat(kSelectAccounts, "WHERE a.account_id > ", Quoted(after),
                                       " ORDER BY a.account_id LIMIT ", limit);
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&accounts](const Row& row) { accounts.push_back(ReadAccount(row)); }));
  return accounts;
}

absl::Status InsertAccounts(Connection& connection, const std::vector<const Account*>& accounts) {
  if (accounts.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO accounts (", kAccountColumns, ") VALUES "));
  for (const Account* account : accounts) AppendAccount(*account, &sql);
  return connection.Execute(sql.str());
}

absl::Status WriteAccounts(Connection& connection, const std::vector<const Account*>& accounts) {
  if (accounts.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO accounts (", kAccountColumns, ") VALUES "));
  for (const Account* account : accounts) AppendAccount(*account, &sql);
  sql.Raw(" ON DUPLICATE KEY UPDATE state=VALUES(state)");
  for (const absl::string_view column :
       {"reserve_amount_nanos", "recharge_threshold_nanos", "last_event_seq", "last_ordinal",
        "open_ordinal", "card_state", "card_token", "card_fingerprint", "card_network", "cap_day",
        "cap_count", "cap_amount_nanos", "block_reason", "block_time", "recheck_time",
        "cap_reported_day", "due_reason"}) {
    sql.Raw(absl::StrCat(",", column, "=VALUES(", column, ")"));
  }
  return connection.Execute(sql.str());
}

absl::StatusOr<std::vector<std::string>> RechecksAfter(Connection& connection, absl::Time after,
                                                       int limit) {
  std::vector<std::string> ids;
  SqlText sql(
      "SELECT account_id FROM accounts FORCE INDEX (by_recheck_time) WHERE recheck_time > ");
  sql.Time(after).Raw(absl::StrCat(" ORDER BY recheck_time DESC LIMIT ", limit));
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql.str(), [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  return ids;
}

absl::StatusOr<std::vector<std::string>> DueRechecks(Connection& connection, absl::Time now,
                                                     int limit) {
  std::vector<std::string> ids;
  // Without the hint MySQL may read the index from its begin, where all accounts without a time
  // are.
  SqlText sql(
      "SELECT account_id FROM accounts FORCE INDEX (by_recheck_time) WHERE recheck_time <= ");
  sql.Time(now).Raw(absl::StrCat(" ORDER BY recheck_time LIMIT ", limit));
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql.str(), [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  return ids;
}

absl::StatusOr<std::vector<User>> LoadUsers(Connection& connection,
                                            const std::vector<book::UserKey>& keys) {
  std::vector<User> users;
  if (keys.empty()) return users;
  users.reserve(keys.size());
  RESERVE_RETURN_IF_ERROR(InParts<book::UserKey>(keys, [&](absl::Span<const book::UserKey> part) {
    SqlText sql(absl::StrCat("SELECT ", kUserColumns,
                             " FROM users FORCE INDEX (PRIMARY) WHERE (account_id,user_id) IN ("));
    for (const book::UserKey& key : part) sql.Row().Text(key.first).Text(key.second).EndRow();
    sql.Raw(")");
    return connection.Query(sql.str(),
                            [&users](const Row& row) { users.push_back(ReadUser(row)); });
  }));
  return users;
}

absl::StatusOr<std::vector<User>> ListUsers(Connection& connection, absl::string_view account_id,
                                            absl::string_view after, int limit) {
  std::vector<User> users;
  const std::string sql =
      absl::StrCat("SELECT ", kUserColumns, " FROM users WHERE account_id = ", Quoted(account_id),
                   " AND user_id > ", Quoted(after), " ORDER BY user_id LIMIT ", limit);
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&users](const Row& row) { users.push_back(ReadUser(row)); }));
  return users;
}

absl::Status WriteUsers(Connection& connection, const std::vector<const User*>& users) {
  if (users.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO users (", kUserColumns, ") VALUES "));
  for (const User* user : users) {
    sql.Row()
        .Text(user->account_id)
        .Text(user->user_id)
        .Text(user->plan_id)
        .Int(user->free_seconds_used)
        .Int(user->free_period)
        .Time(user->create_time)
        .EndRow();
  }
  sql.Raw(
      " ON DUPLICATE KEY UPDATE plan_id=VALUES(plan_id),"
      "free_seconds_used=VALUES(free_seconds_used),free_period=VALUES(free_period)");
  return connection.Execute(sql.str());
}

absl::StatusOr<std::vector<domain::Plan>> LoadPlans(Connection& connection) {
  std::vector<domain::Plan> plans;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT plan_id,standard_calls,free_seconds,bucket_reset,default_reserve_amount_nanos "
      "FROM plans",
      [&plans](const Row& row) {
        domain::Plan plan;
        plan.plan_id = row.Text(1);
        plan.standard_calls = static_cast<domain::StandardCalls>(row.Int(2));
        plan.free_seconds = row.Int(3);
        plan.allowance_reset = static_cast<domain::AllowanceReset>(row.Int(4));
        plan.default_reserve_amount = row.Int(5);
        plans.push_back(std::move(plan));
      }));
  return plans;
}

}  // namespace reserve::storage
