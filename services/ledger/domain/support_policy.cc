#include "services/ledger/domain/support_policy.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/card_choice.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/disputed_cards.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/limit_policy.h"
#include "services/ledger/domain/recharge_steps.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/domain/suspension.h"
#include "services/ledger/domain/taken_back.h"

namespace reserve::domain {

absl::StatusOr<Transition> AdjustBalance(const Context& context, const Account& account,
                                         const std::string& request_id, Nanos amount,
                                         const ByStaff& by) {
  RESERVE_RETURN_IF_ERROR(CheckNotClosed(account));
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(account.balance, amount));
  Draft draft(context, account);
  Entry& entry = draft.AddEntry(EntryKind::kAdjustment, amount, balance);
  entry.request_id = request_id;
  entry.reason = by.reason;
  Tell(by, draft.AddEvent(EventKind::kBalanceAdjusted,
                          absl::StrCat(FormatMoney(account.currency, amount), ": ", by.reason)))
      .amount = amount;
  NoteTakenBack(amount, &draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> BlockAccount(const Context& context, const Account& account,
                                        const ByStaff& by) {
  if (account.block.reason == by.reason) return Unchanged(account);
  Draft draft(context, account);
  draft.account().block = {by.reason, context.now};
  Tell(by, draft.AddEvent(EventKind::kBlocked, by.reason));
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> UnblockAccount(const Context& context, const Account& account,
                                          const ByStaff& by) {
  if (!account.blocked()) return Unchanged(account);
  Draft draft(context, account);
  draft.account().block = {};
  Tell(by, draft.AddEvent(EventKind::kUnblocked, by.reason));
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> LiftSuspension(const Context& context, const Account& account,
                                          const LiftedCard& card, const ByStaff& by,
                                          const LiftedLimits& limits) {
  Draft draft(context, account);
  if (LiftAlarms(limits.user, limits.ringing, limits.quiet, &draft)) {
    Event& lifted = Tell(by, draft.AddEvent(EventKind::kLimitLifted, by.reason));
    if (limits.user != nullptr) lifted.user_id = limits.user->user_id;
  }
  if (Event* lifted = EndSuspension(by.reason, &draft); lifted != nullptr) Tell(by, *lifted);
  std::string number;
  if (!card.payment_method_id.empty()) {
    const PaymentMethod* method = FindCard(account, card.payment_method_id);
    if (method == nullptr) return PaymentMethodNotFound(account.account_id, card.payment_method_id);
    if (method->state == CardState::kDisputed) number = method->card.fingerprint;
  } else if (!card.dispute_id.empty()) {
    number = NumberOfDispute(account, card.dispute_id);
    if (number.empty()) return DisputeNotFound(account.account_id, card.dispute_id);
  }
  if (!number.empty()) {
    ForgetDisputes(number, &draft);
    Event& event = Tell(by, draft.AddEvent(EventKind::kCardDisputeLifted, by.reason));
    event.payment_method_id = card.payment_method_id;
  }
  if (draft.transition().events.empty()) return Unchanged(account);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> ResolveReview(const Context& context, const Account& account,
                                         const Recharge& recharge, const Recharge* credited,
                                         const ReviewOutcome& outcome, const ByStaff& by) {
  if (recharge.is_refund() || recharge.is_payment()) return NotUnderReview(recharge);
  if (outcome.charged && recharge.state == RechargeState::kSucceeded) {
    if (outcome.charge_id == recharge.charge_id) return Unchanged(account);
    return AlreadyCredited(recharge, outcome.charge_id);
  }
  if (!outcome.charged && recharge.state == RechargeState::kFailed) return Unchanged(account);
  if (recharge.state != RechargeState::kNeedsReview) return NotUnderReview(recharge);
  if (outcome.charged && outcome.amount <= 0) {
    return InvalidField("charged.amount", "must be above zero");
  }
  if (credited != nullptr && !credited->is_payment()) return ChargeCredited(*credited);
  Draft draft(context, account);
  Tell(by, draft.AddEvent(EventKind::kReviewResolved, by.reason, recharge));
  if (outcome.charged) {
    const MadeCharge charge{recharge.attempt, outcome.charge_id, outcome.amount, credited};
    RESERVE_RETURN_IF_ERROR(Credit(recharge, charge, &draft));
  } else {
    Recharge& failed = draft.Change(recharge);
    CloseRecharge(RechargeState::kFailed, context.now, &failed, &draft.account());
    draft.AddEvent(EventKind::kRechargeFailed, by.reason, failed);
  }
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> DismissKept(const Context& context, const Account& account,
                                       const Recharge& recharge, const ByStaff& by) {
  // What a worker has may be credited by it yet.
  if (!recharge.keeps || recharge.state == RechargeState::kOpen) return NotUnderReview(recharge);
  Draft draft(context, account);
  draft.Change(recharge).keeps = false;
  Tell(by, draft.AddEvent(EventKind::kReviewResolved, by.reason, recharge));
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
