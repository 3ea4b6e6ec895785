#include "services/ledger/storage/usage_state_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::UsageState;

constexpr absl::string_view kUsageStateColumns =
    "account_id,usage_id,status,unrated_reason,seq,cost_nanos,free_seconds,free_period,latest_seq,"
    "user_id,start_time,corrected_by,update_time,plan_id,deck_version,previous_cost_nanos,rerating,"
    "rated_seq,grant_draws,estimate_void_seq";

UsageState ReadState(const Row& row) {
  UsageState s;
  s.account_id = row.Text(1);
  s.usage_id = row.Text(2);
  s.status = static_cast<domain::UsageStatus>(row.Int(3));
  s.unrated_reason = static_cast<domain::UnratedReason>(row.Int(4));
  s.seq = row.Int(5);
  s.cost = row.Int(6);
  s.free_seconds = row.Int(7);
  s.free_period = static_cast<int32_t>(row.Int(8));
  s.latest_seq = row.Int(9);
  s.user_id = row.Text(10);
  s.start_time = row.IsNull(11) ? absl::InfinitePast() : row.Time(11);
  s.corrected_by = row.Text(12);
  s.update_time = row.Time(13);
  s.plan_id = row.Text(14);
  s.deck_version = row.Int(15);
  s.previous_cost = row.Int(16);
  s.rerating = row.Int(17);
  s.rated_seq = row.Int(18);
  s.grant_draws = row.Text(19);
  s.estimate_void_seq = row.Int(20);
  return s;
}

// What an UNRATED usage is found by.
std::string IsUnrated() {
  return absl::StrCat("status = ", static_cast<int>(domain::UsageStatus::kUnrated));
}

}  // namespace

absl::StatusOr<std::vector<UsageState>> LoadUsageStates(Connection& connection,
                                                        const std::vector<book::OnceKey>& keys) {
  std::vector<UsageState> states;
  RESERVE_RETURN_IF_ERROR(InParts<book::OnceKey>(keys, [&](absl::Span<const book::OnceKey> part) {
    SqlText sql(
        absl::StrCat("SELECT ", kUsageStateColumns,
                     " FROM usage_states FORCE INDEX (PRIMARY) WHERE (account_id,usage_id) IN ("));
    for (const book::OnceKey& key : part) sql.Row().Text(key.first).Text(key.second).EndRow();
    sql.Raw(")");
    return connection.Query(sql.str(),
                            [&states](const Row& row) { states.push_back(ReadState(row)); });
  }));
  return states;
}

void AddStates(std::vector<UsageState> states, UsageStatesById* by_id) {
  for (UsageState& state : states) {
    std::string usage_id = state.usage_id;
    by_id->insert_or_assign(std::move(usage_id), std::move(state));
  }
}

absl::StatusOr<std::vector<UsageState>> ListUsageStates(Connection& connection,
                                                        absl::string_view account_id,
                                                        absl::string_view after, int limit) {
  std::vector<UsageState> states;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat(
          "SELECT ", kUsageStateColumns,
          " FROM usage_states FORCE INDEX (PRIMARY) WHERE account_id = ", Quoted(account_id),
          " AND usage_id > ", Quoted(after), " ORDER BY usage_id LIMIT ", limit),
      [&states](const Row& row) { states.push_back(ReadState(row)); }));
  return states;
}

absl::StatusOr<std::vector<UsageState>> ListUsageStatesByStart(Connection& connection,
                                                               absl::string_view account_id,
                                                               absl::Time from, absl::Time before,
                                                               std::optional<size_t> most) {
  std::string sql = absl::StrCat("SELECT ", kUsageStateColumns,
                                 " FROM usage_states FORCE INDEX (by_start) WHERE account_id = ",
                                 Quoted(account_id), " AND start_time >= ", QuotedTime(from));
  if (before != absl::InfiniteFuture()) {
    absl::StrAppend(&sql, " AND start_time < ", QuotedTime(before));
  }
  if (most.has_value()) absl::StrAppend(&sql, " LIMIT ", *most);
  std::vector<UsageState> states;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&states](const Row& row) { states.push_back(ReadState(row)); }));
  return states;
}

absl::StatusOr<std::vector<UsageState>> ListUnrated(Connection& connection,
                                                    const UnratedPlace& after, int limit) {
  std::vector<UsageState> states;
  // The first condition is the range: neither server makes one of (a, b) > (x, y).
  const std::string account_id = Quoted(after.first);
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat(
          "SELECT ", kUsageStateColumns, " FROM usage_states FORCE INDEX (by_status) WHERE ",
          IsUnrated(), " AND account_id >= ", account_id, " AND (account_id > ", account_id,
          " OR usage_id > ", Quoted(after.second), ") ORDER BY account_id,usage_id LIMIT ", limit),
      [&states](const Row& row) { states.push_back(ReadState(row)); }));
  return states;
}

absl::StatusOr<std::vector<UsageState>> ListUnratedOf(Connection& connection,
                                                      absl::string_view account_id,
                                                      absl::string_view after, int limit) {
  std::vector<UsageState> states;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT ", kUsageStateColumns,
                   " FROM usage_states FORCE INDEX (by_status) WHERE ", IsUnrated(),
                   " AND account_id = ", Quoted(account_id), " AND usage_id > ", Quoted(after),
                   " ORDER BY usage_id LIMIT ", limit),
      [&states](const Row& row) { states.push_back(ReadState(row)); }));
  return states;
}

absl::StatusOr<int64_t> CountUnrated(Connection& connection) {
  int64_t count = 0;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat(kSelectOfLiving, "COUNT(*) FROM usage_states FORCE INDEX (by_status) WHERE ",
                   IsUnrated()),
      [&count](const Row& row) { count = row.Int(1); }));
  return count;
}

absl::Status WriteUsageStates(Connection& connection,
                              const std::vector<const UsageState*>& states) {
  if (states.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO usage_states (", kUsageStateColumns, ") VALUES "));
  for (const UsageState* s : states) {
    sql.Row()
        .Text(s->account_id)
        .Text(s->usage_id)
        .Int(static_cast<int64_t>(s->status))
        .Int(static_cast<int64_t>(s->unrated_reason))
        .Int(s->seq)
        .Int(s->cost)
        .Int(s->free_seconds)
        .Int(s->free_period)
        .Int(s->latest_seq)
        .Text(s->user_id)
        .Time(s->start_time)
        .Text(s->corrected_by)
        .Time(s->update_time)
        .Text(s->plan_id)
        .Int(s->deck_version)
        .Int(s->previous_cost)
        .Int(s->rerating)
        .Int(s->rated_seq)
        .Text(s->grant_draws)
        .Int(s->estimate_void_seq)
        .EndRow();
  }
  sql.Raw(" ON DUPLICATE KEY UPDATE status=VALUES(status)");
  for (const absl::string_view column :
       {"unrated_reason", "seq", "user_id", "start_time", "cost_nanos", "free_seconds",
        "free_period", "latest_seq", "corrected_by", "update_time", "plan_id", "deck_version",
        "previous_cost_nanos", "rerating", "rated_seq", "grant_draws", "estimate_void_seq"}) {
    sql.Raw(absl::StrCat(",", column, "=VALUES(", column, ")"));
  }
  return connection.Execute(sql.str());
}

}  // namespace reserve::storage
