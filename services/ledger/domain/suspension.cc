#include "services/ledger/domain/suspension.h"

#include <utility>

namespace reserve::domain {
namespace {

SuspensionReason ReasonOf(const Suspension& suspension) {
  if (suspension.disputes > 0) return SuspensionReason::kDispute;
  return suspension.refunds > 0 ? SuspensionReason::kMoneyTakenBack : SuspensionReason::kNone;
}

int32_t& CountOf(SuspensionReason reason, Suspension* suspension) {
  return reason == SuspensionReason::kDispute ? suspension->disputes : suspension->refunds;
}

}  // namespace

int32_t Suspend(SuspensionReason reason, const ByStaff& by, Draft* draft) {
  Suspension& suspension = draft->account().suspension;
  ++CountOf(reason, &suspension);
  suspension.ordinal = draft->account().last_ordinal;
  if (suspension.time == absl::InfinitePast()) suspension.time = draft->context().now;
  const SuspensionReason now = ReasonOf(suspension);
  if (std::exchange(suspension.reason, now) != now) {
    Tell(by, draft->AddEvent(EventKind::kSuspended, now == SuspensionReason::kDispute
                                                        ? "a charge is disputed"
                                                        : "money was taken back"));
  }
  return suspension.number;
}

void TakeBackSuspension(SuspensionReason reason, int32_t number, Draft* draft) {
  Account& account = draft->account();
  Suspension& suspension = account.suspension;
  if (number == 0 || number != suspension.number) return;
  --CountOf(reason, &suspension);
  suspension.reason = ReasonOf(suspension);
  if (suspension.reason != SuspensionReason::kNone) return;
  suspension.time = absl::InfinitePast();
  suspension.ordinal = 0;
  draft->AddEvent(EventKind::kSuspensionLifted, "what was taken back is booked back");
  if (IsLow(account) && !account.taken_back.waits()) account.taken_back.time = draft->context().now;
}

Event* EndSuspension(std::string cause, Draft* draft) {
  Suspension& suspension = draft->account().suspension;
  if (suspension.reason == SuspensionReason::kNone) return nullptr;
  suspension = {.number = suspension.number + 1};
  return &draft->AddEvent(EventKind::kSuspensionLifted, std::move(cause));
}

}  // namespace reserve::domain
