#include "services/gateway_stub/service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/request_id.h"
#include "common/rpc/status.h"
#include "common/rpc/trace_metadata.h"
#include "common/telemetry/log.h"
#include "services/gateway_stub/audit_line.h"
#include "services/gateway_stub/page_token.h"
#include "services/gateway_stub/wire.h"

namespace reserve::gateway_stub {
namespace {

namespace pb = gateway::v1;

constexpr int32_t kDefaultPageSize = 100;
constexpr int32_t kMaxPageSize = 1000;

absl::StatusOr<ChargeOrder> FromProto(const pb::ChargeRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.idempotency_key(), "idempotency_key", kMaxKeyBytes));
  RESERVE_RETURN_IF_ERROR(CheckId(request.card_token(), "card_token", kMaxTextBytes));
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, ReadAmount(request.amount()));
  RESERVE_RETURN_IF_ERROR(CheckText(request.reference(), "reference"));
  return ChargeOrder{.idempotency_key = request.idempotency_key(),
                     .card_token = request.card_token(),
                     .amount = amount,
                     .currency_code = request.amount().currency_code(),
                     .reference = request.reference()};
}

absl::StatusOr<RefundOrder> FromProto(const pb::RefundRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.idempotency_key(), "idempotency_key", kMaxKeyBytes));
  RESERVE_RETURN_IF_ERROR(CheckId(request.charge_id(), "charge_id", kMaxTextBytes));
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, ReadAmount(request.amount()));
  RESERVE_RETURN_IF_ERROR(CheckText(request.reference(), "reference"));
  RESERVE_RETURN_IF_ERROR(CheckText(request.reason(), "reason"));
  return RefundOrder{.idempotency_key = request.idempotency_key(),
                     .charge_id = request.charge_id(),
                     .amount = amount,
                     .currency_code = request.amount().currency_code(),
                     .reference = request.reference(),
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
  if (request.has_updated_since()) {
    RESERVE_ASSIGN_OR_RETURN(query.updated_since,
                             reserve::FromProto(request.updated_since(), "updated_since"));
  }
  return query;
}

const char* OutcomeOf(const absl::StatusOr<ChargeAnswer>& answer) {
  if (!answer.ok()) return "error";
  if (answer->replayed) return "replayed";
  return answer->charge.decline == nullptr ? "succeeded" : "declined";
}

const char* OutcomeOf(const absl::StatusOr<RefundAnswer>& answer) {
  if (!answer.ok()) return "error";
  if (answer->replayed) return "replayed";
  switch (answer->refund.state) {
    case RefundState::kPending:
      return "pending";
    case RefundState::kSucceeded:
      return "succeeded";
    case RefundState::kFailed:
      return "failed";
  }
  return "error";
}

const std::string& ChargeIdOf(const ChargeAnswer& answer) { return answer.charge.charge_id; }
const std::string& ChargeIdOf(const RefundAnswer& answer) { return answer.refund.order.charge_id; }

template <typename Answer>
AuditedCharge AuditedOf(const absl::StatusOr<Answer>& answer) {
  if (!answer.ok()) return {};
  return {ChargeIdOf(*answer), OutcomeOf(answer)};
}

// What a call's log line is found by.
struct Origin {
  std::string request_id;
  std::string trace_id;
};
Origin OriginOf(const grpc::ServerContextBase& context) {
  return {RequestIdOf(context), TraceIdOf(TraceOf(context).value_or(TraceContext()))};
}

// The card is left out: a token is a secret wherever a gateway is real.
template <typename Answer>
void LogAnswer(absl::string_view method, const Origin& origin, const std::string& key,
               const absl::StatusOr<Answer>& answer) {
  if (!LogEnabled(Severity::kDebug)) return;
  if (!answer.ok()) {
    Log(Severity::kDebug, "refused",
        {{"method", method},
         {"request_id", origin.request_id},
         {"trace_id", origin.trace_id},
         {"idempotency_key", key},
         {"reason", ReasonOf(answer.status())},
         {"error", answer.status().message()}});
    return;
  }
  Log(Severity::kDebug, "answered",
      {{"method", method},
       {"request_id", origin.request_id},
       {"trace_id", origin.trace_id},
       {"idempotency_key", key},
       {"charge_id", ChargeIdOf(*answer)},
       {"outcome", OutcomeOf(answer)}});
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
    TellAudit("Charge", *context, order.status());
    return FinishWith(context, order.status());
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  gateway_->Charge(*order, [this, context, reactor, response, key = order->idempotency_key,
                            origin = OriginOf(*context)](absl::StatusOr<ChargeAnswer> answer) {
    Count("Charge", OutcomeOf(answer));
    LogAnswer("Charge", origin, key, answer);
    TellAudit("Charge", *context, answer.status(), AuditedOf(answer));
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
  const bool by_id = !request->charge_id().empty();
  const absl::Status valid =
      by_id ? CheckId(request->charge_id(), "charge_id", kMaxKeyBytes)
            : CheckId(request->idempotency_key(), "idempotency_key", kMaxKeyBytes);
  if (!valid.ok()) return FinishWith(context, valid);
  const absl::StatusOr<ChargeRecord> charge = by_id
                                                  ? gateway_->GetChargeById(request->charge_id())
                                                  : gateway_->GetCharge(request->idempotency_key());
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
    TellAudit("Refund", *context, order.status());
    return FinishWith(context, order.status());
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  gateway_->Refund(*order, [this, context, reactor, response, key = order->idempotency_key,
                            origin = OriginOf(*context)](absl::StatusOr<RefundAnswer> answer) {
    Count("Refund", OutcomeOf(answer));
    LogAnswer("Refund", origin, key, answer);
    TellAudit("Refund", *context, answer.status(), AuditedOf(answer));
    if (answer.ok()) {
      ToProto(answer->refund, response->mutable_refund());
      response->set_replayed(answer->replayed);
    }
    reactor->Finish(ToGrpcStatus(answer.status(), kDomain));
  });
  return reactor;
}

grpc::ServerUnaryReactor* PaymentGatewayService::GetRefund(grpc::CallbackServerContext* context,
                                                           const pb::GetRefundRequest* request,
                                                           pb::Refund* response) {
  const absl::Status valid = CheckId(request->idempotency_key(), "idempotency_key", kMaxKeyBytes);
  if (!valid.ok()) return FinishWith(context, valid);
  const absl::StatusOr<RefundRecord> refund = gateway_->GetRefund(request->idempotency_key());
  Count("GetRefund", refund.ok() ? "found" : "error");
  if (refund.ok()) ToProto(*refund, response);
  return FinishWith(context, refund.status());
}

void PaymentGatewayService::Count(const char* method, const char* outcome) {
  requests_.Add({{"method", method}, {"outcome", outcome}}).Increment();
}

}  // namespace reserve::gateway_stub
