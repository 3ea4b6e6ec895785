// What the stub's services have in common: the checks of requests, and records on the wire.
//
// Thread-safe: pure functions.
#ifndef RESERVE_GATEWAY_STUB_WIRE_H_
#define RESERVE_GATEWAY_STUB_WIRE_H_

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/money/money.h"
#include "common/rpc/status.h"
#include "reserve/gateway/v1/payment_gateway.pb.h"
#include "services/gateway_stub/record.h"

namespace reserve::gateway_stub {

// Of every error of the stub.
inline constexpr char kDomain[] = "reserve.gateway";
inline constexpr size_t kMaxKeyBytes = 64;
inline constexpr size_t kMaxTextBytes = 255;

// INVALID_ARGUMENT naming `field` for what is not 1 to `max_bytes` printable ASCII characters
// without spaces; for what is longer than kMaxTextBytes.
absl::Status CheckId(absl::string_view id, absl::string_view field, size_t max_bytes);
absl::Status CheckText(absl::string_view text, absl::string_view field);
// The field `amount` of a request: of a known currency, above zero, in whole minor units.
absl::StatusOr<Nanos> ReadAmount(const google::type::Money& amount);

void ToProto(const ChargeRecord& record, gateway::v1::Charge* charge);
void ToProto(const RefundRecord& record, gateway::v1::Refund* refund);
void ToProto(const DisputeRecord& record, gateway::v1::Dispute* dispute);

// Ends the call at once.
grpc::ServerUnaryReactor* FinishWith(grpc::CallbackServerContext* context,
                                     const absl::Status& status);

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_WIRE_H_
