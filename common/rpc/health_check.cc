#include "common/rpc/health_check.h"

#include <google/protobuf/message_lite.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/rpc_method.h>

#include "common/rpc/deadline.h"
#include "common/rpc/status.h"
#include "grpc/health/v1/health.pb.h"

namespace reserve {
namespace {

namespace pb = ::grpc::health::v1;

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";

}  // namespace

absl::StatusOr<bool> IsServing(const std::shared_ptr<grpc::Channel>& channel,
                               const std::string& service, absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(DeadlineIn(timeout));
  pb::HealthCheckRequest request;
  request.set_service(service);
  pb::HealthCheckResponse response;
  // What a generated stub would do; only the messages are generated, as gRPC serves health itself.
  const grpc::internal::RpcMethod method(kCheck, grpc::internal::RpcMethod::NORMAL_RPC, channel);
  const absl::Status status = FromGrpcStatus(
      grpc::internal::BlockingUnaryCall<pb::HealthCheckRequest, pb::HealthCheckResponse,
                                        google::protobuf::MessageLite,
                                        google::protobuf::MessageLite>(
          channel.get(), method, &context, request, &response));
  if (!status.ok()) return status;
  return response.status() == pb::HealthCheckResponse::SERVING;
}

}  // namespace reserve
