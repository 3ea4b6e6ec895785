#include "services/ledger/domain/consequences.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/clock/utc.h"
#include "services/ledger/domain/grant_steps.h"
#include "services/ledger/domain/hold_steps.h"
#include "services/ledger/domain/limit_policy.h"
#include "services/ledger/domain/recharge_steps.h"
#include "services/ledger/domain/refill.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/domain/taken_back.h"

namespace reserve::domain {
namespace {

// How many automatic recharges are remembered for the growth of their amount (G7).
constexpr size_t kMarks = 8;
constexpr char kClosing[] = "the account is being closed";

std::string BelowThreshold(const Account& a) {
  const std::string calls =
      a.accrued == 0
          ? ""
          : absl::StrCat(", less ", FormatMoney(a.currency, a.accrued), " of calls in progress,");
  return absl::StrCat("balance ", FormatMoney(a.currency, a.balance), calls,
                      " is below the threshold ", FormatMoney(a.currency, a.recharge_threshold));
}

// O1, P5: own money, payments among it.
void Fund(Draft& draft) {
  Account& a = draft.account();
  if (a.state != AccountState::kPendingFunding || a.payments == 0 ||
      a.own_balance() < a.reserve_amount) {
    return;
  }
  a.state = AccountState::kActive;
  NoteFunded(&draft);
  draft.AddEvent(EventKind::kEnabled, "the reserve is funded");
}

// --- The open recharge (G1) ---------------------------------------------------------------

std::string WhyNotAnyMore(const Account& a) {
  if (a.ends()) return kClosing;
  const RefillObstacle obstacle = FirstObstacle(a);
  if (a.state != AccountState::kPendingFunding && a.running_balance() >= a.recharge_threshold) {
    return absl::StrCat("the balance is ", FormatMoney(a.currency, a.balance), " again");
  }
  return std::string(obstacle == RefillObstacle::kNone ? "it is not needed any more"
                                                       : TextOf(obstacle));
}

bool AimedAt(const Recharge& recharge, const CardChoice& choice) {
  return recharge.payment_method_id == choice.method->payment_method_id &&
         recharge.card_given == choice.method->given;
}

// What would be opened now, or instead of the one that waits. What was taken back neither adds to
// it nor ends it until the customer acts (G12).
RefillDecision DecideAgain(const Context& context, const Account& a, int64_t ordinal) {
  if (!a.taken_back.waits()) return DecideRefill(context, a, ordinal);
  Account before = a;
  before.balance = a.effective_balance();
  // What was used since is counted from there, too.
  for (RechargeMark& mark : before.marks) {
    mark.unused_balance = AddSaturating(mark.unused_balance, a.taken_back.amount);
  }
  RefillDecision decision = DecideRefill(context, before, ordinal);
  if (decision.refill.has_value()) {
    decision.refill->card.method = FindCard(a, decision.refill->card.method->payment_method_id);
  }
  return decision;
}

void FollowAutomatic(Draft& draft, const Recharge& open) {
  Account& a = draft.account();
  const RefillDecision decision = DecideAgain(draft.context(), a, open.ordinal);
  if (decision.refill.has_value() && decision.refill->kind != open.kind) {
    CancelRecharge(open, "the reserve is funded", &draft);
    return;
  }
  if (!decision.refill.has_value()) {
    CancelRecharge(open, decision.cap.has_value() ? "a cap is reached" : WhyNotAnyMore(a), &draft);
    return;
  }
  const Refill& refill = *decision.refill;
  // Without the declines of its cards the limits are not known: the card stays.
  const bool aim = draft.context().declines != nullptr &&
                   (!AimedAt(open, refill.card) || open.due_time > refill.card.time ||
                    (open.due_time < refill.card.time && refill.card.time > draft.context().now));
  if (!aim && refill.amount == open.amount) return;
  Recharge& changed = draft.Change(open);
  changed.amount = refill.amount;
  if (aim) {
    AimAt(refill.card, &changed);
  } else {
    ++changed.lease_epoch;
  }
}

void FollowTopUp(Draft& draft, const Recharge& open) {
  const Account& a = draft.account();
  if (a.ends() || a.blocked()) {
    CancelRecharge(open, a.ends() ? kClosing : "the account is blocked", &draft);
    return;
  }
  const absl::Time now = draft.context().now;
  const PaymentMethod* aimed = FindCard(a, open.payment_method_id);
  const bool may_be_tried =
      aimed != nullptr && aimed->given == open.card_given &&
      (aimed->state == CardState::kUsable || aimed->state == CardState::kFailing);
  // Without the declines of its cards it is not known whether it could be tried at once.
  if (may_be_tried && (open.due_time <= now || draft.context().declines == nullptr)) return;
  const CardChoice choice = ChooseCardForTopUp(draft.context(), a, open.ordinal);
  if (choice.method == nullptr) {
    CancelRecharge(open, std::string(TextOf(FirstObstacle(a))), &draft);
  } else if (choice.time > now) {
    // At once or not at all: one that waits keeps no other out (G8).
    CancelRecharge(open, CardLimitText(choice.time), &draft);
  } else {
    AimAt(choice, &draft.Change(open));
  }
}

void FollowOpenRecharge(Draft& draft) {
  const Recharge* open = draft.open();
  if (open == nullptr || !open->waits()) return;
  if (open->kind == RechargeKind::kTopUp) {
    FollowTopUp(draft, *open);
  } else {
    FollowAutomatic(draft, *open);
  }
}

// --- A new one (G1, G2, G7) ---------------------------------------------------------------

absl::string_view NameOf(CapKind kind) {
  switch (kind) {
    case CapKind::kHour:
      return "the hour's cap";
    case CapKind::kDay:
      return "the day's cap";
    case CapKind::kMonth:
      return "the customer's cap of the month";
  }
  return "";
}

// Was it told already in this window?
bool Told(const ReachedCap& cap, absl::Time now, Account* a) {
  Caps* caps = &a->caps;
  CapWindow* window = nullptr;
  CalendarUnit unit = CalendarUnit::kHour;
  switch (cap.kind) {
    case CapKind::kHour:
      window = &caps->hour;
      break;
    case CapKind::kDay:
      window = &caps->day;
      unit = CalendarUnit::kDay;
      break;
    case CapKind::kMonth:
      window = &caps->month;
      unit = CalendarUnit::kMonth;
      break;
  }
  const int64_t number = WindowAt(a->calendar, unit, now).number;
  return std::exchange(window->reported, number) == number;
}

void TellOfCap(Draft& draft, const ReachedCap& cap) {
  Account& a = draft.account();
  const absl::Time now = draft.context().now;
  if (a.cap_reached_time == absl::InfinitePast()) a.cap_reached_time = now;
  a.due = {cap.kind == CapKind::kMonth ? DueReason::kMonthlyCap : DueReason::kCapWindow, cap.until};
  if (Told(cap, now, &a)) return;
  draft.AddEvent(
      EventKind::kCapReached,
      absl::StrCat(NameOf(cap.kind), " on automatic recharges, ",
                   FormatMoney(a.currency, cap.amount), ", is reached after ",
                   FormatMoney(a.currency, cap.used), ", until ", FormatRfc3339(cap.until)));
}

void Mark(Draft& draft) {
  std::vector<RechargeMark>& marks = draft.account().marks;
  const absl::Time oldest = draft.context().now - absl::Hours(1);
  while (!marks.empty() && (marks.front().time <= oldest || marks.size() >= kMarks)) {
    marks.erase(marks.begin());
  }
  marks.push_back({draft.context().now, draft.unused_balance()});
}

void Open(Draft& draft, const Refill& refill) {
  Account& a = draft.account();
  const bool initial = refill.kind == RechargeKind::kInitial;
  if (!initial) Mark(draft);
  std::string cause =
      initial ? absl::StrCat("first reserve charge of ", FormatMoney(a.currency, refill.amount))
              : BelowThreshold(a);
  const Recharge opened =
      draft.OpenRecharge(refill.kind, refill.amount, refill.card, std::move(cause));
  if (!refill.limited) return;
  draft.AddEvent(EventKind::kRechargeLimited,
                 absl::StrCat("one charge is limited to ", FormatMoney(a.currency, refill.amount)),
                 opened);
}

void OpenRechargeIfLow(Draft& draft) {
  Account& a = draft.account();
  if (a.ends()) return;  // its time is that of its closing
  const bool capped_before = a.due.capped();
  a.due = {};
  // The first charge waits for nobody (O1).
  const bool waits = a.taken_back.waits() && a.state != AccountState::kPendingFunding;
  if (a.open_ordinal == 0 && !waits) {
    const RefillDecision decision = DecideAgain(draft.context(), a, a.last_ordinal + 1);
    if (decision.refill.has_value()) Open(draft, *decision.refill);
    if (decision.cap.has_value()) {
      TellOfCap(draft, *decision.cap);
      return;
    }
  }
  if (capped_before) a.cap_reached_time = absl::InfinitePast();
}

// G9: a recharge that waits has looked at each card, and one that the networks let nobody try
// counts as FAILING until they do.
void MarkLimitedCards(Draft& draft) {
  const Context& context = draft.context();
  const Recharge* open = draft.open();
  if (open == nullptr || !open->waits() || open->due_time <= context.now) return;
  for (PaymentMethod& method : draft.account().payment_methods) {
    if (method.state != CardState::kUsable) continue;
    const absl::Time allowed = NetworkAllows(context, method, context.now);
    if (allowed <= context.now) continue;
    method.state = CardState::kFailing;
    method.state_time = context.now;
    method.retry_time = std::max<absl::Time>(method.retry_time, allowed);
    draft.CardsChanged();
    draft.AddEvent(EventKind::kCardLimitReached, CardLimitText(allowed), *open).payment_method_id =
        method.payment_method_id;
  }
}

// --- States and what is told --------------------------------------------------------------

// D1, D2. Returns whether it told of a change.
bool ChangeState(Draft& draft) {
  Account& a = draft.account();
  if (a.state == AccountState::kDisabled && a.balance > 0) {
    a.state = AccountState::kActive;
    draft.AddEvent(EventKind::kEnabled, "the balance is above zero again");
    return false;  // it may still be low
  }
  const Nanos balance = a.effective_balance();
  if (a.state != AccountState::kActive || balance > 0) return false;
  const RefillObstacle obstacle = FirstObstacle(a);
  // Money that was taken back disables nobody, and it is the last of the obstacles (G12).
  if (obstacle == RefillObstacle::kNone || obstacle == RefillObstacle::kTakenBack) return false;
  const bool at_zero = DisablesAtZero(obstacle);
  const Nanos limit = DebtLimit(draft.context().settings, a);
  if (!at_zero && balance > -limit) return false;
  a.state = AccountState::kDisabled;
  std::string cause = at_zero ? absl::StrCat("the reserve is used up and ", TextOf(obstacle))
                              : absl::StrCat("the debt limit of ", FormatMoney(a.currency, limit),
                                             " is reached and ", TextOf(obstacle));
  draft.AddEvent(EventKind::kDisabled, std::move(cause)).obstacle = obstacle;
  return true;
}

// D5: a dip that no recharge answers. One that does is told by kRechargeOpened.
void TellOfLowBalance(Draft& draft) {
  const Account& a = draft.account();
  if (draft.was_low() || !IsLow(a) || a.open_ordinal != 0) return;
  const RefillObstacle obstacle = FirstObstacle(a);
  if (obstacle == RefillObstacle::kNone) return;
  draft.AddEvent(EventKind::kLowBalance, absl::StrCat(BelowThreshold(a), " and ", TextOf(obstacle)))
      .obstacle = obstacle;
}

// G11.
void TellOfNotice(Draft& draft) {
  const Account& a = draft.account();
  if (a.ends() || a.notify_below == 0 || a.balance >= a.notify_below ||
      draft.balance_before() < a.notify_below) {
    return;
  }
  draft.AddEvent(EventKind::kBalanceNotice,
                 absl::StrCat("balance ", FormatMoney(a.currency, a.balance), " is below ",
                              FormatMoney(a.currency, a.notify_below)));
}

// When the customer is to hear that it expires; InfiniteFuture: never, or heard already.
absl::Time ExpiryNotice(const Settings& settings, const PaymentMethod& method) {
  const CardDisplay& display = method.display;
  if (method.expiry_told || display.expiry_month == 0) return absl::InfiniteFuture();
  const absl::CivilMonth end = absl::CivilMonth(display.expiry_year, display.expiry_month) + 1;
  return absl::FromCivil(absl::CivilSecond(end), absl::UTCTimeZone()) - settings.card_expiry_notice;
}

void TellOfExpiry(Draft& draft) {
  Account& a = draft.account();
  a.expiry_notice_time = absl::InfiniteFuture();
  if (a.ends()) return;
  for (PaymentMethod& method : a.payment_methods) {
    const absl::Time time = ExpiryNotice(draft.context().settings, method);
    if (time > draft.context().now) {
      a.expiry_notice_time = std::min<absl::Time>(a.expiry_notice_time, time);
      continue;
    }
    method.expiry_told = true;
    draft.CardsChanged();
    draft
        .AddEvent(EventKind::kCardExpiring,
                  absl::StrCat("the card expires with ", method.display.expiry_year, "-",
                               absl::Dec(method.display.expiry_month, absl::kZeroPad2)))
        .payment_method_id = method.payment_method_id;
  }
}

}  // namespace

void ApplyConsequences(Draft& draft) {
  Account& a = draft.account();
  EndGrants(&draft);
  Fund(draft);
  NoteLimitsReached(&draft);
  TellOfFunds(&draft);
  FollowOpenRecharge(draft);
  OpenRechargeIfLow(draft);
  MarkLimitedCards(draft);
  if (const Recharge* open = draft.open(); open != nullptr) {
    a.open_waits = open->waits() && open->due_time > draft.context().now;
  }
  if (!ChangeState(draft)) TellOfLowBalance(draft);
  TellOfNotice(draft);
  if (draft.transition().cards_changed || a.expiry_notice_time <= draft.context().now) {
    TellOfExpiry(draft);
  }
  AwaitGrantEnd(&draft);
}

Transition Concluded(Draft&& draft) {
  ApplyConsequences(draft);
  return std::move(draft).Finish();
}

}  // namespace reserve::domain
