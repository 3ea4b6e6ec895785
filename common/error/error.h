// Refusals: named reasons on absl::Status.
//
// Every status that leaves a module carries a stable machine-readable reason
// and, where one request field is at fault, the path of that field, as plain data: only the
// gRPC edge (common/rpc/status.h) turns them into the standard `google.rpc` details.
// Thread-safe: pure functions.
//
//   return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
//                    "usage.call.destination", "must be E.164, like +14155550123");
#ifndef RESERVE_COMMON_ERROR_ERROR_H_
#define RESERVE_COMMON_ERROR_ERROR_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace reserve {

// A status with a reason and a field (empty if no single field is at fault).
absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view field,
                       absl::string_view message);

// INVALID_ARGUMENT with reason INVALID_FIELD; `field: message` is the text.
absl::Status InvalidField(absl::string_view field, absl::string_view message);

// A further fact of an error, shown in `ErrorInfo.metadata`.
absl::Status WithMetadata(absl::Status status, absl::string_view key, absl::string_view value);

// The same status with `prefix` put before its field: "call.destination" becomes
// "usage.call.destination". Nothing changes where no field is at fault.
absl::Status WithFieldPrefix(absl::Status status, absl::string_view prefix);

// The reason, or the canonical name of the code if none was set.
std::string ReasonOf(const absl::Status& status);
// The field at fault, or empty.
std::string FieldOf(const absl::Status& status);
// Every further fact, in no particular order.
std::vector<std::pair<std::string, std::string>> MetadataOf(const absl::Status& status);

}  // namespace reserve

// Returns the status from the enclosing function if it is an error.
#define RESERVE_RETURN_IF_ERROR(expr)                  \
  do {                                                 \
    ::absl::Status reserve_status_ = (expr);           \
    if (!reserve_status_.ok()) return reserve_status_; \
  } while (false)

#define RESERVE_CONCAT_INNER_(a, b) a##b
#define RESERVE_CONCAT_(a, b) RESERVE_CONCAT_INNER_(a, b)
// Evaluates a StatusOr; returns its error, or assigns its value to `lhs`.
#define RESERVE_ASSIGN_OR_RETURN(lhs, expr) \
  RESERVE_ASSIGN_OR_RETURN_(RESERVE_CONCAT_(reserve_statusor_, __LINE__), lhs, expr)
#define RESERVE_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                              \
  if (!tmp.ok()) return std::move(tmp).status();  \
  lhs = *std::move(tmp)

#endif  // RESERVE_COMMON_ERROR_ERROR_H_
