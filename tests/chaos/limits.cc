// Limits on what an account spends (L1 to L4): what was taken back and what began long ago counts
// for nothing, and what reaches the limit is told, refuses, and is lifted, at whichever ledger.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/chaos/caller.h"

namespace reserve::chaos {
namespace {

namespace pb = ledger::v1;

// $5.50 a minute: the second call reaches the limit of $8.00.
constexpr char kDearDestination[] = "+8816234567";

}  // namespace

std::string Caller::OpenLimited() {
  pb::OpenAccountRequest open;
  open.set_account_id(NewId("limited"));
  open.set_card_token(absl::StrCat("tok_visa#", NewId("card")));
  pb::PutUserRequest put;
  put.set_account_id(open.account_id());
  put.set_user_id("ann");
  pb::UpdateLimitsRequest limit;
  limit.set_account_id(open.account_id());
  limit.set_reason("chaos");
  limit.mutable_limits()->mutable_spend_per_day()->set_currency_code("USD");
  limit.mutable_limits()->mutable_spend_per_day()->set_units(8);
  if (!Persist(&pb::Accounts::Stub::OpenAccount, open).ok() ||
      !Persist(&pb::Accounts::Stub::PutUser, put).ok() ||
      !Persist(&pb::Support::Stub::UpdateLimits, limit).ok()) {
    return "";
  }
  return open.account_id();
}

bool Caller::BookDear(const std::string& account_id, const std::string& usage_id,
                      absl::Duration ago) {
  RecordRequest request;
  request.set_account_id(account_id);
  pb::Usage& usage = *request.mutable_usage();
  usage.set_usage_id(usage_id);
  usage.set_user_id("ann");
  reserve::ToProto(absl::Now() - ago, usage.mutable_start_time());
  usage.mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
  usage.mutable_call()->set_destination(kDearDestination);
  usage.mutable_call()->mutable_duration()->set_seconds(60);
  record_.Sent(Kind::kUsage, usage_id, account_id);
  const auto got = Persist(&pb::Ledger::Stub::RecordUsage, request);
  NoteUsage(request, got);
  return got.ok();
}

bool Caller::ExpectLimit(const std::string& account_id, bool reached) {
  pb::GetLimitsRequest get;
  get.set_account_id(account_id);
  const auto got = Persist(&pb::Accounts::Stub::GetLimits, get);
  if (!got.ok()) return false;
  ++counts_.operations;
  bool is = false;
  for (const pb::LimitInForce& each : got->in_force()) {
    is |= each.kind() == pb::LIMIT_KIND_SPEND_PER_DAY && each.reached();
  }
  if (is == reached && got->has_suspend_time() == reached) return true;
  record_.Contradict(absl::StrCat("the limit of ", account_id, " is ", is ? "" : "not ",
                                  "reached, and recharging ", got->has_suspend_time() ? "" : "not ",
                                  "suspended"));
  return false;
}

void Caller::ReachTheLimit() {
  const std::string account_id = OpenLimited();
  if (account_id.empty()) return;
  const std::string wrong = NewId("u");
  if (!BookDear(account_id, wrong, absl::ZeroDuration())) return;
  pb::VoidUsageRequest back;
  back.set_account_id(account_id);
  back.set_usage_id(wrong);
  back.set_reason("chaos");
  record_.Sent(Kind::kVoid, wrong, account_id);
  const auto voided = Persist(&pb::Ledger::Stub::VoidUsage, back);
  if (!voided.ok()) {
    return record_.NotAnswered(Kind::kVoid, wrong, voided.status().ToString());
  }
  NoteVoid(account_id, wrong, *voided);
  if (!BookDear(account_id, NewId("u"), absl::Hours(30))) return;
  if (!BookDear(account_id, NewId("u"), absl::ZeroDuration())) return;
  if (!ExpectLimit(account_id, /*reached=*/false)) return;
  if (!BookDear(account_id, NewId("u"), absl::ZeroDuration())) return;
  if (!ExpectLimit(account_id, /*reached=*/true)) return;
  pb::AuthorizeUsageRequest ask;
  ask.set_account_id(account_id);
  ask.set_user_id("ann");
  ask.mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
  ask.mutable_call()->set_destination(kDearDestination);
  const auto answer = Persist(&pb::Ledger::Stub::AuthorizeUsage, ask);
  if (answer.ok() && answer->allowed()) {
    record_.Contradict(absl::StrCat("a call of ", account_id, " is allowed beyond its limit"));
  }
  pb::LiftSuspensionRequest lift;
  lift.set_account_id(account_id);
  lift.set_reason("chaos");
  lift.mutable_quiet_time()->set_seconds(3600);
  if (!Persist(&pb::Support::Stub::LiftSuspension, lift).ok()) return;
  if (!BookDear(account_id, NewId("u"), absl::ZeroDuration())) return;
  ExpectLimit(account_id, /*reached=*/false);
}

}  // namespace reserve::chaos
