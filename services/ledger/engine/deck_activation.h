// Brings a deck into force so that every ledger prices a start by the same deck (K2). Thread-safe:
// functions without state, which block.
//
// An activation is written a margin before its `from`, as prepared. Once it is there for all to
// read, and that is early enough for its `from`, it comes to count; else it never does. So whoever
// prices starts up to T + kTimelineHolds by what it read at T has read of it, or prices none of its
// starts. Whoever ends in between leaves it prepared: the same request goes on with it, and once
// its time has come any ledger has it miss.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_DECK_ACTIVATION_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_DECK_ACTIVATION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/engine/catalog.h"
#include "services/ledger/engine/timeline_writes.h"
#include "services/ledger/rates/timeline.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

struct ActivationOrder {
  int64_t deck_version = 0;
  std::optional<absl::Time> from;  // unset: as soon as all ledgers know
  bool backdate = false;           // `from` may be nearer than that, or in the past
  std::string request_id;
  std::string digest;  // of the request
  domain::ByStaff by;
};

// Writes it, and decides whether it counts. Of several that come at once each decides by the others
// that came first. NOT_FOUND "RATE_DECK_NOT_FOUND", FAILED_PRECONDITION "RATE_DECK_RETIRED" or
// "BACKDATE_NEEDED", ALREADY_EXISTS "REQUEST_ID_REUSED".
absl::StatusOr<rates::DeckActivation> Activate(storage::Connection& connection,
                                               const CatalogKeeper::DatabaseClock& clock,
                                               const ActivationOrder& order);
// What it would write.
absl::StatusOr<rates::DeckActivation> PlanActivation(storage::Connection& connection,
                                                     const CatalogKeeper::DatabaseClock& clock,
                                                     const ActivationOrder& order);

// Retires a deck; one that is retired stays so. ALREADY_EXISTS "REQUEST_ID_REUSED"; NOT_FOUND
// "RATE_DECK_NOT_FOUND"; FAILED_PRECONDITION "RATE_DECK_NEEDED" if it prices a start at
// `needed_from` or later. Who did it and why is stored with it.
absl::Status Retire(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                    int64_t deck_version, absl::Time needed_from, const RetirementOrder& order);

// Has those miss that were left prepared until their time came.
absl::Status DecideLeft(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                        const rates::Timeline& timeline);

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_DECK_ACTIVATION_H_
