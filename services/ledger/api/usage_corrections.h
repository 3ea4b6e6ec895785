// Usages that take the place of others, or take them back: what `VoidUsage`, `CorrectUsage`,
// batches and streams share.
#ifndef RESERVE_SERVICES_LEDGER_API_USAGE_CORRECTIONS_H_
#define RESERVE_SERVICES_LEDGER_API_USAGE_CORRECTIONS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/book/command.h"

namespace reserve::api {

// The command of a request that has `replaces`: a VoidUsage or a CorrectUsage.
absl::StatusOr<book::Command> ReplacementFrom(const domain::Settings& settings,
                                              const pb::RecordUsageRequest& request);

// The hold that a request names, if it names one: INVALID_ARGUMENT on "hold_id".
absl::Status CheckHoldOf(const pb::RecordUsageRequest& request);

// INVALID_ARGUMENT on "replaces": in RecordUsage, which books and no more.
absl::Status ReplacesElsewhere();

// Names the field of a refusal as it is in a RecordUsageRequest: what is not of `account_id` or
// `replaces` is of the usage.
absl::Status NameField(const absl::Status& status);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_USAGE_CORRECTIONS_H_
