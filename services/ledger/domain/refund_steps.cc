#include "services/ledger/domain/refund_steps.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/suspension.h"

namespace reserve::domain {
namespace {

void Close(RechargeState state, absl::Time now, Recharge* refund) {
  refund->state = state;
  refund->settle_time = now;
  refund->lease_owner.clear();
  refund->pending_time = absl::InfinitePast();
}

}  // namespace

absl::Status Debit(const RefundOfCharge& rows, std::string reason, Draft* draft) {
  const Nanos amount = rows.refund.amount;
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Subtract(draft->account().balance, amount));
  Recharge& refund = draft->Change(rows.refund);
  refund.debited = true;
  Entry& entry = draft->AddEntry(EntryKind::kRefund, -amount, balance);
  entry.recharge_ordinal = refund.ordinal;
  entry.request_id = refund.request_id;
  entry.reason = std::move(reason);
  if (IsLow(draft->account())) {
    refund.suspension_number = Suspend(SuspensionReason::kMoneyTakenBack, draft);
  }
  Recharge& charge = draft->Change(rows.charge);
  charge.refunded = AddSaturating(charge.refunded, amount);
  return absl::OkStatus();
}

void Succeed(const Recharge& refund, const std::string& refund_id, Draft* draft) {
  Recharge& settled = draft->Change(refund);
  if (!refund_id.empty()) settled.refund_id = refund_id;
  Close(RechargeState::kSucceeded, draft->context().now, &settled);
  draft->AddEvent(EventKind::kRefundSucceeded,
                  absl::StrCat("refund ", settled.refund_id, " of charge ", settled.charge_id),
                  settled);
}

absl::Status BookBack(const RefundOfCharge& rows, RechargeState state, std::string cause,
                      Draft* draft) {
  const Nanos amount = rows.refund.amount;
  Recharge& refund = draft->Change(rows.refund);
  // What was read of it before counts no more.
  ++refund.lease_epoch;
  Close(state, draft->context().now, &refund);
  draft->AddEvent(
      state == RechargeState::kCanceled ? EventKind::kRefundCanceled : EventKind::kRefundFailed,
      cause, refund);
  if (!std::exchange(refund.debited, false)) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(draft->account().balance, amount));
  Entry& entry = draft->AddEntry(EntryKind::kRefundReturned, amount, balance);
  entry.recharge_ordinal = refund.ordinal;
  entry.request_id = refund.request_id;
  entry.reason = std::move(cause);
  TakeBackSuspension(SuspensionReason::kMoneyTakenBack, std::exchange(refund.suspension_number, 0),
                     draft);
  Recharge& charge = draft->Change(rows.charge);
  charge.refunded = SubtractSaturating(charge.refunded, amount);
  return absl::OkStatus();
}

}  // namespace reserve::domain
