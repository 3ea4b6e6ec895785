// Reratings on the wire (U6, U7).
#ifndef RESERVE_SERVICES_LEDGER_API_RERATINGS_H_
#define RESERVE_SERVICES_LEDGER_API_RERATINGS_H_

#include "absl/status/statusor.h"
#include "reserve/ledger/v1/rates.pb.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/book/rerating.h"
#include "services/ledger/engine/rerating_preview.h"
#include "services/ledger/storage/connection.h"

namespace reserve::api {

// What can be said of a request without looking anything up.
absl::StatusOr<book::ReratingOrder> ReratingOrderFrom(const pb::RerateUsageRequest& request);

// Looks up what the order names, and fills in the currency. NOT_FOUND for an account, user, plan or
// deck that is not there; INVALID_ARGUMENT where their currencies differ.
absl::Status CompleteOrder(storage::Connection& connection, const book::Catalog& catalog,
                           book::ReratingOrder* order);

void ToProto(const book::ReratingJob& job, pb::Rerating* message);
void ToProto(const book::RerateReply& reply, const std::string& currency,
             pb::ReratedUsage* message);
void ToProto(const engine::ReratingConsequences& consequences, const std::string& currency,
             pb::ReratingConsequences* message);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_RERATINGS_H_
