// Rows of declined attempts, counted by card over all accounts (G9).
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_CARD_DECLINE_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_CARD_DECLINE_ROWS_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/book/image.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

absl::Status InsertCardDeclines(Connection& connection,
                                const std::vector<domain::CardDecline>& declines);

// Cards without any are left out. Not locked: a decline that is just being written on another
// account is not seen.
absl::StatusOr<book::DeclinesByCard> LoadCardDeclines(
    Connection& connection, const std::vector<absl::string_view>& fingerprints, absl::Time since);

// Which number each of these attempts was declined on. What was not declined is left out.
absl::StatusOr<absl::flat_hash_map<book::AttemptKey, std::string>> LoadDeclinedNumbers(
    Connection& connection, const std::vector<book::AttemptKey>& attempts);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_CARD_DECLINE_ROWS_H_
