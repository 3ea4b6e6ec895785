#include "tests/chaos/at_the_gateway.h"

#include <grpcpp/grpcpp.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"

namespace reserve::chaos {
namespace {

namespace gw = gateway::v1;

// For how long the charges of the card are pending (services/gateway_stub/card_token.h).
absl::Duration PendingTime(absl::string_view card_token) {
  if (!absl::ConsumePrefix(&card_token, "tok_pending_")) return absl::ZeroDuration();
  absl::ConsumePrefix(&card_token, "decline_");
  int64_t ms = 0;
  return absl::SimpleAtoi(card_token.substr(0, card_token.find('#')), &ms) ? absl::Milliseconds(ms)
                                                                           : absl::ZeroDuration();
}

absl::Status NoteMade(const gw::Charge& charge, AtTheGateway* found) {
  const std::string& recharge = charge.reference();
  const absl::Duration pending = PendingTime(charge.card_token());
  RESERVE_ASSIGN_OR_RETURN(const absl::Time created,
                           FromProto(charge.create_time(), "create_time"));
  found->made[recharge.substr(0, recharge.rfind('/'))].push_back(
      {recharge, charge.charge_id(), created, created + pending});
  if (pending > absl::ZeroDuration()) ++found->pending;
  if (charge.has_captured_amount()) ++found->in_part;
  const bool later = absl::StartsWith(charge.card_token(), "tok_refund_fail_later_");
  for (const gw::Refund& refund : charge.refunds()) {
    if (refund.state() != gw::REFUND_STATE_FAILED) continue;
    ++found->failed_refunds;
    if (later) ++found->failed_later;
  }
  return absl::OkStatus();
}

absl::Status TakeOver(const gw::Charge& charge, AtTheGateway* found) {
  RESERVE_RETURN_IF_ERROR(NoteMade(charge, found));
  if (charge.state() != gw::CHARGE_STATE_SUCCEEDED) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(
      const Nanos amount,
      FromProto(charge.has_captured_amount() ? charge.captured_amount() : charge.amount(), "USD",
                "amount"));
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
