#include "services/ledger/api/usage_corrections.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/ledger_service.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/entry_rows.h"

namespace reserve::api {
namespace {

absl::Status CheckOwnId(absl::string_view old_id, const domain::Usage& usage) {
  if (usage.usage_id != old_id) return absl::OkStatus();
  return InvalidField("usage.usage_id", "must be an id of its own, not that of the old usage");
}

absl::StatusOr<book::Command> ParseVoid(const pb::VoidUsageRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.usage_id(), "usage_id"));
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  return book::VoidUsage{request.usage_id(), request.allow_missing(), std::move(by),
                         request.validate_only()};
}

absl::StatusOr<book::Command> ParseCorrect(const domain::Settings& settings,
                                           const pb::CorrectUsageRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.usage_id(), "usage_id"));
  absl::StatusOr<domain::Usage> usage = UsageFrom(settings, request.usage());
  if (!usage.ok()) return WithFieldPrefix(usage.status(), "usage.");
  RESERVE_RETURN_IF_ERROR(CheckOwnId(request.usage_id(), *usage));
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  return book::CorrectUsage{{request.usage_id(), request.may_recharge()},
                            *std::move(usage),
                            std::move(by),
                            request.validate_only()};
}

// What is read of the calls that were paid for since (U7), where seconds went back.
engine::QueryPool::Work PaidSince(const std::string& account_id, const book::VoidReply& reply,
                                  pb::VoidUsageResponse* response) {
  if (reply.free_seconds_returned == 0) return nullptr;
  return [=, user_id = reply.user_id, period = reply.free_period, seq = reply.usage_seq,
          corrected_by = reply.corrected_by](storage::Connection& connection) -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(
        const int64_t seconds,
        storage::PaidSecondsSince(connection, account_id, user_id, period, seq, corrected_by));
    reserve::ToProto(absl::Seconds(seconds), response->mutable_paid_since());
    return absl::OkStatus();
  };
}

}  // namespace

absl::Status CheckHoldOf(const pb::RecordUsageRequest& request) {
  return request.hold_id().empty() ? absl::OkStatus() : CheckId(request.hold_id(), "hold_id");
}

absl::StatusOr<book::Command> ReplacementFrom(const domain::Settings& settings,
                                              const pb::RecordUsageRequest& request) {
  const pb::ReplacedUsage& replaced = request.replaces();
  if (request.only_if_allowed()) {
    return InvalidField("only_if_allowed", "must not be set with replaces");
  }
  RESERVE_RETURN_IF_ERROR(CheckId(replaced.usage_id(), "replaces.usage_id"));
  RESERVE_RETURN_IF_ERROR(CheckReason(replaced.reason(), "replaces.reason"));
  RESERVE_RETURN_IF_ERROR(CheckHoldOf(request));
  domain::ByStaff by{replaced.reason()};
  if (!request.has_usage()) {
    return book::VoidUsage{replaced.usage_id(), replaced.allow_missing(), std::move(by)};
  }
  RESERVE_ASSIGN_OR_RETURN(domain::Usage usage, UsageFrom(settings, request.usage()));
  RESERVE_RETURN_IF_ERROR(CheckOwnId(replaced.usage_id(), usage));
  return book::CorrectUsage{{replaced.usage_id(), replaced.may_recharge(), request.hold_id()},
                            std::move(usage),
                            std::move(by)};
}

absl::Status ReplacesElsewhere() {
  return InvalidField("replaces", "must not be set: call CorrectUsage or VoidUsage");
}

absl::Status NameField(const absl::Status& status) {
  if (domain::IsUsageNotFound(status)) return WithFieldPrefix(status, "replaces.");
  const std::string field = FieldOf(status);
  if (field == "only_if_allowed" || field == "hold_id" || absl::StartsWith(field, "replaces.") ||
      absl::StartsWith(field, "usage."))
    return status;
  return PrefixField(status, "usage.");
}

grpc::ServerUnaryReactor* LedgerService::VoidUsage(grpc::CallbackServerContext* context,
                                                   const pb::VoidUsageRequest* request,
                                                   pb::VoidUsageResponse* response) {
  return StartCommandThen(
      api_, context, "VoidUsage", TaskFor(request->account_id(), ParseVoid(*request)),
      [response](book::Reply&& reply) { ToProto(book::As<book::VoidReply>(reply), response); },
      [=](const book::Reply& reply) {
        return PaidSince(request->account_id(), book::As<book::VoidReply>(reply), response);
      });
}

grpc::ServerUnaryReactor* LedgerService::CorrectUsage(grpc::CallbackServerContext* context,
                                                      const pb::CorrectUsageRequest* request,
                                                      pb::CorrectUsageResponse* response) {
  AskedTask asked =
      TaskFor(request->account_id(), ParseCorrect(api_.engine.options().settings, *request));
  if (!asked.task.ok()) {
    return FinishNow(api_, context, "CorrectUsage", asked.task.status(), request->account_id());
  }
  return StartCommandThen(
      api_, context, "CorrectUsage", std::move(asked),
      [response](book::Reply&& reply) {
        ToProto(book::As<book::CorrectionReply>(reply), response);
      },
      [=](const book::Reply& reply) -> engine::QueryPool::Work {
        const auto& voided = book::As<book::CorrectionReply>(reply).voided;
        if (!voided.has_value()) return nullptr;
        return PaidSince(request->account_id(), *voided, response->mutable_voided());
      },
      "usage.");
}

}  // namespace reserve::api
