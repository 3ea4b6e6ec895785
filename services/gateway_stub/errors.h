// The errors of the gateway stub, each made here. Thread-safe: pure functions.
#ifndef RESERVE_GATEWAY_STUB_ERRORS_H_
#define RESERVE_GATEWAY_STUB_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace reserve::gateway_stub {

// ALREADY_EXISTS "IDEMPOTENCY_KEY_REUSED", ABORTED "IDEMPOTENCY_KEY_IN_USE".
absl::Status KeyReused();
absl::Status KeyInUse();

// NOT_FOUND "CHARGE_NOT_FOUND" on `field`.
absl::Status ChargeNotFound(absl::string_view field);
// INVALID_ARGUMENT "UNSUPPORTED_AMOUNT": what a card that asks for it is told.
absl::Status UnsupportedAmount();
// INTERNAL "INTERNAL": what is stored of a charge that ends so.
absl::Status StoredInternalError();

// FAILED_PRECONDITION "CHARGE_NOT_SUCCEEDED", "ALREADY_REFUNDED"; ABORTED "REFUND_IN_PROGRESS".
absl::Status ChargeNotSucceeded();
absl::Status AlreadyRefunded();
absl::Status RefundInProgress();

// UNAVAILABLE "OUTAGE": out of order, as asked for. "UNAVAILABLE": a card asks for it. "DATA_FILE":
// a charge could not be kept.
absl::Status Outage();
absl::Status CardFails(absl::string_view message);
absl::Status DataFile(absl::string_view message);

// INVALID_ARGUMENT on "page_token".
absl::Status BadPageToken();
absl::Status PageTokenOfOtherQuery();

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_ERRORS_H_
