#include "services/ledger/domain/recharge_policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/card_choice.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge_steps.h"
#include "services/ledger/domain/refill.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

absl::Status CheckTopUpAmount(const Context& context, const Account& account, Nanos amount) {
  if (amount <= 0) return InvalidField("amount", "must be above zero");
  const CurrencySettings currency = CurrencyOf(context.settings, account);
  if (amount < currency.smallest_charge) {
    return InvalidField("amount",
                        absl::StrCat("must be at least ", FormatDecimal(currency.smallest_charge)));
  }
  if (amount > currency.max_recharge_amount) {
    return InvalidField(
        "amount", absl::StrCat("must be at most ", FormatDecimal(currency.max_recharge_amount)));
  }
  return CheckChargeable("amount", account.currency, amount);
}

// Makes room for a top-up: what would be opened again is canceled while it only waits, what was
// pending for long is set aside (G3, G8). Refused where an attempt, or another top-up, stands in
// the way.
absl::Status MakeRoom(Draft* draft) {
  Account& a = draft->account();
  if (a.open_ordinal == 0) return absl::OkStatus();
  const Recharge* open = draft->open();
  const absl::Time now = draft->context().now;
  const absl::Duration in_the_way = draft->context().settings.pending_in_the_way;
  if (open == nullptr) return RechargeInFlight(a.open_ordinal, now, now, absl::InfiniteFuture());
  if (open->waits() && open->kind == RechargeKind::kTopUp) {
    // It was promised: nobody hears that it is taken back.
    return RechargeInFlight(open->ordinal, now, open->create_time, absl::InfiniteFuture());
  }
  if (open->waits()) {
    CancelRecharge(*open, "a top-up that the customer asked for takes its place", draft);
    return absl::OkStatus();
  }
  if (!open->pending()) {
    return RechargeInFlight(open->ordinal, now, open->attempt_start, open->due_time);
  }
  if (now - open->pending_time < in_the_way) {
    return RechargeInFlight(open->ordinal, now, open->pending_time,
                            open->pending_time + in_the_way);
  }
  SetAside(now, &draft->Change(*open), &a);
  return absl::OkStatus();
}

absl::Status NoCardFor(const Account& account) {
  if (account.payment_methods.empty()) return NoCard();
  const bool disputed =
      std::any_of(account.payment_methods.begin(), account.payment_methods.end(),
                  [](const PaymentMethod& method) { return method.state == CardState::kDisputed; });
  return disputed ? CardDisputed() : CardRefused();
}

}  // namespace

absl::StatusOr<Transition> RequestRecharge(const Context& context, const Account& account,
                                           const std::string& request_id,
                                           std::optional<Nanos> amount) {
  const Nanos charged = amount.value_or(account.reserve_amount);
  RESERVE_RETURN_IF_ERROR(CheckTopUpAmount(context, account, charged));
  RESERVE_RETURN_IF_ERROR(CheckNotClosing(account));
  if (account.blocked()) return AccountBlocked(account.block.time);
  Draft draft(context, account);
  RESERVE_RETURN_IF_ERROR(MakeRoom(&draft));
  const CardChoice choice =
      ChooseCardForTopUp(context, draft.account(), draft.account().last_ordinal + 1);
  if (choice.method == nullptr) return NoCardFor(account);
  if (choice.time > context.now) return CardLimitReached(context.now, choice.time);
  draft.EndWait();
  draft
      .OpenRecharge(RechargeKind::kTopUp, charged, choice,
                    absl::StrCat("the customer asked for ", FormatMoney(account.currency, charged)))
      .request_id = request_id;
  return Concluded(std::move(draft));
}

bool MoreFollows(const Context& context, const Account& account, const Recharge& recharge) {
  Account after = account;
  after.balance = AddSaturating(after.balance, recharge.amount);
  after.suspension = {};
  if (after.state == AccountState::kPendingFunding) after.state = AccountState::kActive;
  PaymentMethod* charged = FindCard(after, recharge.payment_method_id);
  if (charged != nullptr && charged->state == CardState::kFailing) {
    charged->state = CardState::kUsable;
    charged->retry_time = absl::InfinitePast();
  }
  const std::optional<Refill> refill =
      DecideRefill(context, after, account.last_ordinal + 1).refill;
  return refill.has_value() && refill->card.time <= context.now;
}

Transition DeferRecharge(const Context& context, const Account& account, const Recharge& recharge) {
  if (!recharge.waits() || recharge.due_time > context.now) return Unchanged(account);
  const bool top_up = recharge.kind == RechargeKind::kTopUp;
  const CardChoice choice = top_up ? ChooseCardForTopUp(context, account, recharge.ordinal)
                                   : ChooseCard(context, account, recharge.ordinal);
  const PaymentMethod* aimed = FindCard(account, recharge.payment_method_id);
  if (choice.method != nullptr && choice.method == aimed && choice.time <= context.now) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  // That a USABLE one is at its limit is told where it is marked (consequences.h).
  if (aimed != nullptr && choice.network_limited && choice.method == aimed &&
      aimed->state == CardState::kFailing) {
    draft.AddEvent(EventKind::kCardLimitReached, CardLimitText(choice.time), recharge);
  }
  if (top_up && (choice.method == nullptr || choice.time > context.now)) {
    // It is not retried by schedule, and one that waits keeps no other out (G8).
    CancelRecharge(recharge,
                   choice.method == nullptr ? "no card may be tried" : CardLimitText(choice.time),
                   &draft);
  } else if (choice.method != nullptr) {
    AimAt(choice, &draft.Change(recharge));
  }  // else G1 cancels it
  return Concluded(std::move(draft));
}

Transition Reconsider(const Context& context, const Account& account) {
  Draft draft(context, account);
  ApplyConsequences(draft);
  Transition transition = std::move(draft).Finish();
  transition.unchanged =
      transition.account == account && transition.events.empty() && transition.recharges.empty();
  return transition;
}

absl::Duration LongestRetryDelay(const Settings& settings) {
  absl::Duration longest = settings.partial_charge_wait;
  for (const absl::Duration delay : settings.retry_delays) longest = std::max(longest, delay);
  return longest;
}

absl::Duration LongestPlannedWait(const Settings& settings) {
  return std::max(kCardDeclinesCount, LongestRetryDelay(settings));
}

}  // namespace reserve::domain
