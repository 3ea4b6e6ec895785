// Calls for help (C10): whoever asks, and whatever is down, they are allowed by each ledger that
// answers at all; and they are booked once, at nothing.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/chaos/caller.h"

namespace reserve::chaos {
namespace {

namespace pb = ledger::v1;

constexpr char kNoAccount[] = "acct-nobody";

}  // namespace

template <typename Request, typename Response>
std::optional<Response> Caller::AskForHelp(
    grpc::Status (pb::Ledger::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request) {
  const absl::Time start = absl::Now();
  for (int tries = 1; !GivesUp(start); ++tries) {
    Response response;
    const auto context = Within(kCallTimeout);
    const reserve::Moment asked = MonotonicNow();
    const absl::Status status =
        FromGrpcStatus((stub<pb::Ledger::Stub>().*method)(context.get(), request, &response));
    NoteCall(request, response, asked, status);
    if (status.ok()) return response;
    // What a ledger says itself has a reason of its own; else the way to it was cut off.
    const std::string without_reason = absl::StatusCodeToString(status.code());
    if (!IsNoAnswer(status) || ReasonOf(status) != without_reason) {
      record_.Contradict(absl::StrCat("a call for help of ", request.account_id(), " was answered ",
                                      status.ToString()));
      return std::nullopt;
    }
    TurnAway(tries);
  }
  return std::nullopt;
}

void Caller::ExpectHelp(const std::string& account_id,
                        const pb::AuthorizeUsageResponse& authorization) {
  ++counts_.operations;
  if (authorization.allowed() && authorization.emergency()) return;
  record_.Contradict(absl::StrCat("a call for help of ", account_id,
                                  " is not allowed: ", authorization.ShortDebugString()));
}

void Caller::CallForHelp() {
  RecordRequest request;
  request.set_account_id(Below(6) == 0 ? kNoAccount : PickAccount());
  pb::Usage& usage = *request.mutable_usage();
  usage.set_usage_id(NewId("help"));
  usage.set_user_id(Below(4) == 0 ? "nobody" : "ann");
  reserve::ToProto(absl::Now(), usage.mutable_start_time());
  usage.mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
  usage.mutable_call()->set_destination(Below(3) == 0 ? "+112" : kHelp);
  if (Below(2) == 0) {
    pb::AuthorizeUsageRequest ask;
    ask.set_account_id(request.account_id());
    ask.set_user_id(usage.user_id());
    *ask.mutable_call() = usage.call();
    const auto got = AskForHelp(&pb::Ledger::Stub::AuthorizeUsage, ask);
    if (got.has_value()) ExpectHelp(ask.account_id(), *got);
  } else {
    pb::CreateHoldRequest ask;
    ask.set_account_id(request.account_id());
    ask.set_hold_id(usage.usage_id());
    ask.set_usage_id(usage.usage_id());
    ask.set_user_id(usage.user_id());
    *ask.mutable_call() = usage.call();
    const auto got = AskForHelp(&pb::Ledger::Stub::CreateHold, ask);
    if (got.has_value()) ExpectHelp(ask.account_id(), got->authorization());
    if (got.has_value() && got->has_hold()) {
      record_.Contradict(absl::StrCat("it is held for a call for help of ", ask.account_id()));
    }
  }
  usage.mutable_call()->mutable_duration()->set_seconds(static_cast<int64_t>(Below(600)));
  if (request.account_id() == kNoAccount) {
    const auto got = Persist(&pb::Ledger::Stub::RecordUsage, request);
    if (got.ok() ? got->seq() != 0 : !IsNoAnswer(got.status())) {
      record_.Contradict(
          absl::StrCat("a call for help of no account was answered ",
                       got.ok() ? got->ShortDebugString() : got.status().ToString()));
    }
    return;
  }
  record_.Sent(Kind::kUsage, usage.usage_id(), request.account_id());
  NoteUsage(request, Persist(&pb::Ledger::Stub::RecordUsage, request));
}

}  // namespace reserve::chaos
