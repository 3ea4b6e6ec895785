#include "worker/gone_money.h"

#include "common/rpc/conversions.h"

namespace reserve::worker {
namespace {

namespace pb = ::reserve::gateway::v1;

Nanos Read(const google::type::Money& amount, const pb::Charge& charge) {
  return FromProto(amount, charge.amount().currency_code(), "amount").value_or(1);
}

}  // namespace

Nanos GoneMoney(const pb::Charge& charge) {
  Nanos gone = 0;
  for (const pb::Refund& refund : charge.refunds()) {
    if (refund.state() == pb::REFUND_STATE_FAILED) continue;
    gone = AddSaturating(gone, Read(refund.amount(), charge));
  }
  for (const pb::Dispute& dispute : charge.disputes()) {
    if (dispute.state() == pb::DISPUTE_STATE_INQUIRY) continue;
    if (dispute.state() == pb::DISPUTE_STATE_WON) continue;
    gone = AddSaturating(gone, Read(dispute.amount(), charge));
  }
  return gone;
}

}  // namespace reserve::worker
