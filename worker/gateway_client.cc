#include "worker/gateway_client.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "worker/errors.h"
#include "worker/gateway_messages.h"

namespace reserve::worker {
namespace {

namespace pb = ::reserve::gateway::v1;

// Names the card in the errors of the gateway (payment_gateway.proto, ChargeRequest).
constexpr absl::string_view kCardField = "card_token";

// A part of what the key of a refund stands for: fixed for ever, as the key is.
constexpr char kRefundReason[] = "given back by the merchant";

// Error texts may be any bytes, and the ledger takes none but UTF-8.
std::string Ascii(std::string text) {
  for (char& c : text) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return text;
}

// Gateways like to quote the card in an error; it must not get into logs.
std::string WithoutCard(absl::string_view text, const CardToken& card_token) {
  if (card_token.empty()) return std::string(text);
  return absl::StrReplaceAll(text, {{card_token.Reveal(), "<card>"}});
}

DeclineClass ClassOf(pb::DeclineClass decline_class) {
  switch (decline_class) {
    case pb::DECLINE_CLASS_HARD:
      return DeclineClass::kHard;
    case pb::DECLINE_CLASS_AUTHENTICATION_REQUIRED:
      return DeclineClass::kAuthenticationRequired;
    default:
      return DeclineClass::kSoft;  // Unexplained: the same card may work later.
  }
}

GatewayAnswer NoAnswer(absl::string_view why) {
  return {.kind = GatewayAnswer::Kind::kNoAnswer, .text = std::string(why)};
}

GatewayAnswer FromCharge(const pb::Charge& charge, const Task& task) {
  if (charge.state() == pb::CHARGE_STATE_UNSPECIFIED || !pb::ChargeState_IsValid(charge.state())) {
    return NoAnswer("a charge in a state that is not known");
  }
  if (charge.idempotency_key() != KeyOf(task)) {
    return NoAnswer("a charge under another key");
  }
  const absl::StatusOr<Nanos> amount = FromProto(charge.amount(), "", "charge.amount");
  if (!amount.ok()) return NoAnswer(amount.status().message());
  std::optional<Nanos> captured;
  if (charge.has_captured_amount()) {
    const absl::StatusOr<Nanos> read = FromProto(
        charge.captured_amount(), charge.amount().currency_code(), "charge.captured_amount");
    if (!read.ok()) return NoAnswer(read.status().message());
    captured = *read;
  }
  return {.kind = GatewayAnswer::Kind::kFound,
          .succeeded = charge.state() == pb::CHARGE_STATE_SUCCEEDED,
          .pending = charge.state() == pb::CHARGE_STATE_PENDING,
          .charge_id = charge.charge_id(),
          .amount = *amount,
          .captured = captured,
          .currency = charge.amount().currency_code(),
          .card_token = CardToken(charge.card_token()),
          .states = StatesOf(charge),
          .decline_class = ClassOf(charge.decline().decline_class()),
          .text = WithoutCard(charge.decline().code(), task.card_token)};
}

// Does the error say that the gateway is away, overloaded or not to be used by us?
bool IsOutage(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

// "INVALID_FIELD:amount"
std::string ReasonAndField(const absl::Status& status) {
  const std::string field = FieldOf(status);
  return Ascii(absl::StrCat(ReasonOf(status), field.empty() ? "" : ":", field));
}

GatewayAnswer FromError(const grpc::Status& grpc_status, const Task& task) {
  const absl::Status status = FromGrpcStatus(grpc_status);
  GatewayAnswer answer = NoAnswer(Ascii(WithoutCard(status.ToString(), task.card_token)));
  if (IsOutage(status)) answer.kind = GatewayAnswer::Kind::kOutage;
  return answer;
}

GatewayAnswer FromLookUpError(const grpc::Status& grpc_status, const Task& task) {
  GatewayAnswer answer = FromError(grpc_status, task);
  if (grpc_status.error_code() == grpc::StatusCode::NOT_FOUND) {
    answer.kind = GatewayAnswer::Kind::kNotFound;
  }
  return answer;
}

GatewayAnswer FromChargeReply(const grpc::Status& grpc_status, const pb::ChargeResponse& response,
                              const Task& task) {
  if (grpc_status.ok()) return FromCharge(response.charge(), task);
  GatewayAnswer answer = FromError(grpc_status, task);
  if (grpc_status.error_code() == grpc::StatusCode::ALREADY_EXISTS) {
    answer.kind = GatewayAnswer::Kind::kKeyReused;
  }
  if (grpc_status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) {
    const absl::Status status = FromGrpcStatus(grpc_status);
    answer.kind = FieldOf(status) == kCardField ? GatewayAnswer::Kind::kRefused
                                                : GatewayAnswer::Kind::kInvalid;
    answer.text = ReasonAndField(status);
  }
  return answer;
}

GatewayAnswer FromRefund(const pb::Refund& refund, const Task& task) {
  if (refund.state() == pb::REFUND_STATE_UNSPECIFIED || !pb::RefundState_IsValid(refund.state())) {
    return NoAnswer("a refund in a state that is not known");
  }
  if (refund.idempotency_key() != KeyOf(task)) return NoAnswer("a refund under another key");
  const absl::StatusOr<Nanos> amount = FromProto(refund.amount(), "", "refund.amount");
  if (!amount.ok()) return NoAnswer(amount.status().message());
  return {.kind = GatewayAnswer::Kind::kFound,
          .succeeded = refund.state() == pb::REFUND_STATE_SUCCEEDED,
          .pending = refund.state() == pb::REFUND_STATE_PENDING,
          .charge_id = refund.charge_id(),
          .refund_id = refund.refund_id(),
          .amount = *amount,
          .currency = refund.amount().currency_code(),
          .text = Ascii(refund.failure_code())};
}

GatewayAnswer FromRefundReply(const grpc::Status& grpc_status, const pb::RefundResponse& response,
                              const Task& task) {
  if (grpc_status.ok()) return FromRefund(response.refund(), task);
  GatewayAnswer answer = FromError(grpc_status, task);
  const absl::Status status = FromGrpcStatus(grpc_status);
  if (IsRefundRefused(status)) {
    answer.kind = GatewayAnswer::Kind::kRefused;
    answer.text = Ascii(ReasonOf(status));
  } else if (absl::IsAlreadyExists(status)) {
    answer.kind = GatewayAnswer::Kind::kKeyReused;
  } else if (absl::IsInvalidArgument(status)) {
    answer.kind = GatewayAnswer::Kind::kInvalid;
    answer.text = ReasonAndField(status);
  }
  return answer;
}

}  // namespace

GatewayClient::GatewayClient(std::shared_ptr<grpc::Channel> channel, absl::Duration timeout)
    : stub_(pb::PaymentGateway::NewStub(std::move(channel))), timeout_(timeout) {}

void GatewayClient::Charge(const Task& task, const TraceContext& trace, Done done) {
  pb::ChargeRequest request;
  request.set_idempotency_key(KeyOf(task));
  request.set_card_token(task.card_token.Reveal());
  ToProto(task.amount, task.currency, request.mutable_amount());
  request.set_reference(ReferenceOf(task));
  calls_.Start<pb::ChargeRequest, pb::ChargeResponse>(
      timeout_, trace, std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->Charge(context, sent, response, std::move(on_done));
      },
      [task, done = std::move(done)](const grpc::Status& status, const pb::ChargeResponse& reply) {
        done(FromChargeReply(status, reply, task));
      });
}

void GatewayClient::Refund(const Task& task, const TraceContext& trace, Done done) {
  pb::RefundRequest request;
  request.set_idempotency_key(KeyOf(task));
  request.set_charge_id(task.refunded_charge_id);
  ToProto(task.amount, task.currency, request.mutable_amount());
  request.set_reference(ReferenceOf(task));
  request.set_reason(kRefundReason);
  calls_.Start<pb::RefundRequest, pb::RefundResponse>(
      timeout_, trace, std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->Refund(context, sent, response, std::move(on_done));
      },
      [task, done = std::move(done)](const grpc::Status& status, const pb::RefundResponse& reply) {
        done(FromRefundReply(status, reply, task));
      });
}

void GatewayClient::LookUp(const Task& task, const TraceContext& trace, Done done) {
  if (task.is_refund()) return LookUpRefund(task, trace, std::move(done));
  pb::GetChargeRequest request;
  request.set_idempotency_key(KeyOf(task));
  calls_.Start<pb::GetChargeRequest, pb::Charge>(
      timeout_, trace, std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->GetCharge(context, sent, response, std::move(on_done));
      },
      [task, done = std::move(done)](const grpc::Status& status, const pb::Charge& charge) {
        done(status.ok() ? FromCharge(charge, task) : FromLookUpError(status, task));
      });
}

void GatewayClient::LookUpRefund(const Task& task, const TraceContext& trace, Done done) {
  pb::GetRefundRequest request;
  request.set_idempotency_key(KeyOf(task));
  calls_.Start<pb::GetRefundRequest, pb::Refund>(
      timeout_, trace, std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->GetRefund(context, sent, response, std::move(on_done));
      },
      [task, done = std::move(done)](const grpc::Status& status, const pb::Refund& refund) {
        done(status.ok() ? FromRefund(refund, task) : FromLookUpError(status, task));
      });
}

}  // namespace reserve::worker
