// Gives a plan a new version so that every ledger prices a start by the same one (K4), in the way
// in which a deck is brought into force (deck_activation.h): written a margin before its `from` as
// prepared, it comes to count once it is there for all to read in time, or misses. A plan's first
// version holds for all time, and counts at once: who misses the plan looks for it. Thread-safe:
// functions without state, which block.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_PLAN_VERSIONS_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_PLAN_VERSIONS_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/engine/catalog.h"
#include "services/ledger/engine/timeline_writes.h"
#include "services/ledger/rates/plan_book.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

struct PlanOrder {
  std::string plan_id;
  bool allow_missing = false;  // a plan that there is not is made
  // The terms, made of those that are in force when the new ones come into force; of a new plan, of
  // those of a plan of which nothing is said.
  std::function<absl::StatusOr<domain::Plan>(const domain::Plan& before)> change;
  std::optional<absl::Time> from;  // unset: as soon as all ledgers know
  std::string etag;                // of the plan that it rests on (EtagOf); empty: any
  std::string request_id;
  std::string digest;  // of the request
  domain::ByStaff by;
};

// Tells whether a plan has come to have another version.
std::string EtagOf(const rates::PlanBook& plans, const std::string& plan_id);

// Writes it, and decides whether it counts. Of several that come at once each decides by the others
// that came first. ALREADY_EXISTS "REQUEST_ID_REUSED"; FAILED_PRECONDITION "FEATURE_LEVEL_TOO_LOW";
// NOT_FOUND "PLAN_NOT_FOUND"; ABORTED "ETAG_MISMATCH"; INVALID_ARGUMENT on "effective_time" for one
// that is nearer than all ledgers could know, or of a plan that is new; what `change` says.
absl::StatusOr<rates::PlanVersion> PutPlan(storage::Connection& connection,
                                           const CatalogKeeper::DatabaseClock& clock,
                                           const PlanOrder& order);
// What it would write.
absl::StatusOr<rates::PlanVersion> PlanVersionFor(storage::Connection& connection,
                                                  const CatalogKeeper::DatabaseClock& clock,
                                                  const PlanOrder& order);

// Retires a plan; one that is retired stays so. ALREADY_EXISTS "REQUEST_ID_REUSED"; NOT_FOUND
// "PLAN_NOT_FOUND"; FAILED_PRECONDITION "PLAN_NEEDED" of the plan that the program itself needs,
// "FEATURE_LEVEL_TOO_LOW"; ABORTED "ETAG_MISMATCH" if it has moved on from `etag` (empty: whatever
// it is). Who did it and why is stored with it.
absl::Status RetirePlan(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                        const std::string& plan_id, const std::string& etag,
                        const RetirementOrder& order);

// Has those miss that were left prepared until their time came.
absl::Status DecideLeft(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                        const rates::PlanBook& plans);

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_PLAN_VERSIONS_H_
