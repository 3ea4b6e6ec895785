#include "services/gateway_stub/record.h"

#include <nlohmann/json.hpp>

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

absl::StatusOr<std::variant<ChargeRecord, RefundRecord>> DecodeCharge(const Json& json) {
  ChargeRecord charge;
  RESERVE_ASSIGN_OR_RETURN(charge.charge_id, TextOf(json, "charge_id"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.idempotency_key, TextOf(json, "idempotency_key"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.card_token, TextOf(json, "card_token"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.amount, NumberOf(json, "amount_nanos"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.currency_code, TextOf(json, "currency_code"));
  RESERVE_ASSIGN_OR_RETURN(charge.order.reference, TextOf(json, "reference"));
  RESERVE_ASSIGN_OR_RETURN(const std::string decline, TextOf(json, "decline"));
  RESERVE_ASSIGN_OR_RETURN(const int64_t reply, NumberOf(json, "reply"));
  RESERVE_ASSIGN_OR_RETURN(const int64_t time_us, NumberOf(json, "time_us"));
  if (reply < static_cast<int64_t>(Reply::kAnswer) ||
      reply > static_cast<int64_t>(Reply::kInternalError)) {
    return MissingField("reply");
  }
  if (!IsCurrency(charge.order.currency_code)) return MissingField("currency_code");
  charge.decline = FindDecline(decline);
  if (!decline.empty() && charge.decline == nullptr) return MissingField("decline");
  charge.reply = static_cast<Reply>(reply);
  charge.create_time = absl::FromUnixMicros(time_us);
  return charge;
}

absl::StatusOr<std::variant<ChargeRecord, RefundRecord>> DecodeRefund(const Json& json) {
  RefundRecord refund;
  RESERVE_ASSIGN_OR_RETURN(refund.refund_id, TextOf(json, "refund_id"));
  RESERVE_ASSIGN_OR_RETURN(refund.order.idempotency_key, TextOf(json, "idempotency_key"));
  RESERVE_ASSIGN_OR_RETURN(refund.order.charge_id, TextOf(json, "charge_id"));
  RESERVE_ASSIGN_OR_RETURN(refund.order.reason, TextOf(json, "reason"));
  RESERVE_ASSIGN_OR_RETURN(const int64_t time_us, NumberOf(json, "time_us"));
  refund.create_time = absl::FromUnixMicros(time_us);
  return refund;
}

}  // namespace

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
  return OneLine({{"kind", "refund"},
                  {"refund_id", refund.refund_id},
                  {"idempotency_key", refund.order.idempotency_key},
                  {"charge_id", refund.order.charge_id},
                  {"reason", refund.order.reason},
                  {"time_us", absl::ToUnixMicros(refund.create_time)}});
}

absl::StatusOr<std::variant<ChargeRecord, RefundRecord>> DecodeLine(absl::string_view line) {
  const Json json = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("not a JSON object");
  RESERVE_ASSIGN_OR_RETURN(const std::string kind, TextOf(json, "kind"));
  if (kind == "charge") return DecodeCharge(json);
  if (kind == "refund") return DecodeRefund(json);
  return MissingField("kind");
}

}  // namespace reserve::gateway_stub
