// The errors of the gateway stub, each made here. Thread-safe: pure functions.
#ifndef RESERVE_GATEWAY_STUB_ERRORS_H_
#define RESERVE_GATEWAY_STUB_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/money/money.h"

namespace reserve::gateway_stub {

// ALREADY_EXISTS "IDEMPOTENCY_KEY_REUSED", ABORTED "IDEMPOTENCY_KEY_IN_USE".
absl::Status KeyReused();
absl::Status KeyInUse();

// NOT_FOUND "CHARGE_NOT_FOUND" on `field`.
absl::Status ChargeNotFound(absl::string_view field);
// INVALID_ARGUMENT "UNSUPPORTED_AMOUNT": what a card that asks for it is told.
absl::Status UnsupportedAmount();
// INTERNAL "INTERNAL": what is stored of a charge or a refund that ends so.
absl::Status StoredInternalError();

// NOT_FOUND "REFUND_NOT_FOUND" on `field`, "DISPUTE_NOT_FOUND".
absl::Status RefundNotFound(absl::string_view field);
absl::Status DisputeNotFound();
// FAILED_PRECONDITION "CHARGE_NOT_SUCCEEDED".
absl::Status ChargeNotSucceeded();
// INVALID_ARGUMENT on `amount`: the charge is in another currency.
absl::Status OtherCurrency(absl::string_view currency_code);
// FAILED_PRECONDITION "REFUND_TOO_LARGE": no more than `left` is left of the charge, which the
// metadata `left` ("12.50") and `currency_code` say. "DISPUTE_TOO_LARGE": the same of `most`.
absl::Status RefundTooLarge(Nanos left, absl::string_view currency_code);
absl::Status DisputeTooLarge(Nanos most, absl::string_view currency_code);
// FAILED_PRECONDITION "REFUND_ALREADY_FAILED", "DISPUTE_NOT_MOVABLE".
absl::Status RefundAlreadyFailed();
absl::Status DisputeNotMovable();

// UNAVAILABLE "OUTAGE": out of order, as asked for. "UNAVAILABLE": a card asks for it. "DATA_FILE":
// a charge or a refund could not be kept.
absl::Status Outage();
absl::Status CardFails(absl::string_view message);
absl::Status DataFile(absl::string_view message);

// INVALID_ARGUMENT on "page_token".
absl::Status BadPageToken();
absl::Status PageTokenOfOtherQuery();

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_ERRORS_H_
