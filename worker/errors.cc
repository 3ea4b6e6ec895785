#include "worker/errors.h"

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::worker {
namespace {

constexpr char kLeaseLost[] = "LEASE_LOST";
constexpr char kAlreadyCredited[] = "ALREADY_CREDITED";
constexpr char kRefundTooLarge[] = "REFUND_TOO_LARGE";
constexpr char kChargeNotSucceeded[] = "CHARGE_NOT_SUCCEEDED";
constexpr char kChargeNotFound[] = "CHARGE_NOT_FOUND";

}  // namespace

absl::Status DifferencesFound(absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "DIFFERENCES_FOUND", "", message);
}

absl::Status StateNotTaken(absl::string_view stored) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "STATE_NOT_TAKEN", "",
                   absl::StrCat("it has it as ", stored));
}

bool IsLeaseLost(const absl::Status& status) { return ReasonOf(status) == kLeaseLost; }

bool IsAlreadyCredited(const absl::Status& status) { return ReasonOf(status) == kAlreadyCredited; }

bool IsRefundTooLarge(const absl::Status& status) { return ReasonOf(status) == kRefundTooLarge; }

bool IsRefundRefused(const absl::Status& status) {
  return IsRefundTooLarge(status) || IsChargeNotFound(status) ||
         ReasonOf(status) == kChargeNotSucceeded;
}

bool IsChargeNotFound(const absl::Status& status) { return ReasonOf(status) == kChargeNotFound; }

}  // namespace reserve::worker
