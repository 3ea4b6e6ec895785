// Rows of rate decks. A deck is written once, whole, and never changes.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_DECK_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_DECK_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/rate_rows.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// All headers, by version.
absl::StatusOr<std::vector<rates::DeckHeader>> LoadDeckHeaders(Connection& connection);
// The rows of a deck, by kind, prefix, carrier and line. A large one takes a while: an error of
// `go_on`, which is asked before each page, ends it.
absl::StatusOr<rates::RateRows> LoadDeckRows(
    Connection& connection, int64_t version,
    absl::FunctionRef<absl::Status()> go_on = absl::OkStatus);
// Those of one kind with one of these prefixes.
absl::StatusOr<std::vector<rates::RateRow>> FindDeckRows(Connection& connection, int64_t version,
                                                         rates::RateKind kind,
                                                         const std::vector<std::string>& prefixes);
// Writes a deck in a transaction of its own, all or nothing; rows that CheckLines has sorted.
// ALREADY_EXISTS if the version is taken. `rest` is called after each statement of a few thousand
// rows, so that a large deck can leave the database some time for others.
absl::Status InsertDeck(
    Connection& connection, const rates::DeckHeader& header, const rates::RateRows& rows,
    absl::FunctionRef<void()> rest = [] {});

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_DECK_ROWS_H_
