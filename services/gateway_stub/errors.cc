#include "services/gateway_stub/errors.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::gateway_stub {
namespace {

constexpr char kKeyField[] = "idempotency_key";
constexpr char kChargeField[] = "charge_id";
constexpr char kAmountField[] = "amount";

absl::Status OnField(absl::StatusCode code, absl::string_view reason, absl::string_view field,
                     absl::string_view message) {
  return MakeError(code, reason, field, absl::StrCat(field, ": ", message));
}

absl::Status Unavailable(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kUnavailable, reason, "", message);
}

absl::Status TooLarge(absl::string_view reason, Nanos left, absl::string_view currency_code) {
  absl::Status status =
      OnField(absl::StatusCode::kFailedPrecondition, reason, kAmountField,
              absl::StrCat("at most ", FormatMoney(currency_code, left), " is left of the charge"));
  status = WithMetadata(std::move(status), "left", FormatDecimal(left));
  return WithMetadata(std::move(status), "currency_code", currency_code);
}

}  // namespace

absl::Status KeyReused() {
  return OnField(absl::StatusCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED", kKeyField,
                 "was used with other content");
}

absl::Status KeyInUse() {
  return OnField(absl::StatusCode::kAborted, "IDEMPOTENCY_KEY_IN_USE", kKeyField,
                 "a request with it is still being worked on");
}

absl::Status ChargeNotFound(absl::string_view field) {
  return OnField(absl::StatusCode::kNotFound, "CHARGE_NOT_FOUND", field, "there is no such charge");
}

absl::Status UnsupportedAmount() {
  return OnField(absl::StatusCode::kInvalidArgument, "UNSUPPORTED_AMOUNT", kAmountField,
                 "is refused, as the card asks for");
}

absl::Status StoredInternalError() {
  return MakeError(absl::StatusCode::kInternal, "INTERNAL", "",
                   "the gateway failed; look up what it did");
}

absl::Status RefundNotFound(absl::string_view field) {
  return OnField(absl::StatusCode::kNotFound, "REFUND_NOT_FOUND", field, "there is no such refund");
}

absl::Status DisputeNotFound() {
  return OnField(absl::StatusCode::kNotFound, "DISPUTE_NOT_FOUND", "dispute_id",
                 "there is no such dispute");
}

absl::Status ChargeNotSucceeded() {
  return OnField(absl::StatusCode::kFailedPrecondition, "CHARGE_NOT_SUCCEEDED", kChargeField,
                 "the charge was declined or is not decided; there is nothing to give back");
}

absl::Status OtherCurrency(absl::string_view currency_code) {
  return InvalidField(kAmountField, absl::StrCat("must be in the charge's ", currency_code));
}

absl::Status RefundTooLarge(Nanos left, absl::string_view currency_code) {
  return TooLarge("REFUND_TOO_LARGE", left, currency_code);
}

absl::Status DisputeTooLarge(Nanos most, absl::string_view currency_code) {
  return TooLarge("DISPUTE_TOO_LARGE", most, currency_code);
}

absl::Status RefundAlreadyFailed() {
  return OnField(absl::StatusCode::kFailedPrecondition, "REFUND_ALREADY_FAILED", "refund_id",
                 "the refund has failed before");
}

absl::Status DisputeNotMovable() {
  return OnField(absl::StatusCode::kFailedPrecondition, "DISPUTE_NOT_MOVABLE", "state",
                 "a dispute does not go from its state to this one");
}

absl::Status Outage() {
  return Unavailable("OUTAGE", "the gateway is out of order, as asked for by --outage_file");
}

absl::Status CardFails(absl::string_view message) { return Unavailable("UNAVAILABLE", message); }

absl::Status DataFile(absl::string_view message) { return Unavailable("DATA_FILE", message); }

absl::Status BadPageToken() { return InvalidField("page_token", "is not a token of this service"); }

absl::Status PageTokenOfOtherQuery() {
  return InvalidField("page_token", "belongs to a query with other filters");
}

}  // namespace reserve::gateway_stub
