// Users of an account that a person looks for: by what they are, and by a part of their name.
//
// No index serves them, as names and blocks are few: a page looks at a bounded number of users.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_USER_SEARCH_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_USER_SEARCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Users that one page looks at, at the most.
inline constexpr int kUsersLookedAt = 5'000;

// What a user is. Whoever was removed is nothing else. The numbers are those of the proto.
enum class UserState : uint8_t { kActive = 1, kBlocked = 2, kRemoved = 3 };

// Which users; all that are not removed by default.
struct UserFilter {
  bool with_removed = false;
  std::optional<UserState> state = std::nullopt;  // set: with_removed does not count
  std::string search = {};  // that the name or the id holds, whatever its case

  bool filters() const { return state.has_value() || !search.empty(); }
};

struct FoundUsers {
  std::vector<domain::User> users;
  // The id of the last that was looked at, with fewer than were asked for; empty if all were.
  std::string searched_until;
};

// Those after that id, by id, the first `limit` to which all of the filter applies.
absl::StatusOr<FoundUsers> SearchUsers(Connection& connection, absl::string_view account_id,
                                       const UserFilter& filter, absl::string_view after,
                                       int limit);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_USER_SEARCH_H_
