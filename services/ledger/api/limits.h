// Limits against fraud (L1), from messages and to them. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_API_LIMITS_H_
#define RESERVE_SERVICES_LEDGER_API_LIMITS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reserve/ledger/v1/resources.pb.h"
#include "services/ledger/domain/limits.h"
#include "services/ledger/domain/plan.h"

namespace reserve::api {

// The limits of a message, of which all amounts are in one currency, which is put into `currency`;
// empty where none says one. INVALID_ARGUMENT at the field, within `Limits`.
absl::StatusOr<domain::Limits> LimitsFrom(const ledger::v1::Limits& message, std::string* currency);
// Those of a plan, one a currency.
absl::StatusOr<std::vector<domain::PlanLimits>> PlanLimitsFrom(
    const google::protobuf::RepeatedPtrField<ledger::v1::Limits>& messages);

// Amounts in `currency`.
void ToProto(const domain::Limits& limits, const std::string& currency,
             ledger::v1::Limits* message);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_LIMITS_H_
