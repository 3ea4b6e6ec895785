#include "tests/chaos/at_the_gateway.h"

#include <grpcpp/grpcpp.h>

#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"

namespace reserve::chaos {
namespace {

namespace gw = gateway::v1;

absl::Status TakeOver(const gw::Charge& charge, AtTheGateway* found) {
  if (charge.state() != gw::CHARGE_STATE_SUCCEEDED) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, FromProto(charge.amount(), "USD", "amount"));
  found->charges.insert({charge.reference(), {charge.charge_id(), amount, charge.card_token()}});
  for (const gw::Refund& refund : charge.refunds()) {
    if (refund.state() != gw::REFUND_STATE_SUCCEEDED) continue;
    RESERVE_ASSIGN_OR_RETURN(const Nanos back, FromProto(refund.amount(), "USD", "amount"));
    found->refunds.insert({refund.reference(), {refund.refund_id(), back}});
  }
  for (const gw::Dispute& dispute : charge.disputes()) {
    RESERVE_ASSIGN_OR_RETURN(const Nanos disputed, FromProto(dispute.amount(), "USD", "amount"));
    found->disputes[dispute.dispute_id()] = {charge.reference(), charge.card_token(), disputed,
                                             dispute.state()};
  }
  return absl::OkStatus();
}

}  // namespace

bool Dispute::taken() const {
  return state == gw::DISPUTE_STATE_OPENED || state == gw::DISPUTE_STATE_LOST;
}

absl::StatusOr<AtTheGateway> ReadGateway(Stage& stage, absl::Duration patience) {
  RESERVE_ASSIGN_OR_RETURN(const auto channel,
                           MakeChannel(stage.DirectTarget(stage.gateway()), ChannelOptions()));
  const auto stub = gw::PaymentGateway::NewStub(channel);
  AtTheGateway found;
  gw::ListChargesRequest request;
  request.set_page_size(1000);
  do {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
    context.set_wait_for_ready(true);
    gw::ListChargesResponse response;
    RESERVE_RETURN_IF_ERROR(FromGrpcStatus(stub->ListCharges(&context, request, &response)));
    for (const gw::Charge& charge : response.charges()) {
      RESERVE_RETURN_IF_ERROR(TakeOver(charge, &found));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return found;
}

}  // namespace reserve::chaos
