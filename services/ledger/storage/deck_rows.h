// Rows of rate decks. A deck is written once, whole, and never changes.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_DECK_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_DECK_ROWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// All headers, by version.
absl::StatusOr<std::vector<rates::DeckHeader>> LoadDeckHeaders(Connection& connection);
// The rows of a deck, by kind, prefix, carrier and line.
absl::StatusOr<std::vector<rates::RateRow>> LoadDeckRows(Connection& connection, int64_t version);
// Writes a deck in a transaction of its own, all or nothing; rows that CheckLines has sorted.
// ALREADY_EXISTS if the version is taken.
absl::Status InsertDeck(Connection& connection, const rates::DeckHeader& header,
                        const std::vector<rates::RateRow>& rows);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_DECK_ROWS_H_
