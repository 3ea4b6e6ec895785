// The gRPC door for what people and banks do with the stub (stub_dashboard.proto): reads and
// checks requests, and writes answers. Requests are refused as in service.h. Thread-safe. The
// gateway must outlive the service.
//
//   StubDashboardService dashboard(gateway.get());
#ifndef RESERVE_GATEWAY_STUB_DASHBOARD_SERVICE_H_
#define RESERVE_GATEWAY_STUB_DASHBOARD_SERVICE_H_

#include "reserve/gateway/v1/stub_dashboard.grpc.pb.h"
#include "services/gateway_stub/gateway.h"

namespace reserve::gateway_stub {

class StubDashboardService final : public gateway::v1::StubDashboard::CallbackService {
 public:
  explicit StubDashboardService(Gateway* gateway) : gateway_(gateway) {}

  grpc::ServerUnaryReactor* OpenDispute(grpc::CallbackServerContext* context,
                                        const gateway::v1::OpenDisputeRequest* request,
                                        gateway::v1::Dispute* response) override;
  grpc::ServerUnaryReactor* MoveDispute(grpc::CallbackServerContext* context,
                                        const gateway::v1::MoveDisputeRequest* request,
                                        gateway::v1::Dispute* response) override;
  grpc::ServerUnaryReactor* RefundByHand(grpc::CallbackServerContext* context,
                                         const gateway::v1::RefundByHandRequest* request,
                                         gateway::v1::Refund* response) override;
  grpc::ServerUnaryReactor* FailRefund(grpc::CallbackServerContext* context,
                                       const gateway::v1::FailRefundRequest* request,
                                       gateway::v1::Refund* response) override;
  grpc::ServerUnaryReactor* AuthenticateCard(
      grpc::CallbackServerContext* context, const gateway::v1::AuthenticateCardRequest* request,
      gateway::v1::AuthenticateCardResponse* response) override;

 private:
  Gateway* const gateway_;
};

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_DASHBOARD_SERVICE_H_
