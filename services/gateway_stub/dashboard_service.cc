#include "services/gateway_stub/dashboard_service.h"

#include <string>
#include <utility>

#include "common/error/error.h"
#include "common/rpc/status.h"
#include "services/gateway_stub/audit_line.h"
#include "services/gateway_stub/wire.h"

namespace reserve::gateway_stub {
namespace {

namespace pb = gateway::v1;

// 0 if there is none.
template <typename Request>
absl::StatusOr<Nanos> AmountOf(const Request& request) {
  if (!request.has_amount()) return 0;
  return ReadAmount(request.amount());
}

absl::StatusOr<DisputeOrder> FromProto(const pb::OpenDisputeRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.charge_id(), "charge_id", kMaxTextBytes));
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, AmountOf(request));
  RESERVE_RETURN_IF_ERROR(CheckText(request.reason(), "reason"));
  return DisputeOrder{.charge_id = request.charge_id(),
                      .amount = amount,
                      .currency_code = request.amount().currency_code(),
                      .inquiry = request.inquiry(),
                      .reason = request.reason()};
}

absl::StatusOr<RefundOrder> FromProto(const pb::RefundByHandRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.charge_id(), "charge_id", kMaxTextBytes));
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, AmountOf(request));
  RESERVE_RETURN_IF_ERROR(CheckText(request.reference(), "reference"));
  return RefundOrder{.charge_id = request.charge_id(),
                     .amount = amount,
                     .currency_code = request.amount().currency_code(),
                     .reference = request.reference()};
}

absl::StatusOr<DisputeState> FromProto(pb::DisputeState state) {
  switch (state) {
    case pb::DISPUTE_STATE_INQUIRY:
      return DisputeState::kInquiry;
    case pb::DISPUTE_STATE_OPENED:
      return DisputeState::kOpened;
    case pb::DISPUTE_STATE_WON:
      return DisputeState::kWon;
    case pb::DISPUTE_STATE_LOST:
      return DisputeState::kLost;
    default:
      return InvalidField("state", "is no state of a dispute");
  }
}

grpc::ServerUnaryReactor* Refuse(const char* method, grpc::CallbackServerContext* context,
                                 const absl::Status& status) {
  TellAudit(method, *context, status);
  return FinishWith(context, status);
}

Gateway::DisputeDone Finishing(const char* method, grpc::CallbackServerContext* context,
                               grpc::ServerUnaryReactor* reactor, pb::Dispute* response) {
  return [=](const absl::StatusOr<DisputeRecord>& dispute) {
    if (dispute.ok()) ToProto(*dispute, response);
    TellAudit(method, *context, dispute.status());
    reactor->Finish(ToGrpcStatus(dispute.status(), kDomain));
  };
}

Gateway::RefundDone Finishing(const char* method, grpc::CallbackServerContext* context,
                              grpc::ServerUnaryReactor* reactor, pb::Refund* response) {
  return [=](const absl::StatusOr<RefundAnswer>& answer) {
    if (answer.ok()) ToProto(answer->refund, response);
    TellAudit(method, *context, answer.status());
    reactor->Finish(ToGrpcStatus(answer.status(), kDomain));
  };
}

}  // namespace

grpc::ServerUnaryReactor* StubDashboardService::OpenDispute(grpc::CallbackServerContext* context,
                                                            const pb::OpenDisputeRequest* request,
                                                            pb::Dispute* response) {
  const absl::StatusOr<DisputeOrder> order = FromProto(*request);
  if (!order.ok()) return Refuse("OpenDispute", context, order.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  gateway_->OpenDispute(*order, Finishing("OpenDispute", context, reactor, response));
  return reactor;
}

grpc::ServerUnaryReactor* StubDashboardService::MoveDispute(grpc::CallbackServerContext* context,
                                                            const pb::MoveDisputeRequest* request,
                                                            pb::Dispute* response) {
  const absl::StatusOr<DisputeState> state = FromProto(request->state());
  if (!state.ok()) return Refuse("MoveDispute", context, state.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  gateway_->MoveDispute(request->dispute_id(), *state,
                        Finishing("MoveDispute", context, reactor, response));
  return reactor;
}

grpc::ServerUnaryReactor* StubDashboardService::RefundByHand(grpc::CallbackServerContext* context,
                                                             const pb::RefundByHandRequest* request,
                                                             pb::Refund* response) {
  absl::StatusOr<RefundOrder> order = FromProto(*request);
  if (!order.ok()) return Refuse("RefundByHand", context, order.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  gateway_->RefundByHand(*std::move(order), Finishing("RefundByHand", context, reactor, response));
  return reactor;
}

grpc::ServerUnaryReactor* StubDashboardService::FailRefund(grpc::CallbackServerContext* context,
                                                           const pb::FailRefundRequest* request,
                                                           pb::Refund* response) {
  const absl::Status valid = CheckId(request->failure_code(), "failure_code", kMaxKeyBytes);
  if (!valid.ok()) return Refuse("FailRefund", context, valid);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  gateway_->FailRefund(request->refund_id(), request->failure_code(),
                       Finishing("FailRefund", context, reactor, response));
  return reactor;
}

grpc::ServerUnaryReactor* StubDashboardService::AuthenticateCard(
    grpc::CallbackServerContext* context, const pb::AuthenticateCardRequest* request,
    pb::AuthenticateCardResponse*) {
  const absl::Status valid = CheckId(request->card_token(), "card_token", kMaxTextBytes);
  if (!valid.ok()) return Refuse("AuthenticateCard", context, valid);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  gateway_->AuthenticateCard(request->card_token(), [=](const absl::Status& status) {
    TellAudit("AuthenticateCard", *context, status);
    reactor->Finish(ToGrpcStatus(status, kDomain));
  });
  return reactor;
}

}  // namespace reserve::gateway_stub
