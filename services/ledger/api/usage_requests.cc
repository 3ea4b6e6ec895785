#include "services/ledger/api/usage_requests.h"

#include <utility>
#include <variant>

#include "common/error/error.h"
#include "services/ledger/api/usage_corrections.h"

namespace reserve::api {

absl::StatusOr<engine::Task> ParseRecord(const domain::Settings& settings,
                                         const pb::RecordUsageRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
  RESERVE_ASSIGN_OR_RETURN(domain::Usage usage, UsageFrom(settings, request.usage()));
  RESERVE_RETURN_IF_ERROR(CheckHoldOf(request));
  return engine::Task{
      request.account_id(),
      book::RecordUsage{std::move(usage), request.only_if_allowed(), request.hold_id()}, nullptr,
      0};
}

absl::StatusOr<engine::Task> ParseRecordOrReplace(const domain::Settings& settings,
                                                  const pb::RecordUsageRequest& request) {
  if (!request.has_replaces()) return ParseRecord(settings, request);
  RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
  RESERVE_ASSIGN_OR_RETURN(book::Command command, ReplacementFrom(settings, request));
  return engine::Task{request.account_id(), std::move(command), nullptr, 0};
}

void ToProto(const book::Reply& reply, pb::RecordUsageResult* message) {
  if (const auto* usage = book::AsIf<book::UsageReply>(reply)) {
    ToProto(*usage, message->mutable_response());
  } else if (const auto* voided = book::AsIf<book::VoidReply>(reply)) {
    ToProto(*voided, message->mutable_voided());
  } else {
    ToProto(book::As<book::CorrectionReply>(reply), message->mutable_corrected());
  }
}

}  // namespace reserve::api
