// Rows of the keys under which users' numbers stand in the chain (book/entry_chain.h).
//
// A key is never changed. Deleting it, and putting their digests in the place of the numbers, is
// how a person is forgotten: that is for the migrating user, the program's own has no right to.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_NUMBER_KEY_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_NUMBER_KEY_ROWS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/book/write_set.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// The keys of these users, of all years. At most 1,000 users a call. Not locked: the lock on the
// account covers them.
absl::StatusOr<std::vector<book::NumberKeyRecord>> LoadNumberKeys(
    Connection& connection, const std::vector<book::UserKey>& users);
// All keys of an account.
absl::StatusOr<std::vector<book::NumberKeyRecord>> ListNumberKeys(Connection& connection,
                                                                  absl::string_view account_id);

// ALREADY_EXISTS if another session was faster.
absl::Status InsertNumberKeys(Connection& connection,
                              const std::vector<book::NumberKeyRecord>& keys);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_NUMBER_KEY_ROWS_H_
