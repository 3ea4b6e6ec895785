#include "services/ledger/api/hold_requests.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"

namespace reserve::api {
namespace {

constexpr int64_t kLongestSliceSeconds = 3600;

absl::StatusOr<absl::Duration> SliceFrom(const pb::CreateHoldRequest& request) {
  if (!request.has_slice()) return absl::ZeroDuration();
  const int64_t seconds = request.slice().seconds();
  if (request.slice().nanos() != 0 || seconds < 1 || seconds > kLongestSliceSeconds) {
    return InvalidField(
        "slice", absl::StrCat("must be 1 s to ", kLongestSliceSeconds, " s, in whole seconds"));
  }
  return absl::Seconds(seconds);
}

absl::StatusOr<book::Command> ParseCreate(const domain::Settings& settings,
                                          const pb::CreateHoldRequest& request, absl::Time now) {
  domain::HoldRequest hold;
  RESERVE_RETURN_IF_ERROR(CheckId(request.hold_id(), "hold_id"));
  RESERVE_RETURN_IF_ERROR(CheckId(request.usage_id(), "usage_id"));
  RESERVE_RETURN_IF_ERROR(CheckId(request.user_id(), "user_id"));
  if (!request.has_call()) return InvalidField("call", "must be set");
  RESERVE_RETURN_IF_ERROR(CallFrom(settings, request.call(), &hold.call));
  hold.call.duration = absl::ZeroDuration();
  hold.hold_id = request.hold_id();
  hold.call.usage_id = request.usage_id();
  hold.call.user_id = request.user_id();
  hold.call.start_time = now;
  if (request.has_start_time()) {
    RESERVE_ASSIGN_OR_RETURN(hold.call.start_time,
                             reserve::FromProto(request.start_time(), "start_time"));
  }
  RESERVE_ASSIGN_OR_RETURN(hold.slice, SliceFrom(request));
  RESERVE_RETURN_IF_ERROR(
      CheckSwitch(request.switch_id(), request.switch_incarnation(), /*least=*/0));
  hold.switch_id = request.switch_id();
  hold.incarnation = request.switch_incarnation();
  return book::CreateHold{std::move(hold)};
}

absl::StatusOr<book::Command> ParseExtend(const pb::ExtendHoldRequest& request) {
  book::ExtendHold extend;
  RESERVE_RETURN_IF_ERROR(CheckId(request.hold_id(), "hold_id"));
  extend.hold_id = request.hold_id();
  if (request.extension() < 1) return InvalidField("extension", "must be 1 or more");
  extend.extension.number = request.extension();
  RESERVE_ASSIGN_OR_RETURN(extend.extension.used, DurationFrom(request.used(), "used"));
  if (request.has_answer_time()) {
    RESERVE_ASSIGN_OR_RETURN(extend.extension.answer_time,
                             reserve::FromProto(request.answer_time(), "answer_time"));
  }
  return extend;
}

absl::StatusOr<book::Command> ParseRelease(const pb::ReleaseHoldRequest& request) {
  book::ReleaseHold release;
  RESERVE_RETURN_IF_ERROR(CheckId(request.hold_id(), "hold_id"));
  release.hold_id = request.hold_id();
  RESERVE_ASSIGN_OR_RETURN(release.used, DurationFrom(request.used(), "used"));
  if (request.has_answer_time()) {
    RESERVE_ASSIGN_OR_RETURN(release.answer_time,
                             reserve::FromProto(request.answer_time(), "answer_time"));
  }
  return release;
}

}  // namespace

absl::Status CheckSwitch(const std::string& switch_id, int64_t incarnation, int64_t least) {
  if (!switch_id.empty() || least > 0) {
    RESERVE_RETURN_IF_ERROR(CheckId(switch_id, "switch_id"));
  }
  if (incarnation < least) {
    return InvalidField("switch_incarnation", absl::StrCat("must be at least ", least));
  }
  if (switch_id.empty() && incarnation > 0) {
    return InvalidField("switch_incarnation", "needs switch_id");
  }
  return absl::OkStatus();
}

AskedTask ParseCreateHold(const domain::Settings& settings, const pb::CreateHoldRequest& request,
                          absl::Time now) {
  return TaskFor(request.account_id(), ParseCreate(settings, request, now));
}

AskedTask ParseExtendHold(const pb::ExtendHoldRequest& request) {
  return TaskFor(request.account_id(), ParseExtend(request));
}

AskedTask ParseReleaseHold(const pb::ReleaseHoldRequest& request) {
  return TaskFor(request.account_id(), ParseRelease(request));
}

void ToProto(const book::HoldReply& reply, pb::CreateHoldResponse* message) {
  ToProto(reply.authorize, message->mutable_authorization());
  if (reply.hold.has_value()) ToProto(*reply.hold, reply.currency, message->mutable_hold());
}

}  // namespace reserve::api
