#include "services/ledger/domain/closing_policy.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/disputed_cards.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/grant_steps.h"
#include "services/ledger/domain/hold_steps.h"
#include "services/ledger/domain/refund_steps.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

constexpr char kCause[] = "the account is closed";

// However long it waits, it is looked at so often.
constexpr absl::Duration kLookInterval = absl::Hours(12);

Nanos WholeMinorUnits(absl::string_view currency, Nanos amount) {
  return amount - amount % MinorUnitNanos(currency);
}

// --- What is in the way -----------------------------------------------------------------

bool IsOpen(const Draft& draft, const ClosingRows& rows) {
  const Account& a = draft.account();
  const absl::Time now = draft.context().now;
  if (!LiveHolds(draft).empty()) return true;
  if (a.closing.takes_facts() && now < a.closing.grace_until) return true;
  if (a.open_ordinal != 0 || a.set_aside > 0 || !rows.unrated.empty()) return true;
  return std::any_of(rows.recharges.begin(), rows.recharges.end(),
                     [](const Recharge* recharge) { return recharge->open(); });
}

void Wait(Draft* draft) {
  Account& a = draft->account();
  const absl::Time now = draft->context().now;
  // As it is where it is still to come: what is looked at often is not to be written for it.
  if (a.due.reason == DueReason::kClosing && a.due.time > now &&
      a.due.time <= now + kLookInterval) {
    return;
  }
  const absl::Time grace = a.closing.grace_until;
  const absl::Time again = now + kLookInterval;
  a.due = {DueReason::kClosing, grace > now ? std::min(grace, again) : again};
}

// --- What goes back ---------------------------------------------------------------------

struct Part {
  const Recharge* charge;
  Nanos amount;
};

// A charge that is disputed is never given back, nor one whose refund failed while closing.
bool MayGoBack(const Account& a, const ClosingRows& rows, const Recharge& charge) {
  if (!charge.holds_credit() || charge.charge_id.empty() || charge.left() <= 0) return false;
  if (charge.disputed > 0 || charge.keeps) return false;
  if (!charge.card.fingerprint.empty() && IsDisputed(a, charge.card.fingerprint)) return false;
  return std::none_of(rows.recharges.begin(), rows.recharges.end(), [&](const Recharge* refund) {
    return refund->is_refund() && refund->refund_of == charge.ordinal &&
           refund->state == RechargeState::kFailed && refund->end_time >= a.closing.begin_time;
  });
}

// Newest first, as far as the account's money goes.
std::vector<Part> WhatGoesBack(const Account& a, const ClosingRows& rows) {
  std::vector<Part> parts;
  Nanos money = a.balance;
  for (const Recharge* charge : rows.recharges) {
    if (!MayGoBack(a, rows, *charge)) continue;
    const Nanos amount = WholeMinorUnits(a.currency, std::min(charge->left(), money));
    if (amount <= 0) continue;
    parts.push_back({charge, amount});
    money -= amount;
  }
  return parts;
}

void GiveBack(const ClosingRows& rows, Draft* draft) {
  for (const Part& part : WhatGoesBack(draft->account(), rows)) {
    const Recharge opened = draft->OpenRefund(*part.charge, part.amount);
    Closing& closing = draft->account().closing;
    if (closing.refunds++ == 0) closing.first_refund = opened.ordinal;
    // Never refused: it is at most the balance.
    Debit({opened, *part.charge}, kCause, draft).IgnoreError();
    draft->AddEvent(EventKind::kRefundOpened, kCause, opened);
  }
}

// --- What is left -----------------------------------------------------------------------

void Book(EntryKind kind, Nanos amount, absl::string_view reason, Draft* draft) {
  Account& a = draft->account();
  Closing& closing = a.closing;
  draft->AddEntry(kind, amount, a.balance + amount).reason = std::string(reason);
  const bool owed = kind == EntryKind::kPayout;
  if (owed) {
    closing.owed = SubtractSaturating(closing.owed, amount);
  } else {
    closing.written_off = AddSaturating(closing.written_off, amount);
  }
  draft
      ->AddEvent(owed ? EventKind::kPayoutOwed : EventKind::kWrittenOff,
                 absl::StrCat(FormatMoney(a.currency, owed ? -amount : amount), ": ", reason))
      .amount = amount;
}

// Each step by an entry of its own; to 0.
void BringToZero(Draft* draft) {
  Account& a = draft->account();
  // Twice where the amount would not fit.
  while (a.balance < 0) {
    Book(EntryKind::kWriteOff, -std::max(a.balance, -INT64_MAX), "a debt that nobody pays", draft);
  }
  if (const Nanos back = std::min(a.balance, a.closing.written_off); back > 0) {
    Book(EntryKind::kWriteOff, -back, "what was written off came after all", draft);
  }
  if (const Nanos owed = WholeMinorUnits(a.currency, a.balance); owed > 0) {
    Book(EntryKind::kPayout, -owed, "owed to the customer, as no card takes it", draft);
  }
  if (a.balance > 0) {
    Book(EntryKind::kWriteOff, -a.balance, "less than can be paid", draft);
  }
}

void Proceed(const ClosingRows& rows, Draft* draft) {
  Account& a = draft->account();
  const absl::Time now = draft->context().now;
  if (IsOpen(*draft, rows)) return Wait(draft);
  if (a.closing.takes_facts()) {
    a.closing.facts_end = now;
    GiveBack(rows, draft);
    if (a.closing.refunds > 0) return Wait(draft);
  }
  BringToZero(draft);
  a.state = AccountState::kClosed;
  a.closing.close_time = now;
  a.due = {};
  draft->AddEvent(EventKind::kAccountClosed, "nothing is left of it");
}

// --- For people -------------------------------------------------------------------------

using Kind = ClosingStep::Kind;

ClosingStep StepOf(Kind kind, const Recharge& recharge) {
  ClosingStep step{kind};
  step.ordinal = recharge.ordinal;
  step.charge_ordinal = recharge.refund_of;
  step.charge_id = recharge.charge_id;
  step.payment_method_id = recharge.payment_method_id;
  step.amount = recharge.amount;
  return step;
}

Kind KindOf(const Recharge& open) {
  if (open.state == RechargeState::kNeedsReview || open.set_aside) return Kind::kReview;
  return open.is_refund() ? Kind::kRefund : Kind::kAttempt;
}

// Of the card that was charged, as far as its row is there.
void NameCharge(const Recharge& refund, const ClosingRows& rows, ClosingStep* step) {
  for (const Recharge* charge : rows.recharges) {
    if (charge->ordinal == refund.refund_of) step->payment_method_id = charge->payment_method_id;
  }
}

void AddRest(Nanos rest, const Account& a, std::vector<ClosingStep>* steps) {
  const bool done = a.closed();
  Nanos owed = a.closing.owed;
  Nanos written_off = a.closing.written_off;
  if (!done) {
    owed = WholeMinorUnits(a.currency, std::max<Nanos>(rest, 0));
    written_off = SubtractSaturating(owed, rest);
  }
  if (owed != 0) {
    steps->push_back({.kind = Kind::kOwed, .done = done, .amount = owed});
  }
  if (written_off != 0) {
    steps->push_back({.kind = Kind::kWriteOff, .done = done, .amount = written_off});
  }
}

}  // namespace

absl::StatusOr<Transition> CloseAccount(const Context& context, const Account& account,
                                        absl::Span<const std::string> waived, const ByStaff& by) {
  if (account.ends()) return Unchanged(account);
  std::vector<std::string> left;
  for (const std::string& usage_id : context.closing->unrated) {
    if (std::find(waived.begin(), waived.end(), usage_id) == waived.end()) {
      left.push_back(usage_id);
    }
  }
  if (!left.empty()) return UnratedUsage(left);
  Draft draft(context, account);
  Account& a = draft.account();
  a.state = AccountState::kClosing;
  a.closing.begin_time = context.now;
  a.closing.grace_until = context.now + context.settings.close_grace;
  a.taken_back = {};
  a.cap_reached_time = absl::InfinitePast();
  a.expiry_notice_time = absl::InfiniteFuture();
  a.due = {};
  Tell(by, draft.AddEvent(EventKind::kAccountClosing, by.reason));
  EndAllGrants(&draft);
  a.taken_back = {};
  Wait(&draft);
  return Concluded(std::move(draft));
}

Transition MoveClosingOn(const Context& context, const Account& account) {
  if (account.closed()) {
    if (account.balance == 0) return Unchanged(account);
    Draft draft(context, account);
    draft
        .AddEvent(EventKind::kMoneyAfterClosing,
                  absl::StrCat(FormatMoney(account.currency, account.balance),
                               " came after the account was closed"))
        .amount = account.balance;
    Closing& closing = draft.account().closing;
    if (closing.late_time == absl::InfinitePast()) closing.late_time = context.now;
    closing.late = AddSaturating(closing.late, account.balance);
    BringToZero(&draft);
    return std::move(draft).Finish();
  }
  if (account.state != AccountState::kClosing || context.closing == nullptr) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  Proceed(*context.closing, &draft);
  Transition transition = std::move(draft).Finish();
  transition.unchanged = transition.account == account;
  return transition;
}

absl::StatusOr<Transition> DismissLateMoney(const Context& context, const Account& account,
                                            const ByStaff& by) {
  if (account.closing.late_time == absl::InfinitePast()) return NothingLate(account.account_id);
  Draft draft(context, account);
  Closing& closing = draft.account().closing;
  Tell(by, draft.AddEvent(EventKind::kReviewResolved, by.reason)).amount = closing.late;
  closing.late_time = absl::InfinitePast();
  closing.late = 0;
  return std::move(draft).Finish();
}

absl::StatusOr<Transition> RecordPayout(const Context& context, const Account& account, Nanos total,
                                        const ByStaff& by) {
  const Closing& closing = account.closing;
  if (total > closing.owed) return MoreThanOwed(account.currency, total, closing.owed);
  if (total <= closing.paid_out) return Unchanged(account);
  Draft draft(context, account);
  const Nanos paid = total - closing.paid_out;
  draft.account().closing.paid_out = total;
  Tell(by, draft.AddEvent(EventKind::kPaidOut,
                          absl::StrCat(FormatMoney(account.currency, paid), ": ", by.reason)))
      .amount = paid;
  return std::move(draft).Finish();
}

std::vector<ClosingStep> ClosingStepsOf(const Context& context, const Account& account) {
  std::vector<ClosingStep> steps;
  if (context.closing == nullptr || !account.ends()) return steps;
  const ClosingRows& rows = *context.closing;
  const Closing& closing = account.closing;
  if (closing.takes_facts() && context.now < closing.grace_until) {
    steps.push_back({.kind = Kind::kGrace, .until = closing.grace_until});
  }
  if (context.holds != nullptr) {
    for (const Hold& hold : *context.holds) {
      steps.push_back({.kind = Kind::kCallInProgress,
                       .until = hold.expire_time,
                       .amount = hold.accrued,
                       .usage_id = hold.usage_id});
    }
  }
  for (const Recharge* recharge : rows.recharges) {
    if (!recharge->open() || closing.opened(recharge->ordinal)) continue;
    if (recharge->waits() && !recharge->is_refund()) continue;  // it is canceled
    steps.push_back(StepOf(KindOf(*recharge), *recharge));
  }
  for (const std::string& usage_id : rows.unrated) {
    steps.push_back({.kind = Kind::kUnratedUsage, .usage_id = usage_id});
  }
  Nanos rest = account.balance;
  for (const Recharge* refund : rows.recharges) {
    if (!closing.opened(refund->ordinal)) continue;
    ClosingStep& step = steps.emplace_back(StepOf(Kind::kGiveBack, *refund));
    step.done = refund->state == RechargeState::kSucceeded;
    NameCharge(*refund, rows, &step);
    if (!refund->open() && !step.done) step.amount = 0;  // it is in what is left
  }
  if (closing.takes_facts()) {
    for (const Part& part : WhatGoesBack(account, rows)) {
      ClosingStep& step = steps.emplace_back(StepOf(Kind::kGiveBack, *part.charge));
      step.ordinal = 0;
      step.charge_ordinal = part.charge->ordinal;
      step.amount = part.amount;
      rest -= part.amount;
    }
  }
  AddRest(rest, account, &steps);
  return steps;
}

absl::Status CheckNotClosing(const Account& account) {
  if (account.state == AccountState::kClosing) return AccountClosing(account.closing.begin_time);
  return CheckNotClosed(account);
}

absl::Status CheckNotClosed(const Account& account) {
  return account.closed() ? AccountClosed(account.closing.close_time) : absl::OkStatus();
}

absl::Status CheckTakesFacts(const Account& account) {
  if (account.closing.takes_facts()) return absl::OkStatus();
  return UsageAfterClosing(account.closing.facts_end);
}

}  // namespace reserve::domain
