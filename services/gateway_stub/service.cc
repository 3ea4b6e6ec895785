#include "services/gateway_stub/service.h"
#include "services/gateway_stub/card_token.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/request_id.h"
#include "common/rpc/status.h"
#include "common/telemetry/log.h"
#include "services/gateway_stub/page_token.h"

namespace reserve::gateway_stub {
namespace {

namespace pb = gateway::v1;

constexpr char kDomain[] = "reserve.gateway";
constexpr size_t kMaxKeyBytes = 64;
constexpr size_t kMaxTextBytes = 255;
constexpr int32_t kDefaultPageSize = 100;
constexpr int32_t kMaxPageSize = 1000;

absl::Status CheckId(absl::string_view id, absl::string_view field, size_t max_bytes) {
  bool graphic = true;
  for (const char c : id) graphic = graphic && absl::ascii_isgraph(static_cast<unsigned char>(c));
  if (!id.empty() && id.size() <= max_bytes && graphic) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("must be 1 to ", max_bytes,
                                          " printable ASCII characters without spaces"));
}

absl::Status CheckText(absl::string_view text, absl::string_view field) {
  if (text.size() <= kMaxTextBytes) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("must be at most ", kMaxTextBytes, " bytes"));
}

absl::StatusOr<ChargeOrder> FromProto(const pb::ChargeRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.idempotency_key(), "idempotency_key", kMaxKeyBytes));
  RESERVE_RETURN_IF_ERROR(CheckId(request.card_token(), "card_token", kMaxTextBytes));
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, reserve::FromProto(request.amount(), "", "amount"));
  if (amount <= 0) return InvalidField("amount", "must be above zero");
  const std::string& currency = request.amount().currency_code();
  if (amount % MinorUnitNanos(currency) != 0) {
    return InvalidField("amount", absl::StrCat("must be in whole minor units of ", currency));
  }
  RESERVE_RETURN_IF_ERROR(CheckText(request.reference(), "reference"));
  return ChargeOrder{.idempotency_key = request.idempotency_key(),
                     .card_token = request.card_token(),
                     .amount = amount,
                     .currency_code = currency,
                     .reference = request.reference()};
}

absl::StatusOr<RefundOrder> FromProto(const pb::RefundRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.idempotency_key(), "idempotency_key", kMaxKeyBytes));
  RESERVE_RETURN_IF_ERROR(CheckId(request.charge_id(), "charge_id", kMaxTextBytes));
  RESERVE_RETURN_IF_ERROR(CheckText(request.reason(), "reason"));
  return RefundOrder{.idempotency_key = request.idempotency_key(),
                     .charge_id = request.charge_id(),
                     .reason = request.reason()};
}

absl::StatusOr<ListQuery> FromProto(const pb::ListChargesRequest& request) {
  ListQuery query = {.card_token = request.card_token(),
                     .reference_prefix = request.reference_prefix()};
  if (request.has_start_time()) {
    RESERVE_ASSIGN_OR_RETURN(query.start_time,
                             reserve::FromProto(request.start_time(), "start_time"));
  }
  if (request.has_end_time()) {
    RESERVE_ASSIGN_OR_RETURN(query.end_time, reserve::FromProto(request.end_time(), "end_time"));
  }
  return query;
}

pb::DeclineClass ToProto(DeclineClass decline_class) {
  switch (decline_class) {
    case DeclineClass::kSoft:
      return pb::DECLINE_CLASS_SOFT;
    case DeclineClass::kHard:
      return pb::DECLINE_CLASS_HARD;
    case DeclineClass::kAuthenticationRequired:
      return pb::DECLINE_CLASS_AUTHENTICATION_REQUIRED;
  }
  return pb::DECLINE_CLASS_UNSPECIFIED;
}

Nanos CapturedOf(const ChargeRecord& record) {
  const int64_t most = BehaviorOf(record.order.card_token).most_captured;
  if (most == 0) return record.order.amount;
  return std::min(record.order.amount, most * MinorUnitNanos(record.order.currency_code));
}

void ToProto(const ChargeRecord& record, pb::Charge* charge) {
  charge->set_charge_id(record.charge_id);
  charge->set_idempotency_key(record.order.idempotency_key);
  charge->set_card_token(record.order.card_token);
  reserve::ToProto(record.order.amount, record.order.currency_code, charge->mutable_amount());
  charge->set_reference(record.order.reference);
  reserve::ToProto(record.create_time, charge->mutable_create_time());
  if (record.pending) {
    charge->set_state(pb::CHARGE_STATE_PENDING);
  } else if (record.decline == nullptr) {
    charge->set_state(pb::CHARGE_STATE_SUCCEEDED);
    const Nanos captured = CapturedOf(record);
    if (captured < record.order.amount) {
      reserve::ToProto(captured, record.order.currency_code, charge->mutable_captured_amount());
    }
  } else {
    charge->set_state(pb::CHARGE_STATE_DECLINED);
    pb::Decline* decline = charge->mutable_decline();
    decline->set_decline_class(ToProto(record.decline->decline_class));
    decline->set_code(std::string(record.decline->code));
    decline->set_message(std::string(record.decline->message));
  }
  if (!record.refund_id.empty()) {
    charge->set_refund_id(record.refund_id);
    reserve::ToProto(record.refund_time, charge->mutable_refund_time());
  }
}

const char* OutcomeOf(const absl::StatusOr<ChargeAnswer>& answer) {
  if (!answer.ok()) return "error";
  if (answer->replayed) return "replayed";
  return answer->charge.decline == nullptr ? "succeeded" : "declined";
}

// The card is left out: a token is a secret wherever a gateway is real.
void LogAnswer(absl::string_view method, const std::string& request_id, const std::string& key,
               const absl::StatusOr<ChargeAnswer>& answer) {
  if (!LogEnabled(Severity::kDebug)) return;
  if (!answer.ok()) {
    Log(Severity::kDebug, "refused",
        {{"method", method},
         {"request_id", request_id},
         {"idempotency_key", key},
         {"reason", ReasonOf(answer.status())},
         {"error", answer.status().message()}});
    return;
  }
  Log(Severity::kDebug, "answered",
      {{"method", method},
       {"request_id", request_id},
       {"idempotency_key", key},
       {"charge_id", answer->charge.charge_id},
       {"outcome", OutcomeOf(answer)}});
}

grpc::ServerUnaryReactor* FinishWith(grpc::CallbackServerContext* context,
                                     const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status, kDomain));
  return reactor;
}

}  // namespace

PaymentGatewayService::PaymentGatewayService(Gateway* gateway, prometheus::Registry* registry)
    : gateway_(gateway),
      requests_(prometheus::BuildCounter()
                    .Name("reserve_gateway_requests_total")
                    .Help("Requests by method and outcome.")
                    .Register(*registry)) {}

grpc::ServerUnaryReactor* PaymentGatewayService::Charge(grpc::CallbackServerContext* context,
                                                        const pb::ChargeRequest* request,
                                                        pb::ChargeResponse* response) {
  const absl::StatusOr<ChargeOrder> order = FromProto(*request);
  if (!order.ok()) {
    Count("Charge", "invalid");
    return FinishWith(context, order.status());
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  gateway_->Charge(*order,
                   [this, reactor, response, key = order->idempotency_key,
                    request_id = RequestIdOf(*context)](absl::StatusOr<ChargeAnswer> answer) {
                     Count("Charge", OutcomeOf(answer));
                     LogAnswer("Charge", request_id, key, answer);
                     if (answer.ok()) {
                       ToProto(answer->charge, response->mutable_charge());
                       response->set_replayed(answer->replayed);
                     }
                     reactor->Finish(ToGrpcStatus(answer.status(), kDomain));
                   });
  return reactor;
}

grpc::ServerUnaryReactor* PaymentGatewayService::GetCharge(grpc::CallbackServerContext* context,
                                                           const pb::GetChargeRequest* request,
                                                           pb::Charge* response) {
  const absl::Status valid = CheckId(request->idempotency_key(), "idempotency_key", kMaxKeyBytes);
  if (!valid.ok()) return FinishWith(context, valid);
  const absl::StatusOr<ChargeRecord> charge = gateway_->GetCharge(request->idempotency_key());
  Count("GetCharge", charge.ok() ? "found" : "error");
  if (charge.ok()) ToProto(*charge, response);
  return FinishWith(context, charge.status());
}

grpc::ServerUnaryReactor* PaymentGatewayService::ListCharges(grpc::CallbackServerContext* context,
                                                             const pb::ListChargesRequest* request,
                                                             pb::ListChargesResponse* response) {
  if (request->page_size() < 0) {
    return FinishWith(context, InvalidField("page_size", "must not be negative"));
  }
  const int32_t page_size =
      request->page_size() == 0 ? kDefaultPageSize : std::min(request->page_size(), kMaxPageSize);
  const absl::StatusOr<ListQuery> query = FromProto(*request);
  if (!query.ok()) return FinishWith(context, query.status());
  const absl::StatusOr<int64_t> position = DecodePageToken(*query, request->page_token());
  if (!position.ok()) return FinishWith(context, position.status());
  const absl::StatusOr<ChargePage> page = gateway_->ListCharges(*query, *position, page_size);
  Count("ListCharges", page.ok() ? "listed" : "error");
  if (!page.ok()) return FinishWith(context, page.status());
  for (const ChargeRecord& charge : page->charges) ToProto(charge, response->add_charges());
  if (page->next_position >= 0) {
    response->set_next_page_token(EncodePageToken(*query, page->next_position));
  }
  return FinishWith(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* PaymentGatewayService::Refund(grpc::CallbackServerContext* context,
                                                        const pb::RefundRequest* request,
                                                        pb::RefundResponse* response) {
  const absl::StatusOr<RefundOrder> order = FromProto(*request);
  if (!order.ok()) {
    Count("Refund", "invalid");
    return FinishWith(context, order.status());
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  gateway_->Refund(*order,
                   [this, reactor, response, key = order->idempotency_key,
                    request_id = RequestIdOf(*context)](absl::StatusOr<ChargeAnswer> answer) {
                     Count("Refund", OutcomeOf(answer));
                     LogAnswer("Refund", request_id, key, answer);
                     if (answer.ok()) {
                       ToProto(answer->charge, response->mutable_charge());
                       response->set_replayed(answer->replayed);
                     }
                     reactor->Finish(ToGrpcStatus(answer.status(), kDomain));
                   });
  return reactor;
}

void PaymentGatewayService::Count(const char* method, const char* outcome) {
  requests_.Add({{"method", method}, {"outcome", outcome}}).Increment();
}

}  // namespace reserve::gateway_stub
