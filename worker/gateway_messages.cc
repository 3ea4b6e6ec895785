#include "worker/gateway_messages.h"

#include "absl/strings/str_cat.h"
#include "common/rpc/conversions.h"
#include "worker/clip.h"

namespace reserve::worker {
namespace {

namespace gw = ::reserve::gateway::v1;
namespace pb = ::reserve::ledger::v1;

constexpr size_t kMaxFailureCode = 64;  // recharges.proto, ReportGatewayRefundRequest
constexpr size_t kMaxReason = 255;      // recharges.proto, ReportGatewayDisputeRequest

// Both protos count the states alike.
static_assert(static_cast<int>(gw::REFUND_STATE_PENDING) == pb::REFUND_STATE_PENDING);
static_assert(static_cast<int>(gw::REFUND_STATE_SUCCEEDED) == pb::REFUND_STATE_SUCCEEDED);
static_assert(static_cast<int>(gw::REFUND_STATE_FAILED) == pb::REFUND_STATE_FAILED);
static_assert(static_cast<int>(gw::DISPUTE_STATE_INQUIRY) == pb::DISPUTE_STATE_INQUIRY);
static_assert(static_cast<int>(gw::DISPUTE_STATE_OPENED) == pb::DISPUTE_STATE_OPENED);
static_assert(static_cast<int>(gw::DISPUTE_STATE_WON) == pb::DISPUTE_STATE_WON);
static_assert(static_cast<int>(gw::DISPUTE_STATE_LOST) == pb::DISPUTE_STATE_LOST);

Nanos Read(const google::type::Money& amount) {
  return FromProto(amount, "", "amount").value_or(0);
}

}  // namespace

std::vector<GatewayState> StatesOf(const gw::Charge& charge) {
  std::vector<GatewayState> states;
  for (const gw::Refund& refund : charge.refunds()) {
    states.push_back({.kind = GatewayState::Kind::kRefund,
                      .id = refund.refund_id(),
                      .key = refund.idempotency_key(),
                      .reference = refund.reference(),
                      .state = gw::RefundState_IsValid(refund.state()) ? refund.state() : 0,
                      .amount = Read(refund.amount()),
                      .currency = refund.amount().currency_code(),
                      .text = Clip(refund.failure_code(), kMaxFailureCode)});
  }
  for (const gw::Dispute& dispute : charge.disputes()) {
    states.push_back({.kind = GatewayState::Kind::kDispute,
                      .id = dispute.dispute_id(),
                      .state = gw::DisputeState_IsValid(dispute.state()) ? dispute.state() : 0,
                      .amount = Read(dispute.amount()),
                      .currency = dispute.amount().currency_code(),
                      .text = Clip(dispute.reason(), kMaxReason)});
  }
  return states;
}

pb::ReportGatewayRefundRequest RefundReport(const std::string& charge_id,
                                            const std::string& charge_reference,
                                            const GatewayState& refund) {
  pb::ReportGatewayRefundRequest request;
  request.set_charge_id(charge_id);
  request.set_charge_reference(charge_reference);
  request.set_refund_id(refund.id);
  request.set_refund_reference(refund.reference);
  request.set_state(static_cast<pb::RefundState>(refund.state));
  ToProto(refund.amount, refund.currency, request.mutable_amount());
  request.set_failure_code(refund.text);
  return request;
}

pb::ReportGatewayDisputeRequest DisputeReport(const std::string& charge_id,
                                              const std::string& charge_reference,
                                              const GatewayState& dispute) {
  pb::ReportGatewayDisputeRequest request;
  request.set_charge_id(charge_id);
  request.set_charge_reference(charge_reference);
  request.set_dispute_id(dispute.id);
  request.set_state(static_cast<pb::DisputeState>(dispute.state));
  ToProto(dispute.amount, dispute.currency, request.mutable_amount());
  request.set_reason(dispute.text);
  return request;
}

std::string TextOf(const GatewayState& state) {
  const bool refund = state.kind == GatewayState::Kind::kRefund;
  std::string how = refund ? gw::RefundState_Name(static_cast<gw::RefundState>(state.state))
                           : gw::DisputeState_Name(static_cast<gw::DisputeState>(state.state));
  how.erase(0, how.rfind('_') + 1);
  return absl::StrCat(refund ? "refund " : "dispute ", state.id, " ",
                      FormatMoney(state.currency, state.amount), " ", how);
}

}  // namespace reserve::worker
