#include "tests/e2e/raw_call.h"

#include <grpcpp/generic/generic_stub.h>

#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/rpc/status.h"

namespace reserve::e2e {

absl::StatusOr<std::string> CallRaw(const std::shared_ptr<grpc::Channel>& channel,
                                    const std::string& method, absl::string_view request,
                                    absl::Duration patience) {
  const grpc::Slice slice(request.data(), request.size());
  const grpc::ByteBuffer bytes(&slice, 1);
  grpc::ByteBuffer answer;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
  grpc::Status status;
  absl::Notification answered;
  grpc::GenericStub stub(channel);
  stub.UnaryCall(&context, method, grpc::StubOptions(), &bytes, &answer,
                 [&status, &answered](grpc::Status result) {
                   status = std::move(result);
                   answered.Notify();
                 });
  answered.WaitForNotification();
  if (!status.ok()) return FromGrpcStatus(status);
  grpc::Slice whole;
  if (!answer.DumpToSingleSlice(&whole).ok()) return absl::InternalError("no answer");
  return std::string(reinterpret_cast<const char*>(whole.begin()), whole.size());
}

}  // namespace reserve::e2e
