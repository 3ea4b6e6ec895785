// The gRPC door of the gateway stub: reads and checks requests, and writes answers.
//
// What it refuses with INVALID_ARGUMENT, naming the field: an idempotency key that is
// not 1 to 64 printable ASCII characters without spaces; a card token that is not 1 to 255
// of them; a charge id likewise; an amount without a known currency, not above zero, or not in
// whole minor units; a reference or reason over 255 bytes; a bad page size, page token or time.
// Thread-safe. The gateway and the registry must outlive the service.
//
//   PaymentGatewayService service(gateway.get(), &metrics->registry());
#ifndef RESERVE_GATEWAY_STUB_SERVICE_H_
#define RESERVE_GATEWAY_STUB_SERVICE_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"
#include "services/gateway_stub/gateway.h"

namespace reserve::gateway_stub {

class PaymentGatewayService final : public gateway::v1::PaymentGateway::CallbackService {
 public:
  PaymentGatewayService(Gateway* gateway, prometheus::Registry* registry);

  grpc::ServerUnaryReactor* Charge(grpc::CallbackServerContext* context,
                                   const gateway::v1::ChargeRequest* request,
                                   gateway::v1::ChargeResponse* response) override;
  grpc::ServerUnaryReactor* GetCharge(grpc::CallbackServerContext* context,
                                      const gateway::v1::GetChargeRequest* request,
                                      gateway::v1::Charge* response) override;
  grpc::ServerUnaryReactor* ListCharges(grpc::CallbackServerContext* context,
                                        const gateway::v1::ListChargesRequest* request,
                                        gateway::v1::ListChargesResponse* response) override;
  grpc::ServerUnaryReactor* Refund(grpc::CallbackServerContext* context,
                                   const gateway::v1::RefundRequest* request,
                                   gateway::v1::RefundResponse* response) override;
  grpc::ServerUnaryReactor* GetRefund(grpc::CallbackServerContext* context,
                                      const gateway::v1::GetRefundRequest* request,
                                      gateway::v1::Refund* response) override;

 private:
  void Count(const char* method, const char* outcome);

  Gateway* const gateway_;
  prometheus::Family<prometheus::Counter>& requests_;
};

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_SERVICE_H_
