// Loads what a batch of commands needs. Inside a transaction of the caller if the batch may write.
//
//   book::Image image;
//   RETURN_IF_ERROR(LoadImage(connection, keys, RandomKey, &image));
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_LOAD_IMAGE_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_LOAD_IMAGE_H_

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "services/ledger/book/image.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Accounts that may change are locked, in the order of their ids, and so are recharges, which a
// claim may change without the account; accounts that are only asked about are not. What `image`
// holds of accounts already is kept: those that are `remembered` are not read at all, others count
// if they are of the version that is stored. Errors as in connection.h.
//
// `make_number_key` is asked for new random keys: nothing else of what becomes of a batch is
// chance.
using MakeNumberKey = absl::FunctionRef<domain::NumberKey()>;
absl::Status LoadImage(Connection& connection, const book::Keys& keys,
                       MakeNumberKey make_number_key, book::Image* image);

// Takes up the entries of those usages that are booked, and what became of them.
absl::Status LoadBookedUsages(Connection& connection, const std::vector<book::OnceKey>& keys,
                              book::Image* image);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_LOAD_IMAGE_H_
