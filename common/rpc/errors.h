// What a caller is told at the door, each made here. Thread-safe: pure functions.
#ifndef RESERVE_COMMON_RPC_ERRORS_H_
#define RESERVE_COMMON_RPC_ERRORS_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve {

// UNAUTHENTICATED "CALLER_UNNAMED": the client's certificate says no name.
absl::Status CallerUnnamed();
// PERMISSION_DENIED "CALLER_MAY_NOT", with the method and the caller: `to_whom` is who may, `has`
// what the caller is ("has the roles switch", "is not known").
absl::Status CallerMayNot(absl::string_view method, absl::string_view to_whom,
                          const std::string& caller, absl::string_view has);

// INVALID_ARGUMENT "REQUEST_TOO_LARGE": a request, or one message of a stream, has `bytes`.
absl::Status RequestTooLarge(size_t bytes, size_t most);

// RESOURCE_EXHAUSTED, with a wait: "CALLER_RATE_EXCEEDED", the caller makes more calls than he may;
// "ACCOUNT_RATE_EXCEEDED", all callers together make more for the account. Nothing was done.
absl::Status CallerRateExceeded(const std::string& caller, absl::Duration wait);
absl::Status AccountRateExceeded(const std::string& account_id, absl::Duration wait);
// Is it one of the two?
bool IsRateExceeded(const absl::Status& status);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_ERRORS_H_
