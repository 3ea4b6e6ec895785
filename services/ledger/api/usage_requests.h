// Usages to be recorded, as commands, and what becomes of them, as messages: the same for calls,
// batches and streams, and for what another ledger passes on. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_API_USAGE_REQUESTS_H_
#define RESERVE_SERVICES_LEDGER_API_USAGE_REQUESTS_H_

#include "absl/status/statusor.h"
#include "reserve/ledger/v1/ledger.pb.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/book/command.h"
#include "services/ledger/engine/task.h"

namespace reserve::api {

// Fields of a refusal are named as the engine's are: without "usage.".
absl::StatusOr<engine::Task> ParseRecord(const domain::Settings& settings,
                                         const pb::RecordUsageRequest& request);
// The same of a batch or a stream, where it may take the place of another, or only take that back.
// What is wrong with that is named from "replaces." on.
absl::StatusOr<engine::Task> ParseRecordOrReplace(const domain::Settings& settings,
                                                  const pb::RecordUsageRequest& request);

// Of a RecordUsage, a VoidUsage or a CorrectUsage.
void ToProto(const book::Reply& reply, pb::RecordUsageResult* message);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_USAGE_REQUESTS_H_
