#include "worker/errors.h"

#include "common/error/error.h"

namespace reserve::worker {
namespace {

constexpr char kLeaseLost[] = "LEASE_LOST";
constexpr char kAlreadyCredited[] = "ALREADY_CREDITED";
constexpr char kRefundTooLarge[] = "REFUND_TOO_LARGE";

}  // namespace

absl::Status DifferencesFound(absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "DIFFERENCES_FOUND", "", message);
}

bool IsLeaseLost(const absl::Status& status) { return ReasonOf(status) == kLeaseLost; }

bool IsAlreadyCredited(const absl::Status& status) { return ReasonOf(status) == kAlreadyCredited; }

bool IsRefundTooLarge(const absl::Status& status) { return ReasonOf(status) == kRefundTooLarge; }

}  // namespace reserve::worker
