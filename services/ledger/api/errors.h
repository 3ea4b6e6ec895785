// The errors that only this module makes, each made here. (Those of the engine are in
// engine/errors.h, the refusals of the rules in domain/refusals.h.) Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_API_ERRORS_H_
#define RESERVE_SERVICES_LEDGER_API_ERRORS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace reserve::api {

// FAILED_PRECONDITION "RATE_DECK_FINDINGS" on "header.accept", with each finding's text by its
// code.
absl::Status RateDeckFindings(const std::vector<std::pair<std::string, std::string>>& findings);
// NOT_FOUND "RERATING_NOT_FOUND" on "request_id".
absl::Status ReratingNotFound(absl::string_view request_id);
// NOT_FOUND "RECEIPT_NOT_FOUND" on "number".
absl::Status ReceiptNotFound(absl::string_view account_id, int64_t number);
absl::Status ReratingDone(absl::string_view request_id);
// NOT_FOUND "NO_RATE" on `field`.
absl::Status NoRateToQuote(absl::string_view field, absl::string_view message);
// INVALID_ARGUMENT on "page_token": it is not of this list.
absl::Status BadPageToken();
// INVALID_ARGUMENT on "call": neither a call nor a text was given.
absl::Status NoCallOrSms();

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_ERRORS_H_
