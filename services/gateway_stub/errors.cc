#include "services/gateway_stub/errors.h"

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::gateway_stub {
namespace {

constexpr char kKeyField[] = "idempotency_key";
constexpr char kChargeField[] = "charge_id";

absl::Status OnField(absl::StatusCode code, absl::string_view reason, absl::string_view field,
                     absl::string_view message) {
  return MakeError(code, reason, field, absl::StrCat(field, ": ", message));
}

absl::Status Unavailable(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kUnavailable, reason, "", message);
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
  return OnField(absl::StatusCode::kInvalidArgument, "UNSUPPORTED_AMOUNT", "amount",
                 "is refused, as the card asks for");
}

absl::Status StoredInternalError() {
  return MakeError(absl::StatusCode::kInternal, "INTERNAL", "",
                   "the gateway failed; look the charge up");
}

absl::Status ChargeNotSucceeded() {
  return OnField(absl::StatusCode::kFailedPrecondition, "CHARGE_NOT_SUCCEEDED", kChargeField,
                 "the charge was declined; there is nothing to give back");
}

absl::Status AlreadyRefunded() {
  return OnField(absl::StatusCode::kFailedPrecondition, "ALREADY_REFUNDED", kChargeField,
                 "the charge was given back under another key");
}

absl::Status RefundInProgress() {
  return OnField(absl::StatusCode::kAborted, "REFUND_IN_PROGRESS", kChargeField,
                 "the charge is just being given back under another key");
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
