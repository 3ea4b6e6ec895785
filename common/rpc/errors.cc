#include "common/rpc/errors.h"

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"

namespace reserve {
namespace {

constexpr char kCallerRate[] = "CALLER_RATE_EXCEEDED";
constexpr char kAccountRate[] = "ACCOUNT_RATE_EXCEEDED";

absl::Status RateExceeded(absl::string_view reason, absl::string_view whose, absl::Duration wait) {
  return TryAgain(MakeError(absl::StatusCode::kResourceExhausted, reason, "",
                            absl::StrCat("more calls came ", whose,
                                         " than may come a second; nothing was done")),
                  wait);
}

}  // namespace

absl::Status CallerUnnamed() {
  return MakeError(absl::StatusCode::kUnauthenticated, "CALLER_UNNAMED", "",
                   "the client's certificate has no URI and no DNS name that names the caller");
}

absl::Status CallerMayNot(absl::string_view method, absl::string_view to_whom,
                          const std::string& caller, absl::string_view has) {
  const absl::Status status =
      MakeError(absl::StatusCode::kPermissionDenied, "CALLER_MAY_NOT", "",
                absl::StrCat(method, " is for ", to_whom, "; ", caller, " ", has));
  return WithMetadata(WithMetadata(status, "method", method), "caller", caller);
}

absl::Status RequestTooLarge(size_t bytes, size_t most) {
  return MakeError(absl::StatusCode::kInvalidArgument, "REQUEST_TOO_LARGE", "",
                   absl::StrCat("the request has ", bytes, " bytes, and may have ", most));
}

absl::Status CallerRateExceeded(const std::string& caller, absl::Duration wait) {
  return WithMetadata(RateExceeded(kCallerRate, absl::StrCat("from ", caller), wait), "caller",
                      caller);
}

absl::Status AccountRateExceeded(const std::string& account_id, absl::Duration wait) {
  return WithMetadata(RateExceeded(kAccountRate, absl::StrCat("for account ", account_id), wait),
                      "account_id", account_id);
}

bool IsRateExceeded(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return reason == kCallerRate || reason == kAccountRate;
}

}  // namespace reserve
