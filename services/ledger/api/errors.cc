#include "services/ledger/api/errors.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::api {
namespace {

absl::Status NotFound(absl::string_view reason, absl::string_view field,
                      absl::string_view message) {
  return MakeError(absl::StatusCode::kNotFound, reason, field, message);
}

}  // namespace

absl::Status RateDeckFindings(const std::vector<std::pair<std::string, std::string>>& findings) {
  std::vector<std::string> texts;
  for (const auto& [code, text] : findings) texts.push_back(absl::StrCat(code, ": ", text));
  absl::Status status = MakeError(
      absl::StatusCode::kFailedPrecondition, "RATE_DECK_FINDINGS", "header.accept",
      absl::StrCat("the deck is strange; nothing was stored. Accept each code if it is right. ",
                   absl::StrJoin(texts, " | ")));
  for (const auto& [code, text] : findings) status = WithMetadata(std::move(status), code, text);
  return status;
}

absl::Status ReratingNotFound(absl::string_view request_id) {
  return NotFound("RERATING_NOT_FOUND", "request_id",
                  absl::StrCat("no rerating was asked for as \"", request_id, "\""));
}

absl::Status ReceiptNotFound(absl::string_view account_id, int64_t number) {
  return NotFound("RECEIPT_NOT_FOUND", "number",
                  absl::StrCat("account \"", account_id, "\" has no receipt ", number));
}

absl::Status ReratingDone(absl::string_view request_id) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "RERATING_DONE", "request_id",
                   absl::StrCat("rerating \"", request_id, "\" was done before"));
}

absl::Status NoRateToQuote(absl::string_view field, absl::string_view message) {
  return NotFound(domain::kNoRateReason, field, message);
}

absl::Status BadPageToken() { return InvalidField("page_token", "is not a token of this list"); }

absl::Status NoCallOrSms() { return InvalidField("call", "give a call or an sms"); }

}  // namespace reserve::api
