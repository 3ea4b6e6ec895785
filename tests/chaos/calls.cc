// Calls in progress: a caller as a switch.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/chaos/caller.h"

namespace reserve::chaos {
namespace {

namespace pb = ledger::v1;

// Dollars a minute: two or three calls share a reserve of $15.
constexpr char kDear[] = "+8816234567";
// An estimate is booked by then (stage.cc: --settle_within).
constexpr absl::Duration kEstimated = absl::Seconds(8);

}  // namespace

std::string Caller::OpenForCalls() {
  pb::OpenAccountRequest open;
  open.set_account_id(NewId("calls"));
  open.set_card_token(absl::StrCat("tok_visa#", NewId("card")));
  pb::PutUserRequest put;
  put.set_account_id(open.account_id());
  put.set_user_id("ann");
  pb::UpdateBillingSettingsRequest off;
  off.set_account_id(open.account_id());
  off.mutable_billing_settings()->set_automatic_recharge(false);
  if (!Persist(&pb::Accounts::Stub::OpenAccount, open).ok() ||
      !Persist(&pb::Accounts::Stub::PutUser, put).ok() ||
      !Persist(&pb::Accounts::Stub::UpdateBillingSettings, off).ok()) {
    return "";
  }
  pb::GetAccountRequest get;
  get.set_account_id(open.account_id());
  for (int tries = 0; tries < 30; ++tries) {
    const auto account = Persist(&pb::Accounts::Stub::GetAccount, get);
    if (!account.ok()) return "";
    if (account->state() == pb::ACCOUNT_STATE_ACTIVE) return open.account_id();
    absl::SleepFor(absl::Milliseconds(100));
  }
  return "";
}

std::optional<Caller::HeldCall> Caller::BeginCall(const std::string& account_id) {
  pb::CreateHoldRequest request;
  request.set_account_id(account_id);
  request.set_hold_id(NewId("h"));
  request.set_usage_id(NewId("u"));
  request.set_user_id("ann");
  request.mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
  request.mutable_call()->set_destination(kDear);
  request.set_switch_id(absl::StrCat("switch-", options_.number));
  request.set_switch_incarnation(incarnation_);
  const auto got = Persist(&pb::Ledger::Stub::CreateHold, request);
  if (!got.ok()) {
    if (!IsNoAnswer(got.status())) {
      record_.Contradict(absl::StrCat("hold ", request.hold_id(), " of ", account_id,
                                      " was refused: ", got.status().ToString()));
    }
    return std::nullopt;
  }
  ++counts_.operations;
  if (!got->has_hold()) return std::nullopt;
  return HeldCall{got->hold()};
}

bool Caller::ExtendCall(HeldCall* call) {
  pb::ExtendHoldRequest request;
  request.set_account_id(call->hold.account_id());
  request.set_hold_id(call->hold.hold_id());
  request.set_extension(call->hold.extension() + 1);
  const int64_t granted = call->hold.granted().seconds();
  const int64_t used = std::min(granted, call->used + 1 + static_cast<int64_t>(Below(60)));
  request.mutable_used()->set_seconds(used);
  // Some are sent twice.
  for (uint64_t times = 1 + Below(2); times > 0; --times) {
    const auto got = Persist(&pb::Ledger::Stub::ExtendHold, request);
    if (!got.ok()) {
      if (!IsNoAnswer(got.status())) {
        record_.Contradict(absl::StrCat("extension of ", request.hold_id(), " of ",
                                        request.account_id(),
                                        " was refused: ", got.status().ToString()));
      }
      return false;
    }
    call->hold = *got;
  }
  ++counts_.operations;
  call->used = used;
  if (NanosOf(call->hold.accrued()) <= 0) {
    record_.Contradict(absl::StrCat("hold ", request.hold_id(), " of ", request.account_id(), ": ",
                                    used, " s were reported, and nothing has accrued"));
  }
  return true;
}

void Caller::CheckPromises(const std::vector<HeldCall>& calls) {
  Nanos held = 0;
  for (const HeldCall& call : calls) {
    // What was reported after the end is a fact, beyond what was left then (H1, H12).
    if (call.hold.state() != pb::HOLD_STATE_OPEN) continue;
    // One that has rung for too long meanwhile has ended by itself (H4).
    const google::protobuf::Timestamp& end = call.hold.expire_time();
    if (absl::FromUnixSeconds(end.seconds()) + absl::Nanoseconds(end.nanos()) <= absl::Now()) {
      continue;
    }
    held += NanosOf(call.hold.held());
  }
  if (held <= 15 * kNanosPerUnit) return;
  record_.Contradict(absl::StrCat("calls of ", calls.front().hold.account_id(), " were promised ",
                                  FormatDecimal(held), " of 15.00"));
}

void Caller::EndCall(const HeldCall& call) {
  RecordRequest cdr;
  cdr.set_account_id(call.hold.account_id());
  pb::Usage* usage = cdr.mutable_usage();
  usage->set_usage_id(call.hold.usage_id());
  usage->set_user_id("ann");
  *usage->mutable_call() = call.hold.call();
  usage->mutable_call()->mutable_duration()->set_seconds(call.used);
  reserve::ToProto(absl::Now() - absl::Seconds(call.used), usage->mutable_start_time());
  const uint64_t how = Below(4);
  const bool is_left = how == 1 || how == 3;
  // Of a call that nobody has answered there is nothing to book.
  if (!is_left || call.used > 0) {
    record_.Sent(Kind::kUsage, usage->usage_id(), cdr.account_id());
  }
  if (how == 0) {  // as it should be
    cdr.set_hold_id(call.hold.hold_id());
    return NoteUsage(cdr, Persist(&pb::Ledger::Stub::RecordUsage, cdr));
  }
  if (how == 1) {  // the switch dies
    if (call.used > 0) left_.push_back({std::move(cdr), absl::Now()});
    return;
  }
  pb::ReleaseHoldRequest release;
  release.set_account_id(call.hold.account_id());
  release.set_hold_id(call.hold.hold_id());
  const auto got = Persist(&pb::Ledger::Stub::ReleaseHold, release);
  if (!got.ok() && !IsNoAnswer(got.status())) {
    record_.Contradict(absl::StrCat("release of ", release.hold_id(), " of ", release.account_id(),
                                    " was refused: ", got.status().ToString()));
  }
  if (how == 2) return NoteUsage(cdr, Persist(&pb::Ledger::Stub::RecordUsage, cdr));
  if (call.used > 0) left_.push_back({std::move(cdr), absl::Now()});
}

void Caller::CallTogether() {
  const std::string account_id = OpenForCalls();
  if (account_id.empty()) return;
  std::vector<HeldCall> calls;
  for (uint64_t count = 2 + Below(6); count > 0; --count) {
    std::optional<HeldCall> call = BeginCall(account_id);
    if (call.has_value()) calls.push_back(*std::move(call));
    CheckPromises(calls);
  }
  for (uint64_t rounds = Below(4); rounds > 0; --rounds) {
    for (HeldCall& call : calls) {
      // Some ring for ever.
      if (Below(5) == 0 || !ExtendCall(&call)) continue;
      CheckPromises(calls);
    }
  }
  for (const HeldCall& call : calls) EndCall(call);
  StartSwitchAnew();
}

void Caller::StartSwitchAnew() {
  pb::ReleaseSwitchHoldsRequest request;
  request.set_switch_id(absl::StrCat("switch-", options_.number));
  request.set_switch_incarnation(++incarnation_);
  const auto got = Persist(&pb::Ledger::Stub::ReleaseSwitchHolds, request);
  if (got.ok()) ++counts_.operations;
  std::vector<LeftCall> left;
  for (LeftCall& call : left_) {
    // What was reported is booked, whether its CDR comes or not.
    if (absl::Now() - call.since < kEstimated) {
      left.push_back(std::move(call));
    } else if (Below(2) == 0) {
      call.cdr.mutable_usage()->mutable_call()->mutable_duration()->set_nanos(500'000'000);
      NoteUsage(call.cdr, Persist(&pb::Ledger::Stub::RecordUsage, call.cdr));
    } else {
      record_.Booked(Kind::kUsage, call.cdr.usage().usage_id(), std::nullopt);
    }
  }
  left_ = std::move(left);
}

void Caller::LeaveTheRest() {
  for (const LeftCall& call : left_) {
    record_.Booked(Kind::kUsage, call.cdr.usage().usage_id(), std::nullopt);
  }
  left_.clear();
}

}  // namespace reserve::chaos
