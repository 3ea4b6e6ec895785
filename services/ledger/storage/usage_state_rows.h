// Rows of what became of usages after they were booked (domain/usage_state.h).
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_USAGE_STATE_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_USAGE_STATE_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Those of these usages that have one, in no particular order.
absl::StatusOr<std::vector<domain::UsageState>> LoadUsageStates(
    Connection& connection, const std::vector<book::OnceKey>& keys);

// States of one account's usages, by usage id.
using UsageStatesById = absl::flat_hash_map<std::string, domain::UsageState>;
// Adds these, in the place of those that are there.
void AddStates(std::vector<domain::UsageState> states, UsageStatesById* by_id);

// Of an account after that usage id, by id.
absl::StatusOr<std::vector<domain::UsageState>> ListUsageStates(Connection& connection,
                                                                absl::string_view account_id,
                                                                absl::string_view after, int limit);

// Of an account's usages that began from `from` up to before `before` (InfiniteFuture: all later
// ones), in no particular order; not more than `most`, if it is given.
absl::StatusOr<std::vector<domain::UsageState>> ListUsageStatesByStart(
    Connection& connection, absl::string_view account_id, absl::Time from, absl::Time before,
    std::optional<size_t> most = std::nullopt);

// Where a list of UNRATED usages goes on: after (account id, usage id).
using UnratedPlace = std::pair<std::string, std::string>;
// UNRATED usages of all accounts, by account id and usage id.
absl::StatusOr<std::vector<domain::UsageState>> ListUnrated(Connection& connection,
                                                            const UnratedPlace& after, int limit);
// The same of one account.
absl::StatusOr<std::vector<domain::UsageState>> ListUnratedOf(Connection& connection,
                                                              absl::string_view account_id,
                                                              absl::string_view after, int limit);
// How many there are, of all accounts.
absl::StatusOr<int64_t> CountUnrated(Connection& connection);

// New or changed ones.
absl::Status WriteUsageStates(Connection& connection,
                              const std::vector<const domain::UsageState*>& states);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_USAGE_STATE_ROWS_H_
