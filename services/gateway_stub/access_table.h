// Who may call which method of the gateway stub: workers charge, and operations act the part of
// people and banks at the gateway's dashboard. A method that is not in it does not build.
#ifndef RESERVE_SERVICES_GATEWAY_STUB_ACCESS_TABLE_H_
#define RESERVE_SERVICES_GATEWAY_STUB_ACCESS_TABLE_H_

#include "common/access/access_table.h"
#include "reserve/gateway/v1/methods.h"

namespace reserve::gateway_stub {

inline constexpr MethodAccess kAccessTable[] = {
    {"/reserve.gateway.v1.PaymentGateway/Charge", Role::kWorker, Effect::kChanges},
    {"/reserve.gateway.v1.PaymentGateway/GetCharge", Role::kWorker, Effect::kReads},
    {"/reserve.gateway.v1.PaymentGateway/ListCharges", Role::kOperations | Role::kWorker,
     Effect::kReads},
    {"/reserve.gateway.v1.PaymentGateway/Refund", Role::kWorker, Effect::kChanges},
    {"/reserve.gateway.v1.PaymentGateway/GetRefund", Role::kWorker, Effect::kReads},
    {"/reserve.gateway.v1.StubDashboard/OpenDispute", Role::kOperations, Effect::kChanges},
    {"/reserve.gateway.v1.StubDashboard/MoveDispute", Role::kOperations, Effect::kChanges},
    {"/reserve.gateway.v1.StubDashboard/RefundByHand", Role::kOperations, Effect::kChanges},
    {"/reserve.gateway.v1.StubDashboard/FailRefund", Role::kOperations, Effect::kChanges},
    {"/reserve.gateway.v1.StubDashboard/AuthenticateCard", Role::kOperations, Effect::kChanges},
};
static_assert(NamesExactly(kAccessTable, gateway::v1::kMethods));

}  // namespace reserve::gateway_stub

#endif  // RESERVE_SERVICES_GATEWAY_STUB_ACCESS_TABLE_H_
