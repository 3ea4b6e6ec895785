// Usages as they stand, for whoever lists them.
#ifndef RESERVE_SERVICES_LEDGER_API_USAGE_RECORDS_H_
#define RESERVE_SERVICES_LEDGER_API_USAGE_RECORDS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/connection.h"

namespace reserve::api {

// Adds a record for each of these entries of one account, which book usages, in their order.
absl::Status AddUsageRecords(storage::Connection& connection,
                             std::shared_ptr<const book::Catalog> catalog,
                             const std::vector<domain::Entry>& entries, const std::string& currency,
                             google::protobuf::RepeatedPtrField<pb::UsageRecord>* records);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_USAGE_RECORDS_H_
