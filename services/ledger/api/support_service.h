// The `Support` service: thin adapters from messages to commands. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_API_SUPPORT_SERVICE_H_
#define RESERVE_SERVICES_LEDGER_API_SUPPORT_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "reserve/ledger/v1/support.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"

namespace reserve::api {

class SupportService final : public pb::Support::CallbackService {
 public:
  explicit SupportService(const ApiContext& api) : api_(api) {}

  grpc::ServerUnaryReactor* AdjustBalance(grpc::CallbackServerContext* context,
                                          const pb::AdjustBalanceRequest* request,
                                          pb::Entry* response) override;
  grpc::ServerUnaryReactor* GrantCredit(grpc::CallbackServerContext* context,
                                        const pb::GrantCreditRequest* request,
                                        pb::Entry* response) override;
  grpc::ServerUnaryReactor* BlockAccount(grpc::CallbackServerContext* context,
                                         const pb::BlockAccountRequest* request,
                                         pb::Account* response) override;
  grpc::ServerUnaryReactor* UnblockAccount(grpc::CallbackServerContext* context,
                                           const pb::UnblockAccountRequest* request,
                                           pb::Account* response) override;
  grpc::ServerUnaryReactor* LiftSuspension(grpc::CallbackServerContext* context,
                                           const pb::LiftSuspensionRequest* request,
                                           pb::Account* response) override;
  grpc::ServerUnaryReactor* UpdateLimits(grpc::CallbackServerContext* context,
                                         const pb::UpdateLimitsRequest* request,
                                         pb::AccountLimits* response) override;
  grpc::ServerUnaryReactor* RefundRecharge(grpc::CallbackServerContext* context,
                                           const pb::RefundRechargeRequest* request,
                                           pb::Refund* response) override;
  grpc::ServerUnaryReactor* RecordPayment(grpc::CallbackServerContext* context,
                                          const pb::RecordPaymentRequest* request,
                                          pb::RecordPaymentResponse* response) override;
  grpc::ServerUnaryReactor* ReversePayment(grpc::CallbackServerContext* context,
                                           const pb::ReversePaymentRequest* request,
                                           pb::Payment* response) override;
  grpc::ServerUnaryReactor* CloseAccount(grpc::CallbackServerContext* context,
                                         const pb::CloseAccountRequest* request,
                                         pb::CloseAccountResponse* response) override;
  grpc::ServerUnaryReactor* ListPayouts(grpc::CallbackServerContext* context,
                                        const pb::ListPayoutsRequest* request,
                                        pb::ListPayoutsResponse* response) override;
  grpc::ServerUnaryReactor* RecordPayout(grpc::CallbackServerContext* context,
                                         const pb::RecordPayoutRequest* request,
                                         pb::Account* response) override;
  grpc::ServerUnaryReactor* ListReviews(grpc::CallbackServerContext* context,
                                        const pb::ListReviewsRequest* request,
                                        pb::ListReviewsResponse* response) override;
  grpc::ServerUnaryReactor* ResolveReview(grpc::CallbackServerContext* context,
                                          const pb::ResolveReviewRequest* request,
                                          pb::Recharge* response) override;

 private:
  const ApiContext api_;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_SUPPORT_SERVICE_H_
