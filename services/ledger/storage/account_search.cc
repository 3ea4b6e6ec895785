#include "services/ledger/storage/account_search.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/payment_method.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

// Ids are of letters, digits and `._:-`.
constexpr absl::string_view kBeyondIds = "~";

std::string Conditions(const AccountFilter& filter) {
  std::string sql;
  if (filter.state.has_value()) {
    absl::StrAppend(&sql, " AND a.state = ", static_cast<int>(*filter.state));
  }
  if (filter.low_balance) {
    absl::StrAppend(&sql, " AND b.balance_nanos - b.accrued_nanos < a.recharge_threshold_nanos");
  }
  if (filter.under_review) absl::StrAppend(&sql, " AND a.set_aside > 0");
  // Counted for each account, so that no server reads the cards of all for it first.
  if (filter.card_failing) {
    absl::StrAppend(&sql,
                    " AND (SELECT COUNT(*) FROM payment_methods p FORCE INDEX (PRIMARY) WHERE "
                    "p.account_id = a.account_id AND p.state IN (",
                    static_cast<int>(domain::CardState::kFailing), ",",
                    static_cast<int>(domain::CardState::kRefused), ")) > 0");
  }
  return sql;
}

// All of them are found: ids are few of one text, and come by their index.
absl::StatusOr<FoundAccounts> SearchByUsage(Connection& connection, absl::string_view usage_id,
                                            absl::string_view after, int limit) {
  std::vector<std::string> ids;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT account_id FROM usage_ids FORCE INDEX (PRIMARY) WHERE usage_id = ",
                   Quoted(usage_id), " AND account_id > ", Quoted(after),
                   " ORDER BY account_id LIMIT ", limit),
      [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  FoundAccounts found;
  RESERVE_ASSIGN_OR_RETURN(found.accounts, LoadAccounts(connection, {ids.begin(), ids.end()}));
  return found;
}

}  // namespace

absl::StatusOr<FoundAccounts> SearchAccounts(Connection& connection, const AccountFilter& filter,
                                             absl::string_view after, int limit) {
  if (!filter.usage_id.empty()) return SearchByUsage(connection, filter.usage_id, after, limit);
  FoundAccounts found;
  const std::string conditions = Conditions(filter);
  if (conditions.empty()) {
    RESERVE_ASSIGN_OR_RETURN(found.accounts, ListAccounts(connection, after, limit));
    return found;
  }
  std::string last;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT account_id FROM accounts FORCE INDEX (PRIMARY) WHERE account_id > ",
                   Quoted(after), " ORDER BY account_id LIMIT 1 OFFSET ", kAccountsLookedAt - 1),
      [&last](const Row& row) { last = row.Text(1); }));
  std::vector<std::string> ids;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT a.account_id FROM accounts a FORCE INDEX (PRIMARY) STRAIGHT_JOIN "
                   "balances b FORCE INDEX (PRIMARY) ON b.account_id = a.account_id "
                   "WHERE a.account_id > ",
                   Quoted(after), " AND a.account_id <= ", Quoted(last.empty() ? kBeyondIds : last),
                   conditions, " ORDER BY a.account_id LIMIT ", limit),
      [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  RESERVE_ASSIGN_OR_RETURN(found.accounts, LoadAccounts(connection, {ids.begin(), ids.end()}));
  if (ids.size() < static_cast<size_t>(limit)) found.searched_until = std::move(last);
  return found;
}

}  // namespace reserve::storage
