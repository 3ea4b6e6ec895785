// Reads one account for a handler. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_API_LOAD_ACCOUNT_H_
#define RESERVE_SERVICES_LEDGER_API_LOAD_ACCOUNT_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/storage/connection.h"

namespace reserve::api {

// INVALID_ARGUMENT for an id that is none, NOT_FOUND for an account that is not there.
absl::StatusOr<domain::Account> LoadAccount(storage::Connection& connection,
                                            const std::string& account_id);

// Its currency alone, with the same errors.
absl::StatusOr<std::string> LoadCurrency(storage::Connection& connection,
                                         const std::string& account_id);

// "2025-09": the last month whose usages have left the account for archives; empty: none have.
absl::StatusOr<std::string> ArchivedThrough(storage::Connection& connection,
                                            const std::string& account_id);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_LOAD_ACCOUNT_H_
