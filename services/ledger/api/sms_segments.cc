// CountSmsSegments of the `Ledger` service (S2).
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/api/ledger_service.h"
#include "services/ledger/domain/sms_segments.h"

namespace reserve::api {
namespace {

constexpr size_t kMaxTextBytes = 40'000;

// The text is a person's: it is in no message.
absl::Status Fill(const std::string& text, pb::CountSmsSegmentsResponse* response) {
  if (text.size() > kMaxTextBytes) {
    return InvalidField("text", absl::StrCat("must be up to ", kMaxTextBytes, " bytes"));
  }
  const std::optional<domain::SmsSize> size = domain::SizeOfSms(text);
  if (!size.has_value()) return InvalidField("text", "must be UTF-8");
  response->set_segments(size->segments);
  response->set_length(size->length);
  response->set_encoding(size->gsm7 ? pb::SMS_ENCODING_GSM7 : pb::SMS_ENCODING_UCS2);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* LedgerService::CountSmsSegments(
    grpc::CallbackServerContext* context, const pb::CountSmsSegmentsRequest* request,
    pb::CountSmsSegmentsResponse* response) {
  return FinishNow(api_, context, "CountSmsSegments", Fill(request->text(), response));
}

}  // namespace reserve::api
