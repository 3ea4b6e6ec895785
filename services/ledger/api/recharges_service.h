// The `Recharges` service: the worker's door. Thread-safe. EndStreams() must be
// called before the server is drained.
#ifndef RESERVE_SERVICES_LEDGER_API_RECHARGES_SERVICE_H_
#define RESERVE_SERVICES_LEDGER_API_RECHARGES_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "reserve/ledger/v1/recharges.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/open_streams.h"

namespace reserve::api {

class LowBalanceStream;

class RechargesService final : public pb::Recharges::CallbackService {
 public:
  explicit RechargesService(const ApiContext& api) : api_(api) {}

  // Ends open streams with UNAVAILABLE; new ones end at once.
  void EndStreams();
  // Ends those whose worker may no longer have them with PERMISSION_DENIED.
  void EndRefusedStreams(const Doorkeeper& keeper);

  grpc::ServerWriteReactor<pb::WatchLowBalanceResponse>* WatchLowBalance(
      grpc::CallbackServerContext* context, const pb::WatchLowBalanceRequest* request) override;
  grpc::ServerUnaryReactor* RenewLease(grpc::CallbackServerContext* context,
                                       const pb::RenewLeaseRequest* request,
                                       pb::RenewLeaseResponse* response) override;
  grpc::ServerUnaryReactor* ReportRecharge(grpc::CallbackServerContext* context,
                                           const pb::ReportRechargeRequest* request,
                                           pb::ReportRechargeResponse* response) override;
  grpc::ServerUnaryReactor* ReportGatewayRefund(grpc::CallbackServerContext* context,
                                                const pb::ReportGatewayRefundRequest* request,
                                                pb::Refund* response) override;
  grpc::ServerUnaryReactor* ReportGatewayDispute(grpc::CallbackServerContext* context,
                                                 const pb::ReportGatewayDisputeRequest* request,
                                                 pb::Dispute* response) override;

 private:
  void NoteOutcome(const pb::ReportRechargeRequest& request, const domain::Recharge& recharge);

  const ApiContext api_;
  OpenStreams<LowBalanceStream> open_;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_RECHARGES_SERVICE_H_
