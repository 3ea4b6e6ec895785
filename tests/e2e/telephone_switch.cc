#include "tests/e2e/telephone_switch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using Ledger = pb::Ledger::Stub;

constexpr absl::Duration kDeadline = absl::Seconds(5);
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kPause = absl::Milliseconds(20);

bool MayBeRepeated(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

pb::Call CallOf(const CallTo& to) {
  pb::Call call;
  call.set_direction(pb::DIRECTION_OUTBOUND);
  call.set_destination(to.destination);
  return call;
}

absl::Duration Granted(const pb::Hold& hold) { return absl::Seconds(hold.granted().seconds()); }

}  // namespace

std::shared_ptr<grpc::Channel> WireTo(const std::string& ledger_address) {
  ChannelOptions options;
  options.own_connection = true;
  options.max_reconnect_backoff = absl::Milliseconds(100);
  return MakeChannel(ledger_address, options).value();
}

TelephoneSwitch::TelephoneSwitch(const std::vector<std::shared_ptr<grpc::Channel>>& ledgers,
                                 SwitchOptions options)
    : options_(std::move(options)),
      incarnation_(options_.incarnation),
      now_(absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now())) - absl::Hours(24)) {
  for (const auto& channel : ledgers) ledgers_.push_back(pb::Ledger::NewStub(channel));
}

// --- Messages -----------------------------------------------------------------------

template <typename Request, typename Response>
absl::StatusOr<Response> TelephoneSwitch::Ask(grpc::Status (Ledger::*method)(grpc::ClientContext*,
                                                                             const Request&,
                                                                             Response*),
                                              const Request& request) {
  absl::StatusOr<Response> answer;
  const auto answered = [&] {
    ++messages_;
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
    Response response;
    const absl::Status status = FromGrpcStatus(
        (*ledgers_[turn_++ % ledgers_.size()].*method)(&context, request, &response));
    if (status.ok()) {
      answer = std::move(response);
    } else {
      answer = status;
    }
    return !MayBeRepeated(answer.status());
  };
  test_support::WaitUntil(answered, kPatience, kPause);
  return answer;
}

absl::StatusOr<pb::Hold> TelephoneSwitch::SendExtension(const pb::ExtendHoldRequest& request) {
  absl::StatusOr<pb::Hold> hold = Ask(&Ledger::ExtendHold, request);
  if (options_.line == Line::kDoubles) hold = Ask(&Ledger::ExtendHold, request);
  if (options_.line == Line::kReorders) {
    pb::ExtendHoldRequest& late = late_[request.hold_id()];
    if (late.extension() > 0) RESERVE_RETURN_IF_ERROR(Ask(&Ledger::ExtendHold, late).status());
    late = request;
  }
  return hold;
}

// --- Calls ---------------------------------------------------------------------------

absl::StatusOr<pb::AuthorizationDecision> TelephoneSwitch::Dial(const CallTo& to) {
  pb::CreateHoldRequest request;
  request.set_account_id(to.account_id);
  request.set_hold_id(to.call_id);
  request.set_usage_id(to.call_id);
  request.set_user_id(to.user_id);
  *request.mutable_call() = CallOf(to);
  ToProto(now_, request.mutable_start_time());
  if (options_.slice > absl::ZeroDuration()) {
    request.mutable_slice()->set_seconds(absl::ToInt64Seconds(options_.slice));
  }
  request.set_switch_id(options_.switch_id);
  request.set_switch_incarnation(incarnation_);
  RESERVE_ASSIGN_OR_RETURN(pb::CreateHoldResponse answer, Ask(&Ledger::CreateHold, request));
  const pb::AuthorizationDecision decision = answer.authorization().decision();
  if (!answer.authorization().allowed()) return decision;
  PhoneCall call;
  call.to = to;
  call.decision = decision;
  call.hold = std::move(*answer.mutable_hold());
  calls_[to.call_id] = std::move(call);
  return decision;
}

absl::Status TelephoneSwitch::Answer(const std::string& call_id) {
  PhoneCall& call = calls_.at(call_id);
  call.answer_time = now_;
  Schedule(call);
  return absl::OkStatus();
}

void TelephoneSwitch::Schedule(PhoneCall& call) const {
  call.next_time = absl::InfiniteFuture();
  if (call.over || !call.answered() || call.hold.hold_id().empty()) return;
  const absl::Time end = call.answer_time + Granted(call.hold);
  if (call.hold.final()) {
    call.next_time = std::max(now_, end);
    return;
  }
  // In whole seconds, or what it reports would depend on how fast it was answered.
  const absl::Time expiry = absl::FromUnixSeconds(call.hold.expire_time().seconds()) +
                            absl::Nanoseconds(call.hold.expire_time().nanos());
  const absl::Duration lives = absl::Ceil(expiry - absl::Now(), absl::Seconds(1));
  call.next_time = std::max(now_ + absl::Seconds(1), std::min(end, now_ + lives) - options_.margin);
}

absl::Status TelephoneSwitch::Extend(const std::string& call_id) {
  return Extend(calls_.at(call_id));
}

absl::Status TelephoneSwitch::Extend(PhoneCall& call) {
  if (options_.line == Line::kLoses) {
    ++call.extension;
    ++messages_;
  }
  pb::ExtendHoldRequest request;
  request.set_account_id(call.to.account_id);
  request.set_hold_id(call.to.call_id);
  request.set_extension(++call.extension);
  if (call.answered()) {
    request.mutable_used()->set_seconds(absl::ToInt64Seconds(call.talked));
    ToProto(call.answer_time, request.mutable_answer_time());
  }
  RESERVE_ASSIGN_OR_RETURN(call.hold, SendExtension(request));
  Schedule(call);
  return absl::OkStatus();
}

bool TelephoneSwitch::MoneyComes(PhoneCall& call) {
  const bool wanted = call.hold.final_reason() == pb::FINAL_REASON_INSUFFICIENT_BALANCE ||
                      call.hold.final_reason() == pb::FINAL_REASON_ACCOUNT_DISABLED;
  if (!wanted || options_.wait_for_money <= absl::ZeroDuration()) return false;
  pb::GetHoldRequest request;
  request.set_account_id(call.to.account_id);
  request.set_hold_id(call.to.call_id);
  const auto came = [&] {
    const absl::StatusOr<pb::Hold> hold = Ask(&Ledger::GetHold, request);
    return hold.ok() && !hold->final();
  };
  if (!test_support::WaitUntil(came, options_.wait_for_money, kPause)) return false;
  ++call.times_without_money;
  return true;
}

absl::Status TelephoneSwitch::AtNextTime(PhoneCall& call) {
  if (!call.hold.final()) return Extend(call);
  while (MoneyComes(call)) {
    RESERVE_RETURN_IF_ERROR(Extend(call));
    if (call.next_time > now_) return absl::OkStatus();
  }
  call.cut = true;
  return End(call);
}

absl::Status TelephoneSwitch::Pass(absl::Duration duration) {
  const absl::Time target = now_ + duration;
  while (true) {
    PhoneCall* next = nullptr;
    for (auto& [id, call] : calls_) {
      if (next == nullptr || call.next_time < next->next_time) next = &call;
    }
    const bool done = next == nullptr || next->next_time > target;
    Hang((done ? target : next->next_time) - now_);
    if (done) return absl::OkStatus();
    RESERVE_RETURN_IF_ERROR(AtNextTime(*next));
  }
}

void TelephoneSwitch::Hang(absl::Duration duration) {
  now_ += duration;
  for (auto& [id, call] : calls_) {
    if (!call.over && call.answered()) call.talked = now_ - call.answer_time;
  }
}

absl::Status TelephoneSwitch::HangUp(const std::string& call_id) { return End(calls_.at(call_id)); }

absl::Status TelephoneSwitch::End(PhoneCall& call) {
  if (!call.answered()) return HangUpWithoutCdr(call.to.call_id);
  call.over = true;
  Schedule(call);
  return SendCdr(call);
}

absl::Status TelephoneSwitch::HangUpWithoutCdr(const std::string& call_id) {
  PhoneCall& call = calls_.at(call_id);
  call.over = true;
  Schedule(call);
  pb::ReleaseHoldRequest request;
  request.set_account_id(call.to.account_id);
  request.set_hold_id(call_id);
  if (call.answered()) request.mutable_used()->set_seconds(absl::ToInt64Seconds(call.talked));
  RESERVE_ASSIGN_OR_RETURN(call.hold, Ask(&Ledger::ReleaseHold, request));
  return absl::OkStatus();
}

absl::Status TelephoneSwitch::SendCdr(PhoneCall& call) {
  pb::RecordUsageRequest request;
  request.set_account_id(call.to.account_id);
  request.set_hold_id(call.to.call_id);
  pb::Usage& usage = *request.mutable_usage();
  usage.set_usage_id(call.to.call_id);
  usage.set_user_id(call.to.user_id);
  ToProto(call.answer_time, usage.mutable_start_time());
  *usage.mutable_call() = CallOf(call.to);
  usage.mutable_call()->mutable_duration()->set_seconds(absl::ToInt64Seconds(call.talked));
  RESERVE_ASSIGN_OR_RETURN(call.booked, Ask(&Ledger::RecordUsage, request));
  return absl::OkStatus();
}

// --- Its own death -------------------------------------------------------------------

void TelephoneSwitch::Crash() {
  calls_.clear();
  late_.clear();
  ++incarnation_;
}

absl::StatusOr<pb::ReleaseSwitchHoldsResponse> TelephoneSwitch::ReleaseOldHolds() {
  pb::ReleaseSwitchHoldsRequest request;
  request.set_switch_id(options_.switch_id);
  request.set_switch_incarnation(incarnation_);
  return Ask(&Ledger::ReleaseSwitchHolds, request);
}

}  // namespace reserve::e2e
