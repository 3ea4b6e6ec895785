#include "services/gateway_stub/record.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::gateway_stub {
namespace {

using Json = nlohmann::json;

std::string OneLine(const Json& json) {
  // A text that is not UTF-8 can't come in by protobuf; it must not end the process either.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::Status MissingField(absl::string_view name) {
  return absl::InvalidArgumentError(absl::StrCat("'", name, "' is missing or of a wrong type"));
}

absl::StatusOr<std::string> TextOf(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return MissingField(name);
  return found->get<std::string>();
}

absl::StatusOr<int64_t> NumberOf(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_integer()) return MissingField(name);
  return found->get<int64_t>();
}

// An enum that begins at 1, of which `last` is the greatest.
template <typename Enum>
absl::StatusOr<Enum> EnumOf(const Json& json, const char* name, Enum last) {
  RESERVE_ASSIGN_OR_RETURN(const int64_t number, NumberOf(json, name));
  if (number < 1 || number > static_cast<int64_t>(last)) return MissingField(name);
  return static_cast<Enum>(number);
}

absl::StatusOr<AnyRecord> DecodeCharge(const Json& json) {
  ChargeRecord charge;
  RESERVE_ASSIGN_OR_RETURN(charge.charge_id, TextOf(json, "charge_id"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.idempotency_key, TextOf(json, "idempotency_key"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.card_token, TextOf(json, "card_token"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.amount, NumberOf(json, "amount_nanos"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.currency_code, TextOf(json, "currency_code"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.reference, TextOf(json, "reference"));
  RESERVE_ASSIGN_OR_RETURN(const std::string decline, TextOf(json, "decline"));
  RESERVE_ASSIGN_OR_RETURN(charge.reply, EnumOf(json, "reply", Reply::kInternalError));
  RESERVE_ASSIGN_OR_RETURN(const int64_t time_us, NumberOf(json, "time_us"));
  if (!IsCurrency(charge.order.currency_code)) return MissingField("currency_code");
  charge.decline = FindDecline(decline);
  if (!decline.empty() && charge.decline == nullptr) return MissingField("decline");
  charge.create_time = absl::FromUnixMicros(time_us);
  return charge;
}

absl::StatusOr<Nanos> AmountOf(const Json& json, std::string* currency_code) {
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, NumberOf(json, "amount_nanos"));
  RESERVE_ASSIGN_OR_RETURN(*currency_code, TextOf(json, "currency_code"));
  if (amount <= 0) return MissingField("amount_nanos");
  if (!IsCurrency(*currency_code)) return MissingField("currency_code");
  return amount;
}

// What a refund has had since it has an amount.
absl::Status DecodeRefundState(const Json& json, RefundRecord* refund) {
  RESERVE_ASSIGN_OR_RETURN(refund->order.amount, AmountOf(json, &refund->order.currency_code));
  RESERVE_ASSIGN_OR_RETURN(refund->order.reference, TextOf(json, "reference"));
  RESERVE_ASSIGN_OR_RETURN(refund->state, EnumOf(json, "state", RefundState::kFailed));
  RESERVE_ASSIGN_OR_RETURN(refund->failure_code, TextOf(json, "failure_code"));
  RESERVE_ASSIGN_OR_RETURN(refund->reply, EnumOf(json, "reply", Reply::kInternalError));
  RESERVE_ASSIGN_OR_RETURN(const int64_t succeed_us, NumberOf(json, "succeed_us"));
  RESERVE_ASSIGN_OR_RETURN(const int64_t update_us, NumberOf(json, "update_us"));
  refund->succeed_time = absl::FromUnixMicros(succeed_us);
  if (json.contains("fail_us")) {
    RESERVE_ASSIGN_OR_RETURN(const int64_t fail_us, NumberOf(json, "fail_us"));
    refund->fail_time = absl::FromUnixMicros(fail_us);
  }
  refund->update_time = absl::FromUnixMicros(update_us);
  return absl::OkStatus();
}

absl::StatusOr<AnyRecord> DecodeRefund(const Json& json) {
  RefundRecord refund;
  RESERVE_ASSIGN_OR_RETURN(refund.refund_id, TextOf(json, "refund_id"));
  RESERVE_ASSIGN_OR_RETURN(refund.order.idempotency_key, TextOf(json, "idempotency_key"));
  RESERVE_ASSIGN_OR_RETURN(refund.order.charge_id, TextOf(json, "charge_id"));
  RESERVE_ASSIGN_OR_RETURN(refund.order.reason, TextOf(json, "reason"));
  RESERVE_ASSIGN_OR_RETURN(const int64_t time_us, NumberOf(json, "time_us"));
  refund.create_time = absl::FromUnixMicros(time_us);
  refund.update_time = refund.create_time;
  if (json.contains("amount_nanos")) RESERVE_RETURN_IF_ERROR(DecodeRefundState(json, &refund));
  return refund;
}

absl::StatusOr<AnyRecord> DecodeDispute(const Json& json) {
  DisputeRecord dispute;
  RESERVE_ASSIGN_OR_RETURN(dispute.dispute_id, TextOf(json, "dispute_id"));
  RESERVE_ASSIGN_OR_RETURN(dispute.charge_id, TextOf(json, "charge_id"));
  RESERVE_ASSIGN_OR_RETURN(dispute.amount, AmountOf(json, &dispute.currency_code));
  RESERVE_ASSIGN_OR_RETURN(dispute.state, EnumOf(json, "state", DisputeState::kLost));
  RESERVE_ASSIGN_OR_RETURN(dispute.reason, TextOf(json, "reason"));
  RESERVE_ASSIGN_OR_RETURN(const int64_t time_us, NumberOf(json, "time_us"));
  RESERVE_ASSIGN_OR_RETURN(const int64_t update_us, NumberOf(json, "update_us"));
  dispute.create_time = absl::FromUnixMicros(time_us);
  dispute.update_time = absl::FromUnixMicros(update_us);
  return dispute;
}

absl::StatusOr<AnyRecord> DecodeCard(const Json& json) {
  CardRecord card;
  RESERVE_ASSIGN_OR_RETURN(card.card_token, TextOf(json, "card_token"));
  RESERVE_ASSIGN_OR_RETURN(const int64_t time_us, NumberOf(json, "time_us"));
  card.authenticate_time = absl::FromUnixMicros(time_us);
  return card;
}

}  // namespace

Nanos CapturedOf(const ChargeRecord& charge) {
  if (charge.decline != nullptr) return 0;
  const int64_t most = BehaviorOf(charge.order.card_token).most_captured;
  if (most == 0) return charge.order.amount;
  return std::min(charge.order.amount, most * MinorUnitNanos(charge.order.currency_code));
}

RefundRecord AsOf(RefundRecord refund, absl::Time now) {
  if (refund.state == RefundState::kPending && now >= refund.succeed_time) {
    refund.state = RefundState::kSucceeded;
    refund.update_time = refund.succeed_time;
  }
  const bool fails = refund.fail_time != absl::InfiniteFuture() && now >= refund.fail_time;
  if (refund.state != RefundState::kFailed && fails) {
    refund.state = RefundState::kFailed;
    refund.failure_code = std::string(kRefundFailureCode);
    refund.update_time = refund.fail_time;
  }
  return refund;
}

bool TakesMoney(const RefundRecord& refund) { return refund.state != RefundState::kFailed; }

bool TakesMoney(const DisputeRecord& dispute) {
  return dispute.state == DisputeState::kOpened || dispute.state == DisputeState::kLost;
}

std::string EncodeLine(const ChargeRecord& charge) {
  return OneLine({{"kind", "charge"},
                  {"charge_id", charge.charge_id},
                  {"idempotency_key", charge.order.idempotency_key},
                  {"card_token", charge.order.card_token},
                  {"amount_nanos", charge.order.amount},
                  {"currency_code", charge.order.currency_code},
                  {"reference", charge.order.reference},
                  {"decline", charge.decline == nullptr ? "" : std::string(charge.decline->code)},
                  {"reply", static_cast<int>(charge.reply)},
                  {"time_us", absl::ToUnixMicros(charge.create_time)}});
}

std::string EncodeLine(const RefundRecord& refund) {
  Json json = {{"kind", "refund"},
               {"refund_id", refund.refund_id},
               {"idempotency_key", refund.order.idempotency_key},
               {"charge_id", refund.order.charge_id},
               {"amount_nanos", refund.order.amount},
               {"currency_code", refund.order.currency_code},
               {"reference", refund.order.reference},
               {"reason", refund.order.reason},
               {"state", static_cast<int>(refund.state)},
               {"failure_code", refund.failure_code},
               {"reply", static_cast<int>(refund.reply)},
               {"succeed_us", absl::ToUnixMicros(refund.succeed_time)},
               {"time_us", absl::ToUnixMicros(refund.create_time)},
               {"update_us", absl::ToUnixMicros(refund.update_time)}};
  if (refund.fail_time != absl::InfiniteFuture()) {
    json["fail_us"] = absl::ToUnixMicros(refund.fail_time);
  }
  return OneLine(json);
}

std::string EncodeLine(const DisputeRecord& dispute) {
  return OneLine({{"kind", "dispute"},
                  {"dispute_id", dispute.dispute_id},
                  {"charge_id", dispute.charge_id},
                  {"amount_nanos", dispute.amount},
                  {"currency_code", dispute.currency_code},
                  {"state", static_cast<int>(dispute.state)},
                  {"reason", dispute.reason},
                  {"time_us", absl::ToUnixMicros(dispute.create_time)},
                  {"update_us", absl::ToUnixMicros(dispute.update_time)}});
}

std::string EncodeLine(const CardRecord& card) {
  return OneLine({{"kind", "card"},
                  {"card_token", card.card_token},
                  {"time_us", absl::ToUnixMicros(card.authenticate_time)}});
}

absl::StatusOr<AnyRecord> DecodeLine(absl::string_view line) {
  const Json json = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("not a JSON object");
  RESERVE_ASSIGN_OR_RETURN(const std::string kind, TextOf(json, "kind"));
  if (kind == "charge") return DecodeCharge(json);
  if (kind == "refund") return DecodeRefund(json);
  if (kind == "dispute") return DecodeDispute(json);
  if (kind == "card") return DecodeCard(json);
  return MissingField("kind");
}

}  // namespace reserve::gateway_stub
