// How long a caller should wait before it repeats what was refused, on absl::Status.
//
// The gRPC edge turns it into a `google.rpc.RetryInfo`. Thread-safe: pure functions.
//
//   return TryAgain(MakeError(absl::StatusCode::kUnavailable, "NOT_SERVING", "", "not yet"),
//                   absl::Seconds(1));  // "not yet; try again in 1s"
#ifndef RESERVE_COMMON_ERROR_RETRY_AFTER_H_
#define RESERVE_COMMON_ERROR_RETRY_AFTER_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace reserve {

// The same status with a wait, which is also said in its message, rounded to
// milliseconds. Nothing changes for OK, and for a status that has a wait already.
absl::Status TryAgain(const absl::Status& status, absl::Duration wait);

// The same, but the message stays as it is.
absl::Status WithRetryAfter(absl::Status status, absl::Duration wait);

// The wait, if there is one.
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

}  // namespace reserve

#endif  // RESERVE_COMMON_ERROR_RETRY_AFTER_H_
