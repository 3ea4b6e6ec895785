#include "services/ledger/storage/user_search.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

// Ids are of letters, digits and `._:-`.
constexpr absl::string_view kBeyondUserIds = "~";

// One for each that is asked for, so that it is one statement whatever that is.
std::string UserConditions(const UserFilter& filter) {
  const bool removed = filter.state == UserState::kRemoved;
  const bool any = !filter.state.has_value();
  const std::string text = Quoted(filter.search);
  return absl::StrCat(" AND (remove_time IS ", removed ? "NOT NULL" : "NULL", " OR ",
                      any && filter.with_removed ? 1 : 0, ") AND (block_time IS ",
                      filter.state == UserState::kBlocked ? "NOT NULL" : "NULL", " OR ",
                      any || removed ? 1 : 0, ") AND (LOCATE(LOWER(", text,
                      "),LOWER(display_name)) > 0 OR LOCATE(LOWER(", text,
                      "),LOWER(CONVERT(user_id USING utf8mb4))) > 0)");
}

}  // namespace

absl::StatusOr<FoundUsers> SearchUsers(Connection& connection, absl::string_view account_id,
                                       const UserFilter& filter, absl::string_view after,
                                       int limit) {
  FoundUsers found;
  if (!filter.filters()) {
    RESERVE_ASSIGN_OR_RETURN(found.users,
                             ListUsers(connection, account_id, after, limit, filter.with_removed));
    return found;
  }
  std::string last;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT user_id FROM users FORCE INDEX (PRIMARY) WHERE account_id = ",
                   Quoted(account_id), " AND user_id > ", Quoted(after),
                   " ORDER BY user_id LIMIT 1 OFFSET ", kUsersLookedAt - 1),
      [&last](const Row& row) { last = row.Text(1); }));
  std::vector<std::string> ids;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT user_id FROM users FORCE INDEX (PRIMARY) WHERE account_id = ",
                   Quoted(account_id), " AND user_id > ", Quoted(after),
                   " AND user_id <= ", Quoted(last.empty() ? kBeyondUserIds : last),
                   UserConditions(filter), " ORDER BY user_id LIMIT ", limit),
      [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  std::vector<book::UserKey> keys;
  for (const std::string& id : ids) keys.emplace_back(account_id, id);
  RESERVE_ASSIGN_OR_RETURN(found.users, LoadUsers(connection, keys));
  std::sort(found.users.begin(), found.users.end(),
            [](const domain::User& a, const domain::User& b) { return a.user_id < b.user_id; });
  if (ids.size() < static_cast<size_t>(limit)) found.searched_until = std::move(last);
  return found;
}

}  // namespace reserve::storage
