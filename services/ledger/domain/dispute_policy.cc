#include "services/ledger/domain/dispute_policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/disputed_cards.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/refund_steps.h"
#include "services/ledger/domain/suspension.h"

namespace reserve::domain {
namespace {

// WON and LOST are both ends: which of them came first stands.
int RankOf(DisputeState state) {
  return state == DisputeState::kLost ? static_cast<int>(DisputeState::kWon)
                                      : static_cast<int>(state);
}

// Has the bank the money?
bool Taken(DisputeState state) {
  return state == DisputeState::kOpened || state == DisputeState::kLost;
}

EventKind EventOf(DisputeState state) {
  switch (state) {
    case DisputeState::kInquiry:
      return EventKind::kDisputeInquiry;
    case DisputeState::kOpened:
      return EventKind::kDisputeOpened;
    case DisputeState::kWon:
      return EventKind::kDisputeWon;
    case DisputeState::kLost:
      return EventKind::kDisputeLost;
  }
  return EventKind::kDisputeInquiry;
}

std::string TextOf(const Dispute& dispute) {
  return absl::StrCat("dispute ", dispute.dispute_id, " of charge ", dispute.charge_id);
}

Event& TellOf(const Dispute& dispute, const Recharge& charge, EventKind kind, Draft* draft) {
  Event& event = draft->AddEvent(kind, TextOf(dispute), charge);
  event.amount = dispute.amount;
  event.reference = dispute.dispute_id;
  return event;
}

absl::Status Book(EntryKind kind, Nanos amount, const Dispute& dispute, Draft* draft) {
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(draft->account().balance, amount));
  Entry& entry = draft->AddEntry(kind, amount, balance);
  entry.recharge_ordinal = dispute.ordinal;
  entry.reason = TextOf(dispute);
  return absl::OkStatus();
}

// The bank has taken the money.
absl::Status Take(const Recharge& charge, Dispute* dispute, Draft* draft) {
  RESERVE_RETURN_IF_ERROR(Book(EntryKind::kDispute, -dispute->amount, *dispute, draft));
  TellOf(*dispute, charge, EventOf(dispute->state), draft);
  dispute->debited = true;
  dispute->suspension_number =
      Suspend(SuspensionReason::kDispute, {"", "", dispute->dispute_id}, draft);
  dispute->card_fingerprint = charge.card.fingerprint;
  // Of a charge that was made on a page the number is not known.
  if (!dispute->card_fingerprint.empty()) {
    NoteDispute({dispute->card_fingerprint, dispute->dispute_id}, draft);
    NoteTokenOf(charge.card, draft);
  }
  Recharge& changed = draft->Change(charge);
  changed.disputed = AddSaturating(changed.disputed, dispute->amount);
  return absl::OkStatus();
}

// The bank has given it back, or `told` of it: the rest stays out of the balance, and disputed.
absl::Status GiveBack(const Recharge& charge, Nanos told, Dispute* dispute, Draft* draft) {
  const Nanos returned = std::min(told, dispute->amount);
  RESERVE_RETURN_IF_ERROR(Book(EntryKind::kDisputeReturned, returned, *dispute, draft));
  dispute->amount -= returned;
  dispute->debited = dispute->amount > 0;
  Event& event = TellOf(*dispute, charge, EventOf(dispute->state), draft);
  event.amount = returned;
  if (dispute->debited) {
    event.cause += absl::StrCat(": ", FormatMoney(charge.currency, dispute->amount), " stay lost");
  } else {
    dispute->amount = returned;
  }
  TakeBackSuspension(SuspensionReason::kDispute, std::exchange(dispute->suspension_number, 0),
                     draft);
  EndDispute({dispute->card_fingerprint, dispute->dispute_id}, draft);
  Recharge& changed = draft->Change(charge);
  changed.disputed = SubtractSaturating(changed.disputed, returned);
  return absl::OkStatus();
}

// A refund of a charge that the bank has taken is not sent any more.
absl::Status CancelRefunds(const Recharge& charge, absl::Span<const Recharge* const> refunds,
                           Draft* draft) {
  for (const Recharge* refund : refunds) {
    if (!refund->waits()) continue;
    const Recharge now = draft->Change(charge);
    RESERVE_RETURN_IF_ERROR(BookBack({*refund, now}, RechargeState::kCanceled,
                                     absl::StrCat("charge ", charge.charge_id, " is disputed"),
                                     draft));
  }
  return absl::OkStatus();
}

// Tells of the state of a dispute of a credited charge, and books what it asks for. `told`: the
// amount that the gateway told with that state.
absl::Status BookState(const Recharge& charge, absl::Span<const Recharge* const> refunds,
                       Nanos told, Dispute* dispute, Draft* draft) {
  if (Taken(dispute->state) && !dispute->debited) {
    RESERVE_RETURN_IF_ERROR(Take(charge, dispute, draft));
    return CancelRefunds(charge, refunds, draft);
  }
  if (!Taken(dispute->state) && dispute->debited) return GiveBack(charge, told, dispute, draft);
  TellOf(*dispute, charge, EventOf(dispute->state), draft);
  return absl::OkStatus();
}

}  // namespace

bool LeadsOn(DisputeState known, DisputeState told) { return RankOf(told) > RankOf(known); }

absl::StatusOr<Transition> ApplyGatewayDispute(const Context& context, const Account& account,
                                               const Recharge& charge, const Dispute* known,
                                               absl::Span<const Recharge* const> refunds,
                                               const GatewayDispute& told) {
  if (told.amount <= 0) return InvalidField("amount", "must be above zero");
  if (known != nullptr && !LeadsOn(known->state, told.state)) return Unchanged(account);
  Dispute dispute;
  if (known != nullptr) {
    dispute = *known;
  } else {
    dispute.account_id = account.account_id;
    dispute.dispute_id = told.dispute_id;
    dispute.ordinal = charge.ordinal;
    dispute.charge_id = told.charge_id;
    dispute.create_time = context.now;
  }
  dispute.state = told.state;
  if (!dispute.debited) dispute.amount = told.amount;
  if (!told.reason.empty()) dispute.reason = told.reason;
  dispute.update_time = context.now;
  Draft draft(context, account);
  if (charge.holds_credit()) {
    RESERVE_RETURN_IF_ERROR(BookState(charge, refunds, told.amount, &dispute, &draft));
  } else {
    TellOf(dispute, charge, EventKind::kGatewayStateKept, &draft);
    draft.Change(charge).keeps = true;
  }
  draft.transition().disputes.push_back(std::move(dispute));
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> ApplyKept(const Context& context, const Account& account,
                                     const Recharge& charge,
                                     absl::Span<const Recharge* const> refunds,
                                     absl::Span<const Dispute* const> disputes) {
  Draft draft(context, account);
  draft.Change(charge).keeps = false;
  for (const Recharge* refund : refunds) {
    if (refund->debited || refund->charge_id != charge.charge_id ||
        (refund->state != RechargeState::kSucceeded && refund->state != RechargeState::kOpen)) {
      continue;
    }
    const Recharge now = draft.Change(charge);
    draft.Change(*refund).refund_of = charge.ordinal;
    RESERVE_RETURN_IF_ERROR(DebitTold({*refund, now},
                                      absl::StrCat("refund ", refund->refund_id, " of charge ",
                                                   charge.charge_id, " was made at the gateway"),
                                      &draft));
  }
  for (const Dispute* kept : disputes) {
    if (kept->charge_id != charge.charge_id) continue;  // of another charge under its reference
    Dispute dispute = *kept;
    dispute.ordinal = charge.ordinal;
    const Recharge now = draft.Change(charge);
    RESERVE_RETURN_IF_ERROR(BookState(now, refunds, dispute.amount, &dispute, &draft));
    draft.transition().disputes.push_back(std::move(dispute));
  }
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
