#include "services/ledger/domain/refund_policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge_steps.h"
#include "services/ledger/domain/refund_steps.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

absl::Status CheckRefund(const Account& account, const Recharge& charge,
                         const RefundRequest& request, Nanos amount) {
  if (request.amount.has_value()) {
    if (amount <= 0) return InvalidField("amount", "must be above zero");
    RESERVE_RETURN_IF_ERROR(CheckChargeable("amount", account.currency, amount));
  }
  if (!charge.holds_credit()) return NotCredited(charge);
  if (charge.charge_id.empty()) return NoCharge(charge);
  if (charge.left() <= 0 && charge.disputed > 0) return ChargeDisputed(charge);
  if (amount > charge.left() || charge.left() <= 0) return RefundTooLarge(charge);
  const Nanos free = std::max<Nanos>(std::min(account.own_balance(), account.available()), 0);
  if (amount > free && !request.allow_debt) return InsufficientBalance(account, free);
  return absl::OkStatus();
}

std::string MadeAtTheGateway(const Recharge& refund) {
  return absl::StrCat("refund ", refund.refund_id, " of charge ", refund.charge_id,
                      " was made at the gateway");
}

// Its charge is not credited: it is kept as it stands, and counts once the charge is (P3).
Transition Kept(const Context& context, const Account& account, const RefundOfCharge& rows,
                const std::string& refund_id) {
  Draft draft(context, account);
  Recharge& kept = draft.Change(rows.refund);
  kept.state = RechargeState::kSucceeded;
  kept.end_time = context.now;
  Identify(refund_id, &kept);
  draft.AddEvent(EventKind::kGatewayStateKept, MadeAtTheGateway(kept), kept);
  draft.Change(rows.charge).keeps = true;
  return Concluded(std::move(draft));
}

// Given back after all: the money is out, whatever was booked before.
absl::StatusOr<Transition> Succeeded(const Context& context, const Account& account,
                                     const RefundOfCharge& rows, const std::string& refund_id) {
  if (!rows.refund.debited && !rows.charge.holds_credit()) {
    return Kept(context, account, rows, refund_id);
  }
  Draft draft(context, account);
  if (!rows.refund.debited) {
    RESERVE_RETURN_IF_ERROR(
        Debit(rows, absl::StrCat("refund ", refund_id, " was made after all"), &draft));
  }
  // As it was changed, if it was.
  Succeed(draft.Change(rows.refund), refund_id, &draft);
  if (!rows.refund.debited) SuspendFor(rows.refund, {"", "", refund_id}, &draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> Failed(const Context& context, const Account& account,
                                  const RefundOfCharge& rows, const std::string& refund_id,
                                  const std::string& code) {
  Draft draft(context, account);
  Recharge& refund = draft.Change(rows.refund);
  if (!refund_id.empty()) Identify(refund_id, &refund);
  refund.last_decline_code = code;
  RESERVE_RETURN_IF_ERROR(BookBack(
      rows, RechargeState::kFailed,
      absl::StrCat("the refund of charge ", rows.charge.charge_id, " failed: ", code), &draft));
  return Concluded(std::move(draft));
}

Transition Pending(const Context& context, const Account& account, const Recharge& refund,
                   const std::string& refund_id) {
  Draft draft(context, account);
  Recharge& next = draft.Change(refund);
  next.lease_owner.clear();
  Identify(refund_id, &next);
  next.due_time = context.now + context.settings.pending_lookup_interval;
  if (!next.pending()) next.pending_time = context.now;
  return Concluded(std::move(draft));
}

Transition NeedsReview(const Context& context, const Account& account, const Recharge& refund,
                       const std::string& cause) {
  Draft draft(context, account);
  Recharge& next = draft.Change(refund);
  next.state = RechargeState::kNeedsReview;
  next.lease_owner.clear();
  next.due_time = absl::InfiniteFuture();
  draft.AddEvent(EventKind::kRefundNeedsReview, cause, next);
  return Concluded(std::move(draft));
}

// Nothing but the gateway's id of it is new. Of one that failed: as it is now known to have failed
// there, an older state of it counts no more.
Transition Identified(const Context& context, const Account& account, const Recharge& refund,
                      const std::string& refund_id, const std::string& failure_code) {
  Draft draft(context, account);
  Recharge& next = draft.Change(refund);
  Identify(refund_id, &next);
  if (!failure_code.empty()) next.last_decline_code = failure_code;
  return Concluded(std::move(draft));
}

// The same of one of which all but perhaps its id is known.
Transition NothingNew(const Context& context, const Account& account, const Recharge& refund,
                      const std::string& refund_id) {
  if (!refund.refund_id_typed || refund_id.empty()) return Unchanged(account);
  return Identified(context, account, refund, refund_id, "");
}

// One that somebody made at the gateway, without us: no worker ever gets it.
absl::StatusOr<Transition> TakeUp(const Context& context, const Account& account,
                                  const Recharge& charge, const GatewayRefund& told) {
  Draft draft(context, account);
  Recharge& refund = draft.OpenRefund(charge, told.amount);
  refund.charge_id = told.charge_id;
  refund.refund_id = told.refund_id;
  refund.attempt_start = context.now;
  refund.due_time = absl::InfiniteFuture();
  if (told.state != GatewayRefund::State::kPending) {
    refund.state = told.state == GatewayRefund::State::kSucceeded ? RechargeState::kSucceeded
                                                                  : RechargeState::kFailed;
    refund.end_time = context.now;
    refund.last_decline_code = told.failure_code;
  }
  const Recharge opened = refund;
  const std::string cause = MadeAtTheGateway(opened);
  if (told.state == GatewayRefund::State::kFailed) {
    draft.AddEvent(EventKind::kRefundFailed, cause, opened);
  } else if (charge.holds_credit()) {
    RESERVE_RETURN_IF_ERROR(DebitTold({opened, charge}, cause, &draft));
  } else {
    draft.AddEvent(EventKind::kGatewayStateKept, cause, opened);
    draft.Change(charge).keeps = true;
  }
  return Concluded(std::move(draft));
}

}  // namespace

absl::StatusOr<Transition> RefundRecharge(const Context& context, const Account& account,
                                          const Recharge& charge, const RefundRequest& request) {
  const Nanos amount = request.amount.value_or(charge.left());
  // What is left goes back by itself from then on (P4).
  if (!account.closing.takes_facts()) RESERVE_RETURN_IF_ERROR(CheckNotClosing(account));
  RESERVE_RETURN_IF_ERROR(CheckRefund(account, charge, request, amount));
  Draft draft(context, account);
  Recharge& refund = draft.OpenRefund(charge, amount);
  refund.request_id = request.request_id;
  const Recharge opened = refund;
  RESERVE_RETURN_IF_ERROR(Debit({opened, charge}, request.by.reason, &draft));
  Tell(request.by, draft.AddEvent(EventKind::kRefundOpened, request.by.reason, opened));
  SuspendFor(opened, request.by, &draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> ReportRefund(const Context& context, const Account& account,
                                        const Recharge& refund, const Recharge& charge,
                                        const ChargeOutcome& outcome) {
  if (outcome.kind == ChargeOutcome::Kind::kSucceeded) {
    // One that failed at the gateway after it had succeeded stays so (P3).
    if (refund.state == RechargeState::kSucceeded ||
        (refund.state == RechargeState::kFailed && !refund.refund_id.empty())) {
      return NothingNew(context, account, refund, outcome.charge_id);
    }
    return Succeeded(context, account, {refund, charge}, outcome.charge_id);
  }
  if (outcome.kind == ChargeOutcome::Kind::kDeclined && refund.state == RechargeState::kFailed) {
    return Unchanged(account);
  }
  if (outcome.kind == ChargeOutcome::Kind::kUnresolved &&
      refund.state == RechargeState::kNeedsReview) {
    return Unchanged(account);
  }
  // Nobody has had it since it was told.
  if (outcome.kind == ChargeOutcome::Kind::kPending && refund.pending() &&
      refund.lease_owner.empty()) {
    return Unchanged(account);
  }
  if (refund.state != RechargeState::kOpen || outcome.lease_epoch != refund.lease_epoch) {
    return LeaseLost(account.account_id, refund.ordinal);
  }
  switch (outcome.kind) {
    case ChargeOutcome::Kind::kDeclined:
      return Failed(context, account, {refund, charge}, outcome.charge_id, outcome.text);
    case ChargeOutcome::Kind::kPending:
      return Pending(context, account, refund, outcome.charge_id);
    default:
      return NeedsReview(context, account, refund, outcome.text);
  }
}

const Recharge* FindTold(absl::Span<const Recharge* const> refunds, const std::string& refund_id,
                         int64_t reference) {
  const auto first = [&](auto is_it) -> const Recharge* {
    const auto found = std::find_if(refunds.begin(), refunds.end(),
                                    [&](const Recharge* refund) { return is_it(*refund); });
    return found == refunds.end() ? nullptr : *found;
  };
  const Recharge* told = first([&](const Recharge& refund) {
    return refund.refund_id == refund_id && !refund.refund_id_typed;
  });
  if (told != nullptr) return told;
  const Recharge* named = first([&](const Recharge& refund) {
    return refund.ordinal == reference && (refund.refund_id.empty() || refund.refund_id_typed);
  });
  if (named != nullptr) return named;
  return first([&](const Recharge& refund) { return refund.refund_id == refund_id; });
}

absl::StatusOr<Transition> ApplyGatewayRefund(const Context& context, const Account& account,
                                              const Recharge& charge, const Recharge* known,
                                              const GatewayRefund& told) {
  if (told.amount <= 0) return InvalidField("amount", "must be above zero");
  if (known == nullptr) return TakeUp(context, account, charge, told);
  const bool failed = known->state == RechargeState::kFailed;
  switch (told.state) {
    case GatewayRefund::State::kPending:
      return NothingNew(context, account, *known, told.refund_id);
    case GatewayRefund::State::kSucceeded:
      // What failed without the gateway's id of it had never begun, as far as was known.
      if (known->state == RechargeState::kSucceeded || (failed && !known->refund_id.empty())) {
        return NothingNew(context, account, *known, told.refund_id);
      }
      return Succeeded(context, account, {*known, charge}, told.refund_id);
    case GatewayRefund::State::kFailed:
      if (failed && known->refund_id.empty()) {
        return Identified(context, account, *known, told.refund_id, told.failure_code);
      }
      if (failed || known->state == RechargeState::kCanceled) return Unchanged(account);
      return Failed(context, account, {*known, charge}, told.refund_id, told.failure_code);
  }
  return Unchanged(account);
}

absl::StatusOr<Transition> ResolveRefund(const Context& context, const Account& account,
                                         const Recharge& refund, const Recharge& charge,
                                         const std::optional<std::string>& refund_id,
                                         const ByStaff& by) {
  const RechargeState wanted =
      refund_id.has_value() ? RechargeState::kSucceeded : RechargeState::kFailed;
  if (refund.state == wanted) return Unchanged(account);
  if (refund.state != RechargeState::kNeedsReview) return NotUnderReview(refund);
  Draft draft(context, account);
  Tell(by, draft.AddEvent(EventKind::kReviewResolved, by.reason, refund));
  if (refund_id.has_value()) {
    Succeed(refund, *refund_id, &draft);
    draft.Change(refund).refund_id_typed = *refund_id != refund.refund_id;
  } else {
    // The gateway has none, as far as anybody found: a success that it tells of later counts.
    draft.Change(refund).refund_id.clear();
    RESERVE_RETURN_IF_ERROR(BookBack({refund, charge}, RechargeState::kFailed, by.reason, &draft));
  }
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
