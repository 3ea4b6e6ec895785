// Rows of plans and their versions (rates/plan_book.h). Versions are only added; of a row nothing
// changes but whether it has come to count. Each has the number after that of the last one: who has
// decided by what is there by now adds the next, or is told that another came first.
//
// A row of `plans`, from before plans had versions, is the first version of its plan.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_PLAN_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_PLAN_ROWS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/rates/plan_book.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// The rows of `plans`.
absl::StatusOr<std::vector<domain::Plan>> LoadPlans(Connection& connection);
// All plans with all their versions.
absl::StatusOr<rates::PlanBook> LoadPlanBook(Connection& connection);
absl::StatusOr<std::optional<rates::PlanVersion>> FindPlanVersion(Connection& connection,
                                                                  absl::string_view request_id);

// Stores it; commits. ALREADY_EXISTS if its number, or its request id, is taken.
absl::Status AddPlanVersion(Connection& connection, const rates::PlanVersion& version);
// Has one that is prepared count, or miss; commits. What its stage is then, whoever said so first.
// One that missed gives its request id back.
absl::StatusOr<rates::ActivationStage> DecidePlanVersion(Connection& connection, int64_t number,
                                                         rates::ActivationStage stage);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_PLAN_ROWS_H_
