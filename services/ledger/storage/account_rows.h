// Rows of accounts and users. Plain mapping: no rule of the domain is here.
//
// An account is two rows: what every usage changes is in balances, the rest in
// accounts. The row in balances is the account's lock, and its `version` tells
// whether the rest, and the account's users, are still what they were.
//
// Functions that write must run inside a transaction of the caller. A vector may
// be empty; then nothing is sent. At most 1,000 keys a call, to keep IN lists and
// statements within what the servers handle well.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_ACCOUNT_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_ACCOUNT_ROWS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/book/write_set.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

enum class Lock { kNone, kForUpdate };

// The balances that exist, in the order of their ids: with kForUpdate that is
// also the order in which they are locked.
absl::StatusOr<std::vector<book::Balance>> LoadBalances(
    Connection& connection, const std::vector<absl::string_view>& account_ids, Lock lock);
// New or changed balances: what nearly every command writes, and nearly the last thing. A
// row is changed only if the one stored is of the revision before; it is new if
// its revision is 1. ABORTED "BALANCE_MOVED" if any was not so: then roll back.
absl::Status WriteBalances(Connection& connection, const std::vector<book::Balance>& balances);

// The accounts that exist with their balances, in the order of their ids. Not
// locked: who changes them holds the lock of LoadBalances.
absl::StatusOr<std::vector<domain::Account>> LoadAccounts(
    Connection& connection, const std::vector<absl::string_view>& account_ids);

// That of one account; empty if there is none. Reads nothing else of it.
absl::StatusOr<std::string> FindCurrency(Connection& connection, absl::string_view account_id);

// Accounts with an id after `after`, by id.
absl::StatusOr<std::vector<domain::Account>> ListAccounts(Connection& connection,
                                                          absl::string_view after, int limit);

// Closed accounts that owe something still (P4), after that id, by id.
absl::StatusOr<std::vector<domain::Account>> ListAccountsThatOwe(Connection& connection,
                                                                 absl::string_view after,
                                                                 int limit);
// The same of those to which money came after they were closed that nobody has looked at.
absl::StatusOr<std::vector<domain::Account>> ListAccountsWithLateMoney(Connection& connection,
                                                                       absl::string_view after,
                                                                       int limit);

// The rest of new accounts; ALREADY_EXISTS if another session was faster.
absl::Status InsertAccounts(Connection& connection,
                            const std::vector<const domain::Account*>& accounts);
// All that can change of the rest.
absl::Status WriteAccounts(Connection& connection,
                           const std::vector<const domain::Account*>& accounts);

// Accounts whose Due is after `after`, unlocked; without those that wait for the next month.
absl::StatusOr<std::vector<std::string>> RechecksAfter(Connection& connection, absl::Time after,
                                                       int limit);

// Accounts whose Due has come, unlocked.
absl::StatusOr<std::vector<std::string>> DueRechecks(Connection& connection, absl::Time now,
                                                     int limit);

// Accounts whose customer is to hear now that a card expires, unlocked.
absl::StatusOr<std::vector<std::string>> DueExpiryNotices(Connection& connection, absl::Time now,
                                                          int limit);

// The users that exist, in no particular order. Not locked: the lock on the
// account covers its users.
absl::StatusOr<std::vector<domain::User>> LoadUsers(Connection& connection,
                                                    const std::vector<book::UserKey>& keys);
absl::StatusOr<std::vector<domain::User>> ListUsers(Connection& connection,
                                                    absl::string_view account_id,
                                                    absl::string_view after, int limit,
                                                    bool with_removed = true);
// What users have used of their allowances, new or changed.
absl::Status WriteAllowances(Connection& connection, const std::vector<book::AllowanceRow>& rows);
// New or changed users.
absl::Status WriteUsers(Connection& connection, const std::vector<const domain::User*>& users);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_ACCOUNT_ROWS_H_
