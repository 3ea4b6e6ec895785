// Refusals on the wire: absl::Status with a reason and a field (common/error) to
// and from gRPC statuses.
//
// The details travel in `grpc-status-details-bin` as a `google.rpc.Status` with a
// `google.rpc.ErrorInfo`, a `BadRequest` where one field is at fault, and a `RetryInfo`
// where waiting helps, so that any client reads them by its public library. Thread-safe:
// pure functions.
//
//   reactor->Finish(ToGrpcStatus(status, "reserve.ledger"));
#ifndef RESERVE_COMMON_RPC_STATUS_H_
#define RESERVE_COMMON_RPC_STATUS_H_

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/rpc/status.pb.h"

namespace reserve {

// The status with its reason and metadata as an ErrorInfo of `domain` ("reserve.ledger" or
// "reserve.gateway"), its field as the violation of a BadRequest, whatever the code, and its
// wait (common/error/retry_after.h) as a RetryInfo. Texts that
// are not UTF-8 are made so, and a message longer than 2 KiB is cut, because it
// travels in a header.
google::rpc::Status ToProtoStatus(const absl::Status& status, absl::string_view domain);
// The same for the end of a call; grpc::Status::OK for an OK status.
grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view domain);

// Tells clients that retry by themselves when to, where waiting helps against a refusal of those
// that pass (UNAVAILABLE, RESOURCE_EXHAUSTED): gRPC's own libraries go by the trailer
// `grpc-retry-pushback-ms`, and know no RetryInfo. Before the call is finished.
void AddRetryPushback(const absl::Status& status, grpc::ServerContextBase& context);

// The way back: code and message, and the reason, field, metadata and wait if there are
// any. Details that can't be read are ignored. A code that is not a status code
// becomes UNKNOWN.
absl::Status FromProtoStatus(const google::rpc::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_STATUS_H_
