// What an import of a rate deck asks before it stores one: how to read its file, and what is
// strange about it. Thread-safe: functions without state.
#ifndef RESERVE_SERVICES_LEDGER_API_DECK_IMPORT_H_
#define RESERVE_SERVICES_LEDGER_API_DECK_IMPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reserve/ledger/v1/rates.pb.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/engine/engine.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/findings.h"
#include "services/ledger/storage/connection.h"

namespace reserve::api {

// INVALID_ARGUMENT on the field of the header that can't be.
absl::StatusOr<rates::DeckOptions> DeckOptionsFrom(const pb::RateDeckHeader& message,
                                                   const rates::DeckHeader& header);
// What makes the same bytes another deck; empty by default.
std::string DigestedOptions(const rates::DeckOptions& options);
// INVALID_ARGUMENT if a code of `accept` is none.
absl::Status CheckAccepted(const pb::RateDeckHeader& message);

// What is strange about the deck that would come into force. Reads recent and unrated usage.
absl::StatusOr<std::vector<rates::Finding>> FindFindings(engine::Engine& engine,
                                                         storage::Connection& connection,
                                                         const rates::DeckFile& file,
                                                         const rates::DeckHeader& header);

// FAILED_PRECONDITION "RATE_DECK_FINDINGS" with those that are not accepted; OK if all are.
absl::Status RefuseFindings(const std::vector<rates::Finding>& findings,
                            const pb::RateDeckHeader& header);

void ToProto(const std::vector<rates::Finding>& findings, const pb::RateDeckHeader& header,
             pb::ImportRateDeckResponse* response);
void ToProto(const rates::DeckUnderstood& understood, pb::RateFileReading* message);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_DECK_IMPORT_H_
