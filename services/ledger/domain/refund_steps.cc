#include "services/ledger/domain/refund_steps.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/suspension.h"

namespace reserve::domain {
namespace {

void Close(RechargeState state, absl::Time now, Recharge* refund) {
  refund->state = state;
  refund->end_time = now;
  refund->lease_owner.clear();
  refund->pending_time = absl::InfinitePast();
}

void TellSuccess(const Recharge& refund, Draft* draft) {
  draft->AddEvent(EventKind::kRefundSucceeded,
                  absl::StrCat("refund ", refund.refund_id, " of charge ", refund.charge_id),
                  refund);
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
  Recharge& charge = draft->Change(rows.charge);
  charge.refunded = AddSaturating(charge.refunded, amount);
  return absl::OkStatus();
}

void SuspendFor(const Recharge& refund, const ByStaff& by, Draft* draft) {
  if (!IsLow(draft->account())) return;
  draft->Change(refund).suspension_number = Suspend(SuspensionReason::kMoneyTakenBack, by, draft);
}

void Identify(const std::string& refund_id, Recharge* refund) {
  refund->refund_id = refund_id;
  refund->refund_id_typed = false;
}

void Succeed(const Recharge& refund, const std::string& refund_id, Draft* draft) {
  Recharge& closed = draft->Change(refund);
  if (!refund_id.empty()) Identify(refund_id, &closed);
  Close(RechargeState::kSucceeded, draft->context().now, &closed);
  TellSuccess(closed, draft);
}

absl::Status DebitTold(const RefundOfCharge& rows, const std::string& cause, Draft* draft) {
  RESERVE_RETURN_IF_ERROR(Debit(rows, cause, draft));
  draft->AddEvent(EventKind::kRefundOpened, cause, rows.refund);
  if (rows.refund.state == RechargeState::kSucceeded) TellSuccess(rows.refund, draft);
  SuspendFor(rows.refund, {"", "", rows.refund.refund_id}, draft);
  return absl::OkStatus();
}

absl::Status BookBack(const RefundOfCharge& rows, RechargeState state, std::string cause,
                      Draft* draft) {
  const Nanos amount = rows.refund.amount;
  Recharge& refund = draft->Change(rows.refund);
  // What was read of it before counts no more.
  ++refund.lease_epoch;
  Close(state, draft->context().now, &refund);
  const bool booked = std::exchange(refund.debited, false);
  const int32_t suspension_number = std::exchange(refund.suspension_number, 0);
  const EventKind kind =
      state == RechargeState::kCanceled ? EventKind::kRefundCanceled : EventKind::kRefundFailed;
  if (!booked) {
    draft->AddEvent(kind, std::move(cause), refund);
    return absl::OkStatus();
  }
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(draft->account().balance, amount));
  Entry& entry = draft->AddEntry(EntryKind::kRefundReturned, amount, balance);
  entry.recharge_ordinal = refund.ordinal;
  entry.request_id = refund.request_id;
  entry.reason = cause;
  draft->AddEvent(kind, std::move(cause), refund);
  TakeBackSuspension(SuspensionReason::kMoneyTakenBack, suspension_number, draft);
  Recharge& charge = draft->Change(rows.charge);
  charge.refunded = SubtractSaturating(charge.refunded, amount);
  return absl::OkStatus();
}

}  // namespace reserve::domain
