// Rows of accounts and users. Plain mapping: no rule of the domain is here.
//
// Functions that write must run inside a transaction of the caller. A vector may
// be empty; then nothing is sent. At most 1,000 keys a call, to keep IN lists and
// statements within what the servers handle well.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_ACCOUNT_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_ACCOUNT_ROWS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

enum class Lock { kNone, kForUpdate };

// (account id, user id).
using UserKey = std::pair<absl::string_view, absl::string_view>;

// The accounts that exist, in the order of their ids: with kForUpdate that is
// also the order in which they are locked.
absl::StatusOr<std::vector<domain::Account>> LoadAccounts(
    Connection& connection, const std::vector<absl::string_view>& account_ids, Lock lock);

// Accounts with an id after `after`, by id.
absl::StatusOr<std::vector<domain::Account>> ListAccounts(Connection& connection,
                                                          absl::string_view after, int limit);

// New accounts; ALREADY_EXISTS if another session was faster.
absl::Status InsertAccounts(Connection& connection,
                            const std::vector<const domain::Account*>& accounts);
// Everything that can change on an account.
absl::Status WriteAccounts(Connection& connection,
                           const std::vector<const domain::Account*>& accounts);
// Only the balance and the last seq: what nearly every usage changes.
absl::Status WriteBalances(Connection& connection,
                           const std::vector<const domain::Account*>& accounts);

// Accounts whose recheck_time has come, unlocked.
absl::StatusOr<std::vector<std::string>> DueRechecks(Connection& connection, absl::Time now,
                                                     int limit);

// The users that exist, in no particular order. Not locked: the lock on the
// account covers its users.
absl::StatusOr<std::vector<domain::User>> LoadUsers(Connection& connection,
                                                    const std::vector<UserKey>& keys);
absl::StatusOr<std::vector<domain::User>> ListUsers(Connection& connection,
                                                    absl::string_view account_id,
                                                    absl::string_view after, int limit);
// New or changed users.
absl::Status WriteUsers(Connection& connection, const std::vector<const domain::User*>& users);

absl::StatusOr<std::vector<domain::Plan>> LoadPlans(Connection& connection);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_ACCOUNT_ROWS_H_
