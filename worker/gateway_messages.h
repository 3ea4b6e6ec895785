// What the gateway says of the refunds and disputes of a charge, and how the ledger is told of it.
//
// Thread-safe: pure functions.
//
//   for (const GatewayState& state : StatesOf(charge)) {
//     if (state.kind == GatewayState::Kind::kRefund) Send(RefundReport(charge_id, reference,
//     state));
//   }
#ifndef RESERVE_WORKER_GATEWAY_MESSAGES_H_
#define RESERVE_WORKER_GATEWAY_MESSAGES_H_

#include <string>
#include <vector>

#include "reserve/gateway/v1/payment_gateway.pb.h"
#include "reserve/ledger/v1/recharges.pb.h"
#include "worker/gateway_state.h"

namespace reserve::worker {

// Its refunds, oldest first, and then its disputes. What can't be read or is not known is in them
// so that the ledger will refuse it.
std::vector<GatewayState> StatesOf(const gateway::v1::Charge& charge);

ledger::v1::ReportGatewayRefundRequest RefundReport(const std::string& charge_id,
                                                    const std::string& charge_reference,
                                                    const GatewayState& refund);
ledger::v1::ReportGatewayDisputeRequest DisputeReport(const std::string& charge_id,
                                                      const std::string& charge_reference,
                                                      const GatewayState& dispute);

// "refund re_1 USD 5.00 SUCCEEDED"
std::string TextOf(const GatewayState& state);

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_GATEWAY_MESSAGES_H_
