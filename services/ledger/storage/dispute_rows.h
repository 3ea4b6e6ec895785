// Rows of disputes (P2).
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_DISPUTE_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_DISPUTE_ROWS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/dispute.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Those of these charges, in no particular order.
absl::StatusOr<std::vector<domain::Dispute>> LoadDisputesOf(
    Connection& connection, const std::vector<book::ChargeNeed>& charges);
// (account id, dispute id): those that there are, in no particular order.
absl::StatusOr<std::vector<domain::Dispute>> LoadToldDisputes(
    Connection& connection, const std::vector<book::OnceKey>& told);
// Of an account after that id, by id.
absl::StatusOr<std::vector<domain::Dispute>> ListDisputes(Connection& connection,
                                                          absl::string_view account_id,
                                                          absl::string_view after, int limit);
// New or changed disputes.
absl::Status WriteDisputes(Connection& connection,
                           const std::vector<const domain::Dispute*>& disputes);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_DISPUTE_ROWS_H_
