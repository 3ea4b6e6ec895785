// The worker's side of the payment gateway: sends charges and refunds and looks them up, and
// sorts what comes back into the answers that decide.h knows.
//
// Thread-safe. Callbacks run on threads of gRPC, once each, and must not block.
//
//   GatewayClient gateway(channel, /*timeout=*/absl::Seconds(5));
//   gateway.Charge(task, trace, [](GatewayAnswer answer) { ... });
#ifndef RESERVE_WORKER_GATEWAY_CLIENT_H_
#define RESERVE_WORKER_GATEWAY_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"
#include "worker/decide.h"
#include "worker/pending_calls.h"

namespace reserve::worker {

class GatewayClient {
 public:
  using Done = std::function<void(GatewayAnswer)>;

  // `timeout` is for one call; a charge that takes longer has an unknown outcome.
  GatewayClient(std::shared_ptr<grpc::Channel> channel, absl::Duration timeout);

  // Each call goes on in `trace`, if that is one.
  //
  // Charges the card under the key of the attempt. INVALID_ARGUMENT is kRefused if
  // its field at fault is `card_token`, else kInvalid; ALREADY_EXISTS is
  // kKeyReused. What says that the gateway is away, overloaded or
  // not to be used by us (UNAVAILABLE, RESOURCE_EXHAUSTED, UNIMPLEMENTED,
  // UNAUTHENTICATED, PERMISSION_DENIED) is kOutage; every other error kNoAnswer.
  void Charge(const Task& task, const TraceContext& trace, Done done);
  // Gives back what the task says, under its key. REFUND_TOO_LARGE, CHARGE_NOT_SUCCEEDED and
  // CHARGE_NOT_FOUND are kRefused, with the reason; any other INVALID_ARGUMENT is kInvalid; else
  // as above.
  void Refund(const Task& task, const TraceContext& trace, Done done);
  // Looks the charge, or the refund, of the attempt up. NOT_FOUND is kNotFound; else as above.
  void LookUp(const Task& task, const TraceContext& trace, Done done);

  // Ends all calls, and returns when every callback has.
  void CancelAll() { calls_.CancelAll(); }

 private:
  void LookUpRefund(const Task& task, const TraceContext& trace, Done done);

  std::unique_ptr<gateway::v1::PaymentGateway::Stub> stub_;
  const absl::Duration timeout_;
  PendingCalls calls_;  // Last: its end waits for callbacks.
};

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_GATEWAY_CLIENT_H_
