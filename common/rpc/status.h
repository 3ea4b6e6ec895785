// Refusals on the wire: absl::Status with a reason and a field (common/error) to
// and from gRPC statuses.
//
// The details travel in `grpc-status-details-bin` as a `reserve.v1.Status` with
// one `reserve.v1.ErrorInfo`; its shape is the standard one, so that any client
// can read it. Thread-safe: pure functions.
//
//   reactor->Finish(ToGrpcStatus(status, "reserve.ledger"));
#ifndef RESERVE_COMMON_RPC_STATUS_H_
#define RESERVE_COMMON_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "reserve/v1/error.pb.h"

namespace reserve {

// The status with its reason, field, metadata and wait (common/error/retry_after.h)
// as an ErrorInfo of `domain` ("reserve.ledger" or "reserve.gateway"). Texts that
// are not UTF-8 are made so, and a message longer than 2 KiB is cut, because it
// travels in a header.
v1::Status ToProtoStatus(const absl::Status& status, absl::string_view domain);
// The same for the end of a call; grpc::Status::OK for an OK status.
grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view domain);

// The way back: code and message, and the reason, field, metadata and wait if there are
// any. Details that can't be read are ignored. A code that is not a status code
// becomes UNKNOWN.
absl::Status FromProtoStatus(const v1::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_STATUS_H_
