#include "services/gateway_stub/wire.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"

namespace reserve::gateway_stub {
namespace {

namespace pb = gateway::v1;

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

pb::RefundState ToProto(RefundState state) {
  switch (state) {
    case RefundState::kPending:
      return pb::REFUND_STATE_PENDING;
    case RefundState::kSucceeded:
      return pb::REFUND_STATE_SUCCEEDED;
    case RefundState::kFailed:
      return pb::REFUND_STATE_FAILED;
  }
  return pb::REFUND_STATE_UNSPECIFIED;
}

pb::DisputeState ToProto(DisputeState state) {
  switch (state) {
    case DisputeState::kInquiry:
      return pb::DISPUTE_STATE_INQUIRY;
    case DisputeState::kOpened:
      return pb::DISPUTE_STATE_OPENED;
    case DisputeState::kWon:
      return pb::DISPUTE_STATE_WON;
    case DisputeState::kLost:
      return pb::DISPUTE_STATE_LOST;
  }
  return pb::DISPUTE_STATE_UNSPECIFIED;
}

}  // namespace

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

absl::StatusOr<Nanos> ReadAmount(const google::type::Money& amount) {
  RESERVE_ASSIGN_OR_RETURN(const Nanos nanos, FromProto(amount, "", "amount"));
  if (nanos <= 0) return InvalidField("amount", "must be above zero");
  const std::string& currency = amount.currency_code();
  if (nanos % MinorUnitNanos(currency) != 0) {
    return InvalidField("amount", absl::StrCat("must be in whole minor units of ", currency));
  }
  return nanos;
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
  for (const RefundRecord& refund : record.refunds) ToProto(refund, charge->add_refunds());
  for (const DisputeRecord& dispute : record.disputes) ToProto(dispute, charge->add_disputes());
}

void ToProto(const RefundRecord& record, pb::Refund* refund) {
  refund->set_refund_id(record.refund_id);
  refund->set_idempotency_key(record.order.idempotency_key);
  refund->set_charge_id(record.order.charge_id);
  reserve::ToProto(record.order.amount, record.order.currency_code, refund->mutable_amount());
  refund->set_state(ToProto(record.state));
  refund->set_failure_code(record.failure_code);
  refund->set_reference(record.order.reference);
  reserve::ToProto(record.create_time, refund->mutable_create_time());
  reserve::ToProto(record.update_time, refund->mutable_update_time());
}

void ToProto(const DisputeRecord& record, pb::Dispute* dispute) {
  dispute->set_dispute_id(record.dispute_id);
  dispute->set_charge_id(record.charge_id);
  reserve::ToProto(record.amount, record.currency_code, dispute->mutable_amount());
  dispute->set_state(ToProto(record.state));
  dispute->set_reason(record.reason);
  reserve::ToProto(record.create_time, dispute->mutable_create_time());
  reserve::ToProto(record.update_time, dispute->mutable_update_time());
}

grpc::ServerUnaryReactor* FinishWith(grpc::CallbackServerContext* context,
                                     const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status, kDomain));
  return reactor;
}

}  // namespace reserve::gateway_stub
