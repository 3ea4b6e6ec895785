// Rows of payment_methods: the cards of accounts.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_PAYMENT_METHOD_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_PAYMENT_METHOD_ROWS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/ledger/book/write_set.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Reads the cards of these accounts, each account's in the customer's order, without those that
// were taken away.
absl::Status LoadPaymentMethods(Connection& connection,
                                const std::vector<domain::Account*>& accounts);

// Writes rows, new or changed.
absl::Status WritePaymentMethods(Connection& connection,
                                 const std::vector<book::PaymentMethodRow>& rows);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_PAYMENT_METHOD_ROWS_H_
