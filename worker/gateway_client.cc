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
#include "worker/charge_key.h"
#include "worker/gone_money.h"

namespace reserve::worker {
namespace {

namespace pb = ::reserve::gateway::v1;

// Names the card in the errors of the gateway (payment_gateway.proto, ChargeRequest).
constexpr absl::string_view kCardField = "card_token";

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
  if (charge.idempotency_key() != ChargeKey(task.account_id, task.ordinal, task.attempt)) {
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
          .refunded = GoneMoney(charge) > 0,
          .charge_id = charge.charge_id(),
          .amount = *amount,
          .captured = captured,
          .currency = charge.amount().currency_code(),
          .card_token = CardToken(charge.card_token()),
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

RefundAnswer UnknownRefund(absl::string_view why) { return {.text = Ascii(std::string(why))}; }

RefundAnswer FromRefundError(const absl::Status& status) {
  RefundAnswer answer = UnknownRefund(status.ToString());
  answer.outage = IsOutage(status);
  return answer;
}

RefundAnswer FromRefund(const pb::Refund& refund, const std::string& key) {
  if (refund.idempotency_key() != key) return UnknownRefund("a refund under another key");
  const absl::StatusOr<Nanos> amount = FromProto(refund.amount(), "", "refund.amount");
  if (!amount.ok()) return UnknownRefund(amount.status().message());
  RefundAnswer answer = {.refund_id = refund.refund_id(),
                         .charge_id = refund.charge_id(),
                         .amount = *amount,
                         .currency = refund.amount().currency_code()};
  switch (refund.state()) {
    case pb::REFUND_STATE_SUCCEEDED:
      answer.kind = RefundAnswer::Kind::kSucceeded;
      return answer;
    case pb::REFUND_STATE_PENDING:
      answer.kind = RefundAnswer::Kind::kPending;
      return answer;
    case pb::REFUND_STATE_FAILED:
      answer.kind = RefundAnswer::Kind::kFailed;
      answer.text = Ascii(refund.failure_code());
      return answer;
    default:
      return UnknownRefund("a refund in a state that is not known");
  }
}

RefundAnswer FromRefundReply(const grpc::Status& grpc_status, const pb::RefundResponse& response,
                             const RefundOrder& order) {
  if (grpc_status.ok()) {
    RefundAnswer answer = FromRefund(response.refund(), order.key);
    if (answer.kind != RefundAnswer::Kind::kUnknown &&
        (answer.charge_id != order.charge_id || answer.amount != order.amount ||
         answer.currency != order.currency)) {
      return UnknownRefund("a refund of another charge or amount");
    }
    return answer;
  }
  const absl::Status status = FromGrpcStatus(grpc_status);
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
      return {.kind = RefundAnswer::Kind::kNotDone, .text = ReasonAndField(status)};
    default:
      return FromRefundError(status);
  }
}

}  // namespace

GatewayClient::GatewayClient(std::shared_ptr<grpc::Channel> channel, absl::Duration timeout)
    : stub_(pb::PaymentGateway::NewStub(std::move(channel))), timeout_(timeout) {}

void GatewayClient::Charge(const Task& task, Done done) {
  pb::ChargeRequest request;
  request.set_idempotency_key(ChargeKey(task.account_id, task.ordinal, task.attempt));
  request.set_card_token(task.card_token.Reveal());
  ToProto(task.amount, task.currency, request.mutable_amount());
  request.set_reference(absl::StrCat(task.account_id, "/", task.ordinal));
  calls_.Start<pb::ChargeRequest, pb::ChargeResponse>(
      timeout_, std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->Charge(context, sent, response, std::move(on_done));
      },
      [task, done = std::move(done)](const grpc::Status& status, const pb::ChargeResponse& reply) {
        done(FromChargeReply(status, reply, task));
      });
}

void GatewayClient::LookUp(const Task& task, Done done) {
  pb::GetChargeRequest request;
  request.set_idempotency_key(ChargeKey(task.account_id, task.ordinal, task.attempt));
  calls_.Start<pb::GetChargeRequest, pb::Charge>(
      timeout_, std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->GetCharge(context, sent, response, std::move(on_done));
      },
      [task, done = std::move(done)](const grpc::Status& status, const pb::Charge& charge) {
        GatewayAnswer answer = status.ok() ? FromCharge(charge, task) : FromError(status, task);
        if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
          answer.kind = GatewayAnswer::Kind::kNotFound;
        }
        done(std::move(answer));
      });
}

void GatewayClient::Refund(const RefundOrder& order, RefundDone done) {
  pb::RefundRequest request;
  request.set_idempotency_key(order.key);
  request.set_charge_id(order.charge_id);
  ToProto(order.amount, order.currency, request.mutable_amount());
  request.set_reference(order.reference);
  request.set_reason(order.reason);
  calls_.Start<pb::RefundRequest, pb::RefundResponse>(
      timeout_, std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->Refund(context, sent, response, std::move(on_done));
      },
      [order, done = std::move(done)](const grpc::Status& status, const pb::RefundResponse& reply) {
        done(FromRefundReply(status, reply, order));
      });
}

void GatewayClient::GetRefund(const std::string& key, RefundDone done) {
  pb::GetRefundRequest request;
  request.set_idempotency_key(key);
  calls_.Start<pb::GetRefundRequest, pb::Refund>(
      timeout_, std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->GetRefund(context, sent, response, std::move(on_done));
      },
      [key, done = std::move(done)](const grpc::Status& status, const pb::Refund& refund) {
        if (status.ok()) return done(FromRefund(refund, key));
        RefundAnswer answer = FromRefundError(FromGrpcStatus(status));
        if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
          answer.kind = RefundAnswer::Kind::kNotFound;
        }
        done(std::move(answer));
      });
}

}  // namespace reserve::worker
